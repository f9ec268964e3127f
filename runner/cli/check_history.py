"""`run history --checks`: what a table's checks said in the last runs, with their figures as a small trend."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.project.parse import Project

if TYPE_CHECKING:
    from runner.quality import Quality

_BLOCKS = "▁▂▃▄▅▆▇█"
_MARKS = {"pass": "·", "warn": "w", "fail": "F"}
_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}
_SHOWN = 24  # runs in a trend
_WIDEST = 60


def show_checks(project: Project, quality: Quality, node: Model | SourceTable, *, limit: int, output: str) -> None:
    """Prints the last results of a table's checks: a line for each check, or each result as JSON.

    Below it stands how often those that judge by the past would have fired over that past.

    Args:
        limit: of how many runs, the newest ones.

    Raises:
        ProjectError: none was kept yet.
    """
    from expectations.history.results import read
    from runner.quality.history import results_path

    label = node.label
    rows = read(results_path(project), target=project.files.target.name, model=label)
    runs = list(dict.fromkeys(row["run_id"] for row in rows))[-limit:]
    rows = [row for row in rows if row["run_id"] in runs]
    if not rows:
        raise ProjectError(
            f"no result of a check of {label} is kept yet. Run its checks: run checks {_selected(project, label)}"
        )
    if output == "json":
        for row in reversed(rows):
            click.echo(json.dumps(row, default=str, ensure_ascii=False))
        return
    by_check: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_check.setdefault(row["check_id"], []).append(row)
    lines = [_line(found) for found in by_check.values()]
    first = ("check", "last", "runs", "figures", "observed")
    widths = [max(len(line[column]) for line in [first, *lines]) for column in range(len(first) - 1)]
    click.echo("  ".join([*(f"{word:<{width}}" for word, width in zip(first, widths, strict=False)), first[-1]]))
    for line, found in zip(lines, by_check.values(), strict=True):
        words = [f"{word:<{width}}" for word, width in zip(line, widths, strict=False)]
        words[1] = click.style(words[1], fg=_COLOURS[found[-1]["status"]])
        click.echo("  ".join([*words, line[-1]]).rstrip())
    for text in _replays(project, quality, node):
        click.echo(text)


def _replays(project: Project, quality: Quality, node: Model | SourceTable) -> list[str]:
    """Returns, for each check that judges by the past, how often it would have fired over the versions of that past."""
    from expectations.checks.trend import TRENDS
    from expectations.history.replay import replay
    from runner.quality.history import past_of

    suite = quality.suites.get(node.unique_id)
    texts = []
    for one in suite.expectations if suite is not None else ():
        if one.type not in {trend.type for trend in TRENDS}:
            continue
        found = replay(one, past_of(project, node, one))
        name = one.name or (f"{one.type} ({one.column})" if one.column else one.type)
        texts.append(
            f"{name}: of {found.judged} versions with enough before them it would have warned of {found.warned} "
            f"and failed {found.failed}."
        )
    return texts


def _selected(project: Project, label: str) -> str:
    return f"source:{label}" if label in project.sources else label


def _line(found: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, str, str]:
    """Returns a check's name, its last status, its statuses and figures in time, and what it observed last."""
    last = found[-1]
    recent = found[-_SHOWN:]
    marks = "".join(_MARKS[row["status"]] for row in recent)
    return (_cut(last["title"]), last["status"], marks, trend([_figure(row) for row in recent]), _cut(last["observed"]))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _figure(row: Mapping[str, Any]) -> float | None:
    """Returns the one figure of a result that a trend shows: its own, else the failing rows, else the first."""
    numbers = row["numbers"] or {}
    for name in ("figure", "observed", "failing"):
        if name in numbers:
            return float(numbers[name])
    if row["failing_count"] is not None:
        return float(row["failing_count"])
    return next(iter(numbers.values()), None)


def trend(values: Sequence[float | None]) -> str:
    """Returns figures as a line of blocks from the least to the greatest; a space where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    least, most = min(known), max(known)
    span = most - least
    return "".join(
        " " if value is None else _BLOCKS[round((value - least) / span * 7)] if span else _BLOCKS[0] for value in values
    )
