"""A partition is read whole, each document once, whatever happens to its cursor, its connection and its server."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent

from ingest.mongodb.rawbson import RawBatch
from ingest.mongodb.reading import Reading, last_id, replies
from ingest.mongodb.seen import SeenIds
from runner.errors import MachineError
from stores.settings import MongoSettings


class Proxy:
    """A door to a server that can be shut in everybody's face."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {inner, outer}
                for source, sink in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Resets all connections."""
        self.cuts += 1
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()


class Commands(CommandListener):
    """Keeps what was sent, and the cursors that were opened."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.cursors: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name == "find":
            self.cursors.append(event.reply["cursor"]["id"])

    def failed(self, event: Any) -> None:
        pass

    def named(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.sent if name in each]


def ids_in(reply: RawBatch) -> list[Any]:
    return [each["_id"] for each in bson.decode_all(reply.raw)]


@pytest.fixture
def things(mongodb: Any) -> Iterator[Reading]:
    """A collection of 4,000 documents with ids of three types."""
    settings = MongoSettings(uri=mongodb.uri, database=f"reading_{uuid4().hex[:8]}")
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:
        fill(client[settings.database].things)
        yield Reading(settings=settings, collection="things", batch_size=100, patience=20)
        client.drop_database(settings.database)


def fill(collection: Collection[dict[str, Any]]) -> None:
    ids = [
        *range(1_000),
        *(f"name_{each:04}" for each in range(2_000)),
        *(ObjectId(f"{each:024x}") for each in range(1_000)),
    ]
    collection.insert_many([{"_id": each, "n": 1} for each in random.Random(1).sample(ids, len(ids))])


def expected() -> list[Any]:
    return [
        *range(1_000),
        *(f"name_{each:04}" for each in range(2_000)),
        *(ObjectId(f"{each:024x}") for each in range(1_000)),
    ]


def each_once(found: list[Any]) -> bool:
    """True where all documents came, in whatever order, and none twice."""
    return sorted(map(str, found)) == sorted(map(str, expected()))


def drained(reading: Reading, at: dict[int, Callable[[], None]], **options: Any) -> list[Any]:
    """Drains the reading and does something once after so many replies."""
    found: list[Any] = []
    for index, reply in enumerate(replies(reading, **options)):
        found += ids_in(reply)
        if index in at:
            at[index]()
    return found


def test_all_documents_come_as_the_server_finds_them(things: Reading) -> None:
    commands = Commands()
    found = drained(things, {}, event_listeners=[commands])
    assert each_once(found)
    assert found != expected()
    assert [each.get("sort") for each in commands.named("find")] == [None]


def test_an_ordered_reading_gives_all_documents_in_the_order_of_their_ids(things: Reading) -> None:
    assert drained(replace(things, in_order=True), {}) == expected()


def test_an_empty_collection_gives_no_reply(things: Reading) -> None:
    assert list(replies(replace(things, collection="none"))) == []


@pytest.mark.parametrize("in_order", [False, True])
def test_connections_that_are_cut_are_made_anew(things: Reading, mongodb: Any, in_order: bool) -> None:
    proxy = Proxy(mongodb.port)
    try:
        settings = replace(things.settings, uri=f"mongodb://127.0.0.1:{proxy.port}")
        reading = replace(things, settings=settings, in_order=in_order)
        found = drained(reading, dict.fromkeys((0, 3, 11, 15, 28, 36), proxy.cut))
    finally:
        proxy.close()
    assert proxy.cuts == 7
    assert each_once(found)
    assert found == expected() or not in_order


@pytest.mark.parametrize("in_order", [False, True])
def test_a_cursor_that_is_killed_is_opened_behind_the_last_document(
    things: Reading, mongodb: Any, in_order: bool
) -> None:
    """One without an order is opened again with one, once, from the beginning; what came before is passed over."""
    commands = Commands()
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:

        def kill() -> None:
            client[things.settings.database].command("killCursors", "things", cursors=[commands.cursors[-1]])

        reading = replace(things, in_order=in_order)
        found = drained(reading, {2: kill, 14: kill, 33: kill}, event_listeners=[commands])
    assert each_once(found)
    assert found == expected() or not in_order
    finds = commands.named("find")
    assert len(finds) == 4
    assert [each.get("sort") for each in finds] == [{"_id": 1} if in_order else None, *[{"_id": 1}] * 3]
    whole = 1 if in_order else 2
    assert [each["filter"] for each in finds[:whole]] == [{}] * whole
    assert all("_id" in str(each["filter"]) for each in finds[whole:])


def test_a_document_put_in_again_meanwhile_comes_once(things: Reading) -> None:
    """A server that reads as it goes meets a document again that was deleted and inserted behind its cursor."""
    again = [*range(50), "name_0003", ObjectId("0" * 24), 3.0]
    whole = bson.decode_all(b"".join(each.raw for each in replies(things)))
    seen = SeenIds()
    batches = [whole[:1_000], whole[1_000:] + whole[:3], [{"_id": each, "n": 2} for each in again]]
    found = [seen.new_of(RawBatch(b"".join(map(bson.encode, each)))) for each in batches]
    assert [len(each) for each in found] == [1_000, 3_000, 0]


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b", "c"],
        ["a", "bb", ""],
        [ObjectId("0" * 24), ObjectId("1" * 24)],
        [1, Int64(2), 3.5, Decimal128("4.25"), float("nan"), True, None, {"a": 1}, {"a": 2}, b"1", "1"],
        [datetime(2024, 1, 1, tzinfo=UTC), MinKey(), MaxKey(), Timestamp(1, 2)],
    ],
)
@pytest.mark.parametrize("front", [True, False])
def test_ids_are_told_apart_wherever_they_stand(ids: list[Any], front: bool) -> None:
    def batch() -> RawBatch:
        return RawBatch(
            b"".join(bson.encode({"_id": each, "n": 1} if front else {"n": 1, "_id": each}) for each in ids)
        )

    seen = SeenIds()
    assert seen.new_of(batch()).raw == batch().raw
    assert seen.new_of(batch()).raw == b""


def test_numbers_that_mongodb_takes_for_one_id_are_one() -> None:
    same = [1, 1.0, Int64(1), Decimal128("1.0")]
    assert len(SeenIds().new_of(RawBatch(b"".join(bson.encode({"_id": each}) for each in same)))) == 1


@pytest.mark.timeout(120)
def test_a_server_that_is_killed_and_started_again_loses_nothing(tmp_path: Path) -> None:
    from services.mongodb import MongoDB

    server = MongoDB(tmp_path / "mongodb", durable=True)
    server.start()
    try:
        settings = MongoSettings(uri=server.uri, database="shop")
        with closing(MongoClient[dict[str, Any]](server.uri)) as client:
            fill(client.shop.things)
        time.sleep(1.5)  # the emulator writes to its disk once a second

        def restart() -> None:
            server.kill()
            threading.Timer(1.0, server.start).start()

        reading = Reading(settings=settings, collection="things", batch_size=100)
        assert each_once(drained(reading, {5: restart, 25: restart}))
    finally:
        time.sleep(0.1)
        server.stop()


def test_a_server_that_stays_away_is_given_up(things: Reading, mongodb: Any) -> None:
    proxy = Proxy(mongodb.port)
    settings = replace(
        things.settings, uri=f"mongodb://127.0.0.1:{proxy.port}", options={"serverSelectionTimeoutMS": 300}
    )
    with pytest.raises(MachineError) as error:
        drained(replace(things, settings=settings, patience=1.0), {4: proxy.close})
    assert re.fullmatch(
        rf"{settings}: does not answer: .*\. Start it \(make services-up\), or set MONGODB_URI\.", str(error.value)
    )


def test_an_error_that_does_not_pass_is_raised_at_once(things: Reading) -> None:
    started = time.monotonic()
    with pytest.raises(MachineError, match=r"refuses: .*\$unheard"):
        drained(replace(things, where={"n": {"$unheard": 1}}), {})
    assert time.monotonic() - started < 5


def test_what_is_not_read_to_its_end_leaves_nothing_behind(things: Reading) -> None:
    before = threading.active_count()
    reading = replies(replace(things, in_order=True))
    assert ids_in(next(reading)) == list(range(100))
    reading.close()  # type: ignore[attr-defined]
    assert "mongodb-replies" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= before + 3  # the client's own end by themselves


def test_only_the_columns_asked_for_are_sent(things: Reading) -> None:
    commands = Commands()
    found = list(replies(replace(things, columns=("n",), where={"_id": {"$lt": 3}}), event_listeners=[commands]))
    assert sorted(bson.decode_all(found[0].raw), key=str) == [{"_id": each, "n": 1} for each in range(3)]
    (sent,) = commands.named("find")
    assert sent["projection"] == {"_id": 1, "n": 1}
    assert sent["batchSize"] == 100


def test_each_find_names_the_cluster_time_also_after_a_cut(things: Reading, mongodb: Any) -> None:
    """The emulator reads no snapshots; what is asserted is what a server would be told."""
    commands = Commands()
    with closing(MongoClient[dict[str, Any]](mongodb.uri)) as client:

        def kill() -> None:
            client[things.settings.database].command("killCursors", "things", cursors=[commands.cursors[-1]])

        drained(replace(things, at=Timestamp(1_700_000_000, 7)), {3: kill}, event_listeners=[commands])
    said = [each["readConcern"] for each in commands.named("find")]
    assert said == [{"level": "snapshot", "atClusterTime": Timestamp(1_700_000_000, 7)}] * 2
    assert not any("readConcern" in each for each in commands.named("getMore"))


def test_the_last_id_is_found_in_a_document_that_cannot_be_decoded() -> None:
    good, broken = bson.encode({"_id": 1}), bson.encode({"a": "xyz", "_id": ObjectId("0" * 24), "b": 1})
    reply = good + broken.replace(b"xyz", b"\xff\xfe\xfd")
    assert last_id(reply) == ObjectId("0" * 24)
