"""The figures of a table that a draft of its suite needs: one pass over its rows, one job of small queries, a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

from expectations.compute import Data, compute, types_of
from expectations.definition import Aggregate, Need, Query, escape, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FEW_VALUES = 20  # of a column whose values a suite may list
_SAMPLE = 1_000
_MOST_TIMES = 5  # columns of a kind that are compared with each other
_MOST_MONEY = 5
_MOST_SETS = 12
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_EXACT = ("tinyint", "smallint", "int", "bigint", "string", "date", "boolean")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column.

    Attributes:
        kind: its Spark type in DDL form.
        nulls: rows without a value; empty: rows with an empty text.
        distinct: about how many values it has.
        least, greatest: of numbers, and of times as texts.
        values: all of them as texts, where they are few.
        sample: some of them, of texts.
        total: the sum, of numbers.
    """

    name: str
    kind: str
    nulls: int
    empty: int = 0
    distinct: int = 0
    least: Any = None
    greatest: Any = None
    total: float | None = None
    values: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        return self.kind.startswith(_NUMERIC)

    @property
    def is_time(self) -> bool:
        return self.kind in ("date", "timestamp", "timestamp_ntz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One table.

    Attributes:
        keys: columns, or sets of columns, that no two rows share.
        ordered: pairs of times of which the first is never after the second.
        sums: triples of columns of which the first is the sum of the others, in all rows.
        durations: start, end and a number that is the seconds between them in all rows.
        parents: table → its rows, and the sum of each of its columns that this table has, too.
        parent_keys: table and column → how many different values.
        jobs: Spark jobs that it took.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    keys: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    sums: tuple[tuple[str, str, str], ...] = ()
    durations: tuple[tuple[str, str, str], ...] = ()
    parents: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parent_keys: Mapping[tuple[str, str], int] = field(default_factory=dict)
    jobs: int = 0


ROWS = ""  # the name under which `Profile.parents` has a table's rows


def profile(frame: DataFrame, parents: Mapping[str, DataFrame]) -> Profile:
    """Returns the figures of a table.

    Args:
        frame: its rows; read once for all aggregates, and once for the small queries.
        parents: the tables that it is made of, by name: one aggregate each.
    """
    kinds = {name: kind for name, kind in types_of(frame).items() if not name.startswith("_") and _is_plain(kind)}
    data = Data(frame, parents)
    others = {name: types_of(other) for name, other in parents.items()}
    needs = _needs(kinds, others)
    computed = compute(data, list(needs.values()))
    found: dict[str, Any] = {name: computed.values.get(need) for name, need in needs.items()}
    rows = int(found["rows"] or 0)
    small = {
        name: Query(
            sql=f"SELECT DISTINCT CAST({escape(quoted(name))} AS STRING) AS value FROM {{this}} "
            f"WHERE {escape(quoted(name))} IS NOT NULL ORDER BY value LIMIT {FEW_VALUES + 1}",
            is_small=True,
        )
        for name, kind in kinds.items()
        if kind in ("string", "boolean") and 0 < int(found[f"distinct {name}"] or 0) <= FEW_VALUES
    }
    sets = _sets(kinds, found, rows)
    unique: dict[tuple[str, ...], Need] = {
        columns: Query(
            sql="SELECT count(*) AS n FROM (SELECT 1 FROM {this} GROUP BY "
            + ", ".join(escape(quoted(column)) for column in columns)
            + " HAVING count(*) > 1)",
            is_small=True,
        )
        for columns in sets
    }
    texts = [name for name, kind in kinds.items() if kind == "string"]
    asked = compute(data, [*small.values(), *unique.values()])
    sample = data.query(_sample_of(texts)) if texts else []
    keys = [columns for columns, need in unique.items() if asked.values[need][0]["n"] == 0]
    columns = {
        name: ColumnProfile(
            name=name,
            kind=kind,
            nulls=rows - int(found[f"known {name}"] or 0),
            empty=int(found.get(f"empty {name}") or 0),
            distinct=int(found[f"distinct {name}"] or 0),
            least=found.get(f"least {name}"),
            greatest=found.get(f"greatest {name}"),
            total=None if found.get(f"total {name}") is None else float(found[f"total {name}"]),
            values=tuple(row["value"] for row in asked.values[small[name]]) if name in small else (),
            sample=tuple(row[name] for row in sample if row[name] is not None) if kind == "string" else (),
        )
        for name, kind in kinds.items()
    }
    return Profile(
        rows=rows,
        columns=columns,
        keys=tuple(columns for columns in keys if not any(set(other) < set(columns) for other in keys)),
        ordered=tuple(pair for pair in permutations(_times(kinds), 2) if _holds(found, "ordered", pair)),
        sums=tuple(three for three in _triples(kinds) if _holds(found, "sum", three)),
        durations=tuple(three for three in _spans(kinds) if _holds(found, "span", three)),
        parents={
            other: {
                column: float(found[f"{other}.{column}"])
                for column in (ROWS, *_shared(kinds, others[other]))
                if found.get(f"{other}.{column}") is not None
            }
            for other in parents
        },
        parent_keys={
            (other, column): int(found[f"{other} distinct {column}"])
            for other in parents
            for column in others[other]
            if found.get(f"{other} distinct {column}") is not None
        },
        jobs=computed.jobs + asked.jobs + bool(texts),
    )


def _is_plain(kind: str) -> bool:
    return not kind.startswith(("struct", "array", "map", "binary", "void", "variant", "interval"))


def _needs(kinds: Mapping[str, str], others: Mapping[str, Mapping[str, str]]) -> dict[str, Need]:
    needs: dict[str, Need] = {"rows": Aggregate(call="count(*)")}
    for name, kind in kinds.items():
        column = quoted(name)
        needs[f"known {name}"] = Aggregate(call=f"count({column})")
        needs[f"distinct {name}"] = Aggregate(call=f"approx_count_distinct({column})")
        if kind.startswith(_NUMERIC) or kind in ("date", "timestamp", "timestamp_ntz"):
            value = f"CAST({column} AS {'DOUBLE' if kind.startswith(_NUMERIC) else 'STRING'})"
            needs[f"least {name}"] = Aggregate(call=f"min({value})")
            needs[f"greatest {name}"] = Aggregate(call=f"max({value})")
        if kind.startswith(_NUMERIC):
            needs[f"total {name}"] = Aggregate(call=f"sum(CAST({column} AS DOUBLE))")
        if kind == "string":
            needs[f"empty {name}"] = Aggregate(call=f"count_if({column} = '')")
    for first, second in permutations(_times(kinds), 2):
        a, b = quoted(first), quoted(second)
        needs[f"ordered {first} {second}"] = Aggregate(call=f"count_if({a} > {b})")
        needs[f"ordered {first} {second} seen"] = Aggregate(call=f"count_if({a} < {b})")
    for total, first, second in _triples(kinds):
        a, b, c = quoted(total), quoted(first), quoted(second)
        needs[f"sum {total} {first} {second}"] = Aggregate(
            call=f"count_if(NOT coalesce(abs({a} - {b} - {c}) <= 0.011, FALSE))"
        )
        needs[f"sum {total} {first} {second} seen"] = Aggregate(call=f"count_if({b} <> 0 AND {c} <> 0)")
    for start, end, number in _spans(kinds):
        span = f"abs(unix_timestamp({quoted(end)}) - unix_timestamp({quoted(start)}) - {quoted(number)}) <= 1"
        needs[f"span {start} {end} {number}"] = Aggregate(call=f"count_if(NOT coalesce({span}, FALSE))")
        needs[f"span {start} {end} {number} seen"] = Aggregate(call=f"count_if({quoted(number)} > 1)")
    for other, theirs in others.items():
        needs[f"{other}.{ROWS}"] = Aggregate(call="count(*)", of=other)
        for column in _shared(kinds, theirs):
            needs[f"{other}.{column}"] = Aggregate(call=f"sum(CAST({quoted(column)} AS DOUBLE))", of=other)
        for column, kind in theirs.items():
            if column in kinds and kind in _EXACT and column.endswith("_id"):
                needs[f"{other} distinct {column}"] = Aggregate(
                    call=f"approx_count_distinct({quoted(column)}, 0.01)", of=other
                )
    return needs


def _holds(found: Mapping[str, Any], what: str, names: Sequence[str]) -> bool:
    """Whether what was counted holds in all rows, and in some not by chance."""
    key = " ".join((what, *names))
    return found.get(key) == 0 and bool(found.get(f"{key} seen"))


def _times(kinds: Mapping[str, str]) -> list[str]:
    times = [name for name, kind in kinds.items() if kind in ("date", "timestamp", "timestamp_ntz")]
    return times if len(times) <= _MOST_TIMES else []


def _triples(kinds: Mapping[str, str]) -> list[tuple[str, str, str]]:
    money = [name for name, kind in kinds.items() if kind.startswith("decimal")]
    if len(money) > _MOST_MONEY:
        return []
    return [
        (total, first, second)
        for total in money
        for first, second in combinations([name for name in money if name != total], 2)
    ]


def _spans(kinds: Mapping[str, str]) -> list[tuple[str, str, str]]:
    stamps = [name for name in _times(kinds) if kinds[name] != "date"]
    numbers = [name for name, kind in kinds.items() if kind.startswith(_NUMERIC) and name.endswith("_seconds")]
    return [(start, end, number) for start, end in permutations(stamps, 2) for number in numbers[:3]]


def _shared(kinds: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Returns the columns of numbers that two tables have and that a sum may say something of."""
    return [
        name
        for name, kind in kinds.items()
        if kind.startswith(_NUMERIC) and theirs.get(name, "").startswith(_NUMERIC) and not name.endswith("_id")
    ]


def _sets(kinds: Mapping[str, str], found: Mapping[str, Any], rows: int) -> list[tuple[str, ...]]:
    """Returns the columns, and small sets of columns, that may tell rows apart, the likeliest first."""
    known = [
        name
        for name, kind in kinds.items()
        if kind in (*_EXACT, "timestamp") and found[f"known {name}"] == rows and rows > 1
    ]
    distinct = {name: int(found[f"distinct {name}"] or 0) for name in known}
    alone = [(name,) for name in known if distinct[name] >= 0.9 * rows]
    named = [name for name in known if kinds[name] != "timestamp" and (name,) not in alone]
    named.sort(key=lambda name: (not name.endswith(("_id", "_date", "_month", "_key")), -distinct[name]))
    together: list[tuple[str, ...]] = []
    for size in (2, 3):
        for columns in combinations(named[:6], size):
            cells = 1.0
            for name in columns:
                cells *= max(distinct[name], 1)
            if cells >= 0.9 * rows:
                together.append(columns)
    return [*alone[:_MOST_SETS], *(together[:_MOST_SETS] if not alone else [])]


def _sample_of(texts: Sequence[str]) -> Query:
    columns = ", ".join(f"substring({escape(quoted(name))}, 1, 100) AS {escape(quoted(name))}" for name in texts)
    return Query(sql=f"SELECT {columns} FROM {{this}} LIMIT {_SAMPLE}", limit=_SAMPLE)
