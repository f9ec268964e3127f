"""A scan of HBase as a value: where it starts and stops, what it asks for, how it is run and what it touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import happybase
from thriftpy2.thrift import TException
from thriftpy2.transport import TTransportException

from runner.errors import NotFoundError, ProjectError
from stores.hbase_cells import prefix_stop
from stores.hbase_client import said
from stores.queries.answer import listed, several

Cells = dict[bytes, bytes]
SAMPLE = 1000  # rows looked at for the cells that a table has
_BATCH = 1000  # rows a call at most
_KEYS_ONLY = b"FirstKeyOnlyFilter() AND KeyOnlyFilter()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of a table.

    Attributes:
        start: the first row key that is read; empty is the table's first.
        stop: the first row key that is no more read; None is the table's end.
        columns: cells (`family:qualifier`) and families that are asked for; none asks for all. A row that has none of
            them is not returned.
        filter: a filter of HBase's filter language; its values are quoted by `quoted`.
        limit: of rows; None returns all.
    """

    table: str
    start: bytes = b""
    stop: bytes | None = None
    columns: tuple[bytes, ...] = ()
    filter: bytes | None = None
    limit: int | None = None

    def __str__(self) -> str:
        lines = [
            f"scan {self.table}",
            f"  start row: {shown(self.start) or 'the first'}",
            f"  stop row: {'the end' if self.stop is None else shown(self.stop)} (not read)",
            f"  columns: {', '.join(map(shown, self.columns)) or 'all'}",
            f"  filter: {'none' if self.filter is None else shown(self.filter)}",
            f"  limit: {'none' if self.limit is None else f'{self.limit:,}'}",
        ]
        return "\n".join(lines)


def prefix_scan(table: str, prefix: bytes, *, columns: Sequence[bytes] = (), limit: int | None = None) -> Scan:
    """Returns the scan of the rows whose key begins with `prefix`."""
    return Scan(table=table, start=prefix, stop=prefix_stop(prefix), columns=tuple(columns), limit=limit)


def quoted(value: bytes) -> bytes:
    """Returns a value as a literal of the filter language: in quotes, its own quotes doubled."""
    return b"'" + value.replace(b"'", b"''") + b"'"


def cell_equals(cell: bytes, value: bytes) -> bytes:
    """Returns the filter that lets rows through whose newest value of a cell is `value`, byte by byte.

    The cell is to be among the scan's columns: the filter judges only what is read, and lets every row through whose
    cell it does not see, unless told not to (the first `true`). The second `true` judges the newest version only.
    """
    family, _, qualifier = cell.partition(b":")
    return b"SingleColumnValueFilter(%s, %s, =, %s, true, true)" % (
        quoted(family),
        quoted(qualifier),
        quoted(b"binary:" + value),
    )


def run_scan(connection: happybase.Connection, scan: Scan) -> list[tuple[bytes, Cells]]:
    """Returns the rows of a scan, in the order of their keys.

    Raises:
        ProjectError: the server refuses the scan.
        OSError, TTransportException: the connection is lost.
    """
    try:
        return list(
            connection.table(scan.table).scan(
                row_start=scan.start,
                row_stop=scan.stop,
                columns=list(scan.columns) or None,
                filter=scan.filter,
                limit=scan.limit,
                batch_size=min(scan.limit or _BATCH, _BATCH),  # the server reads no more rows ahead than are wanted
            )
        )
    except TTransportException:
        raise  # the connection is lost
    except TException as error:
        raise ProjectError(
            f"hbase.{scan.table}: the server refuses the scan: {said(error)}. See the scan by --explain."
        ) from error


def touched(connection: happybase.Connection, scan: Scan, rows: Sequence[tuple[bytes, Cells]]) -> int:
    """Returns how many rows the server read to answer, counted by their keys alone.

    A scan that met its limit ended at its last row; another one read to its stop row.
    """
    met = scan.limit is not None and len(rows) >= scan.limit
    stop = rows[-1][0] + b"\0" if met else scan.stop
    counting = connection.table(scan.table).scan(
        row_start=scan.start, row_stop=stop, columns=list(scan.columns) or None, filter=_KEYS_ONLY, batch_size=10_000
    )
    return sum(1 for _ in counting)


def regions_visited(regions: Sequence[Mapping[str, bytes]], scan: Scan, rows: Sequence[tuple[bytes, Cells]]) -> int:
    """Returns how many of a table's regions the scan opens.

    Args:
        regions: as `happybase.Table.regions` gives them.
    """
    met = scan.limit is not None and len(rows) >= scan.limit
    stop = rows[-1][0] + b"\0" if met else scan.stop
    return sum(
        (not region["end_key"] or region["end_key"] > scan.start) and (stop is None or region["start_key"] < stop)
        for region in regions
    )


def check_cells(connection: happybase.Connection, table: str, cells: Sequence[bytes], *, query: str) -> None:
    """Looks whether the table has each cell: in its first 1,000 rows, and a cell that they lack in all of it.

    HBase has no columns, only families: a cell that no row has is read as nothing, without a word.

    Raises:
        NotFoundError: no row has the cell.
    """
    sample = run_scan(connection, Scan(table=table, columns=tuple(cells), limit=SAMPLE))
    for cell in cells:
        if any(cell in row for _, row in sample) or run_scan(connection, Scan(table=table, columns=(cell,), limit=1)):
            continue
        known = cells_of(connection, table)
        if not known:
            return  # the table is empty
        raise NotFoundError(
            f'hbase.{table}: no row has the cell "{shown(cell)}", which the query {query} reads. '
            f"It has {listed([shown(name) for name in known])}.",
            name=shown(cell),
            known=[shown(name) for name in known],
        )


def check_families(connection: happybase.Connection, table: str, columns: Sequence[bytes], *, query: str) -> None:
    """Looks whether the table has the families of the columns.

    Raises:
        NotFoundError: it has none of that name.
    """
    families = sorted(name.rstrip(b":") for name in connection.table(table).families())
    for cell in columns:
        family = cell.partition(b":")[0]
        if family not in families:
            raise NotFoundError(
                f'hbase.{table}: has no family "{shown(family)}", which the query {query} reads. '
                f"It has {listed([shown(name) for name in families])}.",
                name=shown(family),
                known=[shown(name) for name in families],
            )


def cells_of(connection: happybase.Connection, table: str) -> list[bytes]:
    """Returns the names of the cells of the first rows; numbered ones once, as their first."""
    found: dict[bytes, None] = {}
    for _, row in run_scan(connection, Scan(table=table, filter=b"KeyOnlyFilter()", limit=100)):
        found.update(dict.fromkeys(name for name in row if not name.partition(b":")[2].strip(b"0").isdigit()))
    return sorted(found)


def shown(value: bytes) -> str:
    """Returns bytes as text for messages and plans; what is no text, or cannot be seen, is escaped."""
    text = value.decode("utf-8", errors="backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def range_fact(scan: Scan) -> tuple[tuple[str, str], ...]:
    """Returns where a scan starts and stops, what it asks for and its filter, by name."""
    return (
        ("start row", shown(scan.start) or "the first"),
        ("stop row", "the end" if scan.stop is None else shown(scan.stop)),
        ("columns", ", ".join(map(shown, scan.columns)) or "all"),
        ("filter", "none" if scan.filter is None else shown(scan.filter)),
    )


def reading_facts(rows: int, read: int | None, visited: int, regions: int) -> tuple[tuple[str, str], ...]:
    """Returns what a scan read against what it returned, by name."""
    return (
        (
            "rows",
            f"{rows:,} returned; --explain counts those touched"
            if read is None
            else f"{read:,} touched, {rows:,} returned",
        ),
        ("regions", f"{visited:,} of {several(regions, 'region')} visited"),
    )
