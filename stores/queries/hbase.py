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
from collections.abc import Mapping, Sequence
from datetime import datetime

import happybase

from runner.errors import FormatError, NotFoundError, ProjectError
from stores.hbase_cells import KEY_SEPARATOR, reverse_timestamp, to_millis
from stores.hbase_client import table as existing
from stores.queries.answer import Answer, listed
from stores.queries.cells import Cell, check_id, check_limit, plan_of, values_of
from stores.queries.scan import (
    SAMPLE,
    Cells,
    Scan,
    cell_equals,
    check_cells,
    check_families,
    prefix_scan,
    run_scan,
    shown,
    touched,
)
from stores.queries.series import product_series
from stores.queries.window import Window

__all__ = ["SESSION_CELLS", "SHOWN", "product_series", "session_scan", "sessions_by", "user_sessions"]

_LAST_REVERSE = 9_999_999_999_999
_SESSION_KEY = re.compile(rb"[^#]+#\d{13}#.+", re.DOTALL)

SESSION_CELLS = (
    Cell("session_id", b"meta:session_id"),
    Cell("user_id", b"meta:user_id"),
    Cell("started_at", b"meta:timestamp"),
    Cell("ended_at", b"meta:end_time"),
    Cell("duration_seconds", b"stats:duration", "number"),
    Cell("conversion_status", b"meta:conversion_status"),
    Cell("referrer", b"meta:referrer"),
    Cell("device_type", b"device:type"),
    Cell("os", b"device:os"),
    Cell("browser", b"device:browser"),
    Cell("city", b"geo:city"),
    Cell("state", b"geo:state"),
    Cell("country", b"geo:country"),
    Cell("ip_address", b"geo:ip_address"),
    Cell("page_view_count", b"stats:pages", "number"),
    Cell("cart_value", b"stats:cart_value", "money"),
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
    check_id(user_id, "user id", query)
    check_limit(limit, query)
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
        rows=tuple(values_of(row, cells) for _, row in rows),
        notes=(*notes, *_more(rows, limit)),
        plan=plan_of(connection, scan, rows, reason, read=touched(connection, scan, rows) if explain else len(rows)),
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
    check_limit(limit, query)
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
        rows=tuple(values_of(row, cells) for _, row in rows),
        notes=tuple(_more(rows, limit)),
        plan=plan_of(connection, scan, rows, reason, read=read),
    )


def _cells(columns: Sequence[str], query: str) -> list[Cell]:
    return [_cell(name, query) for name in columns]


def _cell(name: str, query: str) -> Cell:
    """Returns the cell of a column's name, or the cell itself.

    Raises:
        NotFoundError: the name is neither.
    """
    for each in SESSION_CELLS:
        if name in (each.name, shown(each.cell)):
            return each
    family, colon, qualifier = name.partition(":")
    if family and colon and qualifier:
        return Cell(name, name.encode())
    raise NotFoundError(
        f'{query}: "{name}" is no column of sessions. Name one of '
        f"{listed([each.name for each in SESSION_CELLS], 20)}, or a cell as family:qualifier.",
        name=name,
        known=[each.name for each in SESSION_CELLS],
    )


def _check_seen(
    connection: happybase.Connection,
    table: str,
    cells: Sequence[Cell],
    rows: Sequence[tuple[bytes, Cells]],
    query: str,
) -> None:
    """Looks whether the table has the cells that none of the rows has; a cell that a row has is there."""
    unseen = [each.cell for each in cells if not any(each.cell in row for _, row in rows)]
    if unseen:
        check_cells(connection, table, list(dict.fromkeys(unseen)), query=query)


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


def _more(rows: Sequence[object], limit: int | None) -> list[str]:
    return [f"the limit of {limit:,} is met: there may be more"] if limit is not None and len(rows) >= limit else []


def _families(cells: Sequence[Cell]) -> list[str]:
    return sorted({shown(each.cell.partition(b":")[0]) for each in cells})
