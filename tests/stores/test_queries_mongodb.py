"""Aggregations of MongoDB against a shop small enough to be counted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from runner.errors import FormatError, NotFoundError, ProjectError
from stores.mongo_client import database
from stores.queries.answer import Answer
from stores.queries.mongodb import DISCOUNTS, revenue_by_category, revenue_by_day, top_products
from stores.queries.orders import Shop
from stores.queries.orders import money as sum_of
from stores.queries.window import Window
from stores.settings import MongoSettings


@pytest.fixture
def shop(mongodb: Any) -> Iterator[Shop]:
    """An empty database of its own."""
    found = database(MongoSettings(uri=mongodb.uri, database="queries_mongodb"))
    found.client.drop_database(found.name)
    yield found
    found.client.drop_database(found.name)
    found.client.close()


def money(text: str) -> Decimal128:
    return Decimal128(text)


def order(number: int, day: int | None, lines: list[tuple[str, int, str]], **other: Any) -> dict[str, Any]:
    """An order on a day of January 2026 at 23:30 UTC; lines are (product, quantity, subtotal)."""
    subtotal = sum((Decimal(amount) for _, _, amount in lines), Decimal(0))
    return {
        "_id": f"txn_{number}",
        "transaction_id": f"txn_{number}",
        "user_id": f"user_{number % 3}",
        "timestamp": None if day is None else datetime(2026, 1, day, 23, 30, tzinfo=UTC),
        "items": [
            {"product_id": product, "quantity": quantity, "subtotal": money(amount)}
            for product, quantity, amount in lines
        ],
        "subtotal": money(str(subtotal)),
        "total": money(str(subtotal)),
        "status": "completed",
        **other,
    }


def product(name: str, category: str | None, stock: int | None = 7) -> dict[str, Any]:
    return {"_id": name, "product_id": name, "name": name.upper(), "category_id": category, "current_stock": stock}


def fill(shop: Shop) -> None:
    """Five orders and two that are none; the totals carry a discount, which the lines do not know."""
    shop.transactions.insert_many(
        [
            order(1, 1, [("prod_1", 2, "20.10"), ("prod_2", 1, "5.05")], total=money("20.15")),  # 5.00 off
            order(2, 1, [("prod_1", 1, "10.05")], status="Shipped"),
            order(3, 3, [("prod_2", 3, "15.15"), ("prod_3", 1, "25.10")]),
            order(4, 4, [("gone", 1, "1.00")], status=None),
            order(5, 1, [("prod_3", 9, "900.00")], status="Cancelled"),
            order(6, 1, [("prod_3", 9, "900.00")], status="returned"),
            order(7, 4, [("prod_4", 4, "0.40")]),
        ]
    )
    shop.transactions.create_index([("timestamp", 1)])
    shop.products.insert_many(
        [
            product("prod_1", "cat_1", stock=0),
            product("prod_2", "cat_1"),
            product("prod_3", "cat_2"),
            product("prod_4", None, stock=None),
        ]
    )
    shop.categories.insert_many([{"_id": "cat_1", "name": "Toys"}, {"_id": "cat_2", "name": "Tools"}])


def test_top_products_have_exact_revenue_units_and_stock(shop: Shop) -> None:
    fill(shop)
    answer = top_products(shop)
    assert answer.columns == ("product_id", "product_name", "units_sold", "line_count", "revenue", "current_stock")
    assert answer.rows == (
        ("prod_1", "PROD_1", 3, 2, Decimal("30.15"), 0),
        ("prod_3", "PROD_3", 1, 1, Decimal("25.10"), 7),  # not the 900.00 that were cancelled or came back
        ("prod_2", "PROD_2", 4, 2, Decimal("20.20"), 7),
        ("gone", None, 1, 1, Decimal("1.00"), None),
        ("prod_4", "PROD_4", 4, 1, Decimal("0.40"), None),
    )
    assert answer.notes == (DISCOUNTS, "1 product not in mongodb.products: no name")


def test_a_limit_and_a_window_are_kept_and_ties_are_by_id(shop: Shop) -> None:
    fill(shop)
    third = Window(start=datetime(2026, 1, 2, tzinfo=UTC), end=datetime(2026, 1, 4, tzinfo=UTC))
    assert [row[0] for row in top_products(shop, limit=1).rows] == ["prod_1"]
    assert [row[0] for row in top_products(shop, window=third).rows] == ["prod_3", "prod_2"]
    shop.transactions.delete_many({})
    shop.transactions.insert_many([order(1, 1, [("prod_3", 1, "5.00"), ("prod_1", 1, "5.00"), ("prod_2", 1, "5.0")])])
    assert [row[0] for row in top_products(shop, limit=2).rows] == ["prod_1", "prod_2"]


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(shop: Shop) -> None:
    fill(shop)
    at = datetime(2026, 1, 3, 23, 30, tzinfo=UTC)
    later = datetime(2026, 1, 3, 23, 31, tzinfo=UTC)
    assert [row[:2] for row in revenue_by_day(shop, window=Window(start=at, end=later)).rows] == [(date(2026, 1, 3), 1)]
    earlier = Window(start=datetime(2026, 1, 2, tzinfo=UTC), end=at)
    assert [row[1] for row in revenue_by_day(shop, window=earlier).rows] == [0, 0]


def test_categories_share_the_revenue_of_lines(shop: Shop) -> None:
    fill(shop)
    answer = revenue_by_category(shop)
    assert answer.columns == (
        "category_id", "category_name", "product_count", "units_sold", "line_count", "revenue", "revenue_share",
    )  # fmt: skip
    # 50.35 + 25.10 + 1.40 = 76.85
    assert answer.rows == (
        ("cat_1", "Toys", 2, 7, 4, Decimal("50.35"), Decimal("0.6552")),
        ("cat_2", "Tools", 1, 1, 1, Decimal("25.10"), Decimal("0.3266")),
        (None, None, 2, 5, 2, Decimal("1.40"), Decimal("0.0182")),
    )
    assert answer.notes == (DISCOUNTS, "2 products sold without a category")


def test_a_category_that_is_not_there_has_no_name_and_says_so(shop: Shop) -> None:
    fill(shop)
    shop.categories.delete_one({"_id": "cat_2"})
    answer = revenue_by_category(shop)
    assert [row[:2] for row in answer.rows] == [("cat_1", "Toys"), ("cat_2", None), (None, None)]
    assert answer.notes[-1] == "1 category not in mongodb.categories: no name"


def test_days_without_orders_are_there_and_revenue_is_after_discount(shop: Shop) -> None:
    fill(shop)
    answer = revenue_by_day(shop)
    assert answer.columns == ("order_date", "order_count", "revenue", "average_order_value")
    assert answer.rows == (
        (date(2026, 1, 1), 2, Decimal("30.20"), Decimal("15.10")),
        (date(2026, 1, 2), 0, Decimal("0.00"), None),
        (date(2026, 1, 3), 1, Decimal("40.25"), Decimal("40.25")),
        (date(2026, 1, 4), 2, Decimal("1.40"), Decimal("0.70")),
    )
    assert answer.notes == ("1 day of 4 without orders",)


def test_a_window_shows_all_its_days(shop: Shop) -> None:
    fill(shop)
    wide = Window(start=datetime(2025, 12, 30, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC))
    assert [(str(row[0]), row[1]) for row in revenue_by_day(shop, window=wide).rows] == [
        ("2025-12-30", 0), ("2025-12-31", 0), ("2026-01-01", 2),
    ]  # fmt: skip


def test_an_order_without_a_time_is_counted_apart(shop: Shop) -> None:
    fill(shop)
    shop.transactions.insert_one(order(8, None, [("prod_1", 1, "3.00")]))
    answer = revenue_by_day(shop)
    assert answer.rows[-1] == (None, 1, Decimal("3.00"), Decimal("3.00"))
    assert answer.notes == ("1 day of 4 without orders", "1 order without a time")


def test_doubles_and_decimals_mixed_sum_to_the_cent(shop: Shop) -> None:
    fill(shop)
    shop.transactions.delete_many({})
    # 0.1 + 0.2 is 0.30000000000000004 in doubles.
    shop.transactions.insert_many(
        [
            order(number, 1, [("prod_1", 1, "1.00")], total=total)
            for number, total in enumerate([0.1, 0.2, money("0.3"), 1])
        ]
    )
    assert revenue_by_day(shop).rows == ((date(2026, 1, 1), 4, Decimal("1.60"), Decimal("0.40")),)


def test_large_sums_keep_every_cent(shop: Shop) -> None:
    shop.transactions.insert_many(
        [order(number, 1, [("p", 1, "1.00")], total=money("90071992547409.93")) for number in range(3)]
    )
    assert revenue_by_day(shop).rows[0][2] == Decimal("270215977642229.79")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (money("1.005"), "1.01"), (0.1 + 0.2, "0.30"), (3, "3.00"), (money("Infinity"), "Infinity"), (float("nan"), "NaN"),
        (money("1E+6000"), "1E+6000"),
    ],
)  # fmt: skip
def test_a_sum_is_in_cents_where_it_is_money(value: Any, found: str) -> None:
    assert str(sum_of(value)) == found


def test_a_date_that_is_text_in_one_document_stops_the_query_with_the_servers_words(shop: Shop) -> None:
    fill(shop)
    shop.transactions.update_one({"_id": "txn_1"}, {"$set": {"timestamp": "2026-01-01"}})
    with pytest.raises(ProjectError) as caught:
        revenue_by_day(shop)
    assert str(caught.value).startswith("mongodb.transactions: the server cannot run the query revenue-by-day: ")
    assert "date" in str(caught.value).lower()


@pytest.mark.parametrize("query", [top_products, revenue_by_category, revenue_by_day])
def test_empty_collections_give_no_rows_and_say_so(shop: Shop, query: Any) -> None:
    for name in ("transactions", "products", "categories"):
        shop.create_collection(name)
    answer: Answer = query(shop)
    assert answer.rows == ()
    assert "mongodb.transactions is empty" in answer.notes


def test_a_shop_that_was_never_loaded_is_an_error(shop: Shop) -> None:
    with pytest.raises(NotFoundError) as caught:
        revenue_by_day(shop)
    assert str(caught.value) == (
        "mongodb.transactions: there is no such collection in queries_mongodb, and the query revenue-by-day reads it. "
        "Load it (run generate --into mongodb), or mend the target's database. It has none."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"$rename": {"total": "total_amount"}},
            'mongodb.transactions: no document has "total", which the query revenue-by-day reads (7 documents looked '
            'at). Did you mean "total_amount"?',
        ),
        (
            {"$rename": {"timestamp": "time_stamp"}},
            'mongodb.transactions: no document has "timestamp", which the query revenue-by-day reads (7 documents '
            'looked at). Did you mean "time_stamp"?',
        ),
        (
            {"$unset": {"total": 1}},
            'mongodb.transactions: no document has "total", which the query revenue-by-day reads (7 documents looked '
            'at). Did you mean "subtotal"?',
        ),
        (
            {"$rename": {"status": "x"}},
            'mongodb.transactions: no document has "status", which the query revenue-by-day reads (7 documents looked '
            "at). It has transaction_id, user_id, timestamp, items.product_id, items.quantity, items.subtotal, "
            "subtotal, total, x.",
        ),
    ],
)
def test_a_path_that_no_document_has_is_an_error_and_not_a_null(shop: Shop, change: Any, message: str) -> None:
    fill(shop)
    shop.transactions.update_many({}, change)
    with pytest.raises(NotFoundError) as caught:
        revenue_by_day(shop)
    assert str(caught.value) == message


def test_a_path_within_an_array_is_looked_for_in_its_elements(shop: Shop) -> None:
    fill(shop)
    for each in list(shop.transactions.find()):
        shop.transactions.replace_one(
            {"_id": each["_id"]},
            {**each, "items": [{"sub_total": item.pop("subtotal"), **item} for item in each["items"]]},
        )
    with pytest.raises(NotFoundError) as caught:
        top_products(shop)
    assert str(caught.value) == (
        'mongodb.transactions: no document has "items.subtotal", which the query top-products reads (7 documents '
        'looked at). Did you mean "items.sub_total"?'
    )


def test_the_looked_up_collections_are_guarded_as_well(shop: Shop) -> None:
    fill(shop)
    shop.products.update_many({}, {"$rename": {"current_stock": "stock"}})
    with pytest.raises(NotFoundError) as caught:
        top_products(shop)
    assert str(caught.value).startswith('mongodb.products: no document has "current_stock"')


def test_text_where_dates_should_be_is_an_error(shop: Shop) -> None:
    fill(shop)
    shop.transactions.update_many({}, {"$set": {"timestamp": "2026-01-01T00:00:00"}})
    with pytest.raises(FormatError) as caught:
        revenue_by_day(shop)
    assert str(caught.value) == (
        "mongodb.transactions: \"timestamp\" is text ('2026-01-01T00:00:00') in the first 7 documents, and the query "
        "revenue-by-day needs a date. Load the collection anew: run generate --into mongodb."
    )


def test_a_few_values_of_another_kind_are_told(shop: Shop) -> None:
    fill(shop)
    shop.transactions.update_one({"_id": "txn_1"}, {"$set": {"total": "20.15"}})
    shop.transactions.update_one({"_id": "txn_2"}, {"$unset": {"total": 1}})
    answer = revenue_by_day(shop)
    assert answer.rows[0] == (date(2026, 1, 1), 2, Decimal("0.00"), Decimal("0.00"))
    assert answer.notes == (
        "mongodb.transactions: 1 value of \"total\" in the first 7 documents is no number (such as '20.15') and left "
        "out by the server",
        "1 day of 4 without orders",
    )


def test_ids_that_never_meet_are_an_error(shop: Shop) -> None:
    fill(shop)
    shop.products.delete_many({})
    shop.products.insert_many([{**product("prod_1", "cat_1"), "_id": number} for number in (11, 12)])
    with pytest.raises(ProjectError) as caught:
        top_products(shop)
    assert str(caught.value) == (
        'mongodb.products: no "_id" is one of the 5 ids at "items.product_id" in the first 1,000 documents of '
        "mongodb.transactions, so the query top-products finds no partner for any (an _id there: 11, an id here: "
        "'gone'). Load both with the natural id as _id: run generate --into mongodb."
    )


def test_a_limit_below_one_is_refused(shop: Shop) -> None:
    with pytest.raises(FormatError) as caught:
        top_products(shop, limit=0)
    assert str(caught.value) == "top-products: a limit of 0 gives no rows. Give 1 or more."
