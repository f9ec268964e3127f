"""What nothing refers to any more: found and sized without Spark, removed only on demand."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from runner import delta
from runner.delta import log as delta_log
from runner.environments.clone import clones_of
from runner.environments.vacuum import remove_waste, waste_of
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.state.published import published
from runner.warehouse import exists, is_view

Kind = Literal["candidate", "withheld", "scratch", "compiled", "orphan", "waste"]
_BUILT = ("model.", "seed.", "snapshot.")
PUBLISHED: tuple[Kind, ...] = ("orphan", "waste")  # what readers could still want: only when asked for by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something that nothing refers to.

    Attributes:
        size: its bytes.
        why: what it is left from.
    """

    kind: Kind
    path: Path
    size: int
    why: str


def leftovers(
    project: Project,
    tables: Iterable[TableRef],
    *,
    older_than: timedelta,
    retain: timedelta,
    now: datetime | None = None,
) -> list[Leftover]:
    """Returns what can be removed.

    Args:
        tables: every table of the project on all targets that share this warehouse.
        older_than: what was touched within this time may be some process's work, and is left out.
        retain: data files that were replaced within this time are not waste.
    """
    moment = now or datetime.now(UTC)
    before = (moment - older_than).timestamp()
    found = [
        *_candidates(project.warehouse, before),
        *_scratch(project.files.target_folder / "scratch", before),
        *_compiled(project),
        *_orphans(project, set(tables)),
    ]
    for path in _tables(project.warehouse):
        waste = waste_of(path, retain=retain, now=moment)
        if waste.files:
            text = (
                f"{len(waste.files)} data files that no version of the last {retain.days} days and no clone refers to"
            )
            found.append(Leftover(kind="waste", path=path, size=waste.size, why=text))
    return found


def remove(leftover: Leftover, *, retain: timedelta) -> None:
    """Removes it. What is published is looked at once more before."""
    if leftover.kind == "waste":
        remove_waste(waste_of(leftover.path, retain=retain))
    elif leftover.path.is_dir():
        shutil.rmtree(leftover.path, ignore_errors=True)
        _remove_empty(leftover.path.parent)
    else:
        leftover.path.unlink(missing_ok=True)
        _remove_empty(leftover.path.parent)


def _remove_empty(folder: Path) -> None:
    while folder.is_dir() and not any(folder.iterdir()) and folder.name not in ("compiled", "scratch"):
        folder.rmdir()
        folder = folder.parent


def _tables(warehouse: Path) -> Iterator[Path]:
    for schema in sorted(warehouse.iterdir()) if warehouse.is_dir() else ():
        for path in sorted(schema.iterdir()) if schema.is_dir() and not schema.name.startswith("_") else ():
            if path.is_dir() and not is_view(path) and delta.is_table(path):
                yield path


def _candidates(warehouse: Path, before: float) -> Iterator[Leftover]:
    """Yields candidates that were never published: no version of the table names a file in them."""
    for candidate in sorted(warehouse.glob("*/*/candidate-*")):
        if not candidate.is_dir() or _touched(candidate) > before:
            continue
        table = candidate.parent
        if any(path.is_relative_to(candidate.absolute()) for path in _named(table)):
            continue
        name = f"{table.parent.name}.{table.name}"
        if (candidate / "_withheld").exists():
            yield Leftover(
                kind="withheld",
                path=candidate,
                size=_size(candidate),
                why=f"a candidate of {name} that failed its checks",
            )
        else:
            yield Leftover(
                kind="candidate", path=candidate, size=_size(candidate), why=f"a build of {name} that did not end"
            )


def _named(table: Path) -> set[Path]:
    """Returns the data files that any version in the table's log names, and those that its clones name."""
    if not delta.is_table(table):
        return set()
    files = {delta.file_of(add, table) for add in delta_log.read_snapshot(table).files.values()}
    for _, log in delta_log.commits(table):
        for action in delta_log.actions(log):
            for kind in ("add", "remove"):
                if kind in action:
                    files.add(delta.file_of(action[kind], table))
    return files | {path for clone in clones_of(table) for path in clone.files}


def _scratch(folder: Path, before: float) -> Iterator[Leftover]:
    places = [*folder.glob("scratch_*"), *folder.glob("as_of_*"), *folder.glob("spark-local/*")]
    for path in sorted(places):
        if _touched(path) <= before:
            yield Leftover(kind="scratch", path=path, size=_size(path), why="what a process that has ended wrote aside")


def _compiled(project: Project) -> Iterator[Leftover]:
    folder = project.files.target_folder / "compiled" / project.files.name
    nodes: list[Model] = [*project.buildable.values(), *project.analyses.values()]
    known = {str(node.path) for node in nodes} | {str(test.path) for test in project.tests.values()}
    for path in sorted(folder.rglob("*.sql")) if folder.is_dir() else ():
        relative = path.relative_to(folder).as_posix()
        if relative not in known and not any(relative.startswith(f"{one}/") for one in known):
            yield Leftover(kind="compiled", path=path, size=_size(path), why="compiled from a file that is gone")


def _orphans(project: Project, tables: set[TableRef]) -> Iterator[Leftover]:
    """Yields tables and views that a model of this project was published as, and that no model is any more."""
    for schema in sorted(project.warehouse.iterdir()) if project.warehouse.is_dir() else ():
        for path in sorted(schema.iterdir()) if schema.is_dir() and not schema.name.startswith("_") else ():
            if TableRef(schema.name, path.name) in tables or not path.is_dir() or not exists(path):
                continue
            found = published(path)
            model = str(found.said.get("model") or "") if found else ""
            if not model.startswith(_BUILT) or model.split(".")[1] != project.files.name:
                continue  # another project's, or nobody's we know
            if not is_view(path) and clones_of(path):
                continue  # shallow clones read its files
            yield Leftover(
                kind="orphan",
                path=path,
                size=_size(path),
                why=f"published as {model}, which is no table of the project any more",
            )


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def _touched(path: Path) -> float:
    """Returns when something in the folder last changed, in seconds since 1970."""
    moments = [path.lstat().st_mtime]
    for file in path.rglob("*"):
        try:
            moments.append(file.lstat().st_mtime)
        except FileNotFoundError:  # somebody works here
            return float("inf")
    return max(moments)
