"""How records lie in HBase's cells: rows written from documents, and the places that hold a column's value.

A place is written as in `sources.yml`: `fam:qual` a cell, `fam:*` a family as a struct or map, `fam:#` its numbered
cells as an array, `:key` the row key, `:key[0]` or `:key[-1]` a part of it between `#`. Pure functions; no connection.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

import orjson

from runner.errors import FormatError

KEY_SEPARATOR = "#"
NUMBER_WIDTH = 6  # of numbered cells: events:000007
_LAST_MOMENT = 9_999_999_999_999  # the greatest time, in milliseconds, that 13 digits hold
_KEY = re.compile(r":key(?:\[(-?\d+)\])?")
_NESTED = ("array<", "map<", "struct<")

# Formats of HBase's `Bytes`, big-endian.
BINARY_FORMATS: Mapping[str, str] = {"long": ">q", "int": ">i", "short": ">h", "float": ">f", "double": ">d"}
CODECS = ("text", "json", *BINARY_FORMATS, "boolean")

PlaceKind = Literal["cell", "family", "numbered", "key", "key_part"]


class CellColumn(Protocol):
    """A column that HBase keeps, as `ingest.contract.Column` describes it; `PlainColumn` is one with nothing else."""

    @property
    def name(self) -> str: ...
    @property
    def data_type(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def cells(self) -> tuple[str, ...]: ...
    @property
    def codec(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """A column's name, its Spark DDL type, its places in a row and their codec (by its type where None)."""

    name: str
    data_type: str
    cells: tuple[str, ...]
    codec: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a row that holds a column's value.

    Attributes:
        text: as it was written.
        part: of a key part, which one; negative counts from the end.
    """

    text: str
    kind: PlaceKind
    family: bytes = b""
    qualifier: bytes = b""
    part: int = 0

    @property
    def cell(self) -> bytes:
        """The cell's whole name."""
        return self.family + b":" + self.qualifier


def read_place(text: str, *, place: str) -> Place:
    """Returns the place that `text` names.

    Args:
        place: where it is written, for the message.

    Raises:
        FormatError: it names none.
    """
    if match := _KEY.fullmatch(text):
        part = match.group(1)
        return Place(text, "key") if part is None else Place(text, "key_part", part=int(part))
    family, colon, qualifier = text.partition(":")
    if not family or not colon:
        raise FormatError(
            f'{place}: "{text}" names no cell. Write family:qualifier, family:*, family:#, :key or :key[-1].'
        )
    kind: PlaceKind = {"*": "family", "#": "numbered"}.get(qualifier, "cell")  # type: ignore[assignment]
    return Place(text, kind, family.encode(), qualifier.encode() if kind == "cell" else b"")


def codec_of(column: CellColumn, *, place: str) -> str:
    """Returns the column's codec: its own, else `json` for nested types and `text` for others.

    Raises:
        FormatError: it names a codec that does not exist.
    """
    if column.codec is None:
        return "json" if is_nested(column.data_type) else "text"
    if column.codec not in CODECS:
        raise FormatError(
            f'{place}: column "{column.name}": "{column.codec}" is no codec. Use one of {", ".join(CODECS)}.'
        )
    return column.codec


def is_nested(data_type: str) -> bool:
    """Returns whether a Spark DDL type is an array, a map or a struct."""
    return data_type.replace(" ", "").lower().startswith(_NESTED)


def encode_row(
    document: Mapping[str, Any], columns: Sequence[CellColumn], *, others: str | None = None
) -> dict[bytes, bytes]:
    """Returns the cells of a document as the shop's files have it (values as JSON gives them, or as Python types).

    A null writes no cell, nor does an empty array of numbered cells. A value of another type than the column's is
    written as it is, so that reading finds the same fault as in a file.

    Args:
        others: the family that takes the fields that no column names; None leaves them out.

    Raises:
        FormatError: a column names no cell, or a value does not fit its binary codec.
    """
    cells: dict[bytes, bytes] = {}
    known: set[str] = set()
    for column in columns:
        names = (column.name, *column.aliases)
        known.update(names)
        value = next((document[name] for name in names if document.get(name) is not None), None)
        if value is not None:
            _encode_column(column, value, cells)
    if others is not None:
        for name in document.keys() - known:
            if document[name] is not None:
                cells[f"{others}:{name}".encode()] = _text_or_json(document[name])
    return cells


def _encode_column(column: CellColumn, value: Any, cells: dict[bytes, bytes]) -> None:
    place = _written_place(column)
    if place is None:
        return
    if place.kind == "family" and isinstance(value, Mapping):
        prefix = place.family + b":"
        for name, each in value.items():
            if each is not None:
                cells[prefix + name.encode()] = _text_or_json(each)
    elif place.kind == "numbered" and isinstance(value, Sequence) and not isinstance(value, str):
        prefix = place.family + b":"
        for index, each in enumerate(value):
            # A null element keeps its number: an empty cell reads as null.
            cells[prefix + numbered(index)] = b"" if each is None else _text_or_json(each)
    elif place.kind in ("family", "numbered"):
        # It is no object or no array; it is kept where reading finds it.
        cells[place.family + b":" + (numbered(0) if place.kind == "numbered" else b"value")] = _text_or_json(value)
    else:
        codec = codec_of(column, place=f'column "{column.name}"')
        cells[place.cell] = encode_value(value, codec, place=f'column "{column.name}"')


def _written_place(column: CellColumn) -> Place | None:
    """Returns the first of a column's places that is a cell; None where all are parts of the row key."""
    where = f'column "{column.name}"'
    places = [read_place(text, place=where) for text in column.cells]
    if not places:
        raise FormatError(f"{where}: has no `cells`, so it has no place in HBase. Name one in sources.yml.")
    return next((place for place in places if place.kind not in ("key", "key_part")), None)


def numbered(index: int) -> bytes:
    """Returns the qualifier of a numbered cell."""
    return b"%0*d" % (NUMBER_WIDTH, index)


def encode_value(value: Any, codec: str, *, place: str) -> bytes:
    """Returns a cell's bytes for a value that is not null.

    Raises:
        FormatError: a binary codec cannot hold the value.
    """
    if codec == "text":
        return _text_or_json(value)
    if codec == "json":
        return to_json(value)
    if codec == "boolean" and isinstance(value, bool):
        return b"\xff" if value else b"\x00"
    if codec in BINARY_FORMATS:
        if isinstance(value, datetime):
            value = to_millis(value)
        if codec in ("float", "double") and isinstance(value, Decimal):
            value = float(value)
        try:
            return struct.pack(BINARY_FORMATS[codec], value)
        except (struct.error, OverflowError):
            pass
    raise FormatError(f"{place}: {value!r} does not fit the codec {codec}. Mend the value, or declare codec: text.")


def _text_or_json(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int | Decimal):
        return str(value).encode()
    if isinstance(value, datetime | date):
        return iso(value).encode()
    return to_json(value)


def to_json(value: Any) -> bytes:
    """Returns compact JSON; a Decimal is written as the number it is, a moment as ISO text."""
    try:
        return orjson.dumps(value, default=_json_default, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        # Integers beyond 64 bits, lone surrogates.
        return json.dumps(value, default=str, separators=(",", ":")).encode()


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, datetime | date):
        return iso(value)
    raise TypeError


def iso(moment: datetime | date) -> str:
    """Returns a moment as the shop's files have it: UTC without a zone, microseconds only where there are any."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat()


def to_millis(moment: datetime | str) -> int:
    """Returns milliseconds since 1970; a moment without a zone is UTC.

    Raises:
        ValueError: a text that is no moment.
    """
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def session_key(user_id: str, start_time: datetime | str, session_id: str) -> bytes:
    """Returns a session's row key `user_id#reverse_timestamp#session_id`: a user's sessions, newest first.

    Raises:
        ValueError: `start_time` is no moment.
    """
    return KEY_SEPARATOR.join((user_id, reverse_timestamp(to_millis(start_time)), session_id)).encode()


def reverse_timestamp(millis: int) -> str:
    """Returns 13 digits that sort later moments first."""
    return f"{_LAST_MOMENT - millis:013d}"


def product_day_key(product_id: str, day: date | str) -> bytes:
    """Returns the row key `product_id#yyyymmdd` of a product's daily figures."""
    text = day if isinstance(day, str) else day.isoformat()
    return f"{product_id}{KEY_SEPARATOR}{text.replace('-', '')}".encode()


def derived_session_cells(session: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Returns the cells that follow from a session's others: `stats:pages` and `stats:cart_value`.

    Where the fields they follow from are not what they should be, there are none.
    """
    cells: dict[bytes, bytes] = {}
    views, cart = session.get("page_views"), session.get("cart_contents")
    if isinstance(views, list):
        cells[b"stats:pages"] = str(len(views)).encode()
    if isinstance(cart, Mapping):
        try:
            value = sum((Decimal(str(each["price"])) * each["quantity"] for each in cart.values()), Decimal(0))
            cells[b"stats:cart_value"] = format(value, "f").encode()
        except (ArithmeticError, KeyError, TypeError, ValueError):
            pass
    return cells


def prefix_stop(prefix: bytes) -> bytes | None:
    """Returns the first row key after all that begin with `prefix`; None where there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,)) if kept else None
