"""A fault in the rows of one store is named by the store, whatever the model: joined, unioned, or marked by a column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from expectations.diagnosis.verdict import verdict
from runner.build import Builder, BuildOptions
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.result import SuiteResult

HBASE, MONGODB = "HBase (hbase.visits)", "MongoDB (mongodb.orders)"
FILES = {
    "project.yml": """
        name: two
        models: {two: {+materialized: view}}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: mongodb
            meta: {store: mongodb}
            tables:
              - name: orders
                key: [order_id]
                columns:
                  - {name: order_id, data_type: string}
                  - {name: visit_id, data_type: string}
                  - {name: amount, data_type: int}
          - name: hbase
            meta: {store: hbase}
            tables:
              - name: visits
                key: [visit_id]
                columns:
                  - {name: visit_id, data_type: string, cells: [":key"]}
                  - {name: device, data_type: string, cells: ["device:type"]}
                  - {name: amount, data_type: int, cells: ["stats:amount"]}
                  - {name: seconds, data_type: int, cells: ["stats:seconds"]}
        """,
    "models/stg_visits.sql": "select * from {{ source('hbase', 'visits') }}",
    # Rows with a visit fail.
    "models/joined.sql": """
        select orders.order_id, visits.visit_id, visits.device, visits.seconds,
            if(visits.visit_id is null, 1, -1) as amount
        from {{ source('mongodb', 'orders') }} as orders
        left join {{ ref('stg_visits') }} as visits on visits.visit_id = orders.visit_id
        """,
    # Orders without a visit fail; of a visit only what is computed from it is kept, twice without a null.
    "models/matched.sql": """
        with counted as (
            select visit_id, count(*) as order_count, min(order_id) as first_order, max(order_id) as last_order
            from {{ source('mongodb', 'orders') }} group by visit_id
        )
        select visits.visit_id, visits.device, counted.first_order, counted.last_order,
            coalesce(counted.order_count, 0) as order_count, coalesce(visits.seconds, 0) as seconds,
            if(visits.visit_id is null, -1, 1) as amount
        from {{ ref('stg_visits') }} as visits full outer join counted on counted.visit_id = visits.visit_id
        """,
    # The rows of both stores have the same columns; those of visits fail.
    "models/events.sql": """
        select order_id as id, amount from {{ source('mongodb', 'orders') }}
        union all
        select visit_id, -amount from {{ ref('stg_visits') }}
        """,
    "models/marked.sql": """
        select order_id as id, amount, 'shop' as _from from {{ source('mongodb', 'orders') }}
        union all
        select visit_id, -amount, 'clicks' from {{ ref('stg_visits') }}
        """,
    # Any row fails: the column tells the store, its rows do not.
    "models/spread.sql": """
        select orders.order_id, visits.seconds as amount
        from {{ source('mongodb', 'orders') }} as orders
        join {{ ref('stg_visits') }} as visits on visits.visit_id = orders.visit_id
        """,
    "models/alone.sql": "select order_id, -amount as amount from {{ source('mongodb', 'orders') }}",
    "models/_m.yml": """
        models: [{name: marked, meta: {store_column: _from}}]
        """,
}
MODELS = ("joined", "matched", "events", "marked", "spread", "alone")
SUITE = """
    model: {model}
    expectations:
      - {{expect: expect_column_values_to_be_between, column: amount, min_value: 0, severity: warn}}
"""


@pytest.fixture(scope="module")
def judged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, SuiteResult]:
    """Builds the models once; returns what their checks say."""
    root: Path = tmp_path_factory.mktemp("two")
    texts = FILES | {f"expectations/suites/{name}.yml": SUITE.format(model=name) for name in MODELS}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    for name in ("marts", "mongodb", "hbase"):
        spark.sql(f"drop schema if exists {name} cascade")
    landed = {
        # Every third order has its visit; every fourth visit has no order.
        "mongodb/orders": "select concat('o', id) as order_id, if(id % 3 = 0, concat('v', id), if(id % 3 = 1, concat('x', id), null))"
        " as visit_id, cast(id % 7 + 1 as int) as amount from range(300)",
        "hbase/visits": "select concat('v', id) as visit_id, if(id % 2 = 0, 'web', 'app') as device, "
        "cast(id % 5 + 1 as int) as amount, cast(if(id % 2 = 0, -id - 1, id) as int) as seconds "
        "from range(400) where id % 3 = 0",
    }
    for path, sql in landed.items():
        spark.sql(sql).write.format("delta").save(str(root / "warehouse" / path))
    project = load_project(root)
    builder = Builder(project, load_quality(project), spark, run_id="run-1", options=BuildOptions(threads=2))
    results = builder.run(project.select(()))
    return {one.unique_id.rsplit(".", 1)[-1]: one.checks for one in results if one.checks is not None}


CASES = [
    ("joined", [f"store = {HBASE}"]),
    ("matched", [f"store = {MONGODB} only", "device = null"]),
    ("events", [f"store = {HBASE}"]),
    ("marked", ["store = clicks"]),
    ("spread", [f"store = {HBASE}"]),
    ("alone", []),
]


@pytest.mark.parametrize(("model", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_fault_in_one_stores_rows_is_named_by_it(
    judged: Mapping[str, SuiteResult], model: str, expected: list[str]
) -> None:
    found = verdict(judged[model])
    assert found.cause != ""
    assert [str(one) for one in (found.slice, *found.where) if one is not None] == expected


def test_the_slice_by_store_says_how_much_it_holds(judged: Mapping[str, SuiteResult]) -> None:
    found = verdict(judged["joined"])
    assert found.slice is not None
    assert (found.slice.rows, found.slice.failing, found.slice.share) == (100, 100, 1.0)
    assert f"100 % of the failing rows lie in store = {HBASE}, where 100 % of 100 rows fail." in found.evidence
