"""Files of a shop read back: JSON in any layout, or Parquet, in units that several processes read at once.

A unit of a JSON file is a range of its bytes that is found without reading what lies before it: records of an array are
told apart by how they begin, a comma, a brace and the name of the records' first field. A unit is parsed as a whole;
only where that fails are its records looked at one by one, so a broken record costs itself and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from runner.errors import FormatError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

UNIT_BYTES = 4 << 20
_WHOLE_BYTES = 64 << 20  # of a file that cannot be cut into units
_LONGEST_GAP = 64 << 20  # between two beginnings of records
_STEP_BYTES = 64 << 10
_ROWS = 2_000  # of a Parquet file at a time
_BETWEEN = b", \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIRST_FIELD = re.compile(rb'\{\s*("(?:[^"\\]|\\.)*")\s*:')
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')

Form = Literal["array", "lines", "parquet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A part of a file: bytes `start` up to `end`, or row group `start` of a Parquet file.

    Attributes:
        is_first, is_last: whether the file begins and ends here.
        first_field: the quoted name that a record of an array begins with; empty where the file is one unit.
        size: bytes, by which progress is told.
    """

    path: Path
    form: Form
    start: int
    end: int
    is_first: bool = True
    is_last: bool = True
    first_field: bytes = b""

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it stands in its file: where (byte, or row of a Parquet file), its value, or why it is no JSON."""

    position: int
    document: Any
    problem: str | None = None


@dataclass(slots=True)
class Block:
    """Records that were read together, in order.

    Attributes:
        documents: the value of each record; None for one that is no JSON.
        found: the same with positions and problems; None until `records` looks for them.
    """

    documents: list[Any]
    _raw: bytes
    _offset: int
    _form: Form
    found: list[Found] | None = None

    def records(self) -> list[Found]:
        """Returns the records with their positions, which are looked for only now."""
        if self.found is None:
            if self._form == "parquet":
                self.found = [Found(self._offset + row, document) for row, document in enumerate(self.documents)]
            else:
                cut = _cut_lines if self._form == "lines" else _cut_array
                found = cut(self._raw, self._offset, b"")
                if len(found) != len(self.documents):  # several values that are no objects, side by side
                    found = [Found(self._offset, document) for document in self.documents]
                self.found = found
        return self.found


@dataclass(frozen=True, slots=True)
class Content:
    """What a unit holds: a digest of its bytes, and its records."""

    digest: str
    blocks: Iterator[Block]


def units_of(path: Path, *, unit_bytes: int = UNIT_BYTES) -> list[Unit]:
    """Returns the file in units of about `unit_bytes`, without reading more than its head and tail.

    Raises:
        FormatError: it is empty, truncated, or holds no records.
    """
    if path.suffix == ".parquet":
        return _row_groups(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_STEP_BYTES)
    mark = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    body = head[mark:].lstrip()
    begin = len(head) - len(body)
    if not body:
        raise FormatError(f"{path}: is empty. Write it again, or take it out of the folder.")
    if body.startswith(b"["):
        _check_closed(path, size)
        return _array_units(path, head, begin + 1, size, unit_bytes)
    if body.startswith(b"{"):
        _check_lines(path, head)
        return _ranges(path, "lines", mark, size, unit_bytes, b"")
    begins = body[:20].decode(errors="replace").split("\n")[0]
    raise FormatError(f'{path}: is no JSON with records: it begins with "{begins}". Write an array, or one per line.')


def open_unit(unit: Unit) -> Content:
    """Returns a unit's digest and records; JSON is read at once, Parquet some rows at a time."""
    if unit.form == "parquet":
        return Content(_row_group_digest(unit), _row_group_blocks(unit))
    raw, offset = _read_lines(unit) if unit.form == "lines" else _read_array(unit)
    return Content(hashlib.blake2b(raw, digest_size=16).hexdigest(), _json_blocks(raw, offset, unit))


def first_records(units: Sequence[Unit], count: int) -> list[Any]:
    """Returns the values of the first records that are JSON objects, at most `count`."""
    documents: list[Any] = []
    for unit in units:
        for block in open_unit(unit).blocks:
            documents += [document for document in block.documents if isinstance(document, dict)]
            if len(documents) >= count:
                return documents[:count]
    return documents


def _check_closed(path: Path, size: int) -> None:
    with path.open("rb") as file:
        file.seek(max(0, size - _STEP_BYTES))
        tail = file.read().rstrip()
    if not tail.endswith(b"]"):
        ends = tail[-20:].decode(errors="replace")
        raise FormatError(
            f'{path}: the file ends with "{ends}", not with the "]" of its array: it is truncated. '
            "Write or copy it again; nothing of it was loaded."
        )


def _check_lines(path: Path, head: bytes) -> None:
    first = head.lstrip(_BYTE_ORDER_MARK + b" \t\r\n").partition(b"\n")[0].strip(_BETWEEN)
    if b"\n" in head and first[-1:] in (b"{", b"[", b":"):
        raise FormatError(
            f"{path}: its top level is one object over several lines. Write an array of records, or one per line."
        )


def _array_units(path: Path, head: bytes, begin: int, size: int, unit_bytes: int) -> list[Unit]:
    named = _FIRST_FIELD.search(head, begin)
    first_field = named.group(1) if named else b""
    if first_field and size > unit_bytes and _occurs_inside(path, first_field, begin):
        first_field = b""
    if first_field or size <= unit_bytes:
        return _ranges(path, "array", begin, size, unit_bytes, first_field)
    if size > _WHOLE_BYTES:
        raise FormatError(
            f"{path}: objects inside of its records begin with the same field as the records, so {size >> 20} MiB cannot "
            "be cut. Write one record per line."
        )
    return _ranges(path, "array", begin, size, size, b"")


def _occurs_inside(path: Path, first_field: bytes, begin: int) -> bool:
    """Returns whether objects inside of the first records begin like the records."""
    with path.open("rb") as file:
        file.seek(begin)
        raw = file.read(1 << 20)
    name = orjson.loads(first_field)
    whole = [found.document for found in _cut_array(raw, 0, b"") if found.document is not None]
    return any(_begins_inside(value, name) for document in whole for value in _inner(document))


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _begins_inside(value: Any, name: str) -> bool:
    if isinstance(value, dict) and next(iter(value), None) == name:
        return True
    return any(_begins_inside(each, name) for each in _inner(value))


def _ranges(path: Path, form: Form, begin: int, end: int, unit_bytes: int, first_field: bytes) -> list[Unit]:
    marks = list(range(begin, max(begin + 1, end - unit_bytes // 2), unit_bytes))
    return [
        Unit(
            path=path,
            form=form,
            start=start,
            end=stop,
            is_first=start == begin,
            is_last=stop == end,
            first_field=first_field,
        )
        for start, stop in zip(marks, [*marks[1:], end], strict=True)
    ]


def _opening_of(first_field: bytes) -> re.Pattern[bytes]:
    """Returns what the comma before a further record looks like, with the record's beginning."""
    return re.compile(rb",\s*\{\s*" + re.escape(first_field) + rb"\s*:")


def _read_array(unit: Unit) -> tuple[bytes, int]:
    """Returns the text of the unit's records, and where it begins: those whose comma before them lies in its range."""
    opening = _opening_of(unit.first_field)
    with unit.path.open("rb") as file:
        file.seek(unit.start)
        buffer = file.read(unit.size)
        stop = len(buffer)
        if not unit.is_last:
            buffer, stop = _read_on(file, buffer, opening, unit)
    begin = 0
    if not unit.is_first:
        match = opening.search(buffer)
        if match is None or match.start() >= min(stop, unit.size):
            return b"", unit.start
        begin = match.start() + 1
    raw = buffer[begin:stop]
    if unit.is_last:
        raw = raw.rstrip()[:-1]
    return raw, unit.start + begin


def _read_on(file: Any, buffer: bytes, opening: re.Pattern[bytes], unit: Unit) -> tuple[bytes, int]:
    """Returns the buffer with what its last record needs, and where that record ends."""
    looked = unit.size
    while True:
        match = opening.search(buffer, looked)
        if match:
            return buffer, match.start()
        more = file.read(_STEP_BYTES)
        if not more:
            return buffer, len(buffer.rstrip()) - 1  # the bracket that closes the array
        if len(buffer) > unit.size + _LONGEST_GAP:
            raise FormatError(
                f"{unit.path}: byte {unit.start + 1:,}: no record begins with {unit.first_field.decode()} within "
                f"{_LONGEST_GAP >> 20} MiB. Write one record per line."
            )
        looked = max(unit.size, buffer.rfind(b","))  # an opening may lie across the edge
        buffer += more


def _read_lines(unit: Unit) -> tuple[bytes, int]:
    """Returns the lines that begin in the unit's range, and where the first of them begins."""
    with unit.path.open("rb") as file:
        begin = unit.start
        if not unit.is_first:
            file.seek(begin - 1)
            begin += len(file.readline()) - 1
        if begin >= unit.end:
            return b"", begin
        file.seek(begin)
        raw = file.read(unit.end - begin)
        if not raw.endswith(b"\n"):
            raw += file.readline()
        return raw, begin


def _json_blocks(raw: bytes, offset: int, unit: Unit) -> Iterator[Block]:
    if unit.form == "lines":
        lines = [line for each in raw.split(b"\n") if (line := each.strip(_BETWEEN))]
        text, expected = b",".join(lines), len(lines)
    else:
        text, expected = raw.strip(_BETWEEN), None
    try:
        documents = orjson.loads(b"[" + text + b"]")
        if expected is None or len(documents) == expected:
            yield Block(documents, raw, offset, unit.form)
            return
    except orjson.JSONDecodeError:
        pass
    found = _cut_lines(raw, offset, b"") if unit.form == "lines" else _cut_array(raw, offset, unit.first_field)
    yield Block([each.document for each in found], raw, offset, unit.form, found)


def _parsed(position: int, raw: bytes) -> Found:
    try:
        return Found(position, orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        return Found(position, None, f"is no JSON: {error}")


def _cut_lines(raw: bytes, offset: int, _: bytes) -> list[Found]:
    found: list[Found] = []
    at = 0
    for line in raw.splitlines(keepends=True):
        text = line.strip(_BETWEEN)
        if text:
            found.append(_parsed(offset + at + line.index(text[:1]), text))
        at += len(line)
    return found


def _cut_array(raw: bytes, offset: int, first_field: bytes) -> list[Found]:
    """Returns the records of a part of an array, one by one; what a broken record spoils ends where the next begins."""
    marks = [0, *(match.start() + 1 for match in _opening_of(first_field).finditer(raw))] if first_field else [0]
    found: list[Found] = []
    for begin, end in zip(marks, [*marks[1:], len(raw)], strict=True):
        found += _elements(raw[begin:end], offset + begin)
    return found


def _elements(piece: bytes, offset: int) -> Iterator[Found]:
    """Yields the elements that lie between commas outside of all brackets."""
    depth, begin = 0, 0
    for token in _TOKEN.finditer(piece):
        sign = token.group()
        if sign in (b"{", b"["):
            if depth == 0:
                before = piece[begin : token.start()].lstrip(_BETWEEN)
                if before:  # what is no object and no array
                    yield _parsed(offset + token.start() - len(before), before.rstrip(_BETWEEN))
                begin = token.start()
            depth += 1
        elif sign in (b"}", b"]"):
            depth = max(0, depth - 1)
            if depth == 0:
                yield _parsed(offset + begin, piece[begin : token.end()])
                begin = token.end()
    rest = piece[begin:].lstrip(_BETWEEN)
    if rest:
        yield _parsed(offset + len(piece) - len(rest), rest.rstrip(_BETWEEN))


def _parquet(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise FormatError(f"{path}: cannot be read as Parquet: {said}. Write it again.") from error


def _row_groups(path: Path) -> list[Unit]:
    meta = _parquet(path).metadata
    count = meta.num_row_groups
    sizes = [meta.row_group(group).total_byte_size for group in range(count)]
    return [Unit(path=path, form="parquet", start=group, end=group + max(1, sizes[group])) for group in range(count)]


def _row_group_digest(unit: Unit) -> str:
    """Returns a digest of the row group's bytes in the file."""
    group = _parquet(unit.path).metadata.row_group(unit.start)
    digest = hashlib.blake2b(digest_size=16)
    with unit.path.open("rb") as file:
        for index in range(group.num_columns):
            column = group.column(index)
            starts = [column.data_page_offset]
            if column.has_dictionary_page:
                starts.append(column.dictionary_page_offset)
            file.seek(min(starts), os.SEEK_SET)
            digest.update(column.path_in_schema.encode())
            digest.update(file.read(column.total_compressed_size))
    return digest.hexdigest()


def _row_group_blocks(unit: Unit) -> Iterator[Block]:
    """Yields the rows as they stand in a JSON file of the same shop."""
    import pyarrow as pa

    from simulate.jsontext import json_rows

    file = _parquet(unit.path)
    at = 0
    for batch in file.iter_batches(batch_size=_ROWS, row_groups=[unit.start]):
        rows = json_rows(pa.Table.from_batches([batch]))
        text = "[" + ",".join(rows.to_pylist()) + "]"
        documents = orjson.loads(text)
        yield Block(documents, b"", at, "parquet")
        at += len(documents)
