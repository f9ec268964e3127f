"""A query whose rows are what is wrong: what a project's data tests, generic and singular, become."""

from __future__ import annotations

from expectations.causes import RULE
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Need,
    Query,
    Table,
    Values,
    escape,
)
from expectations.words import count, figure, percent

ALL_ROWS = "count(*)"
ANY = "!= 0"


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    rows = Aggregate(call="count(*)")
    if condition := arguments["condition"]:
        failures = f"count_if({condition})"
        if arguments["limit"] is not None:
            failures = f"least({failures}, {int(arguments['limit'])})"
        return {
            "rows": rows,
            "failures": Aggregate(call=failures),
            "should_warn": Aggregate(call=f"({failures} {arguments['warn_if']})"),
            "should_error": Aggregate(call=f"({failures} {arguments['error_if']})"),
        }
    return {"rows": rows, "verdict": Query(sql=_verdict_sql(arguments), is_small=True)}


def _verdict_sql(arguments: Arguments) -> str:
    limit = f" LIMIT {int(arguments['limit'])}" if arguments["limit"] is not None else ""
    failures = f"coalesce({escape(arguments['fail_calc'])}, 0)"
    return (
        f"SELECT CAST({failures} AS DOUBLE) AS failures, ({failures} {escape(arguments['warn_if'])}) AS should_warn, "
        f"({failures} {escape(arguments['error_if'])}) AS should_error "
        f"FROM (SELECT * FROM (\n{placed(arguments['sql'])}\n){limit})"
    )


def placed(sql: str) -> str:
    """Returns a query as a `Query` takes it: `{this}` in it is the table under check, all other braces are text."""
    return escape(sql).replace("{{this}}", "{this}")


def _judge(arguments: Arguments, values: Values) -> Finding:
    found = values if "failures" in values else values["verdict"][0]
    failures, rows = float(found["failures"]), int(values["rows"])
    whole = int(failures) if failures.is_integer() else failures
    numbers = {"rows": rows, "failures": whole}
    rule = arguments["rule"]
    if not found["should_warn"] and not found["should_error"]:
        said = "no failing row" if not failures else f"{_failures(arguments, failures, rows)}, which is allowed"
        return Finding(level="pass", observed=figure(failures), message=f"{rule}: {said}.", numbers=numbers)
    limits = [
        f"{word} if {limit}"
        for word, limit in (("warns", arguments["warn_if"]), ("fails", arguments["error_if"]))
        if limit.strip() != ANY
    ]
    allowed = f" ({', '.join(limits)})" if limits else ""
    return Finding(
        level="fail" if found["should_error"] else "warn",
        observed=f"{figure(failures)} failing rows" if arguments["fail_calc"] == ALL_ROWS else figure(failures),
        message=f"{rule}: {_failures(arguments, failures, rows)}{allowed}.",
        cause=RULE,
        what_to_do="Look at the failing rows; mend the model's SQL, or the source where the rows came in so.",
        numbers=numbers,
        failing=arguments["condition"],
        failing_query="" if arguments["condition"] else arguments["sql"],
        failing_count=round(failures) if arguments["fail_calc"] == ALL_ROWS else None,
    )


def _failures(arguments: Arguments, failures: float, rows: int) -> str:
    """Returns how much is wrong in words; a query's rows need not be rows of the table."""
    if arguments["fail_calc"] != ALL_ROWS:
        return f"{arguments['fail_calc']} is {figure(failures)}"
    counted = f"{count(failures)} failing row{'' if failures == 1 else 's'}"
    if arguments["limit"] is not None and failures == arguments["limit"]:
        counted = f"at least {counted}"
    if arguments["condition"]:
        return f"{counted} of {count(rows)} ({percent(failures / rows if rows else 0.0)})"
    return f"{counted}; the table has {count(rows)}"


QUERY = Definition(
    type="expect_query_to_find_nothing",
    filters=False,
    doc="""A query returns no row: what dbt calls a data test. `{this}` in it is the table under check.

    failures = `fail_calc` over the query's rows, at most `limit` of them. Fails where `failures <error_if>` is true, warns
    where `failures <warn_if>` is. Where the query is one condition over the table's rows, `condition` says so, and it is
    counted together with everything else that is asked of the table.""",
    arguments=(
        Argument(name="rule", kind="text", required=True),
        Argument(name="sql", kind="sql", required=True),
        Argument(name="condition", kind="sql", default=""),
        Argument(name="fail_calc", kind="sql", default=ALL_ROWS),
        Argument(name="warn_if", kind="sql", default=ANY),
        Argument(name="error_if", kind="sql", default=ANY),
        Argument(name="limit", kind="integer"),
    ),
    needs=_needs,
    judge=_judge,
)
