"""The engine: needs to values, by DuckDB in this process; what it cannot give is left out."""

from __future__ import annotations

import math
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from expectations.at_hand import Collected, Files, kind_of
from expectations.definition import TABLES, Aggregate, Need, Query
from expectations.in_process.queries import Relation, translate_query
from expectations.in_process.values import Typed, Untranslatable, identifier, names_in, translate_expression

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BIGGEST = 2**63 - 1
_LIMITS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "2GB",
    "temp_directory": "",  # what does not fit is Spark's
}
_lock = threading.Lock()


class InProcess:
    """Computes needs over tables by their names; the empty name is the model under check."""

    def __init__(self, tables: Mapping[str, Files | Collected]) -> None:
        self._tables = dict(tables)
        self._relations: dict[str, Relation] = {}
        self._arrow: dict[str, pa.Table] = {}
        self._wanted: dict[str, set[str]] = defaultdict(set)
        self.jobs = 0  # that Spark ran to give rows

    def answer(self, needs: Iterable[Need]) -> dict[Need, Any]:
        """Returns the values of those needs that can be computed here."""
        values: dict[Need, Any] = {}
        calls: dict[tuple[str, str], dict[Aggregate, Typed]] = defaultdict(dict)
        listed = [need for need in needs if isinstance(need, Aggregate | Query) and self._is_worth_rows(need)]
        self._want(listed)
        for need in listed:
            with suppress(Untranslatable):
                if isinstance(need, Aggregate):
                    rows = self._filtered(need.of, need.where)
                    calls[need.of, need.where][need] = translate_expression(need.call, rows.columns)
                elif (found := self._rows(need)) is not None:
                    values[need] = found
        for (of, where), typed in calls.items():
            values |= self._aggregates(self._filtered(of, where), typed)
        return values

    def _is_worth_rows(self, need: Aggregate | Query) -> bool:
        """Whether a need means the same here, where Spark is to be asked for rows: for no other are they collected."""
        named = _tables_of(need) if isinstance(need, Query) else {}
        tables = {of: self._tables.get(of) for of in (named.values() if isinstance(need, Query) else [need.of])}
        if not any(isinstance(table, Collected) for table in tables.values()):
            return True
        rows = {of: _rows_in("nothing", table.columns) for of, table in tables.items() if table is not None}
        filtered = rows.get(need.of if isinstance(need, Aggregate) else "")
        try:
            if need.where and filtered is not None:
                translate_expression(need.where, filtered.columns)
            if isinstance(need, Aggregate):
                translate_expression(need.call, rows[need.of].columns)
            else:
                translate_query(_texts(need)[0], {name: rows[of] for name, of in named.items()})
        except (Untranslatable, KeyError):  # or a table of it is not at hand
            return False
        return True

    def _want(self, needs: Sequence[Aggregate | Query]) -> None:
        """Finds out which columns are asked of what is yet to be collected."""
        for of, table in self._tables.items():
            asked = [need for need in needs if of == need.of or not of]
            if isinstance(table, Collected) and asked:
                words = {word.lower() for need in asked for text in _texts(need) for word in names_in(text)}
                wanted = {name for name in table.columns if name.lower() in words or "*" in words}
                wanted = wanted or set(list(table.columns)[:1])  # rows to be counted
                if not wanted <= self._wanted[of]:
                    self._wanted[of] |= wanted
                    self._relations.pop(of, None)

    def _relation(self, of: str) -> Relation:
        """Returns the rows of a table, its moments in UTC.

        Raises:
            Untranslatable: they are not at hand.
        """
        if of not in self._tables:
            raise Untranslatable(f"table {of}")
        if of not in self._relations:
            table = self._tables[of]
            if isinstance(table, Collected):
                try:
                    rows, asked = table.rows(self._wanted[of])
                except Exception as error:  # Spark's own, which it raises again where it is asked for the values
                    raise Untranslatable(str(error)) from error
                self.jobs += asked
                name = f"collected_{len(self._arrow)}"
                self._arrow[name] = rows
                columns = {column: table.columns[column] for column in rows.column_names}
                self._relations[of] = _rows_in(identifier(name), columns)
            else:
                self._relations[of] = _rows_in(_read(table), table.columns)
        return self._relations[of]

    def _aggregates(self, rows: Relation, calls: Mapping[Aggregate, Typed]) -> dict[Need, Any]:
        listed = ", ".join(f"{typed.sql} AS a{index}" for index, typed in enumerate(calls.values()))
        found = _run(f"SELECT {listed} FROM ({rows.sql})", self._arrow)
        if found is None:
            return {}
        values: dict[Need, Any] = {}
        for index, (need, typed) in enumerate(calls.items()):
            with suppress(*_NO_ANSWER):
                values[need] = _CONVERTED[typed.kind](found.column(index)[0].as_py())
        return values

    def _rows(self, need: Query) -> Any:
        """Returns a query's rows, or as a table where it asks for one; None where Spark is to be asked."""
        tables = {
            name: self._filtered(of, need.where) if name == _NAMES["this"] else self._relation(of)
            for name, of in _tables_of(need).items()
        }
        query = translate_query(_texts(need)[0], tables)
        found = _run(query.sql, self._arrow)
        if found is None:
            return None
        found = found.slice(0, need.limit)
        if need.is_table:
            return found
        kinds = {
            name: _IN_JSON.get(kind, _other) if need.is_small else _CONVERTED[kind]
            for name, kind in query.columns.items()
        }
        try:
            return [{name: kinds[name](value) for name, value in row.items()} for row in found.to_pylist()]
        except _NO_ANSWER:
            return None

    def _filtered(self, of: str, where: str) -> Relation:
        rows = self._relation(of)
        if not where:
            return rows
        condition = translate_expression(where, rows.columns)
        if condition.kind != "boolean":
            raise Untranslatable(where)
        return Relation(f"SELECT * FROM ({rows.sql}) WHERE {condition.sql}", rows.columns)


_NAMES = {"this": "table__this", "other": "table__other"}


def _tables_of(query: Query) -> dict[str, str]:
    """Returns the tables that a query names: its name for each here, and the name that its rows are known by."""
    return {_NAMES[name]: "" if name == "this" else query.of for name in TABLES.findall(query.sql)}


def _texts(need: Aggregate | Query) -> tuple[str, str]:
    """Returns a need's texts, tables by their names here."""
    if isinstance(need, Aggregate):
        return need.call, need.where
    text = TABLES.sub(lambda match: _NAMES[match[1]], need.sql)
    return text.replace("{{", "{").replace("}}", "}"), need.where


def _read(files: Files) -> str:
    paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files.paths)
    return f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"


def _rows_in(source: str, columns: Mapping[str, str]) -> Relation:
    kinds = {name: kind for name, kind in ((name, kind_of(found)) for name, found in columns.items()) if kind}
    # Moments come with and without the mark that they are of UTC; epoch_us reads both alike.
    named = ", ".join(
        f"make_timestamp(epoch_us({identifier(name)})) AS {identifier(name)}"
        if kind == "timestamp"
        else identifier(name)
        for name, kind in kinds.items()
    )
    return Relation(f"SELECT {named or '1'} FROM {source}", kinds)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:", config={**_LIMITS, "threads": str(os.cpu_count() or 1)})


def _run(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table | None:
    """Returns what a query gives; None where it raises, for then Spark is to say so."""
    import duckdb

    with _lock:
        cursor = _engine().cursor()
    try:
        for name, table in tables.items():
            cursor.register(name, table)
        return cursor.sql(sql).to_arrow_table()
    except duckdb.Error:
        return None
    finally:
        cursor.close()


class _Other(Exception):
    """A value that Spark gives in another form, or not at all."""


_NO_ANSWER = (_Other, ValueError, OverflowError)  # a day beyond the year 9999 has no value in Python


def _other(value: Any) -> Any:
    raise _Other(value)


def _same(value: Any) -> Any:
    return value


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    if not -_BIGGEST <= value <= _BIGGEST:
        raise _Other(value)  # Spark raises where a sum is beyond
    return int(value)


def _local_moment(value: datetime | None) -> datetime | None:
    """Returns a moment as PySpark hands it over: in this machine's time, without saying so."""
    return None if value is None else value.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise _Other(value)  # a text in Spark's JSON
    return value


def _commonest(value: Sequence[Mapping[str, Any]] | None) -> list[tuple[Any, int]]:
    found = [(one["item"], int(one["n"])) for one in value or ()]
    return [(_local_moment(item) if isinstance(item, datetime) else item, n) for item, n in found]


_CONVERTED: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "timestamp": _local_moment,
    "commonest": _commonest,
    "array": _other,
    **dict.fromkeys(("decimal", "double", "float", "string", "boolean", "date", "null", "doubles"), _same),
}
_IN_JSON: Mapping[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "double": _finite,
    "decimal": lambda value: None if value is None else float(value),
    "string": _same,
    "boolean": _same,
    "null": _same,
}
