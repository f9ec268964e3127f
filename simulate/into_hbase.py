"""Loading sessions into HBase: one wide row a session, in a table split at user ids, by several processes at once."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import happybase

from runner.errors import FormatError, MachineError
from simulate.fields import SAMPLE, FieldType, coverage_of, read_type, steps_of
from simulate.loaded import Loaded, TableFiles
from simulate.loading import PATIENCE_SECONDS, Mark, Plan, Progress, Written, estimated_records, load
from simulate.reading import UNIT_BYTES, first_records, units_of
from stores.hbase_admin import evenly, make_table
from stores.hbase_cells import (
    CellColumn,
    Place,
    PlainColumn,
    codec_of,
    derived_session_cells,
    encode_row,
    encode_value,
    numbered,
    read_place,
    session_key,
    to_json,
)
from stores.hbase_client import CONNECTION_ERRORS, connect, connected, said
from stores.hbase_puts import Row, put_rows
from stores.settings import HBaseSettings

FAMILIES: Mapping[str, int] = {"meta": 3, "geo": 3, "device": 3, "stats": 3, "events": 3}
OTHERS = "meta"  # takes the fields that no column names
MARKS = "load_marks"  # the table that remembers which units are loaded
REGIONS = 4
_MARK_FAMILIES = {"m": 1}
_RECIPE = "hbase 1"  # counts up when the same record is stored otherwise than before
_BATCH = 250  # rows of one call
_NUMBERS = struct.Struct(">qqq")
_KEYS_ONLY = "FirstKeyOnlyFilter() AND KeyOnlyFilter()"
_FINAL = ("NoSuchColumnFamilyException", "TableNotFoundException", "TableNotEnabledException", "AccessDenied")

RowOf = Callable[[dict[str, Any]], Row]


def load_into_hbase(
    sessions: TableFiles,
    settings: HBaseSettings,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    regions: int = REGIONS,
    patience_seconds: float = PATIENCE_SECONDS,
    force: bool = False,
    allow_missing: Collection[str] = (),
    unit_bytes: int = UNIT_BYTES,
) -> Loaded:
    """Loads sessions into the table of that name, which is made where it does not exist, and verifies what is there.

    The row key is `user_id#reverse_timestamp#session_id`; the cells are those that the columns name, `stats:pages` and
    `stats:cart_value`. Fields that no column names go to `meta:`. Cells get the server's time of writing.

    Args:
        sessions: its columns name their cells.
        progress: called with the table's name, records done, and about how many there are in all.
        workers: processes; by default as many as there are cores, if there is work for them.
        regions: into how many a new table is split, at user ids that part the sessions evenly.
        patience_seconds: for how long the server may be away in the middle.
        force: load what a run before has loaded, too.
        allow_missing: paths that no record need have.
        unit_bytes: of a file that one process loads at a time.

    Raises:
        ContractError: no record has a path that a cell is filled from; nothing is loaded then.
        FormatError: a file is empty, truncated, or holds no records; a column names no cell.
        MachineError: the server does not answer.
    """
    units = [unit for path in sessions.paths for unit in units_of(path, unit_bytes=unit_bytes)]
    sample = first_records(units, SAMPLE)
    coverage = coverage_of(
        sessions, sample, place=str(settings), needed=_named_paths(sessions.columns), allow_missing=allow_missing
    )
    columns = plain_columns(sessions.columns)
    plan = Plan(
        table=replace(sessions, columns=()),
        units=units,
        records=estimated_records(units),
        coverage=coverage,
        place=str(settings),
        recipe=f"{_RECIPE}:{sessions.name}:{columns}",
        make_writer=partial(HBaseWriter, settings=settings, table=sessions.name, columns=columns),
        patience_seconds=patience_seconds,
        note=prepare_table(settings, sessions.name, FAMILIES, splits=user_splits(sample, regions)),
    )
    return load(plan, progress=progress, workers=workers, force=force)


def prepare_table(
    settings: HBaseSettings, name: str, families: Mapping[str, int], *, splits: Sequence[bytes] = ()
) -> str:
    """Makes a table and the one of the marks where they do not exist; marks of a new table are forgotten.

    Returns:
        what the server could not do, such as splitting the table; empty where all is well.
    """
    make_table(settings, MARKS, _MARK_FAMILIES)
    made = make_table(settings, name, families, splits=splits)
    if made.is_new:
        with connected(settings) as connection:
            marks = connection.table(MARKS)
            for row, _ in marks.scan(row_prefix=f"{name}:".encode(), filter=_KEYS_ONLY):
                marks.delete(row)
    return made.note


def user_splits(sample: Sequence[dict[str, Any]], regions: int) -> list[bytes]:
    """Returns the user ids at which regions begin, so that the sample is parted evenly."""
    users = [user.encode() for each in sample if isinstance(user := each.get("user_id"), str)]
    return evenly(users, regions)


def plain_columns(columns: Sequence[CellColumn]) -> tuple[PlainColumn, ...]:
    """Returns the columns as values that any process can hold."""
    return tuple(
        PlainColumn(each.name, each.data_type, tuple(each.cells), each.codec, tuple(each.aliases)) for each in columns
    )


def _named_paths(columns: Sequence[CellColumn]) -> set[str]:
    """Returns the paths that cells are filled from: each column, and the fields of those that are a family."""
    found = set()
    for column in columns:
        found.add(column.name)
        places = [read_place(text, place=f'column "{column.name}"') for text in column.cells]
        if any(place.kind == "family" for place in places):
            found |= {column.name + step for step, _ in steps_of(read_type(column.data_type))}
    return found


@dataclass(slots=True, kw_only=True)
class HBaseWriter:
    """A process's way into one table of sessions."""

    settings: HBaseSettings
    table: str
    columns: tuple[PlainColumn, ...]
    lost_errors: tuple[type[BaseException], ...] = CONNECTION_ERRORS
    _connection: happybase.Connection | None = field(default=None, repr=False)
    _row_of: RowOf | None = field(default=None, repr=False)

    def reconnect(self) -> None:
        self.close()
        self._connection = connect(self.settings)

    def is_final(self, error: BaseException) -> bool:
        return any(word in said(error) for word in _FINAL)

    def said(self, error: BaseException) -> str:
        return said(error)

    def mark(self, digest: str) -> Mark | None:
        cells = self.open.table(MARKS).row(self._mark_row(digest))
        if b"m:numbers" not in cells:
            return None
        records, broken, cut_times = _NUMBERS.unpack(cells[b"m:numbers"])
        return Mark(records=records, broken=broken, cut_times=cut_times, keys=cells.get(b"m:keys", b""))

    def set_mark(self, digest: str, mark: Mark) -> None:
        numbers = _NUMBERS.pack(mark.records, mark.broken, mark.cut_times)
        self.open.table(MARKS).put(self._mark_row(digest), {b"m:numbers": numbers, b"m:keys": mark.keys})

    def prepare(self, documents: Sequence[Any]) -> tuple[Sequence[Row], Written]:
        """Returns the rows; of several with one key the last."""
        if self._row_of is None:
            self._row_of = session_rows(self.columns)
        row_of = self._row_of
        written = Written()
        rows: dict[bytes, Mapping[bytes, bytes]] = {}
        for index, document in enumerate(documents):
            try:
                key, cells = row_of(document)
            except (Unkeyed, FormatError, UnicodeError, OverflowError) as error:
                written.refused[index] = f"cannot be a row of HBase: {error}"
                continue
            written.keys.append(key)
            rows[key] = cells
        return list(rows.items()), written

    def write(self, prepared: Sequence[Row]) -> None:
        connection = self.open
        name = connection.table(self.table).name
        for first in range(0, len(prepared), _BATCH):
            put_rows(connection, self.settings, name, prepared[first : first + _BATCH])

    def ranges(self) -> Sequence[tuple[bytes, bytes]]:
        regions = self.open.table(self.table).regions()
        return [(region["start_key"], region["end_key"]) for region in regions]

    def keys(self, span: tuple[bytes, bytes]) -> Iterator[bytes]:
        start, stop = span
        rows = self.open.table(self.table).scan(
            row_start=start or None, row_stop=stop or None, filter=_KEYS_ONLY, batch_size=5_000
        )
        return (row for row, _ in rows)

    def rows(self) -> Iterator[Row]:
        """Yields all rows of the table."""
        yield from self.open.table(self.table).scan(batch_size=5_000)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*CONNECTION_ERRORS):
                self._connection.close()
            self._connection = None

    def _mark_row(self, digest: str) -> bytes:
        return f"{self.table}:{digest}".encode()

    @property
    def open(self) -> happybase.Connection:
        """The connection, which `reconnect` has opened."""
        if self._connection is None:
            raise MachineError(f"{self.settings}: is not connected")
        return self._connection


class Unkeyed(Exception):
    """A record of which no row key can be made; the message says why."""


def session_rows(columns: Sequence[CellColumn]) -> RowOf:
    """Returns what turns a session as it stands in a file into its row.

    The cells are those of `stores.hbase_cells.encode_row` and `derived_session_cells`; what depends on the columns alone
    is worked out once. The result raises `Unkeyed` for a session without user, time or id, FormatError for a value that
    its codec cannot hold.
    """
    steps = tuple(_step_of(column) for column in columns)
    known = frozenset(name for column in columns for name in (column.name, *column.aliases))

    def row_of(document: Any) -> Row:
        key = _key_of(document)
        cells: dict[bytes, bytes] = {}
        for step in steps:
            step(document, cells)
        if not document.keys() <= known:
            cells |= encode_row({name: document[name] for name in document.keys() - known}, (), others=OTHERS)
        cells |= derived_session_cells(document)
        return key, cells

    return row_of


def _key_of(document: Any) -> bytes:
    if not isinstance(document, dict):
        raise Unkeyed("it is no object")
    for name in ("user_id", "start_time", "session_id"):
        if not isinstance(document.get(name), str):
            raise Unkeyed(f"it has no {name}")
    try:
        return session_key(document["user_id"], document["start_time"], document["session_id"])
    except ValueError:
        raise Unkeyed(f'its start_time "{document["start_time"]}" is no moment') from None


Step = Callable[[dict[str, Any], dict[bytes, bytes]], None]


def _step_of(column: CellColumn) -> Step:
    """Returns what writes one column's cells of a document; a fast way for values of the shape that is expected."""
    where = f'column "{column.name}"'
    places = [read_place(text, place=where) for text in column.cells]
    place = next((each for each in places if each.kind not in ("key", "key_part")), None)
    plain = plain_columns([column])

    def otherwise(document: dict[str, Any], cells: dict[bytes, bytes]) -> None:
        cells |= encode_row(document, plain)

    if not places or column.aliases:
        return otherwise
    if place is None:
        return lambda document, cells: None
    if place.kind == "family":
        return _family_step(column, place, otherwise)
    if place.kind == "numbered":
        return _numbered_step(column, place, otherwise)
    return _cell_step(column, place, codec_of(column, place=where))


def _cell_step(column: CellColumn, place: Place, codec: str) -> Step:
    name, cell, where = column.name, place.cell, f'column "{column.name}"'
    is_text = codec == "text"

    def step(document: dict[str, Any], cells: dict[bytes, bytes]) -> None:
        value = document.get(name)
        if value is None:
            return
        if is_text and type(value) is str:
            cells[cell] = value.encode()
        else:
            cells[cell] = encode_value(value, codec, place=where)

    return step


def _family_step(column: CellColumn, place: Place, otherwise: Step) -> Step:
    kind: FieldType = read_type(column.data_type)
    name, qualified = column.name, {each: place.family + b":" + each.encode() for each, _ in kind.inner}

    def step(document: dict[str, Any], cells: dict[bytes, bytes]) -> None:
        value = document.get(name)
        if value is None:
            return
        if type(value) is not dict or not value.keys() <= qualified.keys():
            otherwise(document, cells)
            return
        for inner, each in value.items():
            if type(each) is str:
                cells[qualified[inner]] = each.encode()
            elif each is not None:
                cells[qualified[inner]] = encode_value(each, "text", place=name)

    return step


def _numbered_step(column: CellColumn, place: Place, otherwise: Step) -> Step:
    name, prefix = column.name, place.family + b":"
    names = [prefix + numbered(index) for index in range(256)]

    def step(document: dict[str, Any], cells: dict[bytes, bytes]) -> None:
        value = document.get(name)
        if value is None:
            return
        if type(value) is not list or len(value) > len(names) or not all(type(each) is dict for each in value):
            otherwise(document, cells)
            return
        for cell, each in zip(names, value, strict=False):
            cells[cell] = to_json(each)

    return step
