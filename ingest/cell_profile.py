"""What a sample of HBase rows shows: columns guessed from the names and bytes of their cells."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from bson import Int64

from ingest.path_profile import PathProfile, profile_of
from stores.hbase_cells import BINARY_FORMATS, KEY_SEPARATOR

ROW_KEY = b":key"  # the name that a sampled row has its row key under

_NUMBER = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_FLOATING = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?[eE][+-]?\d+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TRUTH = {b"true": True, b"false": False}
_MILLIS = (946_684_800_000, 4_102_444_800_000)  # the years 2000 to 2099
_WHOLE = 2**53
_SIZES = {8: ("long", "double"), 4: ("int", "float"), 2: ("short",)}


@dataclass(frozen=True, slots=True)
class CellColumn:
    """A column that cells make.

    Attributes:
        cells: where it is, as `sources.yml` writes it.
        codec: None where it is that of the type.
        profile: of its values, decoded; `seen` counts the rows that have it.
        values: of each row as bytes, None where it has no such cell; empty where more than one cell makes the value.
        remark: what else should be known.
    """

    name: str
    cells: tuple[str, ...]
    codec: str | None
    profile: PathProfile
    values: tuple[bytes | None, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Cells:
    """Bytes of a kind, decoded."""

    values: list[Any]
    codec: str | None = None
    remark: str = ""


def cell_columns(rows: Sequence[Mapping[bytes, bytes]]) -> list[CellColumn]:
    """Returns the columns that the rows' cells make, in order of first occurrence; those of the row key are not among them.

    Numbered cells of a family are an array, a family of many rare cells is a map, each other cell is a column.
    """
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != ROW_KEY]
    columns: dict[str, CellColumn] = {}
    plain = [name for name in names if not name.partition(b":")[2].isdigit()]
    wide = _wide_families(rows, plain)
    short = Counter(_word(name.partition(b":")[2]) for name in plain if name.partition(b":")[0] not in wide)
    for name in names:
        family, _, qualifier = name.partition(b":")
        if qualifier.isdigit():
            place, make = f"{_text(family)}:#", _numbered
        elif family in wide:
            place, make = f"{_text(family)}:*", _map_of
        else:
            word = _word(qualifier)
            own = word if word and short[word] == 1 else f"{_word(family)}_{word}"
            columns[_text(name)] = _single(rows, name, own)
            continue
        if place not in columns:
            columns[place] = make(rows, family, place, _free(_word(family), short))
    return list(columns.values())


def key_columns(rows: Sequence[Mapping[bytes, bytes]]) -> list[CellColumn]:
    """Returns the row key as a column for each of its parts between `#`, or as one where it has no fixed number of them; none where it is not known."""
    keys = [row[ROW_KEY] for row in rows if ROW_KEY in row]
    split = [key.split(KEY_SEPARATOR.encode()) for key in keys]
    counts = set(map(len, split))
    if len(keys) < len(rows):
        return []
    if counts == {1} or len(counts) != 1:
        return [_of_key("row_key", ":key", keys)]
    count = counts.pop()
    return [
        _of_key(
            f"key_{index}", ":key[-1]" if index == count - 1 else f":key[{index}]", [parts[index] for parts in split]
        )
        for index in range(count)
    ]


def decoded(values: Sequence[bytes]) -> list[Any]:
    """Returns what cells hold as text, numbers, JSON or binary values."""
    return _decoded(values).values


def _of_key(name: str, place: str, values: Sequence[bytes]) -> CellColumn:
    read = _decoded(values, with_binary=False)
    return CellColumn(name, (place,), None, profile_of(read.values), tuple(values), "of the row key")


def _single(rows: Sequence[Mapping[bytes, bytes]], cell: bytes, name: str) -> CellColumn:
    values = tuple(row.get(cell) for row in rows)
    read = _decoded([value for value in values if value is not None])
    return CellColumn(name, (_text(cell),), read.codec, profile_of(read.values), values, read.remark)


def _numbered(rows: Sequence[Mapping[bytes, bytes]], family: bytes, place: str, name: str) -> CellColumn:
    prefix = family + b":"
    found = [
        [value for cell, value in sorted(row.items()) if cell.startswith(prefix) and cell[len(prefix) :].isdigit()]
        for row in rows
    ]
    read = _decoded([value for values in found for value in values])
    rest = iter(read.values)
    arrays = [[next(rest) for _ in values] for values in found if values]
    most = max(map(len, arrays))
    return CellColumn(name, (place,), read.codec, profile_of(arrays), (), f"numbered cells, up to {most} in a row")


def _map_of(rows: Sequence[Mapping[bytes, bytes]], family: bytes, place: str, name: str) -> CellColumn:
    prefix = family + b":"
    found = [
        {_text(cell[len(prefix) :]): value for cell, value in row.items() if cell.startswith(prefix)} for row in rows
    ]
    read = _decoded([value for values in found for value in values.values()])
    rest = iter(read.values)
    objects = [{key: next(rest) for key in values} for values in found if values]
    return CellColumn(name, (place,), read.codec, profile_of(objects), (), "a family of rare cells")


def _wide_families(rows: Sequence[Mapping[bytes, bytes]], names: Sequence[bytes]) -> set[bytes]:
    """Returns the families whose cells' names look like data."""
    families: dict[bytes, PathProfile] = {}
    for family in {name.partition(b":")[0] for name in names}:
        own = [name for name in names if name.startswith(family + b":")]
        families[family] = profile_of(
            {_text(name): "" for name in own if name in row} for row in rows if any(name in row for name in own)
        )
    return {family for family, profile in families.items() if profile.is_map()}


def _decoded(values: Sequence[bytes], *, with_binary: bool = True) -> _Cells:
    """Returns what the bytes are taken for: the first of the readings that takes all of them; empty ones are nulls."""
    filled = [value for value in values if value]
    readings: list[Callable[[list[bytes]], _Cells | None]] = [_truths, _numbers, _documents, _texts]
    if with_binary:
        readings.append(_binaries)
    for reading in readings:
        found = reading(filled) if filled else None
        if found is not None:
            is_text = reading is _texts
            rest = iter(found.values)
            read = [next(rest) if value else ("" if is_text else None) for value in values]
            return _Cells(read, found.codec, found.remark)
    return _Cells([value if value else "" for value in values])


def _truths(values: list[bytes]) -> _Cells | None:
    return _Cells([_TRUTH[value] for value in values]) if set(values) <= _TRUTH.keys() else None


def _numbers(values: list[bytes]) -> _Cells | None:
    if all(map(_NUMBER.fullmatch, values)):
        texts = [value.decode() for value in values]
        return _Cells([Decimal(text) if "." in text else int(text) for text in texts], remark="number as text")
    if all(_NUMBER.fullmatch(value) or _FLOATING.fullmatch(value) for value in values):
        return _Cells([float(value) for value in values], remark="number as text")
    return None


def _documents(values: list[bytes]) -> _Cells | None:
    if not all(value[:1] in b"{[" for value in values):
        return None
    try:
        return _Cells([orjson.loads(value) for value in values], remark="JSON")
    except orjson.JSONDecodeError:
        return None


def _texts(values: list[bytes]) -> _Cells | None:
    if any(map(_CONTROL.search, values)):
        return None
    try:
        return _Cells([value.decode() for value in values])
    except UnicodeDecodeError:
        return None


def _binaries(values: list[bytes]) -> _Cells | None:
    """Returns big-endian numbers as HBase's `Bytes` writes them: whole ones, unless their floating reading is likelier."""
    sizes = set(map(len, values))
    if sizes == {1} and set(values) <= {b"\x00", b"\x01", b"\xff"}:
        return _Cells([value != b"\x00" for value in values], "boolean")
    if len(sizes) != 1 or (size := sizes.pop()) not in _SIZES:
        return None
    whole, *floating = _SIZES[size]
    numbers = [struct.unpack(BINARY_FORMATS[whole], value)[0] for value in values]
    if whole == "long" and all(_MILLIS[0] <= number < _MILLIS[1] for number in numbers):
        moments = [datetime.fromtimestamp(number / 1000, UTC) for number in numbers]
        return _Cells(moments, "long", "milliseconds since 1970, to judge by their size")
    if floating:
        reals = [struct.unpack(BINARY_FORMATS[floating[0]], value)[0] for value in values]
        least = _WHOLE if size == 8 else 2**24
        if any(abs(number) >= least for number in numbers) and all(map(_is_likely, reals)):
            return _Cells(reals, floating[0])
    return _Cells([Int64(number) for number in numbers] if whole == "long" else numbers, whole)


def _is_likely(number: float) -> bool:
    return number == 0 or 1e-9 <= abs(number) <= 1e15


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _word(name: bytes) -> str:
    """Returns a cell's or family's name as a column can be called."""
    word = re.sub(r"\W+", "_", _text(name), flags=re.ASCII).rstrip("_")
    return f"_{word}" if word[:1].isdigit() else word


def _free(word: str, taken: Counter[str]) -> str:
    return f"{word}_cells" if taken[word] else word
