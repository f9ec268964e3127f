"""The kept results of checks, by table and check: what stands now, what fired, what was never asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake.exceptions import DeltaError
from pyarrow.lib import ArrowException

from expectations.history.results import distinct, read
from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.project.parse import Project
from runner.quality.history import results_path

if TYPE_CHECKING:
    from expectations.definition import Level
    from runner.quality import Quality

RUNS = 30  # of how many runs, the newest ones, results are told
_ORDER: Mapping[str, int] = {"pass": 0, "warn": 1, "fail": 2}
# What runs ask by themselves of what landed or was put aside: its age, its paths, the share in quarantine.
_UNWRITTEN = frozenset({"expect_newest_row_to_follow_history", "expect_paths_to_exist", "expect_share_between"})
_COLUMNS = (
    "run_id", "run_at", "model", "version", "is_published", "check_id", "title", "expectation", "column_name",
    "severity", "status", "observed", "numbers", "row_count", "failing_count", "cause", "message", "seconds", "placement",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRun:
    """A run that judged something."""

    run_id: str
    at: datetime


@dataclass(frozen=True, slots=False, kw_only=True)
class CheckPast:
    """A check of one table.

    Attributes:
        check_id: the same in every run; see `expectations.history.identity`.
        title: how reports call it.
        is_declared: whether the project still asks it, or runs ask it by themselves.
        results: rows of the table of results, oldest run first; none where it never ran, or long ago.
        ever: whether it ever ran.
    """

    check_id: str
    title: str
    column: str
    severity: str
    is_declared: bool
    results: tuple[Mapping[str, Any], ...] = ()
    ever: bool = False

    @property
    def last(self) -> Mapping[str, Any] | None:
        return self.results[-1] if self.results else None

    @property
    def fired(self) -> int:
        """How many of the kept results are no pass."""
        return sum(row["status"] != "pass" for row in self.results)

    @property
    def is_uncomputed(self) -> bool:
        """True where its last run could not compute it."""
        return self.last is not None and self.last["placement"] == "none"


@dataclass(frozen=True, slots=False, kw_only=True)
class TablePast:
    """What the checks of one table said.

    Attributes:
        checks: those that the project asks, in its order, then others that ran.
    """

    label: str
    node: Model | SourceTable | None
    checks: tuple[CheckPast, ...]

    @cached_property
    def current(self) -> list[CheckPast]:
        """The checks that count for how it stands, worst first: of each the last result."""
        counted = [one for one in self.checks if one.last is not None and one.is_declared]
        return sorted(counted, key=lambda one: (-_ORDER[_last(one)["status"]], not _last(one)["cause"]))

    @property
    def status(self) -> Level | None:
        """The worst of what its checks said last; None where none ever ran."""
        return _last(self.current[0])["status"] if self.current else None

    @property
    def lead(self) -> CheckPast | None:
        """The check that says most of what is wrong; None where nothing is."""
        return self.current[0] if self.current and self.status != "pass" else None

    @property
    def at(self) -> datetime | None:
        """When it was last judged."""
        return max((_last(one)["run_at"] for one in self.current), default=None)

    @cached_property
    def by_run(self) -> dict[str, tuple[Level, int, int]]:
        """By run: the worst result, how many checks fired, how many were judged."""
        found: dict[str, tuple[Level, int, int]] = {}
        for check in self.checks:
            for row in check.results:
                status, fired, judged = found.get(row["run_id"], ("pass", 0, 0))
                worse = row["status"] if _ORDER[row["status"]] > _ORDER[status] else status
                found[row["run_id"]] = worse, fired + (row["status"] != "pass"), judged + 1
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What all checks of a target said.

    Attributes:
        runs: the newest runs that judged something, oldest first.
        tables: those that have a check or a result, those that do not pass first.
    """

    runs: tuple[CheckedRun, ...]
    tables: tuple[TablePast, ...]

    def of(self, label: str) -> TablePast | None:
        return next((one for one in self.tables if one.label == label), None)


def _last(check: CheckPast) -> Mapping[str, Any]:
    assert check.last is not None
    return check.last


def read_past(project: Project, quality: Quality) -> Past:
    """Returns what the checks of the project's target said in the newest runs, read without Spark."""
    runs, rows, ever = _read(results_path(project), project.files.target.name)
    by_table: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        by_table.setdefault(row["model"], {}).setdefault(row["check_id"], []).append(row)
    return Past(runs=tuple(runs), tables=tuple(_tables(project, quality, by_table, ever)))


def _read(path: Path, target: str) -> tuple[list[CheckedRun], list[dict[str, Any]], set[tuple[Any, ...]]]:
    """Returns the newest runs, their results, and which check of which table ever ran; nothing where that cannot be read."""
    try:
        every = distinct(path, "run_at", "run_id", target=target)
        runs = [CheckedRun(run_id=run_id, at=at) for at, run_id in every][-RUNS:]
        rows = read(path, target=target, since=runs[0].at, columns=_COLUMNS) if runs else []
        ever = set(distinct(path, "model", "check_id", target=target))
    except (DeltaError, ArrowException, OSError):
        return [], [], set()
    empty: dict[str, Any] = dict.fromkeys(_COLUMNS)  # tables of before a column was kept lack it
    return runs, [empty | row for row in rows], ever


def _tables(
    project: Project,
    quality: Quality,
    by_table: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    ever: set[tuple[Any, ...]],
) -> list[TablePast]:
    nodes = {node.label: node for node in project.nodes()}
    anywhere = {check for _, check in ever}
    found = []
    for label in sorted({*nodes, *by_table}):
        node = nodes.get(label)
        asked = dict(_asked(project, quality, node)) if node is not None else {}
        seen = by_table.get(label, {})
        checks = [
            CheckPast(
                check_id=name,
                title=title,
                column=column,
                severity=severity,
                is_declared=True,
                results=tuple(seen.get(name, ())),
                ever=(label, name) in ever or (name.startswith("test.") and name in anywhere),
            )
            for name, (title, column, severity) in asked.items()
        ]
        newest = _last_whole(project, seen) if node is not None else ""  # no run asks of a table that is gone
        checks += [_other(project, name, results, newest) for name, results in seen.items() if name not in asked]
        if checks:
            found.append(TablePast(label=label, node=node, checks=tuple(checks)))
    return sorted(found, key=lambda one: -_ORDER.get(one.status or "", 0))


def _last_whole(project: Project, seen: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Returns the newest run that asked more of a table than its data tests and a comparison with its store."""
    from expectations.checks.store import MATCH

    rows = [
        results[-1]
        for name, results in seen.items()
        if name not in project.tests and results[-1]["expectation"] != MATCH.type
    ]
    return str(max(rows, key=itemgetter("run_at"))["run_id"]) if rows else ""


def _other(project: Project, name: str, results: Sequence[Mapping[str, Any]], newest: str) -> CheckPast:
    """Returns a check that the table's suite does not hold: gone, asked of another table by itself, of the store, or one
    that nobody writes and the newest run asked, too."""
    from expectations.checks.store import MATCH

    last = results[-1]
    is_unwritten = last["expectation"] in _UNWRITTEN and last["run_id"] == newest
    return CheckPast(
        check_id=name,
        title=last["title"],
        column=last["column_name"],
        severity=last["severity"],
        is_declared=last["expectation"] == MATCH.type or name in project.tests or is_unwritten,
        results=tuple(results),
        ever=True,
    )


def _asked(project: Project, quality: Quality, node: Model | SourceTable) -> Iterable[tuple[str, tuple[str, str, str]]]:
    """Yields the checks that the project asks of a table: id; title, column, severity."""
    from expectations.history.identity import check_ids

    try:
        suite = quality.asked(project, node.unique_id)
    except ProjectError:  # a test's template is wrong: running it says so
        suite = quality.suites.get(node.unique_id)
    expectations = suite.expectations if suite is not None else ()
    for name, one in zip(check_ids(expectations), expectations, strict=True):
        title = one.name or (f"{one.type} ({one.column})" if one.column else one.type)
        yield name, (title, one.column, one.severity)
