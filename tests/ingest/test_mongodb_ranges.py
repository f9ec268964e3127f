"""Ranges of `_id` lose no document and give none twice, whatever the ids are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Timestamp
from bson.json_util import dumps
from pymongo import MongoClient
from pymongo.collection import Collection

from ingest.mongodb.ranges import after, both, boundaries, id_ranges, ranges_between

MIXED: list[Any] = [
    *range(-40, 40),
    *(each + 0.5 for each in range(40)),
    *(Int64(2**40 + each) for each in range(20)),
    *(Decimal128(f"{each}.25") for each in range(20)),
    *(f"name_{each:03}" for each in range(60)),
    "",
    "Zürich",
    *(ObjectId(f"{each:024x}") for each in range(60)),
    *(datetime(2024, 1, 1 + each, tzinfo=UTC) for each in range(20)),
    *(Binary(bytes([each])) for each in range(20)),
    None,
    True,
    False,
    float("nan"),
    float("-inf"),
    {"a": 1},
    {"a": 2, "b": "x"},
    Timestamp(1700000000, 1),
]


@pytest.fixture
def collection(mongodb: Any) -> Iterator[Collection[dict[str, Any]]]:
    with closing(MongoClient[dict[str, Any]](mongodb.uri, tz_aware=True)) as client:
        name = f"ranges_{uuid4().hex[:8]}"
        yield client[name].things
        client.drop_database(name)


def found(collection: Collection[dict[str, Any]], ranges: list[dict[str, Any]]) -> Counter[str]:
    return Counter(dumps(each["_id"]) for where in ranges for each in collection.find(where))


@pytest.mark.parametrize("wanted", [1, 2, 3, 8, 40, 1_000])
def test_ids_of_mixed_types_are_each_in_one_range(collection: Collection[dict[str, Any]], wanted: int) -> None:
    collection.insert_many([{"_id": each} for each in random.Random(1).sample(MIXED, len(MIXED))])
    ranges = id_ranges(collection, wanted, {})
    assert found(collection, ranges) == Counter(map(dumps, MIXED))
    if 1 < wanted <= 40:
        assert len(ranges) > wanted * 0.7


@pytest.mark.parametrize(
    "ids",
    [
        [f"txn_{each:05x}" for each in range(3_000)],
        list(range(3_000)),
        [ObjectId() for _ in range(3_000)],
        [datetime.fromtimestamp(each, UTC) for each in range(3_000)],
    ],
    ids=["strings", "numbers", "object ids", "dates"],
)
def test_ranges_are_of_about_equal_size_and_take_what_is_added(
    collection: Collection[dict[str, Any]], ids: list[Any]
) -> None:
    collection.insert_many([{"_id": each} for each in ids])
    ranges = id_ranges(collection, 4, {})
    sizes = [collection.count_documents(where) for where in ranges]
    assert sum(sizes) == 3_000
    assert max(sizes) < 900
    added = [-1, 10**9, "", "zzz", ObjectId("0" * 24), ObjectId("f" * 24), datetime(1960, 1, 1), datetime(2999, 1, 1)]
    collection.insert_many([{"_id": each} for each in added])
    assert found(collection, ranges).total() == 3_008
    assert set(found(collection, ranges).values()) == {1}


def test_ranges_are_planned_within_a_filter(collection: Collection[dict[str, Any]]) -> None:
    collection.insert_many([{"_id": each, "old": each < 2_000} for each in range(3_000)])
    sizes = [
        collection.count_documents(both({"old": True}, where)) for where in id_ranges(collection, 2, {"old": True})
    ]
    assert sum(sizes) == 2_000
    assert max(sizes) < 1_300


def test_an_empty_collection_is_one_range(collection: Collection[dict[str, Any]]) -> None:
    assert id_ranges(collection, 4, {}) == [{}]


def test_filters_of_one_type() -> None:
    assert ranges_between(["b", "d"]) == [
        {"_id": {"$not": {"$gte": "b"}}},
        {"_id": {"$gte": "b", "$lt": "d"}},
        {"_id": {"$gte": "d"}},
    ]
    assert ranges_between([]) == [{}]


def test_filters_of_two_types() -> None:
    assert ranges_between([5, "b"]) == [
        {"$nor": [{"$or": [{"_id": {"$gte": 5}}, {"_id": {"$lt": "b"}}]}, {"_id": {"$gte": "b"}}]},
        {"$or": [{"_id": {"$gte": 5}}, {"_id": {"$lt": "b"}}]},
        {"_id": {"$gte": "b"}},
    ]


def test_boundaries_repeat_no_id_and_name_none_that_cannot_be_compared() -> None:
    assert boundaries([1, 1, 1, 1, 2, 3], 6) == [1, 2, 3]
    assert boundaries([None, float("nan"), True, 4], 4) == [4]
    assert boundaries([], 4) == []


def test_behind_each_id_come_all_that_sort_behind_it(collection: Collection[dict[str, Any]]) -> None:
    ids = [each for each in MIXED if each == each]  # NaN comes first in MongoDB, and last in the emulator
    collection.insert_many([{"_id": each} for each in random.Random(2).sample(ids, len(ids))])
    in_order = [each["_id"] for each in collection.find(sort=[("_id", 1)])]
    for place in [*range(0, len(in_order), 7), *range(len(in_order) - 8, len(in_order))]:
        rest = [each["_id"] for each in collection.find(after(in_order[place]), sort=[("_id", 1)])]
        assert list(map(dumps, rest)) == list(map(dumps, in_order[place + 1 :])), in_order[place]


def test_behind_nan_come_all_other_numbers() -> None:
    assert after(float("nan")) == {
        "$nor": [{"_id": {"$type": [-1, 10]}}, {"_id": pytest.approx(float("nan"), nan_ok=True)}]
    }


def test_filters_are_joined() -> None:
    assert both() == {}
    assert both({}, {"a": 1}) == {"a": 1}
    assert both({"a": 1}, {}, {"b": 2}) == {"$and": [{"a": 1}, {"b": 2}]}
