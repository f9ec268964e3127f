"""What a judged expectation says to people: level, words, failing rows, and a plot where it is flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from expectations.asked import Asked, with_where
from expectations.causes import EXPECTATION
from expectations.checks.query import placed
from expectations.compute import Computed, Data
from expectations.definition import Finding, Query
from expectations.diagnosis.builtin import describe
from expectations.plot import Earlier, draw
from expectations.result import CheckResult

FAILING_ROWS = 10
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


def result_of(
    one: Asked, data: Data, computed: Computed, columns: Mapping[str, str], earlier: Callable[[], Earlier | None]
) -> CheckResult:
    """Returns the result for people; details are asked of Spark for what is flagged only.

    Args:
        computed: its jobs are counted on.
        columns: the table's columns and their Spark types in DDL form.
        earlier: gives the last good version, which is drawn below what fails.
    """
    from expectations import gx

    expectation = one.expectation
    name = expectation.name or expectation.type
    error = gx.first_line(one.error) if one.error is not None else gx.exception_of(one.result)
    finding = gx.finding_of(one.one) if not error else None
    if error:
        finding = Finding(
            level="fail",
            observed="could not be judged",
            message=f"{name} could not be judged: {error}",
            cause=EXPECTATION,
            what_to_do="Mend the suite: the expectation's column, condition or arguments do not fit the table.",
        )
    elif finding is None:
        finding = describe(expectation, one.result)
    level = finding.level
    failing, plot = one.rows or finding.rows, None
    if level != "pass" and not error:
        try:
            failing = failing or _failing_rows(finding, expectation.where, data, computed)
            if finding.plot and columns.get(finding.plot, "").startswith(_NUMERIC):
                before = earlier() if level == "fail" and expectation.severity == "error" else None
                group_name = str(finding.slice or "")
                plot, jobs = draw(data, finding.plot, expectation.where, finding.group, group_name, earlier=before)
                computed.jobs += jobs
        except Exception as reason:
            error = f"no details: {gx.first_line(reason)}"
    return CheckResult(
        expectation=expectation,
        status="warn" if level == "fail" and expectation.severity == "warn" else level,
        level=level,
        check=expectation.definition.check,
        observed=finding.observed,
        message=finding.message,
        cause=finding.cause,
        evidence=finding.evidence,
        what_to_do=finding.what_to_do,
        slice=finding.slice,
        where=finding.where,
        failing_rows=tuple(failing),
        failing=with_where(expectation.where, one.condition or finding.failing) if level != "pass" else "",
        failing_query=finding.failing_query,
        failing_count=finding.failing_count,
        plot=plot,
        numbers=finding.numbers,
        engine="none" if one.error is not None else "one pass" if one.answers is not None else "great expectations",
        error=error,
        seconds=one.seconds,
        jobs=one.jobs,
    )


def _failing_rows(finding: Finding, where: str, data: Data, computed: Computed) -> tuple[Mapping[str, object], ...]:
    """Returns a few of the rows that fail, where the finding says how to find them."""
    if finding.failing:
        computed.jobs += 1
        return tuple(data.rows(with_where(where, finding.failing), FAILING_ROWS))
    if finding.failing_query:
        computed.jobs += 1
        return tuple(data.query(Query(sql=placed(finding.failing_query), limit=FAILING_ROWS)))
    return ()
