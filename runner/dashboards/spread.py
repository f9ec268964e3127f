"""What histograms and box plots draw of an answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from expectations.plot import bin_edges
from expectations.words import count
from runner.dashboards.answers import Answer
from runner.dashboards.bars import across, down
from runner.dashboards.lines import rule_layers, value_axis
from runner.dashboards.picture import COLORS, LABEL, Drawing, Size, cut, ticks
from runner.dashboards.values import axis_title, exact, number_of, short, with_unit
from runner.errors import ProjectError
from runner.project.dashboards import Chart, Field

_ROW = 54  # px of a box with its gap
_QUANTILES = (("low", 0.05), ("q1", 0.25), ("median", 0.5), ("q3", 0.75), ("high", 0.95))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bin:
    """A bin of a histogram: its edges and how many lie in it."""

    low: float
    high: float
    number: float


def draw_histogram(chart: Chart, answer: Answer) -> Drawing:
    """Returns a histogram: of bins that the query made (`y`, and `step` for their width), or of its rows."""
    x = chart.fields("x")[0]
    places = [number_of(value, x) for value in answer.column(x.name, x.place)]
    bins = _given_bins(chart, answer, places) if chart.fields("y") else _own_bins(places)
    if not bins:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    what = axis_title(chart.fields("y")[0]) if chart.fields("y") else "rows"
    upward = ticks([one.number for one in bins], 4, zero=True)
    along = ticks([bins[0].low, bins[-1].high, *([chart.rule[0]] if chart.rule else [])], 7, zero=False)
    rows = [
        {
            "x": one.low,
            "x2": one.high,
            "y": one.number,
            "l": f"{LABEL}{_span(one, x)}: {count(one.number)} {_of(chart)}",
        }
        for one in bins
    ]
    missing = sum(place is None for place in places)

    def make(size: Size) -> Any:
        import altair as alt

        base = alt.Chart(alt.Data(values=rows)).encode(
            x=across(along, x, size),
            x2="x2:Q",
            y=value_axis(upward),
            y2=alt.datum(0),
            description=alt.Description("l:N"),
        )
        layers = [base.mark_bar(color=COLORS[0], binSpacing=1)]
        if chart.rule:
            layers += rule_layers(chart.rule[0], axis="x", title=cut(chart.rule[1], size.width * 0.6), scale=along)
        return alt.layer(*layers)

    most = max(bins, key=lambda one: one.number)
    total = sum(one.number for one in bins)
    return Drawing(
        make=make,
        sentence=f"Histogram of {axis_title(x)}, {count(total)} {what}, from {short(bins[0].low)} to {short(bins[-1].high)}. "
        f"Most lie at {_span(most, x)}: {count(most.number)}.",
        notes=(f"{missing:,} rows have no number here; the table has them.",) if missing else (),
    )


def _given_bins(chart: Chart, answer: Answer, places: Sequence[float | None]) -> list[_Bin]:
    y = chart.fields("y")[0]
    numbers = [number_of(value, y) for value in answer.column(y.name, y.place)]
    pairs = sorted(
        (place, number)
        for place, number in zip(places, numbers, strict=True)
        if place is not None and number is not None
    )
    if not pairs:
        return []
    step = chart.step
    if step is None:
        gaps = [b[0] - a[0] for a, b in itertools.pairwise(pairs) if b[0] > a[0]]
        if not gaps:
            raise ProjectError(f"{chart.place}: how wide are the bins? Say it: step: 60")
        step = min(gaps)
    return [_Bin(low=place, high=place + step, number=number) for place, number in pairs]


def _own_bins(places: Sequence[float | None]) -> list[_Bin]:
    values = [place for place in places if place is not None]
    if not values:
        return []
    edges = bin_edges(min(values), max(values))
    counts = [0] * (len(edges) - 1)
    width = edges[1] - edges[0]
    for value in values:
        counts[min(max(int((value - edges[0]) / width), 0), len(counts) - 1)] += 1
    return [_Bin(low=edges[row], high=edges[row + 1], number=number) for row, number in enumerate(counts)]


def _of(chart: Chart) -> str:
    return chart.fields("y")[0].title if chart.fields("y") else "rows"


def _span(one: _Bin, x: Field) -> str:
    unit = "%" if x.format == "percent" else x.unit
    return f"{short(one.low)} to {short(one.high)} {unit}".rstrip()


def draw_boxes(chart: Chart, answer: Answer) -> Drawing:
    """Returns box plots: the middle half, the median, whiskers from 5 % to 95 %."""
    x = chart.fields("x")[0]
    boxes = _given_boxes(chart, answer, x) if chart.box else _own_boxes(chart, answer, x)
    if not boxes:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    names = [name for name, _ in boxes]
    scale = ticks([end for _, box in boxes for end in (box["low"], box["high"])], 6, zero=False)
    rows = [{"y": name, **box, "l": f"{LABEL}{_told(name, box, x)}"} for name, box in boxes]
    y = chart.fields("y")[0] if chart.fields("y") else Field(name="", title="")

    def make(size: Size) -> Any:
        import altair as alt

        axis = down(names, y, size)
        base = alt.Chart(alt.Data(values=rows)).encode(y=axis)
        whisker = base.mark_rule(color=COLORS[0], strokeWidth=1.5).encode(
            x=across(scale, x, size, column="low"), x2="high:Q"
        )
        ends = [base.mark_tick(color=COLORS[0], size=12, thickness=1.5).encode(x=f"{end}:Q") for end in ("low", "high")]
        box = base.mark_bar(color=COLORS[0], height=22).encode(
            x=alt.X("q1:Q"), x2="q3:Q", description=alt.Description("l:N")
        )
        median = base.mark_tick(color="var(--card)", size=22, thickness=2.5).encode(x="median:Q")
        layers = [whisker, *ends, box, median]
        if chart.rule:
            layers += rule_layers(chart.rule[0], axis="x", title=cut(chart.rule[1], size.width * 0.6), scale=scale)
        return alt.layer(*layers)

    return Drawing(
        make=make,
        sentence=f"Box plot of {axis_title(x)}. " + " ".join(f"{_told(name, box, x)}." for name, box in boxes[:6]),
        notes=("The box is the middle half, the line in it the median; the thin line goes from 5 % to 95 % of all.",),
        height=len(boxes) * _ROW + 58,
    )


def _given_boxes(chart: Chart, answer: Answer, x: Field) -> list[tuple[str, dict[str, float]]]:
    found = []
    for row, name in enumerate(_names(chart, answer)):
        values = {role: number_of(answer.column(column, chart.place)[row], x) for role, column in chart.box.items()}
        if all(value is not None for value in values.values()):
            found.append((name, {role: value for role, value in values.items() if value is not None}))
    return found


def _own_boxes(chart: Chart, answer: Answer, x: Field) -> list[tuple[str, dict[str, float]]]:
    import numpy as np

    groups: dict[str, list[float]] = {}
    for name, value in zip(_names(chart, answer), answer.column(x.name, x.place), strict=True):
        number = number_of(value, x)
        if number is not None:
            groups.setdefault(name, []).append(number)
    return [
        (name, {role: float(np.quantile(values, share)) for role, share in _QUANTILES})
        for name, values in groups.items()
    ]


def _names(chart: Chart, answer: Answer) -> list[str]:
    if not chart.fields("y"):
        return [""] * answer.rows
    y = chart.fields("y")[0]
    return [exact(value) for value in answer.column(y.name, y.place)]


def _told(name: str, box: dict[str, float], x: Field) -> str:
    unit = Field(name="", title="", unit="%" if x.format == "percent" else x.unit)
    median, q1, q3, low, high = (with_unit(box[role], unit) for role in ("median", "q1", "q3", "low", "high"))
    return (
        f"{name + ': ' if name else ''}median {median}, half of all from {q1} to {q3}, nine of ten from {low} to {high}"
    )
