"""Delta tables as files: candidates, publishing, versions. The one place that touches a Delta log without Spark.

A candidate is a Delta table that Spark writes inside the published table's own folder. Publishing is one commit on
the published table's log that adds the candidate's files and removes the old ones: atomic, nothing is copied, and
readers see either the old version or the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, create_table_with_add_actions

from runner.errors import ContractError

_CANDIDATE = "candidate-"
_NOTE = "is_note"  # in the metadata of a commit that changes no row
_KEEPS_ROWS = {"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "FSCK"}


def is_table(path: Path) -> bool:
    """True where `path` holds a Delta table with at least one commit."""
    return (path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(path))


def version(path: Path) -> int | None:
    """Returns the newest version of the table, or None where there is no table."""
    try:
        return DeltaTable(str(path)).version()
    except TableNotFoundError:
        return None


def metadata(path: Path) -> dict[str, Any]:
    """Returns what the newest commit that carries our metadata says of itself; empty where none does."""
    if not is_table(path):
        return {}
    for entry in DeltaTable(str(path)).history():
        said = entry.get("userMetadata")
        if said:
            try:
                found = json.loads(said)
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict):
                return found
    return {}


def changed_since(path: Path, version: int) -> bool:
    """True where a later commit changed the table's rows: somebody's write, or a return to an older version."""
    entries = DeltaTable(str(path)).history()
    return any(
        entry["version"] > version and entry["operation"] not in _KEEPS_ROWS and not _is_note(entry)
        for entry in entries
    )


def note(path: Path, *, user_metadata: Mapping[str, Any]) -> int:
    """Commits metadata alone, adding and removing no file; returns the new version."""
    table = DeltaTable(str(path))
    said = {**user_metadata, _NOTE: True}
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(said, default=str)})
    table.create_write_transaction([], "append", table.schema(), [], commit_properties=properties)
    return int(table.version()) + 1


def _is_note(entry: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(entry.get("userMetadata") or "{}").get(_NOTE))
    except (json.JSONDecodeError, AttributeError):
        return False


def new_candidate(table: Path) -> Path:
    """Returns the path of a candidate for `table` that nothing holds yet."""
    return table / f"{_CANDIDATE}{uuid.uuid4().hex[:12]}"


def discard(candidate: Path) -> None:
    """Removes a candidate that was not published."""
    shutil.rmtree(candidate, ignore_errors=True)
    table = candidate.parent
    if table.is_dir() and not any(table.iterdir()):
        table.rmdir()  # a first build that failed leaves nothing


def publish(
    table: Path,
    candidate: Path,
    *,
    user_metadata: Mapping[str, Any],
    read_version: int | None,
    partition_by: Sequence[str] = (),
) -> int:
    """Makes the candidate's rows the table's whole content, in one commit; returns the new version.

    Args:
        table: the published table's folder; created by this commit where it is not a table yet.
        candidate: a Delta table inside `table`, as Spark wrote it.
        user_metadata: what the commit says of itself (JSON values).
        read_version: the version that the build started from; None where there was no table.
        partition_by: the partition columns.

    Raises:
        ContractError: somebody changed the table since `read_version`; nothing is published.
    """
    adds, _ = _actions(candidate, table)
    schema = DeltaTable(str(candidate)).schema()
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(dict(user_metadata), default=str)})
    if read_version is None:
        if is_table(table):
            raise _conflict(table)
        create_table_with_add_actions(
            str(table), schema, adds, mode="error", partition_by=list(partition_by), commit_properties=properties
        )
        new = 0
    else:
        _commit(table, adds, "overwrite", schema, partition_by, properties, read_version)
        new = read_version + 1
    shutil.rmtree(candidate / "_delta_log", ignore_errors=True)  # its files are the table's now
    return new


def publish_changes(
    table: Path,
    candidate: Path,
    *,
    user_metadata: Mapping[str, Any],
    read_version: int,
    partition_by: Sequence[str] = (),
    since: int = -1,
) -> int:
    """Commits the files that the candidate added and removed after its own version `since`; returns the new version.

    For an append the candidate holds only the new rows (`since=-1`); for a merge it is a shallow clone of the
    published table (`since=0`, the clone itself).

    Raises:
        ContractError: somebody changed the table since `read_version`; nothing is published.
    """
    adds, removes = _actions(candidate, table, since=since)
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps(dict(user_metadata), default=str)})
    schema = DeltaTable(str(candidate)).schema()
    _commit(table, [*adds, *removes], "append", schema, partition_by, properties, read_version)
    shutil.rmtree(candidate / "_delta_log", ignore_errors=True)
    return read_version + 1


def _commit(
    table: Path,
    actions: list[Any],
    mode: Any,
    schema: Any,
    partition_by: Sequence[str],
    properties: CommitProperties,
    read_version: int,
) -> None:
    published = DeltaTable(str(table))
    if published.version() != read_version:
        raise _conflict(table)
    try:
        published.create_write_transaction(actions, mode, schema, list(partition_by), commit_properties=properties)
    except CommitFailedError as error:
        raise _conflict(table) from error


def _conflict(table: Path) -> ContractError:
    return ContractError(
        f"{table.parent.name}.{table.name}: another process changed this table while it was being built; "
        "nothing was published. Run it again."
    )


def _actions(candidate: Path, table: Path, since: int = -1) -> tuple[list[AddAction], list[RemoveAction]]:
    adds: dict[str, AddAction] = {}
    removes: dict[str, RemoveAction] = {}
    for log in sorted((candidate / "_delta_log").glob("*.json")):
        if int(log.stem) <= since:
            continue
        for action in map(json.loads, log.read_text().splitlines()):
            if add := action.get("add"):
                path = _relative(add["path"], candidate, table)
                adds[path] = AddAction(
                    path, add["size"], add["partitionValues"], add["modificationTime"], True, add.get("stats") or "{}"
                )
            elif remove := action.get("remove"):
                path = _relative(remove["path"], candidate, table)
                if adds.pop(path, None) is None:
                    removes[path] = RemoveAction(
                        path,
                        data_change=True,
                        deletion_timestamp=remove["deletionTimestamp"],
                        size=remove.get("size"),
                        partition_values=remove.get("partitionValues"),
                    )
    return list(adds.values()), list(removes.values())


def _relative(logged: str, candidate: Path, table: Path) -> str:
    """Returns a logged path (URL-encoded; relative to the candidate, or absolute in a clone) relative to the table."""
    parsed = urlparse(logged)
    path = Path(unquote(parsed.path))
    return os.path.relpath(path if path.is_absolute() else candidate / path, table)


def row_count(path: Path) -> int | None:
    """Returns the table's rows by the statistics in its log; None where a file has none. Reads no data."""
    counts = DeltaTable(str(path)).get_add_actions(flatten=True).column("num_records").to_pylist()
    return None if None in counts else sum(counts)


def size_bytes(path: Path) -> int:
    """Returns the bytes of the table's current files, by its log."""
    return sum(DeltaTable(str(path)).get_add_actions(flatten=True).column("size_bytes").to_pylist())


def clear(path: Path) -> None:
    """Removes all rows of a table that nobody builds; its earlier versions keep them."""
    if row_count(path) != 0:
        DeltaTable(str(path)).delete()


def newest_value(path: Path, column: str) -> Any:
    """Returns the greatest value of a column by the statistics in the table's log; None where a file has none."""
    adds = DeltaTable(str(path)).get_add_actions(flatten=True)
    name = next((name for name in (f"max.{column}", f"partition.{column}") if name in adds.schema.names), None)
    values = adds.column(name).to_pylist() if name else [None]
    return None if None in values else max(values, default=None)


def changed_at(path: Path) -> datetime:
    """Returns the moment of the newest commit that changed the table's rows, in UTC."""
    entries = DeltaTable(str(path)).history()
    changed = [entry for entry in entries if entry["operation"] not in _KEEPS_ROWS and not _is_note(entry)]
    return datetime.fromtimestamp(max(entry["timestamp"] for entry in changed or entries) / 1000, UTC)


def columns(path: Path) -> list[tuple[str, str]]:
    """Returns the table's columns and their types in Spark's words."""
    return [(field.name, _type_name(field.type)) for field in DeltaTable(str(path)).schema().fields]


def _type_name(data_type: Any) -> str:
    words = json.loads(data_type.to_json())
    return _spelled(words)


def _spelled(words: Any) -> str:
    if isinstance(words, str):
        return {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}.get(words, words)
    if words["type"] == "array":
        return f"array<{_spelled(words['elementType'])}>"
    if words["type"] == "map":
        return f"map<{_spelled(words['keyType'])},{_spelled(words['valueType'])}>"
    return "struct<" + ",".join(f"{field['name']}:{_spelled(field['type'])}" for field in words["fields"]) + ">"


def first_rows(path: Path, limit: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Returns the table's columns and its first rows, read without Spark."""
    dataset = DeltaTable(str(path)).to_pyarrow_dataset()
    found = dataset.head(limit)
    return found.column_names, found.to_pylist()
