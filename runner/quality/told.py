"""Results of checks as dbt's artifacts name them: one entry for each data test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from runner.execute import NodeResult

if TYPE_CHECKING:
    from expectations.result import CheckResult


def test_entries(results: Iterable[NodeResult]) -> list[dict[str, Any]]:
    """Returns the entries of `run_results.json` for the data tests that were judged with the tables of `results`."""
    return [
        _entry(check, result.started_at, result.checks.seconds)
        for result in results
        if result.checks is not None
        for check in result.checks.results
        if check.expectation.test_id
    ]


def unjudged(result: NodeResult, tests: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the entries of tests whose table could not even be read, or that were left out after another failed."""
    return [
        {
            "status": "skipped" if result.status == "skipped" else "error",
            "timing": [],
            "thread_id": "main",
            "execution_time": result.seconds,
            "adapter_response": {},
            "message": result.message,
            "failures": None,
            "unique_id": test,
            "compiled": False,
            "compiled_code": None,
            "relation_name": None,
            "batch_results": None,
        }
        for test in tests
    ]


def _entry(check: CheckResult, started: datetime, seconds: float) -> dict[str, Any]:
    failures = check.numbers.get("failures", check.failing_count)
    judged = check.observed != "could not be judged"
    ended = started + timedelta(seconds=seconds)
    sql = check.expectation.arguments.get("sql")
    return {
        "status": check.status if judged else "error",
        "timing": [{"name": "execute", "started_at": started.isoformat(), "completed_at": ended.isoformat()}],
        "thread_id": "main",
        "execution_time": check.seconds,
        "adapter_response": {"_message": check.observed},
        "message": None if check.status == "pass" else check.message,
        "failures": (0 if failures is None and check.status == "pass" else failures) if judged else None,
        "unique_id": check.expectation.test_id,
        "compiled": sql is not None,
        "compiled_code": sql,
        "relation_name": check.stored or None,
        "batch_results": None,
    }
