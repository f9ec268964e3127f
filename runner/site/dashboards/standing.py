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


def tables_of(facts: Facts, made: Made) -> list[Read]:
    """Returns the tables that a panel was drawn from, with the versions that were read."""
    by_name = {str(node.table): node for node in facts.project.nodes()}
    found = []
    for name, version in (made.versions or {}).items():
        node = by_name.get(name)
        if node is not None:
            found.append(
                Read(node=node, version=version, at=delta.changed_at(node.table.path(facts.project.warehouse)))
            )
    return found


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
