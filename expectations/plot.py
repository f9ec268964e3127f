"""Distributions for reports, counted by Spark for what was flagged; `expectations.reports.charts` draws them."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expectations.compute import Data
from expectations.definition import Query, escape, quoted
from expectations.result import Baseline, Box, Plot
from expectations.stats.shape import grid_call, quantile
from expectations.words import unit_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.stats.shape import Grid

_BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a table held before, to be laid under what it holds now.

    Attributes:
        label: which version it is, for people.
    """

    frame: DataFrame
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A column's distribution: its quantiles and how many values it has."""

    grid: Grid
    rows: int

    @property
    def ends(self) -> tuple[float, float]:
        return quantile(self.grid, 0.005), quantile(self.grid, 0.995)


def draw(
    data: Data, column: str, where: str, group: str, group_name: str, *, earlier: Earlier | None = None
) -> tuple[Plot | None, int]:
    """Returns the distribution of a column and the Spark actions that it took; None where it has no values.

    The bins span the 0.5 % to 99.5 % quantiles, so that one stray value does not squeeze the rest into one bar; with
    `earlier` those of both distributions.
    """
    found = _found(data, column, where)
    if found is None:
        return None, 1
    before, old, jobs = None, None, 1
    if earlier is not None:
        old = Data(earlier.frame, {})
        with suppress(Exception):  # the column, or one of its condition, may be new
            before = _found(old, column, where)
        jobs += 1
    ends = [found.ends, *([before.ends] if before else [])]
    edges = bin_edges(min(low for low, _ in ends), max(high for _, high in ends))
    counts, part, outside = _counted(data, column, where, group, edges)
    baseline = None
    if earlier is not None and old is not None and before is not None:
        held, _, beyond = _counted(old, column, where, "", edges)
        baseline = Baseline(
            label=earlier.label, rows=before.rows, counts=held, outside=(beyond[0], beyond[1]), box=_box(before.grid)
        )
        jobs += 1
    plot = Plot(
        column=column,
        unit=unit_of(column),
        rows=found.rows,
        edges=edges,
        counts=counts,
        outside=(outside[0], outside[1]),
        box=_box(found.grid),
        group=group_name if group else "",
        group_rows=outside[2] if group else 0,
        group_counts=part if group else (),
        baseline=baseline,
    )
    return plot, jobs + 1


def _found(data: Data, column: str, where: str) -> _Found | None:
    value = _value(column)
    query = Query(
        sql=f"SELECT {escape(grid_call(quoted(column)))} AS grid, count(nullif({value}, CAST('NaN' AS DOUBLE))) AS n "
        "FROM {this}",
        where=where,
    )
    row = data.query(query)[0]
    return _Found(grid=np.array(row["grid"], dtype=float), rows=row["n"]) if row["n"] else None


def _counted(
    data: Data, column: str, where: str, group: str, edges: tuple[float, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, int, int]]:
    """Returns rows per bin, those of the group, and the rows below, above and of the whole group."""
    value, inside = _value(column), escape(group) if group else "FALSE"
    low, width = edges[0], edges[1] - edges[0]
    position = f"CAST(least(greatest(floor(({value} - {low!r}D) / {width!r}D), -1), {len(edges) - 1}) AS INT)"
    query = Query(
        sql=f"SELECT {position} AS bin, count(*) AS n, count_if({inside}) AS m FROM {{this}} "
        f"WHERE {value} IS NOT NULL AND NOT isnan({value}) GROUP BY 1",
        where=where,
    )
    counts, part, outside, grouped = [0] * (len(edges) - 1), [0] * (len(edges) - 1), [0, 0], 0
    for row in data.query(query):
        grouped += row["m"]
        if row["bin"] < 0 or row["bin"] >= len(counts):
            outside[row["bin"] >= 0] += row["n"]
        else:
            counts[row["bin"]], part[row["bin"]] = row["n"], row["m"]
    return tuple(counts), tuple(part), (outside[0], outside[1], grouped)


def _value(column: str) -> str:
    return f"CAST({escape(quoted(column))} AS DOUBLE)"


def _box(grid: Grid) -> Box:
    return Box(
        least=float(grid[0]),
        p05=quantile(grid, 0.05),
        q1=quantile(grid, 0.25),
        median=quantile(grid, 0.5),
        q3=quantile(grid, 0.75),
        p95=quantile(grid, 0.95),
        most=float(grid[-1]),
    )


def bin_edges(low: float, high: float) -> tuple[float, ...]:
    """Returns edges of about 40 equal bins over [low, high], at round numbers."""
    if not high > low:
        width = max(abs(low) * 0.01, 1.0)
        return tuple(low - width / 2 + width * i for i in range(2))
    raw = (high - low) / _BINS
    size = 10.0 ** math.floor(math.log10(raw))
    width = next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= raw)
    start = math.floor(low / width)
    bins = math.floor(high / width) - start + 1
    return tuple((start + i) * width for i in range(bins + 1))
