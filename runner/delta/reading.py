"""What a Delta table holds and what its log says, read without Spark: files, versions, rows, columns, moments."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from runner.delta import log as delta_log
from runner.delta.log import Snapshot

NOTE = "is_note"  # in the metadata of a commit that changes no row
_KEEPS_ROWS = {"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "FSCK"}


def opened(path: Path) -> DeltaTable:
    """Returns the table as it is now, to be looked at and not changed: opened anew only when its log has grown.

    Raises:
        TableNotFoundError: there is no table.
    """
    log = path / "_delta_log"
    try:
        names = [one.name for one in log.iterdir()]
        found = log.stat()
    except (FileNotFoundError, NotADirectoryError):
        return DeltaTable(str(path))
    return _opened(str(path), (found.st_ino, found.st_mtime_ns, max(names, default=""), len(names)))


@lru_cache(maxsize=512)
def _opened(path: str, log: tuple[int, int, str, int]) -> DeltaTable:
    return DeltaTable(path)


def is_table(path: Path) -> bool:
    """True where `path` holds a Delta table with at least one commit."""
    return (path / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(path))


@dataclass(frozen=True, slots=True)
class PlainFiles:
    """The Parquet files that are all of a table's rows.

    Attributes:
        schema: the table's columns as Spark's JSON.
        size: the bytes of all files.
    """

    schema: str
    files: tuple[Path, ...]
    size: int


_MOST_PLAIN = 24  # files: Spark lists more of them in a job of its own, and then reads the log as fast
_NOT_PLAIN = re.compile(r"[*?{}\[\]\\]")  # what a path of Spark's may not hold without meaning something else


def plain_files(path: Path) -> PlainFiles | None:
    """Returns a small table's files where to read them is to read the table; None where it takes more.

    It takes more where rows are deleted by vectors, columns are mapped or come from folders' names, or a type is not
    Parquet's own: whatever needs a reader of a version above 1.
    """
    found = delta_log.read_snapshot(path)
    metadata, files = found.metadata, [file_of(add, path) for add in found.files.values()]
    schema = str(metadata.get("schemaString", ""))
    if found.protocol.get("minReaderVersion") != 1 or metadata.get("partitionColumns") or '"void"' in schema:
        return None
    if not 0 < len(files) <= _MOST_PLAIN or any(_NOT_PLAIN.search(str(file)) for file in files):
        return None
    return PlainFiles(schema, tuple(files), sum(add["size"] for add in found.files.values()))


def version(path: Path) -> int | None:
    """Returns the newest version of the table, or None where there is no table."""
    try:
        return opened(path).version()
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


def _is_note(entry: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(entry.get("userMetadata") or "{}").get(NOTE))
    except (json.JSONDecodeError, AttributeError):
        return False


def missing_files(table: Path, snapshot: Snapshot) -> list[Path]:
    """Returns the data files that a table's log names and that are not there."""
    return [path for add in snapshot.files.values() if not (path := file_of(add, table)).exists()]


def file_of(action: Mapping[str, Any], table: Path) -> Path:
    """Returns the path of a logged file: logged URL-encoded, relative to its table or as an absolute URI."""
    return Path(os.path.normpath(table.absolute() / unquote(urlparse(action["path"]).path)))


def row_count(path: Path) -> int | None:
    """Returns the table's rows by the statistics in its log; None where a file has none. Reads no data."""
    table = opened(path)
    if "deletionVectors" in (table.protocol().reader_features or ()):
        return _rows_less_deleted(path)
    counts = table.get_add_actions(flatten=True).column("num_records").to_pylist()
    return None if None in counts else sum(counts)


def _rows_less_deleted(path: Path) -> int | None:
    """Returns the rows of a table whose files have vectors of deleted rows."""
    total = 0
    for add in delta_log.read_snapshot(path).files.values():
        rows = json.loads(add.get("stats") or "{}").get("numRecords")
        if rows is None:
            return None
        total += rows - (add.get("deletionVector") or {}).get("cardinality", 0)
    return total


def size_bytes(path: Path) -> int:
    """Returns the bytes of the table's current files, by its log."""
    return sum(opened(path).get_add_actions(flatten=True).column("size_bytes").to_pylist())


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
    return [(field.name, _type_name(field.type)) for field in opened(path).schema().fields]


def _type_name(data_type: Any) -> str:
    words = json.loads(data_type.to_json())
    return spelled(words)


def spelled(words: Any) -> str:
    """Returns a type of a table's schema, as its log has it, in Spark's words: `array<struct<id:bigint>>`."""
    if isinstance(words, str):
        return {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}.get(words, words)
    if words["type"] == "array":
        return f"array<{spelled(words['elementType'])}>"
    if words["type"] == "map":
        return f"map<{spelled(words['keyType'])},{spelled(words['valueType'])}>"
    return "struct<" + ",".join(f"{field['name']}:{spelled(field['type'])}" for field in words["fields"]) + ">"


def first_rows(path: Path, limit: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Returns the table's columns and its first rows, read without Spark."""
    dataset = opened(path).to_pyarrow_dataset()
    found = dataset.head(limit, batch_size=max(limit, 1), batch_readahead=0, fragment_readahead=1)  # no more than that
    return found.column_names, found.to_pylist()
