"""The first page: what stands, what is broken and whom that concerns, how old the sources are, what ran and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.artifacts.records import RunRecord
from runner.model import Exposure, Model, SourceTable
from runner.site.facts import Facts, Standing
from runner.site.page import Page
from runner.site.runs.section import RunLine, run_lines
from runner.site.runs.series import work_of
from runner.sources.freshness import Freshness

_ORDER: tuple[Standing, ...] = ("failed", "skipped", "stale", "missing", "fresh")
_WORDS: Mapping[Standing, str] = {
    "failed": "failed",
    "skipped": "waiting for what failed",
    "stale": "behind",
    "missing": "not built yet",
    "fresh": "up to date",
}
_RUNS = 5
_CHANGED = 3  # runs whose changes are told
_NAMES = 12  # tables named of each of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A table that its last run left broken.

    Attributes:
        why: the likeliest cause that its checks name; empty where they name none.
        message: what the run said.
        has_version: whether readers still have a version of it.
        tables: how many tables read it, directly or through others.
        exposures: the dashboards, reports and applications that do.
    """

    node: Model | SourceTable
    why: str
    message: str
    record: RunRecord
    has_version: bool
    tables: int
    exposures: tuple[Exposure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one run built.

    Attributes:
        named: the first of the tables, those first that changed by themselves; each with the reason.
        more: how many there are besides.
    """

    line: RunLine
    named: tuple[tuple[str, Model | SourceTable | None, str], ...]
    more: int


def pages(facts: Facts) -> Iterator[Page]:
    """Yields the first page."""
    project = facts.project
    nodes = [node for node in project.nodes() if node.unique_id in project.graph]
    standings = {node.unique_id: facts.standing(node) for node in nodes}
    numbers = Counter(standings.values())
    lines = run_lines(facts)
    broken = [_broken(facts, node) for node in nodes if standings[node.unique_id] == "failed"]
    late = [one for one in facts.freshness.values() if one.is_late]
    warned = [one for one in facts.past.tables if one.status == "warn" and one.node is not None]
    yield Page(
        path="index.html",
        title=project.files.name,
        section="overview",
        template="templates/overview.html.jinja",
        styles=("assets/runs.css", "assets/overview.css"),
        values={
            "state": "fail" if broken else "warn" if late or warned or numbers["skipped"] else "pass",
            "headline": _headline(nodes, numbers, broken, late, built=bool(lines) or numbers["fresh"] > 0),
            "counts": [(word, _WORDS[word], numbers[word]) for word in _ORDER if numbers[word]],
            "broken": sorted(broken, key=lambda one: (-len(one.exposures), -one.tables, one.node.label)),
            "waiting": [node for node in nodes if standings[node.unique_id] == "skipped"],
            "behind": _behind(facts, nodes, standings),
            "warned": warned,
            "late": sorted(late, key=lambda one: one.table.label),
            "ageless": [one for one in facts.freshness.values() if one.loaded_at is None],
            "oldest": _oldest(facts.freshness.values()),
            "sources": len(facts.freshness),
            "report": facts.reports[0] if facts.reports else None,
            "judged": Counter(one.status for one in facts.past.tables if one.status is not None),
            "asked": sum(len(one.current) for one in facts.past.tables),
            "lines": lines[:_RUNS],
            "changes": _changes(facts, lines),
            "tables": len(nodes),
            "exposures": _exposures(facts, {one.node.unique_id for one in broken}),
        },
    )


def _headline(
    nodes: Sequence[Any],
    numbers: Mapping[Standing, int],
    broken: Sequence[Broken],
    late: Sequence[Freshness],
    *,
    built: bool,
) -> str:
    """Returns how the project stands, in a sentence."""
    if broken:
        what = f"{broken[0].node.label} is broken" if len(broken) == 1 else f"{len(broken):,} tables are broken"
        waiting = numbers["skipped"]
        them = "it" if len(broken) == 1 else "them"
        return f"{what}, {waiting:,} {'waits' if waiting == 1 else 'wait'} for {them}" if waiting else what
    if not built:
        return "Nothing is built yet"
    if late:
        return f"{late[0].table.label} is late" if len(late) == 1 else f"{len(late):,} sources are late"
    if numbers["missing"] or numbers["stale"]:
        return "Nothing is broken"
    return f"All {len(nodes):,} tables stand as they should"


def _broken(facts: Facts, node: Model | SourceTable) -> Broken:
    from runner import delta

    record, said = facts.last_seen[node.unique_id]
    past = facts.past.of(node.label)
    lead = past.lead.last if past is not None and past.lead is not None else None
    blamed = lead is not None and lead["run_id"] == record.run_id
    below = facts.project.graph.descendants([node.unique_id])
    # the run's report weighs all of its findings against each other, one check knows its own
    told = next((one.causes for one in facts.reports if one.run_id == record.run_id), {})
    return Broken(
        node=node,
        why=told.get(node.label) or (lead["cause"] if blamed and lead is not None else ""),
        message=str(said["message"]),
        record=record,
        has_version=delta.is_table(node.table.path(facts.project.warehouse)),
        tables=sum(name in facts.project.buildable for name in below),
        exposures=tuple(one for name, one in facts.project.exposures.items() if name in below),
    )


def _behind(
    facts: Facts, nodes: Sequence[Model | SourceTable], standings: Mapping[str, Standing]
) -> list[tuple[Model | SourceTable, str]]:
    """Returns the tables that a run would build now, each with the first reason."""
    found = []
    for node in nodes:
        is_late = isinstance(node, SourceTable) and standings[node.unique_id] == "stale"  # no run makes it younger
        if standings[node.unique_id] in ("stale", "missing") and not is_late:
            planned = facts.plan.get(node.unique_id)
            found.append((node, planned.reasons[0].text if planned is not None and planned.reasons else ""))
    return found


def _oldest(found: Any) -> Freshness | None:
    return min((one for one in found if one.loaded_at is not None), key=lambda one: one.loaded_at, default=None)


def _changes(facts: Facts, lines: Sequence[RunLine]) -> list[Change]:
    """Returns what the newest runs built that built something, those that changed by themselves first."""
    known = {node.unique_id: node for node in facts.project.nodes()}
    found = []
    for line in lines:
        built = [
            node
            for node in reversed(line.record.nodes)  # what people read ends last
            if node["status"] in ("success", "warn") and work_of(line.record, node) == "build"
        ]
        if not built or line.record.command == "test" or line.record.target != facts.project.files.target.name:
            continue
        built.sort(key=lambda node: " has new data" in node["why"] or " is built before it" in node["why"])
        named = tuple(
            (
                one.label if (one := known.get(node["unique_id"])) else node["unique_id"].split(".", 2)[-1],
                one,
                node["why"],
            )
            for node in built[:_NAMES]
        )
        found.append(Change(line=line, named=named, more=len(built) - len(named)))
        if len(found) == _CHANGED:
            break
    return found


def _exposures(facts: Facts, broken: set[str]) -> list[tuple[Exposure, bool, datetime | None]]:
    """Returns what the project serves: each dashboard or report, whether it reads what is broken, and its newest data."""
    graph = facts.project.graph
    found = []
    for name, exposure in sorted(facts.project.exposures.items(), key=lambda one: one[1].label or one[1].name):
        above = graph.ancestors([name]) if name in graph else set()
        loaded = [one.loaded_at for key, one in facts.freshness.items() if key in above and one.loaded_at is not None]
        found.append((exposure, bool(above & broken), min(loaded, default=None)))
    return found
