"""The Python API: what a notebook or an orchestrator calls, on real Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.api import OpenProject
from runner.errors import NotFoundError, ProjectError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FILES = {
    "project.yml": "name: shop\nvars: {least: 15}\nmodels: {+materialized: table}\ntargets: {dev: {warehouse: warehouse}}\n",
    "models/orders.sql": "select 1 as id, 10 as amount union all select 2, 20",
    "models/big_orders.sql": "{{ config(materialized='view') }} select * from {{ ref('orders') }} where amount > {{ var('least') }}",
    "models/revenue.sql": "select sum(amount) as revenue from {{ ref('big_orders') }}",
    "models/models.yml": "models: [{name: orders, columns: [{name: id, data_tests: [unique]}]}]\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_select_plan_and_compile_start_no_spark(folder: Path) -> None:
    with OpenProject(folder / "models", variables={"least": 5}) as shop:
        assert shop.select("+revenue", exclude=["orders"]) == ["model.shop.big_orders", "model.shop.revenue"]
        assert "amount > 5" in shop.compile("big_orders")
        plan = shop.plan()
        assert [(one.unique_id.split(".")[-1], one.act) for one in plan.nodes] == [
            ("orders", "build"), ("big_orders", "build"), ("revenue", "build"),
        ]  # fmt: skip
        assert shop._spark is None


def test_build_look_and_build_again(folder: Path, spark: SparkSession) -> None:
    told: list[str] = []
    with OpenProject(folder, spark=spark) as shop:
        run = shop.build(ended=lambda result: told.append(result.unique_id))
        assert run.success and told == [result.unique_id for result in run.results]
        assert run.result("orders").rows == 2
        assert shop.rows("revenue") == [{"revenue": 20}]
        assert shop.rows("big_orders") == [{"id": 2, "amount": 20}]
        assert shop.frame("orders").count() == 2
        assert shop.sql("select max(id) as newest from {{ ref('orders') }}").collect()[0].newest == 2
        again = shop.build()
        assert {result.status for result in again.results} == {"reused"}
        assert {result.status for result in shop.build("orders", force=True).results} == {"success"}
    assert spark.range(1).count() == 1  # a session that was given goes on
    record = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))
    assert record["args"]["which"] == "models"


def test_what_fails_is_a_value_and_readers_keep_the_last_version(folder: Path, spark: SparkSession) -> None:
    with OpenProject(folder, spark=spark) as shop:
        assert shop.build().success
    (folder / "models/orders.sql").write_text("select 1 as id, 10 as amount union all select 1, 20", encoding="utf-8")
    with OpenProject(folder, spark=spark) as shop:
        run = shop.build("orders+")
        assert not run.success
        assert {name: run.result(name).status for name in ("orders", "big_orders", "revenue")} == {
            "orders": "withheld", "big_orders": "skipped", "revenue": "skipped",
        }  # fmt: skip
        assert run.report is not None and run.report.is_file()
        assert [row["id"] for row in shop.rows("orders")] == [1, 2]
        assert shop.check("orders").success


def test_unknown_names_are_errors_with_the_nearest(folder: Path) -> None:
    with OpenProject(folder) as shop:
        with pytest.raises(NotFoundError) as wrong:
            shop.rows("revenu")
        assert str(wrong.value) == 'no model and no source is named "revenu". Did you mean "revenue"?'
        with pytest.raises(ProjectError) as missing:
            shop.select("tag:nosuch")
        assert "tag:nosuch" in str(missing.value)
