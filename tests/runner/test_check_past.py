"""The past of a check: from its results and from the table's own log. Without Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from expectations.checks.trend import AGE, FIGURE, NULL_SHARE, ROW_COUNT
from expectations.history.results import Run, append, rows_of
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from runner.project.parse import Project, load_project
from runner.quality.history import facts_of, past_of, results_path
from runner.quality.kept import as_moment, kept_versions

Write = Callable[[Mapping[str, str]], Path]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROWS = Expectation(type=ROW_COUNT.type)


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    return load_project(write(tiny))


def land(project: Project, totals: list[float | None], mode: str = "overwrite") -> Path:
    path = project.warehouse / "shop" / "orders"
    table = pa.table(
        {
            "total": pa.array(totals, pa.float64()),
            "at": pa.array(
                [NOW - timedelta(hours=place) for place in range(len(totals))], pa.timestamp("us", tz="UTC")
            ),
        }
    )
    write_deltalake(str(path), table, mode=mode)
    return path


def test_the_log_tells_rows_missing_values_and_the_newest_row(project: Project) -> None:
    path = land(project, [1.0, None, 3.0])
    land(project, [1.0], mode="append")
    land(project, [None, None])
    DeltaTable(str(path)).create_checkpoint()
    DeltaTable(str(path)).optimize.compact()  # changes no row
    land(project, [5.0] * 4, mode="append")
    found = list(kept_versions(path))
    assert [(one.version, one.rows, one.missing["total"]) for one in found] == [
        (0, 3, 1),
        (1, 4, 1),
        (2, 2, 2),
        (3, 6, 2),
    ]
    assert [as_moment(one.greatest["at"]) for one in found] == [NOW] * 4
    assert "total" in found[0].greatest and "total" not in found[2].greatest


def test_a_log_that_begins_later_is_read_from_there(project: Project) -> None:
    path = land(project, [1.0])
    for number in range(3):
        land(project, [1.0] * (number + 1), mode="append")
    DeltaTable(str(path)).create_checkpoint()
    land(project, [1.0], mode="append")
    for version in (0, 1):
        (path / "_delta_log" / f"{version:020d}.json").unlink()
    assert [(one.version, one.rows) for one in kept_versions(path)] == [(3, 7), (4, 8)]


def test_moments_of_the_log() -> None:
    assert as_moment("2026-03-10T12:00:00.000Z") == NOW
    assert as_moment("2026-03-10") == datetime(2026, 3, 10, tzinfo=UTC)
    assert as_moment("cat") is None and as_moment(3) is None


def keep(project: Project, expectation: Expectation, number: int, figure: float, *, version: int) -> None:
    check = CheckResult(expectation=expectation, status="pass", level="pass", numbers={"figure": figure})
    run = Run(run_id=f"run-{number}", run_at=NOW + timedelta(days=number), command="models", target="dev")
    result = SuiteResult(model="shop.orders", results=(check,), rows=round(figure))
    append(results_path(project), rows_of(run, result, version=version, is_published=True))


def test_results_come_first_and_the_log_fills_what_was_before_them(project: Project) -> None:
    node = project.sources["shop.orders"]
    assert past_of(project, node, ROWS) == ()
    land(project, [1.0, None, 3.0])
    land(project, [2.0] * 5)
    keep(project, ROWS, 40_000, 77.0, version=1)  # not what the log says: the result counts
    land(project, [2.0] * 6)
    assert [(one.version, one.numbers["figure"]) for one in past_of(project, node, ROWS)] == [
        (0, 3.0),
        (2, 6.0),
        (1, 77.0),
    ]
    mean = Expectation(type=FIGURE.type, arguments={"column": "total"})
    assert past_of(project, node, mean) == ()  # no log tells a mean
    nulls = Expectation(type=NULL_SHARE.type, arguments={"column": "total"})
    assert [one.numbers["figure"] for one in past_of(project, node, nulls)] == pytest.approx([1 / 3, 0, 0])
    age = past_of(project, node, Expectation(type=AGE.type, arguments={"column": "at"}))
    assert [one.numbers["figure"] for one in age] == [
        pytest.approx((one.at - NOW).total_seconds() / 3600) for one in age
    ]
    part = Expectation(type=ROW_COUNT.type, where="total > 2")
    assert past_of(project, node, part) == ()


def test_only_who_judges_by_the_past_is_told_it(project: Project) -> None:
    land(project, [1.0])
    told = facts_of(project, project.sources["shop.orders"])
    assert told(Expectation(type="expect_rows_to_satisfy", arguments={"condition": "true"})) == {}
    facts = told(ROWS)
    assert set(facts) == {"past", "asked_at", "is_sensitive"} and len(facts["past"]) == 1
    assert facts["is_sensitive"] is False
