"""What a table's own log says of its earlier versions: rows, missing values, the newest row. A past for the first day.

Nothing of the data is read: each file's statistics stand in the log. Delta keeps those of the first 32 columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from runner.delta import log as delta_log
from runner.delta.log import Action, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One version of a table, by its log.

    Attributes:
        at: when it was committed.
        rows: its rows.
        size: the bytes of its files.
        missing: nulls by column, of columns that all its files have statistics of.
        greatest: the greatest value by column, likewise; as the log writes it.
    """

    version: int
    at: datetime
    rows: int
    size: int
    missing: Mapping[str, int]
    greatest: Mapping[str, Any]


def kept_versions(table: Path) -> Iterator[Kept]:
    """Yields the versions that changed rows, oldest first, as far back as the log has them one by one.

    Versions with a file without statistics are left out.
    """
    now: Snapshot | None = None
    for version, path in delta_log.commits(table):
        try:
            actions = list(delta_log.actions(path))
            if now is None:
                now = delta_log.read_snapshot(table, version=version)
            else:
                for action in actions:
                    now.apply(action)
        except (FileNotFoundError, LookupError):  # Delta clears old commits away while others read
            now = None
            continue
        changed = any(one[kind].get("dataChange") for one in actions for kind in ("add", "remove") if kind in one)
        at = next((one["commitInfo"].get("timestamp", 0) for one in actions if "commitInfo" in one), 0)
        if changed and (found := _kept(version, datetime.fromtimestamp(at / 1000, UTC), now)):
            yield found


def _kept(version: int, at: datetime, snapshot: Snapshot) -> Kept | None:
    rows = 0
    missing: dict[str, list[int]] = {}
    greatest: dict[str, list[Any]] = {}
    for add in snapshot.files.values():
        stats = _stats(add)
        if "numRecords" not in stats:
            return None
        rows += stats["numRecords"] - (add.get("deletionVector") or {}).get("cardinality", 0)
        for name, count in stats.get("nullCount", {}).items():
            if isinstance(count, int):
                missing.setdefault(name, []).append(count)
        for name, value in stats.get("maxValues", {}).items():
            if not isinstance(value, dict):
                greatest.setdefault(name, []).append(value)
    files = len(snapshot.files)
    return Kept(
        version=version,
        at=at,
        rows=rows,
        size=sum(add.get("size", 0) for add in snapshot.files.values()),
        missing={name: sum(counts) for name, counts in missing.items() if len(counts) == files},
        greatest={name: max(values) for name, values in greatest.items() if len(values) == files},
    )


def _stats(add: Action) -> dict[str, Any]:
    found = json.loads(add.get("stats") or "{}")
    return found if isinstance(found, dict) else {}


def as_moment(value: Any) -> datetime | None:
    """Returns a value of the log's statistics as a moment in UTC; None for what is no time."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
