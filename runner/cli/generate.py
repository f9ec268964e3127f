"""`run generate`: a simulated shop, into files and into the stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, console, project_options, say

if TYPE_CHECKING:
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
