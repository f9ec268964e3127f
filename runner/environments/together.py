"""Several publications as one: all of them, or none, as far as a journal allows.

Each table is published by a commit of its own, so for a moment a reader can see the first of them without the last.
Where one of them fails, those before it are taken back; where the process dies in between, the journal that it left in
the warehouse lets the next command take them back.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner import delta
from runner.state.commits import commits
from runner.warehouse import is_view

_FOLDER = "_sluice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One publication.

    Attributes:
        table: the folder it changes.
        act: does it, given the journal's id, which its commit's metadata must hold as `journal`; returns the version.
    """

    label: str
    table: Path
    act: Callable[[str], int | None]


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


def publish_together(warehouse: Path, steps: Sequence[Step]) -> list[int | None]:
    """Does all steps in their order; where one fails, takes back those before it and raises its error."""
    identity = uuid.uuid4().hex
    journal = warehouse / _FOLDER / f"{identity}.json"
    before = [_before(step.table) for step in steps]
    _write(journal, before)
    done: list[int | None] = []
    try:
        for step in steps:
            done.append(step.act(identity))
    except BaseException:
        for one in reversed(before):
            take_back(one, identity)
        journal.unlink(missing_ok=True)
        raise
    journal.unlink(missing_ok=True)
    return done


def recover(warehouse: Path) -> Iterator[Path]:
    """Takes back what dead processes published of sets that they did not finish; yields each table taken back."""
    for journal in sorted((warehouse / _FOLDER).glob("*.json")):
        found = json.loads(journal.read_text(encoding="utf-8"))
        if _alive(found["process"]):
            continue
        for one in reversed(found["before"]):
            before = Before(table=Path(one["table"]), version=one["version"], view=one["view"])
            if take_back(before, journal.stem):
                yield before.table
        journal.unlink(missing_ok=True)


def take_back(before: Before, identity: str) -> bool:
    """Puts back what stood at a table before a journal's step, if that step is what stands there now."""
    table = before.table
    if is_view(table):
        said = json.loads((table / "view.json").read_text(encoding="utf-8"))["metadata"]
    else:
        newest = next(iter(commits(table)), None)
        said = newest.said if newest else {}
    if said.get("journal") != identity:
        return False
    if before.view is not None:
        (table / "view.json").write_text(before.view, encoding="utf-8")
    elif before.version is None:
        shutil.rmtree(table)
    else:
        kept: dict[str, Any] = next(
            (dict(one.said) for one in commits(table) if one.version <= before.version and one.is_publication), {}
        )
        delta.restore(table, before.version, user_metadata={**kept, "taken_back": datetime.now(UTC).isoformat()})
    return True


def _before(table: Path) -> Before:
    view = (table / "view.json").read_text(encoding="utf-8") if is_view(table) else None
    return Before(table=table.absolute(), version=None if view else delta.version(table), view=view)


def _write(journal: Path, before: Sequence[Before]) -> None:
    journal.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"table": str(one.table), "version": one.version, "view": one.view} for one in before]
    partial = journal.with_suffix(".tmp")
    partial.write_text(json.dumps({"process": os.getpid(), "before": listed}), encoding="utf-8")
    partial.replace(journal)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
