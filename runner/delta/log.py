"""A Delta table's log as files: what stands in it, and one more commit. The Delta protocol, without Spark.

A commit is one file named by its version. It is written under another name and linked into place: the link fails where
another process was first, so a commit is whole or absent, and never replaces another.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Action = dict[str, Any]
LOG = "_delta_log"
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.[0-9a-f-]{36})?\.parquet")
# What the protocol's versions before feature lists stand for.
_WRITER_FEATURES = {
    2: ("appendOnly", "invariants"),
    3: ("checkConstraints",),
    4: ("changeDataFeed", "generatedColumns"),
    5: ("columnMapping",),
    6: ("identityColumns",),
}
_WITH_WRITER_FEATURES = 7
_WITH_READER_FEATURES = 3


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A table at one version.

    Attributes:
        version: the version; -1 where nothing was committed.
        protocol, metadata: the last such actions.
        files: the current `add` actions by path and deletion vector, paths as the log has them.
        domains: the configuration of metadata domains by name.
        timestamp: the in-commit timestamp of the last commit, in milliseconds; 0 where it has none.
    """

    version: int = -1
    protocol: Action = field(default_factory=dict)
    metadata: Action = field(default_factory=dict)
    files: dict[tuple[str, str], Action] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    timestamp: int = 0

    def apply(self, action: Mapping[str, Any]) -> None:
        """Takes in one action of the log."""
        if add := action.get("add"):
            self.files[_key(add)] = add
        elif remove := action.get("remove"):
            self.files.pop(_key(remove), None)
        elif found := action.get("metaData"):
            self.metadata = found
        elif found := action.get("protocol"):
            self.protocol = found
        elif found := action.get("domainMetadata"):
            self.domains[found["domain"]] = found["configuration"]
            if found.get("removed"):
                del self.domains[found["domain"]]
        elif found := action.get("commitInfo"):
            self.timestamp = found.get("inCommitTimestamp") or 0


def _key(action: Mapping[str, Any]) -> tuple[str, str]:
    vector = action.get("deletionVector")
    return action["path"], json.dumps(vector, sort_keys=True) if vector else ""


def commits(table: Path, *, after: int = -1) -> Iterator[tuple[int, Path]]:
    """Yields the table's commits later than `after`, in order, as version and file."""
    for path in sorted((table / LOG).glob("*.json")):
        if path.stem.isdigit() and int(path.stem) > after:
            yield int(path.stem), path


def actions(path: Path) -> Iterator[Action]:
    """Yields the actions of one commit."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def read_snapshot(table: Path, *, version: int | None = None) -> Snapshot:
    """Returns the table at a version, the newest by default: the last checkpoint, and what was committed since.

    Raises:
        LookupError: its log does not reach that version, or not back to it.
    """
    found = Snapshot()
    found.version, parts = _checkpoint(table / LOG, until=version)
    for part in parts:
        for action in _rows(part):
            found.apply(action)
    for number, path in commits(table, after=found.version):
        if version is not None and (number > version or number != found.version + 1):
            break
        for action in actions(path):
            found.apply(action)
        found.version = number
    if version is not None and found.version != version:
        raise LookupError(f"{table}: version {version}")
    return found


def _checkpoint(log: Path, *, until: int | None = None) -> tuple[int, list[Path]]:
    """Returns the newest complete checkpoint and its files; -1 and none where there is none.

    Args:
        until: the newest version that counts.
    """
    by_version: dict[int, list[tuple[Path, int]]] = {}
    for path in sorted(log.glob("*.checkpoint*.parquet")):
        if match := _CHECKPOINT.fullmatch(path.name):
            by_version.setdefault(int(match[1]), []).append((path, int(match[3] or 1)))
    for version in sorted(by_version, reverse=True):
        if until is not None and version > until:
            continue
        files = by_version[version]
        single = [path for path, parts in files if parts == 1]
        if single:
            return version, single[:1]
        if len(files) == files[0][1]:
            return version, [path for path, _ in files]
    return -1, []


def _rows(part: Path) -> Iterator[Action]:
    import pyarrow.parquet as parquet

    wanted = {"add", "metaData", "protocol", "domainMetadata", "sidecar"}
    file = parquet.ParquetFile(part)
    names = [name for name in file.schema_arrow.names if name in wanted]
    for batch in file.iter_batches(columns=names):
        for row in batch.to_pylist(maps_as_pydicts="strict"):
            for kind, value in row.items():
                if value is None:
                    continue
                if kind == "sidecar":
                    yield from _rows(part.parent / "_sidecars" / value["path"])
                else:
                    yield {kind: {key: one for key, one in value.items() if one is not None}}


def commit(table: Path, version: int, content: Sequence[Mapping[str, Any]]) -> None:
    """Commits the actions as that version.

    Raises:
        FileExistsError: the version is there already; nothing was written.
    """
    log = table / LOG
    log.mkdir(parents=True, exist_ok=True)
    final = log / f"{version:020d}.json"
    partial = log / f".{final.name}.{uuid.uuid4().hex}.tmp"
    try:
        with partial.open("x", encoding="utf-8") as file:
            file.write("\n".join(json.dumps(action, default=str) for action in content) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _into_place(partial, final)
    finally:
        partial.unlink(missing_ok=True)


def _into_place(partial: Path, final: Path) -> None:
    try:
        os.link(partial, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if final.exists():
            raise FileExistsError(str(final)) from None
        partial.rename(final)


def joined_protocol(first: Mapping[str, Any], second: Mapping[str, Any], further: Collection[str] = ()) -> Action:
    """Returns the least protocol that allows all that either one allows, and further writer features.

    Args:
        first, second: `protocol` actions; empty for none.
        further: names of writer features.
    """
    reader = max(first.get("minReaderVersion", 1), second.get("minReaderVersion", 1))
    writer = max(first.get("minWriterVersion", 2), second.get("minWriterVersion", 2))
    if further:
        writer = _WITH_WRITER_FEATURES
    joined: Action = {"minReaderVersion": reader, "minWriterVersion": writer}
    if reader >= _WITH_READER_FEATURES:
        joined["readerFeatures"] = sorted({name for one in (first, second) for name in _reader_features(one)})
    if writer >= _WITH_WRITER_FEATURES:
        joined["writerFeatures"] = sorted({*further, *(name for one in (first, second) for name in _features(one))})
    return joined


def _reader_features(protocol: Mapping[str, Any]) -> Sequence[str]:
    return protocol.get("readerFeatures") or (("columnMapping",) if protocol.get("minReaderVersion", 1) == 2 else ())


def _features(protocol: Mapping[str, Any]) -> Sequence[str]:
    version = protocol.get("minWriterVersion", 2)
    if version >= _WITH_WRITER_FEATURES:
        return protocol.get("writerFeatures") or ()
    return [name for least, names in _WRITER_FEATURES.items() if least <= version for name in names]
