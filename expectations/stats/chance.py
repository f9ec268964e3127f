"""What chance alone gives: tails of the laws that checks compare with.

scipy is imported when a tail is asked for: suites are read without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def chi_square_tail(statistic: float, degrees: float) -> float:
    """Returns the probability that chance gives such a chi-square or a greater one."""
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))


def evenness(counts: Sequence[float]) -> tuple[float, float]:
    """Returns Pearson's chi-square of counts against equal ones, and the probability of that much or more by chance."""
    expected = sum(counts) / len(counts)
    statistic = sum((n - expected) ** 2 for n in counts) / expected
    return statistic, chi_square_tail(statistic, len(counts) - 1)


def variance_ratio(groups: int, rows: float, between: float, within: float) -> tuple[float, float]:
    """Returns F of a one-way layout from its sums of squares, and the probability of that much or more by chance."""
    from scipy.special import fdtrc

    if within <= 0:
        return (math.inf, 0.0) if between > 0 else (0.0, 1.0)
    ratio = (between / (groups - 1)) / (within / (rows - groups))
    return ratio, float(fdtrc(groups - 1, rows - groups, ratio))


def poisson_tail(least: float, expected: float) -> float:
    """Returns the probability that a Poisson count of mean `expected` is `least` or more."""
    from scipy.special import pdtrc

    if least <= 0:
        return 1.0
    return float(pdtrc(least - 1, expected)) if expected > 0 else 0.0


def poisson_tails(counts: Floats, expected: Floats) -> Floats:
    """Returns of each count the probability that a Poisson count of that mean is as great or greater."""
    import numpy as np
    from scipy.special import pdtrc

    found: Floats = np.where(counts > 0, pdtrc(np.maximum(counts - 1, 0), expected), 1.0)
    return found


def surprise_sql(number: str, expected: str) -> str:
    """Returns Spark SQL for a bound on -ln P(Poisson(expected) >= number): n ln(n / e) - n + e, 0 where n <= e.

    Chernoff's bound: the probability is never greater than exp of minus it.
    """
    return f"if({number} > {expected}, {number} * ln({number} / {expected}) - {number} + {expected}, 0D)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alikeness:
    """How far the groups of a one-way layout differ.

    Attributes:
        correlation: the intraclass correlation, estimated.
        upper: its upper 95 % limit.
        resolution: the limit where groups differ by no more than chance: the least that so many rows can rule out.
        ratio: F.
    """

    correlation: float
    upper: float
    resolution: float
    ratio: float


def alike(groups: int, rows: float, squares: float, between: float, within: float) -> Alikeness:
    """Returns how far the groups of a one-way layout differ.

    Searle's exact limit: F_U = F / F(.05; U - 1, N - U), upper = (F_U - 1) / (F_U - 1 + n0), where
    n0 = (N - sum n_i^2 / N) / (U - 1) is the mean group size that unequal groups come to.

    Args:
        groups: U, groups.
        rows: N.
        squares: the sum of the groups' squared sizes.
        between, within: sums of squares between and within groups.
    """
    from scipy.special import fdtri

    size = (rows - squares / rows) / (groups - 1)
    least = float(fdtri(groups - 1, rows - groups, 0.05))
    ratio = (between / (groups - 1)) / (within / (rows - groups)) if within > 0 else math.inf

    def correlation(f: float) -> float:
        return 1.0 if math.isinf(f) else (f - 1) / (f - 1 + size)

    return Alikeness(
        correlation=correlation(ratio),
        upper=correlation(ratio / least),
        resolution=correlation(1 / least),
        ratio=ratio,
    )
