"""Units in names against magnitudes, dead columns, and what rows that differ have in common, on plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expectations.causes import DEAD, OWN_TIMES, TIME_ZONE, UNIT
from expectations.checks.columns import ALIVE
from expectations.checks.source import AGREE
from expectations.checks.units import FIT, UNITS, unit_named
from expectations.definition import Aggregate, Definition, Finding, Table
from expectations.stats.shape import grid_of

RNG = np.random.default_rng(1)


def judge(definition: Definition, values: dict[str, Any], **arguments: Any) -> Finding:
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), values)


def values_of(column: str, x: Any) -> dict[str, Any]:
    """Returns what the aggregates give, from plain numbers."""
    named = unit_named(column)
    assert named is not None
    unit, x = named[0], np.asarray(x, dtype=float)
    outside = np.zeros(len(x), dtype=bool)
    if unit.least is not None:
        outside |= x < unit.least
    if unit.most is not None:
        outside |= x > unit.most
    return {
        f"rows {column}": len(x),
        f"median {column}": float(np.median(x)) if len(x) else None,
        f"most {column}": float(x.max()) if len(x) else None,
        f"outside {column}": int(outside.sum()),
        **({f"broken {column}": int((x != np.floor(x)).sum())} if unit.whole else {}),
    }


DURATIONS = np.exp(RNG.normal(6, 1, 1_000))
GRID = grid_of(DURATIONS)
CASES = [
    ("wait_seconds", DURATIONS, "pass"),
    ("wait_seconds", DURATIONS * 1_000, "warn"),
    ("wait_seconds", DURATIONS * 1e6, "fail"),
    ("wait_ms", DURATIONS * 1_000, "pass"),
    ("wait_ms", DURATIONS * 1e9, "fail"),
    ("wait_hours", DURATIONS / 3_600, "pass"),
    ("wait_hours", DURATIONS * 1_000, "fail"),
    ("tax_share", RNG.uniform(0, 1, 1_000), "pass"),
    ("tax_share", RNG.uniform(0, 100, 1_000), "fail"),
    ("tax_share", np.append(RNG.uniform(0, 1, 990), [1.5] * 10), "warn"),
    ("growth_rate", RNG.uniform(-1, 3, 1_000), "warn"),
    ("tax_pct", RNG.uniform(0, 100, 1_000), "pass"),
    ("tax_pct", RNG.uniform(0, 1, 1_000), "fail"),
    ("tax_pct", np.zeros(1_000), "pass"),
    ("total_cents", RNG.integers(100, 90_000, 1_000), "pass"),
    ("total_cents", RNG.uniform(1, 900, 1_000), "fail"),
    ("order_count", RNG.integers(0, 9, 1_000), "pass"),
    ("order_count", RNG.uniform(0, 9, 1_000), "fail"),
    ("order_count", -RNG.integers(1, 9, 1_000), "fail"),
    ("shop_latitude", RNG.uniform(-180, 180, 1_000), "fail"),
    ("birth_year", RNG.integers(1940, 2010, 1_000), "pass"),
    ("birth_year", RNG.integers(15, 90, 1_000), "fail"),
    ("wait_seconds", DURATIONS[:5] * 1e6, "pass"),
    ("wait_seconds", [], "pass"),
]


@pytest.mark.parametrize(
    ("column", "x", "level"), CASES, ids=[f"{row[0]} {number}" for number, row in enumerate(CASES)]
)
def test_units(column: str, x: Any, level: str) -> None:
    found = judge(FIT, values_of(column, x))
    assert (found.level, found.cause) == (level, UNIT if level != "pass" else "")


def test_a_unit_that_does_not_fit_is_said_in_words() -> None:
    found = judge(FIT, values_of("tax_share", np.append(np.full(100, 0.5), np.full(300, 19.0))))
    assert found.message == (
        "tax_share says a share, but 75 % of 400 values are not from 0 to 1: they look like percent."
    )
    assert found.numbers == {"columns": 1, "wrong": ["tax_share"]}


def test_two_columns_of_one_stem() -> None:
    seconds = values_of("wait_seconds", DURATIONS)
    assert judge(FIT, seconds | values_of("wait_minutes", DURATIONS / 60)).level == "pass"
    found = judge(FIT, seconds | values_of("wait_minutes", DURATIONS))
    assert found.level == "fail"
    assert found.message.startswith("wait_seconds and wait_minutes have one stem, but the medians are 0.0167 times")


def test_the_longest_ending_counts_and_names_without_a_unit_have_none() -> None:
    assert unit_named("total") is None
    found = unit_named("view_milliseconds")
    assert found is not None and (found[0].name, found[1]) == ("milliseconds", "view")
    assert len({ending for unit in UNITS for ending in unit.endings}) == sum(len(unit.endings) for unit in UNITS)


def test_only_numbers_with_a_unit_are_asked_about() -> None:
    assert FIT.needs is not None
    columns = {"wait_seconds": "int", "name": "string", "note_count": "string", "total": "double", "_seconds": "int"}
    needs = FIT.needs(FIT.complete({}), Table(columns=columns))
    assert set(needs) == {"rows wait_seconds", "median wait_seconds", "most wait_seconds"}
    assert isinstance(needs["most wait_seconds"], Aggregate)


AGREEMENT = {
    "grid": GRID,
    "source_grid": GRID,
    "rows": 1_000,
    "source_rows": 1_000,
    "compared0": 1_000,
    "different0": 100,
}
ROWS = [
    ("another time zone", {"hours0": 97, "factor0": 7.0}, TIME_ZONE),
    ("milliseconds in some rows", {"hours0": 1, "factor0": 1_001.0}, UNIT),
    ("a clock that is off", {"hours0": 3, "factor0": 1.4}, OWN_TIMES),
    ("nothing to divide by", {"hours0": 0, "factor0": None}, OWN_TIMES),
]


@pytest.mark.parametrize(("name", "values", "cause"), ROWS, ids=[row[0] for row in ROWS])
def test_rows_that_differ_from_their_own_times(name: str, values: dict[str, Any], cause: str) -> None:
    found = judge(AGREE, AGREEMENT | values, column="duration_seconds", source="s", equals=["ended - started"])
    assert (found.level, found.cause) == ("fail", cause)


def test_medians_of_a_hundred_rows_may_differ_by_chance() -> None:
    apart = AGREEMENT | {
        "grid": grid_of(DURATIONS[:100] * 1.4),
        "source_grid": grid_of(DURATIONS[:100]),
        "different0": 0,
    }
    assert judge(AGREE, apart | {"rows": 100, "source_rows": 100}, column="x", source="s", equals=["y"]).level == "pass"
    assert judge(AGREE, apart | {"rows": 9_000, "source_rows": 9_000}, column="x", source="s").level == "fail"


SECONDS = np.linspace(1, 1_000, 999)
DIFFER = [
    ("a thousand times", SECONDS * 1_000, {}, "its median is 1,000 times the source's."),
    ("read off an axis", SECONDS / 1e6, {}, "its median is the source's divided by 1,000,000."),
    ("two thirds", SECONDS * 0.66, {}, "its median is 0.66 times the source's."),
    ("nothing there", SECONDS * 0, {}, "its median is 0 times the source's."),
    ("only the shape", (SECONDS - 500.5) / 3 + 500.5, {}, "its median is the source's, its distribution is not."),
    ("only rows", SECONDS, {"different0": 100}, "its median is the source's, but 10.0 % of rows differ."),
    ("both", SECONDS * 2, {"different0": 990}, "its median is 2 times the source's, and 99.0 % of rows differ."),
]


@pytest.mark.parametrize(("name", "x", "values", "said"), DIFFER, ids=[row[0] for row in DIFFER])
def test_how_a_column_differs_from_its_source_is_said(
    name: str, x: NDArray[np.float64], values: dict[str, Any], said: str
) -> None:
    rows = AGREEMENT | {"grid": grid_of(x), "source_grid": grid_of(SECONDS), "different0": 0, "hours0": 0}
    found = judge(AGREE, rows | {"factor0": None} | values, column="x", source="s", equals=["y"])
    assert found.message == f"x does not agree with s.x: {said}"


def test_a_source_that_is_0() -> None:
    rows = AGREEMENT | {"grid": grid_of(SECONDS), "source_grid": grid_of(SECONDS * 0)}
    found = judge(AGREE, rows, column="x", source="s")
    assert found.message == "x does not agree with s.x: its median is not 0, as the source's is."


@pytest.mark.parametrize(
    ("commonest", "said"),
    [
        ([("paypal", 990)], "99.0 % one value: paypal."),
        ([["paypal", 990]], "99.0 % one value: paypal."),  # as Great Expectations' own engine hands it on
        ([("paypal", 989)], ""),
        ([], ""),
        ([(None, 1_000)], ""),
        (None, ""),
    ],
)
def test_a_column_of_nearly_one_value_is_dead(commonest: Any, said: str) -> None:
    values = {"rows": 1_000, "filled m": 1_000, "least m": "card", "most m": "paypal", "commonest m": commonest}
    found = judge(ALIVE, values)
    assert (found.level, found.cause, "".join(found.evidence)) == (
        ("fail", DEAD, f"m: {said}") if said else ("pass", "", "")
    )


def test_truths_and_collections_may_be_nearly_one_value() -> None:
    assert ALIVE.needs is not None
    columns = {"is_new": "boolean", "tags": "array<string>", "geo": "struct<city:string>", "total": "decimal(12,2)"}
    needs = ALIVE.needs(ALIVE.complete({}), Table(columns=columns))
    assert [name for name in needs if name.startswith("commonest ")] == ["commonest total"]
