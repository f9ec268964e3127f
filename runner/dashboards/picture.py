"""Charts as SVG: specifications of Altair, rendered by vl-convert, with the colours of the page's style sheet.

A colour is a CSS variable, so that a picture follows the reader's colour scheme. Numbers on axes are plain: their places
are chosen here, and each is written with the digits that its step needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from expectations.reports.charts import plain_number, ticks_of

LABEL = "@@"  # what a mark's own words begin with, to be told from those that Vega makes up
COLORS = tuple(f"var(--series-{number})" for number in range(1, 9))
SOFT, TEXT, GRID, AXIS = "var(--soft)", "var(--text)", "var(--grid)", "var(--axis)"
_SVG = "http://www.w3.org/2000/svg"
_DIGITS = re.compile(r"-?\d+\.\d{2,}")
_LETTER = 6.9  # mean width of a letter at 12 px, in px


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a whole picture, in CSS pixels.

    Attributes:
        ticks: about how many numbers fit on a horizontal axis.
    """

    width: int
    height: int

    @property
    def ticks(self) -> int:
        return max(3, self.width // 90)


WIDE, MIDDLE, NARROW = Size(width=900, height=280), Size(width=440, height=260), Size(width=296, height=230)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """An entry of a legend: a colour by its number from 1, and what it stands for.

    Attributes:
        kind: whose colour: `series`, or `heat` for the classes of a heat map.
    """

    color: int
    title: str
    kind: str = "series"
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart that can be drawn in several sizes.

    Attributes:
        make: gives the chart of a size; None where there is nothing to draw.
        sentence: what it shows, in words.
        notes: what a reader has to know of it.
        notice: what stands above it: that it says less than it seems to.
        height: of the picture in px, where what it holds decides it.
    """

    make: Callable[[Size], Any] | None
    sentence: str
    legend: tuple[Swatch, ...] = ()
    notes: tuple[str, ...] = ()
    notice: str = ""
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The numbers of an axis.

    Attributes:
        format: of d3, with the digits that their step needs.
    """

    values: tuple[float, ...]
    format: str

    @property
    def domain(self) -> list[float]:
        return [self.values[0], self.values[-1]]

    def text(self, value: float) -> str:
        """Returns a number as the axis shows it."""
        return plain_number(value, self.values[1] - self.values[0])


def ticks(values: Sequence[float], number: int, *, zero: bool) -> Ticks:
    """Returns round numbers that cover the values.

    Args:
        number: about how many.
        zero: begin (or end) at 0, whatever the values are; else only where they come near it.
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero or (0 <= low <= high / 2) or (high <= 0 and high >= low / 2):
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low, low + 1.0) if low == 0 else (low - abs(low) * 0.01, low + abs(low) * 0.01)
    found = tuple(ticks_of(low, high, number))
    digits = len(plain_number(found[1] - found[0], found[1] - found[0]).partition(".")[2])
    return Ticks(values=found, format=f",.{digits}f")


def moment(value: date | datetime) -> str:
    """Returns a day or moment as Vega reads it, in UTC."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{value.isoformat()}T00:00:00Z"


def day_ticks(first: date, last: date, number: int) -> tuple[list[date], str]:
    """Returns days for an axis, at most about `number`, and d3's format of them."""
    days = (last - first).days + 1
    if days > 366 * 2 or days > number * 62:
        step = max(1, round(days / 365.25 / number))
        return [date(year, 1, 1) for year in range(first.year + 1, last.year + 1, step)] or [first], "%Y"
    if days > number * 16:
        step = max(1, -(-days // (number * 31)))
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month, step)
        found = [date(month // 12, month % 12 + 1, 1) for month in months]
        return [day for day in found if first <= day <= last] or [first], "%b %Y"
    step = next((one for one in (1, 2, 7, 14, 28) if days / one <= number), 28)
    return [first + timedelta(days=offset) for offset in range(0, days, step)], "%-d %b"


def day_values(days: Sequence[date]) -> list[dict[str, Any]]:
    """Returns days as values of an axis."""
    return [{"year": day.year, "month": day.month, "date": day.day, "utc": True} for day in days]


def letters(texts: Sequence[str]) -> float:
    """Returns the width of the longest text at 12 px, in px."""
    return max((len(text) for text in texts), default=0) * _LETTER


def cut(text: str, width: float) -> str:
    """Returns a text that fits a width in px at 12 px, cut where it is too long."""
    most = max(4, int(width / _LETTER))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def svg_of(chart: Any, size: Size, *, title: str, sentence: str) -> str:
    """Returns a chart as SVG to stand in a page.

    Args:
        chart: of Altair.
        title: what stands above it at the left, such as the vertical axis's words.
        sentence: what a screen reader says of it.
    """
    from vl_convert import vegalite_to_svg

    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec |= {
        "width": size.width,
        "height": size.height,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 1, "right": 10, "top": 2, "bottom": 2},
        "config": _CONFIG,
    }
    if title:
        spec["title"] = {"text": title, "anchor": "start", "frame": "bounds", "offset": 8}
    return cleaned(vegalite_to_svg(spec), sentence)


_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "title": {"fontSize": 12, "fontWeight": "normal", "color": SOFT},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": SOFT,
        "titleColor": SOFT,
        "gridColor": GRID,
        "tickColor": AXIS,
        "domainColor": AXIS,
        "labelLimit": 400,
        "titlePadding": 8,
    },
    "text": {"fontSize": 12},
}


def cleaned(svg: str, sentence: str) -> str:
    """Returns Vega's SVG as a page takes it: one image with one sentence; each mark's words wait in `data-label`.

    What would speak twice, means nothing here or only takes space goes: roles of the parts, classes, unseen paths,
    digits that nobody sees.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    _clean(root)
    root.attrib = {
        "viewBox": root.get("viewBox", ""),
        "width": root.get("width", ""),
        "height": root.get("height", ""),
        "role": "img",
        "aria-label": sentence,
        "focusable": "false",
        "fill": "none",
        "stroke-miterlimit": "10",
    }
    return ElementTree.tostring(root, encoding="unicode")


_DROPPED = (
    "role",
    "aria-roledescription",
    "aria-hidden",
    "class",
    "font-family",
    "font-size",
    "font-weight",
    "stroke-miterlimit",
)


def _clean(element: ElementTree.Element) -> None:
    for child in list(element):
        unseen = child.get("display") == "none" or child.get("class") == "background"
        if unseen:
            element.remove(child)
        else:
            _clean(child)
    said = element.attrib.pop("aria-label", "")
    for name in _DROPPED:
        element.attrib.pop(name, None)
    if element.get("opacity") == "1":
        del element.attrib["opacity"]
    for name in ("transform", "d", "x2", "y2", "width", "height"):
        if name in element.attrib:
            element.set(name, _DIGITS.sub(lambda match: f"{float(match[0]):.1f}", element.attrib[name]))
    if element.tag.endswith("text") and element.get("fill") != SOFT:
        element.set("style", f"fill:{element.attrib.pop('fill', TEXT)}")  # a style sheet is stronger than an attribute
    if said.startswith(LABEL):
        element.set("data-label", said.removeprefix(LABEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a chart is drawn of, as JSON values, and how many rows of the query are not on it."""

    values: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of what is missing."""
        if not self.left_out:
            return ()
        are = "row has" if self.left_out == 1 else "rows have"
        return (f"{self.left_out:,} {are} no number here and cannot be drawn; the table has them.",)
