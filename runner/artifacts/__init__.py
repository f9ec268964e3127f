"""What a command leaves in `target/`: artifacts in the schemas that dbt's tools read, its record, its report.

manifest      the project, node by node
results       what became of nodes, the catalog, the sources
records       records of runs, `runs/<run_id>.json`
reporting     from a run's results to the values of its validation report
landed_state  how the landed tables of a run stand
outcome       all of it, as every run leaves it behind
"""

from __future__ import annotations

from runner.artifacts.manifest import manifest
from runner.artifacts.results import catalog, freshness_results, run_results, source_results
from runner.artifacts.schemas import write_artifact

__all__ = ["catalog", "freshness_results", "manifest", "run_results", "source_results", "write_artifact"]
