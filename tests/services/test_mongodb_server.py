"""The MongoDB emulator, and with it what holds of every server: starts that fail, restarts, no orphans."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from runner.errors import MachineError
from services.java_server import is_ours, read_state
from services.mongodb import MongoDB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mongodb"


@contextmanager
def orders(server: MongoDB) -> Iterator[Any]:
    """Gives the collection `orders`."""
    with MongoClient[dict[str, Any]](server.uri, serverSelectionTimeoutMS=5_000) as client:
        yield client.shop.orders


def gone(pid: int, folder: Path, *, within: float) -> bool:
    end = time.monotonic() + within
    while is_ours(pid, folder) and time.monotonic() < end:
        time.sleep(0.1)
    return not is_ours(pid, folder)


def test_a_durable_server_keeps_its_data_over_a_stop_and_a_kill(folder: Path) -> None:
    server = MongoDB(folder, durable=True)
    server.start()
    try:
        with orders(server) as collection:
            collection.insert_many([{"_id": number} for number in range(500)])
        server.stop()
        server.start()
        with orders(server) as collection:
            assert collection.count_documents({}) == 500
            collection.insert_one({"_id": "last"})
            collection.update_one({"_id": 7}, {"$set": {"paid": True}})
            collection.delete_one({"_id": 8})
            collection.create_index("paid")
        server.kill()  # at once: the emulator alone would write within a second
        server.start()
        with orders(server) as collection:
            assert collection.count_documents({}) == 500
            assert collection.find_one({"_id": "last"}) is not None
            assert collection.find_one({"paid": True}) == {"_id": 7, "paid": True}
            assert collection.find_one({"_id": 8}) is None
            assert "paid_1" in collection.index_information()
    finally:
        server.kill()


def test_a_server_in_memory_begins_empty_on_the_same_port(folder: Path) -> None:
    server = MongoDB(folder)
    uri, port = server.uri, server.port
    server.start()
    try:
        with orders(server) as collection:
            collection.insert_one({"_id": 1})
        first = server.pid
        server.kill()
        assert server.pid is None
        server.start()
        assert server.pid not in (None, first)
        assert (server.uri, server.port) == (uri, port)
        with orders(server) as collection:
            assert collection.count_documents({}) == 0
        assert (folder / "log.1").read_text() == f"listening on 127.0.0.1:{port}\n"
    finally:
        server.kill()


def test_a_running_server_is_not_started_twice(folder: Path) -> None:
    server = MongoDB(folder)
    server.start()
    try:
        with pytest.raises(MachineError) as raised:
            MongoDB(folder).start()
        assert str(raised.value) == (
            f"MongoDB emulator: runs already in {folder} (process {server.pid}). Stop it first."
        )
    finally:
        server.stop()
    assert read_state(folder).pid is None
    server.stop()  # nothing to do


def test_a_taken_port_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.java_server._PORT_SECONDS", 0.2)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(MachineError) as raised:
            MongoDB(folder, port=port).start()
    assert str(raised.value) == (
        f"MongoDB emulator: port {port} (MongoDB) is taken by another program. Stop that, or give another port."
    )


def test_a_start_that_fails_shows_the_end_of_the_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.delenv(name, raising=False)  # Java would name them in its log
    server = MongoDB(folder, heap="much")
    with pytest.raises(MachineError) as raised:
        server.start()
    assert str(raised.value) == (
        f"MongoDB emulator: did not start: it ended with 1. The end of {folder}/log:\n"
        "  Invalid maximum heap size: -Xmxmuch\n"
        "  Error: Could not create the Java Virtual Machine.\n"
        "  Error: A fatal exception has occurred. Program will exit."
    )
    assert server.pid is None


def test_a_server_that_does_not_answer_in_time_is_ended(folder: Path) -> None:
    server = MongoDB(folder)
    server._server.start_seconds = 0.0
    with pytest.raises(MachineError) as raised:
        server.start()
    said = str(raised.value)  # between these stands how far it had come
    assert said.startswith("MongoDB emulator: did not answer within 0 seconds: ")
    assert f". The end of {folder}/log:" in said
    deadline = time.monotonic() + 10
    while server.pid is not None and time.monotonic() < deadline:  # a killed process is gone a moment later
        time.sleep(0.05)
    assert server.pid is None


@pytest.mark.parametrize("detached", [False, True], ids=["ends with its starter", "detached"])
def test_a_server_ends_with_who_started_it_unless_detached(folder: Path, detached: bool) -> None:
    program = (
        "import sys, time; from pathlib import Path; from services.mongodb import MongoDB\n"
        "server = MongoDB(Path(sys.argv[1])); server.start(detached=sys.argv[2] == 'True')\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), str(detached)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.stdout.close()
    # The starter is not waited for: it stays a zombie, as the dead do in a container without an init.
    assert gone(pid, folder, within=2.0 if detached else 10.0) is not detached
    starter.wait()
    MongoDB(folder, port=read_state(folder).ports["MongoDB"]).stop()
    assert gone(pid, folder, within=0)


def test_the_shared_server_answers(mongodb: Any) -> None:
    with MongoClient[dict[str, Any]](mongodb.uri, serverSelectionTimeoutMS=5_000) as client:
        assert client.admin.command("ping")["ok"] == 1.0
