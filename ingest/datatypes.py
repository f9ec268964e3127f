"""Column types of contracts as Spark's and as Arrow's."""

from __future__ import annotations

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

from ingest.typewords import Written, parse_type

_SIMPLE: dict[str, DataType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "tinyint": ByteType(),
    "smallint": ShortType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "float": FloatType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}
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


def read_type(text: str) -> DataType:
    """Returns the type that `text` names, such as `map<string,struct<quantity:int,price:decimal(12,2)>>`.

    Raises:
        UnreadableType: the text names no type, or one that no landed column can have.
    """
    return _spark_type(parse_type(text))


def _spark_type(written: Written) -> DataType:
    if written.kind == "decimal":
        return DecimalType(*written.numbers)
    inner = [_spark_type(one) for one in written.inner]
    if written.kind == "array":
        return ArrayType(inner[0])
    if written.kind == "map":
        return MapType(StringType(), inner[0])
    if written.kind == "struct":
        return StructType([StructField(name, one) for name, one in zip(written.names, inner, strict=True)])
    return _SIMPLE[written.kind]


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
