"""Needs to values: all aggregates over one table in one Spark job, all small queries in another, failures kept apart.

The only module here that runs Spark. It uses public DataFrame calls alone, so it works over Spark Connect too.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations.definition import Aggregate, Need, Query

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


_NAME = re.compile(r"(?<!\{)\{(this|other)\}(?!\})")
TOGETHER = 24  # queries in one job: a plan of hundreds takes Spark longer to make than to run


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
        return list(self.asked(query).limit(query.limit).toArrow().to_pylist())

    def asked(self, query: Query) -> DataFrame:
        """Returns a query as a frame; nothing runs."""
        frames: dict[str, DataFrame] = {}
        return self._sql(self._placed(query, frames), frames)

    def queries(self, queries: Sequence[Query]) -> list[list[dict[str, Any]]]:
        """Runs small queries in one job; returns the rows of each."""
        frames: dict[str, DataFrame] = {}
        sql = "\nUNION ALL\n".join(
            f"SELECT {number} AS id, to_json(struct(*), map('ignoreNullFields', 'false')) AS row "
            f"FROM (\n{self._placed(query, frames)}\n)"
            for number, query in enumerate(queries)
        )
        found: list[list[dict[str, Any]]] = [[] for _ in queries]
        for number, row in self._sql(sql, frames).collect():
            found[number].append(json.loads(row))
        return found

    def _placed(self, query: Query, frames: dict[str, DataFrame]) -> str:
        """Returns the query's text with a name of `frames` for each table that it reads; its braces stay doubled."""
        names: dict[str, str] = {}

        def place(match: re.Match[str]) -> str:
            name = match[1]
            if name not in names:
                names[name] = f"{name}{len(frames)}"
                this = self._frame.where(query.where) if query.where else self._frame
                frames[names[name]] = this if name == "this" else self.table(query.of)
            return f"{{{names[name]}}}"

        return _NAME.sub(place, query.sql)

    def _sql(self, sql: str, frames: Mapping[str, DataFrame]) -> DataFrame:
        """Returns the frame of a text in which names of `frames` stand in braces, and braces are doubled."""
        session = self._frame.sparkSession
        return session.sql(sql, **frames) if frames else session.sql(sql.format())  # type: ignore[arg-type]

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
    queries = [need for need in dict.fromkeys(needs) if isinstance(need, Query)]
    small = [query for query in queries if query.is_small]
    for start in range(0, len(small), TOGETHER):
        _try_queries(data, small[start : start + TOGETHER], computed)
    for query in queries:
        if not query.is_small:
            _try_queries(data, [query], computed)
    return computed


def _try_queries(data: Data, queries: Sequence[Query], computed: Computed) -> None:
    """Asks queries in one job; where that fails, each half of them, down to the ones that are wrong."""
    computed.jobs += 1
    try:
        found = data.queries(queries) if len(queries) > 1 else [data.query(queries[0])]
    except Exception as error:
        if len(queries) == 1:
            computed.failures[queries[0]] = error
            return
        middle = len(queries) // 2
        _try_queries(data, queries[:middle], computed)
        _try_queries(data, queries[middle:], computed)
        return
    computed.values.update(zip(queries, found, strict=True))


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
