"""Makes a node's candidate, by its materialization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner import delta
from runner.batches import BatchResults, Done
from runner.compile import inputs_of
from runner.delta import Details
from runner.materialize.candidate import Candidate, Work, clear_withheld
from runner.materialize.contract import enforce
from runner.materialize.hooks import on_candidate, parted, post_hooks, pre_hooks, run_hooks
from runner.materialize.microbatch import PROPERTY, write_batches
from runner.materialize.python_model import run_python_model
from runner.materialize.schema_change import fitted, reconcile
from runner.materialize.seed import seed_frame
from runner.materialize.settings import bring_up_to_date, details_of, write_options
from runner.materialize.snapshot import write_snapshot
from runner.materialize.strategies import apply_strategy
from runner.model import Model
from runner.warehouse import is_view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def goes_on(model: Model, warehouse: Path, *, full_refresh: bool) -> bool:
    """True where a node goes on with its published table: what `is_incremental()` says of an incremental model.

    The model's own `full_refresh` wins over the run's, as in dbt. A snapshot is never made anew: its history would go.
    """
    path = model.table.path(warehouse)
    own = model.config.values.get("full_refresh")
    anew = full_refresh if own is None else own
    wanted = model.config.materialized == "snapshot" or (model.config.materialized == "incremental" and not anew)
    return wanted and not is_view(path) and delta.is_table(path)


def make_candidate(work: Work) -> Candidate:
    """Builds what the node would publish; readers see nothing of it.

    Raises:
        ContractError: an enforced contract is broken, or the rows do not go with the published table.
        HookError: a hook failed.
    """
    own, others = parted(pre_hooks(work), work.model.table)
    if not work.is_trial:
        run_hooks(work, others, "pre-hook")
    if work.model.config.materialized == "view":
        query = query_of(work)
        rows = work.warehouse.query(work.compiled.sql, inputs_of(work.project, work.model))
        frame = query if rows is None else rows
        after = post_hooks(work, None)[1]
        return Candidate(compiled=work.compiled, frame=frame, path=None, read_version=None, rows=None, after=after)
    read_version = None if is_view(work.table) else delta.version(work.table)
    clear_withheld(work.table)
    candidate = delta.new_candidate(work.table)
    try:
        batches = _write(work, candidate, own)
        inside, after = post_hooks(work, candidate)
        run_hooks(work, inside, "post-hook", candidate=candidate)
        return Candidate(
            compiled=work.compiled,
            frame=work.warehouse.rows(candidate),
            path=candidate,
            read_version=read_version,
            since=0 if work.incremental else None,
            rows=delta.row_count(candidate),
            details=_details(work, batches),
            after=after,
            unchanged=_left_alone(work, candidate),
            batches=batches and batches[0],
        )
    except BaseException:
        delta.discard(candidate)
        raise


def _write(work: Work, candidate: Path, own: Sequence[str]) -> tuple[BatchResults, Done] | None:
    """Writes the candidate as readers would see it; returns what became of its batches, if it has some.

    Args:
        own: the pre-hooks that write into the table.
    """
    if work.model.config.materialized == "snapshot":
        write_snapshot(work, query_of(work), candidate)
    elif work.model.config.is_microbatch:
        return write_batches(
            work,
            candidate,
            query=lambda sql: query_of(work, sql),
            write=lambda rows, path: _write_table(work, rows, path),
        )
    elif work.incremental:
        _change_clone(work, candidate, own)
    else:
        _write_table(work, query_of(work), candidate)
    return None


def _details(work: Work, batches: tuple[BatchResults, Done] | None) -> Details:
    details = details_of(work.model, work.table)
    if batches is None:
        return replace(details, unset=(*details.unset, PROPERTY))
    return replace(details, properties={**details.properties, PROPERTY: str(batches[1])})


def _left_alone(work: Work, candidate: Path) -> bool:
    """True for a clone that nothing has changed, where that is worth no version of its own."""
    quiet = work.model.config.materialized == "snapshot" or work.model.config.is_microbatch
    return quiet and work.incremental and delta.version(candidate) == 0


def query_of(work: Work, sql: str | None = None) -> DataFrame:
    """Returns the rows that the node's SQL, code or file gives.

    Args:
        sql: other SQL than the compiled one.

    Raises:
        ContractError: an enforced contract is broken; nothing was written.
    """
    if work.model.language == "csv":
        query = seed_frame(work.warehouse.spark, work.model, work.project.root)
    elif work.model.language == "python":
        query = run_python_model(work)
    else:
        query = work.warehouse.spark.sql(work.compiled.sql if sql is None else sql)
    enforce(work.model, query)
    return query


def _write_table(work: Work, rows: DataFrame, candidate: Path) -> None:
    writer = rows.write.format("delta").options(**write_options(work.model, work.table))
    writer.partitionBy(*work.model.config.partition_by).save(str(candidate))


def _change_clone(work: Work, candidate: Path, own: Sequence[str]) -> None:
    work.warehouse.clone(work.model.table, candidate)
    run_hooks(work, own, "pre-hook", candidate=candidate)
    # A pre-hook has changed the table already, so the query's {{ this }} is the changed one.
    query = query_of(work, on_candidate(work.compiled.sql, work.model.table, candidate) if own else None)
    reconcile(work, candidate, query)
    bring_up_to_date(work.warehouse.spark, work.model, candidate)
    apply_strategy(work, fitted(query, work.warehouse.read(candidate).schema, work.model), candidate)
