"""Samples of a store's records, spread over its keys, for a look at what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.cell_profile import ROW_KEY
from ingest.hbase.ranges import KeyRange, key_ranges
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from pymongo.database import Database

_RANGES = 16
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
    ranges = key_ranges(connection, table, KeyRange(), _RANGES)
    rows: dict[bytes, dict[bytes, bytes]] = {}
    while ranges and len(rows) < n:  # what some ranges lack, the others make up
        share = -(-(n - len(rows)) // len(ranges))
        left: list[KeyRange] = []
        for each in ranges:
            wanted = min(share, n - len(rows))
            found = _rows(source, each, wanted) if wanted else {}
            rows |= found
            if found and len(found) == wanted:
                left.append(KeyRange(max(found) + b"\0", each.stop))
        ranges = left
    return [{**cells, ROW_KEY: key} for key, cells in sorted(rows.items())]


def _rows(source: Any, within: KeyRange, limit: int) -> dict[bytes, dict[bytes, bytes]]:
    found = source.scan(
        row_start=within.start or None, row_stop=within.stop, limit=limit, batch_size=min(limit, _ROWS_PER_CALL)
    )
    return {key: dict(cells) for key, cells in found}
