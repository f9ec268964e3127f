"""Samples of a store's records, spread over its keys, for a look at what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingest.cell_profile import ROW_KEY
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from pymongo.database import Database

_RANGES = 16
_DIGITS_OF_KEY = 12  # bytes after the common beginning of the keys by which a region is cut
_ROWS_PER_CALL = 1_000


def sample_mongodb(database: Database[dict[str, Any]], collection: str, n: int) -> list[dict[str, Any]]:
    """Returns about `n` documents of a collection, drawn by the server; all where it has no more.

    Raises:
        NotFoundError: the database has no such collection.
    """
    names = database.list_collection_names()
    if collection not in names:
        raise NotFoundError(
            f'mongodb: the database "{database.name}" has no collection "{collection}".', name=collection, known=names
        )
    if database[collection].estimated_document_count() <= n:
        return list(database[collection].find(limit=n))
    drawn = database[collection].aggregate([{"$sample": {"size": n}}])
    return list({repr(document["_id"]): document for document in drawn}.values())  # it may draw one twice


def sample_hbase(connection: Any, table: str, n: int) -> list[dict[bytes, bytes]]:
    """Returns about `n` rows of a table, from ranges all over its keys; all where it has no more.

    Args:
        connection: a `happybase.Connection`.

    Returns:
        Each row's cells by `family:qualifier`, and its row key under `:key`.

    Raises:
        NotFoundError: there is no such table.
    """
    names = [name.decode() for name in connection.tables()]
    if table not in names:
        raise NotFoundError(f'hbase: there is no table "{table}".', name=table, known=names)
    source = connection.table(table)
    first = next(_keys(source), None)
    last = next(_keys(source, reverse=True), None)
    if first is None or last is None:
        return []
    regions = sorted(bytes(region["start_key"]) for region in source.regions())
    starts: list[bytes | None] = [*_starts(first, last, regions)]
    ranges = list(zip(starts, [*starts[1:], None], strict=True))
    rows: dict[bytes, dict[bytes, bytes]] = {}
    while ranges and len(rows) < n:  # what some ranges lack, the others make up
        share = -(-(n - len(rows)) // len(ranges))
        left: list[tuple[bytes | None, bytes | None]] = []
        for start, stop in ranges:
            wanted = min(share, n - len(rows))
            found = _rows(source, start, stop, wanted) if wanted else {}
            rows |= found
            if found and len(found) == wanted:
                left.append((max(found) + b"\0", stop))
        ranges = left
    return [{**cells, ROW_KEY: key} for key, cells in sorted(rows.items())]


def _keys(source: Any, *, reverse: bool = False) -> Iterator[bytes]:
    return (key for key, _ in source.scan(limit=1, batch_size=1, filter=b"KeyOnlyFilter()", reverse=reverse))


def _rows(source: Any, start: bytes | None, stop: bytes | None, limit: int) -> dict[bytes, dict[bytes, bytes]]:
    found = source.scan(row_start=start, row_stop=stop, limit=limit, batch_size=min(limit, _ROWS_PER_CALL))
    return {key: dict(cells) for key, cells in found}


def _starts(first: bytes, last: bytes, regions: list[bytes]) -> list[bytes]:
    """Returns where ranges begin: at each region's start, and evenly between the outermost keys where regions are few."""
    inside = [start for start in regions if first < start <= last]
    if len(inside) + 1 >= _RANGES:
        step = (len(inside) + 1) / _RANGES
        return [[first, *inside][int(index * step)] for index in range(_RANGES)]
    return sorted({first, *inside, *_between(first, last, _RANGES)})


def _between(first: bytes, last: bytes, count: int) -> list[bytes]:
    """Returns `count - 1` keys that lie evenly between two, as numbers of base 256 after their common beginning."""
    common = 0
    while common < min(len(first), len(last)) and first[common] == last[common]:
        common += 1
    size = _DIGITS_OF_KEY
    low = int.from_bytes(first[common : common + size].ljust(size, b"\0"))
    high = int.from_bytes(last[common : common + size].ljust(size, b"\0"))
    numbers = {low + (high - low) * index // count for index in range(1, count)}
    return [first[:common] + number.to_bytes(size) for number in sorted(numbers) if low < number]
