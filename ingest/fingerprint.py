"""Rows as 64-bit hashes, and tables as digests of them that heed neither order nor partitioning.

Spark's `xxhash64` passes over nulls and refuses maps: alone it takes `("x", null)` for `(null, "x")`, `[]` for null and
`[null]` for `[]`. So every value is hashed together with whether it is there, arrays with their length, and maps by
their entries in the order of the entries' hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from ingest.contract import KEY, PAYLOAD, REASON, RESCUED, Contract

ROW_HASH = "_row_hash"

_ROWS, _LOW, _HIGH, _MIXED = "_digest_rows", "_digest_low", "_digest_high", "_digest_mixed"
_BITS = 64
_HALF = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Digest:
    """What stands for a set of rows: equal for equal rows in whatever order, doubled ones counted.

    Attributes:
        total: the sum of the rows' hashes, modulo 2**64.
        mixed: their exclusive or.
    """

    rows: int = 0
    total: int = 0
    mixed: int = 0

    def __str__(self) -> str:
        return f"{self.rows}-{self.total:016x}-{self.mixed:016x}"

    def __add__(self, other: Digest) -> Digest:
        """Returns the digest of both sets of rows together."""
        return Digest(self.rows + other.rows, (self.total + other.total) % 2**_BITS, self.mixed ^ other.mixed)


def value_hash(value: Column, data_type: DataType) -> Column:
    """Returns a 64-bit hash of a value of the type, that tells null, missing parts and emptiness apart."""
    return sf.xxhash64(*_parts(value, data_type))


def row_hash(contract: Contract) -> Column:
    """Returns the hash of a landed row: the contract's columns and what was rescued."""
    parts = [part for name, data_type in contract.types().items() for part in _parts(sf.col(f"`{name}`"), data_type)]
    return sf.xxhash64(*parts, *_there(sf.col(RESCUED)))


def quarantined_hash() -> Column:
    """Returns the hash of a record in quarantine: its key, reason and payload; where it was read is left out."""
    return sf.xxhash64(*(part for name in (KEY, REASON, PAYLOAD) for part in _there(sf.col(name))))


def record_hash(contract: Contract) -> Column:
    """Returns the hash of a decoded record (`Contract.decoded_schema`), whether it fits or goes to quarantine."""
    return sf.when(sf.col(REASON).isNull(), row_hash(contract)).otherwise(quarantined_hash())


def digest_columns(hashed: str = ROW_HASH) -> list[Column]:
    """Returns the aggregates of a digest over a column of row hashes, for `agg`, `observe` or a group each.

    None is a distinct aggregate, and none can overflow under ANSI below 2**31 rows. Give them the hash as a column of
    its own, so that it is computed once:
    `frame.withColumn(ROW_HASH, record_hash(contract)).observe(seen, *digest_columns()).drop(ROW_HASH)`.
    """
    value = sf.col(hashed)
    return [
        sf.count(value).alias(_ROWS),
        sf.sum(value.bitwiseAND(sf.lit(_HALF))).alias(_LOW),
        sf.sum(sf.shiftrightunsigned(value, 32)).alias(_HIGH),
        sf.bit_xor(value).alias(_MIXED),
    ]


def read_digest(found: Mapping[str, Any]) -> Digest:
    """Returns the digest that the values of `digest_columns` make."""
    total = (int(found[_LOW] or 0) + (int(found[_HIGH] or 0) << 32)) % 2**_BITS
    return Digest(int(found[_ROWS] or 0), total, int(found[_MIXED] or 0) % 2**_BITS)


def content_digest(frame: DataFrame, contract: Contract) -> Digest:
    """Returns the digest of decoded records, of a landed table, or of a quarantine: which one its columns tell.

    That of the decoded records is the sum of the other two.
    """
    columns = set(frame.columns)
    if REASON not in columns:
        hashed = row_hash(contract)
    else:
        hashed = record_hash(contract) if columns.issuperset(contract.types()) else quarantined_hash()
    return read_digest(frame.select(hashed.alias(ROW_HASH)).agg(*digest_columns()).collect()[0].asDict())


def _parts(value: Column, data_type: DataType) -> Sequence[Column]:
    if isinstance(data_type, StructType):
        inner = [part for each in data_type for part in _parts(value.getField(each.name), each.dataType)]
        return [value.isNull(), *inner]
    if isinstance(data_type, ArrayType):
        return [_length(value), sf.transform(value, lambda each: value_hash(each, data_type.elementType))]
    if isinstance(data_type, MapType):
        entries = sf.transform(
            sf.map_entries(value),
            lambda entry: sf.xxhash64(entry.getField("key"), *_parts(entry.getField("value"), data_type.valueType)),
        )
        return [_length(value), sf.array_sort(entries)]
    return _there(value)


def _there(value: Column) -> list[Column]:
    return [value.isNull(), value]


def _length(value: Column) -> Column:
    return sf.coalesce(sf.size(value), sf.lit(-1))
