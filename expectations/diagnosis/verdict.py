"""From results to a verdict: the likeliest cause over a suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from expectations.causes import (
    BY_PHRASE,
    CLUSTERED,
    CLUSTERED_SLICE,
    DEAD,
    GENERATED,
    NO_ROWS,
    SPAN,
    advice,
    rank,
)
from expectations.definition import Slice
from expectations.result import CheckResult, SuiteResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is the matter with one table.

    Attributes:
        cause: the likeliest one, a phrase of `expectations.causes`; empty where nothing is flagged.
        explanation: what that means, for someone who meets it first.
        message: of the check that names it.
        slice, where: the slice that carries it best, and further ones by other columns.
        explained: titles of further flagged checks that the cause explains.
        others: flagged checks that it does not explain.
    """

    model: str
    cause: str = ""
    explanation: str = ""
    message: str = ""
    evidence: tuple[str, ...] = ()
    what_to_do: str = ""
    slice: Slice | None = None
    where: tuple[Slice, ...] = ()
    lead: CheckResult | None = None
    explained: tuple[CheckResult, ...] = ()
    others: tuple[CheckResult, ...] = ()

    @property
    def cause_id(self) -> str:
        """The cause's id in the table of causes; empty where nothing is flagged."""
        return BY_PHRASE[self.cause].id if self.cause in BY_PHRASE else ""


def verdict(result: SuiteResult) -> Verdict:
    """Returns the likeliest cause over all flagged checks of a table.

    What keeps the table from being published speaks before what only warns; among those, the cause that stands first in
    `expectations.causes`. The looks of generated data are the verdict only where nothing else is flagged.
    """
    flagged = result.flagged()
    if not flagged:
        return Verdict(model=result.model)
    lead = min(flagged, key=lambda one: _rank(one, flagged))
    known = BY_PHRASE.get(lead.cause)
    rest = [one for one in flagged if one is not lead]
    covers = known.explains if known else frozenset()
    explained = tuple(
        one
        for one in rest
        if (one.cause == lead.cause or one.check in covers or one.type in covers) and _about_the_same(lead, one)
    )
    slices = dict.fromkeys(
        found for one in (lead, *explained) for found in ([one.slice, *one.where] if one.slice else one.where) if found
    )
    evidence = dict.fromkeys([*lead.evidence, *(line for one in explained for line in one.evidence[:1])])
    return Verdict(
        model=result.model,
        cause=lead.cause,
        explanation=known.explanation if known else "",
        message=lead.message,
        evidence=tuple(evidence),
        what_to_do=lead.what_to_do or advice(lead.cause),
        slice=next(iter(slices), None),
        where=tuple(slices)[1:],
        lead=lead,
        explained=explained,
        others=tuple(one for one in rest if one not in explained),
    )


def _about_the_same(lead: CheckResult, other: CheckResult) -> bool:
    """Whether two checks speak of one column; dead columns speak of those that are dead."""
    if lead.cause in (GENERATED, NO_ROWS):
        return True
    if lead.cause == DEAD:
        return other.column in lead.numbers.get("dead", ()) or other.check in ("D10", "D10b", "D16")
    named = str(lead.expectation.arguments.get("column") or lead.column)
    return not named or not other.column or other.column == named


def _rank(one: CheckResult, flagged: Sequence[CheckResult]) -> tuple[bool, int, bool, int]:
    """Returns where a flagged check stands: blocking ones first, then by the order of causes."""
    looks = one.cause == GENERATED
    # Magnitude alone says "span" as well; the grain check says why, so it leads where both speak.
    second = one.cause == SPAN and one.check != "D1"
    blocked = any(other.blocking for other in flagged) and not one.blocking
    return (blocked or looks, rank(one.cause), second, flagged.index(one))


def settle(result: SuiteResult) -> SuiteResult:
    """Returns the result with each flagged check's slice and cause as the whole suite tells them.

    A narrow band over all rows (D4) is explained by the slice that carries it where another check found one.
    """
    found = next((one for one in result.results if one.cause == CLUSTERED_SLICE and one.slice), None)
    if found is None:
        return result
    return replace(
        result,
        results=tuple(
            replace(one, slice=found.slice)
            if one.status != "pass" and one.cause == CLUSTERED and not one.slice
            else one
            for one in result.results
        ),
    )
