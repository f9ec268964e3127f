"""What a report says across stores: landed tables against their stores, their age, one store's figures against another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expectations.checks.days import DAYS
from expectations.checks.matching import MATCHED
from expectations.checks.store import KINDS
from expectations.definition import Level
from expectations.reports.values import Compared, Landed, Report
from expectations.result import CheckResult
from expectations.words import age, count, figure, percent

FROM_STORE = "its store"  # the origin of what was landed from a store itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Figures of two stores, held against each other by a check of this run.

    Attributes:
        sides: what is compared, and how much of it there is; two of them.
        differs: what differs, in a few words.
    """

    model: str
    title: str
    status: Level
    sides: tuple[tuple[str, float], tuple[str, float]]
    differs: str
    message: str


def crossings(report: Report) -> tuple[Crossing, ...]:
    """Returns the comparisons of one store with another that a run's checks made, the worst first."""
    found = [
        Crossing(
            model=table.model,
            title=one.title,
            status=one.status,
            sides=sides,
            differs=one.observed,
            message=one.message,
        )
        for table in report.tables
        for one in table.results
        if (sides := _sides(one)) is not None
    ]
    return tuple(sorted(found, key=lambda one: ("fail", "warn", "pass").index(one.status)))


def _sides(one: CheckResult) -> tuple[tuple[str, float], tuple[str, float]] | None:
    numbers: Mapping[str, Any] = one.numbers
    if one.type == DAYS.type and "here" in numbers:
        here, there = one.expectation.arguments["figures"]
        return (here, float(numbers["here"])), (there, float(numbers["there"]))
    if one.type == MATCHED.type and "matched" in numbers:
        given = MATCHED.complete(one.expectation.arguments)
        what = str(given["what"])
        return (what, float(numbers["rows"])), (f"{what} with their {given['match']}", float(numbers["matched"]))
    return None


def differences(found: Compared) -> str:
    """Returns what differs between a store and what landed of it: "2 keys are in the store and not here; …"."""
    said = [f"{count(found.kinds[name])} keys {words}" for name, words in KINDS if found.kinds.get(name)]
    where = f" ({count(found.differing_ranges)} of {count(found.ranges)} ranges)" if found.differing_ranges else ""
    return "; ".join(said) + where if said else f"no key differs{where}" if where else "equal"


def age_of(one: Landed) -> str:
    """Returns how old a landed table is, in words; empty where nobody knows."""
    return "" if one.age_seconds is None else age(one.age_seconds)


def in_short(report: Report) -> str:
    """Returns all landed tables in one sentence; empty where the run read none."""
    tables = report.sources
    if not tables:
        return ""
    late = [one.table for one in tables if one.freshness in ("warn", "fail")]
    compared = [one for one in tables if one.compared is not None]
    apart = [one.table for one in compared if one.compared is not None and one.compared.status != "pass"]
    said = f"{count(len(tables))} landed {'table' if len(tables) == 1 else 'tables'}: "
    judged = [one for one in tables if one.freshness]
    parts = [f"older than allowed: {', '.join(late)}" if late else "all fresh enough"] if judged else []
    if apart:
        parts.append(f"not what their store holds: {', '.join(apart)}")
    elif compared:
        parts.append(f"{count(len(compared))} compared with their store, all equal")
    elif any(one.origin == FROM_STORE for one in tables):
        parts.append("none compared with its store (run reconcile)")
    return f"{said}{'; '.join(parts) or 'their age is not limited'}."


def gap(one: Crossing) -> str:
    """Returns how far the second figure is from the first, as a share of it; empty where there is none."""
    first, second = one.sides[0][1], one.sides[1][1]
    if not first or first == second:
        return ""
    return f"{'+' if second > first else '-'}{percent(abs(second / first - 1))}"


def shown(value: float) -> str:
    """Returns a figure of a store: counts with all their digits."""
    return count(value) if float(value).is_integer() else figure(value)
