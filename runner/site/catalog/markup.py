"""Descriptions as they are written in dbt: Markdown, of which nothing is loaded and nothing runs."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markupsafe import Markup

# What may be meant as Markdown; an underscore within a word is none.
_MARKS = re.compile(r"[*`\[\]<>&|\\~!#]|\n|(?<!\w)_|_(?!\w)|^\s*(?:[-+=]|\d+[.)])")
_TAGS = re.compile(r"<[^>]+>")
_SENTENCE = re.compile(r"(.+?[.!?])(?=\s|$)", re.DOTALL)


@lru_cache(maxsize=50_000)
def rendered(text: str) -> Markup:
    """Returns a description as HTML: paragraphs, lists, tables, code, links. HTML in it is shown as it is written."""
    from markupsafe import Markup, escape

    text = text.strip()
    if not _MARKS.search(text):
        return Markup("<p>{}</p>\n").format(escape(text)) if text else Markup()
    return Markup(_markdown().render(text))


@lru_cache(maxsize=50_000)
def rendered_line(text: str) -> Markup:
    """Returns a description as HTML within a line: code, links and emphasis, no paragraphs."""
    from markupsafe import Markup, escape

    text = " ".join(text.split())
    return Markup(_markdown().renderInline(text)) if _MARKS.search(text) else escape(text)


def first_sentence(text: str, most: int = 160) -> str:
    """Returns the first sentence of a description without its marks, cut where it is long."""
    from markupsafe import Markup

    paragraph = text.strip().split("\n\n")[0]
    plain = str(Markup(rendered_line(paragraph)).striptags())
    match = _SENTENCE.match(plain)
    sentence = match[1] if match else plain
    return sentence if len(sentence) <= most else sentence[: most - 1].rstrip() + "…"


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    found = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    # The page has its own headings; those of a description are lines in it.
    found.add_render_rule("heading_open", _heading)
    found.add_render_rule("heading_close", _heading)
    found.add_render_rule("table_open", _table)
    found.add_render_rule("table_close", _table)
    return found


def _heading(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    return '<p class="heading">' if tokens[index].nesting > 0 else "</p>\n"


def _table(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    opening = '<div class="scroll" role="group" tabindex="0" aria-label="Table"><table>'
    return opening if tokens[index].nesting > 0 else "</table></div>\n"
