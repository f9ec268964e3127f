"""Values of one field, found by `rawbson` in all documents of a batch, as one Arrow column.

What is taken here is what `ingest.columns.exact_value` takes of the decoded value, with the same result; every other
value is marked, and its document is left to the exact way, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructType,
    TimestampType,
)

from ingest.columns import INTEGER_BITS, YEAR_ONE, NotFast, decimal_array, decimal_units, timestamp_array
from ingest.datatypes import arrow_type
from ingest.mongodb.rawbson import (
    ARRAY,
    BOOLEAN,
    DATE,
    DECIMAL128,
    DOCUMENT,
    DOUBLE,
    INT32,
    INT64,
    MISSING,
    NULL,
    OBJECT_ID,
    STRING,
    Bytes,
    Ints,
    Kinds,
    Level,
    Mask,
    RawBatch,
    elements_of,
)

_END_OF_TIME = 253_402_300_800_000  # the year 10000 in milliseconds
_DAY = 86_400_000
_EXPONENT_BIAS = 6176
_LARGEST_UNITS = 10**18
_PADDED_TO = 48  # bytes up to which strings of unlike length are gathered side by side
_HEX = np.frombuffer(b"".join(f"{each:02x}".encode() for each in range(256)), "<u2")
_WHOLE = 2.0**63


@dataclass(slots=True)
class ColumnReader:
    """Turns the values of one path into Arrow; keeps what it has learnt of the layouts below.

    Attributes:
        data_type: the type that the contract gives the path.
        inner: readers of a struct's fields by name, of an array's element as "".
        level: the layouts of the embedded documents.
        keeps_unnamed: a document with a field that its type does not name is left to the exact way.
    """

    data_type: DataType
    keeps_unnamed: bool = True
    inner: dict[str, ColumnReader] = field(default_factory=dict)
    level: Level = field(default_factory=Level)

    @classmethod
    def of(cls, data_type: DataType, *, keeps_unnamed: bool = True) -> ColumnReader:
        """Returns the reader of a type, with those of the types within."""
        inner: dict[str, DataType] = {}
        if isinstance(data_type, StructType):
            inner = {each.name: each.dataType for each in data_type.fields}
        elif isinstance(data_type, ArrayType):
            inner = {"": data_type.elementType}
        readers = {name: cls.of(each, keeps_unnamed=keeps_unnamed) for name, each in inner.items()}
        return cls(data_type, keeps_unnamed, readers)

    def read(self, batch: RawBatch, kinds: Kinds, at: Ints) -> tuple[pa.Array, Mask]:
        """Returns the column, and which of its values are as the exact way has them; the others are anything.

        Args:
            kinds: the values' BSON types, `MISSING` for none.
            at: where their bytes begin; means nothing where they are missing.
        """
        absent = (kinds == NULL) | (kinds == MISSING)
        if absent.all():
            return pa.nulls(len(kinds), arrow_type(self.data_type)), absent
        try:
            return self._read_some(batch, kinds, at, absent)
        except (NotFast, pa.ArrowException):
            return pa.nulls(len(kinds), arrow_type(self.data_type)), absent

    def _read_some(self, batch: RawBatch, kinds: Kinds, at: Ints, absent: Mask) -> tuple[pa.Array, Mask]:
        read = _READ[type(self.data_type)]
        if not absent.any():
            return read(self, batch, kinds, at, None)
        present = np.flatnonzero(~absent)
        if isinstance(self.data_type, StructType | ArrayType | MapType):
            values, good = read(self, batch, kinds[present], at[present], None)
            places = np.zeros(len(kinds), np.int64)
            places[present] = np.arange(len(present))
            column = values.take(pa.array(places, mask=absent))
        else:
            column, good = read(self, batch, kinds[present], at[present], ~absent)
        fine = absent.copy()
        fine[present] = good
        return column, fine


_Read = tuple[pa.Array, Mask]
_Valid = Mask | None


def _validity(valid: _Valid) -> pa.Buffer | None:
    return None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _spread(values: NDArray[Any], valid: _Valid) -> NDArray[Any]:
    """Returns the values at the places where `valid` is true, zero elsewhere."""
    if valid is None:
        return values
    spread = np.zeros(len(valid), values.dtype)
    spread[valid] = values
    return spread


def _fixed_array(values: NDArray[Any], kind: pa.DataType, valid: _Valid) -> pa.Array:
    held = np.ascontiguousarray(_spread(values, valid))
    return pa.Array.from_buffers(kind, len(held), [_validity(valid), pa.py_buffer(held)])


def _read_string(_: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    good = kinds == STRING
    if not good.any():
        good = kinds == OBJECT_ID
        text = np.zeros((len(at), 12), "<u2")
        if good.any():
            text[good] = _HEX[batch.bytes_at(at[good], 12).view(np.uint8).reshape(-1, 12)]
        lengths = np.full(len(at), 24, np.int64)
        return _string_array(text.view(np.uint8).reshape(-1), lengths, valid), good
    lengths = batch.int32(at) - 1
    begin = at + 4
    if not good.all():
        lengths = np.where(good, lengths, 0)
    ended = batch.data[begin + lengths] == 0
    good &= ended
    held = _string_bytes(batch, begin, lengths)
    found = _string_array(held, lengths, valid)
    is_ascii = held.isascii() if isinstance(held, bytes) else int(held.max(initial=0)) < 128
    if is_ascii or _is_valid(found):
        return found, good
    good &= np.array([_is_utf8(batch.raw[a:b]) for a, b in zip(begin, begin + lengths, strict=True)], np.bool_)
    lengths = np.where(good, lengths, 0)
    return _string_array(_string_bytes(batch, begin, lengths), lengths, valid), good


def _is_valid(array: pa.Array) -> bool:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _string_bytes(batch: RawBatch, begin: Ints, lengths: Ints) -> Bytes | bytes:
    """Returns the texts one behind the other."""
    longest = int(lengths.max(initial=0))
    if longest == 0:
        return b""
    if longest > _PADDED_TO:
        raw = memoryview(batch.raw)
        return b"".join([raw[a:b] for a, b in zip(begin.tolist(), (begin + lengths).tolist(), strict=True)])
    side_by_side: Bytes = batch.bytes_at(begin, longest).view(np.uint8)
    if int(lengths.min()) == longest:
        return side_by_side
    return side_by_side[(np.arange(longest) < lengths[:, None]).reshape(-1)]


def _string_array(held: Bytes | bytes, lengths: Ints, valid: _Valid) -> pa.Array:
    lengths = _spread(lengths, valid)
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [_validity(valid), pa.py_buffer(offsets), pa.py_buffer(held)]
    return pa.Array.from_buffers(pa.string(), len(lengths), buffers)


def _read_boolean(_: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    held = batch.data[at]
    good = (kinds == BOOLEAN) & (held < 2)
    bits = np.packbits(_spread(held == 1, valid), bitorder="little")
    count = len(at) if valid is None else len(valid)
    return pa.Array.from_buffers(pa.bool_(), count, [_validity(valid), pa.py_buffer(bits)]), good


def _whole_numbers(batch: RawBatch, kinds: Kinds, at: Ints) -> tuple[Ints, Mask]:
    """Returns int32, int64 and whole doubles as int64, and which values are such."""
    if (kinds == INT32).all():
        return batch.int32(at), np.ones(len(at), np.bool_)
    held = batch.int64(at)
    good = kinds == INT64
    if good.all():
        return held, good
    held = np.where(good, held, 0)
    short = kinds == INT32
    held[short] = batch.int32(at[short])
    good |= short
    double = np.flatnonzero(kinds == DOUBLE)
    if len(double):
        numbers = batch.int64(at[double]).view(np.float64)
        whole = (np.floor(numbers) == numbers) & (numbers >= -_WHOLE) & (numbers < _WHOLE)
        held[double] = np.where(whole, numbers, 0).astype(np.int64)
        good[double] = whole
    return held, good


def _read_integer(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    held, good = _whole_numbers(batch, kinds, at)
    kind = arrow_type(reader.data_type)
    bits = INTEGER_BITS[type(reader.data_type)]
    if bits < 64:
        bound = 2 ** (bits - 1)
        good &= (held >= -bound) & (held < bound)
    return _fixed_array(held.astype(kind.to_pandas_dtype()), kind, valid), good


def _doubles(batch: RawBatch, kinds: Kinds, at: Ints) -> tuple[NDArray[np.float64], Mask]:
    """Returns doubles and integers as doubles, and which values are such."""
    numbers = batch.int64(at).view(np.float64)
    good = kinds == DOUBLE
    if good.all():
        return numbers, good
    numbers = np.where(good, numbers, 0.0)
    for kind, read in ((INT32, batch.int32), (INT64, batch.int64)):
        those = kinds == kind
        if those.any():
            numbers[those] = read(at[those])
            good |= those
    return numbers, good


def _read_float(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    numbers, good = _doubles(batch, kinds, at)
    kind = arrow_type(reader.data_type)
    with np.errstate(over="ignore"):
        return _fixed_array(numbers.astype(kind.to_pandas_dtype()), kind, valid), good


def _read_decimal(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    data_type = reader.data_type
    assert isinstance(data_type, DecimalType)
    if (kinds == DECIMAL128).all():
        units, good = _decimal128_units(batch, at, data_type)
    else:
        units, good = np.zeros(len(at), np.int64), np.zeros(len(at), np.bool_)
        narrow = data_type.precision <= 18
        for kind in set(kinds.tolist()):
            those = np.flatnonzero(kinds == kind)
            if kind == DECIMAL128:
                units[those], good[those] = _decimal128_units(batch, at[those], data_type)
            elif kind == DOUBLE and narrow:
                units[those], good[those] = decimal_units(batch.int64(at[those]).view(np.float64), data_type)
            elif kind in (INT32, INT64) and narrow:
                whole = (batch.int32 if kind == INT32 else batch.int64)(at[those])
                units[those], good[those] = decimal_units(whole, data_type)
    words = _spread(units, valid)
    return decimal_array(words, data_type, None if valid is None else pa.array(valid)), good


def _decimal128_units(batch: RawBatch, at: Ints, data_type: DecimalType) -> tuple[Ints, Mask]:
    """Returns Decimal128 values as counts of the type's last place, rounded half up; only those that 64 bits hold.

    The format is IEEE 754's with a binary coefficient: sign, 14 bits of exponent, 113 of coefficient, unless the two
    bits behind the sign are both set.
    """
    words = batch.bytes_at(at, 16).view("<u8").reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    good: Mask = ((high & np.uint64(0x6001_FFFF_FFFF_FFFF)) < np.uint64(0x6000_0000_0000_0000)) & (
        (high & np.uint64(0x0001_FFFF_FFFF_FFFF)) == 0
    )
    limit = min(10**data_type.precision, _LARGEST_UNITS)
    good &= low < np.uint64(2**63)
    shift = ((high >> np.uint64(49)) & np.uint64(0x3FFF)).astype(np.int64) - _EXPONENT_BIAS + data_type.scale
    units = np.where(good, low, 0).astype(np.int64)
    if shift.any():
        for power in set(shift[good].tolist()) - {0}:
            those = np.flatnonzero(good & (shift == power))
            if power > 0:
                factor = 10 ** min(power, 18)
                fits = (units[those] <= (limit - 1) // factor) & (power <= 18)
                good[those] = fits
                units[those] = np.where(fits, units[those], 0) * factor
            elif power >= -18:
                whole, rest = np.divmod(units[those], 10**-power)
                units[those] = whole + (2 * rest >= 10**-power)
            else:  # of 19 places cut off, no more than 64 bits make one half
                units[those] = (power == -19) & (units[those] >= 5 * 10**18)
    good &= units < limit
    negative = high >> np.uint64(63) == 1
    if negative.any():
        units[negative] *= -1
    return units, good


def _read_timestamp(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    good = kinds == DATE
    if not good.any():
        texts, good = _read_string(reader, batch, kinds, at, valid)
        if not (kinds == STRING).all():
            raise NotFast
        return timestamp_array(texts), good
    held = batch.int64(at)
    good &= (held >= YEAR_ONE // 1000) & (held < _END_OF_TIME)
    micros = np.where(good, held, 0) * 1000
    return _fixed_array(micros, arrow_type(reader.data_type), valid), good


def _read_date(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, valid: _Valid) -> _Read:
    good = kinds == DATE
    if not good.any():
        raise NotFast
    held = batch.int64(at)
    days, rest = np.divmod(held, _DAY)
    good &= (held >= YEAR_ONE // 1000) & (held < _END_OF_TIME) & (rest == 0)
    return _fixed_array(np.where(good, days, 0).astype(np.int32), pa.date32(), valid), good


def _read_struct(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, _: _Valid) -> _Read:
    assert isinstance(reader.data_type, StructType)
    good = kinds == DOCUMENT
    if not good.all():
        kept = np.flatnonzero(good)
        column, fine = _read_struct(reader, batch, kinds[kept], at[kept], None)
        places = np.zeros(len(kinds), np.int64)
        places[kept] = np.arange(len(kept))
        good[kept] = fine
        return column.take(pa.array(places, mask=kinds != DOCUMENT)), good
    found, good = reader.level.walk(batch, at, at + batch.int32(at))
    children: list[pa.Array] = []
    for each in reader.data_type.fields:
        fields = found.pop(each.name.encode(), None)
        if fields is None:
            children.append(pa.nulls(len(at), arrow_type(each.dataType)))
        else:
            child, fine = reader.inner[each.name].read(batch, fields.kinds, fields.at)
            children.append(child)
            good &= fine
    for unnamed in found.values() if reader.keeps_unnamed else ():
        good &= unnamed.kinds == MISSING
    arrow_fields = [
        pa.field(each.name, child.type) for each, child in zip(reader.data_type.fields, children, strict=True)
    ]
    return pa.StructArray.from_arrays(children, fields=arrow_fields), good


def _read_list(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, _: _Valid) -> _Read:
    good = kinds == ARRAY
    kept = None if good.all() else np.flatnonzero(good)
    elements, fine = elements_of(batch, at if kept is None else at[kept])
    inner, whole = reader.inner[""].read(batch, elements.kinds, elements.at)
    counts = elements.counts
    if not whole.all():
        owners = np.repeat(np.arange(len(counts)), counts)
        fine[owners[~whole]] = False
    if kept is not None:
        spread = np.zeros(len(kinds), np.int64)
        spread[kept] = counts
        counts = spread
        good[kept] = fine
    else:
        good = fine
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), inner, type=arrow_type(reader.data_type)), good


def _read_map(reader: ColumnReader, batch: RawBatch, kinds: Kinds, at: Ints, _: _Valid) -> _Read:
    """Takes empty objects only: field names that are values have no layout."""
    raise NotFast


_READ: dict[type[DataType], Callable[[ColumnReader, RawBatch, Kinds, Ints, _Valid], _Read]] = {
    StringType: _read_string,
    BooleanType: _read_boolean,
    ByteType: _read_integer,
    ShortType: _read_integer,
    IntegerType: _read_integer,
    LongType: _read_integer,
    FloatType: _read_float,
    DoubleType: _read_float,
    DecimalType: _read_decimal,
    DateType: _read_date,
    TimestampType: _read_timestamp,
    StructType: _read_struct,
    ArrayType: _read_list,
    MapType: _read_map,
}
