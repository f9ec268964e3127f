"""Rows that have a cell written since a moment: found by Thrift2, which can ask for that, and read whole by Thrift1."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import happybase
import thriftpy2

from ingest.hbase.ranges import KEYS_ONLY
from ingest.hbase.scan import Line, Scan, fetch, resumed
from ingest.hbase.wire import RowReader, Rows, get_rows_call, speaks_plainly
from stores import hbase_client
from stores.settings import HBaseSettings

# What is needed of HBase's Thrift2 interface.
_INTERFACE = """
struct TTimeRange { 1: required i64 minStamp, 2: required i64 maxStamp }
struct TColumn { 1: required binary family, 2: optional binary qualifier, 3: optional i64 timestamp }
struct TColumnValue {
  1: required binary family, 2: required binary qualifier, 3: required binary value, 4: optional i64 timestamp,
  5: optional binary tags, 6: optional byte type
}
struct TResult {
  1: optional binary row, 2: required list<TColumnValue> columnValues, 3: optional bool stale, 4: optional bool partial
}
struct TScan {
  1: optional binary startRow, 2: optional binary stopRow, 3: optional list<TColumn> columns, 4: optional i32 caching,
  5: optional i32 maxVersions, 6: optional TTimeRange timeRange, 7: optional binary filterString
}
exception TIOError { 1: optional string message, 2: optional bool canRetry }
exception TIllegalArgument { 1: optional string message }
service THBaseService {
  i32 openScanner(1: required binary table, 2: required TScan tscan) throws (1: TIOError io)
  list<TResult> getScannerRows(1: required i32 scannerId, 2: i32 numRows)
    throws (1: TIOError io, 2: TIllegalArgument ia)
  void closeScanner(1: required i32 scannerId) throws (1: TIOError io, 2: TIllegalArgument ia)
}
"""
_MOST_KEYS = 500  # rows asked for by key in one message
_OTHERS, _PATIENCE = 20, 50  # rows that a scan may meet for each one wanted, and how many it is given in advance


def changed_rows(settings: HBaseSettings, scan: Scan, since_ms: int, until_ms: int) -> Iterator[Rows]:
    """Yields whole rows, as of `until_ms`, of which some cell was written in [since_ms, until_ms), each once.

    What was deleted since is not seen: a deletion is no cell.

    Raises:
        MachineError: the settings name no Thrift2, or a server does not come back.
        ContractError: the server refuses the scan.
    """
    yield from resumed(settings, scan, partial(_fetch, since_ms=since_ms, until_ms=until_ms))


def _fetch(settings: HBaseSettings, scan: Scan, *, since_ms: int, until_ms: int) -> Iterator[Rows]:
    thrift = _interface()
    finder: Any = None
    gatherer = _Gatherer(settings, replace(scan, until_ms=until_ms, batch_rows=_MOST_KEYS))
    try:
        finder = hbase_client.connect_thrift2(settings, thrift.THBaseService)
        scanner = finder.openScanner(
            gatherer.table_name(),
            thrift.TScan(
                startRow=scan.start,
                stopRow=scan.stop,
                columns=[_thrift_column(thrift, column) for column in scan.columns] or None,
                caching=_MOST_KEYS,
                timeRange=thrift.TTimeRange(minStamp=since_ms, maxStamp=until_ms),
                filterString=KEYS_ONLY,
            ),
        )
        while found := finder.getScannerRows(scanner, _MOST_KEYS):
            yield gatherer.rows([each.row for each in found])
        finder.closeScanner(scanner)
    finally:
        gatherer.close()
        if finder is not None:
            with suppress(*hbase_client.CONNECTION_ERRORS):
                finder.close()


class _Gatherer:
    """Gets whole rows by their keys, by a scan across them where they lie close together, else one by one.

    A row costs the server 20 times as much by its key as in a scan.
    """

    def __init__(self, settings: HBaseSettings, scan: Scan) -> None:
        self._settings = settings
        self._scan = scan
        self._line = Line()
        self._is_dense = True
        self._families: tuple[bytes, ...] = ()

    def close(self) -> None:
        self._line.close()

    def table_name(self) -> bytes:
        """Returns the table's whole name."""
        return bytes(self._connection().table(self._scan.table).name)

    def rows(self, keys: list[bytes]) -> Rows:
        """Returns the rows of the keys, which are in order, as far as they still are."""
        found = Rows([], [], keys[-1])
        left = self._scanned(keys, found) if self._is_dense else keys
        if left:
            rest = self._by_key(left)
            found.keys.extend(rest.keys)
            found.cells.extend(rest.cells)
        return found

    def _scanned(self, keys: list[bytes], found: Rows) -> list[bytes]:
        """Adds rows by a scan until it meets too many others; returns the keys that it did not come to."""
        wanted = frozenset(keys)
        seen = 0
        scan = replace(self._scan, start=keys[0], stop=keys[-1] + b"\0")
        with closing(fetch(self._settings, scan, line=self._line)) as batches:
            for rows in batches:
                seen += len(rows)
                for key, cells in zip(rows.keys, rows.cells, strict=True):
                    if key in wanted:
                        found.keys.append(key)
                        found.cells.append(cells)
                if seen > _OTHERS * (len(found.keys) + _PATIENCE):
                    self._is_dense = False
                    return [key for key in keys if key > rows.keys[-1]]
        return []

    def _by_key(self, keys: Sequence[bytes]) -> Rows:
        connection, until = self._connection(), self._scan.until_ms
        assert until is not None
        table = connection.table(self._scan.table)
        columns = self._scan.columns or self._families or tuple(sorted(table.families()))
        self._families = columns
        if speaks_plainly(self._settings):
            connection.transport.sock.sendall(get_rows_call(table.name, keys, columns, until))
            return RowReader(connection.transport.sock).read()
        return Rows.of_thrift(connection.client.getRowsWithColumnsTs(table.name, keys, list(columns), until, {}))

    def _connection(self) -> happybase.Connection:
        if self._line.connection is None:
            self._line.connection = hbase_client.connect(self._settings)
        return self._line.connection


def _thrift_column(thrift: Any, column: bytes) -> Any:
    family, _, qualifier = column.partition(b":")
    return thrift.TColumn(family=family, qualifier=qualifier or None)


@cache
def _interface() -> Any:
    return thriftpy2.load_fp(io.StringIO(_INTERFACE), "sluice_hbase2_scan_thrift")
