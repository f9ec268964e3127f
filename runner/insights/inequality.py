"""How unevenly a total is spread over its holders: the part of the largest, and Gini's index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.insights.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DRAWS = 20_000_000  # values that are drawn again at most, in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Inequality:
    """How a total is spread.

    Attributes:
        holders: with or without a part.
        without: holders whose part is 0.
        largest: how many are the largest that `top` is of.
        top: the part of the total that they hold.
        gini: Gini's index: 0 where all hold the same, near 1 where one holds all.
    """

    holders: int
    without: int
    largest: int
    top: Interval
    gini: Interval


def inequality(values: Floats, *, part: float = 0.1, confidence: float = 0.95, seed: int = 7) -> Inequality:
    """Returns how a total is spread, with percentile intervals over holders drawn again (Efron 1979; Mills and Zandvakili
    1997 for Gini's index).

    Args:
        values: of each holder, not negative, not all 0.
        part: which holders are the largest: 0.1 for a tenth, rounded up.
    """
    import numpy as np

    ordered = np.sort(values)
    n = len(ordered)
    largest = max(1, math.ceil(part * n - 1e-9))
    generator = np.random.default_rng(seed)
    number = int(min(600, max(100, _DRAWS // n)))
    drawn = [_of(ordered, generator.multinomial(n, np.full(n, 1 / n)).astype(float), largest) for _ in range(number)]
    tops, ginis = np.asarray(drawn).T
    top, gini = _of(ordered, np.ones(n), largest)
    tail = (1 - confidence) / 2
    return Inequality(
        holders=n,
        without=int((ordered == 0).sum()),
        largest=largest,
        top=_percentile(top, tops, tail),
        gini=_percentile(gini, ginis, tail),
    )


def _percentile(value: float, drawn: Floats, tail: float) -> Interval:
    import numpy as np

    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(min(low, value)), float(max(high, value)))


def _of(ordered: Floats, times: Floats, largest: int) -> tuple[float, float]:
    """Returns the largest holders' part and Gini's index where each value stands so many times."""
    import numpy as np

    held = ordered * times
    total = float(held.sum())
    if total <= 0:
        return 0.0, 0.0
    people = np.cumsum(times)
    n = float(people[-1])
    # twice the area below Lorenz' curve, in trapezoids
    below = float((times * (2 * (np.cumsum(held) - held) + held)).sum())
    from_top = np.cumsum(times[::-1])
    full = int(np.searchsorted(from_top, largest))
    rest = largest - (float(from_top[full - 1]) if full else 0.0)
    top = float(held[::-1][:full].sum()) + rest * float(ordered[::-1][full] if full < len(ordered) else 0.0)
    return top / total, 1 - below / (n * total)
