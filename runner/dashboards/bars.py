"""What bars, rankings and funnels draw of an answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from runner.dashboards.answers import Answer
from runner.dashboards.lines import place_axis, place_value, rule_layers, value_axis
from runner.dashboards.picture import (
    COLORS,
    LABEL,
    MIDDLE,
    TEXT,
    Drawing,
    Size,
    Swatch,
    Ticks,
    cut,
    letters,
    ticks,
)
from runner.dashboards.rankings import Signal, judge
from runner.dashboards.values import axis_title, exact, kind_of, names_of, number_of, short, with_unit
from runner.errors import ProjectError
from runner.project.dashboards import Chart, Field

_ROW, _ROW_OF_TWO = 27, 36  # px of a horizontal bar with its gap, where its name is of one line, and of two
_HALF_LINE = 7  # px by which a name of two lines begins above the middle of its bar
_AROUND = 58  # px of the axis below and of what stands above


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """One bar: its name, the value that it is named by, its own value as drawn and as given, the number of its group."""

    name: str
    place: Any
    value: float
    given: Any
    group: int


def draw_bars(chart: Chart, answer: Answer) -> Drawing:
    """Returns bars, lying where names stand on y, standing where days or names stand on x."""
    lies = kind_of(answer.column(chart.fields("x")[0].name, chart.fields("x")[0].place)) == "number" and (
        kind_of(answer.column(chart.fields("y")[0].name, chart.fields("y")[0].place)) != "number"
    )
    name, value = (chart.fields("y")[0], chart.fields("x")[0]) if lies else (chart.fields("x")[0], chart.fields("y")[0])
    groups = _groups(chart, answer)
    bars, missing = _bars(answer, name, value, groups)
    if not bars:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    stacked = chart.stack and len(groups) > 1
    names = list(dict.fromkeys(bar.name for bar in bars))
    reach = _sums(bars) if stacked else [bar.value for bar in bars]
    scale = ticks([*reach, *([chart.rule[0]] if chart.rule else [])], 4, zero=True)
    days = not lies and kind_of(answer.columns[name.name]) == "time"
    rows = [_row(bar, value, groups, lies=lies, days=days) for bar in bars]
    beside = 1 if stacked or len(groups) < 2 else len(groups)
    height = len(names) * max(_row_height(names), 15 * beside + 8) + _AROUND if lies else None

    def make(size: Size) -> Any:
        import altair as alt

        color = alt.Color(
            "s:N", scale=alt.Scale(domain=[str(n) for n in range(len(COLORS))], range=list(COLORS)), legend=None
        )
        base = alt.Chart(alt.Data(values=rows)).encode(color=color, description=alt.Description("l:N"))
        if lies:
            encoded = {"x": across(scale, value, size, stack=stacked), "y": down(names, name, size)}
            beside_of = {"yOffset": alt.YOffset("s:N")} if beside > 1 else {}
        else:
            at = place_axis(chart, answer, "time" if days else "text", size)
            encoded = {"x": at, "y": value_axis(scale, stack="zero" if stacked else None)}
            beside_of = {"xOffset": alt.XOffset("s:N")} if beside > 1 else {}
        mark: dict[str, Any] = {"strokeWidth": 0}
        if days:
            mark["size"] = max(1.5, 0.72 * (size.width - 70) / _slots(answer.columns[name.name]))
        layers = [base.mark_bar(**mark).encode(**encoded, **beside_of)]
        if chart.rule:
            layers += rule_layers(
                chart.rule[0], axis="x" if lies else "y", title=cut(chart.rule[1], size.width * 0.6), scale=scale
            )
        return alt.layer(*layers)

    legend = tuple(Swatch(color=number, title=title) for number, title in enumerate(groups, 1))
    return Drawing(
        make=make,
        sentence=f"Bars of {axis_title(value)} by {name.title}. {_ends(bars, value, groups)}",
        legend=legend if len(groups) > 1 else (),
        notes=_missing(missing),
        height=height,
    )


def _groups(chart: Chart, answer: Answer) -> list[str]:
    if not chart.fields("color"):
        return [""]
    color = chart.fields("color")[0]
    found = list(dict.fromkeys(exact(value) for value in answer.column(color.name, color.place)))
    if len(found) > len(COLORS):
        raise ProjectError(
            f"{color.place}: the chart has {len(found)} colours; a reader tells {len(COLORS)} apart. "
            "Keep the greatest in the query, or draw a heatmap."
        )
    return found


def _bars(answer: Answer, name: Field, value: Field, groups: Sequence[str]) -> tuple[list[_Bar], int]:
    places, given = answer.column(name.name, name.place), answer.column(value.name, value.place)
    names = names_of(places)
    numbers = [number_of(one, value) for one in given]
    colors = _colors(answer, groups)
    found = [
        _Bar(name=names[row], place=places[row], value=number, given=given[row], group=colors[row])
        for row, number in enumerate(numbers)
        if number is not None
    ]
    return found, len(numbers) - len(found)


def _colors(answer: Answer, groups: Sequence[str]) -> list[int]:
    if len(groups) < 2:
        return [0] * answer.rows
    texts = next(
        [exact(one) for one in values]
        for values in answer.columns.values()
        if {exact(one) for one in values} == set(groups)
    )
    return [groups.index(text) for text in texts]


def _row(bar: _Bar, value: Field, groups: Sequence[str], *, lies: bool, days: bool) -> dict[str, Any]:
    who = f"{bar.name}, {groups[bar.group]}" if len(groups) > 1 else bar.name
    name = place_value(bar.place, "time") if days else bar.name
    x, y = (bar.value, name) if lies else (name, bar.value)
    return {"x": x, "y": y, "s": str(bar.group), "l": f"{LABEL}{who}: {with_unit(bar.given, value)}"}


def _sums(bars: Sequence[_Bar]) -> list[float]:
    sums: dict[str, float] = {}
    for bar in bars:
        sums[bar.name] = sums.get(bar.name, 0.0) + bar.value
    return list(sums.values())


def _slots(values: Sequence[Any]) -> int:
    days = [value for value in values if isinstance(value, date)]
    return max(1, (max(days) - min(days)).days + 1) if days else 1


def across(scale: Ticks, field: Field, size: Size, *, column: str = "x", stack: bool = False) -> Any:
    """Returns a horizontal axis of numbers, with as many of them as fit.

    Args:
        column: of the rows that are drawn, what stands on it.
    """
    import altair as alt

    shown = list(scale.values)
    room = max(2, int((size.width * 0.55) // (letters([scale.text(one) for one in shown]) + 14)))
    while len(shown) > room and len(shown) > 2:
        shown = shown[::2]
    axis = alt.Axis(title=axis_title(field), values=shown, format=scale.format, domain=False, ticks=False)
    domain = alt.Scale(domain=scale.domain, nice=False, zero=False)
    return alt.X(f"{column}:Q", scale=domain, axis=axis, stack="zero" if stack else None)


def down(names: Sequence[str], field: Field, size: Size) -> Any:
    """Returns a vertical axis of names in their order; long ones stand on two lines, each cut to what fits."""
    import altair as alt

    most = size.width * (0.38 if size.width < 500 else 0.3)
    lines = {name: broken for name in names if letters([name]) > most and len(broken := two_lines(name)) > 1}
    limit = min(max(letters(lines.get(name, [name])) for name in names) + 4, most)
    room = limit * 1.1 + 6  # the reader's letters may be wider than those that this was laid out with
    axis = alt.Axis(title=None, labelLimit=limit, minExtent=room, domain=False, ticks=False, labelPadding=6)
    if lines:
        found = f"({json.dumps(lines)})[datum.label]"
        axis["labelExpr"] = f"{found} || datum.label"
        axis["labelOffset"] = {"condition": {"test": f"isArray({found})", "value": -_HALF_LINE}, "value": 0}
    return alt.Y("y:N", sort=list(names), axis=axis)


def two_lines(name: str) -> list[str]:
    """Returns a long name in two lines: broken after its "+" where it is a pair, else at the space nearest its middle."""
    spaces = [place for place, letter in enumerate(name) if letter == " "]
    if not spaces:
        return [name]
    pair = name.find(" + ")
    place = pair + 2 if pair > 0 else min(spaces, key=lambda one: abs(one - len(name) / 2))
    return [name[:place], name[place + 1 :]]


def _row_height(names: Sequence[str]) -> int:
    """Returns the height of a horizontal bar with its gap, in px: higher where names may stand on two lines."""
    return _ROW_OF_TWO if letters(names) > MIDDLE.width * 0.38 else _ROW


def _ends(bars: Sequence[_Bar], value: Field, groups: Sequence[str]) -> str:
    def said(bar: _Bar) -> str:
        who = f"{bar.name}, {groups[bar.group]}" if len(groups) > 1 else bar.name
        return f"{who} ({with_unit(bar.given, value)})"

    if len(bars) == 1:
        return f"{said(bars[0])}."
    most, least = max(bars, key=lambda bar: bar.value), min(bars, key=lambda bar: bar.value)
    if most.value == least.value:
        return f"All {len(bars)} are the same: {with_unit(most.given, value)}."
    return f"Most: {said(most)}; least: {said(least)}."


def _missing(number: int) -> tuple[str, ...]:
    return (f"{number:,} rows have no number here; the table has them.",) if number else ()


def draw_ranking(chart: Chart, answer: Answer) -> Drawing:
    """Returns a ranking of the greatest with what tells it from chance: bars, or where chance explains it points.

    Where values are judged one by one, those beyond chance come first and have places; the others are outlined.
    """
    name, value = chart.fields("y")[0], chart.fields("x")[0]
    bars, missing = _bars(answer, name, value, [""])
    if not bars:
        return Drawing(make=None, sentence="There is nothing to rank: the query gave no number.")
    signal, order = _judged(chart, answer, value, name)
    scale_up = 100.0 if value.format == "percent" else 1.0
    shown = order[: chart.limit]
    alike = signal.together >= len(shown) > 1  # what differs is not among those that are shown
    points = signal.has_order is False or alike
    placed = 0 if points else sum(signal.beyond[row] for row in shown) if signal.beyond else len(shown)
    names = _apart([bars[row].name for row in shown], placed=placed)
    ends = [end * scale_up for row in shown for end in (signal.low[row], signal.high[row]) if end is not None]
    middle = None if signal.middle is None or signal.has_order is not False else signal.middle * scale_up
    scale = ticks(
        [*(bars[row].value for row in shown), *ends, *([middle] if middle is not None else [])], 5, zero=not points
    )
    rows = [
        {
            "x": bars[row].value,
            "y": names[place],
            "low": None if (low := signal.low[row]) is None else low * scale_up,
            "high": None if (high := signal.high[row]) is None else high * scale_up,
            "sure": place < placed,
            "l": f"{LABEL}{names[place]}: {with_unit(bars[row].given, value)}{_between(low, high, value)}",
        }
        for place, row in enumerate(shown)
    ]

    def make(size: Size) -> Any:
        import altair as alt

        base = alt.Chart(alt.Data(values=rows)).encode(y=down(names, name, size))
        x = across(scale, value, size)
        if points:
            marks = [base.mark_point(filled=True, size=70, opacity=1, color=COLORS[0])]
        else:
            sure, unsure = base.transform_filter("datum.sure"), base.transform_filter("!datum.sure")
            marks = [sure.mark_bar(color=COLORS[0], height={"band": 0.66})] if placed else []
            if placed < len(rows):
                marks.append(unsure.mark_bar(filled=False, color=COLORS[0], strokeWidth=1.2, height={"band": 0.6}))
        layers = [mark.encode(x=x, description=alt.Description("l:N")) for mark in marks]
        if ends:
            rule = base.transform_filter("isValid(datum.low)").mark_rule(
                color=COLORS[0] if points else TEXT, strokeWidth=1.6
            )
            layers.append(rule.encode(x=alt.X("low:Q"), x2="high:Q"))
        if middle is not None:
            words = f"by chance {short(middle)}{' %' if value.format == 'percent' else ''}"
            layers += rule_layers(middle, axis="x", title=words, scale=scale)
        elif chart.rule:
            layers += rule_layers(chart.rule[0], axis="x", title=chart.rule[1], scale=scale)
        return alt.layer(*layers)

    words = f"{signal.words} Read no order into those that are shown." if alike else signal.words
    first = f"Of {len(bars):,}, the {'first' if signal.beyond else 'greatest'}: " + "; ".join(
        f"{bars[row].name} ({with_unit(bars[row].given, value)})" for row in shown[:3]
    )
    notes = _missing(missing)
    if ends:
        by_chance = " Of many, some miss the dashed line by chance." if middle is not None else ""
        notes = (f"Thin lines are 95 % intervals, each for itself.{by_chance}", *notes)
    if placed < len(shown) and not points:
        notes = ("Outlined bars are not beyond chance, and have no place.", *notes)
    if scale.values[0] > 0:
        notes = (f"The axis begins at {scale.text(scale.values[0])}, not at 0.", *notes)
    return Drawing(
        make=make,
        sentence=f"{'Values with intervals' if points else 'Ranking'} of {axis_title(value)} by {name.title}. {first}. {words}".strip(),
        notes=notes if points or not words else (words, *notes),
        notice=words if points else "",
        height=len(shown) * _row_height(names) + _AROUND,
    )


def _judged(chart: Chart, answer: Answer, value: Field, name: Field) -> tuple[Signal, list[int]]:
    assert chart.noise is not None
    given = answer.columns[value.name]
    plain = Field(name=value.name, title=value.title)
    known = [row for row, one in enumerate(given) if number_of(one, plain) is not None]
    values = [number_of(given[row], plain) or 0.0 for row in known]
    columns: dict[str, list[float]] = {}
    for role, column in chart.noise.columns.items():
        found = answer.column(column, chart.place)
        columns[role] = [_certain(found[row], column, chart.place) for row in known]
    signal = judge(values, chart.noise, columns, of=_plural(name.title))
    return signal, sorted(
        range(len(values)), key=lambda row: (not signal.beyond[row] if signal.beyond else False, -values[row])
    )


def _certain(value: Any, column: str, place: str) -> float:
    found = number_of(value, Field(name=column, title=column))
    if found is None:
        raise ProjectError(f'{place}: "{column}", which the noise is told by, has no number in each row.')
    return found


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _apart(names: Sequence[str], *, placed: int) -> list[str]:
    """Returns names that differ from each other; the first of them with their places, where these mean something."""
    seen: dict[str, int] = {}
    found = [f"{place}. {name}" for place, name in enumerate(names[:placed], 1)]
    for name in names[placed:]:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _between(low: float | None, high: float | None, value: Field) -> str:
    if low is None or high is None:
        return ""
    return f", 95 % between {with_unit(float(low), value)} and {with_unit(float(high), value)}"


def draw_funnel(chart: Chart, answer: Answer) -> Drawing:
    """Returns the stages of a funnel in the query's order, each with its share of the stage before and of the first."""
    name, value = chart.fields("y")[0], chart.fields("x")[0]
    bars, missing = _bars(answer, name, value, [""])
    if not bars:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    texts = [_step(bars, row, value) for row in range(len(bars))]
    most = max(bar.value for bar in bars) or 1.0
    rows = [
        {"x": bar.value, "most": most, "y": str(row), "t": texts[row], "l": f"{LABEL}{texts[row]}"}
        for row, bar in enumerate(bars)
    ]
    rising = [bar.name for before, bar in itertools.pairwise(bars) if bar.value > before.value]

    def make(size: Size) -> Any:
        import altair as alt

        bare = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
        base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("y:N", sort=None, axis=bare))
        x = alt.X("x:Q", axis=bare, scale=alt.Scale(domain=[0, most], nice=False))
        track = base.mark_bar(color="var(--code)", height=14, yOffset=10).encode(x=alt.X("most:Q", axis=bare))
        bar = base.mark_bar(color=COLORS[0], height=14, yOffset=10).encode(x=x, description=alt.Description("l:N"))
        text = base.mark_text(align="left", color=TEXT, dy=-8).encode(x=alt.value(0), text="t:N")
        return alt.layer(track, bar, text)

    notes = _missing(missing)
    if rising:
        notes = (
            f"{', '.join(rising)} has more than the stage before: these stages are no funnel of one thing.",
            *notes,
        )
    return Drawing(
        make=make,
        sentence=f"Funnel of {axis_title(value)}. " + "; ".join(texts) + ".",
        notes=notes,
        height=len(bars) * 50 + 8,
    )


def _step(bars: Sequence[_Bar], row: int, value: Field) -> str:
    bar = bars[row]
    text = f"{bar.name}: {with_unit(bar.given, value)}"
    if row and bars[row - 1].value:
        text += f", {short(bar.value / bars[row - 1].value * 100)} % of {bars[row - 1].name}"
    return text
