"""What a query gives back: its rows, what a reader must know of them, and why it was fast or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
_DIGITS = 24  # before the point, of the 28 that decimals are computed with


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the store answers a query.

    Attributes:
        reason: in one or two sentences, why it is fast, or why not.
        facts: what was used and read, by name: index, documents examined; start and stop row, regions.
        whole: the whole pipeline as extended JSON, or the whole scan.
    """

    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    whole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a distribution of users is cut, and where the cut came to lie in it.

    Attributes:
        measure: what is cut.
        quantile: the share of users that was asked to be at or below the cut.
        rank: which of the users in ascending order gave the value, from 1 (nearest rank: a value that occurs).
        below, equal, above: how many users lie there. `equal` above 1 is a tie: equal values share a band, so the
            shares at or below the cut can be far from the quantile.
    """

    measure: str
    quantile: Decimal
    rank: int
    value: Decimal | int
    below: int
    equal: int
    above: int

    @property
    def position(self) -> Decimal:
        """The share of users at or below the cut, rounded to four digits."""
        return share(self.below + self.equal, self.below + self.equal + self.above) or Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A query's result.

    Attributes:
        query: its name as a command.
        columns: the names of the values in each of `rows`. Money is Decimal, a moment is a datetime in UTC, null None.
        notes: what a reader must know, such as values that were left out.
        cuts: of a segmentation.
    """

    query: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    plan: Plan
    notes: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """Returns the rows by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def share(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """Returns part of whole, rounded to four digits; None of nothing, and of what is no finite number."""
    if not whole or not Decimal(part).is_finite() or not Decimal(whole).is_finite():
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def cents(value: Decimal) -> Decimal:
    """Returns an amount of money in whole cents; what is too large to be money, or no number, as it is."""
    is_money = value.is_finite() and value.adjusted() < _DIGITS
    return value.quantize(CENT, ROUND_HALF_UP) if is_money else value


def several(count: int, thing: str, things: str | None = None) -> str:
    """Returns the count with its noun: `1 row`, `1,203 rows`."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Returns names with commas, the first few of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
