"""From files to nodes: each template is rendered once to find what it needs, and its settings are resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runner.errors import FormatError, NotFoundError, ProjectError
from runner.incremental import strategies_of
from runner.jinja.render import Captured, Relation, Renderer, Scope
from runner.model import Config, DataTest, Exposure, Group, Model, Ref, SourceTable, UnitTest
from runner.names import TableRef, check_identifier
from runner.project.asked import Asked
from runner.project.configs import FolderConfigs, check_config, merge_config, with_fixed
from runner.project.dashboards import Dashboard
from runner.project.data_tests import generic_test, read_call, unique_names
from runner.project.docs import Docs
from runner.project.files import Files, target_values
from runner.project.lookup import Entry, Lookup
from runner.project.packages import Package, SourceFile
from runner.project.properties import Patch, folders_of
from runner.project.python_models import check_python_config, read_python_model
from runner.project.versions import Version, versions_of

_TYPES = {"model": "model", "python": "model", "seed": "seed", "snapshot": "snapshot", "analysis": "analysis"}
_ACCESS = ("private", "protected", "public")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """All nodes of a project; see `runner.project.parse.Project`."""

    buildable: Mapping[str, Model]
    analyses: Mapping[str, Model]
    disabled: Mapping[str, Model]
    sources: Mapping[str, SourceTable]
    tests: Mapping[str, DataTest]
    unit_tests: Mapping[str, UnitTest]
    exposures: Mapping[str, Exposure]
    groups: Mapping[str, Group]
    lookup: Lookup
    warnings: tuple[str, ...] = ()

    @property
    def models(self) -> dict[str, Model]:
        """The models alone, by label; of equal labels the later one has its package before it."""
        found: dict[str, Model] = {}
        for model in self.buildable.values():
            if model.resource_type == "model":
                found[model.label if model.label not in found else f"{model.package}.{model.label}"] = model
        return found


class Parser:
    """Parses the nodes of one project.

    Args:
        files: what the project's files say.
        renderer: has the project's macros.
    """

    def __init__(self, files: Files, renderer: Renderer) -> None:
        self._files = files
        self._renderer = renderer
        self._configs = FolderConfigs(files.packages)
        self._patches: dict[tuple[str, str, str], Patch] = {
            (package.name, kind, name): patch
            for package in files.packages
            for (kind, name), patch in package.properties.patches.items()
        }
        self._warnings: list[str] = []
        self._versions = versions_of(files.packages)
        self._prefixes = {package.name: package.prefix for package in files.packages}
        self._docs = Docs(files.packages)
        self._materializations = {
            macro.name.removeprefix("materialization_").rpartition("_")[0]
            for macro in files.macros
            if macro.kind == "materialization"
        }
        self._strategies = strategies_of({macro.name for macro in files.macros if macro.kind == "macro"})
        self._target = target_values(files.target)
        self._sources = self._enabled_sources()
        self._node_files = [file for package in files.packages for file in (*package.files, *_yaml_snapshots(package))]
        self._groups = {group.unique_id: group for package in files.packages for group in package.properties.groups}
        self._lookup = Lookup(files.name, self._entries(), self._sources.values())
        around = {"vars": files.package_vars, "target": self._target, "dispatch": files.dispatch}
        self._asked = Asked(renderer, self._lookup, files.macros, self._sources.values(), around)

    def nodes(self) -> Nodes:
        """Returns all nodes.

        Raises:
            ProjectError: anything in the project is wrong; the message names file and line.
        """
        self._check_patches()
        buildable: dict[str, Model] = {}
        analyses: dict[str, Model] = {}
        disabled: dict[str, Model] = {}
        tables: dict[TableRef, str] = {table.table: table.label for table in self._sources.values()}
        for file in self._node_files:
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
            _refuse_private(model, buildable)
        known: dict[str, Model | SourceTable] = {
            **buildable,
            **{table.unique_id: table for table in self._sources.values()},
        }
        nodes = Nodes(
            buildable=buildable,
            analyses=analyses,
            disabled=disabled,
            sources=self._sources,
            tests=self._tests(known),
            unit_tests={},
            exposures=self._exposures(known),
            groups=self._groups,
            lookup=self._lookup,
        )
        units = self._unit_tests(nodes.models, disabled)
        return replace(nodes, unit_tests=units, warnings=tuple(self._warnings))

    def _enabled_sources(self) -> dict[str, SourceTable]:
        found: dict[str, SourceTable] = {}
        for package in self._files.packages:
            for table in package.properties.sources:
                config = self._configs.of("source", package.name, table.fqn[1:-1], table.name)
                config = merge_config(config, table.config)
                if not Config(values=config).enabled:
                    continue
                label = table.label if table.label not in found else f"{package.name}.{table.label}"
                tags = tuple(dict.fromkeys([*map(str, config.get("tags", ())), *table.tags]))
                found[label] = replace(
                    table,
                    config=config,
                    tags=tags,
                    description=self._docs.text(table.description, package.name, table.place),
                    columns=self._docs.columns(table.columns, package.name, table.place),
                    meta={**(config.get("meta") or {}), **table.meta},
                )
        return found

    def _entries(self) -> Iterator[Entry]:
        for file in self._node_files:
            if file.kind in ("test", "analysis"):
                continue
            version = self._versions.get((file.package, file.name)) if file.kind in ("model", "python") else None
            name = version.name if version else file.name
            suffix = f".v{version.version}" if version else ""
            yield Entry(
                unique_id=f"{_TYPES[file.kind]}.{file.package}.{name}{suffix}",
                name=name,
                package=file.package,
                version=version.version if version else None,
                latest=version is None or version.version == version.latest,
            )

    def _check_patches(self) -> None:
        known: dict[tuple[str, str], set[str]] = {}
        for file in self._node_files:
            kind = _TYPES.get(file.kind, file.kind)
            version = self._versions.get((file.package, file.name)) if kind == "model" else None
            known.setdefault((file.package, kind), set()).add(version.name if version else file.name)
        for (package, kind, name), patch in self._patches.items():
            if kind == "macro":
                continue
            names = known.get((package, kind), set())
            if name not in names:
                self._tolerate(
                    NotFoundError(f'{patch.place}: no file holds the {kind} "{name}".', name=name, known=names)
                )

    def _tolerate(self, error: ProjectError) -> None:
        """Keeps as a warning what dbt only warns of, in a project of dbt or a package; raises it elsewhere."""
        if self._files.project_file != "dbt_project.yml":
            raise error
        self._warnings.append(str(error))

    def _model(self, file: SourceFile) -> Model:
        place = str(file.path)
        check_identifier(file.name, place=place)
        kind = _TYPES[file.kind]
        version = self._versions.get((file.package, file.name)) if kind == "model" else None
        patch = version.patch if version else self._patches.get((file.package, kind, file.name))
        tree = "model" if kind == "analysis" else kind
        config = self._configs.of(tree, file.package, file.folders, file.name)
        config = merge_config(config, patch.config if patch else {})
        captured = self._captured(file, config)
        config = merge_config(config, captured.config)
        if file.kind == "python":
            check_python_config(config, place)
        if kind == "model":
            check_config(config, place, custom=self._materializations, strategies=self._strategies)
        name = version.name if version else file.name
        parents = self._parents(captured.refs, captured.sources, file.package, place)
        model = Model(
            name=name,
            table=self._table(file, kind, config),
            path=file.path,
            fqn=_fqn(file, version),
            raw_sql=file.raw_sql,
            config=with_fixed(kind, config),
            package=file.package,
            resource_type=kind,  # type: ignore[arg-type]
            language={"python": "python", "seed": "csv"}.get(file.kind, "sql"),  # type: ignore[arg-type]
            refs=tuple(captured.refs),
            sources=tuple(captured.sources),
            parents=parents,
            macros=tuple(captured.macros),
            meta=config.get("meta") or {},
            version=version.version if version else None,
            latest_version=version.latest if version else None,
        )
        return self._described(model, patch, config) if patch else self._grouped(model, config, None)

    def _described(self, model: Model, patch: Patch, config: Mapping[str, Any]) -> Model:
        model = replace(
            model,
            description=self._docs.text(patch.description, model.package, patch.place),
            columns=self._docs.columns(patch.columns, model.package, patch.place),
            constraints=patch.constraints,
            tests=patch.tests,
            patch_path=patch.path,
            meta={**model.meta, **patch.meta},
        )
        return self._grouped(model, config, patch)

    def _grouped(self, model: Model, config: Mapping[str, Any], patch: Patch | None) -> Model:
        group = config.get("group") or (patch.group if patch else None)
        access = str(config.get("access") or (patch.access if patch else None) or "protected")
        if group is None and access == "protected":
            return model
        place = patch.place if patch else str(model.path)
        names = {one.name for one in self._groups.values()}
        if group is not None and group not in names:
            raise NotFoundError(f'{place}: "{group}" is no group.', name=str(group), known=names)
        if access not in _ACCESS:
            raise NotFoundError(
                f'{place}: access is "{access}". It is one of: {", ".join(_ACCESS)}.', name=access, known=_ACCESS
            )
        return replace(model, group=group, access=access)

    def _captured(self, file: SourceFile, config: Mapping[str, Any]) -> Captured:
        if file.kind == "seed":
            return Captured()
        if file.kind == "python":
            code = read_python_model(file.raw_sql, str(file.path))
            return Captured(
                refs=dict.fromkeys(code.refs),
                sources=dict.fromkeys(code.sources),
                config={"materialized": "table", **code.config},
            )
        return self._render(file.raw_sql, str(file.path), file.name, file.package, config)

    def _render(self, text: str, place: str, name: str, package: str, config: Mapping[str, Any]) -> Captured:
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return Captured()
        return self._asked.of(text, self._scope(place, name, package, config), package)

    def _scope(self, place: str, name: str, package: str, config: Mapping[str, Any]) -> Scope:
        def ref(wanted: Ref) -> Relation:
            self._lookup.ref(wanted, package)
            return Relation(TableRef("parsing", wanted.name))

        def source(source: str, table: str) -> Relation:
            return Relation(self._lookup.source(source, table, package).table)

        return Scope(
            place=place,
            ref=ref,
            source=source,
            variables=self._files.package_vars.get(package, self._files.vars),
            target=self._target,
            this=Relation(TableRef("parsing", name)),
            config=config,
            execute=False,
            model={"name": name, "package_name": package, "path": place, "config": dict(config), "batch": None},
            project=self._files.name,
            package=package,
        )

    def _parents(
        self, refs: Iterable[Ref], sources: Iterable[tuple[str, str]], package: str, place: str
    ) -> tuple[str, ...]:
        try:
            found = [self._lookup.ref(ref, package) for ref in refs]
            found += [self._lookup.source(*pair, package).unique_id for pair in sources]
        except ProjectError as error:
            error.args = (f"{place}: {error}",)
            raise
        return tuple(dict.fromkeys(found))

    def _table(self, file: SourceFile, kind: str, config: Mapping[str, Any]) -> TableRef:
        custom = config.get("schema")
        place = str(file.path)
        if kind == "snapshot" and config.get("target_schema"):
            schema = str(config["target_schema"])
        else:
            plain = f"{self._files.target.schema}_{custom}" if custom else self._files.target.schema
            schema = self._named("generate_schema_name", custom, file, config, plain)
        alias = str(config.get("alias") or file.name)
        alias = self._named("generate_alias_name", config.get("alias"), file, config, alias)
        return TableRef(check_identifier(schema, place=place), check_identifier(alias, place=place))

    def _named(self, macro: str, custom: Any, file: SourceFile, config: Mapping[str, Any], plain: str) -> str:
        """Returns the name that the project's own macro gives; `plain` where it has none."""
        if not self._renderer.has_macro(macro):
            return plain
        node = {
            "name": file.name,
            "package_name": file.package,
            "resource_type": _TYPES[file.kind],
            "fqn": [file.package, *file.folders, file.name],
            "path": str(file.path),
            "config": dict(config),
            "version": None,
        }
        scope = replace(self._scope(str(file.path), file.name, file.package, config), ref=_nothing, source=_nothing)
        return str(self._renderer.call(macro, [custom, node], replace(scope, execute=True, this=None))).strip()

    def _tests(self, known: Mapping[str, Model | SourceTable]) -> dict[str, DataTest]:
        generic = [test for node in known.values() for test in self._generic(node)]
        singular = [self._singular(file) for file in self._node_files if file.kind == "test"]
        found = unique_names([*generic, *singular])
        return {
            name: test
            for name, test in found.items()
            if test.config.enabled and all(parent in known for parent in test.parents)
        }

    def _generic(self, node: Model | SourceTable) -> Iterator[DataTest]:
        for written in node.tests:
            try:
                found = generic_test(written, node, self._lookup, self._configs, self._prefixes[node.fqn[0]])
                if found.config.enabled:
                    yield self._completed(found)
            except NotFoundError as error:
                self._tolerate(error)

    def _completed(self, test: DataTest) -> DataTest:
        """Returns a generic test with what its macro adds: tables that it reads by itself, macros that it calls."""
        written = test.test
        assert written is not None
        bare = f"test_{written.type.rsplit('.', 1)[-1]}"
        macro = self._renderer.find_macro(f"{test.namespace}.{bare}" if test.namespace else bare, test.package)
        if macro is None:
            return test
        scope = self._scope(test.place.rpartition(":")[0], test.name, test.package, test.config.values)
        given = {key: self._argument(value, scope) for key, value in written.arguments.items()}
        if written.column is not None:
            given["column_name"] = written.column
        given["model"] = Relation(TableRef("parsing", "model"))
        try:
            _, captured = self._renderer.called(
                f"{macro.package}.{bare}", [], replace(scope, place=test.place), keywords=given
            )
        except ProjectError as error:
            said = str(error).removeprefix(f"{test.place}: ")
            error.args = (f'{test.place}: the check "{written.type}" cannot be made: {said}',)
            raise
        refs = dict.fromkeys([*test.refs, *captured.refs])
        sources = dict.fromkeys([*test.sources, *captured.sources])
        parents = dict.fromkeys(
            [*test.parents, *self._parents(captured.refs, captured.sources, test.package, test.place)]
        )
        return replace(
            test,
            refs=tuple(refs),
            sources=tuple(sources),
            parents=tuple(parents),
            macros=tuple(captured.macros),
            config=Config(values=merge_config(captured.config, test.config.values)),
        )

    def _argument(self, value: Any, scope: Scope) -> Any:
        called = read_call(value) if isinstance(value, str) else None
        if isinstance(called, Ref):
            return scope.ref(called)
        return value if called is None else scope.source(*called)

    def _singular(self, file: SourceFile) -> DataTest:
        patch = self._patches.get((file.package, "test", file.name))
        config = merge_config(
            self._configs.of("test", file.package, file.folders, file.name), patch.config if patch else {}
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
            description=self._docs.text(patch.description, file.package, patch.place) if patch else "",
        )

    def _unit_tests(self, models: Mapping[str, Model], disabled: Mapping[str, Model]) -> dict[str, UnitTest]:
        off = {model.name for model in disabled.values()}
        found = {}
        for test in self._files.unit_tests:
            if test.is_of_macro:
                if Config(values=test.config).enabled:
                    found[test.unique_id] = test
                continue
            if test.model in off and test.model not in models:
                continue
            if test.model not in models:
                raise NotFoundError(
                    f'{test.place}: unit test "{test.name}" tests "{test.model}", which is no model.',
                    name=test.model,
                    known=models,
                )
            if Config(values=test.config).enabled:
                found[test.unique_id] = test
        return found

    def _exposures(self, known: Mapping[str, object]) -> dict[str, Exposure]:
        found = {}
        for package in self._files.packages:
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
                folders = exposure.fqn[1:-1]
                config = merge_config(
                    self._configs.of("exposure", package.name, folders, exposure.name), exposure.config.values
                )
                if Config(values=config).enabled:
                    found[exposure.unique_id] = replace(
                        exposure,
                        config=Config(values=config),
                        refs=tuple(refs),
                        sources=tuple(sources),
                        parents=tuple(parent for parent in parents if parent in known),
                        description=self._docs.text(exposure.description, package.name, exposure.place),
                    )
        written = {exposure.name for exposure, _ in self._files.own.properties.exposures}
        for dashboard in self._files.own.dashboards:
            exposure = self._of_dashboard(dashboard, known)
            if dashboard.name not in written and exposure.config.enabled:
                found[exposure.unique_id] = exposure
        return found

    def _of_dashboard(self, dashboard: Dashboard, known: Mapping[str, object]) -> Exposure:
        """Returns a dashboard as the exposure that it is: it depends on what its queries name."""
        package = self._files.name
        config = self._configs.of("exposure", package, dashboard.folders, dashboard.name)
        config = merge_config(config, {"tags": list(dashboard.tags), "meta": dict(dashboard.meta)})
        queries = [query for panel in dashboard.panels for query in panel.queries]
        asked = [self._render(query.text, str(query.path), dashboard.name, package, {}) for query in queries]
        refs = tuple(dict.fromkeys(ref for one in asked for ref in one.refs))
        sources = tuple(dict.fromkeys(pair for one in asked for pair in one.sources))
        parents = self._parents(refs, sources, package, str(dashboard.path))
        return Exposure(
            name=dashboard.name,
            package=package,
            path=dashboard.path,
            place=dashboard.place,
            fqn=(package, *dashboard.folders, dashboard.name),
            type="dashboard",
            owner=dict(dashboard.owner),
            config=Config(values=config),
            refs=refs,
            sources=sources,
            parents=tuple(parent for parent in parents if parent in known),
            label=dashboard.title,
            description=self._docs.text(dashboard.description, package, dashboard.place),
            meta=dict(config.get("meta") or {}),
        )


def _fqn(file: SourceFile, version: Version | None) -> tuple[str, ...]:
    above = (file.package, *(("analysis",) if file.kind == "analysis" else ()), *file.folders)
    return (*above, version.name, f"v{version.version}") if version else (*above, file.name)


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
                folders=folders_of(patch.path, package.prefix),
                raw_sql=f"select * from {{{{ {relation} }}}}",
                package=package.name,
            )


def _refuse_disabled(model: Model, disabled: Mapping[str, Model]) -> None:
    for parent in model.parents:
        if parent in disabled:
            ref = next(ref for ref in model.refs if ref.name == disabled[parent].name)
            raise ProjectError(
                f"{_place_of(model, ref.name)}: {ref} names a {disabled[parent].resource_type} that is disabled. "
                "Enable it, or take the reference out."
            )


def _refuse_private(model: Model, buildable: Mapping[str, Model]) -> None:
    for unique_id in model.parents:
        parent = buildable.get(unique_id)
        if parent is not None and parent.access == "private" and (model.group is None or model.group != parent.group):
            own = f'the group "{model.group}"' if model.group else "none"
            owner = f'the group "{parent.group}"' if parent.group else "no group"
            raise ProjectError(
                f'{_place_of(model, parent.name)}: "{parent.name}" is private to {owner}, and "{model.name}" is of '
                f"{own}. "
                "Put both into one group, or give it another access."
            )


def _nothing(*names: Any) -> Any:
    raise ProjectError("a schema's name cannot depend on a table.")


def _place_of(model: Model, word: str) -> str:
    """Returns `file:line` of the first line of the template that has the word."""
    for number, line in enumerate(model.raw_sql.splitlines(), 1):
        if word in line:
            return f"{model.path}:{number}"
    return str(model.path)
