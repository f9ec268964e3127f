"""A draft of `sources.yml` for a table, inferred from a sample of its records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ingest.cell_profile import CellColumn, cell_columns, key_columns
from ingest.contract import RESERVED, Column, Contract
from ingest.path_profile import Note, PathProfile, kind_of, landable, untyped
from ingest.sample_stores import sample_hbase as sample_hbase
from ingest.sample_stores import sample_mongodb as sample_mongodb
from runner.errors import ProjectError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_NO_KEY = {"double", "boolean"}
_KEY_WORDS = ("id", "uuid", "guid", "key", "code", "number", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftColumn:
    """A column of the draft.

    Attributes:
        comment: the share of the records that have it, and their types where they are mixed.
        notes: on the paths inside it.
    """

    column: Column
    comment: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What a sample of a table's records suggests.

    Attributes:
        store: `mongodb` or `hbase`.
        records: in the sample.
        key_comment: why the key is taken for one.
        left_out: paths that the contract cannot name, each with the reason; landing keeps them in `_rescued`.
    """

    source: str
    store: str
    table: str
    records: int
    key: tuple[str, ...]
    key_comment: str
    columns: tuple[DraftColumn, ...]
    left_out: tuple[Note, ...] = ()

    @property
    def text(self) -> str:
        """The draft as YAML, to be read by a person and pasted into `sources.yml`."""
        return "\n".join([*self._head(), *(line for each in self.columns for line in _column_lines(each)), ""])

    def contract(self) -> Contract:
        """Returns the draft as the contract that it would be."""
        columns = tuple(each.column for each in self.columns)
        stored_as = None if self.table == _identifier(self.table) else self.table
        return Contract(self.source, _identifier(self.table), columns, self.key, stored_as)

    def _head(self) -> list[str]:
        name = _identifier(self.table)
        grain = f"One row per {', '.join(self.key)}." if self.key else "One row per record."
        sample = f"{self.records:,} record{'' if self.records == 1 else 's'}"
        lines = [
            "version: 2",
            "",
            "sources:",
            f"  - name: {_scalar(self.source)}",
            f"    meta: {{store: {self.store}}}",
            "    loaded_at_field: _landed_at",
            "    tables:",
            f"      - name: {_scalar(name)}",
            f'        description: "Drafted from a sample of {sample}. {grain}"',
            f"        key: [{', '.join(map(_scalar, self.key))}] # {_one_line(self.key_comment)}",
        ]
        if name != self.table:
            lines.append(f"        stored_as: {json.dumps(self.table, ensure_ascii=False)}")
        lines += [f"        # {_one_line(note.path)}: {_one_line(note.text)}" for note in self.left_out]
        return [*lines, "        columns:"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A column that may be the key, with its value in each record."""

    name: str
    values: Sequence[Any]


def infer(records: Iterable[Any], *, source: str, table: str, sample_size: int) -> Inferred:
    """Returns a draft of what `sources.yml` would say of a table.

    Args:
        records: documents as pymongo gives them, or HBase rows as `{b"family:qualifier": bytes}`, with the row key
            under `b":key"` where it is known.
        source: the name of the source that the table will stand under.
        table: the collection or table.
        sample_size: at most so many records are looked at.

    Raises:
        ProjectError: there is no record.
    """
    sample = list(islice(records, sample_size))
    if not sample:
        raise ProjectError(
            f"{source}.{table}: holds no record, so nothing can be inferred. Load some, or name another table."
        )
    if all(type(name) is bytes for record in sample for name in record):
        return _infer_cells(sample, source, table)
    return _infer_documents(sample, source, table)


def _infer_documents(sample: Sequence[Mapping[str, Any]], source: str, table: str) -> Inferred:
    whole = PathProfile()
    for document in sample:
        whole.see(document)
    fields = dict(whole.fields)
    left_out: list[Note] = []
    twin = _twin_of_id(sample, fields)
    if twin:
        left_out.append(Note("_id", f"is {twin} again"))
        del fields["_id"]
    columns: list[DraftColumn] = []
    for name, profile, refusal in landable(fields):
        draft = profile.draft(name)
        refusal = refusal or ("landing adds a column of that name itself" if name in RESERVED else "")
        if refusal or draft.data_type is None:
            left_out.append(Note(name, f"left to _rescued: {refusal or untyped(profile)}"))
            continue
        columns.append(
            DraftColumn(column=Column(name, draft.data_type), comment=profile.said(len(sample)), notes=draft.notes)
        )
    candidates = [
        _Candidate(each.column.name, [document.get(each.column.name) for document in sample]) for each in columns
    ]
    first = [twin] if twin else []
    key, why = _key(candidates, columns, table, first, "the same as _id")
    return Inferred(
        source=source,
        store="mongodb",
        table=table,
        records=len(sample),
        key=key,
        key_comment=why,
        columns=tuple(columns),
        left_out=tuple(left_out),
    )


def _twin_of_id(sample: Sequence[Mapping[str, Any]], fields: Mapping[str, PathProfile]) -> str | None:
    """Returns the field that repeats `_id` in each document."""
    ids = [document.get("_id") for document in sample]
    if any(value is None for value in ids):
        return None
    for name in fields:
        if name != "_id" and [document.get(name) for document in sample] == ids:
            return name
    return None


def _infer_cells(sample: Sequence[Mapping[bytes, bytes]], source: str, table: str) -> Inferred:
    found = cell_columns(sample)
    parts = key_columns(sample)
    twins: dict[str, str] = {}  # by part of the row key, the column that repeats it
    for part in parts:
        index = next((index for index, each in enumerate(found) if _repeats(each, part)), None)
        if index is not None:
            twin = found[index]
            found[index] = replace(twin, cells=(*twin.cells, *part.cells), values=part.values)
            twins[part.name] = twin.name
    columns, left_out = _draft_cells(found, len(sample))
    candidates = [_Candidate(each.name, each.values) for each in found if each.values]
    key, why = _key(candidates, columns, table, list(twins.values()), "a part of the row key")
    if not key and parts:
        own, _ = _draft_cells([part for part in parts if part.name not in twins], len(sample))
        columns = [*own, *columns]
        key, why = tuple(twins.get(part.name, part.name) for part in parts), "the row key"
    return Inferred(
        source=source,
        store="hbase",
        table=table,
        records=len(sample),
        key=key,
        key_comment=why,
        columns=tuple(columns),
        left_out=tuple(left_out),
    )


def _repeats(column: CellColumn, part: CellColumn) -> bool:
    """Returns whether a column holds, wherever it is filled, what a part of the row key is."""
    pairs = list(zip(column.values, part.values, strict=True)) if column.values else []
    filled = [(own, value) for own, value in pairs if own]
    return bool(filled) and all(own == value for own, value in filled)


def _draft_cells(found: Iterable[CellColumn], rows: int) -> tuple[list[DraftColumn], list[Note]]:
    columns: list[DraftColumn] = []
    left_out: list[Note] = []
    taken: set[str] = set()
    for each in found:
        draft = each.profile.draft(each.name)
        refusal = "landing adds a column of that name itself" if each.name in RESERVED else ""
        if each.name.lower() in taken or not each.name:
            refusal = "its name differs from another column's only by case, or has no letter"
        if "\ufffd" in "".join(each.cells):
            refusal = "its name is no UTF-8"
        if refusal or draft.data_type is None:
            left_out.append(
                Note(", ".join(each.cells), f"left to _rescued: {refusal or 'its bytes are of no one kind'}")
            )
            continue
        taken.add(each.name.lower())
        said = each.profile.said(rows)
        columns.append(
            DraftColumn(
                column=Column(each.name, draft.data_type, (), each.cells, each.codec),
                comment=f"{said}; {each.remark}" if each.remark else said,
                notes=draft.notes,
            )
        )
    return columns, left_out


def _key(
    candidates: Sequence[_Candidate], columns: Sequence[DraftColumn], table: str, first: Sequence[str], why_first: str
) -> tuple[tuple[str, ...], str]:
    """Returns the likeliest of the columns that are filled and distinct in all records, and why; none where none is."""
    types = {each.column.name: each.column.data_type for each in columns}
    distinct = [each.name for each in candidates if _is_key(each.values, types.get(each.name, "double"))]
    if not distinct:
        return (), "no column is filled and distinct in all records: name what tells them apart"
    best = min(distinct, key=lambda name: (_rank(name, table, first), list(types).index(name)))
    count = len(candidates[0].values)
    why = f"filled and distinct in all {count:,} records"
    return (best,), f"{why_first}; {why}" if best in first else why


def _is_key(values: Sequence[Any], data_type: str) -> bool:
    if data_type in _NO_KEY or data_type.startswith(("array", "map", "struct", "decimal", "timestamp", "date")):
        return False
    if any(value is None or value in ("", b"") for value in values):
        return False
    return len({(kind_of(value), str(value)) for value in values}) == len(values)


def _rank(name: str, table: str, first: Sequence[str]) -> int:
    """Returns how likely a column is the key by its name, 0 the likeliest."""
    word = name.lower()
    if name in first:
        return 0
    if word in {f"{one}_id" for one in _singulars(table)} | {f"{one}id" for one in _singulars(table)}:
        return 1
    if word == "_id":
        return 2
    if word.endswith("_id") or (word.endswith("id") and name.endswith("Id")):
        return 3
    return 4 if any(word == each or word.endswith(f"_{each}") for each in _KEY_WORDS) else 5


def _singulars(table: str) -> set[str]:
    word = table.lower()
    found = {word}
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    if word.endswith("es"):
        found.add(word[:-2])
    if word.endswith("s"):
        found.add(word[:-1])
    return found


def _column_lines(draft: DraftColumn) -> list[str]:
    column = draft.column
    lines = [
        f"          - name: {_scalar(column.name)}",
        f"            data_type: {_scalar(column.data_type)} # {_one_line(draft.comment)}",
    ]
    if column.cells:
        lines.append(f"            cells: {json.dumps(list(column.cells), ensure_ascii=False)}")
    if column.codec:
        lines.append(f"            codec: {column.codec}")
    return [*lines, *(f"            # {_one_line(note.path)}: {_one_line(note.text)}" for note in draft.notes)]


def _scalar(text: str) -> str:
    """Returns a text as YAML reads it back."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(?:\(\d+,\d+\))?", text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Returns a text as a comment can hold it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _identifier(name: str) -> str:
    """Returns a collection's name as a table can be called."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII)
    return word if _PLAIN.fullmatch(word) else f"_{word}"
