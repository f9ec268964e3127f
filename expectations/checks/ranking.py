"""D12: a ranking says something: its groups differ by more than chance makes them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.causes import NO_SIGNAL, advice
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape, quoted
from expectations.stats.rankings import MOST_P, Comparison, Summary, of_counts, of_means, of_shares, p_value, parts
from expectations.words import count, figure, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    keys = [escape(quoted(column)) for column in arguments["groups"]]
    name = f"concat_ws(', ', {', '.join(f'CAST({key} AS STRING)' for key in keys)})"
    if arguments["value"]:
        value = f"CAST(({escape(arguments['value'])}) AS DOUBLE)"
        sql = f"SELECT {name} AS name, count({value}) AS n, avg({value}) AS mean, var_pop({value}) AS variance "
        sql += f"FROM {{this}} GROUP BY {', '.join(keys)} ORDER BY mean DESC, name"
        return {"groups": Query(sql=sql, where=table.where)}
    whole = escape(arguments["part_of"]) if arguments["part_of"] else "CAST(NULL AS DOUBLE)"
    return {
        "groups": Query(
            sql=f"SELECT {name} AS name, CAST({escape(arguments['count'])} AS DOUBLE) AS n, "
            f"CAST({whole} AS DOUBLE) AS whole FROM {{this}} GROUP BY {', '.join(keys)} ORDER BY n DESC, name",
            where=table.where,
        )
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    groups = [row for row in values["groups"] if row["name"] not in arguments["ignore"]]
    if arguments["value"]:
        return _by_means(arguments, groups)
    shares = arguments["part_of"] is not None
    what = " and ".join(arguments["groups"])
    found = _chi_square(groups, shares)
    total = sum(row["n"] or 0.0 for row in groups)
    numbers: dict[str, Any] = {"groups": len(groups), "total": total}
    if found is None or total < arguments["min_count"]:
        said = f"{count(total)} in {count(len(groups))} groups by {what} are too few to tell a ranking from chance."
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    p, chance = found.probability, found.told()
    numbers |= {"chi_square": found.statistic, "degrees": found.degrees[0], "p": p}
    if p <= arguments["warn_p"]:
        said = f"The {count(len(groups))} groups by {what} differ by more than chance: {chance}."
        return Finding(level="pass", observed=p_value(p), message=said, numbers=numbers)
    ranked = sorted((row for row in groups if row["whole"] or not shares), key=lambda row: -_rate(row, shares))
    first, last = ranked[0], ranked[-1]
    return Finding(
        level="warn",
        observed=p_value(p),
        message=f"The ranking by {what} carries no signal: {_said(first, shares)} is first and {_said(last, shares)} "
        f"last of {count(len(groups))}, which chance alone gives ({chance}).",
        cause=NO_SIGNAL,
        evidence=(f"{count(total)} in {count(len(groups))} groups; p above {figure(arguments['warn_p'])}.",),
        what_to_do="Read no order into these groups; with other data of the same shop the order would be another.",
        numbers=numbers,
        rows=tuple(
            {what: row["name"], "n": row["n"]} | ({"of": row["whole"]} if shares else {}) for row in ranked[:10]
        ),
    )


def _by_means(arguments: Arguments, found: Sequence[Mapping[str, Any]]) -> Finding:
    """Returns the verdict over means: F of a one-way layout."""
    groups = [row for row in found if row["n"]]
    what, value = " and ".join(arguments["groups"]), arguments["value"]
    total = sum(row["n"] for row in groups)
    numbers: dict[str, Any] = {"groups": len(groups), "total": total}
    summaries = [Summary(size=row["n"], mean=row["mean"], squares=row["n"] * row["variance"]) for row in groups]
    compared = of_means(summaries)
    if compared is None or total < arguments["min_count"]:
        said = (
            f"{count(total)} rows in {count(len(groups))} groups by {what} are too few to tell a ranking from chance."
        )
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    p, chance = compared.probability, compared.told()
    numbers |= {"f": compared.statistic, "p": p}
    if p <= arguments["warn_p"]:
        said = f"The mean {value} of {count(len(groups))} groups by {what} differs by more than chance: {chance}."
        return Finding(level="pass", observed=p_value(p), message=said, numbers=numbers)
    ranked = sorted(groups, key=lambda row: -row["mean"])
    first, last = (f"{row['name']} ({figure(row['mean'])})" for row in (ranked[0], ranked[-1]))
    return Finding(
        level="warn",
        observed=p_value(p),
        message=f"The ranking of mean {value} by {what} carries no signal: {first} is first and {last} last of "
        f"{count(len(groups))}, which chance alone gives ({chance}).",
        cause=NO_SIGNAL,
        evidence=(f"{count(total)} rows in {count(len(groups))} groups; p above {figure(arguments['warn_p'])}.",),
        what_to_do=advice(NO_SIGNAL),
        numbers=numbers,
        rows=tuple({what: row["name"], "rows": row["n"], "mean": row["mean"]} for row in ranked[:10]),
    )


def _chi_square(groups: Sequence[Mapping[str, Any]], shares: bool) -> Comparison | None:
    """Returns how counts differ from equal ones, or shares from that of all groups together."""
    counts = [row["n"] or 0.0 for row in groups]
    if not shares:
        return of_counts(counts)
    return of_shares(parts({row["name"]: (row["n"] or 0.0, row["whole"] or 0.0) for row in groups}))


def _rate(row: Mapping[str, Any], shares: bool) -> float:
    return float((row["n"] or 0.0) / row["whole"] if shares else row["n"] or 0.0)


def _said(row: Mapping[str, Any], shares: bool) -> str:
    return f"{row['name']} ({percent(_rate(row, True)) if shares else count(row['n'])})"


SIGNAL = Definition(
    type="expect_ranking_to_have_signal",
    check="D12",
    doc="""The groups that a table ranks differ by more than chance.

    Chi-square of counts against equal ones, or, with `part_of`, of shares against the common one; with `value`, F of the
    groups' means. Warns where p > .01 although there was enough to see a difference (`min_count` in all; of shares,
    groups with fewer than 5 expected are taken together). What is counted must be independent of each other: users or
    sessions, not lines or units of one order.""",
    arguments=(
        Argument(name="groups", kind="columns", required=True),
        Argument(name="count", kind="sql", default="count(*)"),
        Argument(name="part_of", kind="sql"),
        Argument(name="value", kind="sql"),
        Argument(name="ignore", kind="list", default=["unknown"]),
        Argument(name="warn_p", kind="share", default=MOST_P),
        Argument(name="min_count", kind="integer", default=1_000),
    ),
    needs=_needs,
    judge=_judge,
)
