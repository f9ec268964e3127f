"""What a comparison of landed tables with their stores says, as checks: in the same results, history and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.execute import NodeResult, Status
from runner.model import SourceTable
from runner.project.parse import Project
from runner.sources.store_match import match_store, why_not_asked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.suite import Suite
    from ingest.reconcile import Reconciliation


def store_fact(project: Project, table: SourceTable, spark: SparkSession) -> dict[str, Any]:
    """Returns what the store of a table says against what landed; under `why`, why it was not asked.

    Raises:
        ProjectError: the store does not answer.
    """
    why = why_not_asked(project, table)
    return {"why": why} if why else match_store(project, spark, table).to_dict()


def asks_stores(suites: list[Suite]) -> bool:
    """Whether one of the suites asks a store."""
    from expectations.checks.store import MATCH

    return any(one.type == MATCH.type for suite in suites for one in suite.expectations)


def as_result(table: SourceTable, found: Reconciliation) -> NodeResult:
    """Returns a comparison as the result of a check of the landed table."""
    from expectations.checks.store import MATCH
    from expectations.result import CheckResult, SuiteResult
    from expectations.suite import Expectation

    assert MATCH.judge is not None
    said = MATCH.judge(MATCH.complete({}), {"store": found.to_dict()})
    check = CheckResult(
        expectation=Expectation(type=MATCH.type, place=table.place),
        status=said.level,
        level=said.level,
        observed=said.observed,
        message=said.message,
        cause=said.cause,
        evidence=said.evidence,
        what_to_do=said.what_to_do,
        numbers=said.numbers,
        failing_rows=said.rows,
        failing_count=said.failing_count,
        seconds=found.seconds,
    )
    checks = SuiteResult(model=table.label, results=(check,), rows=found.landed, seconds=found.seconds)
    status: Status = "error" if said.level == "fail" else "success"
    return NodeResult(
        unique_id=table.unique_id, status=status, message=said.message, checks=checks, seconds=found.seconds
    )
