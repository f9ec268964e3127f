"""A shop that goes on: the rate, what a reader can hold on to, and ids over restarts."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from store_tables import table_files

from runner.errors import FormatError
from simulate import live
from simulate.into_hbase import load_into_hbase
from simulate.into_mongodb import load_into_mongodb
from simulate.live import ALL_ORDERS, LIVE_ROW, LIVE_TOTALS, ORDER_TOTALS, LiveSummary, read_session_totals, shop_of
from simulate.product_metrics import TABLE as METRICS
from simulate.product_metrics import load_product_metrics
from simulate.settings import Profile, ShopSettings
from simulate.shop import generate
from stores.hbase_client import connected
from stores.settings import HBaseSettings, MongoSettings

if TYPE_CHECKING:
    from services.hbase import HBase
    from services.mongodb import MongoDB

SESSIONS = 300


@dataclass(frozen=True)
class LoadedShop:
    """A small shop in both stores."""

    folder: Path
    hbase: HBaseSettings
    mongodb: MongoSettings

    def write(self, **options: Any) -> LiveSummary:
        return live.write_live(
            options.pop("shop", None) or shop_of(self.folder),
            table_files("sessions", self.folder),
            table_files("transactions", self.folder),
            mongodb=self.mongodb,
            hbase=self.hbase,
            **{"rate": 200.0, **options},
        )

    def rows(self, table: str = "sessions") -> dict[bytes, dict[bytes, bytes]]:
        with connected(self.hbase) as connection:
            return dict(connection.table(table).scan())

    def orders(self) -> list[dict[str, Any]]:
        with MongoClient[dict[str, Any]](self.mongodb.uri, tz_aware=True) as client:
            return list(client[self.mongodb.database]["transactions"].find())

    def order_totals(self) -> tuple[int, Decimal]:
        with MongoClient[dict[str, Any]](self.mongodb.uri) as client:
            found = client[self.mongodb.database][ORDER_TOTALS].find_one({"_id": ALL_ORDERS})
        assert found is not None
        return found["orders"], found["total"].to_decimal()

    def counted_orders(self) -> tuple[int, Decimal]:
        orders = self.orders()
        return len(orders), sum((order["total"].to_decimal() for order in orders), Decimal(0))


@pytest.fixture
def shop(hbase: HBase, mongodb: MongoDB, tmp_path: Path) -> Iterator[LoadedShop]:
    name = f"live{uuid.uuid4().hex[:8]}"
    shop = LoadedShop(
        folder=tmp_path / "shop",
        hbase=HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port, table_prefix=name),
        mongodb=MongoSettings(uri=mongodb.uri, database=name),
    )
    generate(shop.folder, settings=ShopSettings(sessions=SESSIONS, orders=200, seed=7))
    sessions, orders = table_files("sessions", shop.folder), table_files("transactions", shop.folder)
    load_into_hbase(sessions, shop.hbase, regions=2)
    load_into_mongodb([orders], shop.mongodb)
    yield shop
    with MongoClient[dict[str, Any]](mongodb.uri) as client:
        client.drop_database(name)


def live_rows(shop: LoadedShop) -> dict[bytes, dict[bytes, bytes]]:
    loaded = {each["session_id"] for each in json.loads((shop.folder / "sessions_0.json").read_text())}
    return {row: cells for row, cells in shop.rows().items() if row.split(b"#")[2].decode() not in loaded}


def test_sessions_and_their_orders_are_written_as_the_shop_would_have_them(shop: LoadedShop) -> None:
    begun = datetime.now(UTC)
    summary = shop.write(count=150)
    rows = live_rows(shop)
    assert summary.sessions == len(rows) == summary.sessions_ever == 150
    users = {each["user_id"] for each in json.loads((shop.folder / "users.json").read_text())}
    converted = set()
    for cells in rows.values():
        assert cells[b"meta:user_id"].decode() in users
        end = datetime.fromisoformat(cells[b"meta:end_time"].decode()).replace(tzinfo=UTC)
        start = datetime.fromisoformat(cells[b"meta:timestamp"].decode()).replace(tzinfo=UTC)
        assert begun.timestamp() - 1 <= end.timestamp() <= datetime.now(UTC).timestamp()
        assert (end - start).total_seconds() == int(cells[b"stats:duration"])
        views = [orjson.loads(cells[b"events:%06d" % number]) for number in range(int(cells[b"stats:pages"]))]
        assert sum(view["view_duration"] for view in views) == int(cells[b"stats:duration"])
        assert views[0]["timestamp"] == cells[b"meta:timestamp"].decode()
        if cells[b"meta:conversion_status"] == b"converted":
            converted.add(cells[b"meta:session_id"].decode())
    sessions = {cells[b"meta:session_id"].decode(): cells for cells in rows.values()}
    linked = [order for order in shop.orders() if order["session_id"] in sessions]
    assert summary.orders == len(linked) > 0
    assert {order["session_id"] for order in linked} == converted
    for order in linked:
        cells = sessions[order["session_id"]]
        last = orjson.loads(cells[b"events:%06d" % (int(cells[b"stats:pages"]) - 1)])
        assert last["page_type"] == "confirmation"
        assert order["timestamp"] == datetime.fromisoformat(last["timestamp"]).replace(tzinfo=UTC)
        assert order["user_id"] == cells[b"meta:user_id"].decode()
        assert {item["product_id"] for item in order["items"]} == set(orjson.loads(cells[b"events:cart"]))
        assert isinstance(order["total"], Decimal128)


def test_the_rate_is_the_one_that_was_asked_for(shop: LoadedShop) -> None:
    told: list[tuple[str, int, int]] = []
    summary = shop.write(rate=25, seconds=4, progress=lambda *step: told.append(step))
    assert summary.sessions == len(live_rows(shop)) == 100
    assert 17 < summary.rate < 26
    assert len(told) > 5
    assert told[-1] == ("sessions", 100, 100)


def test_it_writes_until_it_is_stopped(shop: LoadedShop) -> None:
    asked = iter(range(1_000))
    summary = shop.write(stop=lambda: next(asked) > 30)
    assert summary.sessions == len(live_rows(shop)) > 0


def test_totals_hold_at_every_moment_while_it_writes(shop: LoadedShop) -> None:
    summary: list[LiveSummary] = []
    writer = threading.Thread(target=lambda: summary.append(shop.write(rate=60, seconds=4)))
    writer.start()
    seen = set()
    while writer.is_alive():
        with connected(shop.hbase) as connection:
            exists = LIVE_TOTALS.encode() in connection.tables()
        totals = read_session_totals(shop.hbase) if exists else None
        if totals is None:
            continue
        with connected(shop.hbase) as connection:
            rows = connection.table("sessions").scan(columns=[b"stats:duration"], timestamp=totals.written_at + 1)
            durations = {row: int(cells[b"stats:duration"]) for row, cells in rows}
        assert len(durations) == totals.rows
        assert totals.live_sessions == totals.rows - SESSIONS
        again = read_session_totals(shop.hbase, at=totals.written_at)
        assert again == totals
        seen.add(totals.live_sessions)
    writer.join()
    assert len(seen) > 2
    assert summary[0].kept == "after"  # the emulator has no transactions
    assert shop.order_totals() == shop.counted_orders()
    last = read_session_totals(shop.hbase)
    assert last is not None
    assert last.live_seconds == sum(int(cells[b"stats:duration"]) for cells in live_rows(shop).values())


def test_ids_go_on_over_restarts_and_are_none_of_the_shop_s(shop: LoadedShop) -> None:
    first = shop.write(count=40)
    second = shop.write(count=40)
    assert (first.sessions_ever, second.sessions_ever) == (40, 80)
    ids = [cells[b"meta:session_id"] for cells in shop.rows().values()]
    assert len(set(ids)) == len(ids) == SESSIONS + 80
    assert len(shop.orders()) == 200 + first.orders + second.orders
    assert shop.order_totals() == shop.counted_orders()
    totals = read_session_totals(shop.hbase)
    assert totals is not None
    assert (totals.rows, totals.live_sessions) == (SESSIONS + 80, 80)


def test_product_figures_move_with_the_sessions(shop: LoadedShop) -> None:
    sessions, orders = table_files("sessions", shop.folder), table_files("transactions", shop.folder)
    load_product_metrics(sessions, orders, shop.hbase)
    before = shop.rows(METRICS)
    summary = shop.write(count=60)
    summary = replace(summary, orders=summary.orders + shop.write(count=60).orders)
    after = shop.rows(METRICS)
    assert {row: after[row] for row in before} == before  # other days
    fresh = [cells for row, cells in after.items() if row not in before]
    rows = list(live_rows(shop).values())
    products = [
        view["product_id"]
        for cells in rows
        for name, value in cells.items()
        if name.startswith(b"events:0") and (view := orjson.loads(value))["product_id"]
    ]
    assert sum(int(cells[b"m:views"]) for cells in fresh) == len(products)
    assert sum(int(cells[b"m:carts"]) for cells in fresh) == sum(
        len(orjson.loads(each[b"events:cart"])) for each in rows
    )
    live_orders = [order for order in shop.orders() if order["timestamp"].year > 2025]
    assert len(live_orders) == summary.orders
    assert sum(int(cells[b"m:orders"]) for cells in fresh) == sum(len(order["items"]) for order in live_orders)
    assert sum(Decimal(cells[b"m:revenue"].decode()) for cells in fresh) == sum(
        item["subtotal"].to_decimal() for order in live_orders for item in order["items"]
    )


@pytest.mark.parametrize("step", ["sessions", LIVE_TOTALS, METRICS, "orders"])
def test_a_batch_that_was_cut_short_is_ended_by_the_next_start(
    step: str, shop: LoadedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(count=30)

    class Died(BaseException):
        pass

    put, insert = live._LiveWriter._put, live._LiveWriter._insert

    def dying_put(self: Any, table: str, rows: Any, millis: int | None = None) -> None:
        put(self, table, rows, millis)
        if table == step and (millis is not None or table == METRICS):
            raise Died

    def dying_insert(self: Any, orders: Any) -> int:
        insert(self, orders)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(live._LiveWriter, "_put", dying_put)
        if step == "orders":
            patch.setattr(live._LiveWriter, "_insert", dying_insert)
        with pytest.raises(Died):
            shop.write(count=60)
    with connected(shop.hbase) as connection:
        pending = orjson.loads(connection.table(LIVE_TOTALS).row(LIVE_ROW)[b"t:pending"])
    summary = shop.write(count=20)
    rows = live_rows(shop)
    assert len(rows) == summary.sessions_ever == pending["position"] + pending["count"] + 20
    assert len({row.split(b"#")[2] for row in rows}) == len(rows)
    assert shop.order_totals() == shop.counted_orders()
    converted = {
        cells[b"meta:session_id"].decode()
        for cells in rows.values()
        if cells[b"meta:conversion_status"] == b"converted"
    }
    assert {order["session_id"] for order in shop.orders()} >= converted
    totals = read_session_totals(shop.hbase)
    assert totals is not None
    assert (totals.rows, totals.live_sessions) == (SESSIONS + len(rows), len(rows))
    carts = sum(len(orjson.loads(cells[b"events:cart"])) for cells in rows.values())
    assert sum(int(cells[b"m:carts"]) for cells in shop.rows(METRICS).values()) == carts


@pytest.mark.parametrize("profile", ["realistic", "uniform"])
def test_the_same_position_is_always_the_same_visit(profile: Profile) -> None:
    settings = ShopSettings(sessions=200, seed=3, profile=profile, products=50)
    visits = live._Visitors(settings).at(150, 100)
    assert live._Visitors(settings).at(249, 1) == visits[99:]
    assert len({visit.session["session_id"] for visit in visits}) == 100
    orders = [visit.order for visit in visits if visit.order is not None]
    assert orders
    assert len({order["transaction_id"] for order in orders}) == len(orders)
    moved = [visit.ending_at(1_800_000_000_123) for visit in visits]
    assert {visit.session["end_time"] for visit in moved} == {"2027-01-15T08:00:00.123000"}
    for visit in moved:
        if visit.order is not None:
            assert visit.order["session_id"] == visit.session["session_id"]
            assert visit.session["start_time"] <= visit.order["timestamp"] <= visit.session["end_time"]


def test_the_shop_of_a_folder_is_the_one_that_was_generated(tmp_path: Path) -> None:
    assert shop_of(tmp_path) == ShopSettings()
    settings = ShopSettings(sessions=50, seed=9, start=date(2024, 2, 3), profile="uniform", format="parquet")
    generate(tmp_path / "shop", settings=settings)
    assert shop_of(tmp_path / "shop") == settings
    (tmp_path / "shop.json").write_text("{")
    with pytest.raises(FormatError) as raised:
        shop_of(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path / 'shop.json'}: this is not the manifest of a generated shop. Generate the shop again, or remove "
        "this file."
    )


def test_a_rate_of_nothing_is_refused(tmp_path: Path) -> None:
    shop = LoadedShop(tmp_path, HBaseSettings(port=9), MongoSettings())
    with pytest.raises(FormatError) as raised:
        shop.write(rate=0)
    assert str(raised.value) == "simulate: the rate is 0. Give sessions per second, more than 0."
