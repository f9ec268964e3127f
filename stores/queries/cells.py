"""Cells as values of an answer, and the plan of the scan that brought them."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import happybase

from runner.errors import FormatError
from stores.hbase_cells import KEY_SEPARATOR
from stores.queries.answer import Plan, cents
from stores.queries.scan import Cells, Scan, range_fact, reading_facts, regions_visited

Kind = Literal["text", "number", "money"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as a column of an answer."""

    name: str
    cell: bytes
    kind: Kind = "text"


def values_of(row: Cells, cells: Sequence[Cell]) -> tuple[Any, ...]:
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


def plan_of(
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


def check_id(text: str, what: str, query: str) -> None:
    """Raises FormatError where an id would make another's prefix."""
    if not text or KEY_SEPARATOR in text:
        raise FormatError(f'{query}: "{text}" is no {what}: it is empty, or holds the "#" that ends it in the row key.')


def check_limit(limit: int | None, query: str) -> None:
    if limit is not None and limit < 1:
        raise FormatError(f"{query}: a limit of {limit} gives no rows. Give 1 or more.")
