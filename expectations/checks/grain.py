"""D1: the rows of a metric are what its name promises: one per session, or one per user."""

from __future__ import annotations

from expectations.causes import AVERAGE, PER_USER, ROWS_LOST, SPAN
from expectations.checks.averages import averaged_ratio, averages_of
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
    worst,
)
from expectations.words import count, duration, figure, percent

_SPAN_SHARE = 0.25
_AVERAGE_BAND = (0.8, 1.2)


def window_needs(arguments: Arguments, table: str) -> dict[str, Need]:
    """Returns what gives the window of all event times of `table`: its first and last moment, in microseconds."""
    first, *_, last = arguments["time_columns"] if len(arguments["time_columns"]) > 1 else arguments["time_columns"] * 2
    return {
        "window_start": Aggregate(call=f"min(unix_micros(CAST({quoted(first)} AS TIMESTAMP)))", of=table),
        "window_end": Aggregate(call=f"max(unix_micros(CAST({quoted(last)} AS TIMESTAMP)))", of=table),
    }


def window_seconds(values: Values) -> float:
    """Returns the window in seconds; 0 where there are no times."""
    start, end = values.get("window_start"), values.get("window_end")
    return (end - start) / 1e6 if start is not None and end is not None else 0.0


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    sessions, user = arguments["sessions"], escape(quoted(arguments["user_key"]))
    needs: dict[str, Need] = {
        "rows": Aggregate(call="count(*)", where=table.where),
        "sessions": Aggregate(call="count(*)", of=sessions),
        "session_users": Query(sql=f"SELECT count(DISTINCT {user}) AS n FROM {{other}}", of=sessions, is_small=True),
        **window_needs(arguments, sessions),
    }
    if arguments["user_key"] in table.columns:
        needs["users"] = Query(
            sql=f"SELECT count(DISTINCT {user}) AS n FROM {{this}}", where=table.where, is_small=True
        )
    if column := arguments["column"]:
        value, theirs = f"CAST({quoted(column)} AS DOUBLE)", f"CAST({quoted(arguments['source_column'])} AS DOUBLE)"
        needs["median"] = Aggregate(call=f"percentile_approx({value}, 0.5D, 10000)", where=table.where)
        needs["variance"] = Aggregate(call=f"var_samp({value})", where=table.where)
        needs["source_variance"] = Aggregate(call=f"var_samp({theirs})", of=sessions)
        needs["session_users"] = averages_of(sessions, arguments["user_key"], arguments["source_column"])
        needs["source_median"] = Aggregate(call=f"percentile_approx({theirs}, 0.5D, 10000)", of=sessions)
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    grain = arguments["grain"]
    rows, sessions = values["rows"], values["sessions"]
    session_users = values["session_users"][0]["n"]
    users = values["users"][0]["n"] if "users" in values else None
    promised = sessions if grain == "session" else session_users
    numbers: dict[str, float | int | None] = {
        "rows": rows,
        "sessions": sessions,
        "users_with_sessions": session_users,
        "distinct_users": users,
    }
    if not promised:
        empty = f"{arguments['sessions']} has no rows, so there is no grain to hold against."
        return Finding(level="pass", observed=f"{count(rows)} rows", message=empty, numbers=numbers)
    ratio = rows / promised
    numbers["r"] = ratio
    deviation = abs(ratio - 1)
    level = worst(
        [
            "fail"
            if deviation > arguments["fail_deviation"]
            else "warn"
            if deviation > arguments["warn_deviation"]
            else "pass"
        ]
    )
    observed = f"{count(rows)} rows for {count(promised)} {grain}s"
    if level == "pass":
        return Finding(level="pass", observed=observed, message=f"One row per {grain}: {observed}.", numbers=numbers)
    per_user = users is not None and users > 0 and abs(rows / users - 1) <= 0.001
    evidence = [f"r = rows / {grain}s = {count(rows)} / {count(promised)} = {figure(ratio)}."]
    if users:
        numbers["g"] = rows / users
        evidence.append(f"g = rows / distinct users = {count(rows)} / {count(users)} = {figure(rows / users)}.")
    cause = _cause(arguments, values, numbers, evidence)
    if not cause:
        cause = PER_USER if per_user and grain == "session" else ROWS_LOST
    actual = "one row per user" if per_user else f"{figure(ratio)} rows per {grain}"
    return Finding(
        level=level,
        observed=observed,
        message=f"{actual[0].upper()}{actual[1:]} where one per {grain} was promised: {observed}.",
        cause=cause,
        evidence=tuple(evidence),
        what_to_do=_ADVICE.get(cause, "Look for a join that repeats or drops rows, and test the key for uniqueness."),
        numbers=numbers,
        plot=arguments["column"] or "",
    )


_ADVICE = {
    SPAN: "The metric is max(time) - min(time) of each user over all days. Compute it per session "
    "(ended_at - started_at, or duration_seconds), or name it for what it is: the span of a user's activity.",
    AVERAGE: "The metric was averaged per user before it was stored. Keep one row per session, and average last.",
    PER_USER: "Group by session_id, not by user_id.",
}


def _cause(arguments: Arguments, values: Values, numbers: dict[str, float | int | None], evidence: list[str]) -> str:
    """Returns the cause that the metric's own values speak for, and adds the figures that say so."""
    if not arguments["column"] or values.get("median") is None:
        return ""
    window, median = window_seconds(values), values["median"]
    cause = ""
    if window > 0:
        numbers["m"], numbers["window_seconds"] = median / window, window
        said = f"The median, {duration(median)}, is {percent(median / window)} of the window of {duration(window)}."
        if median / window >= _SPAN_SHARE:
            evidence.append(said)
            cause = SPAN
    averages = values["session_users"][0].get("variance")
    averaged = averaged_ratio(values.get("variance"), averages, values.get("source_variance"))
    if averaged is not None:
        numbers["v"] = averaged
        if not cause and _AVERAGE_BAND[0] <= averaged <= _AVERAGE_BAND[1]:
            evidence.append(
                f"V = variance / variance of each user's average = {figure(averaged)}: what averaging per user leaves."
            )
            cause = AVERAGE
    return cause


GRAIN = Definition(
    type="expect_metric_grain_to_be",
    check="D1",
    doc="""A metric has one row per session (or per user).

    r = rows / sessions; fails where abs(r - 1) > fail_deviation (.05), warns above warn_deviation (.001).
    g = rows / distinct users tells what the rows are instead. With `column`: m = median / window of all event times
    (m >= .25: a first-to-last span), V = Var(x) / Var(each user's average) (.8 ... 1.2: averaged per user).""",
    arguments=(
        Argument(name="grain", kind="choice", required=True, choices=("session", "user")),
        Argument(name="sessions", kind="table", required=True),
        Argument(name="column", kind="column"),
        Argument(name="source_column", kind="text", default="duration_seconds"),
        Argument(name="user_key", kind="text", default="user_id"),
        Argument(name="time_columns", kind="texts", default=["started_at", "ended_at"]),
        Argument(name="fail_deviation", kind="number", default=0.05),
        Argument(name="warn_deviation", kind="number", default=0.001),
    ),
    needs=_needs,
    judge=_judge,
)
