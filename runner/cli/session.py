"""What every command shares: options, the open project, one Spark, how a run is told on a terminal."""

from __future__ import annotations

import functools
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml

from runner.cli.choose import Asked, choose, selection_options
from runner.errors import ProjectError
from runner.parse import Project, load_project
from runner.project import Target, find_root
from runner.selectables import Listing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

    from runner.quality import Quality

_Result = TypeVar("_Result")


@dataclass(slots=True, kw_only=True)
class Command:
    """One invocation: what was asked, and what is opened on the way."""

    target: str | None
    project_dir: Path | None
    variables: Mapping[str, Any]
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.perf_counter)
    asked: Asked = field(default_factory=Asked)
    _project: Project | None = None
    _listing: Listing | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the command started."""
        return time.perf_counter() - self.started

    def project(self) -> Project:
        """Returns the project, read and parsed once."""
        if self._project is None:
            self._project = load_project(self.root(), target=self.target, variables=self.variables)
        return self._project

    def root(self) -> Path:
        """Returns the project's folder."""
        root = self.project_dir.absolute() if self.project_dir else find_root(Path.cwd())
        if not root.is_dir():
            raise ProjectError(f"{self.project_dir}: there is no such folder. Pass another --project-dir.")
        return root

    def listing(self) -> Listing:
        """Returns what listing and selecting need of the project."""
        if self._listing is None:
            self._listing = self.project().listing()
        return self._listing

    def select(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), *, kinds: Collection[str] = ("model",)
    ) -> list[str]:
        """Returns the unique ids that were asked for, of the given kinds, parents before children."""
        return choose(self, include, exclude, kinds=kinds)

    def quality(self) -> Quality:
        """Returns the project's checks."""
        from runner.quality import load_quality

        return load_quality(self.project())

    @contextmanager
    def spark(self, *, checks: bool = False, small: bool = False, stores: bool = False) -> Iterator[SparkSession]:
        """Gives a Spark session for the project's target, and stops it at the end.

        Args:
            checks: suites will run in it.
            small: its data are small, whatever the target holds.
            stores: it reads from stores: how much is not known before, and a task whose worker dies is tried again.
        """
        import logging

        from runner.spark import SMALL_BYTES, spark_session

        logging.getLogger(
            "SQLQueryContextLogger"
        ).disabled = True  # failed queries are told by the runner, with their line
        target = self.project().files.target
        with status("starting Spark"), ThreadPoolExecutor(1) as beside:
            if checks:  # Great Expectations is slow to import; Spark's start leaves a core free
                from expectations.validate import preload

                beside.submit(preload)
            session = spark_session(
                f"sluice {self.project().files.name}",
                scratch=self.project().files.target_folder / "scratch",
                master=target.master or ("local[*, 4]" if stores else None),
                settings=target.spark,
                small=small or (not stores and _input_bytes(target) < SMALL_BYTES),
            )
        try:
            yield session
        finally:
            session.stop()


def beside(spark: SparkSession, work: Callable[[], _Result]) -> _Result:
    """Returns what `work` returns, done in a thread of its own, so that Ctrl-C stops what Spark runs for it.

    In the thread that gets the signal, a call to the JVM would be torn in the middle, and its answer lost.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            while not future.done():  # the next job, too
                spark.sparkContext.cancelAllJobs()
                wait([future], timeout=0.2)
            raise


def _input_bytes(target: Target) -> int:
    """Returns the size of the target's input: its files, or where there are none what the warehouse holds."""
    files = sum(path.stat().st_size for path in target.data.rglob("*") if path.is_file()) if target.data.is_dir() else 0
    tables = (
        sum(path.stat().st_size for path in target.warehouse.rglob("*.parquet")) if target.warehouse.is_dir() else 0
    )
    return max(files, tables)


def console() -> Console:
    """Returns where progress and messages go: stderr, so that data on stdout can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def status(text: str) -> Iterator[None]:
    """Shows what is going on, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    with console().status(text):
        yield


def say(text: str) -> None:
    """Prints a line of progress on stderr."""
    click.echo(text, err=True)


def parse_vars(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any]:
    """Reads --vars: a YAML mapping, e.g. '{days: 30}' or 'days: 30'."""
    if not value:
        return {}
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"this is no YAML: {value}") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f'give names with values, e.g. --vars "{{days: 30}}", not {value}')
    return found


def project_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --target, --project-dir and --vars; the command gets a `Command` first."""

    @functools.wraps(function)
    def wrapper(target: str | None, project_dir: Path | None, variables: dict[str, Any], **rest: Any) -> Any:
        asked = rest.pop("asked", None) or Asked()
        return function(Command(target=target, project_dir=project_dir, variables=variables, asked=asked), **rest)

    wrapped: Callable[..., Any] = wrapper
    for option in (
        click.option("--vars", "variables", callback=parse_vars, metavar="YAML", help="Variables, e.g. '{days: 30}'."),
        click.option("--project-dir", type=click.Path(path_type=Path), metavar="DIR", help="The project's folder."),
        click.option("--target", "-t", metavar="NAME", help="The target to work on."),
    ):
        wrapped = option(wrapped)
    return wrapped


def select_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --select, --exclude, --selector, …; words that follow them, or stand alone, are selectors too."""

    @functools.wraps(function)
    def wrapper(*args: Any, select: tuple[str, ...], words: tuple[str, ...], selector: str | None, **rest: Any) -> Any:
        asked = Asked(selector=selector, indirect=rest.pop("indirect"), state=rest.pop("state"))
        return function(*args, select=(*select, *rest.pop("models"), *words), asked=asked, **rest)

    wrapped: Callable[..., Any] = wrapper
    for option in selection_options():
        wrapped = option(wrapped)
    return wrapped
