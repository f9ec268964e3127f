"""One Delta table that Spark wrote, divided into candidates of the landed table and of its quarantine.

Spark writes the records that fit and those that do not in one pass, into one table partitioned by that. Here its files
become two candidates: they are moved, not copied, and each candidate's log names its own files and columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from runner import delta


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Delta table inside the folder of the table that it may become.

    Attributes:
        rows: the number of rows that its files say they hold.
    """

    path: Path
    rows: int


def divide(stage: Path, *, by: str, value: bool, table: Path, columns: Sequence[str]) -> Candidate:
    """Moves the files of a stage whose partition `by` has the value into a new candidate for `table`.

    Args:
        stage: a Delta table of one commit, written by Spark, partitioned by the boolean column `by`.
        columns: the candidate's columns; the files' other columns are left unnamed.
    """
    candidate = delta.new_candidate(table)
    candidate.mkdir(parents=True)
    adds = [add for add in _added(stage) if add["partitionValues"][by] == str(value).lower()]
    actions: list[AddAction] = []
    rows = 0
    for add in adds:
        logged = Path(unquote(add["path"]))
        (stage / logged).rename(candidate / logged.name)
        stats = json.loads(add["stats"])
        rows += stats["numRecords"]
        kept = json.dumps(_kept(stats, frozenset(columns)))
        actions.append(AddAction(logged.name, add["size"], {}, add["modificationTime"], True, kept))
    fields = {field.name: field for field in DeltaTable(str(stage)).schema().fields}
    schema = Schema([fields[name] for name in columns])
    create_table_with_add_actions(str(candidate), schema, actions, mode="error", partition_by=[])
    return Candidate(candidate, rows)


def _added(stage: Path) -> list[dict[str, Any]]:
    logs = sorted((stage / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [action["add"] for action in actions if "add" in action]


def _kept(stats: Mapping[str, Any], columns: frozenset[str]) -> dict[str, Any]:
    """Returns a file's statistics without those of columns that its table does not name."""
    return {
        kind: {name: each for name, each in found.items() if name in columns} if isinstance(found, dict) else found
        for kind, found in stats.items()
    }
