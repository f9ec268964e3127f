"""Documents decoded a batch at a time are those that the exact way gives, whatever they look like."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import bson
import pyarrow as pa
import pytest
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from ingest.contract import Column, Contract
from ingest.decode import Decoder, decoded_arrow_schema
from ingest.mongodb.batches import BatchDecoder
from ingest.mongodb.documents import records_of
from ingest.mongodb.rawbson import RawBatch

CONTRACT = Contract(
    "shop",
    "things",
    (
        Column("id", "string"),
        Column("n", "int"),
        Column("big", "bigint"),
        Column("tiny", "tinyint"),
        Column("ratio", "double"),
        Column("weight", "float"),
        Column("price", "decimal(12,2)", ("amount",)),
        Column("wide", "decimal(30,4)"),
        Column("is_active", "boolean"),
        Column("made", "timestamp"),
        Column("day", "date"),
        Column("place", "struct<city:string,zip:struct<code:int>>"),
        Column("items", "array<struct<sku:string,quantity:int,price:decimal(12,2),tags:array<string>>>"),
        Column("marks", "array<array<int>>"),
        Column("cart", "map<string,struct<quantity:int>>"),
    ),
    ("id",),
)
ORDER = Contract(
    "shop",
    "orders",
    (
        Column("id", "string"),
        Column("user", "string"),
        Column("at", "timestamp"),
        Column("total", "decimal(12,2)"),
        Column("lines", "array<struct<sku:string,n:int,price:decimal(12,2)>>"),
    ),
    ("id",),
)


def encoded(*documents: dict[str, Any]) -> list[bytes]:
    return [bson.encode(document) for document in documents]


def rows(raws: list[bytes], contract: Contract = CONTRACT) -> list[dict[str, Any]]:
    """Decodes the documents as one reply, in any order."""
    batches = list(BatchDecoder(contract, "shop.things").decode(RawBatch(b"".join(raws))))
    assert all(batch.schema == decoded_arrow_schema(contract) for batch in batches)
    for batch in batches:
        batch.validate(full=True)
        assert batch.column("_counted").to_pylist() == [batch.num_rows, *[0] * (batch.num_rows - 1)]
    return [{**row, "_counted": 0} for batch in batches for row in batch.to_pylist()]


def exact_rows(raws: list[bytes], contract: Contract = CONTRACT) -> list[dict[str, Any]]:
    batch = Decoder(contract).decode(records_of(raws, contract, "shop.things"))
    return [{**row, "_counted": 0} for row in batch.to_pylist()]


def text_of(row: dict[str, Any]) -> str:
    if row["_problem"] == "is no BSON":
        row = {**row, "_reason": None}  # the decoder's word for the same bytes differs from time to time
    return json.dumps(row, default=repr, sort_keys=True)  # NaN equals NaN


def agree(raws: list[bytes], contract: Contract = CONTRACT) -> None:
    assert sorted(map(text_of, rows(raws, contract))) == sorted(map(text_of, exact_rows(raws, contract)))


def exactly(contract: Contract, raws: list[bytes], monkeypatch: pytest.MonkeyPatch) -> int:
    """Returns how many of the documents were left to the exact way."""
    left: list[int] = []

    def counting(some: list[bytes], contract: Contract, place: str) -> Any:
        left.append(len(some))
        return records_of(some, contract, place)

    monkeypatch.setattr("ingest.mongodb.batches.records_of", counting)
    list(BatchDecoder(contract, "shop.things").decode(RawBatch(b"".join(raws))))
    return sum(left)


WORDS = ["", "a", "Zürich", "東京", "x" * 12, "y" * 13, "z" * 70, "nul\0inside", "🙂", "prod_00001", "5f" * 12]
ANYTHING: list[Callable[[random.Random], Any]] = [
    lambda r: r.choice(WORDS),
    lambda r: r.choice(["2024-01-05T10:20:30", "2024-01-05T10:20:30.000001", "2024-02-30", "2024-01-05", "12.50", "7"]),
    lambda r: r.choice([0, 1, -1, 127, 128, 2**31 - 1, -(2**31), r.randrange(-1000, 1000)]),
    lambda r: Int64(r.choice([0, 5, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])),
    lambda r: r.choice([0.0, -0.0, 1.0, 7.5, 2.675, 1.005, -1.005, 1e300, 2.0**63, -(2.0**63), float("nan"), float("inf")]),
    lambda r: round(r.uniform(-1e6, 1e6), r.randrange(4)),
    lambda r: Decimal128(r.choice(["0", "-0", "1.10", "19.99", "1E+3", "1E+30", "1.005", "-2.675", "NaN", "Infinity", "-Infinity", "1E-40", "0E+6000", "0E-6000", "9999999999.99", "9999999999.995", "1" * 34, "12345678901234567.8"])),
    lambda r: Decimal128(Decimal(r.randrange(-(10**6), 10**6)).scaleb(-r.randrange(5))),
    lambda r: r.choice([True, False, None]),
    lambda r: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(milliseconds=r.randrange(10**10)),
    lambda r: datetime(2024, 1, r.randrange(1, 28), tzinfo=UTC),
    lambda r: DatetimeMS(r.choice([0, -1, -62135596800000, -62135596800001, 253402300799999, 253402300800000, 2**63 - 1, -(2**63)])),
    lambda r: ObjectId(),
    lambda r: r.choice([Binary(b"\x00\xff"), Binary(b"0123456789abcdef", 4), Binary(b"", 0)]),
    lambda r: r.choice([Regex("a.*", "i"), MinKey(), MaxKey(), Timestamp(1700000000, 3), Code("f()"), Code("f()", {"a": 1})]),
    lambda r: {},
    lambda r: [],
    lambda r: [r.choice([1, "a", None, {}, []])],
    lambda r: {r.choice(["city", "code", "x", "$ref"]): r.choice([1, "a", None])},
]  # fmt: skip


def fitting(r: random.Random) -> dict[str, Any]:
    """Returns a document that mostly fits, with fields in order."""
    money: Callable[[], Any] = lambda: r.choice(  # noqa: E731
        [Decimal128(Decimal(r.randrange(10**6)).scaleb(-2)), r.randrange(1000), r.randrange(10**6) / 100, Int64(3)]
    )
    maybe: Callable[[Any], Any] = lambda value: None if r.random() < 0.2 else value  # noqa: E731
    name = f"thing_{r.randrange(10**6):06}"
    return {
        "_id": name,
        "id": name,
        "n": maybe(r.choice([r.randrange(100), Int64(7), 8.0])),
        "big": r.choice([r.randrange(2**40), 5]),
        "ratio": r.choice([r.random(), 3, Int64(2**60 + 1)]),
        "price": maybe(money()),
        "is_active": r.random() < 0.5,
        "made": maybe(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=r.randrange(10**7))),
        "day": datetime(2024, 5, 17, tzinfo=UTC),
        "place": maybe({"city": r.choice(WORDS), "zip": maybe({"code": maybe(8001)})}),
        "items": maybe(
            [
                {
                    "sku": r.choice(WORDS),
                    "quantity": r.randrange(9),
                    "price": money(),
                    "tags": maybe([r.choice(WORDS) for _ in range(r.randrange(4))]),
                }
                for _ in range(r.choice([0, 1, 2, 3, 12]))
            ]
        ),
        "marks": [[1, 2], [], None, [3]][: r.randrange(5)],
    }


def disturbed(r: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """Returns the document with something unusual about it."""
    names = list(document)
    what = r.randrange(8)
    victim = r.choice(names[1:])
    if what == 0:
        document[victim] = r.choice(ANYTHING)(r)
    elif what == 1:
        del document[victim]
    elif what == 2:
        r.shuffle(names)
        document = {name: document[name] for name in names}
    elif what == 3:
        document[r.choice(["colour", "size", "amount", "é", "cart"])] = r.choice(ANYTHING)(r)
    elif what == 4 and document.get("items"):
        r.choice(document["items"])[r.choice(["sku", "quantity", "price", "tags", "gift"])] = r.choice(ANYTHING)(r)
    elif what == 5 and document.get("place"):
        document["place"][r.choice(["city", "zip", "street"])] = r.choice(ANYTHING)(r)
    elif what == 6:
        document["_id"] = r.choice(ANYTHING)(r)
        if r.random() < 0.5:
            document["id"] = document["_id"]
    elif what == 7 and document.get("items"):
        document["items"].append(r.choice(ANYTHING)(r))
    return document


@pytest.mark.parametrize("seed", range(30))
def test_a_batch_is_what_the_exact_way_gives(seed: int) -> None:
    r = random.Random(seed)
    share = r.choice([0.0, 0.05, 0.5, 1.0])
    documents = [fitting(r) for _ in range(150)]
    documents = [disturbed(r, each) if r.random() < share else each for each in documents]
    agree(encoded(*documents))


@pytest.mark.parametrize("seed", range(10))
def test_documents_of_random_fields(seed: int) -> None:
    r = random.Random(seed)
    names = [column.name for column in CONTRACT.columns] + ["_id", "extra"]
    agree(
        encoded(
            *[
                {name: r.choice(ANYTHING)(r) for name in r.sample(names, r.randrange(1, 8)) if name != "_id"}
                | {"id": str(index)}
                for index in range(150)
            ]
        )
    )


@pytest.mark.parametrize("key_type", ["int", "bigint", "string", "timestamp", "decimal(12,2)", "double"])
def test_an_id_and_a_key_of_any_kind(key_type: str) -> None:
    r = random.Random(key_type)
    contract = Contract("s", "t", (Column("id", key_type), Column("n", "int")), ("id",))
    values = [r.choice(ANYTHING)(r) for _ in range(400)]
    agree(encoded(*[{"_id": r.choice([value, value, 5, "a"]), "id": value} for value in values]), contract)


@pytest.mark.parametrize("seed", range(20))
def test_broken_bytes_are_no_different(seed: int) -> None:
    """A byte within a document is changed, but not its length, which the server vouches for."""
    r = random.Random(seed)
    raws = encoded(*[fitting(r) for _ in range(60)])
    for index in r.sample(range(60), 30):
        broken = bytearray(raws[index])
        for _ in range(r.choice([1, 1, 3])):
            broken[r.randrange(4, len(broken))] = r.choice([0, 1, 2, 3, 4, 5, 7, 16, 127, 128, 255, r.randrange(256)])
        raws[index] = bytes(broken)
    agree(raws)


def test_an_element_of_no_type_is_no_element() -> None:
    (good,) = encoded({"id": "a", "marks": [None, None]})
    broken = good.replace(b"\x0a1\0", b"\x001\0")
    assert [row["_problem"] for row in rows([good, broken])] == [None, "is no BSON"]


def test_regular_documents_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    r = random.Random(1)
    documents = [
        {
            "_id": f"o{index:05}",
            "id": f"o{index:05}",
            "user": r.choice([None, f"user_{index:06}"]),
            "at": datetime(2024, 1, 1, tzinfo=UTC),
            "total": r.choice([Decimal128("19.99"), 20, 20.5]),
            "lines": [
                {"sku": "é" * r.randrange(40), "n": 1, "price": Decimal128("1.25")} for _ in range(r.randrange(6))
            ],
        }
        for index in range(500)
    ]
    for document in documents[::7]:
        del document["user"]
    documents[100] = dict(reversed(documents[100].items()))
    assert exactly(ORDER, encoded(*documents), monkeypatch) == 0
    documents[200]["total"] = "20.50"
    documents[300]["lines"].append({"sku": 7})
    assert exactly(ORDER, encoded(*documents), monkeypatch) == 2
    agree(encoded(*documents), ORDER)


def test_many_kinds_of_layout_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = [["id", "user", "total"], ["total", "user", "id"], ["user", "total", "id"]]
    values = {"id": "x", "user": "u", "total": 1}
    raws = encoded(*[{name: values[name] for name in layouts[index % 3]} for index in range(90)])
    assert exactly(ORDER, raws, monkeypatch) == 0


def test_an_id_that_repeats_the_key_is_not_rescued() -> None:
    found = rows(encoded({"_id": "a", "id": "a"}, {"_id": "b", "id": "a"}, {"_id": 7, "id": "7"}, {"id": "d"}))
    assert [row["_rescued"] for row in found] == [None, '{"_id":"b"}', '{"_id":7}', None]
    by_number = Contract("s", "t", (Column("id", "int"),), ("id",))
    found = rows(encoded({"_id": 7, "id": 7}, {"_id": 8, "id": 7}), by_number)
    assert [row["_rescued"] for row in found] == [None, '{"_id":8}']
    named = Contract("s", "t", (Column("_id", "string"), Column("n", "int")), ("_id",))
    key = ObjectId("65a000000000000000000001")
    (row,) = rows(encoded({"_id": key, "n": 1}), named)
    assert (row["_id"], row["_rescued"]) == ("65a000000000000000000001", None)


def test_what_is_not_named_is_rescued_as_extended_json() -> None:
    (row,) = rows(
        encoded({"id": "a", "at": datetime(2024, 1, 5, tzinfo=UTC), "more": {"n": Int64(5), "d": Decimal128("1.50")}})
    )
    assert row["_rescued"] == ('{"at":{"$date":"2024-01-05T00:00:00Z"},"more":{"n":5,"d":{"$numberDecimal":"1.50"}}}')


def test_a_value_that_does_not_fit_is_quarantined_with_all_that_was_there() -> None:
    before, after, row = rows(encoded({"id": "a"}, {"id": "b", "n": Decimal128("NaN"), "made": 5.0}, {"id": "c"}))
    assert (before["_reason"], after["_reason"]) == (None, None)
    assert row["_reason"] == 'n: "NaN" is no int; made: 5.0 is no timestamp'
    assert row["_problem"] == "n is no int"
    assert row["_payload"] == '{"id":"b","n":{"$numberDecimal":"NaN"},"made":{"$numberDouble":"5.0"}}'
    assert (row["_key"], row["_file"], row["_position"]) == ("b", "shop.things", None)


def test_a_document_that_is_no_bson_is_quarantined_with_its_bytes() -> None:
    text = bson.encode({"id": "abc"}).replace(b"abc", b"a\xffc")
    good, row = rows([text, *encoded({"id": "a"})])
    assert good["_reason"] is None
    assert row["_problem"] == "is no BSON"
    assert row["_reason"] == "is no BSON: 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"
    assert base64.b64decode(row["_payload"]) == text
    assert row["_key"] is None


def test_years_that_only_bson_knows_do_not_fit() -> None:
    late = DatetimeMS(253402300800000)
    (row,) = rows(encoded({"id": "a", "made": late}))
    assert row["_reason"] == 'made: "DatetimeMS(253402300800000)" is no timestamp'
    assert row["_payload"] == '{"id":"a","made":{"$date":{"$numberLong":"253402300800000"}}}'


def test_a_double_is_rounded_as_it_is_written_and_a_decimal_is_exact() -> None:
    values = [2.675, 1.005, 1339.4500000000003, Decimal128("2.675"), Decimal128("0.10"), 7, Int64(8), None]
    found = rows(encoded(*[{"id": str(index), "price": value} for index, value in enumerate(values)]))
    assert [row["price"] for row in found] == [
        *map(Decimal, ["2.68", "1.01", "1339.45", "2.68", "0.10", "7.00", "8.00"]),
        None,
    ]


def test_decimals_of_many_places_take_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "1339.4500000000003",
        "-0.00499999999999999999",
        "5E-3",
        "5000000000000000000E-21",
        "4999999999999999999E-21",
        "-9223372036854775807E-21",
        "9223372036854775807E-22",
        "9223372036854775807E-15",
        "99999999999.99E-2",
        "999999999999.4E-2",
    ]
    documents = encoded(*[{"id": str(index), "total": Decimal128(text)} for index, text in enumerate(texts)])
    assert exactly(ORDER, documents, monkeypatch) == 0
    agree(documents, ORDER)
    assert [str(row["total"]) for row in rows(documents, ORDER)] == [
        "1339.45", "0.00", "0.01", "0.01", "0.00", "-0.01", "0.00", "9223.37", "1000000000.00", "9999999999.99",
    ]  # fmt: skip
    too_large = encoded({"id": "a", "total": Decimal128("9999999999.995")}, {"id": "b", "total": Decimal128("1E+10")})
    assert exactly(ORDER, too_large, monkeypatch) == 2
    agree(too_large, ORDER)


def test_an_empty_reply_gives_no_batch() -> None:
    assert list(BatchDecoder(CONTRACT, "x").decode(RawBatch(b""))) == []


def test_a_torn_reply_is_an_error() -> None:
    with pytest.raises(ValueError, match="no document begins at byte 0 of 4"):
        RawBatch(struct.pack("<i", 99))


def test_without_rescue_unnamed_fields_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    raws = encoded({"id": "a", "more": 1, "lines": [{"sku": "x", "gift": True}]})
    (batch,) = BatchDecoder(ORDER, "x", keeps_unnamed=False).decode(RawBatch(raws[0]))
    assert batch.column("lines").to_pylist() == [[{"sku": "x", "n": None, "price": None}]]
    assert pa.compute.is_null(batch.column("_rescued")).to_pylist() == [True]
