"""How likely chance gives a figure: tails of distributions, by the standard library alone."""

from __future__ import annotations

import math

_TINY = 1e-300


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Returns the probability that a chi-square variable of so many degrees of freedom is at least `statistic`.

    The upper regularized incomplete gamma function Q(degrees / 2, statistic / 2): its series below the mean, Lentz's
    continued fraction above it (Numerical Recipes, 6.2).
    """
    if degrees <= 0 or statistic <= 0:
        return 1.0
    shape, x = degrees / 2, statistic / 2
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        step = shape
        while abs(term) > abs(total) * 1e-14:
            step += 1
            term *= x / step
            total += term
        return max(0.0, 1 - front * total)
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for step in range(1, 10_000):
        a = -step * (step - shape)
        b += 2
        d = 1 / _nonzero(a * d + b)
        c = _nonzero(b + a / c)
        fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * fraction


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
