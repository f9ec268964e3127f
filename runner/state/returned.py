"""A table or view that `run restore` took back to an earlier version.

It stays there as long as a build would only make again what was taken back: until its SQL, its settings or what it reads
differ from those of the version that stood before. What was restored of its parents by then is no such difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.state.published import published

_KEYS = ("fingerprint", "parents", "asked", "unseen", "incomplete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """How a table came to stand at an earlier version.

    Attributes:
        version: the version it went back to.
        run_id: of the restore.
        instead: what the version that was taken back was built from, as its commit said.
    """

    version: int
    at: datetime
    run_id: str
    instead: Mapping[str, Any]

    @property
    def words(self) -> str:
        return f"it was restored to version {self.version} on {self.at:%d %b %H:%M}"

    def said_before(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the table would say of itself had it not been restored."""
        return {**{key: value for key, value in said.items() if key not in _KEYS}, **self.instead}

    def holds(self, said: Mapping[str, Any]) -> bool:
        """True for what a parent says that went back with this table, or before it."""
        other = returned(said)
        return other is not None and (other.run_id == self.run_id or other.at <= self.at)


def returned(said: Mapping[str, Any]) -> Returned | None:
    """Returns how what says so of itself was restored; None where it was not."""
    restored = said.get("restored")
    if not isinstance(restored, Mapping) or "instead" not in restored:
        return None
    return Returned(
        version=int(restored["version"]),
        at=datetime.fromisoformat(restored["at"]),
        run_id=str(restored["run_id"]),
        instead=restored["instead"],
    )


def instead_of(path: Path) -> dict[str, Any] | None:
    """Returns what the published version at `path` was built from, for the commit that takes it back.

    Of a version that is a restored one itself, it is what was taken back first. None where no run published it.
    """
    there = published(path)
    if there is None or there.fingerprint is None:
        return None
    before = returned(there.said)
    return dict(before.instead) if before else {key: there.said[key] for key in _KEYS if key in there.said}
