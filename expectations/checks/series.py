"""D16: a series by date is a series: no null date, not all on one date, not constant, and its sum is its source's."""

from __future__ import annotations

import datetime

from expectations.causes import CONSTANT_SERIES, DATE_FIELD, DAYS_MISSING, ROWS_LOST
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Level,
    Need,
    Table,
    Values,
    quoted,
    worst,
)
from expectations.words import count, figure, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    date = quoted(arguments["date"])
    needs: dict[str, Need] = {
        "rows": Aggregate(call="count(*)", where=table.where),
        "nulls": Aggregate(call=f"count_if({date} IS NULL)", where=table.where),
        "days": Aggregate(call=f"approx_count_distinct(CAST({date} AS DATE), 0.01D)", where=table.where),
        "first": Aggregate(call=f"min(CAST({date} AS DATE))", where=table.where),
        "last": Aggregate(call=f"max(CAST({date} AS DATE))", where=table.where),
    }
    for column in arguments["columns"] or []:
        value = f"CAST({quoted(column)} AS DOUBLE)"
        for name, call in (("sum", f"sum({value})"), ("least", f"min({value})"), ("most", f"max({value})")):
            needs[f"{name} {column}"] = Aggregate(call=call, where=table.where)
    if source := arguments["source"]:
        where = arguments["source_where"] or ""
        theirs = f"CAST({quoted(arguments['source_date'] or arguments['date'])} AS DATE)"
        needs["source days"] = Aggregate(call=f"approx_count_distinct({theirs}, 0.01D)", of=source, where=where)
        for column, call in (arguments["source_values"] or {}).items():
            needs[f"source {column}"] = Aggregate(call=str(call), of=source, where=where)
    return needs


def _day(value: datetime.date | str) -> datetime.date:
    """Returns a day, which Great Expectations' own engine hands on as text."""
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows, days, date = values["rows"], values["days"], arguments["date"]
    numbers: dict[str, float] = {"rows": rows, "days": days}
    source_days = values.get("source days")
    if not rows and not source_days:
        return Finding(level="pass", observed="no rows", message="The series is empty.", numbers=numbers)
    levels: list[Level] = []
    evidence: list[str] = []
    cause = ""
    nulls = values["nulls"] / rows if rows else 0.0
    if nulls > arguments["fail_null_share"]:
        levels.append("fail")
        evidence.append(f"{count(values['nulls'])} of {count(rows)} rows ({percent(nulls)}) have no {date}.")
        cause = DATE_FIELD
    span = (_day(values["last"]) - _day(values["first"])).days + 1 if values["first"] is not None else 0
    expected = source_days if source_days is not None else span
    if days <= 1 and expected and expected > 2:
        levels.append("fail")
        evidence.append(f"All rows fall on {count(days)} date(s) where the source has {count(expected)}.")
        cause = DATE_FIELD
    elif source_days and days < 0.95 * source_days:
        levels.append("warn")
        evidence.append(f"{count(days)} dates, while the source has {count(source_days)}.")
        cause = cause or DAYS_MISSING
    elif arguments["max_missing"] is not None and span and 1 - days / span > arguments["max_missing"]:
        levels.append("fail")
        evidence.append(
            f"{count(span - days)} of {count(span)} dates from {values['first']} to {values['last']} are missing."
        )
        cause = cause or DAYS_MISSING
    for column in arguments["columns"] or []:
        least, most = values[f"least {column}"], values[f"most {column}"]
        if days > 2 and least is not None and least == most:
            levels.append("fail")
            evidence.append(f"{column} is {figure(least)} on every date.")
            cause = cause or CONSTANT_SERIES
        if f"source {column}" in values:
            here, there = float(values[f"sum {column}"] or 0), float(values[f"source {column}"] or 0)
            apart = abs(here - there) / max(abs(here), abs(there)) if here or there else 0.0
            numbers[f"difference {column}"] = apart
            if apart > arguments["fail_difference"]:
                levels.append("fail")
                evidence.append(
                    f"{column} sums to {figure(here)}; {arguments['source']} has {figure(there)} ({percent(apart)} apart)."
                )
                cause = cause or ROWS_LOST
    level = worst(levels)
    if level == "pass":
        said = f"{count(days)} dates from {values['first']} to {values['last']}."
        return Finding(level="pass", observed=f"{count(days)} dates", message=said, numbers=numbers)
    return Finding(
        level=level,
        observed=f"{count(days)} dates, {percent(nulls)} null",
        message=f"The series by {date} is not sane: {evidence[0][0].lower()}{evidence[0][1:]}",
        cause=cause,
        evidence=tuple(evidence),
        what_to_do="Check the name of the date field that the rows are grouped by, and the joins before the grouping.",
        numbers=numbers,
        failing=f"{quoted(date)} IS NULL" if nulls > arguments["fail_null_share"] else "",
    )


SANE = Definition(
    type="expect_series_to_be_sane",
    check="D16",
    doc="""A series by date is one.

    Fails where more than 1 % of rows have no date, all rows fall on one date though the source (or the span) has more
    than two, a column is constant or zero throughout, or a sum differs from the source's by more than .1 %; with
    `max_missing`, also where a greater share of the dates between the first and the last has no row. Warns where more than
    5 % of the source's dates are missing.""",
    arguments=(
        Argument(name="date", kind="column", required=True),
        Argument(name="columns", kind="columns"),
        Argument(name="source", kind="table"),
        Argument(name="source_date", kind="text"),
        Argument(name="source_values", kind="mapping"),
        Argument(name="source_where", kind="sql"),
        Argument(name="max_missing", kind="share"),
        Argument(name="fail_null_share", kind="share", default=0.01),
        Argument(name="fail_difference", kind="share", default=0.001),
    ),
    needs=_needs,
    judge=_judge,
)
