"""Raw BSON walked a batch at a time: where each field of each document lies, found for all documents in lockstep.

All documents of a batch stand at their first element; at each step those whose element has the name that the layout
expects next go past it together. A step is a handful of numpy passes over the batch, whatever the number of documents;
a document that has other fields, or the same in another order, is left over for another layout or for the exact way.
Format: bsonspec.org, version 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Kinds = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

MISSING, DOUBLE, STRING, DOCUMENT, ARRAY, BINARY, OBJECT_ID, BOOLEAN, DATE, NULL = 0, 1, 2, 3, 4, 5, 7, 8, 9, 10
INT32, INT64, DECIMAL128 = 16, 18, 19

_PADDING = 512  # zero bytes behind the last document, so that a gather never runs out
_LONGEST_NAME = 200
_MOST_NAMES = 400
_MOST_LAYOUTS = 8
_LEARNT_FROM = 32  # documents of a batch
_INT = struct.Struct("<i")

# How long a value is: a fixed part, and for some kinds what its first four bytes say.
_FIXED = np.full(256, -1, np.int64)
_SAYS_LENGTH = np.zeros(256, np.bool_)
_LEAST_LENGTH = np.zeros(256, np.int64)
for _kind, _fixed in {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 127: 0, 255: 0}.items():
    _FIXED[_kind] = _fixed
for _kind, _fixed, _least in ((2, 4, 1), (13, 4, 1), (14, 4, 1), (5, 5, 0), (3, 0, 5), (4, 0, 5), (15, 0, 14)):
    _FIXED[_kind], _SAYS_LENGTH[_kind], _LEAST_LENGTH[_kind] = _fixed, True, _least


class RawBatch:
    """The bytes of a reply's documents, with views that read a number at each of many places.

    Attributes:
        starts, ends: where each document begins, and where the next one would.
    """

    __slots__ = ("_four", "_views", "data", "ends", "raw", "starts")

    def __init__(self, raw: bytes) -> None:
        """Takes documents one behind the other.

        Raises:
            ValueError: the bytes do not end where a document does.
        """
        self.raw = raw
        self.data: Bytes = np.zeros(len(raw) + _PADDING, np.uint8)
        self.data[: len(raw)] = np.frombuffer(raw, np.uint8)
        edges = list(_edges(raw))
        self.starts: Ints = np.array(edges[:-1], np.int64)
        self.ends: Ints = np.array(edges[1:], np.int64)
        self._four = self._view("<i4", 4)
        self._views: dict[int, NDArray[np.void]] = {}

    def _view(self, kind: str, width: int) -> NDArray[Any]:
        return np.ndarray((len(self.data) - width + 1,), dtype=kind, buffer=self.data, strides=(1,))

    def __len__(self) -> int:
        return len(self.starts)

    def document(self, index: int) -> bytes:
        """Returns the bytes of one document."""
        return self.raw[self.starts[index] : self.ends[index]]

    def int32(self, at: Ints) -> Ints:
        return self._four[at].astype(np.int64)

    def int64(self, at: Ints) -> Ints:
        return self.bytes_at(at, 8).view("<i8")

    def bytes_at(self, at: Ints, width: int) -> NDArray[np.void]:
        """Returns `width` bytes from each place, side by side."""
        if width not in self._views:
            self._views[width] = self._view(f"V{width}", width)
        found: NDArray[np.void] = self._views[width][at]
        return found


def _edges(raw: bytes) -> Iterator[int]:
    at, end = 0, len(raw)
    yield 0
    while at < end:
        size = _INT.unpack_from(raw, at)[0] if at + 4 <= end else 0
        if size < 5 or at + size > end:
            raise ValueError(f"no document begins at byte {at} of {end}")
        at += size
        yield at


@dataclass(slots=True)
class Fields:
    """Where the values of one name lie.

    Attributes:
        kinds: each value's BSON type; `MISSING` where a document has none.
        at: where its bytes begin.
        heads, ends: where its element begins and ends.
    """

    kinds: Kinds
    at: Ints
    width: int
    ends: Ints


@dataclass(slots=True)
class _Name:
    """A name as it is searched for: the bytes behind the type, padded to words, and which bits of them count."""

    width: int
    words: list[tuple[np.uint64, np.uint64]]
    padded: int

    @classmethod
    def of(cls, name: bytes) -> _Name:
        text = b"\0" + name + b"\0"
        padded = -(-len(text) // 8) * 8
        mask = b"\0" + b"\xff" * (len(text) - 1)
        values = np.frombuffer(text.ljust(padded, b"\0"), "<u8")
        masks = np.frombuffer(mask.ljust(padded, b"\0"), "<u8")
        return cls(len(text), list(zip(masks, values, strict=True)), padded)


class Layout:
    """Field names in an order in which documents have them; any of them may be missing."""

    __slots__ = ("_names", "names")

    def __init__(self, names: Sequence[bytes]) -> None:
        self.names = list(names)
        self._names = [_Name.of(name) for name in names]

    def take_in(self, names: Sequence[bytes]) -> bool:
        """Adds what of the names it lacks; returns whether their order goes with its own."""
        merged, place = list(self.names), 0
        for name in names:
            if name in merged:
                found = merged.index(name)
                if found < place:
                    return False
                place = found + 1
            else:
                merged.insert(place, name)
                place += 1
        if len(merged) > _MOST_NAMES or len(set(names)) != len(names):
            return False
        if len(merged) > len(self.names):
            self.names = merged
            self._names = [_Name.of(name) for name in merged]
        return True

    def walk(self, batch: RawBatch, starts: Ints, ends: Ints) -> tuple[dict[bytes, Fields], Mask]:
        """Returns where each field of each document is, and which documents have no other fields than these."""
        at = starts + 4
        last = ends - 1
        alive: Mask = np.ones(len(starts), np.bool_)
        found: dict[bytes, Fields] = {}
        for name, sought in zip(self.names, self._names, strict=True):
            head = batch.bytes_at(at, sought.padded).view("<u8").reshape(len(at), -1)
            kinds: Kinds = head[:, 0].astype(np.uint8)
            same = kinds != MISSING  # a document's last byte is no element
            for column, (mask, value) in enumerate(sought.words):
                same &= (head[:, column] & mask) == value
            if not same.any():
                continue
            is_in_all = bool(same.all())
            if not is_in_all:
                kinds[~same] = MISSING
            values = at + sought.width
            after = values + _sizes(batch, kinds, values, alive)
            if not is_in_all:
                after = np.where(same, after, at)
            over = after > last
            if over.any():
                alive &= ~over
                after = np.minimum(after, last)
            found[name] = Fields(kinds, values, sought.width, after)
            at = after
        alive &= (at == last) & (batch.data[last] == 0)
        return found, alive


def _sizes(batch: RawBatch, kinds: Kinds, at: Ints, alive: Mask) -> Ints:
    """Returns how long each value is; one whose length cannot be known or be true is no longer alive."""
    first = int(kinds[0])
    if (kinds == first).all():
        fixed: Ints | int = int(_FIXED[first])
        if fixed < 0:
            alive[:] = False
            return np.zeros(len(kinds), np.int64)
        if not _SAYS_LENGTH[first]:
            return np.full(len(kinds), fixed, np.int64)
        said = batch.int32(at)
        wrong = said < _LEAST_LENGTH[first]
    else:
        fixed = _FIXED[kinds]
        says = _SAYS_LENGTH[kinds]
        said = np.where(says, batch.int32(at), 0)
        wrong = ((fixed < 0) & (kinds != MISSING)) | (said < np.where(says, _LEAST_LENGTH[kinds], 0))
        fixed = np.maximum(fixed, 0)
    if wrong.any():
        alive &= ~wrong
        said[wrong] = 0
    return said + fixed


def names_of(batch: RawBatch, start: int, end: int) -> list[bytes] | None:
    """Returns a document's field names in order; None where it has one that no layout can have."""
    names: list[bytes] = []
    raw, at, last = batch.raw, start + 4, end - 1
    while at < last:
        kind = raw[at]
        stop = raw.find(b"\0", at + 1, last)
        fixed = int(_FIXED[kind])
        if stop < 0 or fixed < 0 or stop - at > _LONGEST_NAME:
            return None
        name = raw[at + 1 : stop]
        try:
            name.decode()
        except UnicodeDecodeError:
            return None
        names.append(name)
        at = stop + 1 + fixed
        if _SAYS_LENGTH[kind]:
            if stop + 5 > last:
                return None
            at += max(_INT.unpack_from(raw, stop + 1)[0], 0)
    return names if at == last and len(set(names)) == len(names) <= _MOST_NAMES else None


@dataclass(slots=True)
class Level:
    """What is known of the layouts at one path of a collection's documents; grows as batches are seen."""

    layouts: list[Layout] = field(default_factory=list)

    def walk(self, batch: RawBatch, starts: Ints, ends: Ints) -> tuple[dict[bytes, Fields], Mask]:
        """Returns where each field of each document is, and which documents no layout fits."""
        count = len(starts)
        if not count:
            return {}, np.ones(0, np.bool_)
        if not self.layouts:
            self._learn(batch, starts, ends)
        left: Ints | None = None  # positions that no layout has fitted so far; None: all
        whole: dict[bytes, Fields] = {}
        place = 0
        while place < len(self.layouts):
            layout = self.layouts[place]
            if left is None:
                whole, alive = layout.walk(batch, starts, ends)
                if alive.all():
                    return whole, alive
                for each in whole.values():
                    each.kinds[~alive] = MISSING
            else:
                part, alive = layout.walk(batch, starts[left], ends[left])
                _scatter(whole, part, left, alive, count)
            left = np.flatnonzero(~alive) if left is None else left[~alive]
            place += 1
            if not len(left):
                break
            if place == len(self.layouts):
                self._learn(batch, starts[left], ends[left])
        fitted: Mask = np.ones(count, np.bool_)
        if left is not None:
            fitted[left] = False
        return whole, fitted

    def _learn(self, batch: RawBatch, starts: Ints, ends: Ints) -> None:
        """Adds a layout that the first of the documents have, where there is still room."""
        if len(self.layouts) >= _MOST_LAYOUTS:
            return
        layout: Layout | None = None
        step = max(1, len(starts) // _LEARNT_FROM)
        for start, end in zip(starts[::step].tolist(), ends[::step].tolist(), strict=True):
            names = names_of(batch, start, end)
            if names is None:
                continue
            if layout is None:
                layout = Layout(names)
            else:
                layout.take_in(names)
        if layout is not None and not any(each.names == layout.names for each in self.layouts):
            self.layouts.append(layout)


def _scatter(whole: dict[bytes, Fields], part: dict[bytes, Fields], places: Ints, alive: Mask, count: int) -> None:
    kept = places[alive]
    for name, fields in part.items():
        into = whole.get(name)
        if into is None:
            into = whole[name] = Fields(
                np.zeros(count, np.uint8), np.zeros(count, np.int64), fields.width, np.zeros(count, np.int64)
            )
        into.kinds[kept] = fields.kinds[alive]
        into.at[kept] = fields.at[alive]
        into.ends[kept] = fields.ends[alive]


@dataclass(slots=True)
class Elements:
    """The elements of many arrays, one array's behind the other's.

    Attributes:
        counts: how many elements each array has.
        kinds, at: of each element.
    """

    counts: Ints
    kinds: Kinds
    at: Ints


def elements_of(batch: RawBatch, starts: Ints) -> tuple[Elements, Mask]:
    """Returns the elements of the arrays that begin at the places, and which arrays are named 0, 1, 2, … in order."""
    count = len(starts)
    last = starts + batch.int32(starts) - 1
    at = starts + 4
    alive: Mask = (batch.data[last] == 0) if count else np.ones(0, np.bool_)
    counts: Ints = np.zeros(count, np.int64)
    active = np.flatnonzero((at < last) & alive)
    steps: list[tuple[Ints, Kinds, Ints]] = []
    while len(active):
        index = len(steps)
        sought = _Name.of(str(index).encode())
        here, stop = at[active], last[active]
        head = batch.bytes_at(here, sought.padded).view("<u8").reshape(len(here), -1)
        kinds: Kinds = head[:, 0].astype(np.uint8)
        good = kinds != MISSING
        for column, (mask, value) in enumerate(sought.words):
            good &= (head[:, column] & mask) == value
        values = here + sought.width
        after = values + _sizes(batch, kinds, values, good)
        good &= after <= stop
        if not good.all():
            alive[active[~good]] = False
            active, kinds, values, after, stop = active[good], kinds[good], values[good], after[good], stop[good]
        steps.append((active, kinds, values))
        counts[active] += 1
        at[active] = after
        active = active[after < stop]
    counts[~alive] = 0
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    all_kinds: Kinds = np.zeros(int(offsets[-1]), np.uint8)
    all_at: Ints = np.zeros(int(offsets[-1]), np.int64)
    whole = bool(alive.all())
    for index, (who, kinds, values) in enumerate(steps):
        if not whole:
            kept = alive[who]
            who, kinds, values = who[kept], kinds[kept], values[kept]
        places = offsets[who] + index
        all_kinds[places] = kinds
        all_at[places] = values
    return Elements(counts, all_kinds, all_at), alive


def value_bytes(raw: bytes, start: int, end: int, name: bytes) -> bytes:
    """Returns the bytes of a document's element of this name; empty where it has none that can be reached."""
    at, last = start + 4, end - 1
    while at < last:
        stop = raw.find(b"\0", at + 1, last)
        fixed = int(_FIXED[raw[at]])
        if stop < 0 or fixed < 0:
            return b""
        after = stop + 1 + fixed
        if _SAYS_LENGTH[raw[at]]:
            after += max(_INT.unpack_from(raw, stop + 1)[0], 0)
        if raw[at + 1 : stop] == name:
            return raw[at:after]
        at = after
    return b""
