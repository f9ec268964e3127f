"""What a generated shop came to, for the person who asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TRUTH = "truth.json"  # the file beside the data that tells what was planted


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rows of one kind were written, and how many were asked for."""

    made: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was generated, against what was asked for.

    Attributes:
        counts: rows by entity: users, categories, products, sessions, transactions.
        linked_orders: orders that belong to a session.
        converted_sessions: sessions that say they ended in a purchase.
        page_views: counts by page type.
        stock_left: units in stock at the end; `sold_out` products have none.
        seconds: wall time. size: bytes of all files.
    """

    folder: Path
    profile: str
    counts: dict[str, Count]
    linked_orders: int
    converted_sessions: int
    page_views: dict[str, int]
    stock_left: int
    units_sold: int
    sold_out: int
    planted: dict[str, int]
    files: tuple[str, ...]
    size: int
    seconds: float

    def lines(self) -> list[str]:
        """Returns the summary as lines of text."""
        width = max(len(name) for name in self.counts)
        rows = [f"  {name:<{width}}  {count.made:>11,} of {count.target:,}" for name, count in self.counts.items()]
        defects = ", ".join(f"{name} ({count:,})" for name, count in self.planted.items())
        return [
            f"{self.profile} shop in {self.folder}",
            *rows,
            f"  {'page views':<{width}}  {sum(self.page_views.values()):>11,}",
            f"Orders of a session: {self.linked_orders:,} for {self.converted_sessions:,} converted sessions.",
            f"Stock: {self.units_sold:,} units sold, {self.stock_left:,} left, {self.sold_out:,} products sold out.",
            *([f"Defects planted: {defects}. The truth is in {TRUTH}."] if self.planted else []),
            f"{len(self.files)} files, {self.size / 1e6:,.1f} MB, {self.seconds:.1f} s.",
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())
