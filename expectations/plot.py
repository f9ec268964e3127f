"""Distributions for reports: counted by Spark for what was flagged, drawn as SVG that needs no network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from expectations.definition import Query, escape, quoted
from expectations.result import Box, Plot
from expectations.shape import grid_call, quantile
from expectations.words import unit_of

if TYPE_CHECKING:
    from expectations.compute import Data

_BINS = 40


def draw(data: Data, column: str, where: str, group: str, group_name: str) -> tuple[Plot | None, int]:
    """Returns the distribution of a column and the Spark actions that it took; None where it has no values.

    The bins span the 0.5 % to 99.5 % quantiles, so that one stray value does not squeeze the rest into one bar.
    """
    value = f"CAST({escape(quoted(column))} AS DOUBLE)"
    first = Query(
        sql=f"SELECT {escape(grid_call(quoted(column)))} AS grid, count(nullif({value}, CAST('NaN' AS DOUBLE))) AS n "
        "FROM {this}",
        where=where,
    )
    found = data.query(first)[0]
    if not found["n"]:
        return None, 1
    grid = np.array(found["grid"], dtype=float)
    edges = bin_edges(quantile(grid, 0.005), quantile(grid, 0.995))
    low, width = edges[0], edges[1] - edges[0]
    inside = escape(group) if group else "FALSE"
    position = f"CAST(least(greatest(floor(({value} - {low!r}D) / {width!r}D), -1), {len(edges) - 1}) AS INT)"
    second = Query(
        sql=f"SELECT {position} AS bin, count(*) AS n, count_if({inside}) AS m FROM {{this}} "
        f"WHERE {value} IS NOT NULL AND NOT isnan({value}) GROUP BY 1",
        where=where,
    )
    counts, part, outside = [0] * (len(edges) - 1), [0] * (len(edges) - 1), [0, 0]
    group_rows = 0
    for row in data.query(second):
        group_rows += row["m"]
        if row["bin"] < 0 or row["bin"] >= len(counts):
            outside[row["bin"] >= 0] += row["n"]
        else:
            counts[row["bin"]], part[row["bin"]] = row["n"], row["m"]
    box = Box(
        least=float(grid[0]),
        p05=quantile(grid, 0.05),
        q1=quantile(grid, 0.25),
        median=quantile(grid, 0.5),
        q3=quantile(grid, 0.75),
        p95=quantile(grid, 0.95),
        most=float(grid[-1]),
    )
    plot = Plot(
        column=column,
        unit=unit_of(column),
        rows=found["n"],
        edges=edges,
        counts=tuple(counts),
        outside=(outside[0], outside[1]),
        box=box,
        group=group_name if group else "",
        group_rows=group_rows if group else 0,
        group_counts=tuple(part) if group else (),
    )
    return plot, 2


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
