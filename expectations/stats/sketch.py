"""A column's distribution in a few numbers that a result can keep, and how far two of them are apart.

Of numbers the quantiles from 0 to 1 in steps of 1/40, with the distance of Kolmogorov and Smirnov between the curves that
they lie on (exact to about 1/40 where many values are equal). Of other values the shares of the commonest ones, with the
total variation: half of the sum of what the shares differ by, which is the share of rows that would have to change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

STEPS = 40
POINTS = tuple(number / STEPS for number in range(STEPS + 1))
MOST_VALUES = 50  # of a column that holds no numbers
OTHERS = "all others"
_QUANTILE, _SHARE = "q", "="


def quantile_numbers(quantiles: Sequence[float]) -> dict[str, float]:
    """Returns quantiles at `POINTS` as figures of a result: q000, q025, …, q1000 (thousandths)."""
    return {f"{_QUANTILE}{round(1000 * at):03d}": float(value) for at, value in zip(POINTS, quantiles, strict=True)}


def share_numbers(shares: Mapping[str, float]) -> dict[str, float]:
    """Returns shares by value as figures of a result."""
    return {f"{_SHARE}{value}": share for value, share in shares.items()}


def quantiles_of(numbers: Mapping[str, float]) -> list[float] | None:
    """Returns the quantiles that a result kept; None where it kept none."""
    found = [numbers.get(f"{_QUANTILE}{round(1000 * at):03d}") for at in POINTS]
    kept = [value for value in found if value is not None]
    return kept if len(kept) == len(POINTS) else None


def shares_of(numbers: Mapping[str, float]) -> dict[str, float] | None:
    """Returns the shares by value that a result kept; None where it kept none."""
    found = {name.removeprefix(_SHARE): share for name, share in numbers.items() if name.startswith(_SHARE)}
    return found or None


def share_below(quantiles: Sequence[float], value: float) -> float:
    """Returns the share of values up to `value`, on the line through the quantiles."""
    after = bisect_right(quantiles, value)
    if after == 0:
        return 0.0
    if after == len(quantiles):
        return 1.0
    before, next_one = quantiles[after - 1], quantiles[after]
    within = (value - before) / (next_one - before)
    return (after - 1 + within) / STEPS


def distances(past: Sequence[Sequence[float]], now: Sequence[float]) -> tuple[list[float], float, float]:
    """Returns how far each past distribution is from the mean of the others, how far today's is from all, and where.

    Args:
        past: quantiles at `POINTS` of at least two distributions.
        now: today's.

    Returns:
        The past distances, today's, and the value at which today's curve is farthest from the mean one.
    """
    grid = sorted({value for quantiles in (*past, now) for value in quantiles})
    curves = [[share_below(quantiles, value) for value in grid] for quantiles in past]
    sums = [sum(column) for column in zip(*curves, strict=True)]
    count = len(curves)
    apart = [
        max(abs(own - (total - own) / (count - 1)) for own, total in zip(curve, sums, strict=True)) for curve in curves
    ]
    today = [abs(share_below(now, value) - total / count) for value, total in zip(grid, sums, strict=True)]
    farthest = max(range(len(grid)), key=today.__getitem__)
    return apart, today[farthest], grid[farthest]


def variations(past: Sequence[Mapping[str, float]], now: Mapping[str, float]) -> tuple[list[float], float, list[str]]:
    """Returns how far each past set of shares is from the mean of the others, how far today's is from all, and by what.

    Returns:
        The past total variations, today's, and the values whose shares changed most, the farthest first.
    """
    values = sorted({value for shares in (*past, now) for value in shares})
    sums = {value: sum(shares.get(value, 0.0) for shares in past) for value in values}
    count = len(past)
    apart = [
        sum(abs(shares.get(value, 0.0) - (sums[value] - shares.get(value, 0.0)) / (count - 1)) for value in values) / 2
        for shares in past
    ]
    changed = {value: abs(now.get(value, 0.0) - sums[value] / count) for value in values}
    return apart, sum(changed.values()) / 2, sorted(values, key=lambda value: -changed[value])


def mean_share(past: Sequence[Mapping[str, float]], value: str) -> float:
    """Returns the mean share of a value over past distributions."""
    return sum(shares.get(value, 0.0) for shares in past) / len(past)
