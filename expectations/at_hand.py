"""Rows that are at hand on this machine, so that checks of them need no Spark: a table's files, a small view's rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGRAL = frozenset({"tinyint", "smallint", "int", "bigint"})


def kind_of(spark_type: str) -> str:
    """Returns the kind of a column by its Spark type in DDL form; empty for types that are not taken over."""
    spark_type = spark_type.lower()
    if spark_type in _INTEGRAL:
        return "integer"
    if spark_type.startswith("decimal"):
        return "decimal"
    if spark_type.startswith("array<"):
        return "array"
    if spark_type.startswith(("struct<", "map<")):
        return "nested"
    return spark_type if spark_type in ("double", "float", "string", "boolean", "date", "timestamp") else ""


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files that are all of a table's rows.

    Attributes:
        paths: on this machine.
        columns: column → Spark type in DDL form.
    """

    paths: tuple[Path, ...]
    columns: Mapping[str, str]


class Collected:
    """The rows of a small view, which Spark is asked for when a check first wants them: of the columns wanted.

    Args:
        columns: column → Spark type in DDL form.
        collect: gives the rows of the columns named.
    """

    def __init__(self, columns: Mapping[str, str], collect: Callable[[Sequence[str]], pa.Table]) -> None:
        self.columns = {name: found for name, found in columns.items() if kind_of(found) not in ("", "nested", "array")}
        self._collect = collect
        self._lock = threading.Lock()
        self._rows: pa.Table | None = None

    def rows(self, wanted: Collection[str]) -> tuple[pa.Table, bool]:
        """Returns rows with the columns wanted, and perhaps others, and whether Spark was asked.

        Raises:
            Exception: what Spark raises for them.
        """
        with self._lock:
            had = set(self._rows.column_names) if self._rows is not None else set()
            if self._rows is not None and had >= set(wanted):
                return self._rows, False
            self._rows = self._collect([name for name in self.columns if name in had or name in wanted])
            return self._rows, True
