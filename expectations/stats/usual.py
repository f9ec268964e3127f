"""What a figure should be by its own past: the median, aware of weekdays and of growth, and how far it strays by itself.

    expected = median of the last figures, or of those of the same weekday where that explains them better,
               each moved to now along their common slope where they have one;
    scale    = 1.4826 * MAD of what is left, each figure held against the others without itself.

1.4826 * MAD estimates a normal law's standard deviation and ignores up to half of the values, however wild. The slope is the
median of the slopes of all pairs (Theil and Sen), taken where Mann's and Kendall's test finds a trend (|z| > 3). A table
that only grows is judged by its growth per day: ten million rows hide a day without any.
Factors for few values: Croux and Rousseeuw 1992, n / (n - 0.8).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MAD_TO_SIGMA = 1.4826
SAME_WEEKDAY = 3  # figures of one weekday that a comparison with it takes
_TREND_Z = 3.0
_GAIN = 0.8  # what weekdays must make of the scale to be worth the fewer figures
_GROWS = 0.9  # share of the steps of a growing table that do not fall
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Point:
    """A figure and when it was measured."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What a figure should be.

    Attributes:
        expected: in the figure's unit.
        scale: how far figures stray from what was expected of them, in units of `per`.
        per: what deviations are counted in: what was expected (a share of it), or 1 (the figure's own unit).
        points: figures that this comes from, `alike` of which were compared.
        weekday: the day where only figures of the same weekday were compared, else empty.
        slope: the common change a day, in the figure's unit; 0 where there is none.
        base: where growth counts from, of a table that only grows: its last figure.
    """

    expected: float
    scale: float
    per: float
    points: int
    alike: int
    weekday: str = ""
    slope: float = 0.0
    base: float | None = None

    def deviation(self, value: float) -> float:
        """Returns how far a figure is from what was expected, in units of `per`; signed."""
        if value == self.expected:
            return 0.0
        return (value - self.expected) / self.per if self.per else math.copysign(math.inf, value - self.expected)


def usual(points: Sequence[Point], at: datetime, *, relative: bool = True, noise: float = 0.0) -> Usual:
    """Returns what the figure should be at a moment.

    Args:
        points: its past, oldest first; at least two.
        relative: deviations are shares of what is expected; else in the figure's unit, for figures that are shares.
        noise: the least scale, known otherwise: of a share the error of its sample, of a count its square root.
    """
    grown = _growth(points, at) if relative else None
    if grown is None:
        return _usual(points, at, relative=relative, noise=noise)
    rates, last, days = grown
    rate = _usual(rates, at, relative=True, noise=0.0)
    growth = rate.expected * days
    least = abs(growth) ** -0.5 if noise and growth else 0.0
    return Usual(
        expected=last.value + growth,
        scale=max(rate.scale, least),
        per=abs(growth),
        points=len(points),
        alike=rate.alike,
        weekday=rate.weekday,
        slope=rate.expected,
        base=last.value,
    )


def _days(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / 86_400


def _growth(points: Sequence[Point], at: datetime) -> tuple[list[Point], Point, float] | None:
    """Returns the growth a day of a table that only grows, the figure that today's growth counts from, and since when.

    Figures closer to each other than half of a usual long gap (the third quartile) count as one: growth of a minute says nothing of a day's.
    """
    steps = [after.value - before.value for before, after in itertools.pairwise(points)]
    rising = sum(step > 0 for step in steps)
    falling = sum(step < 0 for step in steps)
    if len(steps) < SAME_WEEKDAY or falling > (1 - _GROWS) * len(steps) or rising <= len(steps) / 2:
        return None
    gaps = [_days(before.at, after.at) for before, after in itertools.pairwise(points)]
    least = sorted(gaps)[3 * len(gaps) // 4] / 2  # most of the long gaps: runs come in bursts, too
    kept = [points[0]]
    for point in points[1:]:
        if _days(kept[-1].at, point.at) >= least:
            kept.append(point)
    while len(kept) > 1 and _days(kept[-1].at, at) < least:
        kept.pop()
    rates = [
        Point(after.at, (after.value - before.value) / _days(before.at, after.at))
        for before, after in itertools.pairwise(kept)
        if after.at > before.at
    ]
    days = _days(kept[-1].at, at)
    return (rates, kept[-1], days) if len(rates) >= SAME_WEEKDAY and days > 0 else None


def _usual(points: Sequence[Point], at: datetime, *, relative: bool, noise: float) -> Usual:
    positive = all(point.value > 0 for point in points)
    level = median([abs(point.value) for point in points])
    found = []
    for by_weekday in (False, True):
        groups = _groups(points, by_weekday)
        if by_weekday and len(groups.get(at.weekday(), ())) < SAME_WEEKDAY:
            continue
        slope = _slope(points, groups)
        moved = [point.value + slope * _days(point.at, at) for point in points]
        own = groups[at.weekday()] if by_weekday else range(len(points))
        expected = median([moved[index] for index in own])
        left = []
        for members in groups.values():
            values = [moved[index] for index in members]
            if len(values) < (SAME_WEEKDAY if by_weekday else 2):
                continue
            order = sorted(values)
            for value in values:
                without = _median_without(order, value)
                per = (abs(without) if positive else level) if relative else 1.0
                if per:
                    left.append((value - without) / per)
        spread = _scale(left)
        per = (abs(expected) if positive else level) if relative else 1.0
        found.append(
            Usual(
                expected=expected,
                scale=max(spread, noise),
                per=per,
                points=len(points),
                alike=len(own),
                weekday=_DAYS[at.weekday()] if by_weekday else "",
                slope=slope,
            )
        )
    if len(found) == 2 and found[1].scale < _GAIN * found[0].scale:
        return found[1]
    return found[0]


def _groups(points: Sequence[Point], by_weekday: bool) -> dict[int, list[int]]:
    """Returns the positions of figures that are compared with each other: by weekday, or all of them."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, point in enumerate(points):
        groups[point.at.weekday() if by_weekday else 0].append(index)
    return groups


def _slope(points: Sequence[Point], groups: dict[int, list[int]]) -> float:
    """Returns the common slope a day within groups; 0 where the test finds no trend (Hirsch and Slack for several groups)."""
    slopes = []
    score = variance = 0.0
    for members in groups.values():
        count = len(members)
        variance += count * (count - 1) * (2 * count + 5) / 18
        for place, first in enumerate(members):
            for second in members[place + 1 :]:
                days = _days(points[first].at, points[second].at)
                if days <= 0:
                    continue
                change = points[second].value - points[first].value
                score += (change > 0) - (change < 0)
                slopes.append(change / days)
    if not variance or abs(score) <= 1 or (abs(score) - 1) / math.sqrt(variance) <= _TREND_Z:
        return 0.0
    return median(slopes)


def _scale(left: Sequence[float]) -> float:
    """Returns 1.4826 * MAD around 0, enlarged for few values."""
    if len(left) < 2:
        return 0.0
    return MAD_TO_SIGMA * median([abs(one) for one in left]) * len(left) / (len(left) - 0.8)


def median(values: Sequence[float]) -> float:
    """Returns the median of at least one value."""
    order = sorted(values)
    middle = len(order) // 2
    return order[middle] if len(order) % 2 else (order[middle - 1] + order[middle]) / 2


def _median_without(order: Sequence[float], value: float) -> float:
    """Returns the median of sorted values without one of them."""
    place = next(index for index, one in enumerate(order) if one == value)
    rest = len(order) - 1
    middle = rest // 2

    def at(index: int) -> float:
        return order[index if index < place else index + 1]

    return at(middle) if rest % 2 else (at(middle - 1) + at(middle)) / 2
