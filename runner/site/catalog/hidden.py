"""Which columns and tables show no values on the site: those marked sensitive, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from runner.errors import ProjectError
from runner.model import Column, Model, SourceTable
from runner.site.facts import Facts


class Hidden:
    """What is marked `meta: {sensitive: true}`, at a table or a column, and what is made of that.

    A column that is copied or computed from a sensitive one is sensitive too, unless it says `sensitive: false` itself.
    Where a table's columns cannot be followed and it reads one that has sensitive columns, all of it is.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def is_whole(self, node: Model | SourceTable) -> bool:
        """Whether the table shows no values at all."""
        return node.unique_id in self._whole

    def is_hidden(self, node: Model | SourceTable, column: str) -> bool:
        """Whether the column shows none of its values."""
        name = column.partition(".")[0].lower()
        return self.is_whole(node) or name in self._columns.get(node.unique_id, frozenset())

    @cached_property
    def _marked(self) -> bool:
        return any(
            _mark(node) is True or any(_mark(column) is True for column in node.columns)
            for node in self._facts.project.nodes()
        )

    @cached_property
    def _found(self) -> tuple[frozenset[str], Mapping[str, frozenset[str]]]:
        whole: set[str] = set()
        columns: dict[str, frozenset[str]] = {}
        if not self._marked:
            return frozenset(), {}
        project = self._facts.project
        nodes = {node.unique_id: node for node in project.nodes()}
        for node in (nodes[name] for name in project.graph.order if name in nodes):
            touched = [one for one in project.graph.parents(node.unique_id) if one in whole or columns.get(one)]
            if _mark(node) is True:
                whole.add(node.unique_id)
                continue
            own = {column.name.lower() for column in node.columns if _mark(column) is True}
            if touched and _mark(node) is not False:
                if (
                    node.unique_id in self._facts.lineage.unknown
                    or not isinstance(node, Model)
                    or node.language != "sql"
                ):
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
        lineage = self._facts.lineage
        found = set()
        for name in lineage.columns.get(node.unique_id, {}):
            try:
                origins = lineage.parents(node.unique_id, name)
            except ProjectError:
                found.add(name.lower())  # nobody knows what it is made of
                continue
            if any(one.table in whole or one.column.lower() in columns.get(one.table, frozenset()) for one in origins):
                found.add(name.lower())
        return found


def _mark(of: Model | SourceTable | Column) -> object:
    return of.meta.get("sensitive")
