"""`spark.read.format("json_records")`: files of JSON records as a Spark data source, decoded by a contract."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from ingest.contract import Contract
from ingest.decode import Decoder, Records
from ingest.split import Layout, Part, Record, read_records

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_BATCH_RECORDS = 1_000  # more at once is no faster: their objects leave the processor's cache
_BATCH_BYTES = 8 << 20


class JsonRecords(DataSource):
    """Options: `contract` (`Contract.to_json`) and `parts` (`write_parts`). Schema: `Contract.decoded_schema`."""

    @classmethod
    def name(cls) -> str:
        return "json_records"

    def schema(self) -> StructType:
        return Contract.from_json(self.options["contract"]).decoded_schema()

    def reader(self, schema: StructType) -> DataSourceReader:
        return JsonRecordsReader(Contract.from_json(self.options["contract"]), read_parts(self.options["parts"]))


@dataclass
class _PartPartition(InputPartition):
    part: Part


class JsonRecordsReader(DataSourceReader):
    """Reads each part in one task, in bounded batches."""

    def __init__(self, contract: Contract, parts: Sequence[Part]) -> None:
        self._contract = contract
        self._parts = parts

    def partitions(self) -> list[InputPartition]:
        return [_PartPartition(part) for part in self._parts]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, _PartPartition)
        decoder = Decoder(self._contract)
        file = partition.part.path.name
        gc.disable()  # records hold no cycles, and looking for some in them takes half of the time
        try:
            for records in _batches(read_records(partition.part)):
                yield decoder.decode(_as_records(file, records))
        finally:
            gc.enable()


def read_json(spark: SparkSession, contract: Contract, parts: Sequence[Part]) -> DataFrame:
    """Returns the records of the parts, decoded by the contract; nothing is read yet."""
    spark.dataSource.register(JsonRecords)
    options = {"contract": contract.to_json(), "parts": write_parts(parts)}
    return spark.read.format(JsonRecords.name()).options(**options).load()


def write_parts(parts: Sequence[Part]) -> str:
    """Returns parts as text, for an option of the data source."""
    return json.dumps(
        [
            [str(part.path.resolve()), part.layout, part.start, part.end, part.is_last, part.first_field]
            for part in parts
        ]
    )


def read_parts(text: str) -> list[Part]:
    """Returns the parts that `write_parts` wrote."""
    return [
        Part(Path(path), Layout(layout), start, end, is_last, first_field)
        for path, layout, start, end, is_last, first_field in json.loads(text)
    ]


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    held = 0
    for record in records:
        batch.append(record)
        held += len(record.raw)
        if len(batch) == _BATCH_RECORDS or held > _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _as_records(file: str, records: list[Record]) -> Records:
    return Records(
        file=file,
        positions=[record.position for record in records],
        documents=[record.document for record in records],
        problems={index: record.problem for index, record in enumerate(records) if record.problem is not None},
        payload=lambda index: records[index].raw.decode(errors="replace"),
    )
