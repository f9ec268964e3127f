"""MongoDB as a Spark data source and as a store that is landed, on a real session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from bson import Decimal128, ObjectId, Timestamp
from pymongo import MongoClient
from pyspark.sql import functions as sf
from pyspark.sql.datasource import EqualTo
from pyspark.sql.types import StructType

from ingest.contract import Column, Contract
from ingest.datatypes import read_type
from ingest.mongodb.data_source import MongoDataSource, MongoReader, PushingMongoReader
from ingest.mongodb.options import ReadOptions, ddl
from ingest.mongodb.source import MongoSource, since_filter
from ingest.store_source import StoreCut
from runner.errors import ContractError, FormatError, NotFoundError
from stores.settings import MongoSettings, to_option

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ORDERS = Contract(
    "mongodb",
    "orders",
    (
        Column("order_id", "string"),
        Column("at", "timestamp", ("placed",)),
        Column("total", "decimal(12,2)"),
        Column("lines", "array<struct<sku:string,quantity:int>>"),
    ),
    ("order_id",),
    stored_as="transactions",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def order(number: int) -> dict[str, Any]:
    name = f"o{number:04}"
    return {
        "_id": name,
        "order_id": name,
        "at": datetime(2024, 1, 1, 0, 0, number % 60, tzinfo=UTC),
        "total": Decimal128(f"{number}.50"),
        "lines": [{"sku": f"p{number}", "quantity": 1}],
    }


@pytest.fixture(scope="module")
def settings(mongodb: Any) -> Iterator[MongoSettings]:
    found = MongoSettings(uri=mongodb.uri, database=f"source_{uuid4().hex[:8]}")
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:
        collection = client[found.database].transactions
        collection.insert_many([order(number) for number in range(1_000)])
        collection.insert_one({"_id": "odd", "order_id": "odd", "total": "lots", "coupon": ObjectId("0" * 24)})
        collection.insert_one({"_id": ObjectId("1" * 24), "total": 1})
        yield found
        client.drop_database(found.database)


def struct(fields: str) -> StructType:
    found = read_type(f"struct<{fields}>")
    assert isinstance(found, StructType)
    return found


def reader(settings: MongoSettings, schema: str | None = None, **options: str) -> MongoReader:
    given = {"connection": to_option(settings), **options}
    if schema is None:
        given = {"contract": ORDERS.to_json(), **given}
    else:
        given = {"collection": "transactions", **given}
    found = MongoDataSource(given).reader(struct(schema) if schema else StructType())
    assert isinstance(found, MongoReader)
    return found


def rows(found: MongoReader) -> list[dict[str, Any]]:
    return [row for part in found.partitions() for batch in found.read(part) for row in batch.to_pylist()]


def test_a_range_too_large_to_be_remembered_is_read_in_order(
    settings: MongoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = reader(settings, partitions="2")
    assert [vars(each)["in_order"] for each in found.partitions()] == [False, False]
    monkeypatch.setattr("ingest.mongodb.data_source._MOST_REMEMBERED", 500)
    assert [vars(each)["in_order"] for each in found.partitions()] == [True, True]
    ids = [row["order_id"] for row in rows(found) if row["order_id"] not in (None, "odd")]
    assert ids == [f"o{each:04}" for each in range(1_000)]


def test_all_of_a_collection_lands(spark: SparkSession, settings: MongoSettings) -> None:
    source = MongoSource(settings)
    cut = source.cut(NOW)
    frame = source.read(spark, ORDERS, cut, partitions=3).cache()
    assert frame.rdd.getNumPartitions() == 3
    assert frame.schema == ORDERS.decoded_schema()
    assert source.count(ORDERS, cut) == 1_002
    assert frame.select(sf.sum("_counted")).collect()[0][0] == 1_002
    good = frame.where("_reason is null")
    assert good.count() == 1_000
    assert good.select(sf.sum("total")).collect()[0][0] == sum(Decimal(f"{number}.50") for number in range(1_000))
    bad = {row["_key"]: row for row in frame.where("_reason is not null").collect()}
    assert bad["odd"]["_reason"] == 'total: "lots" is no decimal(12,2)'
    assert bad["odd"]["_payload"] == (
        '{"_id":"odd","order_id":"odd","total":"lots","coupon":{"$oid":"000000000000000000000000"}}'
    )
    assert bad[None]["_reason"] == "key order_id is missing"
    assert bad[None]["_file"] == f"{settings}.transactions"
    assert frame.unpersist()


def test_keys_are_read_alone(spark: SparkSession, settings: MongoSettings) -> None:
    source = MongoSource(settings)
    found = source.keys(spark, ORDERS, source.cut(NOW), partitions=2)
    assert found.columns == ["order_id"]
    assert sorted(row.order_id for row in found.collect()) == [*(f"o{each:04}" for each in range(1_000)), "odd"]


def test_filters_of_a_query_reach_the_server(spark: SparkSession, settings: MongoSettings) -> None:
    spark.dataSource.register(MongoDataSource)
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    try:
        frame = (
            spark.read.format("mongodb")
            .schema("order_id string, total decimal(12,2)")
            .options(uri=settings.uri, database=settings.database, collection="transactions", pushdown="true")
            .load()
        )
        # "lots" is no decimal: reading it would fail
        found = frame.where("order_id in ('o0001', 'o0002', 'nobody')").collect()
        assert sorted(map(tuple, found)) == [("o0001", Decimal("1.50")), ("o0002", Decimal("2.50"))]
        assert frame.where("order_id like 'o000%' and total >= 5.5").count() == 5
    finally:
        spark.conf.unset("spark.sql.python.filterPushdown.enabled")


def test_a_collection_that_is_not_there_is_named(spark: SparkSession, settings: MongoSettings) -> None:
    source = MongoSource(settings)
    cut = StoreCut(taken_at=NOW, kind="none")
    with pytest.raises(NotFoundError) as error:
        source.read(spark, replace(ORDERS, stored_as="transaction"), cut, partitions=1)
    assert str(error.value) == f'{settings}: there is no collection "transaction". Did you mean "transactions"?'


def test_a_single_server_has_no_common_moment(settings: MongoSettings) -> None:
    """So has the emulator; what a replica set is told is asserted where collections are read."""
    cut = MongoSource(settings).cut(NOW)
    if cut.kind == "none":
        assert cut == StoreCut(
            taken_at=NOW,
            kind="none",
            note="MongoDB runs as a single server, which reads each table as of its own moment.",
        )
    else:
        assert isinstance(cut.at[0], int)


def test_a_schema_reads_plainly(settings: MongoSettings) -> None:
    found = rows(
        reader(
            settings,
            "order_id string, lines array<struct<sku: string>>, at date",
            filter='{"order_id": "o0000"}',
            partitions="1",
        )
    )
    assert found == [{"order_id": "o0000", "lines": [{"sku": "p0"}], "at": date(2024, 1, 1)}]


def test_a_document_that_does_not_fit_the_schema_is_an_error(settings: MongoSettings) -> None:
    with pytest.raises(ContractError) as error:
        rows(reader(settings, "order_id string, total decimal(12,2)", filter='{"_id": "odd"}'))
    assert str(error.value) == (
        f'{settings}.transactions: a document does not fit the schema: total: "lots" is no decimal(12,2). '
        "Give the field another type, or leave it out."
    )


def test_columns_of_a_contract(settings: MongoSettings) -> None:
    found = reader(settings, columns="total", filter='{"_id": "o0007"}')
    (row,) = rows(found)
    assert list(row)[:3] == ["order_id", "total", "_rescued"]
    assert (row["total"], row["_rescued"]) == (Decimal("7.50"), None)
    options = {"connection": to_option(settings), "contract": ORDERS.to_json(), "columns": "total"}
    assert MongoDataSource(options).schema().names[:3] == ["order_id", "total", "_rescued"]


def test_since_finds_what_is_not_known_to_be_older(settings: MongoSettings, mongodb: Any) -> None:
    documents = [
        {"_id": 1, "at": datetime(2024, 1, 1)},
        {"_id": 2, "at": datetime(2024, 1, 3)},
        {"_id": 3, "at": "2024-01-01"},
        {"_id": 4, "at": None},
        {"_id": 5},
        {"_id": 6, "at": datetime(2024, 1, 2)},
        {"_id": 7, "placed": datetime(2024, 1, 1)},
        {"_id": 8, "placed": datetime(2024, 1, 5)},
        {"_id": 9, "at": datetime(2024, 1, 5), "placed": datetime(2024, 1, 1)},
    ]
    options = {"filter": since_filter(ORDERS, "at", datetime(2024, 1, 2, tzinfo=UTC))}
    where = reader(settings, **options)._options.reading.where
    plain = since_filter(replace(ORDERS, columns=(Column("at", "timestamp"),), key=()), "at", "2024-01-02T00:00:00")
    assert plain == '{"at": {"$not": {"$lt": {"$date": {"$numberLong": "1704153600000"}}}}}'
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:
        collection = client[settings.database].since
        collection.insert_many(documents)
        assert [each["_id"] for each in collection.find(where)] == [2, 3, 4, 5, 6, 8, 9]
        plain_where = reader(settings, filter=plain)._options.reading.where
        assert [each["_id"] for each in collection.find(plain_where)] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_since_reads_only_that(spark: SparkSession, settings: MongoSettings) -> None:
    source = MongoSource(settings)
    since = ("at", datetime(2024, 1, 1, 0, 0, 58, tzinfo=UTC))
    found = source.read(spark, ORDERS, source.cut(NOW), partitions=2, since=since)
    assert found.where("_reason is null").count() == sum(number % 60 >= 58 for number in range(1_000))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colection": "x"}, 'format("mongodb"): there is no option "colection". Did you mean "collection"?'),
        (
            {"uri": "mongodb://x", "database": "d", "collection": "c"},
            'format("mongodb"): MongoDB has no schema. Give one by .schema(…), or the option `contract`.',
        ),
        (
            {"contract": ORDERS.to_json()},
            'format("mongodb"): lacks the option `uri`, or `uri_env`, the variable that holds it.',
        ),
        (
            {"contract": ORDERS.to_json(), "uri_env": "NO_SUCH_URI"},
            'format("mongodb"): `uri_env` names NO_SUCH_URI, which is not set on this machine. Export it.',
        ),
        ({"contract": ORDERS.to_json(), "uri": "mongodb://x"}, 'format("mongodb"): lacks the option `database`.'),
        ({"partitions": "0"}, 'format("mongodb"): `partitions` is a whole number from 1 on, not 0.'),
        ({"pushdown": "yes"}, 'format("mongodb"): `pushdown` is true or false, not yes.'),
        ({"cluster_time": "soon"}, 'format("mongodb"): `cluster_time` is [seconds, increment], not soon.'),
        ({"filter": "[1]"}, 'format("mongodb"): `filter` is an object such as {"status": "shipped"}, not [1].'),
        ({"columns": "totel"}, 'format("mongodb"): `columns` names "totel", which is no column. Did you mean "total"?'),
    ],
)
def test_options_that_are_wrong(options: dict[str, str], message: str) -> None:
    if not {"uri", "contract", "colection"} & set(options):
        options = {"contract": ORDERS.to_json(), "uri": "mongodb://x", "database": "d", **options}
    with pytest.raises(FormatError) as error:
        ReadOptions.of(options, None)
    assert str(error.value) == message


def test_options_that_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URI", "mongodb://u:p@db:1/")
    found = ReadOptions.of(
        {
            "uri_env": "SHOP_URI",
            "DATABASE": "shop",
            "contract": ORDERS.to_json(),
            "cluster_time": json.dumps([5, 6]),
            "filter": '{"at": {"$gte": {"$date": "2024-01-01T00:00:00Z"}}}',
        },
        None,
    )
    assert found.reading.settings == MongoSettings(uri="mongodb://u:p@db:1/", database="shop")
    assert found.reading.place == "mongodb://db:1/shop.transactions"
    assert found.reading.at == Timestamp(5, 6)
    assert found.reading.where == {"at": {"$gte": datetime(2024, 1, 1)}}
    assert (found.reading.columns, found.partitions, found.pushes, found.is_landing) == (None, 4, False, True)


def test_a_schema_with_odd_names_is_spoken() -> None:
    schema = struct("a struct<`x y`: int, b: array<map<string, decimal(5,1)>>>")
    assert ddl(schema["a"].dataType) == "struct<`x y`:int,`b`:array<map<string,decimal(5,1)>>>"


def test_filters_are_pushed_only_where_asked_for(settings: MongoSettings) -> None:
    """Spark refuses a reader that can push while the setting is off; so plain reading needs no setting."""
    assert type(reader(settings)) is MongoReader
    pushing = reader(settings, pushdown="true", partitions="1")
    assert isinstance(pushing, PushingMongoReader)
    assert list(pushing.pushFilters([EqualTo(("order_id",), "order 7")])) == []
    assert rows(pushing) == []
