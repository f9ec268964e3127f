"""Time in batches, what is done, and what is due."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from runner.batches import Batch, Done, batches, due, in_words, moment, shifted, truncated
from runner.errors import FormatError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(*numbers: int) -> list[Batch]:
    return [Batch(at(f"2026-01-{number:02d}"), at(f"2026-01-{number + 1:02d}"), "day") for number in numbers]


@pytest.mark.parametrize(
    ("size", "start", "before", "name"),
    [
        ("hour", "2026-01-31T05:00", "2026-01-31T04:00", "20260131T05"),
        ("day", "2026-01-31", "2026-01-30", "20260131"),
        ("month", "2026-01-01", "2025-12-01", "202601"),
        ("year", "2026-01-01", "2025-01-01", "2026"),
    ],
)
def test_sizes(size: str, start: str, before: str, name: str) -> None:
    found = truncated(at("2026-01-31T05:06:07.89"), size)
    assert found == at(start)
    assert shifted(found, size, -1) == at(before)
    assert shifted(shifted(found, size, 13), size, -13) == found
    assert batches(found, shifted(found, size, 3), size)[0].id == name
    assert len(batches(found, shifted(found, size, 3), size)) == 3


def test_batches_touch_the_interval() -> None:
    assert batches(at("2026-01-02T10:00"), at("2026-01-04T00:00:01"), "day") == days(2, 3, 4)
    assert batches(at("2026-01-02"), at("2026-01-04"), "day") == days(2, 3)
    assert batches(at("2026-01-02"), at("2026-01-02"), "day") == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-01-31", at("2026-01-31")),
        (date(2026, 1, 31), at("2026-01-31")),
        ("2026-01-31T05:00:00+02:00", at("2026-01-31T03:00")),
        (datetime(2026, 1, 31, 5), at("2026-01-31T05:00")),
    ],
)
def test_moments(value: Any, found: datetime) -> None:
    assert moment(value, place="m") == found


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(FormatError) as caught:
        moment("yesterday", place="models/m.sql: begin")
    assert str(caught.value) == (
        'models/m.sql: begin: "yesterday" is no date and no moment. Write 2026-01-31, or 2026-01-31T05:00:00.'
    )


def test_intervals_are_joined_and_cut() -> None:
    done = Done().with_(days(1, 2, 5)).with_(days(3))
    assert [(start.day, end.day) for start, end in done.intervals] == [(1, 4), (5, 6)]
    assert Done.read(str(done)) == done
    less = done.without(days(2, 5))
    assert [(start.day, end.day) for start, end in less.intervals] == [(1, 2), (3, 4)]
    assert [less.holds(batch) for batch in days(1, 2, 3, 4)] == [True, False, True, False]
    assert less.with_(days(2, 5)) == done
    assert Done().without(days(1)) == Done()


def due_days(done: Done | None, lookback: int = 1, **options: Any) -> list[int]:
    found = due(done, begin=at("2026-01-01"), now=at("2026-01-06T12:00"), size="day", lookback=lookback, **options)
    return [batch.event_time_start.day for batch in found]


def test_what_is_due() -> None:
    assert due_days(None) == [1, 2, 3, 4, 5, 6]
    assert due_days(Done().with_(days(1, 2, 3, 4, 5))) == [5, 6]
    assert due_days(Done().with_(days(1, 2, 3, 4, 5)), lookback=0) == [6]
    assert due_days(Done().with_(days(1, 3, 4))) == [2, 5, 6]  # the gap is found
    assert due_days(Done().with_(days(1, 2))) == [3, 4, 5, 6]
    assert due_days(Done().with_(days(1)), window=(at("2026-01-02"), at("2026-01-04"))) == [2, 3]
    assert due_days(Done(), window=(at("2026-01-05"), None)) == [5, 6]
    assert due_days(Done(), window=(at("2025-12-30"), at("2026-01-02"))) == [30, 31, 1]
    assert due_days(Done(), window=(None, at("2026-01-03"))) == [1, 2]


def test_batches_in_words() -> None:
    assert in_words(days(1, 2, 3)) == "2026-01-01, 2026-01-02, 2026-01-03"
    assert in_words(days(1, 2, 3, 4)) == "2026-01-01 to 2026-01-04 (4 batches)"
    assert str(Batch(at("2026-01-01T05:00"), at("2026-01-01T06:00"), "hour")) == "2026-01-01 05:00"
