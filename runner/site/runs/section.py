"""The pages of runs: all of them, and each with its timeline, what made it last, what it left alone and what was unusual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from runner.artifacts.records import RunRecord, asked
from runner.model import Model, SourceTable
from runner.site.facts import Facts
from runner.site.page import Entry, Page
from runner.site.runs import drawn
from runner.site.runs.series import Compared, Point, compared_rows, compared_seconds, compared_size, work_of
from runner.site.runs.timeline import Bar, Link, Timeline, timeline_of

if TYPE_CHECKING:
    from expectations.definition import Level

MOST_NODES = 10_000  # on all pages together: what a site of a thousand models may be written with in seconds
FEWEST_PAGES = 5
STYLES = ("assets/runs.css",)
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "success": ("built", "pass"),
    "pass": ("passed", "pass"),
    "warn": ("warning", "warn"),
    "error": ("failed", "fail"),
    "fail": ("failed", "fail"),
    "runtime error": ("failed", "fail"),
    "withheld": ("not published", "fail"),
    "skipped": ("skipped", "warn"),
    "reused": ("unchanged", "same"),
}  # by status: the word on the page, and the class of its colour
_FAILED = ("error", "fail", "runtime error", "withheld")
_KINDS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("pass", ("success", "pass")),
    ("warn", ("warn",)),
    ("fail", _FAILED),
    ("skipped", ("skipped",)),
    ("same", ("reused",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A node of a run as its page shows it.

    Attributes:
        node: what has a page; None for tests, and for what is no longer in the project.
        word, kind: how it ended, and the class of its colour.
        seconds, rows, size: held against earlier runs; None where there are too few.
        lane: its line of the timeline; None where it was not worked on.
    """

    label: str
    node: Model | SourceTable | None
    said: Mapping[str, Any]
    word: str
    kind: str
    point: Point | None = None
    bar: Bar | None = None
    lane: Markup | None = None
    on_chain: bool = False
    seconds: Compared | None = None
    rows: Compared | None = None
    size: Compared | None = None

    @property
    def is_unusual(self) -> bool:
        return any(one is not None and one.unusual for one in (self.seconds, self.rows, self.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run in a line.

    Attributes:
        address: its page; empty where it has none, since others are newer.
        verdict, kind: in words, and the class of its colour.
        outcomes: how many nodes ended how, in words.
        bar: the same drawn.
        report: the folder of its validation report; empty where there is none.
    """

    record: RunRecord
    command: str
    address: str
    verdict: str
    kind: Level
    outcomes: str
    bar: Markup
    report: str


def pages(facts: Facts) -> Iterator[Page]:
    """Yields the page over all kept runs, and one of each; of the newest ones where they are too many."""
    lines = run_lines(facts)
    for line in lines:
        if line.address:
            yield _run_page(facts, line)
    worked = [line for line in reversed(lines) if any(node["status"] != "reused" for node in line.record.nodes)]
    bars = [drawn.RunBar(at=one.record.started_at, seconds=one.record.seconds, status=one.kind) for one in worked]
    yield Page(
        path="runs/index.html",
        title="Runs",
        section="runs",
        template="runs/index.html.jinja",
        styles=STYLES,
        values={
            "lines": lines,
            "worked": worked[::-1],
            "wide": drawn.durations(bars, 660) if len(bars) > 1 else None,
            "narrow": drawn.durations(bars, 320) if len(bars) > 1 else None,
        },
    )


def run_lines(facts: Facts) -> list[RunLine]:
    """Returns the kept runs in a line each, newest first."""
    reports = {one.run_id: one.folder for one in facts.reports}
    found: list[RunLine] = []
    left = MOST_NODES
    for number, record in enumerate(facts.records):
        left -= len(record.nodes)
        counts = {kind: record.count(*statuses) for kind, statuses in _KINDS}
        verdict, kind = _verdict(record, counts)
        found.append(
            RunLine(
                record=record,
                command=f"run {asked(record.command, record.arguments)}",
                address=f"runs/{record.run_id}.html" if left >= 0 or number < FEWEST_PAGES else "",
                verdict=verdict,
                kind=kind,
                outcomes=_outcomes(record),
                bar=drawn.shares([(kind, counts[kind]) for kind, _ in _KINDS if counts[kind]]),
                report=reports.get(record.run_id, ""),
            )
        )
    return found


def _verdict(record: RunRecord, counts: Mapping[str, int]) -> tuple[str, Level]:
    if counts["fail"]:
        held = record.count("withheld")
        return (f"{held} not published" if held == counts["fail"] else f"{counts['fail']} failed"), "fail"
    if counts["skipped"]:
        return f"{counts['skipped']} skipped", "warn"
    if counts["warn"]:
        return f"{counts['warn']} {'warning' if counts['warn'] == 1 else 'warnings'}", "warn"
    return ("nothing to do" if counts["same"] == len(record.nodes) else "all well"), "pass"


def _outcomes(record: RunRecord) -> str:
    counts: dict[str, int] = {}
    for node in record.nodes:
        word = _outcome(record, node)[0]
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{number:,} {word}" for word, number in counts.items())


def _outcome(record: RunRecord, node: Mapping[str, Any]) -> tuple[str, str]:
    if node["status"] == "success" and work_of(record, node) == "check":
        return "checked", "pass"
    return OUTCOMES.get(node["status"], (node["status"], "same"))


def _run_page(facts: Facts, line: RunLine) -> Page:
    record = line.record
    named = record.arguments.get("threads")
    threads = named if isinstance(named, int) else facts.project.files.target.threads
    timeline = timeline_of(record, facts.quality.graph, threads=threads)
    rows = _rows(facts, record, timeline)
    by_name = {row.said["unique_id"]: row for row in rows}
    worked = [by_name[bar.unique_id] for bar in timeline.bars]
    when = f"{record.started_at:%Y-%m-%d %H:%M}"
    return Page(
        path=line.address,
        title=line.command,
        section="runs",
        template="runs/run.html.jinja",
        values={
            "line": line,
            "record": record,
            "timeline": timeline,
            "axis": drawn.axis(timeline) if worked else None,
            "busy": drawn.busy(timeline) if len(worked) > 1 else None,
            "rows": worked,
            "failed": [row for row in rows if row.said["status"] in _FAILED],
            "warned": [row for row in rows if row.said["status"] == "warn"],
            "unusual": [row for row in worked if row.is_unusual],
            "chain": _told(timeline, by_name),
            "skipped": _grouped(row for row in rows if row.said["status"] == "skipped"),
            "reused": _grouped(row for row in rows if row.said["status"] == "reused"),
            "stages": [
                (name, words) for name, words in drawn.STAGES.items() if any(_has(bar, name) for bar in timeline.bars)
            ],
            "settings": {
                name: value
                for name, value in record.arguments.items()
                if value not in (None, False, "", [], {}) and name not in ("select", "words", "models")
            },
        },
        styles=STYLES,
        scripts=("assets/runs.js",) if len(worked) > 1 else (),
        entries=(
            Entry(
                kind="run",
                name=f"{line.command} {when}",
                address=line.address,
                detail=f"{when} UTC: {line.verdict}; {line.outcomes}",
                text=record.run_id,
            ),
        ),
    )


def _has(bar: Bar, name: str) -> bool:
    return any(part.name == name for part in bar.parts)


def _rows(facts: Facts, record: RunRecord, timeline: Timeline) -> list[Row]:
    known = {node.unique_id: node for node in facts.project.nodes()}
    bars = {bar.unique_id: bar for bar in timeline.bars}
    chain = {link.bar.unique_id for link in timeline.chain}
    found = []
    for said in record.nodes:
        name = said["unique_id"]
        node, bar = known.get(name), bars.get(name)
        label = node.label if node is not None else name.split(".", 2)[-1]
        word, kind = _outcome(record, said)
        points = facts.series.get(name, ())
        point = next((one for one in points if one.run_id == record.run_id), None)
        found.append(
            Row(
                label=label,
                node=node,
                said=said,
                word=word,
                kind=kind,
                point=point,
                bar=bar,
                lane=drawn.lane(bar, timeline, label) if bar is not None else None,
                on_chain=name in chain,
                seconds=compared_seconds(point, points) if point is not None else None,
                rows=compared_rows(point, points) if point is not None else None,
                size=compared_size(point, points) if point is not None else None,
            )
        )
    return found


def _told(timeline: Timeline, rows: Mapping[str, Row]) -> list[tuple[Link, Row, Row | None]]:
    """Returns the chain with what the page says of each of its nodes, and of what it waited for."""
    return [(link, rows[link.bar.unique_id], rows.get(link.of)) for link in timeline.chain]


def _grouped(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Returns rows by why they were not worked on, the commonest reason first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        why = row.said["why"] or row.said["message"] or "no reason is recorded"
        found.setdefault(why.split(" since ")[0] if why.startswith("nothing changed") else why, []).append(row)
    return sorted(found.items(), key=lambda one: -len(one[1]))
