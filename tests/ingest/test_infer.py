"""Drafts of sources.yml from documents: the types fit the sample, the YAML is read back, guesses are said to be such."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp

from ingest.contract import Column
from ingest.decode import Decoder, Records
from ingest.infer import Inferred, infer
from ingest.path_profile import kind_of, percent, profile_of
from runner.errors import ProjectError
from runner.project.properties import read_properties

MOMENT = datetime(2024, 1, 5, 10, 20, 30, 123000, tzinfo=UTC)


def user(number: int) -> dict[str, Any]:
    return {
        "_id": f"user_{number:04}",
        "user_id": f"user_{number:04}",
        "geo_data": {"city": "Zürich", "zip code": "8000", **({"state": "ZH"} if number % 4 else {})},
        "registration_date": MOMENT,
        "born": "1990-02-03",
        "logins": Int64(number),
        "balance": number / 4 if number % 2 else number,
        "spent": Decimal128("12.50"),
        "tags": ["a", "b"][: number % 3],
        "orders": [{"total": 1.5 * number, "at": "2024-01-05T10:20:30", "note": None}],
        "cart_contents": {f"prod_{number + 13:05}": {"quantity": 1, "price": 9.99}},
        "nickname": None,
        "photo": Binary(b"\x01\x02"),
    }


def drafted(records: list[Any], table: str = "users") -> Inferred:
    return infer(records, source="mongodb", table=table, sample_size=1_000)


def types(records: list[Any]) -> dict[str, str]:
    return {each.column.name: each.column.data_type for each in drafted(records).columns}


def type_of(*values: Any) -> str:
    """Returns the type drafted for a field with these values, one a record."""
    return types([{"field": value} for value in values])["field"]


def comment_of(*values: Any) -> str:
    return next(each.comment for each in drafted([{"field": value} for value in values]).columns)


USERS = """version: 2

sources:
  - name: mongodb
    meta: {store: mongodb}
    loaded_at_field: _landed_at
    tables:
      - name: users
        description: "Drafted from a sample of 40 records. One row per user_id."
        key: [user_id] # the same as _id; filled and distinct in all 40 records
        # _id: is user_id again
        # photo: left to _rescued: no column's type takes binary
        columns:
          - name: user_id
            data_type: string # in 100 %
          - name: geo_data
            data_type: "struct<city:string,state:string>" # in 100 %
            # geo_data.zip code: left to _rescued: Delta takes no such name
            # geo_data.state: in 75 %
          - name: registration_date
            data_type: timestamp # in 100 %
          - name: born
            data_type: date # in 100 %; ISO text
          - name: logins
            data_type: bigint # in 100 %
          - name: balance
            data_type: decimal(12,2) # in 100 %; int32 50 %, double 50 %; whole cents
          - name: spent
            data_type: decimal(12,2) # in 100 %
          - name: tags
            data_type: "array<string>" # in 100 %
          - name: orders
            data_type: "array<struct<total:decimal(12,2),at:timestamp,note:string>>" # in 100 %
            # orders[].total: in 100 %; whole cents
            # orders[].at: in 100 %; ISO text
            # orders[].note: in 100 %; always null
          - name: cart_contents
            data_type: "map<string,struct<quantity:int,price:decimal(12,2)>>" # in 100 %
            # cart_contents: 40 different keys, such as prod_00013
            # cart_contents.*.price: in 100 %; whole cents
          - name: nickname
            data_type: string # in 100 %; always null
"""


def test_the_draft_is_read_by_the_projects_own_loader(tmp_path: Path) -> None:
    found = drafted([user(number) for number in range(40)])
    assert found.text == USERS
    path = tmp_path / "sources.yml"
    path.write_text(found.text, encoding="utf-8")
    (table,) = read_properties([(path, "sources.yml")], project="shop").sources
    assert (table.label, table.store, table.key, table.stored_as) == ("mongodb.users", "mongodb", ("user_id",), None)
    assert [(each.name, each.data_type) for each in table.columns] == [
        (each.column.name, each.column.data_type) for each in found.columns
    ]
    assert found.contract().key == ("user_id",)


def test_every_record_of_the_sample_fits_the_draft() -> None:
    documents = [{name: value for name, value in user(number).items() if name != "photo"} for number in range(40)]
    records = Records(file="f", positions=[0] * 40, documents=documents, payload=lambda index: str(documents[index]))
    batch = Decoder(drafted(documents).contract()).decode(records)
    assert batch.column("_reason").to_pylist() == [None] * 40
    assert batch.column("balance").null_count == 0
    rescued = {name for text in batch.column("_rescued").to_pylist() for name in orjson.loads(text)}
    assert rescued <= {"_id", "geo_data"}, "what the draft said it leaves out"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2), "int"),
        ((1, 2**31 - 1), "int"),
        ((1, 2**31), "bigint"),
        ((Int64(1), 2), "bigint"),
        ((True, False), "boolean"),
        ((1.0, 2.0), "double"),
        ((1, 2.0), "int"),
        ((0.1, 0.25), "double"),  # below one: a share, not an amount
        ((10.25, 1339.4500000000003), "decimal(12,2)"),
        ((10.25, 7), "decimal(12,2)"),
        ((10.256, 7), "double"),
        ((10.25, float("nan")), "double"),
        ((123456789012.25,), "decimal(18,2)"),
        ((Decimal128("1.5"),), "decimal(12,1)"),
        ((Decimal128("1.50"), 2, 3.25), "decimal(12,2)"),
        ((Decimal128("1.50"), 3.3333), "double"),
        ((Decimal128("12345678901.50"),), "decimal(18,2)"),
        ((Decimal128("1E-20"), Decimal128("1")), "decimal(38,20)"),
        ((Decimal128("NaN"), Decimal128("1.25")), "decimal(12,2)"),
        (("a", ""), "string"),
        (("2024-01-05T10:20:30", "2024-01-05 10:20:30.123456"), "timestamp"),
        (("2024-01-05", "2024-01-06T00:00:00Z"), "timestamp"),
        (("2024-01-05", "2024-02-30"), "string"),
        (("2024-01-05", "2024-02-28"), "date"),
        (("2024-01-05", "soon"), "string"),
        ((MOMENT, "2024-01-05"), "timestamp"),
        ((MOMENT, date(2024, 1, 5)), "timestamp"),
        ((Timestamp(1, 1),), "timestamp"),
        ((ObjectId(), ObjectId()), "string"),
        ((Binary(bytes(16), 4),), "string"),
        ((None, None), "string"),
        ((None, 5), "int"),
        (("a", "b", 5), "string"),
        ((5, 6, "b"), "int"),
        (([], []), "array<string>"),
        (([[1], [2.5]],), "array<array<decimal(12,2)>>"),
        (([1, None], ["x", 2]), "array<int>"),
        (({}, {}), "map<string,string>"),
        (({"a-b": 1, "c": {"d": True}},), "struct<`a-b`:int,c:struct<d:boolean>>"),
        (({"Name": 1, "name": 2},), "struct<Name:int>"),
    ],
)
def test_types_that_take_the_values(values: tuple[Any, ...], expected: str) -> None:
    assert type_of(*values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2), "in 100 %"),
        ((1, 2, 3, 2.5), "in 100 %; int32 75 %, double 25 %; whole cents"),
        ((1, 2, None, "x"), "in 100 %; int32 50 %, null 25 %, string 25 %; 25 % would go to quarantine"),
        (("a", "", "b"), "in 100 %; empty 33.3 %"),
        (("", ""), "in 100 %; always empty"),
        ((None,), "in 100 %; always null"),
        ((MOMENT, "2024-01-05"), "in 100 %; date 50 %, string 50 %; ISO text"),
        (("a", "b", Regex("x")), "in 100 %; string 66.7 %, Regex 33.3 %; 33.3 % would go to quarantine"),
    ],
)
def test_comments_say_shares_and_guesses(values: tuple[Any, ...], expected: str) -> None:
    assert comment_of(*values) == expected


def test_a_path_in_few_records_has_its_share() -> None:
    found = drafted([{"id": number, **({"promo": "x"} if number == 0 else {})} for number in range(3000)][:1000])
    assert {each.column.name: each.comment for each in found.columns} == {"id": "in 100 %", "promo": "in 0.1 %"}
    assert found.records == 1000


def objects(*keys: str, of: int = 1, value: Any = 1) -> list[dict[str, Any]]:
    """Returns one record for each key, whose field holds an object with it alone."""
    return [{"field": {key: value}} for key in keys for _ in range(of)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (objects(*(f"prod_{number}" for number in range(5))), "map<string,int>"),
        (objects("a1b2c3d4", "00ff00ff", "deadbee1"), "map<string,int>"),
        (objects(*(f"word{'x' * number}" for number in range(25))), "map<string,int>"),
        (objects("mobile", "desktop", "tablet"), "struct<mobile:int,desktop:int,tablet:int>"),
        ([{"field": {"q1": 1, "q2": 2, "q3": 3}}] * 9, "struct<q1:int,q2:int,q3:int>"),
        (objects("a1", "a2") + objects("a3", value="text"), "struct<a1:int,a2:int,a3:string>"),
        (objects("a1", "a2", "a3", value=[{"x": 1.25}]), "map<string,array<struct<x:decimal(12,2)>>>"),
        ([{"field": {"a": {f"k{number}": number}}} for number in range(4)], "struct<a:map<string,int>>"),
        ([*objects("a1", "a2", "a3"), {"field": {}}, {"field": {}}], "map<string,int>"),
    ],
)
def test_objects_whose_keys_are_data_are_maps(records: list[Any], expected: str) -> None:
    assert types(records)["field"] == expected


def test_values_of_a_map_are_looked_at_together() -> None:
    values: list[Any] = [1, 2.25, None, {"no": "number"}]
    found = drafted([{"field": {f"k{index}": value}} for index, value in enumerate(values[:3])])
    assert found.columns[0].column.data_type == "map<string,decimal(12,2)>"
    assert [f"{note.path}: {note.text}" for note in found.columns[0].notes] == [
        "field: 3 different keys, such as k0",
        "field.*: int32 33.3 %, double 33.3 %, null 33.3 %; whole cents",
    ]


KEYS: list[tuple[str, list[dict[str, Any]], tuple[str, ...], str]] = [
    ("orders", [{"_id": 1, "code": 1}, {"_id": 2, "code": 2}], ("code",), "the same as _id; "),
    ("orders", [{"_id": 1, "session_id": "a"}, {"_id": 2, "session_id": "b"}], ("_id",), ""),
    ("orders", [{"_id": 1, "session_id": "a", "order_id": 7}, {"_id": 2, "session_id": "b", "order_id": 8}], ("order_id",), ""),
    ("categories", [{"name": "a", "category_id": "x"}, {"name": "b", "category_id": "y"}], ("category_id",), ""),
    ("boxes", [{"shop_id": "a", "box_id": "x"}, {"shop_id": "b", "box_id": "y"}], ("box_id",), ""),
    ("orders", [{"note": "a", "some_id": 1}, {"note": "b", "some_id": 2}], ("some_id",), ""),
    ("orders", [{"note": "a", "email_code": 1}, {"note": "b", "email_code": 2}], ("email_code",), ""),
    ("orders", [{"order_id": None, "note": "a"}, {"order_id": 1, "note": "b"}], ("note",), ""),
    ("orders", [{"order_id": "", "note": "a"}, {"order_id": "1", "note": "b"}], ("note",), ""),
    ("orders", [{"order_id": 1, "note": "a"}, {"order_id": 1, "note": "b"}], ("note",), ""),
]  # fmt: skip


@pytest.mark.parametrize(("table", "records", "key", "first"), KEYS)
def test_the_likeliest_key(table: str, records: list[dict[str, Any]], key: tuple[str, ...], first: str) -> None:
    found = drafted(records, table)
    assert found.key == key
    assert found.key_comment == f"{first}filled and distinct in all 2 records"


def test_where_nothing_is_distinct_no_key_is_made_up() -> None:
    found = drafted([{"a": 1, "rate": 0.1, "on": True}, {"a": 1, "rate": 0.2, "on": False}])
    assert found.key == ()
    assert (
        "        key: [] # no column is filled and distinct in all records: name what tells them apart\n" in found.text
    )
    assert yaml.safe_load(found.text)["sources"][0]["tables"][0]["columns"][2]["name"] == "on"


def test_names_that_yaml_or_a_table_cannot_have_as_they_are() -> None:
    records = [{"yes": 1, "a:b": 2, 'quo"te': 3, "_rescued": 4, "Ümlaut": 5, "new\nline": 6, "ID": 7, "id": 8}]
    found = drafted(records, "order-items 2")
    (table,) = yaml.safe_load(found.text)["sources"][0]["tables"]
    assert (table["name"], table["stored_as"]) == ("order_items_2", "order-items 2")
    assert [each["name"] for each in table["columns"]] == ["yes", "a:b", 'quo"te', "Ümlaut", "ID"]
    assert [(note.path, note.text) for note in found.left_out] == [
        ("_rescued", "left to _rescued: landing adds a column of that name itself"),
        ("new\nline", "left to _rescued: Delta takes no such name"),
        ("id", "left to _rescued: differs from ID only by case"),
    ]
    assert "        # new?line: left to _rescued" in found.text
    assert found.contract().name_in_store == "order-items 2"
    assert found.columns[0].column == Column("yes", "int")


def test_an_empty_sample_is_an_error_and_a_long_one_is_cut() -> None:
    with pytest.raises(ProjectError) as error:
        drafted([])
    assert str(error.value) == (
        "mongodb.users: holds no record, so nothing can be inferred. Load some, or name another table."
    )
    endless = ({"n": number} for number in iter(int, 1))
    assert infer(endless, source="mongodb", table="t", sample_size=3).records == 3


def test_kinds_are_bsons_words() -> None:
    values = [1, 2**31, Int64(1), 1.5, Decimal128("1"), "", None, True, MOMENT, ObjectId(), b"", {}, [], Regex("x")]
    assert [kind_of(value) for value in values] == [
        *("int32", "int64", "int64", "double", "decimal128", "string", "null", "bool", "date", "objectId", "binary"),
        *("object", "array", "Regex"),
    ]


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 5, "0 %"), (5, 5, "100 %"), (1, 3, "33.3 %"), (1, 2, "50 %"), (1, 10_000, "under 0.1 %"), (9_999, 10_000, "over 99.9 %")],
)  # fmt: skip
def test_shares_do_not_round_to_all_or_nothing(part: int, whole: int, expected: str) -> None:
    assert percent(part, whole) == expected


def test_profiles_merge_as_if_they_had_been_one() -> None:
    values: list[Any] = [1, 2.25, Decimal128("1.123"), "2024-01-05", "", None, {"a": [1]}, {"a": ["x"], "b": 2}, 2**40]
    whole = profile_of(values)
    left, right = profile_of(values[:4]), profile_of(values[4:])
    left.merge(right)
    assert left == whole
