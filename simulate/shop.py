"""Generating a shop: all its files in one folder, and a summary of what was made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulate.chunks import Chunk, Shop, make_chunks, make_shop, places_of
from simulate.defects import Planted, truth
from simulate.names import transaction_ids
from simulate.orders import Money, Orders, joined, money_of, table_of, units_sold
from simulate.planting import (
    merged,
    plant_in_money,
    plant_in_order_table,
    plant_in_orders,
    plant_in_stock,
    plant_in_text,
)
from simulate.realistic import Realistic, draw_choices, standalone_orders
from simulate.seeds import IntArray, distinct_codes
from simulate.settings import ShopSettings
from simulate.stock import Stock, realistic_stock
from simulate.summary import TRUTH, Count, Summary
from simulate.vocabulary import PAGE_TYPES, STATUSES
from simulate.write import (
    FORMAT_VERSION,
    MANIFEST,
    Write,
    block_of,
    plain,
    replaced_folder,
    row_file,
    rows_of,
    write_document,
)

Progress = Callable[[str, int, int], None]
_ORDERS_PER_BLOCK = 50_000
_CHUNKS_PER_WORKER = 10  # fewer are not worth the start of a process
OPENING_STOCK = "opening_stock.json"


def generate(
    out: Path, *, settings: ShopSettings, progress: Progress | None = None, workers: int | None = None
) -> Summary:
    """Writes the shop into the folder `out`, which it replaces as a whole, and returns what was made.

    The bytes depend on the settings alone. When anything fails, `out` stays as it was.

    Args:
        progress: called with a stage ("sessions", "orders"), rows done and rows in all.
        workers: processes that make sessions; by default as many as there are cores, if there is work for them.

    Raises:
        ProjectError: `out` holds something that is no generated shop.
    """
    begun = time.monotonic()
    out = out.resolve()
    tell = progress or (lambda stage, done, total: None)
    with replaced_folder(out) as folder:
        shop = make_shop(settings)
        traffic = _write_sessions(folder, shop, tell, _worker_count(settings) if workers is None else workers)
        ledger = _settle(shop, traffic)
        _write_orders(folder, ledger, settings, tell)
        _write_rest(folder, shop, traffic, ledger)
        summary = _summarise(folder, shop, traffic, ledger)
        write_document(folder / MANIFEST, _manifest(summary, settings))
        size = sum(entry.stat().st_size for entry in folder.iterdir())
    return _finished(summary, out, size, time.monotonic() - begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traffic:
    """What remains of the sessions after they are written."""

    orders: Orders
    seen: IntArray
    pages: IntArray
    statuses: IntArray
    rows: int
    files: tuple[str, ...]
    planted: list[Planted]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """The orders and what follows from them; `last_active` per user in seconds since 1970."""

    orders: Orders
    money: Money
    stock: Stock
    last_active: IntArray
    planted: list[Planted]


def _worker_count(settings: ShopSettings) -> int:
    return max(1, min(os.cpu_count() or 1, len(places_of(settings)) // _CHUNKS_PER_WORKER))


def _write_sessions(folder: Path, shop: Shop, tell: Progress, workers: int) -> _Traffic:
    settings = shop.settings
    seen = np.zeros(shop.people.size, dtype=np.int64)
    pages = np.zeros(len(PAGE_TYPES), dtype=np.int64)
    statuses = np.zeros(len(STATUSES), dtype=np.int64)
    orders: list[Orders] = []
    planted: list[Planted] = []
    rows = 0
    tell("sessions", 0, settings.sessions)
    with ExitStack() as stack:
        chunks = _into_files(folder, settings, make_chunks(shop, workers), stack)
        for chunk in chunks:
            np.maximum(seen, chunk.seen, out=seen)
            pages += chunk.pages
            statuses += chunk.statuses
            orders.append(chunk.orders)
            planted = merged([*planted, *chunk.planted])
            rows += chunk.rows
            tell("sessions", chunk.place.last, settings.sessions)
    return _Traffic(
        orders=joined(orders),
        seen=seen,
        pages=pages,
        statuses=statuses,
        rows=rows,
        files=tuple(_file_name(f"sessions_{number}", settings) for number in range(places_of(settings)[-1].file + 1)),
        planted=planted,
    )


def _into_files(folder: Path, settings: ShopSettings, chunks: Iterator[Chunk], stack: ExitStack) -> Iterator[Chunk]:
    """Yields each chunk once its rows are in their file; files are opened and closed in turn."""
    number = -1
    write: Write | None = None
    for chunk in chunks:
        if chunk.place.file != number:
            stack.close()
            number = chunk.place.file
            path = folder / _file_name(f"sessions_{number}", settings)
            write = stack.enter_context(row_file(path, settings.layout, chunk.content))
        assert write is not None
        write(chunk.content)
        yield chunk


def _file_name(name: str, settings: ShopSettings) -> str:
    return f"{name}.{settings.format}"


def _settle(shop: Shop, traffic: _Traffic) -> _Ledger:
    """Returns the orders of the shop: those of the sessions, those outside any, and what they leave in stock."""
    settings, behaviour = shop.settings, shop.behaviour
    if isinstance(behaviour, Realistic):
        linked = traffic.orders
        both = joined([linked, standalone_orders(behaviour, linked)])
        clean = draw_choices(behaviour, both.rows(np.argsort(both.times, kind="stable")))
        orders, planted = plant_in_orders(clean, settings)
        stock = realistic_stock(settings, shop.catalogue, units_sold(orders, shop.catalogue.size))
        last_active = np.maximum(traffic.seen, shop.people.registered)
        np.maximum.at(last_active, clean.users, clean.times // 1_000_000)
    else:
        clean, course = behaviour.orders(traffic.orders)
        orders, planted = plant_in_orders(clean, settings)
        sold = units_sold(orders, shop.catalogue.size)
        stock = Stock(opening=course.opening, sold=sold, left=course.left + course.sold - sold)
        last_active = shop.people.seen
    ids = transaction_ids(distinct_codes(settings.seed, "transaction ids", np.arange(orders.size), bits=48))
    money, more = plant_in_money(money_of(orders, settings), ids, settings)
    leaked, leaks = plant_in_stock(stock, settings)
    return _Ledger(orders=orders, money=money, stock=leaked, last_active=last_active, planted=[*planted, *more, *leaks])


def _write_orders(folder: Path, ledger: _Ledger, settings: ShopSettings, tell: Progress) -> None:
    total = ledger.orders.size
    path = folder / _file_name("transactions", settings)
    with ExitStack() as stack:
        write: Write | None = None
        for first in range(0, max(1, total), _ORDERS_PER_BLOCK):
            last = min(first + _ORDERS_PER_BLOCK, total)
            table = table_of(ledger.orders, ledger.money, settings, first, last)
            table, planted = plant_in_order_table(table, settings, first)
            ledger.planted.extend(planted)
            content = _content(table, "transactions", settings, first, ledger.planted)
            write = write or stack.enter_context(row_file(path, settings.layout, content))
            write(content)
            tell("orders", last, total)


def _content(
    table: pa.Table, name: str, settings: ShopSettings, first: int, planted: list[Planted]
) -> bytes | pa.Table:
    if settings.format == "parquet":
        return plain(table)
    rows = rows_of(table, settings.layout)
    if name == "transactions":
        rows, more = plant_in_text(rows, table["transaction_id"], name, settings, first)
        planted.extend(more)
    return block_of(rows, settings.layout)


def _write_rest(folder: Path, shop: Shop, traffic: _Traffic, ledger: _Ledger) -> None:
    settings = shop.settings
    tables = {
        "users": shop.people.table(ledger.last_active),
        "products": shop.catalogue.table(ledger.stock.left),
        "categories": shop.categories.table(),
    }
    for name, table in tables.items():
        content = _content(table, name, settings, 0, [])
        with row_file(folder / _file_name(name, settings), settings.layout, content) as write:
            write(content)
    opening = block_of(rows_of(ledger.stock.table(), "line"), "line")
    with row_file(folder / OPENING_STOCK, "line", opening) as write:
        write(opening)
    if settings.defects:
        planted = merged([*traffic.planted, *ledger.planted])
        write_document(folder / TRUTH, truth(settings.defects, planted))


def _summarise(folder: Path, shop: Shop, traffic: _Traffic, ledger: _Ledger) -> Summary:
    settings, catalogue = shop.settings, shop.catalogue
    planted = {defect.name: 0 for defect in settings.defects}
    for each in [*traffic.planted, *ledger.planted]:
        planted[each.name] += each.affected
    orphans = sum(each.affected for each in ledger.planted if each.slice.get("column") == "session_id")
    return Summary(
        folder=folder,
        profile=settings.profile,
        counts={
            "users": Count(made=shop.people.size, target=settings.user_count),
            "categories": Count(made=len(shop.categories.names), target=settings.categories),
            "products": Count(made=catalogue.size, target=settings.product_count),
            "sessions": Count(made=traffic.rows, target=settings.sessions),
            "transactions": Count(
                made=ledger.orders.size + planted.get("doubled_orders", 0), target=settings.order_target
            ),
        },
        linked_orders=ledger.orders.linked_count - orphans,
        converted_sessions=int(traffic.statuses[STATUSES.index("converted")]),
        page_views=dict(zip(PAGE_TYPES, traffic.pages.tolist(), strict=True)),
        stock_left=int(ledger.stock.left.sum()),
        units_sold=int(ledger.stock.sold.sum()),
        sold_out=int((ledger.stock.left <= 0).sum()),
        planted=planted,
        files=tuple(sorted(entry.name for entry in folder.iterdir())),
        size=0,
        seconds=0.0,
    )


def _manifest(summary: Summary, settings: ShopSettings) -> dict[str, object]:
    """Returns what the folder holds and how it was made; nothing in it depends on the machine or the hour."""
    return {
        "format_version": FORMAT_VERSION,
        "settings": asdict(settings),
        "counts": {name: count.made for name, count in summary.counts.items()},
        "linked_orders": summary.linked_orders,
        "converted_sessions": summary.converted_sessions,
        "page_views": summary.page_views,
        "stock_left": summary.stock_left,
        "files": list(summary.files),
    }


def _finished(summary: Summary, out: Path, size: int, seconds: float) -> Summary:
    return replace(summary, folder=out, files=(*summary.files, MANIFEST), size=size, seconds=seconds)
