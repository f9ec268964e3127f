"""Figures about the shape of a distribution, from one grid of its quantiles.

The grid holds the quantiles at `PROBABILITIES` (0, 0.005, …, 1), so one aggregate over the data gives the median, the
dispersion, the tails, ties and the distance to another distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.stats.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grid = NDArray[np.float64]

STEPS = 200
PROBABILITIES = tuple(step / STEPS for step in range(STEPS + 1))
_ACCURACY = 10_000  # percentile_approx is off by at most 1/accuracy of the rows


def grid_call(expression: str) -> str:
    """Returns the aggregate call (Spark SQL) that gives the grid of a numeric expression, nulls and NaN left out."""
    number = f"CAST({expression} AS DOUBLE)"
    points = ", ".join(f"{p:.3f}D" for p in PROBABILITIES)
    return f"percentile_approx(nullif({number}, CAST('NaN' AS DOUBLE)), array({points}), {_ACCURACY})"


def grid_of(values: Sequence[float] | Grid) -> Grid:
    """Returns the grid of plain numbers, each quantile one of them, as Spark's."""
    return np.asarray(np.quantile(np.asarray(values, dtype=float), PROBABILITIES, method="inverted_cdf"), dtype=float)


def quantile(grid: Grid, probability: float) -> float:
    """Returns one quantile; `probability` is a multiple of 0.005."""
    return float(grid[round(probability * STEPS)])


def dispersion(grid: Grid) -> tuple[float, float]:
    """Returns QCD = (Q3 - Q1) / (Q3 + Q1) and T = P95 / P05 of a distribution of positive numbers.

    Both are free of units. Where Q1 or P05 is not positive, the figure is infinite: zeros are no narrow band.
    """
    q1, q3 = quantile(grid, 0.25), quantile(grid, 0.75)
    low, high = quantile(grid, 0.05), quantile(grid, 0.95)
    qcd = (q3 - q1) / (q3 + q1) if q1 > 0 else float("inf")
    return qcd, high / low if low > 0 else float("inf")


def tails(grid: Grid) -> tuple[float, float]:
    """Returns Tukey's outlier share and (P99 - P50) / (P50 - P01).

    The share is 0 exactly when no value lies beyond 1.5 interquartile ranges from the quartiles, otherwise right to one
    step of the grid and never 0. The ratio is infinite where P50 = P01.
    """
    q1, q3 = quantile(grid, 0.25), quantile(grid, 0.75)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = float(np.mean((grid >= low) & (grid <= high)))
    share = 0.0 if grid[0] >= low and grid[-1] <= high else max(1 - inside, 0.5 / STEPS)
    middle, first, last = quantile(grid, 0.5), quantile(grid, 0.01), quantile(grid, 0.99)
    below = middle - first
    return share, (last - middle) / below if below > 0 else float("inf")


def top_share(grid: Grid) -> float:
    """Returns the share of the commonest value, right to one step of the grid."""
    _, counts = np.unique(grid, return_counts=True)
    return float((counts.max() - 1) / STEPS)


def distance(one: Grid, other: Grid) -> float:
    """Returns the Kolmogorov-Smirnov distance of two distributions, right to one step of the grid."""
    points = np.union1d(one, other)
    shares = [(np.searchsorted(grid, points, side="right") - 1).clip(0) / STEPS for grid in (one, other)]
    return float(np.max(np.abs(shares[0] - shares[1])))


def sampling_distance(rows: float, other_rows: float) -> float:
    """Returns the Kolmogorov-Smirnov distance that two samples of one distribution exceed in 1 of 10,000 cases.

    Smirnov's asymptotic law: c(a) * sqrt((n + m) / (n m)), c(0.0001) = 2.23.
    """
    if rows <= 0 or other_rows <= 0:
        return 1.0
    return 2.23 * float(np.sqrt((rows + other_rows) / (rows * other_rows)))
