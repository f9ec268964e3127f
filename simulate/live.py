"""A shop that goes on: sessions written into HBase and their orders into MongoDB, at a rate, until it is stopped.

The sessions are those that the simulated shop would have next: the same people, catalogue and behaviour, each ending at
the moment it is written. Ids continue over restarts and are none of the loaded shop's.

What a reader can hold on to while this runs:

- MongoDB: the document `all` of `order_totals` has the count of all orders and the sum of their totals. It changes in
  one transaction with the orders where the server has transactions, else right after them (`LiveSummary.kept` says
  which).
- HBase: the row `live` of the table `live_totals` has the count of all session rows. A batch of sessions and the totals
  after it carry one timestamp, and the totals keep many versions, so both can be read as of any moment. They are a table
  apart because every row of `sessions` lands as a session.

A batch is first noted, with all that decides its bytes, in `live_totals`; a writer that died in the middle of one does
it again when it starts, which changes nothing that was done. One writer at a time is supposed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pyarrow as pa
from bson.decimal128 import Decimal128
from pymongo.client_session import ClientSession

from runner.errors import FormatError, MachineError
from simulate.chunks import Shop, make_shop
from simulate.into_hbase import FAMILIES, HBaseWriter, plain_columns, prepare_table, session_rows
from simulate.into_mongodb import MongoWriter, make_change
from simulate.jsontext import json_rows
from simulate.loaded import TableFiles
from simulate.loading import PATIENCE_SECONDS, Lost, Progress, Worker, Written
from simulate.names import session_ids, transaction_ids
from simulate.orders import money_of
from simulate.orders import table_of as orders_table
from simulate.product_metrics import CELLS as METRIC_CELLS
from simulate.product_metrics import FAMILIES as METRIC_FAMILIES
from simulate.product_metrics import TABLE as METRICS
from simulate.product_metrics import Counts, count_order, count_session, figures_of, texts_of
from simulate.realistic import Realistic, draw_choices
from simulate.seeds import distinct_codes, stream
from simulate.settings import ShopSettings
from simulate.traffic import table_of as sessions_table
from simulate.write import MANIFEST
from stores.hbase_admin import make_table
from stores.hbase_cells import product_day_key
from stores.hbase_puts import put_rows
from stores.settings import HBaseSettings, MongoSettings

ORDER_TOTALS = "order_totals"  # the collection
ALL_ORDERS = "all"  # its document
LIVE_TOTALS = "live_totals"  # the table
LIVE_ROW = b"live"  # its row
_VERSIONS = 10_000
_BATCH = 500  # sessions at most
_TICK_SECONDS = 0.1  # between two batches at least
_BEHIND_SECONDS = 5.0  # a longer delay is not made up for
_SESSION_POSITIONS = 3 * 2**38  # of ids; no loaded shop comes near them
_ORDER_POSITIONS = 2**47
_EPOCH = datetime(1970, 1, 1)

Kept = Literal["transaction", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSummary:
    """What was written.

    Attributes:
        kept: whether `order_totals` changes in one transaction with the orders, or after them.
        sessions_ever: live sessions since the first start.
    """

    sessions: int
    orders: int
    seconds: float
    kept: Kept
    sessions_ever: int

    @property
    def rate(self) -> float:
        """Sessions per second."""
        return self.sessions / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        how = "in one transaction with them" if self.kept == "transaction" else "right after them: no transactions here"
        return (
            f"{self.sessions:,} sessions and {self.orders:,} orders in {self.seconds:.1f} s, {self.rate:,.1f} sessions/s; "
            f"{ORDER_TOTALS} kept {how}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTotals:
    """What `live_totals` says as of a moment.

    Attributes:
        rows: of the table of sessions, loaded and live.
        live_sessions, live_seconds: live sessions, and the sum of their durations.
        written_at: the timestamp in milliseconds that the last batch counted here carries.
    """

    rows: int
    live_sessions: int
    live_seconds: int
    written_at: int


def shop_of(folder: Path) -> ShopSettings:
    """Returns the settings of the generated shop in a folder, without its defects; those of a default shop elsewhere.

    Raises:
        FormatError: its manifest is broken.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return ShopSettings()
    try:
        said = orjson.loads(manifest.read_bytes())["settings"]
        return ShopSettings(**{**said, "start": date.fromisoformat(said["start"]), "defects": ()})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{manifest}: this is not the manifest of a generated shop. Generate the shop again, or remove this file."
        ) from error


def write_live(
    shop: ShopSettings,
    sessions: TableFiles,
    transactions: TableFiles,
    *,
    mongodb: MongoSettings,
    hbase: HBaseSettings,
    rate: float,
    seconds: float | None = None,
    count: int | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> LiveSummary:
    """Writes sessions and their orders until the time or the count is over, or it is stopped (Ctrl-C, too).

    Args:
        shop: the shop that is loaded, whose seed, people and catalogue are gone on with.
        sessions, transactions: the tables' names and columns; files are not looked at.
        rate: sessions per second.
        stop: asked between two batches.
        progress: called with "sessions", those written, and how many there will be (as many where that is open).

    Raises:
        MachineError: a server does not answer, or was away for longer than the patience.
    """
    if rate <= 0:
        raise FormatError(f"simulate: the rate is {rate:g}. Give sessions per second, more than 0.")
    writer = _LiveWriter(
        shop=_Visitors(replace(shop, defects=())),
        sessions=sessions,
        transactions=transactions,
        hbase=Worker(
            HBaseWriter(settings=hbase, table=sessions.name, columns=plain_columns(sessions.columns)),
            "",
            patience_seconds,
        ),
        mongodb=Worker(
            MongoWriter(
                settings=mongodb,
                collection=transactions.name,
                key=transactions.key,
                columns=plain_columns(transactions.columns),
            ),
            "",
            patience_seconds,
        ),
    )
    prepare_table(hbase, sessions.name, FAMILIES)
    prepare_table(hbase, METRICS, METRIC_FAMILIES)
    make_table(hbase, LIVE_TOTALS, {"t": _VERSIONS})
    try:
        writer.start()
        return _run(writer, rate, seconds, count, stop or (lambda: False), progress)
    except Lost as lost:
        raise MachineError(
            f"live: a store stopped answering for {patience_seconds:.0f} s ({lost}) after {writer.written:,} sessions. "
            "Start it again and repeat the command: it goes on where it stopped."
        ) from lost
    finally:
        writer.close()


def _run(
    writer: _LiveWriter,
    rate: float,
    seconds: float | None,
    count: int | None,
    stop: Callable[[], bool],
    progress: Progress | None,
) -> LiveSummary:
    limit = count
    if seconds is not None:
        limit = min(round(rate * seconds), count) if count is not None else round(rate * seconds)
    begun = due_since = time.monotonic()
    due_before = 0
    try:
        while not stop() and (limit is None or writer.written < limit):
            now = time.monotonic()
            behind = now - due_since - (writer.written - due_before) / rate
            if behind > _BEHIND_SECONDS:
                due_since, due_before, behind = now, writer.written, 0.0
            due = min(int(behind * rate), _BATCH)
            if limit is not None:
                due = min(due, limit - writer.written)
            if due <= 0 or (behind < _TICK_SECONDS and due < _BATCH):
                time.sleep(min(_TICK_SECONDS, max(0.001, 1 / rate - behind)))
                if due <= 0:
                    continue
            writer.write(due)
            if progress:
                progress("sessions", writer.written, limit or writer.written)
    except KeyboardInterrupt:
        pass
    return LiveSummary(
        sessions=writer.written,
        orders=writer.orders,
        seconds=time.monotonic() - begun,
        kept=writer.kept,
        sessions_ever=writer.position,
    )


def read_session_totals(hbase: HBaseSettings, *, at: int | None = None) -> SessionTotals | None:
    """Returns the totals of the sessions as of a moment in milliseconds (the last where None); None where there are none."""
    from stores.hbase_client import connected

    with connected(hbase) as connection:
        if LIVE_TOTALS.encode() not in connection.tables():
            return None
        cells = connection.table(LIVE_TOTALS).row(
            LIVE_ROW, columns=[b"t:totals"], timestamp=None if at is None else at + 1, include_timestamp=True
        )
    if b"t:totals" not in cells:
        return None
    value, moment = cells[b"t:totals"]
    return SessionTotals(written_at=moment, **orjson.loads(value))


@dataclass(frozen=True, slots=True)
class _Visit:
    """A session as a file has it, at the time that the simulation gave it, and its order where it has one."""

    session: dict[str, Any]
    order: dict[str, Any] | None

    def ending_at(self, millis: int) -> _Visit:
        """Returns the visit moved so that it ends at a moment, in whole milliseconds."""
        start = datetime.fromisoformat(self.session["start_time"])
        fresh = _EPOCH + timedelta(milliseconds=millis) - timedelta(seconds=self.session["duration_seconds"])

        def moved(text: str) -> str:
            return (
                fresh + timedelta(seconds=(datetime.fromisoformat(text) - start) // timedelta(seconds=1))
            ).isoformat()

        session = dict(self.session)
        session["start_time"] = moved(session["start_time"])
        session["end_time"] = moved(session["end_time"])
        session["page_views"] = [{**view, "timestamp": moved(view["timestamp"])} for view in session["page_views"]]
        if self.order is None:
            return _Visit(session, None)
        return _Visit(session, {**self.order, "timestamp": moved(self.order["timestamp"])})


class _Visitors:
    """Visits of a shop by their position since the first start; the same position is always the same visit."""

    def __init__(self, settings: ShopSettings) -> None:
        self._shop = make_shop(settings)
        self._size = min(_BATCH, settings.sessions)
        self._number = -1
        self._visits: list[_Visit] = []

    def at(self, position: int, count: int) -> list[_Visit]:
        return [self._one(each) for each in range(position, position + count)]

    def _one(self, position: int) -> _Visit:
        number, within = divmod(position, self._size)
        if number != self._number:
            self._number, self._visits = number, _visits(self._shop, number, self._size)
        return self._visits[within]


def _visits(shop: Shop, number: int, size: int) -> list[_Visit]:
    """Returns a chunk of visits: the last of the shop's window, drawn with other random numbers each time."""
    settings = replace(shop.settings, seed=int(stream(shop.settings.seed, "live", number).integers(2**62)))
    behaviour = replace(shop.behaviour, settings=settings)
    first = shop.settings.sessions - size
    positions = np.arange(number * size, (number + 1) * size)
    sessions, orders = behaviour.sessions(first, first + size)
    sessions = replace(
        sessions, codes=distinct_codes(shop.settings.seed, "session ids", _SESSION_POSITIONS + positions, bits=40)
    )
    places = orders.places - first
    orders = replace(orders, session_codes=sessions.codes[places])
    if isinstance(behaviour, Realistic):
        orders = draw_choices(behaviour, orders)
    table = orders_table(orders, money_of(orders, settings), settings, 0, orders.size)
    ids = transaction_ids(
        distinct_codes(shop.settings.seed, "transaction ids", _ORDER_POSITIONS + positions[places], bits=48)
    )
    table = table.set_column(table.column_names.index("transaction_id"), "transaction_id", ids)
    placed = dict(zip(places.tolist(), _documents(table), strict=True))
    rows = _documents(sessions_table(sessions, shop.catalogue, shop.people))
    assert rows[0]["session_id"] == session_ids(sessions.codes)[0].as_py()
    return [_Visit(session, placed.get(place)) for place, session in enumerate(rows)]


def _documents(table: pa.Table) -> list[dict[str, Any]]:
    return [orjson.loads(row) for row in json_rows(table).to_pylist()]


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What decides a batch to the byte, and the figures after it."""

    position: int
    count: int
    millis: int
    totals: dict[str, int]
    metrics: dict[str, list[int]]


@dataclass(slots=True, kw_only=True)
class _LiveWriter:
    """Writes batches of visits into both stores."""

    shop: _Visitors
    sessions: TableFiles
    transactions: TableFiles
    hbase: Worker
    mongodb: Worker
    position: int = 0
    written: int = 0
    orders: int = 0
    kept: Kept = "after"
    _totals: dict[str, int] = field(default_factory=dict)
    _millis: int = 0
    _order_count: int = 0
    _order_total: Decimal = Decimal(0)
    _row_of: Any = None
    _change: Any = None

    def start(self) -> None:
        """Finds out where the writer before stopped, ends what it had begun, and counts what is there."""
        self._row_of = session_rows(plain_columns(self.sessions.columns))
        self._change = make_change(plain_columns(self.transactions.columns), self.transactions.key)
        self.kept = self.mongodb.persist(self._how_kept)
        state = self.hbase.persist(lambda: self._table(LIVE_TOTALS).row(LIVE_ROW))
        self.position = int(state.get(b"t:position", b"0"))
        self._millis = int(state.get(b"t:millis", b"0"))
        if state.get(b"t:pending"):
            self._carry_out(_Batch(**orjson.loads(state[b"t:pending"])))
        known = orjson.loads(state.get(b"t:totals", b'{"live_sessions":0,"live_seconds":0}'))
        if self._totals:
            known = self._totals
        self._totals = {**known, "rows": self.hbase.persist(self._count_rows)}
        self.mongodb.persist(self._recount)

    def write(self, count: int) -> None:
        """Writes the next visits as one batch that ends now."""
        self._millis = max(int(time.time() * 1000), self._millis + 1)
        visits = [visit.ending_at(self._millis) for visit in self.shop.at(self.position, count)]
        totals = {
            "rows": self._totals["rows"] + count,
            "live_sessions": self._totals["live_sessions"] + count,
            "live_seconds": self._totals["live_seconds"] + sum(each.session["duration_seconds"] for each in visits),
        }
        batch = _Batch(
            position=self.position,
            count=count,
            millis=self._millis,
            totals=totals,
            metrics=self.hbase.persist(lambda: self._metrics_after(visits)),
        )
        noted = orjson.dumps({name: getattr(batch, name) for name in _Batch.__slots__})
        self._put(LIVE_TOTALS, [(LIVE_ROW, {b"t:pending": noted})])
        self._carry_out(batch)
        self.written += count

    def _carry_out(self, batch: _Batch) -> None:
        """Writes a batch that is noted; doing it again changes nothing."""
        visits = [visit.ending_at(batch.millis) for visit in self.shop.at(batch.position, batch.count)]
        self._put(self.sessions.name, [self._row_of(visit.session) for visit in visits], batch.millis)
        self._put(LIVE_TOTALS, [(LIVE_ROW, {b"t:totals": orjson.dumps(batch.totals)})], batch.millis)
        orders = [visit.order for visit in visits if visit.order is not None]
        if orders:
            self._write_orders([self._change(order, Written()) for order in orders])
        rows = {key.encode(): texts_of(figures) for key, figures in batch.metrics.items()}
        self._put(METRICS, [(row, dict(zip(METRIC_CELLS, texts, strict=True))) for row, texts in rows.items()])
        self.position = batch.position + batch.count
        self._totals, self._millis = batch.totals, batch.millis
        done = {b"t:position": b"%d" % self.position, b"t:millis": b"%d" % batch.millis, b"t:pending": b""}
        self._put(LIVE_TOTALS, [(LIVE_ROW, done)])

    def _put(self, table: str, rows: Sequence[tuple[bytes, Mapping[bytes, bytes]]], millis: int | None = None) -> None:
        def put() -> None:
            connection = self._hbase_writer.open
            put_rows(connection, self._hbase_writer.settings, connection.table(table).name, rows, timestamp=millis)

        self.hbase.persist(put)

    def _table(self, name: str) -> Any:
        return self._hbase_writer.open.table(name)

    def _count_rows(self) -> int:
        return sum(1 for span in self._hbase_writer.ranges() for _ in self._hbase_writer.keys(span))

    def _metrics_after(self, visits: Sequence[_Visit]) -> dict[str, list[int]]:
        """Returns the figures of the days that the visits touch, as they will be after them."""
        counts: Counts = {}
        for visit in visits:
            count_session(visit.session, counts)
            if visit.order is not None:
                count_order(visit.order, counts)
        added = {product_day_key(*day): figures for day, figures in counts.items()}
        known = dict(self._table(METRICS).rows(list(added)))
        return {
            row.decode(): [a + b for a, b in zip(figures_of(known.get(row, {})), figures, strict=True)]
            for row, figures in added.items()
        }

    def _how_kept(self) -> Kept:
        hello = self._mongo_writer.database.client.admin.command("hello")
        return "transaction" if "setName" in hello or hello.get("msg") == "isdbgrid" else "after"

    def _recount(self) -> None:
        """Counts all orders, which is right whatever wrote them."""
        database = self._mongo_writer.database
        group = {"$group": {"_id": None, "orders": {"$sum": 1}, "total": {"$sum": "$total"}}}
        found = next(iter(database[self.transactions.name].aggregate([group])), {"orders": 0, "total": 0})
        total = found["total"]
        self._order_count = found["orders"]
        self._order_total = total.to_decimal() if isinstance(total, Decimal128) else Decimal(repr(total))
        self._store_totals(None)

    def _store_totals(self, session: ClientSession | None) -> None:
        document = {
            "_id": ALL_ORDERS,
            "orders": self._order_count,
            "total": Decimal128(self._order_total),
            "kept": self.kept,
            "changed_at": datetime.now(UTC),
        }
        self._mongo_writer.database[ORDER_TOTALS].replace_one(
            {"_id": ALL_ORDERS}, document, upsert=True, session=session
        )

    def _write_orders(self, orders: Sequence[dict[str, Any]]) -> None:
        is_again = False

        def write() -> int:
            nonlocal is_again
            if is_again:
                self._recount()  # whether the try before was carried out is not known
            is_again = True
            return self._insert(orders)

        self.orders += self.mongodb.persist(write)

    def _insert(self, orders: Sequence[dict[str, Any]]) -> int:
        """Inserts those that are not there, and moves the totals; returns how many."""
        database = self._mongo_writer.database
        collection = database[self.transactions.name]
        ids = [order["_id"] for order in orders]
        there = {each["_id"] for each in collection.find({"_id": {"$in": ids}}, {"_id": 1})}
        fresh = [order for order in orders if order["_id"] not in there]
        if not fresh:
            return 0
        before = self._order_count, self._order_total
        after = before[0] + len(fresh), before[1] + sum(order["total"].to_decimal() for order in fresh)

        def insert(session: ClientSession | None) -> None:
            collection.insert_many(fresh, session=session)
            self._order_count, self._order_total = after
            self._store_totals(session)

        if self.kept == "after":
            insert(None)
        else:
            with database.client.start_session() as session:
                session.with_transaction(insert)
        return len(fresh)

    @property
    def _hbase_writer(self) -> HBaseWriter:
        assert isinstance(self.hbase.writer, HBaseWriter)
        return self.hbase.writer

    @property
    def _mongo_writer(self) -> MongoWriter:
        assert isinstance(self.mongodb.writer, MongoWriter)
        return self.mongodb.writer

    def close(self) -> None:
        self.hbase.writer.close()
        self.mongodb.writer.close()
