"""What checks said: kept once per run, shown by `run history --checks`, named by queries. Without Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.history.results import read
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from runner.cli import main
from runner.cli.check_history import trend
from runner.compile import compile_text
from runner.execute import NodeResult
from runner.quality.history import keep_results, results_path
from tests.runner.state.conftest import Settled, settled

__all__ = ["settled"]
Run = Callable[..., tuple[int, str, str]]
WHEN = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)  # after what is built


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], settled: Settled) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--project-dir", str(settled.root)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def judged(
    number: int, status: Any, failing: int, *, result: Any = "success", version: int | None = None
) -> NodeResult:
    checks = (
        CheckResult(
            expectation=Expectation(type="expect_column_values_to_not_be_null", arguments={"column": "revenue"}),
            status=status,
            level=status,
            observed=f"{failing} of 100" if failing else "none unexpected",
            failing_count=failing or None,
            numbers={"rows": 100, "failing": failing},
        ),
        CheckResult(
            expectation=Expectation(
                type="expect_table_row_count_to_be_between", arguments={"min_value": 1}, name="rows"
            ),
            status="pass",
            level="pass",
            observed=f"{number}",
            numbers={"observed": number},
        ),
    )
    made = SuiteResult(model="totals", results=checks, rows=number)
    return NodeResult(unique_id="model.tiny.totals", status=result, checks=made, version=version)


def keep(settled: Settled, number: int, *results: NodeResult) -> str:
    return keep_results(
        settled.project(), results, run_id=f"run-{number}", run_at=WHEN + timedelta(days=number), command="models"
    )


def test_what_was_judged_and_whether_readers_have_it(settled: Settled) -> None:
    project = settled.project()
    assert keep(settled, 0, NodeResult(unique_id="model.tiny.report", status="reused")) == ""
    assert not results_path(project).exists()
    assert keep(settled, 1, judged(90, "pass", 0, version=7)) == ""
    assert keep(settled, 2, judged(91, "fail", 4, result="withheld")) == ""
    assert keep(settled, 3, judged(92, "warn", 4, result="error")) == ""  # what is published already, checked
    found = [
        (row["run_id"], row["version"], row["is_published"], row["row_count"])
        for row in read(results_path(project), target="dev", model="totals")
        if row["check_id"] == "expect_table_row_count_to_be_between"
    ]
    assert found == [("run-1", 7, True, 90), ("run-2", None, False, 91), ("run-3", 0, True, 92)]


def test_a_place_that_cannot_be_written_is_told_and_stops_nothing(settled: Settled) -> None:
    path = results_path(settled.project())
    path.parent.mkdir(parents=True)
    path.write_text("in the way", encoding="utf-8")
    assert keep(settled, 1, judged(90, "pass", 0)).startswith(
        "the results of this run's checks could not be kept in sluice.check_results: "
    )


def test_the_last_results_of_a_models_checks(settled: Settled, run: Run) -> None:
    for number, (status, failing) in enumerate([("pass", 0), ("pass", 0), ("warn", 8), ("fail", 16)]):
        keep(settled, number, judged(100 + number, status, failing))
    code, out, _ = run("history", "totals", "--checks")
    assert code == 0
    assert out.splitlines() == [
        "check                                          last  runs  figures  observed",
        "expect_column_values_to_not_be_null (revenue)  fail  ··wF  ▁▁▅█     16 of 100",
        "rows                                           pass  ····  ▁▃▆█     103",
    ]
    _, out, _ = run("history", "totals", "--checks", "--limit", "2")
    assert out.splitlines()[1].split()[3:5] == ["wF", "▁█"]
    _, out, _ = run("history", "totals", "--checks", "--output", "json")
    newest = json.loads(out.splitlines()[1])
    assert (newest["run_id"], newest["failing_count"], newest["numbers"]) == (
        "run-3",
        16,
        {"rows": 100.0, "failing": 16.0},
    )


def test_history_of_checks_that_is_not_there(run: Run) -> None:
    code, _, err = run("history", "--checks")
    assert (code, err.strip()) == (2, "run: say whose checks: run history clv --checks")
    code, _, err = run("history", "totals", "--checks")
    assert (code, err.strip()) == (
        2,
        "run: no result of a check of totals is kept yet. Run its checks: run checks totals",
    )
    _, _, err = run("history", "shop.orders", "--checks")
    assert err.strip().endswith("Run its checks: run checks source:shop.orders")


def test_figures_as_blocks() -> None:
    assert trend([1, None, 3, 2]) == "▁ █▅"
    assert trend([5, 5]) == "▁▁"
    assert trend([None]) == ""


def test_queries_name_the_table_as_a_source(settled: Settled) -> None:
    text = "select status from {{ source('sluice', 'check_results') }}"
    assert compile_text(settled.project(), text) == "select status from sluice.check_results"


def test_how_often_a_check_would_have_fired_over_its_past(settled: Settled, run: Run) -> None:
    suite = settled.root / "expectations/suites/totals.yml"
    suite.parent.mkdir(parents=True, exist_ok=True)
    trend_check = "expect_table_row_count_to_follow_history"
    suite.write_text(
        f"model: totals\nexpectations:\n- expect: {trend_check}\n  name: as many as ever\n", encoding="utf-8"
    )
    for number in range(12):
        keep(settled, number, judged(30 if number == 10 else 100 + number % 2, "pass", 0, version=number + 100))
    code, out, _ = run("history", "totals", "--checks")
    assert code == 0
    assert out.splitlines()[-1] == (
        "as many as ever: of 5 versions with enough before them it would have warned of 0 and failed 1."
    )
