"""What of a query's filters HBase can do: bounds of row keys, and equality of a cell of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql.datasource import (
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    StringStartsWith,
)
from pyspark.sql.types import StringType

from ingest.hbase.layout import Layout, Located
from ingest.hbase.ranges import KeyRange
from stores.hbase_cells import KEY_SEPARATOR, prefix_stop

_ANY = KeyRange()
_NOTHING = KeyRange(b"\0", b"\0")  # holds no key


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is handed to the server, and the filters that Spark has to apply still.

    Attributes:
        within: the keys that can match.
        filters: in Thrift's filter language, all of which must hold.
    """

    within: KeyRange = _ANY
    filters: tuple[bytes, ...] = ()
    left: tuple[Filter, ...] = ()


def pushed(filters: Sequence[Filter], layout: Layout, *, by_cell: bool = True) -> Pushed:
    """Returns what the server can do of the filters; those that it does not do exactly as Spark stay with Spark, too.

    Args:
        by_cell: whether filters of cells may be handed over, not only bounds of keys.
    """
    found = Pushed()
    columns = {column.name: column for column in layout.columns if _is_plain_text(column)}
    for each in filters:
        path: tuple[str, ...] = getattr(each, "attribute", ())
        column = columns.get(path[0]) if len(path) == 1 else None
        value = getattr(each, "value", None)
        if column is None or not isinstance(value, str):
            found = replace(found, left=(*found.left, each))
            continue
        kind = column.places[0].kind
        within, is_exact = KeyRange(), False
        if kind == "key":
            within, is_exact = _bounds_of_key(each, value.encode())
        elif kind == "key_part" and column.places[0].part == 0:
            within = _bounds_of_first_part(each, value)
        elif kind == "cell" and by_cell and isinstance(each, EqualTo) and value:
            found = replace(found, filters=(*found.filters, equals(column.places[0].cell, value.encode())))
            is_exact = True
        found = replace(found, within=found.within.meets(within) or _NOTHING)
        if not is_exact:
            found = replace(found, left=(*found.left, each))
    return found


def equals(cell: bytes, value: bytes) -> bytes:
    """Returns the filter that keeps rows whose cell is `value`; the cell must be among the columns of the scan.

    The two `true`s: rows without the cell are left out, and only its latest version counts.
    """
    family, _, qualifier = cell.partition(b":")
    quoted = tuple(each.replace(b"'", b"''") for each in (family, qualifier, value))
    return b"SingleColumnValueFilter('%b','%b',=,'binary:%b',true,true)" % quoted


def _is_plain_text(column: Located) -> bool:
    return len(column.places) == 1 and isinstance(column.data_type, StringType) and column.leaf.codec == "text"


def _bounds_of_key(each: Filter, value: bytes) -> tuple[KeyRange, bool]:
    """Returns the keys that match a filter of the whole key, and whether those are just the ones that match.

    Spark compares strings by their UTF-8 bytes, as HBase does keys.
    """
    if isinstance(each, EqualTo):
        return KeyRange(value, value + b"\0"), True
    if isinstance(each, StringStartsWith):
        return KeyRange(value, prefix_stop(value)), True
    if isinstance(each, GreaterThanOrEqual):
        return KeyRange(value), True
    if isinstance(each, GreaterThan):
        return KeyRange(value + b"\0"), True
    if isinstance(each, LessThan):
        return KeyRange(b"", value), True
    if isinstance(each, LessThanOrEqual):
        return KeyRange(b"", value + b"\0"), True
    return KeyRange(), False


def _bounds_of_first_part(each: Filter, value: str) -> KeyRange:
    """Returns keys among which are all that match a filter of what stands before the first `#`."""
    key = value.encode()
    if isinstance(each, EqualTo):
        return KeyRange(key, prefix_stop(key + KEY_SEPARATOR.encode()))
    if isinstance(each, StringStartsWith):
        return KeyRange(key, prefix_stop(key))
    if isinstance(each, GreaterThan | GreaterThanOrEqual):
        return KeyRange(key)
    return KeyRange()
