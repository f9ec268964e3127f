"""Files of JSON records cut into records, holding one chunk of the file at a time.

Two layouts: an *array* of records (on one line or indented, any white space, a trailing comma allowed) and *lines* (one
record per line). Both may be one part of a file, so that one large file is read by several tasks.

An array is cut by its structure: quotes, escapes and the depth of brackets, found a chunk at a time with numpy. Each
chunk is scanned from the beginning of a record, so nothing is carried from one chunk to the next but the bytes of the
record that the chunk's end cuts through.

A record that is no JSON goes alone where the file's structure survives it (a bad value, a bad escape, invalid UTF-8).
Where it does not (a quote or bracket missing or too many), reading goes on at the next place that looks like the
beginning of a record: a comma, a brace and the name of the records' first field. That may cut a broken record's inner
objects off as records of their own where they begin with the same field; they lack the key and go to quarantine too.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from runner.errors import FormatError

CHUNK_BYTES = 4 << 20
LONGEST_RECORD = 16 << 20  # MongoDB holds none longer; past it, reading looks for the next record
_BETWEEN = b", \t\r\n"
_GOES_ON_WELL = re.compile(rb"\s*(?:,\s*[\[{\]\d\-tfn]|\]|[\[{])")


class Layout(StrEnum):
    """How a file holds its records."""

    ARRAY = "array"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a file's bytes that holds whole records.

    Attributes:
        start: its first byte; in an array, somewhere after the opening bracket and before a record.
        end: one past its last byte.
        is_last: the file ends here; else another part begins here.
        first_field: the name of the records' first field, empty where it is not known.
    """

    path: Path
    layout: Layout
    start: int
    end: int
    is_last: bool
    first_field: str = ""


class Record(NamedTuple):
    """A record as it stands in the file.

    Attributes:
        position: the byte at which it begins.
        raw: its bytes.
        document: its value, None where it is no JSON.
        problem: why it is no JSON, None where it is.
    """

    position: int
    raw: bytes
    document: Any
    problem: str | None


def read_records(part: Part, *, chunk_bytes: int = CHUNK_BYTES, longest: int = LONGEST_RECORD) -> Iterator[Record]:
    """Yields the records of a part in order, holding about `chunk_bytes` of it.

    Raises:
        FormatError: the file ends in the middle of a record or goes on after its end.
    """
    with part.path.open("rb") as stream:
        if part.layout is Layout.LINES:
            yield from _lines(stream, part)
        else:
            yield from _ArrayReader(part, stream, chunk_bytes, longest).records()


def cut(part: Part, size: int, *, chunk_bytes: int = CHUNK_BYTES, longest: int = LONGEST_RECORD) -> list[Part]:
    """Returns the part cut into parts of about `size` bytes, each at the end of a record.

    Lines are cut anywhere: a line belongs to the part in which it begins. An array is scanned once, without parsing.
    """
    if part.end - part.start < 2 * size:
        return [part]
    marks = list(range(part.start + size, part.end - size // 2, size))
    if part.layout is Layout.ARRAY:
        with part.path.open("rb") as stream:
            marks = _boundaries(stream, part, marks, chunk_bytes, longest)
    bounds = [part.start, *marks, part.end]
    return [
        Part(part.path, part.layout, start, end, part.is_last and end == part.end, part.first_field)
        for start, end in itertools.pairwise(bounds)
    ]


def _boundaries(stream: BinaryIO, part: Part, marks: list[int], chunk_bytes: int, longest: int) -> list[int]:
    """Returns, for each mark that has one, the end of the first record past it that another record surely follows."""
    opening = opening_of(part.first_field) or _GOES_ON_WELL
    found: list[int] = []
    left = deque(marks)
    buffer, at = b"", part.start
    stream.seek(at)
    while left:
        chunk = stream.read(min(chunk_bytes, part.end - at - len(buffer)))
        if not chunk:
            break
        buffer += chunk
        elements = scan(buffer)
        for end in elements.ends:
            if not left:
                break
            if at + end > left[0] and opening.match(buffer, end):
                found.append(at + end)
                while left and left[0] < at + end:
                    left.popleft()
        used = elements.ends[-1] if elements.ends else 0
        if elements.close is not None or len(buffer) - used > longest:  # broken, or the end of the array
            goes_on = opening.search(buffer, max(used, elements.close or 0) + 1)
            if goes_on is None:
                break
            used = goes_on.start()
        buffer = buffer[used:]
        at += used
    return found


class _Scan(NamedTuple):
    """The elements of an array as one scan of a buffer finds them.

    Attributes:
        starts: where each whole element (object or array) begins; same length as `ends`.
        ends: one past where each ends.
        close: where the bracket is that closes the array around them, None where it is not in the buffer.
    """

    starts: list[int]
    ends: list[int]
    close: int | None


def scan(buffer: bytes) -> _Scan:
    """Returns the whole elements of a buffer that begins between two elements of an array."""
    brackets, kinds = _brackets(buffer)
    steps = (kinds & 2).astype(np.int32) - 1  # + 1 for [ and {, - 1 for ] and }
    depths = np.cumsum(steps)
    close = None
    below = np.flatnonzero(depths < 0)
    if below.size:
        close = int(brackets[below[0]])
        brackets, steps, depths = brackets[: below[0]], steps[: below[0]], depths[: below[0]]
    ends = brackets[(depths == 0) & (steps < 0)] + 1
    starts = brackets[(depths == 1) & (steps > 0)][: len(ends)]
    return _Scan(starts.tolist(), ends.tolist(), close)


def _brackets(buffer: bytes) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Returns where the brackets outside of strings are, and which they are."""
    data: NDArray[np.uint8] = np.frombuffer(buffer, np.uint8)
    quotes = data == ord('"')
    if b"\\" in buffer:
        quotes[_escaped(data)] = False
    is_inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_)
    folded = data & 0xDF  # takes { to [ and } to ]
    is_bracket = (folded == ord("[")) | (folded == ord("]"))
    is_bracket &= ~is_inside
    where = np.flatnonzero(is_bracket)
    return where, data[where]


def _escaped(data: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Returns where a character follows an odd run of backslashes."""
    slashes = np.flatnonzero(data == ord("\\"))
    last = np.flatnonzero(np.diff(slashes, append=-2) != 1)
    first = np.concatenate(([0], last[:-1] + 1))
    after = slashes[last[(last - first) % 2 == 0]] + 1
    within: NDArray[np.intp] = after[after < len(data)]
    return within


def _parse(raw: bytes) -> tuple[Any, str | None]:
    try:
        return orjson.loads(raw), None
    except orjson.JSONDecodeError as error:
        return None, str(error)


def _lines(stream: BinaryIO, part: Part) -> Iterator[Record]:
    at = part.start
    if at and not _begins_line(stream, at):
        at += len(stream.readline())
    while at < part.end:
        line = stream.readline()
        raw = line.strip(_BETWEEN)
        if raw:
            document, problem = _parse(raw)
            if problem and not line.endswith(b"\n") and not _is_closed(raw):
                raise truncated(part.path, at)
            yield Record(at + line.index(raw[:1]), raw, document, problem)
        at += len(line)


def _begins_line(stream: BinaryIO, at: int) -> bool:
    """Leaves the stream at `at`."""
    stream.seek(at - 1)
    before = stream.read(1)
    return before == b"\n" or (at == 3 and before == b"\xbf")  # a byte-order mark


def _is_closed(raw: bytes) -> bool:
    found = scan(raw)
    return bool(found.ends) and found.ends[-1] == len(raw)


class _ArrayReader:
    """Reads one part of an array; holds the bytes from the first record not yet given."""

    def __init__(self, part: Part, stream: BinaryIO, chunk_bytes: int, longest: int) -> None:
        self._part = part
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._longest = longest
        self._opening = opening_of(part.first_field)
        self._buffer = b""
        self._at = part.start  # where the buffer begins in the file
        self._next = part.start  # where the next chunk begins
        stream.seek(part.start)

    def records(self) -> Iterator[Record]:
        while True:
            self._read_chunk()
            again = True
            while again:
                again = yield from self._cut_buffer()
            if self._has_ended():
                return

    def _has_ended(self) -> bool:
        return self._next >= self._part.end

    def _read_chunk(self) -> None:
        chunk = self._stream.read(min(self._chunk_bytes, self._part.end - self._next))
        self._next = self._next + len(chunk) if chunk else self._part.end
        self._buffer += chunk

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._at += count

    def _broken(self, start: int, end: int, problem: str | None = None) -> Record:
        """Returns the record of a stretch of the buffer that is no JSON, or no object."""
        raw = self._buffer[start:end]
        lead = len(raw) - len(raw.lstrip(_BETWEEN))
        raw = raw.strip(_BETWEEN)
        document, why = _parse(raw)
        return Record(self._at + start + lead, raw, document, problem or why)

    def _cut_buffer(self) -> Generator[Record, None, bool]:
        """Yields the buffer's whole records; returns whether what is left must be scanned again."""
        found = scan(self._buffer)
        used = 0
        for start, end in zip(found.starts, found.ends, strict=True):
            if end - used != end - start and self._buffer[used:start].strip(_BETWEEN):
                yield self._broken(used, start)
            raw = self._buffer[start:end]
            document, problem = _parse(raw)
            if problem is None:
                yield Record(self._at + start, raw, document, None)
                used = end
                continue
            goes_on = self._after_broken(start, end)
            if goes_on is None:
                self._drop(start)
                return False
            yield self._broken(start, goes_on, problem if goes_on == end else None)
            used = goes_on
            if goes_on != end:
                self._drop(goes_on)
                return True
        self._drop(used)
        close = None if found.close is None else found.close - used
        return (yield from (self._rest() if close is None else self._closed(close)))

    def _after_broken(self, start: int, end: int) -> int | None:
        """Returns where reading goes on after a piece that is no JSON; None where more of the file must be seen."""
        next_one = self._opening.search(self._buffer, start + 1) if self._opening else None
        if next_one and next_one.start() < end:
            return next_one.start()  # the piece has swallowed its neighbours
        if _GOES_ON_WELL.match(self._buffer, end):
            return end
        if self._is_array_end(start, end):
            return end - 1
        if next_one:
            return next_one.start()
        return end if self._has_ended() or len(self._buffer) - start > self._longest else None

    def _rest(self) -> Generator[Record, None, bool]:
        """Sees to what follows the last whole element where the array goes on; returns whether to scan again."""
        if not self._has_ended() and len(self._buffer) <= self._longest:
            return False
        rest = self._buffer.strip(_BETWEEN)
        if rest:
            lead = len(self._buffer) - len(self._buffer.lstrip(_BETWEEN))
            next_one = self._opening.search(self._buffer, lead + 1) if self._opening else None
            if next_one:
                yield self._broken(0, next_one.start())
                self._drop(next_one.start())
                return True
            if not self._has_ended():
                raise FormatError(
                    f"{place(self._part.path, self._at + lead)}: this record is longer than "
                    f"{self._longest >> 20} MiB, or what follows it is no JSON. Mend or remove it."
                )
            if self._part.is_last:
                yield self._last_broken(rest, lead)
            else:
                yield self._broken(0, len(self._buffer))
        elif self._part.is_last and self._has_ended():
            raise truncated(self._part.path, self._at)
        self._drop(len(self._buffer))
        return False

    def _is_array_end(self, start: int, end: int) -> bool:
        """True where a broken piece is the file's last, and the bracket it ends with is that of the array."""
        if not (self._part.is_last and self._has_ended()) or self._buffer[end:].strip():
            return False
        return self._buffer[start:end].endswith(b"]")

    def _last_broken(self, rest: bytes, lead: int) -> Record:
        """Returns the broken last record of an array that is closed after it; else the file is truncated."""
        if not _has_bracket_too_many(rest):
            raise truncated(self._part.path, self._at + lead)
        return self._broken(0, lead + len(rest) - 1)

    def _closed(self, close: int) -> Generator[Record, None, bool]:
        """Sees to the bracket that closes the array at `close`; returns whether to scan again."""
        after = self._buffer[close + 1 :].strip()
        if not after and not self._has_ended():
            return False
        if not after and self._part.is_last and self._buffer[close : close + 1] == b"]":
            if self._buffer[:close].strip(_BETWEEN):
                yield self._broken(0, close)
            self._drop(len(self._buffer))
            return False
        next_one = self._opening.search(self._buffer, close) if self._opening else None
        if next_one:  # a bracket too many
            yield self._broken(0, next_one.start())
            self._drop(next_one.start())
            return True
        if not self._has_ended() and len(self._buffer) <= self._longest:
            return False
        if self._part.is_last and self._buffer[close : close + 1] == b"]":
            raise FormatError(
                f"{place(self._part.path, self._at + close + 1)}: the file goes on after the end of its array. "
                "Write one array per file, or one record per line."
            )
        yield self._broken(0, len(self._buffer))
        self._drop(len(self._buffer))
        return False


def place(path: Path, position: int) -> str:
    """Returns `file: line 3, byte 1,024` for a byte of a file; lines and bytes count from 1."""
    line, left = 1, position
    with path.open("rb") as stream:
        while left > 0 and (chunk := stream.read(min(CHUNK_BYTES, left))):
            line += chunk.count(b"\n")
            left -= len(chunk)
    return f"{path}: line {line:,}, byte {position + 1:,}"


def truncated(path: Path, position: int) -> FormatError:
    """Returns the error of a file that ends too soon, in or after the record at `position`."""
    return FormatError(
        f"{place(path, position)}: the file ends in the middle of its records: it is truncated. "
        "Write or copy it again; nothing of it was landed."
    )


def opening_of(first_field: str) -> re.Pattern[bytes] | None:
    """Returns what the beginning of a further record looks like; None where the first field's name is not known."""
    if not first_field:
        return None
    name = re.escape(orjson.dumps(first_field))
    return re.compile(rb",\s*\{\s*" + name + rb"\s*:")


def _has_bracket_too_many(raw: bytes) -> bool:
    kinds = _brackets(raw)[1].tobytes()
    return raw.endswith(b"]") and kinds.count(b"]") > kinds.count(b"[")
