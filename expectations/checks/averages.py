"""D9: a figure per session was not averaged per user before it was stored."""

from __future__ import annotations

import math

from expectations.causes import AVERAGE
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
    quoted,
)
from expectations.words import count, figure

LEAST_APART = 1.5  # variance of the sessions against that of their averages, below which one is nearly the other


def averages_of(sessions: str, user: str, column: str) -> Query:
    """Returns the query for the users of a table of sessions: how many, and how much their averages of a column vary."""
    key, value = escape(quoted(user)), escape(quoted(column))
    return Query(
        sql=f"SELECT count(*) AS n, var_samp(average) AS variance FROM (SELECT avg(CAST({value} AS DOUBLE)) AS average "
        f"FROM {{other}} WHERE {key} IS NOT NULL GROUP BY {key})",
        of=sessions,
        is_small=True,
    )


def averaged_ratio(variance: float | None, averages: float | None, source: float | None) -> float | None:
    """Returns V = variance / variance of each user's average of the sessions; None where it says nothing.

    V is near 1 for averages per user. Where each of U users has S / U sessions and users do not differ, that is
    Var(x) (S / U) / Var(session rows); where some have many sessions and most have few, averages vary more than that.
    """
    given = [one for one in (variance, averages, source) if one is not None and math.isfinite(float(one))]
    if len(given) < 3 or variance is None or averages is None or source is None:
        return None
    apart = float(source) / float(averages) if averages else math.inf
    return None if not averages or apart < LEAST_APART else float(variance) / float(averages)


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    sessions = arguments["sessions"]
    own, theirs = quoted(arguments["column"]), arguments["source_column"] or arguments["column"]
    return {
        "rows": Aggregate(call=f"count({own})", where=table.where),
        "variance": Aggregate(call=f"var_samp(CAST({own} AS DOUBLE))", where=table.where),
        "sessions": Aggregate(call="count(*)", of=sessions),
        "source_variance": Aggregate(call=f"var_samp(CAST({quoted(theirs)} AS DOUBLE))", of=sessions),
        "session_users": averages_of(sessions, arguments["user_key"], theirs),
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, sessions = arguments["column"], values["sessions"]
    users, averages = (values["session_users"][0][name] for name in ("n", "variance"))
    ratio = averaged_ratio(values["variance"], averages, values["source_variance"])
    numbers: dict[str, float] = {"rows": values["rows"], "sessions": sessions, "users": users}
    if ratio is None or values["rows"] < arguments["min_rows"]:
        said = (
            f"{count(values['rows'])} values, {count(sessions)} sessions of {count(users)} users are too few to judge."
        )
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    apart = values["source_variance"] / averages
    numbers |= {"v": ratio, "sessions_per_user": sessions / users}
    low, high = _band(arguments["low"], arguments["high"], users, apart)
    law = f"variance / variance of each user's average = {figure(ratio)}"
    if not low <= ratio <= high:
        said = f"{column} is not an average per user: {law}; averages have about 1."
        return Finding(level="pass", observed=f"V = {figure(ratio)}", message=said, numbers=numbers)
    return Finding(
        level="fail",
        observed=f"V = {figure(ratio)}",
        message=f"{column} varies as averages per user do, not as {arguments['sessions']} does: {law}.",
        cause=AVERAGE,
        evidence=(
            f"V = {law}; averages have about 1, the sessions themselves {figure(apart)}.",
            f"{count(sessions)} sessions of {count(users)} users.",
        ),
        what_to_do=f"Take {column} from {arguments['sessions']} row by row, and average last.",
        numbers=numbers,
        plot=column,
    )


def _band(low: float, high: float, users: float, each: float) -> tuple[float, float]:
    """Returns the limits of V: as given, wider where few users leave more to chance, short of what sessions have.

    The variance of U means is off by sqrt(2 / U) of itself (normal law).
    """
    chance = 3 * math.sqrt(2 / users)
    return min(low, 1 - chance), max(high, min(1 + chance, math.sqrt(each)))


def _refuse(arguments: Arguments) -> str:
    return '"low" is not less than "high".' if arguments["low"] >= arguments["high"] else ""


NOT_AVERAGED = Definition(
    type="expect_column_not_to_be_averaged",
    check="D9",
    doc="""A figure per session varies as sessions do, not as averages per user.

    V = Var(x) / Var(each user's average of the sessions); the latter is Var(session rows) U / S where each of U users has
    as many of S sessions. Averages per user have V near 1. Fails where low (.8) <= V <= high (1.2), limits that fewer
    than 450 users widen to 1 -+ 3 sqrt(2 / U); judged where sessions vary 1.5 times as much as averages do, from min_rows
    (100) values on.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="sessions", kind="table", required=True),
        Argument(name="source_column", kind="text"),
        Argument(name="user_key", kind="text", default="user_id"),
        Argument(name="low", kind="number", default=0.8),
        Argument(name="high", kind="number", default=1.2),
        Argument(name="min_rows", kind="integer", default=100),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
