"""Contrasts: by hand, and by simulation: what is all alike is called different no more often than it should be."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.stats.chance import poisson_tails
from runner.insights.contrasts import (
    compare_means,
    compare_shares,
    course,
    design_effect,
    dispersion,
    holm,
    repeated,
    summaries,
    uneven,
)

RUNS = 400
MOST = 34  # of 400 tests at 5 %, more than this once in 1,000 times


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_shares_by_hand() -> None:
    found = compare_shares(["a", "b"], [30, 10], [100, 100])
    assert found is not None
    # 200 (30 * 90 - 70 * 10)^2 / (40 * 160 * 100 * 100) = 12.5
    assert found.test.said() == "chi-square 12.5 on 1 degree of freedom"
    assert found.test.probability == pytest.approx(0.000407, rel=1e-2)
    assert [(one.label, one.value.value, round(one.difference.value, 6)) for one in found.groups] == [
        ("a", 0.3, 0.2),
        ("b", 0.1, -0.2),
    ]
    assert found.overall.value == 0.2


def test_small_groups_are_taken_together_and_one_alone_is_left_out() -> None:
    found = compare_shares(["a", "b", "c", "d"], [30, 20, 3, 4], [100, 100, 12, 13])
    assert found is not None
    assert [one.label for one in found.groups] == ["a", "2 small ones together", "b"]
    assert found.pooled == 2
    alone = compare_shares(["a", "b", "c"], [30, 20, 3], [100, 100, 12])
    assert alone is not None
    assert [one.label for one in alone.groups] == ["a", "b"]
    assert compare_shares(["a", "b"], [30, 1], [100, 3]) is None
    assert compare_shares(["a", "b"], [0, 0], [100, 100]) is None


def test_a_design_effect_is_that_of_clusters_that_are_alike_within() -> None:
    successes = np.array([10.0, 0.0] * 50)  # each cluster of ten says the same ten times
    assert design_effect(successes, np.full(100, 10.0)) == pytest.approx(10, rel=0.02)
    assert design_effect(np.array([1.0, 0.0] * 50), np.ones(100)) == pytest.approx(1, rel=0.02)


def test_means_by_hand() -> None:
    labels = ["a"] * 10 + ["b"] * 10
    values = np.array([1.0, 3.0] * 5 + [2.0, 4.0] * 5)
    found = compare_means(summaries(labels, values))
    assert found is not None
    assert found.test.said() == "F 4.5 on 1 and 18 degrees of freedom"  # 5 / (20 / 18)
    assert [(one.label, one.value.value) for one in found.groups] == [("b", 3.0), ("a", 2.0)]
    pooled = compare_means(summaries([*labels, *["c"] * 3, *["d"] * 4], np.append(values, [2.0] * 7)))
    assert pooled is not None
    assert (pooled.pooled, [one.size for one in pooled.groups if "together" in one.label]) == (2, [7.0])


def test_dispersion_by_hand() -> None:
    found = dispersion(np.array([4.0, 8.0, 6.0, 2.0]))
    assert found is not None
    assert (found.mean, found.index) == (5, pytest.approx(20 / 3 / 5))
    assert found.test.said() == "chi-square 4 on 3 degrees of freedom"
    assert found.real == pytest.approx(0.25)


def test_poisson_tails_by_hand() -> None:
    tails = poisson_tails(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    assert tails == pytest.approx([1, 1 - np.exp(-1), 1 - 2 * np.exp(-1)])


def test_uneven_counts_come_greatest_first() -> None:
    found = uneven(["a", "b", "c"], [10, 30, 20])
    assert found is not None
    assert [(label, n) for label, n, _ in found[0]] == [("b", 30), ("c", 20), ("a", 10)]
    assert found[1].said() == "chi-square 10 on 2 degrees of freedom"
    assert uneven(["a", "b", "c"], [1, 2, 3]) is None


def test_a_line_is_found_and_weekdays_too() -> None:
    days = np.arange(20_000, 20_088)
    generator = np.random.default_rng(1)
    values = 100 + 0.5 * (days - days[0]) + np.where((days + 3) % 7 == 6, 20, 0) + generator.normal(0, 3, 88)
    found = course(days, values)
    assert found.probability < 1e-6
    assert found.per_week.low <= 3.5 <= found.per_week.high
    assert found.weekdays_probability < 1e-6
    assert [one.is_above_zero for one in found.weekdays] == [False] * 6 + [True]  # 1970-01-04 was a Sunday
    assert course(days[:15], values[:15]).weekdays == ()


def test_a_constant_course_has_no_slope() -> None:
    found = course(np.arange(30), np.full(30, 5.0))
    assert found.per_week.value == pytest.approx(0, abs=1e-9)
    assert found.mean.value == 5


def test_what_is_alike_is_called_different_no_more_often_than_said() -> None:
    generator = np.random.default_rng(7)
    days = np.arange(20_000, 20_088)
    called = dict.fromkeys(("shares", "clustered", "means", "counts", "course", "weekdays"), 0)
    for _ in range(RUNS):
        trials = np.array([120, 300, 80, 60])
        shares = compare_shares(list("abcd"), generator.binomial(trials, 0.2), trials)
        called["shares"] += shares is not None and shares.test.probability < 0.05
        means = compare_means(
            summaries(list(np.repeat(list("abc"), [15, 40, 120])), generator.lognormal(sigma=1, size=175))
        )
        called["means"] += means is not None and means.test.probability < 0.05
        counts = dispersion(generator.poisson(6, 80).astype(float))
        called["counts"] += counts is not None and counts.test.probability < 0.05
        line = course(days, generator.poisson(11, 88).astype(float))
        called["course"] += line.probability < 0.05
        called["weekdays"] += line.weekdays_probability < 0.05
    called["clustered"] = _clustered(generator)
    assert {name: n for name, n in called.items() if n > MOST} == {}


def _clustered(generator: np.random.Generator) -> int:
    """Returns how often devices are called different where only users differ, each with a device of their own."""
    called = 0
    for _ in range(RUNS):
        users = 150
        device, sessions = generator.integers(0, 3, users), 1 + generator.poisson(10, users)
        bought = generator.binomial(sessions, generator.beta(0.6, 2.4, users))

        def effect(
            labels: object,
            *,
            device: np.ndarray = device,
            bought: np.ndarray = bought,
            sessions: np.ndarray = sessions,
        ) -> float:
            kept = np.isin(device, [int(str(label)) for label in labels])  # type: ignore[attr-defined]
            return design_effect(bought[kept].astype(float), sessions[kept].astype(float))

        totals = [[float(part[device == kind].sum()) for kind in range(3)] for part in (bought, sessions)]
        found = compare_shares(["0", "1", "2"], totals[0], totals[1], effect=effect)
        called += found is not None and found.test.probability < 0.05
    return called


def test_who_is_first_again_is_known_of_what_differs_and_lot_of_what_does_not() -> None:
    generator = np.random.default_rng(8)
    lots = [repeated(generator.poisson(20, 100).astype(float), 10).value for _ in range(20)]
    assert np.mean(lots) == pytest.approx(1.6, abs=0.8)  # by lot it is one of ten; chance in the counts looks like more
    said, held, was = [], 0, []
    for _ in range(30):
        rates = generator.gamma(1.0, 20.0, 100)
        first = generator.poisson(rates)
        found = repeated(first.astype(float), 10)
        again = np.intersect1d(np.argsort(-first)[:10], np.argsort(-generator.poisson(rates))[:10])
        said.append(found.value)
        was.append(len(again))
        held += found.low <= len(again) <= found.high
    assert np.mean(said) == pytest.approx(np.mean(was), abs=0.5)
    assert held >= 26
