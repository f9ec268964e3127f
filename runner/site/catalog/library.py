"""What the pages of the catalog share: who reads what, last runs, last verdicts, what is hidden, where names lead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runner.artifacts.records import RunRecord
from runner.errors import ProjectError
from runner.model import DataTest, Exposure, Macro, Model, Ref, SourceTable
from runner.site.address import Node, address_of, way
from runner.site.catalog.highlight import highlighted, links_of_sql, links_of_template
from runner.site.catalog.verdicts import Check, Results, checks_of, results_of
from runner.site.catalog.views import Counted, read_counted
from runner.site.facts import Facts, Standing
from runner.warehouse import is_view

if TYPE_CHECKING:
    from markupsafe import Markup

RUNS = 10  # of a table that its page shows


@dataclass(slots=False, kw_only=True)
class Library:
    """The facts of the site, as the pages of the catalog need them. Each is looked up once."""

    facts: Facts

    @cached_property
    def tables(self) -> list[Model | SourceTable]:
        """Every landed table, then every model, seed and snapshot, parents first."""
        project = self.facts.project
        nodes = {node.unique_id: node for node in project.nodes()}
        order = [nodes[name] for name in project.graph.order if name in nodes]
        return sorted(order, key=lambda node: not isinstance(node, SourceTable))

    def counted(self, node: Model | SourceTable) -> Counted | None:
        """Returns what a query counted of a view; None of what is none, or was never counted."""
        if not isinstance(node, Model) or not is_view(node.table.path(self.facts.project.warehouse)):
            return None
        return read_counted(self.facts, node)

    @cached_property
    def runs(self) -> Mapping[str, Sequence[tuple[RunRecord, Mapping[str, Any]]]]:
        """By unique id: the target's newest runs that a node took part in, and what the record says of it."""
        found: dict[str, list[tuple[RunRecord, Mapping[str, Any]]]] = {}
        for record in self.facts.records:
            for node in record.nodes if record.target == self.facts.project.files.target.name else ():
                of = found.setdefault(node["unique_id"], [])
                if len(of) < RUNS:
                    of.append((record, node))
        return found

    @cached_property
    def results(self) -> Results:
        return results_of(self.facts.past)

    @cached_property
    def checks(self) -> Mapping[str, list[Check]]:
        """By unique id of a table: its checks."""
        facts = self.facts
        return {node.unique_id: checks_of(facts.project, facts.quality, node, self.results) for node in self.tables}

    @cached_property
    def nodes(self) -> Mapping[str, Model | SourceTable | Exposure]:
        """By unique id: all that stands in the graph."""
        project = self.facts.project
        return {node.unique_id: node for node in project.nodes()} | dict(project.exposures)

    def address(self, node: Node) -> str:
        return address_of(node, self.facts.project.files.name)

    def reads(self, unique_id: str) -> list[Model | SourceTable | Exposure]:
        """Returns what a table or an exposure reads directly."""
        return [self.nodes[name] for name in self.facts.project.graph.parents(unique_id) if name in self.nodes]

    def readers(self, unique_id: str) -> list[Model | SourceTable | Exposure]:
        """Returns what reads a table directly."""
        return [self.nodes[name] for name in self.facts.project.graph.children(unique_id) if name in self.nodes]

    def standing(self, node: Model | SourceTable) -> Standing:
        """Returns how a table stands."""
        if node.unique_id not in self._standings:
            self._standings[node.unique_id] = self.facts.standing(node)
        return self._standings[node.unique_id]

    def marked(self, nodes: Iterable[Model | SourceTable | Exposure]) -> list[tuple[Node, str]]:
        """Returns nodes, each with a word about it: how a table stands, the type of an exposure."""
        return [(one, one.type if isinstance(one, Exposure) else self.standing(one)) for one in nodes]

    @cached_property
    def _standings(self) -> dict[str, Standing]:
        return {}

    def described(self, node: Model | SourceTable, column: str) -> tuple[str, str]:
        """Returns a column's description, and where it is taken from: a column of equal values, or empty for its own.

        A column that is a copy of another and has no description means what the other means.
        """
        known = self._described.get(node.unique_id, {}).get(column.lower())
        if known:
            return known, ""
        at, name = node.unique_id, column
        while (origin := self._copied(at, name)) is not None:
            at, name = origin
            if known := self._described.get(at, {}).get(name.lower()):
                return known, f"{self.nodes[at].label}.{name}"
        return "", ""

    def _copied(self, unique_id: str, column: str) -> tuple[str, str] | None:
        """Returns the one column that a column is a copy of: unique id and name; None where there is no such."""
        lineage = self.facts.lineage
        if column not in lineage.columns.get(unique_id, {}):
            return None
        origins = list(lineage.parents(unique_id, column))
        if len(origins) != 1 or not origins[0].is_copy or len(origins[0].path) != 1 or origins[0].table == unique_id:
            return None
        return origins[0].table, origins[0].column

    @cached_property
    def _described(self) -> Mapping[str, Mapping[str, str]]:
        return {node.unique_id: {one.name.lower(): one.description for one in node.columns} for node in self.tables}

    @cached_property
    def macros(self) -> Mapping[str, Macro]:
        """By unique id; those of the project and its packages."""
        return {macro.unique_id: macro for macro in self.facts.project.files.macros}

    @cached_property
    def users_of_macros(self) -> Mapping[str, list[Model]]:
        """By unique id of a macro: the models, seeds, snapshots and analyses that call it, directly or through others."""
        found: dict[str, list[Model]] = {}
        project = self.facts.project
        for node in [*project.buildable.values(), *project.analyses.values()]:
            for name in node.macros:
                found.setdefault(name, []).append(node)
        return found

    def template(self, text: str, page: str, package: str, *, language: str = "jinja", anchor: str = "") -> Markup:
        """Returns a template in colours; what it refers to and calls leads to its page."""
        links = list(links_of_template(text, self._finder(package), self._called(package)))
        return highlighted(text, language, links=links, way=lambda address: way(page, address), anchor=anchor)

    def query(self, sql: str, page: str, *, anchor: str = "") -> Markup:
        """Returns compiled SQL in colours; the tables that it names lead to their pages."""
        links = list(links_of_sql(sql, self._by_table))
        return highlighted(sql, "sql", links=links, way=lambda address: way(page, address), anchor=anchor)

    @cached_property
    def _by_table(self) -> Mapping[str, str]:
        return {str(node.table): self.address(node) for node in self.tables}

    def _finder(self, package: str) -> Callable[[str, Sequence[str], str | None], str]:
        lookup = self.facts.project.lookup

        def find(call: str, names: Sequence[str], version: str | None) -> str:
            try:
                if call == "source":
                    return self.address(lookup.source(names[0], names[-1], package)) if len(names) == 2 else ""
                wanted = Ref(name=names[-1], package=names[0] if len(names) == 2 else None, version=version)
                return self.address(self.nodes[lookup.ref(wanted, package)])
            except ProjectError:
                return ""

        return find

    def _called(self, package: str) -> Mapping[str, str]:
        """Returns the addresses of macros by what calls them in a package."""
        if package not in self._calls:
            self._calls[package] = self._calls_in(package)
        return self._calls[package]

    @cached_property
    def _calls(self) -> dict[str, Mapping[str, str]]:
        return {}

    def _calls_in(self, package: str) -> Mapping[str, str]:
        found = {f"{macro.package}.{macro.name}": self.address(macro) for macro in self.macros.values()}
        root = self.facts.project.files.name
        for owner in (root, package):
            found |= {macro.name: self.address(macro) for macro in self.macros.values() if macro.package == owner}
        return found

    @cached_property
    def by_folder(self) -> Mapping[tuple[str, tuple[str, ...]], list[Model | SourceTable]]:
        """By kind and folder: the tables that stand there, by name, without those that are not to be documented."""
        found: dict[tuple[str, tuple[str, ...]], list[Model | SourceTable]] = {}
        for node in sorted(filter(is_documented, self.tables), key=lambda node: node.label):
            found.setdefault((kind_of(node), folder_of(node, self.facts.project.files.name)), []).append(node)
        return found

    @cached_property
    def singular(self) -> list[DataTest]:
        """The tests that are SQL files of their own."""
        return [test for test in self.facts.project.tests.values() if test.kind == "singular"]


def is_documented(node: Node) -> bool:
    """Whether a node stands in the catalog and is found by a search: `docs: {show: false}` leaves it out of both.

    Its page stays, for those that link to it. Sources have no such setting, as in dbt.
    """
    if isinstance(node, Macro):
        return node.is_documented
    return not isinstance(node, (Model, DataTest)) or node.config.is_documented


def kind_of(node: Model | SourceTable) -> str:
    """Returns what a table is, in a word."""
    return node.resource_type if isinstance(node, Model) else "source"


def folder_of(node: Model | SourceTable, project: str) -> tuple[str, ...]:
    """Returns where a table stands in the tree: the source's name, or the folders of its file; the package first if it is another."""
    package = () if node.fqn[0] == project else (node.fqn[0],)
    if isinstance(node, SourceTable):
        return (*package, node.source)
    end = -2 if node.version is not None and len(node.fqn) > 2 and node.fqn[-1].startswith("v") else -1
    return (*package, *node.fqn[1:end])
