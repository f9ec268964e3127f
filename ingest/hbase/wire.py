"""Rows straight from Thrift1's bytes: calls written and replies walked here, without an object per cell.

happybase spends about 3 µs on a cell, most of it on objects that are thrown away. This reads the binary protocol over the
unframed transport only; whatever else a server speaks goes through happybase itself, with the same result.

A reply that is a list of rows: message header, field 0 of type list of structs, `TRowResult {1: row, 2: map of
TCell {1: value, 2: timestamp}}` each, and a stop. It does not say how long it is: its end is where the walk ends.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, error, pack
from typing import Any

from stores.settings import HBaseSettings

_VERSION_CALL = b"\x80\x01\x00\x01"
_REPLY = b"\x80\x01\x00\x02"
_EXCEPTION = b"\x80\x01\x00\x03"
_LIST_FIELD, _OF_STRUCTS = b"\x0f", b"\0\0\x0c"
_ROW_HEAD = b"\x0b\x00\x01"
_MAP_HEAD = b"\x0d\x00\x02\x0b\x0c"
_CHUNK = 1 << 20

_i32 = Struct(">I").unpack_from
_i32_after_field_head = Struct(">3xI").unpack_from  # after a field's type and number
_row_head = Struct(">3sI").unpack_from
_map_head = Struct(">5sI").unpack_from


class ServerRefused(Exception):
    """The server answered with an exception of its own; the text is what it says."""


class Garbled(ConnectionError):
    """The bytes are no reply; the connection cannot be used any more."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one reply, in the order of their keys.

    Attributes:
        cells: of each row, by `family:qualifier`.
        last: the last key that was looked at, where that is not the last row's.
    """

    keys: list[bytes]
    cells: list[dict[bytes, bytes]]
    last: bytes | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of_thrift(cls, results: Sequence[Any]) -> Rows:
        """Returns rows that happybase's client read."""
        return cls(
            [each.row for each in results],
            [{name: cell.value for name, cell in each.columns.items()} for each in results],
        )


def speaks_plainly(settings: HBaseSettings) -> bool:
    """Returns whether the server speaks what is read here."""
    return settings.transport == "buffered" and settings.protocol == "binary"


def get_list_call(scanner: int, count: int) -> bytes:
    """Returns the message that asks a scanner for its next rows."""
    return (
        _call(b"scannerGetList") + b"\x08\x00\x01" + pack(">i", scanner) + b"\x08\x00\x02" + pack(">i", count) + b"\0"
    )


def get_rows_call(table: bytes, keys: Sequence[bytes], columns: Sequence[bytes], until_ms: int) -> bytes:
    """Returns the message that asks for rows by their keys, of cells written before `until_ms`."""
    return b"".join(
        (
            _call(b"getRowsWithColumnsTs"),
            b"\x0b\x00\x01" + _text(table),
            b"\x0f\x00\x02" + _texts(keys),
            b"\x0f\x00\x03" + _texts(columns),
            b"\x0a\x00\x04" + pack(">q", until_ms),
            b"\x0d\x00\x05\x0b\x0b" + pack(">i", 0),
            b"\0",
        )
    )


def _call(name: bytes) -> bytes:
    return _VERSION_CALL + _text(name) + b"\0\0\0\0"


def _text(value: bytes) -> bytes:
    return pack(">i", len(value)) + value


def _texts(values: Sequence[bytes]) -> bytes:
    return b"\x0b" + pack(">i", len(values)) + b"".join(map(_text, values))


class RowReader:
    """Reads replies that are lists of rows from a connected socket, which nothing else may read meanwhile."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = b""
        self._at = 0
        self.received = 0  # bytes

    def read(self) -> Rows:
        """Returns the rows of the next reply; none where a scanner is at its end.

        Raises:
            ServerRefused: the reply is an exception.
            OSError: the connection is lost or its bytes are no reply.
        """
        count = self._head()
        keys: list[bytes] = []
        cells: list[dict[bytes, bytes]] = []
        while count > len(keys):
            self._walk(count - len(keys), keys, cells)
        if self._take(1) != b"\0":
            raise Garbled("a reply does not end where it should")
        return Rows(keys, cells)

    def _walk(self, count: int, keys: list[bytes], cells: list[dict[bytes, bytes]]) -> None:
        """Adds up to `count` rows that are in the buffer as a whole; receives more where there is none."""
        buffer, start = self._buffer, self._at
        end = len(buffer)
        try:
            for _ in range(count):
                (head, size) = _row_head(buffer, start)
                at = start + 7 + size
                key = buffer[at - size : at]
                (map_head, left) = _map_head(buffer, at)
                if head != _ROW_HEAD or map_head != _MAP_HEAD:
                    raise Garbled("a row does not begin where it should")
                at += 9
                row: dict[bytes, bytes] = {}
                for _ in range(left):
                    (size,) = _i32(buffer, at)
                    at += 4
                    name = buffer[at : at + size]
                    at += size
                    (size,) = _i32_after_field_head(buffer, at)
                    at += 7
                    row[name] = buffer[at : at + size]
                    at += size + 12  # the timestamp with its field's head, the cell's stop
                if at >= end:
                    break
                if buffer[at]:
                    raise Garbled("a row does not end where it should")
                start = at + 1
                keys.append(key)
                cells.append(row)
            else:
                self._at = start
                return
        except error:
            pass  # the row goes on beyond what has come
        self._at = start
        self._receive()

    def _head(self) -> int:
        """Returns how many rows the reply has."""
        version = self._take(4)
        if version not in (_REPLY, _EXCEPTION):
            raise Garbled("what came is no reply")
        self._take(self._take_i32() + 4)
        if version == _EXCEPTION:
            raise ServerRefused(self._message())
        if self._take(1) == _LIST_FIELD:
            if self._take(3) != _OF_STRUCTS:
                raise Garbled("what came is no list of rows")
            return self._take_i32()
        self._take(2)
        raise ServerRefused(self._message())

    def _message(self) -> str:
        """Returns the first field of an exception, which is its text."""
        if self._take(3) != _ROW_HEAD:
            return "no reason given"
        return self._take(self._take_i32()).decode(errors="replace")

    def _take_i32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def _take(self, size: int) -> bytes:
        while len(self._buffer) - self._at < size:
            self._receive()
        found = self._buffer[self._at : self._at + size]
        self._at += size
        return found

    def _receive(self) -> None:
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        self.received += len(chunk)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
