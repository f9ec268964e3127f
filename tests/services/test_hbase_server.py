"""HBase as it is started, stopped and killed: what was acknowledged is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.hbase import HBase
from services.java_server import is_open


@contextmanager
def visits(server: HBase) -> Iterator[Any]:
    """Gives the table `visits`."""
    import happybase

    connection = happybase.Connection("127.0.0.1", server.port, timeout=20_000)
    yield connection.table("visits")
    connection.close()


def test_data_survive_a_stop_and_a_kill(tmp_path: Path) -> None:
    import happybase

    server = HBase(tmp_path / "hbase")
    ports = (server.port, server.thrift2_port, server.zookeeper_port)
    assert len(set(ports)) == 3
    server.start()
    try:
        connection = happybase.Connection("127.0.0.1", server.port)
        connection.create_table("visits", {"meta": {"max_versions": 3}})
        connection.close()
        with visits(server) as table:
            for number in range(50):
                table.put(b"before-%02d" % number, {b"meta:n": b"1"})
        first = server.pid
        server.stop()
        assert server.pid is None
        assert not is_open(server.port)

        server.start()
        assert server.pid not in (None, first)
        assert (server.port, server.thrift2_port, server.zookeeper_port) == ports
        with visits(server) as table:
            assert len(list(table.scan())) == 50
            for number in range(50):
                table.put(b"after-%02d" % number, {b"meta:n": b"2"})
        server.kill()
        assert server.pid is None

        server.start()
        with visits(server) as table:
            assert len(list(table.scan())) == 100
            assert table.row(b"after-49") == {b"meta:n": b"2"}
    finally:
        server.kill()


def test_the_shared_server_answers_on_both_ports(hbase: HBase) -> None:
    import happybase

    connection = happybase.Connection("127.0.0.1", hbase.port)
    assert isinstance(connection.tables(), list)
    connection.close()
    assert is_open(hbase.thrift2_port)
    assert hbase.pid is not None
    assert "HBase is ready" in hbase.log.read_text()
