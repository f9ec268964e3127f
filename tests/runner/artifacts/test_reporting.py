"""From a run's results to its report: owners, readers, trends, what could not be judged; files where they belong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from expectations.reports.values import Owner
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from runner.artifacts.outcome import write_reports
from runner.artifacts.records import Invocation, asked
from runner.artifacts.reporting import owner_of, report_of
from runner.execute import NodeResult
from runner.project.parse import Project, load_project
from runner.quality.history import keep_results
from tests.runner.conftest import TINY, Write

FILES = {
    **TINY,
    "models/models.yml": """
        groups:
          - name: finance
            owner: {name: Finance, email: [f@x.example, g@x.example]}
        models:
          - name: totals
            config: {group: finance}
            columns: [{name: revenue, meta: {sensitive: true}}, {name: order_count, config: {meta: {sensitive: true}}}]
          - name: stg_orders
            meta: {owner: Ann}
          - name: above
        exposures:
          - name: deck
            label: board deck
            type: dashboard
            owner: {email: i@x.example}
            depends_on: [ref('above')]
        """,
    "models/above.sql": "select * from {{ ref('totals') }}",
}
ASKED = Invocation(run_id="run-1", command="models", arguments={"select": ["stg_orders+"], "force": True}, seconds=2.0)


@pytest.fixture
def project(write: Write) -> Project:
    return load_project(write(FILES))


def flagged(status: Any = "fail", failing: int = 3) -> SuiteResult:
    one = CheckResult(
        expectation=Expectation(
            type="expect_column_values_to_not_be_null", arguments={"column": "total"}, place="s.yml:4"
        ),
        status=status,
        level=status,
        message=f"{failing} values of total are null.",
        cause="missing values" if status != "pass" else "",
        failing_count=failing,
    )
    return SuiteResult(model="stg_orders", results=(one,), rows=10)


def results(checks: SuiteResult) -> list[NodeResult]:
    return [
        NodeResult(unique_id="model.tiny.stg_orders", status="withheld", checks=checks),
        NodeResult(unique_id="model.tiny.totals", status="skipped", message="stg_orders was withheld"),
        NodeResult(unique_id="model.tiny.above", status="skipped", message="stg_orders was withheld"),
    ]


def test_owners_come_from_meta_group_and_exposure(project: Project) -> None:
    found = [owner_of(project, project.models[name]) for name in ("stg_orders", "totals", "above")]
    assert found == [
        Owner(name="Ann"),
        Owner(name="Finance", email="f@x.example, g@x.example", said_by="group finance"),
        None,
    ]
    (exposure,) = project.exposures.values()
    assert owner_of(project, exposure) == Owner(name="i@x.example", email="i@x.example")


def test_sensitive_columns_are_marked_under_meta_or_config(project: Project) -> None:
    assert [dict(column.meta) for column in project.models["totals"].columns] == [{"sensitive": True}] * 2


def test_a_faulty_tables_readers_with_what_became_of_them(project: Project) -> None:
    found = report_of(project, results(flagged()), ASKED)
    context = found.contexts["stg_orders"]
    assert (context.path, context.owner) == ("models/staging/stg_orders.sql", Owner(name="Ann"))
    assert [(one.name, one.kind, one.parents, one.state) for one in context.readers] == [
        ("totals", "model", ("stg_orders",), "skipped"),
        ("above", "model", ("totals",), "skipped"),
        ("board deck", "exposure", ("above",), ""),
    ]
    assert found.run.command == "run models stg_orders+ --force"
    assert found.run.withheld == ("stg_orders",)
    assert [(one.name, one.skipped, one.path) for one in found.unbuilt] == [
        ("totals", True, "models/totals.sql"),
        ("above", True, "models/above.sql"),
    ]


def test_checks_build_nothing_so_no_reader_is_built(project: Project) -> None:
    checked = [NodeResult(unique_id="model.tiny.stg_orders", status="error", checks=flagged()),
               NodeResult(unique_id="model.tiny.totals", status="success")]  # fmt: skip
    found = report_of(project, checked, Invocation(run_id="r", command="checks", arguments={}, seconds=1.0))
    assert {one.state for one in found.contexts["stg_orders"].readers} == {""}
    assert found.unbuilt == ()


def test_the_trend_of_the_check_that_names_the_cause(project: Project) -> None:
    for day, failing in ((1, 0), (2, 1)):
        at = datetime(2024, 3, day, tzinfo=UTC)
        before = results(flagged("pass" if not failing else "fail", failing))
        assert keep_results(project, before, run_id=f"r{day}", run_at=at, command="models") == ""
    found = report_of(project, results(flagged(failing=3)), ASKED).trends["stg_orders"]
    assert [(one.run_id, one.at.day, one.value, one.status) for one in found] == [
        ("r1", 1, 0.0, "pass"),
        ("r2", 2, 1.0, "fail"),
    ]


def test_a_trend_knows_what_was_expected_by_the_past_then(project: Project) -> None:
    kind = "expect_table_row_count_to_follow_history"
    judged = {"figure": 9.0, "expected": 10.0, "allowed": 1.5}
    now = flagged(failing=0)
    lead = replace(now.results[0], expectation=Expectation(type=kind), numbers=judged, failing_count=None)
    before = results(replace(now, results=(lead,)))
    assert keep_results(project, before, run_id="r1", run_at=datetime(2024, 3, 1, tzinfo=UTC), command="models") == ""
    found = report_of(project, before, ASKED).trends["stg_orders"]
    assert [(one.value, one.expected, one.allowed) for one in found] == [(9.0, 10.0, 1.5)]


def test_no_history_is_no_trend(project: Project) -> None:
    assert report_of(project, results(flagged()), ASKED).trends == {}


def test_the_report_is_written_into_the_target_folder(project: Project) -> None:
    pages = write_reports(project, results(flagged()), ASKED)
    assert pages.report is not None
    assert pages.report.parent.parent == project.root / "target" / "quality"
    assert pages.report.parent.name.endswith("-run-1")
    latest = project.root / "target" / "quality" / "latest"
    assert {path.name for path in latest.iterdir()} >= {"index.html", "report.json", "report.md", "junit.xml"}
    page = pages.report.read_text(encoding="utf-8").replace("<wbr>", "")
    assert "The one table was not published: stg_orders" in page
    assert "board deck" in page


def test_nothing_is_written_where_nothing_was_judged(project: Project) -> None:
    reused = [NodeResult(unique_id="model.tiny.totals", status="reused")]
    assert write_reports(project, reused, ASKED).report is None
    assert not (project.root / "target" / "quality").exists()


def test_a_model_that_breaks_is_in_the_report(project: Project) -> None:
    broken = [NodeResult(unique_id="model.tiny.totals", status="error", message="models/totals.sql:1: no column x.")]
    page = write_reports(project, broken, ASKED).report
    assert page is not None
    assert "1 table could not be judged: totals" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({}, "models"), ({"select": ["a", "b+"], "words": ["c"], "force": True, "threads": 2}, "models a b+ c --force")],
)
def test_what_was_asked(arguments: dict[str, Any], words: str) -> None:
    assert asked("models", arguments) == words


def test_secrets_do_not_reach_the_report(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBT_ENV_SECRET_KEY", "hunter22")
    broken = [NodeResult(unique_id="model.tiny.totals", status="error", message="cannot open hunter22")]
    page = write_reports(project, broken, ASKED).report
    assert page is not None
    for path in page.parent.iterdir():
        assert "hunter22" not in path.read_text(encoding="utf-8"), path
