"""What checks said, kept for later runs: from a run's results to the table of results, and back to who asks for the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from runner import delta
from runner.explain import first_words
from runner.names import CHECK_RESULTS
from runner.project.parse import Project

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from runner.execute import NodeResult


def results_path(project: Project) -> Path:
    """Returns where the target keeps the results of its checks."""
    return CHECK_RESULTS.path(project.warehouse)


def keep_results(
    project: Project, results: Iterable[NodeResult], *, run_id: str, run_at: datetime, command: str
) -> str:
    """Keeps what the checks of a run said, in one commit; returns what kept it from that, else an empty text.

    Args:
        results: what became of each node; those without checks say nothing.
    """
    checked = [result for result in results if result.checks is not None and result.checks.results]
    if not checked:
        return ""
    from deltalake.exceptions import DeltaError

    from expectations.history.results import Run, append, rows_of

    run = Run(run_id=run_id, run_at=run_at, command=command, target=project.files.target.name)
    rows = []
    for result in checked:
        is_published = result.status != "withheld"
        version = result.version
        if version is None and is_published:  # what was published before was judged
            version = delta.version(project.node(result.unique_id).table.path(project.warehouse))
        rows += rows_of(run, result.checks, version=version, is_published=is_published)
    try:
        append(results_path(project), rows)
    except (DeltaError, OSError) as error:
        return f"the results of this run's checks could not be kept in {CHECK_RESULTS}: {first_words(error)}"
    return ""
