"""The frame of all pages: the navigation, and templates that become text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.reports.page import breakable
from expectations.words import age, count, duration, figure, percent, size
from runner.model import Exposure
from runner.site.address import Node, address_of, column_address, column_anchor, lineage_address, way
from runner.site.page import Page

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
NAVIGATION: Mapping[str, str] = {
    "overview": "index.html",
    "catalog": "catalog.html",
    "lineage": "lineage.html",
    "runs": "runs/index.html",
    "quality": "quality/index.html",
    "dashboards": "dashboards/index.html",
    "report": "report.html",
}  # the words at the head of every page; those without a page are left out


def rendered(page: Page, *, pages: frozenset[str], common: Mapping[str, Any]) -> str:
    """Returns a page as HTML.

    Args:
        pages: the paths of all pages and files of sections, so that nothing links to one that is not there.
        common: what every template may use: `project` (its name), `target`, `written_at`.

    Templates have besides: `page`; `href(address)`, the link to an address of the site; `has(address)`, whether there is
    such a page; `address_of(node)`, `page_of(node)` (the same, but of a dashboard of the project the page that shows it),
    `column_anchor(name)`, `column_address(table, name)`, `lineage_address(selector)`; the filters `count`, `percent`,
    `duration`, `figure`, `size` (of bytes), `breakable` (a name that may break after `_` and `.`).
    """
    links = {word: address for word, address in NAVIGATION.items() if address in pages}
    return (
        environment()
        .get_template(page.template)
        .render(
            **common,
            **page.values,
            page=page,
            links=links,
            href=lambda address: way(page.path, address),
            has=lambda address: address.partition("#")[0].partition("?")[0] in pages,
            address_of=lambda node: address_of(node, common["project"]),
            page_of=lambda node: _page_of(node, common["project"], pages),
            column_anchor=column_anchor,
            column_address=column_address,
            lineage_address=lineage_address,
        )
    )


def _page_of(node: Node, project: str, pages: frozenset[str]) -> str:
    board = f"dashboards/{node.name}.html" if isinstance(node, Exposure) and node.package == project else ""
    return board if board in pages else address_of(node, project)


@cache
def environment() -> Environment:
    """Returns the templates of all sections; a name is its path from this folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    words = {"age": age, "count": count, "percent": percent, "duration": duration, "figure": figure, "size": size}
    found.filters |= {**words, "breakable": breakable}
    return found
