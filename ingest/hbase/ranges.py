"""A table cut into ranges of keys of about equal size, without counting: by its regions, and by short looks into them.

Regions are split by size, so each counts the same. Within a region, the tree of its keys' first bytes is walked with
one-row scans, and each branch of one depth counts the same: ids are numbered or drawn evenly far more often than not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import happybase

from ingest.hbase.scan import Scan, open_scanner
from stores.hbase_cells import prefix_stop

KEYS_ONLY = b"FirstKeyOnlyFilter() AND KeyOnlyFilter()"
_PIECES, _FEWEST_PIECES, _MOST_PIECES = 64, 4, 8  # in all if possible; of a share at least and at most
_MOST_LOOKS = 1000  # each takes about 2 ms


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Row keys from `start`, inclusive, to `stop`, exclusive; None for the table's end."""

    start: bytes = b""
    stop: bytes | None = None

    def meets(self, other: KeyRange) -> KeyRange | None:
        """Returns the keys that both hold; None where there are none."""
        start = max(self.start, other.start)
        stops = [stop for stop in (self.stop, other.stop) if stop is not None]
        stop = min(stops) if stops else None
        return None if stop is not None and start >= stop else KeyRange(start, stop)


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of keys and about how much of the table it holds."""

    within: KeyRange
    weight: float


def balanced_shares(connection: happybase.Connection, table: str, within: KeyRange, count: int) -> list[list[KeyRange]]:
    """Returns up to `count` shares of about equal size, each of several ranges, that together are `within`.

    They leave nothing out, whatever the table's regions become meanwhile.
    """
    if count <= 1:
        return [[within]]
    starts = _weighed_starts(
        connection, table, within, count * min(_MOST_PIECES, max(_FEWEST_PIECES, _PIECES // count))
    )
    dealings = [deal(cut_at(within, starts, count * pieces), count) for pieces in range(_MOST_PIECES, 0, -1)]
    best = min(dealings, key=_largest)  # the first of those that are as good: that of the most pieces
    return [[piece.within for piece in share] for share in best]


def key_ranges(connection: happybase.Connection, table: str, within: KeyRange, count: int) -> list[KeyRange]:
    """Returns up to `count` ranges of about equal size, in order, that together are `within`."""
    if count <= 1:
        return [within]
    return [piece.within for piece in cut_at(within, _weighed_starts(connection, table, within, count), count)]


def _largest(shares: Sequence[Sequence[Piece]]) -> float:
    """Returns the largest share's part of the whole, as far as it matters."""
    weights = [sum(piece.weight for piece in share) for share in shares]
    return round(max(weights) / (sum(weights) or 1.0), 3)


def deal(pieces: Sequence[Piece], count: int) -> list[list[Piece]]:
    """Returns up to `count` shares of the pieces, dealt there and back again: 0 1 1 0 0 1 1 0 …

    Keys given out in order often grow denser or thinner along the way, as users that came early have more sessions;
    this evens out such a trend.
    """
    shares: list[list[Piece]] = [[] for _ in range(min(count, len(pieces)))]
    order = [*range(len(shares)), *reversed(range(len(shares)))]
    for index, piece in enumerate(pieces):
        shares[order[index % len(order)]].append(piece)
    return shares


def cut_at(within: KeyRange, starts: Sequence[tuple[bytes, float]], count: int) -> list[Piece]:
    """Returns up to `count` pieces of about equal weight, cut where branches begin, which are given with theirs."""
    whole = sum(weight for _, weight in starts)
    cuts: list[bytes] = []
    weights = [0.0]
    seen = 0.0
    for start, weight in starts:
        due = whole * (len(cuts) + 1) / count
        if len(cuts) < count - 1 and seen > 0 and seen + weight / 2 >= due and start > within.start:
            cuts.append(start)
            weights.append(0.0)
        seen += weight
        weights[-1] += weight
    edges = zip([within.start, *cuts], [*cuts, within.stop], weights, strict=True)
    return [Piece(KeyRange(start, stop), weight) for start, stop, weight in edges]


def _weighed_starts(
    connection: happybase.Connection, table: str, within: KeyRange, wanted: int
) -> list[tuple[bytes, float]]:
    """Returns where branches of the keys begin, in order, with their weights: at least so many, if there are."""
    regions = [each for region in _regions(connection, table) if (each := region.meets(within)) is not None]
    if len(regions) >= wanted:
        return [(region.start, 1.0) for region in regions]
    looks = _Looks(connection, table)
    starts: list[tuple[bytes, float]] = []
    for region in regions:
        found = _branches(looks, region, -(-wanted // len(regions)))
        starts += [(branch, 1 / len(found)) for branch in found]
    return starts


def _regions(connection: happybase.Connection, table: str) -> list[KeyRange]:
    found = sorted((each["start_key"], each["end_key"] or None) for each in connection.table(table).regions())
    return [KeyRange(start, stop) for start, stop in found]


class _Looks:
    """Looks for the first key at or after a place; knows how many looks are left."""

    def __init__(self, connection: happybase.Connection, table: str) -> None:
        self._connection = connection
        self._scan = Scan(table=table, filter=KEYS_ONLY, batch_rows=1)
        self.left = _MOST_LOOKS

    def first(self, within: KeyRange) -> bytes | None:
        """Returns the first key of the range; None where it is empty."""
        self.left -= 1
        client: Any = self._connection.client
        scanner = open_scanner(self._connection, replace(self._scan, start=within.start, stop=within.stop))
        try:
            rows = client.scannerGetList(scanner, 1)
        finally:
            client.scannerClose(scanner)
        return rows[0].row if rows else None


def _branches(looks: _Looks, within: KeyRange, wanted: int) -> list[bytes]:
    """Returns where at least `wanted` branches of the range's keys begin, if it has so many; all of one depth."""
    branches = [(within.start, 0)]  # a branch's first key, and how many bytes all its keys share
    while len(branches) < wanted and looks.left > 0:
        inner = [each for start, shared in branches for each in _inner_branches(looks, within, start, shared)]
        if len(inner) == len(branches) and all(len(start) < shared for start, shared in inner):
            break  # all keys end here
        branches = inner
    return [start for start, _ in branches] or [within.start]


def _inner_branches(looks: _Looks, within: KeyRange, start: bytes, shared: int) -> list[tuple[bytes, int]]:
    """Returns the branches of a branch, one byte deeper."""
    if len(start) < shared:
        return [(start, shared)]  # a key that ends here
    stop = prefix_stop(start[:shared]) if shared else None
    branch = KeyRange(start if shared else within.start, stop).meets(within)
    found: list[tuple[bytes, int]] = []
    while branch is not None:
        key = looks.first(branch)
        if key is None:
            break
        found.append((key, shared + 1))
        after = key + b"\0" if len(key) <= shared else prefix_stop(key[: shared + 1])
        branch = None if after is None else KeyRange(after, branch.stop).meets(branch)
    return found
