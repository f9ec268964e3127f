"""Microbatch models: the query once per batch of time, and a memory of which batches are done.

Every batch reads its own slice of the parents (those with an `event_time`) and replaces its own slice of the table. A run
builds what is due, audits the table once, and publishes all of it in one commit, together with the memory: a property of
the table, so that it is never apart from the rows, and goes back with them in a restore. A batch that fails leaves its
slice as it was and is due again in the next run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.batches import Batch, BatchResults, Done, due, moment, shifted, truncated
from runner.compile import compile_model
from runner.delta import log as delta_log
from runner.errors import ProjectError
from runner.explain import first_words, from_spark
from runner.materialize.candidate import Work
from runner.materialize.schema_change import fitted, reconcile
from runner.materialize.settings import bring_up_to_date
from runner.model import Model, SourceTable
from runner.names import TableRef

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PROPERTY = "sluice.batches"


class _Slice(str):
    """What `ref` gives in a batch: the batch's rows of the table; `.render()` gives all of it, as in dbt."""

    ref: TableRef

    def __new__(cls, text: str, ref: TableRef) -> _Slice:
        made = super().__new__(cls, text)
        made.ref = ref
        return made

    def render(self) -> str:
        return str(self.ref)


def current_moment() -> datetime:
    """Returns this moment; batches are due until then."""
    return datetime.now(UTC)


def write_batches(
    work: Work,
    candidate: Path,
    *,
    query: Callable[[str], DataFrame],
    write: Callable[[DataFrame, Path], None],
) -> tuple[BatchResults, Done]:
    """Writes the table with its due batches; returns what became of them, and the table's memory.

    Args:
        candidate: where to write; nothing stands there yet.
        query: gives the rows of a batch's SQL.
        write: writes the first batch of a new table.

    Raises:
        ProjectError: nothing is due for a new table, or no batch succeeded.
    """
    now = current_moment()
    plan = _due(work, now)
    found = BatchResults(done=_memory(work, now))
    if work.incremental:
        work.warehouse.clone(work.model.table, candidate)
    for batch in plan:
        if work.stopped():
            raise InterruptedError(work.model.unique_id)
        try:
            rows = query(_sql(work, batch))
            if work.incremental or found.successful:
                _replace(work, rows, batch, candidate, first=not found.successful)
            else:
                write(_within(work.model, rows, batch), candidate)
            found.successful.append(batch)
        except Exception as error:
            if not isinstance(error, ProjectError) and not from_spark(error):
                raise
            found.failed[batch] = str(error) if isinstance(error, ProjectError) else first_words(error)
            if not work.incremental and not found.successful:
                shutil.rmtree(candidate, ignore_errors=True)
    if not plan and not work.incremental:
        raise ProjectError(f"{work.model.path}: no batch is due: it begins in the future, or the backfill is empty.")
    if plan and not found.successful:
        raise ProjectError(f"{work.model.path}: {found.words()}")
    return found, found.memory(now)


def _due(work: Work, now: datetime) -> list[Batch]:
    values, place = work.model.config.values, str(work.model.path)
    return due(
        _memory(work, now) if work.incremental else None,
        begin=moment(values["begin"], place=f"{place}: begin"),
        now=now,
        size=values["batch_size"],
        lookback=values.get("lookback", 1),
        window=work.window,
    )


def _memory(work: Work, now: datetime) -> Done | None:
    """Returns what the published table holds; for one that remembers nothing, all but the batches of now, as dbt has it."""
    if not work.incremental:
        return None
    configuration = delta_log.read_snapshot(work.table).metadata.get("configuration", {})
    if PROPERTY in configuration:
        return Done.read(configuration[PROPERTY])
    values = work.model.config.values
    begin = moment(values["begin"], place=f"{work.model.path}: begin")
    recent = shifted(truncated(now, values["batch_size"]), values["batch_size"], -values.get("lookback", 1))
    return Done().with_([Batch(begin, recent)] if begin < recent else [])


def _sql(work: Work, batch: Batch) -> str:
    relations: dict[str, Any] = dict(work.relations)
    for unique_id in work.model.parents:
        node = work.project.node(unique_id)
        column = event_time(node)
        if column and not (isinstance(node, Model) and node.config.materialized == "ephemeral"):
            given = work.relations.get(node.label)
            table = given.ref if given is not None else node.table
            relations[node.label] = _Slice(f"(select * from {table} where {between(column, batch)})", table)
    return compile_model(
        work.project,
        work.model,
        is_incremental=work.incremental,
        relations=relations,
        batch=batch,
        database=work.database,
    ).sql


def event_time(node: Model | SourceTable) -> str | None:
    """Returns the column by which a node's rows belong to batches."""
    values: Mapping[str, Any] = node.config.values if isinstance(node, Model) else getattr(node, "config", {}) or {}
    found = values.get("event_time")
    return str(found) if found else None


def between(column: str, batch: Batch) -> str:
    """Returns the SQL that a row is of the batch."""
    start, end = (f"timestamp'{one:%Y-%m-%d %H:%M:%S}+00:00'" for one in (batch.event_time_start, batch.event_time_end))
    return f"{column} >= {start} and {column} < {end}"


def _within(model: Model, query: DataFrame, batch: Batch) -> DataFrame:
    """Returns the query's rows; one that is of another batch is an error, as it is where a slice is replaced."""
    from pyspark.sql import functions as F

    column = event_time(model)
    assert column is not None
    rule = F.expr(f"if({between(column, batch)}, true, raise_error('{_OUTSIDE}'))")
    return query.where(rule)


_OUTSIDE = (
    "A row of this batch lies outside of its time. Give the parents an event_time, so that each batch reads its own rows, "
    "or filter by model.batch.event_time_start and event_time_end."
)


def _replace(work: Work, query: DataFrame, batch: Batch, candidate: Path, *, first: bool) -> None:
    if first and work.incremental:
        reconcile(work, candidate, query)
        bring_up_to_date(work.warehouse.spark, work.model, candidate)
    rows = fitted(query, work.warehouse.read(candidate).schema, work.model)
    column = event_time(work.model)
    assert column is not None
    writer = _within(work.model, rows, batch).write.format("delta").mode("overwrite")
    writer.option("replaceWhere", between(column, batch)).save(str(candidate))
