"""The table of products' daily figures: views, carts, orders and revenue, counted from the same files as the rest.

A row is `product_id#yyyymmdd` (UTC), its cells decimal text in the family `m`:

- `views`: page views that show the product, on the day of the view;
- `carts`: sessions that end with the product in the cart, on the day they began;
- `orders`: orders with the product, cancelled and returned ones left out, on the day of the order;
- `revenue`: the sum of those orders' lines of the product, before discounts.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from typing import Any

from runner.errors import MachineError
from simulate.into_hbase import HBaseWriter, prepare_table
from simulate.loaded import Loaded, TableFiles
from simulate.loading import PATIENCE_SECONDS, Lost, Progress, Worker, begin_process, worker_count
from simulate.reading import UNIT_BYTES, Unit, open_unit, units_of
from stores.hbase_admin import evenly
from stores.hbase_cells import product_day_key
from stores.hbase_puts import Row
from stores.settings import HBaseSettings

TABLE = "product_metrics"
FAMILIES: Mapping[str, int] = {"m": 3}
FIGURES = ("views", "carts", "orders", "revenue")
NOT_ORDERS = frozenset({"cancelled", "returned"})
CELLS = tuple(f"m:{figure}".encode() for figure in FIGURES)
_BATCH = 1_000  # rows of one call
_REGIONS = 2

# Of a product on a day: views, carts, orders, and revenue in hundredths.
Day = tuple[str, str]
Counts = dict[Day, list[int]]


def count_session(session: Mapping[str, Any], counts: Counts) -> None:
    """Adds what a session says of products; parts of another shape than expected are passed over."""
    views = session.get("page_views")
    for view in views if isinstance(views, list) else ():
        if isinstance(view, dict) and isinstance(view.get("product_id"), str):
            _add(counts, view["product_id"], view.get("timestamp"), 0, 1)
    cart = session.get("cart_contents")
    for product in cart if isinstance(cart, dict) else ():
        _add(counts, product, session.get("start_time"), 1, 1)


def count_order(order: Mapping[str, Any], counts: Counts) -> None:
    """Adds what an order says of products; parts of another shape than expected are passed over."""
    items = order.get("items")
    if order.get("status") in NOT_ORDERS or not isinstance(items, list):
        return
    lines = [item for item in items if isinstance(item, dict) and isinstance(item.get("product_id"), str)]
    for product in {line["product_id"] for line in lines}:
        _add(counts, product, order.get("timestamp"), 2, 1)
    for line in lines:
        _add(counts, line["product_id"], order.get("timestamp"), 3, _hundredths(line.get("subtotal")))


def _add(counts: Counts, product: str, moment: Any, figure: int, amount: int) -> None:
    if not isinstance(moment, str) or len(moment) < 10:
        return
    day = (product, moment[:10])
    figures = counts.get(day)
    if figures is None:
        figures = counts[day] = [0, 0, 0, 0]
    figures[figure] += amount


def _hundredths(amount: Any) -> int:
    return round(Decimal(repr(amount)) * 100) if isinstance(amount, int | float) else 0


def metric_row(day: Day, figures: Sequence[int]) -> Row:
    """Returns the row of a product's day."""
    product, date = day
    return product_day_key(product, date), dict(zip(CELLS, texts_of(figures), strict=True))


def texts_of(figures: Sequence[int]) -> tuple[bytes, ...]:
    """Returns the cells' values of views, carts, orders, and revenue in hundredths."""
    views, carts, orders, hundredths = figures
    return b"%d" % views, b"%d" % carts, b"%d" % orders, f"{Decimal(hundredths).scaleb(-2):f}".encode()


def figures_of(cells: Mapping[bytes, bytes]) -> list[int]:
    """Returns what `texts_of` wrote; a cell that is not there counts 0."""
    views, carts, orders, revenue = (cells.get(cell, b"0").decode() for cell in CELLS)
    return [int(views), int(carts), int(orders), round(Decimal(revenue) * 100)]


def load_product_metrics(
    sessions: TableFiles,
    transactions: TableFiles,
    settings: HBaseSettings,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    unit_bytes: int = UNIT_BYTES,
) -> Loaded:
    """Counts the daily figures of all products in the files and writes them to the table `product_metrics`.

    Rows that the store has are replaced where they differ, so a repeat writes nothing; what `live` added to a day of
    the files goes with that. Records that are no JSON are left out; loading them names them.

    Raises:
        FormatError: a file is empty, truncated, or holds no records.
        MachineError: the server does not answer.
    """
    begun = time.monotonic()
    tell = progress or (lambda name, done, total: None)
    units = [
        (unit, table.name == sessions.name)
        for table in (sessions, transactions)
        for path in table.paths
        for unit in units_of(path, unit_bytes=unit_bytes)
    ]
    counts = _count(units, worker_count([unit for unit, _ in units], workers))
    expected = dict(metric_row(day, counts[day]) for day in sorted(counts))
    tell(TABLE, 0, len(expected))
    note = prepare_table(settings, TABLE, FAMILIES, splits=evenly(list(expected), _REGIONS))
    writer = HBaseWriter(settings=settings, table=TABLE, columns=())
    worker = Worker(writer, "", patience_seconds)
    try:
        differing, strangers = worker.persist(lambda: _compared(expected, writer))
        writing = time.monotonic()
        waiting = [(row, expected[row]) for row in sorted(differing)]
        for first in range(0, len(waiting), _BATCH):
            batch = waiting[first : first + _BATCH]
            worker.persist(lambda batch=batch: writer.write(batch))  # type: ignore[misc]
            tell(TABLE, len(expected) - len(waiting) + first + len(batch), len(expected))
        seconds = time.monotonic() - writing
        if waiting:
            differing, strangers = worker.persist(lambda: _compared(expected, writer))
    except Lost as lost:
        raise MachineError(
            f"{settings}/{TABLE}: stopped answering for {patience_seconds:.0f} s ({lost}). "
            "Start it again and repeat the command: it goes on where it stopped."
        ) from lost
    finally:
        writer.close()
    if differing:
        raise MachineError(
            f"{settings}/{TABLE}: the store does not hold all rows that it took: {len(differing):,} differ. "
            "Is another program writing them? Load again."
        )
    tell(TABLE, len(expected), len(expected))
    return Loaded(
        table=TABLE,
        place=str(settings),
        records=len(expected),
        written=len(waiting),
        keys=len(expected),
        repeated=0,
        stored=len(expected) + strangers,
        strangers=strangers,
        broken_count=0,
        broken=(),
        cut_times=0,
        coverage=(),
        note=note,
        seconds=time.monotonic() - begun,
        write_seconds=seconds,
    )


def _compared(expected: Mapping[bytes, Mapping[bytes, bytes]], writer: HBaseWriter) -> tuple[set[bytes], int]:
    """Returns the rows that the store lacks or has otherwise, and how many it has beside them."""
    differing = set(expected)
    strangers = 0
    for row, cells in writer.rows():
        if row not in expected:
            strangers += 1
        elif cells == expected[row]:
            differing.discard(row)
    return differing, strangers


def _count(units: Sequence[tuple[Unit, bool]], workers: int) -> Counts:
    counts: Counts = {}
    for part in _counted_parts(units, workers):
        for day, figures in part.items():
            known = counts.get(day)
            counts[day] = figures if known is None else [a + b for a, b in zip(known, figures, strict=True)]
    return counts


def _counted_parts(units: Sequence[tuple[Unit, bool]], workers: int) -> Iterator[Counts]:
    if workers == 1:
        yield from map(_count_unit, units)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin_process) as pool:
        try:
            yield from pool.map(_count_unit, units)
        finally:
            pool.shutdown(cancel_futures=True)


def _count_unit(task: tuple[Unit, bool]) -> Counts:
    unit, is_sessions = task
    count = count_session if is_sessions else count_order
    counts: Counts = {}
    for block in open_unit(unit).blocks:
        for document in block.documents:
            if isinstance(document, dict):
                count(document, counts)
    return counts
