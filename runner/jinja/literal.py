"""Templates that call only ref, source and config, with literals: what they ask for can be read off without rendering.

Anything that is not surely such a template is left to Jinja: a block, a filter, an expression, an escape in a string.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMES = ("ref", "source", "config")
_PIECE = re.compile(r"\{#.*?#\}|\{\{(.*?)\}\}|\{[%{#]", re.DOTALL)
# Python and Jinja read these differently, as they do prefixed, joined and triple-quoted strings.
_UNSURE = ("\\", "#")
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a template."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class _Unsure(Exception):
    """The expression is none that is surely the same in Python and in Jinja."""


def literal_calls(text: str) -> list[Call] | None:
    """Returns the calls of a template in their order; None where it holds anything but comments and such calls."""
    found: list[Call] = []
    for match in _PIECE.finditer(text):
        if match[0].startswith("{#") and len(match[0]) > 2:
            continue
        if match[1] is None:
            return None
        try:
            found.append(_call(match[1]))
        except (_Unsure, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return found


def _call(expression: str) -> Call:
    body = (expression[1:] if expression[:1] in ("-", "+") else expression).removesuffix("-")
    if any(sign in body for sign in _UNSURE):
        raise _Unsure
    source = f"({body}\n)"
    node = ast.parse(source, mode="eval").body
    _check_strings(source, node)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in NAMES:
        raise _Unsure
    names = [keyword.arg for keyword in node.keywords]
    if None in names or len(set(names)) < len(names):
        raise _Unsure
    return Call(
        node.func.id,
        tuple(_value(argument) for argument in node.args),
        {str(keyword.arg): _value(keyword.value) for keyword in node.keywords},
    )


def _check_strings(source: str, node: ast.expr) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            written = ast.get_source_segment(source, part) or ""
            if written[:1] not in ("'", '"') or written[0] in written[1:-1]:
                raise _Unsure


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float, type(None))):
        return node.value
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        return {_key(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value
    raise _Unsure


def _key(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int)):
        return node.value
    raise _Unsure
