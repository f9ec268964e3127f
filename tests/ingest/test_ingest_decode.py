"""Documents become rows by the contract: typed, rescued or with the reason why they do not fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest.contract import Column, Contract
from ingest.decode import Decoder, Records, decoded_arrow_schema, occurring_paths

CONTRACT = Contract(
    "shop",
    "things",
    (
        Column("id", "string"),
        Column("count", "int"),
        Column("price", "decimal(12,2)", ("amount",)),
        Column("made", "timestamp"),
        Column("place", "struct<city:string,zip:struct<code:int>>"),
        Column("views", "array<struct<at:timestamp,page:string>>"),
        Column("cart", "map<string,struct<quantity:int>>"),
    ),
    ("id",),
)


def rows_of(
    *documents: Any, contract: Contract = CONTRACT, problems: dict[int, str] | None = None
) -> list[dict[str, Any]]:
    records = Records(
        file="things.json",
        positions=[10 * index for index in range(len(documents))],
        documents=list(documents),
        problems=problems or {},
        payload=lambda index: json.dumps(documents[index], default=str),
    )
    batch = Decoder(contract).decode(records)
    assert batch.schema == decoded_arrow_schema(contract)
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def test_a_whole_document() -> None:
    (row,) = rows_of(
        {
            "id": "a",
            "count": 3,
            "price": 1339.4500000000003,
            "made": "2024-01-05T10:20:30.000001",
            "place": {"city": "Zürich", "zip": {"code": 8001}},
            "views": [{"at": "2024-01-05T10:20:30", "page": "home"}, {"at": None}],
            "cart": {"prod_1": {"quantity": 2}},
        }
    )
    assert row == {
        "id": "a",
        "count": 3,
        "price": Decimal("1339.45"),
        "made": datetime(2024, 1, 5, 10, 20, 30, 1, tzinfo=UTC),
        "place": {"city": "Zürich", "zip": {"code": 8001}},
        "views": [{"at": datetime(2024, 1, 5, 10, 20, 30, tzinfo=UTC), "page": "home"}, {"at": None, "page": None}],
        "cart": [("prod_1", {"quantity": 2})],
        "_rescued": None,
        "_key": None,
        "_reason": None,
        "_problem": None,
        "_payload": None,
        "_file": None,
        "_position": None,
        "_counted": 1,
    }


def test_what_is_absent_or_null_is_null() -> None:
    for row in rows_of({"id": "a"}, {"id": "b", **dict.fromkeys(["count", "price", "made", "place", "views", "cart"])}):
        assert [row[column.name] for column in CONTRACT.columns[1:]] == [None] * 6
        assert row["_reason"] is None
        assert row["_rescued"] is None


@pytest.mark.parametrize(
    ("document", "rescued"),
    [
        ({"colour": "red"}, {"colour": "red"}),
        ({"colour": None}, {"colour": None}),
        ({"place": {"city": "x", "street": "y"}}, {"place": {"street": "y"}}),
        ({"place": {"zip": {"code": 1, "more": [1]}}}, {"place": {"zip": {"more": [1]}}}),
        ({"views": [{"page": "a"}, {"page": "b", "depth": 3}, {}]}, {"views": [None, {"depth": 3}]}),
        ({"cart": {"p": {"quantity": 1}, "q": {"gift": True}}}, {"cart": {"q": {"gift": True}}}),
        ({"price": 1, "amount": 2}, {"amount": 2}),
        ({"price": 1, "amount": 1}, None),
        ({"price": None, "amount": 2}, None),
        ({"amount": 2}, None),
        ({"count": 7}, None),
    ],
)
def test_what_the_contract_does_not_name_is_rescued(document: dict[str, Any], rescued: Any) -> None:
    plain, row = rows_of({"id": "plain"}, {"id": "a", **document})
    assert row["_reason"] is None
    assert json.loads(row["_rescued"] or "null") == rescued
    assert plain["_rescued"] is None


def test_an_alias_is_landed_under_the_columns_name() -> None:
    rows = rows_of(
        {"id": "a", "amount": 5}, {"id": "b", "price": None, "amount": 6}, {"id": "c", "price": 7, "amount": 8}
    )
    assert [row["price"] for row in rows] == [Decimal(5), Decimal(6), Decimal(7)]


@pytest.mark.parametrize(
    ("document", "reason", "problem", "key"),
    [
        ({"id": "a", "count": "12x"}, 'count: "12x" is no int', "count is no int", "a"),
        ({"id": "a", "count": 7.5}, "count: 7.5 is no int", "count is no int", "a"),
        ({"id": "a", "amount": "x"}, 'price: "x" is no decimal(12,2)', "price is no decimal(12,2)", "a"),
        ({"id": "a", "place": []}, "place: [] is no object", "place is no object", "a"),
        (
            {"id": "a", "views": [{"at": "soon"}]},
            'views[0].at: "soon" is no timestamp',
            "views[].at is no timestamp",
            "a",
        ),
        (
            {"id": "a", "cart": {"p": {"quantity": "2"}}},
            'cart.p.quantity: "2" is no int',
            "cart.*.quantity is no int",
            "a",
        ),
        (
            {"id": "a", "count": "x", "made": "y"},
            'count: "x" is no int; made: "y" is no timestamp',
            "count is no int",
            "a",
        ),
        ({"count": 1}, "key id is missing", "key id is missing", None),
        ({"count": "x"}, 'count: "x" is no int; key id is missing', "count is no int", None),
        ({"id": None}, "key id is missing", "key id is missing", None),
        ({"id": 17}, "id: 17 is no string", "id is no string", "17"),
        (17, "is no object: 17", "is no object", None),
        (None, "is no object: null", "is no object", None),
        (["a"], 'is no object: ["a"]', "is no object", None),
    ],
)
def test_what_does_not_fit_keeps_its_reason(document: Any, reason: str, problem: str, key: str | None) -> None:
    before, row, after = rows_of({"id": "before", "count": 1}, document, {"id": "after", "count": 2})
    assert (row["_reason"], row["_problem"], row["_key"]) == (reason, problem, key)
    assert (row["_payload"], row["_file"], row["_position"]) == (json.dumps(document), "things.json", 10)
    assert [(each["id"], each["count"], each["_reason"]) for each in (before, after)] == [
        ("before", 1, None),
        ("after", 2, None),
    ]


def test_a_record_that_is_no_json_keeps_the_parsers_word() -> None:
    row, good = rows_of(None, {"id": "a"}, problems={0: "unexpected character: line 1 column 2 (char 1)"})
    assert row["_reason"] == "is no JSON: unexpected character: line 1 column 2 (char 1)"
    assert row["_problem"] == "is no JSON"
    assert good["_reason"] is None


def test_each_batch_counts_itself_once() -> None:
    assert [row["_counted"] for row in rows_of({"id": "a"}, 17, {"id": "b"})] == [3, 0, 0]


def test_several_key_columns() -> None:
    contract = Contract("s", "t", (Column("a", "string"), Column("b", "int"), Column("c", "int")), ("a", "b"))
    rows = rows_of({"a": "x", "b": 1, "c": "z"}, {"a": "x"}, contract=contract)
    assert [(row["_key"], row["_reason"]) for row in rows] == [
        ("x, 1", 'c: "z" is no int'),
        ("x, null", "key b is missing"),
    ]


def test_occurring_paths() -> None:
    document = {"id": 1, "amount": None, "views": [{}, {"page": 1}], "cart": {"p": {"quantity": 1}}, "place": None}
    assert occurring_paths(document, CONTRACT) == {
        "id",
        "price",
        "views",
        "views[].page",
        "cart",
        "cart.*.quantity",
        "place",
    }
    assert occurring_paths([document], CONTRACT) == set()


def test_records_of_another_form_say_so_and_write_what_is_rescued_their_own_way() -> None:
    records = Records(
        file="things",
        positions=[None, None],
        documents=[None, {"id": "a", "more": {1, 2}}],
        problems={0: "torn"},
        payload=lambda index: f"payload {index}",
        form="BSON",
        rescued=lambda found: f"rescued {sorted(found['more'])}",
    )
    torn, good = Decoder(CONTRACT).decode(records).to_pylist()
    assert (torn["_reason"], torn["_problem"]) == ("is no BSON: torn", "is no BSON")
    assert (torn["_payload"], torn["_position"]) == ("payload 0", None)
    assert good["_rescued"] == "rescued [1, 2]"


def test_values_that_arrow_cannot_infer_a_type_of_are_no_end_of_the_batch() -> None:
    rows = rows_of(
        {"id": "a", "count": datetime(2024, 1, 1)}, {"id": "b", "count": float("nan")}, {"id": "c", "count": 1}
    )
    assert [row["_reason"] for row in rows] == ['count: "2024-01-01T00:00:00" is no int', "count: null is no int", None]
