"""The stores that a model's rows and columns come from, so that a fault in the data of one store is named by it.

Where a model reads several stores, its columns tell them apart. A check whose columns all come from one store looks at
the data of that store. A row that an outer join found nothing for has no value in any column of that store; a row of a
union has its key in one store's table. Both make the store a slice as a device or a day is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expectations.definition import Aggregate, Slice, literal, quoted
from expectations.diagnosis.where import STORE
from expectations.result import CheckResult

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_COLUMNS = 12  # of one store, whose missing values are counted
_WORD = re.compile(r"\w+")
_FLAG = "__in_store_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the rows and columns of a model of several stores come from.

    Attributes:
        columns: the store that all values of a column come from, as "HBase (hbase.sessions)"; a column that is made of
            several, or of none, is left out.
        copies: those of them that hold the store's values as they are, if perhaps another one in place of null.
        keys: those of them that are the key of a landed table.
        union_key: a column with the keys of several stores; empty where there is none.
        unioned: for each of those stores its rows, by their key alone: a frame of the one column `key`.
        named: a column that says the store, where somebody named one.
    """

    columns: Mapping[str, str]
    copies: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    union_key: str = ""
    unioned: Mapping[str, Callable[[], DataFrame]] = field(default_factory=dict)
    named: str = ""

    def missing(self) -> dict[str, Aggregate]:
        """Returns what must be counted before rows can be told apart: the missing values of columns of one store."""
        asked: list[str] = []
        for store in dict.fromkeys(self.columns.values()):
            own = [name for name, of in self.columns.items() if of == store]
            asked += sorted(own, key=lambda name: (name not in self.keys, name not in self.copies))[:_MOST_COLUMNS]
        return {name: Aggregate(call=f"count_if({quoted(name)} IS NULL)") for name in asked}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What says of a row which store it comes from.

    Attributes:
        sql: an expression (Spark SQL) whose value is the store's name, or several.
        columns: those that it looks at: a check of one of them says nothing about stores by its own rows.
        frame: the rows with the columns that it needs beside their own; None where it needs none.
    """

    sql: str
    columns: frozenset[str] = frozenset()
    frame: DataFrame | None = None


def label_of(origins: Origins, missing: Mapping[str, int], frame: DataFrame) -> Label | None:
    """Returns what tells the rows' stores apart; None where all rows come from the same ones, or nothing tells.

    Args:
        missing: the missing values of the columns that `Origins.missing` names.
        frame: the model's rows.
    """
    if origins.named:
        return Label(sql=quoted(origins.named), columns=frozenset({origins.named}))
    always: list[str] = []
    outer: dict[str, tuple[str, ...]] = {}
    for store in dict.fromkeys(origins.columns.values()):
        own = {name: missing[name] for name, of in origins.columns.items() if of == store and name in missing}
        if found := _outer(own, origins):
            outer[store] = found
        elif any(name in origins.copies and not number for name, number in own.items()):
            always.append(store)
    if outer and len(always) + len(outer) > 1:
        conditions = {
            store: f"coalesce({', '.join(f'CAST({quoted(name)} AS STRING)' for name in found)}) IS NOT NULL"
            for store, found in outer.items()
        }
        used = frozenset(name for found in outer.values() for name in found)
        return Label(sql=_said(conditions, always, alone="" if always else " only"), columns=used)
    return _by_key(origins, frame) if len(origins.unioned) > 1 else None


def _outer(missing: Mapping[str, int], origins: Origins) -> tuple[str, ...]:
    """Returns the columns that are null just where a store has no row for a row; none where nothing shows that.

    A key is believed alone. Of other columns two must be null equally often, the least of all that have nulls (those of
    optional fields have more), and not fewer columns than those that are taken over and have none.

    Args:
        missing: of columns of one store, how many rows have no value.
    """
    keys = [number for name, number in missing.items() if name in origins.keys]
    counted = [number for number in missing.values() if number]
    if not counted or (keys and not min(keys)):
        return ()
    least = min(keys or counted)
    found = tuple(name for name, number in missing.items() if number == least)
    whole = sum(name in origins.copies and not number for name, number in missing.items())
    return found if keys or len(found) >= max(2, whole) else ()


def _said(conditions: Mapping[str, str], always: Sequence[str] = (), *, alone: str = "") -> str:
    """Returns the expression of a row's stores.

    Args:
        conditions: by store, what is true of its rows.
        always: those that every row comes from.
        alone: follows the name of a store where a row comes from no other.
    """
    joined = ", ".join(f"IF({condition}, {literal(store)}, NULL)" for store, condition in conditions.items())
    text = f"concat_ws(' and ', {joined})"
    one_other = len(always) == 1 and _kind(always[0]) not in {_kind(store) for store in conditions}
    rest = f"{always[0]} only" if one_other else f"without {' and '.join(conditions)}"
    number = " + ".join(f"CAST({condition} AS INT)" for condition in conditions.values())
    return f"CASE {number} WHEN 0 THEN {literal(rest)} WHEN 1 THEN concat({text}, {literal(alone)}) ELSE {text} END"


def _kind(store: str) -> str:
    return store.split(" (", 1)[0]


def _by_key(origins: Origins, frame: DataFrame) -> Label:
    """Returns what tells the rows of a union apart: whose key each row has."""
    from pyspark.sql import functions as F

    own = f"{_FLAG}key"
    marked = frame.withColumn(own, F.expr(quoted(origins.union_key)).cast("string"))
    conditions = {}
    for number, (store, rows) in enumerate(origins.unioned.items()):
        flag, key = f"{_FLAG}{number}", f"{_FLAG}{number}_key"
        keys = rows().select(F.col("key").cast("string").alias(key)).distinct().withColumn(flag, F.lit(True))
        marked = marked.join(keys, F.col(own) == F.col(key), "left").drop(key)
        conditions[store] = f"{flag} IS NOT NULL"
    return Label(sql=_said(conditions), columns=frozenset({origins.union_key}), frame=marked)


def store_of(origins: Origins, result: CheckResult, rows: int) -> Slice | None:
    """Returns the store that all columns of a check come from; None where they come from several, or nobody knows.

    Args:
        rows: of the model, all of which have values of that store.
    """
    named: tuple[str, ...] = tuple(result.numbers.get("dead") or result.expectation.columns)
    if not named:
        named = tuple(word for word in _WORD.findall(result.failing) if word in origins.columns)
    stores = {origins.columns.get(name.split(".")[0], "") for name in named}
    store = stores.pop() if len(stores) == 1 else ""
    return Slice(column=STORE, value=store, rows=rows) if store else None
