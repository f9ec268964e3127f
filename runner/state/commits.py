"""A Delta log as a list of commits, newest first, read without Spark: who changed the rows, who only tidied up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake.exceptions import TableNotFoundError

from runner import delta
from runner.state.tokens import digest_of

_CHANGE = ('"dataChange":true', '"dataChange": true')


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One version of a table.

    Attributes:
        operation: Delta's word for what was done, such as `WRITE` or `OPTIMIZE`.
        said: our metadata; empty where another program committed.
        changes_rows: True where files were added or removed that hold other rows; OPTIMIZE, VACUUM and notes do not.
        columns: the digest of the table's columns where the commit set them, else None.
    """

    version: int
    operation: str
    at: datetime
    said: Mapping[str, Any]
    changes_rows: bool
    columns: str | None

    @property
    def is_note(self) -> bool:
        """True where the commit only says something."""
        return bool(self.said.get("is_note"))

    @property
    def is_publication(self) -> bool:
        """True where the runner published a model with it, or judged anew what it had published."""
        return "fingerprint" in self.said or ("model" in self.said and not self.is_note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a table is now.

    Attributes:
        table_id: the same as long as the table is not made anew.
        columns: the digest of its columns' names and types.
    """

    table_id: str
    version: int
    columns: str


def standing(path: Path) -> Standing | None:
    """Returns what the table at `path` is now; None where there is none."""
    try:
        table = delta.opened(path)
    except TableNotFoundError:
        return None
    return Standing(
        table_id=str(table.metadata().id), version=table.version(), columns=_columns(table.schema().to_json())
    )


def commits(path: Path) -> Iterator[Commit]:
    """Yields the commits of the table at `path`, newest first, as far back as its log has them one by one."""
    for file in sorted((path / "_delta_log").glob("*.json"), reverse=True):
        if file.stem.isdigit():
            try:
                yield _read(file)
            except FileNotFoundError:  # Delta clears old commits away while others read
                return


def changed(
    path: Path,
    now: Standing,
    *,
    table_id: str,
    version: int,
    but: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> Commit | bool:
    """Returns what changed the table's rows after a version: a commit, or True where no single one can be named.

    Args:
        path: the table.
        now: what it is now.
        table_id: its id when it was at that version.
        version: the version.
        but: says of a commit's metadata that it does not count.
    """
    if now.table_id != table_id or now.version < version:
        return True
    found: Commit | bool = False
    expected = now.version
    if expected == version:
        return False
    for commit in commits(path):
        if commit.version > expected:
            continue  # it came after we looked
        if commit.version <= version or commit.version != expected:
            break
        expected -= 1
        if not found and commit.changes_rows and not but(commit.said):
            found = commit
    return found if expected == version else True  # True: part of the log is gone


def _read(file: Path) -> Commit:
    info: Mapping[str, Any] = {}
    columns = None
    changes = False
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            start = line[:14]
            if start.startswith('{"commitInfo"'):
                info = json.loads(line)["commitInfo"]
            elif start.startswith('{"metaData"'):
                columns = _columns(json.loads(line)["metaData"]["schemaString"])
            elif start.startswith(('{"add"', '{"remove"', '{"cdc"')):
                changes = changes or any(word in line for word in _CHANGE)
    return Commit(
        version=int(file.stem),
        operation=str(info.get("operation", "unknown")),
        at=datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC),
        said=_said(info.get("userMetadata")),
        changes_rows=changes,
        columns=columns,
    )


def _said(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (json.JSONDecodeError, TypeError):
        return {}
    return found if isinstance(found, dict) and ("sluice" in found or "kind" in found) else {}


def _columns(schema: str) -> str:
    return digest_of(json.dumps(_named(json.loads(schema))))


def _named(words: Any) -> Any:
    """Returns a schema's names and types alone: comments and nullability change no row."""
    if isinstance(words, str):
        return words
    if words["type"] == "array":
        return ["array", _named(words["elementType"])]
    if words["type"] == "map":
        return ["map", _named(words["keyType"]), _named(words["valueType"])]
    return [[field["name"], _named(field["type"])] for field in words["fields"]]
