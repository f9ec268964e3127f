"""What the checks said last of each table, and what landings set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from runner.insights.finding import plural
from runner.model import Model, SourceTable
from runner.site.address import address_of
from runner.site.facts import Facts
from runner.site.integration.document import Block, Cell, Items, Link, Paragraph, Section, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check said when it was last asked.

    Attributes:
        status: pass, warn or fail.
        is_published: whether readers have what was judged.
    """

    model: str
    title: str
    severity: str
    status: str
    observed: str
    message: str
    cause: str
    run_at: datetime
    is_published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What each check that the project asks said when it was last asked.

    A run may ask some of a table's checks only, as `run test` does: those that it left out stand as they were.

    Attributes:
        runs: how many runs are told of.
        first, last: when the oldest and the newest of them began.
        rows: of each table, how many rows were judged last.
    """

    checks: Mapping[str, tuple[Check, ...]]
    rows: Mapping[str, int]
    runs: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def of(self, model: str) -> tuple[Check, ...]:
        """Returns what was said of a table; nothing where it was never judged."""
        return self.checks.get(model, ())

    def with_status(self, status: str) -> list[Check]:
        """Returns what ended so, in the order of tables."""
        return [one for model in sorted(self.checks) for one in self.checks[model] if one.status == status]


def said(facts: Facts) -> Said:
    """Returns what checks said last: the same as the pages of quality tell."""
    past = facts.past
    last = {table.label: [one.last for one in table.current if one.last is not None] for table in past.tables}
    judged = {label: [row for row in rows if row["row_count"] is not None] for label, rows in last.items()}
    return Said(
        checks={label: tuple(map(_check, rows)) for label, rows in last.items() if rows},
        rows={label: max(rows, key=itemgetter("run_at"))["row_count"] for label, rows in judged.items() if rows},
        runs=len(past.runs),
        first=past.runs[0].at if past.runs else None,
        last=past.runs[-1].at if past.runs else None,
    )


def _check(row: Mapping[str, Any]) -> Check:
    return Check(
        **{name: row[name] or "" for name in ("model", "title", "severity", "status", "observed", "message", "cause")},
        run_at=row["run_at"],
        is_published=bool(row["is_published"]),
    )


def obstacle(facts: Facts, node: Model | SourceTable, said: Said) -> str:
    """Returns why nothing may be told of a table: it is not there, was withheld, or a check of it failed."""
    record, state = facts.last_seen.get(node.unique_id, (None, {}))
    status = state.get("status")
    at = f" in the run of {record.started_at:%Y-%m-%d %H:%M} UTC" if record else ""
    failed = [one for one in said.of(node.label) if one.status == "fail"]
    if status == "withheld" or (failed and not failed[0].is_published):
        return f"the newest {node.label} was withheld{at}, since it failed its checks{_first(failed)} Readers have the version before."
    if failed:
        return f"{node.label} fails a check{_first(failed)}"
    if status in ("error", "fail"):
        return f"{node.label} could not be built{at}: {_line(str(state.get('message') or 'no reason was recorded'))}"
    if status == "skipped":
        return f"{node.label} was skipped{at}: {_line(str(state.get('message') or state.get('why') or 'something above it failed'))}"
    if facts.standing(node) == "missing":
        return f"{node.label} has not been built."
    return ""


def _first(failed: Sequence[Check]) -> str:
    if not failed:
        return "."
    more = f" ({len(failed) - 1} more)" if len(failed) > 1 else ""
    cause = f", {failed[0].cause}" if failed[0].cause else ""
    return f": {failed[0].title}{cause}: {_line(failed[0].message)}{more}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def state(facts: Facts, said: Said, landings: Mapping[str, Mapping[str, object]]) -> Section:
    """Returns how the data stand by what checks and landings said last.

    Args:
        landings: by label of a landed table, what its newest landing said of itself.
    """
    blocks: list[Block] = []
    name = facts.project.files.name
    links: dict[str, Cell] = {node.label: Link(node.label, address_of(node, name)) for node in facts.project.nodes()}
    total = [one for found in said.checks.values() for one in found]
    if not total:
        blocks.append(Paragraph("No check has been recorded: nothing is known of the quality of the data."))
    else:
        failed, warned = said.with_status("fail"), said.with_status("warn")
        tables = plural(len(said.checks), "table")
        blocks.append(
            Paragraph(
                f"{plural(len(total), 'check')} of {tables}, each by the newest run that asked it: {len(failed):,} failed, "
                f"{len(warned):,} warned, {len(total) - len(failed) - len(warned):,} passed. {plural(said.runs, 'run')} "
                f"are kept, from {said.first:%Y-%m-%d %H:%M} to {said.last:%Y-%m-%d %H:%M} UTC."
            )
        )
        if failed or warned:
            blocks.append(_troubles([*failed, *warned], links))
    if facts.reports:
        newest = facts.reports[0]
        blocks.append(
            Paragraph(
                f"The newest validation report is of {newest.finished_at:%Y-%m-%d %H:%M} UTC ({newest.command}): "
                f"{newest.headline.rstrip('.')}. It is about {plural(newest.tables, 'table')} that this run judged."
            )
        )
    unjudged = [
        node.label
        for node in facts.project.nodes()
        if isinstance(node, Model)
        and node.resource_type == "model"
        and not said.of(node.label)
        and facts.standing(node) != "missing"
    ]
    if unjudged and total:
        blocks.append(
            Items(
                (
                    f"Built and never checked: {', '.join(sorted(unjudged)[:12])}{' and more' if len(unjudged) > 12 else ''}.",
                )
            )
        )
    if landings:
        blocks.append(_landed(landings, links))
    return Section("State of the data's quality", "quality-state", tuple(blocks))


def _troubles(found: Sequence[Check], links: Mapping[str, Cell]) -> Table:
    return Table(
        caption="Checks that failed or warned when they were last asked",
        columns=("table", "check", "status", "measured", "what was found", "likely cause"),
        rows=tuple(
            (links.get(one.model, one.model), one.title, one.status, one.observed, one.message, one.cause)
            for one in found
        ),
    )


def _landed(landings: Mapping[str, Mapping[str, object]], links: Mapping[str, Cell]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for label, one in sorted(landings.items()):
        rows.append(
            (
                links.get(label, label),
                *(f"{int(str(one.get(key, 0) or 0)):,}" for key in ("read", "landed", "quarantined", "rescued")),
            )
        )
    return Table(
        caption="The newest landing of each table: records read, landed, set aside (quarantine), and landed with fields that the contract does not name",
        columns=("table", "read", "landed", "set aside", "with further fields"),
        rows=tuple(rows),
        numeric=frozenset({1, 2, 3, 4}),
    )
