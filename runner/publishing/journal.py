"""Several publications as one: all of them, or none.

Each table is published by a commit of its own. Before the first of them a journal in the warehouse says what stands at
every table of the set; after the last one it becomes the record of the set, by one rename. Where a publication fails,
those before it are taken back. Where the process dies in between, the next command takes them back, or, where all were
done, completes the set. One process at a time publishes a set: it holds a lock on the warehouse meanwhile, which the
system lets go of when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from runner import delta
from runner.errors import ContractError
from runner.state.commits import commits
from runner.warehouse import is_view, keep_only_view, withdraw_view

_FOLDER = "_sluice"
_RECORD = "published_set"  # no `.json`: those are journals
_LOCK = "publishing.lock"
_TRIES = 5
_BETWEEN = 0.2  # seconds
_Read = TypeVar("_Read")


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One publication.

    Attributes:
        table: the folder it changes.
        act: does it, given the journal's id, which its commit's metadata must hold as `journal`; returns the version.
        check: raises where it cannot be done any more; asked of all steps before the first is done.
    """

    label: str
    table: Path
    act: Callable[[str], int | None]
    check: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What stood at a table before a journal's step.

    Attributes:
        version: a table's version; None where there was no table.
        view: a view's definition as text; None where there was none.
    """

    table: Path
    version: int | None
    view: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was done with a set that a dead process had not finished.

    Attributes:
        taken_back: the tables that stand as they stood before it; none where there was nothing to take back.
        completed: True where all was published already.
    """

    taken_back: tuple[Path, ...]
    completed: bool


def publish_together(warehouse: Path, steps: Sequence[Step]) -> list[int | None]:
    """Does all steps in their order; where one fails, takes back those before it and raises its error."""
    if not steps:
        return []
    with _publishing(warehouse):
        _recover(warehouse)
        for step in steps:
            step.check()
        identity = uuid.uuid4().hex
        journal = warehouse / _FOLDER / f"{identity}.json"
        before = [_before(step.table) for step in steps]
        _write(journal, {"process": os.getpid(), "before": [_said(one) for one in before]})
        done: list[int | None] = []
        try:
            for step in steps:
                done.append(step.act(identity))
        except BaseException:
            for one in reversed(before):
                take_back(one, identity)
            _close(journal, before, outcome="taken back")
            raise
        _close(journal, before, outcome="published")
        return done


def recover(warehouse: Path) -> Iterator[Recovered]:
    """Takes back what dead processes published of sets that they did not finish, or completes them; yields each set.

    Does nothing while another process publishes a set: that process does it before its own.
    """
    if not _journals(warehouse):
        return
    with _publishing(warehouse, wait=False) as ours:
        if ours:
            yield from _recover(warehouse)


def publishing(warehouse: Path) -> bool:
    """True where a set is being published, or one that was not finished waits to be taken back."""
    return bool(_journals(warehouse))


def of_one_moment(warehouse: Path, read: Callable[[], _Read]) -> tuple[_Read, bool]:
    """Returns what `read` gives, and whether it read whole sets: none began or ended being published meanwhile.

    A reader of several tables may meet the milliseconds in which a set is published, and read one table before and
    another one after. It reads again then; a query that takes longer than sets are apart is given up after some tries.
    """
    for attempt in range(_TRIES):
        before = _mark(warehouse)
        found = read()
        if not before[0] and _mark(warehouse) == before:
            return found, True
        if attempt + 1 < _TRIES:
            time.sleep(_BETWEEN)
    return found, False


def _mark(warehouse: Path) -> tuple[list[Path], Any]:
    """Returns what differs after every beginning and every end of a set."""
    return _journals(warehouse), last_set(warehouse).get("id")


def last_set(warehouse: Path) -> Mapping[str, Any]:
    """Returns the record of the last set: `id`, `outcome`, `at`, and by table (`schema.name`) the versions that were the
    newest ones of a set when it was complete. Empty where no set was ever published."""
    try:
        found: Mapping[str, Any] = json.loads((warehouse / _FOLDER / _RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _journals(warehouse: Path) -> list[Path]:
    return sorted((warehouse / _FOLDER).glob("*.json"))


@contextmanager
def _publishing(warehouse: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds the warehouse's lock; gives False where another process holds it and nobody is to wait."""
    folder = warehouse / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _recover(warehouse: Path) -> list[Recovered]:
    """Ends the sets of dead processes; the lock is held, so that every journal is one of theirs."""
    found: list[Recovered] = []
    for journal in _journals(warehouse):
        listed = json.loads(journal.read_text(encoding="utf-8"))["before"]
        before = [Before(table=Path(one["table"]), version=one["version"], view=one["view"]) for one in listed]
        if all(_is_done(one, journal.stem) for one in before):
            _close(journal, before, outcome="published")
            found.append(Recovered(taken_back=(), completed=True))
            continue
        back = tuple(one.table for one in reversed(before) if take_back(one, journal.stem))
        _close(journal, before, outcome="taken back")
        found.append(Recovered(taken_back=back, completed=False))
    return found


def take_back(before: Before, identity: str) -> bool:
    """Puts back what stood at a table before a journal's step, if that step was done and nobody changed rows since."""
    table = before.table
    if not _is_done(before, identity):
        return False
    if is_view(table):
        if before.view is not None:
            _replace(table / "view.json", before.view)
        elif before.version is None:
            shutil.rmtree(table)
        else:
            withdraw_view(table)  # the table is still there: it goes when the set is complete
    elif before.view is not None:
        _replace(table / "view.json", before.view)
        keep_only_view(table)
    elif before.version is None:
        shutil.rmtree(table)
    else:
        kept: dict[str, Any] = next(
            (dict(one.said) for one in commits(table) if one.version <= before.version and one.is_publication), {}
        )
        said = {"sluice": 1, **kept, "taken_back": datetime.now(UTC).isoformat()}
        delta.restore(table, before.version, user_metadata=said)
    return True


def _is_done(before: Before, identity: str) -> bool:
    """True where a journal's step is what a table's readers see: later commits changed no rows."""
    table = before.table
    if is_view(table):
        said = json.loads((table / "view.json").read_text(encoding="utf-8"))["metadata"]
        return bool(said.get("journal") == identity)
    for commit in commits(table):
        if before.view is None and before.version is not None and commit.version <= before.version:
            return False
        if commit.said.get("journal") == identity and not commit.said.get("taken_back"):
            return True
        if commit.changes_rows:
            return False
    return False


def _before(table: Path) -> Before:
    view = (table / "view.json").read_text(encoding="utf-8") if is_view(table) else None
    return Before(table=table.absolute(), version=None if view else delta.version(table), view=view)


def _said(before: Before) -> dict[str, Any]:
    return {"table": str(before.table), "version": before.version, "view": before.view}


def _close(journal: Path, before: Sequence[Before], *, outcome: str) -> None:
    """Makes the journal the record of its set, in one step."""
    folder = journal.parent
    versions = dict(last_set(folder.parent).get("versions") or {})
    for one in before:
        versions[f"{one.table.parent.name}.{one.table.name}"] = None if is_view(one.table) else delta.version(one.table)
        if outcome == "published" and is_view(one.table):
            keep_only_view(one.table)
    record = {"id": journal.stem, "outcome": outcome, "at": datetime.now(UTC).isoformat(), "versions": versions}
    _write(journal, {**json.loads(journal.read_text(encoding="utf-8")), **record})
    journal.replace(folder / _RECORD)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    _replace(path, json.dumps(value))


def _replace(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or as it was, also after a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def check_unchanged(table: Path, read_version: int | None) -> None:
    """Raises ContractError where somebody published or changed a table since a version that a build started from."""
    now = None if is_view(table) else delta.version(table)
    if now != read_version:
        raise ContractError(
            f"{table.parent.name}.{table.name}: another process changed this table while it was being built; "
            "nothing was published. Run it again."
        )
