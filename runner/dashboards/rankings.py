"""Whether a ranking says more than chance: a test over all of its values, and an interval for each.

Counts of independent things are held against equal ones by chi-square, shares against the common one, as
`expect_ranking_to_have_signal` does; their intervals are Poisson's exact ones (Garwood) and Wilson's. Values with
standard errors are held against their common mean: the sum of (value - mean)^2 over the mean squared error is a
chi-square of one degree less than values where they differ by nothing but chance. Values that come with an interval and
an adjusted p-value, such as the lift of pairs, are beyond chance one by one (Bonferroni's part is the query's).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.chance import chi_square_tail, evenness
from expectations.words import count, figure
from runner.insights.intervals import share
from runner.project.dashboards import Noise

_LEAST_EXPECTED = 5.0  # a group, below which chi-square is no approximation
_Z = 1.959964  # of the normal law: 95 % lie within
_MOST_P = 0.01  # above it a ranking says no more than chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a ranking says.

    Attributes:
        has_order: whether its order is more than chance; None where that cannot be told, or no chance is in it.
        low, high: the 95 % interval of each value; None where there is none.
        together: how many of the first cannot be told from the first one, itself included; 0 where nobody asked.
        words: all of it in a sentence; empty where no chance is in it.
        middle: what all values would be if nothing but chance told them apart; None where there is no such value.
        beyond: of each value whether it alone is beyond chance; empty where they are judged together.
    """

    has_order: bool | None
    low: Sequence[float | None]
    high: Sequence[float | None]
    words: str
    together: int = 0
    middle: float | None = None
    beyond: Sequence[bool] = ()


def judge(values: Sequence[float], noise: Noise, columns: Mapping[str, Sequence[float]], *, of: str) -> Signal:
    """Returns what a ranking says.

    Args:
        values: all of them, not only those that are shown: the greatest of many always look outstanding.
        columns: by role (`of`, `error`, `low`, `high`, `p`) the values of that column.
        of: what is ranked, in words.
    """
    nothing: list[float | None] = [None] * len(values)
    if noise.kind == "exact" or not values:
        return Signal(has_order=None, low=nothing, high=nothing, words="")
    if noise.kind == "count":
        ends = [_poisson(value) for value in values]
        return _told(values, ends, [math.sqrt(value) for value in values], _of_counts(values), of)
    if noise.kind == "share":
        wholes = columns["of"]
        pairs = list(zip(values, wholes, strict=True))
        rate = sum(value * whole for value, whole in pairs) / (sum(wholes) or 1.0)
        errors = [math.sqrt(max(value * (1 - value), 0.0) / whole) if whole else 0.0 for value, whole in pairs]
        ends = [_wilson(value * whole, whole) for value, whole in pairs]
        return _told(values, ends, errors, _of_shares(values, wholes, rate), of, middle=rate)
    if noise.kind == "error":
        errors = list(columns["error"])
        ends = [(value - _Z * error, value + _Z * error) for value, error in zip(values, errors, strict=True)]
        return _told(values, ends, errors, _of_errors(values, errors), of)
    return _one_by_one(values, noise, columns, of)


def _told(
    values: Sequence[float],
    ends: Sequence[tuple[float, float]],
    errors: Sequence[float],
    found: tuple[float, int] | None,
    of: str,
    *,
    middle: float | None = None,
) -> Signal:
    low, high = [pair[0] for pair in ends], [pair[1] for pair in ends]
    if found is None:
        words = f"{_many(values, of)} are too few, or too small, to tell their order from chance."
        return Signal(has_order=None, low=low, high=high, words=words)
    statistic, degrees = found
    p = chi_square_tail(statistic, degrees)
    test = f"chi-square {figure(statistic)} on {count(degrees)} degree{'s' if degrees != 1 else ''} of freedom, {_p(p)}"
    mean = sum(values) / len(values) if middle is None else middle
    if p > _MOST_P:
        words = (
            f"Read no order into this: {_many(values, of)} differ by no more than chance makes them differ ({test}). "
            "With other data of the same shop the order would be another."
        )
        return Signal(has_order=False, low=low, high=high, words=words, middle=mean)
    together = _together(values, errors)
    words = f"{_many(values, of)} differ by more than chance ({test})."
    if together > 1:
        words += (
            f" The first {count(together)} cannot be told apart: the first is ahead of them by no more than chance."
        )
    return Signal(has_order=True, low=low, high=high, words=words, together=together, middle=mean)


def _one_by_one(values: Sequence[float], noise: Noise, columns: Mapping[str, Sequence[float]], of: str) -> Signal:
    low, high = columns["low"], columns["high"]
    if "p" not in columns:
        errors = [(b - a) / (2 * _Z) for a, b in zip(low, high, strict=True)]
        return _told(values, list(zip(low, high, strict=True)), errors, _of_errors(values, errors), of)
    beyond = [p < noise.below for p in columns["p"]]
    if not any(beyond):
        words = f"Consistent with chance: none of {_many(values, of)} is beyond it (adjusted p at least {figure(min(columns['p']))}). What stands first here is noise."
        return Signal(has_order=False, low=low, high=high, words=words, middle=noise.expected)
    number = sum(beyond)
    words = f"{count(number)} of {_many(values, of)} {'is' if number == 1 else 'are'} beyond chance (adjusted p below {figure(noise.below)})."
    return Signal(has_order=True, low=low, high=high, words=words, middle=noise.expected, beyond=beyond)


def _of_counts(values: Sequence[float]) -> tuple[float, int] | None:
    if len(values) < 2 or sum(values) / len(values) < _LEAST_EXPECTED:
        return None
    return evenness(values)[0], len(values) - 1


def _of_shares(values: Sequence[float], wholes: Sequence[float], rate: float) -> tuple[float, int] | None:
    if len(values) < 2 or not 0 < rate < 1 or min(min(rate, 1 - rate) * whole for whole in wholes) < _LEAST_EXPECTED:
        return None
    pairs = zip(values, wholes, strict=True)
    return sum((value - rate) ** 2 * whole / (rate * (1 - rate)) for value, whole in pairs), len(values) - 1


def _of_errors(values: Sequence[float], errors: Sequence[float]) -> tuple[float, int] | None:
    square = sum(error**2 for error in errors) / len(errors)
    if len(values) < 2 or square <= 0 or not math.isfinite(square):
        return None
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / square, len(values) - 1


def _together(values: Sequence[float], errors: Sequence[float]) -> int:
    """Returns how many of the greatest are not surely less than the first."""
    order = sorted(range(len(values)), key=lambda index: -values[index])
    first = order[0]
    found = 1
    for index in order[1:]:
        if values[first] - values[index] > _Z * math.hypot(errors[first], errors[index]):
            break
        found += 1
    return found


def _poisson(value: float) -> tuple[float, float]:
    """Returns the exact 95 % interval of a Poisson count's mean (Garwood 1936)."""
    from scipy.special import gammaincinv

    return float(gammaincinv(value, 0.025)) if value > 0 else 0.0, float(gammaincinv(value + 1, 0.975))


def _wilson(part: float, whole: float) -> tuple[float, float]:
    """Returns the 95 % interval of a share; of nothing it may be any."""
    if whole <= 0:
        return 0.0, 1.0
    found = share(part, whole)
    return found.low, found.high


def _many(values: Sequence[float], of: str) -> str:
    return f"{count(len(values))} {of}"


def _p(value: float) -> str:
    return f"p = {figure(value)}" if value >= 1e-6 else "p < 0.000001"
