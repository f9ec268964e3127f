"""The progress bar of commands that make records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.cli.session import console


class progress_bar:
    """A progress bar on a terminal, nothing elsewhere; gives the callback that moves it."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class RateColumn(ProgressColumn):
            """Records a second, over the last half minute."""

            def render(self, task: Task) -> Text:
                return Text(f"{task.speed:,.0f}/s" if task.speed else "")

        screen = console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
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
