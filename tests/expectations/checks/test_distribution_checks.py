"""D3, D4, D5, D7 by their own statistics on plain numbers: every artefact found, no false alarm on real shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.alarm_rates import SHAPES, Draw, Numbers
from expectations.causes import OUTSIDE, UNIT
from expectations.checks import distribution, grain, segments
from expectations.definition import Definition, Finding
from expectations.stats.shape import dispersion, distance, grid_of, sampling_distance, tails, top_share

DAY = 86_400.0
WINDOW = 90 * DAY


def judge(definition: Definition, values: Mapping[str, Any], **arguments: Any) -> Finding:
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), values)


def found(x: Numbers) -> dict[str, Finding]:
    """Returns the findings of all shape checks over plain numbers."""
    grid = grid_of(x)
    common = {"grid": grid, "rows": len(x)}
    magnitude = {
        **common,
        "outside": int(((x < 1) | (x > DAY)).sum()),
        **{
            f"scaled {factor}": int((((x < 1) | (x > DAY)) & (x * factor >= 1) & (x * factor <= DAY)).sum())
            for factor in distribution._UNITS
        },
        "window_start": 0,
        "window_end": int(WINDOW * 1e6),
    }
    return {
        "D3": judge(distribution.MAGNITUDE, magnitude, column="duration_seconds"),
        "D4": judge(distribution.DISPERSION, common, column="duration_seconds"),
        "D5": judge(distribution.LATTICE, {**common, "distinct": len(np.unique(x))}, column="duration_seconds"),
        "D7": judge(distribution.TAIL, common, column="duration_seconds"),
    }


CLEAN: dict[str, Draw] = {
    **SHAPES,
    "uniform": lambda rng, n: rng.uniform(30, 3600, n),
}


@pytest.mark.parametrize("n", [100, 500, 1_000, 10_000])
@pytest.mark.parametrize("shape", CLEAN)
def test_no_false_failure_on_real_shapes(shape: str, n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(40):
        findings = found(CLEAN[shape](rng, n))
        assert [key for key, one in findings.items() if one.level == "fail"] == []


@pytest.mark.parametrize("shape", [name for name in CLEAN if name != "uniform" and name != "weibull 1.5"])
def test_real_shapes_do_not_look_generated(shape: str) -> None:
    rng = np.random.default_rng(7)
    levels = [found(CLEAN[shape](rng, 2_000))["D7"].level for _ in range(40)]
    assert levels == ["pass"] * 40


def spans(rng: np.random.Generator, n: int) -> Numbers:
    return rng.uniform(85 * DAY, 90 * DAY, n)


def lattice(rng: np.random.Generator, n: int) -> Numbers:
    return np.asarray(rng.choice([7.3, 7.4, 7.5, 7.6, 7.7, 7.8], n))


ARTEFACTS: list[tuple[str, Draw, int, dict[str, str]]] = [
    ("span", spans, 10_000, {"D3": "fail", "D4": "fail", "D5": "pass", "D7": "warn"}),
    ("span, few users", spans, 120, {"D3": "fail", "D4": "fail"}),
    ("six values", lattice, 10_000, {"D4": "fail", "D5": "fail", "D7": "warn"}),
    ("milliseconds", lambda rng, n: 1000 * np.exp(rng.normal(6, 1, n)), 2_000, {"D3": "fail", "D4": "pass"}),
    ("uniform draw", lambda rng, n: rng.uniform(30, 3600, n), 5_000, {"D3": "pass", "D4": "pass", "D7": "warn"}),
    ("whole minutes", lambda rng, n: 60.0 * rng.integers(1, 16, n), 5_000, {"D5": "fail"}),
    (
        "a default value",
        lambda rng, n: np.where(rng.random(n) < 0.3, 1800.0, np.exp(rng.normal(6, 1, n))),
        5_000,
        {"D4": "pass", "D5": "warn"},
    ),
    ("all zero", lambda rng, n: np.zeros(n), 2_000, {"D3": "fail", "D5": "fail"}),
]


@pytest.mark.parametrize(("name", "draw", "n", "levels"), ARTEFACTS, ids=[row[0] for row in ARTEFACTS])
def test_artefacts_are_found(name: str, draw: Draw, n: int, levels: dict[str, str]) -> None:
    findings = found(draw(np.random.default_rng(3), n))
    assert {key: findings[key].level for key in levels} == levels


def test_a_span_is_named_as_one() -> None:
    one = found(spans(np.random.default_rng(1), 5_000))["D3"]
    assert one.cause == grain.SPAN
    assert one.numbers["m"] > 0.9
    assert one.message.startswith("The magnitude of duration_seconds is not plausible: the median, 87.")


def test_another_unit_is_named_and_nonsense_is_not() -> None:
    rng = np.random.default_rng(4)
    x = np.exp(rng.normal(6, 0.8, 2_000))
    mixed = found(np.where(rng.random(2_000) < 0.3, 1_000 * x, x))["D3"]
    assert (mixed.cause, mixed.evidence[-1]) == (UNIT, "As milliseconds, nearly all of those would be plausible.")
    assert found(np.where(rng.random(2_000) < 0.1, -5.0, x))["D3"].cause == OUTSIDE


def test_measured_figures_of_known_shapes() -> None:
    rng = np.random.default_rng(0)
    qcd, tail = dispersion(grid_of(np.exp(rng.normal(0, 1, 200_000))))
    assert (qcd, tail) == pytest.approx((0.588, 26.8), rel=0.02)  # tanh(.6745) and exp(2 * 1.645)
    qcd, tail = dispersion(grid_of(rng.uniform(30, 3600, 200_000)))
    assert (qcd, tail) == pytest.approx((0.49, 16.4), rel=0.03)
    assert tails(grid_of(rng.uniform(0, 1, 50_000)))[0] == 0.0
    assert tails(grid_of(rng.exponential(1, 50_000)))[0] == pytest.approx(0.048, abs=0.01)


def test_zeros_are_no_narrow_band() -> None:
    assert dispersion(np.zeros(201)) == (float("inf"), float("inf"))


def test_top_share_is_right_to_a_step() -> None:
    x = np.concatenate([np.full(300, 5.0), np.linspace(10, 20, 700)])
    assert top_share(grid_of(x)) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("n", [200, 2_000, 20_000])
def test_two_samples_of_one_shape_stay_within_chance(n: int) -> None:
    rng = np.random.default_rng(n)
    apart = [distance(grid_of(np.exp(rng.normal(6, 1, n))), grid_of(np.exp(rng.normal(6, 1, n)))) for _ in range(60)]
    assert max(apart) <= sampling_distance(n, n) + 0.005


def test_distance_of_shapes_apart() -> None:
    one, other = grid_of(np.arange(1000.0)), grid_of(np.arange(1000.0) + 300)
    assert distance(one, other) == pytest.approx(0.3, abs=0.01)
    assert distance(one, one) == 0.0


GRAIN = {
    "rows": 1_000,
    "sessions": 20_000,
    "session_users": [{"n": 1_000, "variance": 5e4}],
    "users": [{"n": 1_000}],
    "window_start": 0,
    "window_end": int(WINDOW * 1e6),
    "median": 87.0 * DAY,
    "variance": 1.0,
    "source_variance": 1e6,
    "source_median": 600.0,
}
GRAIN_CASES = [
    ("a span", {}, "fail", grain.SPAN),
    ("an average", {"median": 600.0, "variance": 5e4}, "fail", grain.AVERAGE),
    ("one row per user, other figure", {"median": 600.0, "variance": 1e9}, "fail", "one row per user"),
    ("rows repeated", {"rows": 21_500, "users": [{"n": 1_000}], "median": 600.0}, "fail", "rows lost or repeated"),
    ("a few rows lost", {"rows": 19_900, "median": 600.0}, "warn", "rows lost or repeated"),
    ("as promised", {"rows": 20_000, "median": 600.0}, "pass", ""),
    ("nothing to hold against", {"sessions": 0}, "pass", ""),
]


@pytest.mark.parametrize(("name", "values", "level", "cause"), GRAIN_CASES, ids=[row[0] for row in GRAIN_CASES])
def test_grain(name: str, values: dict[str, Any], level: str, cause: str) -> None:
    one = judge(grain.GRAIN, {**GRAIN, **values}, grain="session", sessions="s", column="x_seconds")
    assert (one.level, one.cause) == (level, cause)


def test_averages_of_real_sessions_have_the_variance_that_betrays_them() -> None:
    rng = np.random.default_rng(5)
    x = np.exp(rng.normal(6, 0.8, (2_000, 40)))
    values = {
        **GRAIN,
        "rows": 2_000,
        "sessions": x.size,
        "session_users": [{"n": 2_000, "variance": float(x.mean(axis=1).var(ddof=1))}],
        "users": [{"n": 2_000}],
        "median": float(np.median(x.mean(axis=1))),
        "variance": float(x.mean(axis=1).var(ddof=1)),
        "source_variance": float(x.var(ddof=1)),
    }
    assert judge(grain.GRAIN, values, grain="session", sessions="s", column="x").cause == grain.AVERAGE


SEGMENTS = [
    ("all in one", [10_000], 9, {}, "fail"),
    ("nearly all", [9_600, 200, 200], 3, {}, "fail"),
    ("most", [8_500, 800, 700], 3, {}, "warn"),
    ("two of nine cells", [5_200, 4_800], 9, {}, "warn"),
    ("by quantiles", [2_600, 2_500, 2_500, 2_400], 4, {}, "pass"),
    ("a cut below all", [5_000, 5_000], 2, {"count x": 10_000, "below x 10": 0}, "fail"),
    ("a cut in the middle", [5_000, 5_000], 2, {"count x": 10_000, "below x 10": 5_000}, "pass"),
    ("too few", [5], 9, {}, "pass"),
]


@pytest.mark.parametrize(("name", "counts", "cells", "cuts", "level"), SEGMENTS, ids=[row[0] for row in SEGMENTS])
def test_segments(name: str, counts: list[int], cells: int, cuts: dict[str, int], level: str) -> None:
    values = {"cells": [{"cell": f"c{i}", "n": n} for i, n in enumerate(counts)], **cuts}
    assert judge(segments.DEGENERATE, values, columns=["segment"], cells=cells).level == level


def test_entropy_is_over_the_defined_cells() -> None:
    assert segments.entropy([50, 50], 2) == pytest.approx(1.0)
    assert segments.entropy([50, 50], 9) == pytest.approx(np.log(2) / np.log(9))
    assert segments.entropy([100], 9) == 0.0
