"""`run show MODEL --failures`: the rows that failed the model's checks, by check."""

from __future__ import annotations

import itertools

import click

from runner.cli.rows import print_rows
from runner.cli.session import say
from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.project.parse import Project
from runner.quality.failing_rows import FailingRow, read_failing_rows


def show_failures(project: Project, node: Model | SourceTable, *, run_id: str, limit: int, output: str) -> None:
    """Prints kept failing rows: of each check its reason, and its rows in the model's columns.

    Args:
        run_id: the run, or the beginning of its id; empty for the last one that had failing rows.
        limit: rows of each check.

    Raises:
        ProjectError: none are kept.
    """
    rows = read_failing_rows(project.warehouse, node.table, run=run_id)
    if not rows:
        which = f"of run {run_id}" if run_id else f"of {node.label}"
        raise ProjectError(
            f"no failing rows {which} are kept: no check of {node.label} failed, or none that fails by rows. "
            f"What the last run found: run history {node.label}"
        )
    if output != "table":
        listed = [
            {"run_id": row.run_id, "failed_at": row.failed_at, "check": row.check, "reason": row.reason, **row.values}
            if output == "json"
            else {"run_id": row.run_id, "check": row.check, "reason": row.reason, "row": row.row}
            for row in rows
        ]
        print_rows(list(listed[0]), listed, output=output)
        return
    first = rows[0]
    say(f"run: {node.label}, run {first.run_id[:8]} of {first.failed_at:%Y-%m-%d %H:%M:%S} UTC")
    for _, of_check in itertools.groupby(rows, key=lambda row: (row.place, row.check)):
        _print(list(of_check), limit)


def _print(rows: list[FailingRow], limit: int) -> None:
    first = rows[0]
    click.echo(f"{first.status}: {first.reason} ({first.place})" if first.place else f"{first.status}: {first.reason}")
    shown = [row.values for row in rows[:limit]]
    columns = list(dict.fromkeys(name for row in shown for name in row))
    print_rows(columns, [{name: row.get(name) for name in columns} for row in shown], output="table")
    known = first.failing if first.failing is not None else len(rows)
    if known > len(shown):
        click.echo(f"{len(shown):,} of {known:,} failing rows; {len(rows):,} are kept.\n")
