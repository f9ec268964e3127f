"""Filters that go to the server give what Spark's own filters give, nulls and odd values included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import MongoClient
from pyspark.sql.datasource import (
    EqualNullSafe,
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNotNull,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Not,
    StringContains,
    StringEndsWith,
    StringStartsWith,
)
from pyspark.sql.types import StructType

from ingest.contract import Column, Contract
from ingest.mongodb.data_source import MongoDataSource, MongoReader, PushingMongoReader
from ingest.mongodb.pushdown import pushed
from stores.settings import MongoSettings, to_option

CONTRACT = Contract(
    "mongodb",
    "things",
    (
        Column("id", "string"),
        Column("s", "string"),
        Column("n", "int"),
        Column("big", "bigint"),
        Column("d", "decimal(12,2)"),
        Column("x", "double"),
        Column("b", "boolean"),
        Column("t", "timestamp"),
        Column("day", "date"),
        Column("place", "struct<city:string,zip:int>"),
        Column("tags", "array<string>"),
        Column("aka", "string", ("alias",)),
    ),
    ("id",),
)
HEX = "5f" * 12
VALUES: dict[str, list[Any]] = {
    "s": ["a", "abc", "abcd", "b", "", "é", "a.c", HEX, ObjectId(HEX), 7, ["abc"], ["a", None], {"a": 1}],
    "n": [0, 1, 5, Int64(5), 5.0, Decimal128("5"), 5.5, -3, 2**31 - 1, 2**40, "5", [5], True, float("nan")],
    "big": [2**53, Int64(2**53 + 1), 2.0**53, Decimal128("12"), 1e30],  # the emulator compares larger decimals as doubles
    "d": [2.675, Decimal128("2.68"), Decimal128("2.676"), 2.68, "2.68", 3, Int64(3), 2.67, Decimal128("NaN"), [2.68], 1e11],
    "x": [1, 1.5, Int64(2**53 + 1), float("nan"), float("inf"), Decimal128("1.5"), "1.5"],
    "b": [True, False, 1, [True]],
    "t": [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1000), "2024-01-01T00:00:00.000500", "2024-01-02", 5, [datetime(2024, 1, 1)]],
    "day": [datetime(2024, 1, 1), datetime(2024, 1, 2), "2024-01-01", datetime(2024, 1, 1, 5)],
    "place": [{"city": "abc", "zip": 5}, {"city": None}, {}, [{"city": "abc"}], {"city": ["abc"]}, "abc"],
    "tags": [["a"], [None], [], "a"],
    "aka": ["a", "b"],
}  # fmt: skip
NOON = datetime(2024, 1, 1, tzinfo=UTC)
FILTERS: list[Filter] = [
    *(make((name,), value) for make in (EqualTo, EqualNullSafe, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual)
      for name, value in [("s", "abc"), ("s", ""), ("s", HEX), ("n", 5), ("n", 0), ("big", 2**53 + 1), ("d", Decimal("2.68")),
                          ("d", Decimal("3.00")), ("x", 1.5), ("t", NOON), ("t", NOON.replace(microsecond=500)), ("day", date(2024, 1, 1)),
                          ("aka", "a")]),
    *(make(("place", "city"), "abc") for make in (EqualTo, GreaterThan, LessThanOrEqual)),
    *(EqualTo(("b",), value) for value in (True, False)),
    *(make((name,)) for make in (IsNull, IsNotNull) for name in VALUES),
    *(In((name,), values) for name, values in [("s", ("a", "abc")), ("s", ("abc", HEX)), ("n", (5, 1)), ("n", (5, None)), ("d", (Decimal("2.68"),)),
                                               ("d", (Decimal("2.68"), Decimal("3.00"))), ("b", (True,)), ("t", (NOON,)), ("x", (1.5,))]),
    *(StringStartsWith(("s",), prefix) for prefix in ("a", "ab", "a.", "é", "", "5f", "zz")),
    StringStartsWith(("place", "city"), "x"),
    StringEndsWith(("s",), "c"),
    StringContains(("s",), "b"),
]  # fmt: skip
OPERATIONS: dict[type[Filter], Callable[[Any, Any], bool]] = {
    EqualTo: lambda a, b: a == b or (a != a and b != b),
    GreaterThan: lambda a, b: a > b or (a != a and b == b),
    GreaterThanOrEqual: lambda a, b: a >= b or a != a,
    LessThan: lambda a, b: a < b,
    LessThanOrEqual: lambda a, b: a <= b,
    In: lambda a, b: a in b,
    StringStartsWith: lambda a, b: a.startswith(b),
    StringEndsWith: lambda a, b: a.endswith(b),
    StringContains: lambda a, b: b in a,
}


def spark_says(said: Filter, row: dict[str, Any]) -> bool | None:
    """Returns what Spark's filter is for a row: true, false or null."""
    if isinstance(said, Not):
        inner = spark_says(said.child, row)
        return None if inner is None else not inner
    value: Any = row
    for step in said.attribute:  # type: ignore[attr-defined]
        value = None if value is None else value[step]
    if isinstance(said, IsNull):
        return value is None
    if isinstance(said, IsNotNull):
        return value is not None
    if isinstance(said, EqualNullSafe):
        return bool(value is not None and value == said.value)
    if value is None:
        return None
    if isinstance(said, In) and value not in said.value and None in said.value:
        return None
    return OPERATIONS[type(said)](value, said.value)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def settings(mongodb: Any) -> Iterator[MongoSettings]:
    found = MongoSettings(uri=mongodb.uri, database=f"pushdown_{uuid4().hex[:8]}")
    documents: list[dict[str, Any]] = [{}]
    documents += [{name: value} for name, values in VALUES.items() for value in [*values, None]]
    documents += [{"alias": "a"}, {"aka": "b", "alias": "a"}]
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:
        client[found.database].things.insert_many(
            [{"_id": str(index), "id": str(index), **each} for index, each in enumerate(documents)]
        )
        yield found
        client.drop_database(found.database)


def rows(settings: MongoSettings, *filters: Filter) -> tuple[list[dict[str, Any]], list[Filter]]:
    """Returns what a reader gives that is handed the filters, and those that are left to Spark."""
    options = {"connection": to_option(settings), "contract": CONTRACT.to_json(), "partitions": "1", "pushdown": "true"}
    reader = MongoDataSource(options).reader(StructType())
    assert isinstance(reader, PushingMongoReader)
    left = list(reader.pushFilters(list(filters)))
    found = [row for part in reader.partitions() for batch in reader.read(part) for row in batch.to_pylist()]
    return found, left


def ids(found: list[dict[str, Any]], filters: list[Filter]) -> list[str]:
    return sorted(row["id"] for row in found if all(spark_says(each, row) for each in filters))


@pytest.mark.parametrize("negated", [False, True], ids=["plain", "not"])
def test_pushed_is_unpushed(settings: MongoSettings, negated: bool) -> None:
    everything, _ = rows(settings)
    reached = 0
    for said in [Not(each) for each in FILTERS] if negated else FILTERS:
        found, left = rows(settings, said)
        assert ids(found, left) == ids(everything, [said]), said
        reached += len(found) < len(everything)
    assert reached > (15 if negated else 60)


def test_filters_are_joined(settings: MongoSettings) -> None:
    everything, _ = rows(settings)
    both: list[Filter] = [GreaterThan(("n",), 0), LessThan(("n",), 6), Not(EqualTo(("s",), "a"))]
    found, left = rows(settings, *both)
    assert ids(found, left) == ids(everything, both)


@pytest.mark.parametrize(
    ("said", "condition", "is_taken_over"),
    [
        (
            EqualTo(("s",), "order 7"),
            {"$and": [{"s": {"$in": ["order 7"]}}, {"s": {"$not": {"$type": 4}}}]},
            True,
        ),
        (In(("n",), (1, 2)), {"$and": [{"n": {"$in": [1, 2]}}, {"n": {"$not": {"$type": 4}}}]}, True),
        (GreaterThan(("n",), 5), {"n": {"$gt": 5}}, False),
        (
            LessThanOrEqual(("t",), NOON.replace(microsecond=500)),
            {"$or": [{"t": {"$lte": NOON.replace(microsecond=1000)}}, {"t": {"$ne": None, "$not": {"$type": [9]}}}]},
            False,
        ),
        (
            GreaterThan(("d",), Decimal("2.68")),
            {
                "$or": [
                    {"d": {"$gte": Decimal128("2.67")}},
                    {"d": {"$ne": None, "$not": {"$type": [1, 16, 18, 19]}}},
                ]
            },
            False,
        ),
        (IsNotNull(("n",)), {"n": {"$ne": None}}, False),
        (Not(EqualTo(("s",), "a")), {"s": {"$nin": ["a"]}}, False),
        (EqualTo(("place", "zip"), 5), {"place.zip": {"$in": [5]}}, False),
        (IsNull(("n",)), None, False),
        (EqualTo(("x",), 1.5), None, False),
        (EqualTo(("aka",), "a"), None, False),
        (EqualTo(("tags",), ["a"]), None, False),
        (EqualTo(("nobody",), 1), None, False),
        (Not(StringStartsWith(("s",), "a")), None, False),
    ],
    ids=str,
)
def test_what_is_sent(said: Filter, condition: dict[str, Any] | None, is_taken_over: bool) -> None:
    found = pushed([said], CONTRACT)
    assert found.conditions == ([] if condition is None else [condition])
    assert found.left == ([] if is_taken_over else [said])


def test_a_prefix_is_sent_as_an_anchored_expression() -> None:
    (condition,) = pushed([StringStartsWith(("s",), "o.7")], CONTRACT).conditions
    assert condition["$and"][0]["s"].pattern == "^o\\.7"


def test_the_condition_is_part_of_the_find(settings: MongoSettings) -> None:
    from pymongo.monitoring import CommandListener, CommandStartedEvent

    class Finds(CommandListener):
        def __init__(self) -> None:
            self.filters: list[Any] = []

        def started(self, event: CommandStartedEvent) -> None:
            if event.command_name == "find":
                self.filters.append(event.command["filter"])

        def succeeded(self, event: Any) -> None:
            pass

        def failed(self, event: Any) -> None:
            pass

    options = {
        "connection": to_option(settings),
        "contract": CONTRACT.to_json(),
        "pushdown": "true",
        "partitions": "1",
        "filter": '{"id": {"$ne": "x"}}',
    }
    reader = MongoDataSource(options).reader(StructType())
    assert isinstance(reader, PushingMongoReader) and isinstance(reader, MongoReader)
    list(reader.pushFilters([GreaterThan(("n",), 5)]))
    finds = Finds()
    (part,) = reader.partitions()
    list(reader.read(part, event_listeners=[finds]))
    assert finds.filters == [{"$and": [{"id": {"$ne": "x"}}, {"n": {"$gt": 5}}]}]
