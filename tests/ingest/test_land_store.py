"""Landing from real servers: all, unchanged, what is new, what is gone, what cannot be decoded any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest.contract import Column, Contract
from ingest.land_store import Incremental, StoreLanding, land_store, read_incremental
from ingest.landed import Landed
from ingest.landing import Snapshot
from ingest.store_source import StoreSource
from runner import delta
from runner.errors import FormatError
from stores.settings import HBaseSettings, MongoSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2025, 3, 1, tzinfo=UTC)
ORDERS = Contract(
    source="mongodb",
    table="orders",
    columns=(
        Column("order_id", "string"),
        Column("placed", "timestamp"),
        Column("total", "decimal(12,2)"),
        Column("items", "array<struct<product_id:string,quantity:int>>"),
    ),
    key=("order_id",),
)
VISITS = Contract(
    source="hbase",
    table="visits",
    columns=(
        Column("visit_id", "string", cells=("meta:visit_id", ":key")),
        Column("seconds", "int", cells=("stats:seconds",)),
        Column("pages", "array<struct<page:string>>", cells=("events:#",)),
    ),
    key=("visit_id",),
)
BY_TIME = Incremental(cursor="placed", lookback=timedelta(hours=1))


def order(number: int, **other: Any) -> dict[str, Any]:
    placed = START + timedelta(minutes=number)
    items = [{"product_id": f"p{number % 7}", "quantity": 1 + number % 3}]
    document = {
        "_id": f"o{number:05}",
        "order_id": f"o{number:05}",
        "placed": placed,
        "total": number + 0.25,
        "items": items,
    }
    return document | other


@pytest.fixture
def orders(mongodb: Any) -> Iterator[Any]:
    from stores.mongo_client import connect

    client = connect(MongoSettings(uri=mongodb.uri))
    name = f"orders_{uuid.uuid4().hex[:8]}"
    yield client[name]["orders"]
    client.drop_database(name)
    client.close()


def mongo_source(mongodb: Any, orders: Any) -> StoreSource:
    from ingest.mongodb.source import MongoSource

    return MongoSource(MongoSettings(uri=mongodb.uri, database=orders.database.name))


def landed(
    spark: SparkSession,
    contract: Contract,
    source: StoreSource,
    warehouse: Path,
    incremental: Incremental | None = None,
    **options: Any,
) -> Landed:
    taken_at = datetime.now(UTC)
    how = StoreLanding(
        store=contract.source,
        source=source,
        cut=source.cut(taken_at),
        snapshot=Snapshot(snapshot_id=uuid.uuid4().hex, taken_at=taken_at),
        warehouse=warehouse,
        partitions=2,
        incremental=incremental,
        **options,
    )
    return land_store(spark, contract, how)


def rows(spark: SparkSession, contract: Contract, warehouse: Path) -> dict[str, dict[str, Any]]:
    frame = spark.read.format("delta").load(str(contract.ref.path(warehouse)))
    found = [row.asDict(recursive=True) for row in frame.select(*contract.types(), "_rescued").collect()]
    assert len({row[contract.key[0]] for row in found}) == len(found)  # nothing doubled
    return {row[contract.key[0]]: row for row in found}


def parquet_files(contract: Contract, warehouse: Path) -> set[str]:
    return {str(path) for path in contract.ref.path(warehouse).rglob("*.parquet")}


def test_a_collection_lands_whole_and_again_without_a_rewrite(
    spark: SparkSession, mongodb: Any, orders: Any, tmp_path: Path
) -> None:
    orders.insert_many([order(number) for number in range(300)])
    source = mongo_source(mongodb, orders)
    first = landed(spark, ORDERS, source, tmp_path)
    assert (first.counts.read, first.counts.landed, first.version, first.skipped) == (300, 300, 0, None)
    assert rows(spark, ORDERS, tmp_path)["o00007"]["items"] == [{"product_id": "p0", "quantity": 2}]
    files = parquet_files(ORDERS, tmp_path)

    second = landed(spark, ORDERS, source, tmp_path)
    assert (second.skipped, second.version) == ("unchanged since version 0", 1)
    assert landed(spark, ORDERS, source, tmp_path).skipped == "unchanged since version 0"  # notes do not hide it
    assert parquet_files(ORDERS, tmp_path) == files
    said = delta.metadata(ORDERS.ref.path(tmp_path))
    assert (said["store"], said["cut"]["kind"], said["read"], said["rows_of"]) == ("mongodb", "none", 300, 0)

    orders.update_one({"_id": "o00007"}, {"$set": {"items.0.quantity": 9}})
    third = landed(spark, ORDERS, source, tmp_path)
    assert third.skipped is None
    assert rows(spark, ORDERS, tmp_path)["o00007"]["items"] == [{"product_id": "p0", "quantity": 9}]
    assert landed(spark, ORDERS, source, tmp_path, force=True).skipped is None


def test_later_landings_read_what_is_new_and_find_what_is_gone(
    spark: SparkSession, mongodb: Any, orders: Any, tmp_path: Path
) -> None:
    orders.insert_many([order(number) for number in range(300)])
    source = mongo_source(mongodb, orders)
    landed(spark, ORDERS, source, tmp_path, BY_TIME)
    nothing = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert nothing.changes == {"read": 61, "new": 0, "changed": 0, "deleted": 0}  # the lookback: an hour, both ends
    files = parquet_files(ORDERS, tmp_path)

    orders.insert_many([order(number) for number in range(300, 310)])
    orders.update_one({"_id": "o00290"}, {"$set": {"total": 1.5}})  # within the lookback
    orders.delete_many({"_id": {"$in": ["o00001", "o00299"]}})
    found = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert found.changes == {"read": 70, "new": 10, "changed": 1, "deleted": 2}
    assert (found.counts.read, found.counts.landed, found.counts.quarantined) == (308, 308, 0)
    table = rows(spark, ORDERS, tmp_path)
    assert set(table) == {document["_id"] for document in orders.find({}, {"_id": 1})}
    assert str(table["o00290"]["total"]) == "1.50"
    assert parquet_files(ORDERS, tmp_path) > files

    orders.insert_one(order(5000, placed=START - timedelta(days=9)))  # so late that the lookback misses it
    late = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert late.notes == ("the store has records older than the lookback that never landed: all were read",)
    assert late.changes == {}
    assert "o05000" in rows(spark, ORDERS, tmp_path)

    assert landed(spark, ORDERS, source, tmp_path, BY_TIME, full=True).changes == {}


def test_a_record_goes_to_quarantine_and_comes_back(
    spark: SparkSession, mongodb: Any, orders: Any, tmp_path: Path
) -> None:
    orders.insert_many([order(number) for number in range(100)])
    source = mongo_source(mongodb, orders)
    landed(spark, ORDERS, source, tmp_path, BY_TIME)
    orders.update_one({"_id": "o00099"}, {"$set": {"total": "much"}})
    spoilt = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert (spoilt.counts.landed, spoilt.counts.quarantined, spoilt.changes["deleted"]) == (99, 1, 1)
    assert [reason.problem for reason in spoilt.reasons] == ["total is no decimal(12,2)"]
    again = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert (again.counts.landed, again.counts.quarantined) == (99, 1)  # once, however often it is read
    orders.update_one({"_id": "o00099"}, {"$set": {"total": 3}})
    mended = landed(spark, ORDERS, source, tmp_path, BY_TIME)
    assert (mended.counts.landed, mended.counts.quarantined, mended.changes["new"]) == (100, 0, 1)


def test_another_contract_or_a_foreign_write_means_all_is_read(
    spark: SparkSession, mongodb: Any, orders: Any, tmp_path: Path
) -> None:
    orders.insert_many([order(number) for number in range(50)])
    source = mongo_source(mongodb, orders)
    landed(spark, ORDERS, source, tmp_path, BY_TIME)
    wider = replace(ORDERS, columns=(*ORDERS.columns, Column("status", "string")))
    assert landed(spark, wider, source, tmp_path, BY_TIME).changes == {}
    path = ORDERS.ref.path(tmp_path)
    spark.sql(f"delete from delta.`{path}` where order_id = 'o00003'")
    assert landed(spark, wider, source, tmp_path, BY_TIME).changes == {}
    assert "o00003" in rows(spark, wider, tmp_path)


def test_hbase_goes_by_the_time_of_writing(spark: SparkSession, hbase: Any, tmp_path: Path) -> None:
    from ingest.hbase.source import HBaseSource
    from stores.hbase_client import connect

    settings = HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix=f"t{uuid.uuid4().hex[:8]}")
    connection = connect(settings)
    connection.create_table("visits", {family: {"max_versions": 3} for family in ("meta", "stats", "events")})
    table = connection.table("visits")

    def put(number: int, seconds: int) -> None:
        cells = {b"meta:visit_id": b"v%03d" % number, b"stats:seconds": b"%d" % seconds}
        table.put(b"v%03d" % number, cells | {b"events:%06d" % page: b'{"page":"home"}' for page in range(number % 3)})

    for number in range(120):
        put(number, number)
    source = HBaseSource(settings)
    incremental = Incremental(cursor="write_time", lookback=timedelta(0))
    first = landed(spark, VISITS, source, tmp_path, incremental)
    assert (first.counts.landed, first.changes) == (120, {})
    put(5, 77)  # an old row, written again
    put(200, 1)
    table.delete(b"v009")
    found = landed(spark, VISITS, source, tmp_path, incremental)
    assert found.changes == {"read": 2, "new": 1, "changed": 1, "deleted": 1}
    landed_rows = rows(spark, VISITS, tmp_path)
    assert (landed_rows["v005"]["seconds"], len(landed_rows["v005"]["pages"])) == (77, 2)
    assert "v009" not in landed_rows and len(landed_rows) == 120
    said = delta.metadata(VISITS.ref.path(tmp_path))
    assert said["cut"]["kind"] == "write_time" and said["changes"]["new"] == 1
    connection.close()


@pytest.mark.parametrize(
    ("section", "store", "message"),
    [
        ({"cursr": "placed"}, "mongodb", 'has an unknown key "cursr". Did you mean "cursor"?'),
        ({"lookback": None}, "mongodb", 'needs a "cursor": the column that grows with each new or changed record.'),
        ({"cursor": "place"}, "mongodb", ': the cursor "place" is none of its columns. Did you mean "placed"?'),
        (
            {"cursor": "placed"},
            "hbase",
            ': HBase goes by the time of writing: its cursor is "write_time", not "placed".',
        ),
        (
            {"cursor": "placed", "lookback": {"count": 1, "period": "week"}},
            "mongodb",
            ': "lookback" is a time such as {count: 1, period: hour}; periods: second, minute, hour, day.',
        ),
        (
            {"cursor": "placed", "match": "order"},
            "mongodb",
            ': "match" names "order", which is none of its columns. Did you mean "order_id"?',
        ),
        (
            {"cursor": "placed", "deletes": "yes"},
            "mongodb",
            ': "deletes" is "compare" (the store\'s keys are read) or "ignore", not "yes".',
        ),
    ],
)
def test_what_sources_yml_says_wrongly_is_named(section: dict[str, Any], store: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_incremental(section, ORDERS, store=store, place="sources.yml:9")
    assert (
        str(caught.value)
        == f'sources.yml:9: "incremental" of "mongodb.orders"{message if message[0] == ":" else " " + message}'
    )


def test_what_sources_yml_says_is_read() -> None:
    assert read_incremental({}, ORDERS, store="mongodb", place="") is None
    found = read_incremental(
        {"cursor": "placed", "lookback": {"count": 2, "period": "day"}, "match": ["order_id"], "deletes": "ignore"},
        ORDERS,
        store="mongodb",
        place="",
    )
    assert found == Incremental(cursor="placed", lookback=timedelta(days=2), match=("order_id",), deletes=False)
