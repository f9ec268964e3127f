"""Reads all of a project into one value: every node parsed, its settings resolved, and the graph over all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runner.errors import ProjectError
from runner.graph import Graph
from runner.jinja.render import Renderer, Scope
from runner.model import DataTest, Exposure, Group, Model, SourceTable, UnitTest
from runner.project.files import Files, read_files, target_values
from runner.project.listing import Listing
from runner.project.lookup import Lookup
from runner.project.nodes import Parser
from runner.project.selectables import named_selectors, selectables, suite_files
from runner.project.shown import graph_values
from runner.selection import Indirect, Selectable, StateView
from runner.selection.named import SELECTORS_FILE


@dataclass(frozen=True, kw_only=True)
class Project:
    """A parsed project.

    Attributes:
        models: the enabled models by label: the name, or `name.v2` of a model with versions. The project's own stand
            before those of packages; one of equal name in a package has its package before it (`shop_tools.users`).
        buildable: models, seeds and snapshots by unique id: all that becomes a table.
        disabled: the names of disabled models, seeds and snapshots.
        sources: the landed tables by `source.table`.
        tests: generic and singular tests by unique id; each hangs on the graph by its `parents`.
        unit_tests: by unique id.
        exposures, analyses, groups: by unique id.
        graph: over the unique ids of buildables, sources and exposures; checks that read another model do not count here.
        lookup: what `ref` and `source` mean.
        warnings: what is wrong and left out in a project of dbt's, where dbt only warns of it.
    """

    files: Files
    models: Mapping[str, Model]
    buildable: Mapping[str, Model]
    disabled: frozenset[str]
    sources: Mapping[str, SourceTable]
    tests: Mapping[str, DataTest]
    unit_tests: Mapping[str, UnitTest]
    exposures: Mapping[str, Exposure]
    analyses: Mapping[str, Model]
    groups: Mapping[str, Group]
    graph: Graph
    lookup: Lookup
    renderer: Renderer
    warnings: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        return self.files.root

    @property
    def warehouse(self) -> Path:
        return self.files.target.warehouse

    def node(self, unique_id: str) -> Model | SourceTable:
        """Returns the model, seed, snapshot or source of that unique id."""
        found = self.buildable.get(unique_id)
        return found if found is not None else self._tables[unique_id]

    @cached_property
    def _tables(self) -> Mapping[str, SourceTable]:
        return {table.unique_id: table for table in self.sources.values()}

    @cached_property
    def graph_values(self) -> Mapping[str, Any]:
        """What `graph` shows to templates."""
        return graph_values(
            [*self.buildable.values(), *self.analyses.values()],
            self.sources.values(),
            self.tests.values(),
            self.exposures.values(),
        )

    def selectables(self) -> list[Selectable]:
        """Returns what selection knows of every node: sources, models, seeds, snapshots, exposures, analyses, tests."""
        return list(
            selectables(
                [*self.nodes(), *self.analyses.values()],
                exposures=self.exposures.values(),
                tests=self.tests.values(),
                unit_tests=self.unit_tests.values(),
                models=self.models,
                macros=self.files.macros,
                suites=suite_files(self.root, self.files.suite_paths),
                prefixes={package.name: package.prefix for package in self.files.packages},
            )
        )

    def listing(self) -> Listing:
        """Returns what listing and selecting need."""
        nodes = {node.id: node for node in self.selectables()}
        ordered = [nodes.pop(name) for name in self.graph.order if name in nodes]
        return Listing(
            nodes=(*ordered, *nodes.values()),
            named=named_selectors(self.root, self._rendered),
            project=self.files.name,
            root=self.root,
        )

    def nodes(self) -> list[Model | SourceTable]:
        """Returns every landed table and every model, seed and snapshot."""
        return [*self.sources.values(), *self.buildable.values()]

    def select(
        self,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        *,
        kinds: Collection[str] = ("model",),
        selector: str | None = None,
        indirect: Indirect = "eager",
        state: StateView | None = None,
    ) -> list[str]:
        """Returns the unique ids that the selectors choose, of the given kinds, parents before children, tests last.

        Args:
            selector, indirect, state: as `runner.selection.select` takes them.

        Raises:
            NothingSelected: `state:`, `failed:` and the like hold of nothing now.
            ProjectError: a selector is wrong or matches nothing, or leaves none of the kinds.
        """
        return self.listing().select(include, exclude, kinds=kinds, selector=selector, indirect=indirect, state=state)

    def _rendered(self, text: str) -> str:
        scope = Scope(
            place=SELECTORS_FILE,
            ref=_nothing,
            source=_nothing,
            variables=self.files.vars,
            target=target_values(self.files.target),
            project=self.files.name,
        )
        return self.renderer.render(text, scope)[0]


def renderer_of(files: Files) -> Renderer:
    """Returns what renders a project's templates."""
    return Renderer(
        files.macros, root=files.name, dispatch=files.dispatch, strict=files.project_file != "dbt_project.yml"
    )


def load_project(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Project:
    """Reads and parses the project in `root`.

    Raises:
        ProjectError: anything in the project is wrong; the message names file and line.
    """
    files = read_files(root, target=target, variables=variables)
    renderer = renderer_of(files)
    nodes = Parser(files, renderer).nodes()
    parents: dict[str, tuple[str, ...]] = {table.unique_id: () for table in nodes.sources.values()}
    parents |= {model.unique_id: model.parents for model in nodes.buildable.values()}
    parents |= {exposure.unique_id: exposure.parents for exposure in nodes.exposures.values()}
    return Project(
        files=files,
        models=nodes.models,
        buildable=nodes.buildable,
        disabled=frozenset(model.label for model in nodes.disabled.values()),
        sources=nodes.sources,
        tests=nodes.tests,
        unit_tests=nodes.unit_tests,
        exposures=nodes.exposures,
        analyses=nodes.analyses,
        groups=nodes.groups,
        graph=Graph(parents),
        lookup=nodes.lookup,
        warnings=nodes.warnings,
        renderer=renderer,
    )


def _nothing(*names: Any) -> Any:
    raise ProjectError("a selector cannot name a table.")
