"""How far an estimate may be off: intervals for shares, differences, counts, quantiles, means and ratios.

All take `confidence`, the share of repetitions in which the interval holds the truth: 0.95. scipy is imported when an
interval is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the limits between which the truth lies with the confidence that was asked for."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Returns the interval of a positive multiple."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0

    @property
    def is_below_zero(self) -> bool:
        return self.high < 0


def normal_quantile(confidence: float) -> float:
    """Returns z such that a normal variable is within z deviations with that probability: 1.96 for 0.95."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def student_quantile(confidence: float, degrees: float) -> float:
    """Returns the same for Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def student_tails(statistic: float, degrees: float) -> float:
    """Returns the probability that Student's t is as far from 0 or farther."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(statistic)))


def share(successes: float, trials: float, confidence: float = 0.95) -> Interval:
    """Returns a share with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001).

    Args:
        successes, trials: counts; parts of them where they are effective ones.
    """
    z2 = normal_quantile(confidence) ** 2
    value = successes / trials
    middle = (successes + z2 / 2) / (trials + z2)
    half = math.sqrt(z2 * (value * (1 - value) * trials + z2 / 4)) / (trials + z2)
    return Interval(value, max(0.0, min(middle - half, value)), min(1.0, max(middle + half, value)))


def difference_of_shares(first: tuple[float, float], second: tuple[float, float], confidence: float = 0.95) -> Interval:
    """Returns first less second with Newcombe's hybrid score interval (Newcombe 1998, method 10).

    Args:
        first, second: successes and trials.
    """
    one, other = share(*first, confidence), share(*second, confidence)
    value = one.value - other.value
    return Interval(
        value,
        value - math.hypot(one.value - one.low, other.high - other.value),
        value + math.hypot(one.high - one.value, other.value - other.low),
    )


def quantile(ordered: Floats, position: float, confidence: float = 0.95) -> Interval:
    """Returns a quantile with limits that are order statistics (Conover 1999, 3.2): true of any distribution.

    A limit is infinite where there are too few values for one: the twentieth part of 20 values may lie below all of them.

    Args:
        ordered: the values, ascending; at least one.
        position: 0.5 for the median.
    """
    from scipy.special import bdtr

    n = len(ordered)
    value = float(ordered[min(n - 1, max(0, math.ceil(position * n) - 1))])
    if position == 0.5 and n % 2 == 0:
        value = float(ordered[n // 2 - 1] + ordered[n // 2]) / 2
    tail = (1 - confidence) / 2
    spread = normal_quantile(confidence) * math.sqrt(n * position * (1 - position))
    low, high = min(n, math.floor(n * position - spread) + 3), max(1, math.ceil(n * position + spread) - 2)
    while low > 0 and bdtr(low - 1, n, position) > tail:
        low -= 1
    while high <= n and bdtr(high - 1, n, position) < 1 - tail:
        high += 1
    return Interval(
        value,
        float(ordered[low - 1]) if low > 0 else -math.inf,
        float(ordered[high - 1]) if high <= n else math.inf,
    )


def ratio(tops: Floats, bottoms: Floats, confidence: float = 0.95) -> Interval:
    """Returns sum(tops) / sum(bottoms) with an interval from how it varies between the rows, such as days.

    The linearised variance of a ratio (Cochran 1977, 6.4) and Student's t; rows are taken as independent.
    """
    total, error = _linearised(tops, bottoms)
    half = student_quantile(confidence, len(tops) - 1) * error
    return Interval(total, total - half, total + half)


def _linearised(tops: Floats, bottoms: Floats) -> tuple[float, float]:
    import numpy as np

    n = len(tops)
    value = float(tops.sum() / bottoms.sum())
    rest = tops - value * bottoms
    return value, math.sqrt(n / (n - 1) * float(np.square(rest).sum())) / float(bottoms.sum())


def difference_of_ratios(
    first: tuple[Floats, Floats], second: tuple[Floats, Floats], confidence: float = 0.95
) -> tuple[Interval, float]:
    """Returns first less second with its interval, and the probability of such a difference by chance.

    Both are taken from the same rows, such as days, and may move together: the linearised values are differenced row by
    row (Cochran 1977, 6.4 and 6.19).

    Args:
        first, second: tops and bottoms, of the same rows.
    """
    import numpy as np

    values, parts = [], []
    for tops, bottoms in (first, second):
        value = float(tops.sum() / bottoms.sum())
        values.append(value)
        parts.append((tops - value * bottoms) / bottoms.sum())
    n = len(parts[0])
    error = math.sqrt(n / (n - 1) * float(np.square(parts[0] - parts[1]).sum()))
    value = values[0] - values[1]
    half = student_quantile(confidence, n - 1) * error
    probability = student_tails(value / error, n - 1) if error > 0 else (1.0 if value == 0 else 0.0)
    return Interval(value, value - half, value + half), probability


def greatest_of_equal(number: int, mean: float, confidence: float = 0.95) -> tuple[int, int]:
    """Returns between which counts the greatest of `number` equal Poisson counts lies with that probability.

    P(greatest <= x) = P(one <= x) ** number.
    """
    tail = (1 - confidence) / 2
    return _greatest(number, mean, tail), _greatest(number, mean, 1 - tail)


def _greatest(number: int, mean: float, position: float) -> int:
    from scipy.special import pdtr

    low, high = -1, max(1, math.ceil(mean))
    while pdtr(high, mean) ** number < position:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if pdtr(middle, mean) ** number >= position else (middle, high)
    return high
