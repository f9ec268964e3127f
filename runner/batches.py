"""Time in batches: the hours, days, months or years of a microbatch model, and which of them are done.

All moments are UTC. A batch is the half-open interval from its start to the start of the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from runner.errors import FormatError


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """An interval of time; what `model.batch` shows to a template."""

    event_time_start: datetime
    event_time_end: datetime
    size: str = "day"

    @property
    def id(self) -> str:
        """The batch as dbt names it: 20260131, 2026013105, 202601, 2026."""
        return self.event_time_start.strftime(
            {"hour": "%Y%m%dT%H", "day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}[self.size]
        )

    def __str__(self) -> str:
        return self.event_time_start.strftime(
            {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}[self.size]
        )


def moment(value: Any, *, place: str) -> datetime:
    """Returns a setting or an option as a moment: a date, or a date and time; UTC where it says nothing else.

    Raises:
        FormatError: it is neither.
    """
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # UTC below
    else:
        try:
            found = datetime.fromisoformat(str(value).strip())
        except ValueError as error:
            raise FormatError(
                f'{place}: "{value}" is no date and no moment. Write 2026-01-31, or 2026-01-31T05:00:00.'
            ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def truncated(when: datetime, size: str) -> datetime:
    """Returns the start of the batch that holds the moment."""
    start = when.replace(minute=0, second=0, microsecond=0)
    if size != "hour":
        start = start.replace(hour=0)
    if size in ("month", "year"):
        start = start.replace(day=1)
    return start.replace(month=1) if size == "year" else start


def shifted(start: datetime, size: str, count: int) -> datetime:
    """Returns the start of the batch that is `count` batches later than the one that starts there."""
    if size == "hour":
        return start + timedelta(hours=count)
    if size == "day":
        return start + timedelta(days=count)
    months = start.year * 12 + start.month - 1 + count * (12 if size == "year" else 1)
    return start.replace(year=months // 12, month=months % 12 + 1)


def batches(first: datetime, until: datetime, size: str) -> list[Batch]:
    """Returns the batches that touch the interval from `first` to before `until`, in order."""
    found = []
    start = truncated(first, size)
    while start < until:
        end = shifted(start, size, 1)
        found.append(Batch(start, end, size))
        start = end
    return found


@dataclass(frozen=True, slots=True)
class Done:
    """The intervals of time that a table holds, apart from each other and in order."""

    intervals: tuple[tuple[datetime, datetime], ...] = ()

    @classmethod
    def read(cls, text: str) -> Done:
        """Reads what `str()` gives."""
        return cls(
            tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in json.loads(text))
        )

    def __str__(self) -> str:
        return json.dumps([[start.isoformat(), end.isoformat()] for start, end in self.intervals])

    def with_(self, added: Iterable[Batch]) -> Done:
        """Returns these intervals and those batches."""
        every = sorted([*self.intervals, *((one.event_time_start, one.event_time_end) for one in added)])
        joined: list[tuple[datetime, datetime]] = []
        for start, end in every:
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return Done(tuple(joined))

    def without(self, taken: Iterable[Batch]) -> Done:
        """Returns these intervals less those batches."""
        left = list(self.intervals)
        for batch in taken:
            parts = []
            for start, end in left:
                parts += [(start, min(end, batch.event_time_start)), (max(start, batch.event_time_end), end)]
            left = [(start, end) for start, end in parts if start < end]
        return Done(tuple(sorted(set(left))))

    def holds(self, batch: Batch) -> bool:
        """True where all of the batch is done."""
        return any(start <= batch.event_time_start and batch.event_time_end <= end for start, end in self.intervals)


def due(
    done: Done | None,
    *,
    begin: datetime,
    now: datetime,
    size: str,
    lookback: int,
    window: tuple[datetime | None, datetime | None] = (None, None),
) -> list[Batch]:
    """Returns the batches that a run has to build, in order.

    That is what was never done since `begin`, and, for what comes late, the batch of now and `lookback` before it.

    Args:
        done: what the table holds; None where there is none yet, so everything is due.
        window: start and end of a backfill, which are built whether they are done or not; None where none is asked for.
    """
    first, until = window
    if first is not None or until is not None:
        return batches(first or begin, until or now + timedelta(microseconds=1), size)
    every = batches(begin, now + timedelta(microseconds=1), size)
    if done is None:
        return every
    recent = shifted(truncated(now, size), size, -lookback)
    return [batch for batch in every if batch.event_time_start >= recent or not done.holds(batch)]


def in_words(found: Sequence[Batch]) -> str:
    """Returns batches as a person names them: the first few, or the first and the last."""
    if len(found) <= 3:
        return ", ".join(map(str, found))
    return f"{found[0]} to {found[-1]} ({len(found)} batches)"


@dataclass(slots=True, kw_only=True)
class BatchResults:
    """What became of a run's batches.

    Attributes:
        done: the table's memory before the run; None where it has none.
        failed: why each failed batch did.
    """

    done: Done | None
    successful: list[Batch] = field(default_factory=list)
    failed: dict[Batch, str] = field(default_factory=dict)

    def memory(self, now: datetime) -> Done:
        """Returns the table's memory after the run. A batch that is not over yet is not done."""
        over = [batch for batch in self.successful if batch.event_time_end <= now]
        return (self.done or Done()).without([*self.successful, *self.failed]).with_(over)

    def words(self) -> str:
        """Returns what failed, for the message of the node; empty where nothing did."""
        if not self.failed:
            return ""
        first, why = next(iter(self.failed.items()))
        total = len(self.failed) + len(self.successful)
        rest = "the others are published" if self.successful else "nothing is published"
        return (
            f"{len(self.failed)} of {total} batches failed ({in_words(list(self.failed))}), {rest}; the next run tries them "
            f"again. {first}: {why}"
        )

    def artifact(self) -> dict[str, list[list[str]]]:
        """Returns `batch_results` as dbt writes them."""

        def pairs(found: Iterable[Batch]) -> list[list[str]]:
            return [[one.event_time_start.isoformat(), one.event_time_end.isoformat()] for one in found]

        return {"successful": pairs(self.successful), "failed": pairs(self.failed)}
