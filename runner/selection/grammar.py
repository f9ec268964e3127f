"""Selector text to an expression: one regular expression for a term, and a small parser for what joins terms.

union = intersection { " " intersection }        intersection = factor { "," factor }
factor = term  |  [ "@" | [n] "+" ] "(" union ")" [ "+" [n] ]
term = [ "@" ] [ [n] "+" ] [ method { "." argument } ":" ] value [ "+" [n] ]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from runner.errors import ProjectError

Indirect = Literal["eager", "cautious", "buildable", "empty"]
INDIRECT: tuple[Indirect, ...] = get_args(Indirect)
EXAMPLES = "Examples: clv+, 2+clv, @clv, tag:daily, path:models/marts, (clv funnel),tag:daily."

_TERM = re.compile(
    r"(?P<at>@)?(?:(?P<up_depth>\d*)(?P<up>\+))?(?:(?P<method>[\w.]+):)?(?P<value>.*?)(?:(?P<down>\+)(?P<down_depth>\d*))?",
    re.DOTALL,
)
_BEFORE = re.compile(r"(?P<at>@)?(?:(?P<up_depth>\d*)(?P<up>\+))?\(")
_AFTER = re.compile(r"(?P<down>\+)(?P<down_depth>\d*)(?=[\s,)]|$)")
_FILES = (".sql", ".py", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The graph operators of a term.

    Attributes:
        up, down: with ancestors, with descendants.
        up_depth, down_depth: how many steps; None is all of them.
        at: with descendants and all ancestors of those.
    """

    up: bool = False
    up_depth: int | None = None
    down: bool = False
    down_depth: int | None = None
    at: bool = False

    def __bool__(self) -> bool:
        return self.up or self.down or self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One method with its value and graph operators.

    Attributes:
        raw: as it was written.
        indirect: how tests come along.
        place: where it stands, for messages; empty on the command line.
    """

    raw: str
    method: str
    arguments: tuple[str, ...]
    value: Any
    around: Around
    indirect: Indirect
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Expressions taken together.

    Attributes:
        must_match: where nothing is in it, that is an error.
    """

    kind: Literal["union", "intersection", "difference"]
    parts: tuple[Expression, ...]
    raw: str
    indirect: Indirect
    must_match: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parenthesis:
    """Graph operators around parentheses."""

    inner: Expression
    raw: str
    around: Around
    indirect: Indirect


Expression = Term | Group | Parenthesis


def parse_selector(texts: Iterable[str], *, indirect: Indirect = "eager", must_match: bool = True) -> Group:
    """Returns the union of what the texts select.

    Raises:
        ProjectError: a text cannot be read; the message shows the place.
    """
    return _Parser(" ".join(texts), indirect, must_match).parse()


def parse_term(text: str, *, indirect: Indirect, whole: str | None = None, place: str = "") -> Term:
    """Returns a term without parentheses, commas or blanks; see `parse_selector`."""
    match = _TERM.fullmatch(text)
    assert match is not None, "the pattern takes any text"
    return make_term(
        raw=text,
        method=match["method"],
        value=match["value"],
        around=_around(match, match, whole or text),
        indirect=indirect,
        place=place,
    )


def make_term(*, raw: str, method: str | None, value: Any, around: Around, indirect: Indirect, place: str = "") -> Term:
    """Returns a term; where no method is given, the value tells it, as dbt does."""
    name, *arguments = method.split(".") if method else [default_method(str(value))]
    return Term(
        raw=raw, method=name, arguments=tuple(arguments), value=value, around=around, indirect=indirect, place=place
    )


def default_method(value: str) -> str:
    """Returns the method of a value that stands alone: a path, a file or a name."""
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith(_FILES) else "fqn"


def _around(before: re.Match[str], after: re.Match[str] | None, raw: str) -> Around:
    down = after is not None and bool(after["down"])
    if before["at"] and down:
        raise ProjectError(
            f'the selector "{raw}" has "@" beside "+". "@" already takes descendants and their ancestors.'
        )
    return Around(
        up=bool(before["up"]),
        up_depth=_depth(before["up_depth"]),
        down=down,
        down_depth=_depth(after["down_depth"]) if after is not None else None,
        at=bool(before["at"]),
    )


def _depth(digits: str | None) -> int | None:
    return int(digits) if digits else None


class _Parser:
    """Reads the joined text of selectors from left to right."""

    def __init__(self, text: str, indirect: Indirect, must_match: bool) -> None:
        self._text = text
        self._at = 0
        self._indirect = indirect
        self._must_match = must_match

    def parse(self) -> Group:
        union = self._union(closing=False)
        if self._at < len(self._text):
            raise self._wrong('")" without "("')
        return union

    def _union(self, *, closing: bool) -> Group:
        start = self._at
        parts: list[Expression] = []
        while True:
            self._skip_blanks()
            if self._at >= len(self._text) or self._text[self._at] == ")":
                break
            parts.append(self._intersection())
        if closing and not parts:
            raise self._wrong("nothing between the parentheses")
        raw = self._text[start : self._at].strip()
        return Group(kind="union", parts=tuple(parts), raw=raw, indirect=self._indirect)

    def _intersection(self) -> Group:
        start = self._at
        parts = [self._factor()]
        while self._text[self._at : self._at + 1] == ",":
            self._at += 1
            parts.append(self._factor())
        return Group(
            kind="intersection",
            parts=tuple(parts),
            raw=self._text[start : self._at],
            indirect=self._indirect,
            must_match=self._must_match,
        )

    def _factor(self) -> Expression:
        if before := _BEFORE.match(self._text, self._at):
            return self._parenthesis(before)
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in " \t\r\n,()":
            self._at += 1
        if self._text[self._at : self._at + 1] == "(":
            raise self._wrong('"(" after a name')
        word = self._text[start : self._at]
        if not word:
            raise self._wrong('nothing beside a ","')
        return parse_term(word, indirect=self._indirect, whole=word)

    def _parenthesis(self, before: re.Match[str]) -> Parenthesis:
        start = self._at
        self._at = before.end()
        inner = self._union(closing=True)
        if self._text[self._at : self._at + 1] != ")":
            raise self._wrong('"(" without ")"')
        self._at += 1
        after = _AFTER.match(self._text, self._at)
        if after:
            self._at = after.end()
        elif self._text[self._at : self._at + 1].strip(" \t\r\n,)"):
            raise self._wrong('neither a blank, "," nor "+" after ")"')
        raw = self._text[start : self._at]
        return Parenthesis(inner=inner, raw=raw, around=_around(before, after, raw), indirect=self._indirect)

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _wrong(self, what: str) -> ProjectError:
        shown = self._text if len(self._text) <= 100 else f"{self._text[:97]}..."
        return ProjectError(f'the selector "{shown}" has {what}. {EXAMPLES}')
