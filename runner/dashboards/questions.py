"""A query of a panel, the tables it reads and their versions: all that its answer hangs on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from runner.compile import Compiled, compile_query
from runner.errors import ProjectError
from runner.mentions import tables_in
from runner.model import Model
from runner.names import TableRef
from runner.project.dashboards import Query
from runner.project.parse import Project
from runner.state.commits import standing
from runner.state.fingerprint import day, engine
from runner.state.tokens import clock, digest, digest_of
from runner.warehouse import exists, inputs_of_view, is_view, read_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query as Spark gets it.

    Attributes:
        compiled: its SQL.
        tables: the published tables that it names.
        versions: by name the version of each table that it reads, also through views.
        digest: of the SQL's words, the tables and their versions, the engine, and the day where the SQL asks for the time.
    """

    compiled: Compiled
    tables: tuple[TableRef, ...]
    versions: dict[str, int]
    digest: str


def question(project: Project, query: Query, *, now: datetime) -> Question:
    """Returns what a query of a dashboard asks.

    Raises:
        ProjectError: its template is wrong, or names a table that has not been built.
    """
    compiled = compile_query(project, query)
    for ref in compiled.captured.refs:
        _refuse_unbuilt(project, project.lookup.ref(ref, project.files.name), query)
    for pair in compiled.captured.sources:
        _refuse_unbuilt(project, project.lookup.source(*pair, project.files.name).unique_id, query)
    sql = compiled.sql
    tables = tuple(tables_in(project, sql))
    seen, views = read_through(project, tables)
    said = [digest(sql), json.dumps([seen, views, engine(project)], sort_keys=True)]
    if clock(sql):
        said.append(day(project, now))
    versions = {name: version for name, (_, version) in sorted(seen.items())}
    return Question(compiled=compiled, tables=tables, versions=versions, digest=digest_of("\n".join(said)))


def _refuse_unbuilt(project: Project, unique_id: str, query: Query) -> None:
    node = project.node(unique_id)
    if isinstance(node, Model):
        if node.config.materialized == "ephemeral" or exists(node.table.path(project.warehouse)):
            return
        words = {"seed": "seed --select ", "snapshot": "snapshot --select "}.get(
            node.resource_type, "models --select +"
        )
        raise ProjectError(f"{query.place}: {node.label} has not been built. Build it: run {words}{node.label}")
    if not exists(node.table.path(project.warehouse)):
        raise ProjectError(f"{query.place}: {node.label} has not been landed. Land it: run ingest {node.label}")


def read_through(project: Project, tables: Iterable[TableRef]) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    """Returns what reading some tables hangs on: by name the id and version of each table that is read, also through
    views, and by name the digest of each view's SQL."""
    seen: dict[str, tuple[str, int]] = {}
    views: dict[str, str] = {}
    for table in tables:
        _note(project, table, seen, views)
    return seen, views


def _note(project: Project, table: TableRef, seen: dict[str, tuple[str, int]], views: dict[str, str]) -> None:
    """Notes the version of a table, of a view its SQL and the versions of what it reads."""
    name, path = str(table), table.path(project.warehouse)
    if name in seen or name in views:
        return
    if is_view(path):
        view = read_view(path)
        views[name] = digest(view["sql"])
        for inner in inputs_of_view(view):
            _note(project, inner, seen, views)
    elif (now := standing(path)) is not None:
        seen[name] = (now.table_id, now.version)
