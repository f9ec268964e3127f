"""D2: a time lies within what it belongs to; where it does not, whole hours tell two time zones from other faults."""

from __future__ import annotations

from expectations.causes import RULE, TIME_ZONE
from expectations.definition import Aggregate, Argument, Arguments, Definition, Finding, Need, Table, Values
from expectations.words import count, duration, percent

_HOURS = tuple(hour for hour in range(-14, 15) if hour)  # from UTC-12 to UTC+14


def _micros(sql: str) -> str:
    return f"unix_micros(CAST(({sql}) AS TIMESTAMP))"


def _within(arguments: Arguments, hours: int = 0) -> str:
    """Returns the condition that the time, put back by some hours, lies within its bounds."""
    slack = round(1_000_000 * float(arguments["slack_seconds"]))
    time = f"({_micros(arguments['time'])} - {hours * 3_600_000_000})"
    return f"{time} BETWEEN {_micros(arguments['from'])} - {slack} AND {_micros(arguments['until'])} + {slack}"


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    outside = f"NOT ({_within(arguments)})"
    return {
        "rows": Aggregate(call=f"count({_within(arguments)})", where=table.where),
        "outside": Aggregate(call=f"count_if({outside})", where=table.where),
        **{
            f"hours {hours}": Aggregate(call=f"count_if({outside} AND {_within(arguments, hours)})", where=table.where)
            for hours in _HOURS
        },
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows, outside = values["rows"], values["outside"]
    time, bounds = arguments["time"], f"{arguments['from']} to {arguments['until']}"
    numbers = {"rows": rows, "outside": outside}
    if not rows or 1 - outside / rows >= arguments["mostly"]:
        said = f"{count(rows - outside)} of {count(rows)} times {time} lie within {bounds}."
        return Finding(level="pass", observed=f"{count(outside)} outside", message=said, numbers=numbers)
    hours = max(_HOURS, key=lambda one: (values[f"hours {one}"], -abs(one)))
    explained = values[f"hours {hours}"]
    shifted = explained >= arguments["shift_share"] * outside
    late = f"{duration(abs(hours) * 3_600)} {'late' if hours > 0 else 'early'}"
    evidence = [f"Allowed besides: {duration(arguments['slack_seconds'])} on either side."]
    if shifted:
        evidence.insert(0, f"{count(explained)} of the {count(outside)} would lie within if they were not {late}.")
    return Finding(
        level="fail",
        observed=f"{count(outside)} of {count(rows)} rows ({percent(outside / rows)}) outside",
        message=f"{count(outside)} of {count(rows)} times {time} ({percent(outside / rows)}) lie outside {bounds}"
        + (f": they are {late}." if shifted else "."),
        cause=TIME_ZONE if shifted else RULE,
        evidence=tuple(evidence),
        what_to_do="Land all times as UTC; convert local times with their own zone."
        if shifted
        else "Look at the failing rows: which of the three times is wrong?",
        numbers={**numbers, "hours": hours if shifted else 0, "explained": explained},
        failing=f"NOT ({_within(arguments)})",
        failing_count=outside,
    )


WITHIN = Definition(
    type="expect_times_to_be_within",
    check="D2",
    doc="""A time lies between two others, or a share `mostly` (.99) of them does, `slack_seconds` (60) aside.

    Rows in which one of the three is null are not counted. Where `shift_share` (.8) of those outside would lie within if
    they were put back by one and the same number of whole hours (-14 to 14), the cause is another time zone.""",
    arguments=(
        Argument(name="time", kind="sql", required=True),
        Argument(name="from", kind="sql", required=True),
        Argument(name="until", kind="sql", required=True),
        Argument(name="slack_seconds", kind="number", default=60),
        Argument(name="mostly", kind="share", default=0.99),
        Argument(name="shift_share", kind="share", default=0.8),
    ),
    needs=_needs,
    judge=_judge,
)
