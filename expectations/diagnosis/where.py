"""Where failing rows lie: the device, store, page or dates that hold nearly all of them, on any table.

Works on counts of rows and failing rows per slice and span of days, so that any amount of data becomes a small table
first. A slice is named where it holds most of the failing rows, they are many times as frequent in it as outside, and
chance is out of the question.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from expectations.definition import Slice, escape, literal

STORE = "store"  # the column of slices by store, whatever says the store of a row
MOST_VALUES = 50  # of a column that slices the rows
MOST_COLUMNS = 24
MOST_SPANS = 60  # of days; longer windows are cut into spans of several days
MOST_CELLS = 100_000
_COVERED = 0.8  # of the failing rows that a slice holds
_CONCENTRATED = 3.0  # times as frequent inside as outside
_MOST_OF_ALL = 0.8  # of all rows; a larger slice says nothing
_EVIDENCE = 15.0  # log likelihood ratio; e^-15 against some 10^4 slices looked at
_SHARPER = 10.0  # what naming dates must add to it
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows of one value of one column in one span of days.

    Attributes:
        column: empty for all rows.
        value: as text; None for null.
        span: number of the span, from 0; None where the rows have no date.
        rows: all of them; `failing` how many fail, for each check that is asked about.
    """

    column: str
    value: str | None
    span: int | None
    rows: int
    failing: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days that the table covers.

    Attributes:
        column: its date or time.
        days: in each span.
    """

    column: str
    first: date
    last: date
    days: int = 1

    @property
    def spans(self) -> int:
        return (self.last - self.first).days // self.days + 1

    def bounds(self, start: int, end: int) -> tuple[str, str]:
        """Returns the first and last day of spans, both included."""
        since = self.first + timedelta(days=start * self.days)
        until = min(self.last, self.first + timedelta(days=(end + 1) * self.days - 1))
        return since.isoformat(), until.isoformat()


def window_of(column: str, first: date | None, last: date | None) -> Window | None:
    """Returns the days that a column covers, in spans; None where they are fewer than three."""
    if first is None or last is None or (last - first).days < 2:
        return None
    return Window(column=column, first=first, last=last, days=math.ceil(((last - first).days + 1) / MOST_SPANS))


def cells_sql(columns: Sequence[tuple[str, str]], window: Window | None, failing: Sequence[str]) -> str:
    """Returns the query for cells over `{this}`: c, v, span, n, and f0, f1, … for each condition of `failing`.

    All rows are there once more under the column "".

    Args:
        columns: name and expression (Spark SQL) of each column that slices.
    """
    named = [("", "''"), *columns]
    pairs = ", ".join(f"named_struct('c', {literal(name)}, 'v', CAST({sql} AS STRING))" for name, sql in named)
    span = "CAST(NULL AS INT)"
    if window is not None:
        since = f"datediff(CAST({window.column} AS DATE), DATE'{window.first.isoformat()}')"
        span = f"CAST(floor({since} / {window.days}) AS INT)"
    flags = ", ".join(f"coalesce(({one}), FALSE) AS b{number}" for number, one in enumerate(failing))
    counts = ", ".join(f"count_if(b{number}) AS f{number}" for number in range(len(failing)))
    inner = escape(f"SELECT explode(array({pairs})) AS slice, {span} AS span, {flags} FROM ") + "{this}"
    return (
        f"SELECT slice.c AS c, slice.v AS v, span, count(*) AS n, {counts} FROM ({inner}) "
        f"GROUP BY slice.c, slice.v, span LIMIT {MOST_CELLS}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    slice: Slice
    evidence: float


def locate(cells: Sequence[Cell], check: int, window: Window | None) -> tuple[Slice, ...]:
    """Returns the slices that hold a check's failing rows, the best first, one a column; none where none stands out."""
    by_column: dict[str, dict[str, _Spans]] = defaultdict(dict)
    for cell in cells:
        spans = by_column[cell.column].setdefault("null" if cell.value is None else cell.value, {})
        spans[cell.span] = (cell.rows, cell.failing[check])
    whole = by_column.pop("", {}).get("", {})
    everything = _sum(whole)
    if not everything[1]:
        return ()
    parts = [_best(column, values, everything, window) for column, values in by_column.items()]
    parts.append(_dated("", "", whole, everything, window) if window is not None else None)
    # Where the rows without a store have no value in its columns either, the store says more.
    found = sorted((part for part in parts if part), key=lambda part: (-part.evidence, part.slice.column != STORE))
    return tuple(part.slice for part in found[:_NAMED])


_Spans = dict[int | None, tuple[int, int]]


def _sum(spans: _Spans) -> tuple[int, int]:
    """Returns the rows and the failing rows of all spans."""
    return sum(rows for rows, _ in spans.values()), sum(failing for _, failing in spans.values())


def _best(
    column: str, values: Mapping[str, _Spans], everything: tuple[int, int], window: Window | None
) -> _Part | None:
    """Returns the value of a column that holds the failing rows, with its dates where naming them says more."""
    value, spans = max(values.items(), key=lambda item: _sum(item[1])[1])
    rows, failing = _sum(spans)
    evidence = stands_out(rows, failing, *everything)
    share = failing / everything[1]
    part = None
    if evidence:
        found = Slice(column=column, value=value, rows=rows, failing=failing, share=share)
        part = _Part(slice=found, evidence=evidence)
    if share >= _COVERED and window is not None:
        dated = _dated(column, value, spans, everything, window)
        if dated and dated.evidence > evidence + _SHARPER:
            return dated
    return part


def _dated(column: str, value: str, spans: _Spans, everything: tuple[int, int], window: Window) -> _Part | None:
    """Returns the unbroken run of days of a slice that holds the failing rows (Kulldorff's scan); None for none."""
    counts = [spans.get(span, (0, 0)) for span in range(window.spans)]
    best: tuple[float, int, int, int, int] | None = None
    for start, (_, first) in enumerate(counts):
        rows = failing = 0
        for end in range(start, window.spans):
            rows, failing = rows + counts[end][0], failing + counts[end][1]
            if not first or not counts[end][1] or (start, end) == (0, window.spans - 1):
                continue
            evidence = stands_out(rows, failing, *everything)
            if evidence and (best is None or evidence > best[0]):
                best = (evidence, start, end, rows, failing)
    if best is None:
        return None
    evidence, start, end, rows, failing = best
    since, until = window.bounds(start, end)
    found = Slice(
        column=column,
        value=value,
        since=since,
        until=until,
        dates=(date.fromisoformat(until) - date.fromisoformat(since)).days + 1,
        rows=rows,
        failing=failing,
        share=failing / everything[1],
    )
    return _Part(slice=found, evidence=evidence)


def stands_out(rows: int, failing: int, all_rows: int, all_failing: int) -> float:
    """Returns the log likelihood ratio of a slice's failing share against the rest; 0 where it does not stand out."""
    outside, outside_failing = all_rows - rows, all_failing - failing
    if not failing or not outside or rows > _MOST_OF_ALL * all_rows or failing < _COVERED * all_failing:
        return 0.0
    inner, outer, common = failing / rows, outside_failing / outside, all_failing / all_rows
    if inner < _CONCENTRATED * outer:
        return 0.0
    evidence = _likelihood(failing, rows, inner) + _likelihood(outside_failing, outside, outer)
    evidence -= _likelihood(all_failing, all_rows, common)
    return evidence if evidence >= _EVIDENCE else 0.0


def _likelihood(failing: int, rows: int, share: float) -> float:
    """Returns the binomial log likelihood, without its constant."""
    good = rows - failing
    return (failing * math.log(share) if failing else 0.0) + (good * math.log(1 - share) if good and share < 1 else 0.0)
