"""What a section hands over: pages, files beside them, and what a search finds on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a search can find.

    Attributes:
        kind: what it is, in a word: `model`, `column`, `source`, `macro`, `check`, `run`, `dashboard`.
        name: what it is found by first, and shown as.
        address: its page from the site's root, with an anchor where it is a part of the page.
        detail: one line about it, searched after the name.
        text: what else is searched, such as SQL; not shown as a whole.
    """

    kind: str
    name: str
    address: str
    detail: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the site.

    Attributes:
        path: from the site's root: `models/clv.html`.
        title: what the browser's tab and the heading say.
        section: the word in the navigation that it belongs to; see `layout.NAVIGATION`.
        template: from `runner/site`: `catalog/table.html.jinja`; it extends `templates/layout.html.jinja`.
        values: what the template is rendered with.
        styles: style sheets that the page has beside those of every page, from the site's root: `assets/catalog.css`.
        scripts: files that the page loads after itself, from the site's root.
        entries: what a search finds on it.
    """

    path: str
    title: str
    section: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the site that is no page: a script, data for one, a picture.

    Attributes:
        path: from the site's root.
    """

    path: str
    content: bytes
