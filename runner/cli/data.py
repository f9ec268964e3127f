"""Commands that bring data in: generate and ingest."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, console, project_options, say
from runner.errors import NotFoundError, ProjectError
from runner.model import SourceTable
from runner.parse import Project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ingest.contract import Contract
    from ingest.landing import Landed
    from simulate.summary import Summary


@click.command("generate", short_help="Write a simulated shop into the target's data folder.")
@click.option("--sessions", default=20_000, show_default=True, help="How many sessions.")
@click.option("--orders", type=int, help="How many orders; a quarter of the sessions by default.")
@click.option("--users", type=int, help="How many users.")
@click.option("--products", type=int, help="How many products.")
@click.option("--days", default=90, show_default=True, help="The length of the window.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01", show_default=True, help="Its first day."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--profile", default="realistic", show_default=True, help="realistic, or uniform as the course generator draws."
)
@click.option(
    "--defects",
    default="",
    metavar="NAMES",
    help='Faults to plant: "all", or names with rates, e.g. orphan_orders:0.02.',
)
@click.option("--format", "file_format", default="json", show_default=True, help="json or parquet.")
@click.option(
    "--layout",
    default="line",
    show_default=True,
    help="JSON as one line, indented, or one object on each line (lines).",
)
@click.option("--into", "folder", type=click.Path(path_type=Path), help="Another folder than the target's.")
@project_options
def generate_command(command: Command, start: datetime, folder: Path | None, **settings: Any) -> None:
    """Write a simulated shop: users, products, categories, sessions, orders. Seeded: same settings, same bytes."""
    out = folder or command.project().files.target.data
    summary = write_shop(out, start=start.date(), **settings)
    for line in summary.lines():
        say(line)


def write_shop(
    out: Path, *, start: date = date(2025, 1, 1), defects: str = "", file_format: str = "json", **settings: Any
) -> Summary:
    """Simulates a shop into `out`, with a progress bar; returns its summary."""
    from simulate.defects import parse_defects
    from simulate.settings import ShopSettings
    from simulate.shop import generate

    settings |= {"start": start, "defects": parse_defects(defects), "format": file_format}
    shop = ShopSettings(**settings)
    with _bar() as advance:
        return generate(out, settings=shop, progress=advance)


class _bar:
    """A progress bar on a terminal, nothing elsewhere; gives the callback that moves it."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        screen = console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )
        self._tasks: dict[str, Any] = {}
        self._progress.start()
        return self._advance

    def _advance(self, name: str, done: int, total: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


@click.command("ingest", short_help="Land sources into Delta tables.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--from", "folder", type=click.Path(path_type=Path), help="Another folder of files than the target's.")
@click.option("--force", is_flag=True, help="Land again what has not changed.")
@project_options
def ingest_command(command: Command, sources: tuple[str, ...], folder: Path | None, force: bool) -> int:
    """Land sources: all of them, one source (mongodb) or one table (mongodb.users), each in one commit.

    What the contract in sources.yml does not name is kept in the column _rescued; a record that cannot be read goes to
    the table's quarantine with the reason.
    """
    project = command.project()
    tables = chosen_tables(project, sources)
    landing = Landing(project, tables, folder=folder)
    waiting = tables if force else landing.skip_unchanged()
    failed = []
    if waiting:  # a run with nothing to do starts no Spark
        with command.spark() as spark:
            failed = landing.land(spark, waiting, force=force)
    say(f"run: {len(tables) - len(failed)} of {len(tables)} tables landed in {command.elapsed:.1f} s.")
    return 2 if failed else 0


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
        folder: where the files are; the target's data folder by default.
    """

    def __init__(self, project: Project, tables: Sequence[SourceTable], *, folder: Path | None = None) -> None:
        from ingest.landing import Snapshot

        self._project = project
        self._tables = tables
        self._folder = folder or project.files.target.data
        self._snapshot = Snapshot(snapshot_id=uuid.uuid4().hex, taken_at=datetime.now(UTC))
        self._width = max(len(table.label) for table in tables)

    def skip_unchanged(self) -> list[SourceTable]:
        """Tells of each table whose files are landed already; returns the others. Asks no Spark."""
        from ingest.files import find_files
        from ingest.land_files import unchanged
        from ingest.landing import standing

        waiting = []
        for table in self._tables:
            try:
                contract = _contract(table)
                reason = unchanged(contract, find_files(self._folder, table.files or ""), self._project.warehouse)
            except ProjectError:
                waiting.append(table)  # landing it will say what is wrong
                continue
            if reason is None:
                waiting.append(table)
            else:
                self._tell(table, standing(contract, self._project.warehouse, skipped=reason))
        return waiting

    def land(self, spark: SparkSession, tables: Sequence[SourceTable], *, force: bool = False) -> list[str]:
        """Lands tables; returns the labels of those that failed."""
        from ingest.land_files import land_files

        failed = []
        for table in tables:
            try:
                landed = land_files(
                    spark,
                    _contract(table),
                    folder=self._folder,
                    pattern=table.files or "",
                    warehouse=self._project.warehouse,
                    snapshot=self._snapshot,
                    force=force,
                    cores=spark.sparkContext.defaultParallelism,
                )
            except ProjectError as error:
                failed.append(table.label)
                say(f"{click.style('ERROR   ', fg='red')}  {table.label:<{self._width}} {error}")
                continue
            self._tell(table, landed)
        return failed

    def _tell(self, table: SourceTable, landed: Landed) -> None:
        counts = landed.counts
        word = click.style(
            f"{'same' if landed.skipped else 'landed':<8}", fg="yellow" if counts.quarantined else "green"
        )
        line = f"{word}  {table.label:<{self._width}} {counts.landed:>12,} rows"
        say(f"{line}  {landed.skipped}" if landed.skipped else f"{line} {landed.seconds:>7.1f} s")
        for reason in landed.reasons[:5]:
            say(f"{'':<10}{reason.count:,} in {table.table}__quarantine: {reason.problem}, e.g. {reason.example}")
        if counts.rescued:
            say(
                f"{'':<10}{counts.rescued:,} rows have fields that sources.yml does not name; they are kept in _rescued"
            )
        for path in landed.paths_missing:
            say(f"{'':<10}no record has {path}, which sources.yml names")


def _contract(table: SourceTable) -> Contract:
    from ingest.contract import Column, Contract

    if table.files is None:
        raise ProjectError(
            f'{table.place}: table "{table.label}" names no "files", so it cannot be landed from a folder.'
        )
    if not table.columns:
        raise ProjectError(
            f'{table.place}: table "{table.label}" needs "columns" with types: they are the contract of its landing.'
        )
    return Contract(
        source=table.source,
        table=table.name,
        columns=tuple(
            Column(
                name=column.name,
                data_type=column.data_type or "string",
                aliases=column.aliases,
                cells=column.cells,
                codec=column.codec,
            )
            for column in table.columns
        ),
        key=table.key,
        stored_as=table.stored_as,
        ignored=table.ignored_cells,
    )
