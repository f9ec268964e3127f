"""`spark.read.format("hbase")`: an HBase table as a Spark data source."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from ingest.contract import REASON
from ingest.hbase.changes import changed_rows
from ingest.hbase.decode import CellDecoder
from ingest.hbase.layout import layout_of
from ingest.hbase.options import ReadOptions
from ingest.hbase.pushdown import Pushed, pushed
from ingest.hbase.ranges import KeyRange, balanced_shares
from ingest.hbase.scan import Line, scan_rows
from ingest.hbase.wire import Rows
from runner.errors import ContractError
from stores import hbase_client

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.datasource import Filter


class HBaseDataSource(DataSource):
    """Reads a table in ranges of row keys.

    Options:
        connection: `stores.settings.to_option`; or `host` and `port`.
        table: the table; the contract's own by default.
        contract: `Contract.to_json`: each row is one of `Contract.decoded_schema`, whether it fits or not.
            Without it the schema is the one given by `.schema(…)`, and a row that does not fit is an error.
        cells: without a contract, a JSON object from column to its place (`meta:user_id`, `geo:*`, `events:#`,
            `:key[0]`), to a list of places, or to `{"cells": …, "codec": "long"}`.
        partitions: into how many ranges of about equal size the reading is cut; 4 by default.
        batch_size: the most rows of a reply; 2000 by default.
        row_start, row_stop, row_prefix: bounds of row keys.
        filter: a filter in Thrift's language; name the cells it looks at in the schema or in `columns`.
        columns: families and cells to ask for, separated by commas; with a contract all, else those of the schema. A
            row that has none of them is not seen, as in any scan of HBase.
        until_ms: only cells written before it (milliseconds); reading begins when it is `settle_ms` (300) past.
        since_ms: only rows that have a cell written from then on, whole; wants Thrift2.
        pushdown: `true` hands the query's filters to the server; wants spark.sql.python.filterPushdown.enabled.
    """

    @classmethod
    def name(cls) -> str:
        return "hbase"

    def schema(self) -> StructType:
        return ReadOptions.of(self.options, None).contract.decoded_schema()

    def reader(self, schema: StructType) -> DataSourceReader:
        options = ReadOptions.of(self.options, schema)
        return PushingHBaseReader(options) if options.pushes else HBaseReader(options)


@dataclass
class SharePartition(InputPartition):
    """Ranges of row keys, read one after the other."""

    ranges: list[KeyRange]


class HBaseReader(DataSourceReader):
    """Plans the ranges; reads each in one task, over one connection."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options

    def partitions(self) -> list[InputPartition]:
        options = self._options
        settle(options.scan.until_ms, options.settle_ms)
        with hbase_client.connected(options.settings) as connection:
            hbase_client.table(connection, options.scan.table)
            shares = balanced_shares(connection, options.scan.table, options.within, options.partitions)
        return [SharePartition(each) for each in shares]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, SharePartition)
        decoder = CellDecoder(self._options.contract)
        line = Line()
        gc.disable()  # nothing here holds cycles
        try:
            for within in partition.ranges:
                for rows in self._rows(within, line):
                    batch = decoder.decode(rows)
                    yield batch if self._options.is_landing else self._fitting(batch)
        finally:
            gc.enable()
            line.close()

    def _rows(self, within: KeyRange, line: Line) -> Iterator[Rows]:
        options = self._options
        scan = replace(options.scan, start=within.start, stop=within.stop)
        if options.since_ms is None:
            return scan_rows(options.settings, scan, line=line)
        assert scan.until_ms is not None
        return changed_rows(options.settings, scan, options.since_ms, scan.until_ms)

    def _fitting(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the schema's columns.

        Raises:
            ContractError: a row does not fit the schema.
        """
        reasons = batch.column(REASON)
        if reasons.null_count < len(reasons):
            raise ContractError(
                f"{self._options.place}: a row does not fit the schema: {reasons.drop_null()[0].as_py()}. "
                "Give the column another type or codec, or leave it out."
            )
        return batch.select([column.name for column in self._options.contract.columns])


class PushingHBaseReader(HBaseReader):
    """A reader that hands to the server what of a query's filters it does as Spark does."""

    def pushFilters(self, filters: list[Filter]) -> Iterator[Filter]:
        options = self._options
        by_cell = options.since_ms is None and not options.columns_given
        found: Pushed = pushed(filters, layout_of(options.contract), by_cell=by_cell)
        texts = [each for each in (options.scan.filter, *found.filters) if each is not None]
        joined = b" AND ".join(b"(%b)" % each for each in texts) if texts else None
        self._options = replace(
            options,
            scan=replace(options.scan, filter=joined),
            within=options.within.meets(found.within) or KeyRange(b"\0", b"\0"),
        )
        yield from found.left


def settle(until_ms: int | None, settle_ms: int) -> None:
    """Waits until a bound of write times lies so far in the past that writes before it have ended."""
    if until_ms is not None:
        time.sleep(max(0.0, (until_ms + settle_ms) / 1000 - time.time()))
