"""Which rows are missing and which were not expected, as lines that a person reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

_TOLERANCE = 1e-6
_MOST = 20  # lines that are shown

Row = tuple[Any, ...]


def differing_lines(names: Sequence[str], expected: Sequence[Row], actual: Sequence[Row]) -> list[str]:
    """Returns what differs between two sets of rows, in any order; nothing where they are the same.

    Args:
        names: the columns' names.
        expected, actual: rows of plain values; see `plain`.
    """
    missing, extra = _difference(expected, actual)
    lines = list(_lines(names, missing, extra))
    return lines if len(lines) <= _MOST else [*lines[:_MOST], f"  and {len(lines) - _MOST} more differences"]


def plain(value: Any) -> Any:
    """Returns a value that compares: nested values as tuples, numbers without their scale."""
    from pyspark.sql import Row as SparkRow

    if isinstance(value, SparkRow):
        return tuple((name, plain(one)) for name, one in value.asDict().items())
    if isinstance(value, dict):
        return tuple(sorted((str(key), plain(one)) for key, one in value.items()))
    if isinstance(value, list):
        return tuple(plain(one) for one in value)
    if isinstance(value, Decimal):
        return value.normalize() + 0
    return value


def _difference(expected: Sequence[Row], actual: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    left = list(actual)
    missing = []
    for row in expected:
        found = next((index for index, other in enumerate(left) if _same(row, other)), None)
        if found is None:
            missing.append(row)
        else:
            left.pop(found)
    return missing, left


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, float) and isinstance(second, float):
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=1e-9)
    return bool(first == second)


def _lines(names: Sequence[str], missing: Sequence[Row], extra: Sequence[Row]) -> Iterator[str]:
    """Yields the differing rows; where a missing row has a near one, only the columns that differ."""
    left = list(extra)
    for row in missing:
        near = max(left, key=lambda other: sum(map(_same, row, other)), default=None)
        if near is not None and any(map(_same, row, near)):
            left.remove(near)
            same = ", ".join(
                f"{name}={_shown(one)}" for name, one, other in zip(names, row, near, strict=True) if _same(one, other)
            )
            for name, one, other in zip(names, row, near, strict=True):
                if not _same(one, other):
                    yield f"  where {same}: {name} should be {_shown(one)}, is {_shown(other)}"
        else:
            yield f"  missing: {_written(names, row)}"
    for row in left:
        yield f"  not expected: {_written(names, row)}"


def _written(names: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={_shown(one)}" for name, one in zip(names, row, strict=True))


def _shown(value: Any) -> str:
    """Returns a value as a person writes it: null, lists and mappings as in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if value and all(isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) for one in value):
            return "{" + ", ".join(f"{name}: {_shown(one)}" for name, one in value) + "}"
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
