"""What runs that were killed left behind, removed by the next run; what a living run works on is left alone.

A run holds a lock on its own file in the warehouse while it builds; the system lets go of it when the process ends,
however it ends. A candidate that was last written before the oldest living run began belongs to none of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = ".running"
_ELSEWHERE = 24 * 3600.0  # seconds for which a run on another machine counts as living: its lock may not reach us
_COARSE = 2.0  # seconds by which the times of files may lie behind the clock
_NAMED = re.compile(r"candidate-[0-9a-f]+")


@contextmanager
def running(warehouse: Path, run_id: str) -> Iterator[None]:
    """Says that a run builds in the warehouse, until the context ends or the process does."""
    folder = warehouse / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run_id}.{uuid.uuid4().hex[:8]}.json"
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        began = time.time() - _COARSE
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "started_at": began}, file)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def clear_leftovers(warehouse: Path, tables: Iterable[Path]) -> list[Path]:
    """Removes candidates that no living run works on and no version of their table needs; returns them.

    Args:
        warehouse: where the runs say that they are running; this one must say so already.
        tables: the folders of published tables.
    """
    oldest = _oldest_run(warehouse)
    removed: list[Path] = []
    for table in tables:
        leftovers = [one for one in table.glob("candidate-*") if one.is_dir() and _last_written(one) < oldest]
        needed = _needed(table) if leftovers else set()
        for candidate in leftovers:
            is_withheld = (candidate / "_withheld").exists()  # for a look at it, until the model's next build
            if needed is not None and candidate.name not in needed and not is_withheld:
                shutil.rmtree(candidate, ignore_errors=True)
                removed.append(candidate)
        if leftovers and table.is_dir() and not any(table.iterdir()):
            table.rmdir()
    return removed


def _oldest_run(warehouse: Path) -> float:
    """Returns when the oldest living run began, in seconds of the epoch; the files of dead ones are removed."""
    oldest = time.time()
    for path in (warehouse / _FOLDER).glob("*.json"):
        try:
            with path.open(encoding="utf-8") as file:
                said = json.loads(file.read() or "{}")
                lives = _is_locked(file.fileno()) or not said
        except (FileNotFoundError, ValueError):
            continue  # it ended, or begins, just now
        began = float(said.get("started_at", path.stat().st_mtime if path.exists() else oldest))
        if not lives and said.get("host") != socket.gethostname():
            lives = time.time() - began < _ELSEWHERE
        if lives:
            oldest = min(oldest, began)
        else:
            path.unlink(missing_ok=True)
    return oldest


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _last_written(folder: Path) -> float:
    """Returns when anything in a folder was last written."""
    times = [folder.stat().st_mtime]
    for path, _, files in os.walk(folder):
        for name in ("", *files):
            try:
                times.append((Path(path) / name).stat().st_mtime)
            except FileNotFoundError:
                return time.time()  # somebody is at it
    return max(times)


def _needed(table: Path) -> set[str] | None:
    """Returns the candidates whose files some version of the table holds; None where its log does not go back to its start."""
    log = table / "_delta_log"
    files = sorted(log.glob("*.json"))
    if not files:
        return set() if not any(log.glob("*.parquet")) else None
    if files[0].stem != f"{0:020}":
        return None
    return {name for file in files for name in _NAMED.findall(file.read_text(encoding="utf-8"))}
