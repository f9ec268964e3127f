"""What is usual of a figure by its past: medians, weekdays, growth, floors; how far distributions are apart."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from expectations.past import ROWS, Measured, by_check
from expectations.stats.sketch import (
    POINTS,
    distances,
    quantile_numbers,
    quantiles_of,
    share_below,
    share_numbers,
    shares_of,
    variations,
)
from expectations.stats.usual import Point, usual

START = datetime(2026, 1, 5, 3, tzinfo=UTC)  # a Monday
WEEK = (1.0, 1.02, 0.98, 1.05, 1.2, 0.75, 0.6)


def days(values: list[float]) -> list[Point]:
    return [Point(START + timedelta(days=day), value) for day, value in enumerate(values)]


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def test_a_level_is_the_median_and_wild_days_do_not_move_it() -> None:
    found = usual(days([100, 103, 98, 5000, 101, 99, 0.1, 102, 100, 97]), at(10))
    assert found.expected == pytest.approx(100)
    assert found.scale == pytest.approx(1.4826 * 0.02, rel=0.35)
    assert (found.weekday, found.slope, found.base, found.alike) == ("", 0.0, None, 10)
    assert found.deviation(50) == pytest.approx(-0.5)


def test_equal_figures_have_no_scale_and_any_other_one_is_far() -> None:
    found = usual(days([7.0] * 9), at(9))
    assert (found.expected, found.scale, found.deviation(7), found.deviation(14)) == (7, 0, 0, 1)
    nothing = usual(days([0.0] * 9), at(9))
    assert (nothing.deviation(0), nothing.deviation(1)) == (0, math.inf)
    assert usual(days([7.0] * 9), at(9), noise=0.25).scale == 0.25


def test_weekdays_are_compared_with_their_like_where_that_explains_more() -> None:
    draw = random.Random(1)
    values = [1000 * WEEK[day % 7] * math.exp(draw.gauss(0, 0.02)) for day in range(28)]
    sunday = usual(days(values[:27]), at(27))
    assert (sunday.weekday, sunday.alike) == ("Sunday", 3)
    assert sunday.expected == pytest.approx(600, rel=0.05)
    assert sunday.scale < 0.05
    assert usual(days(values[:13]), at(13)).weekday == ""  # one Sunday alone says nothing
    flat = [1000 * math.exp(draw.gauss(0, 0.02)) for _ in range(28)]
    assert usual(days(flat), at(28)).weekday == ""


def test_a_trend_is_followed() -> None:
    draw = random.Random(2)
    found = usual(days([1000 - 10 * day + draw.gauss(0, 12) for day in range(20)]), at(20))
    assert found.slope == pytest.approx(-10, rel=0.1)
    assert found.expected == pytest.approx(800, rel=0.02)


def test_a_table_that_only_grows_is_judged_by_its_growth() -> None:
    draw = random.Random(3)
    total, values = 1_000_000.0, []
    for _ in range(14):
        total += 1000 * math.exp(draw.gauss(0, 0.05))
        values.append(total)
    found = usual(days(values), at(14))
    assert found.base == values[-1]
    assert found.expected - values[-1] == pytest.approx(1000, rel=0.1)
    assert found.deviation(values[-1]) == pytest.approx(-1)  # a day without any growth: 0.1 % of the table
    assert found.deviation(values[-1] - 5000) < -5  # it shrank
    later = usual(days(values), at(16))  # nothing ran on two days
    assert later.expected - values[-1] == pytest.approx(3000, rel=0.1)


def test_runs_minutes_apart_do_not_make_growth_a_days() -> None:
    points = [Point(at(day) + timedelta(minutes=extra), 1000.0 * day + extra) for day in range(10) for extra in (0, 5)]
    found = usual(points, at(10))
    assert found.expected == pytest.approx(10_000, rel=0.02)
    soon = usual(points, at(9) + timedelta(minutes=10))
    assert soon.expected == pytest.approx(9005, rel=0.02)


def test_figures_around_zero_are_held_against_their_size() -> None:
    found = usual(days([5, -4, 6, -5, 4, -6, 5, -5]), at(8))
    assert found.per == pytest.approx(5)
    shares = usual(days([0.0, 0.001, 0.0, 0.0, 0.002, 0.0, 0.0, 0.0]), at(8), relative=False)
    assert (shares.expected, shares.per, shares.deviation(0.03)) == (0.0, 1.0, 0.03)


def normal(mean: float, count: int = 2000, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    values = sorted(draw.gauss(mean, 1) for _ in range(count))
    return [values[round(point * (count - 1))] for point in POINTS]


def test_the_distance_of_distributions_is_that_of_kolmogorov_and_smirnov() -> None:
    past = [normal(0, seed=seed) for seed in range(8)]
    apart, same, _ = distances(past, normal(0, seed=9))
    assert max(apart) < 0.05 and same < 0.05
    _, moved, where = distances(past, normal(1, seed=9))
    expected = 2 * (0.5 + 0.5 * math.erf(0.5 / math.sqrt(2))) - 1  # of two normal laws one sigma apart, at the middle
    assert moved == pytest.approx(expected, abs=0.03)
    assert where == pytest.approx(0.5, abs=0.2)


def test_equal_values_are_one_step() -> None:
    halves = [0.0] * 21 + [10.0] * 20
    assert share_below(halves, 0) == 0.5
    assert share_below(halves, -1) == 0
    assert share_below(halves, 10) == 1
    assert all(before <= after for before, after in pairwise(share_below(halves, value / 2) for value in range(22)))


def test_the_variation_of_shares_names_what_changed() -> None:
    past = [{"mobile": 0.6, "desktop": 0.4}, {"mobile": 0.62, "desktop": 0.38}]
    apart, distance, changed = variations(past, {"mobile": 0.31, "desktop": 0.39, "unknown": 0.3})
    assert apart == pytest.approx([0.02, 0.02])
    assert distance == pytest.approx(0.3)
    assert changed[:2] == ["mobile", "unknown"] or changed[:2] == ["unknown", "mobile"]


def test_sketches_come_back_from_a_result() -> None:
    numbers = {"rows": 3.0, **quantile_numbers(normal(0)), **share_numbers({"a=b": 0.5, "": 0.5})}
    assert quantiles_of(numbers) == normal(0)
    assert shares_of(numbers) == {"a=b": 0.5, "": 0.5}
    assert quantiles_of({"q000": 1.0}) is None and shares_of({"rows": 3.0}) is None


def result(day: int, version: int | None, figure: float, *, published: bool = True) -> dict[str, object]:
    numbers = {"figure": figure}
    return {
        "run_at": at(day), "version": version, "is_published": published, "check_id": "c", "numbers": numbers,
        "row_count": round(figure),
    }  # fmt: skip


def test_a_version_counts_once_and_what_was_withheld_not_at_all() -> None:
    past = by_check(
        [
            result(0, 1, 10),
            result(1, 2, 99, published=False),
            result(2, 1, 10),  # checked again
            result(3, 2, 12),
            result(3, None, 7),  # a view, twice on a day, the third time with other rows
            result(3, None, 7),
            result(3, None, 8),
        ]
    )
    assert [(one.version, one.at, one.numbers["figure"]) for one in past["c"]] == [
        (1, at(0), 10),
        (2, at(3), 12),
        (None, at(3), 7),
        (None, at(3), 8),
    ]
    assert past[ROWS][0] == Measured(at=at(0), version=1, numbers={"figure": 10.0})
