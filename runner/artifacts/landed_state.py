"""How the landed tables of a run stand: what landed, how old it is, and what the last comparison with the store said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.model import SourceTable
from runner.names import store_name
from runner.project.parse import Project
from runner.quality.history import results_path
from runner.sources.freshness import Freshness, allowed, expects_freshness, without_spark

if TYPE_CHECKING:
    from expectations.definition import Level
    from expectations.reports.values import Compared, Landed

_LEVELS: Mapping[str, Level] = {"pass": "pass", "warn": "warn", "error": "fail"}


def landed_of(project: Project, results: Sequence[NodeResult], *, run_id: str) -> tuple[Landed, ...]:
    """Returns how the landed tables stand that a run's nodes are made of, or that are among them; read without Spark."""
    nodes = {one.unique_id for one in results}
    above = project.graph.ancestors([node for node in nodes if node in project.graph])
    tables = [table for table in project.sources.values() if table.unique_id in nodes | above]
    if not tables:
        return ()
    compared = _last_compared(project) | _compared_now(tables, results, run_id)
    asked_at = datetime.now(UTC)
    return tuple(_landed(project, table, asked_at, compared.get(table.label)) for table in tables)


def _landed(project: Project, table: SourceTable, asked_at: datetime, compared: Compared | None) -> Landed:
    from expectations.reports.across import FROM_STORE
    from expectations.reports.values import Landed

    path = table.table.path(project.warehouse)
    said = delta.metadata(path)
    is_ours = said.get("kind") == "landing"
    fresh = _freshness(project, table, asked_at)
    known = fresh is not None and fresh.loaded_at is not None
    return Landed(
        table=table.label,
        store=store_name(table.store or table.source),
        rows=int(said["landed"]) if is_ours else delta.row_count(path) if delta.is_table(path) else None,
        quarantined=int(said["quarantined"]) if is_ours else None,
        taken_at=datetime.fromisoformat(said["taken_at"]) if is_ours else None,
        origin=(FROM_STORE if said.get("cut") else "files") if is_ours else "",
        age_seconds=fresh.age.total_seconds() if fresh is not None and known else None,
        freshness=_LEVELS.get(fresh.status, "") if fresh is not None and known and expects_freshness(table) else "",
        allowed=allowed(table),
        compared=compared,
    )


def _freshness(project: Project, table: SourceTable, asked_at: datetime) -> Freshness | None:
    """Returns a table's age by its log; None where only Spark could tell, or a limit is miswritten."""
    try:
        return next(iter(without_spark(project, [table], asked_at=asked_at)), None)
    except ProjectError:
        return None


def _compared_now(tables: Iterable[SourceTable], results: Iterable[NodeResult], run_id: str) -> dict[str, Compared]:
    """Returns the comparisons that a run made itself."""
    from expectations.checks.store import MATCH

    labels = {table.unique_id: table.label for table in tables}
    now = datetime.now(UTC)
    return {
        labels[result.unique_id]: _compared(now, run_id, one.status, one.numbers)
        for result in results
        if result.checks is not None and result.unique_id in labels
        for one in result.checks.results
        if one.type == MATCH.type and "stored" in one.numbers
    }


def _last_compared(project: Project) -> dict[str, Compared]:
    """Returns the last comparison of each table that earlier runs kept."""
    from deltalake.exceptions import DeltaError

    from expectations.checks.store import MATCH
    from expectations.history.results import read

    columns = ["run_id", "run_at", "model", "status", "numbers"]
    target = project.files.target.name
    try:
        rows = read(results_path(project), target=target, expectations={MATCH.type}, columns=columns)
    except (DeltaError, OSError):  # a history that cannot be read is none
        return {}
    return {
        row["model"]: _compared(row["run_at"], row["run_id"], row["status"], row["numbers"])
        for row in rows
        if "stored" in (row["numbers"] or {})  # else the store was not asked
    }


def _compared(at: datetime, run_id: str, status: Level, numbers: Mapping[str, Any]) -> Compared:
    from expectations.checks.store import KINDS
    from expectations.reports.values import Compared

    kinds = {name: int(numbers[name]) for name, _ in KINDS if numbers.get(name)}
    counts = {
        name: int(numbers.get(name) or 0) for name in ("stored", "landed", "quarantined", "ranges", "differing_ranges")
    }
    return Compared(at=at, run_id=run_id, status=status, kinds=kinds, **counts)
