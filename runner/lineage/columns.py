"""Where every column of a project comes from, and where it goes to: from the field in the store over models to the panel of a
dashboard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from runner.compile import compile_model
from runner.errors import NotFoundError, ProjectError
from runner.jinja.database import Database
from runner.lineage.panels import Followed, Shown, follow_queries, shown_panels
from runner.lineage.query import typed
from runner.lineage.reading import made_of, read_through
from runner.lineage.scope import Columns, Made
from runner.lineage.shapes import CONSTANT, ELEMENT, KEY, ROWS, VALUE, Origin, Shape, Taken, within
from runner.model import LANDED, SNAPSHOT, Model, SourceTable
from runner.project.dashboards import Query
from runner.project.parse import Project
from runner.warehouse.introspection import Introspection


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
        queries: of dashboards.
        panels: by id what the panels of dashboards show; wherever a table's unique id is asked for, theirs is one, too.
    """

    project: Project
    columns: dict[str, Columns] = field(default_factory=dict)
    rows: dict[str, Shape] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    queries: dict[Query, Followed] = field(default_factory=dict)
    panels: dict[str, Shown] = field(default_factory=dict)
    _found: dict[tuple[str, ...], frozenset[Origin]] = field(default_factory=dict, repr=False)
    _ways: dict[tuple[str, ...], frozenset[tuple[str, ...]]] = field(default_factory=dict, repr=False)

    def columns_of(self, unique_id: str) -> Columns:
        """Returns the columns of a table or a panel; none where they cannot be followed."""
        return self.panels[unique_id].followed.columns if unique_id in self.panels else self.columns.get(unique_id, {})

    def unknown_of(self, unique_id: str) -> str:
        """Returns why the columns of a table or a panel cannot be followed; an empty text where they can."""
        return self.panels[unique_id].followed.unknown if unique_id in self.panels else self.unknown.get(unique_id, "")

    def label(self, unique_id: str) -> str:
        """Returns what a table or a panel is called."""
        return self.panels[unique_id].label if unique_id in self.panels else self.project.node(unique_id).label

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
        """Returns the columns (unique id, name) of other tables that are made of a column directly; none of a panel's."""
        found: list[tuple[str, str]] = []
        if unique_id in self.panels:
            return ()
        for child in self.project.graph.children(unique_id):
            for name, shape in self.columns.get(child, {}).items():
                if any((one.table, one.column) == (unique_id, column) for one in shape.origins()):
                    found.append((child, name))
        return tuple(found)

    def shown(self, unique_id: str, column: str) -> tuple[tuple[str, str], ...]:
        """Returns the columns of panels (id, name) that are made of a column, over whatever lies between."""
        return tuple(
            (panel, name)
            for panel, one in self.panels.items()
            for name in one.followed.columns
            if any(step[:2] == (unique_id, column) for step in self._way(panel, (name,)))
        )

    def _shape(self, unique_id: str, path: Sequence[str]) -> Shape:
        columns = self.columns_of(unique_id)
        if path[0] == ROWS:
            return self.rows.get(unique_id, CONSTANT)
        if path[0] not in columns:
            reason = f" {self.unknown_of(unique_id)}".rstrip()
            raise NotFoundError(
                f'"{self.label(unique_id)}" has no column "{path[0]}".{reason}', name=path[0], known=columns
            )
        return within(columns[path[0]], path[1:])

    def _way(self, unique_id: str, path: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
        """Returns all steps (unique id, then the path) above a column or what lies within it."""
        key = (unique_id, *path)
        if key not in self._ways:
            above = [one for one in self.above(unique_id, path) if one.table != unique_id]
            found = {(one.table, *one.path) for one in above}
            self._ways[key] = frozenset(found.union(*(self._way(one.table, one.path) for one in above)))
        return self._ways[key]

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
    """Returns where the columns of all tables and panels come from, without Spark and without reading data.

    Args:
        project: the project.
        database: answers for templates that ask the warehouse; without it, what Delta's logs say.
        only: the tables to look at, by unique id, all those above them included; all tables, and the
            panels of dashboards, where None.
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
    if only is None:
        lineage.queries = follow_queries(project, lineage.columns, database=database or logs)
        lineage.panels = shown_panels(project, lineage.queries)
    return lineage


def _of_query(node: Model, lineage: Lineage, database: Database) -> Made:
    project = lineage.project
    compiled = compile_model(project, node, database=database)
    reads = read_through(project, project.graph.parents(node.unique_id))
    try:
        found = made_of(project, compiled.sql, reads, lineage.columns)
    except ProjectError as error:
        raise ProjectError(f"{node.path}: {error}") from error
    if node.resource_type == "snapshot":
        return Made(found.columns | dict.fromkeys(SNAPSHOT, CONSTANT), found.rows)
    return found


def _recorded(node: Model | SourceTable, logs: Introspection) -> Columns:
    """Returns a table's columns: of one that is landed from a store those of its contract, of any other those of its log,
    and what its file promises besides; files often list only the columns that they describe.

    Raises:
        ProjectError: nothing is promised and nothing is built.
    """
    columns = {one.name: one.data_type or "" for one in node.columns}
    lands = isinstance(node, SourceTable) and bool(node.store)
    if not columns or (not lands and logs.kind(node.table) == "table"):
        stored = dict(logs.columns(node.table))
        known = {name.lower() for name in stored}
        columns = {**stored, **{name: kind for name, kind in columns.items() if name.lower() not in known}}
    if not columns:
        raise ProjectError(f"the columns of {node.label} are not known: it has not been built, and no file lists them.")
    return typed(node.unique_id, {**columns, **LANDED} if lands else columns)
