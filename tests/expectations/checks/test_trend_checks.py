"""Expectations that judge a figure by its past: words, levels, limits, too little history; and replays of the past."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.trend_alarms import line
from expectations.causes import STALE, TREND
from expectations.checks.trend import AGE, FIGURE, NULL_SHARE, ROW_COUNT, SHAPE, TRENDS
from expectations.definition import Definition, Finding, Given, Query, Table
from expectations.history.replay import Replay, replay
from expectations.past import Measured
from expectations.stats.sketch import quantile_numbers, share_numbers
from expectations.suite import Expectation, load_suite
from runner.errors import ProjectError

START = datetime(2026, 1, 5, 3, tzinfo=UTC)  # a Monday
EVEN = [100.0, 103, 98, 101, 99, 102, 100, 97, 101, 100]


def past(figures: list[float], **numbers: float) -> tuple[Measured, ...]:
    return tuple(
        Measured(at=START + timedelta(days=day), version=day, numbers={"figure": figure, **numbers})
        for day, figure in enumerate(figures)
    )


def judge(definition: Definition, arguments: dict[str, Any], earlier: tuple[Measured, ...], **values: Any) -> Finding:
    assert definition.judge is not None
    asked_at = START + timedelta(days=len(earlier))
    return definition.judge(definition.complete(arguments), {**values, "past": earlier, "asked_at": asked_at})


def test_rows_in_their_usual_range() -> None:
    found = judge(ROW_COUNT, {}, past(EVEN), rows=104)
    assert (found.level, found.observed) == ("pass", "104")
    assert found.message == "Rows: 104; 100 was expected (median of 10 versions), give or take 40."
    assert found.numbers["figure"] == 104 and found.numbers["history"] == 10


def test_half_of_the_rows_are_gone() -> None:
    found = judge(ROW_COUNT, {}, past([1000 * one for one in EVEN]), rows=50_000)
    assert (found.level, found.cause) == ("fail", TREND)
    assert found.message == (
        "Rows: 50,000; 100,000 was expected (median of 10 versions), give or take 10,000: 50 % less."
    )
    assert found.evidence == (
        "The last ones: 102,000 (10 Jan), 100,000 (11 Jan), 97,000 (12 Jan), 101,000 (13 Jan), 100,000 (14 Jan).",
        "Earlier figures strayed from what was expected of them by 1,612 (1.4826 * MAD).",
    )
    assert found.what_to_do.startswith("Find what is missing")


def test_many_more_rows_are_told_as_a_multiple() -> None:
    found = judge(ROW_COUNT, {}, past([1000 * one for one in EVEN]), rows=300_000)
    assert found.message.endswith(": 3 times as much.")
    assert found.what_to_do.startswith("Look for rows landed twice")


@pytest.mark.parametrize(
    ("arguments", "rows", "level"),
    [
        ({}, 88_000, "fail"),
        ({}, 91_000, "pass"),
        ({"fail_k": 8}, 88_000, "warn"),
        ({"warn_k": 8, "fail_k": 9}, 88_000, "pass"),
        ({"least_change": 0.2}, 50_000, "fail"),
        ({"least_change": 0.6}, 50_000, "pass"),
        ({"direction": "up"}, 50_000, "pass"),
        ({"direction": "down"}, 50_000, "fail"),
        ({"direction": "down"}, 200_000, "pass"),
        ({"since": "2026-01-12"}, 50_000, "pass"),  # three versions since then
        ({"last": 8, "min_history": 8}, 50_000, "fail"),
    ],
)
def test_what_the_arguments_do(arguments: dict[str, Any], rows: int, level: str) -> None:
    figures = [1000 * one * (1.5 if "last" in arguments and day < 2 else 1) for day, one in enumerate(EVEN)]
    assert judge(ROW_COUNT, arguments, past(figures), rows=rows).level == level


def test_too_little_history_is_said_and_the_figure_kept() -> None:
    found = judge(ROW_COUNT, {}, past(EVEN[:3]), rows=5)
    assert (found.level, found.observed) == ("pass", "5 (not enough history: 3 of 8)")
    assert found.message == "Rows: 5; not enough history: 3 of 8, so not judged."
    assert found.numbers == {"figure": 5.0, "history": 3}


def test_a_day_without_growth_is_seen_in_a_great_table() -> None:
    figures = [1e6 + 1000.0 * day for day in range(10)]
    found = judge(ROW_COUNT, {}, past(figures), rows=1_009_000)
    assert found.level == "fail"
    assert found.message == (
        "Rows: 1,009,000; 1,010,000 was expected (it grows; the growth a day of 9 versions), give or take 126: "
        "it grew by 0 % of what it usually grows."
    )
    assert judge(ROW_COUNT, {}, past(figures), rows=1_000_000).message.endswith(": it shrank.")


def test_missing_values_in_percentage_points() -> None:
    shares = past([0.02, 0.021, 0.019, 0.02, 0.02, 0.022, 0.018, 0.02])
    assert judge(NULL_SHARE, {"column": "email"}, shares, rows=100_000, missing=2500).level == "pass"
    found = judge(NULL_SHARE, {"column": "email"}, shares, rows=100_000, missing=9000)
    assert found.level == "fail"
    assert found.message.startswith("Missing values of email: 9.0 %; 2.0 % was expected (median of 8 versions)")
    few = judge(NULL_SHARE, {"column": "email"}, shares, rows=50, missing=3)  # 6 % of 50 rows is chance
    assert few.level == "pass"
    assert judge(NULL_SHARE, {"column": "email"}, shares, rows=0, missing=0).level == "fail"


def test_a_columns_figure_has_its_unit() -> None:
    found = judge(
        FIGURE, {"column": "duration_seconds", "statistic": "median"}, past([18 * one for one in EVEN]), value=1.8
    )
    assert found.level == "fail"
    assert found.message == (
        "Median of duration_seconds: 1.8 s; 1,800 s (30 min) was expected (median of 10 versions), "
        "give or take 180 s (3 min): 99.90 % less."
    )
    assert found.plot == "duration_seconds"


def test_age_against_its_past_and_against_a_limit() -> None:
    ages = past([6.0, 6.5, 6.2, 6.1, 6.4, 6.0, 6.3, 6.2])
    now = (START + timedelta(days=8)).timestamp()
    fresh = {"newest": 1e6 * (now - 6 * 3600)}
    stale = {"newest": 1e6 * (now - 54 * 3600)}
    assert judge(AGE, {"column": "ordered_at"}, ages, **fresh).level == "pass"
    found = judge(AGE, {"column": "ordered_at"}, ages, **stale)
    assert (found.level, found.cause) == ("fail", TREND)
    assert found.message.startswith("Age of the newest ordered_at: 2.25 days; 6.2 h was expected")
    limited = judge(AGE, {"column": "ordered_at", "fail_hours": 48}, (), newest=1e6 * (START.timestamp() - 54 * 3600))
    assert (limited.level, limited.cause) == ("fail", STALE)
    assert limited.message == "Age of the newest ordered_at: 2.25 days; at most 2 days is allowed."
    assert judge(AGE, {"column": "ordered_at", "warn_hours": 2, "fail_hours": 48}, ages, **fresh).level == "warn"
    assert judge(AGE, {"column": "ordered_at"}, ages, newest=None).level == "fail"


def curve(mean: float, seed: int) -> list[float]:
    draw = random.Random(seed)
    values = sorted(draw.lognormvariate(mean, 0.5) for _ in range(4000))
    return [values[round(point / 40 * 3999)] for point in range(41)]


def test_a_distribution_that_moved() -> None:
    earlier = tuple(
        Measured(at=START + timedelta(days=day), version=day, numbers=quantile_numbers(curve(7, day)))
        for day in range(8)
    )
    values = {"values": 4000}
    assert judge(SHAPE, {"column": "total"}, earlier, **values, quantiles=curve(7, 99)).level == "pass"
    found = judge(SHAPE, {"column": "total"}, earlier, **values, quantiles=curve(7.6, 99))
    assert (found.level, found.cause, found.plot) == ("fail", TREND, "total")
    assert found.evidence[0].endswith("were in 8 earlier versions.")
    assert 0.35 < found.numbers["figure"] < 0.55
    first = judge(SHAPE, {"column": "total"}, (), **values, quantiles=curve(7, 1))
    assert first.observed == "not enough history: 0 of 8" and first.numbers["q500"] > 0
    assert judge(SHAPE, {"column": "total"}, earlier, values=0, quantiles=None).observed == "no values"


def test_shares_of_values_that_moved() -> None:
    usual = {"mobile": 0.6, "desktop": 0.3, "tablet": 0.1}
    earlier = tuple(
        Measured(at=START + timedelta(days=day), version=day, numbers=share_numbers(usual)) for day in range(8)
    )
    same = [{"value": name, "n": round(1000 * share)} for name, share in usual.items()]
    assert judge(SHAPE, {"column": "device"}, earlier, values=1000, commonest=same).level == "pass"
    other = [{"value": "desktop", "n": 300}, {"value": "unknown", "n": 600}, {"value": "tablet", "n": 100}]
    found = judge(SHAPE, {"column": "device"}, earlier, values=1000, commonest=other)
    assert found.level == "fail"
    assert found.evidence[:2] == (
        "mobile: 0 % of the values, 60 % before.",
        "unknown: 60 % of the values, 0 % before.",
    )


@pytest.mark.parametrize("definition", TRENDS, ids=[one.type for one in TRENDS])
def test_needs_are_aggregates_of_the_table_and_what_is_handed_in(definition: Definition) -> None:
    assert definition.needs is not None
    arguments = definition.complete({"column": "device"})
    facts = {"past": past(EVEN), "asked_at": START}
    needs = definition.needs(arguments, Table(columns={"device": "string"}, where="x > 1", facts=facts))
    assert needs["past"] == Given(name="past")
    assert isinstance(needs["past"], Given) and needs["past"].value == past(EVEN)
    assert all(need.where == "x > 1" for need in needs.values() if not isinstance(need, Given))
    assert all(need.is_small for need in needs.values() if isinstance(need, Query))


def test_values_of_a_sensitive_column_are_kept_as_digests() -> None:
    assert SHAPE.needs is not None
    arguments = SHAPE.complete({"column": "email"})
    plain = SHAPE.needs(arguments, Table(columns={"email": "string"}))["commonest"]
    hidden = SHAPE.needs(arguments, Table(columns={"email": "string"}, facts={"is_sensitive": True}))["commonest"]
    assert isinstance(plain, Query) and "sha2" not in plain.sql
    assert isinstance(hidden, Query)
    assert hidden.sql.startswith(
        "SELECT substring(sha2(substring(CAST(`email` AS STRING), 1, 60), 256), 1, 12) AS value"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("min_history: 2", '"min_history" is at least 4: fewer figures do not tell what is usual.'),
        ("last: 5", '"last" is less than "min_history".'),
        ("fail_k: 3", '"warn_k" is greater than 0, and "fail_k" at least "warn_k".'),
        ('since: "soon"', '"since" is a date, such as 2026-01-31.'),
    ],
)
def test_arguments_that_contradict_each_other(tmp_path: Path, written: str, said: str) -> None:
    suite = tmp_path / "clv.yml"
    suite.write_text(f"model: clv\nexpectations:\n- expect: {ROW_COUNT.type}\n  {written}\n", encoding="utf-8")
    with pytest.raises(ProjectError) as raised:
        load_suite(suite)
    assert str(raised.value) == f"{suite}:3: {ROW_COUNT.type}: {said}"


def test_a_replay_judges_each_version_by_those_before_it() -> None:
    figures = [1000 * one for one in [*EVEN, 100, 30, 101, 99]]
    found = replay(Expectation(type=ROW_COUNT.type), past(figures))
    assert found == Replay(judged=6, warned=0, failed=1)
    shares = past([0.02] * 10 + [0.5], rows=1000)
    assert replay(Expectation(type=NULL_SHARE.type, arguments={"column": "x"}), shares).failed == 1
    ages = past([5.0] * 9 + [50.0])
    assert replay(Expectation(type=AGE.type, arguments={"column": "x"}), ages) == Replay(judged=2, failed=1)
    assert replay(Expectation(type=FIGURE.type, arguments={"column": "x"}), past(EVEN)) == Replay(judged=2)


def test_a_replay_of_distributions() -> None:
    curves = [curve(7, seed) for seed in range(9)] + [curve(8, 1)]
    kept = tuple(
        Measured(at=START + timedelta(days=day), version=day, numbers={"rows": 4000, **quantile_numbers(one)})
        for day, one in enumerate(curves)
    )
    shape = Expectation(type=SHAPE.type, arguments={"column": "x"})
    assert replay(shape, kept) == Replay(judged=2, failed=1)
    shares = [{"a": 0.5, "b": 0.5}] * 9 + [{"a": 0.9, "b": 0.1}]
    kept = tuple(
        Measured(at=START + timedelta(days=day), version=day, numbers={"rows": 100, **share_numbers(one)})
        for day, one in enumerate(shares)
    )
    assert replay(shape, kept) == Replay(judged=2, failed=1)


@pytest.mark.parametrize(
    "kind", ["constant", "flat", "weekly", "weekly, growing .5 % a day", "a table that only grows"]
)
def test_no_false_alarms_and_halves_are_found(kind: str) -> None:
    """What the benchmark prints, small: four weeks of history, 3 % of noise."""
    alarms, failures, *_, found, failed = line(kind, 28, 0.03, 60)
    assert (alarms, failures) == (0, 0)
    assert found == 100 and failed >= 95
