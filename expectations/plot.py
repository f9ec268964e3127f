"""Distributions for reports: counted by Spark for what was flagged, drawn as SVG that needs no network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a chart, in CSS pixels."""

    width: int
    height: int
    ticks: int


WIDE = Size(width=640, height=200, ticks=7)
NARROW = Size(width=300, height=160, ticks=4)

# Stand-ins that the page's style sheet turns into colours of the light or the dark theme.
_BAR, _GROUP, _TEXT, _LINE = "#3b6ea5", "#c2571a", "#333a41", "#c9ced3"


def axis_title(plot: Plot) -> str:
    """Returns the name of the drawn quantity with its unit."""
    return f"{plot.column} ({plot.unit})" if plot.unit else plot.column


def to_svg(plot: Plot, size: Size) -> str:
    """Returns a histogram over a box plot, on one axis, as SVG text without scripts or references.

    Numbers on the axes are whole and plain: no offset, no exponent.
    """
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_chart(plot, size).to_dict()))


def _chart(plot: Plot, size: Size) -> Any:
    import altair

    scale = altair.Scale(domain=[plot.edges[0], plot.edges[-1]], nice=False, zero=False)
    below = altair.Axis(
        format=",~f", tickCount=size.ticks, labelOverlap=True, labelFlush=True, title=axis_title(plot), grid=False
    )
    no_axis = altair.Axis(labels=False, ticks=False, title=None, domain=False, grid=False)
    rows = [
        {"from": low, "to": high, "rows": n, "zero": 0}
        for low, high, n in zip(plot.edges[:-1], plot.edges[1:], plot.counts, strict=True)
    ]
    layers = [_bars(altair, rows, _BAR, scale, no_axis)]
    if plot.group_counts:
        part = [{**row, "rows": n} for row, n in zip(rows, plot.group_counts, strict=True)]
        layers.append(_bars(altair, part, _GROUP, scale, no_axis))
    histogram = altair.layer(*layers).properties(width=size.width, height=size.height)
    box = _box(altair, plot, scale, below).properties(width=size.width, height=36)
    return (
        altair.vconcat(histogram, box, spacing=4)
        .resolve_scale(x="shared")
        .configure(font="sans-serif", background="transparent", padding=2)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_TEXT,
            titleColor=_TEXT,
            domainColor=_LINE,
            tickColor=_LINE,
            gridColor=_LINE,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=0,
            titleLimit=0,
        )
    )


def _bars(altair: Any, rows: list[dict[str, Any]], colour: str, scale: Any, x_axis: Any) -> Any:
    return (
        altair.Chart(altair.Data(values=rows))
        .mark_bar(color=colour, stroke=None, binSpacing=1)
        .encode(
            x=altair.X("from:Q", scale=scale, axis=x_axis, bin="binned"),
            x2="to",
            y=altair.Y("rows:Q", axis=altair.Axis(format=",~f", tickCount=4, title="rows", gridOpacity=0.6)),
        )
    )


def _box(altair: Any, plot: Plot, scale: Any, x_axis: Any) -> Any:
    low, high = plot.edges[0], plot.edges[-1]
    named = {"p05": plot.box.p05, "q1": plot.box.q1, "median": plot.box.median, "q3": plot.box.q3, "p95": plot.box.p95}
    values = {key: min(max(value, low), high) for key, value in named.items()}
    chart = altair.Chart(altair.Data(values=[values]))
    return altair.layer(
        chart.mark_rule(color=_BAR, strokeWidth=1.5).encode(x=altair.X("p05:Q", scale=scale, axis=x_axis), x2="p95"),
        chart.mark_bar(color=_BAR, height=18).encode(x=altair.X("q1:Q", scale=scale, axis=x_axis), x2="q3"),
        chart.mark_tick(color="#ffffff", thickness=2, size=18).encode(x=altair.X("median:Q", scale=scale, axis=x_axis)),
    )
