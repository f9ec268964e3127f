"""What was usual of a figure, run by run: the band that a trend is drawn over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.checks.trend import SHAPE, TRENDS
from expectations.reports.values import Observation
from expectations.result import CheckResult
from expectations.stats.usual import Point, usual
from expectations.words import figure

_K = 4.0  # times 1.4826 * MAD: where checks of trends warn by default
_LEAST = 8  # earlier figures that tell what is usual
_TRENDS = frozenset(one.type for one in TRENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From what to what a figure was usual; None is an open side."""

    low: float | None
    high: float | None

    @property
    def shown(self) -> str:
        """It in words."""
        if self.low is None or self.high is None:
            return f"up to {figure(self.high)}" if self.low is None else f"from {figure(self.low)}"
        return figure(self.low) if self.low == self.high else f"{figure(self.low)} to {figure(self.high)}"


def allowed_by(numbers: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Returns what a check of a trend expected by its past, and how much more or less it allowed; None where it did not judge."""
    found = numbers.get("expected", numbers.get("usual")), numbers.get("allowed")
    expected, allowed = (float(one) if isinstance(one, (int, float)) else None for one in found)
    return expected, allowed


def bands(lead: CheckResult, points: Sequence[Observation]) -> list[Band | None]:
    """Returns what was usual at each point; None where there were too few before it.

    A check that judges by the past drew its own limits, run by run. Of any other figure it is the median of those before,
    give or take four times 1.4826 * MAD, as `history.usual` has it.
    """
    if lead.type in _TRENDS:
        return [_judged(lead, point) for point in points]
    return [_usual(points[:place], point) if place >= _LEAST else None for place, point in enumerate(points)]


def _judged(lead: CheckResult, point: Observation) -> Band | None:
    if point.expected is None or point.allowed is None:
        return None
    if lead.type == SHAPE.type:  # a distance: what is allowed is its limit
        return Band(low=None, high=point.allowed)
    direction = lead.expectation.definition.complete(lead.expectation.arguments)["direction"]
    return Band(
        low=None if direction == "up" else point.expected - point.allowed,
        high=None if direction == "down" else point.expected + point.allowed,
    )


def _usual(before: Sequence[Observation], now: Observation) -> Band:
    found = usual([Point(one.at, one.value) for one in before], now.at)
    width = _K * found.scale * found.per
    low = found.expected - width
    if all(one.value >= 0 for one in before):  # rows and shares are never fewer than none
        low = max(low, 0.0)
    return Band(low=low, high=found.expected + width)
