"""Which documents have come already, by their `_id`, so that a range read in any order can be read again."""

from __future__ import annotations

import math
import struct
from collections.abc import Hashable, Sequence

import bson
import numpy as np

from ingest.mongodb.documents import EXACT
from ingest.mongodb.rawbson import DECIMAL128, DOUBLE, INT32, INT64, OBJECT_ID, STRING, RawBatch, value_bytes

_NAME = b"_id\0"
_ELEMENT = 1 + len(_NAME)  # bytes before an id's value
_SOUGHT = np.uint64(int.from_bytes(_NAME, "little"))
_MASK = np.uint64(0xFFFFFFFF)
_NUMBERS = frozenset({DOUBLE, INT32, INT64, DECIMAL128})
_LENGTH = struct.Struct("<i")


class SeenIds:
    """The ids of all documents so far, exactly: about 100 bytes each."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()

    def new_of(self, batch: RawBatch) -> RawBatch:
        """Returns the documents whose id has not come before, in this batch or an earlier one; usually all."""
        ids = ids_of(batch)
        before = len(self._seen)
        known: frozenset[Hashable] | set[Hashable] = frozenset()
        if not self._seen.isdisjoint(ids):
            known = self._seen.intersection(ids)
        self._seen.update(ids)
        if len(self._seen) == before + len(ids):
            return batch
        first: dict[Hashable, int] = {}
        for place, each in enumerate(ids):
            if each not in known:
                first.setdefault(each, place)
        return RawBatch(b"".join(batch.document(place) for place in first.values()))


def ids_of(batch: RawBatch) -> Sequence[Hashable]:
    """Returns each document's id as something that is equal for equal ids: its bytes, or a number's value."""
    if not len(batch):
        return ()
    head = batch.bytes_at(batch.starts + 4, 8).view("<u8")
    kinds = head.astype(np.uint8)
    kind = int(kinds[0])
    if kind in (STRING, OBJECT_ID) and (((head >> np.uint64(8)) & _MASK) == _SOUGHT).all() and (kinds == kind).all():
        if kind == OBJECT_ID:
            return _bytes_at(batch, _ELEMENT + 12)
        lengths = batch.int32(batch.starts + 4 + _ELEMENT)
        length = int(lengths[0])
        if (lengths == length).all() and 0 < length <= int((batch.ends - batch.starts).min()):
            return _bytes_at(batch, _ELEMENT + 4 + length)
    return [_id_of(value_bytes(batch.raw, start, end, b"_id")) for start, end in _bounds(batch)]


def _bytes_at(batch: RawBatch, width: int) -> Sequence[Hashable]:
    found: list[bytes] = batch.bytes_at(batch.starts + 4, width).tolist()
    return found


def _bounds(batch: RawBatch) -> Sequence[tuple[int, int]]:
    return list(zip(batch.starts.tolist(), batch.ends.tolist(), strict=True))


def _id_of(element: bytes) -> Hashable:
    """Returns a number's value, since MongoDB takes 1 and 1.0 for the same id, and other ids' bytes."""
    if not element or element[0] not in _NUMBERS:
        return element
    value = bson.decode(_LENGTH.pack(len(element) + 5) + element + b"\0", EXACT)["_id"]
    number = value.to_decimal() if element[0] == DECIMAL128 else value
    is_nan = number.is_nan() if element[0] == DECIMAL128 else math.isnan(number)
    found: Hashable = "NaN" if is_nan else number
    return found
