"""What checks said, kept for later runs: from a run's results to the table of results, and back to who asks for the past."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.explain import first_words
from runner.model import Model, SourceTable
from runner.names import CHECK_RESULTS
from runner.project.parse import Project
from runner.quality.store import store_fact

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from expectations.past import Measured
    from expectations.suite import Expectation
    from runner.execute import NodeResult
    from runner.quality.kept import Kept


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
        is_published = _is_published(result)
        version = result.version
        if version is None and is_published:  # what was published before was judged
            version = delta.version(project.node(result.unique_id).table.path(project.warehouse))
        rows += rows_of(run, result.checks, version=version, is_published=is_published)
    try:
        append(results_path(project), rows)
    except (DeltaError, OSError) as error:
        return f"the results of this run's checks could not be kept in {CHECK_RESULTS}: {first_words(error)}"
    return ""


def _is_published(result: NodeResult) -> bool:
    """Whether readers have what was judged: it was published, or it had been before and was looked at again."""
    looked_at = result.compiled_sql is None and result.status not in ("withheld", "skipped")
    return looked_at or result.version is not None or result.status in ("success", "warn")


def facts_of(
    project: Project, node: Model | SourceTable, spark: SparkSession | None = None
) -> Callable[[Expectation], Mapping[str, Any]]:
    """Returns what tells of an expectation of a table what it can know beside the data.

    An expectation that judges by the past gets `past`, what it measured on published versions, and `asked_at`. Where it
    has no past of its own, the table's log gives one: of rows, missing values and the newest row. One that holds a landed
    table against its store gets `store`.

    Args:
        spark: reads the stores; without it none is asked.
    """

    def facts(expectation: Expectation) -> Mapping[str, Any]:
        from expectations.checks.store import MATCH
        from expectations.checks.trend import TRENDS

        if expectation.type == MATCH.type and spark is not None:
            if isinstance(node, SourceTable):
                return {"store": store_fact(project, node, spark)}
            return {"store": {"why": f"{node.label} is a model; only landed tables have a store"}}
        if expectation.type not in {one.type for one in TRENDS}:
            return {}
        sensitive = {column.name for column in node.columns if column.meta.get("sensitive") is True}
        return {
            "past": past_of(project, node, expectation),
            "asked_at": datetime.now(UTC),
            "is_sensitive": expectation.column in sensitive,
        }

    return facts


def past_of(project: Project, node: Model | SourceTable, expectation: Expectation) -> tuple[Measured, ...]:
    """Returns what a check that judges by the past measured on published versions, oldest first.

    Versions that it was not there for are told by the table's log as far as that can.
    """
    from expectations.checks.trend import ROW_COUNT
    from expectations.history.identity import check_id
    from expectations.past import ROWS

    path = results_path(project)
    known = _known(path, delta.version(path), project.files.target.name, node.label)
    name = ROWS if expectation.type == ROW_COUNT.type and not expectation.where else check_id(expectation)
    found = known.get(name, ())
    table = node.table.path(project.warehouse)
    if len(found) >= expectation.definition.complete(expectation.arguments)["last"] or not delta.is_table(table):
        return found
    seen = {one.version for one in found}
    earlier = [one for one in _from_log(table, expectation) if one.version not in seen]
    return tuple(sorted([*earlier, *found], key=lambda one: one.at))


@lru_cache(maxsize=512)
def _known(path: Path, version: int | None, target: str, label: str) -> Mapping[str, tuple[Measured, ...]]:
    """Returns the past of a table's checks by their ids; read once for each version of the results."""
    from expectations.history.results import read
    from expectations.past import by_check

    wanted = ("run_at", "check_id", "version", "is_published", "numbers", "row_count")
    return {} if version is None else by_check(read(path, target=target, model=label, columns=wanted))


@lru_cache(maxsize=64)
def _log_of(table: Path, version: int | None) -> tuple[Kept, ...]:
    """Returns a table's versions by its log; read once for each newest version."""
    from runner.quality.kept import kept_versions

    return tuple(kept_versions(table))


def _from_log(table: Path, expectation: Expectation) -> tuple[Measured, ...]:
    from expectations.checks.trend import AGE, NULL_SHARE, ROW_COUNT
    from expectations.past import Measured
    from runner.quality.kept import as_moment

    if expectation.where or expectation.type not in (AGE.type, NULL_SHARE.type, ROW_COUNT.type):
        return ()
    if expectation.arguments.get("empty_is_null"):
        return ()
    found = []
    for kept in _log_of(table, delta.version(table)):
        figure: float | None = None
        if expectation.type == ROW_COUNT.type:
            figure = kept.rows
        elif expectation.type == NULL_SHARE.type and kept.rows:
            missing = kept.missing.get(expectation.column)
            figure = None if missing is None else missing / kept.rows
        elif (newest := as_moment(kept.greatest.get(expectation.column))) is not None:
            figure = (kept.at - newest).total_seconds() / 3600
        if figure is not None:
            found.append(Measured(at=kept.at, version=kept.version, numbers={"figure": float(figure)}))
    return tuple(found)
