"""A scan that goes on after the last row it delivered when its scanner, connection or server is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
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


def scan_rows(settings: HBaseSettings, scan: Scan, *, patience_seconds: float = _PATIENCE) -> Iterator[Rows]:
    """Yields the rows of a scan in batches, each row once.

    Where the scanner has expired, or connection or server are lost, it is opened again just after the last row that
    was delivered. It gives up when no row came for `patience_seconds`.

    Raises:
        MachineError: the server does not come back.
        ContractError: the server refuses the scan: an unknown family, a filter that it cannot read.
    """
    yield from resumed(settings, scan, _fetch, patience_seconds=patience_seconds)


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


def _fetch(settings: HBaseSettings, scan: Scan) -> Iterator[Rows]:
    connection = hbase_client.connect(settings)
    try:
        scanner = open_scanner(connection, scan)
        if speaks_plainly(settings):
            yield from _fetch_ahead(connection, scanner, scan.batch_rows)
        else:
            yield from _fetch_plainly(connection, scanner, scan.batch_rows)
        with suppress(*hbase_client.CONNECTION_ERRORS):
            connection.client.scannerClose(scanner)
    finally:
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


def _fetch_ahead(connection: happybase.Connection, scanner: int, batch_rows: int) -> Iterator[Rows]:
    """Reads replies while the requests for the next ones are on their way already."""
    connected = connection.transport.sock
    reader = RowReader(connected)
    size = min(batch_rows, _FIRST_ROWS)
    connected.sendall(get_list_call(scanner, size) * _AHEAD)
    seen = 0
    while rows := reader.read():
        seen += len(rows)
        size = max(1, min(batch_rows, _REPLY_BYTES * seen // reader.received))
        connected.sendall(get_list_call(scanner, size))
        yield rows
    for _ in range(_AHEAD - 1):
        reader.read()


def _fetch_plainly(connection: happybase.Connection, scanner: int, batch_rows: int) -> Iterator[Rows]:
    while found := connection.client.scannerGetList(scanner, batch_rows):
        yield Rows.of_thrift(found)
