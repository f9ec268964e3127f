"""What is asked of small tables and of views over them is read from their files, at once, and in one partition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from expectations.at_hand import Collected, Files
from runner.names import TableRef
from runner.warehouse import Warehouse, publish_view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ORDERS, SOME, FEW = TableRef("by_files", "orders"), TableRef("by_files", "some"), TableRef("by_files", "few")


def write(path: Path, *totals: int) -> None:
    write_deltalake(str(path), pa.table({"total": pa.array(totals, pa.int64())}), mode="overwrite")


def totals(frame: DataFrame) -> list[int]:
    return sorted(row["total"] for row in frame.collect())


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    write(tmp_path / "by_files" / "orders", 1, 5, 9)
    sql = "with orders as (select * from by_files.orders) select total from orders where total > 1"
    publish_view(tmp_path / "by_files" / "some", sql=sql, inputs=[ORDERS], metadata={})
    sql = "select total from `by_files`.`some` where total < 9"
    publish_view(tmp_path / "by_files" / "few", sql=sql, inputs=[SOME], metadata={})
    return Warehouse(spark, tmp_path)


def test_a_view_over_small_tables_is_read_from_their_files(warehouse: Warehouse) -> None:
    for ref, expected in ((ORDERS, [1, 5, 9]), (SOME, [5, 9]), (FEW, [5])):
        frame = warehouse.frame(ref)
        assert totals(frame) == expected
        assert frame.inputFiles() == warehouse.frame(ORDERS).inputFiles()
        plan = frame._jdf.queryExecution().executedPlan().toString()  # type: ignore[operator]
        assert "Coalesce 1" in plan and "Delta" not in plan


def test_what_is_published_later_is_read_by_who_asks_later(warehouse: Warehouse) -> None:
    before = warehouse.frame(FEW)
    assert warehouse.frame(FEW) is before  # nothing changed, nothing is planned again
    write(warehouse.path(ORDERS), 2, 3, 10)
    assert totals(before) == [5]  # its files stay
    assert [totals(warehouse.frame(ref)) for ref in (ORDERS, FEW)] == [[2, 3, 10], [2, 3]]


def test_where_files_alone_do_not_tell_the_catalog_is_asked(warehouse: Warehouse, tmp_path: Path) -> None:
    sql = "select orders.total + 0 as total from by_files.orders"
    assert warehouse.query(sql, [ORDERS]) is None  # it calls the table's columns by the table's name
    publish_view(tmp_path / "by_files" / "named", sql=sql, inputs=[ORDERS], metadata={})
    assert totals(warehouse.frame(TableRef("by_files", "named"))) == [1, 5, 9]
    write_deltalake(
        str(tmp_path / "by_files" / "parted"), pa.table({"total": [4], "kind": ["a"]}), partition_by=["kind"]
    )
    parted = TableRef("by_files", "parted")
    assert warehouse.query("select * from by_files.parted", [parted]) is None
    assert warehouse.query("select 1 as total", []) is None
    assert totals(warehouse.frame(parted)) == [4]


def test_many_megabytes_are_read_in_parallel(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.warehouse.tables._ONE_PARTITION", 100)
    frame = warehouse.frame(ORDERS)
    assert totals(frame) == [1, 5, 9]
    assert "Coalesce" not in frame._jdf.queryExecution().executedPlan().toString()  # type: ignore[operator]


def test_rows_of_small_tables_and_views_are_at_hand(warehouse: Warehouse) -> None:
    table, view = warehouse.here(warehouse.frame(ORDERS)), warehouse.here(warehouse.frame(FEW))
    assert isinstance(table, Files) and isinstance(view, Collected)
    assert (table.columns, view.columns) == ({"total": "bigint"}, {"total": "bigint"})
    assert [path.suffix for path in table.paths] == [".parquet"]
    assert view.rows(["total"])[0].to_pylist() == [{"total": 5}]
    assert warehouse.here(warehouse.frame(FEW)) is view  # collected once for all checks of a run
    write(warehouse.path(ORDERS), 7)
    found = warehouse.here(warehouse.frame(FEW))
    assert isinstance(found, Collected) and found.rows(["total"])[0].to_pylist() == [{"total": 7}]


def test_rows_that_are_many_or_need_a_reader_are_not_at_hand(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tmp_path / "by_files" / "parts"
    write_deltalake(str(parts), pa.table({"day": ["a"], "total": [1]}), partition_by=["day"])
    assert warehouse.here(warehouse.frame(TableRef("by_files", "parts"))) is None
    assert warehouse.here(warehouse.spark.range(3)) is None
    monkeypatch.setattr("runner.warehouse.tables._COLLECTED", 10)
    fresh = Warehouse(warehouse.spark, tmp_path)
    assert fresh.here(fresh.frame(SOME)) is None
    assert isinstance(fresh.here(fresh.frame(ORDERS)), Files)


def test_rows_are_not_at_hand_in_another_time_zone_or_where_spark_is_to_compute(warehouse: Warehouse) -> None:
    alone = Warehouse(warehouse.spark, warehouse.root, at_hand=False)
    assert alone.here(alone.frame(ORDERS)) is None
    zone = warehouse.spark.conf.get("spark.sql.session.timeZone")
    warehouse.spark.conf.set("spark.sql.session.timeZone", "Europe/Paris")
    try:
        assert warehouse.here(warehouse.frame(ORDERS)) is None
    finally:
        warehouse.spark.conf.set("spark.sql.session.timeZone", str(zone))
