"""Tables that a person's own statement makes: they lie in the warehouse, where every later command finds them.

The catalog of a plain warehouse folder lives as long as one Spark session. A table that a hook or an operation creates
without saying where would be lost with it; so the statement gets the place where the warehouse has tables of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_HEAD = re.compile(
    r"(?:\s|--[^\n]*(?:\n|\Z)|/\*[\s\S]*?\*/)*create\s+(?:or\s+replace\s+)?table\s+(?:if\s+not\s+exists\s+)?"
    r"`?([A-Za-z_]\w*)`?\s*\.\s*`?([A-Za-z_]\w*)`?(?![\w`.])",
    re.IGNORECASE,
)
_PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*[\s\S]*?\*/|[()]|[^\s()'\"`]+|\s+")
_PROVIDER = re.compile(r"\s*using\s+(\w+)", re.IGNORECASE)
_CLAUSES = ("as", "select", "with", "partitioned", "cluster", "comment", "tblproperties", "options")


def placed(sql: str, warehouse: Path) -> str:
    """Returns a `create table schema.name …` of a Delta table with the place that the warehouse has for it.

    Every other statement, and one that says where or in which other format, is returned as it is.
    """
    head = _HEAD.match(sql)
    if head is None or any(word.lower() == "location" for word in _words(sql, head.end())):
        return sql
    end = _after_columns(sql, head.end())
    provider = _PROVIDER.match(sql, end)
    if provider is not None and provider[1].lower() != "delta":
        return sql
    if provider is None and end == head.end():
        following = next(_words(sql, end), "")
        if following and following.lower() not in _CLAUSES:
            return sql  # like, clone
    at = provider.end() if provider else end
    path = str((warehouse / head[1] / head[2]).absolute()).replace("\\", "\\\\").replace("'", "\\'")
    using = "" if provider else " using delta"
    return f"{sql[:at]}{using} location '{path}'{sql[at:]}"


def _words(sql: str, start: int) -> Iterator[str]:
    """Yields the words outside of parentheses, texts and comments."""
    depth = 0
    for piece in _PIECE.findall(sql, start):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and piece[0].isalnum():
            yield piece


def _after_columns(sql: str, start: int) -> int:
    """Returns where the list of columns ends; `start` where there is none."""
    depth = 0
    for match in _PIECE.finditer(sql, start):
        piece = match[0]
        if depth == 0 and piece != "(" and not piece.isspace():
            return start
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == ")" and depth == 0:
            return match.end()
    return start
