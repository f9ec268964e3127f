"""How a model becomes a table or a view: first a candidate, then, if its checks pass, one publishing step.

view         the query itself is the candidate; publishing replaces the view's definition
table        written as a Delta table inside the published one's folder; publishing is one commit
incremental  the first time a table; later a shallow clone of the published table, with the new rows appended or
             merged: checks see the final table, and publishing commits only what changed
ephemeral    nothing is built
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.compile import Compiled
from runner.errors import ContractError
from runner.model import Model
from runner.names import TableRef
from runner.warehouse import Warehouse, is_view, publish_view, withdraw_view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a model would publish.

    Attributes:
        frame: the candidate's rows as readers would see them.
        path: its Delta table; None for a view.
        read_version: the published version it started from; None where there is none.
        incremental: True where only changes will be committed.
        rows: rows in the candidate; None for a view, which nobody counted.
    """

    compiled: Compiled
    frame: DataFrame
    path: Path | None
    read_version: int | None
    incremental: bool
    rows: int | None

    @property
    def model(self) -> Model:
        return self.compiled.model


def goes_on(model: Model, warehouse: Path, *, full_refresh: bool) -> bool:
    """True where an incremental model has a published table to add to: what `is_incremental()` says."""
    path = model.table.path(warehouse)
    return (
        model.config.materialized == "incremental"
        and not full_refresh
        and not model.config.values.get("full_refresh")
        and not is_view(path)
        and delta.is_table(path)
    )


def make_candidate(warehouse: Warehouse, compiled: Compiled, *, incremental: bool) -> Candidate:
    """Builds what the model would publish; readers see nothing of it.

    Raises:
        ContractError: an enforced contract is broken; nothing was written.
    """
    model = compiled.model
    table = warehouse.path(model.table)
    query = warehouse.spark.sql(compiled.sql)
    _enforce(model, query)
    if model.config.materialized == "view":
        return Candidate(compiled=compiled, frame=query, path=None, read_version=None, incremental=False, rows=None)
    read_version = None if is_view(table) else delta.version(table)
    _clear_failed(table)
    candidate = delta.new_candidate(table)
    try:
        if incremental:
            _change_clone(warehouse, model, query, candidate)
        else:
            query.write.format("delta").partitionBy(*model.config.partition_by).save(str(candidate))
    except BaseException:
        delta.discard(candidate)
        raise
    return Candidate(
        compiled=compiled,
        frame=warehouse.read(candidate),
        path=candidate,
        read_version=read_version,
        incremental=incremental,
        rows=delta.row_count(candidate),
    )


def publish(
    warehouse: Warehouse, candidate: Candidate, *, inputs: Sequence[TableRef], metadata: Mapping[str, Any]
) -> int | None:
    """Makes the candidate what readers see; returns the table's new version, None for a view."""
    model = candidate.model
    table = warehouse.path(model.table)
    if candidate.path is None:
        publish_view(table, sql=candidate.compiled.sql, inputs=inputs, metadata=metadata)
        warehouse.register(model.table, again=True)
        return None
    partition_by = model.config.partition_by
    if candidate.incremental:
        assert candidate.read_version is not None
        version = delta.publish_changes(
            table,
            candidate.path,
            user_metadata=metadata,
            read_version=candidate.read_version,
            partition_by=partition_by,
            since=0,
        )
    else:
        version = delta.publish(
            table,
            candidate.path,
            user_metadata=metadata,
            read_version=candidate.read_version,
            partition_by=partition_by,
        )
    was_view = is_view(table)
    withdraw_view(table)
    warehouse.register(model.table, again=was_view)
    return version


def withhold(candidate: Candidate) -> None:
    """Leaves the failed candidate for a look at it; the next build of the model removes it."""
    if candidate.path is not None:
        (candidate.path / "_withheld").write_text(json.dumps({"model": candidate.model.name}), encoding="utf-8")


def discard(candidate: Candidate) -> None:
    """Removes the candidate."""
    if candidate.path is not None:
        delta.discard(candidate.path)


def _clear_failed(table: Path) -> None:
    for mark in table.glob("candidate-*/_withheld"):
        delta.discard(mark.parent)


def _change_clone(warehouse: Warehouse, model: Model, query: DataFrame, candidate: Path) -> None:
    warehouse.clone(model.table, candidate)
    columns = [field.name for field in warehouse.read(candidate).schema]
    if set(columns) != set(query.columns):
        gone, new = sorted(set(columns) - set(query.columns)), sorted(set(query.columns) - set(columns))
        parts = [f"it lacks {', '.join(gone)}"] * bool(gone) + [f"it adds {', '.join(new)}"] * bool(new)
        raise ContractError(
            f"{model.path}: the query's columns are not those of the published table: {' and '.join(parts)}. "
            f"Rebuild it: run models --select {model.name} --full-refresh"
        )
    if model.config.strategy == "append":
        query.select(*columns).write.format("delta").mode("append").save(str(candidate))
        return
    from delta.tables import DeltaTable

    condition = " and ".join(f"published.`{column}` <=> changes.`{column}`" for column in model.config.unique_key)
    (
        DeltaTable.forPath(warehouse.spark, str(candidate))
        .alias("published")
        .merge(query.alias("changes"), condition)
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute()
    )


def _enforce(model: Model, query: DataFrame) -> None:
    contract = model.config.values.get("contract") or {}
    if not contract.get("enforced"):
        return
    promised = {column.name: (column.data_type or "").replace(" ", "").lower() for column in model.columns}
    found = {field.name: field.dataType.simpleString() for field in query.schema}
    place = model.patch_path or model.path
    for name, data_type in promised.items():
        if name not in found:
            raise ContractError(
                f'{place}: the contract of "{model.name}" promises the column "{name}", which the query lacks.'
            )
        if data_type and _canonical(data_type) != found[name]:
            raise ContractError(
                f'{place}: the contract of "{model.name}" promises {name} as {data_type}; the query gives {found[name]}.'
            )
    for name in found:
        if name not in promised:
            raise ContractError(
                f'{place}: the query of "{model.name}" gives the column "{name}", which its contract lacks.'
            )


def _canonical(data_type: str) -> str:
    return {"integer": "int", "long": "bigint", "bool": "boolean", "timestamp_ltz": "timestamp"}.get(
        data_type, data_type
    )
