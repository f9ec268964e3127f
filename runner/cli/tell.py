"""How a run is told on a terminal: one line per node as it ends, what runs now, and a last line with the whole story."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING

import click

from runner.cli.session import console, say
from runner.execute import NodeResult
from runner.model import Model
from runner.project.parse import Project
from runner.session.progress import Watch
from runner.state.cost import usual_seconds, wall_seconds
from runner.state.reuse import STAYS
from runner.warehouse import exists

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.live import Live
    from rich.text import Text

_BAR = 10  # characters
_WORDS = {
    "success": "ok",
    "warn": "warn",
    "error": "ERROR",
    "withheld": "WITHHELD",
    "skipped": "skipped",
    "reused": "reused",
}
_COLOURS = {
    "success": "green",
    "warn": "yellow",
    "error": "red",
    "withheld": "red",
    "skipped": "bright_black",
    "reused": "bright_black",
}


class Teller:
    """Tells a run of nodes. Use as a context: on a terminal the last lines show what runs, how far it is, and how long
    it took before.

    Args:
        spark: the session that the nodes run in; without one no stages are shown.
        threads: how many run at a time.
    """

    def __init__(
        self, project: Project, nodes: Sequence[str], *, spark: SparkSession | None = None, threads: int = 1
    ) -> None:
        self._project = project
        self._nodes = nodes
        self._total = len(nodes)
        self._done = 0
        self._running: dict[str, float] = {}
        self._left = dict.fromkeys(nodes)
        self._spark = spark
        self._threads = threads
        self._live: Live | None = None
        self._watch: Watch | None = None
        self._forecast: Forecast | None = None
        self._began = time.monotonic()
        self._width = max((len(self._label(node)) for node in nodes), default=0)

    def __enter__(self) -> Teller:
        if sys.stderr.isatty():
            from rich.live import Live

            self._forecast = Forecast(self._project, self._nodes, threads=self._threads)
            if self._spark is not None:
                self._watch = Watch(self._spark)
            self._live = Live(get_renderable=self._now, console=console(), refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)
            self._live = None
        if self._watch:
            self._watch.close()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._tell_stopped()

    def started(self, node: str) -> None:
        self._running[node] = time.monotonic()

    def ended(self, result: NodeResult) -> None:
        self._running.pop(result.unique_id, None)
        self._left.pop(result.unique_id, None)
        self._done += 1
        word = click.style(f"{_WORDS[result.status]:<8}", fg=_COLOURS[result.status])
        number = f"{self._done:>{len(str(self._total))}}/{self._total}"
        rows = f"{result.rows:>12,} rows" if result.rows is not None else " " * 17
        seconds = f"{result.seconds:>7.1f} s" if result.status not in ("skipped", "reused") else ""
        line = f"{number}  {word}  {self._label(result.unique_id):<{self._width}} {rows} {seconds}".rstrip()
        self._print(line)
        for detail in [*_tries(result), *_details(result), *_slower(result)]:
            self._print(f"{'':<{len(number) + 2}}{detail}")

    def _tell_stopped(self) -> None:
        now = time.monotonic()
        stopped = [f"{self._name(node)} after {now - since:.0f} s" for node, since in self._running.items()]
        waiting = len(self._left) - len(stopped)
        parts = [f"stopped: {', '.join(stopped)}"] if stopped else []
        parts += [f"{waiting} not begun"] if waiting else []
        if parts:
            say("; ".join(parts))

    def _print(self, line: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(line), soft_wrap=True)
        else:
            say(line)

    def _label(self, node: str) -> str:
        found = self._project.node(node)
        return f"{found.name} ({found.config.materialized})" if isinstance(found, Model) else found.label

    def _name(self, node: str) -> str:
        found = self._project.node(node)
        return found.name if isinstance(found, Model) else found.label

    def _now(self) -> Text:
        """Returns the last lines, each cut to the terminal's width, so that nothing wraps and nothing jumps."""
        from rich.text import Text

        now = time.monotonic()
        lines = [self._headline(now)] if self._left else []
        running = dict(self._running)
        width = max((len(self._name(node)) for node in running), default=0)
        for node, since in running.items():
            lines.append(f"  {self._name(node):<{width}} {self._told_of(node, now - since)}")
        most = self._live.console.width - 1 if self._live else 80
        return Text("\n".join(line[:most] for line in lines), style="dim", no_wrap=True)

    def _headline(self, now: float) -> str:
        parts = [f"{self._done} of {self._total} done", took(now - self._began)]
        running = {node: now - since for node, since in dict(self._running).items()}
        left = self._forecast.seconds_left(list(self._left), running) if self._forecast else None
        if left is not None:
            parts.append(f"about {took(left)} left" if left >= 1 else "nearly done")
        return " · ".join(parts)

    def _told_of(self, node: str, seconds: float) -> str:
        usual = self._forecast.usual(node) if self._forecast else None
        before = f" of about {took(usual)}" if usual is not None else ""
        progress = self._watch.of(node) if self._watch else None
        if progress is None:
            return f"{took(seconds):>6}{before}"
        filled = round(progress.share * _BAR)
        bar = "█" * filled + "░" * (_BAR - filled)
        return f"{took(seconds):>6}{before}  {bar} {progress.done}/{progress.tasks} tasks"


class Forecast:
    """What the nodes took before, read beside the run: nobody waits for it.

    Args:
        threads: how many run at a time.
    """

    def __init__(self, project: Project, nodes: Sequence[str], *, threads: int) -> None:
        self._project = project
        self._threads = threads
        self._usual: dict[str, float] = {}
        self._is_read = threading.Event()
        threading.Thread(target=self._read, args=(list(nodes),), daemon=True).start()

    def usual(self, node: str) -> float | None:
        """Returns the seconds that the node took before; None where nobody knows."""
        return self._usual.get(node)

    def seconds_left(self, left: Sequence[str], running: Mapping[str, float]) -> float | None:
        """Returns how long the rest of the run should take; None where too little is known.

        Args:
            left: the nodes that have not ended.
            running: of those that run, for how many seconds.
        """
        if not self._is_read.is_set() or not self._usual:
            return None
        typical = median(self._usual.values())
        expected = {node: max(0.0, self._usual.get(node, typical) - running.get(node, 0.0)) for node in left}
        return wall_seconds(self._project.graph, left, expected, threads=self._threads)

    def wait(self, seconds: float) -> bool:
        """Waits until all is read, at most so long; True where it is."""
        return self._is_read.wait(seconds)

    def _read(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            with suppress(Exception):  # a forecast that fails is none
                path = self._project.node(node).table.path(self._project.warehouse)
                seconds = usual_seconds(path) if exists(path) else None
                if seconds is not None:
                    self._usual[node] = seconds
        self._is_read.set()


def took(seconds: float) -> str:
    """Returns a time as people say it: 4 s, 2 min 5 s, 1 h 2 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _tries(result: NodeResult) -> list[str]:
    if not result.retried:
        return []
    times = "once" if len(result.retried) == 1 else f"{len(result.retried)} times"
    return [f"tried again {times}: {result.retried[-1]}"]


def _details(result: NodeResult) -> list[str]:
    if result.status == "skipped":
        return [f"because {result.message}"]
    if result.checks is not None and result.status in ("withheld", "warn", "error"):
        shown = [check for check in result.checks.results if check.status != "pass"]
        lines = [f"{check.status}: {check.told}" for check in shown[:6]]
        lines += [f"and {len(shown) - 6} more in the report"] if len(shown) > 6 else []
        kept = any(check.kept for check in shown)
        return lines + ([f"failing rows: run show {result.checks.model} --failures"] if kept else [])
    if result.status == "reused":
        return [result.message] if STAYS in result.message else []
    return [result.message] if result.message and result.status != "success" else []


def _slower(result: NodeResult) -> list[str]:
    """Returns lines about the checks that were not part of the one pass: at most two."""
    from expectations.slower import slower_lines

    lines = slower_lines(result.checks.results) if result.checks is not None else []
    return lines[:2] + ([f"and {len(lines) - 2} more slower ones in the report"] if len(lines) > 2 else [])


def story(results: Sequence[NodeResult], *, verb: str, seconds: float) -> str:
    """Returns the last line: how many, how they ended, how long it took, and the way out where nothing was built."""
    count: Counter[str] = Counter(result.status for result in results)
    parts = [
        f"{count[status]} {word}"
        for status, word in (
            ("success", "ok"), ("warn", "with warnings"), ("withheld", "withheld"), ("error", "failed"), ("skipped", "skipped"),
            ("reused", "reused"),
        )
        if count[status]
    ]  # fmt: skip
    if results and count["reused"] == len(results):
        parts[-1] += "; --force builds them again"
    return f"run: {len(results)} {verb} in {seconds:.1f} s: {', '.join(parts) or 'nothing to do'}."
