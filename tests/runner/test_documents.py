"""YAML that knows its place: lines, kinds, and the message for each way to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.documents import Section, parse_yaml, read_yaml
from runner.errors import FormatError

TEXT = """\
name: shop
tables:
  - name: users
    key: [user_id]
  - name: orders
    key: order_id
    size: 3
empty:
"""


def table(number: int) -> Section:
    return parse_yaml(TEXT, "s.yml").sections("tables", "the file")[number]


def test_values_and_lines() -> None:
    document = parse_yaml(TEXT, "s.yml")
    assert document == {
        "name": "shop",
        "tables": [{"name": "users", "key": ["user_id"]}, {"name": "orders", "key": "order_id", "size": 3}],
        "empty": None,
    }
    assert (document.place("tables"), document.place(), document.place("nothing")) == ("s.yml:2", "s.yml:1", "s.yml:1")
    assert (table(1).place(), table(1).place("size")) == ("s.yml:5", "s.yml:7")


def test_one_text_counts_as_a_list_of_one() -> None:
    assert table(0).texts("key", "a table") == ("user_id",)
    assert table(1).texts("key", "a table") == ("order_id",)
    assert table(1).texts("missing", "a table") == ()


def test_a_missing_mapping_or_list_is_an_empty_one() -> None:
    document = parse_yaml(TEXT, "s.yml")
    assert document.section("empty", "the file") == {}
    assert document.sections("empty", "the file") == []
    assert document.text("none", "the file", "default") == "default"


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parse_yaml("# nothing\n", "s.yml") == {}


def test_anchors_and_merges_are_resolved() -> None:
    document = parse_yaml("base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\n", "s.yml")
    assert document["other"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "s.yml:2: this is no YAML: did not find expected ',' or ']'."),
        ("a: 1\na: 2", 's.yml:2: "a" stands twice, first in line 1.'),
        ("- a\n- b", "s.yml:1: the file is a mapping of keys, not a list."),
        ("just words", "s.yml:1: the file is a mapping of keys, not a text."),
        (
            "a: !!python/object:os.system x",
            "s.yml:1: this is no YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'.",
        ),
    ],
)
def test_what_is_no_document(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_yaml(text, "s.yml")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: table(1).text("size", "a table"), 's.yml:7: "size" of a table is a text, not a number.'),
        (lambda: table(0).text("size", "a table"), 's.yml:3: a table needs a "size".'),
        (lambda: table(0).section("key", "a table"), 's.yml:4: "key" of a table is a mapping, not a list.'),
        (lambda: table(1).items_of("key", "a table"), 's.yml:6: "key" of a table is a list, not a text.'),
        (
            lambda: table(0).sections("key", "a table"),
            's.yml:4: "key" of a table is a list of mappings; one item is a text.',
        ),
        (
            lambda: table(1).check_keys({"name", "key", "sizes"}, "a table"),
            's.yml:7: a table has an unknown key "size". Did you mean "sizes"?',
        ),
        (
            lambda: table(1).check_keys({"name", "key"}, "a table"),
            's.yml:7: a table has an unknown key "size". Known keys: key, name.',
        ),
    ],
)
def test_what_is_of_the_wrong_kind(read: object, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read()  # type: ignore[operator]
    assert str(caught.value) == message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read_yaml(tmp_path / "none.yml", name="none.yml")
    assert str(caught.value) == "none.yml: there is no such file."
