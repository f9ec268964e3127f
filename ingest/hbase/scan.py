"""A scan that goes on after the last row it delivered when its scanner, connection or server is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import happybase

from ingest.hbase.wire import RowReader, Rows, ServerRefused, get_list_call, speaks_plainly
from runner.errors import ContractError, MachineError
from stores import hbase_client
from stores.settings import HBaseSettings

ALL_FAMILIES: tuple[bytes, ...] = ()
_FIRST_ROWS = 100  # until it is known how large rows are
_REPLY_BYTES = 4 << 20
_AHEAD = 2  # requests under way: the server works on one batch while the one before is decoded
_FIRST_WAIT, _LONGEST_WAIT, _PATIENCE = 0.1, 5.0, 90.0
_LOST: tuple[type[BaseException], ...] = (*hbase_client.CONNECTION_ERRORS, ServerRefused, MachineError)
_LASTING = (
    (re.compile(r"TableNotFoundException"), "there is no such table"),
    (re.compile(r"TableNotEnabledException"), "it is disabled"),
    (re.compile(r"Column family (\S+) does not exist"), r"column family \1 does not exist"),
)
_UNREAD_FILTER = re.compile(r"Internal error processing (scannerOpenWithScan|openScanner)")
_FILTER_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What to read of a table.

    Attributes:
        table: its name, without the connection's prefix.
        start: the first row key, inclusive.
        stop: the row key to stop before; None for the table's end.
        columns: families (`geo`) or cells (`geo:city`); none for all.
        filter: a filter in Thrift's language.
        until_ms: only cells written before it, milliseconds; None for all.
        batch_rows: how many rows a reply holds at most.
    """

    table: str
    start: bytes = b""
    stop: bytes | None = None
    columns: tuple[bytes, ...] = ALL_FAMILIES
    filter: bytes | None = None
    until_ms: int | None = None
    batch_rows: int = 1000


@dataclass(slots=True)
class Line:
    """The connection that scans use one after the other, and what they saw of the size of rows."""

    connection: happybase.Connection | None = None
    rows: int = 0
    received: int = 0

    def rows_of_reply(self, most: int) -> int:
        """Returns how many rows to ask for."""
        return max(1, min(most, _REPLY_BYTES * self.rows // self.received if self.rows else _FIRST_ROWS))

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self.connection is not None:
            with suppress(*hbase_client.CONNECTION_ERRORS):
                self.connection.close()
            self.connection = None


def scan_rows(
    settings: HBaseSettings, scan: Scan, *, line: Line | None = None, patience_seconds: float = _PATIENCE
) -> Iterator[Rows]:
    """Yields the rows of a scan in batches, each row once.

    Where the scanner has expired, or connection or server are lost, it is opened again just after the last row that
    was delivered. It gives up when no row came for `patience_seconds`.

    Args:
        line: of the scans before, whose connection is used; the caller closes it. None makes one for this scan alone.

    Raises:
        MachineError: the server does not come back.
        ContractError: the server refuses the scan: an unknown family, a filter that it cannot read.
    """
    used = line or Line()
    try:
        yield from resumed(settings, scan, partial(fetch, line=used), patience_seconds=patience_seconds)
    finally:
        if line is None:
            used.close()


def resumed(
    settings: HBaseSettings,
    scan: Scan,
    fetch: Callable[[HBaseSettings, Scan], Iterator[Rows]],
    *,
    patience_seconds: float = _PATIENCE,
) -> Iterator[Rows]:
    """Yields what `fetch` yields, and calls it again for the rest of the scan when it fails on the way."""
    failed_at: float | None = None
    wait, tries = _FIRST_WAIT, 0
    while True:
        rest = fetch(settings, scan)
        try:
            for rows in rest:
                if rows:
                    yield rows
                scan = replace(scan, start=(rows.last or rows.keys[-1]) + b"\0")
                failed_at, wait, tries = None, _FIRST_WAIT, 0
            return
        except _LOST as error:
            tries += 1
            _raise_if_lasting(settings, scan, error, tries)
            now = time.monotonic()
            failed_at = failed_at or now
            if now + wait - failed_at > patience_seconds:
                if isinstance(error, MachineError):
                    raise
                raise hbase_client.no_answer(settings, error) from error
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _raise_if_lasting(settings: HBaseSettings, scan: Scan, error: BaseException, tries: int) -> None:
    """Raises what no other try will mend.

    Of a filter that it cannot read the server says no more than that something is wrong; so may one that is starting.
    """
    said = str(error) if isinstance(error, ServerRefused | MachineError) else hbase_client.said(error)
    for pattern, words in _LASTING:
        if match := pattern.search(said):
            reason = match.expand(words)
            break
    else:
        if scan.filter is None or tries < _FILTER_TRIES or not _UNREAD_FILTER.search(said):
            return
        reason = f"it cannot read the filter {scan.filter.decode(errors='backslashreplace')}"
    raise ContractError(
        f'{settings}: refuses the scan of table "{scan.table}": {reason}. '
        "Mend `cells` in sources.yml, or the option `columns` or `filter`."
    ) from error


def fetch(settings: HBaseSettings, scan: Scan, *, line: Line) -> Generator[Rows, None, None]:
    """Yields the rows of a scan in batches, until it ends or fails.

    Raises:
        MachineError: nothing answers.
        ServerRefused, OSError, thriftpy2's TException: the scan, the connection or the server is lost.
    """
    connection = line.connection or hbase_client.connect(settings)
    line.connection = None  # given back when all has gone well
    try:
        scanner = open_scanner(connection, scan)
        if speaks_plainly(settings):
            yield from _fetch_ahead(connection, scanner, scan.batch_rows, line)
        else:
            yield from _fetch_plainly(connection, scanner, scan.batch_rows)
        connection.client.scannerClose(scanner)
        line.connection = connection
    finally:
        if line.connection is None:
            with suppress(*hbase_client.CONNECTION_ERRORS):
                connection.close()


def open_scanner(connection: happybase.Connection, scan: Scan) -> int:
    """Returns the id of a new scanner."""
    thrift: Any = happybase.table.TScan(
        startRow=scan.start,
        stopRow=scan.stop,
        timestamp=scan.until_ms,
        columns=list(scan.columns) or None,
        caching=scan.batch_rows,
        filterString=scan.filter,
    )
    return int(connection.client.scannerOpenWithScan(connection.table(scan.table).name, thrift, {}))


def _fetch_ahead(connection: happybase.Connection, scanner: int, most: int, line: Line) -> Iterator[Rows]:
    """Reads replies while the requests for the next ones are on their way already."""
    connected = connection.transport.sock
    reader = RowReader(connected)
    connected.sendall(get_list_call(scanner, line.rows_of_reply(most)) * _AHEAD)
    while rows := reader.read():
        line.rows += len(rows)
        line.received += reader.received
        reader.received = 0
        connected.sendall(get_list_call(scanner, line.rows_of_reply(most)))
        yield rows
    for _ in range(_AHEAD - 1):
        reader.read()


def _fetch_plainly(connection: happybase.Connection, scanner: int, batch_rows: int) -> Iterator[Rows]:
    while found := connection.client.scannerGetList(scanner, batch_rows):
        yield Rows.of_thrift(found)
