"""Loading the shop's documents into MongoDB: `_id` from the key, times as dates, money as Decimal128, the rest as it is.

MongoDB's dates hold milliseconds. The simulated shop's orders have no finer times; those of other exports are cut, and
counted. A value that is not what its column says (a total "USD 12") is kept as it is, for the landing to judge.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import bson
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.errors import BSONError, InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, ReplaceOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from runner.errors import MachineError
from simulate.fields import SAMPLE, FieldType, coverage_of, read_type, steps_of
from simulate.loaded import Loaded, TableFiles
from simulate.loading import PATIENCE_SECONDS, Mark, Plan, Progress, Written, estimated_records, load
from simulate.reading import UNIT_BYTES, first_records, units_of
from stores.hbase_cells import PlainColumn
from stores.mongo_client import connect, unanswered
from stores.settings import MongoSettings

MARKS = "load_marks"  # the collection that remembers which units are loaded
INDEXES: Mapping[str, tuple[str, ...]] = {
    "users": ("user_id",),
    "products": ("product_id", "category_id"),
    "transactions": ("user_id", "timestamp", "session_id", "items.product_id"),
}
_RECIPE = "mongodb 1"  # counts up when the same record is stored otherwise than before
_LONGEST_DOCUMENT = 16 << 20
_BATCH = 1_000
_DUPLICATE_KEY = 11000
_EXPONENT_BIAS = 6176
_COEFFICIENT_LIMIT = 2**63
_BID = struct.Struct("<QQ")

Change = Callable[[Any], Any]


def load_into_mongodb(
    tables: Sequence[TableFiles],
    settings: MongoSettings,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    force: bool = False,
    allow_missing: Collection[str] = (),
    unit_bytes: int = UNIT_BYTES,
) -> list[Loaded]:
    """Loads each table into the collection of its name, makes the indexes, and verifies what is there.

    All tables are looked at before any is loaded. A document that has the `_id` of one in the store replaces it.

    Args:
        progress: called with a table's name, records done, and about how many there are in all.
        workers: processes; by default as many as there are cores, if there is work for them.
        patience_seconds: for how long the server may be away in the middle.
        force: load what a run before has loaded, too.
        allow_missing: paths that no record need have.
        unit_bytes: of a file that one process loads at a time.

    Raises:
        ContractError: no record has a path that the loader names; nothing is loaded then.
        FormatError: a file is empty, truncated, or holds no records.
        MachineError: the server does not answer.
    """
    plans = [_plan(table, settings, patience_seconds, allow_missing, unit_bytes) for table in tables]
    client = connect(settings)
    try:
        return [_load(plan, client[settings.database], settings, progress, workers, force) for plan in plans]
    finally:
        client.close()


def _plan(
    table: TableFiles, settings: MongoSettings, patience_seconds: float, allow_missing: Collection[str], unit_bytes: int
) -> Plan:
    units = [unit for path in table.paths for unit in units_of(path, unit_bytes=unit_bytes)]
    needed = _named_paths(table)
    coverage = coverage_of(
        table, first_records(units, SAMPLE), place=str(settings), needed=needed, allow_missing=allow_missing
    )
    columns = tuple((column.name, *column.aliases, column.data_type) for column in table.columns)
    return Plan(
        table=TableFiles(name=table.name, paths=table.paths, key=table.key, columns=()),
        units=units,
        records=estimated_records(units),
        coverage=coverage,
        place=str(settings),
        recipe=f"{_RECIPE}:{table.name}:{table.key}:{columns}",
        make_writer=partial(
            MongoWriter,
            settings=settings,
            collection=table.name,
            key=table.key,
            columns=tuple(PlainColumn(each.name, each.data_type, (), None, each.aliases) for each in table.columns),
        ),
        patience_seconds=patience_seconds,
    )


def _named_paths(table: TableFiles) -> set[str]:
    """Returns the paths that the loader names: those it changes, and those that it indexes."""
    indexed = {path.replace(".", "[].") for path in INDEXES.get(table.name, ())}
    changed: set[str] = set()
    for column in table.columns:
        changed |= set(_changed_paths(column.name, read_type(column.data_type)))
    return indexed | changed


def _changed_paths(path: str, kind: FieldType) -> Iterator[str]:
    if kind.word in _CHANGES:
        yield path
    for step, inner in steps_of(kind):
        yield from _changed_paths(path + step, inner)


def _load(
    plan: Plan,
    database: Database[dict[str, Any]],
    settings: MongoSettings,
    progress: Progress | None,
    workers: int | None,
    force: bool,
) -> Loaded:
    name = plan.table.name
    try:
        if database[name].find_one({}, {"_id": 1}) is None:
            # Marks of a collection that was dropped since.
            database[MARKS].delete_many({"collection": name})
        loaded = load(plan, progress=progress, workers=workers, force=force)
        for path in INDEXES.get(name, ()):
            database[name].create_index(path)
    except PyMongoError as error:
        raise unanswered(settings, error) from error
    return loaded


@dataclass(slots=True, kw_only=True)
class MongoWriter:
    """A process's way into one collection."""

    settings: MongoSettings
    collection: str
    key: tuple[str, ...]
    columns: tuple[PlainColumn, ...]
    lost_errors: tuple[type[BaseException], ...] = (PyMongoError,)
    _client: MongoClient[dict[str, Any]] | None = field(default=None, repr=False)
    _change: Callable[[dict[str, Any], Written], dict[str, Any]] | None = field(default=None, repr=False)

    def reconnect(self) -> None:
        self.close()
        self._client = connect(self.settings)

    def is_final(self, error: BaseException) -> bool:
        # AutoReconnect and its kind are no OperationFailure, unless the server is stepping down.
        return isinstance(error, OperationFailure) and not error.has_error_label("RetryableWriteError")

    def said(self, error: BaseException) -> str:
        return str(error).splitlines()[0].partition(" (configured timeouts")[0].rstrip(".")

    def mark(self, digest: str) -> Mark | None:
        found = self.database[MARKS].find_one({"_id": f"{self.collection}:{digest}"})
        if found is None:
            return None
        return Mark(
            records=found["records"],
            broken=found["broken"],
            cut_times=found["cut_times"],
            keys=bytes(found["keys"]),
        )

    def set_mark(self, digest: str, mark: Mark) -> None:
        name = f"{self.collection}:{digest}"
        document = {
            "_id": name,
            "collection": self.collection,
            "records": mark.records,
            "broken": mark.broken,
            "cut_times": mark.cut_times,
            "keys": Binary(mark.keys),
        }
        self.database[MARKS].replace_one({"_id": name}, document, upsert=True)

    def prepare(self, documents: Sequence[Any]) -> tuple[Sequence[RawBSONDocument], Written]:
        """Returns the documents in BSON; of several with one `_id` the last."""
        if self._change is None:
            self._change = make_change(self.columns, self.key)
        change = self._change
        written = Written()
        prepared: dict[bytes, RawBSONDocument] = {}
        for index, document in enumerate(documents):
            try:
                raw = bson.encode(change(document, written))
            except (BSONError, InvalidDocument, OverflowError, Unkeyed) as error:
                written.refused[index] = f"cannot be a document of MongoDB: {self.said(error)}"
                continue
            if len(raw) > _LONGEST_DOCUMENT:
                written.refused[index] = "is longer than the 16 MiB that MongoDB holds"
                continue
            stored = RawBSONDocument(raw)
            key = _key_bytes(stored["_id"])
            written.keys.append(key)
            prepared[key] = stored
        return list(prepared.values()), written

    def write(self, prepared: Sequence[RawBSONDocument]) -> None:
        """Inserts the documents; those that are there are replaced."""
        collection = self.database[self.collection]
        for first in range(0, len(prepared), _BATCH):
            batch = prepared[first : first + _BATCH]
            try:
                collection.insert_many(batch, ordered=False)
            except BulkWriteError as error:
                failed = error.details.get("writeErrors", [])
                if any(each.get("code") != _DUPLICATE_KEY for each in failed):
                    raise
                collection.bulk_write([_replacement(batch[each["index"]]) for each in failed], ordered=False)

    def ranges(self) -> Sequence[Any]:
        return [None]

    def keys(self, span: Any) -> Iterator[bytes]:
        for document in self.database[self.collection].find({}, {"_id": 1}, batch_size=20_000):
            yield _key_bytes(document["_id"])

    def close(self) -> None:
        if self._client is not None:
            with suppress(PyMongoError):
                self._client.close()
            self._client = None

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The database, by the client that `reconnect` has opened."""
        if self._client is None:
            raise MachineError(f"{self.settings}: is not connected")
        return self._client[self.settings.database]


class Unkeyed(Exception):
    """A record that lacks its key, or is no object."""


def _replacement(document: RawBSONDocument) -> ReplaceOne[Any]:
    return ReplaceOne({"_id": document["_id"]}, document, upsert=True)


def _key_bytes(key: Any) -> bytes:
    return key.encode() if isinstance(key, str) else repr(key).encode()


def make_change(
    columns: Sequence[PlainColumn], key: tuple[str, ...]
) -> Callable[[dict[str, Any], Written], dict[str, Any]]:
    """Returns what turns a record of a file into the document that is stored.

    The result raises `Unkeyed` for a record without its key, and counts times that MongoDB cuts.
    """
    tally = _Tally()
    by_name = {
        name: change
        for column in columns
        if (change := _change_of(read_type(column.data_type), tally)) is not None
        for name in (column.name, *column.aliases)
    }

    def changed(document: Any, written: Written) -> dict[str, Any]:
        if not isinstance(document, dict):
            raise Unkeyed("it is no object")
        tally.cut_times = 0
        stored = {"_id": _id_of(document, key), **document}
        stored["_id"] = _id_of(document, key)
        for name, change in by_name.items():
            if stored.get(name) is not None:
                stored[name] = change(stored[name])
        written.cut_times += tally.cut_times
        return stored

    return changed


@dataclass(slots=True)
class _Tally:
    cut_times: int = 0


def _id_of(document: dict[str, Any], key: tuple[str, ...]) -> Any:
    for name in key:
        if document.get(name) is None:
            raise Unkeyed(f"it has no {name}")
    return document[key[0]] if len(key) == 1 else {name: document[name] for name in key}


def _change_of(kind: FieldType, tally: _Tally) -> Change | None:
    """Returns what changes a value of a type; None where it stays as it is."""
    if kind.word in _CHANGES:
        return _CHANGES[kind.word](tally)
    inner = {name: change for name, each in kind.inner if (change := _change_of(each, tally)) is not None}
    if not inner:
        return None
    if kind.word == "struct":
        return partial(_change_struct, inner)
    return partial(_change_list if kind.word == "array" else _change_map, inner[""])


def _change_struct(inner: Mapping[str, Change], value: Any) -> Any:
    if type(value) is not dict:
        return value
    changed = dict(value)
    for name, change in inner.items():
        if changed.get(name) is not None:
            changed[name] = change(changed[name])
    return changed


def _change_list(change: Change, value: Any) -> Any:
    return [None if each is None else change(each) for each in value] if type(value) is list else value


def _change_map(change: Change, value: Any) -> Any:
    if type(value) is not dict:
        return value
    return {name: None if each is None else change(each) for name, each in value.items()}


def _to_date(tally: _Tally) -> Change:
    def change(value: Any) -> Any:
        """Returns the moment of an ISO text; a text that is none stays."""
        if type(value) is not str or value[4:5] != "-" or value[7:8] != "-":
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        if moment.microsecond % 1_000:
            tally.cut_times += 1
        return moment

    return change


def _to_money(_: _Tally) -> Change:
    return to_decimal128


def to_decimal128(value: Any) -> Any:
    """Returns a number exactly as its shortest decimal text has it; anything else stays."""
    kind = type(value)
    if kind is float:
        text = repr(value)
        whole, _, part = text.partition(".")
        digits = whole + part
        if not digits.lstrip("-").isdigit():  # an exponent
            return Decimal128(text)
        places = len(part)
        if part == "0":
            digits, places = whole, 0
        number = int(digits)
        is_negative = text.startswith("-")
    elif kind is int:
        number, places, is_negative = value, 0, value < 0
    else:
        return value
    if abs(number) >= _COEFFICIENT_LIMIT:
        return Decimal128(str(value))
    high = (_EXPONENT_BIAS - places) << 49 | is_negative << 63
    return Decimal128.from_bid(_BID.pack(abs(number), high))


_CHANGES: Mapping[str, Callable[[_Tally], Change]] = {
    "timestamp": _to_date,
    "date": _to_date,
    "decimal": _to_money,
}
