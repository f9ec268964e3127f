"""Needs to values: all aggregates over one table in one Spark job, queries one each, failures kept apart.

The only module here that runs Spark. It uses public DataFrame calls alone, so it works over Spark Connect too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations.definition import Aggregate, Need, Query

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(slots=True)
class Computed:
    """What was computed.

    Attributes:
        values: need → value: a scalar or a list for an aggregate, a list of rows (mappings) for a query.
        failures: need → what Spark raised.
        jobs: the Spark actions that it took.
    """

    values: dict[Hashable, Any] = field(default_factory=dict)
    failures: dict[Hashable, Exception] = field(default_factory=dict)
    jobs: int = 0


class Data:
    """The model under check and the tables it is held against, as frames."""

    def __init__(self, frame: DataFrame, inputs: Mapping[str, DataFrame]) -> None:
        self._frame = frame
        self._inputs = inputs

    @property
    def frame(self) -> DataFrame:
        return self._frame

    def table(self, name: str) -> DataFrame:
        """Returns a frame by its name; the empty name is the model itself.

        Raises:
            KeyError: nobody gave a frame of that name.
        """
        return self._inputs[name] if name else self._frame

    def query(self, query: Query) -> list[dict[str, Any]]:
        """Runs a query; returns its rows, at most `query.limit`."""
        this = self._frame.where(query.where) if query.where else self._frame
        frames = {"this": this}
        if query.of:
            frames["other"] = self.table(query.of)
        used = {name: frame for name, frame in frames.items() if f"{{{name}}}" in query.sql}
        table = self._frame.sparkSession.sql(query.sql, **used).limit(query.limit).toArrow()  # type: ignore[arg-type]
        return list(table.to_pylist())

    def rows(self, condition: str, limit: int) -> list[dict[str, Any]]:
        """Returns rows of the model that satisfy a condition, at most `limit`."""
        return [row.asDict(recursive=True) for row in self._frame.where(condition).limit(limit).collect()]


def compute(data: Data, needs: Sequence[Need]) -> Computed:
    """Computes each distinct need once.

    Where the one job over a table fails, its aggregates are halved until the wrong ones stand alone, so that one wrong
    expression spoils only the expectation that holds it.
    """
    computed = Computed()
    by_table: dict[str, list[Aggregate]] = defaultdict(list)
    for need in dict.fromkeys(needs):
        if isinstance(need, Aggregate):
            by_table[need.of].append(need)
    for table, aggregates in by_table.items():
        _try(data, table, aggregates, computed)
    for need in dict.fromkeys(needs):
        if isinstance(need, Query):
            computed.jobs += 1
            try:
                computed.values[need] = data.query(need)
            except Exception as error:
                computed.failures[need] = error
    return computed


def _try(data: Data, table: str, aggregates: Sequence[Aggregate], computed: Computed) -> None:
    """Computes aggregates in one job; where that fails, each half of them, down to the ones that are wrong."""
    try:
        _aggregate(data, table, aggregates, computed)
    except Exception as error:
        if len(aggregates) == 1:
            computed.failures[aggregates[0]] = error
            return
        middle = len(aggregates) // 2
        _try(data, table, aggregates[:middle], computed)
        _try(data, table, aggregates[middle:], computed)


def _aggregate(data: Data, table: str, aggregates: Sequence[Aggregate], computed: Computed) -> None:
    from pyspark.sql import functions

    expressions = [
        functions.expr(one.call + (f" FILTER (WHERE {one.where})" if one.where else "")).alias(f"a{index}")
        for index, one in enumerate(aggregates)
    ]
    frame = data.table(table)
    computed.jobs += 1
    row = frame.agg(*expressions).collect()[0]
    for one, value in zip(aggregates, row, strict=True):
        computed.values[one] = list(one.empty) if value is None and one.empty is not None else value


def types_of(frame: DataFrame) -> dict[str, str]:
    """Returns the frame's columns and their types in DDL form, without asking for rows."""
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}
