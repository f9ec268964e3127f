"""HBase as a store that can be landed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.contract import REASON, Contract
from ingest.hbase.data_source import HBaseDataSource, settle
from ingest.hbase.layout import Layout, layout_of
from ingest.hbase.options import SETTLE_MS
from ingest.hbase.ranges import KEYS_ONLY, KeyRange, balanced_shares
from ingest.hbase.scan import Line, Scan, scan_rows
from ingest.store_source import StoreCut
from stores import hbase_client
from stores.hbase_cells import to_millis
from stores.settings import HBaseSettings, to_option

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_COUNTERS = 2
_COUNTED_ROWS = 5000  # of a reply


class HBaseSource:
    """Reads tables as of one moment of write time: cells written from it on are left out by their timestamp.

    What that means:

    - The moment is taken from this machine's clock: Thrift offers no way to ask for the server's. Where the clocks
      differ by more than the settling time, a write may fall on the wrong side of the cut, the same for all its cells.
    - A row overwritten after the cut shows its older version, as long as the family keeps more than one; where it keeps
      one, its overwritten cells are missing. A row deleted after the cut is missing, since HBase hides it from older
      reads, too.
    - Timestamps that writers give themselves are believed.
    """

    def __init__(self, settings: HBaseSettings, *, settle_ms: int = SETTLE_MS) -> None:
        self._settings = settings
        self._settle_ms = settle_ms

    def cut(self, taken_at: datetime, tables: Sequence[str] = ()) -> StoreCut:
        """Returns the moment up to which cells must be written to be read: `taken_at`, or now where that is later.

        HBase counts milliseconds: that of the moment itself is read, so that what was written just before it is not lost.
        """
        with hbase_client.connected(self._settings) as connection:
            last = min(to_millis(taken_at), time.time_ns() // 1_000_000)
            single = _of_one_version(connection, tables)
        note = ""
        if single:
            note = (
                f"these tables have families that keep one version of a cell: {', '.join(single)}. What is overwritten "
                "while they are read is missing; let them keep 3."
            )
        return StoreCut(taken_at=datetime.fromtimestamp(last / 1000, UTC), kind="write_time", at=last + 1, note=note)

    def count(self, contract: Contract, cut: StoreCut) -> int:
        """Returns how many rows the table has as of the cut. Thrift cannot count: the keys are read, in two shares."""
        settle(cut.at, self._settle_ms)
        table = contract.name_in_store
        with hbase_client.connected(self._settings) as connection:
            hbase_client.table(connection, table)
            shares = balanced_shares(connection, table, KeyRange(), _COUNTERS)
        scan = Scan(table=table, filter=KEYS_ONLY, until_ms=cut.at, batch_rows=_COUNTED_ROWS)

        def counted(share: list[KeyRange]) -> int:
            scans = (replace(scan, start=within.start, stop=within.stop) for within in share)
            with closing(Line()) as line:
                return sum(len(rows) for each in scans for rows in scan_rows(self._settings, each, line=line))

        with ThreadPoolExecutor(len(shares)) as threads:
            return sum(threads.map(counted, shares))

    def read(
        self, spark: SparkSession, contract: Contract, cut: StoreCut, *, partitions: int, since: Any = None
    ) -> DataFrame:
        """Returns the rows, decoded by the contract; nothing is read yet.

        Args:
            since: milliseconds; only rows with a cell written from then on and before the cut, whole. Wants Thrift2.
        """
        if since is not None:
            hbase_client.require_thrift2(self._settings)
        return self._frame(spark, contract, cut, partitions, {} if since is None else {"since_ms": str(since)})

    def keys(self, spark: SparkSession, contract: Contract, cut: StoreCut, *, partitions: int) -> DataFrame:
        """Returns the keys of all rows that have one: from the row keys alone, or from as few cells as hold them."""
        columns = tuple(each for each in contract.columns if each.name in contract.key)
        of_key = replace(contract, columns=columns)
        found = key_filter(layout_of(of_key))
        options = {} if found is None else {"filter": found.decode()}
        frame = self._frame(spark, of_key, cut, partitions, options)
        return frame.where(f"{REASON} is null").select(*(f"`{name}`" for name in contract.key))

    def _frame(
        self, spark: SparkSession, contract: Contract, cut: StoreCut, partitions: int, options: dict[str, str]
    ) -> DataFrame:
        layout_of(contract)
        with hbase_client.connected(self._settings) as connection:
            hbase_client.table(connection, contract.name_in_store)
        spark.dataSource.register(HBaseDataSource)
        return (
            spark.read.format(HBaseDataSource.name())
            .options(
                connection=to_option(self._settings),
                contract=contract.to_json(),
                partitions=str(partitions),
                until_ms=str(cut.at),
                settle_ms=str(self._settle_ms),
                **options,
            )
            .load()
        )


def key_filter(layout: Layout) -> bytes | None:
    """Returns the filter that leaves of each row the cells that hold its key, and one more; None where none does.

    No row is left out by it: one that lacks those cells still has its first.
    """
    if layout.of_key_only():
        return KEYS_ONLY
    if layout.numbered or layout.maps:
        return None
    wanted = [
        b"(FamilyFilter(=,'binary:%b') AND QualifierFilter(=,'binary:%b'))" % (family, qualifier)
        for family, _, qualifier in (cell.partition(b":") for cell in sorted(layout.cells))
    ]
    return b" OR ".join((b"FirstKeyOnlyFilter()", *wanted))


def _of_one_version(connection: Any, tables: Sequence[str]) -> list[str]:
    """Returns which of the tables that exist have a family that keeps one version of a cell."""
    known = {each.decode(errors="replace") for each in connection.tables()}
    return [
        name
        for name in tables
        if name in known and any(each["max_versions"] == 1 for each in connection.table(name).families().values())
    ]
