"""Replies read from bytes as they come, in pieces of any size, against thriftpy2's own writing of them."""

from __future__ import annotations

import random
import socket
import threading
from typing import Any

import happybase
import pytest
from thriftpy2.protocol import TBinaryProtocol
from thriftpy2.thrift import TApplicationException, TMessageType
from thriftpy2.transport import TMemoryBuffer

from ingest.hbase.wire import Garbled, RowReader, ServerRefused, get_list_call, get_rows_call

THRIFT: Any = happybase.connection.Hbase
MODULE: Any = happybase.table.TScan.__module__


def thrift(name: str) -> Any:
    return getattr(__import__(MODULE), name)


def message(name: str, kind: int, body: Any) -> bytes:
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer, decode_response=False)
    protocol.write_message_begin(name, kind, 0)
    protocol.write_struct(body)
    protocol.write_message_end()
    return bytes(buffer.getvalue())


def reply(rows: dict[bytes, dict[bytes, bytes]]) -> bytes:
    cell, row = thrift("TCell"), thrift("TRowResult")
    results = [
        row(row=key, columns={name: cell(value=value, timestamp=-1) for name, value in cells.items()})
        for key, cells in rows.items()
    ]
    return message("scannerGetList", TMessageType.REPLY, THRIFT.scannerGetList_result(success=results))


def read(pieces: list[bytes], times: int = 1) -> list[Any]:
    """Sends the pieces one by one over a real socket and reads so many replies."""
    ours, theirs = socket.socketpair()

    def send() -> None:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.close()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        reader = RowReader(ours)
        return [reader.read() for _ in range(times)]
    finally:
        ours.close()
        sender.join()


ROWS = {
    b"a": {b"f:x": b"1", b"f:": b""},
    b"": {b"f:x": b"\x0b\x00\x01\x00\x00"},
    b"b\x00\xff": {b"g:\xff": b"y" * 300},
    b"none": {},
}


def as_dict(rows: Any) -> dict[bytes, dict[bytes, bytes]]:
    return dict(zip(rows.keys, rows.cells, strict=True))


def test_a_reply_is_the_same_however_it_is_cut() -> None:
    sent = reply(ROWS)
    for size in (1, 2, 3, 7, 11, 64, 400, len(sent)):
        (rows,) = read([sent[at : at + size] for at in range(0, len(sent), size)])
        assert as_dict(rows) == ROWS


def test_cells_come_in_their_order() -> None:
    (rows,) = read([reply({b"a": {b"f:z": b"1", b"f:a": b"2"}})])
    assert list(rows.cells[0]) == [b"f:z", b"f:a"]


def test_replies_follow_each_other_in_one_stream() -> None:
    sent = reply(ROWS) + reply({}) + reply({b"last": {b"f:x": b"1"}})
    cut = random.Random(1).randrange(1, len(sent))
    first, second, third = read([sent[:cut], sent[cut:]], times=3)
    assert (as_dict(first), len(second), as_dict(third)) == (ROWS, 0, {b"last": {b"f:x": b"1"}})


def test_random_rows() -> None:
    chance = random.Random(7)
    for _ in range(30):
        rows = {
            chance.randbytes(chance.randrange(1, 9)): {
                b"f:" + chance.randbytes(3): chance.randbytes(chance.choice((0, 1, 50, 3000)))
                for _ in range(chance.randrange(0, 6))
            }
            for _ in range(chance.randrange(0, 20))
        }
        sent = reply(rows)
        cuts = sorted(chance.randrange(len(sent)) for _ in range(5))
        edges = zip([0, *cuts], [*cuts, len(sent)], strict=True)
        (found,) = read([sent[start:stop] for start, stop in edges])
        assert as_dict(found) == rows


def test_the_servers_own_exceptions_are_said() -> None:
    failed = THRIFT.scannerGetList_result(ia=thrift("IllegalArgument")(message="scanner ID is invalid"))
    for sent in (
        message("scannerGetList", TMessageType.REPLY, failed),
        message("scannerGetList", TMessageType.EXCEPTION, TApplicationException(6, "scanner ID is invalid")),
    ):
        with pytest.raises(ServerRefused, match=r"^scanner ID is invalid$"):
            read([sent])


def test_a_connection_that_ends_within_a_reply_is_an_error() -> None:
    sent = reply(ROWS)
    for size in (0, 3, 30, len(sent) // 2, len(sent) - 1):
        with pytest.raises(ConnectionResetError, match=r"^the server closed the connection$"):
            read([sent[:size]])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sent: b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100),
        lambda sent: sent[:34] + b"\x0c" + sent[35:],  # a row's first field
        lambda sent: sent[:-1] + b"\x01" + bytes(50),
        lambda sent: sent[:29] + b"\x0b" + sent[30:],  # a list of strings
    ],
)
def test_bytes_that_are_no_reply_are_an_error(spoil: Any) -> None:
    with pytest.raises(Garbled):
        read([spoil(reply(ROWS))])


def test_calls_are_what_thriftpy2_writes() -> None:
    arguments = THRIFT.scannerGetList_args(id=7, nbRows=100)
    assert get_list_call(7, 100) == message("scannerGetList", TMessageType.CALL, arguments)
    arguments = THRIFT.getRowsWithColumnsTs_args(
        tableName=b"t", rows=[b"a", b"\xff"], columns=[b"f"], timestamp=5, attributes={}
    )
    assert get_rows_call(b"t", [b"a", b"\xff"], [b"f"], 5) == message(
        "getRowsWithColumnsTs", TMessageType.CALL, arguments
    )
