"""What `run doctor` says of a target's stores."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pymongo import MongoClient

from runner.cli.doctor import check_hbase, check_mongodb
from runner.errors import MachineError, NotFoundError
from services.hbase import HBase
from services.java_server import ports_of
from stores.settings import HBaseSettings, MongoSettings


@pytest.mark.skipif("MONGO_TEST_URI" in os.environ, reason="says what the emulator is")
def test_the_emulator_is_called_one(mongodb: Any) -> None:
    settings = MongoSettings(uri=mongodb.uri, database="doctor")
    with MongoClient[dict[str, Any]](mongodb.uri) as client:
        client.doctor.users.insert_one({"_id": "user_000001"})
    assert check_mongodb(settings, ["users"]) == (
        f"{settings}: an emulator of MongoDB 5.0.0; MongoDB runs as a single server, which reads each table as of its "
        "own moment; 1 collection of the project"
    )


def test_missing_collections_are_named(mongodb: Any) -> None:
    settings = MongoSettings(uri=mongodb.uri, database="doctor_empty")
    with pytest.raises(NotFoundError) as raised:
        check_mongodb(settings, ["users", "products"])
    assert str(raised.value) == (
        f'{settings}: answers, but has no collection "users", "products". Load them (run generate --into mongodb), '
        "or mend sources.yml."
    )


def test_both_thrift_servers_are_asked(hbase: HBase) -> None:
    import happybase

    connection = happybase.Connection("127.0.0.1", hbase.port)
    connection.create_table("doctor_sessions", {"meta": {}})
    connection.close()
    settings = HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix="doctor")
    assert check_hbase(settings, ["sessions"]) == (
        f"{settings}: Thrift and Thrift2 ({hbase.thrift2_port}) answer; 1 table of the project"
    )
    alone = HBaseSettings(port=hbase.port, table_prefix="doctor")
    assert check_hbase(alone, ["sessions"]) == (
        f"{alone}: Thrift answers; no thrift2_port is set, which incremental landing needs; 1 table of the project"
    )


def test_a_missing_table_is_named(hbase: HBase) -> None:
    settings = HBaseSettings(port=hbase.port, table_prefix="doctor_none")
    with pytest.raises(NotFoundError) as raised:
        check_hbase(settings, ["sessions"])
    assert str(raised.value) == (
        f'{settings}: answers, but has no table "sessions". Load it (run generate --into hbase), or mend sources.yml.'
    )


def test_a_thrift2_server_that_does_not_answer_is_named(hbase: HBase) -> None:
    nowhere = ports_of({"nowhere": 0})["nowhere"]
    settings = HBaseSettings(port=hbase.port, thrift2_port=nowhere)
    with pytest.raises(MachineError) as raised:
        check_hbase(settings, [])
    assert str(raised.value).startswith(f"hbase://127.0.0.1:{nowhere} (Thrift2): does not answer: ")
