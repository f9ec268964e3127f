"""Of what version a panel tells, and whether its tables are as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runner import delta
from runner.dashboards.panel import Made
from runner.model import Model, SourceTable
from runner.site.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A table that a panel was drawn from.

    Attributes:
        version: the Delta version that was read, and when its rows were published, in UTC.
    """

    node: Model | SourceTable
    version: int
    at: datetime


def tables_of(facts: Facts, panels: Sequence[Made]) -> dict[int, list[Read]]:
    """Returns by number of a panel the tables that it was drawn from, with the versions that were read."""
    by_name = {str(node.table): node for node in facts.project.nodes()}
    names = dict.fromkeys(name for made in panels for name in made.versions or {} if name in by_name)
    at = {name: delta.changed_at(by_name[name].table.path(facts.project.warehouse)) for name in names}
    return {
        made.panel.number: [
            Read(node=by_name[name], version=version, at=at[name])
            for name, version in (made.versions or {}).items()
            if name in by_name
        ]
        for made in panels
    }


def notes_of(facts: Facts, tables: Sequence[Read]) -> list[str]:
    """Returns what is wrong with the tables of a panel: their last build failed, was withheld or skipped."""
    found = []
    for one in tables:
        if facts.standing(one.node) not in ("failed", "skipped"):
            continue
        record, said = facts.last_seen[one.node.unique_id]
        what = {"withheld": "was withheld by its checks", "skipped": "was skipped"}.get(str(said["status"]), "failed")
        found.append(
            f"The last build of {one.node.label} ({record.started_at:%Y-%m-%d %H:%M} UTC) {what}: this shows version "
            f"{one.version}, published {one.at:%Y-%m-%d %H:%M} UTC."
        )
    return found
