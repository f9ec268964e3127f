"""Daily figures of a product, from the table whose row key is `product_id#yyyymmdd`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta

import happybase

from runner.errors import NotFoundError
from stores.hbase_cells import KEY_SEPARATOR, product_day_key
from stores.hbase_client import table as existing
from stores.queries.answer import Answer, listed, several
from stores.queries.cells import Cell, check_id, plan_of, values_of
from stores.queries.scan import Scan, cells_of, prefix_scan, run_scan, shown, touched
from stores.queries.window import Window

_MEASURES = ("views", "carts", "orders", "revenue")


def product_series(
    connection: happybase.Connection,
    product_id: str,
    *,
    window: Window | None = None,
    table: str = "product_metrics",
    explain: bool = False,
) -> Answer:
    """Returns a product's daily figures in order of time: the days that the table has.

    Columns: date, then views, carts, orders, revenue where any row has them, then what else there is.

    Args:
        window: cut to whole days: from the day of its start, up to the day that holds its last moment.

    Raises:
        NotFoundError: there is no such table, or it has none of the figures.
        FormatError: the product id is empty or holds a "#".
    """
    query = "product-series"
    check_id(product_id, "product id", query)
    existing(connection, table)
    window = window or Window()
    scan = series_scan(table, product_id, window=window)
    rows = run_scan(connection, scan)
    if not rows:
        _check_measures(connection, table, query)
    found = dict.fromkeys(cell for _, row in rows for cell in row)
    cells = [Cell(shown(cell.partition(b":")[2]), cell, "number") for cell in found]
    cells.sort(key=lambda each: (_MEASURES.index(each.name) if each.name in _MEASURES else len(_MEASURES), each.name))
    days = [_day_of(key) for key, _ in rows]
    reason = "fast: the row key begins with the product's id and the day, so its series is one range of rows."
    return Answer(
        query=query,
        columns=("date", *(each.name for each in cells)),
        rows=tuple((day, *values_of(row, cells)) for day, (_, row) in zip(days, rows, strict=True)),
        notes=tuple(_gaps(days) if rows else [f"{table} has no row of {product_id} in the days asked for"]),
        plan=plan_of(connection, scan, rows, reason, read=touched(connection, scan, rows) if explain else len(rows)),
    )


def series_scan(table: str, product_id: str, *, window: Window) -> Scan:
    """Returns the scan of a product's days in the window."""
    whole = prefix_scan(table, f"{product_id}{KEY_SEPARATOR}".encode())
    start, stop = whole.start, whole.stop
    if window.start is not None:
        start = product_day_key(product_id, window.start.astimezone(UTC).date())
    if window.end is not None:
        last = (window.end.astimezone(UTC) - timedelta(microseconds=1)).date()
        stop = product_day_key(product_id, last) + b"\0"
    return Scan(table=table, start=start, stop=stop)


def _check_measures(connection: happybase.Connection, table: str, query: str) -> None:
    """Raises NotFoundError where the table holds rows, and none of them one of the figures."""
    known = [shown(cell) for cell in cells_of(connection, table)]
    if known and not any(name.partition(":")[2] in _MEASURES for name in known):
        raise NotFoundError(
            f"hbase.{table}: no row has {listed(_MEASURES)}, which the query {query} reads. It has {listed(known)}.",
            name="",
        )


def _day_of(key: bytes) -> date | str:
    """Returns the day of a row key `product_id#yyyymmdd`; what is no day stays text."""
    text = shown(key.rpartition(b"#")[2])
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _gaps(days: Sequence[date | str]) -> list[str]:
    known = [day for day in days if isinstance(day, date)]
    if not known:
        return []
    missing = (known[-1] - known[0]).days + 1 - len(known)
    return [f"{several(missing, 'day')} between the first and the last without a row"] if missing else []
