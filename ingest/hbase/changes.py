"""Rows that have a cell written since a moment: found by Thrift2, which can ask for that, and read whole by Thrift1."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

import happybase
import thriftpy2

from ingest.hbase.ranges import KEYS_ONLY
from ingest.hbase.scan import Scan, resumed
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
    connection = hbase_client.connect(settings)
    finder: Any = None
    try:
        finder = hbase_client.connect_thrift2(settings, thrift.THBaseService)
        table = connection.table(scan.table)
        columns = scan.columns or tuple(sorted(table.families()))
        scanner = finder.openScanner(
            table.name,
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
            keys = [each.row for each in found]
            rows = _rows_of(settings, connection, table, keys, columns, until_ms)
            yield Rows(rows.keys, rows.cells, keys[-1])
        with suppress(*hbase_client.CONNECTION_ERRORS):
            finder.closeScanner(scanner)
    finally:
        for each in (connection, finder):
            with suppress(*hbase_client.CONNECTION_ERRORS):
                if each is not None:
                    each.close()


def _rows_of(
    settings: HBaseSettings,
    connection: happybase.Connection,
    table: happybase.Table,
    keys: Sequence[bytes],
    columns: Sequence[bytes],
    until_ms: int,
) -> Rows:
    if speaks_plainly(settings):
        connection.transport.sock.sendall(get_rows_call(table.name, keys, columns, until_ms))
        return RowReader(connection.transport.sock).read()
    found = connection.client.getRowsWithColumnsTs(table.name, keys, list(columns), until_ms, {})
    return Rows.of_thrift(found)


def _thrift_column(thrift: Any, column: bytes) -> Any:
    family, _, qualifier = column.partition(b":")
    return thrift.TColumn(family=family, qualifier=qualifier or None)


@cache
def _interface() -> Any:
    return thriftpy2.load_fp(io.StringIO(_INTERFACE), "sluice_hbase2_thrift")
