"""Samples from real servers: spread over the keys, whole where a table is small, and a draft of them that lands."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128

from ingest.infer import infer, sample_hbase, sample_mongodb
from runner.errors import NotFoundError
from stores.hbase_client import connected
from stores.mongo_client import database
from stores.settings import HBaseSettings, MongoSettings


@pytest.fixture(scope="module")
def shop(mongodb: Any) -> Iterator[Any]:
    found = database(MongoSettings(uri=mongodb.uri, database=f"infer_{uuid.uuid4().hex[:8]}"))
    yield found
    found.client.drop_database(found.name)
    found.client.close()


@pytest.fixture(scope="module")
def tables(hbase: Any) -> Iterator[Any]:
    """A connection; one table of 3,000 rows in thick and thin ranges, and an empty one."""
    settings = HBaseSettings(port=hbase.port, table_prefix=f"infer{uuid.uuid4().hex[:8]}")
    with connected(settings) as connection:
        connection.create_table("sessions", {"meta": {}})
        connection.create_table("empty", {"meta": {}})
        with connection.table("sessions").batch(batch_size=1000) as batch:
            for number in range(3_000):
                user = number // 100 if number % 3 else 0  # a third of the rows are of one user
                batch.put(f"user_{user:03}#sess_{number:05}".encode(), {b"meta:session_id": b"sess_%05d" % number})
        yield connection
        for name in ("sessions", "empty"):
            connection.delete_table(name, disable=True)


def test_a_collection_is_sampled_by_its_server(shop: Any) -> None:
    shop.users.insert_many(
        [
            {"_id": f"u{number}", "user_id": f"u{number}", "spent": Decimal128("1.25"), "at": datetime(2024, 1, 5, tzinfo=UTC)}
            for number in range(500)
        ]
    )  # fmt: skip
    drawn = sample_mongodb(shop, "users", 100)
    assert 80 <= len(drawn) <= 100, "a real server may draw one twice"
    assert len({document["_id"] for document in drawn}) == len(drawn)
    assert len({document["_id"][:2] for document in drawn}) > 5, "from all over"
    assert len(sample_mongodb(shop, "users", 500)) == 500
    found = infer(drawn, source="mongodb", table="users", sample_size=100)
    assert found.key == ("user_id",)
    assert [(each.column.name, each.column.data_type) for each in found.columns] == [
        ("user_id", "string"),
        ("spent", "decimal(12,2)"),
        ("at", "timestamp"),
    ]


def test_a_collection_that_is_not_there_is_named(shop: Any) -> None:
    shop.orders.insert_one({"_id": 1})
    with pytest.raises(NotFoundError) as error:
        sample_mongodb(shop, "order", 10)
    assert str(error.value) == (
        f'mongodb: the database "{shop.name}" has no collection "order". Did you mean "orders"?'
    )


def test_rows_are_sampled_from_all_over_the_keys(tables: Any) -> None:
    rows = sample_hbase(tables, "sessions", 320)
    assert len(rows) == 320
    users = Counter(row[b":key"][:8] for row in rows)
    assert len(users) >= 8, users
    assert users[b"user_000"] < 200, "the first keys do not make up the whole sample"
    assert {tuple(row) for row in rows} == {(b"meta:session_id", b":key")}
    found = infer(rows, source="hbase", table="sessions", sample_size=320)
    assert found.key == ("session_id",)
    assert found.columns[0].column.cells == ("meta:session_id", ":key[-1]")


def test_a_small_table_is_sampled_whole_and_an_empty_one_gives_nothing(tables: Any) -> None:
    rows = sample_hbase(tables, "sessions", 5_000)
    assert len({row[b":key"] for row in rows}) == len(rows) == 3_000
    assert sample_hbase(tables, "empty", 10) == []
    with pytest.raises(NotFoundError) as error:
        sample_hbase(tables, "session", 10)
    assert str(error.value) == 'hbase: there is no table "session". Did you mean "sessions"?'
