"""A table cut into ranges of keys of about equal size, without counting: by its regions, and by short looks into them.

The tree of the keys' first bytes is walked with one-row scans, and each branch of one depth counts the same: ids are
numbered or drawn evenly far more often than not. Where they are not, regions say so: they are split by size, so each
counts as many branches as it has, but within bounds of their mean.
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
_FINE, _CHEAP_LOOKS = 4, 300  # more branches than pieces make them more equal, where few looks find them
_UNLIKE = 4.0  # how many times the mean a region may hold, or a part of it


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
    """Returns up to `count` shares of the pieces, dealt in the order of Thue and Morse: 0 1 1 0 1 0 0 1 …

    Keys often grow denser or thinner along the way, as users that came early have more sessions, and may do so again
    and again; this evens out a trend and repeated ones. The n-th piece goes to the share of its digits' sum.
    """
    shares: list[list[Piece]] = [[] for _ in range(min(count, len(pieces)))]
    for index, piece in enumerate(pieces):
        shares[_digit_sum(index, count) % count if len(shares) == count else index].append(piece)
    return shares


def _digit_sum(number: int, base: int) -> int:
    total = 0
    while number:
        number, digit = divmod(number, base)
        total += digit
    return total


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
    branches = _branches(_Looks(connection, table), regions, wanted)
    mean = max(1.0, sum(map(len, branches)) / len(regions))
    starts: list[tuple[bytes, float]] = []
    for region, keys in zip(regions, branches, strict=True):
        weight = min(max(len(keys) / mean, 1 / _UNLIKE), _UNLIKE)
        starts += [(key, weight / len(keys)) for key in keys] or [(region.start, 0.0)]
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


def _branches(looks: _Looks, regions: Sequence[KeyRange], wanted: int) -> list[list[bytes]]:
    """Returns of each region where branches of its keys begin: in all so many, if there are; all of one depth."""
    levels = [[(region.start, 0)] for region in regions]  # a branch's first key, and how many bytes its keys share
    before, now = 1, len(levels)
    while now < wanted or (now < _FINE * wanted and now * (1 + now // before) <= _CHEAP_LOOKS):
        deeper = [
            [each for start, shared in level for each in _inner_branches(looks, region, start, shared)]
            for region, level in zip(regions, levels, strict=True)
        ]
        if looks.left <= 0:
            break  # not all of this depth is known
        levels = deeper
        before, now = max(1, now), sum(map(len, levels))
        if all(len(start) < shared for level in levels for start, shared in level):
            break  # all keys end here
    return [[start for start, _ in level] for level in levels]


def _inner_branches(looks: _Looks, within: KeyRange, start: bytes, shared: int) -> list[tuple[bytes, int]]:
    """Returns the branches of a branch, one byte deeper."""
    if len(start) < shared:
        return [(start, shared + 1)]  # a key that ends here
    stop = prefix_stop(start[:shared]) if shared else None
    branch = KeyRange(start if shared else within.start, stop).meets(within)
    found: list[tuple[bytes, int]] = []
    while branch is not None and looks.left > 0:
        key = looks.first(branch)
        if key is None:
            break
        found.append((key, shared + 1))
        after = key + b"\0" if len(key) <= shared else prefix_stop(key[: shared + 1])
        branch = None if after is None else KeyRange(after, branch.stop).meets(branch)
    return found
