"""`run generate`: a simulated shop, into files and into the stores."""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.progress import progress_bar
from runner.cli.session import Command, project_options, say
from runner.errors import ProjectError
from runner.project.parse import Project

if TYPE_CHECKING:
    from simulate.summary import Summary


@click.command("generate", short_help="Write a simulated shop into files and into the stores.")
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
@click.option(
    "--into",
    default="files",
    show_default=True,
    metavar="STORES",
    help="files, mongodb, hbase: one or more, with commas.",
)
@click.option("--out", "folder", type=click.Path(path_type=Path), help="Another folder for files than the target's.")
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Simulate nothing: load the files of this folder into the stores.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes that load; by default one for each core.")
@click.option(
    "--allow-missing", multiple=True, metavar="PATH", help="A mapped path that no record need have; can be repeated."
)
@click.option(
    "--live",
    "rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATE",
    help="Go on writing so many sessions a second, with their orders, into both stores, until Ctrl-C.",
)
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End --live after so many seconds.")
@project_options
def generate_command(
    command: Command,
    start: datetime,
    into: str,
    folder: Path | None,
    origin: Path | None,
    workers: int | None,
    allow_missing: tuple[str, ...],
    rate: float | None,
    seconds: float | None,
    **settings: Any,
) -> None:
    """Write a simulated shop: users, products, categories, sessions, orders. Seeded: same settings, same bytes.

    \b
    run generate --sessions 20000                               into files
    run generate --into mongodb,hbase --target stores           into the stores
    run generate --from data/raw --into mongodb,hbase -t stores files that are there already
    run generate --live 50 --target stores                      a running shop

    Loading can be stopped and begun again: what is in the stores is not written twice, and at the end the stores are
    asked whether they hold every record.
    """
    from runner.cli.load import StoreLoading, names_of

    project = command.project()
    if rate is not None:
        StoreLoading(project, ("mongodb", "hbase"), workers=workers).write_live(
            origin or folder or project.files.target.data, rate=rate, seconds=seconds
        )
        return
    names = names_of(into)
    stores = tuple(name for name in names if name != "files")
    loading = StoreLoading(project, stores, workers=workers, allow_missing=allow_missing) if stores else None
    if origin is not None:
        if loading is None:
            raise ProjectError("--from loads files into stores; name them: --into mongodb,hbase")
        loading.load(origin)
        return
    with contextlib.ExitStack() as stack:
        out = folder or project.files.target.data
        if "files" not in names:
            out = Path(stack.enter_context(_scratch(project))) / "shop"
        summary = write_shop(out, start=start.date(), **settings)
        for line in summary.lines():
            say(line)
        if loading:
            loading.load(out)


def _scratch(project: Project) -> AbstractContextManager[str]:
    """Returns a folder for files that only pass through; the same settings give the same bytes another time."""
    folder = project.files.target_folder / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder)


def write_shop(
    out: Path, *, start: date = date(2025, 1, 1), defects: str = "", file_format: str = "json", **settings: Any
) -> Summary:
    """Simulates a shop into `out`, with a progress bar; returns its summary."""
    from simulate.defects import parse_defects
    from simulate.settings import ShopSettings
    from simulate.shop import generate

    settings |= {"start": start, "defects": parse_defects(defects), "format": file_format}
    shop = ShopSettings(**settings)
    with progress_bar() as advance:
        return generate(out, settings=shop, progress=advance)
