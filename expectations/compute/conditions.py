"""Which rows are unexpected: Great Expectations' questions of single rows, each as a condition in Spark SQL.

A condition is what an unexpected row satisfies, exactly as Great Expectations' own Spark engine has it: where it is
null, the row is not unexpected.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from expectations.definition import literal as plain_literal
from expectations.definition import quoted

INTEGRAL = ("tinyint", "smallint", "int", "bigint")
_TEXT = ("string", "char", "varchar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, as an expectation lists it.

    Attributes:
        name: e.g. ``column_values.between``.
        domain: its domain arguments: column, column_A, column_B, column_list, ignore_row_if.
        values: its value arguments: bounds, sets, patterns.
        columns: the table's columns and their Spark types in DDL form.
        where: the row condition.
    """

    name: str
    domain: Mapping[str, Any]
    values: Mapping[str, Any]
    columns: Mapping[str, str]
    where: str

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is about."""
        single = [self.domain[key] for key in ("column", "column_A", "column_B") if self.domain.get(key)]
        return (*single, *(self.domain.get("column_list") or ()))

    @property
    def column(self) -> str:
        """The first of them, quoted."""
        return quoted(self.named[0])

    @property
    def kind(self) -> str:
        """The first column's Spark type."""
        return self.columns[self.named[0]].lower()


def literal(value: object) -> str:
    """Returns a value as a Spark SQL literal of the type that Spark's own `lit` gives it."""
    if isinstance(value, datetime.datetime):
        return f"TIMESTAMP'{value.isoformat(sep=' ')}'"
    if isinstance(value, datetime.date):
        return f"DATE'{value.isoformat()}'"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return plain_literal(value)


def kept(metric: Metric) -> str:
    """Returns the condition of the rows that count, by `ignore_row_if`; empty for all."""
    ignore = metric.domain.get("ignore_row_if")
    if not ignore or ignore in ("neither", "never"):
        return ""
    glue = " AND " if ignore in ("both_values_are_missing", "all_values_are_missing") else " OR "
    return f"NOT ({glue.join(f'{quoted(column)} IS NULL' for column in metric.named)})"


def unexpected(metric: Metric) -> str | None:
    """Returns the condition of an unexpected row among those that count; None where only the engine can tell."""
    return CONDITIONS[metric.name](metric)


def is_in(column: str, allowed: list[Any]) -> str:
    return f"{column} IN ({', '.join(map(literal, allowed))})" if allowed else "FALSE"


def _not(metric: Metric, expected: str | None) -> str | None:
    """Returns the condition of a value that is there and not as expected."""
    return None if expected is None else f"{metric.column} IS NOT NULL AND NOT ({expected})"


def _between(metric: Metric) -> str | None:
    if metric.kind.startswith((*_TEXT, "boolean")):
        return None
    return _not(metric, _bounded(metric.column, metric.values))


def _length_between(metric: Metric) -> str | None:
    return _not(metric, _bounded(f"length({metric.column})", metric.values)) if metric.kind == "string" else None


def _length_equals(metric: Metric) -> str | None:
    if metric.kind != "string":
        return None
    return _not(metric, f"length({metric.column}) = {literal(metric.values['value'])}")


def _bounded(expression: str, values: Mapping[str, Any]) -> str | None:
    low, high = values.get("min_value"), values.get("max_value")
    if low is None and high is None:
        return None
    try:
        if low is not None and high is not None and low > high:
            return None
    except TypeError:
        return None
    parts = []
    if low is not None:
        parts.append(f"{expression} {'>' if values.get('strict_min') else '>='} {literal(low)}")
    if high is not None:
        parts.append(f"{expression} {'<' if values.get('strict_max') else '<='} {literal(high)}")
    return " AND ".join(parts)


def _in_set(metric: Metric) -> str | None:
    allowed = metric.values.get("value_set")
    return None if allowed is None else _not(metric, is_in(metric.column, list(allowed)))


def _not_in_set(metric: Metric) -> str | None:
    refused = metric.values.get("value_set")
    return None if refused is None else _not(metric, f"NOT ({is_in(metric.column, list(refused))})")


def _matches(metric: Metric) -> str | None:
    return _not(metric, f"{metric.column} RLIKE {literal(metric.values['regex'])}") if metric.kind == "string" else None


def _matches_not(metric: Metric) -> str | None:
    if metric.kind != "string":
        return None
    return _not(metric, f"NOT ({metric.column} RLIKE {literal(metric.values['regex'])})")


def _matches_of_list(metric: Metric) -> str | None:
    patterns, match_on = metric.values.get("regex_list"), metric.values.get("match_on")
    if metric.kind != "string" or not patterns or match_on not in ("any", "all"):
        return None
    asked = ["|".join(patterns)] if match_on == "any" else patterns
    return _not(metric, " AND ".join(f"{metric.column} RLIKE {literal(one)}" for one in asked))


def _matches_none_of_list(metric: Metric) -> str | None:
    patterns = metric.values.get("regex_list")
    if metric.kind != "string" or not patterns:
        return None
    return _not(metric, " AND ".join(f"NOT ({metric.column} RLIKE {literal(one)})" for one in patterns))


def _pair(metric: Metric) -> tuple[str, str]:
    return quoted(metric.domain["column_A"]), quoted(metric.domain["column_B"])


def _greater(metric: Metric) -> str:
    one, other = _pair(metric)
    return f"NOT ({one} >= {other} OR {one} <=> {other})" if metric.values.get("or_equal") else f"NOT ({one} > {other})"


def _pair_in_set(metric: Metric) -> str | None:
    one, other = _pair(metric)
    pairs = metric.values.get("value_pairs_set")
    if not pairs:
        return None
    allowed = (f"({one} <=> {literal(first)} AND {other} <=> {literal(second)})" for first, second in pairs)
    return f"NOT ({' OR '.join(allowed)})"


def _equal(metric: Metric) -> str:
    first, *others = map(quoted, metric.named)
    return f"NOT ({' AND '.join(f'{first} <=> {other}' for other in others)})"


def _repeats_within(metric: Metric) -> str:
    return " OR ".join(f"{one} <=> {other}" for one, other in combinations(map(quoted, metric.named), 2))


def _sum_differs(metric: Metric) -> str:
    parts = []
    for name in metric.named:
        filled = f"coalesce({quoted(name)}, 0)"
        integral = metric.columns[name].lower() in INTEGRAL
        parts.append(f"CAST({filled} AS DECIMAL(38, 0))" if integral else filled)
    return f"NOT ({' + '.join(parts)} = {literal(metric.values.get('sum_total'))})"


CONDITIONS: Mapping[str, Callable[[Metric], str | None]] = {
    "column_pair_values.a_greater_than_b": _greater,
    "column_pair_values.equal": _equal,
    "column_pair_values.in_set": _pair_in_set,
    "column_values.between": _between,
    "column_values.in_set": _in_set,
    "column_values.match_regex": _matches,
    "column_values.match_regex_list": _matches_of_list,
    "column_values.nonnull": lambda metric: f"{metric.column} IS NULL",
    "column_values.not_in_set": _not_in_set,
    "column_values.not_match_regex": _matches_not,
    "column_values.not_match_regex_list": _matches_none_of_list,
    "column_values.null": lambda metric: f"{metric.column} IS NOT NULL",
    "column_values.value_length.between": _length_between,
    "column_values.value_length.equals": _length_equals,
    "multicolumn_sum.equal": _sum_differs,
    "multicolumn_values.equal": _equal,
    "select_column_values.unique.within_record": _repeats_within,
}
