"""Connections to HBase, and what is said where there is none."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import happybase
import pytest
from thriftpy2.thrift import TApplicationException

from runner.errors import MachineError, NotFoundError
from stores import hbase_client
from stores.settings import HBaseSettings

if TYPE_CHECKING:
    from services.hbase import HBase


@pytest.fixture
def settings(hbase: HBase) -> HBaseSettings:
    return HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix="clienttests")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


def test_a_connection_knows_the_tables_of_its_prefix(settings: HBaseSettings) -> None:
    with hbase_client.connected(settings) as connection:
        if b"visits" not in connection.tables():
            connection.create_table("visits", {"f": {}})
        assert connection.tables() == [b"visits"]
        hbase_client.table(connection, "visits").put(b"row", {b"f:x": b"1"})
        assert hbase_client.table(connection, "visits").row(b"row") == {b"f:x": b"1"}
        with pytest.raises(NotFoundError) as caught:
            hbase_client.table(connection, "visit")
    assert not connection.transport.is_open()
    assert str(caught.value) == (
        f'hbase://127.0.0.1:{settings.port}: has no table "visit". It has visits; load it (run generate --into hbase), '
        'or mend sources.yml. Did you mean "visits"?'
    )


def test_where_nothing_answers() -> None:
    port = free_port()
    for is_tls in (False, True):
        with pytest.raises(MachineError) as caught:
            hbase_client.connect(HBaseSettings(port=port, tls=is_tls))
        assert str(caught.value) == (
            f"hbase://127.0.0.1:{port}: does not answer: Could not connect to ('127.0.0.1', {port}). "
            "Start it (make services-up), or set HBASE_THRIFT_HOST and HBASE_THRIFT_PORT."
        )
    with pytest.raises(MachineError) as caught:
        hbase_client.connect_thrift2(HBaseSettings(thrift2_port=port), happybase.connection.Hbase)
    assert str(caught.value) == (
        f"hbase://127.0.0.1:{port} (Thrift2): does not answer: Could not connect to ('127.0.0.1', {port}). "
        "Start it (make services-up), or set HBASE_THRIFT2_PORT."
    )


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        settings = HBaseSettings(port=silent.getsockname()[1], timeout_seconds=0.2)
        started = time.monotonic()
        with (
            pytest.raises(MachineError, match=r"does not answer: timed out\. Start it"),
            hbase_client.connected(settings) as connection,
        ):
            connection.tables()
    assert time.monotonic() - started < 2
    assert not connection.transport.is_open(), "it may answer wrongly"


def test_changes_want_thrift2(settings: HBaseSettings) -> None:
    assert hbase_client.require_thrift2(settings) == settings.thrift2_port
    with pytest.raises(MachineError) as caught:
        hbase_client.connect_thrift2(replace(settings, thrift2_port=None), None)
    assert str(caught.value) == (
        f"hbase://127.0.0.1:{settings.port}: its settings name no Thrift2 server, and only that can look for cells by "
        'their age. Give "thrift2_port" in the target\'s stores (HBASE_THRIFT2_PORT), or ingest in full.'
    )


class Said(Exception):
    def __init__(self, message: Any) -> None:
        super().__init__()
        self.message = message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TApplicationException(6, "Internal error processing scannerOpenWithScan"), "Internal error processing scannerOpenWithScan"),
        (TApplicationException(6), "TApplicationException"),
        (Said(b"first line.\nat Java.java:1"), "first line"),
        (OSError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        (EOFError(), "EOFError"),
    ],
)  # fmt: skip
def test_what_an_error_says(error: Exception, said: str) -> None:
    """The text of some of Thrift's own cannot be had by str()."""
    assert hbase_client.said(error) == said
