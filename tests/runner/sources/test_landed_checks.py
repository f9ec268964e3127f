"""Checks of landed tables that no suite writes: how old they are, and what their store holds. Without Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from expectations.causes import STALE
from expectations.result import SuiteResult
from expectations.suite import Expectation, Suite
from ingest.reconcile import Differences, KeyDifference, KeyRange, Reconciliation
from runner.model import SourceTable
from runner.project.parse import Project, load_project
from runner.quality.fresh import as_check, with_freshness
from runner.quality.store import as_result, asks_stores
from runner.sources.freshness import Freshness
from runner.sources.store_match import why_not_asked

Write = Callable[[Mapping[str, str]], Path]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    return load_project(write(tiny))


def aged(project: Project, hours: float, status: str) -> Freshness:
    limits = {"warn_after": {"count": 12, "period": "hour"}, "error_after": {"count": 2, "period": "day"}}
    table = replace(project.sources["shop.orders"], freshness=limits)
    loaded_at = NOW - timedelta(hours=hours)
    return Freshness(table=table, status=status, asked_at=NOW, loaded_at=loaded_at, by="its last landing")  # type: ignore[arg-type]


def test_a_fresh_table_passes_with_its_age(project: Project) -> None:
    found = as_check(aged(project, 3, "pass"), blocks=True)
    assert (found.title, found.status, found.observed, found.cause) == ("freshness", "pass", "3 h", "")
    assert found.numbers == {"figure": 3.0}
    assert found.message == (
        "Loaded 3 h ago, 2026-03-10 09:00:00 UTC, by its last landing; warns after 12 hours, fails after 2 days."
    )


def test_a_table_that_is_too_old_fails_a_check_and_only_warns_a_build(project: Project) -> None:
    checked = as_check(aged(project, 60, "error"), blocks=True)
    assert (checked.status, checked.level, checked.cause, checked.blocking) == ("fail", "fail", STALE, True)
    assert (
        checked.what_to_do == "See whether the source still writes, and whether it was landed (run source freshness)."
    )
    built = as_check(aged(project, 60, "error"), blocks=False)
    assert (built.status, built.level, built.blocking) == ("warn", "fail", False)
    assert as_check(aged(project, 20, "warn"), blocks=True).status == "warn"


def test_an_age_that_nobody_knows_warns(project: Project) -> None:
    unknown = replace(aged(project, 1, "runtime error"), loaded_at=None, message="it has no rows.")
    found = as_check(unknown, blocks=True)
    assert (found.status, found.observed) == ("warn", "unknown")
    assert found.message == "Its age is not known: it has no rows."


def test_the_log_tells_an_age_without_asking_spark(project: Project) -> None:
    table = project.sources["shop.orders"]
    write_deltalake(str(project.warehouse / "shop" / "orders"), pa.table({"order_id": [1]}))
    empty = SuiteResult(model="shop.orders", results=())
    spark: Any = None
    assert with_freshness(empty, project, table, spark, blocks=True) is empty  # it says nothing of its age
    limited = replace(table, freshness={"error_after": {"count": 1, "period": "hour"}})
    (check,) = with_freshness(empty, project, limited, spark, blocks=True).results
    assert (check.title, check.status) == ("freshness", "pass")
    assert check.message.endswith("by its last commit; fails after 1 hours.")


def test_why_a_store_is_not_asked(write: Write, tiny: dict[str, str]) -> None:
    files = dict(tiny)
    project = load_project(write(files))
    table = project.sources["shop.orders"]
    assert why_not_asked(project, table) == 'the target "dev" names no stores'
    files["project.yml"] += """
          stores: {warehouse: warehouse, stores: {mongodb: {uri: "mongodb://nowhere", database: shop}}}
        """
    project = load_project(write(files), target="stores")
    assert why_not_asked(project, project.sources["shop.orders"]) == 'the target "stores" does not name a store of it'
    mine = replace(table, store="mongodb")
    write_deltalake(str(project.warehouse / "shop" / "orders"), pa.table({"order_id": [1]}))
    assert why_not_asked(project, mine) == "it was landed from files"


def reconciled(**rest: object) -> Reconciliation:
    return Reconciliation(
        table="shop.orders", stored=10, stored_unfit=0, landed=10, quarantined=0, ranges=4, seconds=1.5, **rest  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_comparison_is_the_result_of_a_check(project: Project) -> None:
    table: SourceTable = project.sources["shop.orders"]
    equal = as_result(table, reconciled())
    assert (equal.status, equal.checks.success, equal.checks.rows) == ("success", True, 10)
    (check,) = equal.checks.results
    assert (check.type, check.status, check.seconds, check.column) == ("expect_store_to_match", "pass", 1.5, "")
    lost = Differences(1, (KeyDifference(key="7", stored=1, landed=0),))
    ranges = (KeyRange(least="1", greatest="9", stored=10, landed=9),)
    differs = as_result(table, reconciled(differing_ranges=ranges, missing=lost))
    assert (differs.status, differs.checks.success) == ("error", False)
    assert differs.checks.results[0].failing_rows[0]["key"] == "7"


def test_which_suites_ask_a_store() -> None:
    ask = Expectation(type="expect_store_to_match")
    other = Expectation(type="expect_rows_to_satisfy", arguments={"condition": "a"})
    assert asks_stores([Suite(model="a", expectations=(other,)), Suite(model="b", expectations=(other, ask))])
    assert not asks_stores([Suite(model="a", expectations=(other,))])
