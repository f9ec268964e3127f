"""Finds the blocks that dbt adds to Jinja in a file's text: `{% snapshot %}`, `{% docs %}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runner.errors import FormatError

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"\{%[-+]?\s*(?P<end>end)?(?P<kind>snapshot|docs)\b\s*(?P<name>[A-Za-z_]\w*)?\s*[-+]?%\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of a file.

    Attributes:
        text: what stands between its first and last tag.
        line: the line of its first tag, from 1.
    """

    kind: str
    name: str
    text: str
    line: int


def find_blocks(text: str, kind: str, file: str) -> Iterator[Block]:
    """Yields the blocks of one kind in a file's text; those in Jinja comments do not count.

    Raises:
        FormatError: a block has no name, no end, or stands in another.
    """
    if kind not in text:
        return
    plain = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(plain):
        if tag["kind"] != kind:
            continue
        line = plain.count("\n", 0, tag.start()) + 1
        if tag["end"]:
            if opened is None:
                raise FormatError(f"{file}:{line}: here ends a {kind} block that never began. Take this tag out.")
            start = plain.count("\n", 0, opened.start()) + 1
            yield Block(kind=kind, name=opened["name"], text=text[opened.end() : tag.start()], line=start)
            opened = None
        elif opened is not None:
            raise FormatError(
                f'{file}:{line}: the {kind} block "{opened["name"]}" has not ended yet. Put {{% end{kind} %}} before this line.'
            )
        elif not tag["name"]:
            raise FormatError(f"{file}:{line}: a {kind} block needs a name: {{% {kind} a_name %}}.")
        else:
            opened = tag
    if opened is not None:
        line = plain.count("\n", 0, opened.start()) + 1
        raise FormatError(
            f'{file}:{line}: the {kind} block "{opened["name"]}" has no end. Write {{% end{kind} %}} after it.'
        )
