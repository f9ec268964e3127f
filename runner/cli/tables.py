"""Commands that build what is no model: seed, snapshot."""

from __future__ import annotations

import click

from runner.cli.defer import defer_options, start_deferring
from runner.cli.rows import print_rows
from runner.cli.session import Command, project_options, say, select_options
from runner.cli.work import FAST, FORCE, FULL, THREADS, build_nodes, build_options, finish, nothing_to_do
from runner.execute import NodeResult


@click.command("seed", short_help="Build tables from the project's CSV files.")
@select_options
@FULL
@FORCE
@click.option("--show", is_flag=True, help="Print the first rows of each.")
@FAST
@THREADS
@project_options
@defer_options
def seed_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    force: bool,
    show: bool,
    fail_fast: bool,
    threads: int | None,
) -> int:
    """Build tables from CSV files of the project, each checked before it is published.

    A file that has not changed is not read again.

    \b
    run seed                        all
    run seed --select countries     one
    """
    options = (full_refresh, force, fail_fast, threads)
    results = _build(command, select, exclude, "seed", *options)
    if show:
        for result in results:
            if not result.stops:
                _show(command, result)
    return finish(command, results, verb="seeds")


@click.command("snapshot", short_help="Record in tables how rows have changed since the last time.")
@select_options
@FORCE
@FAST
@THREADS
@project_options
@defer_options
def snapshot_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    force: bool,
    fail_fast: bool,
    threads: int | None,
) -> int:
    """Record how rows have changed since the last time: each state of a row from when to when.

    A history is never made anew, so there is no --full-refresh; a run without a change commits nothing. With --defer, what
    it reads and is not built here is read from another target; the history stays this target's own.
    """
    return finish(
        command, _build(command, select, exclude, "snapshot", False, force, fail_fast, threads), verb="snapshots"
    )


def _build(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    kind: str,
    full_refresh: bool,
    force: bool,
    fail_fast: bool,
    threads: int | None,
) -> list[NodeResult]:
    nodes = command.select(select, exclude, kinds=(kind,))
    quality = command.quality()
    start_deferring(command, nodes, quality)
    options = build_options(command, full_refresh=full_refresh, force=force, fail_fast=fail_fast, threads=threads)
    results = nothing_to_do(command, quality, nodes, options)
    if results is None:
        with command.spark(checks=True) as spark:
            results = build_nodes(command, spark, quality, nodes, options)
    return results


def _show(command: Command, result: NodeResult) -> None:
    from runner import delta

    project = command.project()
    node = project.node(result.unique_id)
    columns, rows = delta.first_rows(node.table.path(project.warehouse), 10)
    say(f"{node.name}:")
    print_rows(columns, rows, output="table")
