"""What a table's Delta log says of it: size, versions, and statistics of its columns. No row is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from runner import delta
from runner.delta import log as delta_log
from runner.delta.log import Action, Snapshot
from runner.quality.kept import as_moment
from runner.state.commits import Commit, commits

_MOST = 20  # versions that are told
CUT = 32  # characters that Delta keeps of a text's least and greatest value
_WIDE = Context(prec=50)
_loads = partial(json.loads, parse_float=Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the statistics of a table's files say of a column, or of a field in one.

    Attributes:
        nulls: how many; None where a file does not say.
        least, greatest: the ends of its values; None where a file does not say, or there is no value.
        is_cut: whether only the beginning of a text is kept.
        why_not: why there is nothing of these, in words; empty where there is something.
        type: in Spark's words.
    """

    nulls: int | None = None
    least: Any = None
    greatest: Any = None
    is_cut: bool = False
    why_not: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a table.

    Attributes:
        rows, size, files: of the table then; None where the log does not reach back. Size in bytes.
    """

    commit: Commit
    rows: int | None = None
    size: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A table as its log has it.

    Attributes:
        rows: None where a file has no statistics.
        size: bytes of its current files.
        columns: name and type in Spark's words.
        figures: by column, and by `column.field` for what lies in structs.
        versions: the newest first, at most twenty; `earlier` counts those before them that the log still has.
    """

    version: int
    rows: int | None
    size: int
    files: int
    partition_by: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    figures: Mapping[str, Figures] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()
    earlier: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)


def read_stored(table: Path) -> Stored | None:
    """Returns what the log of the table at `table` says; None where there is no table."""
    if not delta.is_table(table):
        return None
    said = {one.version: one for one in islice(commits(table), _MOST)}
    sizes, now = _sizes(table, sorted(said))
    rows, size, files = _size(now)
    return Stored(
        version=now.version,
        rows=rows,
        size=size or 0,
        files=files or 0,
        partition_by=tuple(now.metadata.get("partitionColumns") or ()),
        columns=tuple((one["name"], delta.spelled(one["type"])) for one in _fields(now)),
        figures=_figures(now),
        versions=tuple(
            Version(commit=said[number], rows=one[0], size=one[1], files=one[2])
            for number in sorted(said, reverse=True)
            for one in [sizes.get(number, (None, None, None))]
        ),
        earlier=sum(1 for _ in delta_log.commits(table)) - len(said),
        properties={
            name: str(value)
            for name, value in (now.metadata.get("configuration") or {}).items()
            if not name.startswith("delta.columnMapping.maxColumnId")
        },
    )


def columns_of(schema: str, stats: str) -> tuple[tuple[tuple[str, str], ...], Mapping[str, Figures]]:
    """Returns the columns of a schema with their types, and their figures, by one file's statistics.

    Args:
        schema: in Spark's JSON, as a Delta log has it.
        stats: likewise.
    """
    now = Snapshot(metadata={"schemaString": schema}, files={("", ""): {"stats": stats}})
    return tuple((one["name"], delta.spelled(one["type"])) for one in _fields(now)), _figures(now)


_Size = tuple[int | None, int | None, int | None]


def _sizes(table: Path, numbers: Sequence[int]) -> tuple[dict[int, _Size], Snapshot]:
    """Returns rows, bytes and files at some versions, as far back as the log has them whole, and the newest state."""
    found: dict[int, _Size] = {}
    now: Snapshot | None = None
    for number, path in delta_log.commits(table, after=(numbers or [0])[0] - 1):
        try:
            if now is None:
                now = delta_log.read_snapshot(table, version=number)
            else:
                for action in delta_log.actions(path):
                    now.apply(action)
                now.version = number
        except (FileNotFoundError, LookupError):  # Delta clears old commits away while others read
            now = None
            continue
        found[number] = _size(now)
    return found, now or delta_log.read_snapshot(table)


def _size(snapshot: Snapshot) -> _Size:
    rows: int | None = 0
    for add in snapshot.files.values():
        count = _rows(add)
        rows = None if rows is None or count is None else rows + count
    return rows, sum(add["size"] for add in snapshot.files.values()), len(snapshot.files)


def _rows(add: Action) -> int | None:
    found = _stats(add).get("numRecords")
    return None if found is None else found - _deleted(add)


def _deleted(add: Action) -> int:
    return int((add.get("deletionVector") or {}).get("cardinality", 0))


def _stats(add: Action) -> Mapping[str, Any]:
    text = add.get("stats")
    found = _loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _figures(snapshot: Snapshot) -> dict[str, Figures]:
    files = [(_stats(add), add) for add in snapshot.files.values()]
    partitions = set(snapshot.metadata.get("partitionColumns") or ())
    found = {}
    for name, path, kind in leaves(_fields(snapshot)):
        if name in partitions:
            figures = _of_partitions(path[0], kind, files)
        else:
            figures = _of_files(path, kind, files)
        found[name] = replace(figures, type=delta.spelled(kind))
    return found


def _fields(snapshot: Snapshot) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = json.loads(snapshot.metadata.get("schemaString") or '{"fields": []}')["fields"]
    return found


def leaves(
    fields: Sequence[Mapping[str, Any]], names: tuple[str, ...] = (), path: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Yields the name of each column and of each field in structs, its path in statistics, and its type."""
    for one in fields:
        own = (*names, one["name"])
        physical = (*path, (one.get("metadata") or {}).get("delta.columnMapping.physicalName", one["name"]))
        if isinstance(one["type"], dict) and one["type"]["type"] == "struct":
            yield from leaves(one["type"]["fields"], own, physical)
        else:
            yield ".".join(own), physical, one["type"]


def _of_partitions(name: str, kind: Any, files: Sequence[tuple[Mapping[str, Any], Action]]) -> Figures:
    nulls: int | None = 0
    values = []
    for stats, add in files:
        value = (add.get("partitionValues") or {}).get(name)
        if value is not None and value != "":
            values.append(_typed(value, kind))
        elif nulls is not None:
            nulls = None if "numRecords" not in stats else nulls + stats["numRecords"] - _deleted(add)
    return Figures(nulls=nulls, least=min(values, default=None), greatest=max(values, default=None))


def _of_files(path: tuple[str, ...], kind: Any, files: Sequence[tuple[Mapping[str, Any], Action]]) -> Figures:
    if not isinstance(kind, str):
        return Figures(why_not="Delta keeps no statistics of arrays and maps")
    nulls: int | None = 0
    ends: tuple[list[Any], list[Any]] | None = ([], [])
    for stats, add in files:
        count = _at(stats.get("nullCount"), path)
        nulls = None if nulls is None or count is None or _deleted(add) else nulls + count
        low, high = _at(stats.get("minValues"), path), _at(stats.get("maxValues"), path)
        if low is not None and high is not None and ends is not None:
            ends[0].append(_typed(low, kind))
            ends[1].append(_typed(high, kind))
        elif count is None or count != stats.get("numRecords"):
            ends = None
    if nulls is None and ends is None and files:
        return Figures(why_not="its files say nothing of this column; Delta keeps statistics of the first 32")
    least, greatest = (min(ends[0], default=None), max(ends[1], default=None)) if ends else (None, None)
    is_cut = kind == "string" and any(isinstance(one, str) and len(one) >= CUT for one in (least, greatest))
    return Figures(nulls=nulls, least=least, greatest=greatest, is_cut=is_cut)


def _at(stats: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(stats, dict):
            return None
        stats = stats.get(name)
    return None if isinstance(stats, dict) else stats


def _typed(value: Any, kind: Any) -> Any:
    """Returns a value of the log by its column's type, so that it can be compared and shown."""
    if kind in ("timestamp", "timestamp_ntz"):
        return as_moment(value.replace(" ", "T") if isinstance(value, str) else value) or datetime.min.replace(
            tzinfo=UTC
        )
    if kind in ("double", "float"):
        return float(value)
    if kind in ("long", "integer", "short", "byte"):
        return int(value)
    if isinstance(kind, str) and kind.startswith("decimal"):
        scale = int(kind.rstrip(")").split(",")[-1])
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    return str(value) if kind in ("string", "date") else value
