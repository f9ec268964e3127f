"""Scans that HBase runs on the shop's tables as they are now: sessions of a user, of a time, of a kind; daily series.

The row key of a session is `user_id#reverse_timestamp#session_id`: a user's sessions stand together, newest first, so
that a user and a time need no filter, only a first and a last row. What the key does not hold is found by a filter,
which reads every row until enough are found.

Numbers and texts of a caller go into filters as quoted values. There is no `PageFilter`: it counts per region, so that
the limit is needed all the same; it makes the server read every family of every row (2.5 times slower on three
families); and placed before a filter of values it lost all rows (seen on HBase 2.6.1).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import happybase

from runner.errors import FormatError, NotFoundError, ProjectError
from stores.hbase_cells import KEY_SEPARATOR, product_day_key, reverse_timestamp, to_millis
from stores.hbase_client import table as existing
from stores.queries.answer import Answer, Plan, cents, listed, several
from stores.queries.scan import (
    SAMPLE,
    Cells,
    Scan,
    cell_equals,
    cells_of,
    check_cells,
    check_families,
    prefix_scan,
    range_fact,
    reading_facts,
    regions_visited,
    run_scan,
    shown,
    touched,
)
from stores.queries.window import Window

Kind = Literal["text", "number", "money"]
_LAST_REVERSE = 9_999_999_999_999
_SESSION_KEY = re.compile(rb"[^#]+#\d{13}#.+", re.DOTALL)
_MEASURES = ("views", "carts", "orders", "revenue")


@dataclass(frozen=True, slots=True)
class SessionCell:
    """A cell of a session as a column of an answer."""

    name: str
    cell: bytes
    kind: Kind = "text"


SESSION_CELLS = (
    SessionCell("session_id", b"meta:session_id"),
    SessionCell("user_id", b"meta:user_id"),
    SessionCell("started_at", b"meta:timestamp"),
    SessionCell("ended_at", b"meta:end_time"),
    SessionCell("duration_seconds", b"stats:duration", "number"),
    SessionCell("conversion_status", b"meta:conversion_status"),
    SessionCell("referrer", b"meta:referrer"),
    SessionCell("device_type", b"device:type"),
    SessionCell("os", b"device:os"),
    SessionCell("browser", b"device:browser"),
    SessionCell("city", b"geo:city"),
    SessionCell("state", b"geo:state"),
    SessionCell("country", b"geo:country"),
    SessionCell("ip_address", b"geo:ip_address"),
    SessionCell("page_view_count", b"stats:pages", "number"),
    SessionCell("cart_value", b"stats:cart_value", "money"),
)
SHOWN = (
    "session_id", "user_id", "started_at", "duration_seconds", "conversion_status", "device_type", "referrer",
    "page_view_count", "cart_value",
)  # fmt: skip


def user_sessions(
    connection: happybase.Connection,
    user_id: str,
    *,
    limit: int | None = 20,
    window: Window | None = None,
    columns: Sequence[str] = SHOWN,
    table: str = "sessions",
    explain: bool = False,
) -> Answer:
    """Returns a user's sessions, newest first, or those of them that began in a window of time.

    The window is part of the row range: the key holds milliseconds, to which its bounds are cut.

    Args:
        limit: how many at most; None for all.
        columns: names of `SESSION_CELLS`, or cells (`family:qualifier`); only their families are read.
        explain: count the rows that the scan touches by a second scan, of keys alone.

    Raises:
        NotFoundError: there is no such table, or no row of it has one of the cells.
        ProjectError: the row keys are of another form, so that a user cannot be found by them.
        FormatError: the user id is empty or holds a "#", or the limit is below 1.
    """
    query = "user-sessions"
    _check_id(user_id, "user id", query)
    _check_limit(limit, query)
    existing(connection, table)
    window = window or Window()
    cells = _cells(columns, query)
    scan = session_scan(table, user_id, window=window, columns=[each.cell for each in cells], limit=limit)
    check_families(connection, table, scan.columns, query=query)
    rows = run_scan(connection, scan)
    _check_seen(connection, table, cells, rows, query)
    notes = [] if rows else _nobody(connection, table, user_id, window)
    time = "and the window of time is a range within them, without a filter" if not window.is_open else "newest first"
    reason = (
        f"fast: the row key begins with the user's id, so their sessions stand together, {time}; "
        f"only {listed(_families(cells))} {'is' if len(_families(cells)) == 1 else 'are'} read."
    )
    return Answer(
        query=query,
        columns=tuple(each.name for each in cells),
        rows=tuple(_values(row, cells) for _, row in rows),
        notes=(*notes, *_more(rows, limit)),
        plan=_plan(connection, scan, rows, reason, read=touched(connection, scan, rows) if explain else len(rows)),
    )


def session_scan(
    table: str, user_id: str, *, window: Window, columns: Sequence[bytes] = (), limit: int | None = None
) -> Scan:
    """Returns the scan of a user's sessions that began in the window: the later bound is the first row."""
    prefix = f"{user_id}{KEY_SEPARATOR}".encode()
    whole = prefix_scan(table, prefix, columns=columns, limit=limit)
    return Scan(
        table=table,
        start=whole.start if window.end is None else prefix + _after(window.end),
        stop=whole.stop if window.start is None else prefix + _after(window.start),
        columns=whole.columns,
        limit=limit,
    )


def _after(bound: datetime) -> bytes:
    """Returns the part of a key that is behind all sessions from the bound on, and before all earlier ones."""
    millis = min(max(to_millis(bound) - 1, -1), _LAST_REVERSE)
    # Behind the last reverse timestamp, of 1970, are no more digits.
    return reverse_timestamp(millis).encode() if millis >= 0 else b":"


def sessions_by(
    connection: happybase.Connection,
    conditions: Mapping[str, str],
    *,
    limit: int = 20,
    columns: Sequence[str] = SHOWN,
    table: str = "sessions",
    explain: bool = False,
) -> Answer:
    """Returns sessions whose cells have given values, in the order of the row key: by user, a user's newest first.

    Args:
        conditions: values by name of `SESSION_CELLS` or by cell; all must hold. Compared as text, whole and exact.
        limit: how many at most; the scan ends when they are found.
        explain: count the rows that the scan touches by a second scan, of keys alone: up to the whole table.

    Raises:
        NotFoundError: there is no such table, or no row of it has one of the cells.
        FormatError: there is no condition, or the limit is below 1.
    """
    query = "sessions-by"
    if not conditions:
        raise FormatError(f"{query}: there is no condition. Give one: conversion_status=converted")
    _check_limit(limit, query)
    existing(connection, table)
    wanted = [(_cell(name, query), value) for name, value in conditions.items()]
    judged = [each for each, _ in wanted]
    cells = _cells(columns, query)
    # The filter judges only cells that are read: those of the conditions are asked for, shown or not.
    asked = tuple(dict.fromkeys([*(each.cell for each in judged), *(each.cell for each in cells)]))
    scan = Scan(
        table=table,
        columns=asked,
        filter=b" AND ".join(cell_equals(each.cell, value.encode()) for each, value in wanted),
        limit=limit,
    )
    check_families(connection, table, asked, query=query)
    rows = run_scan(connection, scan)
    _check_seen(connection, table, [*judged, *cells], rows, query)
    until = f"until the limit of {limit:,} is met" if len(rows) >= limit else "to the table's end"
    reason = (
        f"not fast: the row key does not hold {' and '.join(each.name for each in judged)}, so every row is looked at "
        f"{until}. Of rows that do not fit, HBase reads no family but {listed(_families(judged))}."
    )
    if any(each.cell == b"meta:user_id" for each in judged):
        reason += " A user's sessions are found by their key: run query user-sessions."
    read = touched(connection, scan, rows) if explain else None
    return Answer(
        query=query,
        columns=tuple(each.name for each in cells),
        rows=tuple(_values(row, cells) for _, row in rows),
        notes=tuple(_more(rows, limit)),
        plan=_plan(connection, scan, rows, reason, read=read),
    )


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
    _check_id(product_id, "product id", query)
    existing(connection, table)
    window = window or Window()
    scan = series_scan(table, product_id, window=window)
    rows = run_scan(connection, scan)
    if not rows:
        _check_measures(connection, table, query)
    found = dict.fromkeys(cell for _, row in rows for cell in row)
    cells = [SessionCell(shown(cell.partition(b":")[2]), cell, "number") for cell in found]
    cells.sort(key=lambda each: (_MEASURES.index(each.name) if each.name in _MEASURES else len(_MEASURES), each.name))
    days = [_day_of(key) for key, _ in rows]
    reason = "fast: the row key begins with the product's id and the day, so its series is one range of rows."
    return Answer(
        query=query,
        columns=("date", *(each.name for each in cells)),
        rows=tuple((day, *_values(row, cells)) for day, (_, row) in zip(days, rows, strict=True)),
        notes=tuple(_gaps(days) if rows else [f"{table} has no row of {product_id} in the days asked for"]),
        plan=_plan(connection, scan, rows, reason, read=touched(connection, scan, rows) if explain else len(rows)),
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


def _plan(
    connection: happybase.Connection,
    scan: Scan,
    rows: Sequence[tuple[bytes, Cells]],
    reason: str,
    *,
    read: int | None,
) -> Plan:
    regions = connection.table(scan.table).regions()
    visited = regions_visited(regions, scan, rows)
    facts = (*range_fact(scan), *reading_facts(len(rows), read, visited, len(regions)))
    return Plan(reason=reason, facts=facts, whole=str(scan))


def _cells(columns: Sequence[str], query: str) -> list[SessionCell]:
    return [_cell(name, query) for name in columns]


def _cell(name: str, query: str) -> SessionCell:
    """Returns the cell of a column's name, or the cell itself.

    Raises:
        NotFoundError: the name is neither.
    """
    for each in SESSION_CELLS:
        if name in (each.name, shown(each.cell)):
            return each
    family, colon, qualifier = name.partition(":")
    if family and colon and qualifier:
        return SessionCell(name, name.encode())
    raise NotFoundError(
        f'{query}: "{name}" is no column of sessions. Name one of '
        f"{listed([each.name for each in SESSION_CELLS], 20)}, or a cell as family:qualifier.",
        name=name,
        known=[each.name for each in SESSION_CELLS],
    )


def _check_seen(
    connection: happybase.Connection,
    table: str,
    cells: Sequence[SessionCell],
    rows: Sequence[tuple[bytes, Cells]],
    query: str,
) -> None:
    """Looks whether the table has the cells that none of the rows has; a cell that a row has is there."""
    unseen = [each.cell for each in cells if not any(each.cell in row for _, row in rows)]
    if unseen:
        check_cells(connection, table, list(dict.fromkeys(unseen)), query=query)


def _check_limit(limit: int | None, query: str) -> None:
    if limit is not None and limit < 1:
        raise FormatError(f"{query}: a limit of {limit} gives no rows. Give 1 or more.")


def _check_id(text: str, what: str, query: str) -> None:
    """Raises FormatError where an id would make another's prefix."""
    if not text or KEY_SEPARATOR in text:
        raise FormatError(f'{query}: "{text}" is no {what}: it is empty, or holds the "#" that ends it in the row key.')


def _nobody(connection: happybase.Connection, table: str, user_id: str, window: Window) -> list[str]:
    """Returns why there are no rows, told by the rows that stand where the user's would."""
    prefix = f"{user_id}{KEY_SEPARATOR}".encode()
    if not window.is_open and run_scan(connection, prefix_scan(table, prefix, limit=1)):
        return [f"{user_id} has sessions, but none in this window"]
    first = run_scan(connection, Scan(table=table, filter=b"KeyOnlyFilter()", limit=SAMPLE))
    if not first:
        return [f"{table} is empty"]
    if not any(_SESSION_KEY.fullmatch(key) for key, _ in first):
        raise ProjectError(
            f"hbase.{table}: the row keys are not user_id#reverse_timestamp#session_id (the first is "
            f'"{shown(first[0][0])}"), so a user\'s sessions cannot be found by them. '
            f"Find them by a filter: run query sessions-by user_id={user_id}; or load the table anew."
        )
    following = run_scan(connection, Scan(table=table, start=prefix, filter=b"KeyOnlyFilter()", limit=1))
    after = f"; the next user is {shown(following[0][0].partition(b'#')[0])}" if following else ""
    return [f"no session of {user_id}{after}"]


def _check_measures(connection: happybase.Connection, table: str, query: str) -> None:
    """Raises NotFoundError where the table holds rows, and none of them one of the figures."""
    known = [shown(cell) for cell in cells_of(connection, table)]
    if known and not any(name.partition(":")[2] in _MEASURES for name in known):
        raise NotFoundError(
            f"hbase.{table}: no row has {listed(_MEASURES)}, which the query {query} reads. It has {listed(known)}.",
            name="",
        )


def _more(rows: Sequence[object], limit: int | None) -> list[str]:
    return [f"the limit of {limit:,} is met: there may be more"] if limit is not None and len(rows) >= limit else []


def _families(cells: Sequence[SessionCell]) -> list[str]:
    return sorted({shown(each.cell.partition(b":")[0]) for each in cells})


def _values(row: Cells, cells: Sequence[SessionCell]) -> tuple[Any, ...]:
    return tuple(_value(row.get(each.cell), each.kind) for each in cells)


def _value(cell: bytes | None, kind: Kind) -> str | int | Decimal | None:
    """Returns a cell's value; a number may be decimal text or a counter of 8 bytes. What is no number stays text."""
    if cell is None:
        return None
    text = cell.decode("utf-8", errors="backslashreplace")
    if kind == "text":
        return text
    try:
        exact = Decimal(text)
    except InvalidOperation:
        is_counter = len(cell) == 8 and not cell.decode("latin-1").isprintable()
        return int(struct.unpack(">q", cell)[0]) if is_counter else text
    if not exact.is_finite():
        return text
    if kind == "money":
        return cents(exact) if cents(exact) == exact else exact
    return int(exact) if re.fullmatch(r"-?\d+", text) else exact


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
