"""How old landed tables are: what the log tells without Spark, what Spark is asked, limits, the artifact."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from runner.errors import FormatError
from runner.project.parse import Project, load_project
from runner.sources.freshness import document, expects_freshness, with_spark, without_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
NOW = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)
SOURCES = """
    version: 2
    sources:
      - name: shop
        config:
          freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 2, period: day}}
        loaded_at_field: loaded_at
        tables:
          - name: orders
            columns: [{name: order_id, data_type: int}, {name: loaded_at, data_type: timestamp}]
          - name: clicks
            freshness: {filter: "order_id < 2"}
          - name: visits
            loaded_at_query: "select max(loaded_at) - interval 1 day from {{ this }}"
          - name: codes
            freshness: null
          - name: lost
    """


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    return load_project(write({**tiny, "sources.yml": SOURCES}))


def land(project: Project, name: str, hours: list[float]) -> None:
    """Writes rows that were loaded so many hours before NOW."""
    table = pa.table(
        {
            "order_id": pa.array(range(1, len(hours) + 1), pa.int32()),
            "loaded_at": pa.array([NOW - timedelta(hours=one) for one in hours], pa.timestamp("us", tz="UTC")),
        }
    )
    write_deltalake(str(project.warehouse / "shop" / name), table, mode="append")


def test_which_tables_say_how_old_they_may_be(project: Project) -> None:
    assert [table.name for table in project.sources.values() if expects_freshness(table)] == [
        "orders", "clicks", "visits", "lost",
    ]  # fmt: skip


@pytest.mark.parametrize(("hours", "status"), [(11.9, "pass"), (12.1, "warn"), (48.1, "error")])
def test_the_log_tells_the_newest_value_of_a_column(project: Project, hours: float, status: str) -> None:
    land(project, "orders", [400, hours])
    land(project, "orders", [90])
    (found,) = without_spark(project, [project.sources["shop.orders"]], asked_at=NOW)
    assert (found.status, found.by, found.loaded_at) == (status, "loaded_at", NOW - timedelta(hours=hours))
    said = document(found)
    assert said["max_loaded_at_time_ago_in_s"] == pytest.approx(hours * 3600)
    assert said["criteria"] == {
        "warn_after": {"count": 12, "period": "hour"},
        "error_after": {"count": 2, "period": "day"},
        "filter": None,
    }


def test_a_table_that_was_never_landed_is_of_unknown_age(project: Project) -> None:
    (found,) = without_spark(project, [project.sources["shop.lost"]], asked_at=NOW)
    assert document(found) == {
        "unique_id": "source.tiny.shop.lost",
        "error": "it has not been landed. Land it: run ingest shop.lost",
        "status": "runtime error",
    }


def test_a_limit_that_is_none_is_named(write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write({**tiny, "sources.yml": SOURCES.replace("period: hour", "period: hours")}))
    land(project, "orders", [1])
    with pytest.raises(FormatError) as caught:
        without_spark(project, [project.sources["shop.orders"]], asked_at=NOW)
    assert str(caught.value) == (
        'sources.yml:8: "warn_after" of table "shop.orders" is written {count: 12, period: hour}; '
        "the period is one of minute, hour, day."
    )


def test_without_a_column_the_last_commit_tells(write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write({**tiny, "sources.yml": SOURCES.replace("        loaded_at_field: loaded_at\n", "")}))
    land(project, "orders", [400])
    now = datetime.now(UTC)
    (found,) = without_spark(project, [project.sources["shop.orders"]], asked_at=now)
    assert (found.status, found.by) == ("pass", "its last commit")
    assert found.age < timedelta(minutes=5)


def test_spark_is_asked_for_queries_and_filters(spark: SparkSession, project: Project) -> None:
    spark.sql("drop schema if exists shop cascade")
    for name in ("clicks", "visits"):
        land(project, name, [30, 1])
    (project.root / "warehouse/shop/lost").mkdir(parents=True)
    tables = [project.sources[f"shop.{name}"] for name in ("clicks", "visits", "lost")]
    assert without_spark(project, tables[:2], asked_at=NOW) == []
    found = with_spark(project, spark, tables, asked_at=NOW)
    assert [(one.table.name, one.status, one.by, round(one.age.total_seconds() / 3600)) for one in found[:2]] == [
        ("clicks", "warn", "loaded_at", 30),
        ("visits", "warn", "loaded_at_query", 25),
    ]
    assert (found[2].status, found[2].message) == ("runtime error", "shop.lost has not been built yet.")


def test_the_command_tells_each_table_and_writes_sources_json(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    from runner.cli import main

    table = pa.table({"loaded_at": pa.array([datetime.now(UTC) - timedelta(days=3)], pa.timestamp("us", tz="UTC"))})
    write_deltalake(str(project.warehouse / "shop/orders"), table)
    with pytest.raises(SystemExit) as ended:
        main(["source", "freshness", "--select", "source:shop.orders", "--project-dir", str(project.root)])
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("1/1  ERROR  shop.orders  loaded 3 days ago, ")
    assert "by loaded_at; warns after 12 hours, fails after 2 days (sources.yml:8)\n" in said
    assert said.splitlines()[-1].endswith(" s: 1 too old.")
    written: dict[str, Any] = json.loads((project.root / "target/sources.json").read_text())
    assert [one["status"] for one in written["results"]] == ["error"]
