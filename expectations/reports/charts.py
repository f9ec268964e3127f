"""Charts as SVG text: no script, no reference, colours from the page's style sheet, plain numbers with units on the axes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from expectations.reports.band import Band
from expectations.reports.values import Observation
from expectations.result import Box, Plot
from expectations.words import count, figure

_LETTER = 6.7  # mean width of a digit at 12 px, in px


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a chart's plotting area, in CSS pixels.

    Attributes:
        ticks: about how many numbers stand on the horizontal axis.
    """

    width: int
    height: int
    ticks: int


WIDE = Size(width=660, height=190, ticks=7)
NARROW = Size(width=320, height=150, ticks=4)


def axis_title(plot: Plot) -> str:
    """Returns the name of the drawn quantity with its unit."""
    return f"{plot.column} ({plot.unit})" if plot.unit else plot.column


def distribution(plot: Plot, size: Size) -> str:
    """Returns a histogram over a box plot, on one axis; with what the column held before where the plot has that.

    Without a baseline bars count rows; with one they are shares of all rows, so that both can be laid over each other.
    """
    baseline = plot.baseline
    total = max(plot.rows, 1)
    share = baseline is not None
    bars = [n * 100 / total if share else float(n) for n in plot.counts]
    part = [n * 100 / total if share else float(n) for n in plot.group_counts]
    before = [n * 100 / max(baseline.rows, 1) for n in baseline.counts] if baseline else []
    ticks = ticks_of(0.0, max([*bars, *before, 0.0]) or 1.0, 4)
    left = max(_width_of(ticks), 62.0 if baseline else 34.0) + 8
    boxes = 34 if baseline is None else 58
    frame = _Frame(
        left=left,
        top=26.0,
        width=size.width - left - 8,
        height=float(size.height),
        low=plot.edges[0],
        high=plot.edges[-1],
        top_value=ticks[-1],
    )
    parts = [_text(0, 11, "share of rows (%)" if share else "rows", "title"), *_rows_axis(frame, ticks)]
    parts += [
        _bar(frame, low, high, n, "bar") for low, high, n in zip(plot.edges, plot.edges[1:], bars, strict=False) if n
    ]
    parts += [
        _bar(frame, low, high, n, "group") for low, high, n in zip(plot.edges, plot.edges[1:], part, strict=False) if n
    ]
    if before:
        parts.append(f'<path class="before" d="{_steps(frame, plot.edges, before)}"/>')
    bottom = frame.top + frame.height
    parts += _box(frame, plot.box, bottom + 20, "bar", "now" if baseline else "")
    if baseline is not None:
        parts += _box(frame, baseline.box, bottom + 44, "last", "before")
    parts += _axis(frame, bottom + boxes, size.ticks, axis_title(plot))
    return _svg(size.width, bottom + boxes + 40, parts)


def trend(points: Sequence[Observation], size: Size, name: str, usual: Sequence[Band | None] = ()) -> str:
    """Returns what a check measured run by run, the newest last; the shape of a point says how it was judged.

    Args:
        usual: for each point what was usual then, drawn as a band behind them.
    """
    values = [point.value for point in points]
    sides = [side for band in usual if band for side in (band.low, band.high) if side is not None]
    low, high = min([*values, *sides]), max([*values, *sides])
    if low >= 0 and low <= high / 2:
        low = 0.0
    ticks = ticks_of(low, high if high > low else low + (abs(low) or 1.0), 4)
    left = _width_of(ticks) + 8
    frame = _Frame(
        left=left, top=26.0, width=size.width - left - 14, height=float(size.height) * 0.6, low=0, high=max(len(points) - 1, 1),
        bottom_value=ticks[0], top_value=ticks[-1],
    )  # fmt: skip
    parts = [_text(0, 11, name, "title"), *_rows_axis(frame, ticks)]
    places = [(frame.x(index), frame.y(value)) for index, value in enumerate(values)]
    parts += _bands(frame, usual)
    parts.append(f'<path class="line" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>')
    parts += [_point(x, y, point.status) for (x, y), point in zip(places, points, strict=True)]
    x, y = places[-1]
    parts.append(f'<circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="8.5"/>')
    said = f"now {count(values[-1]) if values[-1].is_integer() else figure(values[-1])}"
    above = y - 13 if y - 13 > frame.top + 8 else y + 22
    parts.append(_text(frame.left + frame.width + 12, above, said, "value", anchor="end"))
    bottom = frame.top + frame.height
    parts.append(_text(frame.left, bottom + 18, f"{points[0].at:%Y-%m-%d %H:%M}", "tick"))
    if len(points) > 1:
        parts.append(
            _text(frame.left + frame.width, bottom + 18, f"{points[-1].at:%Y-%m-%d %H:%M}", "tick", anchor="end")
        )
    parts.append(
        _text(frame.left + frame.width / 2, bottom + 36, f"{count(len(points))} runs, UTC", "title", anchor="middle")
    )
    return _svg(size.width, bottom + 44, parts)


def _bands(frame: _Frame, usual: Sequence[Band | None]) -> list[str]:
    """Returns the area from what to what was usual, broken where that was not known; a side that is open is the frame's."""
    runs: list[list[tuple[float, Band]]] = []
    for index, band in enumerate(usual):
        if band is None:
            continue
        if not index or usual[index - 1] is None:
            runs.append([])
        runs[-1].append((frame.x(index), band))
    half = frame.width / max(2 * (len(usual) - 1), 1)
    parts = []
    for run in runs:
        if len(run) == 1:  # one run alone has no width of its own
            (x, band) = run[0]
            run = [(max(x - half, frame.left), band), (min(x + half, frame.left + frame.width), band)]
        tops = [(x, frame.y(frame.top_value if band.high is None else band.high)) for x, band in run]
        bottoms = [(x, frame.y(frame.bottom_value if band.low is None else band.low)) for x, band in reversed(run)]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in [*tops, *bottoms])
        parts.append(f'<path class="usual" d="M{path}Z"/>')
    return parts


def ticks_of(low: float, high: float, number: int) -> list[float]:
    """Returns round numbers that cover [low, high] at equal steps of 1, 2, 2.5 or 5 times a power of ten."""
    step = _step(low, high, number)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def plain_number(value: float, step: float) -> str:
    """Returns a number as an axis with that step shows it: every digit, no exponent, no offset."""
    digits = max(0, min(9, next((d for d in range(10) if abs(round(step, d) - step) <= step * 1e-6), 9)))
    return f"{0.0 if abs(value) < step * 1e-6 else value:,.{digits}f}"


def _step(low: float, high: float, number: int) -> float:
    raw = (high - low) / max(number, 1)
    size = 10.0 ** math.floor(math.log10(raw))
    return next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw * (1 - 1e-9))


def _width_of(ticks: Sequence[float]) -> float:
    step = ticks[1] - ticks[0]
    return max(len(plain_number(tick, step)) for tick in ticks) * _LETTER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """The plotting area, and the values at its edges."""

    left: float
    top: float
    width: float
    height: float
    low: float
    high: float
    top_value: float
    bottom_value: float = 0.0

    def x(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return self.left + share * self.width

    def y(self, value: float) -> float:
        share = (value - self.bottom_value) / ((self.top_value - self.bottom_value) or 1.0)
        return self.top + self.height * (1 - share)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    inner = "".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" focusable="false">{inner}</svg>'


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _rows_axis(frame: _Frame, ticks: Sequence[float]) -> list[str]:
    step = ticks[1] - ticks[0]
    parts = []
    for tick in ticks:
        y = frame.y(tick)
        parts.append(f'<path class="grid" d="M{frame.left:.1f} {y:.1f}H{frame.left + frame.width:.1f}"/>')
        parts.append(_text(frame.left - 6, y + 4, plain_number(tick, step), "tick", anchor="end"))
    return parts


def _axis(frame: _Frame, y: float, number: int, title: str) -> list[str]:
    step = _step(frame.low, frame.high, number) if frame.high > frame.low else 1.0
    first = math.ceil(frame.low / step - 1e-9)
    ticks = [index * step for index in range(first, math.floor(frame.high / step + 1e-9) + 1)]
    right = frame.left + frame.width
    parts = [f'<path class="axis" d="M{frame.left:.1f} {y:.1f}H{right:.1f}"/>']
    free = -math.inf
    for tick in ticks:
        label = plain_number(tick, step)
        half = len(label) * _LETTER / 2
        x = frame.x(tick)
        parts.append(f'<path class="axis" d="M{x:.1f} {y:.1f}v5"/>')
        middle = min(max(x, half), right + 8 - half)
        if middle - half > free:
            parts.append(_text(middle, y + 18, label, "tick", anchor="middle"))
            free = middle + half + 6
    parts.append(_text(frame.left + frame.width / 2, y + 36, title, "title", anchor="middle"))
    return parts


def _bar(frame: _Frame, low: float, high: float, value: float, kind: str) -> str:
    left, right, top = frame.x(low) + 0.5, frame.x(high) - 0.5, frame.y(value)
    height = max(frame.top + frame.height - top, 1.0)
    return f'<rect class="{kind}" x="{left:.1f}" y="{frame.top + frame.height - height:.1f}" width="{max(right - left, 1):.1f}" height="{height:.1f}"/>'


def _steps(frame: _Frame, edges: Sequence[float], values: Sequence[float]) -> str:
    path = [f"M{frame.x(edges[0]):.1f} {frame.y(0):.1f}"]
    for low, high, value in zip(edges, edges[1:], values, strict=False):
        path.append(f"L{frame.x(low):.1f} {frame.y(value):.1f}L{frame.x(high):.1f} {frame.y(value):.1f}")
    return "".join([*path, f"L{frame.x(edges[len(values)]):.1f} {frame.y(0):.1f}"])


def _box(frame: _Frame, box: Box, y: float, kind: str, label: str) -> list[str]:
    p05, q1, median, q3, p95 = (frame.x(value) for value in (box.p05, box.q1, box.median, box.q3, box.p95))
    width = max(q3 - q1, 2.0)
    parts = [_text(frame.left - 6, y + 4, label, "tick", anchor="end")] if label else []
    return [
        *parts,
        f'<path class="whisker {kind}" d="M{p05:.1f} {y:.1f}H{p95:.1f}M{p05:.1f} {y - 4:.1f}v8M{p95:.1f} {y - 4:.1f}v8"/>',
        f'<rect class="box {kind}" x="{q1:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="16" rx="1.5"/>',
        f'<path class="median" d="M{median:.1f} {y - 8:.1f}v16"/>',
    ]


def _point(x: float, y: float, status: str) -> str:
    shapes = {
        "pass": f'<circle class="at pass" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>',
        "warn": f'<path class="at warn" d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>',
        "fail": f'<path class="at fail" d="M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z"/>',
    }
    return shapes[status]
