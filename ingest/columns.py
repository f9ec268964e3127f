"""Values of one column turned into Arrow, strictly: fast for a whole batch, exact for one value.

`fast_array` takes a batch at once and gives up on the first value it does not like. `exact_value` takes one value and
says what is wrong with it. What the fast way accepts, the exact way accepts with the same result; so the fast way
decides nothing but time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from itertools import chain
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from bson import Binary, Decimal128, ObjectId, Timestamp
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

from ingest.datatypes import arrow_type

_Ints = NDArray[np.int64]
_Numbers = NDArray[np.int64] | NDArray[np.float64]
_Truths = NDArray[np.bool_]

INTEGER_BITS: dict[type[DataType], int] = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}
_EXACT_CENTS = 2.0**52  # a float below it has exact halves
YEAR_ONE = -62_135_596_800_000_000  # 0001-01-01 in microseconds
_DATE = r"\d{4}-\d{2}-\d{2}"
_TIMESTAMP = re.compile(
    rf"({_DATE})(?:[T ](\d{{2}}(?::\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?)?)(Z|[+-]\d{{2}}(?::?\d{{2}})?)?)?"
)
_WIDE = Context(prec=80)
_LONGEST_SHOWN = 60
_UUID = 4  # the binary subtype


class NotFast(Exception):
    """The batch holds a value that the fast way leaves to the exact one."""


class Unfit(Exception):
    """A value that the contract's type cannot take.

    Attributes:
        steps: the way from the column to the value, innermost first, each as it is and as a path of the contract.
    """

    def __init__(self, value: Any, complaint: str) -> None:
        super().__init__(complaint)
        self.value = value
        self.complaint = complaint
        self.steps: list[tuple[str, str]] = []

    def at(self, step: str, general: str) -> Unfit:
        """Returns itself, one step further out."""
        self.steps.append((step, general))
        return self

    def problem(self) -> str:
        """Returns what is wrong without the value, such as `page_views[].timestamp is no timestamp`."""
        return f"{''.join(general for _, general in reversed(self.steps))} {self.complaint}"

    def reason(self) -> str:
        """Returns what is wrong with the value, such as `page_views[3].timestamp: "soon" is no timestamp`."""
        return f"{''.join(step for step, _ in reversed(self.steps))}: {shown(self.value)} {self.complaint}"


def shown(value: Any) -> str:
    """Returns a value as JSON, cut to a readable length."""
    try:
        text = orjson.dumps(value, default=str).decode()
    except TypeError:
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


@dataclass(slots=True)
class Sight:
    """What is seen of a batch on the way.

    Attributes:
        has_unnamed: some object has a field that its type does not name.
    """

    has_unnamed: bool = False

    def note_objects(self, values: Sequence[Any], names: Sequence[str], columns: Sequence[pa.Array]) -> None:
        """Looks for unnamed fields: first by counting, since all is well where as many are filled as there are."""
        if self.has_unnamed or sum(map(len, values)) == sum(len(column) - column.null_count for column in columns):
            return
        known = frozenset(names)
        self.has_unnamed = not all(map(known.issuperset, values))


def fast_array(values: Sequence[Any], data_type: DataType, sight: Sight) -> pa.Array:
    """Returns the values as an Arrow array of the type.

    Raises:
        NotFast, pa.ArrowException, ValueError, TypeError, OverflowError: some value needs `exact_value`.
    """
    return _FAST[type(data_type)](values, data_type, sight)


def _fast_string(values: Sequence[Any], _: DataType, __: Sight) -> pa.Array:
    return _texts(values)


def _texts(values: Sequence[Any]) -> pa.Array:
    """Returns strings. Arrow is left to infer: asked for strings, it takes bytes."""
    found = pa.array(values)
    if pa.types.is_null(found.type):
        return found.cast(pa.string())
    if found.type != pa.string():
        raise NotFast
    return found


def _fast_boolean(values: Sequence[Any], _: DataType, __: Sight) -> pa.Array:
    return pa.array(values, pa.bool_())


def _fast_number(values: Sequence[Any], data_type: DataType, __: Sight) -> pa.Array:
    return _numbers(values).cast(arrow_type(data_type))


def _numbers(values: Sequence[Any]) -> pa.Array:
    """Returns int64 or float64. Arrow is left to infer: asked for a type, it cuts 7.5 to 7 and takes true for 1."""
    found = pa.array(values)
    if pa.types.is_null(found.type):
        return found.cast(pa.int64())
    if found.type not in (pa.int64(), pa.float64()):
        raise NotFast
    if found.type == pa.float64() and bool in set(map(type, values)):
        raise NotFast
    return found


def _fast_decimal(values: Sequence[Any], data_type: DataType, __: Sight) -> pa.Array:
    """Rounds half up on the number as it is written, like Spark: 2.675 is 2.68, though the float lies below."""
    assert isinstance(data_type, DecimalType)
    numbers = _numbers(values)
    if data_type.precision > 18:
        raise NotFast
    held = numbers.to_numpy(zero_copy_only=False) if not numbers.null_count else numbers.fill_null(0).to_numpy()
    units, fits = decimal_units(held, data_type)
    if not fits.all():
        raise NotFast
    return decimal_array(units, data_type, pc.is_valid(numbers) if numbers.null_count else None)


def decimal_units(held: _Numbers, data_type: DecimalType) -> tuple[_Ints, _Truths]:
    """Returns numbers as counts of the type's last place, rounded half up, and which of them that is exact for.

    Args:
        held: int64 or float64.
        data_type: of at most 18 digits.
    """
    limit = 10**data_type.precision
    factor = 10**data_type.scale
    if held.dtype == np.int64:
        most = (limit - 1) // factor
        fits = (held <= most) & (held >= -most)
        return np.where(fits, held, 0) * factor, fits
    with np.errstate(over="ignore"):
        scaled = np.abs(held) * factor
    fits = scaled < min(limit - 1, _EXACT_CENTS)
    if not fits.all():
        scaled = np.where(fits, scaled, 0.0)
    whole = np.floor(scaled)
    part = scaled - whole
    close = np.abs(part - 0.5) < 1e-5 + scaled * 1e-15
    units = (whole + (part > 0.5)).astype(np.int64)
    units[held < 0] *= -1
    for index in np.flatnonzero(close & fits):
        units[index] = int(_round_half_up(Decimal(repr(float(held[index]))), data_type.scale).scaleb(data_type.scale))
    return units, fits


def decimal_array(units: _Ints, data_type: DecimalType, valid: pa.Array | None = None) -> pa.Array:
    """Returns counts of the type's last place as its Arrow array, null where `valid` is false."""
    words = np.empty((len(units), 2), np.int64)  # a decimal128 is a little-endian 128-bit integer
    words[:, 0] = units
    words[:, 1] = units >> 63
    validity = None if valid is None else valid.buffers()[1]
    return pa.Array.from_buffers(arrow_type(data_type), len(units), [validity, pa.py_buffer(words)])


def _fast_date(values: Sequence[Any], _: DataType, __: Sight) -> pa.Array:
    return pc.cast(_texts(values), pa.date32())


def _fast_timestamp(values: Sequence[Any], _: DataType, __: Sight) -> pa.Array:
    return timestamp_array(_texts(values))


def timestamp_array(texts: pa.Array) -> pa.Array:
    """Returns ISO texts as timestamps in UTC.

    Raises:
        NotFast, pa.ArrowException: some text needs `exact_value`.
    """
    try:
        found = pc.cast(texts, pa.timestamp("us"))
    except pa.ArrowInvalid:
        found = pc.cast(texts, pa.timestamp("us", tz="UTC"))
    least = pc.min(found.view(pa.int64())).as_py()
    if least is not None and least < YEAR_ONE:
        raise NotFast
    return found.view(pa.timestamp("us", tz="UTC"))


def _fast_struct(values: Sequence[Any], data_type: DataType, sight: Sight) -> pa.Array:
    assert isinstance(data_type, StructType)
    mask = _absent(values, dict)
    documents = values if mask is None else [value or {} for value in values]
    children = [
        fast_array([value.get(field.name) for value in documents], field.dataType, sight) for field in data_type.fields
    ]
    sight.note_objects(documents, data_type.names, children)
    fields = [pa.field(field.name, child.type) for field, child in zip(data_type.fields, children, strict=True)]
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def _fast_list(values: Sequence[Any], data_type: DataType, sight: Sight) -> pa.Array:
    assert isinstance(data_type, ArrayType)
    mask = _absent(values, list)
    lists = values if mask is None else [value or () for value in values]
    inner = fast_array(list(chain.from_iterable(lists)), data_type.elementType, sight)
    return pa.ListArray.from_arrays(_offsets(lists), inner, type=arrow_type(data_type), mask=mask)


def _fast_map(values: Sequence[Any], data_type: DataType, sight: Sight) -> pa.Array:
    assert isinstance(data_type, MapType)
    mask = _absent(values, dict)
    maps = values if mask is None else [value or {} for value in values]
    keys = pa.array(list(chain.from_iterable(maps)), pa.string())
    items = fast_array(list(chain.from_iterable(map(dict.values, maps))), data_type.valueType, sight)
    return pa.MapArray.from_arrays(_offsets(maps), keys, items, type=arrow_type(data_type), mask=mask)


def _absent(values: Sequence[Any], kind: type) -> pa.Array | None:
    """Returns the mask of nulls, None where there is none."""
    kinds = set(map(type, values))
    if not kinds <= {kind, type(None)}:
        raise NotFast
    return pa.array([value is None for value in values], pa.bool_()) if type(None) in kinds else None


def _offsets(values: Sequence[Any]) -> pa.Array:
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=offsets[1:])
    return pa.array(offsets, pa.int32())


_FAST: dict[type[DataType], Callable[[Sequence[Any], DataType, Sight], pa.Array]] = {
    StringType: _fast_string,
    BooleanType: _fast_boolean,
    ByteType: _fast_number,
    ShortType: _fast_number,
    IntegerType: _fast_number,
    LongType: _fast_number,
    FloatType: _fast_number,
    DoubleType: _fast_number,
    DecimalType: _fast_decimal,
    DateType: _fast_date,
    TimestampType: _fast_timestamp,
    StructType: _fast_struct,
    ArrayType: _fast_list,
    MapType: _fast_map,
}


def exact_array(values: Sequence[Any], data_type: DataType) -> pa.Array:
    """Returns an array of values that `exact_value` returned."""
    return pa.array(values, arrow_type(data_type))


def exact_value(value: Any, data_type: DataType) -> Any:
    """Returns the value as `exact_array` takes it: int, float, Decimal, str, datetime, dict, list, pairs of a map.

    Raises:
        Unfit: the type cannot take the value without a loss.
    """
    if value is None:
        return None
    return _EXACT[type(data_type)](value, data_type)


def _exact_string(value: Any, _: DataType) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, Binary) and value.subtype == _UUID and len(value) == 16:
        return str(UUID(bytes=bytes(value)))
    raise Unfit(value, "is no string")


def _exact_boolean(value: Any, _: DataType) -> bool:
    if not isinstance(value, bool):
        raise Unfit(value, "is no boolean")
    return value


def _exact_integer(value: Any, data_type: DataType) -> int:
    word = data_type.simpleString()
    if isinstance(value, Decimal128):
        value = _plain(value, word)
        if value != value.to_integral_value(context=_WIDE):
            raise Unfit(value, f"is no {word}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise Unfit(value, f"is no {word}")
    bound = 2 ** (INTEGER_BITS[type(data_type)] - 1)
    if not -bound <= value < bound:
        raise Unfit(value, f"does not fit {word}")
    return int(value)


def _exact_float(value: Any, data_type: DataType) -> float:
    if isinstance(value, Decimal128):
        value = value.to_decimal()
        return math.nan if value.is_nan() else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(value, f"is no {data_type.simpleString()}")
    return float(value)


def _exact_decimal(value: Any, data_type: DataType) -> Decimal:
    assert isinstance(data_type, DecimalType)
    word = data_type.simpleString()
    if isinstance(value, Decimal128):
        value = _plain(value, word)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unfit(value, f"is no {word}")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise Unfit(value, f"is no {word}") from None
    if not number.is_finite():
        raise Unfit(value, f"is no {word}")
    if number.adjusted() >= 38:
        raise Unfit(value, f"does not fit {word}")
    number = _round_half_up(number, data_type.scale)
    if number.copy_abs() >= Decimal(10) ** (data_type.precision - data_type.scale):
        raise Unfit(value, f"does not fit {word}")
    return number


def _plain(value: Decimal128, word: str) -> Decimal:
    number = value.to_decimal()
    if not number.is_finite():
        raise Unfit(value, f"is no {word}")
    return number


def _round_half_up(number: Decimal, scale: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE)


def _exact_date(value: Any, _: DataType) -> date:
    if isinstance(value, datetime):
        moment = _in_utc(value)
        if moment.time() == time():
            return moment.date()
    if isinstance(value, str) and re.fullmatch(_DATE, value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Unfit(value, "is no date")


def _exact_timestamp(value: Any, _: DataType) -> datetime:
    """Reads ISO 8601: a space or a T, seconds to nanoseconds (cut to microseconds), UTC where no zone is given.

    Of a BSON timestamp, which MongoDB counts its own operations by, the second is taken.
    """
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, Timestamp):
        return value.as_datetime()
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit(value, "is no timestamp")
    day, clock, zone = match.groups()
    if clock and "." in clock:
        clock = clock[:15]
    try:
        found = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or '+00:00'}")
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(value, "is no timestamp") from None


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _exact_struct(value: Any, data_type: DataType) -> dict[str, Any]:
    assert isinstance(data_type, StructType)
    if not isinstance(value, dict):
        raise Unfit(value, "is no object")
    return {
        field.name: _inner(value.get(field.name), field.dataType, f".{field.name}", f".{field.name}")
        for field in data_type.fields
    }


def _exact_list(value: Any, data_type: DataType) -> list[Any]:
    assert isinstance(data_type, ArrayType)
    if not isinstance(value, list):
        raise Unfit(value, "is no array")
    return [_inner(each, data_type.elementType, f"[{index}]", "[]") for index, each in enumerate(value)]


def _exact_map(value: Any, data_type: DataType) -> list[tuple[str, Any]]:
    assert isinstance(data_type, MapType)
    if not isinstance(value, dict):
        raise Unfit(value, "is no object")
    return [(key, _inner(each, data_type.valueType, f".{key}", ".*")) for key, each in value.items()]


def _inner(value: Any, data_type: DataType, step: str, general: str) -> Any:
    try:
        return exact_value(value, data_type)
    except Unfit as unfit:
        raise unfit.at(step, general) from None


_EXACT: dict[type[DataType], Callable[[Any, DataType], Any]] = {
    StringType: _exact_string,
    BooleanType: _exact_boolean,
    ByteType: _exact_integer,
    ShortType: _exact_integer,
    IntegerType: _exact_integer,
    LongType: _exact_integer,
    FloatType: _exact_float,
    DoubleType: _exact_float,
    DecimalType: _exact_decimal,
    DateType: _exact_date,
    TimestampType: _exact_timestamp,
    StructType: _exact_struct,
    ArrayType: _exact_list,
    MapType: _exact_map,
}
