"""The first page of the catalog: all that the project is made of, by kind and folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner.site.catalog.library import Library, is_documented
from runner.site.catalog.markup import first_sentence
from runner.site.catalog.table import SCRIPTS, STYLES, Row
from runner.site.facts import Standing
from runner.site.page import Page

_KINDS = {"source": "Sources", "model": "Models", "seed": "Seeds", "snapshot": "Snapshots"}
_STANDINGS: tuple[Standing, ...] = ("failed", "skipped", "stale", "missing", "fresh")
_OPEN = 120  # tables up to which all folders are open


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The tables of one folder.

    Attributes:
        anchor: on the page.
        troubled: how many of them do not stand as they should.
    """

    path: tuple[str, ...]
    anchor: str
    rows: tuple[Row, ...]

    @property
    def troubled(self) -> int:
        return sum(row.standing in ("failed", "skipped", "stale") for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A thing that is no table, in a line."""

    name: str
    address: str
    detail: str
    kind: str


def tree_page(library: Library, rows: Sequence[Row]) -> Page:
    """Returns the page over everything that is to be documented."""
    rows = [row for row in rows if is_documented(row.node)]
    numbers = Counter(row.standing for row in rows)
    return Page(
        path="catalog.html",
        title="Catalog",
        section="catalog",
        template="catalog/tree.html.jinja",
        styles=STYLES,
        scripts=SCRIPTS,
        values={
            "kinds": [(words, folders) for kind, words in _KINDS.items() if (folders := _folders(kind, rows))],
            "further": [(words, lines) for words, lines in _further(library) if lines],
            "is_open": len(rows) <= _OPEN,
            "standings": [(word, numbers[word]) for word in _STANDINGS if numbers[word]],
            "total": len(rows),
            "owners": sorted({row.owner for row in rows if row.owner}),
            "tags": sorted({tag for row in rows for tag in row.tags}),
        },
    )


def _folders(kind: str, rows: Sequence[Row]) -> list[Folder]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.kind == kind:
            found.setdefault(row.folder, []).append(row)
    return [
        Folder(
            path=path,
            anchor="-".join((kind, *path)),
            rows=tuple(sorted(of, key=lambda row: row.node.label)),
        )
        for path, of in sorted(found.items(), key=lambda pair: _first(pair[0]))
    ]


def _first(path: tuple[str, ...]) -> Any:
    """Returns what folders are sorted by: the way of the data, then the name."""
    order = {"staging": 0, "intermediate": 1, "marts": 2}
    return order.get(path[0] if path else "", 1), path


def _further(library: Library) -> list[tuple[str, list[Line]]]:
    project = library.facts.project
    exposures = [
        Line(
            name=one.label or one.name,
            address=library.address(one),
            detail=first_sentence(one.description),
            kind=one.type,
        )
        for one in project.exposures.values()
    ]
    groups = [
        Line(name=one.name, address=library.address(one), detail=first_sentence(one.description), kind="group")
        for one in project.groups.values()
    ]
    analyses = [
        Line(name=one.label, address=library.address(one), detail=first_sentence(one.description), kind="analysis")
        for one in filter(is_documented, project.analyses.values())
    ]
    tests = [
        Line(name=one.name, address=library.address(one), detail=first_sentence(one.description), kind="singular test")
        for one in filter(is_documented, library.singular)
    ]
    macros = [
        Line(
            name=one.name if one.package == project.files.name else f"{one.package}.{one.name}",
            address=library.address(one),
            detail=first_sentence(one.description),
            kind=one.kind,
        )
        for one in filter(is_documented, library.macros.values())
    ]
    found = [
        ("Exposures", exposures),
        ("Groups", groups),
        ("Analyses", analyses),
        ("Tests in SQL", tests),
        ("Macros", macros),
    ]
    return [(words, sorted(lines, key=lambda line: line.name.lower())) for words, lines in found]
