"""Compiles a model: from its template to the SQL that Spark gets, ephemeral models folded in as CTEs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import ProjectError
from runner.jinja.database import Database
from runner.jinja.render import Captured, Relation, Scope
from runner.model import Config, Model, Ref
from runner.names import CHECK_RESULTS, TableRef
from runner.project.dashboards import Query
from runner.project.files import target_values
from runner.project.parse import Project
from runner.project.shown import model_values

_LEADING_WITH = re.compile(
    r"\A((?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*)with\b(?!\s+recursive\b)", re.IGNORECASE | re.DOTALL
)
_CTE = "__dbt__cte__"
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A model's SQL as Spark takes it.

    Attributes:
        body: the rendered template alone.
        ctes: the ephemeral models that it names, by the name of their CTE, each before those that read it.
        captured: what the template asked for.
    """

    model: Model
    body: str
    ctes: Mapping[str, str]
    captured: Captured

    @property
    def sql(self) -> str:
        """The whole text, with ephemeral models as leading CTEs; a Python model's code as it is."""
        return _with_ctes(self.body, self.ctes)

    def template_line(self, line: int) -> int:
        """Returns the line of the template that line `line` of `sql` came from (both from 1), the nearest where it was generated."""
        raw, sql = self.model.raw_sql.splitlines(), self.sql.splitlines()
        near = _nearest_line(raw, sql, line)
        if not 0 < line <= len(sql):
            return near
        alike = [number for number, text in enumerate(raw, 1) if _gives(text, sql[line - 1])]
        return min(alike, key=lambda number: abs(number - near), default=near)


def _nearest_line(raw: list[str], sql: list[str], line: int) -> int:
    """Returns the line of `raw` at or after the last one that stands in `sql`, too, before `line`."""
    best = 0
    index = line - 1
    for block in SequenceMatcher(None, raw, sql, autojunk=False).get_matching_blocks():
        if block.b <= index:
            best = block.a + min(index - block.b, max(block.size, 1) - 1) + (1 if index >= block.b + block.size else 0)
    return min(best, len(raw) - 1) + 1 if raw else 1


def _gives(template: str, line: str) -> bool:
    """Returns whether a template's line can have given a line of SQL: its own words stand in it, in their order."""
    pieces = [piece.strip() for piece in _JINJA.split(template)]
    if not any(word.isalnum() for piece in pieces for word in piece):
        return False
    return re.fullmatch(r".*".join(map(re.escape, pieces)), line.strip()) is not None


def compile_model(
    project: Project,
    model: Model,
    *,
    is_incremental: bool = False,
    relations: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    text: str | None = None,
    database: Database | None = None,
    flags: Mapping[str, Any] | None = None,
    batch: Any = None,
    names: Mapping[str, Any] | None = None,
    finding: bool = False,
) -> Compiled:
    """Returns the SQL of a model.

    Args:
        project: the project.
        model: the model.
        is_incremental: what `is_incremental()` says.
        relations: names that stand for inputs instead of their tables: by a node's label, `source.table`, or `this`.
        variables: further variables; they win.
        overrides: replaced results of built-in or project macros, or what is called instead of them, by name.
        text: other SQL than the file's.
        database: answers for templates that ask the warehouse; without Spark behind it, what Delta's logs say.
        flags: what `flags` shows to templates, e.g. FULL_REFRESH.
        batch: what `model.batch` shows.
        names: further names that the template may use.
        finding: as while dependencies are being found: `execute` is False and nothing is asked.

    Raises:
        NeedsSparkError: the template runs a query, and `database` has no Spark for it.
        ProjectError: the template is wrong.
    """
    if model.language != "sql" and text is None:
        return Compiled(model=model, body=model.raw_sql, ctes={}, captured=Captured())
    relations = relations or {}
    ctes: dict[str, str] = {}

    def ref(wanted: Ref) -> Any:
        other = _referred(project, wanted, model.package)
        if other.label in relations:
            return relations[other.label]
        if other.config.materialized != "ephemeral":
            return Relation(other.table)
        name = _CTE + other.table.name
        if name not in ctes:
            inner = compile_model(
                project,
                other,
                relations=relations,
                variables=variables,
                overrides=overrides,
                database=database,
                flags=flags,
                finding=finding,
            )
            ctes.update(inner.ctes)
            ctes[name] = inner.body
        return Relation(other.table, kind="cte", shown=name)

    def source(name: str, table: str) -> Any:
        if f"{name}.{table}" in relations:
            return relations[f"{name}.{table}"]
        return Relation(project.node(project.lookup.source(name, table, model.package).unique_id).table)

    scope = Scope(
        place=str(model.path),
        ref=ref,
        source=source,
        variables={**project.files.package_vars.get(model.package, project.files.vars), **(variables or {})},
        target=target_values(project.files.target),
        this=None if "this" in relations else Relation(model.table),
        config=model.config.values,
        is_incremental=is_incremental,
        overrides={
            **_overrides(overrides or {}),
            **(names or {}),
            **({"this": relations["this"]} if "this" in relations else {}),
        },
        model={**model_values(model), "batch": batch},
        project=project.files.name,
        package=model.package,
        database=database or _unanswered(project),
        graph=lambda: project.graph_values,
        flags=flags or {},
        execute=not finding,
    )
    sql, captured = project.renderer.render(model.raw_sql if text is None else text, scope)
    return Compiled(model=model, body=sql.strip().rstrip(";").rstrip(), ctes=ctes, captured=captured)


def compile_text(project: Project, text: str, *, place: str = "inline", database: Database | None = None) -> str:
    """Returns inline SQL with its Jinja rendered: `run sql`, `run show --inline`."""
    model = Model(
        name="inline", table=TableRef("main", "inline"), path=PurePosixPath(place), fqn=(project.files.name, "inline"),
        raw_sql=text, config=Config(values={}), package=project.files.name,
    )  # fmt: skip
    own = str(CHECK_RESULTS)
    relations = {} if own in project.sources else {own: Relation(CHECK_RESULTS)}
    return compile_model(project, model, relations=relations, database=database).sql


def compile_query(project: Project, query: Query, *, database: Database | None = None) -> Compiled:
    """Returns the SQL of a dashboard's query; its lines are those of the dashboard's file."""
    name = project.files.name
    model = Model(
        name=query.path.stem, table=TableRef("main", query.path.stem), path=query.path, fqn=(name, query.path.stem),
        raw_sql=query.text, config=Config(values={}), package=name,
    )  # fmt: skip
    return compile_model(project, model, database=database)


def inputs_of(project: Project, model: Model) -> list[TableRef]:
    """Returns the tables that the model's SQL names, those of ephemeral models in between included, and its own if it goes on."""
    found: dict[TableRef, None] = {}
    for parent in map(project.node, model.parents):
        if isinstance(parent, Model) and parent.config.materialized == "ephemeral":
            found.update(dict.fromkeys(inputs_of(project, parent)))
        else:
            found[parent.table] = None
    found.pop(model.table, None)
    return list(found)


def compiled_path(project: Project, model: Model) -> Path:
    """Returns where the model's compiled SQL is written."""
    inside = [part for part in model.path.parts if part != ".."]
    return project.files.target_folder.joinpath("compiled", model.package or project.files.name, *inside)


def write_compiled(project: Project, compiled: Compiled) -> Path:
    """Writes the model's compiled SQL and returns its path."""
    path = compiled_path(project, compiled.model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compiled.sql + "\n", encoding="utf-8")
    return path


def _unanswered(project: Project) -> Database:
    from runner.warehouse.introspection import Introspection  # reads Delta logs, which most models never ask for

    return Introspection(project.warehouse)


def _overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    def constant(value: Any) -> Any:
        return lambda *args, **kwargs: value

    return {name.rsplit(".", 1)[-1]: value if callable(value) else constant(value) for name, value in given.items()}


def _with_ctes(sql: str, ctes: Mapping[str, str]) -> str:
    if not ctes:
        return sql
    leading = ",\n".join(f"{name} as (\n{body}\n)" for name, body in ctes.items())
    match = _LEADING_WITH.match(sql)
    if match:
        return f"{sql[: match.start()]}{match.group(1)}with {leading},\n{sql[match.end() :].lstrip()}"
    return f"with {leading}\n{sql}"


def _referred(project: Project, ref: Ref, package: str) -> Model:
    found = project.buildable.get(project.lookup.ref(ref, package))
    if found is None:
        raise ProjectError(f"{ref} names a model that is disabled. Enable it, or take the reference out.")
    return found
