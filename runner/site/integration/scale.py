"""What was measured of speed and size, from the records of runs and the commits of landings; nothing beyond it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from expectations.words import count, duration, figure, size
from runner import delta
from runner.artifacts.records import RunRecord
from runner.insights.finding import plural
from runner.model import Model
from runner.site.address import address_of
from runner.site.facts import Facts
from runner.site.integration.document import Block, Link, Paragraph, Section, Table
from runner.site.integration.flow import Station

_SIZES_APART = 2.0  # how many times the largest input must be the smallest one to say how time grows
_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Built:
    """One build of a table: the rows of the tables that it read, those that it gave, and its seconds."""

    read: int
    rows: int
    seconds: float


def builds(facts: Facts) -> dict[str, list[Built]]:
    """Returns by unique id every recorded build of a table whose inputs' sizes are known, newest first."""
    project = facts.project
    records = [record for record in facts.records if record.target == project.files.target.name]
    sizes = _Sizes(facts, records)
    found: dict[str, list[Built]] = {}
    for record in records:
        for node in record.nodes:
            known = project.buildable.get(node["unique_id"])
            if not isinstance(known, Model) or known.config.materialized in ("view", "ephemeral"):
                continue
            if node["status"] not in ("success", "warn") or node.get("rows") is None or node["seconds"] <= 0:
                continue
            read = [sizes.at(name, one["version"]) for name, one in node["parents"].items() if "version" in one]
            if read and None not in read:
                total = sum(one for one in read if one is not None)
                found.setdefault(node["unique_id"], []).append(Built(total, int(node["rows"]), float(node["seconds"])))
    return found


class _Sizes:
    """How many rows tables had at their versions, by records of runs, landings, and the tables' logs."""

    def __init__(self, facts: Facts, records: Sequence[RunRecord]) -> None:
        self._facts = facts
        self._known: dict[tuple[str, int], int | None] = {
            (node["unique_id"], node["version"]): node["rows"]
            for record in records
            for node in record.nodes
            if node.get("version") is not None
            and node.get("rows") is not None
            and node["status"] in ("success", "warn")
        }

    def at(self, unique_id: str, version: int) -> int | None:
        """Returns a table's rows at a version; None where only its newest one is known, and that is another."""
        key = (unique_id, version)
        if key not in self._known:
            self._known[key] = self._by_log(unique_id, version)
        return self._known[key]

    def _by_log(self, unique_id: str, version: int) -> int | None:
        node = next((one for one in self._facts.project.nodes() if one.unique_id == unique_id), None)
        if node is None:
            return None
        path = node.table.path(self._facts.project.warehouse)
        return delta.row_count(path) if delta.version(path) == version else None


def growth(points: Sequence[Built]) -> float | None:
    """Returns how time grows with rows read as a power: 1 where twice the rows take twice the time.

    The slope of log seconds over log rows by least squares; None where sizes do not differ `_SIZES_APART` times.
    """
    points = [one for one in points if one.read > 0]
    rows = [one.read for one in points]
    if len(points) < 2 or max(rows) < _SIZES_APART * min(rows):
        return None
    xs, ys = [math.log(one.read) for one in points], [math.log(one.seconds) for one in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def scale(
    facts: Facts, found: Sequence[Station], landings: Mapping[str, Mapping[str, Any]], committed: Mapping[str, datetime]
) -> Section:
    """Returns the measured figures.

    Args:
        committed: by label of a landed table, when its newest landing was committed.
    """
    blocks: list[Block] = [Paragraph(_machine()), *_landing(landings, committed)]
    made = builds(facts)
    if made:
        blocks += _models(facts, made)
    else:
        blocks.append(Paragraph("No build of a table is recorded, so no speed is known."))
    rows, held = sum(one.rows or 0 for one in found if one.form == "table"), sum(one.bytes or 0 for one in found)
    if rows:
        blocks.append(
            Paragraph(f"All tables together hold {plural(rows, 'row')} in {size(held)}, {size(held / rows)} a row.")
        )
    return Section("Scale, as measured", "scale", tuple(blocks))


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        held = f" and {memory:.1f} GiB of memory"
    except (ValueError, OSError):
        held = ""
    return (
        f"This report was written on a machine with {plural(cores, 'core')}{held}. Records do not say which machine a run was on: "
        "where runs are elsewhere, the figures are of there. Times are wall-clock, with checks and publishing, while other "
        "tables of the run may have been built beside."
    )


def _landing(landings: Mapping[str, Mapping[str, Any]], committed: Mapping[str, datetime]) -> list[Block]:
    by_snapshot: dict[str, list[str]] = {}
    for label, one in landings.items():
        by_snapshot.setdefault(str(one.get("snapshot_id")), []).append(label)
    texts = []
    for labels in by_snapshot.values():
        taken = datetime.fromisoformat(str(landings[labels[0]]["taken_at"]))
        last = max(committed[label] for label in labels)
        seconds = (last - taken).total_seconds()
        rows = sum(int(landings[label].get("read") or 0) for label in labels)
        held = sum(int(file.get("size") or 0) for label in labels for file in landings[label].get("files") or ())
        if seconds <= 0 or not rows:
            continue
        what = f"{plural(rows, 'record')}" + (f" ({size(held)} of files)" if held else "")
        texts.append(
            f"The landing of {taken:%Y-%m-%d %H:%M:%S} UTC brought {what} into {plural(len(labels), 'table')}; its last commit "
            f"stood {duration(seconds)} after its cut: {count(rows / seconds)} records a second"
            + (f", {size(held / seconds)} a second." if held else ".")
        )
    return [Paragraph(text) for text in texts]


def _models(facts: Facts, made: Mapping[str, list[Built]]) -> list[Block]:
    order = sorted(made, key=lambda name: -made[name][0].seconds)
    grown = {name: power for name in order if (power := growth(made[name])) is not None}
    rows = []
    for name in order[:_SHOWN]:
        newest, reads = made[name][0], [one.read for one in made[name]]
        node = facts.project.node(name)
        rows.append(
            (
                Link(node.label, address_of(node, facts.project.files.name)),
                f"{len(reads):,}",
                f"{newest.read:,}",
                f"{newest.rows:,}",
                duration(newest.seconds),
                figure(newest.read / newest.seconds),
                f"{min(reads):,} to {max(reads):,}" if min(reads) != max(reads) else "one size",
            )
        )
    shown = f"The {_SHOWN} slowest of {len(order):,} tables" if len(order) > _SHOWN else plural(len(order), "table")
    table = Table(
        caption=f"{shown}, by their newest recorded build; rows read are those of the tables that it reads, directly or "
        "through views",
        columns=("table", "builds", "rows read", "rows given", "time", "rows read a second", "sizes recorded"),
        rows=tuple(rows),
        numeric=frozenset({1, 2, 3, 4, 5}),
    )
    if grown:
        low, high = min(grown.values()), max(grown.values())
        text = (
            f"{plural(len(grown), 'table')} of {len(made):,} were built at sizes at least {figure(_SIZES_APART)} times apart; "
            f"over those, time grew as rows read to the power of {low:.2f} to {high:.2f}. It is not extended to sizes that were not run."
        )
    else:
        text = (
            f"No table was built at sizes {figure(_SIZES_APART)} times apart or more: how time grows with data is not known from "
            "these records, and nothing is extrapolated."
        )
    return [table, Paragraph(text)]
