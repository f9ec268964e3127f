"""Finds the blocks that dbt adds to Jinja, and macros, in a file's text.

{% macro name(…) %}   {% test name(…) %}   {% materialization name, … %}   {% snapshot name %}   {% docs name %}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from runner.errors import FormatError

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG = re.compile(
    r"\{%[-+]?\s*(?P<end>end)?(?P<kind>macro|data_test|test|materialization|snapshot|docs)\b"
    r"\s*(?P<name>[A-Za-z_]\w*)?(?P<rest>.*?)[-+]?%\}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of a file.

    Attributes:
        rest: what stands after the name in its first tag: a macro's parameters in parentheses.
        text: what stands between its first and last tag.
        source: the whole block, with both tags.
        line: the line of its first tag, from 1.
    """

    kind: str
    name: str
    rest: str
    text: str
    source: str
    line: int


def find_blocks(text: str, kinds: Collection[str], file: str) -> Iterator[Block]:
    """Yields the outermost blocks of some kinds in a file's text; those in Jinja comments do not count.

    Raises:
        FormatError: a block has no name, no end, or one of the same kind in it that may not stand there.
    """
    if "{%" not in text:
        return
    plain = text
    if "{#" in text:
        plain = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    opened: re.Match[str] | None = None
    depth = 0
    for tag in _TAG.finditer(plain):
        kind = tag["kind"]
        if kind not in kinds or (opened is not None and kind != opened["kind"]):
            continue
        if tag["end"]:
            if opened is None:
                line = _line(plain, tag)
                raise FormatError(f"{file}:{line}: here ends a {kind} block that never began. Take this tag out.")
            depth -= 1
            if depth == 0:
                yield Block(
                    kind=kind,
                    name=opened["name"],
                    rest=opened["rest"].strip(),
                    text=text[opened.end() : tag.start()],
                    source=text[opened.start() : tag.end()],
                    line=_line(plain, opened),
                )
                opened = None
        elif opened is not None:
            if kind != "macro":
                raise FormatError(
                    f'{file}:{_line(plain, tag)}: the {kind} block "{opened["name"]}" has not ended yet. '
                    f"Put {{% end{kind} %}} before this line."
                )
            depth += 1
        elif not tag["name"]:
            raise FormatError(f"{file}:{_line(plain, tag)}: a {kind} block needs a name: {{% {kind} a_name %}}.")
        else:
            opened, depth = tag, 1
    if opened is not None:
        kind = opened["kind"]
        raise FormatError(
            f'{file}:{_line(plain, opened)}: the {kind} block "{opened["name"]}" has no end. '
            f"Write {{% end{kind} %}} after it."
        )


def _line(text: str, tag: re.Match[str]) -> int:
    return text.count("\n", 0, tag.start()) + 1
