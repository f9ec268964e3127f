"""Comparing two frames: rows by key and as bags, values of every type, keys that do not name a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.environments.compare import Comparison, Leniency, Repeats, compare
from runner.errors import NotFoundError, ProjectError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BEFORE = """
    (1, 'a', 1.0D, map('x', 1, 'y', 2), struct(1 as p, array(1, 2) as q)),
    (2, 'b', 2.0D, map('x', 1), null),
    (3, 'c', 3.0D, null, null),
    (null, 'n', 0D, null, null),
    (5, 'd', 1D, null, null), (5, 'e', 1D, null, null),
    (6, 'f', double('nan'), null, null)"""
AFTER = """
    (1, 'a', 1.0000001D, map('y', 2, 'x', 1), struct(1 as p, array(1, 2) as q)),
    (2, 'B', 2.5D, map('x', 2), null),
    (4, 'c', 3.0D, null, null),
    (null, 'n', 0D, null, null),
    (5, 'e', 1D, null, null), (5, 'd', 1D, null, null),
    (6, 'f', double('nan'), null, null)"""


def compared(spark: SparkSession, before: str, after: str, key: list[str], **lenient: Any) -> Comparison:
    return compare(spark.sql(before), spark.sql(after), key, leniency=Leniency(**lenient))


def rows(values: str, columns: str = "id, name, x, m, s") -> str:
    return f"select * from values {values} as t({columns})"


def test_rows_by_key(spark: SparkSession) -> None:
    found = compared(spark, rows(BEFORE), rows(AFTER, "ID, name, x, m, s"), ["id"])
    assert (found.before_rows, found.after_rows) == (7, 7)
    assert (found.added, found.removed, found.changed, found.same) == (1, 1, 2, 2)
    assert [(one.name, one.rows, one.largest) for one in found.columns] == [
        ("x", 2, 0.5),
        ("name", 1, None),
        ("m", 1, None),
    ]
    assert [(one.key, one.before, one.after) for one in found.columns[1].examples] == [({"ID": "2"}, "b", "B")]
    assert [one.row for one in found.added_examples] == [{"ID": "4", "name": "c", "x": "3.0", "m": None, "s": None}]
    assert [one.key for one in found.removed_examples] == [{"ID": "3"}]
    assert found.before_repeats == found.after_repeats == Repeats(keys=1, rows=2, null_rows=1)
    assert (found.repeated, found.repeated_changed) == (1, 0)  # the same two rows in another order


def test_numbers_within_a_tolerance_are_the_same(spark: SparkSession) -> None:
    found = compared(spark, rows(BEFORE), rows(AFTER), ["id"], relative=1e-6, ignored=frozenset({"M"}))
    assert [(one.name, one.rows) for one in found.columns] == [("name", 1), ("x", 1)]
    assert compared(spark, rows(BEFORE), rows(AFTER), ["id"], absolute=0.5).columns[0].name == "name"


def test_without_a_key_rows_are_counted(spark: SparkSession) -> None:
    found = compared(
        spark, "select * from values (1), (1), (1), (2) as t(n)", "select * from values (1), (3), (3) as t(n)", []
    )
    assert (found.added, found.removed, found.changed, found.same) == (2, 3, 0, 1)
    assert [one.row for one in found.added_examples] == [{"n": "3"}]
    assert [one.row for one in found.removed_examples] == [{"n": "1"}, {"n": "2"}]


def test_repeated_keys_whose_rows_differ_are_told(spark: SparkSession) -> None:
    before = "select * from values (1, 'a'), (1, 'b'), (2, 'c'), (null, 'x'), (null, 'y') as t(id, name)"
    after = "select * from values (1, 'a'), (1, 'z'), (2, 'c'), (2, 'c'), (3, 'e'), (3, 'f') as t(id, name)"
    found = compared(spark, before, after, ["id"])
    assert (found.added, found.removed, found.changed, found.same) == (2, 2, 0, 0)
    assert (found.repeated, found.repeated_changed) == (2, 2)
    assert found.before_repeats == Repeats(keys=2, rows=4, null_rows=2)
    assert found.after_repeats == Repeats(keys=3, rows=6, null_rows=0)


def test_columns_and_types_that_differ(spark: SparkSession) -> None:
    before = "select 1 as id, 1 as n, 7 as word, 2 as gone, cast(1.50 as decimal(12, 2)) as money"
    after = "select 1 as id, 1L as n, 'seven' as word, 3 as new, cast(1.5 as decimal(14, 4)) as money"
    found = compared(spark, before, after, ["id"])
    assert found.added_columns == (("new", "int"),)
    assert found.removed_columns == (("gone", "int"),)
    assert found.retyped == (
        ("n", "int", "bigint"),
        ("word", "int", "string"),
        ("money", "decimal(12,2)", "decimal(14,4)"),
    )
    assert [one.name for one in found.columns] == ["word"]  # numbers meet by value, others as text
    assert found.schema_differs and found.rows_differ


def test_nothing_differs(spark: SparkSession) -> None:
    found = compared(spark, rows(BEFORE), rows(BEFORE), ["id", "name"])
    assert (found.differs, found.same) == (False, 7)
    assert not compared(spark, rows(BEFORE), rows(BEFORE), []).differs
    assert compared(spark, "select 1 as id where false", "select 1 as id where false", ["id"]).same == 0


def test_wrong_keys_are_named(spark: SparkSession) -> None:
    with pytest.raises(NotFoundError) as missing:
        compared(spark, rows(BEFORE), rows(AFTER), ["nmae"])
    assert str(missing.value) == '--key: neither side has a column "nmae". Did you mean "name"?'
    with pytest.raises(ProjectError) as maps:
        compared(spark, rows(BEFORE), rows(AFTER), ["m"])
    assert str(maps.value) == '"m" holds maps, which cannot be a key. Name another key with --key.'
    with pytest.raises(ProjectError) as apart:
        compared(spark, "select 1 as a", "select 1 as b", [])
    assert str(apart.value) == "the two sides have no column in common: there is nothing to compare."
