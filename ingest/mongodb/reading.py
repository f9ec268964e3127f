"""Documents drained as raw replies, each once, through cursors that get lost and servers that restart.

They come as the server finds them, which spares it a sort, and an index where all is read. What has come is remembered
by its `_id`. After a cursor is lost they are read in the order of `_id`: what came before is passed over, and of an
ordered reading nothing is asked for again, since the next cursor begins behind its last `_id`. A reading too large to
be remembered is ordered from the start. The next reply is fetched in a thread while the one before is decoded.
"""

from __future__ import annotations

import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import bson
from bson import Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from ingest.mongodb.documents import EXACT
from ingest.mongodb.ranges import after, both
from ingest.mongodb.rawbson import RawBatch, value_bytes
from ingest.mongodb.seen import SeenIds
from ingest.mongodb.snapshot import SNAPSHOT_TOO_OLD, read_concern
from runner.errors import MachineError
from stores.mongo_client import Document, connect, unanswered
from stores.settings import MongoSettings

_PATIENCE = 60.0  # seconds without any document, after which a server is taken for lost
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_REPLIES_AHEAD = 2
# Codes of a cursor that is gone and of a server that is going or changing its role: asked again, it answers.
_PASSING = frozenset(
    {6, 7, 43, 63, 89, 91, 133, 134, 150, 175, 189, 237, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436}
)
_LENGTH = struct.Struct("<i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is read of a collection, in one go.

    Attributes:
        where: the filter; the range of a partition is part of it.
        columns: top-level fields to read; None for whole documents.
        batch_size: documents in a reply, as far as the server follows.
        at: the cluster time as of which all is read.
        in_order: read in the order of `_id` from the start, and remember no ids.
        patience: seconds without progress after which the server is given up.
    """

    settings: MongoSettings
    collection: str
    where: Document = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    batch_size: int = 5_000
    at: Timestamp | None = None
    in_order: bool = False
    patience: float = _PATIENCE

    @property
    def place(self) -> str:
        return f"{self.settings}.{self.collection}"


def replies(reading: Reading, **options: Any) -> Iterator[RawBatch]:
    """Yields the documents, each exactly once.

    Args:
        options: of the client, such as event listeners.

    Raises:
        MachineError: the server stays away, or no longer has the data of the cluster time.
    """
    with closing(connect(reading.settings, **options)) as client:
        yield from _ahead(lambda stop: _drained(client, reading, stop))


def _drained(client: MongoClient[Document], reading: Reading, stop: threading.Event) -> Iterator[RawBatch]:
    seen = None if reading.in_order else SeenIds()
    last: bytes | None = None  # the last reply of an ordered cursor
    failed_since: float | None = None
    wait = _FIRST_WAIT
    while not stop.is_set():
        try:
            for reply in _cursor(client, reading, last):
                failed_since, wait = None, _FIRST_WAIT
                if reply:
                    last = reply if reading.in_order else None
                    batch = RawBatch(reply)
                    batch = batch if seen is None else seen.new_of(batch)
                    if len(batch):
                        yield batch
                if stop.is_set():
                    return
            return
        except PyMongoError as error:
            now = time.monotonic()
            failed_since = failed_since or now
            if not _passes(error) or now + wait - failed_since > reading.patience:
                raise _given_up(reading, error) from error
            reading = replace(reading, in_order=True)
            stop.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


def _cursor(client: MongoClient[Document], reading: Reading, last: bytes | None) -> Iterator[bytes]:
    collection: Collection[Document] = client[reading.settings.database][reading.collection]
    concern = read_concern(reading.at)
    if concern is not None:
        collection = collection.with_options(read_concern=concern)
    projection = None if reading.columns is None else dict.fromkeys(("_id", *reading.columns), 1)
    rest = {} if last is None else after(last_id(last))
    order: dict[str, Any] = {"sort": [("_id", 1)], "allow_disk_use": True} if reading.in_order else {}
    with collection.find_raw_batches(
        both(reading.where, rest), projection, batch_size=reading.batch_size, **order
    ) as cursor:
        yield from cursor


def last_id(reply: bytes) -> Any:
    """Returns the `_id` of a reply's last document, also where the rest of it cannot be decoded."""
    at = 0
    while True:
        size = _LENGTH.unpack_from(reply, at)[0]
        if at + size >= len(reply):
            break
        at += size
    element = value_bytes(reply, at, len(reply), b"_id")
    return bson.decode(_LENGTH.pack(len(element) + 5) + element + b"\0", EXACT)["_id"]


def _passes(error: PyMongoError) -> bool:
    return isinstance(error, AutoReconnect) or (isinstance(error, OperationFailure) and error.code in _PASSING)


def _given_up(reading: Reading, error: PyMongoError) -> MachineError:
    if isinstance(error, OperationFailure) and error.code == SNAPSHOT_TOO_OLD:
        return MachineError(
            f"{reading.place}: the server no longer keeps the data of the cut's moment. Raise its parameter "
            "minSnapshotHistoryWindowInSeconds above the time that an ingest takes, or read with more partitions."
        )
    return unanswered(reading.settings, error)


def _ahead(drain: Callable[[threading.Event], Iterator[RawBatch]]) -> Iterator[RawBatch]:
    """Yields what `drain` yields, fetched by a thread that is a few replies ahead."""
    fetched: queue.Queue[RawBatch | BaseException | None] = queue.Queue(_REPLIES_AHEAD)
    stop = threading.Event()

    def put(item: RawBatch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                fetched.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    def fetch() -> None:
        try:
            for reply in drain(stop):
                put(reply)
            put(None)
        except BaseException as error:  # raised where the replies are read
            put(error)

    thread = threading.Thread(target=fetch, name="mongodb-replies", daemon=True)
    thread.start()
    try:
        while (item := fetched.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
