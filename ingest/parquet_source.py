"""Parquet files read by Spark itself and held to the same contract, in Spark's own expressions.

Types are settled once by the files' schema: a column that can be cast without a loss is cast; of one that can only
sometimes be (a double where an int is wanted), the rows where it cannot go to quarantine; of one that never can be, all
rows with a value do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    FractionalType,
    IntegralType,
    MapType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from ingest.contract import (
    COUNTED,
    FILE,
    KEY,
    PAYLOAD,
    POSITION,
    PROBLEM,
    REASON,
    RESCUED,
    Contract,
)
from runner.errors import ContractError, FormatError

_SHOWN_NAMES = 6
_FAULTS = "_faults"
_PLACE = "_place"


def count_rows(paths: Sequence[Path]) -> int:
    """Returns the number of rows that the files' footers state.

    Raises:
        FormatError: a file is no Parquet.
    """
    return sum(_rows(each) for path in paths for each in (sorted(path.glob("*.parquet")) if path.is_dir() else [path]))


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: is no Parquet file, or is truncated. Write or copy it again.") from error


def read_parquet(spark: SparkSession, contract: Contract, paths: Sequence[Path]) -> tuple[DataFrame, tuple[str, ...]]:
    """Returns the rows in `Contract.decoded_schema`, and the contract's paths that the files' schema lacks.

    Raises:
        ContractError: the files have no path of the contract, or lack its key.
    """
    frame = spark.read.parquet(*map(str, paths))
    found = {field.name: field.dataType for field in frame.schema.fields}
    names = {
        column.name: [name for name in (column.name, *column.aliases) if name in found] for column in contract.columns
    }
    _check_columns(contract, paths[0], found, names)
    types = contract.types()
    values = {name: sf.coalesce(*map(sf.col, each)) for name, each in names.items() if each}
    kinds = {name: found[each[0]] for name, each in names.items() if each}
    faults = _joined(
        [_missing_key(name, values[name]) for name in contract.key]
        + [_faults(value, kinds[name], types[name], name) for name, value in values.items()]
    )
    known = {spoken: types[name] for name, each in names.items() for spoken in each}
    rescued = _rescued(sf.col, frame.schema, known)
    kept = sf.lit(None).cast("string") if rescued is None else sf.to_json(rescued)
    decoded = frame.select("*", sf.col("_metadata").alias(_PLACE)).withColumn(
        _FAULTS, _no_faults() if faults is None else faults
    )
    columns = [
        (_fitted(values[name], kinds[name], data_type) if name in values else sf.lit(None)).cast(data_type).alias(name)
        for name, data_type in types.items()
    ]
    fates = _fates(contract, values, frame.columns)
    missing = [name for name in types if name not in values]
    missing += [path for name, kind in kinds.items() for path in _lacking(kind, types[name], name)]
    counted = sf.lit(0).cast("bigint").alias(COUNTED)
    return decoded.select(*columns, kept.alias(RESCUED), *fates, counted), tuple(missing)


def _check_columns(
    contract: Contract, path: Path, found: Mapping[str, DataType], names: Mapping[str, Sequence[str]]
) -> None:
    has = ", ".join(list(found)[:_SHOWN_NAMES]) + (", …" if len(found) > _SHOWN_NAMES else "")
    if not any(names.values()):
        raise ContractError(
            f"{path}: none of the paths of {contract} in sources.yml occurs in it: it has {has}. "
            "Is it another table's file?"
        )
    for name in contract.key:
        if not names[name]:
            raise ContractError(
                f'{path}: the key "{name}" of {contract} is no column of it; it has {has}. '
                "Mend the file, or `key` in sources.yml."
            )


def _lacking(found: DataType, wanted: DataType, path: str) -> Iterator[str]:
    if isinstance(wanted, StructType) and isinstance(found, StructType):
        for field in wanted.fields:
            if field.name not in found.names:
                yield f"{path}.{field.name}"
            else:
                yield from _lacking(found[field.name].dataType, field.dataType, f"{path}.{field.name}")
    elif isinstance(wanted, ArrayType) and isinstance(found, ArrayType):
        yield from _lacking(found.elementType, wanted.elementType, f"{path}[]")
    elif isinstance(wanted, MapType) and isinstance(found, MapType):
        yield from _lacking(found.valueType, wanted.valueType, f"{path}.*")


def _fitted(value: Column, found: DataType, wanted: DataType) -> Column:
    """Returns the value as the wanted type; null where it does not fit."""
    if isinstance(wanted, StructType) and isinstance(found, StructType):
        fields = [
            (
                _fitted(value.getField(field.name), found[field.name].dataType, field.dataType)
                if field.name in found.names
                else sf.lit(None).cast(field.dataType)
            ).alias(field.name)
            for field in wanted.fields
        ]
        return sf.when(value.isNotNull(), sf.struct(*fields))
    if isinstance(wanted, ArrayType) and isinstance(found, ArrayType):
        inner, element = found.elementType, wanted.elementType
        return sf.transform(value, lambda each: _fitted(each, inner, element))
    if isinstance(wanted, MapType) and isinstance(found, MapType):
        inner, element = found.valueType, wanted.valueType
        return sf.transform_values(value, lambda _, each: _fitted(each, inner, element))
    return _scalar(value, found, wanted)


def _scalar(value: Column, found: DataType, wanted: DataType) -> Column:
    if found == wanted:
        return value
    nothing = sf.lit(None).cast(wanted)
    if isinstance(wanted, IntegralType):
        if isinstance(found, IntegralType):
            return value.try_cast(wanted)
        if isinstance(found, FractionalType):
            return sf.when(value == sf.floor(value), value.try_cast(wanted))
        return nothing
    kinds: tuple[type[DataType], ...]
    if isinstance(wanted, DecimalType):
        kinds = (IntegralType, FractionalType, StringType)
    elif isinstance(wanted, DoubleType | FloatType):
        kinds = (IntegralType, FractionalType)
    elif isinstance(wanted, TimestampType):
        kinds = (TimestampNTZType, DateType, StringType)
    elif isinstance(wanted, DateType):
        kinds = (StringType,)
    else:
        kinds = ()
    return value.try_cast(wanted) if isinstance(found, kinds) else nothing


def _faults(value: Column, found: DataType, wanted: DataType, path: str) -> Column | None:
    """Returns the array of all that does not fit in a value, as (problem, reason); None where all of the type fits."""
    if found == wanted:
        return None
    if isinstance(wanted, StructType) and isinstance(found, StructType):
        inner = [
            _faults(value.getField(field.name), found[field.name].dataType, field.dataType, f"{path}.{field.name}")
            for field in wanted.fields
            if field.name in found.names
        ]
        return _joined(inner)
    if isinstance(wanted, ArrayType) and isinstance(found, ArrayType):
        return _faults_of_each(value, found.elementType, wanted.elementType, f"{path}[]")
    if isinstance(wanted, MapType) and isinstance(found, MapType):
        return _faults_of_each(sf.map_values(value), found.valueType, wanted.valueType, f"{path}.*")
    return _faults_of_scalar(value, found, wanted, path)


def _faults_of_each(values: Column, found: DataType, wanted: DataType, path: str) -> Column | None:
    if _faults(sf.lit(None), found, wanted, path) is None:
        return None
    each = sf.transform(values, lambda value: _fault_or_none(value, found, wanted, path))
    return sf.coalesce(sf.flatten(each), _no_faults())


def _fault_or_none(value: Column, found: DataType, wanted: DataType, path: str) -> Column:
    faults = _faults(value, found, wanted, path)
    return _no_faults() if faults is None else faults


def _faults_of_scalar(value: Column, found: DataType, wanted: DataType, path: str) -> Column | None:
    if isinstance(wanted, DoubleType | FloatType) and isinstance(found, IntegralType | FractionalType):
        return None
    if isinstance(wanted, TimestampType) and isinstance(found, TimestampNTZType | DateType):
        return None
    nested = isinstance(wanted, StructType | ArrayType | MapType)
    word = ("array" if isinstance(wanted, ArrayType) else "object") if nested else wanted.simpleString()
    fits = sf.lit(False) if nested else _scalar(value, found, wanted).isNotNull()
    shown = sf.to_json(sf.struct(value.alias("v")))  # {"v":…}
    shown = sf.substring(shown, sf.lit(6), sf.length(shown) - 6)
    fault = sf.struct(
        sf.lit(f"{path} is no {word}").alias("problem"),
        sf.concat(sf.lit(f"{path}: "), shown, sf.lit(f" is no {word}")).alias("reason"),
    )
    return sf.when(value.isNotNull() & ~fits, sf.array(fault)).otherwise(_no_faults())


def _missing_key(name: str, value: Column) -> Column:
    said = sf.lit(f"key {name} is missing")
    return sf.when(value.isNull(), sf.array(sf.struct(said.alias("problem"), said.alias("reason")))).otherwise(
        _no_faults()
    )


def _joined(faults: Sequence[Column | None]) -> Column | None:
    met = [each for each in faults if each is not None]
    return sf.concat(*met) if met else None


def _no_faults() -> Column:
    return sf.array().cast("array<struct<problem:string,reason:string>>")


def _fates(contract: Contract, values: Mapping[str, Column], source: Sequence[str]) -> list[Column]:
    """Returns key, reason, problem, payload, file and position; null where a row has no faults."""
    is_unfit = sf.size(_FAULTS) > 0
    key = sf.concat_ws(", ", *(values[name].cast("string") for name in contract.key))
    fates = {
        KEY: sf.when(key != "", key),
        REASON: sf.array_join(sf.transform(_FAULTS, lambda fault: fault.getField("reason")), "; "),
        PROBLEM: sf.get(sf.col(_FAULTS), 0).getField("problem"),
        PAYLOAD: sf.to_json(sf.struct(*source)),
        FILE: sf.col(_PLACE).getField("file_name"),
        POSITION: sf.col(_PLACE).getField("row_index"),
    }
    return [sf.when(is_unfit, fate).alias(name) for name, fate in fates.items()]


def _rescued(value: Callable[[str], Column], found: StructType, wanted: Mapping[str, DataType]) -> Column | None:
    """Returns an object's unnamed parts in its own shape, null where it has none; None where its type can have none."""
    parts: dict[str, Column] = {}
    for field in found.fields:
        if field.name not in wanted:
            parts[field.name] = value(field.name)
        elif (inner := _rescued_within(value(field.name), field.dataType, wanted[field.name])) is not None:
            parts[field.name] = inner
    if not parts:
        return None
    is_there = reduce(or_, (part.isNotNull() for part in parts.values()))
    return sf.when(is_there, sf.struct(*(part.alias(name) for name, part in parts.items())))


def _rescued_within(value: Column, found: DataType, wanted: DataType) -> Column | None:
    if isinstance(wanted, StructType) and isinstance(found, StructType):
        return _rescued(value.getField, found, {field.name: field.dataType for field in wanted.fields})
    if isinstance(wanted, ArrayType) and isinstance(found, ArrayType):
        inner, element = found.elementType, wanted.elementType
        if _rescued_within(sf.lit(None), inner, element) is None:
            return None
        each_part = sf.transform(value, lambda each: _rescued_or_null(each, inner, element))
        return sf.when(sf.exists(each_part, lambda part: part.isNotNull()), each_part)
    if isinstance(wanted, MapType) and isinstance(found, MapType):
        inner, element = found.valueType, wanted.valueType
        if _rescued_within(sf.lit(None), inner, element) is None:
            return None
        each_part = sf.transform_values(value, lambda _, each: _rescued_or_null(each, inner, element))
        filled = sf.map_filter(each_part, lambda _, part: part.isNotNull())
        return sf.when(sf.size(filled) > 0, filled)
    return None


def _rescued_or_null(value: Column, found: DataType, wanted: DataType) -> Column:
    part = _rescued_within(value, found, wanted)
    return sf.lit(None) if part is None else part
