"""`spark.read.format("mongodb")`: a MongoDB collection as a Spark data source."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from ingest.contract import REASON
from ingest.mongodb.batches import BatchDecoder
from ingest.mongodb.options import ReadOptions
from ingest.mongodb.pushdown import Pushed, pushed
from ingest.mongodb.ranges import both, id_ranges
from ingest.mongodb.reading import Reading, replies
from runner.errors import ContractError
from stores.mongo_client import Document, connect

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.datasource import Filter

_MOST_REMEMBERED = 1_000_000  # documents of a range whose ids a worker keeps: about 100 MB


class MongoDataSource(DataSource):
    """Reads a collection in `_id` ranges.

    Options:
        connection: `stores.settings.to_option`; or `uri` (or `uri_env`, the variable that holds it) and `database`.
        collection: the collection; the contract's own by default.
        contract: `Contract.to_json`: each document is a row of `Contract.decoded_schema`, whether it fits or not.
            Without it the schema is the one given by `.schema(…)`, and a document that does not fit is an error.
        columns: with a contract, the only columns to read, beside the key, separated by commas.
        partitions: into how many ranges of about equal size the reading is cut; 4 by default.
        batch_size: documents in a reply; 5000 by default.
        filter: extended JSON, as `find` takes it.
        cluster_time: `[seconds, increment]`: all is read as of then.
        pushdown: `true` hands the query's filters to the server; wants spark.sql.python.filterPushdown.enabled.
    """

    @classmethod
    def name(cls) -> str:
        return "mongodb"

    def schema(self) -> StructType:
        return ReadOptions.of(self.options, None).contract.decoded_schema()

    def reader(self, schema: StructType) -> DataSourceReader:
        options = ReadOptions.of(self.options, schema)
        return PushingMongoReader(options) if options.pushes else MongoReader(options)


@dataclass
class RangePartition(InputPartition):
    """A range of `_id`, as a filter; read in order where it holds too many documents to remember."""

    within: Document
    in_order: bool


class MongoReader(DataSourceReader):
    """Plans the ranges; reads each in one task."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options

    def partitions(self) -> list[InputPartition]:
        reading = self._options.reading
        with closing(connect(reading.settings)) as client:
            collection = client[reading.settings.database][reading.collection]
            ranges = id_ranges(collection, self._options.partitions, reading.where)
            in_order = collection.estimated_document_count() > _MOST_REMEMBERED * len(ranges)
        return [RangePartition(each, in_order) for each in ranges]

    def read(self, partition: InputPartition, **client_options: Any) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, RangePartition)
        reading = self._options.reading
        reading = replace(reading, where=both(reading.where, partition.within), in_order=partition.in_order)
        decoder = BatchDecoder(self._options.contract, reading.place, keeps_unnamed=self._options.is_landing)
        gc.disable()  # nothing here holds cycles
        try:
            for reply in replies(reading, **client_options):
                for batch in decoder.decode(reply):
                    yield batch if self._options.is_landing else self._fitting(batch, reading)
        finally:
            gc.enable()

    def _fitting(self, batch: pa.RecordBatch, reading: Reading) -> pa.RecordBatch:
        """Returns the schema's columns.

        Raises:
            ContractError: a document does not fit the schema.
        """
        reasons = batch.column(REASON)
        if reasons.null_count < len(reasons):
            reason = reasons.drop_null()[0].as_py()
            raise ContractError(
                f"{reading.place}: a document does not fit the schema: {reason}. "
                "Give the field another type, or leave it out."
            )
        return batch.select([column.name for column in self._options.contract.columns])


class PushingMongoReader(MongoReader):
    """A reader that hands to the server what of a query's filters it understands as Spark does."""

    def pushFilters(self, filters: list[Filter]) -> Iterator[Filter]:
        found: Pushed = pushed(filters, self._options.contract)
        reading = self._options.reading
        self._options = replace(self._options, reading=replace(reading, where=both(reading.where, *found.conditions)))
        yield from found.left
