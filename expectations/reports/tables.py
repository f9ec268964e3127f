"""Rows and values as reports show them: bounded, cut, the columns that matter first; a check as its YAML."""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from expectations.reports.document import plain
from expectations.result import CheckResult
from expectations.suite import Expectation
from expectations.words import figure

DUMPER: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast as without libyaml
_CELL = 120  # characters of a value that a table shows
_ROWS = 10  # failing rows that a page shows of one check


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsTable:
    """Failing rows as a table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def rows_table(result: CheckResult) -> RowsTable:
    """Returns the failing rows as a table: the columns that the expectation names first."""
    rows = result.failing_rows[:_ROWS]
    names = list(dict.fromkeys(name for row in rows for name in row))
    slices = [result.slice.column] if result.slice and result.slice.column else []
    first = [name for name in (*result.expectation.columns, *slices) if name in names]
    ordered = tuple(dict.fromkeys([*first, *names]))
    return RowsTable(columns=ordered, rows=tuple(tuple(row.get(name) for name in ordered) for row in rows))


def cell(value: Any) -> str:
    """Returns a value as a table shows it: null as such, long ones cut."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return figure(value) if math.isfinite(value) and (not value or abs(value) >= 1e-6) else str(value)
    if isinstance(value, Decimal):
        return f"{value:,}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dict, list, tuple)):
        text = json.dumps(plain(value), ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def written(result: CheckResult) -> str:
    """Returns the check as its author wrote it: the suite's YAML, or a data test's query."""
    one = result.expectation
    return str(one.arguments.get("sql", "")).strip() if one.test_id else written_check(one)


def written_check(one: Expectation) -> str:
    """Returns a check as the YAML of a suite."""
    asked = {"expect": one.type, **plain(one.arguments)}
    further = {"where": one.where, "name": one.name, "description": one.description}
    asked |= {key: value for key, value in further.items() if value}
    if one.severity == "warn":
        asked["severity"] = one.severity
    return str(yaml.dump([asked], Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=100)).strip()
