"""Microbatch on real Delta: slices of parents and table, gaps, backfills, batches that fail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from runner import delta
from runner.batches import Done
from runner.delta import log as delta_log
from runner.materialize import microbatch

if TYPE_CHECKING:
    from conftest import Work

EVENTS = "select id, cast(at as timestamp) as at from values {} as given(id, at)"
BROKEN = "if(id = 3, raise_error('no three'), id)"


def events(work: Work, *rows: tuple[int, str], materialized: str = "table") -> None:
    listed = ", ".join(f"({number}, '{at}')" for number, at in rows)
    work.model(EVENTS.format(listed), name="events", materialized=materialized, event_time="at")


def batched(work: Work, column: str = "id", **config: Any) -> None:
    given = {
        "materialized": "incremental", "incremental_strategy": "microbatch", "event_time": "at", "begin": "2026-01-01",
        "batch_size": "day", "lookback": 0,
    }  # fmt: skip
    sql = f"select {column} as id, at, '{{{{ model.batch.id if model.batch else none }}}}' as batch from {{{{ ref('events') }}}}"
    work.model(sql, **{**given, **config})


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the moment of the run."""

    def set_today(text: str) -> None:
        now = datetime.fromisoformat(text).replace(tzinfo=UTC)
        monkeypatch.setattr(microbatch, "current_moment", lambda: now)

    return set_today


def done(work: Work) -> list[tuple[int, int]]:
    configuration = delta_log.read_snapshot(work.path()).metadata["configuration"]
    return [(start.day, end.day) for start, end in Done.read(configuration["sluice.batches"]).intervals]


def test_each_batch_reads_and_replaces_its_own_slice(work: Work, today: Any) -> None:
    events(work, (1, "2026-01-01 10:00"), (2, "2026-01-02 00:00"), (3, "2026-01-03 10:00"), (0, "2025-12-31 10:00"))
    batched(work)
    today("2026-01-03T12:00")
    first = work.ok()
    assert [(row[0], row[2]) for row in work.rows()] == [(1, "20260101"), (2, "20260102"), (3, "20260103")]
    assert done(work) == [(1, 3)]  # the third is not over
    assert first.version == 0
    assert [pair[0][:10] for pair in (first.batches or {})["successful"]] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    events(work, (9, "2026-01-02 10:00"), (3, "2026-01-03 10:00"), (4, "2026-01-04 10:00"))
    today("2026-01-04T12:00")
    work.ok()  # two days later than begin: the second is done and stays as it was
    assert [row[0] for row in work.rows()] == [1, 2, 3, 4]
    assert done(work) == [(1, 4)]
    backfill = (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    assert len((work.ok(event_time=backfill).batches or {})["successful"]) == 1
    assert [row[0] for row in work.rows()] == [1, 3, 4, 9]


def test_a_batch_that_fails_is_left_out_and_tried_again(work: Work, today: Any) -> None:
    rows = [(number, f"2026-01-0{number} 10:00") for number in (1, 2, 3, 4)]
    events(work, *rows)
    batched(work, BROKEN)
    today("2026-01-05T01:00")
    result = work.build()["m"]
    assert result.status == "error"
    assert result.message == (
        "1 of 5 batches failed (2026-01-03), the others are published; the next run tries them again. "
        "2026-01-03: no three."
    )
    assert result.version == 0
    assert [row[0] for row in work.rows()] == [1, 2, 4]
    assert done(work) == [(1, 3), (4, 5)]
    batched(work)
    retried = work.ok("m")
    assert [pair[0][:10] for pair in (retried.batches or {})["successful"]] == ["2026-01-03", "2026-01-05"]
    assert [row[0] for row in work.rows()] == [1, 2, 3, 4]
    assert done(work) == [(1, 5)]


def test_what_is_published_is_audited_whole(work: Work, today: Any) -> None:
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests: [unique]\n")
    events(work, (1, "2026-01-01 10:00"), (2, "2026-01-02 10:00"))
    batched(work)
    today("2026-01-02T12:00")
    work.ok()
    events(work, (1, "2026-01-02 10:00"), (2, "2026-01-02 11:00"))
    work.ok("events")
    assert "id" in work.fails("m")
    assert done(work) == [(1, 2)]


def test_rows_of_another_time_and_no_good_batch(work: Work, today: Any) -> None:
    work.model("select 1 as id, timestamp'2026-01-01 10:00' as at", name="events", materialized="table")
    batched(work)
    today("2026-01-02T12:00")
    work.ok("events")
    result = work.build("m")["m"]
    assert result.message == (
        "1 of 2 batches failed (2026-01-02), the others are published; the next run tries them again. 2026-01-02: "
        "A row of this batch lies outside of its time. Give the parents an event_time, so that each batch reads its own "
        "rows, or filter by model.batch.event_time_start and event_time_end."
    )
    batched(work, "nothing", full_refresh=True)
    message = work.fails("m")
    assert message.startswith("models/m.sql: 2 of 2 batches failed (2026-01-01, 2026-01-02), nothing is published; ")
    batched(work, begin="2027-01-01", full_refresh=True)
    assert work.fails("m") == ("models/m.sql: no batch is due: it begins in the future, or the backfill is empty.")


QUARANTINE = """
    model: m
    on_failure: quarantine
    max_quarantine_share: 0.9
    expectations:
      - {expect: expect_column_values_to_be_between, column: id, max_value: 89}
      - {expect: expect_column_values_to_be_unique, column: id, keep: at}
"""


def by_batch(work: Work, name: str) -> dict[int, list[int]]:
    """Returns the ids of a table's rows by the day of their batch."""
    path = work.path(name)
    rows = delta.first_rows(path, 99)[1] if delta.is_table(path) else []
    return {day: sorted(row["id"] for row in rows if row["at"].day == day) for day in {row["at"].day for row in rows}}


def test_each_batch_is_published_or_in_quarantine_whole(work: Work, today: Any) -> None:
    work.file("expectations/suites/m.yml", QUARANTINE)
    batched(work)

    def built(*rows: tuple[int, str], **options: Any) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Builds; each row of the batches that were built must be published or put aside, once. Returns both by day."""
        events(work, *rows, materialized="view")
        result = work.build(**options)["m"]
        assert result.status in ("success", "warn", "error") and result.version is not None, result.message
        good, bad = by_batch(work, "m"), by_batch(work, "m__quarantine")
        for start, _ in (result.batches or {})["successful"]:
            day = int(start[8:10])
            assert sorted([*good.get(day, []), *bad.get(day, [])]) == sorted(
                number for number, at in rows if int(at[8:10]) == day
            )
        return good, bad

    first = [(1, "2026-01-01 10:00"), (90, "2026-01-01 11:00"), (2, "2026-01-02 10:00"), (91, "2026-01-02 11:00")]
    today("2026-01-02T12:00")
    assert built(*first) == ({1: [1], 2: [2]}, {1: [90], 2: [91]})
    # Another day: its bad rows come in beside those of days that are done; one has a key that is published.
    later = [*first, (3, "2026-01-03 10:00"), (1, "2026-01-03 11:00"), (92, "2026-01-03 12:00")]
    today("2026-01-03T12:00")
    good, bad = built(*later)
    assert (good, bad) == ({1: [1], 2: [2], 3: [3]}, {1: [90], 2: [91], 3: [1, 92]})
    # Batches again, and one of them fails: it keeps its rows, in the table and aside. In the others, what is right now
    # leaves the quarantine, and what is bad now leaves the table.
    window = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
    again = [(93, "2026-01-01 10:00"), (9, "2026-01-01 11:00"), (2, "2026-01-02 10:00"), (92, "2026-01-02 11:00")]
    batched(work, BROKEN)
    good, bad = built(*again, *later[4:], event_time=window)
    assert (good, bad) == ({1: [9], 2: [2], 3: [3]}, {1: [93], 2: [92], 3: [1, 92]})
    batched(work)
    good, bad = built(*again, *later[4:], event_time=window)  # the key 1 is published nowhere else any more
    assert (good, bad) == ({1: [9], 2: [2], 3: [1, 3]}, {1: [93], 2: [92], 3: [92]})
