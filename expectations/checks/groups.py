"""D8: users (or shops, devices, …) are not all alike: some are quick, some slow, in whatever is measured."""

from __future__ import annotations

from expectations.causes import GENERATED
from expectations.definition import Argument, Arguments, Definition, Finding, Need, Query, Table, Values, escape, quoted
from expectations.stats.chance import alike
from expectations.words import count, figure


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    value = escape(f"ln(CAST({quoted(arguments['column'])} AS DOUBLE))")
    positive = escape(f"CAST({quoted(arguments['column'])} AS DOUBLE) > 0")
    group = escape(quoted(arguments["group"]))
    groups = (
        f"SELECT count({value}) AS n, avg({value}) AS mean, var_pop({value}) * count({value}) AS spread "
        f"FROM {{this}} WHERE {positive} AND {group} IS NOT NULL GROUP BY {group}"
    )
    return {
        "layout": Query(
            sql=f"SELECT count(*) AS `groups`, sum(n) AS `rows`, sum(n * n) AS squares, sum(n * mean) AS total, "
            f"sum(n * mean * mean) AS means, sum(spread) AS within FROM ({groups})",
            where=table.where,
            is_small=True,
        )
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, group, found = arguments["column"], arguments["group"], values["layout"][0]
    groups, rows = int(found["groups"]), int(found["rows"] or 0)
    numbers: dict[str, float] = {"groups": groups, "rows": rows}
    if groups < arguments["min_groups"] or rows <= groups:
        said = f"{count(rows)} values of {count(groups)} {group}s are too few to tell whether they differ."
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    between = found["means"] - found["total"] ** 2 / rows
    layout = alike(groups, rows, found["squares"], between, found["within"])
    upper = layout.upper
    numbers |= {"icc": layout.correlation, "icc_upper": upper, "f": layout.ratio}
    said = f"intraclass correlation {figure(layout.correlation)}, at most {figure(upper)} (95 %)"
    if max(upper, layout.resolution) >= arguments["warn_correlation"]:
        return Finding(
            level="pass",
            observed=f"ICC {figure(layout.correlation)}, at most {figure(upper)}",
            message=f"Each {group} may differ from the next in {column}: {said}.",
            numbers=numbers,
        )
    return Finding(
        level="warn",
        observed=f"ICC at most {figure(upper)}",
        message=f"All {count(groups)} {group}s are alike in {column}: who it is explains at most "
        f"{figure(100 * max(upper, 0.0))} % of how it varies.",
        cause=GENERATED,
        evidence=(
            f"One-way analysis of variance of ln({column}) by {group} over {count(rows)} values: F {figure(layout.ratio)}, {said}.",
            "People differ: 1 % and more of the variance of what they do is between them.",
        ),
        what_to_do=f"Expected of simulated data. In real data, check that {group} is the one who acted, not a number "
        "given out at random.",
        numbers=numbers,
        plot=column,
    )


ALIKE = Definition(
    type="expect_groups_to_differ",
    check="D8",
    doc="""Users (the groups of a column) differ in a positive quantity. Warns, never fails.

    One-way analysis of variance of ln x by group; ICC = (F - 1) / (F - 1 + n0), n0 = (N - sum n_i^2 / N) / (U - 1), and
    its exact upper 95 % limit from F / F(.05; U - 1, N - U) (Searle). Warns where U >= min_groups (200) and the limit is
    below warn_correlation (.005), and there are rows enough that chance alone would not bring it there.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="group", kind="column", default="user_id"),
        Argument(name="warn_correlation", kind="share", default=0.005),
        Argument(name="min_groups", kind="integer", default=200),
    ),
    needs=_needs,
    judge=_judge,
)
