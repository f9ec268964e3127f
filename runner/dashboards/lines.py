"""What lines, areas and points draw of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from runner.dashboards.answers import Answer
from runner.dashboards.picture import (
    COLORS,
    LABEL,
    TEXT,
    Drawing,
    Size,
    Swatch,
    Ticks,
    cut,
    day_ticks,
    day_values,
    moment,
    ticks,
)
from runner.dashboards.values import Kind, axis_title, exact, kind_of, number_of, with_unit
from runner.errors import ProjectError
from runner.project.dashboards import Chart, Field

_MOST_SERIES = len(COLORS)
_SEEN = 31  # points a series up to which each is drawn, not its line alone
_TOUCHED = 1_500  # points in all up to which each has its words
_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [1, 0], [7, 3], [2, 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values that are drawn as one.

    Attributes:
        places: where each stands on the horizontal axis, as the query gave it.
        values: each as it is drawn; None where there is none.
        field: the column, which says their unit.
    """

    title: str
    places: Sequence[Any]
    values: Sequence[float | None]
    given: Sequence[Any]
    field: Field


def series_of(chart: Chart, answer: Answer) -> list[Series]:
    """Returns the series of a chart: one for each column on y, or one for each value of `color`.

    Raises:
        ProjectError: a column is not there, or there are more series than can be told apart.
    """
    x = chart.fields("x")[0]
    places = answer.column(x.name, x.place)
    found: list[Series] = []
    for y in chart.fields("y"):
        column = answer.column(y.name, y.place)
        values = [number_of(value, y) for value in column]
        if not chart.fields("color"):
            found.append(Series(title=y.title, places=places, values=values, given=column, field=y))
            continue
        color = chart.fields("color")[0]
        groups = [exact(value) for value in answer.column(color.name, color.place)]
        for name in dict.fromkeys(groups):
            rows = [row for row, group in enumerate(groups) if group == name]
            found.append(
                Series(
                    title=name,
                    places=[places[row] for row in rows],
                    values=[values[row] for row in rows],
                    given=[column[row] for row in rows],
                    field=y,
                )
            )
    if len(found) > _MOST_SERIES:
        raise ProjectError(
            f"{chart.place}: the chart has {len(found)} series; a reader tells {_MOST_SERIES} apart. "
            "Keep the greatest in the query, or draw a heatmap."
        )
    return found


def draw_lines(chart: Chart, answer: Answer) -> Drawing:
    """Returns a line, area or point chart."""
    series = series_of(chart, answer)
    x, y = chart.fields("x")[0], chart.fields("y")[0]
    kind = kind_of(answer.column(x.name, x.place))
    drawn = [value for one in series for value in one.values if value is not None]
    missing = sum(value is None for one in series for value in one.values)
    if not drawn:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    heights = _stacked(series) if chart.mark == "area" else drawn
    scale = ticks([*heights, *([chart.rule[0]] if chart.rule else [])], 4, zero=chart.mark == "area")
    rows = [_row(one, number, row, kind) for number, one in enumerate(series) for row in range(len(one.places))]
    notes = [f"The vertical axis begins at {scale.text(scale.values[0])}, not at 0."] if scale.values[0] > 0 else []
    if missing:
        notes.append(
            f"{missing:,} of {missing + len(drawn):,} values are missing; the table has a {exact(None)} there."
        )

    def make(size: Size) -> Any:
        import altair as alt

        base = alt.Chart(alt.Data(values=rows)).encode(
            x=place_axis(chart, answer, kind, size),
            y=value_axis(scale, stack="zero" if chart.mark == "area" else None),
            color=alt.Color("s:N", scale=alt.Scale(domain=_numbers(series), range=list(COLORS)), legend=None),
        )
        layers: list[Any] = []
        few = max(len(one.places) for one in series) <= _SEEN
        if chart.mark == "line":
            dash = alt.StrokeDash("s:N", scale=alt.Scale(domain=_numbers(series), range=list(_DASHES)), legend=None)
            layers.append(base.mark_line(strokeWidth=2, strokeJoin="round", clip=False).encode(strokeDash=dash))
        elif chart.mark == "area":
            layers.append(base.mark_area(fillOpacity=0.55, line={"strokeWidth": 1.5}))
        if len(drawn) <= _TOUCHED or chart.mark == "point":
            opacity = 0.75 if chart.mark == "point" else 1 if few else 0
            points = base.transform_filter("isValid(datum.y)").mark_point(
                filled=True, opacity=opacity, size=45 if opacity else 120, strokeWidth=0
            )
            layers.append(points.encode(description=alt.Description("l:N"), **_on_top(chart)))
        if chart.rule:
            layers += rule_layers(chart.rule[0], axis="y", title=cut(chart.rule[1], size.width * 0.6), scale=scale)
        return alt.layer(*layers)

    legend = tuple(
        Swatch(color=number, title=one.title, dashed=chart.mark == "line" and number > 1)
        for number, one in enumerate(series, 1)
    )
    return Drawing(
        make=make,
        sentence=f"{_SHAPES[chart.mark]} of {axis_title(y) if len(series) == 1 else 'several series'} by {x.title}. "
        + " ".join(_told(one) for one in series[:4]),
        legend=legend if len(series) > 1 else (),
        notes=tuple(notes),
    )


_SHAPES = {"line": "Line", "area": "Areas", "point": "Points"}


def place_axis(chart: Chart, answer: Answer, kind: Kind, size: Size) -> Any:
    """Returns the horizontal axis of days, numbers or names."""
    import altair as alt

    x = chart.fields("x")[0]
    values = [value for value in answer.column(x.name, x.place) if value is not None]
    if kind == "text":
        angle = 0 if sum(len(exact(one)) + 2 for one in set(values)) * 6.9 < size.width - 60 else -40
        axis = alt.Axis(title=axis_title(x), labelAngle=angle, labelLimit=110, labelOverlap=False, grid=False)
        return alt.X("x:N", sort=None, axis=axis)
    if kind == "number":
        numbers = [found for value in values if (found := number_of(value, x)) is not None]
        scale = ticks(numbers, size.ticks, zero=False)
        axis = alt.Axis(title=axis_title(x), values=list(scale.values), format=scale.format, grid=False)
        return alt.X("x:Q", axis=axis, scale=alt.Scale(domain=scale.domain, nice=False, zero=False))
    days = [value.date() if isinstance(value, datetime) else value for value in values]
    first, last = min(days), max(days)
    if first == last and any(isinstance(value, datetime) for value in values):
        axis = alt.Axis(title=f"{x.title}, {first}, UTC", format="%H:%M", tickCount=size.ticks, grid=False)
    else:
        shown, form = day_ticks(first, last, size.ticks)
        axis = alt.Axis(
            title=_of_years(x, first, last, form), values=day_values(shown), format=form, grid=False, labelOverlap=True
        )
    return alt.X("x:T", scale=alt.Scale(type="utc", nice=False), axis=axis)


def _of_years(x: Field, first: date, last: date, form: str) -> str:
    """Returns the axis's words, with the years where its days have none."""
    years = f"{first.year}" if first.year == last.year else f"{first.year} to {last.year}"
    return f"{x.title}, {years}" if "%Y" not in form else x.title


def value_axis(scale: Ticks, *, stack: Any = None) -> Any:
    """Returns the vertical axis of numbers; its words stand above the chart."""
    import altair as alt

    return alt.Y(
        "y:Q",
        stack=stack,
        scale=alt.Scale(domain=scale.domain, nice=False, zero=False),
        axis=alt.Axis(title=None, values=list(scale.values), format=scale.format, domain=False, ticks=False),
    )


def rule_layers(value: float, *, axis: str, title: str, scale: Ticks) -> list[Any]:
    """Returns a dashed line at a value, with its words; on a horizontal axis, these go where there is more room."""
    import altair as alt

    ends = scale.domain
    side = "right" if axis == "x" and value > (ends[0] + ends[1]) / 2 else "left"
    base = alt.Chart(alt.Data(values=[{"r": value}]))
    line: dict[str, Any] = {axis: alt.datum(value)}
    at = {"x": alt.value(4)} if axis == "y" else {"y": alt.value(0)}
    text = base.mark_text(align=side, dy=-3, baseline="bottom", color=TEXT)
    return [
        base.mark_rule(strokeDash=[4, 3], color=TEXT, strokeWidth=1.2).encode(**line),
        text.encode(text=alt.value(title), **line, **at),
    ]


def place_value(value: Any, kind: Kind) -> Any:
    """Returns a place on the horizontal axis as Vega reads it."""
    if value is None:
        return None
    if kind == "time":
        return moment(value)
    return number_of(value, Field(name="", title="")) if kind == "number" else exact(value)


def _row(series: Series, number: int, row: int, kind: Kind) -> dict[str, Any]:
    place, value = series.places[row], series.values[row]
    label = f"{exact(place)}, {series.title}: {with_unit(series.given[row], series.field)}"
    return {"x": place_value(place, kind), "y": value, "s": str(number), "l": LABEL + label}


def _numbers(series: Sequence[Series]) -> list[str]:
    return [str(number) for number in range(len(series))]


def _on_top(chart: Chart) -> dict[str, Any]:
    """Returns how points of areas stand: upon each other, as the areas do."""
    import altair as alt

    return {"order": alt.Order("s:N")} if chart.mark == "area" else {}


def _stacked(series: Sequence[Series]) -> list[float]:
    sums: dict[Any, float] = {}
    for one in series:
        for place, value in zip(one.places, one.values, strict=True):
            sums[place] = sums.get(place, 0.0) + (value or 0.0)
    return list(sums.values())


def _told(series: Series) -> str:
    known = [row for row, value in enumerate(series.values) if value is not None]
    if not known:
        return f"{series.title} has no values."

    def said(row: int) -> str:
        return with_unit(series.given[row], series.field)

    least = min(known, key=lambda row: series.values[row] or 0.0)
    most = max(known, key=lambda row: series.values[row] or 0.0)
    if len(known) == 1:
        return f"{series.title}: {said(known[0])} at {exact(series.places[known[0]])}."
    return (
        f"{series.title}: {said(known[0])} at first ({exact(series.places[known[0]])}), {said(known[-1])} at last "
        f"({exact(series.places[known[-1]])}), least {said(least)} ({exact(series.places[least])}), most {said(most)} "
        f"({exact(series.places[most])})."
    )
