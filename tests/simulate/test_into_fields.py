"""Types read from their words, and which share of the records has each path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.errors import ContractError, FormatError
from simulate.fields import FieldType, coverage_of, read_type
from simulate.loaded import Broken, Loaded, TableFiles
from stores.hbase_cells import PlainColumn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("string", FieldType("string")),
        ("DECIMAL(12, 2)", FieldType("decimal")),
        (
            "array<struct<`a b`:int, c:decimal(1,0)>>",
            FieldType("array", (("", FieldType("struct", (("a b", FieldType("int")), ("c", FieldType("decimal"))))),)),
        ),
        (
            "map<string,array<timestamp>>",
            FieldType("map", (("", FieldType("array", (("", FieldType("timestamp")),))),)),
        ),
    ],
)
def test_a_type_is_read_from_its_words(text: str, expected: FieldType) -> None:
    assert read_type(text) == expected


@pytest.mark.parametrize("text", ["array<int", "struct<a int>", "map<string>", "", "int int"])
def test_a_text_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(FormatError) as raised:
        read_type(text)
    assert str(raised.value) == f'sources.yml: data_type "{text}" is no type. Write it in Spark\'s words.'


def table(*columns: tuple[str, str, tuple[str, ...], tuple[str, ...]]) -> TableFiles:
    return TableFiles(
        name="sessions",
        paths=[Path("sessions_0.json")],
        key=("session_id",),
        columns=[PlainColumn(name, kind, cells, None, aliases) for name, kind, cells, aliases in columns],
    )


SESSIONS = table(
    ("session_id", "string", ("meta:session_id",), ()),
    ("geo_data", "struct<city:string,state:string>", ("geo:*",), ()),
    ("referrer", "string", ("meta:referrer",), ("referral_source",)),
    ("cart", "map<string,struct<price:decimal(12,2)>>", ("events:cart",), ()),
)


def shares(documents: list[dict[str, Any]], **options: Any) -> dict[str, tuple[float, float, bool]]:
    found = coverage_of(SESSIONS, documents, place="hbase://here:1", needed=options.pop("needed", ()), **options)
    return {each.path: (each.present, each.filled, each.is_seen) for each in found}


def test_shares_count_presence_and_values_among_those_that_have_what_is_around() -> None:
    documents = [
        {"session_id": "a", "geo_data": {"city": "x", "state": None}, "referral_source": "email", "cart": {}},
        {"session_id": "b", "geo_data": None, "referrer": None, "cart": {}},
        {"session_id": "c", "geo_data": {"city": "y"}, "cart": {}},
        {"session_id": "d", "referrer": "email", "cart": {}},
    ]
    assert shares(documents) == {
        "session_id": (1.0, 1.0, True),
        "geo_data": (0.75, 0.5, True),
        "geo_data.city": (1.0, 1.0, True),
        "geo_data.state": (0.5, 0.0, True),
        "referrer": (0.75, 0.5, True),
        "cart": (1.0, 1.0, True),
        "cart.*.price": (0.0, 0.0, False),
    }


def test_a_needed_path_that_no_record_has_is_an_error_that_names_all_of_them() -> None:
    documents = [{"session_id": "a", "geo": {"city": "x"}, "cart": {}}] * 3
    with pytest.raises(ContractError) as raised:
        shares(documents, needed={"geo_data", "geo_data.city", "referrer"})
    assert str(raised.value) == (
        "hbase://here:1/sessions: none of the first 3 records of sessions_0.json has geo_data (for geo:*), referrer (for "
        "meta:referrer); they have session_id, geo, cart. Nothing was loaded. Mend the names in sources.yml (or add "
        "`aliases`), or allow the path to be missing."
    )


def test_a_path_that_may_be_missing_is_none() -> None:
    documents = [{"session_id": "a", "geo_data": {}}]
    assert shares(documents, needed={"referrer"}, allow_missing={"referrer"})["referrer"] == (0.0, 0.0, True)


def test_an_inner_path_is_needed_only_where_there_is_what_is_around_it() -> None:
    documents = [{"session_id": "a", "geo_data": None}]
    assert shares(documents, needed={"geo_data.city"})["geo_data.city"] == (0.0, 0.0, False)
    with pytest.raises(ContractError, match=r"has geo_data\.city;"):
        shares([{"session_id": "a", "geo_data": {"town": "x"}}], needed={"geo_data.city"})


def test_a_missing_key_is_an_error_though_nobody_asked() -> None:
    with pytest.raises(ContractError, match=r"has session_id \(for meta:session_id\); they have id\."):
        shares([{"id": "a"}])


def test_a_report_tells_the_whole_story() -> None:
    loaded = Loaded(
        table="transactions",
        place="mongodb://here/shop",
        records=1_010,
        written=600,
        keys=998,
        repeated=2,
        stored=1_003,
        strangers=5,
        broken_count=10,
        broken=(Broken(Path("t.json"), 41, "is no JSON: x"), Broken(Path("t.parquet"), 0, "it has no user_id")),
        cut_times=3,
        coverage=(),
        note="one region",
        seconds=3.0,
        write_seconds=2.0,
    )
    assert str(loaded).splitlines() == [
        "mongodb://here/shop/transactions: 600 of 1,010 records written, 400 were there, 998 keys verified; 3.0 s, "
        "300 records/s",
        "  one region",
        "  2 records repeat the key of another; one of each stays",
        "  5 rows of the store are not from these files",
        "  3 times have microseconds, of which MongoDB keeps the milliseconds",
        "  10 broken records were not loaded:",
        "    t.json: byte 42: is no JSON: x",
        "    t.parquet: row 1: it has no user_id",
        "    … and 8 more",
    ]
