"""One moment for all reads: what a server can do of snapshot reads at a cluster time, and how a read asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from stores.mongo_client import Document

_SNAPSHOT_READS_FROM = 13  # the wire version of MongoDB 5.0
SNAPSHOT_TOO_OLD = 239


class AtClusterTime(ReadConcern):
    """Reads as of a cluster time. All reads of one cluster time see the same data, in whatever process they run."""

    def __init__(self, at: Timestamp) -> None:
        super().__init__("snapshot")
        self._at = at

    @property
    def document(self) -> dict[str, Any]:
        return {"level": "snapshot", "atClusterTime": self._at}


@dataclass(frozen=True, slots=True)
class Moment:
    """The cluster time at which a server offers to read, or why it offers none."""

    at: Timestamp | None
    note: str = ""


def latest_moment(database: Database[Document]) -> Moment:
    """Returns the latest cluster time at which all tables can be read: asked for by reading, not by version alone."""
    said = database.client.admin.command("hello")
    if "setName" not in said and said.get("msg") != "isdbgrid":
        return Moment(None, "MongoDB runs as a single server, which reads each table as of its own moment.")
    if said.get("maxWireVersion", 0) < _SNAPSHOT_READS_FROM:
        return Moment(None, "MongoDB is older than 5.0 and reads each table as of its own moment.")
    names = database.list_collection_names(filter={"type": "collection"})
    if not names:
        return Moment(None, f'MongoDB has no collection in "{database.name}".')
    try:
        reply = database.command("find", sorted(names)[0], limit=1, readConcern={"level": "snapshot"})
    except OperationFailure as error:
        words = str((error.details or {}).get("errmsg") or error).rstrip(".")
        return Moment(None, f"MongoDB reads each table as of its own moment, since it refuses snapshot reads: {words}.")
    at = reply["cursor"].get("atClusterTime")
    if not isinstance(at, Timestamp):
        return Moment(None, "MongoDB names no cluster time of a snapshot read, so each table is of its own moment.")
    return Moment(at)


def read_concern(at: Timestamp | None) -> ReadConcern | None:
    """Returns what a collection is read with; None for the client's own."""
    return None if at is None else AtClusterTime(at)
