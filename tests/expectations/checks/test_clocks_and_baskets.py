"""Rounded and shifted clocks, and pairs that are of users: judged from plain numbers, each artefact named, no false alarm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expectations import causes
from expectations.checks import baskets, clock, fields, funnel, rounding, series, source
from expectations.definition import Definition, Finding, Table
from expectations.stats.shape import grid_of

STEPS = (60, 300, 900, 3_600)


def judge(definition: Definition, values: Mapping[str, Any], **arguments: Any) -> Finding:
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), values)


def rounded(x: NDArray[np.float64]) -> Finding:
    multiples = {f"multiples {step}": int((x % step == 0).sum()) for step in STEPS}
    values = {"rows": len(x), "grid": grid_of(x), **multiples}
    return judge(rounding.ROUNDED, values, column="duration_seconds")


def seconds(seed: int, n: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.floor(np.exp(np.random.default_rng(seed).normal(6, 1, n))) + 1
    return found


@pytest.mark.parametrize("seed", range(20))
def test_whole_seconds_are_not_rounded(seed: int) -> None:
    for n in (500, 3_000):
        assert rounded(seconds(seed, n)).level == "pass"
    uniform = np.random.default_rng(seed).integers(30, 3_601, 3_000).astype(float)
    assert rounded(uniform).level == "pass"


@pytest.mark.parametrize(
    ("share", "step", "level"), [(0.2, 60, "warn"), (0.5, 60, "fail"), (1.0, 300, "fail"), (1.0, 3_600, "fail")]
)
def test_a_rounded_clock_is_found_with_its_step(share: float, step: int, level: str) -> None:
    x = seconds(1, 3_000)
    marks = np.random.default_rng(2).random(len(x)) < share
    found = rounded(np.where(marks, np.ceil(x / step) * step, x))
    assert (found.level, found.cause) == (level, causes.QUANTISED)
    assert found.numbers["step_seconds"] == step or (step == 3_600 and found.numbers["step_seconds"] >= 900)
    assert found.failing.endswith(f"% {float(found.numbers['step_seconds'])!r} = 0")


def test_a_rounded_clock_in_words() -> None:
    x = np.ceil(seconds(3, 2_000) / 60) * 60
    found = rounded(x)
    assert found.message == (
        "100 % of 2,000 values of duration_seconds are multiples of 60 s; a clock of whole seconds gives 1.7 %."
    )


def test_a_cap_is_no_rounded_clock() -> None:
    x = seconds(4, 3_000)
    x[:900] = 1_800
    assert rounded(x).level == "pass"


def test_too_few_values_are_not_judged() -> None:
    assert rounded(np.full(100, 60.0)).message == "100 values are too few to judge; 500 are needed."


@pytest.mark.parametrize("steps", [[], [0], [1], ["minute"], [True]])
def test_steps_are_numbers_of_seconds(steps: list[Any]) -> None:
    assert rounding.ROUNDED.refuse is not None
    assert rounding.ROUNDED.refuse({"steps": steps}) == '"steps" are numbers of seconds above 1.'


def times(rows: int, outside: int, **hours: int) -> Finding:
    counted = {f"hours {hour}": 0 for hour in range(-14, 15) if hour}
    counted |= {f"hours {key.replace('minus', '-').replace('plus', '')}": n for key, n in hours.items()}
    arguments = {"time": "ordered_at", "from": "started_at", "until": "ended_at"}
    return judge(clock.WITHIN, {"rows": rows, "outside": outside, **counted}, **arguments)


def test_times_within_pass() -> None:
    assert times(1_000, 10).message == "990 of 1,000 times ordered_at lie within started_at to ended_at."
    assert times(0, 0).level == "pass"


def test_another_time_zone_is_named_with_its_hours() -> None:
    found = times(1_000, 200, plus3=195, plus2=20)
    assert found.cause == causes.TIME_ZONE
    assert found.message == (
        "200 of 1,000 times ordered_at (20 %) lie outside started_at to ended_at: they are 3 h late."
    )
    assert found.evidence[0] == "195 of the 200 would lie within if they were not 3 h late."
    assert times(1_000, 200, minus5=200).message.endswith("they are 5 h early.")


def test_times_that_are_off_by_anything_are_no_time_zone() -> None:
    found = times(1_000, 200, plus3=20, minus1=15)
    assert (found.level, found.cause, found.numbers["hours"]) == ("fail", causes.RULE, 0)
    assert found.message == "200 of 1,000 times ordered_at (20 %) lie outside started_at to ended_at."


def test_every_zone_is_asked_for() -> None:
    assert clock.WITHIN.needs is not None
    given = clock.WITHIN.complete({"time": "a", "from": "b", "until": "c"})
    needs = clock.WITHIN.needs(given, Table(columns={}))
    assert len([name for name in needs if name.startswith("hours")]) == 28


def pairs(rows: int, total: float | None, mirrored: int, orders: int) -> Finding:
    values = {"rows": rows, "total": total, "mirrored": [{"n": mirrored}], "baskets": [{"n": orders}]}
    arguments = {"pair": ["product_a", "product_b"], "total": "n", "baskets": "orders", "basket_key": "transaction_id"}
    return judge(baskets.BASKETS, values, **arguments)


def test_pairs_of_baskets_pass() -> None:
    assert pairs(40, 1_000, 0, 1_004).message == "40 pairs, each once, over 1,004 baskets."
    assert pairs(0, None, 0, 1_004).level == "pass"


def test_pairs_of_users_are_named() -> None:
    found = pairs(200, 10_000, 100, 500_000)
    assert (found.level, found.cause) == ("fail", causes.PAIR_GRAIN)
    assert found.message == (
        "These are no pairs of one basket: pairs are counted over 10,000, where orders has 500,000 baskets (98.0 % apart)."
    )
    assert found.evidence[1] == "100 pairs of 200 rows stand there in both orders."
    assert pairs(200, 500_000, 100, 500_000).cause == causes.MIRRORED


def funnels(*counts: int, sessions: int, orders: int | None = None) -> Finding:
    row = {f"s{i}": float(n) for i, n in enumerate(counts)} | {
        "funnel": "",
        "bad": False,
        "total": 1,
        "broken": 0,
        "purchases": float(counts[-1]),
    }
    values = {"funnels": [row], "sessions": sessions} | ({} if orders is None else {"orders": orders})
    arguments = {"stages": ["view", "purchase"], "stage_column": "stage", "count_column": "count", "sessions": "s"}
    return judge(funnel.DESCEND, values, **arguments, orders="o")


def test_a_funnel_of_events_is_named() -> None:
    found = funnels(6_917, 709, sessions=2_000, orders=500)
    assert found.cause == causes.FUNNEL_UNITS
    assert found.evidence == (
        "view is 6,917, s has 2,000 rows: events are counted, not sessions.",
        "purchase is 709, o has 500 (29 % apart).",
    )
    assert funnels(1_900, 500, sessions=2_000, orders=500).level == "pass"


@pytest.mark.parametrize(("there", "level"), [(3_000, "warn"), (3_001, "pass"), (12_000, "warn"), (0, "pass")])
def test_levels_that_differ_twofold_are_of_other_units(there: float, level: str) -> None:
    one = {"funnel": "", "s0": 6_000, "s1": 500, "bad": False, "total": 1, "broken": 0, "purchases": 500}
    values = {"funnels": [one], "levels": [{"stage": "purchase", "n": 500.0}, {"stage": "view", "n": there}]}
    arguments = {"stages": ["view", "purchase"], "stage_column": "stage", "count_column": "n", "levels": "by_session"}
    found = judge(funnel.DESCEND, values, **arguments)
    assert found.level == level
    if level == "warn":
        assert found.cause == causes.FUNNEL_UNITS
        assert found.message == (
            f"The funnel counts another unit than by_session: view is 6,000, and {there:,} in by_session."
        )


def test_levels_are_of_one_funnel_in_the_long_form() -> None:
    assert funnel.DESCEND.refuse is not None
    wide = funnel.DESCEND.complete({"stages": ["a", "b"], "levels": "f"})
    assert funnel.DESCEND.refuse(wide) == '"levels" needs "stage_column".'
    long = {**wide, "stage_column": "s", "count_column": "n", "within": ["day"]}
    assert funnel.DESCEND.refuse(long) == '"levels" compares one funnel; leave out "within".'
    assert funnel.DESCEND.refuse({**long, "within": None}) == ""


def agreement(factor: float | None) -> Finding:
    grid = grid_of(seconds(5, 2_000))
    values = {"grid": grid, "rows": 2_000, "source_grid": grid, "source_rows": 2_000}
    values |= {"different0": 60, "compared0": 2_000, "factor0": factor}
    return judge(source.AGREE, values, column="duration", source="sessions", equals=["elapsed"])


@pytest.mark.parametrize(
    ("factor", "cause", "words"),
    [
        (1_000.0, causes.UNIT, "The ratio is that of milliseconds taken as seconds."),
        (0.01, causes.UNIT, "The ratio is that of whole money taken as cents, or shares as percent."),
        (-1.0, causes.OWN_TIMES, "60 of 2,000 rows differ from elapsed, by a factor of -1 in the middle of them."),
        (None, causes.OWN_TIMES, "60 of 2,000 rows differ from elapsed."),
    ],
)
def test_the_rows_that_differ_tell_the_unit(factor: float | None, cause: str, words: str) -> None:
    """Three rows in a hundred leave the medians as they are; what they differ by says why."""
    found = agreement(factor)
    assert (found.level, found.cause) == ("warn", cause)
    assert words in found.evidence


def rescued(n: int, names: Mapping[str, int], **empty: int) -> Finding:
    values: dict[str, Any] = {"rows": 3_000, "rescued": n, "empty session_id": 0}
    values["fields"] = [{"name": name, "n": rows} for name, rows in names.items()]
    return judge(fields.DECLARED, values | {f"empty {name}": rows for name, rows in empty.items()})


def test_fields_outside_the_contract_are_named() -> None:
    found = rescued(60, {"campaign_code": 60}, referrer=200)
    assert found.cause == causes.UNDECLARED
    assert found.message == ("60 of 3,000 records (2.0 %) hold fields that the contract does not name: campaign_code.")
    assert rescued(3, {"campaign_code": 3}).level == "pass"


def test_a_renamed_field_is_told_from_a_new_one() -> None:
    found = rescued(150, {"duration_sec": 150}, duration_seconds=152, referrer=150)
    assert found.cause == causes.RENAMED
    assert found.message == (
        "150 of 3,000 records (5.0 %) hold fields that the contract does not name: duration_sec. "
        "duration_sec may be duration_seconds under a new name."
    )
    assert found.what_to_do.startswith('Give duration_seconds the alias "duration_sec" in sources.yml')
    assert rescued(150, {"duration_sec": 150}, duration_seconds=10).cause == causes.UNDECLARED


def dates(days: int, **arguments: Any) -> Finding:
    first, last = date(2025, 1, 1), date(2025, 3, 31)
    values = {"rows": days, "nulls": 0, "days": days, "first": first, "last": last}
    return judge(series.SANE, values, date="order_date", **arguments)


def test_dates_that_are_missing_in_between() -> None:
    found = dates(86, max_missing=0.02)
    assert (found.level, found.cause) == ("fail", causes.DAYS_MISSING)
    assert found.message == (
        "The series by order_date is not sane: 4 of 90 dates from 2025-01-01 to 2025-03-31 are missing."
    )
    assert dates(89, max_missing=0.02).level == dates(86).level == "pass"
