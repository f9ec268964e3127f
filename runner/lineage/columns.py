"""Where every column of a project comes from, and where it goes to: over models, down to the field in the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from runner.compile import compile_model
from runner.errors import NotFoundError, ProjectError
from runner.introspection import Introspection
from runner.jinja.database import Database
from runner.lineage.query import Columns, Made, shapes_of, typed
from runner.lineage.shapes import CONSTANT, ELEMENT, KEY, ROWS, VALUE, Origin, Shape, Taken, within
from runner.model import LANDED, SNAPSHOT, Model, SourceTable
from runner.project.parse import Project


@dataclass(frozen=True, slots=True, order=True)
class Field:
    """A field of a store that values of a column come from.

    Attributes:
        table: the landed table's label, such as `mongodb.users`.
        path: in the landed table: `geo_data.city`, `items[].price`; `*` where its rows are counted.
        stored: in the store: a MongoDB field path, or HBase's `family:qualifier` and the path within its cell.
        is_copy: whether values are taken over all the way; else something was computed from them.
    """

    table: str
    path: str
    stored: str
    is_copy: bool

    @property
    def is_rows(self) -> bool:
        """Whether rows are counted, and not values taken."""
        return self.path.endswith(ROWS)

    def said(self) -> str:
        """Returns it as people say it: `mongodb.users.geo_data.city`, `hbase.sessions geo:city`, `rows of mongodb.users`.

        Rows that are made of something else than the elements of an array are `rows made of hbase.sessions.start_time`.
        """
        if self.is_rows:
            within = self.path.removesuffix(ROWS).rstrip(".")
            if not within:
                return f"rows of {self.table}"
            kind = "elements of" if within.endswith((ELEMENT, KEY, VALUE)) else "rows made of"
            return f"{kind} {self.table}.{within}"
        stored = self.stored
        return f"{self.table} {stored}" if stored and stored != self.path else f"{self.table}.{self.path}"


@dataclass(slots=True)
class Lineage:
    """The columns of a project.

    Attributes:
        columns: by unique id of a table, each column's shape in terms of the tables that its query reads (a
            `Taken.table` is a unique id), in the table's order.
        rows: by unique id, what a table's rows come from.
        unknown: by unique id, why a table's columns cannot be followed.
    """

    project: Project
    columns: dict[str, Columns] = field(default_factory=dict)
    rows: dict[str, Shape] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    _found: dict[tuple[str, ...], frozenset[Origin]] = field(default_factory=dict, repr=False)

    def parents(self, unique_id: str, column: str) -> frozenset[Origin]:
        """Returns the columns of parents that a column's values come from; an origin's table is a unique id.

        Raises:
            NotFoundError: there is no such column.
        """
        return self.above(unique_id, (column,))

    def above(self, unique_id: str, path: tuple[str, ...]) -> frozenset[Origin]:
        """Returns what a column, what lies within it, or a table's rows come from, one step up.

        Raises:
            NotFoundError: there is no such column.
        """
        return self._shape(unique_id, path).origins()

    def fields(self, unique_id: str, column: str) -> tuple[Field, ...]:
        """Returns the fields of stores that a column's values come from.

        A table whose columns cannot be followed ends the way: it stands as a field of itself.

        Raises:
            NotFoundError: there is no such column.
        """
        return self.fields_of(unique_id, (column,))

    def fields_of(self, unique_id: str, path: tuple[str, ...]) -> tuple[Field, ...]:
        """Returns the fields of stores that what lies within a column comes from, or a table's rows; see `fields`.

        Raises:
            NotFoundError: there is no such column.
        """
        found = self._sources(unique_id, path)
        used = {(one.table, one.path) for one in found if not one.is_copy}
        return tuple(sorted(self._field(one) for one in found if not one.is_copy or (one.table, one.path) not in used))

    def children(self, unique_id: str, column: str) -> tuple[tuple[str, str], ...]:
        """Returns the columns (unique id, name) of other tables that are made of a column directly."""
        found = []
        for child in self.project.graph.children(unique_id):
            for name, shape in self.columns.get(child, {}).items():
                if any((one.table, one.column) == (unique_id, column) for one in shape.origins()):
                    found.append((child, name))
        return tuple(found)

    def _shape(self, unique_id: str, path: Sequence[str]) -> Shape:
        columns = self.columns.get(unique_id, {})
        if path[0] == ROWS:
            return self.rows.get(unique_id, CONSTANT)
        if path[0] not in columns:
            label = self.project.node(unique_id).label
            reason = f" {self.unknown[unique_id]}" if unique_id in self.unknown else ""
            raise NotFoundError(f'"{label}" has no column "{path[0]}".{reason}', name=path[0], known=columns)
        return within(columns[path[0]], path[1:])

    def _sources(self, unique_id: str, path: tuple[str, ...]) -> frozenset[Origin]:
        key = (unique_id, *path)
        if key not in self._found:
            self._found[key] = frozenset(
                Origin(source.table, source.path, is_copy=source.is_copy and one.is_copy)
                for one in self._shape(unique_id, path).origins()
                for source in ({one} if one.table == unique_id else self._sources(one.table, one.path))
            )
        return self._found[key]

    def _field(self, one: Origin) -> Field:
        node = self.project.node(one.table)
        stored = stored_path(node, one) if isinstance(node, SourceTable) else ""
        return Field(table=node.label, path=one.written(), stored=stored, is_copy=one.is_copy)


def stored_path(table: SourceTable, origin: Origin) -> str:
    """Returns where a landed value lies in its store, in the store's own words; an empty text for what landing adds."""
    column = next((one for one in table.columns if one.name == origin.column), None)
    if column is None:
        return ""
    if not column.cells:
        return Origin(origin.table, tuple(part for part in origin.path if part != ROWS)).written()
    inner = [part for part in origin.path[1:] if part != ROWS]
    cell = column.cells[0]
    family, _, qualifier = cell.partition(":")
    if qualifier == "*":  # each field of the struct is a cell of its own
        cell, inner = f"{family}:{inner[0] if inner else '*'}", inner[1:]
    elif qualifier == "#":  # each element of the array is
        inner = inner[1:] if inner[:1] == [ELEMENT] else inner
    rest = "".join(part if part in (ELEMENT, KEY, VALUE) else f".{part}" for part in inner)
    return f"{cell} {rest.lstrip('.')}".strip()


def column_lineage(
    project: Project, *, database: Database | None = None, only: Collection[str] | None = None
) -> Lineage:
    """Returns where the columns of all tables come from, without Spark and without reading data.

    Args:
        project: the project.
        database: answers for templates that ask the warehouse; without it, what Delta's logs say.
        only: the tables to look at, by unique id, all those above them included; all tables where None.
    """
    lineage = Lineage(project)
    logs = Introspection(project.warehouse)
    tables = {node.unique_id: node for node in project.nodes()}
    for unique_id in project.graph.order:
        if unique_id not in tables or (only is not None and unique_id not in only):
            continue
        node = tables[unique_id]
        try:
            if isinstance(node, Model) and node.language == "sql":
                made = _of_query(node, lineage, database or logs)
                lineage.columns[unique_id], lineage.rows[unique_id] = made.columns, made.rows
            else:
                lineage.columns[unique_id] = _recorded(node, logs)
                lineage.rows[unique_id] = Taken(unique_id, (ROWS,))
        except ProjectError as error:
            lineage.unknown[unique_id] = str(error)
    return lineage


def _of_query(node: Model, lineage: Lineage, database: Database) -> Made:
    compiled = compile_model(lineage.project, node, database=database)
    tables = {}
    names = {}
    for parent in _read(lineage.project, node.unique_id):
        if parent in lineage.columns:
            columns = lineage.columns[parent]
            names[str(lineage.project.node(parent).table)] = parent
            tables[str(lineage.project.node(parent).table)] = {
                name: Taken(parent, (name,), None, shape) if not _is_own(shape, parent) else shape
                for name, shape in columns.items()
            }
    try:
        found = shapes_of(compiled.sql, tables, names)
    except ProjectError as error:
        raise ProjectError(f"{node.path}: {error}") from error
    if node.resource_type == "snapshot":
        return Made(found.columns | dict.fromkeys(SNAPSHOT, CONSTANT), found.rows)
    return found


def _read(project: Project, unique_id: str) -> set[str]:
    """Returns the tables that a model's compiled query can name: what it reads, and what ephemeral models read that it holds."""
    found: set[str] = set()
    waiting = [unique_id]
    while waiting:
        for parent in project.graph.parents(waiting.pop()):
            if parent not in found:
                found.add(parent)
                node = project.buildable.get(parent)
                if node is not None and node.config.materialized == "ephemeral":
                    waiting.append(parent)
    return found


def _is_own(shape: Shape, table: str) -> bool:
    """Whether a column is where its values begin: of a landed table, a seed, a Python model."""
    return isinstance(shape, Taken) and shape.table == table


def _recorded(node: Model | SourceTable, logs: Introspection) -> Columns:
    """Returns a table's columns by what is promised of them, or else by what its log says.

    Raises:
        ProjectError: nothing is promised and nothing is built.
    """
    columns = {one.name: one.data_type or "" for one in node.columns} or dict(logs.columns(node.table))
    if not columns:
        raise ProjectError(f"the columns of {node.label} are not known: it has not been built, and no file lists them.")
    if isinstance(node, SourceTable) and node.store:
        columns = {**columns, **LANDED}
    return typed(node.unique_id, columns)
