"""A reader in a process of its own that looks at tables every 50 ms, and what it saw of each."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable

EVERY = 0.05


@dataclass
class Seen:
    """What a reader saw.

    Attributes:
        states: of each table by name, every different content in the order it was first seen.
        looks: how often it looked at all tables.
    """

    states: dict[str, list[str]] = field(default_factory=dict)
    looks: int = 0


@contextmanager
def reading(paths: Sequence[Path], seen: Seen, out: Path) -> Iterator[None]:
    """Lets a reader look at the tables meanwhile; what it saw is in `seen` afterwards."""
    stop, ready = out.with_suffix(".stop"), out.with_suffix(".ready")
    process = multiprocessing.get_context("spawn").Process(
        target=_read, args=([str(path) for path in paths], str(out), str(stop), str(ready))
    )
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(EVERY)
    try:
        yield
    finally:
        stop.touch()
        process.join(30)
    found = json.loads(out.read_text())
    seen.states, seen.looks = found["states"], found["looks"]


def _read(paths: list[str], out: str, stop: str, ready: str) -> None:
    states: dict[str, list[str]] = {Path(path).name: [] for path in paths}
    known: dict[str, tuple[object, str]] = {}
    looks = 0
    while True:
        ending = Path(stop).exists()
        for path in paths:
            state = _state(path, known)
            found = states[Path(path).name]
            if state not in found:
                found.append(state)
        looks += 1
        if looks == 1:
            Path(ready).touch()
        if ending:
            break
        time.sleep(EVERY)
    Path(out).write_text(json.dumps({"states": states, "looks": looks}))


def _state(path: str, known: dict[str, tuple[object, str]]) -> str:
    """Returns a table's rows as text, or what is wrong with it. The rows are read when the version is another one."""
    try:
        view = Path(path) / "view.json"
        if view.exists():
            return str(json.loads(view.read_text())["sql"])
        table = DeltaTable(path)
        files = table.file_uris()
        key = (table.version(), tuple(sorted(files)))
        gone = [file for file in files if not Path(unquote(urlparse(file).path)).exists()]
        if gone:
            return f"version {table.version()} lacks {gone}"
        if known.get(path, (None, ""))[0] != key:
            known[path] = (key, json.dumps(sorted(map(str, table.to_pyarrow_table().to_pylist()))))
        return known[path][1]
    except Exception as error:  # whatever goes wrong is what the reader saw
        return f"{type(error).__name__}: {error}"
