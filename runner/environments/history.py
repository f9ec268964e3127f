"""The versions of a published table: what its log says of each, and which one a person means. Reads logs, without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import delta
from runner.errors import ProjectError
from runner.state.commits import commits


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One version of a table.

    Attributes:
        at: when it was committed.
        said: our metadata in its commit (`run_id`, `fingerprint`, `parents`, …); empty for another writer's commit.
    """

    version: int
    at: datetime
    said: Mapping[str, Any]

    @property
    def run_id(self) -> str | None:
        return self.said.get("run_id")


def published_versions(path: Path) -> list[Published]:
    """Returns the versions that changed the table's rows, oldest first, as far back as its log has them one by one."""
    found = [Published(version=one.version, at=one.at, said=one.said) for one in commits(path) if one.changes_rows]
    return found[::-1]


def version_named(label: str, path: Path, version: int) -> Published:
    """Returns a version of a table.

    Raises:
        ProjectError: the table never had it, or its log no longer has it.
    """
    known = published_versions(path)
    for one in known:
        if one.version == version:
            return one
    older = [one for one in known if one.version < version]
    newest = delta.version(path)
    if older and newest is not None and version <= newest:
        return older[-1]  # a commit in between that changed no row: OPTIMIZE, a note
    words = ", ".join(str(one.version) for one in known[-8:])
    raise ProjectError(f"{label} has no version {version}. Its versions: {words}.")


def previous_version(label: str, path: Path) -> Published:
    """Returns the version before the published one.

    Raises:
        ProjectError: there is none.
    """
    known = published_versions(path)
    if len(known) < 2:
        raise ProjectError(
            f"{label} has one version only, {known[-1].version if known else 0}: there is nothing before it to compare with. "
            "Compare with another target (--with-target), or with its SQL as edited (--edited)."
        )
    return known[-2]
