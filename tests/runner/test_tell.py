"""What a run shows while it goes on: cut to the width, with what is known of before, and what Ctrl-C stopped."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from runner.cli import tell
from runner.cli.tell import Forecast, Teller, took
from runner.execute import NodeResult
from runner.project.parse import Project, load_project
from runner.session.progress import Progress
from runner.warehouse import publish_view

Write = Callable[[Mapping[str, str]], Path]
VIEW, TABLE = "model.tiny.stg_orders", "model.tiny.totals"


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    return load_project(write(tiny))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in a list of one."""
    now = [100.0]
    monkeypatch.setattr(tell.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (125, "2 min 5 s"), (3600, "1 h 0 min"), (7380, "2 h 3 min")],
)
def test_times_are_told_as_people_say_them(seconds: float, text: str) -> None:
    assert took(seconds) == text


def _built_before(project: Project, node: str, seconds: float) -> None:
    path = project.node(node).table.path(project.warehouse)
    publish_view(path, sql="select 1", inputs=[], metadata={"seconds": seconds})


def test_a_forecast_is_what_nodes_took_before(project: Project) -> None:
    _built_before(project, VIEW, 30.0)
    forecast = Forecast(project, [VIEW, TABLE], threads=2)
    assert forecast.wait(10)
    assert (forecast.usual(VIEW), forecast.usual(TABLE)) == (30.0, None)
    assert forecast.seconds_left([VIEW, TABLE], {VIEW: 10.0}) == 50.0  # 20 left of it, then what is typical
    assert forecast.seconds_left([VIEW], {VIEW: 40.0}) == 0.0


def test_nobody_forecasts_what_never_ran(project: Project) -> None:
    forecast = Forecast(project, [VIEW, TABLE], threads=2)
    assert forecast.wait(10)
    assert forecast.seconds_left([VIEW, TABLE], {}) is None


class Known:
    """Stands where a session's watch stands."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def of(self, _: str) -> Progress | None:
        return self._progress

    def close(self) -> None:
        pass


def _shown(teller: Any, width: int) -> list[str]:
    teller._live = Live(console=Console(file=io.StringIO(), width=width))
    text: str = teller._now().plain
    teller._live = None
    return text.splitlines()


def test_the_last_lines_tell_what_runs_and_how_far_it_is(project: Project, clock: list[float]) -> None:
    _built_before(project, VIEW, 30.0)
    teller = Teller(project, [VIEW, TABLE], threads=2)
    teller._forecast = Forecast(project, [VIEW, TABLE], threads=2)
    assert teller._forecast.wait(10)
    teller._watch = Known(Progress(stages=2, tasks=10, done=4))  # type: ignore[assignment]
    teller.started(VIEW)
    clock[0] += 12
    assert _shown(teller, 80) == [
        "0 of 2 done · 12 s · about 48 s left",
        "  stg_orders   12 s of about 30 s  ████░░░░░░ 4/10 tasks",
    ]
    assert _shown(teller, 30) == ["0 of 2 done · 12 s · about 48", "  stg_orders   12 s of about "]
    teller.ended(NodeResult(unique_id=VIEW, status="success"))
    teller.started(TABLE)
    teller._watch = Known(None)  # type: ignore[assignment]
    assert _shown(teller, 80) == ["1 of 2 done · 12 s · about 30 s left", "  totals    0 s"]
    teller.ended(NodeResult(unique_id=TABLE, status="success"))
    assert _shown(teller, 80) == []


def test_ctrl_c_tells_what_it_stopped(project: Project, clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Teller(project, [VIEW, TABLE]) as teller:
        teller.started(VIEW)
        clock[0] += 7
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "stopped: stg_orders after 7 s; 1 not begun\n"


def test_without_a_terminal_there_are_plain_lines(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with Teller(project, [VIEW, TABLE]) as teller:
        teller.ended(NodeResult(unique_id=VIEW, status="success", seconds=1.25))
        teller.ended(
            NodeResult(unique_id=TABLE, status="success", seconds=3, rows=1200, retried=("Connection reset.",))
        )
    assert capsys.readouterr().err.splitlines() == [
        "1/2  ok        stg_orders (view)                       1.2 s",
        "2/2  ok        totals (table)           1,200 rows     3.0 s",
        "     tried again once: Connection reset.",
    ]
