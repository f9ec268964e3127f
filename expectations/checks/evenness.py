"""D6: values are not too even: what people do is never equally frequent."""

from __future__ import annotations

from expectations.causes import GENERATED
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape, quoted
from expectations.stats.chance import evenness
from expectations.words import count, figure, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    value = escape(f"({arguments['value']})" if arguments["value"] else quoted(arguments["column"]))
    return {
        "values": Query(
            sql=f"SELECT CAST({value} AS STRING) AS value, count(*) AS n FROM {{this}} WHERE {value} IS NOT NULL "
            f"GROUP BY 1 ORDER BY n DESC, value LIMIT {int(arguments['max_values']) + 1}",
            where=table.where,
            is_small=True,
        )
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    what = arguments["value"] or arguments["column"]
    found = values["values"]
    counts = [int(row["n"]) for row in found]
    total, kinds = sum(counts), len(counts)
    numbers: dict[str, float] = {"values": kinds, "rows": total}
    if not arguments["min_values"] <= kinds <= arguments["max_values"]:
        many = f"more than {arguments['max_values']}" if kinds > arguments["max_values"] else count(kinds)
        said = f"{what} takes {many} values; evenness is judged from {arguments['min_values']} to {arguments['max_values']}."
        return Finding(level="pass", observed=f"{many} values", message=said, numbers=numbers)
    if total < arguments["min_rows_per_value"] * kinds:
        said = f"{count(total)} rows over {kinds} values of {what} are too few to judge evenness."
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    statistic, p = evenness(counts)
    numbers |= {
        "chi_square": statistic,
        "p": p,
        "largest_share": counts[0] / total,
        "smallest_share": counts[-1] / total,
    }
    chance = f"chi-square {figure(statistic)} on {kinds - 1} degrees of freedom, p = {figure(p)}"
    if p <= arguments["warn_p"]:
        said = f"The {kinds} values of {what} are not equally frequent ({chance})."
        return Finding(level="pass", observed=f"p = {figure(p)}", message=said, numbers=numbers)
    first, last = found[0], found[-1]
    return Finding(
        level="warn",
        observed=f"p = {figure(p)}",
        message=f"The {kinds} values of {what} are equally frequent in {count(total)} rows: {first['value']} "
        f"({percent(counts[0] / total)}) is the commonest, {last['value']} ({percent(counts[-1] / total)}) the rarest.",
        cause=GENERATED,
        evidence=(f"Their counts differ by no more than chance: {chance}. What people do is never that even.",),
        what_to_do="Expected of simulated data. In real data, ask what writes the column: a default in turn, a test run.",
        numbers=numbers,
        rows=tuple({what: row["value"], "rows": row["n"]} for row in found[:10]),
    )


def _refuse(arguments: Arguments) -> str:
    return "" if arguments["column"] or arguments["value"] else 'give "column", or "value" with an expression.'


TOO_EVEN = Definition(
    type="expect_column_values_not_to_be_too_even",
    check="D6",
    doc="""The values of a column, or of an expression such as hour(started_at), are not equally frequent. Warns, never fails.

    Pearson's chi-square of the counts over k values against equal ones; judged where min_values (3) <= k <= max_values
    (50) and n / k >= min_rows_per_value (50). Warns where p > warn_p (.05): the counts differ by no more than chance.""",
    arguments=(
        Argument(name="column", kind="column"),
        Argument(name="value", kind="sql"),
        Argument(name="warn_p", kind="share", default=0.05),
        Argument(name="min_values", kind="integer", default=3),
        Argument(name="max_values", kind="integer", default=50),
        Argument(name="min_rows_per_value", kind="integer", default=50),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
