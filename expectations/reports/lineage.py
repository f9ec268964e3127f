"""What stands below a faulty table, drawn: the table at the left, its readers to the right of what they read."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from expectations.reports.values import Reader

MOST = 24  # readers that are still drawn; more are listed only
_WIDTH, _HEIGHT, _GAP, _AISLE = 158, 40, 10, 34  # of a box, and between boxes, in px
_LETTERS = 20
STATES: Mapping[str, str] = {
    "skipped": "left as it was",
    "built": "built in this run",
    "reused": "unchanged",
    "failed": "failed itself",
    "": "",
}


def depths(table: str, readers: Sequence[Reader]) -> dict[str, int]:
    """Returns how many steps below the table each reader stands, by the longest way; readers stand after their parents."""
    found = {table: 0}
    for reader in readers:
        found[reader.name] = 1 + max((found.get(parent, 0) for parent in reader.parents), default=0)
    return found


def drawn(table: str, readers: Sequence[Reader], *, is_withheld: bool) -> str:
    """Returns the lineage as SVG; an empty text where there is nothing to draw or too much of it."""
    if not readers or len(readers) > MOST:
        return ""
    depth = depths(table, readers)
    columns: dict[int, list[str]] = {}
    for name, at in depth.items():
        columns.setdefault(at, []).append(name)
    tallest = max(len(names) for names in columns.values())
    height = tallest * (_HEIGHT + _GAP) - _GAP + 4
    places = {
        name: (
            2 + at * (_WIDTH + _AISLE),
            2 + (height - 4 - len(names) * (_HEIGHT + _GAP) + _GAP) / 2 + row * (_HEIGHT + _GAP),
        )
        for at, names in columns.items()
        for row, name in enumerate(names)
    }
    width = len(columns) * (_WIDTH + _AISLE) - _AISLE + 4
    edges = [_edge(places[parent], places[one.name]) for one in readers for parent in one.parents if parent in places]
    boxes = [_box(places[table], table, "not published" if is_withheld else "fails", "fault")]
    boxes += [_box(places[one.name], one.name, STATES[one.state] or one.kind, _kind(one)) for one in readers]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" focusable="false">{"".join([*edges, *boxes])}</svg>'
    )


def _kind(reader: Reader) -> str:
    return "exposure" if reader.kind == "exposure" else reader.state or "other"


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT / 2, end[0], end[1] + _HEIGHT / 2
    middle = x2 - _AISLE / 2
    return f'<path class="edge" d="M{x1:.0f} {y1:.1f}H{middle - 12:.0f}C{middle:.0f} {y1:.1f} {middle:.0f} {y2:.1f} {x2:.0f} {y2:.1f}"/>'


def _box(place: tuple[float, float], name: str, said: str, kind: str) -> str:
    x, y = place
    shown = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
    return (
        f'<g class="node {kind}"><title>{html.escape(name)}</title>'
        f'<rect x="{x:.0f}" y="{y:.1f}" width="{_WIDTH}" height="{_HEIGHT}" rx="{18 if kind == "exposure" else 5}"/>'
        f'<text x="{x + 12:.0f}" y="{y + 17:.1f}" class="name">{html.escape(shown)}</text>'
        f'<text x="{x + 12:.0f}" y="{y + 32:.1f}" class="said">{html.escape(said)}</text></g>'
    )
