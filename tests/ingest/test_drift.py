"""What landed records have that the contract does not name, have no longer, or have of another type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from ingest.contract import RESCUED, Column, Contract, Reason
from ingest.decode import Decoder, Records
from ingest.drift import (
    DRIFT,
    Drift,
    LostPath,
    RetypedPath,
    Shape,
    UnnamedPath,
    drift,
    fill_columns,
    read_fills,
    shape_of,
    walk_rescued,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONTRACT = Contract(
    "hbase",
    "sessions",
    (
        Column("session_id", "string"),
        Column("duration", "int"),
        Column("geo", "struct<city:string,place:struct<zip:string>>"),
        Column("page_views", "array<struct<page_type:string,tags:array<string>>>"),
        Column("cart", "map<string,struct<quantity:int,price:decimal(12,2)>>"),
        Column("referrer", "string", ("source",)),
        Column("seen_at", "timestamp"),
    ),
    ("session_id",),
)
PATHS = (
    "session_id",
    "duration",
    "geo",
    "page_views",
    "cart",
    "referrer",
    "seen_at",
    "geo.city",
    "geo.place",
    "geo.place.zip",
    "page_views[].page_type",
    "page_views[].tags",
    "cart.*.quantity",
    "cart.*.price",
)


def shape(rows: int = 1000, *unnamed: UnnamedPath, **filled: int) -> Shape:
    """Returns a shape in which all rows fill all paths, but for those named, with `__` for a dot."""
    counts = {**dict.fromkeys(PATHS, rows), **{name.replace("__", "."): count for name, count in filled.items()}}
    return Shape(rows=rows, filled=counts, unnamed=unnamed)


def unnamed(path: str, rows: int = 1000, example: str = '"x"', **types: int) -> UnnamedPath:
    return UnnamedPath(path=path, rows=rows, types=types or {"string": rows}, example=example)


def after(last: Drift) -> Mapping[str, Any]:
    """Returns the metadata of the last landing's commit, as they come back from the table's log."""
    found: dict[str, Any] = json.loads(json.dumps({"kind": "landing", DRIFT: last.to_dict()}))
    return found


def lines(now: Shape, last: Shape | None = None, **options: Any) -> list[str]:
    before = None if last is None else after(drift(CONTRACT, last))
    return drift(CONTRACT, now, before=before, **options).lines()


def test_the_same_again_is_no_drift() -> None:
    now = shape(1000, unnamed("promo"), geo__city=0)
    found = drift(CONTRACT, now, before=after(drift(CONTRACT, now)))
    assert not found.has_changed
    assert found.lines() == []
    assert found.lines(known=True) == [
        "hbase.sessions: missing: geo.city in no row, in 0 % of the last landing's",
        'hbase.sessions: not in the contract: promo in 100 % of rows (string; such as "x"), kept in _rescued',
    ]


def test_a_first_landing_is_compared_with_the_contract() -> None:
    found = drift(CONTRACT, shape(10, unnamed("promo", 4, "7", int=3, string=2), seen_at=0), before={})
    assert found.has_changed
    assert found.lines() == [
        "hbase.sessions: missing: seen_at in no row",
        "hbase.sessions: new: promo in 40.0 % of rows (int 75.0 %, string 50.0 %; such as 7), kept in _rescued",
    ]
    assert found.unnamed[0].is_new
    assert found.lost == (LostPath(path="seen_at", share=0.0, share_before=None),)


@pytest.mark.parametrize(
    ("rows", "filled", "is_drift"),
    [
        (1000, 0, True),
        (1000, 390, True),  # less than half of 80 %
        (1000, 410, False),
        (20, 1, False),  # 16 were to be expected: too few to tell
        (20, 0, True),
        (1000, 1000, False),
    ],
)
def test_a_path_that_far_fewer_rows_fill_is_lost(rows: int, filled: int, is_drift: bool) -> None:
    found = drift(CONTRACT, shape(rows, duration=filled), before=after(drift(CONTRACT, shape(100, duration=80))))
    assert found.has_changed is is_drift
    expected = (LostPath(path="duration", share=filled / rows, share_before=0.8),)
    assert found.lost == (expected if is_drift else ())


def test_only_the_outermost_lost_path_is_named() -> None:
    gone = {name: 0 for name in PATHS if name.startswith(("geo", "page_views", "cart."))}
    now = shape(1000)
    now = replace(now, filled={**now.filled, **gone})
    assert lines(now, shape(1000)) == [
        "hbase.sessions: missing: geo in no row, in 100 % of the last landing's",
        "hbase.sessions: missing: page_views in no row, in 100 % of the last landing's",
        "hbase.sessions: missing: cart.*.quantity in no row, in 100 % of the last landing's",
        "hbase.sessions: missing: cart.*.price in no row, in 100 % of the last landing's",
    ]


def test_a_path_that_may_have_been_renamed_is_said_so() -> None:
    by_name = shape(1000, unnamed("referer", 1000), referrer=0)
    assert lines(by_name, shape(1000))[0] == (
        "hbase.sessions: missing: referrer in no row, in 100 % of the last landing's. It may be referer now. "
        "Add it to the column's `aliases`"
    )
    by_share = shape(1000, unnamed("came_from", 720), unnamed("note", 300), unnamed("length", 700, int=700), referrer=0)
    assert drift(CONTRACT, by_share, before=after(drift(CONTRACT, shape(1000, referrer=700)))).lost[0].may_be == (
        "came_from"
    )
    inside = shape(1000, unnamed("geo.town", 990), unnamed("town", 990), geo__city=10)
    assert lines(inside, shape(1000))[0] == (
        "hbase.sessions: rarer: geo.city in 1.0 % of rows, in 100 % of the last landing's. It may be geo.town now. "
        "Name it in the column's `data_type`"
    )
    of_another_type = shape(1000, unnamed("referrers", 1000, "[]", array=1000), referrer=0)
    assert drift(CONTRACT, of_another_type).lost[0].may_be is None
    known_of_old = drift(CONTRACT, by_name, before=after(drift(CONTRACT, shape(1000, unnamed("referer")))))
    assert known_of_old.lost[0].may_be is None, "it was there beside the path"


def test_an_unnamed_path_of_another_type_is_news() -> None:
    last = shape(1000, unnamed("promo", 10), unnamed("note"), unnamed("gone"))
    now = shape(1000, unnamed("promo", 20, "{}", object=5, string=15), unnamed("note", 3, string=2, null=1))
    found = drift(CONTRACT, now, before=after(drift(CONTRACT, last)))
    assert [(each.path, each.is_new) for each in found.unnamed] == [("promo", True), ("note", False)]


def test_records_that_a_type_does_not_take_are_retyped_paths() -> None:
    reasons = (
        Reason("duration is no int", 7, 'duration: "7 s" is no int', "f", 0),
        Reason("page_views[].page_type is no string", 1, "page_views[3].page_type: 5 is no string", "f", 9),
        Reason("cart.*.price does not fit decimal(12,2)", 1, "…", "f", 9),
        Reason("key session_id is missing", 2, "key session_id is missing", "f", 1),
        Reason("is no JSON", 3, "is no JSON: unexpected end", "f", 2),
    )
    last = drift(CONTRACT, shape(10), reasons=reasons[1:2])
    found = drift(CONTRACT, shape(10), before=after(last), reasons=reasons)
    assert [(each.path, each.complaint, each.is_new) for each in found.retyped] == [
        ("duration", "is no int", True),
        ("page_views[].page_type", "is no string", False),
        ("cart.*.price", "does not fit decimal(12,2)", True),
        ("session_id", "is missing", True),
    ]
    assert found.lines()[0] == (
        'hbase.sessions: retyped: duration is no int in 7 records, now in quarantine: duration: "7 s" is no int'
    )
    assert drift(CONTRACT, shape(10), before=after(found), reasons=reasons).lines() == []
    assert found.retyped[1] == RetypedPath(
        path="page_views[].page_type",
        complaint="is no string",
        records=1,
        example="page_views[3].page_type: 5 is no string",
        is_new=False,
    )


def test_a_last_landing_of_another_contract_is_compared_where_it_can_be() -> None:
    last = {**drift(CONTRACT, shape(100)).to_dict(), "filled": {"duration": 100, "other": 100}}
    found = drift(CONTRACT, shape(100, duration=0, referrer=0), before={DRIFT: last})
    assert [(each.path, each.share_before) for each in found.lost] == [("duration", 1.0), ("referrer", None)]
    assert lines(shape(0, duration=0)) == [], "no rows say nothing"
    assert drift(CONTRACT, shape(5), before={"kind": "landing"}).has_changed is False


def test_rescued_values_are_walked_to_the_first_name_that_is_not_the_contracts() -> None:
    rescued = {
        "promo": {"code": "X", "steps": [1, 2]},
        "geo": {"lat": 1.5, "place": {"street": "A"}},
        "page_views": [None, {"scroll": 3}, {"scroll": "far", "tag": None}],
        "cart": {"prod_1": {"note": "gift"}, "prod_2": {"note": "no"}},
        "meta:odd": "b",
    }
    assert list(walk_rescued(rescued, CONTRACT.schema())) == [
        ("promo", {"code": "X", "steps": [1, 2]}),
        ("geo.lat", 1.5),
        ("geo.place.street", "A"),
        ("page_views[].scroll", 3),
        ("page_views[].scroll", "far"),
        ("page_views[].tag", None),
        ("cart.*.note", "gift"),
        ("cart.*.note", "no"),
        ("meta:odd", "b"),
    ]


def session(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": f"s{number}",
        "duration": number,
        "geo": {"city": "", "place": {"zip": "8000" if number % 2 else None}},
        "page_views": [{"page_type": None, "tags": []}, {"page_type": "home" if number < 3 else "", "tags": []}],
        "cart": {"prod_1": {"quantity": 1, "price": None}} if number % 2 else {},
        "seen_at": None,
        "source": "email",
        **changes,
    }


def decoded(spark: SparkSession, documents: list[Any]) -> DataFrame:
    import pyarrow as pa

    records = Records(
        file="test",
        positions=list(range(len(documents))),
        documents=documents,
        payload=lambda index: orjson.dumps(documents[index]).decode(),
    )
    batch = Decoder(CONTRACT).decode(records)
    return spark.createDataFrame(pa.Table.from_batches([batch]), CONTRACT.decoded_schema()).repartition(3)


def test_a_landing_is_looked_at_by_aggregates(spark: SparkSession) -> None:
    from pyspark.sql import Observation

    documents = [session(number) for number in range(8)]
    documents[1] |= {"promo": "SPRING", "geo": {"city": "Bern", "lat": 1.5}}
    documents[2] |= {"promo": 7}
    documents[3] |= {"promo": None, "page_views": [{"scroll": 1}, {"scroll": "far"}]}
    documents[4] |= {"duration": "long", "other": 1}  # in quarantine: its other paths do not count
    frame = decoded(spark, documents)
    seen = Observation()
    frame.observe(seen, *fill_columns(CONTRACT)).write.format("noop").mode("overwrite").save()
    observed = read_fills(CONTRACT, seen.get)
    found = shape_of(frame.where("_reason is null").drop("_reason"), CONTRACT)
    assert observed == replace(found, unnamed=())
    assert found.rows == 7
    assert found.filled == {
        "session_id": 7,
        "duration": 7,
        "geo": 4,
        "page_views": 7,
        "cart": 4,
        "referrer": 7,
        "seen_at": 0,
        "geo.city": 1,
        "geo.place": 3,
        "cart.*.quantity": 4,
        "cart.*.price": 0,
        "geo.place.zip": 3,
        "page_views[].page_type": 3,
        "page_views[].tags": 0,
    }
    assert tuple(found.filled) == PATHS
    assert found.unnamed == (
        unnamed("promo", 3, '"SPRING"', string=1, int=1, null=1),
        unnamed("geo.lat", 1, "1.5", double=1),
        unnamed("page_views[].scroll", 1, "1", int=1, string=1),
    )
    assert drift(CONTRACT, found).lines() == [
        "hbase.sessions: missing: seen_at in no row",
        "hbase.sessions: missing: page_views[].tags in no row",
        "hbase.sessions: missing: cart.*.price in no row",
        "hbase.sessions: new: promo in 42.9 % of rows (int 33.3 %, null 33.3 %, string 33.3 %; such as "
        '"SPRING"), kept in _rescued',
        "hbase.sessions: new: geo.lat in 14.3 % of rows (double; such as 1.5), kept in _rescued",
        "hbase.sessions: new: page_views[].scroll in 14.3 % of rows (int 100 %, string 100 %; such as 1), kept in _rescued",
    ]


def test_a_field_of_elements_is_filled_where_one_of_them_has_it(spark: SparkSession) -> None:
    fields = {
        "text": ["", "x"],
        "number": [0, -1],
        "ratio": [0.0, float("nan")],
        "is_new": [False, True],
        "price": [Decimal("0.00"), Decimal("-1.50")],
        "day": [date(1, 1, 1), date(9999, 12, 31)],
        "at": [datetime(1970, 1, 1, tzinfo=UTC), datetime(1969, 1, 1, tzinfo=UTC)],
    }
    types = "text:string,number:int,ratio:double,is_new:boolean,price:decimal(12,2),day:date,at:timestamp"
    contract = Contract("s", "t", (Column("items", f"array<struct<{types}>>"),), ())
    empty: dict[str, Any] = dict.fromkeys(fields)
    one_filled = [[None, empty, {**empty, name: value}] for name, values in fields.items() for value in values]
    rows = [None, [], [None], [empty], [{**empty, "text": ""}, None], *one_filled]
    found = shape_of(spark.createDataFrame([(each, None) for each in rows], f"items array<struct<{types}>>, {RESCUED} string"), contract)  # fmt: skip
    assert found.filled == {"items": len(rows) - 2, "items[].text": 1, **{f"items[].{name}": 2 for name in list(fields)[1:]}}  # fmt: skip


def test_paths_without_end_are_told_apart_only_so_far(spark: SparkSession) -> None:
    found = shape_of(
        decoded(spark, [session(number, **{f"field {number}": 1, "steady": 2}) for number in range(900)]), CONTRACT
    )
    assert len(found.unnamed) == 100
    assert found.unnamed[0] == unnamed("steady", 900, "2", int=900)
    assert found.rows == 900
