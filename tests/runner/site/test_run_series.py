"""What is unusual among a table's figures, and what its log says of rows and bytes. No Spark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runner.site.runs import drawn
from runner.site.runs.series import Compared, Point, compared, compared_rows, compared_seconds

AT = datetime(2026, 3, 1, tzinfo=UTC)


def point(day: int, seconds: float, *, work: str = "build", status: str = "success", rows: int | None = None) -> Point:
    at = AT + timedelta(days=day)
    return Point(run_id=str(day), at=at, work=work, status=status, seconds=seconds, rows=rows)


@pytest.mark.parametrize(
    ("value", "earlier", "unusual"),
    [
        (10.0, [4, 4, 4], "more"),  # no spread: half of the median decides
        (5.9, [4, 4, 4], ""),
        (6.1, [4, 4, 4], "more"),
        (1.0, [4, 4, 4], "less"),
        (7.0, [2, 3, 4, 5, 6], ""),  # median 4, spread 1.4826: up to 4 + 4.45
        (8.5, [2, 3, 4, 5, 6], "more"),
        (9.0, [4, 4, 4, 4, 400], "more"),  # one wild value moves nothing
        (3.0, [0, 0, 0], "more"),
        (0.0, [0, 0, 0], ""),
    ],
)
def test_what_is_unusual(value: float, earlier: list[float], unusual: str) -> None:
    found = compared(value, earlier, share=0.5)
    assert found is not None
    assert found.unusual == unusual


def test_too_few_earlier_figures_are_no_comparison() -> None:
    assert compared(9.0, [1, 2], share=0.5) is None


def test_only_the_last_figures_count() -> None:
    assert compared(1.0, [100.0] * 30 + [1.0] * 20, share=0.5) == Compared(usual=1.0, count=20)


def test_seconds_are_held_against_the_same_work() -> None:
    points = [
        *(point(day, 2.0) for day in range(3)),
        *(point(3 + day, 0.2, work="check") for day in range(3)),
        point(6, 90.0, status="error"),
        point(7, 8.0),
    ]
    assert compared_seconds(points[-1], points) == Compared(usual=2.0, count=3, unusual="more")
    assert compared_seconds(points[0], points) is None


def test_a_fraction_of_a_second_is_never_unusual() -> None:
    points = [*(point(day, 0.1) for day in range(5)), point(5, 0.9)]
    assert compared_seconds(points[-1], points) == Compared(usual=0.1, count=5)


def test_rows_may_be_too_few() -> None:
    points = [*(point(day, 1, rows=1000 + day) for day in range(4)), point(4, 1, rows=400), point(5, 1)]
    assert compared_rows(points[4], points) == Compared(usual=1001.5, count=4, unusual="less")
    assert compared_rows(points[5], points) is None


def test_charts_have_their_figures_behind_them() -> None:
    points = [point(0, 1.5, rows=10), point(1, 30.0, rows=None, status="withheld"), point(2, 200.0, rows=12)]
    seconds, rows = drawn.over_time(points)
    assert seconds.caption == "Seconds to build it in the last 3 runs."
    assert seconds.rows[:2] == (("2026-03-03 00:00", "3.33 min", "success"), ("2026-03-02 00:00", "30 s", "withheld"))
    assert (rows.spoken, len(rows.rows)) == ("Rows in the last 2 runs. At first 10, now 12.", 2)
    assert 'class="at fail"' in str(seconds.drawing)


def test_one_run_is_no_chart() -> None:
    assert drawn.over_time([point(0, 1.5, rows=10)]) == []
