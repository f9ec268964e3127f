"""The landing contract: what a landed table's columns are called, of which types, and what identifies a row."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ingest.typewords import UnreadableType, Written, parse_type
from runner.errors import FormatError, did_you_mean
from runner.names import TableRef

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructField, StructType

RESCUED = "_rescued"
SNAPSHOT_ID = "_snapshot_id"
LANDED_AT = "_landed_at"

# What the quarantine holds of a record; null in a record that fits.
REASON = "_reason"
PROBLEM = "_problem"
PAYLOAD = "_payload"
KEY = "_key"
FILE = "_file"
POSITION = "_position"
# How many records the reader cut, on the first row of each batch and 0 on the others: its sum is the count read.
COUNTED = "_counted"

QUARANTINE = {
    KEY: "string",
    REASON: "string",
    PROBLEM: "string",
    PAYLOAD: "string",
    FILE: "string",
    POSITION: "bigint",
}  # its columns and their types
RESERVED = {RESCUED, SNAPSHOT_ID, LANDED_AT, COUNTED, *QUARANTINE}
_READING = "1"  # counts up when the same file and contract land otherwise than before


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a landed table.

    Attributes:
        name: the column's name and the record's field.
        data_type: its Spark DDL type, such as `decimal(12,2)` or `map<string,struct<quantity:int>>`.
        aliases: other exports' names for the same field, tried in this order where `name` is absent or null.
        cells: where the value is in an HBase row, tried in this order where the one before is absent or empty: a cell
            (`meta:user_id`), a family as a struct or map (`geo:*`), its numbered cells as an array (`events:#`), the row
            key (`:key`) or a part of it between `#` (`:key[0]`, `:key[-1]`).
        codec: how an HBase cell's bytes hold it: `text` (default of simple types), `json` (default of nested ones), or
            `long`, `int`, `short`, `float`, `double`, `boolean` as HBase's `Bytes` writes them, big-endian; a timestamp as
            `long` counts milliseconds.
    """

    name: str
    data_type: str
    aliases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    codec: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a source promises of one table, as `sources.yml` has it.

    Attributes:
        stored_as: the collection's or table's name in the store; the table's own where None.
        ignored: HBase cells that hold nothing but what follows from others, so that they are not rescued.

    Raises:
        FormatError: a type that cannot be read, a key that is no column, a name that occurs twice or is ours.
    """

    source: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    stored_as: str | None = None
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        place = f'sources.yml: table "{self}"'
        if not self.columns:
            raise FormatError(f"{place} has no columns. List them under `columns`, each with its `data_type`.")
        names = [column.name for column in self.columns]
        spoken = Counter(name for column in self.columns for name in (column.name, *column.aliases))
        for name, times in spoken.items():
            if times > 1:
                raise FormatError(f'{place}: "{name}" names {times} columns or aliases. Keep one of them.')
            if name in RESERVED:
                raise FormatError(f'{place}: the column "{name}" is one that landing adds itself. Rename it.')
        for name in self.key:
            if name not in names:
                raise FormatError(f'{place}: the key "{name}" is no column.{did_you_mean(name, names)}')
        for column in self.columns:
            _check_type(column, place)

    def __str__(self) -> str:
        return f"{self.source}.{self.table}"

    @property
    def name_in_store(self) -> str:
        """The collection or table that holds the records."""
        return self.stored_as or self.table

    @property
    def ref(self) -> TableRef:
        """The landed table."""
        return TableRef(self.source, self.table)

    @property
    def quarantine(self) -> TableRef:
        """The table of the records that do not fit, beside the landed one."""
        return self.ref.with_suffix("__quarantine")

    def types(self) -> dict[str, DataType]:
        """Returns the columns' types by name, in order."""
        from ingest.datatypes import read_type

        return {column.name: read_type(column.data_type) for column in self.columns}

    def schema(self) -> StructType:
        """Returns the contract's own columns."""
        from pyspark.sql.types import StructField, StructType

        return StructType([StructField(name, data_type) for name, data_type in self.types().items()])

    def decoded_schema(self) -> StructType:
        """Returns the schema of a decoded frame: the contract's columns, what was rescued, and each record's fate."""
        from pyspark.sql.types import LongType, StringType, StructField, StructType

        return StructType(
            [
                *self.schema().fields,
                StructField(RESCUED, StringType()),
                *quarantine_fields(),
                StructField(COUNTED, LongType()),
            ]
        )

    def paths(self) -> tuple[str, ...]:
        """Returns every path that the contract names, outer before inner, such as `cart_contents.*.quantity`."""
        return tuple(
            path
            for column in self.columns
            for path in (column.name, *_inner_paths(column.name, parse_type(column.data_type)))
        )

    def digest(self) -> str:
        """Returns a fingerprint of all that decides what a record lands as."""
        return hashlib.sha256(f"{_READING}:{self.to_json()}".encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Returns the contract as text, for the options of a data source."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """Returns the contract that `to_json` wrote."""
        said = json.loads(text)
        columns = tuple(
            Column(**{**each, "aliases": tuple(each["aliases"]), "cells": tuple(each["cells"])})
            for each in said["columns"]
        )
        return cls(**{**said, "columns": columns, "key": tuple(said["key"]), "ignored": tuple(said["ignored"])})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records went to quarantine.

    Attributes:
        problem: what is wrong, without the value, such as `duration_seconds is no int`.
        count: how many records it is the first problem of.
        example: one record's whole reason.
        file, position: where that record is.
    """

    problem: str
    count: int
    example: str
    file: str | None
    position: int | None


def quarantine_fields() -> tuple[StructField, ...]:
    """Returns the columns of `QUARANTINE` as Spark's."""
    from pyspark.sql.types import StructField

    from ingest.datatypes import read_type

    return tuple(StructField(name, read_type(words)) for name, words in QUARANTINE.items())


def _check_type(column: Column, place: str) -> None:
    try:
        parse_type(column.data_type)
    except UnreadableType as error:
        raise FormatError(f'{place}: column "{column.name}": data_type {error}') from error


def _inner_paths(path: str, written: Written) -> Iterator[str]:
    step = {"array": "[]", "map": ".*"}.get(written.kind)
    if step:
        yield from _inner_paths(path + step, written.inner[0])
    for name, inner in zip(written.names, written.inner if written.names else (), strict=True):
        yield f"{path}.{name}"
        yield from _inner_paths(f"{path}.{name}", inner)
