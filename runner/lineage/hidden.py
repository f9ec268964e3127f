"""Which columns and tables show no values on the site: those marked sensitive, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property

from runner.errors import ProjectError
from runner.lineage.columns import Lineage
from runner.lineage.panels import Followed
from runner.lineage.reading import read_through
from runner.lineage.shapes import Origin
from runner.model import Column, Model, SourceTable
from runner.project.dashboards import Query
from runner.project.parse import Project

_WAY_OUT = (
    "Take it out of the query, or let a model make of it what gives nothing away, in a column that says "
    "meta: {sensitive: false}."
)


class Hidden:
    """What is marked `meta: {sensitive: true}`, at a table or a column, and what is made of that.

    A column that is copied or computed from a sensitive one is sensitive too, unless it says `sensitive: false` itself.
    Where a table's columns cannot be followed and it reads one that has sensitive columns, all of it is.

    Args:
        lineage: gives that of the project; it is asked only where something is marked.
    """

    def __init__(self, project: Project, lineage: Callable[[], Lineage]) -> None:
        self._project = project
        self._given = lineage

    def is_whole(self, node: Model | SourceTable) -> bool:
        """Whether the table shows no values at all."""
        return node.unique_id in self._whole

    def is_hidden(self, node: Model | SourceTable, column: str) -> bool:
        """Whether the column shows none of its values."""
        name = column.partition(".")[0].lower()
        return self.is_whole(node) or name in self._columns.get(node.unique_id, frozenset())

    def said(self, node: Model | SourceTable) -> list[str] | None:
        """Returns the names of the columns that show none of their values; None for all."""
        return None if self.is_whole(node) else sorted(self._columns.get(node.unique_id, ()))

    @cached_property
    def refused(self) -> Mapping[Query, str]:
        """By query of a dashboard that shows what is sensitive: why it is not asked.

        So is one that cannot be followed where it reads a table with sensitive columns, or files by their path.
        """
        if not self._marked:
            return {}
        reasons = {query: self._reason(query, followed) for query, followed in self._lineage.queries.items()}
        return {query: reason for query, reason in reasons.items() if reason}

    def _reason(self, query: Query, followed: Followed) -> str:
        what = self._with_secrets(followed.reads)
        if followed.unknown and (what or followed.names_files):
            return (
                f"{query.place}: the query reads {what or 'files by their path'}, and it cannot be followed whether it "
                f"shows what is sensitive: {followed.unknown}"
            )
        if not what:
            return ""
        inlined = self._inlined(followed.reads, *self._found)
        for name, shape in followed.columns.items():
            for one in sorted(shape.origins()):
                if _has_secret([one], *self._found, inlined):
                    table, path = self._project.node(one.table).label, one.written()
                    said = f"the rows of {table}" if one.is_rows else f"{table}.{path}"
                    return f'{query.place}: the query shows "{name}", made of {said}, which is sensitive. {_WAY_OUT}'
        return ""

    def _with_secrets(self, tables: Iterable[str]) -> str:
        """Returns the label of the first of the tables that has something sensitive; an empty text where none has."""
        whole, columns = self._found
        return min((self._project.node(one).label for one in tables if one in whole or columns.get(one)), default="")

    @cached_property
    def _lineage(self) -> Lineage:
        return self._given()

    @cached_property
    def _marked(self) -> bool:
        return any(
            _mark(node) is True or any(_mark(column) is True for column in node.columns)
            for node in self._project.nodes()
        )

    @cached_property
    def _found(self) -> tuple[frozenset[str], Mapping[str, frozenset[str]]]:
        whole: set[str] = set()
        columns: dict[str, frozenset[str]] = {}
        if not self._marked:
            return frozenset(), {}
        project = self._project
        nodes = {node.unique_id: node for node in project.nodes()}
        for node in (nodes[name] for name in project.graph.order if name in nodes):
            touched = [one for one in project.graph.parents(node.unique_id) if one in whole or columns.get(one)]
            if _mark(node) is True:
                whole.add(node.unique_id)
                continue
            own = {column.name.lower() for column in node.columns if _mark(column) is True}
            if touched and _mark(node) is not False:
                if node.unique_id in self._lineage.unknown or not isinstance(node, Model) or node.language != "sql":
                    whole.add(node.unique_id)
                    continue
                shown = {column.name.lower() for column in node.columns if _mark(column) is False}
                own |= {name for name in self._derived(node, whole, columns) if name not in shown}
            if own:
                columns[node.unique_id] = frozenset(own)
        return frozenset(whole), columns

    @property
    def _whole(self) -> frozenset[str]:
        return self._found[0]

    @property
    def _columns(self) -> Mapping[str, frozenset[str]]:
        return self._found[1]

    def _derived(self, node: Model, whole: set[str], columns: Mapping[str, frozenset[str]]) -> set[str]:
        lineage = self._lineage
        inlined = self._inlined(self._project.graph.parents(node.unique_id), whole, columns)
        found = set()
        for name in lineage.columns.get(node.unique_id, {}):
            try:
                origins = lineage.parents(node.unique_id, name)
            except ProjectError:
                found.add(name.lower())  # nobody knows what it is made of
                continue
            if _has_secret(origins, whole, columns, inlined):
                found.add(name.lower())
        return found

    def _inlined(
        self, tables: Iterable[str], whole: Collection[str], columns: Mapping[str, frozenset[str]]
    ) -> frozenset[tuple[str, tuple[str, ...]]]:
        """Returns what the sensitive columns of ephemeral models are made of: the query that holds these is followed beyond them.

        Args:
            tables: those that the query reads, by unique id.
        """
        models = self._project.buildable
        ephemeral = [
            one
            for one in read_through(self._project, tables)
            if one in models and models[one].config.materialized == "ephemeral" and (one in whole or columns.get(one))
        ]
        return frozenset(
            (origin.table, origin.path)
            for one in ephemeral
            for name, shape in self._lineage.columns_of(one).items()
            if one in whole or name.lower() in columns[one]
            for origin in shape.origins()
        )


def _has_secret(
    origins: Iterable[Origin],
    whole: Collection[str],
    columns: Mapping[str, frozenset[str]],
    inlined: Collection[tuple[str, tuple[str, ...]]],
) -> bool:
    return any(
        one.table in whole
        or one.column.lower() in columns.get(one.table, frozenset())
        or (one.table, one.path) in inlined
        for one in origins
    )


def _mark(of: Model | SourceTable | Column) -> object:
    return of.meta.get("sensitive")
