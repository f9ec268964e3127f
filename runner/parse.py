"""Reads all of a project into one value: every node parsed, its settings resolved, and the graph over all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.configs import FolderConfigs, check_config, merge_config, with_fixed
from runner.data_tests import generic_tests, read_call, unique_names
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.graph import Graph
from runner.lookup import Entry, Lookup
from runner.model import Config, DataTest, Exposure, Group, Model, Ref, SourceTable, UnitTest
from runner.names import TableRef, check_identifier
from runner.packages import Package, SourceFile
from runner.project import Files, read_files
from runner.properties import Patch
from runner.python_models import read_python_model
from runner.render import Captured, Relation, Renderer, Scope
from runner.selectables import Listing, named_selectors, selectables, suite_files
from runner.selection import Indirect, Selectable, StateView
from runner.selection.named import SELECTORS_FILE

_TYPES = {"model": "model", "python": "model", "seed": "seed", "snapshot": "snapshot", "analysis": "analysis"}


@dataclass(frozen=True, slots=True, kw_only=True)
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

    @property
    def root(self) -> Path:
        return self.files.root

    @property
    def warehouse(self) -> Path:
        return self.files.target.warehouse

    def node(self, unique_id: str) -> Model | SourceTable:
        """Returns the model, seed, snapshot or source of that unique id."""
        found = self.buildable.get(unique_id)
        return found if found is not None else self._source(unique_id)

    def _source(self, unique_id: str) -> SourceTable:
        return self.sources[unique_id.split(".", 2)[2]]

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
            target=target_values(self.files),
            project=self.files.name,
        )
        return self.renderer.render(text, scope)[0]


def load_project(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Project:
    """Reads and parses the project in `root`.

    Raises:
        ProjectError: anything in the project is wrong; the message names file and line.
    """
    files = read_files(root, target=target, variables=variables)
    return _Parser(files).project()


def target_values(files: Files) -> dict[str, Any]:
    """Returns what `target` shows to templates."""
    target = files.target
    return {"name": target.name, "schema": target.schema, "threads": target.threads, "type": "spark", "database": None}


class _Parser:
    """Parses the nodes of one project, in the order of what they need of each other."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.renderer = Renderer(files.macros, root=files.name)
        self.configs = FolderConfigs(files.packages)
        self.patches: dict[tuple[str, str, str], Patch] = {
            (package.name, kind, name): patch
            for package in files.packages
            for (kind, name), patch in package.properties.patches.items()
        }
        self.sources = _labelled_sources(files)
        self.node_files = [file for package in files.packages for file in (*package.files, *_yaml_snapshots(package))]
        self.lookup = Lookup(files.name, self._entries(), self.sources.values())
        self.target = target_values(files)

    def project(self) -> Project:
        self._check_patches()
        buildable: dict[str, Model] = {}
        analyses: dict[str, Model] = {}
        disabled: dict[str, Model] = {}
        tables: dict[TableRef, str] = {table.table: table.label for table in self.sources.values()}
        for file in self.node_files:
            if file.kind == "test":
                continue
            model = self._model(file)
            if not model.config.enabled:
                disabled[model.unique_id] = model
            elif model.resource_type == "analysis":
                analyses[model.unique_id] = model
            else:
                if model.table in tables:
                    raise ProjectError(
                        f'{model.path}: the table {model.table} is that of "{tables[model.table]}" already. Set another schema or alias.'
                    )
                tables[model.table] = model.label
                buildable[model.unique_id] = model
        for model in (*buildable.values(), *analyses.values()):
            _refuse_disabled(model, disabled)
        models = _labelled(model for model in buildable.values() if model.resource_type == "model")
        known: dict[str, Model | SourceTable] = {
            **buildable,
            **{table.unique_id: table for table in self.sources.values()},
        }
        exposures = self._exposures()
        parents = {model.unique_id: model.parents for model in buildable.values()}
        parents |= {exposure.unique_id: exposure.parents for exposure in exposures.values()}
        return Project(
            files=self.files,
            models=models,
            buildable=buildable,
            disabled=frozenset(model.label for model in disabled.values()),
            sources=self.sources,
            tests=self._tests(known),
            unit_tests=self._unit_tests(models, disabled),
            exposures=exposures,
            analyses=analyses,
            groups={group.unique_id: group for package in self.files.packages for group in package.properties.groups},
            graph=Graph({**{table.unique_id: () for table in self.sources.values()}, **parents}),
            lookup=self.lookup,
            renderer=self.renderer,
        )

    def _entries(self) -> Iterator[Entry]:
        for file in self.node_files:
            if file.kind not in ("test", "analysis"):
                yield Entry(
                    unique_id=f"{_TYPES[file.kind]}.{file.package}.{file.name}", name=file.name, package=file.package
                )

    def _check_patches(self) -> None:
        known: dict[tuple[str, str], set[str]] = {}
        for file in self.node_files:
            known.setdefault((file.package, _TYPES.get(file.kind, file.kind)), set()).add(file.name)
        for (package, kind, name), patch in self.patches.items():
            if kind == "macro":
                continue
            names = known.get((package, kind), set())
            if name not in names:
                raise NotFoundError(f'{patch.place}: no file holds the {kind} "{name}".', name=name, known=names)

    def _model(self, file: SourceFile) -> Model:
        check_identifier(file.name, place=str(file.path))
        kind = _TYPES[file.kind]
        place = str(file.path)
        patch = self.patches.get((file.package, kind, file.name))
        config = self.configs.of(kind, file.package, file.folders, file.name)
        config = merge_config(config, patch.config if patch else {})
        if file.kind == "python":
            captured = _captured_of_python(file)
        elif file.kind == "seed":
            captured = Captured()
        else:
            captured = self._render(file.raw_sql, place, file.name, file.package, config)
        config = merge_config(config, captured.config)
        if kind == "model":
            check_config(config, place)
        fqn = (file.package, *(("analysis",) if kind == "analysis" else ()), *file.folders, file.name)
        group = config.get("group", patch.group if patch else None)
        return Model(
            name=file.name,
            table=self._table(file, kind, config),
            path=file.path,
            fqn=fqn,
            raw_sql=file.raw_sql,
            config=with_fixed(kind, config),
            package=file.package,
            resource_type=kind,  # type: ignore[arg-type]
            language={"python": "python", "seed": "csv"}.get(file.kind, "sql"),  # type: ignore[arg-type]
            refs=tuple(captured.refs),
            sources=tuple(captured.sources),
            parents=self._parents(captured.refs, captured.sources, file.package, place),
            macros=tuple(captured.macros),
            description=patch.description if patch else "",
            columns=patch.columns if patch else (),
            tests=patch.tests if patch else (),
            patch_path=patch.path if patch else None,
            meta={**(config.get("meta") or {}), **(patch.meta if patch else {})},
            group=group,
            access=str(config.get("access") or (patch.access if patch else None) or "protected"),
        )

    def _render(self, text: str, place: str, name: str, package: str, config: Mapping[str, Any]) -> Captured:
        def ref(wanted: Ref) -> Relation:
            self.lookup.ref(wanted, package)
            return Relation(TableRef("parsing", wanted.name))

        def source(source: str, table: str) -> Relation:
            return Relation(self.lookup.source(source, table, package).table)

        scope = Scope(
            place=place,
            ref=ref,
            source=source,
            variables=self.files.vars,
            target=self.target,
            this=Relation(TableRef("parsing", name)),
            config=config,
            execute=False,
            model={"name": name},
            project=self.files.name,
        )
        _, captured = self.renderer.render(text, scope)
        if "is_incremental" in text:
            _, second = self.renderer.render(text, replace(scope, is_incremental=True))
            captured.refs |= second.refs
            captured.sources |= second.sources
            captured.macros |= second.macros
        return captured

    def _parents(
        self, refs: Iterable[Ref], sources: Iterable[tuple[str, str]], package: str, place: str
    ) -> tuple[str, ...]:
        try:
            found = [self.lookup.ref(ref, package) for ref in refs]
            found += [self.lookup.source(*pair, package).unique_id for pair in sources]
        except ProjectError as error:
            error.args = (f"{place}: {error}",)
            raise
        return tuple(dict.fromkeys(found))

    def _table(self, file: SourceFile, kind: str, config: Mapping[str, Any]) -> TableRef:
        custom = config.get("schema")
        if kind == "snapshot" and config.get("target_schema"):
            schema = str(config["target_schema"])
        elif self.renderer.has_macro("generate_schema_name"):
            scope = Scope(
                place=str(file.path),
                ref=_nothing,
                source=_nothing,
                variables=self.files.vars,
                target=self.target,
                project=self.files.name,
            )
            schema = str(self.renderer.call("generate_schema_name", [custom, {"name": file.name}], scope)).strip()
        else:
            schema = f"{self.files.target.schema}_{custom}" if custom else self.files.target.schema
        alias = str(config.get("alias") or file.name)
        return TableRef(check_identifier(schema, place=str(file.path)), check_identifier(alias, place=str(file.path)))

    def _tests(self, known: Mapping[str, Model | SourceTable]) -> dict[str, DataTest]:
        generic = [test for node in known.values() for test in generic_tests(node, self.lookup, self.configs, known)]
        singular = [self._singular(file) for file in self.node_files if file.kind == "test"]
        found = unique_names([*generic, *singular])
        return {
            name: test
            for name, test in found.items()
            if test.config.enabled and all(parent in known for parent in test.parents)
        }

    def _singular(self, file: SourceFile) -> DataTest:
        patch = self.patches.get((file.package, "test", file.name))
        config = merge_config(
            self.configs.of("test", file.package, file.folders, file.name), patch.config if patch else {}
        )
        place = str(file.path)
        captured = self._render(file.raw_sql, place, file.name, file.package, config)
        config = merge_config(config, captured.config)
        return DataTest(
            unique_id=f"test.{file.package}.{file.name}",
            name=file.name,
            alias=str(config.get("alias") or file.name),
            package=file.package,
            path=file.path,
            place=place,
            fqn=(file.package, *file.folders, file.name),
            raw_sql=file.raw_sql,
            config=Config(values=config),
            refs=tuple(captured.refs),
            sources=tuple(captured.sources),
            parents=self._parents(captured.refs, captured.sources, file.package, place),
            macros=tuple(captured.macros),
            description=patch.description if patch else "",
        )

    def _unit_tests(self, models: Mapping[str, Model], disabled: Mapping[str, Model]) -> dict[str, UnitTest]:
        off = {model.name for model in disabled.values()}
        found = {}
        for test in self.files.unit_tests:
            if test.model in off and test.model not in models:
                continue
            if test.model not in models:
                raise NotFoundError(
                    f'{test.place}: unit test "{test.name}" tests "{test.model}", which is no model.',
                    name=test.model,
                    known=models,
                )
            found[test.unique_id] = test
        return found

    def _exposures(self) -> dict[str, Exposure]:
        found = {}
        for package in self.files.packages:
            for exposure, needs in package.properties.exposures:
                refs: list[Ref] = []
                sources: list[tuple[str, str]] = []
                for text in needs:
                    called = read_call(text)
                    if called is None:
                        raise FormatError(
                            f'{exposure.place}: "depends_on" of exposure "{exposure.name}" lists ref(\'model\') or '
                            f"source('source', 'table'), not {text}."
                        )
                    (refs if isinstance(called, Ref) else sources).append(called)  # type: ignore[arg-type]
                parents = self._parents(refs, sources, package.name, exposure.place)
                if exposure.config.enabled:
                    found[exposure.unique_id] = replace(
                        exposure, refs=tuple(refs), sources=tuple(sources), parents=parents
                    )
        return found


def _labelled_sources(files: Files) -> dict[str, SourceTable]:
    found: dict[str, SourceTable] = {}
    for package in files.packages:
        for table in package.properties.sources:
            found[table.label if table.label not in found else f"{package.name}.{table.label}"] = table
    return found


def _labelled(models: Iterable[Model]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for model in models:
        found[model.label if model.label not in found else f"{model.package}.{model.label}"] = model
    return found


def _yaml_snapshots(package: Package) -> Iterator[SourceFile]:
    """Yields a snapshot for each entry that names its relation: those need no SQL file."""
    for (kind, name), patch in package.properties.patches.items():
        if kind == "snapshot" and patch.relation:
            relation = patch.relation.strip().removeprefix("{{").removesuffix("}}").strip()
            if read_call(relation) is None:
                raise FormatError(
                    f"{patch.place}: the relation of snapshot \"{name}\" is ref('model') or source('source', 'table'), "
                    f"not {patch.relation}."
                )
            yield SourceFile(
                kind="snapshot",
                name=name,
                path=patch.path,
                folders=patch.path.parent.parts[1:],
                raw_sql=f"select * from {{{{ {relation} }}}}",
                package=package.name,
            )


def _captured_of_python(file: SourceFile) -> Captured:
    code = read_python_model(file.raw_sql, str(file.path))
    return Captured(
        refs=dict.fromkeys(code.refs),
        sources=dict.fromkeys(code.sources),
        config={"materialized": "table", **code.config},
    )


def _refuse_disabled(model: Model, disabled: Mapping[str, Model]) -> None:
    for parent in model.parents:
        if parent in disabled:
            ref = next(ref for ref in model.refs if ref.name == disabled[parent].name)
            raise ProjectError(
                f"{_place_of(model, ref.name)}: {ref} names a {disabled[parent].resource_type} that is disabled. "
                "Enable it, or take the reference out."
            )


def _nothing(*names: Any) -> Any:
    raise ProjectError("a schema's name cannot depend on a table.")


def _place_of(model: Model, word: str) -> str:
    """Returns `file:line` of the first line of the template that has the word."""
    for number, line in enumerate(model.raw_sql.splitlines(), 1):
        if word in line:
            return f"{model.path}:{number}"
    return str(model.path)
