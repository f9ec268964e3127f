"""HBase as it is started, stopped and killed."""

from __future__ import annotations

from services.hbase import HBase


def test_the_shared_server_answers(hbase: HBase) -> None:
    import happybase

    connection = happybase.Connection("127.0.0.1", hbase.port)
    assert isinstance(connection.tables(), list)
    connection.close()
