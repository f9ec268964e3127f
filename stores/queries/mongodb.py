"""Aggregations that MongoDB runs on the shop's collections as they are now: products, segments, categories, days.

An order is a transaction of any status but cancelled or returned, whatever the case of its letters; revenue is its
`total`. Lines have no share of an order's discount: the revenue of products and categories is the sum of
`items.subtotal`, before it.

Every path that a pipeline names is looked for in the first 1,000 documents before it runs. The stages are those that
both MongoDB and the emulator of the tests have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from runner.errors import FormatError
from stores.queries.answer import Answer, cents, several, share
from stores.queries.orders import LINES, TOTALS, Shop, count_of, money, order_lines, orders_in, plan, run
from stores.queries.paths import Read, check_join, check_paths
from stores.queries.segments import QUANTILES, user_segments
from stores.queries.window import Window

__all__ = ["QUANTILES", "revenue_by_category", "revenue_by_day", "top_products", "user_segments"]

DISCOUNTS = "discounts are on the order and not taken off its lines: this revenue is before them"


def top_products(database: Shop, *, limit: int = 10, window: Window | None = None, explain: bool = False) -> Answer:
    """Returns the products of greatest revenue with the quantity sold and the stock of now; ties by product id.

    Columns: product_id, product_name, units_sold, line_count, revenue, current_stock. A product that is sold and not
    in the catalogue has no name and no stock.

    Args:
        limit: how many products, 1 at least.
        explain: let the server count what it examines, which runs the pipeline once more.

    Raises:
        ProjectError: a collection or a path is missing, or orders and products do not meet.
    """
    query = "top-products"
    _positive(limit, query)
    window = window or Window()
    notes = check_paths(
        database,
        (*LINES, Read("products", "name", "text"), Read("products", "current_stock", "number")),
        query=query,
    )
    check_join(database, many="transactions", path="items.product_id", one="products", query=query)
    pipeline = [
        *order_lines(window),
        {
            "$group": {
                "_id": "$items.product_id",
                "units_sold": {"$sum": "$items.quantity"},
                "line_count": {"$sum": 1},
                "revenue": {"$sum": "$items.subtotal"},
            }
        },
        {"$sort": {"revenue": -1, "_id": 1}},
        {"$limit": limit},
        # After the limit: as many look-ups as rows, each by the index of _id.
        {"$lookup": {"from": "products", "localField": "_id", "foreignField": "_id", "as": "product"}},
    ]
    rows = []
    for found in run(database, pipeline, query):
        product = _first(found["product"])
        rows.append(
            (
                found.get("_id"),
                product.get("name"),
                count_of(found["units_sold"]),
                found["line_count"],
                money(found["revenue"]),
                _count_or_none(product.get("current_stock")),
                not found["product"],
            )
        )
    unknown = sum(row[-1] for row in rows)
    return Answer(
        query=query,
        columns=("product_id", "product_name", "units_sold", "line_count", "revenue", "current_stock"),
        rows=tuple(row[:-1] for row in rows),
        notes=(*notes, DISCOUNTS, *_unknown(unknown, "product", "mongodb.products")),
        plan=plan(database, [(query, pipeline)], window, explain),
    )


def revenue_by_category(database: Shop, *, window: Window | None = None, explain: bool = False) -> Answer:
    """Returns the revenue of each category that sold anything, greatest first.

    Columns: category_id, category_name, product_count (products sold), units_sold, line_count, revenue, revenue_share.
    Lines of products that the catalogue lacks, or that have no category, are in one row without category_id.

    Raises:
        ProjectError: a collection or a path is missing, or orders, products and categories do not meet.
    """
    query = "revenue-by-category"
    window = window or Window()
    reads = (*LINES, Read("products", "category_id", "text"), Read("categories", "name", "text"))
    notes = check_paths(database, reads, query=query)
    check_join(database, many="transactions", path="items.product_id", one="products", query=query)
    check_join(database, many="products", path="category_id", one="categories", query=query)
    sums = {"units_sold": {"$sum": "$units_sold"}, "line_count": {"$sum": "$line_count"}}
    pipeline = [
        *order_lines(window),
        # Lines to products first: then there is one look-up a product, and not one a line.
        {
            "$group": {
                "_id": "$items.product_id",
                "units_sold": {"$sum": "$items.quantity"},
                "line_count": {"$sum": 1},
                "revenue": {"$sum": "$items.subtotal"},
            }
        },
        {"$lookup": {"from": "products", "localField": "_id", "foreignField": "_id", "as": "product"}},
        {"$unwind": {"path": "$product", "preserveNullAndEmptyArrays": True}},
        {
            "$group": {
                "_id": {"$ifNull": ["$product.category_id", None]},
                "product_count": {"$sum": 1},
                **sums,
                "revenue": {"$sum": "$revenue"},
            }
        },
        {"$lookup": {"from": "categories", "localField": "_id", "foreignField": "_id", "as": "category"}},
        {"$sort": {"revenue": -1, "_id": 1}},
    ]
    found = run(database, pipeline, query)
    whole = sum((money(each["revenue"]) for each in found), Decimal(0))
    rows = tuple(
        (
            each.get("_id"),
            _first(each["category"]).get("name"),
            each["product_count"],
            count_of(each["units_sold"]),
            each["line_count"],
            money(each["revenue"]),
            share(money(each["revenue"]), whole),
        )
        for each in found
    )
    unplaced = sum(each["product_count"] for each in found if each.get("_id") is None)
    nameless = sum(not each["category"] for each in found if each.get("_id") is not None)
    return Answer(
        query=query,
        columns=(
            "category_id", "category_name", "product_count", "units_sold", "line_count", "revenue", "revenue_share",
        ),
        rows=rows,
        notes=(
            *notes,
            DISCOUNTS,
            *([f"{several(unplaced, 'product')} sold without a category"] if unplaced else []),
            *_unknown(nameless, "category", "mongodb.categories", "categories"),
        ),
        plan=plan(database, [(query, pipeline)], window, explain),
    )  # fmt: skip


def revenue_by_day(database: Shop, *, window: Window | None = None, explain: bool = False) -> Answer:
    """Returns orders and revenue of each day in UTC, in order; a day without orders has zeros and no average.

    Columns: order_date (a date), order_count, revenue, average_order_value. Days run from the window's start to its
    end, or where it has none from the first order to the last. Orders without a time are in a last row without a date.

    Raises:
        ProjectError: the collection or a path is missing.
    """
    query = "revenue-by-day"
    window = window or Window()
    notes = check_paths(database, TOTALS, query=query)
    pipeline = [
        {"$match": orders_in(window)},
        {
            "$group": {
                "_id": {"$dateToString": {"format": "%Y-%m-%d", "date": "$timestamp"}},
                "order_count": {"$sum": 1},
                "revenue": {"$sum": "$total"},
            }
        },
        {"$sort": {"_id": 1}},
    ]
    found = {each.get("_id"): each for each in run(database, pipeline, query)}
    timeless = found.pop(None, None)
    sold = {
        date.fromisoformat(day): (each["order_count"], money(each["revenue"])) for day, each in found.items() if day
    }
    days = _days(window, sold)
    rows: list[tuple[date | None, int, Decimal, Decimal | None]] = [
        _day(day, *sold.get(day, (0, Decimal("0.00")))) for day in days
    ]
    if timeless:
        rows.append(_day(None, timeless["order_count"], money(timeless["revenue"])))
    empty = sum(day not in sold for day in days)
    return Answer(
        query=query,
        columns=("order_date", "order_count", "revenue", "average_order_value"),
        rows=tuple(rows),
        notes=(
            *notes,
            *([f"{several(empty, 'day')} of {len(days):,} without orders"] if empty else []),
            *([f"{several(timeless['order_count'], 'order')} without a time"] if timeless else []),
        ),
        plan=plan(database, [(query, pipeline)], window, explain),
    )


def _first(partners: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns what a look-up found, or nothing."""
    return partners[0] if partners else {}


def _count_or_none(value: Any) -> int | Decimal | None:
    return None if value is None else count_of(value)


def _day(day: date | None, orders: int, revenue: Decimal) -> tuple[date | None, int, Decimal, Decimal | None]:
    return day, orders, revenue, cents(revenue / orders) if orders else None


def _days(window: Window, sold: Mapping[date, object]) -> list[date]:
    """Returns all days from the window's start, or the first order's, to its end, or the last order's."""
    first = window.start.astimezone(UTC).date() if window.start else min(sold, default=None)
    # The last moment before the end: a window until midnight does not hold the day that begins there.
    last = _last_day(window.end) if window.end else max(sold, default=None)
    if first is None or last is None:
        return []
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _last_day(end: datetime) -> date:
    return (end.astimezone(UTC) - timedelta(microseconds=1)).date()


def _unknown(count: int, thing: str, place: str, things: str | None = None) -> list[str]:
    return [f"{several(count, thing, things)} not in {place}: no name"] if count else []


def _positive(limit: int, query: str) -> None:
    if limit < 1:
        raise FormatError(f"{query}: a limit of {limit} gives no rows. Give 1 or more.")
