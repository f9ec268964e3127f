"""Raw replies of MongoDB decoded by a contract: what is regular a batch at a time, what is not one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import bson
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.types import StringType

from ingest.contract import COUNTED, QUARANTINE, RESCUED, Contract, quarantine_fields
from ingest.datatypes import arrow_type
from ingest.decode import Decoder
from ingest.mongodb.bson_columns import ColumnReader
from ingest.mongodb.documents import EXACT, records_of, relaxed_json
from ingest.mongodb.rawbson import (
    DATE,
    INT32,
    INT64,
    MISSING,
    NULL,
    OBJECT_ID,
    STRING,
    Fields,
    Ints,
    Kinds,
    Level,
    Mask,
    RawBatch,
)

_ID = b"_id"
_LENGTH = struct.Struct("<i")
_TEXT = ColumnReader.of(StringType())
_COMPARED_BYTES = {INT32: 4, INT64: 8, OBJECT_ID: 12, DATE: 8}  # of which equal values have equal bytes


class BatchDecoder:
    """Decodes replies by one contract; made once per task, and learns the documents' layouts as it goes."""

    def __init__(self, contract: Contract, place: str, *, keeps_unnamed: bool = True) -> None:
        """Takes the contract.

        Args:
            place: the collection, for the quarantine.
            keeps_unnamed: what the contract does not name is rescued; else it is left out.
        """
        self._contract = contract
        self._place = place
        self._exact = Decoder(contract)
        self._names = {
            column.name: [name.encode() for name in (column.name, *column.aliases)] for column in contract.columns
        }
        self._spoken = {name for names in self._names.values() for name in names}
        self._readers = {
            name: ColumnReader.of(data_type, keeps_unnamed=keeps_unnamed)
            for name, data_type in contract.types().items()
        }
        self._level = Level()
        self._keeps_unnamed = keeps_unnamed
        self._repeats = None if len(contract.key) != 1 or _ID in self._names[contract.key[0]] else contract.key[0]

    def decode(self, batch: RawBatch) -> Iterator[pa.RecordBatch]:
        """Yields the documents of a reply in `Contract.decoded_schema`; those that need the exact way come last."""
        if not len(batch):
            return
        fast, good = self._fast(batch)
        if good.all():
            yield self._counted(fast)
            return
        if good.any():
            mask = pa.array(good)
            yield self._counted([column.filter(mask) for column in fast])
        left = np.flatnonzero(~good)
        raws = [batch.document(index) for index in left.tolist()]
        yield self._exact.decode(records_of(raws, self._contract, self._place))

    def _counted(self, columns: list[pa.Array]) -> pa.RecordBatch:
        count = len(columns[0])
        counted = np.zeros(count, np.int64)
        counted[0] = count
        fates = [pa.nulls(count, arrow_type(each.dataType)) for each in quarantine_fields()]
        names = [*self._names, RESCUED, *QUARANTINE, COUNTED]
        return pa.RecordBatch.from_arrays([*columns, *fates, pa.array(counted)], names=names)

    def _fast(self, batch: RawBatch) -> tuple[list[pa.Array], Mask]:
        """Returns the contract's columns and what is rescued, and of which documents they are right."""
        found, good = self._level.walk(batch, batch.starts, batch.ends)
        columns: dict[str, pa.Array] = {}
        key: tuple[Kinds, Ints] | None = None
        for name, names in self._names.items():
            kinds, at = self._filled([found[each] for each in names if each in found], len(batch), good)
            columns[name], fine = self._readers[name].read(batch, kinds, at)
            good &= fine
            if name == self._repeats:
                key = kinds, at
        for name in self._contract.key:
            if columns[name].null_count:
                good &= columns[name].is_valid().to_numpy(zero_copy_only=False)
        if self._keeps_unnamed:
            rescued = self._rescued(batch, found, key, good)
        else:
            rescued = pa.nulls(len(batch), pa.string())
        return [*columns.values(), rescued], good

    def _filled(self, fields: list[Fields], count: int, good: Mask) -> tuple[Kinds, Ints]:
        """Returns the values of a column's name or alias; a document that fills two is not good."""
        if len(fields) == 1:
            return fields[0].kinds, fields[0].at
        kinds, at = np.zeros(count, np.uint8), np.zeros(count, np.int64)
        for each in fields:
            filled = (each.kinds != MISSING) & (each.kinds != NULL)
            good &= ~(filled & (kinds != MISSING))
            kinds[filled] = each.kinds[filled]
            at[filled] = each.at[filled]
        return kinds, at

    def _rescued(
        self, batch: RawBatch, found: Mapping[bytes, Fields], key: tuple[Kinds, Ints] | None, good: Mask
    ) -> pa.Array:
        """Returns what the documents hold beside the contract's columns, as extended JSON."""
        unnamed = {name: fields for name, fields in found.items() if name not in self._spoken}
        holds: dict[bytes, Mask] = {}
        for name, fields in unnamed.items():
            there = fields.kinds != MISSING
            if name == _ID and key is not None:
                there &= ~self._is_repeated(batch, fields, key, good)
            if there.any():
                holds[name] = there
        if not holds:
            return pa.nulls(len(batch), pa.string())
        rows = np.flatnonzero(np.logical_or.reduce(list(holds.values())) & good)
        texts: list[str | None] = [None] * len(batch)
        for row in rows.tolist():
            parts = sorted(
                (int(unnamed[name].at[row]) - unnamed[name].width, int(unnamed[name].ends[row]))
                for name, there in holds.items()
                if there[row]
            )
            body = b"".join(batch.raw[begin:end] for begin, end in parts)
            try:
                document = bson.decode(_LENGTH.pack(len(body) + 5) + body + b"\0", EXACT)
            except Exception:  # the decoder of C raises whatever the bytes provoke; the exact way says what
                good[row] = False
                continue
            texts[row] = relaxed_json(document)
        return pa.array(texts, pa.string())

    def _is_repeated(self, batch: RawBatch, ids: Fields, key: tuple[Kinds, Ints], good: Mask) -> Mask:
        """Returns where an `_id` is the key's own value, of the same BSON type."""
        kinds, at = key
        alike = (ids.kinds == kinds) & (kinds != MISSING)
        repeated: Mask = np.zeros(len(alike), np.bool_)
        for kind in set(kinds[alike].tolist()):
            those = np.flatnonzero(alike & (kinds == kind))
            if kind == STRING:
                ours, fine = _TEXT.read(batch, kinds[those], at[those])
                other, also = _TEXT.read(batch, kinds[those], ids.at[those])
                good[those] &= fine & also
                repeated[those] = pc.equal(ours, other).to_numpy(zero_copy_only=False)
            elif kind in _COMPARED_BYTES:
                width = _COMPARED_BYTES[kind]
                repeated[those] = batch.bytes_at(at[those], width) == batch.bytes_at(ids.at[those], width)
            else:
                good[those] = False
        return repeated
