"""Column types as `sources.yml` writes them (Spark's DDL words), read without Spark."""

from __future__ import annotations

import re
from functools import singledispatch

import pyarrow as pa
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
    StructField,
    StructType,
    TimestampType,
)

from runner.errors import nearest

_SIMPLE: dict[str, DataType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "tinyint": ByteType(),
    "byte": ByteType(),
    "smallint": ShortType(),
    "short": ShortType(),
    "int": IntegerType(),
    "integer": IntegerType(),
    "bigint": LongType(),
    "long": LongType(),
    "float": FloatType(),
    "real": FloatType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}
_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|`(?P<quoted>[^`]+)`|(?P<number>\d+)|(?P<sign>[<>(),:]))")
_ARROW: dict[type[DataType], pa.DataType] = {
    StringType: pa.string(),
    BooleanType: pa.bool_(),
    ByteType: pa.int8(),
    ShortType: pa.int16(),
    IntegerType: pa.int32(),
    LongType: pa.int64(),
    FloatType: pa.float32(),
    DoubleType: pa.float64(),
    DateType: pa.date32(),
    TimestampType: pa.timestamp("us", tz="UTC"),
}


class UnreadableType(ValueError):
    """A text that names no type that can be landed; the message says why, in the reader's own word."""


def read_type(text: str) -> DataType:
    """Returns the type that `text` names, such as `map<string,struct<quantity:int,price:decimal(12,2)>>`.

    Raises:
        UnreadableType: the text names no type, or one that no landed column can have.
    """
    tokens = _Tokens(text)
    found = _read(tokens)
    if tokens.left():
        raise UnreadableType(f'"{text}" goes on after its end at "{tokens.left()}"')
    return found


class _Tokens:
    """The words and signs of a type, read once from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0

    def left(self) -> str:
        return self.text[self._at :].strip()

    def take(self, *kinds: str) -> str:
        match = _TOKEN.match(self.text, self._at)
        if match is None or match.lastgroup not in kinds:
            rest = self.left()
            raise UnreadableType(
                f'"{self.text}" cannot be read at "{rest}"' if rest else f'"{self.text}" ends too soon'
            )
        self._at = match.end()
        return str(match.group(str(match.lastgroup)))

    def skip(self, sign: str) -> bool:
        match = _TOKEN.match(self.text, self._at)
        if match is None or match.group("sign") != sign:
            return False
        self._at = match.end()
        return True

    def need(self, sign: str) -> None:
        if not self.skip(sign):
            rest = self.left()
            raise UnreadableType(f'"{self.text}" lacks "{sign}"' + (f' before "{rest}"' if rest else " at its end"))


def _read(tokens: _Tokens) -> DataType:
    word = tokens.take("word")
    kind = word.lower()
    if kind in ("decimal", "numeric", "dec"):
        return _read_decimal(tokens)
    if kind == "array":
        tokens.need("<")
        element = _read(tokens)
        tokens.need(">")
        return ArrayType(element)
    if kind == "map":
        return _read_map(tokens)
    if kind == "struct":
        return _read_struct(tokens)
    if kind not in _SIMPLE:
        known = [*_SIMPLE, "decimal", "array", "map", "struct"]
        near = nearest(kind, known)
        raise UnreadableType(f'"{word}" is no type that can be landed.' + (f' Did you mean "{near}"?' if near else ""))
    return _SIMPLE[kind]


def _read_decimal(tokens: _Tokens) -> DecimalType:
    precision, scale = 10, 0
    if tokens.skip("("):
        precision = int(tokens.take("number"))
        if tokens.skip(","):
            scale = int(tokens.take("number"))
        tokens.need(")")
    if not 0 <= scale <= precision <= 38 or precision == 0:
        raise UnreadableType(
            f'"decimal({precision},{scale})" does not exist: precision is 1 to 38, scale 0 to precision'
        )
    return DecimalType(precision, scale)


def _read_map(tokens: _Tokens) -> MapType:
    tokens.need("<")
    key = _read(tokens)
    if not isinstance(key, StringType):
        raise UnreadableType(f'"{tokens.text}": a map\'s keys are strings, since they are field names')
    tokens.need(",")
    value = _read(tokens)
    tokens.need(">")
    return MapType(key, value)


def _read_struct(tokens: _Tokens) -> StructType:
    tokens.need("<")
    fields: list[StructField] = []
    while not fields or tokens.skip(","):
        name = tokens.take("word", "quoted")
        tokens.skip(":")
        if name in {field.name for field in fields}:
            raise UnreadableType(f'"{tokens.text}": the field "{name}" occurs twice')
        fields.append(StructField(name, _read(tokens)))
    tokens.need(">")
    return StructType(fields)


@singledispatch
def arrow_type(data_type: DataType) -> pa.DataType:
    """Returns the Arrow type of a batch's column for a Spark type."""
    if isinstance(data_type, DecimalType):
        return pa.decimal128(data_type.precision, data_type.scale)
    return _ARROW[type(data_type)]


@arrow_type.register
def _(data_type: ArrayType) -> pa.DataType:
    return pa.list_(arrow_type(data_type.elementType))


@arrow_type.register
def _(data_type: MapType) -> pa.DataType:
    return pa.map_(arrow_type(data_type.keyType), arrow_type(data_type.valueType))


@arrow_type.register
def _(data_type: StructType) -> pa.DataType:
    return pa.struct([pa.field(field.name, arrow_type(field.dataType)) for field in data_type.fields])
