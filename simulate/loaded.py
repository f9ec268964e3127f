"""What was asked of a load and what it came to, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stores.hbase_cells import CellColumn

SHOWN_BROKEN = 20  # broken records that are named one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFiles:
    """A table's files and what `sources.yml` says of it.

    Attributes:
        name: of the collection or table in the store.
        columns: as `ingest.contract.Column` has them, or `stores.hbase_cells.PlainColumn`.
    """

    name: str
    paths: Sequence[Path]
    key: tuple[str, ...]
    columns: Sequence[CellColumn]


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that was not loaded: its file, its first byte (in Parquet its row in the row group), and why."""

    path: Path
    position: int
    reason: str

    def __str__(self) -> str:
        where = "row" if self.path.suffix == ".parquet" else "byte"
        return f"{self.path}: {where} {self.position + 1:,}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the first records have a path.

    Attributes:
        path: as contracts write it: `page_views[].timestamp`, `cart_contents.*.price`.
        cells: where the value goes in HBase; empty for MongoDB and for inner paths of a JSON cell.
        present: share of the records that have it, null or not; an inner path is judged among those that have its outer.
        filled: share in which it holds a value.
        is_needed: the loader names it, so that a path which no record has is an error.
        is_seen: some record has the outer path, so the shares mean something.
    """

    path: str
    cells: tuple[str, ...]
    present: float
    filled: float
    is_needed: bool
    is_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What loading one table came to.

    Attributes:
        place: the store, without credentials.
        records: how many the files hold, broken ones too.
        written: how many were sent to the store by this run; the others were there from a run before.
        keys: distinct keys in the files; `repeated` records share one with another, of which one stays.
        stored: rows of the store when all was done; `strangers` of them are not from these files.
        broken_count, broken: records that are not loaded, and the first of them.
        cut_times: times with microseconds, of which MongoDB's dates keep the milliseconds.
        coverage: per path, over the first 1,000 records.
        note: what the store could not do, such as pre-splitting; empty where all is well.
        seconds: wall time with verification; `write_seconds` without.
    """

    table: str
    place: str
    records: int
    written: int
    keys: int
    repeated: int
    stored: int
    strangers: int
    broken_count: int
    broken: tuple[Broken, ...]
    cut_times: int
    coverage: tuple[Coverage, ...]
    note: str
    seconds: float
    write_seconds: float

    @property
    def rate(self) -> float:
        """Records written per second."""
        return self.written / self.write_seconds if self.write_seconds else 0.0

    def lines(self) -> list[str]:
        """Returns the report as lines of text, the whole story first."""
        already = self.records - self.broken_count - self.written
        was = f", {already:,} were there" if already else ""
        found = [
            f"{self.place}/{self.table}: {self.written:,} of {self.records:,} records written{was}, "
            f"{self.keys:,} keys verified; {self.seconds:.1f} s, {self.rate:,.0f} records/s"
        ]
        if self.note:
            found.append(f"  {self.note}")
        if self.repeated:
            found.append(f"  {self.repeated:,} records repeat the key of another; one of each stays")
        if self.strangers:
            found.append(f"  {self.strangers:,} rows of the store are not from these files")
        if self.cut_times:
            found.append(f"  {self.cut_times:,} times have microseconds, of which MongoDB keeps the milliseconds")
        if self.broken_count:
            found.append(f"  {self.broken_count:,} broken records were not loaded:")
            found += [f"    {each}" for each in self.broken]
            if self.broken_count > len(self.broken):
                found.append(f"    … and {self.broken_count - len(self.broken):,} more")
        return found

    def coverage_lines(self) -> list[str]:
        """Returns the share of the first records that fill each path, a line each."""
        return [
            f"{each.filled:7.1%}  {each.path}{' -> ' + ', '.join(each.cells) if each.cells else ''}"
            for each in self.coverage
            if each.is_seen
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())
