"""Records that a landing put aside, as a check of the landed table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner import delta
from runner.model import SourceTable
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.result import SuiteResult

SUFFIX = "__quarantine"


def with_quarantine(checks: SuiteResult, table: SourceTable, warehouse: Warehouse) -> SuiteResult:
    """Returns the table's checks with one more: whether its last landing put records into quarantine, and why.

    The counts are those of the landing's commit; the reasons are read from the quarantine where there are any.
    """
    from expectations.causes import CONTRACT
    from expectations.result import CheckResult
    from expectations.suite import Expectation

    said = delta.metadata(warehouse.path(table.table))
    if said.get("kind") != "landing":
        return checks
    read, aside = int(said["read"]), int(said["quarantined"])
    quarantine = table.table.with_suffix(SUFFIX)
    expectation = Expectation(
        type="expect_share_between",
        arguments={"condition": f"the record is in {quarantine}", "max_share": 0},
        severity="warn",
        name="records in quarantine",
        place=table.place,
    )
    if not aside:
        found = CheckResult(
            expectation=expectation,
            status="pass",
            level="pass",
            check="contract",
            observed="none",
            message=f"All {read:,} records of the last landing fit the contract.",
        )
        return replace(checks, results=(*checks.results, found))
    problems = (
        warehouse.frame(quarantine).groupBy("_problem").count().orderBy("count", ascending=False).limit(5).collect()
    )
    example = warehouse.frame(quarantine).select("_reason", "_file", "_position", "_payload").limit(3).collect()
    found = CheckResult(
        expectation=expectation,
        status="warn",
        level="warn",
        check="contract",
        observed=f"{aside:,} of {read:,} records",
        message=f"{aside:,} of {read:,} records are in {quarantine}: "
        + ", ".join(f"{row['_problem']} ({row['count']:,})" for row in problems)
        + ".",
        cause=CONTRACT,
        evidence=tuple(f"{row['count']:,} records: {row['_problem']}." for row in problems),
        what_to_do=f'Look at their raw text: run sql "select * from {quarantine}". '
        "Mend them at their source, or widen the column's data_type.",
        failing_rows=tuple(row.asDict() for row in example),
        failing_count=aside,
    )
    return replace(checks, results=(*checks.results, found), jobs=checks.jobs + 2)
