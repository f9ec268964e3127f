"""The checks of a table, each with what it asks and what it said last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from expectations.history.identity import check_ids
from expectations.reports.tables import written_check
from expectations.suite import GENERIC, Expectation
from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.project.parse import Project
from runner.quality import Quality
from runner.site.quality.past import Past

_KEPT = 12  # verdicts of a check that are shown
_SHORT = {name: short.replace("_", " ") for short, name in GENERIC.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a check said in one run.

    Attributes:
        is_published: whether readers have what was judged; False for a candidate that was withheld.
    """

    run_id: str
    at: datetime
    status: str
    observed: str
    message: str
    cause: str
    failing: int | None
    rows: int | None
    is_published: bool
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check of one table.

    Attributes:
        anchor: on the table's page.
        title: how reports call it.
        short: the same in a word or two, for a column's row: "unique", "not null".
        columns: those that it is about.
        written: as its author wrote it; empty for checks that nobody wrote.
        said: its last verdicts, the newest first.
        test_id: the unique id of the data test that it is; empty for one of a suite.
    """

    anchor: str
    title: str
    short: str
    columns: tuple[str, ...]
    severity: str
    where: str = ""
    description: str = ""
    place: str = ""
    written: str = ""
    language: str = "yaml"
    said: tuple[Said, ...] = ()
    test_id: str = ""

    @property
    def last(self) -> Said | None:
        return self.said[0] if self.said else None

    @property
    def status(self) -> str:
        """pass, warn or fail; empty where it has not been judged."""
        return self.said[0].status if self.said else ""


Results = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]


def results_of(past: Past) -> Results:
    """Returns what checks said: by table's label, by the check's id, newest first."""
    return {
        table.label: {
            check.check_id: tuple(reversed(check.results[-_KEPT:])) for check in table.checks if check.results
        }
        for table in past.tables
    }


def checks_of(project: Project, quality: Quality, node: Model | SourceTable, results: Results) -> list[Check]:
    """Returns all that is asked of a table, and what its newest run asked beside that without anybody writing it."""
    own = dict(results.get(node.label, {}))
    try:
        suite = quality.asked(project, node.unique_id)
    except ProjectError:  # a test's template is wrong: running it says so
        suite = quality.suites.get(node.unique_id)
    asked = suite.expectations if suite else ()
    found = [_written(one, own.pop(name, ())) for name, one in zip(check_ids(asked), asked, strict=True)]
    newest = max((rows[0]["run_at"] for rows in results.get(node.label, {}).values()), default=None)
    unwritten = [_unwritten(rows) for rows in own.values() if rows[0]["run_at"] == newest and not _is_test(rows[0])]
    return [*found, *unwritten]


def _is_test(row: Mapping[str, Any]) -> bool:
    return str(row["check_id"]).startswith("test.")


def anchor_of(name: str) -> str:
    """Returns the anchor of a check by its id."""
    return "check-" + re.sub(r"[^\w.-]+", "-", name).strip("-").lower()


def _written(one: Expectation, rows: Sequence[Mapping[str, Any]]) -> Check:
    named = one.name or (_short(one.type) if one.type in _SHORT else one.type)
    title = named if one.name or not one.column else f"{named} ({one.column})"
    sql = str(one.arguments.get("sql", "")).strip() if one.test_id else ""
    return Check(
        anchor=anchor_of(check_ids([one])[0]),
        title=title,
        short=one.name or _short(one.type),
        columns=one.columns,
        severity=one.severity,
        where=one.where,
        description=one.description,
        place=one.place,
        written=sql or written_check(one),
        language="sql" if sql else "yaml",
        said=tuple(map(_said, rows)),
        test_id=one.test_id,
    )


def _unwritten(rows: Sequence[Mapping[str, Any]]) -> Check:
    row = rows[0]
    return Check(
        anchor=anchor_of(row["check_id"]),
        title=row["title"],
        short=_short(row["expectation"]),
        columns=(row["column_name"],) if row["column_name"] else (),
        severity=row["severity"],
        said=tuple(map(_said, rows)),
    )


def _short(name: str) -> str:
    if name in _SHORT:
        return _SHORT[name]
    words = name.removeprefix("expect_").removeprefix("column_values_").removeprefix("column_").replace("_", " ")
    return words.removeprefix("to ").removeprefix("be ")


def _said(row: Mapping[str, Any]) -> Said:
    likeliest = row["cause"] or ""
    return Said(
        run_id=row["run_id"],
        at=row["run_at"],
        status=row["status"],
        observed=row["observed"] or "",
        message=row["message"] or "",
        cause=likeliest,
        failing=row["failing_count"],
        rows=row["row_count"],
        is_published=bool(row["is_published"]),
        numbers=row["numbers"] or {},
    )
