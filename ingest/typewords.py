"""The words by which `sources.yml` writes column types (Spark's DDL), read without Spark."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.errors import nearest

# How simple types may be written, and what they are called here.
_SIMPLE = {
    "string": "string",
    "boolean": "boolean",
    "tinyint": "tinyint",
    "byte": "tinyint",
    "smallint": "smallint",
    "short": "smallint",
    "int": "int",
    "integer": "int",
    "bigint": "bigint",
    "long": "bigint",
    "float": "float",
    "real": "float",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp",
}
_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|`(?P<quoted>[^`]+)`|(?P<number>\d+)|(?P<sign>[<>(),:]))")


@dataclass(frozen=True, slots=True)
class Written:
    """A type as it was written.

    Attributes:
        kind: `decimal`, `array`, `map`, `struct`, or a simple type's name.
        inner: an array's element, a map's value, a struct's fields.
        names: a struct's field names, beside `inner`.
        numbers: a decimal's precision and scale.
    """

    kind: str
    inner: tuple[Written, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


class UnreadableType(ValueError):
    """A text that names no type that can be landed; the message says why, in the reader's own word."""


def parse_type(text: str) -> Written:
    """Returns the type that `text` names, such as `map<string,struct<quantity:int,price:decimal(12,2)>>`.

    Raises:
        UnreadableType: the text names no type, or one that no landed column can have.
    """
    tokens = _Tokens(text)
    found = _read(tokens)
    if tokens.left():
        raise UnreadableType(f'"{text}" goes on after its end at "{tokens.left()}"')
    return found


class _Tokens:
    """The words and signs of a type, read once from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0

    def left(self) -> str:
        return self.text[self._at :].strip()

    def take(self, *kinds: str) -> str:
        match = _TOKEN.match(self.text, self._at)
        if match is None or match.lastgroup not in kinds:
            rest = self.left()
            raise UnreadableType(
                f'"{self.text}" cannot be read at "{rest}"' if rest else f'"{self.text}" ends too soon'
            )
        self._at = match.end()
        return str(match.group(str(match.lastgroup)))

    def skip(self, sign: str) -> bool:
        match = _TOKEN.match(self.text, self._at)
        if match is None or match.group("sign") != sign:
            return False
        self._at = match.end()
        return True

    def need(self, sign: str) -> None:
        if not self.skip(sign):
            rest = self.left()
            raise UnreadableType(f'"{self.text}" lacks "{sign}"' + (f' before "{rest}"' if rest else " at its end"))


def _read(tokens: _Tokens) -> Written:
    word = tokens.take("word")
    kind = word.lower()
    if kind in ("decimal", "numeric", "dec"):
        return _read_decimal(tokens)
    if kind == "array":
        tokens.need("<")
        element = _read(tokens)
        tokens.need(">")
        return Written("array", inner=(element,))
    if kind == "map":
        return _read_map(tokens)
    if kind == "struct":
        return _read_struct(tokens)
    if kind not in _SIMPLE:
        known = [*_SIMPLE, "decimal", "array", "map", "struct"]
        near = nearest(kind, known)
        raise UnreadableType(f'"{word}" is no type that can be landed.' + (f' Did you mean "{near}"?' if near else ""))
    return Written(_SIMPLE[kind])


def _read_decimal(tokens: _Tokens) -> Written:
    precision, scale = 10, 0
    if tokens.skip("("):
        precision = int(tokens.take("number"))
        if tokens.skip(","):
            scale = int(tokens.take("number"))
        tokens.need(")")
    if not 0 <= scale <= precision <= 38 or precision == 0:
        raise UnreadableType(
            f'"decimal({precision},{scale})" does not exist: precision is 1 to 38, scale 0 to precision'
        )
    return Written("decimal", numbers=(precision, scale))


def _read_map(tokens: _Tokens) -> Written:
    tokens.need("<")
    key = _read(tokens)
    if key.kind != "string":
        raise UnreadableType(f'"{tokens.text}": a map\'s keys are strings, since they are field names')
    tokens.need(",")
    value = _read(tokens)
    tokens.need(">")
    return Written("map", inner=(value,))


def _read_struct(tokens: _Tokens) -> Written:
    tokens.need("<")
    fields: dict[str, Written] = {}
    while not fields or tokens.skip(","):
        name = tokens.take("word", "quoted")
        tokens.skip(":")
        if name in fields:
            raise UnreadableType(f'"{tokens.text}": the field "{name}" occurs twice')
        fields[name] = _read(tokens)
    tokens.need(">")
    return Written("struct", inner=tuple(fields.values()), names=tuple(fields))
