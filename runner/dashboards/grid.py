"""What heat maps draw of an answer: a grid of cells, such as cohorts by month."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import Any

from runner.dashboards.answers import Answer
from runner.dashboards.picture import LABEL, Drawing, Size, Swatch, letters, ticks
from runner.dashboards.values import alike, axis_title, kind_of, names_of, number_of, short, with_unit
from runner.project.dashboards import Chart

_CLASSES = 6
_DARK_TEXT = 3  # classes up to which dark words are legible on light ones, and light ones in the dark scheme


def draw_grid(chart: Chart, answer: Answer) -> Drawing:
    """Returns a heat map: cells by two columns, coloured in up to six equal steps, their numbers in them where they fit."""
    x, y, color = (chart.fields(name)[0] for name in ("x", "y", "color"))
    across, down = answer.column(x.name, x.place), answer.column(y.name, y.place)
    given = answer.column(color.name, color.place)
    values = [number_of(value, color) for value in given]
    known = [value for value in values if value is not None]
    if not known:
        return Drawing(make=None, sentence="There is nothing to draw: the query gave no number.")
    columns, rows = _names(across), _names(down)
    edges = _edges(known)
    classes = [None if value is None else _class(value, edges) for value in values]
    texts = dict(zip(known, alike(known), strict=True))
    cells = [
        {
            "x": columns[across[row]],
            "y": rows[down[row]],
            "k": str(classes[row]),
            "t": texts[value],
            "dark": (classes[row] or 1) <= _DARK_TEXT,
            "l": f"{LABEL}{y.title} {rows[down[row]]}, {x.title} {columns[across[row]]}: {with_unit(given[row], color)}",
        }
        for row, value in enumerate(values)
        if value is not None
    ]
    widest = letters([str(cell["t"]) for cell in cells])

    def make(size: Size) -> Any:
        import altair as alt

        left = min(letters(list(rows.values())) * 1.1 + 6, size.width * 0.35)
        room = (size.width - left - 30) / max(1, len(columns))
        shown = _thinned(list(columns.values()), (size.width - left - 30))
        base = alt.Chart(alt.Data(values=cells)).encode(
            x=alt.X(
                "x:N",
                sort=list(columns.values()),
                axis=alt.Axis(title=axis_title(x), labelAngle=0, values=shown, orient="top", domain=False, ticks=False),
            ),
            y=alt.Y(
                "y:N",
                sort=list(rows.values()),
                axis=alt.Axis(title=None, labelLimit=left, minExtent=left, domain=False, ticks=False, labelPadding=6),
            ),
        )
        palette = alt.Scale(
            domain=[str(n) for n in range(1, _CLASSES + 1)], range=[f"var(--heat-{n})" for n in range(1, _CLASSES + 1)]
        )
        layers = [
            base.mark_rect(stroke="var(--card)", strokeWidth=1.5).encode(
                color=alt.Color("k:N", scale=palette, legend=None), description=alt.Description("l:N")
            )
        ]
        if widest + 6 <= room:
            for dark, words in ((True, "var(--heat-words)"), (False, "var(--heat-words-strong)")):
                text = base.transform_filter(alt.datum.dark == dark).mark_text(color=words)
                layers.append(text.encode(text="t:N", description=alt.value("")))
        return alt.layer(*layers)

    legend = tuple(
        Swatch(color=_color(number, len(edges) - 1), title=f"{short(low)} to {short(high)}", kind="heat")
        for number, (low, high) in enumerate(itertools.pairwise(edges))
    )
    most, least = max(known), min(known)
    return Drawing(
        make=make,
        sentence=f"Grid of {axis_title(color)} by {y.title} and {x.title}: {len(cells)} cells from {short(least)} to {short(most)}.",
        legend=legend,
        height=len(rows) * 30 + 60,
        notes=(
            f"Colours and cells: {axis_title(color)}.",
            *(["An empty cell has no number."] if len(cells) < len(columns) * len(rows) else []),
        ),
    )


def _names(values: Sequence[Any]) -> dict[Any, str]:
    """Returns the words of each value in order: days and numbers rising, names as they come."""
    kept = list(dict.fromkeys(values))
    if kind_of(values) in ("time", "number"):
        kept = sorted(one for one in kept if one is not None) + ([None] if None in kept else [])
    return dict(zip(kept, names_of(kept), strict=True))


def _edges(values: Sequence[float]) -> tuple[float, ...]:
    """Returns round numbers that classes lie between, `_CLASSES` of them at most."""
    found = (ticks(values, number, zero=False).values for number in range(_CLASSES, 0, -1))
    return next(edges for edges in found if len(edges) <= _CLASSES + 1)


def _class(value: float, edges: Sequence[float]) -> int:
    """Returns the colour of the class that a value is in; the greatest class holds its upper edge."""
    place = bisect.bisect_right(edges, value) - 1
    return _color(min(place, len(edges) - 2), len(edges) - 1)


def _color(number: int, classes: int) -> int:
    """Returns the colour of a class by its number from 0: the lightest and the darkest are always used."""
    return 1 + round(number * (_CLASSES - 1) / max(1, classes - 1))


def _thinned(names: list[str], width: float) -> list[str]:
    """Returns as many of the names as fit beside each other."""
    step = 1
    while len(names) // step * (letters(names) + 8) > width and step < len(names):
        step += 1
    return names[::step]
