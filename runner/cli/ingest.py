"""`run ingest` and `run reconcile`: sources into Delta tables, from files or from the stores themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, invocation, project_options, say
from runner.errors import NotFoundError, ProjectError
from runner.execute import NodeResult
from runner.model import SourceTable
from runner.project.parse import Project
from runner.quality.store import as_result
from runner.session.jobs import interruptible, parallelism
from runner.sources.contracts import contract_of
from runner.sources.store_match import match_store, store_source

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ingest.landed import Landed
    from ingest.landing import Snapshot
    from ingest.reconcile import Reconciliation
    from ingest.store_source import StoreCut, StoreSource
    from stores.settings import Stores

_TAG = "landing"  # what a landing runs in Spark, and Ctrl-C stops
_SAMPLE = 1_000  # records that a draft of sources.yml is made from


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where records are landed from.

    Attributes:
        stores: True where the stores themselves are read, as far as the target names them.
        folder: where files are; the target's data folder where None.
        full: read all, also where only what is new would do.
        force: land also what has not changed.
        partitions: into how many key ranges a store's table is cut; one for each core where None.
    """

    stores: bool
    folder: Path | None = None
    full: bool = False
    force: bool = False
    partitions: int | None = None

    @classmethod
    def of(cls, project: Project, written: str | None, **rest: Any) -> Origin:
        """Returns what `--from` says: `stores`, `files`, a folder; by default the stores where the target names some."""
        if written == "files":
            return cls(stores=False, **rest)
        if written == "stores":
            from runner.sources.connections import open_stores

            open_stores(project)  # says what is missing before anything is done
            return cls(stores=True, **rest)
        if written is not None:
            return cls(stores=False, folder=Path(written), **rest)
        return cls(stores=bool(project.files.target.stores), **rest)


@click.command("ingest", short_help="Land sources into Delta tables.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--from",
    "origin",
    metavar="[stores|files|FOLDER]",
    help="Where to read. By default the stores that the target names, else the files of its data folder.",
)
@click.option("--full", is_flag=True, help="Read all records, also of tables that are landed incrementally.")
@click.option("--force", is_flag=True, help="Land again what has not changed.")
@click.option("--partitions", type=click.IntRange(1), help="Key ranges that a store's table is cut into.")
@click.option(
    "--reconcile", "reconciled", is_flag=True, help="Then read the stores again and compare; see run reconcile."
)
@click.option(
    "--every",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Land again and again, so many seconds after each end, in one Spark, until Ctrl-C.",
)
@click.option("--infer", is_flag=True, help="Land nothing: print a draft of sources.yml from a sample of the store.")
@project_options
def ingest_command(
    command: Command,
    sources: tuple[str, ...],
    origin: str | None,
    full: bool,
    force: bool,
    partitions: int | None,
    reconciled: bool,
    every: float | None,
    infer: bool,
) -> int:
    """Land sources: all of them, one source (mongodb) or one table (mongodb.users), each in one commit.

    What the contract in sources.yml does not name is kept in the column _rescued; a record that cannot be read goes to
    the table's quarantine with the reason. From the stores, all tables of one ingest are of one moment.
    """
    project = command.project()
    if infer:
        return _infer(project, sources)
    tables = chosen_tables(project, sources)
    source = Origin.of(project, origin, full=full, force=force, partitions=partitions)
    landing = Landing(project, tables, source)
    waiting = tables if force else landing.skip_unchanged()
    failed: list[str] = []
    differs: list[str] = []
    if waiting or reconciled or every is not None:  # a run with nothing to do starts no Spark
        with command.spark(stores=source.stores) as spark:
            failed = landing.land(spark, waiting)
            while every is not None:
                landing.write_artifact(command)
                time.sleep(every)
                landing = Landing(project, tables, source)
                landing.land(spark, landing.skip_unchanged())
            differs = landing.reconcile(spark) if reconciled else []
    landing.write_artifact(command)
    _keep(command, landing)
    same = f", {landing.unchanged} of them unchanged," if landing.unchanged else ""
    say(f"run: {len(tables) - len(failed)} of {len(tables)} tables landed{same} in {command.elapsed:.1f} s.")
    return 2 if failed else 1 if differs else 0


@click.command("reconcile", short_help="Compare what the stores hold with what landed of it.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--partitions", type=click.IntRange(1), help="Key ranges that a store's table is cut into.")
@project_options
def reconcile_command(command: Command, sources: tuple[str, ...], partitions: int | None) -> int:
    """Read the stores again and compare them with the landed tables: counts, a digest for each key range, then keys.

    A store is read as of the moment of the landing where it can be; what was written later is no difference then.
    """
    project = command.project()
    tables = chosen_tables(project, sources)
    landing = Landing(project, tables, Origin.of(project, "stores", partitions=partitions))
    with command.spark(stores=True) as spark:
        differs = landing.reconcile(spark)
    _keep(command, landing)
    say(f"run: {len(tables) - len(differs)} of {len(tables)} tables agree with their store; {command.elapsed:.1f} s.")
    return 1 if differs else 0


def _keep(command: Command, landing: Landing) -> None:
    """Keeps what comparisons with the stores said beside the results of all other checks, and writes their report."""
    from datetime import UTC, datetime, timedelta

    from runner.artifacts.outcome import write_reports
    from runner.artifacts.records import Invocation
    from runner.quality.history import keep_results

    if not landing.compared:
        return
    run_at = datetime.now(UTC) - timedelta(seconds=command.elapsed)
    which, options = invocation()
    project, run_id = command.project(), command.invocation_id
    note = keep_results(project, landing.compared, run_id=run_id, run_at=run_at, command=which)
    if note:
        say(f"run: warning: {note}")
    asked = Invocation(run_id=run_id, command=which, arguments=options, seconds=command.elapsed)
    pages = write_reports(project, landing.compared, asked)
    if pages.report is not None:
        say(f"     Report: {pages.report.relative_to(project.root)}")


def chosen_tables(project: Project, words: Sequence[str]) -> list[SourceTable]:
    """Returns the landed tables that the words name; all where there are none.

    Raises:
        NotFoundError: a word names no source and no table.
    """
    if not words:
        return list(project.sources.values())
    known = {*project.sources, *(table.source for table in project.sources.values())}
    found: dict[str, SourceTable] = {}
    for word in words:
        matches = [table for table in project.sources.values() if word in (table.label, table.source)]
        if not matches:
            raise NotFoundError(f'sources.yml names no source "{word}".', name=word, known=known)
        found |= {table.label: table for table in matches}
    return list(found.values())


class Landing:
    """Lands tables one after the other, all under one snapshot, and tells how each ended.

    Args:
        tables: what will be landed; messages are aligned to their names.
    """

    def __init__(self, project: Project, tables: Sequence[SourceTable], origin: Origin | None = None) -> None:
        self.origin = origin or Origin.of(project, None)
        self._project = project
        self._tables = tables
        self._folder = self.origin.folder or project.files.target.data
        self.compared: list[NodeResult] = []  # what comparisons with the stores said, as checks
        self.unchanged = 0  # how many tables stay as they are, since their files or records do
        self._snapshot: Snapshot | None = None
        self._sources: dict[str, StoreSource] = {}
        self._cuts: dict[str, StoreCut] = {}
        self._width = max(len(table.label) for table in tables)

    def skip_unchanged(self) -> list[SourceTable]:
        """Tells of each table whose files are landed already; returns the others. Asks no Spark and no store."""
        from ingest.files import find_files
        from ingest.landed import standing, unchanged

        waiting = []
        for table in self._tables:
            if self.origin.force or self._from_store(table):
                waiting.append(table)
                continue
            try:
                contract = _file_contract(table)
                reason = unchanged(contract, find_files(self._folder, table.files or ""), self._project.warehouse)
            except ProjectError:
                waiting.append(table)  # landing it will say what is wrong
                continue
            if reason is None:
                waiting.append(table)
            else:
                self._tell(table, standing(contract, self._project.warehouse, skipped=reason))
        return waiting

    def land(self, spark: SparkSession, tables: Sequence[SourceTable]) -> list[str]:
        """Lands tables; returns the labels of those that failed."""
        failed = []
        for table in tables:
            land = self._land_store if self._from_store(table) else self._land_files
            try:
                landed = interruptible(spark, _TAG, partial(land, spark, table))
            except ProjectError as error:
                failed.append(table.label)
                say(f"{click.style('ERROR   ', fg='red')}  {table.label:<{self._width}} {error}")
                continue
            self._tell(table, landed)
        return failed

    def reconcile(self, spark: SparkSession) -> list[str]:
        """Compares landed tables with their stores, as of the moment of each landing; returns the labels that differ."""
        differs = []
        for table in self._tables:
            if not self._from_store(table):
                say(f"{'':<10}{table.label}: landed from files; there is no store to compare it with")
                continue
            try:
                found = interruptible(spark, _TAG, partial(self._compare, spark, table))
            except ProjectError as error:
                differs.append(table.label)
                say(f"{click.style('ERROR   ', fg='red')}  {table.label:<{self._width}} {error}")
                self.compared.append(NodeResult(unique_id=table.unique_id, status="error", message=str(error)))
                continue
            word = click.style("equal   " if found.is_equal else "DIFFERS ", fg="green" if found.is_equal else "red")
            first, *rest = found.lines()
            say(f"{word}  {first}")
            for line in rest:
                say(f"{'':<10}{line}")
            self.compared.append(as_result(table, found))
            if not found.is_equal:
                say(f"{'':<10}land it again: run ingest {table.label} --full --force")
                differs.append(table.label)
        return differs

    def _compare(self, spark: SparkSession, table: SourceTable) -> Reconciliation:
        return match_store(
            self._project,
            spark,
            table,
            source=self._source(table.store),
            taken_at=self._taken().taken_at,
            partitions=self._partitions(spark),
        )

    def write_artifact(self, command: Command) -> None:
        """Writes `target/sources.json`: of what moment each landed table is, and whether it is fresh."""
        from runner.artifacts import source_results, write_artifact

        found = source_results(self._project, invocation_id=command.invocation_id, elapsed=command.elapsed)
        write_artifact(self._project, "sources.json", found)

    def _from_store(self, table: SourceTable) -> bool:
        return self.origin.stores and table.store in self._project.files.target.stores

    def _land_files(self, spark: SparkSession, table: SourceTable) -> Landed:
        from ingest.land_files import land_files

        return land_files(
            spark,
            _file_contract(table),
            folder=self._folder,
            pattern=table.files or "",
            warehouse=self._project.warehouse,
            snapshot=self._taken(),
            force=self.origin.force,
            cores=parallelism(spark),
        )

    def _land_store(self, spark: SparkSession, table: SourceTable) -> Landed:
        from ingest.land_store import StoreLanding, land_store, read_incremental

        contract = contract_of(table)
        how = StoreLanding(
            store=table.store,
            source=self._source(table.store),
            cut=self._cut(table),
            snapshot=self._taken(),
            warehouse=self._project.warehouse,
            partitions=self._partitions(spark),
            incremental=read_incremental(table.incremental, contract, store=table.store, place=table.place),
            full=self.origin.full,
            force=self.origin.force,
        )
        return land_store(spark, contract, how)

    def _partitions(self, spark: SparkSession) -> int:
        return self.origin.partitions or parallelism(spark)

    def _taken(self) -> Snapshot:
        """Returns the snapshot of this landing: its moment is when the first table is landed."""
        if self._snapshot is None:
            import uuid
            from datetime import UTC, datetime

            from ingest.landing import Snapshot

            now = datetime.now(UTC)
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # HBase counts milliseconds
            self._snapshot = Snapshot(snapshot_id=uuid.uuid4().hex, taken_at=now)
        return self._snapshot

    def _source(self, store: str) -> StoreSource:
        if store not in self._sources:
            self._sources[store] = store_source(self._project, store)
        return self._sources[store]

    def _cut(self, table: SourceTable) -> StoreCut:
        """Returns the moment of a store: taken once, for all of its tables."""
        if table.store not in self._cuts:
            taken_at = self._taken().taken_at
            wanted = [each for each in self._tables if self._from_store(each)]
            for store in sorted({each.store for each in wanted}):
                names = [each.stored_as or each.name for each in wanted if each.store == store]
                self._cuts[store] = cut = self._source(store).cut(taken_at, names)
                if cut.note:
                    say(f"{click.style('note    ', fg='yellow')}  {store}: {cut.note}")
        return self._cuts[table.store]

    def _tell(self, table: SourceTable, landed: Landed) -> None:
        counts = landed.counts
        self.unchanged += landed.skipped is not None
        word = click.style(
            f"{'same' if landed.skipped else 'landed':<8}", fg="yellow" if counts.quarantined else "green"
        )
        line = f"{word}  {table.label:<{self._width}} {counts.landed:>12,} rows"
        say(f"{line}  {landed.skipped}" if landed.skipped else f"{line} {landed.seconds:>7.1f} s{_changed(landed)}")
        for reason in landed.reasons[:5]:
            say(f"{'':<10}{reason.count:,} in {table.table}__quarantine: {reason.problem}, e.g. {reason.example}")
        if counts.rescued:
            say(
                f"{'':<10}{counts.rescued:,} rows have fields that sources.yml does not name; they are kept in _rescued"
            )
        for path in landed.paths_missing:
            say(f"{'':<10}no record has {path}, which sources.yml names")
        said = [f"{table.label}: missing: {path} " for path in landed.paths_missing]
        lines = landed.drift.lines() if landed.drift else []
        for line in [*landed.notes, *(line for line in lines if not line.startswith(tuple(said)))]:
            say(f"{'':<10}{line.removeprefix(f'{table.label}: ')}")


def _changed(landed: Landed) -> str:
    if not landed.changes:
        return ""
    said = [f"{count:,} {name}" for name, count in landed.changes.items() if name != "read" and count]
    return f"  {', '.join(said) or 'nothing new'}"


def _file_contract(table: SourceTable) -> Any:
    if table.files is None:
        raise ProjectError(
            f'{table.place}: table "{table.label}" names no "files", so it cannot be landed from a folder.'
        )
    return contract_of(table)


def _infer(project: Project, words: Sequence[str]) -> int:
    """Prints a draft of `sources.yml` for each table that the words name, from a sample of its store."""
    from runner.sources.connections import open_stores

    if not words:
        raise ProjectError("name what to look at, as store.table: run ingest --infer mongodb.users")
    stores = open_stores(project)
    for word in words:
        store, _, name = word.partition(".")
        if store not in ("mongodb", "hbase") or not name:
            raise NotFoundError(f'"{word}" names no table of a store.', name=store, known=("mongodb", "hbase"))
        click.echo(_draft(stores, store, name))
    return 0


def _draft(stores: Stores, store: str, table: str) -> str:
    from ingest.infer import infer, sample_hbase, sample_mongodb

    records: list[Any]
    if store == "mongodb" and stores.mongodb is not None:
        from stores.mongo_client import connect

        with connect(stores.mongodb) as client:
            records = sample_mongodb(client[stores.mongodb.database], table, _SAMPLE)
    elif store == "hbase" and stores.hbase is not None:
        from stores.hbase_client import connected

        with connected(stores.hbase) as connection:
            records = sample_hbase(connection, table, _SAMPLE)
    else:
        raise ProjectError(f'the target does not say how to reach "{store}". Give it under its "stores".')
    return infer(records, source=store, table=table, sample_size=_SAMPLE).text
