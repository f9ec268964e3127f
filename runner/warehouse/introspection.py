"""What a warehouse answers to templates: what is published, its columns, the rows of queries.

Tables and their columns are read from the Delta logs; Spark is started only where a template runs a query, or asks for
the columns of a view.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from runner import delta
from runner.errors import ProjectError
from runner.jinja.database import NeedsSparkError, RelationKind
from runner.jinja.result import ResultTable
from runner.names import TableRef
from runner.warehouse import Warehouse, exists, is_view
from runner.warehouse.created import placed

_FIRST = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*(?P<word>\w+)", re.DOTALL)
_WRITING = re.compile(r"\b(insert)\s+(?:into|overwrite)\b", re.IGNORECASE)
_DROP = re.compile(r"\s*drop\s+(?:table|view)\s+(.*)", re.IGNORECASE | re.DOTALL)
_READING = {"select", "with", "values", "from", "table", "show", "describe", "desc", "explain"}
_NAME = re.compile(r"\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b")


class Introspection:
    """A warehouse that templates may ask; see `runner.jinja.database.Database`.

    Args:
        root: the warehouse's folder.
        warehouse: gives the warehouse in a Spark session when it is first needed; None where there is to be none.
        known: tables that queries may name and that may stand in other warehouses; all others are looked for in this one.
        columns: those of tables whose candidates are looked at, not what is published.
        changes: says of a statement that changes something whether it runs (True) or is left out (False), or raises a
            ProjectError; None refuses all: the templates of models and checks only read.
    """

    def __init__(
        self,
        root: Path,
        warehouse: Callable[[], Warehouse] | None = None,
        known: Iterable[TableRef] = (),
        columns: Mapping[TableRef, Sequence[tuple[str, str]]] | None = None,
        changes: Callable[[str], bool] | None = None,
    ) -> None:
        self._root = root
        self._open = warehouse
        self._warehouse: Warehouse | None = None
        self._known = {str(ref): ref for ref in known}
        self._columns = columns or {}
        self._changes = changes

    def kind(self, ref: TableRef) -> RelationKind | None:
        path = ref.path(self._root)
        return "view" if is_view(path) else "table" if delta.is_table(path) or ref in self._columns else None

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        if ref in self._columns:
            return self._columns[ref]
        kind = self.kind(ref)
        if kind == "table":
            return delta.columns(ref.path(self._root))
        if kind is None:
            return []
        frame = self._session(f"the columns of {ref}").frame(ref)
        return [(field.name, field.dataType.simpleString()) for field in frame.schema]

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        folder = self._root / schema
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        refs = [TableRef(schema, name) for name in names]
        return [(ref, kind) for ref in refs if (kind := self.kind(ref)) is not None]

    def schemas(self) -> Sequence[str]:
        return sorted(path.name for path in self._root.glob("[!.]*") if path.is_dir())

    def query(self, sql: str) -> ResultTable:
        if (word := changing_word(sql)) and not self._may_change(sql, word):
            return ResultTable([], [])
        warehouse = self._session(sql)
        register_named(warehouse, self._known, sql)
        try:
            frame = warehouse.spark.sql(placed(sql, self._root) if word else sql)
            rows = [tuple(row) for row in frame.collect()]
        except Exception as error:
            if not type(error).__module__.startswith(("pyspark.", "py4j.")):
                raise
            said = str(error).strip().splitlines()[0]
            raise ProjectError(f"the template's query fails: {said} The query: {' '.join(sql.split())}") from error
        return ResultTable(frame.columns, rows)

    def _may_change(self, sql: str, word: str) -> bool:
        if self._changes is None:
            raise ProjectError(
                f"a template's query only reads; this one has {word}: {' '.join(sql.split())[:80]}. "
                "What changes tables is a model, a hook, or a macro that `run run-operation` calls."
            )
        for ref in dropped_tables(sql):
            if exists(ref.path(self._root)):
                raise ProjectError(
                    f"{ref} is not dropped: with its folder in the warehouse all of its versions would go. "
                    "`run clean` lists what no model refers to, and removes it when told to."
                )
        return self._changes(sql)

    def _session(self, wanted: str) -> Warehouse:
        if self._warehouse is None:
            if self._open is None:
                raise NeedsSparkError(wanted)
            self._warehouse = self._open()
        return self._warehouse


class Recorder:
    """A database that answers from Delta's logs, and every query with no rows; it keeps what was asked.

    Args:
        root: the warehouse's folder.

    Attributes:
        asked: the queries, in order.
        used: True where anything was asked, be it only a table's columns.
        pretends: what a template says after it has asked is not so.
    """

    pretends = True

    def __init__(self, root: Path) -> None:
        self._logs = Introspection(root)
        self.asked: list[str] = []
        self.used = False

    def kind(self, ref: TableRef) -> RelationKind | None:
        self.used = True
        return self._logs.kind(ref)

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        if self.kind(ref) == "view":
            self.asked.append(f"select * from {ref}")
            return []
        return self._logs.columns(ref)

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        self.used = True
        return self._logs.tables(schema)

    def schemas(self) -> Sequence[str]:
        self.used = True
        return self._logs.schemas()

    def query(self, sql: str) -> ResultTable:
        self.used = True
        self.asked.append(sql)
        return ResultTable([], [])


def changing_word(sql: str) -> str:
    """Returns the word by which a statement changes something; empty where it only reads."""
    match = _FIRST.match(sql)
    writing = _WRITING.search(sql)  # Spark takes `with a as (…) insert into b …`, too
    if match is not None and match["word"].lower() in _READING and not writing:
        return ""
    return writing[1] if writing else match["word"] if match else "nothing"


def dropped_tables(sql: str) -> list[TableRef]:
    """Returns the table or view, as `schema.name`, that a statement drops; none for every other statement."""
    match = _DROP.match(sql)
    return tables_named(match[1])[:1] if match else []


def register_named(warehouse: Warehouse, known: Mapping[str, TableRef], sql: str) -> None:
    """Makes the published tables and views that a statement names known to the session.

    Args:
        known: by `schema.name` those that may stand in other warehouses.
    """
    for named in tables_named(sql):
        ref = known.get(str(named), named)
        if exists(warehouse.path(ref)):
            warehouse.register(ref)


def tables_named(sql: str) -> list[TableRef]:
    """Returns every `schema.name` that a query's text holds."""
    return [TableRef(schema, name) for schema, name in dict.fromkeys(_NAME.findall(sql.replace("`", "")))]
