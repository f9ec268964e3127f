"""The tests behind every ranking: by hand, and by simulation: what is all alike is called different as often as said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from expectations.stats.rankings import (
    Part,
    Summary,
    of_counts,
    of_estimates,
    of_means,
    of_shares,
    p_value,
    parts,
    together,
)

RUNS = 1_000
MOST = 21  # of 1,000 tests at 1 %, more than this about once in 1,000 times


def summary(values: np.ndarray) -> Summary:
    return Summary(size=len(values), mean=float(values.mean()), squares=float(((values - values.mean()) ** 2).sum()))


def test_counts_by_hand() -> None:
    found = of_counts([10, 30, 20])
    assert found is not None
    assert (found.statistic, found.degrees, found.middle) == (10, (2,), 20)
    assert found.probability == pytest.approx(math.exp(-5))
    assert found.has_signal
    assert found.told() == "chi-square 10 on 2 degrees of freedom, p = 0.00674"


@pytest.mark.parametrize(
    ("counts", "is_judged"),
    [
        ([], False),
        ([50], False),
        ([4, 5], False),
        ([5, 5], True),
        ([3, 3, 3], False),
        ([4, 3, 3], True),
        ([0] * 90 + [1] * 10, False),  # N^2 / k is 1
        ([0] * 60 + [1] * 40, True),
        ([0, 0, 0], False),
    ],
)
def test_few_counts_are_not_judged(counts: list[float], is_judged: bool) -> None:
    assert (of_counts(counts) is not None) == is_judged


@pytest.mark.parametrize(("holders", "mean"), [(5, 3), (100, 0.5), (400, 1), (12, 40)])
def test_equal_counts_are_called_different_once_in_a_hundred(holders: int, mean: float) -> None:
    generator = np.random.default_rng(5)
    drawn = generator.multinomial(round(holders * mean), np.full(holders, 1 / holders), RUNS)
    assert sum(found.has_signal for row in drawn if (found := of_counts(row.tolist()))) <= MOST


def test_small_groups_are_taken_together_and_what_is_still_too_small_left_out() -> None:
    found = parts({"a": (30, 100), "b": (20, 100), "c": (3, 12), "d": (4, 13), "e": (0, 0)})
    assert [(one.name, one.successes, one.trials) for one in found] == [
        ("a", 30, 100), ("b", 20, 100), ("2 small ones together", 7, 25),
    ]  # fmt: skip
    assert [one.name for one in parts({"a": (30, 100), "b": (20, 100), "c": (3, 12)})] == ["a", "b"]
    assert parts({"a": (0, 100), "b": (0, 90)}) == parts({"a": (9, 9), "b": (8, 8)}) == parts({"a": (0, 0)}) == ()


def test_shares_by_hand() -> None:
    found = of_shares(parts({"a": (30, 100), "b": (10, 100)}))
    assert found is not None
    # 200 (30 * 90 - 70 * 10)^2 / (40 * 160 * 100 * 100) = 12.5
    assert (found.said(), found.middle) == ("chi-square 12.5 on 1 degree of freedom", 0.2)
    assert of_shares([Part(name="a", labels=("a",), successes=5, trials=10)]) is None


def test_a_design_effect_divides_what_is_counted() -> None:
    found = of_shares(parts({"a": (300, 1000), "b": (100, 1000)}, lambda _: 10.0))
    plain = of_shares(parts({"a": (30, 100), "b": (10, 100)}))
    assert found is not None and plain is not None
    assert found.statistic == pytest.approx(plain.statistic)


def test_means_by_hand() -> None:
    found = of_means([summary(np.tile([1.0, 3.0], 5)), summary(np.tile([2.0, 4.0], 5))])
    assert found is not None
    assert (found.said(), found.middle) == ("F 4.5 on 1 and 18 degrees of freedom", 2.5)
    assert of_means([summary(np.ones(3))]) is None
    assert of_means([summary(np.ones(1)), summary(np.zeros(1))]) is None


def test_groups_together_are_what_their_values_are_together() -> None:
    values = np.random.default_rng(1).normal(5, 2, 100)
    found = together([summary(values[:30]), summary(values[30:31]), summary(values[31:])])
    assert (found.size, found.mean, found.variance) == (100, pytest.approx(values.mean()), pytest.approx(values.var(ddof=1)))  # fmt: skip
    assert math.isnan(summary(values[:1]).variance)


def test_estimates_of_one_error_are_a_chi_square() -> None:
    found = of_estimates([1.0, 2.0, 6.0], [2.0, 2.0, 2.0])
    assert found is not None
    assert (found.statistic, found.degrees, found.middle) == (pytest.approx(14 / 4), (2,), 3)
    assert of_estimates([1.0], [1.0]) is None
    assert of_estimates([1.0, 2.0], [0.0, 0.0]) is None
    assert of_estimates([1.0, 2.0], [1.0, math.inf]) is None


@pytest.mark.parametrize("errors", [[1.0] * 6, [1.0, 1, 1, 1, 1, 12], list(range(1, 21)), [0.1, 8, 9]])
def test_equal_estimates_are_called_different_once_in_a_hundred(errors: list[float]) -> None:
    drawn = np.random.default_rng(6).normal(100, errors, (RUNS, len(errors)))
    alarms = sum(found.has_signal for row in drawn if (found := of_estimates(row.tolist(), errors)))
    assert alarms <= MOST + 5  # an approximation: 0.01 is 0.012 at worst among these


def test_probabilities_in_words() -> None:
    assert [p_value(one) for one in (0.905, 0.0123, 1e-7)] == ["p = 0.905", "p = 0.0123", "p < 0.000001"]
