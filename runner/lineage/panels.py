"""What the panels of dashboards show, followed like the columns of models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.compile import compile_query
from runner.errors import ProjectError
from runner.jinja.database import Database
from runner.lineage.reading import made_of, read_through
from runner.lineage.scope import Columns
from runner.project.dashboards import Dashboard, Panel, Query
from runner.project.parse import Project

_NAMED = re.compile(r"\b[A-Za-z_]\w*\.\w+")
_OF_FILES = re.compile(r"\b\w+\s*\.\s*`[^`]*[/\\][^`]*`")  # delta.`/some/folder`


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A query of a dashboard.

    Attributes:
        columns: name → shape, in order; a `Taken.table` is a unique id; none where they cannot be followed.
        unknown: why they cannot.
        reads: unique ids of the tables that it refers to.
        names_files: whether it names tables by the path of their files.
    """

    columns: Columns = field(default_factory=dict)
    unknown: str = ""
    reads: frozenset[str] = frozenset()
    names_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A panel with a query, and the columns that it shows."""

    dashboard: Dashboard
    panel: Panel
    followed: Followed

    @property
    def label(self) -> str:
        """What it is called where a column is asked for: `daily_performance#2`, by its place on the dashboard."""
        return f"{self.dashboard.name}#{self.panel.number}"

    @property
    def title(self) -> str:
        """What people call it: the dashboard's title, then its own."""
        return f"{self.dashboard.title}: {self.panel.title}"


def follow_queries(
    project: Project, columns: Mapping[str, Columns], *, database: Database | None = None
) -> dict[Query, Followed]:
    """Returns every query of the dashboards, followed.

    Args:
        columns: those of the project's tables, by unique id.
    """
    tables = {str(node.table).lower(): node.unique_id for node in project.nodes()}
    queries = [one for board in project.files.dashboards.values() for panel in board.panels for one in panel.queries]
    return {query: _followed(project, query, columns, tables, database) for query in dict.fromkeys(queries)}


def shown_panels(project: Project, followed: Mapping[Query, Followed]) -> dict[str, Shown]:
    """Returns every panel with a query, by an id like those of nodes: `panel.shop.daily_performance.2`."""
    return {
        f"panel.{project.files.name}.{dashboard.name}.{panel.number}": Shown(
            dashboard=dashboard, panel=panel, followed=followed[panel.query]
        )
        for dashboard in project.files.dashboards.values()
        for panel in dashboard.panels
        if panel.query is not None
    }


def _followed(
    project: Project,
    query: Query,
    columns: Mapping[str, Columns],
    tables: Mapping[str, str],
    database: Database | None,
) -> Followed:
    try:
        compiled = compile_query(project, query, database=database)
        own = project.files.name
        asked = {project.lookup.ref(ref, own) for ref in compiled.captured.refs}
        asked |= {project.lookup.source(*pair, own).unique_id for pair in compiled.captured.sources}
    except ProjectError as error:
        return Followed(unknown=_placed(query, error))
    named = (name.lower() for name in _NAMED.findall(compiled.body.replace("`", "")))  # by hand, without a ref
    reads = frozenset([*asked, *(tables[name] for name in named if name in tables)])
    names_files = _OF_FILES.search(compiled.sql) is not None
    try:
        made = made_of(project, compiled.sql, read_through(project, reads), columns)
    except ProjectError as error:
        return Followed(unknown=_placed(query, error), reads=reads, names_files=names_files)
    return Followed(columns=made.columns, reads=reads, names_files=names_files)


def _placed(query: Query, error: ProjectError) -> str:
    text = str(error)
    return text if text.startswith(f"{query.path}:") else f"{query.place}: {text}"
