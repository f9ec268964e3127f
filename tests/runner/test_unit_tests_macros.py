"""Tests of macros: the text that they give, their value in given rows, their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.errors import ProjectError
from runner.model import UnitTest
from runner.project.parse import load_project
from runner.unit_tests import run_unit_tests
from runner.unit_tests.macro import as_query, differing_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

MACROS = """
    {% macro share(part, whole) %}{{ part }} / nullif({{ whole }}, 0){% endmacro %}
    {% macro days(count=2) %}
    select explode(sequence(1, {{ count }} * {{ var('least') }})) as day
    {% endmacro %}
    """
TESTS = """
    macro_tests:
      - {name: text, macro: share, args: [a, b], expect: {text: "a /  nullif(b, 0)"}}
      - {name: keywords, macro: share, args: {whole: b, part: a}, expect: {text: "a / nullif(b, 0)"}}
      - name: value
        macro: share
        args: [orders, sessions]
        given: {rows: [{orders: 1, sessions: 4}, {orders: 3, sessions: 0}]}
        expect: {rows: [{orders: 3, value: null}, {orders: 1, value: 0.25}]}
      - {name: constant, macro: share, args: [6, 4], expect: {rows: [{value: 1.5}]}}
      - {name: rows, macro: days, overrides: {vars: {least: 1}}, expect: {format: csv, rows: "day\\n2\\n1"}}
      - {name: wrong, macro: share, args: [a, b], expect: {text: "a / b"}}
      - {name: wrong_value, macro: share, args: [6, 4], expect: {rows: [{value: 2}]}}
      - {name: unknown, macro: shares, args: [6, 4], expect: {rows: [{value: 2}]}}
    """


def test_texts_values_and_rows(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write({**tiny, "macros/m.sql": MACROS, "models/_m.yml": TESTS}))
    tests: list[UnitTest] = list(project.unit_tests.values())
    found = {one.test.name: one for one in run_unit_tests(project, spark, tests, threads=2)}
    assert {name: one.message for name, one in found.items() if not one.passed} == {
        "wrong": "  expected  a / b\n  given     a / nullif(b, 0)",
        "wrong_value": "  missing: value=2.0\n  not expected: value=1.5",
        "unknown": 'models/_m.yml:13: test "unknown" tests "shares", which is no macro. Did you mean "share"?',
    }
    assert len(found) == 8


def test_they_are_selected_like_unit_tests(write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write({**tiny, "macros/m.sql": MACROS, "models/_m.yml": TESTS}))
    assert project.select(["test_type:unit,rows"], kinds=("unit_test",)) == ["unit_test.tiny.days.rows"]


@pytest.mark.parametrize(
    ("text", "rows", "query"),
    [
        ("a + 1", "", "select a + 1 as value"),
        ("a + 1", "v", "select *, a + 1 as value from v"),
        ("\n  SELECT 1 as n", "v", "\n  SELECT 1 as n"),
        ("with x as (select 1) select * from x", "", "with x as (select 1) select * from x"),
        ("selected_total", "", "select selected_total as value"),
    ],
)
def test_what_is_looked_at(text: str, rows: str, query: str) -> None:
    assert as_query(text, rows) == query


def test_texts_differ_by_lines() -> None:
    assert differing_text("a\n  b", "a b") == ""
    assert differing_text("one\ntwo\nthree", "one\n 2\nthree") == "  expected  two\n  given     2"


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{}", 'test "one" expects a text, or rows: one of the two.'),
        ("{text: a, rows: []}", 'test "one" expects a text, or rows: one of the two.'),
    ],
)
def test_a_test_expects_one_thing(write: Write, tiny: dict[str, str], expect: str, message: str) -> None:
    text = f"macro_tests:\n  - {{name: one, macro: share, expect: {expect}}}\n"
    with pytest.raises(ProjectError) as caught:
        load_project(write({**tiny, "models/_m.yml": text}))
    assert str(caught.value) == f"models/_m.yml:2: {message}"
