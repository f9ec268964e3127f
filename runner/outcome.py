"""What every run leaves behind: artifacts in dbt's schemas, its record, the validation report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner.artifacts import catalog, manifest, run_results, write_artifact
from runner.execute import NodeResult
from runner.project.parse import Project
from runner.quality.history import keep_results
from runner.records import write_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What was asked, and when.

    Attributes:
        run_id: names the run in commits, artifacts and records.
        command: the word after `run`, or what the Python API was asked for.
        arguments: its options by name, JSON values.
        seconds: wall-clock time until now.
    """

    run_id: str
    command: str
    arguments: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages that a run wrote; None where nothing was checked, or they were not asked for.

    Attributes:
        note: what of the outcome could not be kept; empty where all was.
    """

    report: Path | None = None
    data_docs: Path | None = None
    note: str = ""


def write_outcome(
    project: Project, results: Sequence[NodeResult], invocation: Invocation, *, data_docs: bool = False
) -> Pages:
    """Writes manifest, run results, catalog, the run's record, its checks' results and report; returns its pages.

    Args:
        project: the project as its own target has it.
        data_docs: write Great Expectations' Data Docs, too.
    """
    run_id, seconds = invocation.run_id, invocation.seconds
    compiled = {result.unique_id: result.compiled_sql for result in results if result.compiled_sql is not None}
    write_artifact(project, "manifest.json", manifest(project, invocation_id=run_id, compiled=compiled))
    arguments = {**invocation.arguments, "which": invocation.command, "target": project.files.target.name}
    write_artifact(
        project,
        "run_results.json",
        run_results(project, results, invocation_id=run_id, elapsed=seconds, arguments=arguments),
    )
    started_at = datetime.now(UTC) - timedelta(seconds=seconds)
    write_record(
        project,
        results,
        run_id=run_id,
        command=invocation.command,
        arguments=dict(invocation.arguments),
        started_at=started_at,
        seconds=seconds,
    )
    note = keep_results(project, results, run_id=run_id, run_at=started_at, command=invocation.command)
    write_artifact(project, "catalog.json", catalog(project, invocation_id=run_id))
    return replace(write_reports(project, results, invocation, data_docs=data_docs), note=note)


def write_reports(
    project: Project, results: Sequence[NodeResult], invocation: Invocation, *, data_docs: bool = False
) -> Pages:
    """Writes the validation report of a run's checks; nothing where nothing was checked."""
    checked = [result.checks for result in results if result.checks is not None]
    if not checked:
        return Pages()
    from expectations.report import RunInfo, write_report

    run = RunInfo(
        run_id=invocation.run_id,
        project=project.files.name,
        target=project.files.target.name,
        seconds=invocation.seconds,
        finished_at=datetime.now(UTC),
        withheld=tuple(project.node(result.unique_id).name for result in results if result.status == "withheld"),
    )
    report = write_report(checked, project.files.target_folder / "report", run=run)
    if not data_docs:
        return Pages(report=report)
    from expectations.docs import write_data_docs

    return Pages(report=report, data_docs=write_data_docs(checked, project.files.target_folder / "data_docs"))
