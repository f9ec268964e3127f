"""From the figures of a table to the expectations that it meets and seems meant to meet, each with its reason."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from expectations.history.identity import check_id
from expectations.propose.figures import FEW_VALUES, ROWS, ColumnProfile, Profile
from expectations.propose.shapes import shape
from expectations.suite import Expectation, Severity
from expectations.words import count, figure, percent, unit_of

_SAME = 1e-9  # sums that differ by less are equal but for the order of adding
_SHARES = ("_share", "_rate", "_probability", "_confidence", "share", "confidence", "support")
_NEVER_NEGATIVE = (
    "_count",
    "_seconds",
    "_minutes",
    "_hours",
    "_days",
    "_ms",
    "_bytes",
    "quantity",
    "price",
    "total",
    "revenue",
)
_ENUMERATIONS = ("string", "boolean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One expectation of a draft.

    Attributes:
        why: what of the data it comes from.
        had: where the table's checks ask it already; empty where they do not.
        fired: how it would have gone over earlier versions, in words.
    """

    expectation: Expectation
    why: str
    had: str = ""
    fired: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What of the project a draft may refer to.

    Attributes:
        keys: column → the tables whose rows it names, the nearest first.
        sources: the tables that this one is made of.
        existing: what is asked of the table already.
        has_history: whether earlier versions can be told apart, so that trends mean something.
        sensitive: columns none of whose values may stand in the draft.
    """

    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sources: Sequence[str] = ()
    existing: Sequence[Expectation] = ()
    has_history: bool = True
    sensitive: Collection[str] = ()


def draft(model: str, found: Profile, around: Surroundings) -> list[Line]:
    """Returns what a suite of the table may say; each line is to be tried on the data before it is believed."""
    asked = {check_id(replace(one, test_id="")): one.place or "its checks" for one in around.existing}
    lines = []
    for line in _lines(model, found, around):
        had = asked.get(check_id(line.expectation), "")
        lines.append(Line(expectation=line.expectation, why=line.why, had=had))
    return lines


def _lines(model: str, found: Profile, around: Surroundings) -> Iterator[Line]:
    if not found.rows:
        return
    yield _line("expect_table_row_count_to_be_between", f"it has {count(found.rows)} rows", min_value=1)
    if around.has_history:
        yield _line(
            "expect_table_row_count_to_follow_history", "rows as its earlier versions let expect", severity="warn"
        )
    yield from _keys(found)
    for column in found.columns.values():
        yield from _of_column(found, _hidden(column) if column.name in around.sensitive else column)
    yield from _across(found)
    yield from _to_others(model, found, around)


def _line(kind: str, why: str, *, severity: Severity = "error", where: str = "", **arguments: Any) -> Line:
    return Line(expectation=Expectation(type=kind, arguments=arguments, severity=severity, where=where), why=why)


def _keys(found: Profile) -> Iterator[Line]:
    """Yields what tells rows apart: ids before other columns, never a time beside them, at most one set of columns."""
    alone = [columns[0] for columns in found.keys if len(columns) == 1]
    ids = [name for name in alone if _is_key_name(name) and not found.columns[name].is_time]
    for name in ids[:2] or alone[:1]:
        yield _line("expect_column_values_to_be_unique", f"no two of {count(found.rows)} rows share it", column=name)
    for columns in [columns for columns in found.keys if len(columns) > 1][:1]:
        why = f"no two of {count(found.rows)} rows share all of them"
        yield _line("expect_compound_columns_to_be_unique", why, column_list=list(columns))


def _hidden(column: ColumnProfile) -> ColumnProfile:
    """Returns what a draft may know of a sensitive column: how many values, and none of them."""
    return replace(column, values=(), sample=(), least=None, greatest=None)


def _is_key_name(name: str) -> bool:
    return name.endswith(("_id", "_key", "_date", "_code", "_month")) or name == "id"


def _of_column(found: Profile, column: ColumnProfile) -> Iterator[Line]:
    name, rows = column.name, found.rows
    known = rows - column.nulls
    if not column.nulls:
        yield _line("expect_column_values_to_not_be_null", f"none of {count(rows)} rows is without it", column=name)
    elif known and column.nulls < rows:
        why = f"{percent(column.nulls / rows)} of the rows are without it"
        yield _line("expect_column_null_share_to_follow_history", why, severity="warn", column=name)
    if not known:
        return
    if (
        column.kind in _ENUMERATIONS
        and 0 < len(column.values) <= min(FEW_VALUES, known // 5)
        and not _is_key_name(name)
    ):
        if column.kind == "string":
            why = f"all {len(column.values)} values that occur in {count(known)}"
            yield _line("expect_column_values_to_be_in_set", why, column=name, value_set=list(column.values))
    elif column.kind == "string":
        if pattern := shape(column.sample):
            yield _line(
                "expect_column_values_to_match_regex", f"the shape of {column.sample[0]}", column=name, regex=pattern
            )
        elif not column.empty and not column.values:
            why = "none is empty"
            yield _line("expect_column_value_lengths_to_be_between", why, column=name, min_value=1)
    if column.is_number:
        yield from _range(column)
    if column.is_time and column.least is not None:
        yield _line(
            "expect_rows_to_satisfy",
            f"{column.least} to {column.greatest}: none lies in the future",
            condition=f"coalesce({name} <= current_timestamp() + interval 1 day, true)",
        )


def _range(column: ColumnProfile) -> Iterator[Line]:
    """Yields a column's natural limits as errors, and a wide range around what was seen as a warning."""
    name, low, high = column.name, column.least, column.greatest
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)) or name.endswith("_id"):
        return
    between = "expect_column_values_to_be_between"
    unit = f" {unit_of(name)}" if unit_of(name) not in ("", "share") else ""
    seen = f"{figure(low)} to {figure(high)}{unit} were seen"
    if name.endswith(_SHARES) and low >= 0 and high <= 1:
        yield _line(between, f"a share: {seen}", column=name, min_value=0, max_value=1)
        return
    if low >= 0 and (name.endswith(_NEVER_NEGATIVE) or low > 0 or high > 10):
        yield _line(between, f"never negative: {seen}", column=name, min_value=0)
    if low == high:
        return
    if low >= 0:
        most = outwards(2 * high)
        yield _line(between, f"{seen}; twice the most, rounded up", severity="warn", column=name, max_value=most)
        return
    wide = high - low
    yield _line(
        between,
        f"{seen}; their span on either side",
        severity="warn",
        column=name,
        min_value=outwards(low - wide),
        max_value=outwards(high + wide),
    )


def outwards(value: float) -> int | float:
    """Returns a value with one significant digit, away from 0: 4,312 is 5,000, -0.12 is -0.2."""
    if value == 0:
        return 0
    size = 10.0 ** math.floor(math.log10(abs(value)))
    found = math.copysign(math.ceil(abs(value) / size - 1e-9) * size, value)
    return round(found) if abs(found) >= 1 else float(f"{found:.1g}")


def _across(found: Profile) -> Iterator[Line]:
    for first, second in found.ordered:
        if _belong(first, second):
            why = f"no {second} is before its {first}"
            condition = f"coalesce({second} >= {first}, true)"
            yield _line("expect_rows_to_satisfy", why, condition=condition)
    for total, first, second in found.sums:
        yield _line(
            "expect_rows_to_satisfy",
            f"in all rows it is true that {total} = {first} + {second}",
            condition=f"abs({total} - {first} - {second}) <= 0.011",
        )
    for start, end, number in found.durations:
        yield _line(
            "expect_rows_to_satisfy",
            f"in all rows the seconds from {start} to {end} are {number}",
            condition=f"abs(unix_timestamp({end}) - unix_timestamp({start}) - {number}) <= 1",
        )


_PAIRS = (("start", "end"), ("first", "last"), ("created", "updated"), ("registration", "last"), ("registered", "last"), ("from", "to"),
          ("creation", "last"), ("ordered", "shipped"), ("since", "until"), ("min", "max"), ("valid_from", "valid_to"))  # fmt: skip


def _belong(first: str, second: str) -> bool:
    """Whether two times are named as the beginning and the end of one thing."""
    words = re.split(r"_+", first), re.split(r"_+", second)
    return any(
        any(word.startswith(begin) for word in words[0]) and any(word.startswith(end) for word in words[1])
        for begin, end in _PAIRS
    )


def _to_others(model: str, found: Profile, around: Surroundings) -> Iterator[Line]:
    for column, tables in around.keys.items():
        profile = found.columns.get(column)
        if profile is None or profile.nulls == found.rows:
            continue
        for table in tables[:3]:
            if table != model:
                yield _line(
                    "expect_column_values_to_exist_in",
                    f"each {column} is in {table}",
                    column=column,
                    to=table,
                    field=column,
                )
    for source in around.sources:
        sums = found.parents.get(source, {})
        if sums.get(ROWS) == found.rows:
            why = f"a row for each of its {count(found.rows)} rows"
            yield _line("expect_tables_to_reconcile", why, value="count(*)", other=source)
        for column, total in sums.items():
            own = found.columns[column].total if column in found.columns else None
            if column != ROWS and own and abs(total - own) <= _SAME * abs(own):
                why = f"both sides have {figure(own)}"
                yield _line("expect_tables_to_reconcile", why, value=f"sum({column})", other=source)
    for (source, column), distinct in found.parent_keys.items():
        rows = found.parents.get(source, {}).get(ROWS, 0)
        if (column,) in found.keys and rows > found.rows and abs(distinct - found.rows) <= 0.03 * found.rows:
            why = f"a row for each {column} of it"
            yield _line(
                "expect_tables_to_reconcile",
                why,
                value="count(*)",
                other=source,
                other_value=f"count(distinct {column})",
            )


def kept(lines: Sequence[Line], passed: Sequence[bool]) -> list[Line]:
    """Returns the lines that the data satisfy; of several tables that a column may point to, the first."""
    pointed: set[str] = set()
    found = []
    for line, good in zip(lines, passed, strict=True):
        if not good:
            continue
        if line.expectation.type == "expect_column_values_to_exist_in":
            if line.expectation.column in pointed:
                continue
            pointed.add(line.expectation.column)
        found.append(line)
    return found
