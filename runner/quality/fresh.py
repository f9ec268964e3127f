"""How old a landed table is, as one of its checks: what `sources.yml` allows, in the same results, history and report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runner.model import SourceTable
from runner.project.parse import Project
from runner.sources.freshness import Freshness, allowed, expects_freshness, with_spark, without_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.result import CheckResult, SuiteResult

_LEVELS = {"pass": "pass", "warn": "warn", "error": "fail", "runtime error": "warn"}


def with_freshness(
    checks: SuiteResult, project: Project, table: SourceTable, spark: SparkSession, *, blocks: bool
) -> SuiteResult:
    """Returns the table's checks with one more: whether it is as fresh as `sources.yml` asks.

    Args:
        blocks: a table that is too old has failed; else it is a warning, since what is built from it stays what it was.
    """
    if not expects_freshness(table):
        return checks
    asked_at = datetime.now(UTC)
    found = without_spark(project, [table], asked_at=asked_at) or with_spark(project, spark, [table], asked_at=asked_at)
    return replace(checks, results=(*checks.results, as_check(found[0], blocks=blocks)))


def as_check(found: Freshness, *, blocks: bool) -> CheckResult:
    """Returns a table's freshness as the result of a check."""
    from expectations.causes import EXPECTATION, STALE, advice
    from expectations.checks.trend import AGE
    from expectations.result import CheckResult
    from expectations.suite import Expectation
    from expectations.words import age

    table = found.table
    expectation = Expectation(
        type=AGE.type,
        arguments={"column": table.loaded_at_field or "_landed_at"},
        severity="error" if blocks else "warn",
        name="freshness",
        place=table.place,
    )
    level = _LEVELS[found.status]
    seconds = found.age.total_seconds()
    if found.loaded_at is None:
        message, observed, cause = f"Its age is not known: {found.message}", "unknown", EXPECTATION
    else:
        message = (
            f"Loaded {age(seconds)} ago, {found.loaded_at:%Y-%m-%d %H:%M:%S} UTC, by {found.by}; {allowed(table)}."
        )
        observed, cause = age(seconds), STALE
    if level == "pass":
        cause = ""
    return CheckResult(
        expectation=expectation,
        status="fail" if level == "fail" and blocks else "pass" if level == "pass" else "warn",
        level="fail" if level == "fail" else "pass" if level == "pass" else "warn",
        check="freshness",
        observed=observed,
        message=message,
        cause=cause,
        what_to_do=advice(cause),
        numbers={} if found.loaded_at is None else {"figure": seconds / 3600},
    )
