"""Loading sessions and product figures into a real HBase."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import happybase
import pytest
from store_tables import table_files, with_column, write_course_shop
from thriftpy2.thrift import TException

from runner.errors import ContractError, MachineError
from simulate.defects import parse_defects
from simulate.into_hbase import FAMILIES, load_into_hbase, session_rows
from simulate.loaded import Loaded
from simulate.product_metrics import TABLE as METRICS
from simulate.product_metrics import count_order, load_product_metrics
from simulate.settings import ShopSettings
from simulate.shop import generate
from stores.hbase_admin import evenly, make_table
from stores.hbase_cells import derived_session_cells, encode_row, session_key
from stores.hbase_client import connected, said
from stores.hbase_puts import message, put_rows
from stores.settings import HBaseSettings

if TYPE_CHECKING:
    from services.hbase import HBase

Rows = dict[bytes, dict[bytes, bytes]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    generate(folder, settings=ShopSettings(sessions=500))
    return folder


def settings_of(server: HBase) -> HBaseSettings:
    return HBaseSettings(
        port=server.port,
        thrift2_port=server.thrift2_port,
        table_prefix=f"into{uuid.uuid4().hex[:8]}",
        timeout_seconds=20,
    )


@pytest.fixture
def settings(hbase: HBase) -> HBaseSettings:
    return settings_of(hbase)


def load(folder: Path, settings: HBaseSettings, **options: Any) -> Loaded:
    return load_into_hbase(table_files("sessions", folder), settings, **options)


def rows_of(settings: HBaseSettings, table: str = "sessions") -> Rows:
    with connected(settings) as connection:
        return dict(connection.table(table).scan())


def sessions_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "sessions_0.json").read_text())
    return rows


def expected_rows(folder: Path) -> Rows:
    columns = table_files("sessions", folder).columns
    return {
        session_key(each["user_id"], each["start_time"], each["session_id"]): encode_row(each, columns, others="meta")
        | derived_session_cells(each)
        for each in sessions_of(folder)
    }


def test_sessions_are_loaded_whole_into_a_split_table(shop: Path, settings: HBaseSettings) -> None:
    told: list[tuple[str, int, int]] = []
    found = load(shop, settings, workers=2, unit_bytes=50_000, progress=lambda *step: told.append(step))
    assert (found.records, found.written, found.keys, found.stored) == (500, 500, 500, 500)
    assert (found.repeated, found.strangers, found.broken_count, found.note) == (0, 0, 0, "")
    assert told[-1] == ("sessions", 500, 500)
    assert rows_of(settings) == expected_rows(shop)
    with connected(settings) as connection:
        table = connection.table("sessions")
        assert {name.decode(): said["max_versions"] for name, said in table.families().items()} == FAMILIES
        regions = table.regions()
        assert len(regions) == 4
        bounds = [(each["start_key"], each["end_key"] or b"~") for each in regions]
        counts = [sum(start <= row < stop for row in expected_rows(shop)) for start, stop in bounds]
        assert min(counts) > 500 / 4 / 1.6


def test_the_report_says_which_share_of_the_records_fills_each_path(shop: Path, settings: HBaseSettings) -> None:
    lines = load(shop, settings).coverage_lines()
    assert " 100.0%  start_time -> meta:timestamp" in lines
    assert " 100.0%  geo_data.ip_address" in lines
    views = [view for session in sessions_of(shop) for view in session["page_views"]]
    assert any(view["product_id"] is None for view in views)
    of_sessions = [any(view["product_id"] for view in session["page_views"]) for session in sessions_of(shop)]
    assert f"{sum(of_sessions) / 500:7.1%}  page_views[].product_id" in lines


def test_a_repeat_writes_nothing_not_even_a_timestamp(shop: Path, settings: HBaseSettings) -> None:
    def stamped() -> list[Any]:
        with connected(settings) as connection:
            return list(connection.table("sessions").scan(include_timestamp=True))

    load(shop, settings)
    before = stamped()
    again = load(shop, settings)
    assert (again.written, again.keys) == (0, 500)
    assert stamped() == before
    assert load(shop, settings, force=True).written == 500
    assert rows_of(settings) == {row: {name: cell[0] for name, cell in cells.items()} for row, cells in before}


def test_files_of_the_course_generator_are_loaded_as_they_are(tmp_path: Path, settings: HBaseSettings) -> None:
    write_course_shop(tmp_path)
    assert load(tmp_path, settings).written == 2
    rows = rows_of(settings)
    moment = 1_740_873_599_250  # 2025-03-01T23:59:59.250Z
    row = rows[f"user_000001#{9_999_999_999_999 - moment:013d}#sess_00000000aa".encode()]
    assert row == {
        b"meta:session_id": b"sess_00000000aa",
        b"meta:user_id": b"user_000001",
        b"meta:timestamp": b"2025-03-01T23:59:59.250001",
        b"meta:end_time": b"2025-03-02T00:01:00.250001",
        b"meta:conversion_status": b"converted",
        b"meta:referrer": b"email",
        b"geo:city": "Port José".encode(),
        b"geo:state": b"CA",
        b"geo:country": b"US",
        b"geo:ip_address": b"10.0.0.1",
        b"device:type": b"mobile",
        b"device:os": b"iOS",
        b"device:browser": b"Safari",
        b"stats:duration": b"61",
        b"stats:pages": b"2",
        b"stats:viewed_products": b'["prod_00001"]',
        b"stats:cart_value": b"20.2",
        b"events:000000": b'{"timestamp":"2025-03-01T23:59:59.250001","page_type":"product_detail",'
        b'"product_id":"prod_00001","category_id":"cat_001","view_duration":60}',
        b"events:000001": b'{"timestamp":"2025-03-02T00:00:59.250001","page_type":"confirmation",'
        b'"product_id":null,"category_id":null,"view_duration":1}',
        b"events:cart": b'{"prod_00001":{"quantity":2,"price":10.1}}',
    }
    empty = next(cells for row, cells in rows.items() if row.endswith(b"ab"))
    assert (empty[b"stats:pages"], empty[b"events:cart"], empty[b"stats:cart_value"]) == (b"0", b"{}", b"0")
    assert b"events:000000" not in empty


def test_a_row_is_what_the_cells_of_its_columns_say_for_odd_values_too(shop: Path) -> None:
    columns = table_files("sessions", shop).columns
    row_of = session_rows(columns)
    base = sessions_of(shop)[0]
    odd: list[dict[str, Any]] = [
        {"geo_data": "nowhere"},
        {"geo_data": {"city": None, "planet": "Earth", "state": 7}},
        {"page_views": "none"},
        {"page_views": [None, 3, {"page_type": "home"}]},
        {"page_views": [{"page_type": "home"}] * 300},
        {"cart_contents": [], "viewed_products": None},
        {"duration_seconds": "61 sec"},
        {"duration_seconds": 61.5, "campaign_code": "spring", "depth": {"a": 1}},
        {"referrer": None, "referral_source": "email"},
        {"conversion_status": True},
    ]
    for changes in odd:
        session = {**base, **changes}
        expected = encode_row(session, columns, others="meta") | derived_session_cells(session)
        assert row_of(session)[1] == expected, changes


def test_broken_records_are_named_and_left_out(tmp_path: Path, settings: HBaseSettings) -> None:
    generate(tmp_path, settings=ShopSettings(sessions=500, defects=parse_defects("broken_rows:0.02,mixed_types:0.05")))
    path = tmp_path / "sessions_0.json"
    for turn in range(2):  # a repeat names them again
        found = load(tmp_path, settings)
        assert found.broken_count == len(found.broken) > 0
        assert found.written == (0 if turn else 500 - found.broken_count)
        assert all(each.reason.startswith("is no JSON: ") and each.path == path for each in found.broken)
    assert any(cells[b"stats:duration"].endswith(b" sec") for cells in rows_of(settings).values())


def test_sessions_of_which_no_row_key_can_be_made_are_named(tmp_path: Path, settings: HBaseSettings) -> None:
    write_course_shop(tmp_path)
    whole = sessions_of(tmp_path)[0]
    rows = [whole, {**whole, "user_id": None}, {**whole, "start_time": "soon"}, {**whole, "session_id": 7}, 5, whole]
    (tmp_path / "sessions_0.json").write_text(json.dumps(rows))
    found = load(tmp_path, settings)
    assert [each.reason for each in found.broken] == [
        "cannot be a row of HBase: it has no user_id",
        'cannot be a row of HBase: its start_time "soon" is no moment',
        "cannot be a row of HBase: it has no session_id",
        "cannot be a row of HBase: it is no object",
    ]
    assert (found.records, found.written, found.keys, found.repeated) == (6, 2, 1, 1)


def test_keys_that_the_data_does_not_have_stop_before_a_table_is_made(shop: Path, settings: HBaseSettings) -> None:
    table = with_column(table_files("sessions", shop), "geo_data", name="geo")
    table = with_column(table, "duration_seconds", name="duration")
    with pytest.raises(ContractError) as raised:
        load_into_hbase(table, settings)
    assert str(raised.value) == (
        f"{settings}/sessions: none of the first 500 records of sessions_0.json has duration (for stats:duration), geo "
        "(for geo:*); they have session_id, user_id, start_time, end_time, duration_seconds, geo_data, device_profile, "
        "viewed_products, page_views, cart_contents, conversion_status, referrer. Nothing was loaded. Mend the names in "
        "sources.yml (or add `aliases`), or allow the path to be missing."
    )
    with connected(settings) as connection:
        assert connection.tables() == []


def test_rows_that_vanished_are_loaded_again_whatever_the_marks_say(shop: Path, settings: HBaseSettings) -> None:
    load(shop, settings, unit_bytes=50_000)
    gone = sorted(rows_of(settings))[0]
    with connected(settings) as connection:
        connection.table("sessions").delete(gone)
        connection.table("sessions").put(b"user_x#1#live", {b"meta:user_id": b"user_x"})
    again = load(shop, settings, unit_bytes=50_000)
    assert 0 < again.written < 500
    assert again.strangers == 1
    assert {key: cells for key, cells in rows_of(settings).items() if key != b"user_x#1#live"} == expected_rows(shop)


def test_without_thrift2_the_table_is_one_region_and_that_is_said(shop: Path, settings: HBaseSettings) -> None:
    found = load(shop, replace(settings, thrift2_port=None))
    assert found.note == '"sessions" is one region: only Thrift2 makes split tables, and thrift2_port is not set'
    assert found.keys == 500


def test_a_server_that_is_not_there_is_said_at_once(shop: Path) -> None:
    with pytest.raises(MachineError, match=r"^hbase://127\.0\.0\.1:9: does not answer: .*make services-up"):
        load(shop, HBaseSettings(port=9))


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from store_tables import table_files
from simulate.into_hbase import load_into_hbase
from stores.settings import HBaseSettings

def tell(name, done, total):
    print(done, flush=True)

if __name__ == "__main__":
    load_into_hbase(table_files("sessions", Path({shop!r})), HBaseSettings(**{settings!r}), progress=tell, workers=2,
                    unit_bytes=8_000)
"""


def test_a_load_that_was_killed_is_gone_on_with(shop: Path, settings: HBaseSettings, tmp_path: Path) -> None:
    values = {"port": settings.port, "thrift2_port": settings.thrift2_port, "table_prefix": settings.table_prefix}
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent), shop=str(shop), settings=values))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) > 50:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(30) == -signal.SIGKILL
    process.stdout.read()  # ends when the processes that it started have ended, too
    assert 50 < len(rows_of(settings)) < 500
    found = load(shop, settings, unit_bytes=8_000)
    assert 0 < found.written < 450
    assert rows_of(settings) == expected_rows(shop)


def test_a_server_that_is_killed_and_comes_back_is_waited_for(shop: Path, tmp_path: Path) -> None:
    from services.hbase import HBase

    server = HBase(tmp_path / "server")
    server.start()
    try:
        settings = settings_of(server)
        restart = threading.Thread(target=server.start)

        def tell(name: str, done: int, total: int) -> None:
            if done > 200 and restart.ident is None:
                server.kill()
                restart.start()

        found = load(shop, settings, unit_bytes=20_000, progress=tell, workers=1)
        restart.join()
        assert found.keys == found.stored == 500
        assert rows_of(settings) == expected_rows(shop)
        server.kill()
        with pytest.raises(MachineError, match="does not answer"):
            load(shop, settings)
    finally:
        server.kill()


def test_product_figures_are_those_of_the_files(shop: Path, settings: HBaseSettings) -> None:
    tables = table_files("sessions", shop), table_files("transactions", shop)
    found = load_product_metrics(*tables, settings, workers=2, unit_bytes=50_000)
    expected: dict[str, Counter[bytes]] = {"views": Counter(), "carts": Counter(), "orders": Counter()}
    revenue: dict[bytes, Decimal] = {}

    def key(product: str, moment: str) -> bytes:
        return f"{product}#{moment[:10].replace('-', '')}".encode()

    for session in sessions_of(shop):
        for view in session["page_views"]:
            if view["product_id"]:
                expected["views"][key(view["product_id"], view["timestamp"])] += 1
        expected["carts"].update(key(product, session["start_time"]) for product in session["cart_contents"])
    for order in json.loads((shop / "transactions.json").read_text()):
        expected["orders"].update({key(item["product_id"], order["timestamp"]) for item in order["items"]})
        for item in order["items"]:
            day = key(item["product_id"], order["timestamp"])
            revenue[day] = revenue.get(day, Decimal(0)) + Decimal(repr(item["subtotal"]))
    rows = rows_of(settings, METRICS)
    assert found.written == found.keys == len(rows) > 0
    for figure, counts in expected.items():
        assert {row: int(cells[f"m:{figure}".encode()]) for row, cells in rows.items() if row in counts} == counts
        assert sum(int(cells[f"m:{figure}".encode()]) for cells in rows.values()) == counts.total()
    assert {row: Decimal(cells[b"m:revenue"].decode()) for row, cells in rows.items() if row in revenue} == revenue
    assert load_product_metrics(*tables, settings).written == 0


def test_cancelled_orders_and_odd_lines_count_for_nothing() -> None:
    counts: dict[tuple[str, str], list[int]] = {}
    line = {"product_id": "p", "subtotal": 1.5}
    count_order({"status": "cancelled", "timestamp": "2025-01-01T00:00:00", "items": [line]}, counts)
    count_order({"status": "returned", "timestamp": "2025-01-01T00:00:00", "items": [line]}, counts)
    assert counts == {}
    count_order({"status": "shipped", "timestamp": "2025-01-01T00:00:00", "items": [line, line, None, {}]}, counts)
    count_order({"status": "shipped", "timestamp": None, "items": [line]}, counts)
    assert counts == {("p", "2025-01-01"): [0, 0, 1, 300]}


def test_a_sample_is_cut_evenly() -> None:
    assert evenly([b"d", b"a", b"c", b"b"], 2) == [b"c"]
    assert evenly([b"a"] * 9 + [b"b"], 4) == []
    assert evenly([], 4) == []


def test_a_table_that_exists_stays_as_it_is(settings: HBaseSettings) -> None:
    assert make_table(settings, "t", {"a": 2}, splits=[b"m"]).regions == 2
    again = make_table(settings, "t", {"b": 1})
    assert (again.is_new, again.regions) == (False, 2)


def test_a_thrift2_that_does_not_answer_leaves_one_region(settings: HBaseSettings) -> None:
    made = make_table(replace(settings, thrift2_port=9), "t", {"a": 2}, splits=[b"m"])
    assert (made.is_new, made.regions) == (True, 1)
    assert made.note == (
        f'"{settings.table_prefix}_t" is one region: only Thrift2 makes split tables, and on port 9 it does not answer: '
        "Could not connect to ('127.0.0.1', 9)"
    )


def test_rows_are_put_as_happybase_puts_them(settings: HBaseSettings) -> None:
    make_table(settings, "t", {"a": 3})
    cells = {b"a:text": "é#".encode(), b"a:bytes": bytes(range(256)), b"a:": b"", b"a:long": b"x" * 100_000}
    with connected(settings) as connection:
        table = connection.table("t")
        put_rows(connection, settings, table.name, [(b"ours", cells), (b"\x00\xff", {b"a:x": b"1"})])
        put_rows(connection, settings, table.name, [(b"then", {b"a:x": b"1"})], timestamp=1_234_567_890_123)
        put_rows(connection, settings, table.name, [])
        table.put(b"theirs", cells)
        assert table.row(b"ours") == table.row(b"theirs") == cells
        assert table.row(b"\x00\xff") == {b"a:x": b"1"}
        assert table.row(b"then", include_timestamp=True) == {b"a:x": (b"1", 1_234_567_890_123)}
        with pytest.raises(TException) as raised:
            put_rows(connection, settings, table.name, [(b"row", {b"none:x": b"1"})])
        assert "NoSuchColumnFamilyException" in said(raised.value)
        assert table.row(b"ours") == cells  # the connection still answers rightly


def test_a_call_is_the_bytes_that_the_generated_client_sends() -> None:
    from thriftpy2.protocol.binary import TBinaryProtocol
    from thriftpy2.transport import TMemoryBuffer

    rows = [(b"r1", {b"a:x": b"1", b"a:y": b""}), (b"r2", {b"b:z": b"\xff"})]
    for timestamp in (None, 77):
        buffer = TMemoryBuffer()
        client = happybase.connection.TClient(happybase.connection.Hbase, TBinaryProtocol(buffer))
        mutations = [
            happybase.batch.BatchMutation(row, [happybase.batch.Mutation(False, *cell, True) for cell in cells.items()])
            for row, cells in rows
        ]
        if timestamp is None:
            client._send("mutateRows", tableName=b"t", rowBatches=mutations, attributes={})
        else:
            client._send("mutateRowsTs", tableName=b"t", rowBatches=mutations, timestamp=timestamp, attributes={})
        assert message(b"t", rows, timestamp) == buffer.getvalue()
