"""What a masked template says: its CTEs and where they are used, its tables, stars and groupings, with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.lint.mask import Masked


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file, from 1, and its offset from 0."""

    line: int
    column: int
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name at its place; for a table, `schema` and the length of all that is written."""

    name: str
    place: Place
    schema: str = ""
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """A `*` in a select list.

    Attributes:
        of: the tables in that select's from and joins.
        is_alone: the select list holds nothing else.
        cte: the CTE whose query it is; empty for another.
    """

    place: Place
    of: tuple[str, ...]
    is_alone: bool
    cte: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One statement."""

    ctes: tuple[Named, ...]
    tables: tuple[Named, ...]
    stars: tuple[Star, ...]
    numbered: tuple[Place, ...]
    used: frozenset[str]


def read_query(masked: Masked) -> Query | None:
    """Returns what the text says; None where it is no statement that sqlglot reads, as with some loops of Jinja."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(masked.text, read="spark")
    except sqlglot.errors.SqlglotError:
        return None
    if not isinstance(tree, exp.Query):
        return None
    tables = [found for table in tree.find_all(exp.Table) if (found := _table(table, masked.text)) is not None]
    return Query(
        ctes=tuple(
            Named(name=cte.alias, place=place)
            for cte in tree.find_all(exp.CTE)
            if (place := _place(cte.args["alias"].this, masked.text)) is not None
        ),
        tables=tuple(tables),
        stars=tuple(_stars(tree, masked.text)),
        numbered=tuple(_numbered(tree, masked.text)),
        used=frozenset(table.name.lower() for table in tables if not table.schema),
    )


def _place(node: Any, text: str) -> Place | None:
    start = node.meta.get("start") if node is not None else None
    return place_at(text, start) if start is not None else None


def place_at(text: str, offset: int) -> Place:
    """Returns the line and column of a character."""
    return Place(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1, offset)


def _table(table: Any, text: str) -> Named | None:
    first = table.args.get("catalog") or table.args.get("db") or table.this
    place = _place(first, text)
    if place is None or not table.name:
        return None
    end = table.this.meta.get("end", place.offset)
    return Named(name=table.name, schema=table.db, place=place, length=end + 1 - place.offset)


def _stars(tree: Any, text: str) -> Iterator[Star]:
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        for item in select.expressions:
            star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
            if not isinstance(star, exp.Star):
                continue
            place = _place(star, text)
            if place is None and isinstance(item, exp.Column):
                place = _place(item.args.get("table"), text)
            if place is None:
                continue
            source = select.args.get("from_") or select.args.get("from")
            sources = [source.this] if source is not None else []
            sources += [join.this for join in select.args.get("joins") or ()]
            cte = select.parent if isinstance(select.parent, exp.CTE) else None
            yield Star(
                place=place,
                of=tuple(one.name if isinstance(one, exp.Table) else "" for one in sources),
                is_alone=len(select.expressions) == 1,
                cte=cte.alias if cte is not None else "",
            )


def _numbered(tree: Any, text: str) -> Iterator[Place]:
    from sqlglot import exp

    for group in tree.find_all(exp.Group):
        for item in group.expressions:
            if isinstance(item, exp.Literal) and not item.is_string:
                place = _place(item, text)
                if place is not None:
                    yield place
                break
