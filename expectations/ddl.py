"""Spark's types as text (`struct<a:string,b:array<int>>`) read into values, without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A type as far as paths go into it.

    Attributes:
        fields: of a struct.
        inner: of an array's elements or a map's values.
        text: as Spark writes it.
    """

    kind: Literal["struct", "array", "map", "plain"]
    text: str
    fields: Mapping[str, Shape] = field(default_factory=dict)
    inner: Shape | None = None


def shape_of(text: str) -> Shape:
    """Returns the shape of a type in the form of `simpleString`."""
    text = text.strip()
    name, opened, rest = text.partition("<")
    if not opened or not rest.endswith(">"):
        return Shape(kind="plain", text=text)
    parts = _parts(rest[:-1])
    match name.strip().lower():
        case "struct":
            named = (part.partition(":") for part in parts)
            return Shape(kind="struct", text=text, fields={key.strip("` "): shape_of(kind) for key, _, kind in named})
        case "array":
            return Shape(kind="array", text=text, inner=shape_of(rest[:-1]))
        case "map":
            return Shape(kind="map", text=text, inner=shape_of(",".join(parts[1:])))
    return Shape(kind="plain", text=text)


def _parts(text: str) -> list[str]:
    """Returns what stands between commas that no bracket holds."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            parts.append(text[start:index])
            start = index + 1
    return [part for part in (*parts, text[start:]) if part]
