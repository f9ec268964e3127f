"""What every run leaves behind: artifacts in dbt's schemas, its record, the validation report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from runner.artifacts import catalog, manifest, run_results, write_artifact
from runner.artifacts.records import Invocation, write_record
from runner.artifacts.reporting import report_of
from runner.execute import NodeResult
from runner.jinja.render import scrubbed
from runner.project.parse import Project
from runner.quality.history import keep_results

if TYPE_CHECKING:
    from expectations.reports.values import UnitCase

REPORTS = "quality"  # the folder of all reports, below the target folder


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
    project: Project,
    results: Sequence[NodeResult],
    invocation: Invocation,
    *,
    unit_tests: Sequence[UnitCase] = (),
    data_docs: bool = False,
) -> Pages:
    """Writes the validation report of a run and the page over all runs; nothing where nothing was judged and nothing broke."""
    docs, address = None, ""
    folder = project.files.target_folder / REPORTS
    checked = [result.checks for result in results if result.checks is not None]
    if data_docs and checked:
        from expectations.gx.pages import write_data_docs

        docs = write_data_docs(checked, project.files.target_folder / "data_docs")
        address = Path("..", "..", docs.relative_to(project.files.target_folder)).as_posix()
    report = report_of(project, results, invocation, unit_tests=unit_tests, data_docs=address)
    if not report.tables and not report.unit_tests and all(one.skipped for one in report.unbuilt):
        return Pages()
    from expectations.reports.write import write_report

    written = write_report(report, folder, clean=scrubbed)
    return Pages(report=written.page, data_docs=docs)
