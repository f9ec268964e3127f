"""From a run's results to the values of its report: who owns a table, what reads it, what its checks measured before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner.artifacts.landed_state import landed_of
from runner.artifacts.records import Invocation, asked
from runner.execute import NodeResult
from runner.model import Exposure, Model, SourceTable
from runner.project.parse import Project
from runner.quality.history import results_path

if TYPE_CHECKING:
    from expectations.reports.values import Context, Observation, Owner, Reader, Report, UnitCase
    from expectations.result import SuiteResult

_JUDGES = ("checks", "test", "ingest", "reconcile")  # commands that build nothing
_STATES = {
    "success": "built",
    "warn": "built",
    "reused": "reused",
    "skipped": "skipped",
    "error": "failed",
    "withheld": "failed",
}
_POINTS = 30  # earlier runs that a trend shows


def report_of(
    project: Project,
    results: Sequence[NodeResult],
    invocation: Invocation,
    *,
    unit_tests: Sequence[UnitCase] = (),
    data_docs: str = "",
) -> Report:
    """Returns everything that a run's report says.

    Args:
        project: the project as its own target has it.
        data_docs: the address of Great Expectations' pages, relative to the report's folder.
    """
    from expectations.reports.values import Report, RunInfo, Unbuilt

    tables = tuple(result.checks for result in results if result.checks is not None)
    nodes = {node.label: node for node in project.nodes()}
    states = {} if invocation.command in _JUDGES else {one.unique_id: _STATES[one.status] for one in results}
    flagged = [one for one in tables if one.status != "pass"]
    return Report(
        run=RunInfo(
            run_id=invocation.run_id,
            project=project.files.name,
            target=project.files.target.name,
            command=f"run {asked(invocation.command, invocation.arguments)}",
            seconds=invocation.seconds,
            withheld=tuple(project.node(one.unique_id).label for one in results if one.status == "withheld"),
            finished_at=datetime.now(UTC),
        ),
        tables=tables,
        contexts={one.model: _context(project, nodes[one.model], states) for one in flagged if one.model in nodes},
        trends=_trends(project, flagged),
        unbuilt=tuple(
            Unbuilt(name=node.label, message=one.message, skipped=one.status == "skipped", path=str(node.path))
            for one in results
            if one.checks is None and one.status in ("error", "skipped")
            for node in [project.node(one.unique_id)]
        ),
        unit_tests=tuple(unit_tests),
        sources=landed_of(project, results, run_id=invocation.run_id),
        data_docs=data_docs,
    )


def owner_of(project: Project, node: Model | SourceTable | Exposure) -> Owner | None:
    """Returns who answers for a node: `meta: {owner: …}`, else its group's owner, an exposure's own; None for nobody."""
    if isinstance(node, Exposure):
        return _owner(node.owner, "")
    said = dict(node.meta).get("owner")
    if said:
        return _owner(said, "")
    group = getattr(node, "group", None)
    found = next((one for one in project.groups.values() if one.name == group), None) if group else None
    return _owner(found.owner, f"group {found.name}") if found is not None else None


def _owner(said: Any, said_by: str) -> Owner | None:
    from expectations.reports.values import Owner

    if isinstance(said, Mapping):
        name, email = str(said.get("name") or ""), said.get("email") or ""
        email = ", ".join(map(str, email)) if isinstance(email, list) else str(email)
        return Owner(name=name or email, email=email, said_by=said_by) if name or email else None
    return Owner(name=str(said), said_by=said_by) if said else None


def _context(project: Project, node: Model | SourceTable, states: Mapping[str, str]) -> Context:
    from expectations.reports.values import Context

    return Context(
        owner=owner_of(project, node),
        description=node.description,
        path=str(node.path),
        readers=tuple(_readers(project, node, states)),
    )


def _readers(project: Project, node: Model | SourceTable, states: Mapping[str, str]) -> list[Reader]:
    from expectations.reports.values import Reader

    below = project.graph.descendants([node.unique_id]) if node.unique_id in project.graph else set()
    names = {unique_id: _name(project, unique_id) for unique_id in [node.unique_id, *below]}
    found = []
    for unique_id in project.graph.order:
        if unique_id not in below:
            continue
        reader = project.exposures.get(unique_id) or project.node(unique_id)
        found.append(
            Reader(
                name=names[unique_id],
                kind=unique_id.split(".", 1)[0],
                parents=tuple(names[parent] for parent in project.graph.parents(unique_id) if parent in names),
                owner=owner_of(project, reader),
                state=states.get(unique_id, ""),  # type: ignore[arg-type]
            )
        )
    return found


def _name(project: Project, unique_id: str) -> str:
    if (exposure := project.exposures.get(unique_id)) is not None:
        return exposure.label or exposure.name
    return project.node(unique_id).label


def _trends(project: Project, flagged: Sequence[SuiteResult]) -> dict[str, tuple[Observation, ...]]:
    """Returns what the checks that name the causes measured in earlier runs, read without Spark."""
    from deltalake.exceptions import DeltaError

    from expectations.diagnosis.verdict import verdict
    from expectations.history.identity import check_ids
    from expectations.history.results import read
    from expectations.reports.band import allowed_by
    from expectations.reports.figures import figure_of, figure_then
    from expectations.reports.values import Observation

    wanted: dict[tuple[str, str], str] = {}  # (table, check) → the name of its figure
    types = set()
    for one in flagged:
        lead = verdict(one).lead
        now = figure_of(lead) if lead is not None else None
        if lead is None or now is None:
            continue
        ids = check_ids(result.expectation for result in one.results)
        place = next((index for index, result in enumerate(one.results) if result is lead), None)
        if place is not None:
            wanted[one.model, ids[place]] = now.name
            types.add(lead.type)
    if not wanted:
        return {}
    columns = ["run_id", "run_at", "model", "check_id", "status", "failing_count", "numbers"]
    try:
        rows = read(results_path(project), target=project.files.target.name, expectations=types, columns=columns)
    except (DeltaError, OSError):  # a history that cannot be read is none
        return {}
    found: dict[str, list[Observation]] = {}
    for row in rows:
        name = wanted.get((row["model"], row["check_id"]))
        value = figure_then(name, row["failing_count"], row["numbers"] or {}) if name is not None else None
        if value is not None:
            expected, allowed = allowed_by(row["numbers"] or {})
            point = Observation(
                run_id=row["run_id"],
                at=row["run_at"],
                value=value,
                status=row["status"],
                expected=expected,
                allowed=allowed,
            )
            found.setdefault(row["model"], []).append(point)
    return {model: tuple(points[-_POINTS:]) for model, points in found.items()}
