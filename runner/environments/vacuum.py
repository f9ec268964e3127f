"""VACUUM that heeds clones: removes data files that no recent version and no shallow clone refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner import delta
from runner.delta import log as delta_log
from runner.environments.clone import clones_of

RETAIN = timedelta(days=7)  # Delta's own default


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """Files of a table that nothing needs any more.

    Attributes:
        size: their bytes.
        kept: files that would be removed, and that shallow clones refer to.
        clones: those clones.
    """

    table: Path
    files: tuple[Path, ...]
    size: int
    kept: int
    clones: tuple[Path, ...]


def waste_of(table: Path, *, retain: timedelta = RETAIN, now: datetime | None = None) -> Waste:
    """Returns which files of a table a VACUUM would remove.

    Args:
        retain: files that were replaced within this time stay, so that versions since then can be read.
    """
    before = ((now or datetime.now(UTC)) - retain).timestamp() * 1000
    current = {delta.file_of(add, table) for add in delta_log.read_snapshot(table).files.values()}
    old = {path for path, moment in _removed(table) if moment < before} - current
    own = {path for path in old if path.is_relative_to(table.absolute()) and path.exists()}
    clones = clones_of(table)
    wanted = {path for clone in clones for path in clone.files}
    files = tuple(sorted(own - wanted))
    return Waste(
        table=table,
        files=files,
        size=sum(path.stat().st_size for path in files),
        kept=len(own & wanted),
        clones=tuple(clone.clone for clone in clones if clone.files & own),
    )


def _removed(table: Path) -> Iterator[tuple[Path, float]]:
    """Yields each file that a commit removed, and the latest moment of that, in milliseconds."""
    latest: dict[Path, float] = {}
    for _, log in delta_log.commits(table):
        for action in delta_log.actions(log):
            if remove := action.get("remove"):
                path = delta.file_of(remove, table)
                latest[path] = max(latest.get(path, 0), float(remove.get("deletionTimestamp") or 0))
            elif add := action.get("add"):
                latest.pop(delta.file_of(add, table), None)
    yield from latest.items()


def remove_waste(waste: Waste) -> None:
    """Removes the files, and folders that they leave empty."""
    for path in waste.files:
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != waste.table.absolute() and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
