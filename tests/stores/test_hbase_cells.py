"""Documents written as HBase cells, and the places that columns name."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from runner.errors import FormatError
from stores.hbase_cells import (
    Place,
    PlainColumn,
    codec_of,
    derived_session_cells,
    encode_row,
    encode_value,
    prefix_stop,
    product_day_key,
    read_place,
    session_key,
    to_json,
    to_millis,
)

VIEW = "struct<timestamp:timestamp,page_type:string>"
COLUMNS = (
    PlainColumn("session_id", "string", ("meta:session_id", ":key[-1]")),
    PlainColumn("start_time", "timestamp", ("meta:timestamp",)),
    PlainColumn("duration_seconds", "int", ("stats:duration",)),
    PlainColumn("geo_data", "struct<city:string,zip:int>", ("geo:*",)),
    PlainColumn("viewed_products", "array<string>", ("stats:viewed_products",)),
    PlainColumn("page_views", f"array<{VIEW}>", ("events:#",)),
    PlainColumn("cart_contents", "map<string,struct<quantity:int,price:decimal(12,2)>>", ("events:cart",)),
    PlainColumn("referrer", "string", ("meta:referrer",), aliases=("referral_source",)),
    PlainColumn("user_id", "string", (":key[0]",)),
)


def test_a_session_is_written_as_its_cells() -> None:
    session = {
        "session_id": "sess_1",
        "user_id": "user_1",
        "start_time": "2025-01-01T00:16:28.000001",
        "duration_seconds": 446,
        "geo_data": {"city": "Łódź", "zip": 90, "state": None},
        "viewed_products": ["p1", "p2"],
        "page_views": [{"timestamp": "2025-01-01T00:16:28", "page_type": None}, None],
        "cart_contents": {"p1": {"quantity": 2, "price": 1339.4500000000003}},
        "referral_source": "email",
        "note": "kept",
    }
    assert encode_row(session, COLUMNS, others="meta") == {
        b"meta:session_id": b"sess_1",
        b"meta:timestamp": b"2025-01-01T00:16:28.000001",
        b"stats:duration": b"446",
        b"geo:city": "Łódź".encode(),
        b"geo:zip": b"90",
        b"stats:viewed_products": b'["p1","p2"]',
        b"events:000000": b'{"timestamp":"2025-01-01T00:16:28","page_type":null}',
        b"events:000001": b"",
        b"events:cart": b'{"p1":{"quantity":2,"price":1339.4500000000003}}',
        b"meta:referrer": b"email",
        b"meta:note": b"kept",
    }


def test_nulls_empty_arrays_and_unnamed_fields_write_no_cell() -> None:
    session = {"session_id": None, "page_views": [], "cart_contents": {}, "unnamed": 1}
    assert encode_row(session, COLUMNS) == {b"events:cart": b"{}"}


def test_values_of_another_type_are_written_as_they_are() -> None:
    session = {"duration_seconds": "long", "viewed_products": "p1", "page_views": "none", "geo_data": ["here"]}
    assert encode_row(session, COLUMNS) == {
        b"stats:duration": b"long",
        b"stats:viewed_products": b'"p1"',
        b"events:000000": b"none",
        b"geo:value": b'["here"]',
    }


@pytest.mark.parametrize(
    ("value", "codec", "written"),
    [
        ("Łódź", "text", "Łódź".encode()),
        (5, "text", b"5"),
        (5.5, "text", b"5.5"),
        (True, "text", b"true"),
        (Decimal("1.50"), "text", b"1.50"),
        (date(2025, 1, 2), "text", b"2025-01-02"),
        (datetime(2025, 1, 2, 3), "text", b"2025-01-02T03:00:00"),
        (datetime(2025, 1, 2, 3, tzinfo=UTC), "text", b"2025-01-02T03:00:00"),
        ("text", "json", b'"text"'),
        (-2, "long", struct.pack(">q", -2)),
        (-2, "int", struct.pack(">i", -2)),
        (-2, "short", struct.pack(">h", -2)),
        (1.5, "float", struct.pack(">f", 1.5)),
        (Decimal("1.5"), "double", struct.pack(">d", 1.5)),
        (datetime(1970, 1, 1, 0, 0, 1, 2000), "long", struct.pack(">q", 1002)),
        (True, "boolean", b"\xff"),
        (False, "boolean", b"\x00"),
    ],
)
def test_codecs(value: Any, codec: str, written: bytes) -> None:
    assert encode_value(value, codec, place="here") == written


@pytest.mark.parametrize(("value", "codec"), [(2**31, "int"), ("5", "long"), (1, "boolean")])
def test_a_value_that_a_binary_codec_cannot_hold(value: Any, codec: str) -> None:
    with pytest.raises(FormatError) as caught:
        encode_value(value, codec, place='column "n"')
    assert str(caught.value) == (
        f'column "n": {value!r} does not fit the codec {codec}. Mend the value, or declare codec: text.'
    )


def test_json_keeps_decimals_times_and_wide_numbers() -> None:
    value = {"price": Decimal("1.50"), "at": datetime(2025, 1, 2, tzinfo=UTC), "wide": 2**70}
    assert to_json(value) == b'{"price":"1.50","at":"2025-01-02 00:00:00+00:00","wide":1180591620717411303424}'
    assert to_json({"price": Decimal("1.50"), "at": datetime(2025, 1, 2, tzinfo=UTC)}) == (
        b'{"price":1.50,"at":"2025-01-02T00:00:00"}'
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("meta:user_id", Place("meta:user_id", "cell", b"meta", b"user_id")),
        ("meta:a:b", Place("meta:a:b", "cell", b"meta", b"a:b")),
        ("geo:*", Place("geo:*", "family", b"geo")),
        ("events:#", Place("events:#", "numbered", b"events")),
        (":key", Place(":key", "key")),
        (":key[-1]", Place(":key[-1]", "key_part", part=-1)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert read_place(text, place="here") == place


@pytest.mark.parametrize("text", ["meta", ":other", ""])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_place(text, place="sources.yml:3")
    assert str(caught.value) == (
        f'sources.yml:3: "{text}" names no cell. Write family:qualifier, family:*, family:#, :key or :key[-1].'
    )


def test_codecs_go_by_the_type_where_none_is_named() -> None:
    assert codec_of(PlainColumn("a", "int", ("f:a",)), place="here") == "text"
    assert codec_of(PlainColumn("a", "Array <int>", ("f:a",)), place="here") == "json"
    with pytest.raises(FormatError) as caught:
        codec_of(PlainColumn("a", "int", ("f:a",), "varint"), place="here")
    assert str(caught.value) == (
        'here: column "a": "varint" is no codec. Use one of text, json, long, int, short, float, double, boolean.'
    )


def test_a_column_without_cells_cannot_be_written() -> None:
    with pytest.raises(FormatError) as caught:
        encode_row({"a": 1}, [PlainColumn("a", "int", ())])
    assert str(caught.value) == 'column "a": has no `cells`, so it has no place in HBase. Name one in sources.yml.'


def test_row_keys_sort_a_users_sessions_newest_first() -> None:
    early = session_key("user_1", "2025-01-01T00:00:00", "sess_a")
    late = session_key("user_1", datetime(2025, 1, 1, 0, 0, 0, 999_999), "sess_b")
    assert early == b"user_1#8264310399999#sess_a"
    assert late == b"user_1#8264310399000#sess_b"
    assert late < early
    assert session_key("u", "2025-01-01T02:00:00+02:00", "s") == session_key("u", "2025-01-01T00:00:00", "s")


def test_milliseconds_are_cut_not_rounded() -> None:
    assert to_millis(datetime(1970, 1, 1, 0, 0, 0, 1999)) == 1
    assert to_millis(datetime(1969, 12, 31, 23, 59, 59, 999_500)) == -1


def test_the_key_of_a_products_day() -> None:
    assert product_day_key("prod_1", "2025-01-02") == product_day_key("prod_1", date(2025, 1, 2)) == b"prod_1#20250102"


def test_cells_that_follow_from_others() -> None:
    cart = {"p1": {"quantity": 2, "price": 0.1}, "p2": {"quantity": 1, "price": 0.2}}
    assert derived_session_cells({"page_views": [{}, {}], "cart_contents": cart}) == {
        b"stats:pages": b"2",
        b"stats:cart_value": b"0.4",
    }
    assert derived_session_cells({"page_views": "x", "cart_contents": {"p": {"quantity": "two", "price": "?"}}}) == {}


@pytest.mark.parametrize(
    ("prefix", "stop"), [(b"ab", b"ac"), (b"a\xff", b"b"), (b"\xff\xff", None), (b"", None), (b"a#", b"a$")]
)
def test_the_first_key_after_a_prefix(prefix: bytes, stop: bytes | None) -> None:
    assert prefix_stop(prefix) == stop


def test_what_is_written_is_json_again() -> None:
    session = {"cart_contents": {"p": {"quantity": 1, "price": 66.0}}}
    (cell,) = encode_row(session, COLUMNS).values()
    assert orjson.loads(cell) == session["cart_contents"]
