"""A landed table held against its store as it is: one comparison for `run reconcile`, for landings and for checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.errors import ProjectError
from runner.model import SourceTable
from runner.project.parse import Project
from runner.session.jobs import parallelism
from runner.sources.contracts import contract_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ingest.reconcile import Reconciliation
    from ingest.store_source import StoreCut, StoreSource


def store_source(project: Project, store: str) -> StoreSource:
    """Returns the reader of a store that the target names.

    Raises:
        ProjectError: the target does not name it.
    """
    from runner.sources.connections import open_stores

    stores = open_stores(project)
    if store == "mongodb" and stores.mongodb is not None:
        from ingest.mongodb.source import MongoSource

        return MongoSource(stores.mongodb)
    if store == "hbase" and stores.hbase is not None:
        from ingest.hbase.source import HBaseSource

        return HBaseSource(stores.hbase)
    raise ProjectError(
        f'{project.files.target.place}: the target "{project.files.target.name}" does not say how to reach "{store}". '
        'Give it under its "stores".'
    )


def match_store(
    project: Project,
    spark: SparkSession,
    table: SourceTable,
    *,
    source: StoreSource | None = None,
    taken_at: datetime | None = None,
    partitions: int | None = None,
) -> Reconciliation:
    """Returns what the store holds against what landed, as of the moment of the landing where the store can tell.

    Args:
        source: the store's reader, where it is open already.
        taken_at: the moment to read it at otherwise; now by default.
        partitions: into how many key ranges the reading is cut; one for each core by default.

    Raises:
        ProjectError: the table has not been landed, its store is not named, or does not answer.
    """
    from ingest.landing import workers_errors
    from ingest.reconcile import reconcile

    contract = contract_of(table)
    path = contract.ref.path(project.warehouse)
    said = delta.metadata(path)
    if said.get("kind") != "landing":
        raise ProjectError(f"{table.label} has not been landed. Land it: run ingest {table.label}")
    store = source or store_source(project, table.store)
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # HBase counts milliseconds
    with workers_errors():
        cut = _cut_of(said) or store.cut(taken_at or now)
        stored = store.read(spark, contract, cut, partitions=partitions or parallelism(spark))
        return reconcile(spark, contract, stored, path)


def _cut_of(said: Mapping[str, Any]) -> StoreCut | None:
    """Returns the moment of a standing landing where the store can still be read as of it."""
    from ingest.store_source import StoreCut

    cut = said.get("cut") or {}
    if cut.get("kind") != "write_time":
        return None  # a server keeps its snapshots for minutes only
    return StoreCut(**{**cut, "taken_at": datetime.fromisoformat(cut["taken_at"])})


def why_not_asked(project: Project, table: SourceTable) -> str:
    """Returns why a table's store cannot be asked; empty where it can."""
    target = project.files.target
    if not target.stores:
        return f'the target "{target.name}" names no stores'
    if table.store not in target.stores:
        return f'the target "{target.name}" does not name {table.store or "a store of it"}'
    said = delta.metadata(table.table.path(project.warehouse))
    return "" if said.get("kind") == "landing" and said.get("cut") else "it was landed from files"
