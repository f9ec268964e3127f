"""The slice that holds the failing rows, from counts alone: found where there is one, silent where there is none."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from expectations.diagnosis.where import Cell, Window, cells_sql, locate, stands_out, window_of

WINDOW = Window(column="day", first=date(2025, 1, 1), last=date(2025, 3, 1))
Rate = dict[tuple[str, str], float]


def cells(rng: np.random.Generator, rows: int, rate: float, bad: Rate, days: tuple[int, int] = (0, 59)) -> list[Cell]:
    """Returns counts of rows by device and browser that fail at `rate`, at more in the slices of `bad` on some days."""
    device = rng.choice(["mobile", "desktop", "tablet"], rows, p=[0.5, 0.4, 0.1])
    browser = rng.choice(["a", "b", "c", "d"], rows)
    span = rng.integers(0, 60, rows)
    chance = np.full(rows, rate)
    within = (span >= days[0]) & (span <= days[1])
    for (column, value), share in bad.items():
        values = {"device": device, "browser": browser, "": np.full(rows, "")}[column]
        chance[(values == value) & within] = share
    fails = rng.random(rows) < chance
    found = []
    for column, values in (("", np.full(rows, "")), ("device", device), ("browser", browser)):
        for value in np.unique(values):
            for number in range(60):
                chosen = (values == value) & (span == number)
                if chosen.any():
                    found.append(
                        Cell(
                            column=column,
                            value=str(value),
                            span=number,
                            rows=int(chosen.sum()),
                            failing=(int(fails[chosen].sum()),),
                        )
                    )
    return found


CASES: list[tuple[str, float, Rate, tuple[int, int], list[str]]] = [
    ("one device", 0.0, {("device", "tablet"): 0.5}, (0, 59), ["device = tablet"]),
    ("one device, and a few elsewhere", 0.005, {("device", "tablet"): 0.8}, (0, 59), ["device = tablet"]),
    (
        "one device on some days",
        0.0,
        {("device", "mobile"): 0.9},
        (20, 29),
        ["device = mobile, 2025-01-21 to 2025-01-30", "all rows, 2025-01-21 to 2025-01-30"],
    ),
    ("all rows of some days", 0.0, {("", ""): 0.3}, (50, 59), ["all rows, 2025-02-20 to 2025-03-01"]),
    ("anywhere", 0.05, {}, (0, 59), []),
    ("nowhere", 0.0, {}, (0, 59), []),
    ("everywhere", 1.0, {}, (0, 59), []),
]


@pytest.mark.parametrize(("name", "rate", "bad", "days", "expected"), CASES, ids=[row[0] for row in CASES])
def test_slices(name: str, rate: float, bad: Rate, days: tuple[int, int], expected: list[str]) -> None:
    found = locate(cells(np.random.default_rng(3), 20_000, rate, bad, days), 0, WINDOW)
    assert [str(one) for one in found] == expected


def test_a_slice_says_how_much_it_holds() -> None:
    found = locate(cells(np.random.default_rng(3), 20_000, 0.0, {("device", "tablet"): 0.5}), 0, WINDOW)[0]
    assert found.share == 1.0
    assert found.failing is not None and 0.45 < found.failing / found.rows < 0.55


def test_no_slice_is_named_for_rows_that_fail_anywhere() -> None:
    rng = np.random.default_rng(17)
    assert [locate(cells(rng, 3_000, 0.02, {}), 0, WINDOW) for _ in range(60)] == [()] * 60


def test_a_few_rows_are_no_evidence() -> None:
    assert stands_out(100, 3, 1_000, 3) == 0.0
    assert stands_out(100, 30, 1_000, 30) > 15
    assert stands_out(900, 90, 1_000, 90) == 0.0  # nearly all rows are no slice
    assert stands_out(500, 250, 1_000, 500) == 0.0  # half of them hold half


def test_the_window_is_cut_into_spans() -> None:
    assert window_of("day", None, None) is None
    assert window_of("day", date(2025, 1, 1), date(2025, 1, 2)) is None
    long = window_of("day", date(2025, 1, 1), date(2025, 12, 31))
    assert long is not None and (long.days, long.spans) == (7, 53)
    assert long.bounds(52, 52) == ("2025-12-31", "2025-12-31")


def test_the_query_counts_every_condition() -> None:
    sql = cells_sql([("device", "`device`")], WINDOW, ["x < 0", "y = '{'"])
    assert "count_if(b0) AS f0, count_if(b1) AS f1" in sql
    assert "y = '{{'" in sql and "FROM {this}" in sql
