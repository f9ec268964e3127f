"""Great Expectations' metrics as Spark aggregates: what lets a whole suite be computed in one pass.

`ask_metric` turns one metric, as an expectation lists it, into an aggregate or a query that gives the same value as Great
Expectations' own Spark engine. It knows the metrics of everyday expectations and answers None for the others and for
every case in which the engine raises, so that those go to the engine itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from expectations.compute.conditions import CONDITIONS, INTEGRAL, Metric, is_in, kept, unexpected
from expectations.definition import Aggregate, Need, Query, escape, quoted

SAMPLE = 20
_FRACTIONAL = ("float", "double")
_AVERAGED = ("int", "bigint", "float", "double")  # the engine refuses smaller integers
_EXACT = 2_147_483_647  # percentile_approx with this accuracy is what approxQuantile with error 0 is
# The middle one of an odd number of values twice, the two middle ones of an even number, up to billions of values.
_MIDDLE = (0.5, 0.500_000_000_1)
_UNIQUE = ("column_values.unique", "compound_columns.unique")
_OF_ROWS = ("unexpected_count", "unexpected_values", "filtered_row_count")


@dataclass(frozen=True, slots=True)
class Known:
    """A metric that the schema alone answers."""

    value: Any


@dataclass(frozen=True, slots=True)
class Taken:
    """A metric whose value is read off what Spark computes for a need: a scalar of an aggregate, the rows of a query."""

    need: Need
    read: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A metric that is a sample of rows or values: computed only where there are any.

    Attributes:
        condition: what an unexpected row satisfies; empty where `query` finds them.
        columns: the columns whose values are the metric.
        form: how the metric holds them: values of one column, pairs of values, or mappings.
    """

    columns: tuple[str, ...]
    condition: str = ""
    query: Query | None = None
    form: str = "value"


Answer = Taken | Known | Unexpected


def ask_metric(
    name: str, domain: Mapping[str, Any], values: Mapping[str, Any], columns: Mapping[str, str], where: str
) -> Answer | None:
    """Returns how to compute a metric, or None where only Great Expectations' engine can.

    Args:
        name: the metric's name, e.g. ``column_values.between.unexpected_count``.
        domain, values, columns, where: see `conditions.Metric`.
    """
    if name == "table.row_count":
        return Taken(Aggregate(call="count(*)", where=where))
    if name == "table.columns":
        return Known(list(columns))
    if name == "table.column_count":
        return Known(len(columns))
    whole, _, what = name.rpartition(".")
    is_of_rows = what in _OF_ROWS
    metric = Metric(name=whole if is_of_rows else name, domain=domain, values=values, columns=columns, where=where)
    if not metric.named or any(column not in columns or "." in column or "`" in column for column in metric.named):
        return None
    if is_of_rows:
        return _of_rows(metric, what)
    taken = COLUMN_METRICS.get(name)
    return taken(metric) if taken else None


def _of_rows(metric: Metric, what: str) -> Answer | None:
    """Returns how to count rows, or to sample them."""
    counted = kept(metric)
    if what == "filtered_row_count":
        return Taken(Aggregate(call=f"count_if({counted})" if counted else "count(*)", where=metric.where))
    if metric.name in _UNIQUE:
        return _repeated(metric, what)
    if metric.name not in CONDITIONS or (condition := unexpected(metric)) is None:
        return None
    if counted:
        condition = f"({counted}) AND ({condition})"
    if what == "unexpected_values":
        return Unexpected(columns=metric.named, condition=condition, form=_form(metric))
    return Taken(Aggregate(call=f"count_if({condition})", where=metric.where))


def _form(metric: Metric) -> str:
    return "value" if "column" in metric.domain else "pair" if "column_A" in metric.domain else "mapping"


def _groups(metric: Metric, condition: str) -> Query:
    """Returns the one query that answers everything about how often keys occur: keys, rows, rows of repeated keys."""
    keys = ", ".join(escape(quoted(column)) for column in metric.named)
    return Query(
        sql="SELECT count(*) AS keys, coalesce(sum(n), 0) AS held, coalesce(sum(n) FILTER (WHERE n > 1), 0) AS repeated "
        f"FROM (SELECT count(*) AS n FROM {{this}} WHERE {escape(condition)} GROUP BY {keys})",
        where=metric.where,
        is_small=True,
    )


def _repeated(metric: Metric, what: str) -> Answer | None:
    """Returns how to count, or to sample, the rows whose key occurs more than once."""
    if any(metric.columns[column].lower().startswith("map") for column in metric.named):
        return None
    condition = kept(metric) or (f"{metric.column} IS NOT NULL" if len(metric.named) == 1 else "TRUE")
    if what == "unexpected_count":
        return Taken(_groups(metric, condition), lambda rows: rows[0]["repeated"])
    keys = ", ".join(escape(quoted(column)) for column in metric.named)
    sample = Query(
        sql=f"SELECT {keys}, count(*) AS `number of rows` FROM {{this}} WHERE {escape(condition)} GROUP BY {keys} "
        f"HAVING count(*) > 1 ORDER BY `number of rows` DESC, {keys} LIMIT {SAMPLE}",
        where=metric.where,
        limit=SAMPLE,
    )
    return Unexpected(columns=metric.named, query=sample, form=_form(metric))


def _is_decimal(metric: Metric) -> bool:
    return metric.kind.startswith("decimal")


def _figure(value: Any) -> Any:
    """Returns a figure as Great Expectations' engine has it, in which bounds like 0.1 mean the same number."""
    return float(value) if isinstance(value, Decimal) else value


def _least(metric: Metric) -> Answer:
    return Taken(Aggregate(call=f"min({metric.column})", where=metric.where), _figure)


def _most(metric: Metric) -> Answer:
    return Taken(Aggregate(call=f"max({metric.column})", where=metric.where), _figure)


def _mean(metric: Metric) -> Answer | None:
    if metric.kind not in _AVERAGED and not _is_decimal(metric):
        return None
    return Taken(Aggregate(call=f"avg({metric.column})", where=metric.where), _figure)


def _sum(metric: Metric) -> Answer | None:
    if metric.kind in INTEGRAL:
        return Taken(Aggregate(call=f"sum(CAST({metric.column} AS DOUBLE))", where=metric.where))
    if metric.kind in _FRACTIONAL or _is_decimal(metric):
        return Taken(Aggregate(call=f"sum({metric.column})", where=metric.where), _figure)
    return None


def _deviation(metric: Metric) -> Answer | None:
    if metric.kind not in (*INTEGRAL, *_FRACTIONAL) and not _is_decimal(metric):
        return None
    return Taken(Aggregate(call=f"stddev_samp({metric.column})", where=metric.where))


def _percentiles(metric: Metric, points: tuple[float, ...]) -> Aggregate | None:
    if metric.kind not in (*INTEGRAL, *_FRACTIONAL) and not _is_decimal(metric):
        return None
    number = f"nullif(CAST({metric.column} AS DOUBLE), CAST('NaN' AS DOUBLE))"
    listed = ", ".join(f"{point!r}D" for point in points)
    return Aggregate(call=f"percentile_approx({number}, array({listed}), {_EXACT})", where=metric.where)


def _quantiles(metric: Metric) -> Answer | None:
    points = tuple(float(point) for point in metric.values.get("quantiles") or ())
    if not points or metric.values.get("allow_relative_error"):
        return None
    need = _percentiles(metric, points)
    return Taken(need, lambda found: [None] * len(points) if found is None else list(found)) if need else None


def _median(metric: Metric) -> Answer | None:
    need = _percentiles(metric, _MIDDLE)
    return Taken(need, lambda found: math.nan if found is None else (found[0] + found[1]) / 2) if need else None


def _filled_share(metric: Metric) -> Answer:
    call = f"avg(CAST({metric.column} IS NOT NULL AS DOUBLE))"
    return Taken(Aggregate(call=call, where=metric.where), lambda share: share or 0)


def _distinct_count(metric: Metric) -> Answer | None:
    if metric.kind.startswith("map"):
        return None
    return Taken(_groups(metric, f"{metric.column} IS NOT NULL"), lambda rows: rows[0]["keys"])


def _distinct_share(metric: Metric) -> Answer | None:
    if metric.kind.startswith("map"):
        return None
    need = _groups(metric, f"{metric.column} IS NOT NULL")
    return Taken(need, lambda rows: rows[0]["keys"] / rows[0]["held"] if rows[0]["held"] else 0)


def _listed(metric: Metric) -> list[Any] | None:
    """Returns the expected values, where Spark and Python agree on which values are equal."""
    values = list(metric.values.get("value_set") or ())
    integers = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    texts = all(isinstance(value, str) for value in values)
    fits = (integers and metric.kind in INTEGRAL) or (texts and metric.kind == "string")
    return values if values and fits else None


def _others_count(metric: Metric) -> Answer | None:
    values = _listed(metric)
    if values is None:
        return None
    others = f"{metric.column} IS NOT NULL AND NOT ({is_in(metric.column, values)})"
    return Taken(_groups(metric, others), lambda rows: rows[0]["keys"])


def _others(metric: Metric) -> Answer | None:
    values = _listed(metric)
    if values is None:
        return None
    column = escape(metric.column)
    condition = f"{metric.column} IS NOT NULL AND NOT ({is_in(metric.column, values)})"
    sql = f"SELECT {column} FROM {{this}} WHERE {escape(condition)} GROUP BY {column} ORDER BY {column} LIMIT {SAMPLE}"
    return Unexpected(columns=metric.named, query=Query(sql=sql, where=metric.where, limit=SAMPLE))


def _found(metric: Metric, values: list[Any]) -> Query:
    """Returns the query for those of the expected values that occur."""
    column = escape(metric.column)
    sql = f"SELECT {column} AS value FROM {{this}} WHERE {escape(is_in(metric.column, values))} GROUP BY {column}"
    return Query(sql=sql, where=metric.where, limit=len(values), is_small=True)


def _missing(metric: Metric) -> Answer | None:
    values = _listed(metric)
    if values is None:
        return None

    def lacking(rows: list[Mapping[str, Any]]) -> list[Any]:
        found = {row["value"] for row in rows}
        return [value for value in values if value not in found][:SAMPLE]

    return Taken(_found(metric, values), lacking)


def _missing_count(metric: Metric) -> Answer | None:
    values = _listed(metric)
    return None if values is None else Taken(_found(metric, values), lambda rows: len(values) - len(rows))


COLUMN_METRICS: Mapping[str, Callable[[Metric], Answer | None]] = {
    "column.distinct_values.count": _distinct_count,
    "column.distinct_values.missing_from_column": _missing,
    "column.distinct_values.missing_from_column.count": _missing_count,
    "column.distinct_values.not_in_set": _others,
    "column.distinct_values.not_in_set.count": _others_count,
    "column.max": _most,
    "column.mean": _mean,
    "column.median": _median,
    "column.min": _least,
    "column.non_null_proportion": _filled_share,
    "column.quantile_values": _quantiles,
    "column.standard_deviation": _deviation,
    "column.sum": _sum,
    "column.unique_proportion": _distinct_share,
}

# Every metric that the one pass takes over; those of rows stand without their ending (`.unexpected_count` …).
METRICS = frozenset({"table.row_count", "table.columns", "table.column_count", *_UNIQUE, *CONDITIONS, *COLUMN_METRICS})


def name_in_table(name: str) -> str:
    """Returns a metric's name as it stands in `METRICS`."""
    whole, _, what = name.rpartition(".")
    return whole if what in _OF_ROWS else name
