"""Loading documents into a real server of MongoDB's protocol."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from store_tables import DOCUMENTS, table_files, with_column, write_course_shop

from runner.errors import ContractError, MachineError
from simulate.defects import parse_defects
from simulate.into_mongodb import INDEXES, MARKS, load_into_mongodb, make_change, to_decimal128
from simulate.loaded import Loaded
from simulate.loading import Written
from simulate.settings import ShopSettings
from simulate.shop import generate
from stores.hbase_cells import PlainColumn
from stores.settings import MongoSettings

if TYPE_CHECKING:
    from services.mongodb import MongoDB


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    generate(folder, settings=ShopSettings(sessions=2_000, orders=1_500))
    return folder


@pytest.fixture
def settings(mongodb: MongoDB) -> Iterator[MongoSettings]:
    settings = MongoSettings(uri=mongodb.uri, database=f"into_{uuid.uuid4().hex[:8]}")
    yield settings
    with MongoClient[dict[str, Any]](settings.uri) as client:
        client.drop_database(settings.database)


def load(folder: Path, settings: MongoSettings, *names: str, **options: Any) -> dict[str, Loaded]:
    tables = [table_files(name, folder) for name in names or DOCUMENTS]
    return {each.table: each for each in load_into_mongodb(tables, settings, **options)}


def documents(settings: MongoSettings, collection: str) -> dict[Any, dict[str, Any]]:
    with MongoClient[dict[str, Any]](settings.uri, tz_aware=True) as client:
        return {each["_id"]: each for each in client[settings.database][collection].find()}


def test_a_shop_is_loaded_whole_with_its_indexes(shop: Path, settings: MongoSettings) -> None:
    told: list[tuple[str, int, int]] = []
    loaded = load(shop, settings, progress=lambda *step: told.append(step), unit_bytes=100_000, workers=2)
    counts = json.loads((shop / "shop.json").read_text())["counts"]
    for name in DOCUMENTS:
        found = loaded[name]
        assert (found.records, found.written, found.keys, found.stored) == (counts[name],) * 4
        assert (found.repeated, found.strangers, found.broken_count, found.cut_times) == (0, 0, 0, 0)
        assert [step for step in told if step[0] == name][-1] == (name, counts[name], counts[name])
    with MongoClient[dict[str, Any]](settings.uri) as client:
        for name, paths in INDEXES.items():
            made = {each["key"][0][0] for each in client[settings.database][name].index_information().values()}
            assert made == {"_id", *paths}


def test_the_simulated_shop_s_times_fit_mongodb_s_dates_and_its_money_is_exact(
    shop: Path, settings: MongoSettings
) -> None:
    loaded = load(shop, settings, "transactions")
    assert loaded["transactions"].cut_times == 0
    stored = documents(settings, "transactions")
    rows = json.loads((shop / "transactions.json").read_text())
    assert any("." in row["timestamp"] for row in rows)
    for row in rows:
        found = stored[row["transaction_id"]]
        assert found["timestamp"] == datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        assert found["subtotal"].to_decimal() == Decimal(repr(row["subtotal"]))
        assert [item["unit_price"].to_decimal() for item in found["items"]] == [
            Decimal(repr(item["unit_price"])) for item in row["items"]
        ]
        assert [item["quantity"] for item in found["items"]] == [item["quantity"] for item in row["items"]]
        assert found["session_id"] == row["session_id"]


def test_a_repeat_changes_nothing(shop: Path, settings: MongoSettings) -> None:
    load(shop, settings)
    before = {name: documents(settings, name) for name in DOCUMENTS}
    again = load(shop, settings)
    assert {name: again[name].written for name in DOCUMENTS} == dict.fromkeys(DOCUMENTS, 0)
    assert again["transactions"].keys == len(before["transactions"])
    load(shop, settings, force=True)
    assert {name: documents(settings, name) for name in DOCUMENTS} == before


def test_files_of_the_course_generator_are_loaded_as_they_are(tmp_path: Path, settings: MongoSettings) -> None:
    write_course_shop(tmp_path)
    loaded = load(tmp_path, settings)
    stored = documents(settings, "transactions")
    assert stored["txn_0000000000a1"]["timestamp"] == datetime(2025, 3, 2, 0, 0, 59, 250_000, UTC)
    assert stored["txn_0000000000a1"]["subtotal"] == Decimal128("1339.4500000000003")
    assert stored["txn_0000000000a1"]["discount"] == Decimal128("0")
    assert stored["txn_0000000000a2"]["session_id"] is None
    assert stored["txn_0000000000a2"]["timestamp"] == datetime(2025, 3, 2, 8, 0, 0, 0, UTC)
    assert loaded["transactions"].cut_times == 1
    assert loaded["users"].cut_times == 1
    assert documents(settings, "products")["prod_00001"]["price_history"] == [
        {"price": Decimal128("9.5"), "date": datetime(2025, 1, 1, tzinfo=UTC)},
        {"price": Decimal128("10"), "date": datetime(2025, 2, 1, tzinfo=UTC)},
    ]
    assert documents(settings, "categories")["cat_001"]["subcategories"][0]["profit_margin"] == 0.25


def test_parquet_loads_as_json_does(shop: Path, settings: MongoSettings, tmp_path: Path) -> None:
    load(shop, settings)
    expected = {name: documents(settings, name) for name in DOCUMENTS}
    generate(tmp_path, settings=ShopSettings(sessions=2_000, orders=1_500, format="parquet"))
    other = MongoSettings(uri=settings.uri, database=f"{settings.database}_parquet")
    try:
        load(tmp_path, other)
        assert {name: documents(other, name) for name in DOCUMENTS} == expected
    finally:
        with MongoClient[dict[str, Any]](settings.uri) as client:
            client.drop_database(other.database)


def test_broken_records_are_named_and_left_out_and_odd_values_kept(tmp_path: Path, settings: MongoSettings) -> None:
    generate(tmp_path, settings=ShopSettings(sessions=800, defects=parse_defects("broken_rows:0.02,mixed_types:0.05")))
    path = tmp_path / "transactions.json"
    for turn in range(2):  # a repeat names them again
        found = load(tmp_path, settings, "transactions")["transactions"]
        assert found.broken_count == len(found.broken) > 0
        assert found.written == (0 if turn else found.records - found.broken_count)
        assert found.keys == found.stored == found.records - found.broken_count
        for broken in found.broken:
            assert broken.path == path
            assert broken.reason.startswith("is no JSON: ")
            assert path.read_bytes()[broken.position : broken.position + 22] == b'{"transaction_id":"txn'
    totals = [each["total"] for each in documents(settings, "transactions").values()]
    assert any(isinstance(total, str) and total.startswith("USD ") for total in totals)


def test_a_record_that_mongodb_cannot_hold_is_named(tmp_path: Path, settings: MongoSettings) -> None:
    rows = [
        {"user_id": "a", "registration_date": "2025-01-01T00:00:00", "last_active": "never", "geo_data": {}},
        {"user_id": None},
        {"user_id": "b", "visits": 2**63},
        "user_c",
    ]
    (tmp_path / "users.json").write_text(json.dumps(rows))
    found = load(tmp_path, settings, "users", allow_missing={"geo_data"})["users"]
    assert [each.reason for each in found.broken] == [
        "cannot be a document of MongoDB: it has no user_id",
        "cannot be a document of MongoDB: MongoDB can only handle up to 8-byte ints",
        "cannot be a document of MongoDB: it is no object",
    ]
    assert documents(settings, "users")["a"]["last_active"] == "never"


def test_a_path_that_no_record_has_stops_before_anything_is_loaded(shop: Path, settings: MongoSettings) -> None:
    tables = [table_files("users", shop), with_column(table_files("transactions", shop), "timestamp", name="date")]
    with pytest.raises(ContractError) as raised:
        load_into_mongodb(tables, settings)
    assert str(raised.value) == (
        f"{settings}/transactions: none of the first 1,000 records of transactions.json has date; they have "
        "transaction_id, session_id, user_id, timestamp, items, subtotal, discount, total, payment_method, status. "
        "Nothing was loaded. Mend the names in sources.yml (or add `aliases`), or allow the path to be missing."
    )
    assert documents(settings, "users") == {}


def test_documents_that_vanished_are_loaded_again_whatever_the_marks_say(shop: Path, settings: MongoSettings) -> None:
    load(shop, settings, "transactions", unit_bytes=100_000)
    before = documents(settings, "transactions")
    gone = sorted(before)[:3]
    with MongoClient[dict[str, Any]](settings.uri) as client:
        client[settings.database]["transactions"].delete_many({"_id": {"$in": gone}})
        client[settings.database]["transactions"].insert_one({"_id": "txn_live"})
    again = load(shop, settings, "transactions", unit_bytes=100_000)["transactions"]
    assert 0 < again.written < again.records
    assert again.strangers == 1
    after = documents(settings, "transactions")
    assert {name: after[name] for name in before} == before


def test_marks_of_a_dropped_collection_count_for_nothing(shop: Path, settings: MongoSettings) -> None:
    load(shop, settings, "users")
    with MongoClient[dict[str, Any]](settings.uri) as client:
        client[settings.database]["users"].drop()
        assert client[settings.database][MARKS].count_documents({}) == 1
    assert load(shop, settings, "users")["users"].written == 200


def test_a_server_that_is_not_there_is_said_at_once(shop: Path) -> None:
    settings = MongoSettings(uri="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100")
    with pytest.raises(MachineError, match=r"does not answer: .*Start it \(make services-up\), or set MONGODB_URI\."):
        load_into_mongodb(
            [table_files("users", shop)], MongoSettings(uri=settings.uri, options={"serverSelectionTimeoutMS": 100})
        )


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from store_tables import table_files
from simulate.into_mongodb import load_into_mongodb
from stores.settings import MongoSettings

def tell(name, done, total):
    print(done, flush=True)

if __name__ == "__main__":
    load_into_mongodb([table_files("transactions", Path({shop!r}))], MongoSettings(uri={uri!r}, database={database!r}),
                      progress=tell, workers=2, unit_bytes=10_000)
"""


def test_a_load_that_was_killed_is_gone_on_with(shop: Path, settings: MongoSettings, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        KILLED.format(tests=str(Path(__file__).parent), shop=str(shop), uri=settings.uri, database=settings.database)
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) > 100:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(30) == -signal.SIGKILL
    process.stdout.read()  # ends when the processes that it started have ended, too
    there = documents(settings, "transactions")
    assert 100 < len(there) < 1_500
    found = load(shop, settings, "transactions", unit_bytes=10_000)["transactions"]
    assert 0 < found.written < 1_500 - 100
    assert found.keys == found.stored == len(documents(settings, "transactions")) == 1_500


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MongoDB]:
    from services.mongodb import MongoDB

    server = MongoDB(tmp_path / "server", durable=True)
    server.start()
    yield server
    server.kill()


def test_a_server_that_is_killed_and_comes_back_is_waited_for(shop: Path, own_server: MongoDB) -> None:
    settings = MongoSettings(uri=own_server.uri, options={"serverSelectionTimeoutMS": 500})
    restart = threading.Timer(1.0, own_server.start)

    def tell(name: str, done: int, total: int) -> None:
        if done > 300 and not restart.is_alive() and not restart.finished.is_set():
            own_server.kill()
            restart.start()

    found = load(shop, settings, "transactions", unit_bytes=20_000, progress=tell, workers=1)["transactions"]
    restart.join()
    assert found.keys == found.stored == 1_500
    assert len(documents(settings, "transactions")) == 1_500


def test_a_server_that_stays_away_is_given_up_and_the_rest_loaded_later(shop: Path, own_server: MongoDB) -> None:
    settings = MongoSettings(uri=own_server.uri, options={"serverSelectionTimeoutMS": 200})

    def tell(name: str, done: int, total: int) -> None:
        if done > 300 and own_server.pid:
            own_server.kill()

    with pytest.raises(MachineError) as raised:
        load(shop, settings, "transactions", unit_bytes=20_000, progress=tell, workers=1, patience_seconds=1)
    said = str(raised.value)
    assert said.startswith(f"{settings}/transactions: stopped answering for 1 s (")
    assert " records were loaded. Start it again and repeat the command: it goes on where it stopped." in said
    own_server.start()
    found = load(shop, settings, "transactions", unit_bytes=20_000)["transactions"]
    assert found.keys == found.stored == 1_500


@pytest.mark.parametrize(
    "number", [0, 1, -3, 12.5, 1339.4500000000003, -0.01, 0.1, 1e22, 1e-7, 5.0, 2**63, -(2**70), 123456789.12]
)
def test_money_is_exactly_its_decimal_text(number: float) -> None:
    stored = to_decimal128(number)
    assert isinstance(stored, Decimal128)
    assert stored.to_decimal() == Decimal(repr(number))


@pytest.mark.parametrize("value", ["USD 12", True, [1]])
def test_what_is_no_number_stays(value: Any) -> None:
    assert to_decimal128(value) is value


def test_a_document_is_changed_where_its_columns_say_so_and_nowhere_else() -> None:
    columns = [
        PlainColumn("id", "string", ()),
        PlainColumn("day", "date", (), None, ("when",)),
        PlainColumn("lines", "array<struct<price:decimal(12,2),note:string>>", ()),
        PlainColumn("cart", "map<string,struct<price:decimal(12,2)>>", ()),
    ]
    written = Written()
    change = make_change(columns, ("id",))
    document = {
        "id": "a",
        "when": "2025-01-02",
        "lines": [{"price": 1.5, "note": "2025-01-02"}, None, {"price": None}],
        "cart": {"p": {"price": 2}},
        "other": 1.5,
    }
    assert change(document, written) == {
        "_id": "a",
        "id": "a",
        "when": datetime(2025, 1, 2),
        "lines": [{"price": Decimal128("1.5"), "note": "2025-01-02"}, None, {"price": None}],
        "cart": {"p": {"price": Decimal128("2")}},
        "other": 1.5,
    }
    assert change({"id": "b", "day": "2025-01-02T00:00:00.000001", "lines": "none"}, written)["lines"] == "none"
    assert written.cut_times == 1
    assert document["when"] == "2025-01-02"


def test_a_key_of_several_columns_is_a_document() -> None:
    change = make_change([], ("a", "b"))
    assert change({"b": 1, "a": "x"}, Written())["_id"] == {"a": "x", "b": 1}
