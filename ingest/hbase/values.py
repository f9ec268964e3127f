"""The bytes of one column's cells as an Arrow array: fast for a batch, exact for one cell.

As in `ingest.columns`, the fast way gives up on the first cell it does not like, and what it accepts the exact way
accepts with the same result.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from pyspark.sql.types import (
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructType,
    TimestampType,
)

from ingest.columns import NotFast, Sight, Unfit, exact_value, fast_array, timestamp_array
from ingest.datatypes import arrow_type
from ingest.hbase.layout import Leaf
from stores.hbase_cells import BINARY_FORMATS

_INTEGERS = (ByteType, ShortType, IntegerType, LongType)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST_WHOLE = 40  # digits; what is longer fits no type
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_MILLIS, _MOST_MILLIS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_FLAT = (StringType, *_INTEGERS, BooleanType, TimestampType, DateType)
_LEAST_FLAT = 64  # values below which Arrow's JSON reader is not worth its start
_TRUTH = {b"true": True, b"false": False}


def fast_cells(values: Sequence[bytes | None], leaf: Leaf, sight: Sight) -> pa.Array:
    """Returns the cells of a column as an Arrow array; None where a row has none.

    Raises:
        NotFast, pa.ArrowException, ValueError, OverflowError, KeyError: some cell needs `exact_cell`.
    """
    if leaf.codec == "text" and isinstance(leaf.data_type, StringType):
        return pa.array(values, pa.string())
    if b"" in values:
        values = [value or None for value in values]
    if leaf.codec == "text":
        return _fast_text(values, leaf.data_type)
    if leaf.codec == "json":
        return _fast_json(values, leaf.data_type, sight)
    return _fast_binary(values, leaf, sight)


def _fast_text(values: Sequence[bytes | None], data_type: DataType) -> pa.Array:
    if isinstance(data_type, BooleanType):
        return pa.array([None if value is None else _TRUTH[value] for value in values], pa.bool_())
    if isinstance(data_type, TimestampType):
        return timestamp_array(pa.array(values, pa.string()))
    if isinstance(data_type, DateType):
        return pc.cast(pa.array(values, pa.string()), pa.date32())
    allowed = b"0123456789-" if isinstance(data_type, _INTEGERS) else b"0123456789-.eE"
    if b"".join(filter(None, values)).translate(None, allowed):
        raise NotFast  # Arrow would read 0x1F, inf
    found = pa.array(values, pa.string()).cast(arrow_type(data_type))
    if isinstance(data_type, DoubleType | FloatType) and pc.all(pc.is_finite(found)).as_py() not in (True, None):
        raise NotFast
    return found


def _fast_json(values: Sequence[bytes | None], data_type: DataType, sight: Sight) -> pa.Array:
    if isinstance(data_type, StructType) and len(values) >= _LEAST_FLAT and is_flat(data_type) and None not in values:
        try:
            return _flat_objects(values, data_type)
        except (NotFast, pa.ArrowException, ValueError):
            pass
    return fast_array([None if value is None else orjson.loads(value) for value in values], data_type, sight)


def is_flat(data_type: StructType) -> bool:
    """Returns whether Arrow's own JSON reader can be trusted with objects of the type: it takes NaN for a float."""
    return all(isinstance(field.dataType, _FLAT) for field in data_type.fields)


def _flat_objects(values: Sequence[bytes | None], data_type: StructType) -> pa.Array:
    """Reads one object a line with Arrow's JSON reader, twice as fast as by way of Python objects.

    Each line must begin with `{` and end with `}`: then no value can begin on one line and end on another, so as many
    objects as lines means one each. (The reader also crashes on a line that is `null`.)
    """
    count = len(values)
    text = b"\n".join(values)  # type: ignore[arg-type]
    is_one_a_line = (
        text.count(b"\n") == text.count(b"}\n{") == count - 1 and text.startswith(b"{") and text.endswith(b"}")
    )
    if not is_one_a_line:
        raise NotFast
    text.decode()  # the reader does not look whether it is UTF-8
    read = pj.read_json(
        pa.BufferReader(text),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pj.ParseOptions(explicit_schema=_flat_schema(data_type), unexpected_field_behavior="error"),
    )
    if read.num_rows != count:
        raise NotFast
    children = [
        _flat_child(read.column(index).combine_chunks(), field.dataType) for index, field in enumerate(data_type.fields)
    ]
    fields = [pa.field(field.name, child.type) for field, child in zip(data_type.fields, children, strict=True)]
    return pa.StructArray.from_arrays(children, fields=fields)


def _flat_schema(data_type: StructType) -> pa.Schema:
    return pa.schema([pa.field(field.name, _flat_type(field.dataType)) for field in data_type.fields])


def _flat_type(data_type: DataType) -> pa.DataType:
    if isinstance(data_type, _INTEGERS):
        return pa.int64()
    return pa.bool_() if isinstance(data_type, BooleanType) else pa.string()


def _flat_child(found: pa.Array, data_type: DataType) -> pa.Array:
    if isinstance(data_type, TimestampType):
        return timestamp_array(found)
    return found.cast(arrow_type(data_type))


def _fast_binary(values: Sequence[bytes | None], leaf: Leaf, sight: Sight) -> pa.Array:
    if leaf.codec == "boolean":
        found: list[Any] = [None if value is None else _truth(value) for value in values]
    else:
        form = BINARY_FORMATS[leaf.codec]
        joined = b"".join(filter(None, values))
        size = struct.calcsize(form)
        if not {size, None}.issuperset(None if value is None else len(value) for value in values):
            raise NotFast
        numbers = iter(struct.unpack(f">{len(joined) // size}{form[1]}", joined))
        found = [None if value is None else next(numbers) for value in values]
    if isinstance(leaf.data_type, TimestampType):
        millis = pa.array(found, pa.int64())
        if not pc.all(pc.and_(pc.greater_equal(millis, _LEAST_MILLIS), pc.less_equal(millis, _MOST_MILLIS))).as_py():
            raise NotFast
        return pc.multiply_checked(millis, 1000).cast(pa.timestamp("us", tz="UTC"))
    return fast_array(found, leaf.data_type, sight)


def _truth(value: bytes) -> bool:
    if len(value) != 1:
        raise NotFast
    return value != b"\0"


def exact_cell(value: bytes, leaf: Leaf) -> Any:
    """Returns a cell's value as `ingest.columns.exact_array` takes it; None where the cell is empty and no string.

    Raises:
        Unfit: the bytes are not what the codec says, or the type cannot take them.
    """
    document = cell_document(value, leaf)
    return document if isinstance(document, datetime) else exact_value(document, leaf.data_type)


def cell_document(value: bytes, leaf: Leaf) -> Any:
    """Returns a cell's value as it would stand in a JSON document; text where its type cannot take it."""
    if leaf.codec in BINARY_FORMATS or leaf.codec == "boolean":
        return _exact_binary(value, leaf) if value else None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Unfit(_hexadecimal(value), "is no UTF-8") from None
    if leaf.codec == "json":
        return _exact_json(text) if text else None
    if isinstance(leaf.data_type, StringType):
        return text
    return _exact_text(text, leaf.data_type) if text else None


def _exact_json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise Unfit(text, "is no JSON") from None


def _exact_text(text: str, data_type: DataType) -> Any:
    if isinstance(data_type, BooleanType):
        return _TRUTH.get(text.encode(), text)
    if isinstance(data_type, TimestampType | DateType):
        return text
    if not _NUMBER.fullmatch(text):
        raise Unfit(text, f"is no {data_type.simpleString()}")
    if isinstance(data_type, DecimalType):
        return Decimal(text)
    if isinstance(data_type, DoubleType | FloatType):
        found = float(text)
        if found in (float("inf"), float("-inf")):
            raise Unfit(text, f"does not fit {data_type.simpleString()}")
        return found
    number = Decimal(text)
    if number and number.adjusted() > _LONGEST_WHOLE:
        raise Unfit(text, f"does not fit {data_type.simpleString()}")
    if number != number.to_integral_value():
        raise Unfit(text, f"is no {data_type.simpleString()}")
    return int(number)


def _exact_binary(value: bytes, leaf: Leaf) -> Any:
    if leaf.codec == "boolean":
        if len(value) != 1:
            raise Unfit(_hexadecimal(value), "is no boolean of 1 byte")
        return value != b"\0"
    form = BINARY_FORMATS[leaf.codec]
    size = struct.calcsize(form)
    if len(value) != size:
        raise Unfit(_hexadecimal(value), f"is no {leaf.codec} of {size} bytes")
    (found,) = struct.unpack(form, value)
    if isinstance(leaf.data_type, TimestampType):
        if not _LEAST_MILLIS <= found <= _MOST_MILLIS:
            raise Unfit(found, "is no timestamp")
        return _EPOCH + timedelta(milliseconds=found)
    return found


def _hexadecimal(value: bytes) -> str:
    return f"0x{value.hex()}"
