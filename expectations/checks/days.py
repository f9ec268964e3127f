"""D16: two stores tell the same figure of each day; the days on which they do not are named, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from expectations.causes import DAYS_MISSING, RECONCILE
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

_NAMED = 5  # stretches of days that a message names


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    figures = [str(call) for call in arguments["figures"].values()]
    parts = [str(call) for call in (arguments["parts"] or {}).values()]
    columns = [f"CAST({escape(call)} AS DOUBLE) AS f{index}" for index, call in enumerate(figures)]
    columns += [f"CAST({escape(call)} AS DOUBLE) AS p{index}" for index, call in enumerate(parts)]
    day = f"CAST({escape(quoted(arguments['date']))} AS DATE)"
    needs: dict[str, Need] = {
        "days": Query(sql=f"SELECT {day} AS day, {', '.join(columns)} FROM {{this}} GROUP BY 1", where=table.where)
    }
    for name, call in (arguments["beside"] or {}).items():
        needs[f"beside {name}"] = Aggregate(call=str(call), of=arguments["other"] or "")
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    one, other = arguments["figures"]
    tolerance = arguments["tolerance"]
    days = sorted((row for row in values["days"] if row["day"] is not None), key=lambda row: row["day"])
    here, there = (sum(row[key] or 0.0 for row in days) for key in ("f0", "f1"))
    only_one = [row["day"] for row in days if row["f0"] and not row["f1"]]
    only_other = [row["day"] for row in days if row["f1"] and not row["f0"]]
    bad = [row for row in days if _differs(row, tolerance)]
    numbers = {
        "days": len(days),
        "different": len(bad),
        "here": here,
        "there": there,
        "missing_here": len(only_other),
        "missing_there": len(only_one),
    }
    totals = f"{one} come to {figure(here)}, {other} to {figure(there)}"
    beside = tuple(
        f"{name[0].upper()}{name[1:]}: {figure(float(values[f'beside {name}'] or 0))}; neither side counts them."
        for name in arguments["beside"] or {}
    )
    missing = bool(only_one or only_other)
    if not missing and len(bad) <= (1 - arguments["mostly"]) * len(days):
        agree = f"; {count(len(days) - len(bad))} of {count(len(days))} days agree" if days else ""
        return Finding(
            level="pass",
            observed=f"{count(len(bad))} days differ",
            message=f"{totals}{agree}.",
            evidence=beside,
            numbers=numbers,
        )
    gone = [f"no {name} on {_stretches(dates)}" for name, dates in ((one, only_other), (other, only_one)) if dates]
    apart = [row["day"] for row in bad if row["f0"] and row["f1"]]
    if apart:
        gone.append(f"apart on {_stretches(apart)}")
    parts = _parts(arguments, days)
    return Finding(
        level="fail",
        observed=f"{count(len(bad))} of {count(len(days))} days differ",
        message=f"{count(len(bad))} of {count(len(days))} days differ: {'; '.join(gone)}. In all {totals}.",
        cause=DAYS_MISSING if missing and not apart else RECONCILE,
        evidence=(*(f"{name[0].upper()}{name[1:]} make {_signed(value)}." for name, value in parts), *beside),
        what_to_do=f"Look at the rows of one day: {parts[0][0]}." if parts else "Look at the rows of one of the days.",
        numbers=numbers,
        rows=tuple(
            {arguments["date"]: row["day"], one: row["f0"] or 0.0, other: row["f1"] or 0.0}
            for row in sorted(bad, key=lambda row: -abs((row["f0"] or 0.0) - (row["f1"] or 0.0)))[:10]
        ),
    )


def _differs(row: Mapping[str, Any], tolerance: float) -> bool:
    here, there = row["f0"] or 0.0, row["f1"] or 0.0
    return bool(abs(here - there) > tolerance * max(abs(here), abs(there)))


def _parts(arguments: Arguments, days: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Returns what the difference is made of, the largest part first; parts that are nothing are left out."""
    sums = [(name, sum(row[f"p{index}"] or 0.0 for row in days)) for index, name in enumerate(arguments["parts"] or {})]
    return sorted((part for part in sums if abs(part[1]) >= 0.005), key=lambda part: -abs(part[1]))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{figure(value)}"


def _stretches(days: Sequence[date]) -> str:
    """Returns days in words, neighbours together: 2025-03-02, 2025-03-05 to 2025-03-08 (5 days)."""
    found: list[list[date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1][1] = day
        else:
            found.append([day, day])
    shown = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in found[:_NAMED])
    more = f" and {count(len(found) - _NAMED)} more stretches" if len(found) > _NAMED else ""
    return f"{shown}{more} ({count(len(days))} day{'s' if len(days) != 1 else ''})"


def _refuse(arguments: Arguments) -> str:
    if len(arguments["figures"]) != 2:
        return f'"figures" names the two that are compared, not {len(arguments["figures"])}.'
    if arguments["beside"] and not arguments["other"]:
        return '"beside" is computed from the table "other"; name it.'
    return ""


DAYS = Definition(
    type="expect_figures_to_agree_by_day",
    check="D16",
    doc="""Two figures of a table, each from another store, agree on each day.

    A day differs where abs(a - b) > tolerance (.01) * max(abs(a), abs(b)). Fails where more than 1 - mostly (.05) of
    the days differ, or a day has one of them only. `parts` are aggregates that add up to a - b and say what it is made
    of; `beside`, aggregates of the table `other`, say what neither counts.""",
    arguments=(
        Argument(name="date", kind="column", required=True),
        Argument(name="figures", kind="mapping", required=True),
        Argument(name="parts", kind="mapping"),
        Argument(name="other", kind="table"),
        Argument(name="beside", kind="mapping"),
        Argument(name="tolerance", kind="share", default=0.01),
        Argument(name="mostly", kind="share", default=0.95),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
