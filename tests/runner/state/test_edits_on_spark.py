"""A series of edits on one project on real Spark: after each, what has to run runs, and nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.execute import NodeResult
from runner.model import SourceTable
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.state.decide import State
from runner.state.reuse import all_reused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

FILES = {
    "project.yml": """
        name: tiny
        vars: {least: 2, unused: 1}
        models:
          tiny:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        targets:
          dev: {warehouse: warehouse, schema: marts}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: shop
            tables:
              - name: orders
                columns:
                  - {name: order_id, data_type: int, data_tests: [not_null]}
                  - {name: total, data_type: int}
              - name: kinds
                columns:
                  - {name: kind, data_type: string}
        """,
    "macros/doubled.sql": "{% macro doubled(column) %}{{ column }} * 2{% endmacro %}",
    "models/staging/stg_orders.sql": "select order_id, total from {{ source('shop', 'orders') }}",
    "models/staging/stg_kinds.sql": "select kind from {{ source('shop', 'kinds') }}",
    "models/staging/_staging.yml": """
        version: 2
        models:
          - name: stg_kinds
            columns: [{name: kind, data_tests: [not_null]}]
        """,
    "models/large.sql": "{{ config(materialized='ephemeral') }}select * from {{ ref('stg_orders') }} where total >= 2",
    "models/totals.sql": "select count(*) as order_count, sum({{ doubled('total') }}) as revenue from {{ ref('stg_orders') }}",
    "models/largest.sql": "select order_id, total from {{ ref('large') }} where total >= {{ var('least') }}",
    "models/report.sql": "select revenue from {{ ref('totals') }}",
    "models/merged.sql": """
        {{ config(materialized='incremental', unique_key='order_id') }}
        select order_id, total from {{ ref('stg_orders') }}
        {% if is_incremental() %}where order_id >= (select max(order_id) from {{ this }}){% endif %}
        """,
    "models/kind_list.sql": "select collect_set(kind) as kinds from {{ ref('stg_kinds') }}",
    "models/lonely.sql": "select 1 as one",
    "seeds/cities.csv": "city,size\nUlm,1\nBonn,2\n",
    "models/cities_counted.sql": "select count(*) as city_count from {{ ref('cities') }}",
    "models/widened.sql": """
        {% set found = run_query("select max(total) as total from " ~ ref("stg_orders")) %}
        select {% if execute %}{% for row in found.rows %}{{ row[0] }} + {% endfor %}{% endif %}0 as largest
        from {{ ref('stg_orders') }} limit 1
        """,
    "expectations/suites/totals.yml": """
        model: totals
        description: What must be true of the totals.
        expectations:
          - expect: expect_column_values_to_be_between
            column: order_count
            min_value: 1
        """,
}
SUITE = "expectations/suites/totals.yml"
MORE = """  - expect: expect_column_values_to_not_be_null
    column: revenue
"""
DESCRIBED = """version: 2
models:
  - name: lonely
    description: One row.
  - name: merged
    columns: [{name: order_id, description: The order.}]
"""
OF_ORDERS = {"widened", "totals", "largest", "report", "merged", "shop.orders"}


@dataclass
class Shop:
    """A project, a hand to change it, and a run of it."""

    spark: SparkSession
    root: Path
    now: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def land(self, name: str, query: str, mode: str = "overwrite") -> None:
        frame = self.spark.sql(query)
        frame.write.format("delta").mode(mode).save(str(self.table(f"shop/{name}")))

    def table(self, name: str) -> Path:
        return self.root / "warehouse" / name

    def sql(self, statement: str, name: str) -> None:
        self.spark.sql(statement.format(f"delta.`{self.table(name)}`"))

    def opened(self, **how: bool) -> tuple[State, list[str], Builder]:
        project = load_project(self.root)
        quality = load_quality(project)
        options = BuildOptions(threads=2, reuse=True)
        builder = Builder(project, quality, self.spark, run_id="run-1", options=options)
        builder.state = State(project, quality, now=self.now, **how)
        return State(project, quality, now=self.now, **how), project.select(kinds=("model", "source", "seed")), builder

    def run(self, **how: bool) -> dict[str, NodeResult]:
        """Runs everything; returns the results by the names that people write."""
        _, nodes, builder = self.opened(**how)
        results = {_label(builder, one.unique_id): one for one in builder.run(nodes)}
        return {label: one for label, one in results.items() if label not in ("large", "shop.kinds")}


def _label(builder: Builder, unique_id: str) -> str:
    node = builder.project.node(unique_id)
    return node.label if isinstance(node, SourceTable) else node.name


@pytest.fixture
def shop(spark: SparkSession, write: Write) -> Shop:
    for name in ("marts", "marts_staging", "shop"):
        spark.sql(f"drop schema if exists {name} cascade")
    made = Shop(spark, write(FILES))
    made.land("orders", "select * from values (1, 10), (2, 5) as orders(order_id, total)")
    made.land("kinds", "select 'a' as kind")
    return made


ALL = {
    "widened",
    "cities",
    "cities_counted",
    "stg_orders",
    "stg_kinds",
    "totals",
    "largest",
    "report",
    "merged",
    "kind_list",
    "lonely",
    "shop.orders",
}
BELOW_VIEW = {"widened", "stg_orders", "totals", "largest", "report", "merged"}


def moved(shop: Shop, old: str, new: str) -> None:
    (shop.root / new).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(shop.root / old, shop.root / new)


def later(shop: Shop, **time: int) -> None:
    shop.now += timedelta(**time)


def said_again(shop: Shop) -> None:
    """What landing equal records does: a commit that changes no row."""
    delta.note(shop.table("shop/orders"), user_metadata={"kind": "landing", "read": 2, "quarantined": 0})


# What is done, to what, what must run then, and a word of the reason; nothing else may run.
EDITS: list[tuple[str, Callable[[Shop], object], set[str], str]] = [
    ("nothing", lambda shop: None, set(), ""),
    ("a comment", lambda shop: shop.edit("models/totals.sql", "select", "-- how much\nselect /* all */"), set(), ""),
    ("white space", lambda shop: shop.edit("models/report.sql", " from ", "\n\n    from\t"), set(), ""),
    ("a macro's comment", lambda shop: shop.edit("macros/doubled.sql", "{{", "{# twice #}/* it */ {{"), set(), ""),
    (
        "a macro's body",
        lambda shop: shop.edit("macros/doubled.sql", "* 2", "* 3"),
        {"totals", "report"},
        "its SQL changed, through macro doubled",
    ),
    (
        "a variable that is used",
        lambda shop: shop.edit("project.yml", "least: 2", "least: 3"),
        {"largest"},
        "variable least: 2 → 3",
    ),
    ("a variable that is not used", lambda shop: shop.edit("project.yml", "unused: 1", "unused: 2"), set(), ""),
    (
        "a check more",
        lambda shop: shop.write(SUITE, (shop.root / SUITE).read_text() + MORE),
        {"totals"},
        "check added: expect_column_values_to_not_be_null(revenue)",
    ),
    ("a threshold", lambda shop: shop.edit(SUITE, "min_value: 1", "min_value: 2"), {"totals"}, "check changed"),
    ("a suite's file", lambda shop: shop.edit(SUITE, "model: totals", "# the marts\nmodel: totals"), set(), ""),
    ("a check less", lambda shop: shop.edit(SUITE, MORE, ""), set(), ""),
    (
        "rows appended to a source",
        lambda shop: shop.land("orders", "select 3 as order_id, 7 as total", mode="append"),
        OF_ORDERS,
        "shop.orders has new data: version 0 → 1",
    ),
    ("OPTIMIZE of a source", lambda shop: shop.sql("optimize {}", "shop/orders"), set(), ""),
    ("VACUUM of a source", lambda shop: shop.sql("vacuum {}", "shop/orders"), set(), ""),
    (
        "a property of a published table",
        lambda shop: shop.sql("alter table {} set tblproperties ('a' = 'b')", "marts/totals"),
        set(),
        "",
    ),
    ("records landed again, equal", said_again, set(), ""),
    (
        "records landed again, changed",
        lambda shop: shop.land("orders", "select * from values (1, 10), (2, 5), (3, 8) as orders(order_id, total)"),
        OF_ORDERS,
        "has new data",
    ),
    (
        "RESTORE of a source",
        lambda shop: shop.sql("restore table {} to version as of 0", "shop/orders"),
        OF_ORDERS,
        "has new data",
    ),
    (
        "a time function",
        lambda shop: shop.write("models/lonely.sql", "select 1 as one, current_date() as today"),
        {"lonely"},
        "its SQL changed",
    ),
    ("an hour later", lambda shop: later(shop, hours=1), set(), ""),
    ("a day later", lambda shop: later(shop, days=1), {"lonely"}, "current_date was 2026-11-21, is 2026-11-22"),
    ("chance", lambda shop: shop.write("models/lonely.sql", "select rand() as one"), {"lonely"}, "its SQL changed"),
    ("chance, once more", lambda shop: None, {"lonely"}, "another result each time"),
    ("no chance", lambda shop: shop.write("models/lonely.sql", "select rand(4) as one"), {"lonely"}, "its SQL changed"),
    ("another folder", lambda shop: moved(shop, "models/report.sql", "models/reports/report.sql"), set(), ""),
    (
        "partition_by",
        lambda shop: shop.edit("models/largest.sql", "select", "{{ config(partition_by='order_id') }}select"),
        {"largest"},
        'partition_by: not set → ["order_id"]',
    ),
    (
        "tags and meta",
        lambda shop: shop.edit("models/largest.sql", "config(", "config(tags=['a'], meta={'owner': 'me'}, "),
        set(),
        "",
    ),
    ("descriptions", lambda shop: shop.write("models/_models.yml", DESCRIBED), set(), ""),
    (
        "an alias",
        lambda shop: shop.edit("models/reports/report.sql", "select", "{{ config(alias='final_report') }}select"),
        {"report"},
        "never built",
    ),
    (
        "an ephemeral parent",
        lambda shop: shop.edit("models/large.sql", ">= 2", ">= 1"),
        {"largest"},
        "its SQL changed",
    ),
    (
        "a view below tables",
        lambda shop: shop.edit("models/staging/stg_orders.sql", " total ", " total + 0 as total "),
        BELOW_VIEW,
        "the view stg_orders changed",
    ),
    (
        "rows below a view with checks",
        lambda shop: shop.land("kinds", "select 'b' as kind"),
        {"stg_kinds", "kind_list"},
        "shop.kinds has new data: version 0 → 1",
    ),
    (
        "a row that somebody put into a published table",
        lambda shop: shop.sql("insert into {} select 9L, 9L", "marts/totals"),
        {"totals", "report"},
        "it was changed by others: version",
    ),
    ("no target folder", lambda shop: shutil.rmtree(shop.root / "target"), set(), ""),
    ("a table removed", lambda shop: shutil.rmtree(shop.table("marts/kind_list")), {"kind_list"}, "never built"),
    (
        "a view becomes a table",
        lambda shop: shop.edit(
            "models/staging/_staging.yml", "columns:", "config: {materialized: table}\n    columns:"
        ),
        {"stg_kinds", "kind_list"},
        'materialized: "view" → "table"',
    ),
    ("a seed", lambda shop: shop.edit("seeds/cities.csv", "Bonn", "Köln"), {"cities", "cities_counted"}, "changed"),
    (
        "what a template makes of an answer",
        lambda shop: shop.edit("models/widened.sql", "{{ row[0] }} +", "{{ row[0] }} * 2 +"),
        {"widened"},
        "its SQL changed",
    ),
    (
        "a comment in a template that asks",
        lambda shop: shop.edit("models/widened.sql", "{% for", "{# each #}{% for"),
        set(),
        "",
    ),
    ("--full-refresh", lambda shop: {"full_refresh": True}, {"merged"}, "--full-refresh"),
    (
        "a setting of Spark",
        lambda shop: shop.edit(
            "project.yml", "schema: marts}", 'schema: marts, spark: {spark.sql.ansi.enabled: "true"}}'
        ),
        ALL - {"shop.orders"},
        "spark.sql.ansi.enabled not set → true",
    ),
    ("--force", lambda shop: {"force": True}, ALL, "--force"),
]


def test_what_changed_runs_and_nothing_else(shop: Shop) -> None:
    first = shop.run()
    assert not [one for one in first.values() if one.stops], first
    wrong: list[str] = []
    for name, edit, expected, why in EDITS:
        asked = edit(shop)
        how = asked if isinstance(asked, dict) else {}
        state, nodes, _ = shop.opened(**how)
        idle = all_reused(state, nodes) is not None
        results = shop.run(**how)
        ran = {label: one.why for label, one in results.items() if one.status != "reused"}
        if set(ran) != expected or idle != (not expected):
            wrong.append(f"{name}: ran {ran}, not {sorted(expected)}; answered without Spark: {idle}")
        elif not any(why in reason for reason in ran.values()) and why:
            wrong.append(f"{name}: because of {ran}")
        if bad := {label: one.message for label, one in results.items() if one.stops}:
            wrong.append(f"{name}: {bad}")
    assert wrong == []
