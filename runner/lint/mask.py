"""A template with its Jinja replaced by words and blanks, every other character at its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_JINJA = re.compile(r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_CALL = re.compile(r"\{\{-?\s*(ref|source)\s*\(")
_CONFIG = re.compile(r"\{\{-?\s*(?:config|log|print)\s*\(")
_STRINGS = re.compile(r"""['"]([^'"]+)['"]""")
_ELSE = re.compile(r"\{%-?\s*(?:else|elif)\b")
_OPENS = re.compile(r"\{%-?\s*(?:if|for)\b")
_ENDS = re.compile(r"\{%-?\s*end(?:if|for)\b")


@dataclass(frozen=True, slots=True)
class Masked:
    """Text that sqlglot can read.

    Attributes:
        text: as long as the template, line by line.
        refs: what stands for a `ref` or `source` in it → the names as written.
    """

    text: str
    refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def mask(template: str) -> Masked:
    """Returns the template without its Jinja: a word stands for an expression, blanks for tags and comments.

    Of alternatives (`if … else …`) the first is kept.
    """
    out: list[str] = []
    refs: dict[str, tuple[str, ...]] = {}
    position = 0
    skipping: list[bool] = []  # per open tag: are we in an alternative that is left out
    for number, match in enumerate(_JINJA.finditer(template)):
        between = template[position : match.start()]
        out.append(_blank(between) if any(skipping) else between)
        tag = match.group()
        if _OPENS.match(tag):
            skipping.append(False)
        elif _ELSE.match(tag) and skipping:
            skipping[-1] = True
        elif _ENDS.match(tag) and skipping:
            skipping.pop()
        out.append(_blank(tag) if any(skipping) else _stand_in(tag, number, refs))
        position = match.end()
    out.append(template[position:])
    return Masked("".join(out), refs)


def _stand_in(tag: str, number: int, refs: dict[str, tuple[str, ...]]) -> str:
    if not tag.startswith("{{") or _CONFIG.match(tag):
        return _blank(tag)
    call = _CALL.match(tag)
    word = f"_{'r' if call else 'x'}{number}"
    if call:
        refs[word] = tuple(_STRINGS.findall(tag))
    if len(word) > len(tag.splitlines()[0]):
        return _blank(tag)
    return word + _blank(tag[len(word) :])


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
