"""`on_schema_change`: what becomes of an incremental model's table when the query's columns are no longer the table's.

ignore              new columns of the query are left out; a column that the query lacks is an error (the default)
append_new_columns  new columns are added; what the query lacks stays, and is null in new rows
sync_all_columns    new columns are added, missing ones dropped, types changed: the latter two write the table anew
fail                any difference is an error
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ContractError
from runner.materialize.candidate import Work
from runner.model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructField, StructType


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a query's columns differ from the table's.

    Attributes:
        added: columns of the query that the table lacks.
        missing: columns of the table that the query lacks.
        retyped: the query's columns of another type than the table's.
    """

    added: tuple[StructField, ...]
    missing: tuple[str, ...]
    retyped: tuple[StructField, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.retyped)


def difference(table: StructType, query: StructType) -> Difference:
    """Returns how the query's columns differ from the table's, whatever their order and case."""
    there = {field.name.lower(): field for field in table}
    given = {field.name.lower(): field for field in query}
    return Difference(
        added=tuple(field for name, field in given.items() if name not in there),
        missing=tuple(field.name for name, field in there.items() if name not in given),
        retyped=tuple(
            field for name, field in given.items() if name in there and not _same(there[name].dataType, field.dataType)
        ),
    )


def _same(first: DataType, second: DataType) -> bool:
    return first.simpleString() == second.simpleString()


def reconcile(work: Work, candidate: Path, query: DataFrame) -> None:
    """Makes the candidate, a clone of the published table, ready for the query's rows.

    Raises:
        ContractError: the columns differ in a way that the model's `on_schema_change` does not allow.
    """
    model, spark = work.model, work.warehouse.spark
    mode = model.config.values.get("on_schema_change") or "ignore"
    published = work.warehouse.read(candidate)
    found = difference(published.schema, query.schema)
    if mode == "fail" and found:
        raise ContractError(
            f"{model.path}: the query's columns are not those of the published table: {words(found, published.schema)}. "
            f'on_schema_change is "fail": change the query, or rebuild: run models --select {model.name} --full-refresh'
        )
    if mode == "ignore" and found.missing:
        raise ContractError(
            f"{model.path}: the query's columns are not those of the published table: "
            f"it lacks {', '.join(found.missing)}. Set on_schema_change to append_new_columns or sync_all_columns, or "
            f"rebuild: run models --select {model.name} --full-refresh"
        )
    if mode == "sync_all_columns" and (found.missing or found.retyped):
        _write_anew(published, found, candidate, model)
    elif mode in ("append_new_columns", "sync_all_columns") and found.added:
        listed = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in found.added)
        spark.sql(f"alter table delta.`{candidate.absolute()}` add columns ({listed})")


def words(found: Difference, table: StructType) -> str:
    """Returns a difference in words."""
    types = {field.name.lower(): field.dataType.simpleString() for field in table}
    parts = [f"it lacks {', '.join(found.missing)}"] * bool(found.missing)
    parts += [f"it adds {', '.join(field.name for field in found.added)}"] * bool(found.added)
    parts += [
        f"{field.name} is {field.dataType.simpleString()} where the table has {types[field.name.lower()]}"
        for field in found.retyped
    ]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _write_anew(published: DataFrame, found: Difference, candidate: Path, model: Model) -> None:
    from pyspark.sql import functions as F

    new_types = {field.name.lower(): field.dataType for field in found.retyped}
    kept = [field for field in published.schema if field.name not in found.missing]
    columns = [
        F.col(f"`{field.name}`").cast(new_types.get(field.name.lower(), field.dataType)).alias(field.name)
        for field in kept
    ]
    columns += [F.lit(None).cast(field.dataType).alias(field.name) for field in found.added]
    writer = published.select(*columns).write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.partitionBy(*model.config.partition_by).save(str(candidate))


def fitted(query: DataFrame, table: StructType, model: Model) -> DataFrame:
    """Returns the query's rows with the table's columns among its own, in the table's order and types.

    Raises:
        ContractError: a type of the query cannot stand in the table's column.
    """
    from pyspark.sql import functions as F

    given = {field.name.lower(): field for field in query.schema}
    columns = []
    for field in table:
        own = given.get(field.name.lower())
        if own is None:
            continue
        column = F.col(f"`{own.name}`")
        if not _same(own.dataType, field.dataType):
            if not _fits(own.dataType, field.dataType):
                raise ContractError(
                    f"{model.path}: the query gives {field.name} as {own.dataType.simpleString()}; the published table has "
                    f"{field.dataType.simpleString()}. Cast it, set on_schema_change to sync_all_columns, or rebuild: "
                    f"run models --select {model.name} --full-refresh"
                )
            column = column.cast(field.dataType)
        columns.append(column.alias(field.name))
    return query.select(*columns)


def _fits(given: DataType, wanted: DataType) -> bool:
    """True where values can be stored as the other type without losing a part of them; too large a number fails."""
    from pyspark.sql import types as T

    if isinstance(given, T.NullType):
        return True
    if isinstance(given, T.NumericType) and isinstance(wanted, T.NumericType):
        return isinstance(given, T.IntegralType) or not isinstance(wanted, T.IntegralType)
    if isinstance(given, T.DateType):
        return isinstance(wanted, (T.TimestampType, T.TimestampNTZType))
    return isinstance(wanted, T.StringType) and isinstance(given, (T.StringType, T.VarcharType, T.CharType))
