"""A few days of a small project, made without Spark: runs, what their checks said, reports; good, then bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from runner.artifacts.outcome import write_reports
from runner.artifacts.records import Invocation, write_record
from runner.execute import NodeResult, Stage
from runner.project.parse import Project
from runner.quality import load_quality
from runner.quality.history import keep_results
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.runner.state.conftest import FILES as PROJECT
from tests.runner.state.conftest import Settled, stands

if TYPE_CHECKING:
    from expectations.definition import Level
    from runner.execute import Status

BEGAN = datetime(2026, 11, 16, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAUSE = "per-user average"
FILES = {
    "expectations/suites/totals.yml": (
        "model: totals\nexpectations:\n"
        "  - {expect: expect_column_values_to_be_between, column: revenue, min_value: 0, name: revenue is <positive>}\n"
        "  - {expect: expect_table_row_count_to_be_between, min_value: 1}\n"
    ),
    "models/_exposures.yml": (
        "exposures:\n  - {name: revenue, label: Revenue board, type: dashboard, owner: {name: Ana},\n"
        "     depends_on: [\"ref('report')\"]}\n"
    ),
}


def story(root: Path) -> Project:
    """Writes the whole story into a folder; returns its project."""
    for name, text in PROJECT.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return told(stands(root))


def told(settled: Settled, *, days: int = 5, bad: bool = True) -> Project:
    """Returns the project after runs on so many days, the last of which may go wrong: totals is withheld, report skipped."""
    for name, text in FILES.items():
        path = settled.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = settled.project()
    for day in range(days):
        _run(project, day, bad=bad and day == days - 1)
    return project


def _run(project: Project, day: int, *, bad: bool) -> None:
    at = BEGAN + timedelta(days=day)
    run_id = f"{day}" * 8
    level: Level = "fail" if bad else "warn" if day == 1 else "pass"
    status: Status = "withheld" if bad else "warn" if day == 1 else "success"
    results = [
        _node("model.tiny.stg_orders", at, 0, 1.5),
        _node(
            "model.tiny.totals",
            at,
            1.5,
            4.0 + (20 if bad else day / 10),
            status=status,
            checks=_checks(project, level, day),
            message="-3 of 2 values of revenue" if level != "pass" else "",
            version=None if bad else 0,
            rows=2,
            after=("model.tiny.stg_orders",),
            why="its SQL changed" if day == 0 else "stg_orders has new data: version 1 → 2",
        ),
    ]
    if bad:
        results.append(_node("model.tiny.report", at, 26, 0, status="skipped", message="totals failed"))
    else:
        results.append(_node("model.tiny.report", at, 6, 1, version=0, rows=2, after=("model.tiny.totals",)))
    invocation = Invocation(run_id=run_id, command="build", arguments={"threads": 2}, seconds=30.0)
    write_record(
        project,
        results,
        run_id=run_id,
        command="build",
        arguments=invocation.arguments,
        started_at=at - timedelta(seconds=8),
        seconds=36.0,
    )
    assert keep_results(project, results, run_id=run_id, run_at=at - timedelta(seconds=8), command="build") == ""
    write_reports(project, results, invocation)


def _node(name: str, at: datetime, start: float, seconds: float, **rest: object) -> NodeResult:
    begin = at + timedelta(seconds=start)
    stages = (
        Stage(name="write", started_at=begin, seconds=seconds * 0.7),
        Stage(name="checks", started_at=begin + timedelta(seconds=seconds * 0.7), seconds=seconds * 0.25),
        Stage(name="publish", started_at=begin + timedelta(seconds=seconds * 0.95), seconds=seconds * 0.05),
    )
    given = {"status": "success", "stages": stages if seconds else (), **rest}
    return NodeResult(unique_id=name, started_at=begin, seconds=seconds, **given)  # type: ignore[arg-type]


def _checks(project: Project, level: Level, day: int) -> SuiteResult:
    between = Expectation(
        type="expect_column_values_to_be_between",
        arguments={"column": "revenue", "min_value": 0},
        name="revenue is <positive>",
    )
    missing = Expectation(
        type="expect_column_values_to_not_be_null",
        arguments={"column": "revenue"},
        test_id=next(name for name in project.tests if ".not_null_totals" in name),
    )
    return SuiteResult(
        model="totals",
        rows=2,
        results=(
            CheckResult(
                expectation=between,
                status=level,
                level=level,
                observed=f"{day} failing",
                message="-3 of 2 values of revenue" if level != "pass" else "All values of revenue are as expected.",
                cause=CAUSE if level == "fail" else "",
                numbers={"figure": float(day)},
                failing_count=day,
            ),
            CheckResult(
                expectation=missing, status="pass", level="pass", message="2 values.", numbers={"failing": 0.0}
            ),
        ),
    )


def site(project: Project) -> Path:
    """Returns the folder of the project's site."""
    return write_site(Facts(project=project, quality=load_quality(project), now=NOW)).parent
