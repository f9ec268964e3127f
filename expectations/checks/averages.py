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

LEAST_PER_USER = 2.0  # sessions per user, below which an average is nearly the session itself


def averaged_ratio(variance: float | None, source: float | None, sessions: float, users: float) -> float | None:
    """Returns V = variance x sessions per user / variance of the sessions; None where it says nothing.

    Means of k independent values have a k-th of their variance, so V is near 1 for averages per user and near k for the
    sessions themselves.
    """
    if not users or sessions / users < LEAST_PER_USER or variance is None or not source:
        return None
    return None if math.isnan(variance) or math.isnan(source) else variance * (sessions / users) / source


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    sessions, user = arguments["sessions"], escape(quoted(arguments["user_key"]))
    own, theirs = quoted(arguments["column"]), quoted(arguments["source_column"] or arguments["column"])
    return {
        "rows": Aggregate(call=f"count({own})", where=table.where),
        "variance": Aggregate(call=f"var_samp(CAST({own} AS DOUBLE))", where=table.where),
        "sessions": Aggregate(call="count(*)", of=sessions),
        "source_variance": Aggregate(call=f"var_samp(CAST({theirs} AS DOUBLE))", of=sessions),
        "session_users": Query(sql=f"SELECT count(DISTINCT {user}) AS n FROM {{other}}", of=sessions, is_small=True),
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, sessions = arguments["column"], values["sessions"]
    users = values["session_users"][0]["n"]
    ratio = averaged_ratio(values["variance"], values["source_variance"], sessions, users)
    numbers: dict[str, float] = {"rows": values["rows"], "sessions": sessions, "users": users}
    if ratio is None or values["rows"] < arguments["min_rows"]:
        said = (
            f"{count(values['rows'])} values, {count(sessions)} sessions of {count(users)} users are too few to judge."
        )
        return Finding(level="pass", observed="too few to judge", message=said, numbers=numbers)
    numbers |= {"v": ratio, "sessions_per_user": sessions / users}
    low, high = _band(arguments["low"], arguments["high"], users, sessions / users)
    law = f"variance x sessions per user / variance of the sessions = {figure(ratio)}"
    if not low <= ratio <= high:
        said = f"{column} is not an average per user: {law}; averages have about 1."
        return Finding(level="pass", observed=f"V = {figure(ratio)}", message=said, numbers=numbers)
    return Finding(
        level="fail",
        observed=f"V = {figure(ratio)}",
        message=f"{column} varies as averages per user do, not as {arguments['sessions']} does: {law}.",
        cause=AVERAGE,
        evidence=(
            f"V = {law}; averages have about 1, the sessions themselves {figure(sessions / users)}.",
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

    V = Var(x) (S / U) / Var(session rows), S sessions of U users. Averages per user have V near 1, sessions S / U. Fails
    where low (.8) <= V <= high (1.2), limits that fewer than 450 users widen to 1 -+ 3 sqrt(2 / U); judged where S / U >= 2, from min_rows (100) values on.""",
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
