"""SQL, Jinja and Python in colours: spans with classes, a line each, and names that lead to their pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

# By the name of pygments' token type, the longest that fits: the class of its span. What is not here has none.
_CLASSES: Mapping[str, str] = {
    "Token.Keyword": "k",
    "Token.Operator.Word": "k",
    "Token.Name.Builtin": "b",
    "Token.Name.Function": "b",
    "Token.Name.Class": "b",
    "Token.Name.Decorator": "b",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "m",
    "Token.Comment": "c",
    "Token.Comment.Preproc": "j",
}
_REF = re.compile(
    r"""\b(?P<call>ref|source)\s*\(\s*(?P<names>['"][^'"]+['"](?:\s*,\s*['"][^'"]+['"])?)"""
    r"""(?:\s*,\s*v(?:ersion)?\s*=\s*(?P<version>[^,)]*))?"""
)
_VERSION = re.compile(r"""(?P<quote>['"]?)(?P<value>\d[\w.]*|(?<=['"])[^'"]+)(?P=quote)\s*""")
_QUOTED = re.compile(r"""['"]([^'"]+)['"]""")
_CALL = re.compile(r"(?<![\w.])((?:[A-Za-z_]\w*\.)?[A-Za-z_]\w*)(?=\s*\()")
_NAMED = re.compile(r"`?\b([A-Za-z_]\w*)`?\.`?([A-Za-z_]\w*)\b`?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A part of a text that leads somewhere."""

    start: int
    end: int
    address: str


def links_of_template(
    text: str, find: Callable[[str, Sequence[str], str | None], str], macros: Mapping[str, str]
) -> Iterator[Link]:
    """Yields the names that `ref()` and `source()` ask for, and the macros that are called.

    A `ref` whose version is an expression leads nowhere: which one it means is known only when it is run.

    Args:
        find: the address of what a call (`ref`, `source`) with some names means, and with the version that it asks for,
            None for the latest; empty where it has none.
        macros: the addresses of macros by what calls them.
    """
    for match in _REF.finditer(text):
        names = _QUOTED.findall(match["names"])
        version = _VERSION.fullmatch(match["version"]) if match["version"] is not None else None
        if match["version"] is not None and version is None:
            continue
        if address := find(match["call"], names, version["value"] if version else None):
            yield Link(start=match.start("names"), end=match.end("names"), address=address)
    for match in _CALL.finditer(text):
        if match[1] in macros:
            yield Link(start=match.start(1), end=match.end(1), address=macros[match[1]])


def links_of_sql(text: str, tables: Mapping[str, str]) -> Iterator[Link]:
    """Yields the tables that a query names.

    Args:
        tables: addresses by `schema.name`.
    """
    for match in _NAMED.finditer(text):
        if address := tables.get(f"{match[1]}.{match[2]}"):
            yield Link(start=match.start(), end=match.end(), address=address)


def highlighted(
    text: str, language: str, *, links: Sequence[Link] = (), way: Callable[[str], str] = str, anchor: str = ""
) -> Markup:
    """Returns a text as HTML, to stand in `pre > code`.

    Args:
        language: `sql`, `jinja` (SQL with Jinja) or `python`.
        links: parts that lead somewhere.
        way: makes the link of an address.
        anchor: lines get the ids `<anchor>-1` and so on; none where it is empty.
    """
    from markupsafe import Markup, escape

    edges = sorted(links, key=lambda link: link.start)
    lines: list[list[str]] = [[]]
    for start, kind, value in _pieces(text, language):
        for part, address in _split(start, value, edges):
            for number, piece in enumerate(part.split("\n")):
                if number:
                    lines.append([])
                if piece:
                    shown = str(escape(piece))
                    shown = f'<span class="{kind}">{shown}</span>' if kind else shown
                    lines[-1].append(f'<a href="{escape(way(address))}">{shown}</a>' if address else shown)
    ids = (f' id="{anchor}-{number}"' if anchor else "" for number in range(1, len(lines) + 1))
    return Markup(
        "".join(f'<span class="line"{name}>{"".join(line)}\n</span>' for name, line in zip(ids, lines, strict=True))
    )


def _split(start: int, value: str, links: Sequence[Link]) -> Iterator[tuple[str, str]]:
    """Yields a token's text in parts, each with the address that it leads to, or none."""
    end = start + len(value)
    at = start
    for link in links:
        if link.end <= at:
            continue
        if link.start >= end:
            break
        if link.start > at:
            yield value[at - start : link.start - start], ""
            at = link.start
        until = min(link.end, end)
        yield value[at - start : until - start], link.address
        at = until
    if at < end:
        yield value[at - start :], ""


def _pieces(text: str, language: str) -> Iterator[tuple[int, str, str]]:
    """Yields position, class and text of pieces; neighbours of one class are one piece."""
    held, since = "", 0
    kept: list[str] = []
    for start, token, value in _lexer(language).get_tokens_unprocessed(text):
        kind = _class_of(token)
        if kept and (kind == held or value.isspace()):
            kept.append(value)
            continue
        if kept:
            yield since, held, "".join(kept)
        held, since, kept = kind, start, [value]
    if kept:
        yield since, held, "".join(kept)


@cache
def _class_of(token: Any) -> str:
    while token:
        if (found := _CLASSES.get(str(token))) is not None:
            return found
        token = token.parent
    return ""


@cache
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(
        {"jinja": "sql+jinja", "sql": "sql", "python": "python"}[language], stripnl=False, ensurenl=False
    )
