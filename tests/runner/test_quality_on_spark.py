"""Data tests on real Spark: they judge the candidate before it is published, and keep its failing rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.artifacts import run_results
from runner.build import Builder, BuildOptions
from runner.execute import NodeResult
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

FILES = {
    "macros/tests.sql": """
        {% test at_least(model, column_name, least=0) %}
        select * from {{ model }} where {{ column_name }} < {{ least }}
        {% endtest %}
        """,
    "tests/sums_agree.sql": """
        select n, m from (select sum(total) as n from {{ ref('stg_orders') }})
        cross join (select sum(total) as m from {{ ref('big_orders') }}) where n <> m
        """,
    "tests/no_order_is_lost.sql": "select * from {{ ref('stg_orders') }} where order_id > 100",
    "models/big_orders.sql": "select * from {{ ref('stg_orders') }}",
    "models/staging/stg_orders.sql": "{{ config(materialized='table') }}select order_id, total from {{ source('shop', 'orders') }}",
    "models/_m.yml": """
        models:
          - name: big_orders
            columns:
              - name: total
                data_tests:
                  - not_null
                  - at_least: {name: paid, least: 1, config: {store_failures: true}}
                  - at_least: {name: rich, least: 5, config: {severity: warn, where: order_id < 50}}
              - name: order_id
                data_tests:
                  - unique: {config: {error_if: "> 1"}}
        """,
}


class Shop:
    """A project with a landed table, built again and again."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root

    def land(self, *orders: tuple[int, float]) -> None:
        listed = ", ".join(f"({number}, cast({total} as decimal(12, 2)))" for number, total in orders)
        frame = self.spark.sql(f"select * from values {listed} as orders(order_id, total)")
        frame.write.format("delta").mode("overwrite").save(str(self.root / "warehouse/shop/orders"))

    def run(self, *select: str, published: bool = False) -> dict[str, NodeResult]:
        project = load_project(self.root)
        builder = Builder(project, load_quality(project), self.spark, run_id="run-7", options=BuildOptions(threads=2))
        nodes = project.select(select)
        results = builder.check(nodes) if published else builder.run(nodes)
        self.entries = {
            entry["unique_id"].split(".")[2]: entry
            for entry in run_results(project, results, invocation_id="i", elapsed=0.0, arguments={})["results"]
        }
        return {result.unique_id.rsplit(".", 1)[-1]: result for result in results}

    def statuses(self) -> dict[str, tuple[str, int | None]]:
        tests = [name for name in self.entries if self.entries[name]["unique_id"].startswith("test.")]
        return {name: (self.entries[name]["status"], self.entries[name]["failures"]) for name in tests}

    def kept(self) -> list[dict[str, object]]:
        """Reads the table of the rows that failed `paid`, as any Delta reader would."""
        return delta.first_rows(self.root / "warehouse/marts_dbt_test__audit/paid", 100)[1]


@pytest.fixture
def shop(spark: SparkSession, write: Write, tiny: dict[str, str]) -> Shop:
    for name in ("marts", "marts_staging", "marts_dbt_test__audit", "shop"):
        spark.sql(f"drop schema if exists {name} cascade")
    return Shop(spark, write({**tiny, **FILES}))


def test_a_candidate_is_judged_by_its_data_tests_before_it_is_published(shop: Shop) -> None:
    shop.land((1, 10.0), (2, 5.5))
    first = shop.run()
    assert {name: result.status for name, result in first.items()} == {
        "stg_orders": "success", "big_orders": "success", "totals": "success",
    }  # fmt: skip
    assert shop.statuses() == {
        "not_null_big_orders_total": ("pass", 0),
        "paid": ("pass", 0),
        "rich": ("pass", 0),
        "unique_big_orders_order_id": ("pass", 0),
        "sums_agree": ("pass", 0),
        "no_order_is_lost": ("pass", 0),
    }
    checks = first["big_orders"].checks
    assert checks.jobs == 1  # all that is counted over the rows, and all queries

    shop.land((1, 0.5), (2, 2.0), (2, 3.0), (60, 4.0))
    second = shop.run()
    assert {name: result.status for name, result in second.items()} == {
        "stg_orders": "success", "big_orders": "withheld", "totals": "success",
    }  # fmt: skip
    assert shop.statuses() == {
        "not_null_big_orders_total": ("pass", 0),
        "paid": ("fail", 1),
        "rich": ("warn", 3),
        "unique_big_orders_order_id": ("warn", 1),
        "sums_agree": ("pass", 0),  # of the candidates of this run, though one is not published
        "no_order_is_lost": ("pass", 0),
    }
    assert shop.entries["paid"]["message"] == "at_least(total, least=1): 1 failing row of 4 (25 %)."
    assert shop.entries["paid"]["relation_name"] == "marts_dbt_test__audit.paid"
    told = next(one.told for one in second["big_orders"].checks.results if one.title == "paid")
    assert told == (
        "at_least(total, least=1): 1 failing row of 4 (25 %). For example: order_id=1, total=0.50. "
        'All of them: run sql "select * from marts_dbt_test__audit.paid". (models/_m.yml:7)'
    )
    ((row,),) = (shop.kept(),)
    assert (row["order_id"], str(row["total"]), row["_run_id"]) == (1, "0.50", "run-7")
    assert row["_reason"] == "at_least(total, least=1): 1 failing row of 4 (25 %)."
    assert len(delta.first_rows(shop.root / "warehouse/marts/big_orders", 100)[1]) == 2  # readers see the last good one

    third = shop.run("big_orders", published=True)  # what is published passes, and its table of failures is empty
    assert third["big_orders"].status == "error"
    assert shop.statuses()["sums_agree"] == ("fail", 1)  # the published tables differ now
    assert shop.statuses()["paid"] == ("pass", 0)
    assert shop.kept() == []


def test_a_test_that_reads_what_nobody_built_says_so(shop: Shop) -> None:
    shop.land((1, 10.0))
    found = shop.run("stg_orders")["stg_orders"]
    assert (found.status, found.message) == (
        "error",
        "stg_orders reads big_orders, which has not been built. Build it: run models --select +big_orders",
    )


def test_a_wrong_test_fails_alone_and_names_its_file(shop: Shop) -> None:
    (shop.root / "tests/no_order_is_lost.sql").write_text("select * from {{ ref('big_orders') }} where totl > 1")
    shop.land((1, 10.0))
    found = shop.run()["big_orders"]
    assert found.status == "withheld"
    wrong = next(one for one in found.checks.results if one.status == "fail")
    assert wrong.told.startswith("no_order_is_lost could not be judged: [UNRESOLVED_COLUMN.WITH_SUGGESTION]")
    assert wrong.told.endswith("(tests/no_order_is_lost.sql)")
    assert shop.statuses()["no_order_is_lost"] == ("error", None)
