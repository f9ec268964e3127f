"""What a value in a query is made of: the columns it takes its values from, and what lies within it.

A struct knows its fields, an array its elements, a map its keys and values, so that `explode(items) as item` and then
`item.price` leads to the field `price` of the elements of `items` and not to all of `items`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ELEMENT = "[]"
KEY = "{key}"
VALUE = "{value}"
ROWS = "*"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A column, or what lies within it, that a value comes from.

    Attributes:
        table: as the query names it.
        path: the column, then the fields within it; `[]` stands for any element of an array, `{key}` and `{value}` for
            those of a map. `*` alone stands for the table's rows, where they are counted; after an array, for the rows
            that its elements become.
        is_copy: whether the value is taken over as it is; else something is computed from it.
    """

    table: str
    path: tuple[str, ...]
    is_copy: bool = True

    @property
    def column(self) -> str:
        return self.path[0]

    @property
    def is_rows(self) -> bool:
        """Whether rows are counted, and not values taken."""
        return self.path[-1] == ROWS

    def written(self) -> str:
        """Returns the path as people write it: `items[].price`; `*` for rows."""
        text = self.path[0]
        for part in self.path[1:]:
            text += part if part in (ELEMENT, KEY, VALUE) else f".{part}"
        return text


class Shape:
    """What a value is made of. This one is made of nothing: a constant."""

    __slots__ = ()

    def origins(self) -> frozenset[Origin]:
        return frozenset()

    def field(self, name: str) -> Shape:
        """Returns the shape of a struct's field."""
        return self

    def element(self) -> Shape:
        """Returns the shape of an array's element."""
        return self

    def key(self) -> Shape:
        """Returns the shape of a map's key."""
        return self

    def value(self) -> Shape:
        """Returns the shape of a map's value."""
        return self

    def fields(self) -> Mapping[str, Shape] | None:
        """Returns a struct's fields in their order; None where nobody knows them."""
        return None

    def is_map(self) -> bool:
        return False


CONSTANT = Shape()


@dataclass(frozen=True, slots=True)
class Taken(Shape):
    """A column of a table, or what lies within it.

    Attributes:
        kind: its type as sqlglot has it; None where nobody knows it.
        made: what the table's own query makes it of, which tells what lies within it where no type does.
    """

    table: str
    path: tuple[str, ...]
    kind: Any = None
    made: Shape | None = None

    def origins(self) -> frozenset[Origin]:
        return frozenset({Origin(self.table, self.path)})

    def field(self, name: str) -> Shape:
        if self.is_map():
            return self.value()
        if self._is("ARRAY") or isinstance(self.made, Array):
            return Array(self.element().field(name))  # a field of an array of structs is the array of that field
        known = next((one for one in self.fields() or () if one.lower() == name.lower()), name)
        return self._within(known, dict(self._struct()).get(known), self.made.field(name) if self.made else None)

    def element(self) -> Shape:
        return self._within(ELEMENT, self._inner("ARRAY", 0), self.made.element() if self.made else None)

    def key(self) -> Shape:
        return self._within(KEY, self._inner("MAP", 0), self.made.key() if self.made else None)

    def value(self) -> Shape:
        return self._within(VALUE, self._inner("MAP", 1), self.made.value() if self.made else None)

    def fields(self) -> Mapping[str, Shape] | None:
        if self._is("STRUCT"):
            return {name: self._within(name, kind, None) for name, kind in self._struct()}
        within = self.made.fields() if self.made else None
        return None if within is None else {name: self._within(name, None, made) for name, made in within.items()}

    def is_map(self) -> bool:
        return self._is("MAP") or (self.made is not None and self.made.is_map())

    def _within(self, part: str, kind: Any, made: Shape | None) -> Taken:
        return Taken(self.table, (*self.path, part), kind, made)

    def _is(self, name: str) -> bool:
        return self.kind is not None and self.kind.this.name == name

    def _inner(self, name: str, index: int) -> Any:
        return self.kind.expressions[index] if self._is(name) and index < len(self.kind.expressions) else None

    def _struct(self) -> list[tuple[str, Any]]:
        return [(one.name, one.args.get("kind")) for one in self.kind.expressions] if self._is("STRUCT") else []


@dataclass(frozen=True, slots=True)
class Struct(Shape):
    """A struct that the query makes."""

    made_of: tuple[tuple[str, Shape], ...]

    def origins(self) -> frozenset[Origin]:
        return _joined(shape for _, shape in self.made_of)

    def field(self, name: str) -> Shape:
        return next((shape for known, shape in self.made_of if known.lower() == name.lower()), computed([self]))

    def fields(self) -> Mapping[str, Shape]:
        return dict(self.made_of)


@dataclass(frozen=True, slots=True)
class Array(Shape):
    """An array that the query makes.

    Attributes:
        is_listed: whether its elements are written down one by one, so that their places come from nothing.
    """

    of: Shape
    is_listed: bool = False

    def origins(self) -> frozenset[Origin]:
        return self.of.origins()

    def field(self, name: str) -> Shape:
        return Array(self.of.field(name))

    def element(self) -> Shape:
        return self.of

    def value(self) -> Shape:
        return self.of


@dataclass(frozen=True, slots=True)
class Map(Shape):
    """A map that the query makes."""

    keys: Shape
    values: Shape

    def origins(self) -> frozenset[Origin]:
        return self.keys.origins() | self.values.origins()

    def field(self, name: str) -> Shape:
        return self.values

    def element(self) -> Shape:
        return self.values

    def key(self) -> Shape:
        return self.keys

    def value(self) -> Shape:
        return self.values

    def is_map(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Either(Shape):
    """One of several: the branches of a union or of a case."""

    shapes: tuple[Shape, ...]

    def origins(self) -> frozenset[Origin]:
        return _joined(self.shapes)

    def field(self, name: str) -> Shape:
        return either([one.field(name) for one in self.shapes])

    def element(self) -> Shape:
        return either([one.element() for one in self.shapes])

    def key(self) -> Shape:
        return either([one.key() for one in self.shapes])

    def value(self) -> Shape:
        return either([one.value() for one in self.shapes])

    def fields(self) -> Mapping[str, Shape] | None:
        known = [fields for one in self.shapes if (fields := one.fields()) is not None]
        return {name: self.field(name) for name in known[0]} if known else None

    def is_map(self) -> bool:
        return any(one.is_map() for one in self.shapes)


@dataclass(frozen=True, slots=True)
class Computed(Shape):
    """Something that is computed; what lies within it comes from all of it."""

    made_of: frozenset[Origin]

    def origins(self) -> frozenset[Origin]:
        return self.made_of


def computed(shapes: Iterable[Shape]) -> Shape:
    """Returns what is computed from all of these."""
    found = frozenset(Origin(one.table, one.path, is_copy=False) for one in _joined(shapes))
    return Computed(found) if found else CONSTANT


def rows_of(shape: Shape) -> Shape:
    """Returns the rows that the elements of an array or a map become."""
    found = frozenset(Origin(one.table, (*one.path, ROWS), is_copy=False) for one in shape.origins())
    return Computed(found) if found else CONSTANT


def place_in(array: Shape) -> Shape:
    """Returns what the place of an element comes from: of the array itself, as its size does."""
    if isinstance(array, Either):
        return either([place_in(one) for one in array.shapes])
    return CONSTANT if isinstance(array, Array) and array.is_listed else computed([array])


def either(shapes: Iterable[Shape]) -> Shape:
    """Returns one of these; constants tell nothing of where a value comes from."""
    found = tuple(dict.fromkeys(one for one in shapes if one is not CONSTANT))
    if not found:
        return CONSTANT
    return found[0] if len(found) == 1 else Either(found)


def beside(shape: Shape, others: Iterable[Shape]) -> Shape:
    """Returns `shape`, chosen by the values of others: of which it is computed as well."""
    extra = computed(others)
    return shape if extra is CONSTANT else either([shape, extra])


def within(shape: Shape, path: Iterable[str]) -> Shape:
    """Returns what lies within a value."""
    for part in path:
        if part == ROWS:
            shape = rows_of(shape)
        elif part == ELEMENT:
            shape = shape.element()
        elif part == KEY:
            shape = shape.key()
        elif part == VALUE:
            shape = shape.value()
        else:
            shape = shape.field(part)
    return shape


def _joined(shapes: Iterable[Shape]) -> frozenset[Origin]:
    found: set[Origin] = set()
    for one in shapes:
        found |= one.origins()
    used = {(one.table, one.path) for one in found if not one.is_copy}
    # What is both taken over and computed with counts as computed with.
    return frozenset(one for one in found if not one.is_copy or (one.table, one.path) not in used)
