"""What a name means at one place of a query: the relations in sight, lambdas' parameters, columns named before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.errors import ProjectError
from runner.lineage.shapes import CONSTANT, Shape, either

Columns = Mapping[str, Shape]


class LineageError(ProjectError):
    """A query whose columns cannot be followed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a query makes.

    Attributes:
        columns: name → shape, in order.
        rows: what its rows come from, by origins of `ROWS`.
    """

    columns: dict[str, Shape]
    rows: Shape


Tables = Mapping[str, Made]  # common table expressions in sight


@dataclass(slots=True)
class Relation:
    """Something that a query reads, under a name.

    Attributes:
        names: the parts by which its columns can be qualified, the last one first: `users`, `shop`.
        columns: name → shape, in order.
        rows: what its rows come from.
    """

    names: tuple[str, ...]
    columns: dict[str, Shape]
    rows: Shape = CONSTANT

    def column(self, name: str) -> Shape | None:
        return next((shape for known, shape in self.columns.items() if known.lower() == name.lower()), None)

    def answers_to(self, parts: Sequence[str]) -> bool:
        asked = tuple(part.lower() for part in reversed(parts))
        return self.names[: len(asked)] == asked


@dataclass(slots=True)
class Scope:
    """What names mean at one place of a query.

    Attributes:
        joined: what a column that tables are joined by (`using`) stands for.
        lambdas: parameters of the lambdas around.
        windows: named windows.
        aliases: columns named earlier in the same list, which later ones may use.
        outer: the scope around a subquery.
    """

    relations: list[Relation] = field(default_factory=list)
    joined: dict[str, Shape] = field(default_factory=dict)
    lambdas: dict[str, Shape] = field(default_factory=dict)
    windows: dict[str, Any] = field(default_factory=dict)
    aliases: dict[str, Shape] = field(default_factory=dict)
    outer: Scope | None = None

    def rows(self) -> Shape:
        """Returns what the rows come from that are read here."""
        return either(one.rows for one in self.relations)

    def with_lambdas(self, more: Mapping[str, Shape]) -> Scope:
        return replace(self, lambdas={**self.lambdas, **more})

    def find(self, parts: Sequence[str]) -> Shape | None:
        """Returns what a dotted name means: a parameter, a column, or a field within one."""
        head = parts[0].lower()
        if head in self.lambdas:
            return within(self.lambdas[head], parts[1:])
        for size in range(len(parts) - 1, 0, -1):
            for relation in self.relations:
                if relation.answers_to(parts[:size]) and (found := relation.column(parts[size])) is not None:
                    return within(found, parts[size + 1 :])
        if head in self.joined:
            return within(self.joined[head], parts[1:])
        for relation in self.relations:
            if (found := relation.column(parts[0])) is not None:
                return within(found, parts[1:])
        if head in self.aliases:
            return within(self.aliases[head], parts[1:])
        return self.outer.find(parts) if self.outer is not None else None

    def columns(self) -> dict[str, Shape]:
        """Returns what `*` stands for: columns that tables are joined by come first, and once."""
        columns: dict[str, Shape] = {}
        seen: set[str] = set()
        for name in (name for one in self.relations for name in one.columns):
            if name.lower() in self.joined and name.lower() not in seen:
                seen.add(name.lower())
                columns[name] = self.joined[name.lower()]
        for relation in self.relations:
            for name, shape in relation.columns.items():
                if name.lower() not in seen:
                    columns[free(name, columns)] = shape
        return columns

    def starred(self, parts: Sequence[str]) -> Mapping[str, Shape]:
        """Returns what `name.*` stands for: the columns of a table or the fields of a struct."""
        for relation in self.relations:
            if relation.answers_to(parts):
                return relation.columns
        found = self.find(parts)
        fields = found.fields() if found is not None else None
        if fields is None:
            raise LineageError(f'nothing is known of the columns of "{".".join(parts)}.*".')
        return fields


def within(shape: Shape, parts: Iterable[str]) -> Shape:
    for part in parts:
        shape = shape.field(part)
    return shape


def free(name: str, taken: Mapping[str, Any]) -> str:
    """Returns a name that is not taken: two columns of a query may have one name."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}__{number}", number + 1
    return found
