"""Needs to values: all aggregates and all small queries of a suite in one Spark job, failures kept apart.

What lies in files here is computed in this process first; see `in_process`. The only module here that runs Spark. It uses
public DataFrame calls alone, so it works over Spark Connect too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from expectations.at_hand import Collected, Files
from expectations.definition import TABLES, Aggregate, Given, Need, Query, escape
from expectations.in_process import InProcess

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


_JSON = "to_json(struct(*), map('ignoreNullFields', 'false'))"
TOGETHER = 24  # tables and queries in one job: a plan of hundreds takes Spark longer to make than to run


@dataclass(slots=True)
class Computed:
    """What was computed.

    Attributes:
        values: need → value: a scalar or a list for an aggregate, a list of rows (mappings) or a table for a query.
        failures: need → what Spark raised.
        jobs: the Spark actions that it took.
    """

    values: dict[Need, Any] = field(default_factory=dict)
    failures: dict[Need, Exception] = field(default_factory=dict)
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """Aggregates over one table, by its name; the empty name is the model itself."""

    of: str
    calls: tuple[Aggregate, ...]

    def struct(self) -> str:
        """Returns the expression that computes them all; its braces are doubled, as in a query."""
        return f"struct({', '.join(f'{_call(one)} AS a{index}' for index, one in enumerate(self.calls))})"

    def halves(self) -> tuple[Aggregates, Aggregates]:
        middle = len(self.calls) // 2
        return replace(self, calls=self.calls[:middle]), replace(self, calls=self.calls[middle:])


def _call(one: Aggregate) -> str:
    return escape(one.call + (f" FILTER (WHERE {one.where})" if one.where else ""))


Part = Aggregates | Query


class Data:
    """The model under check and the tables it is held against, as frames.

    Args:
        here: those of them whose rows are at hand on this machine; the empty name is the model itself.
    """

    def __init__(
        self, frame: DataFrame, inputs: Mapping[str, DataFrame], here: Mapping[str, Files | Collected] | None = None
    ) -> None:
        self._frame = frame
        self._inputs = inputs
        self.in_process = InProcess(here or {})

    @property
    def frame(self) -> DataFrame:
        return self._frame

    def table(self, name: str) -> DataFrame:
        """Returns a frame by its name; the empty name is the model itself.

        Raises:
            KeyError: nobody gave a frame of that name.
        """
        return self._inputs[name] if name else self._frame

    def reads_another_alone(self, need: Need) -> bool:
        """Whether a need asks nothing of the model under check, so that every suite of a run finds the same."""
        if isinstance(need, Given) or not need.of or self.table(need.of) is self._frame:
            return False
        return isinstance(need, Aggregate) or set(TABLES.findall(need.sql)) == {"other"}

    def query(self, query: Query) -> Any:
        """Runs a query; returns its rows, at most `query.limit`, as mappings or as a table."""
        asked = self.asked(query).limit(query.limit)
        if query.is_table:
            return asked.toArrow()
        if any("timestamp" in kind for kind in types_of(asked).values()):  # which Arrow would give in another zone
            return [row.asDict(recursive=True) for row in asked.collect()]
        return asked.toArrow().to_pylist()

    def asked(self, query: Query) -> DataFrame:
        """Returns a query as a frame; nothing runs."""
        frames = _Frames(self)
        return self._sql(frames.placed(query), frames)

    def together(self, parts: Sequence[Part]) -> list[Any]:
        """Computes aggregates over several tables and queries in one job.

        Returns:
            For each part the values of its aggregates in order, or the rows of its query.
        """
        frames = _Frames(self)
        typed = [number for number, part in enumerate(parts) if isinstance(part, Aggregates) or not part.is_small]
        branches = []
        for number, part in enumerate(parts):
            structs, text = ["NULL"] * len(typed), "CAST(NULL AS STRING)"
            if isinstance(part, Aggregates):
                structs[typed.index(number)] = part.struct()
                source = f"{frames.named(part.of)} HAVING TRUE"  # one row, whatever the calls are
            elif part.is_small:
                text, source = _JSON, f"(\n{frames.placed(part)}\n)"
            else:
                structs[typed.index(number)] = "struct(*)"
                source = f"(SELECT * FROM (\n{frames.placed(part)}\n) LIMIT {part.limit})"
            named = "".join(f", {struct} AS s{place}" for place, struct in enumerate(structs))
            branches.append(f"SELECT {number} AS id, {text} AS text{named} FROM {source}")
        found: list[Any] = [[] for _ in parts]
        for row in self._sql("\nUNION ALL\n".join(branches), frames).collect():
            number = row["id"]
            if number not in typed:
                found[number].append(json.loads(row["text"]))
                continue
            value = row[f"s{typed.index(number)}"]
            if isinstance(parts[number], Aggregates):
                found[number] = list(value)
            else:
                found[number].append(value.asDict(recursive=True))
        return found

    def _sql(self, sql: str, frames: _Frames) -> DataFrame:
        """Returns the frame of a text in which names of `frames` stand in braces, and braces are doubled."""
        session = self._frame.sparkSession
        return session.sql(sql, **frames.by_name) if frames.by_name else session.sql(sql.format())  # type: ignore[arg-type]

    def rows(self, condition: str, limit: int) -> list[dict[str, Any]]:
        """Returns rows of the model that satisfy a condition, at most `limit`."""
        return [row.asDict(recursive=True) for row in self._frame.where(condition).limit(limit).collect()]


class _Frames:
    """Names for the tables that one text reads: one for each table and filter, however often it is read."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._names: dict[tuple[str, str], str] = {}
        self.by_name: dict[str, DataFrame] = {}

    def named(self, of: str, where: str = "") -> str:
        """Returns how a text names a table; the empty name is the model itself."""
        if (of, where) not in self._names:
            name = self._names[of, where] = f"t{len(self._names)}"
            table = self._data.table(of)
            self.by_name[name] = table.where(where) if where else table
        return f"{{{self._names[of, where]}}}"

    def placed(self, query: Query) -> str:
        """Returns the query's text with its tables' names; its braces stay doubled."""
        return TABLES.sub(
            lambda match: self.named("", query.where) if match[1] == "this" else self.named(query.of), query.sql
        )


def compute(data: Data, needs: Sequence[Need], memo: MutableMapping[Need, Any] | None = None) -> Computed:
    """Computes each distinct need once.

    Args:
        memo: values over other tables that suites before found, for a run in which those tables stay as they are; what
            is found now is added.

    What can be computed in this process is. Of the others, the aggregates over every table and the queries are one Spark
    job; each query that is a table is one of its own. Where the one job fails, its parts are halved until the wrong ones
    stand alone, so that one wrong expression spoils only the expectation that holds it.
    """
    computed = Computed()
    known = memo if memo is not None else {}
    distinct = dict.fromkeys(need for need in needs if not isinstance(need, Given))
    computed.values |= {need: known[need] for need in distinct if need in known}
    before = data.in_process.jobs
    computed.values |= data.in_process.answer(need for need in distinct if need not in known)
    computed.jobs += data.in_process.jobs - before
    by_table: dict[str, list[Aggregate]] = defaultdict(list)
    queries: list[Query] = []
    for need in distinct:
        if need in computed.values:
            continue
        if isinstance(need, Aggregate):
            by_table[need.of].append(need)
        else:
            queries.append(need)
    parts: list[Part] = [Aggregates(of=of, calls=tuple(calls)) for of, calls in by_table.items()]
    parts += [query for query in queries if not query.is_table]
    for start in range(0, len(parts), TOGETHER):
        _try(data, parts[start : start + TOGETHER], computed)
    for query in queries:
        if query.is_table:
            _try(data, [query], computed)
    known.update({need: value for need, value in computed.values.items() if data.reads_another_alone(need)})
    return computed


def _try(data: Data, parts: Sequence[Part], computed: Computed) -> None:
    """Computes parts in one job; where that fails, each half of them, down to the needs that are wrong."""
    computed.jobs += 1
    alone = parts[0] if len(parts) == 1 else None
    try:
        found = [data.query(alone)] if isinstance(alone, Query) else data.together(parts)
    except Exception as error:
        if alone is None:
            middle = len(parts) // 2
            halves: list[Sequence[Part]] = [parts[:middle], parts[middle:]]
        elif isinstance(alone, Aggregates) and len(alone.calls) > 1:
            halves = [[half] for half in alone.halves()]
        else:
            computed.failures[alone.calls[0] if isinstance(alone, Aggregates) else alone] = error
            return
        for half in halves:
            _try(data, half, computed)
        return
    for part, values in zip(parts, found, strict=True):
        if isinstance(part, Aggregates):
            computed.values.update(zip(part.calls, values, strict=True))
        else:
            computed.values[part] = values


def types_of(frame: DataFrame) -> dict[str, str]:
    """Returns the frame's columns and their types in DDL form, without asking for rows."""
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}
