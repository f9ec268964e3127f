"""Great Expectations' metrics as Spark aggregates: what lets a whole suite be computed in one pass.

`ask` turns one metric, as an expectation lists it, into an aggregate or a query that gives the same value as Great
Expectations' own Spark engine. It knows the metrics of everyday expectations and answers None for the others and for
every case in which the engine raises, so that those go to the engine itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expectations.definition import Aggregate, Need, Query, escape, quoted
from expectations.definition import literal as plain_literal

SAMPLE = 20
_NUMERIC = ("int", "bigint", "float", "double")
_INTEGRAL = ("tinyint", "smallint", "int", "bigint")
_EXACT = 2_147_483_647  # percentile_approx with this accuracy is what approxQuantile with error 0 is


@dataclass(frozen=True, slots=True)
class Known:
    """A metric that the schema alone answers."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A metric that is a sample of rows: computed only where there are any.

    Attributes:
        condition: what an unexpected row satisfies; empty where `query` finds them.
        columns: the columns whose values are the metric; one column gives plain values, several give rows.
    """

    columns: tuple[str, ...]
    condition: str = ""
    query: Query | None = None


Answer = Need | Known | Unexpected | None


def literal(value: object) -> str:
    """Returns a value as a Spark SQL literal of the type that Spark's own `lit` gives it."""
    if isinstance(value, datetime.datetime):
        return f"TIMESTAMP'{value.isoformat(sep=' ')}'"
    if isinstance(value, datetime.date):
        return f"DATE'{value.isoformat()}'"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return plain_literal(value)


def ask(
    name: str, domain: Mapping[str, Any], values: Mapping[str, Any], columns: Mapping[str, str], where: str
) -> Answer:
    """Returns how to compute a metric, or None where only Great Expectations' engine can.

    Args:
        name: the metric's name, e.g. ``column_values.between.unexpected_count``.
        domain: its domain arguments: column, column_A, column_B, column_list, ignore_row_if.
        values: its value arguments: bounds, sets, patterns.
        columns: the table's columns and their Spark types in DDL form.
        where: the row condition.
    """
    if name == "table.row_count":
        return Aggregate(call="count(*)", where=where)
    if name == "table.columns":
        return Known(list(columns))
    if name == "table.column_count":
        return Known(len(columns))
    if any(column not in columns for column in _named(domain)):
        return None
    metric, _, what = name.rpartition(".")
    if what in ("unexpected_count", "unexpected_values", "filtered_row_count"):
        return _map_metric(metric, what, domain, values, columns, where)
    return _column_metric(name, str(domain.get("column")), values, columns, where)


def _named(domain: Mapping[str, Any]) -> list[str]:
    single = [domain[key] for key in ("column", "column_A", "column_B") if domain.get(key)]
    return [*single, *(domain.get("column_list") or ())]


def _map_metric(
    metric: str,
    what: str,
    domain: Mapping[str, Any],
    values: Mapping[str, Any],
    columns: Mapping[str, str],
    where: str,
) -> Answer:
    named = tuple(_named(domain))
    kept = _kept(domain, named)
    if what == "filtered_row_count":
        return Aggregate(call=f"count_if({kept})" if kept else "count(*)", where=where)
    if metric in ("column_values.unique", "compound_columns.unique"):
        return _repeated(named, kept, what, columns, where)
    condition = _unexpected(metric, domain, values, columns)
    if condition is None:
        return None
    if kept:
        condition = f"({kept}) AND ({condition})"
    if what == "unexpected_values":
        return Unexpected(columns=named, condition=condition)
    return Aggregate(call=f"count_if({condition})", where=where)


def _kept(domain: Mapping[str, Any], named: tuple[str, ...]) -> str:
    """Returns the condition of the rows that count, by `ignore_row_if`; empty for all."""
    ignore = domain.get("ignore_row_if")
    if not ignore or ignore in ("neither", "never"):
        return ""
    glue = " AND " if ignore in ("both_values_are_missing", "all_values_are_missing") else " OR "
    return f"NOT ({glue.join(f'{quoted(column)} IS NULL' for column in named)})"


def _unexpected(
    metric: str, domain: Mapping[str, Any], values: Mapping[str, Any], columns: Mapping[str, str]
) -> str | None:
    """Returns the condition that an unexpected row satisfies; where it is null, the row is none."""
    if metric == "column_pair_values.equal":
        return f"NOT ({quoted(domain['column_A'])} <=> {quoted(domain['column_B'])})"
    if metric == "column_pair_values.a_greater_than_b":
        a, b = quoted(domain["column_A"]), quoted(domain["column_B"])
        return f"NOT ({a} >= {b} OR {a} <=> {b})" if values.get("or_equal") else f"NOT ({a} > {b})"
    if "column" not in domain:
        return None
    column, kind = quoted(domain["column"]), columns[domain["column"]].lower()
    if metric == "column_values.nonnull":
        return f"{column} IS NULL"
    if metric == "column_values.null":
        return f"{column} IS NOT NULL"
    expected: str | None = None
    if metric == "column_values.between" and not kind.startswith(("string", "boolean", "char", "varchar")):
        expected = _between(column, values)
    elif metric == "column_values.value_length.between" and kind == "string":
        expected = _between(f"length({column})", values)
    elif metric == "column_values.value_length.equals" and kind == "string":
        expected = f"length({column}) = {literal(values['value'])}"
    elif metric == "column_values.in_set" and values.get("value_set") is not None:
        expected = _in_set(column, values["value_set"])
    elif metric == "column_values.not_in_set" and values.get("value_set") is not None:
        expected = f"NOT ({_in_set(column, values['value_set'])})"
    elif metric in ("column_values.match_regex", "column_values.not_match_regex") and kind == "string":
        matches = f"{column} RLIKE {literal(values['regex'])}"
        expected = matches if metric == "column_values.match_regex" else f"NOT ({matches})"
    return None if expected is None else f"{column} IS NOT NULL AND NOT ({expected})"


def _between(expression: str, values: Mapping[str, Any]) -> str | None:
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


def _in_set(column: str, allowed: list[Any]) -> str:
    return f"{column} IN ({', '.join(map(literal, allowed))})" if allowed else "FALSE"


def _repeated(named: tuple[str, ...], kept: str, what: str, columns: Mapping[str, str], where: str) -> Answer:
    """Returns how to count, or to sample, the rows whose key occurs more than once."""
    if any(columns[column].lower().startswith("map") for column in named):
        return None
    kept = kept or (f"{quoted(named[0])} IS NOT NULL" if len(named) == 1 else "TRUE")
    keys = ", ".join(escape(quoted(column)) for column in named)
    groups = f"SELECT {keys}, count(*) AS `number of rows` FROM {{this}} WHERE {escape(kept)} GROUP BY {keys} "
    groups += "HAVING count(*) > 1"
    if what == "unexpected_values":
        sample = Query(sql=f"{groups} ORDER BY `number of rows` DESC, {keys} LIMIT {SAMPLE}", where=where, limit=SAMPLE)
        return Unexpected(columns=named, query=sample)
    return Query(sql=f"SELECT coalesce(sum(`number of rows`), 0) AS value FROM ({groups})", where=where, is_small=True)


def _column_metric(
    name: str, column_name: str, values: Mapping[str, Any], columns: Mapping[str, str], where: str
) -> Answer:
    kind = columns.get(column_name, "").lower()
    column = quoted(column_name)
    decimal = kind.startswith("decimal")
    if name == "column.min":
        return Aggregate(call=f"min({column})", where=where)
    if name == "column.max":
        return Aggregate(call=f"max({column})", where=where)
    if name == "column.mean" and (kind in _NUMERIC or decimal):
        return Aggregate(call=f"avg({column})", where=where)
    if name == "column.sum" and (kind in (*_INTEGRAL, "float", "double") or decimal):
        value = f"CAST({column} AS DOUBLE)" if kind in _INTEGRAL else column
        return Aggregate(call=f"sum({value})", where=where)
    if name == "column.standard_deviation" and (kind in (*_INTEGRAL, "float", "double") or decimal):
        return Aggregate(call=f"stddev_samp({column})", where=where)
    if name == "column.quantile_values" and kind in (*_INTEGRAL, "float", "double") and values.get("quantiles"):
        if values.get("allow_relative_error"):
            return None
        points = ", ".join(f"{float(point)!r}D" for point in values["quantiles"])
        number = f"nullif(CAST({column} AS DOUBLE), CAST('NaN' AS DOUBLE))"
        call = f"percentile_approx({number}, array({points}), {_EXACT})"
        return Aggregate(call=call, where=where, empty=(None,) * len(values["quantiles"]))
    if name == "column.distinct_values.count" and not kind.startswith("map"):
        return Query(sql=f"SELECT count(DISTINCT {escape(column)}) AS value FROM {{this}}", where=where, is_small=True)
    return None
