"""Drafts of sources.yml from HBase rows: what bytes are taken for, how cells make columns, and where the key is."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Int64

from ingest.cell_profile import cell_columns, decoded, key_columns
from ingest.contract import Column
from ingest.hbase.decode import CellDecoder
from ingest.hbase.wire import Rows
from ingest.infer import Inferred, infer
from runner.project.properties import read_properties

LONG = struct.Struct(">q").pack


def session(number: int) -> dict[bytes, bytes]:
    moment = f"2024-01-05T10:20:{number:02}"
    return {
        b":key": f"user_{number % 3:03}#98295{number:08}#sess_{number:04}".encode(),
        b"meta:session_id": b"sess_%04d" % number,
        b"meta:user_id": b"user_%03d" % (number % 3),
        b"meta:timestamp": moment.encode(),
        b"stats:duration": str(number).encode(),
        b"stats:cart_value": b"0" if number % 2 else b"12.50",
        b"stats:viewed_products": b'["prod_1"]' if number % 2 else b"[]",
        b"geo:city": "Zürich".encode() if number % 5 else b"",
        **{
            b"events:%06d" % index: f'{{"timestamp":"{moment}","view_duration":{index}}}'.encode()
            for index in range(number % 4)
        },
        b"events:cart": f'{{"prod_{number}":{{"quantity":1,"price":9.99}}}}'.encode(),
        b"raw:count": LONG(number),
        b"raw:score": struct.pack(">d", number / 7),
        b"raw:seen": LONG(1_704_450_030_000 + number),
        b"raw:flag": b"\xff" if number % 2 else b"\x00",
        b"raw:timestamp": b"\x00\x01\x02",
    }


def drafted(rows: list[dict[bytes, bytes]], table: str = "sessions") -> Inferred:
    return infer(rows, source="hbase", table=table, sample_size=1_000)


SESSIONS = """version: 2

sources:
  - name: hbase
    meta: {store: hbase}
    loaded_at_field: _landed_at
    tables:
      - name: sessions
        description: "Drafted from a sample of 20 records. One row per session_id."
        key: [session_id] # a part of the row key; filled and distinct in all 20 records
        # raw:timestamp: left to _rescued: its bytes are of no one kind
        columns:
          - name: session_id
            data_type: string # in 100 %
            cells: ["meta:session_id", ":key[-1]"]
          - name: user_id
            data_type: string # in 100 %
            cells: ["meta:user_id", ":key[0]"]
          - name: meta_timestamp
            data_type: timestamp # in 100 %; ISO text
            cells: ["meta:timestamp"]
          - name: duration
            data_type: int # in 100 %; number as text
            cells: ["stats:duration"]
          - name: cart_value
            data_type: decimal(12,2) # in 100 %; decimal 50 %, int32 50 %; number as text
            cells: ["stats:cart_value"]
          - name: viewed_products
            data_type: "array<string>" # in 100 %; JSON
            cells: ["stats:viewed_products"]
          - name: city
            data_type: string # in 100 %; empty 20 %
            cells: ["geo:city"]
          - name: cart
            data_type: "map<string,struct<quantity:int,price:decimal(12,2)>>" # in 100 %; JSON
            cells: ["events:cart"]
            # cart: 20 different keys, such as prod_0
            # cart.*.price: in 100 %; whole cents
          - name: count
            data_type: bigint # in 100 %
            cells: ["raw:count"]
            codec: long
          - name: score
            data_type: double # in 100 %
            cells: ["raw:score"]
            codec: double
          - name: seen
            data_type: timestamp # in 100 %; milliseconds since 1970, to judge by their size
            cells: ["raw:seen"]
            codec: long
          - name: flag
            data_type: boolean # in 100 %
            cells: ["raw:flag"]
            codec: boolean
          - name: events
            data_type: "array<struct<timestamp:timestamp,view_duration:int>>" # in 75 %; numbered cells, up to 3 in a row
            cells: ["events:#"]
            # events[].timestamp: in 100 %; ISO text
"""


def test_the_draft_of_a_table_is_read_back_and_decodes_its_sample(tmp_path: Path) -> None:
    rows = [session(number) for number in range(20)]
    found = drafted(rows)
    assert found.text == SESSIONS
    path = tmp_path / "sources.yml"
    path.write_text(found.text, encoding="utf-8")
    (table,) = read_properties([(path, "sources.yml")], project="shop").sources
    assert [
        Column(each.name, each.data_type or "", each.aliases, each.cells, each.codec) for each in table.columns
    ] == [each.column for each in found.columns]
    cells = [{name: value for name, value in row.items() if name != b":key"} for row in rows]
    batch = CellDecoder(found.contract()).decode(Rows([row[b":key"] for row in rows], cells))
    assert batch.column("_reason").to_pylist() == [None] * 20
    assert batch.slice(7, 1).select(["session_id", "meta_timestamp", "count", "seen", "flag", "cart_value"]).to_pylist() == [
        {
            "session_id": "sess_0007",
            "meta_timestamp": datetime(2024, 1, 5, 10, 20, 7, tzinfo=UTC),
            "count": 7,
            "seen": datetime(2024, 1, 5, 10, 20, 30, 7000, tzinfo=UTC),
            "flag": True,
            "cart_value": Decimal("0.00"),
        }
    ]  # fmt: skip
    assert [len(each) for each in batch.column("events").to_pylist()] == [number % 4 for number in range(20)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"1", b"-20", b"0"], [1, -20, 0]),
        ([b"1.50", b"2"], [Decimal("1.50"), 2]),
        ([b"1e-5", b"2"], [1e-5, 2.0]),
        ([b"007", b"8"], ["007", "8"]),  # a number would lose its zeros
        ([b"+5"], ["+5"]),
        ([b"true", b"false", b""], [True, False, None]),
        ([b"1", b""], [1, None]),
        ([b"a", b""], ["a", ""]),
        ([b"", b""], ["", ""]),
        ([b'{"a":1}', b"[2]"], [{"a": 1}, [2]]),
        ([b'{"a":1}', b"{broken"], ['{"a":1}', "{broken"]),
        ([b'{"a":1}', b"text"], ['{"a":1}', "text"]),
        (["ü".encode(), b"a\tb"], ["ü", "a\tb"]),
        ([LONG(5), LONG(-1), b""], [Int64(5), Int64(-1), None]),
        ([b"12345678", LONG(5)], [Int64(0x3132333435363738), Int64(5)]),
        ([struct.pack(">i", 70_000)], [70_000]),
        ([struct.pack(">h", -3)], [-3]),
        ([struct.pack(">f", 0.5), struct.pack(">f", 0.0)], [0.5, 0.0]),
        ([struct.pack(">d", 1339.45)], [1339.45]),
        ([b"\x00", b"\xff", b"\x01"], [False, True, True]),
        ([b"\xff\xfe\xfd", b"a"], [b"\xff\xfe\xfd", b"a"]),
        ([LONG(5), b"\x00"], [LONG(5), b"\x00"]),
    ],
)
def test_what_bytes_are_taken_for(values: list[bytes], expected: list[Any]) -> None:
    found = decoded(values)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_a_family_of_many_rare_cells_is_a_map_and_one_of_steady_ones_is_not() -> None:
    rows = [{b"seen:prod_%05d" % (number * 7): b"3", b"seen:note": b"x"} for number in range(30)]
    assert [each.cells for each in cell_columns(rows)][:2] == [("seen:prod_00000",), ("seen:note",)]
    (found,) = cell_columns([{b"seen:prod_%05d" % (number * 7): b"3"} for number in range(30)])
    assert (found.name, found.cells, found.profile.draft("seen").data_type) == ("seen", ("seen:*",), "map<string,int>")
    steady = [{b"device:type": b"mobile", b"device:os": b"iOS", b"device:browser": b"Safari"}] * 30
    assert [each.cells for each in cell_columns(steady)] == [("device:type",), ("device:os",), ("device:browser",)]


def test_cells_of_one_name_in_two_families_are_called_by_both() -> None:
    rows = [
        {
            b"meta:id": b"a",
            b"geo:id": b"b",
            b"events:events": b"c",
            b"events:0": b"1",
            b"odd:no word!": b"",
            b"odd:": b"",
        }
    ]
    assert [(each.name, each.cells) for each in cell_columns(rows)] == [
        ("meta_id", ("meta:id",)),
        ("geo_id", ("geo:id",)),
        ("events", ("events:events",)),
        ("events_cells", ("events:#",)),
        ("no_word", ("odd:no word!",)),
        ("odd_", ("odd:",)),
    ]  # fmt: skip


def row(key: str, **cells: str) -> dict[bytes, bytes]:
    return {b":key": key.encode(), **{f"f:{name}".encode(): value.encode() for name, value in cells.items()}}


def test_parts_of_the_row_key_are_columns_where_no_cell_tells_rows_apart() -> None:
    found = drafted([row(f"prod_{number % 2}#2024010{number}", product="prod_0", views="5") for number in range(4)])
    assert found.key == ("key_0", "key_1")
    assert found.key_comment == "the row key"
    assert [(each.column.name, each.column.data_type, each.column.cells) for each in found.columns] == [
        ("key_0", "string", (":key[0]",)),
        ("key_1", "int", (":key[-1]",)),
        ("product", "string", ("f:product",)),
        ("views", "int", ("f:views",)),
    ]
    assert found.columns[0].comment == "in 100 %; of the row key"
    known = drafted([row(f"prod_{number % 2}#2024010{number}", product=f"prod_{number % 2}") for number in range(4)])
    assert known.key == ("product", "key_1")
    assert known.columns[1].column.cells == ("f:product", ":key[0]")


def test_an_old_table_whose_cells_are_all_empty_is_known_by_its_row_key() -> None:
    found = drafted([row(f"sess_{number}", session_id="", geo="") for number in range(3)])
    assert found.key == ("row_key",)
    assert [(each.column.name, each.comment) for each in found.columns] == [
        ("row_key", "in 100 %; of the row key"),
        ("session_id", "in 100 %; always empty"),
        ("geo", "in 100 %; always empty"),
    ]


def test_rows_whose_key_is_not_known_are_told_apart_by_their_cells() -> None:
    rows = [{b"f:a_id": b"1"}, {b"f:a_id": b"2", b":key": b"2"}]
    assert key_columns(rows) == []
    assert drafted(rows).key == ("a_id",)


def test_keys_of_another_number_of_parts_are_one_column() -> None:
    (found,) = key_columns([row("a#b"), row("a")])
    assert (found.name, found.cells) == ("row_key", (":key",))


def test_names_that_no_column_can_have_are_left_out() -> None:
    rows = [{b"f:Total": b"1", b"f:total": b"2", b"f:\xff\xfe": b"3", b"f:_rescued": b"4"}]
    found = drafted(rows)
    assert [each.column.name for each in found.columns] == ["Total"]
    assert [(note.path, note.text) for note in found.left_out] == [
        ("f:total", "left to _rescued: its name differs from another column's only by case, or has no letter"),
        ("f:��", "left to _rescued: its name is no UTF-8"),
        ("f:_rescued", "left to _rescued: landing adds a column of that name itself"),
    ]
