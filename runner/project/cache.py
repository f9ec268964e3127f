"""A parsed project, kept in target/parse: opened again where nothing changed, parsed again piece by piece where something did.

What it hangs on: every file's text, which files there are, the environment variables that templates asked for, the day
where one asked for the time, the target, the variables, and this program itself. A file whose size and times are those
of before is taken as unchanged; where they are not, or where it was written within two seconds of being read, its text
decides.

One file per target and variables holds four parts, each with its length and checksum: what it hangs on, what listing
needs, the project, the pieces. It is written aside and moved into place, so that another process meets the old or the
new one; one that cannot be read counts as none. Only values are read back, no code.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import pickle
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from runner.recall import Reading, digest, environment_digest, reading

if TYPE_CHECKING:
    from runner.project.listing import Listing
    from runner.project.parse import Project

FOLDER = "parse"
_MAGIC = b"sluice parse 1\n"
_PARTS = ("inputs", "listing", "project", "pieces")
_HEAD = struct.Struct(f"<{len(_PARTS) * 2}Q")
_RACE = 2 * 10**9  # nanoseconds; a file system's clock may be as coarse as that
_KEPT = 8  # files of other targets and variables
_PLAIN = {
    "builtins": {"set", "frozenset", "bytearray", "complex", "range", "slice"},
    "collections": {"OrderedDict"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "pathlib": {"Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"},
}
_Stat = tuple[int, int, int, int]
_latest: dict[int, Project] = {}  # the project that this process parsed last, by when it began to read it


def open_project(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Project:
    """Returns the project in `root`, as `runner.project.parse.load_project` does, and from the cache where it can be.

    Raises:
        ProjectError: anything in the project is wrong; the message names file and line.
    """
    cache = _Cache(root, target, variables or {})
    with _without_collecting():
        if cache.is_current():
            if cache.read_at in _latest:
                return _latest[cache.read_at]
            kept = cache.part("project")
            if kept is not None:
                return _with_renderer(kept)
        return cache.fresh()[0]


def _with_renderer(project: Any) -> Project:
    from runner.project.parse import renderer_of

    found: Project = replace(project, renderer=renderer_of(project.files))
    return found


def _without_renderer(project: Any) -> Any:
    """Returns the project as it is kept: compiled templates cannot be, and are made again."""
    return replace(project, renderer=None)


def open_listing(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Listing:
    """Returns what listing and selecting need of the project in `root`; see `open_project`."""
    cache = _Cache(root, target, variables or {})
    with _without_collecting():
        if cache.is_current():
            kept: Listing | None = cache.part("listing")
            if kept is not None:
                return kept
        return cache.fresh()[1]


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Keeps the garbage collector from walking over many new values that all stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """What a parsed project hangs on.

    Attributes:
        read_at: when reading began, nanoseconds since 1970.
        files: every file that was read or stood in a walked folder, with what stat says of it.
        digests: of the texts that were read.
        folders: the folders that were walked.
        tops: the YAML files and the links directly in each package's folder, which are looked for by name.
        environment: the digests of environment variables, None where one was not set.
        day: the day of which it is, where something asked for the time.
    """

    read_at: int
    files: dict[str, _Stat]
    digests: dict[str, bytes]
    folders: tuple[str, ...]
    tops: dict[str, list[str]]
    environment: dict[str, bytes | None]
    day: str | None


class _Cache:
    """The file for one target and one set of variables."""

    def __init__(self, root: Path, target: str | None, variables: Mapping[str, Any]) -> None:
        self._root, self._target, self._variables = root, target, variables
        asked = json.dumps([target, dict(variables)], sort_keys=True, default=repr)
        self._path = root / "target" / FOLDER / f"{digest(str(root), asked, _program()).hex()}.bin"
        self.read_at = 0
        self._file: BinaryIO | None = None
        self._spans: dict[str, tuple[int, int, int]] = {}
        self._load()

    def is_current(self) -> bool:
        """Says whether all is as it was when the project was parsed."""
        now = time.time_ns()
        inputs: _Inputs | None = self.part("inputs")
        if inputs is None or not _same_surroundings(inputs):
            return False
        self.read_at = inputs.read_at
        files = _stats(inputs.folders, inputs.digests)
        if files.keys() != inputs.files.keys() or _tops(inputs.tops) != inputs.tops:
            return False
        doubtful = [path for path in inputs.digests if _is_doubtful(files[path], inputs.files[path], inputs.read_at)]
        if not all(_text_digest(path) == inputs.digests[path] for path in doubtful):
            return False
        if doubtful and all(max(files[path][1:3]) < now - _RACE for path in doubtful):
            self._write(replace(inputs, files=files, read_at=now))
        return True

    def part(self, name: str) -> Any:
        """Returns what a part of the file holds; None where there is none, or it is damaged."""
        content = self._bytes(name)
        if content is None:
            return None
        try:
            return _Values(io.BytesIO(content)).load()
        except Exception:  # whatever a damaged pickle raises
            return None

    def fresh(self) -> tuple[Project, Listing]:
        """Parses the project, taking over the pieces that are the same, and keeps it."""
        from runner.project.parse import load_project

        read_at = time.time_ns()
        with reading(self._pieces) as now:
            project = load_project(self._root, target=self._target, variables=self._variables)
            listing = project.listing()
        inputs = _inputs(now, read_at, [package.root for package in project.files.packages])
        if inputs is not None:
            self._write(inputs, listing, _without_renderer(project), now.pieces)
            _latest.clear()
            _latest[read_at] = project
        return project, listing

    def _pieces(self) -> Mapping[bytes, Any]:
        inputs: _Inputs | None = self.part("inputs")
        return self.part("pieces") or {} if inputs is not None and _same_surroundings(inputs) else {}

    def _load(self) -> None:
        try:
            file = self._path.open("rb")
            head = file.read(len(_MAGIC) + _HEAD.size)
        except OSError:
            return
        if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _HEAD.size:
            file.close()
            return
        self._file = file  # kept open: what is moved into its place meanwhile is another file
        start = len(head)
        numbers = _HEAD.unpack_from(head, len(_MAGIC))
        for name, length, checksum in zip(_PARTS, numbers[::2], numbers[1::2], strict=True):
            self._spans[name] = (start, length, checksum)
            start += length

    def _bytes(self, name: str) -> bytes | None:
        if self._file is None or name not in self._spans:
            return None
        start, length, checksum = self._spans[name]
        try:
            self._file.seek(start)
            content = self._file.read(length)
        except OSError:
            return None
        return content if len(content) == length and zlib.crc32(content) == checksum else None

    def _write(self, *values: Any) -> None:
        """Writes the parts in their order; those that are not given stay as they are. What cannot be kept is not."""
        from runner.jinja.render import secrets

        try:
            parts = [pickle.dumps(value, pickle.HIGHEST_PROTOCOL) for value in values]
        except Exception:  # a value of a package that cannot be pickled: the project is parsed anew each time
            return
        if any(secret.encode() in part for secret in secrets() for part in parts):
            return  # a template put it into a setting; nothing secret is written
        for name in _PARTS[len(parts) :]:
            part = self._bytes(name)
            if part is None:
                return
            parts.append(part)
        numbers = [number for part in parts for number in (len(part), zlib.crc32(part))]
        partial = self._path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        with contextlib.suppress(OSError):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                partial.touch(mode=0o600)
                partial.write_bytes(b"".join([_MAGIC, _HEAD.pack(*numbers), *parts]))
                partial.replace(self._path)
            finally:
                partial.unlink(missing_ok=True)
            for old in sorted(self._path.parent.glob("*.bin"), key=_age)[:-_KEPT]:
                old.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class _Values(pickle.Unpickler):
    """Reads values of this program's classes and plain ones, and calls nothing else: a file may come from anywhere."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "runner":
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        elif name in _PLAIN.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no value")


def _program() -> str:
    """Returns what stands for this program: its files' sizes and times, and Python's version."""
    here = str(Path(__file__).parent.parent)
    files = [
        (entry, stat.st_size, stat.st_mtime_ns)
        for entry, stat in _walk(here)
        if entry.endswith((".py", ".sql")) and f"{os.sep}cli{os.sep}" not in entry
    ]
    return json.dumps([sorted(files), sys.version])


def _inputs(now: Reading, read_at: int, packages: list[Path]) -> _Inputs | None:
    try:
        files = _stats(tuple(now.folders), now.texts)
    except FileNotFoundError:  # gone since it was read
        return None
    return _Inputs(
        read_at=read_at,
        files=files,
        digests=now.texts,
        folders=tuple(now.folders),
        tops=_tops([*map(str, packages), *now.listings]),
        environment=now.environment,
        day=_today() if now.by_clock else None,
    )


def _same_surroundings(inputs: _Inputs) -> bool:
    return inputs.day in (None, _today()) and all(
        environment_digest(name) == was for name, was in inputs.environment.items()
    )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _is_doubtful(now: _Stat, before: _Stat, read_at: int) -> bool:
    return now != before or max(now[1:3]) >= read_at - _RACE


def _text_digest(path: str) -> bytes | None:
    try:
        return digest(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _stats(folders: tuple[str, ...], texts: Mapping[str, bytes]) -> dict[str, _Stat]:
    """Returns what stat says of every file below the folders, and of every text; a text that is gone is left out."""
    found = {path: _stat(stat) for folder in folders for path, stat in _walk(folder)}
    for path in texts:
        if path not in found:
            with contextlib.suppress(OSError):
                found[path] = _stat(Path(path).stat())
    return found


def _stat(stat: os.stat_result) -> _Stat:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry.path)
        else:
            with contextlib.suppress(OSError):
                yield entry.path, entry.stat()


def _tops(folders: Iterator[str] | list[str] | Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the names directly in each folder of what is looked for by name: YAML files, folders of packages."""
    found = {}
    for folder in folders:
        try:
            names = [entry.name for entry in os.scandir(folder) if _is_top(entry)]
        except OSError:
            names = []
        found[folder] = sorted(names)
    return found


def _is_top(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith((".yml", ".yaml")) or (entry.is_dir() and Path(entry.path, "dbt_project.yml").is_file())
