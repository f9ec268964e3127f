"""What stands in the warehouse under a name: who published it, from what, and who changed it since."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import delta
from runner.state.commits import Commit, commits, standing
from runner.state.fingerprint import Fingerprint, read_fingerprint
from runner.warehouse import inputs_of_view, is_view, publish_view, read_view

_CHECKED = "_checked.json"  # beside `_delta_log`, where neither readers nor VACUUM look


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What stands under a model's name.

    Attributes:
        said: what was said when it was published; empty where another program made it.
        foreign: the newest later change that was no publication: another program's write, a return to an old version.
        version: of a table, the newest; None for a view.
    """

    said: Mapping[str, Any]
    foreign: Commit | None = None
    version: int | None = None
    is_view: bool = False

    @property
    def fingerprint(self) -> Fingerprint | None:
        return read_fingerprint(self.said.get("fingerprint"))

    @property
    def at(self) -> datetime | None:
        """When it was published."""
        text = self.said.get("finished_at")
        return datetime.fromisoformat(text) if isinstance(text, str) else None


def published(path: Path) -> Published | None:
    """Returns what stands at `path`; None where nothing does."""
    if is_view(path):
        return Published(said=read_view(path)["metadata"], is_view=True)
    now = standing(path)
    if now is None:
        return None
    foreign: Commit | None = None
    reshaped: Commit | None = None  # a later commit that set columns, perhaps the same
    found: Commit | None = None
    for commit in commits(path):
        if found is None and commit.is_publication:
            found = commit
        if found is None:
            foreign = foreign or (commit if commit.changes_rows else None)
            reshaped = reshaped or (commit if commit.columns is not None else None)
        elif foreign or not reshaped:
            break
        elif commit.columns is not None:  # what they were when it was published
            foreign = reshaped if commit.columns != now.columns else None
            break
    return Published(said=found.said if found else {}, foreign=foreign if found else None, version=now.version)


def judged(path: Path, said: Mapping[str, Any]) -> None:
    """Says of what stands at `path` what a new look at it found: a note in a table's log, or in a view's definition."""
    if is_view(path):
        view = read_view(path)
        publish_view(path, sql=view["sql"], inputs=inputs_of_view(view), metadata=said)
    else:
        delta.note(path, user_metadata=said)


def read_checked(path: Path) -> Mapping[str, Any]:
    """Returns what the last look at a landed table found; empty where nobody looked."""
    try:
        found = json.loads((path / _CHECKED).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def write_checked(path: Path, said: Mapping[str, Any]) -> None:
    """Keeps what a look at a landed table found, beside its log: no commit, so that no landing is in its way."""
    partial = path / f".{_CHECKED}.{os.getpid()}"
    partial.write_text(json.dumps(dict(said), default=str), encoding="utf-8")
    partial.replace(path / _CHECKED)
