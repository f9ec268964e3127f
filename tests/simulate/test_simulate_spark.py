"""Spark reads the Parquet form of a shop with the types that the shop has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulate.settings import ShopSettings
from simulate.shop import generate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_spark_reads_parquet(spark: SparkSession, tmp_path: Path) -> None:
    summary = generate(tmp_path / "shop", settings=ShopSettings(sessions=500, sessions_per_file=200, format="parquet"))
    sessions = spark.read.parquet(*[str(path) for path in sorted((tmp_path / "shop").glob("sessions_*.parquet"))])
    types = dict(sessions.dtypes)
    assert types["cart_contents"] == "map<string,struct<quantity:bigint,price:double>>"
    assert types["page_views"] == (
        "array<struct<timestamp:timestamp,page_type:string,product_id:string,category_id:string,view_duration:bigint>>"
    )
    assert types["start_time"] == "timestamp"
    assert types["device_profile"] == "struct<type:string,os:string,browser:string>"
    assert sessions.count() == 500
    assert sessions.selectExpr("sum(size(page_views))").first()[0] == sum(summary.page_views.values())  # type: ignore[index]
    orders = spark.read.parquet(str(tmp_path / "shop" / "transactions.parquet"))
    assert orders.where("session_id is not null").count() == summary.linked_orders
