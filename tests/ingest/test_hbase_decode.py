"""Rows of cells decoded by a contract: types, codecs, what is rescued and what is quarantined; fast against exact."""

from __future__ import annotations

import json
import random
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest.contract import Column, Contract
from ingest.decode import Decoder, Records, decoded_arrow_schema
from ingest.hbase.decode import CellDecoder
from ingest.hbase.layout import layout_of
from ingest.hbase.wire import Rows
from runner.errors import FormatError
from stores.hbase_cells import derived_session_cells, encode_row, session_key

VIEW = "struct<timestamp:timestamp,page_type:string,product_id:string,view_duration:int,is_new:boolean>"
SESSIONS = Contract(
    "hbase",
    "sessions",
    (
        Column("session_id", "string", cells=("meta:session_id", ":key[-1]")),
        Column("user_id", "string", cells=("meta:user_id",)),
        Column("start_time", "timestamp", cells=("meta:timestamp",)),
        Column("duration_seconds", "int", cells=("stats:duration",)),
        Column("geo_data", "struct<city:string,zip:int>", cells=("geo:*",)),
        Column("viewed_products", "array<string>", cells=("stats:viewed_products",)),
        Column("page_views", f"array<{VIEW}>", cells=("events:#",)),
        Column("cart_contents", "map<string,struct<quantity:int,price:decimal(12,2)>>", cells=("events:cart",)),
        Column("referrer", "string", aliases=("referral_source",), cells=("meta:referrer",)),
    ),
    ("session_id",),
    ignored=("stats:pages", "stats:cart_value"),
)
WHOLE: dict[str, Any] = {
    "session_id": "sess_1",
    "user_id": "user_1",
    "start_time": "2025-01-01T00:16:28.5",
    "duration_seconds": 446,
    "geo_data": {"city": "Łódź", "zip": 90},
    "viewed_products": ["p1", "p2"],
    "page_views": [
        {
            "timestamp": "2025-01-01T00:16:28",
            "page_type": "home",
            "product_id": None,
            "view_duration": 3,
            "is_new": True,
        },
        {"timestamp": "2025-01-01T00:17:28.000001", "page_type": "cart", "view_duration": 4},
    ],
    "cart_contents": {"p1": {"quantity": 2, "price": 10.005}},
    "referrer": "email",
}


def written(*documents: dict[str, Any]) -> Rows:
    keys, cells = [], []
    for index, document in enumerate(documents):
        keys.append(session_key("user_1", "2025-01-01T00:00:00", document.get("session_id") or f"sess_{index}"))
        cells.append(encode_row(document, SESSIONS.columns) | derived_session_cells(document))
    return Rows(keys, cells)


def decoded(rows: Rows, contract: Contract = SESSIONS) -> list[dict[str, Any]]:
    """Decodes both ways, which must agree, in the schema that a landing wants."""
    batch = CellDecoder(contract).decode(rows)
    exact = CellDecoder(contract, is_exact=True).decode(rows)
    assert batch.schema == decoded_arrow_schema(contract)
    assert batch.to_pylist(maps_as_pydicts="strict") == exact.to_pylist(maps_as_pydicts="strict")
    return batch.to_pylist(maps_as_pydicts="strict")


def one(cells: dict[bytes, bytes], contract: Contract = SESSIONS, key: bytes = b"user_1#8#sess_1") -> dict[str, Any]:
    return decoded(Rows([key], [cells]), contract)[0]


def single(data_type: str, codec: str | None = None) -> Contract:
    return Contract("hbase", "t", (Column("v", data_type, cells=("f:v",), codec=codec),), ())


def test_a_session_reads_as_it_was_written() -> None:
    (row,) = decoded(written(WHOLE))
    assert row["_reason"] is None and row["_rescued"] is None and row["_counted"] == 1
    assert row["start_time"] == datetime(2025, 1, 1, 0, 16, 28, 500_000, tzinfo=UTC)
    assert row["geo_data"] == {"city": "Łódź", "zip": 90}
    assert row["cart_contents"] == {"p1": {"quantity": 2, "price": Decimal("10.01")}}
    assert row["page_views"][1] == {
        "timestamp": datetime(2025, 1, 1, 0, 17, 28, 1, tzinfo=UTC),
        "page_type": "cart",
        "product_id": None,
        "view_duration": 4,
        "is_new": None,
    }


def test_usual_rows_are_read_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is three times as fast, and nothing else would tell that it gives up."""

    def slow(self: CellDecoder, column: Any, batch: Any) -> Any:
        raise AssertionError(f"{column.name} is read the exact way")

    monkeypatch.setattr(CellDecoder, "_exact", slow)
    monkeypatch.setattr(CellDecoder, "_unnamed", slow)
    monkeypatch.setattr(CellDecoder, "_unnamed_within", slow)
    other = {**WHOLE, "session_id": "sess_2", "cart_contents": {}, "page_views": WHOLE["page_views"] * 40}
    batch = CellDecoder(SESSIONS).decode(written(WHOLE, other, WHOLE))
    assert (batch.num_rows, batch.column("_rescued").null_count) == (3, 3)
    for data_type, cell in (
        ("date", b"2025-01-02"),
        ("decimal(12,2)", b"1.50"),
        ("boolean", b"true"),
        ("double", b"1.5"),
    ):
        rows = Rows([b"k"], [{b"f:v": cell}])
        assert CellDecoder(single(data_type)).decode(rows).column("v").null_count == 0


def test_rows_equal_those_of_the_same_records_in_files() -> None:
    documents = [
        WHOLE,
        {**WHOLE, "session_id": "sess_2", "cart_contents": {}, "page_views": [], "referrer": None},
        {**WHOLE, "session_id": "sess_3", "duration_seconds": 7.0, "viewed_products": [], "geo_data": {"city": ""}},
        {**WHOLE, "session_id": "sess_4", "cart_contents": {"p": {"quantity": 1, "price": 2.675, "note": "x"}}},
        {**WHOLE, "session_id": "sess_5", "page_views": [{"page_type": "home", "extra": {"a": [1]}}]},
    ]
    records = Records(
        file="f", positions=[0] * len(documents), documents=documents, payload=lambda index: json.dumps(index)
    )
    from_files = Decoder(SESSIONS).decode(records)
    from_hbase = CellDecoder(SESSIONS).decode(written(*documents))
    assert from_hbase.to_pylist() == from_files.to_pylist()


def test_absent_cells_are_nulls_and_no_numbered_cell_is_an_empty_array() -> None:
    row = one({b"meta:user_id": b"user_1"})
    assert row["session_id"] == "sess_1", "taken from the row key"
    assert row["page_views"] == []
    assert [row[name] for name in ("start_time", "duration_seconds", "geo_data", "cart_contents", "referrer")] == [
        None
    ] * 5
    assert row["_reason"] is None


def test_empty_cells_of_old_tables_land() -> None:
    names = (b"meta:session_id", b"meta:user_id", b"meta:timestamp", b"stats:duration", b"geo:city", b"geo:zip")
    row = one(dict.fromkeys((*names, b"events:cart"), b""), key=b"sess_9")
    assert row["session_id"] == "sess_9", "the bare row key"
    assert row["user_id"] == ""
    assert row["geo_data"] == {"city": "", "zip": None}
    assert (row["start_time"], row["duration_seconds"], row["cart_contents"]) == (None, None, None)
    assert (row["_reason"], row["_rescued"]) == (None, None)


def test_numbered_cells_are_read_in_the_order_of_their_numbers() -> None:
    contract = Contract("hbase", "t", (Column("v", "array<string>", cells=("e:#",)),), ())
    for cells in (
        {b"e:000000": b"a", b"e:000001": b"b", b"e:000002": b"c"},
        {b"e:000000": b"a", b"e:000002": b"b", b"e:000010": b"c"},
        {b"e:10": b"c", b"e:2": b"b", b"e:1": b"a"},
    ):
        assert one(cells, contract)["v"] == ["a", "b", "c"]
        assert one(cells, contract)["_rescued"] is None


def test_more_numbered_cells_than_are_named_beforehand() -> None:
    contract = Contract("hbase", "t", (Column("v", "array<int>", cells=("e:#",)),), ())
    cells = {b"e:%06d" % index: b"%d" % index for index in range(1200)}
    assert one(cells, contract)["v"] == list(range(1200))


def test_a_family_as_a_map_takes_what_no_other_column_names() -> None:
    contract = Contract(
        "hbase",
        "t",
        (Column("named", "int", cells=("f:n",)), Column("rest", "map<string,double>", cells=("f:*",))),
        (),
        ignored=("f:i",),
    )
    row = one({b"f:n": b"1", b"f:a": b"1.5", b"f:i": b"x", b"g:z": b"?"}, contract)
    assert (row["named"], row["rest"], row["_rescued"]) == (1, {"a": 1.5}, '{"g:z":"?"}')


def test_what_nobody_names_is_rescued() -> None:
    cells = encode_row(WHOLE, SESSIONS.columns)
    cells |= {b"meta:campaign": b"spring", b"x:\xff": b"\xfe", b"geo:country": b"PL"}
    cells[b"events:000001"] = b'{"page_type":"cart","scroll":5}'
    rescued = one(cells)["_rescued"]
    assert json.loads(rescued) == {
        "meta:campaign": "spring",
        "x:\\xff": {"base64": "/g=="},
        "geo:country": "PL",
        "page_views": [None, {"scroll": 5}],
    }


def test_two_places_of_a_column() -> None:
    contract = Contract("hbase", "t", (Column("v", "string", cells=("f:new", "f:old")),), ())
    rows = Rows(
        [b"1", b"2", b"3", b"4", b"5"],
        [
            {b"f:new": b"a"},
            {b"f:old": b"b"},
            {b"f:new": b"", b"f:old": b"c"},
            {b"f:new": b"d", b"f:old": b"e"},
            {b"f:new": b""},
        ],
    )
    assert [(row["v"], row["_rescued"]) for row in decoded(rows, contract)] == [
        ("a", None),
        ("b", None),
        ("c", None),
        ("d", '{"f:old":"e"}'),
        ("", None),
    ]


def test_parts_of_the_row_key() -> None:
    contract = Contract(
        "hbase",
        "product_metrics",
        (
            Column("product_id", "string", cells=(":key[0]",)),
            Column("day", "int", cells=(":key[1]",)),
            Column("whole", "string", cells=(":key",)),
            Column("third", "string", cells=(":key[2]",)),
        ),
        ("product_id", "day"),
    )
    row = one({b"m:views": b"3"}, contract, key=b"prod_1#20250102")
    assert [row[name] for name in ("product_id", "day", "whole", "third")] == [
        "prod_1",
        20250102,
        "prod_1#20250102",
        None,
    ]


@pytest.mark.parametrize(
    ("data_type", "codec", "cell", "value"),
    [
        ("int", None, b"007", 7),
        ("int", None, b"+7", 7),
        ("int", None, b"7.0", 7),
        ("int", None, b"7e2", 700),
        ("bigint", None, b"-9223372036854775808", -(2**63)),
        ("double", None, b"1e3", 1000.0),
        ("double", None, b".5", 0.5),
        ("decimal(12,2)", None, b"1339.4500000000003", Decimal("1339.45")),
        ("decimal(12,2)", None, b"2.675", Decimal("2.68")),
        ("decimal(20,0)", None, b"99999999999999999999", Decimal("99999999999999999999")),
        ("boolean", None, b"true", True),
        ("date", None, b"2025-01-02", datetime(2025, 1, 2).date()),
        ("timestamp", None, b"2025-01-02 03:04", datetime(2025, 1, 2, 3, 4, tzinfo=UTC)),
        ("timestamp", None, b"2025-01-02T03:04:05+02:00", datetime(2025, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("bigint", "long", struct.pack(">q", -5), -5),
        ("int", "long", struct.pack(">q", 5), 5),
        ("int", "int", struct.pack(">i", -5), -5),
        ("smallint", "short", struct.pack(">h", -5), -5),
        ("float", "float", struct.pack(">f", 0.5), 0.5),
        ("double", "double", struct.pack(">d", 0.1), 0.1),
        ("decimal(12,2)", "double", struct.pack(">d", 2.675), Decimal("2.68")),
        ("timestamp", "long", struct.pack(">q", 1_735_786_800_123), datetime(2025, 1, 2, 3, 0, 0, 123_000, tzinfo=UTC)),
        ("boolean", "boolean", b"\xff", True),
        ("boolean", "boolean", b"\x00", False),
        ("string", "json", b'"a"', "a"),
        ("int", "json", b"5", 5),
        ("array<int>", None, b"[1,null]", [1, None]),
        ("array<int>", None, b"null", None),
        ("bigint", "long", b"", None),
        ("array<int>", None, b"", None),
    ],
)
def test_codecs(data_type: str, codec: str | None, cell: bytes, value: Any) -> None:
    row = one({b"f:v": cell}, single(data_type, codec))
    assert (row["v"], row["_reason"]) == (value, None)


@pytest.mark.parametrize(
    ("data_type", "codec", "cell", "problem", "reason"),
    [
        ("int", None, b"soon", "v is no int", 'v: "soon" (cell f:v) is no int'),
        ("int", None, b"0x1F", "v is no int", 'v: "0x1F" (cell f:v) is no int'),
        ("int", None, b" 7", "v is no int", 'v: " 7" (cell f:v) is no int'),
        ("int", None, b"7.5", "v is no int", 'v: "7.5" (cell f:v) is no int'),
        ("int", None, b"2147483648", "v does not fit int", "v: 2147483648 (cell f:v) does not fit int"),
        ("int", None, b"1e99", "v does not fit int", 'v: "1e99" (cell f:v) does not fit int'),
        ("int", None, "٧".encode(), "v is no int", 'v: "٧" (cell f:v) is no int'),
        ("double", None, b"nan", "v is no double", 'v: "nan" (cell f:v) is no double'),
        ("double", None, b"1e999", "v does not fit double", 'v: "1e999" (cell f:v) does not fit double'),
        (
            "decimal(5,2)",
            None,
            b"1000",
            "v does not fit decimal(5,2)",
            'v: "1000" (cell f:v) does not fit decimal(5,2)',
        ),
        ("decimal(5,2)", None, b"1_0", "v is no decimal(5,2)", 'v: "1_0" (cell f:v) is no decimal(5,2)'),
        ("boolean", None, b"yes", "v is no boolean", 'v: "yes" (cell f:v) is no boolean'),
        ("timestamp", None, b"1735786800", "v is no timestamp", 'v: "1735786800" (cell f:v) is no timestamp'),
        ("date", None, b"2025-02-30", "v is no date", 'v: "2025-02-30" (cell f:v) is no date'),
        ("string", None, b"\xffa", "v is no UTF-8", 'v: "0xff61" (cell f:v) is no UTF-8'),
        ("array<int>", None, b"[1", "v is no JSON", 'v: "[1" (cell f:v) is no JSON'),
        ("array<int>", None, b"\xff", "v is no UTF-8", 'v: "0xff" (cell f:v) is no UTF-8'),
        ("array<int>", None, b'[1,"x"]', "v[] is no int", 'v[1]: "x" (cell f:v) is no int'),
        ("array<int>", None, b"{}", "v is no array", "v: {} (cell f:v) is no array"),
        ("bigint", "long", b"\x00\x01", "v is no long of 8 bytes", 'v: "0x0001" (cell f:v) is no long of 8 bytes'),
        ("int", "long", struct.pack(">q", 2**40), "v does not fit int", f"v: {2**40} (cell f:v) does not fit int"),
        ("boolean", "boolean", b"ab", "v is no boolean of 1 byte", 'v: "0x6162" (cell f:v) is no boolean of 1 byte'),
        ("timestamp", "long", b"\x7f" * 8, "v is no timestamp", f"v: {0x7F7F7F7F7F7F7F7F} (cell f:v) is no timestamp"),
    ],
)
def test_a_cell_that_cannot_be_decoded(
    data_type: str, codec: str | None, cell: bytes, problem: str, reason: str
) -> None:
    good = b"1" if codec is None and data_type in ("int", "decimal(5,2)") else b""
    bad, fine = decoded(Rows([b"k1", b"k2"], [{b"f:v": cell}, {b"f:v": good}]), single(data_type, codec))
    assert (bad["_problem"], bad["_reason"], bad["_key"], bad["_file"]) == (problem, reason, "k1", "t")
    assert fine["_reason"] is None, "the others of its batch land"


def test_the_whole_row_is_the_payload() -> None:
    cells = {b"meta:session_id": b"sess_1", b"stats:duration": b"soon", b"meta:user_id": b"\xff", b"x:\xfe": b"1"}
    row = one(cells, key=b"user_1#8#sess_1")
    assert row["_reason"] == (
        'user_id: "0xff" (cell meta:user_id) is no UTF-8; duration_seconds: "soon" (cell stats:duration) is no int'
    )
    assert row["_key"] == "sess_1"
    assert json.loads(row["_payload"]) == {
        "row": "user_1#8#sess_1",
        "cells": {
            "meta:session_id": "sess_1",
            "stats:duration": "soon",
            "meta:user_id": {"base64": "/w=="},
            "x:\\xfe": "1",
        },
    }


def test_a_fault_within_a_numbered_cell_or_a_family_names_its_cell() -> None:
    row = one({b"events:000001": b'{"view_duration":"long"}', b"events:000000": b"{}", b"geo:zip": b"north"})
    assert row["_reason"] == (
        'geo_data.zip: "north" (cell geo:zip) is no int; '
        'page_views[1].view_duration: "long" (cell events:000001) is no int'
    )
    assert row["_problem"] == "geo_data.zip is no int"


def test_a_row_without_its_key_is_quarantined() -> None:
    contract = Contract(
        "hbase", "t", (Column("id", "string", cells=("f:id",)), Column("v", "int", cells=("f:v",))), ("id",)
    )
    row = one({b"f:v": b"1"}, contract, key=b"row\xff")
    assert (row["_reason"], row["_key"]) == ("key id is missing", "row\\xff")


def test_no_rows_make_an_empty_batch() -> None:
    assert decoded(Rows([], [])) == []


def layout_error(*columns: Column) -> str:
    with pytest.raises(FormatError) as caught:
        layout_of(Contract("hbase", "t", columns, ()))
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (Column("v", "int"), " has no `cells`. Name where HBase keeps it, such as meta:v."),
        (Column("v", "int", cells=("f:*",)), ': "f:*" is a struct or a map, not int. Mend one of them.'),
        (Column("v", "int", cells=("f:#",)), ': "f:#" is an array, not int. Mend one of them.'),
        (
            Column("v", "array<int>", cells=("f:#", "f:v")),
            ': "f:#" stands alone: it takes what the row has. Remove the others.',
        ),
        (Column("v", "string", cells=("f:v",), codec="long"), ": long is no codec for string. Use text."),
        (Column("v", "timestamp", cells=("f:v",), codec="int"), ": int is no codec for timestamp. Use text."),
        (Column("v", "int", cells=("f:v",), codec="boolean"), ": boolean is no codec for int. Use text."),
        (Column("v", "array<int>", cells=("f:v",), codec="text"), ": text is no codec for array<int>. Use json."),
    ],
)
def test_a_contract_that_says_wrongly_where_a_column_is(column: Column, complaint: str) -> None:
    assert layout_error(column) == f'sources.yml: table "hbase.t": column "v"{complaint}'


TEXTS = (
    b"", b"1", b"-1", b"+1", b"01", b"1.5", b"1.005", b"1e2", b"1E400", b".5", b"1.", b"-", b"nan", b"inf", b"0x10", b"true",
    b"True", b"1 ", b"99999999999", b"99999999999999999999", b"2025-01-01", b"2025-01-01T10:20:30", b"2025-01-01 10:20",
    b"2025-01-01T10:20:30.1234567", b"2025-01-01T10:20:30Z", b"0001-01-01T00:00:00", b"null", b"[]", b"{}", b"\xff", b"\xc3\xa9",
    b'"a"', b'"1"', b"[1]", b'{"timestamp":"2025-01-01","view_duration":1}', b'{"view_duration":1.0}', b'{"page_type":5}',
    b'{"page_type":"a","page_type":"b"}', b'{"is_new":1}', b'{"view_duration":-0}', b'{"page_type":"\\ud800"}',
    b'{"page_type":"\\u00e9\\n"}', b'{"page_type":"\xff"}', b"{} {}", b'{"a":{}', b'{"a":[{}', b"}", b"{\n}", b'{"x":{"y":1}}',
    b'{"timestamp":"soon"}', b'{"view_duration":99999999999}', b'{"p":{"quantity":1,"price":1.005}}', b"NaN", b"\x00" * 8,
    b"\x7f\xf0\x00\x00\x00\x00\x00\x00", b"\x00\x00\x00\x07", b"\x00\x07", b"\x01", b"\x80" * 8, b'{"view_duration":true}',
    b'{"is_new":null,"page_type":null}', b'{"product_id":"a\x01"}', b'{"is_new":false}',
)  # fmt: skip
KINDS = (
    ("string", None), ("int", None), ("bigint", None), ("smallint", None), ("double", None), ("float", None),
    ("decimal(12,2)", None), ("decimal(25,3)", None), ("boolean", None), ("date", None), ("timestamp", None),
    ("bigint", "long"), ("int", "int"), ("smallint", "short"), ("double", "double"), ("float", "float"),
    ("boolean", "boolean"), ("timestamp", "long"), ("decimal(12,2)", "double"), ("string", "json"), ("double", "json"),
    ("array<int>", None), (VIEW, None), ("map<string,struct<quantity:int,price:decimal(12,2)>>", None), ("timestamp", "json"),
)  # fmt: skip


@pytest.mark.parametrize(("data_type", "codec"), KINDS)
def test_the_fast_way_gives_what_the_exact_way_gives(data_type: str, codec: str | None) -> None:
    """Batches of cells that are alike, so that the fast way gets far, with now and then another among them."""
    contract = single(data_type, codec)
    fast, exact = CellDecoder(contract), CellDecoder(contract, is_exact=True)
    chance = random.Random(f"{data_type} {codec}")
    for _ in range(150):
        alike = chance.sample(TEXTS, chance.choice((1, 1, 2, 4)))
        cells = [{b"f:v": chance.choice(alike)} for _ in range(chance.choice((1, 3, 70)))]
        cells += [{}] * chance.choice((0, 0, 1))
        rows = Rows([b"k"] * len(cells), cells)
        assert str(fast.decode(rows).to_pydict()) == str(exact.decode(rows).to_pydict())  # as text: nan is not nan


def test_the_fast_way_gives_what_the_exact_way_gives_for_whole_rows() -> None:
    chance = random.Random(3)
    names = (
        b"meta:session_id", b"meta:user_id", b"meta:timestamp", b"stats:duration", b"geo:city", b"geo:zip", b"geo:x",
        b"stats:viewed_products", b"events:000000", b"events:000001", b"events:000003", b"events:1", b"events:cart",
        b"events:other", b"meta:referrer", b"stats:pages", b"z:z",
    )  # fmt: skip
    whole = encode_row(WHOLE, SESSIONS.columns)
    fast, exact = CellDecoder(SESSIONS), CellDecoder(SESSIONS, is_exact=True)
    for _ in range(300):
        rows = []
        for _ in range(chance.choice((1, 2, 100))):
            row = dict(whole)
            for _ in range(chance.choice((0, 0, 0, 1, 2))):
                name = chance.choice(names)
                if chance.random() < 0.4:
                    row.pop(name, None)
                else:
                    row[name] = chance.choice(TEXTS)
            rows.append(row)
        batch = Rows([chance.choice((b"u#1#s", b"s", b"")) for _ in rows], rows)
        found, wanted = fast.decode(batch), exact.decode(batch)
        for name in found.schema.names:
            assert found.column(name).to_pylist() == wanted.column(name).to_pylist(), name
