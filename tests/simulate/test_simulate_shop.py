"""The whole shop: the same bytes always, entities that agree with each other, and a summary that agrees with both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from shop_files import ShopFiles, digests, read_shop

import simulate.shop
from runner.errors import ProjectError
from simulate.defects import parse_defects
from simulate.settings import ShopSettings
from simulate.shop import generate

EACH = pytest.mark.parametrize("shop", ["realistic", "uniform"], indirect=True)
SMALL = {"sessions": 600, "sessions_per_file": 250}


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> ShopFiles:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def by_id(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows}


def test_fields_are_those_of_the_exports(realistic: ShopFiles) -> None:
    session = next(row for row in realistic.sessions if row["cart_contents"])
    assert list(session) == [
        "session_id", "user_id", "start_time", "end_time", "duration_seconds", "geo_data", "device_profile",
        "viewed_products", "page_views", "cart_contents", "conversion_status", "referrer",
    ]  # fmt: skip
    assert list(session["geo_data"]) == ["city", "state", "country", "ip_address"]
    assert list(session["device_profile"]) == ["type", "os", "browser"]
    assert list(session["page_views"][0]) == ["timestamp", "page_type", "product_id", "category_id", "view_duration"]
    assert list(next(iter(session["cart_contents"].values()))) == ["quantity", "price"]
    order = realistic.orders[0]
    assert list(order) == [
        "transaction_id", "session_id", "user_id", "timestamp", "items", "subtotal", "discount", "total",
        "payment_method", "status",
    ]  # fmt: skip
    assert list(order["items"][0]) == ["product_id", "quantity", "unit_price", "subtotal"]
    assert list(realistic.users[0]) == ["user_id", "geo_data", "registration_date", "last_active"]
    assert list(realistic.products[0]) == [
        "product_id", "name", "category_id", "base_price", "current_stock", "is_active", "price_history",
        "creation_date",
    ]  # fmt: skip
    assert list(realistic.categories[0]["subcategories"][0]) == ["subcategory_id", "name", "profit_margin"]


@EACH
@pytest.mark.parametrize(
    ("entity", "key", "pattern"),
    [
        ("users", "user_id", r"user_\d{6}"),
        ("products", "product_id", r"prod_\d{5}"),
        ("categories", "category_id", r"cat_\d{3}"),
        ("sessions", "session_id", r"sess_[0-9a-f]{10}"),
        ("orders", "transaction_id", r"txn_[0-9a-f]{12}"),
    ],
)
def test_ids_are_unique_and_well_formed(shop: ShopFiles, entity: str, key: str, pattern: str) -> None:
    ids = [row[key] for row in getattr(shop, entity)]
    assert len(set(ids)) == len(ids) > 0
    assert all(re.fullmatch(pattern, each) for each in ids)


@EACH
def test_references_lead_somewhere(shop: ShopFiles) -> None:
    users, products = by_id(shop.users, "user_id"), by_id(shop.products, "product_id")
    categories, sessions = by_id(shop.categories, "category_id"), by_id(shop.sessions, "session_id")
    assert {row["category_id"] for row in shop.products} <= set(categories)
    for session in shop.sessions:
        assert session["user_id"] in users
        assert set(session["cart_contents"]) <= set(session["viewed_products"]) <= set(products)
        shown = {view["product_id"] for view in session["page_views"]} - {None}
        assert shown == set(session["viewed_products"])
        assert {view["category_id"] for view in session["page_views"]} - {None} <= set(categories)
    for order in shop.orders:
        assert order["user_id"] in users
        assert order["session_id"] is None or sessions[order["session_id"]]["user_id"] == order["user_id"]


@EACH
def test_times_add_up(shop: ShopFiles) -> None:
    for session in shop.sessions:
        views = session["page_views"]
        assert sum(view["view_duration"] for view in views) == session["duration_seconds"]
        assert views[0]["timestamp"] == session["start_time"]
        assert [view["timestamp"] for view in views] == sorted(view["timestamp"] for view in views)
        assert min(view["view_duration"] for view in views) >= 0
        assert "2025-01-01" <= session["start_time"] < session["end_time"] < "2025-04-01"
    fractions = sum("." in session["start_time"] for session in shop.sessions) / len(shop.sessions)
    assert 0.25 < fractions < 0.35


@EACH
def test_a_linked_order_is_the_cart_of_its_converted_session(shop: ShopFiles) -> None:
    sessions = by_id(shop.sessions, "session_id")
    linked = [order for order in shop.orders if order["session_id"]]
    assert len({order["session_id"] for order in linked}) == len(linked)
    assert 0.4 < len(linked) / len(shop.orders) < 0.6
    for order in linked:
        session = sessions[order["session_id"]]
        assert session["conversion_status"] == "converted"
        assert session["start_time"] <= order["timestamp"] <= session["end_time"]
        bought = {item["product_id"]: (item["quantity"], item["unit_price"]) for item in order["items"]}
        assert bought == {key: (row["quantity"], row["price"]) for key, row in session["cart_contents"].items()}


@EACH
def test_money_adds_up(shop: ShopFiles) -> None:
    for order in shop.orders:
        for item in order["items"]:
            assert item["subtotal"] == pytest.approx(item["quantity"] * item["unit_price"], abs=0.005)
        assert order["subtotal"] == sum(item["subtotal"] for item in order["items"])
        assert order["total"] == pytest.approx(order["subtotal"] - order["discount"], abs=0.005)
        assert len({item["product_id"] for item in order["items"]}) == len(order["items"]) > 0
    without = [order["discount"] for order in shop.orders if not order["discount"]]
    assert 0.75 < len(without) / len(shop.orders) < 0.85
    assert all(type(discount) is int for discount in without)


@EACH
def test_the_base_price_is_the_latest(shop: ShopFiles) -> None:
    lengths = Counter(len(product["price_history"]) for product in shop.products)
    assert set(lengths) == {1, 2, 3}
    for product in shop.products:
        dates = [point["date"] for point in product["price_history"]]
        assert dates == sorted(dates)
        assert product["creation_date"] == dates[0]
        assert product["base_price"] == product["price_history"][-1]["price"]


@pytest.mark.parametrize("profile", ["realistic", "uniform"])
def test_stock_falls_by_what_is_sold(profile: Any, tmp_path: Path) -> None:
    generate(tmp_path / "shop", settings=ShopSettings(sessions=4_000, products=20, categories=3, profile=profile))
    shop = read_shop(tmp_path / "shop")
    opening = by_id(json.loads((tmp_path / "shop" / "opening_stock.json").read_text()), "product_id")
    sold: Counter[str] = Counter()
    for order in shop.orders:
        for item in order["items"]:
            sold[item["product_id"]] += item["quantity"]
    lost = 0
    for product in shop.products:
        row = opening[product["product_id"]]
        assert row["units_sold"] == sold[product["product_id"]]
        assert product["current_stock"] == row["current_stock"] >= 0
        lost += row["opening_stock"] - row["units_sold"] - row["current_stock"]
    if profile == "realistic":
        assert lost == 0
    else:  # a dropped order keeps what it took
        assert 0 <= lost < 0.02 * sum(sold.values())


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    settings = ShopSettings(**SMALL, defects=parse_defects("all"))
    generate(tmp_path / "one", settings=settings, workers=1)
    generate(tmp_path / "two", settings=settings, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) == 10


def test_another_process_and_hash_seed_give_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from simulate.shop import generate;"
        "from simulate.settings import ShopSettings; generate(Path(sys.argv[1]), settings=ShopSettings(sessions=300))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "one")], env=environment, check=True)
    generate(tmp_path / "two", settings=ShopSettings(sessions=300))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    generate(tmp_path / "one", settings=ShopSettings(sessions=300, seed=1))
    generate(tmp_path / "two", settings=ShopSettings(sessions=300, seed=2))
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert not set(one.values()) & set(two.values())


def test_files_are_numbered_and_of_the_size_asked_for(tmp_path: Path) -> None:
    summary = generate(tmp_path / "shop", settings=ShopSettings(**SMALL, layout="lines"))
    sizes = [len((tmp_path / "shop" / f"sessions_{n}.json").read_text().splitlines()) for n in range(3)]
    assert sizes == [250, 250, 100]
    assert set(summary.files) == {path.name for path in (tmp_path / "shop").iterdir()}


@pytest.mark.parametrize("layout", ["line", "indented"])
def test_layouts_hold_the_same_rows(layout: Any, tmp_path: Path) -> None:
    generate(tmp_path / "shop", settings=ShopSettings(**SMALL, layout=layout))
    generate(tmp_path / "lines", settings=ShopSettings(**SMALL, layout="lines"))
    rows = json.loads((tmp_path / "shop" / "sessions_1.json").read_text())
    lines = (tmp_path / "lines" / "sessions_1.json").read_text().splitlines()
    assert rows == [json.loads(line) for line in lines]
    text = (tmp_path / "shop" / "sessions_1.json").read_text()
    assert text.count("\n") == 0 if layout == "line" else text == json.dumps(rows, indent=2)


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    generate(tmp_path / "parquet", settings=ShopSettings(**SMALL, format="parquet"))
    generate(tmp_path / "json", settings=ShopSettings(**SMALL))
    shop = read_shop(tmp_path / "json")
    for name, rows in (("sessions_0", shop.sessions[:250]), ("transactions", shop.orders), ("users", shop.users)):
        table = pq.read_table(tmp_path / "parquet" / f"{name}.parquet")
        assert [_as_json(row) for row in table.to_pylist()] == rows


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: dict(part) if key == "cart_contents" else _as_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_as_json(part) for part in value]
    return value.replace(tzinfo=None).isoformat() if hasattr(value, "isoformat") else value


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = defaultdict(list)
    generate(
        tmp_path / "shop",
        settings=ShopSettings(**SMALL),
        progress=lambda stage, done, total: told[stage].append((done, total)),
    )
    assert told == {"sessions": [(0, 600), (250, 600), (500, 600), (600, 600)], "orders": [(150, 150)]}


def test_the_summary_says_what_was_made(tmp_path: Path) -> None:
    summary = generate(
        tmp_path / "shop", settings=ShopSettings(sessions=1_000, defects=parse_defects("missing_days:1"))
    )
    shop = read_shop(tmp_path / "shop")
    lines = summary.lines()
    assert lines[:7] == [
        f"realistic shop in {tmp_path / 'shop'}",
        "  users                 100 of 100",
        "  categories             25 of 25",
        "  products              100 of 100",
        "  sessions            1,000 of 1,000",
        "  transactions            0 of 250",
        f"  page views          {sum(len(session['page_views']) for session in shop.sessions):,}",
    ]
    converted = sum(session["conversion_status"] == "converted" for session in shop.sessions)
    left = sum(product["current_stock"] for product in shop.products)
    assert lines[7] == f"Orders of a session: 0 for {converted} converted sessions."
    assert lines[8].startswith(f"Stock: 0 units sold, {left:,} left, ")
    assert lines[9] == "Defects planted: missing_days (250). The truth is in truth.json."
    size = sum(path.stat().st_size for path in (tmp_path / "shop").iterdir())
    assert (summary.size, len(summary.files)) == (size, 8)
    assert re.fullmatch(r"8 files, [\d.]+ MB, [\d.]+ s\.", lines[10])
    assert str(summary) == "\n".join(lines)


def test_a_generation_that_fails_leaves_the_old_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "shop", settings=ShopSettings(sessions=100))
    before = digests(tmp_path / "shop")

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(simulate.shop, "_write_orders", full_disk)
    with pytest.raises(OSError, match="No space left"):
        generate(tmp_path / "shop", settings=ShopSettings(sessions=200))
    assert digests(tmp_path / "shop") == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("mine")
    with pytest.raises(ProjectError, match="is no generated shop"):
        generate(tmp_path, settings=ShopSettings(sessions=100))
    assert [path.name for path in tmp_path.iterdir()] == ["users.json"]


@pytest.mark.parametrize("profile", ["realistic", "uniform"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"sessions": 1},
        {"sessions": 7, "users": 1, "products": 10, "categories": 1, "days": 1},
        {"sessions": 40, "products": 10, "categories": 10, "orders": 160},
        {"sessions": 40, "orders": 0},
    ],
)
def test_the_smallest_shops(sizes: dict[str, Any], profile: Any, tmp_path: Path) -> None:
    settings = ShopSettings(**sizes, profile=profile)
    summary = generate(tmp_path / "shop", settings=settings)
    shop = read_shop(tmp_path / "shop")
    assert len(shop.sessions) == sizes["sessions"]
    assert len(shop.orders) == summary.counts["transactions"].made <= max(settings.order_target, 1)
    assert len(shop.users) == settings.user_count


@pytest.mark.parametrize("profile", ["realistic", "uniform"])
def test_a_category_without_products_is_listed(profile: Any, tmp_path: Path) -> None:
    generate(
        tmp_path / "shop", settings=ShopSettings(sessions=400, products=25, categories=25, seed=13, profile=profile)
    )
    shop = read_shop(tmp_path / "shop")
    stocked = {one["category_id"] for one in shop.products}
    assert "cat_024" not in stocked, "the last one too, else nothing is shown: another seed"
    viewed = {view["category_id"] for session in shop.sessions for view in session["page_views"]} - {None}
    assert viewed <= {one["category_id"] for one in shop.categories}
    assert profile == "realistic" or viewed - stocked
