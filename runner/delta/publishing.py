"""A candidate becomes what readers see, a version is brought back: one commit on a table's log each.

A candidate is a Delta table that Spark writes inside the published table's own folder. Publishing is one commit on
the published table's log that adds the candidate's files and removes the old ones: atomic, nothing is copied, and
readers see either the old version or the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from runner.delta import log as delta_log
from runner.delta.log import Action, Snapshot
from runner.delta.reading import NOTE, file_of, missing_files, row_count
from runner.errors import ContractError

_CANDIDATE = "candidate-"
_CLUSTERING = "delta.clustering"
_CHECKPOINT_EVERY = 10  # versions, as Spark does it
# Properties that describe how the files of a version are read; other files come without them.
_OF_THE_FILES = ("delta.columnMapping.", "delta.enableRowTracking", "delta.rowTracking", "delta.materializedRow")


def note(path: Path, *, user_metadata: Mapping[str, Any]) -> int:
    """Commits metadata alone, adding and removing no file; returns the new version.

    Raises:
        ContractError: another process changed the table at the same moment.
    """
    return _commit(path, delta_log.read_snapshot(path), [], {**user_metadata, NOTE: True}, mode="Append")


def new_candidate(table: Path) -> Path:
    """Returns the path of a candidate for `table` that nothing holds yet."""
    return table / f"{_CANDIDATE}{uuid.uuid4().hex[:12]}"


def discard(candidate: Path) -> None:
    """Removes a candidate that was not published."""
    shutil.rmtree(candidate, ignore_errors=True)
    table = candidate.parent
    if table.is_dir() and not any(table.iterdir()):
        table.rmdir()  # a first build that failed leaves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a published table's metadata should say beyond its columns and partitions.

    Attributes:
        description: the table's comment; None leaves it as it is.
        comments: the columns' comments by name, all of them; None leaves them as they are.
        properties: table properties to set.
        unset: table properties to take away.
        cluster_by: the columns of its liquid clustering, none to end it; None leaves it as it is.
    """

    description: str | None = None
    comments: Mapping[str, str] | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] | None = None


AS_IT_IS = Details()


def publish(
    table: Path,
    candidate: Path,
    *,
    user_metadata: Mapping[str, Any],
    read_version: int | None,
    partition_by: Sequence[str] | None = None,
    details: Details = AS_IT_IS,
) -> int:
    """Makes the candidate's rows the table's whole content, in one commit; returns the new version.

    The table keeps its id and the properties that somebody gave it; the candidate's schema and properties come on top.

    Args:
        table: the published table's folder; created by this commit where it is not a table yet.
        candidate: a Delta table inside `table`, as Spark wrote it.
        user_metadata: what the commit says of itself (JSON values).
        read_version: the version that the build started from; None where there was no table.
        partition_by: the partition columns; the candidate's own where None.
        details: what the table's metadata should say.

    Raises:
        ContractError: somebody changed the table since `read_version`; nothing is published.
    """
    published = _published(table, read_version)
    made = delta_log.read_snapshot(candidate)
    kept = {
        name: value
        for name, value in published.metadata.get("configuration", {}).items()
        if not name.startswith(_OF_THE_FILES)
    }
    metadata = {**made.metadata, "configuration": {**kept, **made.metadata.get("configuration", {})}}
    if partition_by is not None:
        metadata["partitionColumns"] = list(partition_by)
    adds = [{"add": _moved(add, candidate, table)} for add in made.files.values()]
    removes = [{"remove": _removal(add)} for add in published.files.values()]
    said = _described(published, metadata, made.protocol, details)
    return _commit(table, published, [*said, *removes, *adds], user_metadata, mode="Overwrite", candidate=candidate)


def publish_changes(
    table: Path,
    candidate: Path,
    *,
    user_metadata: Mapping[str, Any],
    read_version: int,
    partition_by: Sequence[str] | None = None,
    since: int = -1,
    details: Details = AS_IT_IS,
) -> int:
    """Commits what the candidate changed after its own version `since`; returns the new version.

    For an append the candidate holds only the new rows (`since=-1`); for a merge it is a shallow clone of the
    published table (`since=0`, the clone itself): files added and removed, columns and properties.

    Raises:
        ContractError: somebody changed the table since `read_version`; nothing is published.
    """
    published = _published(table, read_version)
    made = delta_log.read_snapshot(candidate)
    adds: dict[Path, Action] = {}
    removes: set[Path] = set()
    for _, log in delta_log.commits(candidate, after=since):
        done = list(delta_log.actions(log))
        for path in (file_of(one["remove"], candidate) for one in done if "remove" in one):
            if adds.pop(path, None) is None:
                removes.add(path)
        adds |= {file_of(one["add"], candidate): one["add"] for one in done if "add" in one}
    files = _replaced(table, published, removes) + [{"add": _moved(one, candidate, table)} for one in adds.values()]
    metadata = made.metadata
    if since < 0:  # new rows alone say nothing of the table
        metadata = published.metadata
    if partition_by is not None:
        metadata = {**metadata, "partitionColumns": list(partition_by)}
    said = _described(published, metadata, made.protocol, details)
    return _commit(table, published, [*said, *files], user_metadata, mode="Append", candidate=candidate)


def restore(table: Path, version: int, *, user_metadata: Mapping[str, Any]) -> int:
    """Makes a version's rows, columns and properties the published ones again, in one commit; returns the new version.

    Raises:
        ContractError: the version, or one of its files, is gone; nothing is published.
    """
    now = delta_log.read_snapshot(table)
    name = f"{table.parent.name}.{table.name}"
    try:
        then = delta_log.read_snapshot(table, version=version)
    except LookupError as error:
        raise ContractError(f"{name}: its log no longer has version {version}. Choose a later one.") from error
    gone = missing_files(table, then)
    if gone:
        raise ContractError(
            f"{name}: {len(gone)} of the {len(then.files)} files of version {version} are gone, removed by a VACUUM "
            f"({gone[0].name}). Choose a later version, or build it again."
        )
    adds = [{"add": {**add, "dataChange": True}} for key, add in then.files.items() if key not in now.files]
    removes = [{"remove": _removal(add)} for key, add in now.files.items() if key not in then.files]
    said = [] if _comparable(then.metadata) == _comparable(now.metadata) else [{"metaData": then.metadata}]
    return _commit(table, now, [*said, *removes, *adds], user_metadata, mode="Overwrite")


def _published(table: Path, read_version: int | None) -> Snapshot:
    published = delta_log.read_snapshot(table)
    if published.version != (-1 if read_version is None else read_version):
        raise _conflict(table)
    return published


def _described(
    published: Snapshot, metadata: Action, protocol: Mapping[str, Any], details: Details
) -> list[Mapping[str, Any]]:
    """Returns the actions that change what the table says of itself; none where nothing changes."""
    before = published.metadata
    schema = json.loads(metadata["schemaString"])
    if details.comments is not None:
        for column in schema["fields"]:
            column["metadata"].pop("comment", None)
            if comment := details.comments.get(column["name"]):
                column["metadata"]["comment"] = comment
    configuration = {**metadata.get("configuration", {}), **details.properties}
    said = {
        "id": before.get("id") or metadata["id"],
        "name": before.get("name"),
        "description": before.get("description") if details.description is None else details.description or None,
        "format": metadata["format"],
        "schemaString": json.dumps(schema),
        "partitionColumns": metadata.get("partitionColumns", []),
        "configuration": {name: value for name, value in configuration.items() if name not in details.unset},
        "createdTime": before.get("createdTime") or metadata.get("createdTime"),
    }
    said = {name: value for name, value in said.items() if value is not None}
    clustering, further = _clustering(published, details)
    needed = delta_log.joined_protocol(published.protocol, protocol, further)
    changes: list[Mapping[str, Any]] = []
    if not published.protocol or needed != delta_log.joined_protocol(published.protocol, {}):
        changes.append({"protocol": needed})
    if _comparable(said) != _comparable(before):
        changes.append({"metaData": said})
    return changes + clustering


def _comparable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in metadata.items() if name not in ("format", "createdTime", "options")}
    return {**found, "schemaString": json.loads(found.get("schemaString", "{}"))}


def _clustering(published: Snapshot, details: Details) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    if details.cluster_by is None or (not details.cluster_by and _CLUSTERING not in published.domains):
        return [], ()
    wanted = {"clusteringColumns": [name.split(".") for name in details.cluster_by], "domainName": _CLUSTERING}
    if json.loads(published.domains.get(_CLUSTERING, "{}")) == wanted:
        return [], ()
    domain = {"domain": _CLUSTERING, "configuration": json.dumps(wanted), "removed": False}
    return [{"domainMetadata": domain}], ("clustering", "domainMetadata")


def _commit(
    table: Path,
    published: Snapshot,
    content: Sequence[Mapping[str, Any]],
    user_metadata: Mapping[str, Any],
    *,
    mode: str,
    candidate: Path | None = None,
) -> int:
    version = published.version + 1
    now = time.time_ns() // 1_000_000
    info: Action = {
        "timestamp": now,
        "operation": "WRITE",
        "operationParameters": {"mode": mode},
        "engineInfo": "sluice",
        "userMetadata": json.dumps(dict(user_metadata), default=str),
    }
    if published.timestamp:
        info["inCommitTimestamp"] = max(now, published.timestamp + 1)
    try:
        delta_log.commit(table, version, [{"commitInfo": info}, *content])
    except FileExistsError as error:
        raise _conflict(table) from error
    if candidate is not None:
        shutil.rmtree(candidate / delta_log.LOG, ignore_errors=True)  # its files are the table's now
    if version and version % _CHECKPOINT_EVERY == 0:
        with suppress(DeltaError):  # the commit stands; without a checkpoint reading it takes a little longer
            DeltaTable(str(table)).create_checkpoint()
    return version


def _conflict(table: Path) -> ContractError:
    return ContractError(
        f"{table.parent.name}.{table.name}: another process changed this table while it was being built; "
        "nothing was published. Run it again."
    )


def _removal(add: Mapping[str, Any]) -> Action:
    kept = {name: add[name] for name in ("path", "partitionValues", "size", "deletionVector") if name in add}
    return {
        **kept,
        "deletionTimestamp": time.time_ns() // 1_000_000,
        "dataChange": True,
        "extendedFileMetadata": "size" in add,
    }


def _moved(action: Mapping[str, Any], candidate: Path, table: Path) -> Action:
    """Returns a candidate's `add` as the table's log has it: paths relative to the table."""
    path = quote(os.path.relpath(file_of(action, candidate), table.absolute()), safe="/=~-_.!*'()+,:@&$")
    moved = {**action, "path": path, "dataChange": True}
    vector = action.get("deletionVector")
    if vector and vector["storageType"] == "u":  # named by a folder, and 20 characters for its id
        moved["deletionVector"] = {**vector, "pathOrInlineDv": candidate.name + vector["pathOrInlineDv"][-20:]}
    return moved


def _replaced(table: Path, published: Snapshot, paths: Collection[Path]) -> list[Mapping[str, Any]]:
    """Returns the removals of published files, each named as the table's own log names it."""
    current = {file_of(add, table): add for add in published.files.values()}
    if not current.keys() >= set(paths):
        raise _conflict(table)
    return [{"remove": _removal(current[path])} for path in paths]


def clear(path: Path) -> None:
    """Removes all rows of a table that nobody builds; its earlier versions keep them."""
    if row_count(path) != 0:
        DeltaTable(str(path)).delete()
