"""What the report is made of, whatever it is written as: sections of paragraphs, lists, tables and insights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.insights.answer import Insight


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to an address of the site, where there is such a page."""

    text: str
    address: str


Cell = str | Link


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption.

    Attributes:
        numeric: the places of columns that hold numbers.
        is_folded: whether a page shows it only on demand.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A station of the data: its name, and what is there."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Stations in the order in which data pass them."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An insight with what a reader needs beside its sentences.

    Attributes:
        period: which rows of the table count, and the days that they are of; empty where that is all and not known.
        notes: what is to be known besides: warnings of checks, the age of the table, the project's own words.
        links: the table's page, a dashboard.
    """

    insight: Insight
    period: str
    notes: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


Block = Paragraph | Items | Table | Flow | Told


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        anchor: its name in links.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The report.

    Attributes:
        lead: what it is of, in a sentence or two.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]


def some(words: Sequence[str], most: int = 8) -> str:
    """Returns the first words of a list, and how many more there are."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most:,} more"
