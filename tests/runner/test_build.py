"""Building on real Spark and Delta: each materialization, its audit, and what readers see."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.execute import NodeResult
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.warehouse import is_view, read_view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
Rows = list[dict[str, Any]]


@pytest.fixture
def shop(spark: SparkSession, write: Write, tiny: dict[str, str]) -> Shop:
    for name in ("marts", "marts_staging", "shop"):  # a session keeps names; each test has its own warehouse
        spark.sql(f"drop schema if exists {name} cascade")
    return Shop(spark, write(tiny))


class Shop:
    """A project with a landed table, and a hand to change both."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        self.land((1, 10.0), (2, 5.5))

    def land(self, *orders: tuple[int, float]) -> None:
        listed = ", ".join(f"({number}, cast({total} as decimal(12, 2)))" for number, total in orders)
        frame = self.spark.sql(f"select * from values {listed} as orders(order_id, total)")
        frame.write.format("delta").mode("overwrite").save(str(self.root / "warehouse/shop/orders"))

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self, *select: str, full_refresh: bool = False) -> dict[str, NodeResult]:
        project = load_project(self.root)
        options = BuildOptions(threads=2, full_refresh=full_refresh)
        builder = Builder(project, load_quality(project), self.spark, run_id="run-1", options=options)
        results = builder.run(project.select(select))
        return {result.unique_id.rsplit(".", 1)[-1]: result for result in results}

    def rows(self, name: str) -> Rows:
        """Reads a published table at its path, as any Delta reader would."""
        return sorted(delta.first_rows(self.path(name), 1000)[1], key=str)

    def path(self, name: str) -> Path:
        return self.root / "warehouse/marts" / name


def test_views_and_tables(shop: Shop) -> None:
    results = shop.build()
    assert {name: result.status for name, result in results.items()} == {"stg_orders": "success", "totals": "success"}
    assert [{**row, "revenue": float(row["revenue"])} for row in shop.rows("totals")] == [
        {"order_count": 2, "revenue": 15.5}
    ]
    assert results["totals"].rows == 1
    stages = [(stage.name, stage.seconds > 0) for stage in results["totals"].stages]
    assert stages == [("compile", True), ("write", True), ("checks", True), ("publish", True)]
    assert sum(stage.seconds for stage in results["totals"].stages[1:]) <= results["totals"].seconds
    assert results["totals"].after == ("model.tiny.stg_orders",)
    view = shop.root / "warehouse/marts_staging/stg_orders"
    assert read_view(view)["inputs"] == ["shop.orders"]
    assert delta.metadata(shop.path("totals"))["run_id"] == "run-1"
    assert (shop.root / "target/compiled/tiny/models/totals.sql").read_text().startswith("select count(*)")


def test_a_second_build_is_a_new_version_and_the_first_stays_readable(shop: Shop) -> None:
    shop.build()
    shop.land((1, 10.0))
    assert shop.build("totals")["totals"].version == 1
    old = shop.spark.read.format("delta").option("versionAsOf", 0).load(str(shop.path("totals")))
    assert [row.order_count for row in old.collect()] == [2]
    assert [row["order_count"] for row in shop.rows("totals")] == [1]
    assert [path.name for path in shop.path("totals").glob("candidate-*/_delta_log")] == []


def test_a_table_may_change_its_columns(shop: Shop) -> None:
    shop.build()
    shop.file("models/totals.sql", "select max(total) as largest from {{ ref('stg_orders') }}")
    assert shop.build("totals")["totals"].status == "success"
    assert [list(row) for row in shop.rows("totals")] == [["largest"]]
    assert shop.spark.table("marts.totals").columns == ["largest"]


def test_partitions_are_published(shop: Shop) -> None:
    text = "{{ config(partition_by='kind') }}select order_id, if(order_id = 1, 'a b/c:d', 'ü') as kind from {{ ref('stg_orders') }}"
    shop.file("models/parts.sql", text)
    for _ in range(2):
        assert shop.build("+parts")["parts"].status == "success"
    assert shop.rows("parts") == [{"order_id": 1, "kind": "a b/c:d"}, {"order_id": 2, "kind": "ü"}]
    assert {row.kind for row in shop.spark.table("marts.parts").collect()} == {"a b/c:d", "ü"}


MERGED = """{{ config(materialized='incremental', unique_key='order_id') }}
select order_id, total{% if is_incremental() %} + (select 0 * count(*) from {{ this }}){% endif %} as total
from {{ ref('stg_orders') }}
"""


def test_incremental_merge_updates_and_adds_by_key(shop: Shop) -> None:
    shop.file("models/merged.sql", MERGED)
    shop.build()
    shop.spark.sql("drop table marts.merged")  # as in another process: the session does not know the table yet
    shop.land((2, 7.0), (3, 1.0))
    result = shop.build("merged")["merged"]
    assert (result.status, result.rows) == ("success", 3)
    assert [(row["order_id"], float(row["total"])) for row in shop.rows("merged")] == [(1, 10.0), (2, 7.0), (3, 1.0)]
    assert shop.build("merged", full_refresh=True)["merged"].rows == 2
    assert [row["order_id"] for row in shop.rows("merged")] == [2, 3]


def test_incremental_append_adds_what_the_query_gives(shop: Shop) -> None:
    shop.file(
        "models/log.sql",
        "{{ config(materialized='incremental') }}select order_id from {{ ref('stg_orders') }}"
        "{% if is_incremental() %} where order_id > (select max(order_id) from {{ this }}){% endif %}",
    )
    shop.build()
    shop.land((2, 1.0), (3, 1.0))
    shop.build("log")
    shop.build("log")
    assert [row["order_id"] for row in shop.rows("log")] == [1, 2, 3]
    shop.spark.sql("optimize marts.log")  # other writers still work on a table that was published by us
    assert sorted(row.order_id for row in shop.spark.table("marts.log").collect()) == [1, 2, 3]


def test_incremental_with_other_columns_says_how_to_go_on(shop: Shop) -> None:
    shop.file("models/merged.sql", MERGED)
    shop.build()
    before = shop.rows("merged")
    shop.file("models/merged.sql", MERGED.replace("select order_id, total", "select order_id, 1 as one -- "))
    result = shop.build("merged")["merged"]
    assert result.status == "error"
    assert result.message == (
        "models/merged.sql: the query's columns are not those of the published table: it lacks total. "
        "Set on_schema_change to append_new_columns or sync_all_columns, or rebuild: "
        "run models --select merged --full-refresh"
    )
    assert shop.rows("merged") == before


PROPERTIES = """
version: 2
models:
  - name: {name}
    columns:
      - name: order_id
        data_tests: [unique, not_null]
"""


@pytest.mark.parametrize("materialized", ["table", "incremental", "view"])
def test_what_fails_its_checks_is_not_published(shop: Shop, materialized: str) -> None:
    shop.file("models/_m.yml", PROPERTIES.format(name="kept"))
    key = ", unique_key='order_id'" if materialized == "incremental" else ""
    sql = f"{{{{ config(materialized='{materialized}'{key}) }}}}select order_id, total from {{{{ ref('stg_orders') }}}}"
    bad = " union all select null, 1.0" if key else " union all select 9, 1.0 union all select 9, 2.0"
    shop.file("models/kept.sql", sql)
    shop.file("models/below.sql", "select count(*) as n from {{ ref('kept') }}")
    first = shop.build()
    assert first["kept"].status == "success", first["kept"].message
    before = snapshot(shop.path("kept"))
    shop.file("models/kept.sql", sql + bad)
    results = shop.build("kept+")
    assert results["kept"].status == "withheld"
    assert "order_id" in results["kept"].message
    assert (results["below"].status, results["below"].message) == ("skipped", "kept failed")
    assert snapshot(shop.path("kept")) == before
    assert 9 not in {row.order_id for row in shop.spark.table("marts.kept").collect()}
    shop.file("models/kept.sql", sql)
    assert shop.build("kept+")["below"].status == "success"


def test_a_first_build_that_fails_leaves_no_table(shop: Shop) -> None:
    shop.file("models/_m.yml", PROPERTIES.format(name="kept"))
    shop.file("models/kept.sql", "select 1 as order_id union all select 1")
    assert shop.build("kept")["kept"].status == "withheld"
    assert delta.version(shop.path("kept")) is None


def test_a_warning_is_published(shop: Shop) -> None:
    shop.file(
        "models/_m.yml",
        PROPERTIES.format(name="kept").replace("[unique, not_null]", "[unique: {config: {severity: warn}}]"),
    )
    shop.file("models/kept.sql", "select 1 as order_id union all select 1")
    assert shop.build("kept")["kept"].status == "warn"
    assert len(shop.rows("kept")) == 2


def test_a_view_becomes_a_table_and_back(shop: Shop) -> None:
    shop.build()
    for materialized in ("view", "table", "view"):
        shop.file("models/totals.sql", f"{{{{ config(materialized='{materialized}') }}}}select 4 as n")
        assert shop.build("totals")["totals"].status == "success"
        assert [row.n for row in shop.spark.table("marts.totals").collect()] == [4]
        assert is_view(shop.path("totals")) == (materialized == "view")


def test_a_wrong_column_is_named_with_its_line_and_others_go_on(shop: Shop) -> None:
    shop.file("models/wrong.sql", "{{ config() }}\nselect order_id,\n  totl\nfrom {{ ref('stg_orders') }}")
    shop.file("models/below.sql", "select * from {{ ref('wrong') }}")
    results = shop.build()
    assert results["wrong"].status == "error"
    assert results["wrong"].message.startswith(
        "models/wrong.sql:3: A column, variable, or function parameter with name `totl`"
    )
    assert "`total`" in results["wrong"].message
    assert results["wrong"].message.endswith("Compiled: target/compiled/tiny/models/wrong.sql:2")
    assert results["below"].status == "skipped"
    assert results["totals"].status == "success"


def test_an_error_while_running_is_named_with_its_line(shop: Shop) -> None:
    shop.file("models/wrong.sql", "select order_id,\n  1 / (order_id - 1) as ratio\nfrom {{ ref('stg_orders') }}")
    message = shop.build("+wrong")["wrong"].message
    assert message.startswith("models/wrong.sql:2: Division by zero.")
    assert not shop.path("wrong").exists()


def test_a_parent_that_is_not_built_is_named(shop: Shop) -> None:
    assert shop.build("totals")["totals"].message == (
        "totals reads stg_orders, which has not been built. Build it: run models --select +stg_orders"
    )


def test_a_source_that_is_not_landed_is_named(shop: Shop) -> None:
    shop.file("sources.yml", (shop.root / "sources.yml").read_text() + "      - name: refunds\n")
    shop.file("models/refunds.sql", "select * from {{ source('shop', 'refunds') }}")
    assert shop.build("refunds")["refunds"].message == (
        "refunds reads shop.refunds, which has not been landed. Land it: run ingest shop.refunds"
    )


def test_an_enforced_contract_stops_before_anything_is_written(shop: Shop) -> None:
    shop.file(
        "models/_m.yml",
        "models:\n  - name: totals\n    config: {contract: {enforced: true}}\n    columns:\n"
        "      - {name: order_count, data_type: bigint}\n      - {name: revenue, data_type: double}\n",
    )
    result = shop.build()["totals"]
    assert (
        result.message
        == 'models/_m.yml: the contract of "totals" promises revenue as double; the query gives decimal(22,2).'
    )
    assert not shop.path("totals").exists()


def test_a_concurrent_change_is_a_conflict_and_not_a_loss(shop: Shop, tmp_path: Path) -> None:
    shop.build()
    table = shop.path("totals")
    candidate = delta.new_candidate(table)
    shop.spark.sql("select 7L as order_count, cast(1 as decimal(22, 2)) as revenue").write.format("delta").save(
        str(candidate)
    )
    shop.build("totals")
    from runner.errors import ContractError

    with pytest.raises(ContractError) as caught:
        delta.publish(table, candidate, user_metadata={}, read_version=0)
    assert "another process changed this table" in str(caught.value)
    assert [row["order_count"] for row in shop.rows("totals")] == [2]


def snapshot(table: Path) -> dict[str, bytes]:
    """Returns what a reader of the table depends on: its log or definition, and the files that they name."""
    if is_view(table):
        return {"view": (table / "view.json").read_bytes()}
    found = {path.name: path.read_bytes() for path in sorted((table / "_delta_log").glob("*.json"))}
    for text in list(found.values()):
        for action in map(json.loads, text.splitlines()):
            if "add" in action:
                found[action["add"]["path"]] = (table / action["add"]["path"]).read_bytes()
    return found
