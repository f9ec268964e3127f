"""What every command shares: options, the open project, one Spark, how a run is told on a terminal."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.choose import Asked, choose, selection_options
from runner.errors import ProjectError, did_you_mean
from runner.project.cache import open_listing, open_project
from runner.project.root import find_root
from runner.session.handover import at_terminal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

    from runner.jinja.database import Database
    from runner.project.files import Target
    from runner.project.listing import Listing
    from runner.project.parse import Project
    from runner.quality import Quality
    from runner.session.warm import Wanted

_SESSIONS = ("auto", "warm", "cold")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferAsked:
    """What the command line says of deferring."""

    on: bool
    target: str | None
    state: Path | None
    favor: bool


@dataclass(slots=True, kw_only=True)
class Command:
    """One invocation: what was asked, and what is opened on the way."""

    target: str | None
    project_dir: Path | None
    variables: Mapping[str, Any]
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.perf_counter)
    asked: Asked = field(default_factory=Asked)
    deferring: DeferAsked | None = None
    failed: bool = False  # something other than a node did
    _project: Project | None = None
    _working: Project | None = None
    _listing: Listing | None = None
    _spark: SparkSession | None = None
    _keeping: ExitStack | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the command started."""
        return time.perf_counter() - self.started

    def project(self) -> Project:
        """Returns the project, read and parsed once; where tables are read elsewhere, as it reads them."""
        return self._working or self.own_project()

    def work_on(self, project: Project) -> None:
        """Lets the command work on this variant of its project, which reads some tables elsewhere."""
        self._working = project

    def own_project(self) -> Project:
        """Returns the project as its own target has it."""
        if self._project is None:
            self._project = open_project(self.root(), target=self.target, variables=self.variables)
            self._project.renderer.macros.heard = _once()
            for warning in self._project.warnings:
                say(f"run: warning: {warning}")
            if any((self._project.warehouse / "_sluice").glob("*.json")):  # a set that is being published, or was
                from runner.cli.recovery import recover_sets

                for text in recover_sets(self._project.warehouse):
                    say(f"run: {text}")
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
            self._listing = (
                open_listing(self.root(), target=self.target, variables=self.variables)
                if self._project is None
                else self._project.listing()
            )
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
    def database(self) -> Iterator[Database]:
        """Gives what answers for the warehouse to templates; it starts Spark only for what Delta's logs do not say."""
        from runner.warehouse import Warehouse
        from runner.warehouse.introspection import Introspection

        root = self.project().warehouse
        known = [node.table for node in self.project().nodes()]
        with ExitStack() as stack:
            yield Introspection(root, lambda: Warehouse(stack.enter_context(self.spark(small=True)), root), known)

    @contextmanager
    def spark(self, *, checks: bool = False, small: bool = False, stores: bool = False) -> Iterator[SparkSession]:
        """Gives a Spark session for the project's target, and ends it: its own Spark, the warm one, or a remote one.

        Args:
            checks: suites will run in it.
            small: its data are small, whatever the target holds.
            stores: it reads from stores: how much is not known before, and a task whose worker dies is tried again.
        """
        if self._spark is not None:  # what is asked for inside uses what is open
            yield self._spark
            return
        import logging

        logging.getLogger(
            "SQLQueryContextLogger"
        ).disabled = True  # failed queries are told by the runner, with their line
        opened = self._opened(small=small, stores=stores)
        if checks:  # Great Expectations is slow to import; who needs it first waits for the rest of it
            from expectations.validate import preload

            threading.Thread(target=preload, daemon=True).start()
        with nullcontext(self._keeping) if self._keeping else self.keeping_spark() as keeping:
            with status("starting Spark"):
                self._spark = keeping.enter_context(opened)
            yield self._spark

    @contextmanager
    def keeping_spark(self) -> Iterator[ExitStack]:
        """Lets a session that is opened within stay open to the end of it, for all that asks for one there."""
        with ExitStack() as self._keeping:
            try:
                yield self._keeping
            finally:
                self._keeping = self._spark = None

    def _opened(self, *, small: bool, stores: bool) -> AbstractContextManager[SparkSession]:
        target = self.project().files.target
        if target.remote:
            return self._remote(target)
        if not stores and self.is_warm():
            from runner.session.spark import has_spark
            from runner.session.warm import is_ours, warm_session

            if not has_spark() and is_ours(wanted := self.warm()):
                return warm_session(wanted, lambda text: say(f"run: {text}"))
        return self._cold(target, small=small, stores=stores)

    @contextmanager
    def _cold(self, target: Target, *, small: bool, stores: bool) -> Iterator[SparkSession]:
        from runner.session.spark import SMALL_BYTES, spark_session

        session = spark_session(
            f"sluice {self.project().files.name}",
            scratch=self._scratch,
            master=target.master or ("local[*, 4]" if stores else None),
            settings=target.spark,
            small=small or (not stores and input_bytes(target) < SMALL_BYTES),
        )
        try:
            yield session
        finally:
            session.stop()

    @contextmanager
    def _remote(self, target: Target) -> Iterator[SparkSession]:
        from runner.session.spark import leave_connect, remote_session
        from runner.sources.connections import rendered

        place = f"{target.place}: remote"
        session = remote_session(rendered(target.remote, place), scratch=self._scratch, settings=target.spark)
        try:
            yield session
        finally:
            session.stop()
            leave_connect()

    @property
    def _scratch(self) -> Path:
        return self.project().files.target_folder / "scratch"

    def is_warm(self) -> bool:
        """True where this command works in the warm session.

        Raises:
            ProjectError: SLUICE_SESSION, or the target's `session`, is none of warm, cold, auto.
        """
        target = self.project().files.target
        said = os.environ.get("SLUICE_SESSION") or target.session
        if said not in _SESSIONS:
            place = "SLUICE_SESSION" if os.environ.get("SLUICE_SESSION") else f'"session" of target "{target.name}"'
            raise ProjectError(f"{place} is one of {', '.join(_SESSIONS)}, not {said}.{did_you_mean(said, _SESSIONS)}")
        if target.remote or not (target.master or "local").startswith("local") or os.name != "posix":
            return False
        if said == "auto":
            return at_terminal()
        return said == "warm"

    def warm(self) -> Wanted:
        """Returns what the warm session of the target is made of."""
        from runner.session.spark import SMALL_BYTES
        from runner.session.warm import Wanted

        files = self.project().files
        return Wanted(
            folder=files.target_folder / "session",
            name=files.target.name,
            root=files.root,
            warehouse=files.target.warehouse,
            settings=files.target.spark,
            small=input_bytes(files.target) < SMALL_BYTES,
            idle_seconds=_idle_seconds(),
        )


def _once() -> Callable[[str], None]:
    """Returns what tells a template's message, each text once: a template is rendered to decide, to check and to build."""
    from runner.jinja.render import scrubbed

    told: set[str] = set()

    def tell(message: str) -> None:
        if message not in told:
            told.add(message)
            say(scrubbed(message))

    return tell


def _idle_seconds() -> float:
    from runner.session.warm import IDLE_SECONDS

    said = os.environ.get("SLUICE_SESSION_MINUTES")
    if said is None:
        return IDLE_SECONDS
    try:
        return 60 * max(0.0, float(said))
    except ValueError as error:
        raise ProjectError(f"SLUICE_SESSION_MINUTES is a number of minutes, not {said}.") from error


def input_bytes(target: Target) -> int:
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


def parse_vars(_: click.Context, option: click.Parameter, value: str | None) -> dict[str, Any]:
    """Reads an option such as --vars: a YAML mapping, e.g. '{days: 30}' or 'days: 30'."""
    if not value:
        return {}
    import yaml

    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"this is no YAML: {value}") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f'give names with values, e.g. {option.opts[0]} "{{days: 30}}", not {value}')
    return found


def invocation() -> tuple[str, dict[str, Any]]:
    """Returns the word after `run`, and its options by name as JSON values; empty where no command line is read."""
    context = click.get_current_context(silent=True)
    if context is None:
        return "", {}
    options = {name: _json_value(value) for name, value in context.params.items()}
    return context.command.name or "", options


def _json_value(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_json_value(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str, dict)) else str(value)


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
