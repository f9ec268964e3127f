"""What counts as a change of SQL, and what makes it depend on the time."""

from __future__ import annotations

import random

import pytest
import sqlglot

from runner.state.tokens import clock, digest, tokens, uncommented

SAME = [
    ("select a,b from t", "select a , b\n\tfrom t -- all of it"),
    ("select a from t", "/* one /* two */ three */ select a from t"),
    ("select a from t", "select a from t -- no newline"),
    ("select 1.5e-3*x", "select 1.5e-3 * x"),
    ("select a.b", "select a . b"),
    ("select 'a' 'b'", "select 'a'\n'b'"),
]
DIFFERENT = [
    ("select 'a b'", "select 'a  b'"),
    ("select '-- a'", "select ''"),
    ("select 'it''s'", "select 'its'"),
    (r"select 'a\'-- b'", r"select 'a\'--  b'"),
    ("select `a b`", "select `a  b`"),
    ('select "a  b"', 'select "a b"'),
    ("select r'\\' -- x'", "select r'\\' -- y'\n, 1"),
    ("select a from t", "select A from t"),
    ("select /*+ BROADCAST(t) */ a from t", "select a from t"),
    ("select 1 1", "select 11"),
    ("select a b", "select ab"),
    ("select $$a  b$$", "select $$a b$$"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_comments_and_white_space_do_not_count(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_all_else_counts(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_a_comment_that_does_not_end_takes_the_rest() -> None:
    assert list(tokens("select 1 /* and /* so */ on")) == ["select", "1"]


def test_words_agree_with_another_tokenizer() -> None:
    """Random SQL from pieces that lexers stumble over: both see a change of the same kind, or none."""
    pieces = [
        "a",
        "`b c`",
        "'x -- y'",
        "'it\\'s'",
        '"/* z */"',
        "1",
        ".5",
        "<=",
        "<=>",
        "=",
        "(",
        ")",
        ",",
        "b",
        "::",
        "||",
    ]
    spaces = [" ", "\n", " /* c */ ", " -- d\n"]
    chance = random.Random(7)
    for _ in range(300):
        words = [chance.choice(pieces) for _ in range(8)]
        one, other = (" ".join(words), "".join(word + chance.choice(spaces) for word in words))
        theirs = [[token.text for token in sqlglot.tokenize(text, read="spark")] for text in (one, other)]
        assert theirs[0] == theirs[1]
        assert digest(one) == digest(other)
        changed = [*words[:3], "c", *words[4:]]
        assert digest(" ".join(changed)) != digest(one)


def test_uncommented_keeps_lines_and_texts() -> None:
    assert uncommented("select 1, -- one\n\n  /* two */\n  '-- three'   \nfrom t") == "select 1,\n  '-- three'\nfrom t"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select current_date", "day"),
        ("select current_date() as now", "day"),
        ("select orders.current_date from orders", ""),
        ("select day as current_date from t", ""),
        ("select 'current_date', `now`", ""),
        ("select current_timestamp", "run"),
        ("select NOW()", "run"),
        ("select now from t", ""),
        ("select current_date, rand()", "run"),
        ("select rand(42)", ""),
        ("select uuid()", "run"),
        ("select shuffle(array(1, 2))", "run"),
        ("select shuffle(array(1, 2), 7)", ""),
        ("select unix_timestamp()", "run"),
        ("select unix_timestamp(at, 'yyyy')", ""),
        ("select * from t tablesample (10 percent)", "run"),
        ("select * from t tablesample (10 percent) repeatable (3)", ""),
        ("select 1 -- now()", ""),
    ],
)
def test_what_depends_on_the_time(sql: str, expected: str) -> None:
    assert clock(sql) == expected
