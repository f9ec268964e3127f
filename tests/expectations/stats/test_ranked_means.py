"""D12 over means: groups of one law carry no signal, groups apart do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from expectations.causes import NO_SIGNAL
from expectations.checks.ranking import SIGNAL
from expectations.definition import Finding, Query, Table
from expectations.stats.chance import variance_ratio


def ranked(means: list[float], n: int, seed: int = 3) -> Finding:
    rng = np.random.default_rng(seed)
    rows = []
    for number, mean in enumerate(means):
        x = mean + rng.normal(0, 100, n)
        rows.append({"name": f"g{number}", "n": n, "mean": float(x.mean()), "variance": float(x.var())})
    assert SIGNAL.judge is not None
    return SIGNAL.judge(SIGNAL.complete({"groups": ["state"], "value": "total"}), {"groups": rows})


def test_groups_of_one_law_carry_no_signal() -> None:
    found = ranked([500.0] * 8, 400)
    assert (found.level, found.cause) == ("warn", NO_SIGNAL)
    assert found.message.startswith("The ranking of mean total by state carries no signal: ")


def test_it_warns_in_about_99_of_100_such_cases() -> None:
    levels = [ranked([500.0] * 5, 300, seed).level for seed in range(200)]
    assert 190 <= levels.count("warn") <= 200


def test_groups_apart_do() -> None:
    assert ranked([500.0, 500.0, 560.0], 400).level == "pass"


def test_few_rows_say_nothing() -> None:
    assert ranked([500.0] * 3, 100).observed == "too few to judge"
    assert ranked([500.0], 2_000).observed == "too few to judge"


def test_f_is_the_known_one() -> None:
    assert variance_ratio(3, 30, 10.0, 27.0) == pytest.approx((5.0, 0.0142), abs=1e-3)
    assert variance_ratio(3, 30, 0.0, 0.0) == (0.0, 1.0)


def test_means_are_asked_for_by_group() -> None:
    assert SIGNAL.needs is not None
    arguments: dict[str, Any] = SIGNAL.complete({"groups": ["state"], "value": "total"})
    need = SIGNAL.needs(arguments, Table(columns={"state": "string"}))["groups"]
    assert isinstance(need, Query) and "avg(CAST((total) AS DOUBLE)) AS mean" in need.sql
