"""How a run is told on a terminal: one line per node as it ends, what runs now, and a last line with the whole story."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import click

from runner.cli.session import console, say
from runner.execute import NodeResult
from runner.model import Model
from runner.parse import Project

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
    """Tells a run of nodes. Use as a context: on a terminal a last line shows what runs and since when."""

    def __init__(self, project: Project, nodes: Sequence[str]) -> None:
        self._project = project
        self._total = len(nodes)
        self._done = 0
        self._running: dict[str, float] = {}
        self._live: Any = None
        self._width = max((len(self._label(node)) for node in nodes), default=0)

    def __enter__(self) -> Teller:
        if sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(get_renderable=self._now, console=console(), refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def started(self, node: str) -> None:
        self._running[node] = time.monotonic()

    def ended(self, result: NodeResult) -> None:
        self._running.pop(result.unique_id, None)
        self._done += 1
        word = click.style(f"{_WORDS[result.status]:<8}", fg=_COLOURS[result.status])
        number = f"{self._done:>{len(str(self._total))}}/{self._total}"
        rows = f"{result.rows:>12,} rows" if result.rows is not None else " " * 17
        seconds = f"{result.seconds:>7.1f} s" if result.status not in ("skipped", "reused") else ""
        line = f"{number}  {word}  {self._label(result.unique_id):<{self._width}} {rows} {seconds}".rstrip()
        self._print(line)
        for detail in _details(result):
            self._print(f"{'':<{len(number) + 2}}{detail}")

    def _print(self, line: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(line))
        else:
            say(line)

    def _label(self, node: str) -> str:
        found = self._project.node(node)
        return f"{found.name} ({found.config.materialized})" if isinstance(found, Model) else found.label

    def _now(self) -> Any:
        from rich.text import Text

        now = time.monotonic()
        names = [f"{node.rsplit('.', 1)[-1]} {now - since:.0f} s" for node, since in self._running.items()]
        return Text(f"running: {', '.join(names)}" if names else "")


def _details(result: NodeResult) -> list[str]:
    if result.status == "skipped":
        return [f"because {result.message}"]
    if result.checks is not None and result.status in ("withheld", "warn", "error"):
        shown = [check for check in result.checks.results if check.status != "pass"]
        lines = [f"{check.status}: {check.told}" for check in shown[:6]]
        return lines + ([f"and {len(shown) - 6} more in the report"] if len(shown) > 6 else [])
    return [result.message] if result.message and result.status not in ("success", "reused") else []


def story(results: Sequence[NodeResult], *, verb: str, seconds: float) -> str:
    """Returns the last line: how many, how they ended, how long it took."""
    count: Counter[str] = Counter(result.status for result in results)
    parts = [
        f"{count[status]} {word}"
        for status, word in (
            ("success", "ok"), ("warn", "with warnings"), ("withheld", "withheld"), ("error", "failed"), ("skipped", "skipped"),
            ("reused", "reused"),
        )
        if count[status]
    ]  # fmt: skip
    return f"run: {len(results)} {verb} in {seconds:.1f} s: {', '.join(parts) or 'nothing to do'}."
