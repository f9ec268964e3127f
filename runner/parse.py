"""Reads all of a project into one value: every model parsed, its settings resolved, and the graph over all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.documents import Section
from runner.errors import FormatError, NotFoundError, ProjectError, nearest
from runner.graph import Graph
from runner.model import MATERIALIZATIONS, STRATEGIES, Config, Model, SourceTable
from runner.names import TableRef, check_identifier
from runner.project import Files, SourceFile, read_files
from runner.render import Relation, Renderer, Scope
from runner.selection import Selectable, select

_CONFIGS = {
    "materialized", "schema", "alias", "tags", "enabled", "meta", "unique_key", "incremental_strategy", "on_schema_change",
    "partition_by", "file_format", "description", "contract", "docs", "persist_docs", "full_refresh", "grants", "pre_hook",
    "post_hook", "database", "group", "access", "merge_update_columns", "merge_exclude_columns", "incremental_predicates",
    "tblproperties", "liquid_clustered_by", "location_root", "severity", "store_failures", "event_time",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A parsed project.

    Attributes:
        models: the enabled models by name.
        sources: the landed tables by `source.table`.
        graph: over unique ids; checks that read another model do not count here.
    """

    files: Files
    models: Mapping[str, Model]
    disabled: frozenset[str]
    sources: Mapping[str, SourceTable]
    graph: Graph
    renderer: Renderer

    @property
    def root(self) -> Path:
        return self.files.root

    @property
    def warehouse(self) -> Path:
        return self.files.target.warehouse

    def node(self, unique_id: str) -> Model | SourceTable:
        """Returns the model or source of that unique id."""
        kind, _, rest = unique_id.split(".", 2)
        return self.models[rest] if kind == "model" else self.sources[rest]

    def selectables(self) -> list[Selectable]:
        """Returns what selection knows of every node: sources, then models, each by name."""
        return [_selectable(node, self) for node in self.nodes()]

    def nodes(self) -> list[Model | SourceTable]:
        """Returns every landed table and every model."""
        return [*self.sources.values(), *self.models.values()]

    def select(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), *, kinds: Collection[str] = ("model",)
    ) -> list[str]:
        """Returns the unique ids that the selectors choose, of the given kinds, parents before children.

        Raises:
            ProjectError: a selector is wrong or matches nothing, or leaves none of the kinds.
        """
        chosen = select(self.selectables(), include=include, exclude=exclude, root=self.root, project=self.files.name)
        found = [node for node in self.graph.order if node in chosen and node.split(".", 1)[0] in kinds]
        if not found:
            raise ProjectError(f"the selection holds no {' and no '.join(kinds)}. Look at it with `run ls`.")
        return found


def load_project(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Project:
    """Reads and parses the project in `root`.

    Raises:
        ProjectError: anything in the project is wrong; the message names file and line.
    """
    files = read_files(root, target=target, variables=variables)
    renderer = Renderer(files.macros)
    known = {file.name for file in files.sql_files}
    for patch in files.patches.values():
        if patch.name not in known:
            raise NotFoundError(f'{patch.place}: no file holds the model "{patch.name}".', name=patch.name, known=known)
    sources = {table.label: table for table in files.sources}
    models: dict[str, Model] = {}
    tables: dict[TableRef, str] = {table.table: table.label for table in files.sources}
    disabled = set()
    for file in files.sql_files:
        model = _parse(file, files, renderer, sources, known)
        if not model.config.enabled:
            disabled.add(model.name)
            continue
        if model.table in tables:
            raise ProjectError(
                f'{model.path}: the table {model.table} is that of "{tables[model.table]}" already. Set another schema or alias.'
            )
        tables[model.table] = model.name
        models[model.name] = model
    for model in models.values():
        for ref in model.refs:
            if ref in disabled:
                raise ProjectError(
                    f'{_place_of(model, ref)}: ref("{ref}") names a model that is disabled. Enable it, or take the reference out.'
                )
    for test in files.unit_tests:
        if test.model not in models:
            raise NotFoundError(
                f'{test.place}: unit test "{test.name}" tests "{test.model}", which is no model.',
                name=test.model,
                known=models,
            )
    parents = {model.unique_id: parents_of(model, models, sources) for model in models.values()}
    graph = Graph({**{table.unique_id: () for table in sources.values()}, **parents})
    return Project(
        files=files, models=models, disabled=frozenset(disabled), sources=sources, graph=graph, renderer=renderer
    )


def parents_of(model: Model, models: Mapping[str, Model], sources: Mapping[str, SourceTable]) -> list[str]:
    """Returns the unique ids of what a model reads."""
    return [models[ref].unique_id for ref in model.refs] + [
        sources[f"{source}.{table}"].unique_id for source, table in model.sources
    ]


def merge_config(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `over` on top: tags add up, meta merges, everything else is replaced (dbt's rules)."""
    merged = {**base, **over}
    if "tags" in base or "tags" in over:
        merged["tags"] = tuple(dict.fromkeys([*_listed(base.get("tags")), *_listed(over.get("tags"))]))
    if "meta" in base and "meta" in over:
        merged["meta"] = {**base["meta"], **over["meta"]}
    return merged


def target_values(files: Files) -> dict[str, Any]:
    """Returns what `target` shows to templates."""
    target = files.target
    return {"name": target.name, "schema": target.schema, "threads": target.threads, "type": "spark", "database": None}


def known_source(sources: Mapping[str, SourceTable], name: str, table: str) -> SourceTable:
    label = f"{name}.{table}"
    if label not in sources:
        raise NotFoundError(f'source("{name}", "{table}") names no table of sources.yml.', name=label, known=sources)
    return sources[label]


def _parse(
    file: SourceFile, files: Files, renderer: Renderer, sources: Mapping[str, SourceTable], known: set[str]
) -> Model:
    check_identifier(file.name, place=str(file.path))
    patch = files.patches.get(file.name)
    config = _folder_config(files, file)
    config = merge_config(config, patch.config if patch else {})
    place = str(file.path)

    def ref(name: str) -> Relation:
        if name not in known:
            raise NotFoundError(f'ref("{name}") names no model.', name=name, known=known)
        return Relation(TableRef("parsing", name))

    def source(name: str, table: str) -> Relation:
        return Relation(known_source(sources, name, table).table)

    scope = Scope(
        place=place,
        ref=ref,
        source=source,
        variables=files.vars,
        target=target_values(files),
        this=Relation(TableRef("parsing", file.name)),
        config=config,
        execute=False,
        model={"name": file.name},
        project=files.name,
    )
    _, captured = renderer.render(file.raw_sql, scope)
    if "is_incremental" in file.raw_sql:
        _, second = renderer.render(file.raw_sql, replace(scope, is_incremental=True))
        captured.refs |= second.refs
        captured.sources |= second.sources
        captured.macros |= second.macros
    config = merge_config(config, captured.config)
    _check_config(config, place)
    return Model(
        name=file.name,
        table=_table(file, files, renderer, config),
        path=file.path,
        fqn=(files.name, *file.folders, file.name),
        raw_sql=file.raw_sql,
        config=Config(values=config),
        refs=tuple(captured.refs),
        sources=tuple(captured.sources),
        macros=tuple(captured.macros),
        description=patch.description if patch else "",
        columns=patch.columns if patch else (),
        tests=patch.tests if patch else (),
        patch_path=patch.path if patch else None,
        meta={**config.get("meta", {}), **(patch.meta if patch else {})},
    )


def _folder_config(files: Files, file: SourceFile) -> dict[str, Any]:
    config: dict[str, Any] = {}
    level: Any = files.model_config
    for folder in (None, files.name, *file.folders, file.name):
        if folder is not None:
            level = level.get(folder)
        if not isinstance(level, Section):
            if folder == files.name:
                level = files.model_config
                continue
            break
        config = merge_config(config, {key[1:]: value for key, value in level.items() if key.startswith("+")})
    return config


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _check_config(config: Mapping[str, Any], place: str) -> None:
    for key in config:
        if key not in _CONFIGS and (near := nearest(key, _CONFIGS)) and abs(len(near) - len(key)) <= 2:
            raise FormatError(f'{place}: there is no setting "{key}". Did you mean "{near}"?')
    materialized = config.get("materialized", "view")
    if materialized not in MATERIALIZATIONS:
        raise NotFoundError(
            f'{place}: materialized is "{materialized}". It is one of: {", ".join(MATERIALIZATIONS)}.',
            name=str(materialized),
            known=MATERIALIZATIONS,
        )
    strategy = config.get("incremental_strategy")
    if strategy is not None and strategy not in STRATEGIES:
        raise NotFoundError(
            f'{place}: incremental_strategy is "{strategy}". It is one of: {", ".join(STRATEGIES)}.',
            name=str(strategy),
            known=STRATEGIES,
        )
    if strategy == "merge" and not config.get("unique_key"):
        raise FormatError(
            f'{place}: incremental_strategy "merge" needs a unique_key. Name the columns that identify a row.'
        )


def _table(file: SourceFile, files: Files, renderer: Renderer, config: Mapping[str, Any]) -> TableRef:
    custom = config.get("schema")
    if renderer.has_macro("generate_schema_name"):
        scope = Scope(
            place=str(file.path),
            ref=_nothing,
            source=_nothing,
            variables=files.vars,
            target=target_values(files),
            project=files.name,
        )
        schema = str(renderer.call("generate_schema_name", [custom, {"name": file.name}], scope)).strip()
    else:
        schema = f"{files.target.schema}_{custom}" if custom else files.target.schema
    alias = str(config.get("alias") or file.name)
    return TableRef(check_identifier(schema, place=str(file.path)), check_identifier(alias, place=str(file.path)))


def _nothing(*names: str) -> Any:
    raise ProjectError("a schema's name cannot depend on a table.")


def _place_of(model: Model, word: str) -> str:
    """Returns `file:line` of the first line of the template that has the word."""
    for number, line in enumerate(model.raw_sql.splitlines(), 1):
        if word in line:
            return f"{model.path}:{number}"
    return str(model.path)


def _selectable(node: Model | SourceTable, project: Project) -> Selectable:
    if isinstance(node, SourceTable):
        return Selectable(
            id=node.unique_id,
            label=node.label,
            name=node.name,
            resource_type="source",
            fqn=node.fqn,
            path=str(node.path),
            tags=node.tags,
        )
    return Selectable(
        id=node.unique_id,
        label=node.name,
        name=node.name,
        resource_type="model",
        fqn=node.fqn,
        path=str(node.path),
        patch_path=str(node.patch_path) if node.patch_path else None,
        parents=project.graph.parents(node.unique_id),
        tags=node.config.tags,
        config=node.config.values,
    )
