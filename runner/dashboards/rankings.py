"""What a ranking on a dashboard says: whether its order is more than chance, an interval for each value, how many are first.

The tests are those of `expectations.stats.rankings`, over all values and not only those that are shown. Intervals are exact
ones of Poisson counts (Garwood), Wilson's of shares, Student's of means, and the normal law's of values with standard
errors. Values that come with an interval and an adjusted p-value, such as the lift of pairs, are beyond chance one by one
(Bonferroni's part is the query's).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.stats.rankings import (
    MOST_P,
    Comparison,
    Summary,
    of_counts,
    of_estimates,
    of_means,
    of_shares,
    parts,
)
from expectations.words import count, figure
from runner.insights.contrasts import mean_of
from runner.insights.intervals import normal_quantile, share
from runner.project.dashboards import Noise

_CONFIDENCE = 0.95


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
        columns: by role (`of`, `effect`, `deviation`, `error`, `low`, `high`, `p`) the values of that column.
        of: what is ranked, in words.
    """
    nothing: list[float | None] = [None] * len(values)
    if noise.kind == "exact" or not values:
        return Signal(has_order=None, low=nothing, high=nothing, words="")
    if noise.kind == "count":
        ends = [_poisson(value) for value in values]
        return _told(values, ends, [math.sqrt(value) for value in values], of_counts(values), of)
    if noise.kind == "share":
        return _told_of_shares(values, columns["of"], columns.get("effect") or [1.0] * len(values), of)
    if noise.kind == "mean":
        return _told_of_means(values, columns["of"], columns["deviation"], of)
    if noise.kind == "error":
        errors, z = list(columns["error"]), normal_quantile(_CONFIDENCE)
        ends = [(value - z * error, value + z * error) for value, error in zip(values, errors, strict=True)]
        return _told(values, ends, errors, of_estimates(values, errors), of)
    return _one_by_one(values, noise, columns, of)


def _told_of_shares(values: Sequence[float], wholes: Sequence[float], effects: Sequence[float], of: str) -> Signal:
    rows = list(zip(values, wholes, effects, strict=True))

    def effect(labels: Sequence[str]) -> float:
        own = [rows[int(label)] for label in labels]
        return sum(whole * effect for _, whole, effect in own) / sum(whole for _, whole, _ in own)

    compared = parts({str(row): (value * whole, whole) for row, (value, whole, _) in enumerate(rows)}, effect)
    ends = [_wilson(value * whole / effect, whole / effect) for value, whole, effect in rows]
    return _told(values, ends, _errors(ends), of_shares(compared), of)


def _told_of_means(values: Sequence[float], sizes: Sequence[float], deviations: Sequence[float], of: str) -> Signal:
    known = [
        Summary(size=n, mean=value, squares=max(n - 1, 0.0) * deviation**2)
        for value, n, deviation in zip(values, sizes, deviations, strict=True)
    ]
    means = [mean_of(one, _CONFIDENCE) for one in known]
    errors = [math.sqrt(one.variance / one.size) if one.size > 1 else math.inf for one in known]
    return _told(values, [(one.low, one.high) for one in means], errors, of_means(known), of)


def _told(
    values: Sequence[float],
    ends: Sequence[tuple[float, float]],
    errors: Sequence[float],
    found: Comparison | None,
    of: str,
) -> Signal:
    low, high = ([one if math.isfinite(one) else None for one in pair] for pair in zip(*ends, strict=True))
    if found is None:
        words = f"{_many(values, of)} are too few, or too small, to tell their order from chance."
        return Signal(has_order=None, low=low, high=high, words=words)
    if not found.has_signal:
        words = (
            f"Read no order into this: chance alone can make {_many(values, of)} differ as they do ({found.told()}, above "
            f"{figure(MOST_P)}). With other data of the same shop the order may be another."
        )
        return Signal(has_order=False, low=low, high=high, words=words, middle=found.middle)
    together = _together(values, errors)
    words = f"{_many(values, of)} differ by more than chance ({found.told()})."
    if together > 1:
        words += (
            f" The first {count(together)} cannot be told apart: the first is ahead of them by no more than chance."
        )
    return Signal(has_order=True, low=low, high=high, words=words, together=together, middle=found.middle)


def _one_by_one(values: Sequence[float], noise: Noise, columns: Mapping[str, Sequence[float]], of: str) -> Signal:
    low, high = columns["low"], columns["high"]
    if "p" not in columns:
        ends = list(zip(low, high, strict=True))
        return _told(values, ends, _errors(ends), of_estimates(values, _errors(ends)), of)
    beyond = [p < noise.below for p in columns["p"]]
    if not any(beyond):
        words = f"Consistent with chance: none of {_many(values, of)} is beyond it (adjusted p at least {figure(min(columns['p']))}). What stands first here is noise."
        return Signal(has_order=False, low=low, high=high, words=words, middle=noise.expected)
    number = sum(beyond)
    words = f"{count(number)} of {_many(values, of)} {'is' if number == 1 else 'are'} beyond chance (adjusted p below {figure(noise.below)})."
    return Signal(has_order=True, low=low, high=high, words=words, middle=noise.expected, beyond=beyond)


def _errors(ends: Sequence[tuple[float, float]]) -> list[float]:
    """Returns the standard errors that intervals come to."""
    z = normal_quantile(_CONFIDENCE)
    return [(high - low) / (2 * z) for low, high in ends]


def _together(values: Sequence[float], errors: Sequence[float]) -> int:
    """Returns how many of the greatest are not surely less than the first.

    Which one is first was found by the values themselves, so that any pair of them might have been compared: the
    intervals of differences hold for all pairs at once (Bonferroni).
    """
    order = sorted(range(len(values)), key=lambda index: -values[index])
    first, found = order[0], 1
    z = normal_quantile(1 - (1 - _CONFIDENCE) / math.comb(len(values), 2))
    for index in order[1:]:
        if values[first] - values[index] > z * math.hypot(errors[first], errors[index]):
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
