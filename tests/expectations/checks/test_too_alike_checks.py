"""D6, D8, D9, D13 on plain numbers: what is drawn is told from what is lived, and neither cries wolf."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expectations.causes import AVERAGE, CHANCE, GENERATED
from expectations.checks.averages import NOT_AVERAGED, _band, averaged_ratio
from expectations.checks.evenness import TOO_EVEN
from expectations.checks.groups import ALIKE
from expectations.checks.pairs import BEYOND_CHANCE
from expectations.definition import Definition, Finding
from expectations.stats.chance import alike, chi_square_tail, evenness, poisson_tail

Numbers = NDArray[np.float64]


def judge(definition: Definition, values: Mapping[str, Any], **arguments: Any) -> Finding:
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), values)


def counted(counts: list[int]) -> dict[str, Any]:
    ordered = sorted(enumerate(counts), key=lambda pair: -pair[1])
    return {"values": [{"value": f"v{number}", "n": n} for number, n in ordered]}


EVEN = [
    ("drawn from 24 hours", [1000 + 3 * (i % 5) for i in range(24)], "warn"),
    ("exactly equal", [500] * 7, "warn"),
    ("a day and a night", [200] * 8 + [1500] * 16, "pass"),
    ("a little uneven, but enough rows", [10_000, 10_400, 9_600], "pass"),
    ("too few rows", [40, 40, 40], "pass"),
    ("two values only", [5_000, 5_000], "pass"),
    ("more than 50 values", [100] * 51, "pass"),
    ("no rows", [], "pass"),
]


@pytest.mark.parametrize(("name", "counts", "level"), EVEN, ids=[row[0] for row in EVEN])
def test_evenness(name: str, counts: list[int], level: str) -> None:
    assert judge(TOO_EVEN, counted(counts), column="hour").level == level


def test_evenness_says_what_it_saw() -> None:
    found = judge(TOO_EVEN, counted([1010, 1000, 990]), column="device_type")
    assert found.cause == GENERATED
    assert found.message == (
        "The 3 values of device_type are equally frequent in 3,000 rows: v0 (34 %) is the commonest, v2 (33 %) the rarest."
    )
    assert found.evidence == (
        "Their counts differ by no more than chance: chi-square 0.2 on 2 degrees of freedom, p = 0.905. "
        "What people do is never that even.",
    )


def layout(x: Numbers, group: NDArray[np.int64]) -> dict[str, Any]:
    """Returns what the query gives, from plain numbers."""
    y = np.log(x)
    sizes = np.bincount(group).astype(float)
    sums = np.bincount(group, weights=y)
    kept = sizes > 0
    sizes, means = sizes[kept], sums[kept] / sizes[kept]
    within = float((y**2).sum() - (sizes * means**2).sum())
    return {
        "layout": [
            {
                "groups": len(sizes),
                "rows": int(sizes.sum()),
                "squares": float((sizes**2).sum()),
                "total": float(y.sum()),
                "means": float((sizes * means**2).sum()),
                "within": within,
            }
        ]
    }


def sessions(rng: np.random.Generator, users: int, each: float, icc: float) -> tuple[Numbers, NDArray[np.int64]]:
    group = np.repeat(np.arange(users), rng.poisson(each, users) + 1)
    own = rng.normal(0, math.sqrt(icc), users)[group]
    return np.exp(6 + own + rng.normal(0, math.sqrt(1 - icc), len(group))), group


ALIKENESS = [
    ("drawn", 2_000, 40, 0.0, "warn"),
    ("users differ a little", 2_000, 40, 0.03, "pass"),
    ("users differ", 500, 10, 0.2, "pass"),
    ("too few users", 150, 100, 0.0, "pass"),
    ("too few rows to rule it out", 300, 3, 0.0, "pass"),
]


@pytest.mark.parametrize(("name", "users", "each", "icc", "level"), ALIKENESS, ids=[row[0] for row in ALIKENESS])
def test_users_alike(name: str, users: int, each: float, icc: float, level: str) -> None:
    rng = np.random.default_rng(11)
    levels = {
        judge(ALIKE, layout(*sessions(rng, users, each, icc)), column="duration_seconds").level for _ in range(10)
    }
    assert levels == {level}


def test_the_limit_is_right_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        one = layout(*sessions(rng, 300, 20, 0.02))["layout"][0]
        between = one["means"] - one["total"] ** 2 / one["rows"]
        covered += alike(one["groups"], one["rows"], one["squares"], between, one["within"]).upper >= 0.02
    assert 0.92 <= covered / 400 <= 0.98


def test_values_without_spread_are_alike_within_and_not_between() -> None:
    one = alike(300, 3_000, 30_000, 5.0, 0.0)
    assert (one.correlation, one.upper, one.ratio) == (1.0, 1.0, math.inf)


AVERAGES = [
    ("averages per user", 1 / 40, 20_000, 500, "fail"),
    ("the sessions themselves", 1.0, 20_000, 500, "pass"),
    ("one session per user", 1.0, 520, 500, "pass"),
    ("half a user's sessions", 1 / 1.4, 700, 500, "pass"),
    ("a scale of its own", 1 / 100, 20_000, 500, "pass"),
]


@pytest.mark.parametrize(("name", "share", "s", "users", "level"), AVERAGES, ids=[row[0] for row in AVERAGES])
def test_averages(name: str, share: float, s: int, users: int, level: str) -> None:
    values = {
        "rows": users,
        "variance": share * 1e6,
        "source_variance": 1e6,
        "sessions": s,
        "session_users": [{"n": users, "variance": 1e6 * users / s}],
    }
    found = judge(NOT_AVERAGED, values, column="x", sessions="stg_hbase__sessions")
    assert (found.level, found.cause) == (level, AVERAGE if level == "fail" else "")


def test_few_users_leave_more_to_chance() -> None:
    assert _band(0.8, 1.2, 2_000, 20) == (0.8, 1.2)
    assert _band(0.8, 1.2, 200, 20) == pytest.approx((0.7, 1.3))
    assert _band(0.8, 1.2, 8, 2) == pytest.approx((-0.5, math.sqrt(2)))


def test_no_v_where_it_says_nothing() -> None:
    assert averaged_ratio(None, 0.1, 1.0) is None
    assert averaged_ratio(0.1, None, 1.0) is None
    assert averaged_ratio(0.1, 0.0, 1.0) is None
    assert averaged_ratio(0.1, 0.1, math.nan) is None
    assert averaged_ratio(0.7, 0.7, 1.0) is None, "averages that vary nearly as much as what they are of"
    assert averaged_ratio(0.1, 0.1, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_averages_of_users_with_few_and_many_sessions_are_found(correlation: float) -> None:
    """Most users have one or two of the sessions, some have a hundred, and users differ: the averages are averages."""
    rng = np.random.default_rng(2)
    sizes = np.minimum(np.ceil(rng.pareto(1.1, 400) + 1), 150).astype(int)
    user = np.repeat(np.arange(400), sizes)
    y = rng.normal(0, math.sqrt(correlation), 400)[user] + rng.normal(0, math.sqrt(1 - correlation), len(user))
    x = np.exp(6 + 0.8 * y)
    means = np.bincount(user, weights=x) / sizes
    source = float(x.var(ddof=1))
    values = {
        "rows": 400,
        "variance": float(means.var(ddof=1)),
        "source_variance": source,
        "sessions": len(x),
        "session_users": [{"n": 400, "variance": float(means.var(ddof=1))}],
    }
    of_all = judge(NOT_AVERAGED, {**values, "rows": len(x), "variance": source}, column="x", sessions="s")
    assert of_all.level == "pass"
    assert judge(NOT_AVERAGED, values, column="x", sessions="s").cause == AVERAGE
    assert float(means.var(ddof=1)) * len(x) / 400 / source > 1.2, "the formula for equal numbers of sessions misses it"


def pairs(rows: list[tuple[int, float]], tested: float) -> Finding:
    values = {
        "rows": max(len(rows), 100),
        "pairs": [{"pair": f"a{i} + b{i}", "n": n, "expected": e} for i, (n, e) in enumerate(rows)],
        "tested": tested,
    }
    return judge(
        BEYOND_CHANCE, values, pair=["a", "b"], together="n", first="na", second="nb", total="t", tested="max(p)"
    )


PAIRS = [
    ("the report's best", [(24, 6.9), (23, 6.5)], 12_497_500, "warn"),
    ("five times at lift 32", [(5, 0.156)], 12_497_500, "warn"),
    ("really bought together", [(60, 6.9), (5, 0.2)], 12_497_500, "pass"),
    ("among few pairs it would be something", [(24, 6.9)], 200, "pass"),
]


@pytest.mark.parametrize(("name", "rows", "tested", "level"), PAIRS, ids=[row[0] for row in PAIRS])
def test_pairs(name: str, rows: list[tuple[int, float]], tested: float, level: str) -> None:
    found = pairs(rows, tested)
    assert (found.level, found.cause) == (level, CHANCE if level == "warn" else "")


def test_pairs_by_chance_are_named_as_such() -> None:
    assert pairs([(24, 6.9), (23, 6.5)], 12_497_500).message == (
        "The pairs are consistent with chance: none of 100 is left; the best, a0 + b0 occurs 24 times, 6.9 by chance "
        "(p = 1 among 12,497,500 pairs)."
    )


def test_chance_is_right_for_pairs_that_are_drawn() -> None:
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(300):
        counts = rng.poisson(3.0, 2_000)
        alarms += pairs([(int(n), 3.0) for n in np.sort(counts)[-200:]], 2_000).level == "pass"
    assert alarms / 300 <= 0.08  # 5 % at most, and what 300 draws add to it


def test_tails() -> None:
    assert chi_square_tail(3.841459, 1) == pytest.approx(0.05, abs=1e-6)
    assert poisson_tail(0, 3.0) == 1.0
    assert poisson_tail(1, 3.0) == pytest.approx(1 - math.exp(-3))
    assert poisson_tail(2, 0.0) == 0.0
    assert evenness([50, 50]) == (0.0, 1.0)
