"""Rows on stdout: as a table, as JSON lines, as CSV."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def print_rows(columns: Sequence[str], rows: Iterable[dict[str, Any]], *, output: str) -> None:
    """Prints rows on stdout as a table, as JSON lines or as CSV."""
    if output == "json":
        for row in rows:
            click.echo(json.dumps(row, default=str))
        return
    if output == "csv":
        import csv

        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([row[column] for column in columns] for row in rows)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = any(_is_number(row[column]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text("" if row[column] is None else str(row[column])) for column in columns])
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)
    console.print(table)


def _is_number(value: Any) -> bool:
    from decimal import Decimal

    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
