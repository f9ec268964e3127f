"""A panel made ready for a page: its chart in several sizes, the table behind it, how many and of what time it tells."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from expectations.words import count
from runner.dashboards.answers import Answer, Answers
from runner.dashboards.bars import draw_bars, draw_funnel, draw_ranking
from runner.dashboards.grid import draw_grid
from runner.dashboards.lines import draw_lines
from runner.dashboards.picture import MIDDLE, NARROW, WIDE, Drawing, Size, Swatch, svg_of
from runner.dashboards.spread import draw_boxes, draw_histogram
from runner.dashboards.values import as_csv, axis_title, exact, kind_of, raw, with_unit
from runner.errors import ProjectError
from runner.project.dashboards import Chart, Field, Mark, Number, Panel, Period

_MOST_SHOWN = 250  # rows of a table on the page; the CSV has all
_SIZES: Mapping[str, tuple[Size, ...]] = {"full": (WIDE, MIDDLE, NARROW), "half": (MIDDLE, NARROW), "third": (NARROW,)}
_DRAWN: Mapping[Mark, Callable[[Chart, Answer], Drawing]] = {
    "line": draw_lines,
    "area": draw_lines,
    "point": draw_lines,
    "bar": draw_bars,
    "ranking": draw_ranking,
    "funnel": draw_funnel,
    "histogram": draw_histogram,
    "boxplot": draw_boxes,
    "heatmap": draw_grid,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of the table: as people read it, and with all of its digits for programs."""

    shown: str
    raw: str
    is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A single number with its words."""

    title: str
    shown: str
    unit: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A panel as a page shows it.

    Attributes:
        trouble: why there is nothing to show; empty where there is.
        is_wrong: whether the panel itself has to be changed, and not only its tables be built.
        pictures: SVG by the width in px that it is made for, the widest first.
        tiles: of single numbers.
        columns: of the table, each with its unit and whether it holds numbers.
        rows: of the table, the first of them; total: how many there are.
        caption: n and period in a line.
        csv: the table as the address of a file.
    """

    panel: Panel
    trouble: str = ""
    is_wrong: bool = False
    pictures: tuple[tuple[int, str], ...] = ()
    tiles: tuple[Tile, ...] = ()
    columns: tuple[tuple[str, bool], ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    total: int = 0
    caption: str = ""
    sentence: str = ""
    legend: tuple[Swatch, ...] = ()
    notes: tuple[str, ...] = ()
    notice: str = ""
    csv: str = ""
    versions: Mapping[str, int] | None = None


def make_panel(panel: Panel, answers: Answers, *, kept: Path | None = None) -> Made:
    """Returns a panel made ready.

    Args:
        kept: a folder where pictures are kept, so that one that is as before is not drawn again.
    """
    if panel.query is None or panel.chart is None:
        return Made(panel=panel)
    missing = [query for query in panel.queries if query in answers.missing]
    if missing:
        without = min(missing, key=lambda query: query not in answers.rejected)  # what is wrong is told first
        return Made(panel=panel, trouble=answers.missing[without], is_wrong=without in answers.rejected)
    try:
        return _made(panel, panel.chart, answers.found[panel.query], answers, kept)
    except ProjectError as error:
        return Made(panel=panel, trouble=str(error), is_wrong=True)


def _made(panel: Panel, chart: Chart, answer: Answer, answers: Answers, kept: Path | None) -> Made:
    caption = ", ".join(
        part for part in (_counted(panel.n, answer, answers), _time(panel.period, answer, answers)) if part
    )
    versions = dict(answer.versions)
    for query in panel.queries[1:]:
        versions |= answers.found[query].versions
    tiles = tuple(_tiles(chart, answer)) if chart.mark == "number" else ()
    drawing = _drawing(chart, answer)
    names = _shown_columns(chart, answer)
    fields = _fields(chart)
    return Made(
        panel=panel,
        tiles=tiles,
        pictures=_pictures(panel, chart, drawing, answer, kept),
        columns=tuple((_heading(name, fields), kind_of(answer.columns[name]) == "number") for name in names),
        rows=tuple(zip(*(_cells(answer.columns[name][:_MOST_SHOWN], fields.get(name)) for name in names), strict=True)),
        total=answer.rows,
        caption=caption,
        sentence=drawing.sentence,
        legend=drawing.legend,
        notes=drawing.notes,
        notice=drawing.notice,
        csv=_address(as_csv({name: answer.columns[name] for name in names})),
        versions=versions,
    )


def _drawing(chart: Chart, answer: Answer) -> Drawing:
    if not answer.rows:
        return Drawing(make=None, sentence="The query gave no rows.")
    if chart.mark in ("number", "table"):
        return Drawing(make=None, sentence="")
    return _DRAWN[chart.mark](chart, answer)


def _pictures(
    panel: Panel, chart: Chart, drawing: Drawing, answer: Answer, kept: Path | None
) -> tuple[tuple[int, str], ...]:
    if drawing.make is None:
        return ()
    title = _vertical_title(chart, answer)
    asked = [answer.digest, panel.title, repr(_unplaced(chart)), panel.width, drawing.sentence, title, _program()]
    digest = hashlib.blake2b("\n".join(asked).encode(), digest_size=8).hexdigest()
    path = None if kept is None or not answer.digest else kept / f"{answer.digest}.{digest}.json"
    if path is not None and path.is_file():
        return tuple((width, svg) for width, svg in json.loads(path.read_text(encoding="utf-8")))
    found = []
    for size in _SIZES[panel.width]:
        own = Size(width=size.width, height=drawing.height or size.height)
        found.append(
            (size.width, svg_of(drawing.make(own), own, title=title, sentence=f"{panel.title}. {drawing.sentence}"))
        )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return tuple(found)


def _unplaced(chart: Chart) -> dict[str, Any]:
    """Returns what of a chart counts for its picture: all but where it stands in its file."""
    fields = {
        name: [(one.name, one.title, one.unit, one.format) for one in given] for name, given in chart.channels.items()
    }
    return {
        "mark": chart.mark, "fields": fields, "box": dict(chart.box), "noise": chart.noise, "limit": chart.limit,
        "step": chart.step, "stack": chart.stack, "rule": chart.rule,
    }  # fmt: skip


@cache
def _program() -> str:
    """Returns what stands for the code that draws: a kept picture of another one is drawn again."""
    here = Path(__file__).parent
    return hashlib.blake2b(b"".join(path.read_bytes() for path in sorted(here.glob("*.py"))), digest_size=8).hexdigest()


def _vertical_title(chart: Chart, answer: Answer) -> str:
    """Returns the words above a chart: what its vertical axis holds, where that is numbers."""
    y = chart.fields("y")
    stands = chart.mark == "bar" and kind_of(answer.columns[y[0].name]) == "number"
    if (stands or chart.mark in ("line", "area", "point")) and y:
        return axis_title(y[0]) if len(y) == 1 else "%" if y[0].format == "percent" else y[0].unit
    if chart.mark == "histogram":
        return axis_title(y[0]) if y else "rows"
    return ""


def _fields(chart: Chart) -> dict[str, Field]:
    return {one.name: one for fields in chart.channels.values() for one in fields}


def _shown_columns(chart: Chart, answer: Answer) -> list[str]:
    if not chart.fields("columns"):
        return list(answer.columns)
    for one in chart.fields("columns"):
        answer.column(one.name, one.place)
    return [one.name for one in chart.fields("columns")]


def _heading(name: str, fields: Mapping[str, Field]) -> str:
    found = fields.get(name)
    if found is None:
        return name.replace("_", " ")
    return found.title if found.format == "percent" else axis_title(found)


def _cells(values: Sequence[Any], field: Field | None) -> list[Cell]:
    is_number = kind_of(values) == "number"
    told = [exact(value, field) for value in values]
    if is_number and field is not None and field.format == "percent":
        told = _aligned(values, told)
    return [Cell(shown=shown, raw=raw(value), is_number=is_number) for shown, value in zip(told, values, strict=True)]


def _aligned(values: Sequence[Any], told: Sequence[str]) -> list[str]:
    """Returns shares with as many digits each as the longest of them needs, two at most; of the smallest all of theirs."""
    digits = min(2, max((len(text.removesuffix(" %").partition(".")[2]) for text in told), default=0))
    return [
        text if value is None or not text.endswith(" %") or 0 < abs(value) * 100 < 0.5 * 10**-digits
        else f"{float(value) * 100:,.{digits}f} %"
        for text, value in zip(told, values, strict=True)
    ]  # fmt: skip


def _tiles(chart: Chart, answer: Answer) -> list[Tile]:
    if answer.rows != 1:
        raise ProjectError(f"{chart.place}: single numbers are of one row; the query gave {answer.rows:,}.")
    found = []
    for one in chart.fields("values"):
        value = answer.column(one.name, one.place)[0]
        unit = "" if one.format == "percent" or value is None else one.unit
        shown = with_unit(value, Field(name=one.name, title=one.title, format=one.format))
        found.append(Tile(title=one.title, shown=shown, unit=unit, raw=raw(value)))
    return found


def _counted(n: Number | None, answer: Answer, answers: Answers) -> str:
    """Returns `n = 1,234 orders`; of a panel that says nothing, its rows."""
    if n is None:
        return ""
    if n.query is not None:
        values = _single(answers.found[n.query], n.place)
        return f"n = {exact(values[0])} {n.of}"
    if n.sum:
        total = sum(value for value in answer.column(n.sum, n.place) if value is not None)
        return f"n = {exact(total)} {n.of}"
    if n.value:
        values = list(dict.fromkeys(answer.column(n.value, n.place)))
        if len(values) > 1:
            raise ProjectError(
                f'{n.place}: n is the value of "{n.value}", which is not the same in all rows. Is it a sum: '
                f"n: {{sum: {n.value}, of: {n.of}}}?"
            )
        return f"n = {exact(values[0] if values else 0)} {n.of}"
    return f"n = {count(answer.rows)} {n.of}"


def _time(period: Period | None, answer: Answer, answers: Answers) -> str:
    """Returns `2026-01-01 to 2026-03-31`; of one moment, `as of` it."""
    if period is None:
        return ""
    if period.query is not None:
        ends = _single(answers.found[period.query], period.place)
    else:
        first = [value for value in answer.column(period.first, period.place) if value is not None]
        last = [value for value in answer.column(period.last, period.place) if value is not None]
        ends = [min(first), max(last)] if first and last else []
    shown = list(dict.fromkeys(_day(value) for value in ends if value is not None))
    if not shown:
        return ""
    return f"as of {shown[0]}" if len(ends) == 1 else " to ".join(shown)


def _day(value: Any) -> str:
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) != (0, 0, 0):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.strftime("%Y-%m-%d") if isinstance(value, date) else exact(value)


def _single(answer: Answer, place: str) -> list[Any]:
    if answer.rows != 1:
        raise ProjectError(f"{place}: this query gives one row; it gave {answer.rows:,}.")
    return [values[0] for values in answer.columns.values()]


def _address(text: str) -> str:
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()
