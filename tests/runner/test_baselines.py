"""What a table held when it was last good, drawn under what fails: candidates and published tables, on real Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.api import OpenProject, Run
from runner.baselines import last_good
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.result import Baseline, CheckResult

FILES = {
    "project.yml": "name: shop\nvars: {factor: 1}\nmodels: {+materialized: table}\ntargets: {dev: {warehouse: warehouse}}\n",
    "models/orders.sql": "select id, id * {{ var('factor') }} as amount, concat('user', id) as email from range(100)",
    "models/revenue.sql": "select sum(amount) as revenue from {{ ref('orders') }}",
    "models/models.yml": "models: [{name: orders, columns: [{name: amount}, {name: email, meta: {sensitive: true}}]}]\n",
    "expectations/suites/orders.yml": (
        "model: orders\nexpectations:\n"
        "  - expect: expect_column_values_to_be_between\n    column: amount\n    max_value: 120\n"
    ),
}


def build(folder: Path, spark: SparkSession, factor: int, *, checks: bool = False) -> Run:
    with OpenProject(folder, spark=spark, variables={"factor": factor}) as shop:
        return shop.check() if checks else shop.build()


def flagged(run: Run) -> CheckResult:
    check: CheckResult = run.result("orders").checks.results[0]
    return check


def baseline(run: Run) -> Baseline:
    plot = flagged(run).plot
    assert plot is not None and plot.baseline is not None
    return plot.baseline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    """A project whose table was published once and is good."""
    root = tmp_path_factory.mktemp("baselines")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    assert build(root, spark, 1).success
    return root


def test_a_withheld_candidate_is_drawn_over_what_readers_see(folder: Path, spark: SparkSession) -> None:
    run = build(folder, spark, 10)
    assert run.result("orders").status == "withheld"
    found = baseline(run)
    assert found.label.startswith("version 0 of ")
    assert (found.rows, found.box.most, found.outside) == (100, 99.0, (0, 0))
    assert sum(found.counts) == 100
    assert run.report is not None
    page = run.report.read_text(encoding="utf-8")
    assert "1 table below was left as it was." in page
    assert "before: version 0 of " in page


def test_failing_rows_of_sensitive_columns_are_masked(folder: Path, spark: SparkSession) -> None:
    run = build(folder, spark, 10)
    assert {row["email"] for row in flagged(run).failing_rows} == {"(not shown)"}
    assert run.report is not None
    for path in run.report.parent.iterdir():
        assert "user99" not in path.read_text(encoding="utf-8"), path


def test_the_trend_is_of_all_runs_so_far(folder: Path, spark: SparkSession) -> None:
    run = build(folder, spark, 20)
    assert run.report is not None
    document = json.loads((run.report.parent / "report.json").read_text(encoding="utf-8"))
    assert document["tables"][0]["results"][0]["figure"] == {"name": "failing rows", "value": 93.0}
    assert "Failing rows, as the check that names the cause measured it in the last " in run.report.read_text("utf-8")


def test_a_published_table_is_drawn_over_the_version_before(folder: Path, spark: SparkSession) -> None:
    suite = folder / "expectations" / "suites" / "orders.yml"
    strict = suite.read_text(encoding="utf-8")
    suite.write_text(strict.replace("120", "200"), encoding="utf-8")
    assert build(folder, spark, 2).success
    suite.write_text(strict, encoding="utf-8")
    run = build(folder, spark, 2, checks=True)
    assert run.result("orders").status == "error"
    found = baseline(run)
    assert (found.label[:13], found.box.most) == ("version 0 of ", 99.0)
    assert run.report is not None
    assert "The one table fails: orders" in run.report.read_text(encoding="utf-8")


def test_a_table_that_was_never_built_has_none(folder: Path, spark: SparkSession, tmp_path: Path) -> None:
    with OpenProject(folder, spark=spark) as shop:
        node = shop.project.models["orders"]
        assert last_good(Warehouse(spark, tmp_path), node, is_candidate=True) is None
        assert last_good(Warehouse(spark, tmp_path), node, is_candidate=False) is None
