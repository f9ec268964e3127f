"""How landed tables stand in a run's report: their landing, their age, the last comparison with their store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from ingest.reconcile import Differences, KeyDifference, KeyRange, Reconciliation
from runner.artifacts.landed_state import landed_of
from runner.artifacts.outcome import write_reports
from runner.artifacts.records import Invocation
from runner.execute import NodeResult
from runner.project.parse import Project, load_project
from runner.quality.history import keep_results
from runner.quality.store import as_result

Write = Callable[[Mapping[str, str]], Path]
LANDED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    files = dict(tiny)
    files["sources.yml"] = """
        version: 2
        sources:
          - name: shop
            meta: {store: mongodb}
            freshness: {warn_after: {count: 2, period: hour}, error_after: {count: 1, period: day}}
            tables:
              - name: orders
                key: [order_id]
                columns: [{name: order_id, data_type: int}, {name: total, data_type: int}]
              - name: unread
              - name: unlanded
        """
    files["models/both.sql"] = "select * from {{ ref('totals') }}, {{ source('shop', 'unlanded') }}"
    project = load_project(write(files))
    said = {"kind": "landing", "taken_at": LANDED.isoformat(), "landed": 9, "quarantined": 1, "cut": {"kind": "none"}}
    write_deltalake(
        str(project.warehouse / "shop/orders"),
        pa.table({"order_id": [1]}),
        commit_properties=CommitProperties(custom_metadata={"userMetadata": json.dumps(said)}),
    )
    return project


def compared(project: Project, *, lost: int = 0) -> NodeResult:
    keys = Differences(lost, tuple(KeyDifference(key=str(n), stored=1, landed=0) for n in range(lost)))
    ranges = (KeyRange(least="1", greatest="9", stored=10, landed=9),) if lost else ()
    found = Reconciliation(
        table="shop.orders",
        stored=10 + lost,
        stored_unfit=1,
        landed=9,
        quarantined=1,
        ranges=4,
        differing_ranges=ranges,
        missing=keys,
    )
    return as_result(project.sources["shop.orders"], found)


def test_the_landed_tables_above_a_run(project: Project) -> None:
    built = [NodeResult(unique_id="model.tiny.both", status="success")]
    orders, unlanded = landed_of(project, built, run_id="r")
    assert (orders.table, orders.store, orders.rows, orders.quarantined) == ("shop.orders", "MongoDB", 9, 1)
    assert (orders.origin, orders.taken_at, orders.freshness) == ("its store", LANDED, "warn")
    assert orders.age_seconds is not None and 3 * 3_600 <= orders.age_seconds < 12 * 3_600
    assert (orders.allowed, orders.compared) == ("warns after 2 hours, fails after 1 days", None)
    assert (unlanded.table, unlanded.rows, unlanded.age_seconds, unlanded.freshness) == (
        "shop.unlanded", None, None, "",
    )  # fmt: skip
    assert [
        one.table
        for one in landed_of(project, [NodeResult(unique_id="model.tiny.totals", status="success")], run_id="r")
    ] == ["shop.orders"]
    assert landed_of(project, [], run_id="r") == ()


def test_the_last_comparison_is_remembered_until_a_run_makes_another(project: Project) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert keep_results(project, [compared(project, lost=2)], run_id="r1", run_at=at, command="reconcile") == ""
    built = [NodeResult(unique_id="model.tiny.totals", status="success")]
    (before,) = landed_of(project, built, run_id="r2")
    assert before.compared is not None
    assert (before.compared.run_id, before.compared.at, before.compared.status) == ("r1", at, "fail")
    assert (before.compared.stored, before.compared.landed, before.compared.quarantined) == (12, 9, 1)
    assert (before.compared.differing_ranges, before.compared.kinds) == (1, {"missing": 2})
    (now,) = landed_of(project, [*built, compared(project)], run_id="r2")
    assert now.compared is not None
    assert (now.compared.run_id, now.compared.status, now.compared.kinds) == ("r2", "pass", {})


def test_a_comparison_alone_has_a_report(project: Project) -> None:
    broken = NodeResult(unique_id="source.tiny.shop.unlanded", status="error", message="it has not been landed.")
    asked = Invocation(run_id="run-1", command="reconcile", arguments={"words": ["shop"]}, seconds=1.0)
    page = write_reports(project, [compared(project, lost=2), broken], asked).report
    assert page is not None
    found: dict[str, Any] = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert (found["headline"], found["run"]["command"]) == ("The one table fails: shop.orders", "run reconcile shop")
    assert found["tables"][0]["verdict"]["cause"] == "landed rows that are not those of the store"
    assert [(one["table"], one["compared"] and one["compared"]["status"]) for one in found["sources"]] == [
        ("shop.orders", "fail"),
        ("shop.unlanded", None),
    ]
    junit = (page.parent / "junit.xml").read_text(encoding="utf-8")
    assert '<testsuite name="shop.orders" tests="1" failures="1"' in junit
    assert 'name="expect_store_to_match"' in junit
    assert '<error message="it has not been landed." />' in junit
