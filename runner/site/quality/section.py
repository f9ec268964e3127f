"""The pages of quality: all tables by run, each table's checks, and the validation reports beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.checks.store import MATCH
from expectations.reports.runs import Summary
from runner import delta
from runner.artifacts.outcome import REPORTS
from runner.model import SourceTable
from runner.site.facts import Facts
from runner.site.page import Entry, File, Page
from runner.site.quality.drawn import cell, chart, marks
from runner.site.quality.past import CheckPast, TablePast
from runner.sources.freshness import Freshness

SHOWN = 20  # runs in the matrix
_TOLD = 12  # results of a check on its table's page
_FIRED = 15  # checks in the list of those that fired most
_REPORTS = 30  # validation reports beside the pages, the newest ones …
_BYTES = 40_000_000  # … up to so many bytes in all
_FILES = ("index.html", "report.json", "report.md", "junit.xml")
_RANKS: Mapping[str, int] = {"fail": 0, "warn": 1, "": 2, "pass": 3}  # on a table's page
_STYLES = ("assets/runs.css", "assets/quality.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A landed table as the page of quality shows it.

    Attributes:
        said: what its last landing recorded: `taken_at`, `read`, `landed`, `quarantined`, `rescued`, `drift`.
        match: what its last comparison with the store said; None where there was none.
    """

    table: SourceTable
    freshness: Freshness | None
    said: Mapping[str, Any]
    match: Mapping[str, Any] | None


def pages(facts: Facts) -> Iterator[Page | File]:
    """Yields the page over all tables, one of each table that has checks, and the kept validation reports."""
    files = list(_reports(facts))
    yield from files
    kept = {file.path.split("/")[1] for file in files}
    reports = {one.run_id: one for one in facts.reports if one.folder in kept}
    for table in facts.past.tables:
        yield _table_page(facts, table, reports)
    yield _index(facts, reports)


def _reports(facts: Facts) -> Iterator[File]:
    """Yields the newest validation reports as they were written."""
    left = _BYTES
    for one in facts.reports[:_REPORTS]:
        folder = facts.project.files.target_folder / REPORTS / one.folder
        contents = {name: path.read_bytes() for name in _FILES if (path := folder / name).is_file()}
        left -= sum(map(len, contents.values()))
        if left < 0 or "index.html" not in contents:
            return
        for name, content in contents.items():
            yield File(path=f"quality/{one.folder}/{name}", content=content)


def _index(facts: Facts, reports: Mapping[str, Summary]) -> Page:
    tables, runs = facts.past.tables, facts.past.runs[-SHOWN:]
    checks = [(table, check) for table in tables for check in table.checks]
    fired = sorted((one for one in checks if one[1].fired), key=lambda one: -one[1].fired)
    judged = [table for table in tables if table.status is not None]
    return Page(
        path="quality/index.html",
        title="Quality",
        section="quality",
        template="quality/index.html.jinja",
        styles=_STYLES,
        values={
            "tables": tables,
            "counts": {status: sum(one.status == status for one in judged) for status in ("fail", "warn", "pass")},
            "flagged": [one for one in judged if one.status != "pass"],
            "runs": [(run, reports.get(run.run_id)) for run in runs],
            "matrix": [(table, [cell(table.by_run.get(run.run_id)) for run in runs]) for table in tables],
            "newest": next(iter(reports.values()), None),
            "fired": fired[:_FIRED],
            "unfired": len(fired) - _FIRED,
            "never": _by_table([one for one in checks if one[1].is_declared and not one[1].ever]),
            "uncomputed": [one for one in checks if one[1].is_declared and one[1].is_uncomputed],
            "unchecked": [
                node
                for node in facts.project.nodes()
                if node.unique_id in facts.project.graph and all(one.label != node.label for one in tables)
            ],
            "landings": _landings(facts),
            "address": table_address,
        },
    )


def table_address(table: TablePast) -> str:
    """Returns the page of a table's checks, from the site's root."""
    return f"quality/tables/{table.label}.html"


def _by_table(checks: Sequence[tuple[TablePast, CheckPast]]) -> list[tuple[TablePast, list[CheckPast]]]:
    found: dict[str, tuple[TablePast, list[CheckPast]]] = {}
    for table, check in checks:
        found.setdefault(table.label, (table, []))[1].append(check)
    return list(found.values())


def _landings(facts: Facts) -> list[Landing]:
    found = []
    for table in sorted(facts.project.sources.values(), key=lambda one: one.label):
        path = table.table.path(facts.project.warehouse)
        said = delta.metadata(path) if delta.is_table(path) else {}
        past = facts.past.of(table.label)
        results = [
            row
            for check in (past.checks if past is not None else ())
            for row in check.results
            if row["expectation"] == MATCH.type
        ]
        found.append(
            Landing(
                table=table,
                freshness=facts.freshness.get(table.unique_id),
                said=said if said.get("kind") == "landing" else {},
                match=max(results, key=lambda row: row["run_at"], default=None),
            )
        )
    return found


def _table_page(facts: Facts, table: TablePast, reports: Mapping[str, Summary]) -> Page:
    lead = table.lead.last if table.lead is not None else None
    said = [
        (check, marks(check.results[-SHOWN:]), chart(check.results, check.title), check.results[: -_TOLD - 1 : -1])
        for check in sorted(table.checks, key=lambda one: _RANKS[one.last["status"] if one.last is not None else ""])
    ]
    address = table_address(table)
    return Page(
        path=address,
        title=f"Checks of {table.label}",
        section="quality",
        template="quality/table.html.jinja",
        styles=_STYLES,
        values={
            "table": table,
            "lead": lead,
            "checks": said,
            "reports": [reports[run] for run in reversed(table.by_run) if run in reports],
            "seen": len(table.by_run),
        },
        # Each check is found at its table's page in the catalog.
        entries=(
            Entry(
                kind="quality", name=f"Checks of {table.label}", address=address, detail=(lead or {}).get("message", "")
            ),
        ),
    )
