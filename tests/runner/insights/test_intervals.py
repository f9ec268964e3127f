"""Intervals against values computed by hand or published, and against simulation: they hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runner.insights import intervals
from runner.insights.contrasts import course, mean_of, summaries
from runner.insights.inequality import inequality
from runner.insights.intervals import Interval

RUNS = 400
# Of 400 intervals of 95 %, fewer than 365 (91.2 %) hold the truth once in 1,000 times.
LEAST = 365


def test_wilsons_interval_is_the_published_one() -> None:
    found = intervals.share(81, 263)  # Newcombe 1998, table I
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert intervals.share(0, 20).low == 0
    assert round(intervals.share(0, 20).high, 4) == 0.1611


def test_newcombes_interval_is_the_published_one() -> None:
    found = intervals.difference_of_shares((56, 70), (48, 80))  # Newcombe 1998, table II (a), method 10
    assert round(found.value, 4) == 0.2
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_a_medians_limits_are_order_statistics() -> None:
    values = np.arange(1.0, 11.0)  # of ten, the second and the ninth: 97.9 %; the third and the eighth would be 89.1 %
    assert intervals.quantile(values, 0.5) == Interval(5.5, 2.0, 9.0)
    assert intervals.quantile(np.array([4.0]), 0.5) == Interval(4.0, -math.inf, math.inf)  # one value limits nothing
    assert intervals.quantile(np.arange(20.0), 0.05) == Interval(0.0, -math.inf, 3.0)


def test_a_ratio_by_hand() -> None:
    tops, bottoms = np.array([10.0, 14.0, 12.0]), np.array([2.0, 2.0, 2.0])
    found = intervals.ratio(tops, bottoms)
    # rests -2, 2, 0; error sqrt(3 / 2 * 8) / 6; t(2) is 4.3027
    assert found.value == 6
    assert found.high - found.value == pytest.approx(4.30265 * math.sqrt(12) / 6, rel=1e-5)


def test_a_difference_of_ratios_takes_out_what_moves_both() -> None:
    day = np.array([1.0, 5.0, 3.0, 9.0, 2.0])
    ones = np.ones(5)
    gap, probability = intervals.difference_of_ratios((day + 1, ones), (day, ones))
    assert gap == Interval(pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert probability < 1e-6


@pytest.mark.parametrize(("number", "mean"), [(100, 10.0), (5000, 0.2), (30, 400.0)])
def test_the_greatest_of_equal_counts(number: int, mean: float) -> None:
    low, high = intervals.greatest_of_equal(number, mean)
    greatest = np.random.default_rng(1).poisson(mean, (4000, number)).max(axis=1)
    assert np.mean((greatest >= low) & (greatest <= high)) >= 0.94
    assert np.mean(greatest < low) <= 0.03 and np.mean(greatest > high) <= 0.03


@pytest.mark.parametrize("law", ["normal", "lognormal", "few"])
def test_medians_and_means_hold_the_truth_as_often_as_they_say(law: str) -> None:
    generator = np.random.default_rng(2)
    truth = {"normal": (0.0, 0.0), "lognormal": (1.0, math.exp(0.125)), "few": (2.0, 2.0)}[law]
    draw = {
        "normal": lambda: generator.normal(size=80),
        "lognormal": lambda: generator.lognormal(sigma=0.5, size=80),
        "few": lambda: generator.integers(0, 5, 80).astype(float),
    }[law]
    medians = means = 0
    for _ in range(RUNS):
        values = np.sort(draw())
        median, mean = intervals.quantile(values, 0.5), mean_of(summaries(["all"] * len(values), values)["all"])
        medians += median.low <= truth[0] <= median.high
        means += mean.low <= truth[1] <= mean.high
    assert medians >= LEAST
    assert means >= LEAST


def test_shares_and_their_differences_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    one = other = 0
    for _ in range(RUNS):
        first, second = generator.binomial(120, 0.08), generator.binomial(60, 0.15)
        alone, gap = intervals.share(first, 120), intervals.difference_of_shares((first, 120), (second, 60))
        one += alone.low <= 0.08 <= alone.high
        other += gap.low <= -0.07 <= gap.high
    assert one >= LEAST
    assert other >= LEAST


def test_ratios_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(4)
    held = compared = 0
    for _ in range(RUNS):
        orders = generator.poisson(11, (2, 90)).astype(float)
        revenue = np.array([[generator.gamma(n, 100.0) if n else 0.0 for n in row] for row in orders])
        found = intervals.ratio(revenue[0], orders[0])
        gap, _ = intervals.difference_of_ratios((revenue[0], orders[0]), (revenue[1], orders[1]))
        held += found.low <= 100 <= found.high
        compared += gap.low <= 0 <= gap.high
    assert held >= LEAST
    assert compared >= LEAST


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_a_course_holds_the_truth_though_days_are_correlated(correlation: float) -> None:
    generator = np.random.default_rng(5)
    days = np.arange(20_000, 20_088)
    held = levels = 0
    for _ in range(RUNS):
        noise = generator.normal(size=120)
        for place in range(1, 120):
            noise[place] += correlation * noise[place - 1]
        values = 50 + 0.02 * (days - days[0]) + np.where((days + 3) % 7 == 5, 1.0, 0.0) + noise[32:]
        found = course(days, values)
        held += found.per_week.low <= 0.14 <= found.per_week.high
        levels += all(
            one.low <= (6 / 7 if weekday == 5 else -1 / 7) <= one.high for weekday, one in enumerate(found.weekdays)
        )
    assert held >= (LEAST if not correlation else 355)  # the correlation itself is estimated from 88 days
    assert levels >= LEAST


def test_inequality_by_hand() -> None:
    found = inequality(np.array([0.0, 1.0, 2.0, 7.0]), part=0.25)
    assert (found.holders, found.without, found.largest) == (4, 1, 1)
    assert found.top.value == 0.7
    # sum over pairs of |x - y| / (2 n n mean): (1+2+7+1+6+5) * 2 / (2 * 16 * 2.5)
    assert found.gini.value == pytest.approx(0.55)
    equal = inequality(np.full(50, 3.0))
    assert (equal.top.value, equal.gini.value) == (pytest.approx(0.1), pytest.approx(0.0, abs=1e-12))


def test_inequality_holds_the_truth_nearly_as_often_as_it_says() -> None:
    generator = np.random.default_rng(6)
    truth = math.erf(0.5 / 2)  # Gini's index of a log-normal law is erf(sigma / 2)
    held = 0
    for _ in range(100):
        found = inequality(generator.lognormal(sigma=0.5, size=300))
        held += found.gini.low <= truth <= found.gini.high
    assert held >= 87
