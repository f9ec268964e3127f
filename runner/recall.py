"""What one reading of a project read, and what it can take over from the reading before, piece by piece.

A piece is what came of a text that is still the same: a parsed YAML file, what a template asked for. Readers ask `piece`
for it; outside of `reading` that just makes it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

_Made = TypeVar("_Made")


def digest(*parts: str) -> bytes:
    """Returns 16 bytes that stand for the texts."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        hashed.update(len(encoded).to_bytes(8, "big"))
        hashed.update(encoded)
    return hashed.digest()


class Reading:
    """One reading of a project.

    Attributes:
        texts: the digest of each file's text as it was read, by absolute path.
        folders: the folders that were walked, with all below them.
        listings: the folders that were looked into for packages.
        environment: the digest of each environment variable that was asked for, None where it was not set.
        by_clock: True where what was read may depend on the day.
        pieces: what was made or taken over, by digest.
    """

    def __init__(self, before: Callable[[], Mapping[bytes, Any]] = dict) -> None:
        self.texts: dict[str, bytes] = {}
        self.folders: dict[str, None] = {}
        self.listings: dict[str, None] = {}
        self.environment: dict[str, bytes | None] = {}
        self.by_clock = False
        self.pieces: dict[bytes, Any] = {}
        self._load = before
        self._before: Mapping[bytes, Any] | None = None

    def before(self) -> Mapping[bytes, Any]:
        """Returns the pieces of the reading before."""
        if self._before is None:
            self._before = self._load()
        return self._before


_readings: list[Reading] = []


@contextmanager
def reading(before: Callable[[], Mapping[bytes, Any]] = dict) -> Iterator[Reading]:
    """Notes what is read within; pieces are taken from `before`, which is asked for them once."""
    now = Reading(before)
    _readings.append(now)
    try:
        yield now
    finally:
        _readings.remove(now)


def note_text(path: Path, text: str) -> None:
    """Notes that a file's text was read."""
    for one in _readings:
        one.texts[str(path)] = digest(text)


def note_folder(folder: Path) -> None:
    """Notes that a folder was walked."""
    for one in _readings:
        one.folders[str(folder)] = None


def note_listing(folder: Path) -> None:
    """Notes that a folder was looked into for packages."""
    for one in _readings:
        one.listings[str(folder)] = None


def note_environment(name: str) -> None:
    """Notes that an environment variable was asked for."""
    for one in _readings:
        one.environment[name] = environment_digest(name)


def note_clock() -> None:
    """Notes that something may depend on the day."""
    for one in _readings:
        one.by_clock = True


def environment_digest(name: str) -> bytes | None:
    """Returns what stands for an environment variable's value; None where it is not set."""
    value = os.environ.get(name)
    return None if value is None else digest(name, value)


def piece(key: tuple[str, ...], make: Callable[[], _Made]) -> _Made:
    """Returns what `make` makes of the texts in `key`, or what was made of them before. Nobody may change it."""
    if not _readings:
        return make()
    now = _readings[-1]
    name = digest(*key)
    if name not in now.pieces:
        before = now.before()
        now.pieces[name] = before[name] if name in before else make()
    found: _Made = now.pieces[name]
    return found
