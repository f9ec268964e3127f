"""Scans of a real HBase with a handful of sessions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import happybase
import pytest

from runner.errors import FormatError, NotFoundError, ProjectError
from stores.hbase_admin import make_table
from stores.hbase_cells import session_key
from stores.hbase_client import connect
from stores.queries.hbase import product_series, sessions_by, user_sessions
from stores.queries.window import Window
from stores.settings import HBaseSettings

FAMILIES = {"meta": {"max_versions": 3}, "geo": {}, "device": {}, "stats": {}, "events": {}}


@pytest.fixture(scope="module")
def connection(hbase: Any) -> Iterator[happybase.Connection]:
    """A connection whose tables have a prefix of their own; `sessions`, `old`, `empty` and `product_metrics` are there."""
    found = connect(HBaseSettings(port=hbase.port, table_prefix="queries"))
    found.thrift2_port = hbase.thrift2_port
    for name, families in (
        ("sessions", FAMILIES), ("old", FAMILIES), ("empty", FAMILIES), ("product_metrics", {"m": {}}),
    ):  # fmt: skip
        found.create_table(name, families)
    with found.table("sessions").batch() as batch:
        for key, cells in sessions():
            batch.put(key, cells)
    old = found.table("old")
    for number in range(3):
        old.put(f"sess_{number}".encode(), {b"meta:user_id": b"user_1", b"meta:session_id": b"", b"device:type": b""})
    with found.table("product_metrics").batch() as batch:
        for product, day, cells in metrics():
            batch.put(f"{product}#{day}".encode(), cells)
    yield found
    for name in found.tables():
        found.delete_table(name, disable=True)
    found.close()


def session(user: str, start: str, name: str, status: str = "browsed", device: str = "mobile", **other: bytes) -> Any:
    cells = {
        b"meta:session_id": name.encode(),
        b"meta:user_id": user.encode(),
        b"meta:timestamp": start.encode(),
        b"meta:conversion_status": status.encode(),
        b"meta:referrer": b"email",
        b"device:type": device.encode(),
        b"stats:duration": b"90",
        b"stats:pages": b"3",
        b"stats:cart_value": b"12.30",
        b"events:000000": b"{}",
        **{name.replace("__", ":").encode(): value for name, value in other.items()},
    }
    return session_key(user, start, name), {cell: value for cell, value in cells.items() if value != b"none"}


def sessions() -> list[Any]:
    return [
        session("user_1", "2026-01-01T10:00:00", "s1"),
        session("user_1", "2026-01-02T10:00:00.250000", "s2", status="converted"),
        session("user_1", "2026-01-03T00:00:00", "s3", meta__referrer=b"none", stats__cart_value=b"none"),
        session("user_10", "2026-01-02T10:00:00", "s10", status="converted", device="desktop"),
        session("user_2", "2026-01-02T10:00:00", "s4", status="it's"),
        session("user_2", "2026-01-05T10:00:00", "s5", status="' OR ''='", device="tablet"),
        session("user_3", "2026-01-05T10:00:00", "s6", status="converted", device="tablet", meta__user_id=b"none"),
    ]


def metrics() -> list[tuple[str, str, dict[bytes, bytes]]]:
    return [
        ("prod_1", "20260101", {b"m:views": b"12", b"m:carts": b"2", b"m:orders": b"1", b"m:revenue": b"19.90"}),
        ("prod_1", "20260102", {b"m:views": struct.pack(">q", 7), b"m:revenue": b"0.00"}),
        ("prod_1", "20260105", {b"m:views": b"many", b"m:orders": b"3", b"m:revenue": b"59.70", b"m:clicks": b"4"}),
        ("prod_10", "20260101", {b"m:views": b"1"}),
    ]


def names(answer: Any) -> list[str]:
    return [record["session_id"] for record in answer.records()]


def test_a_users_sessions_come_newest_first_and_no_others(connection: happybase.Connection) -> None:
    answer = user_sessions(connection, "user_1")
    assert names(answer) == ["s3", "s2", "s1"]  # not user_10's
    assert answer.records()[1] == {
        "session_id": "s2", "user_id": "user_1", "started_at": "2026-01-02T10:00:00.250000", "duration_seconds": 90,
        "conversion_status": "converted", "device_type": "mobile", "referrer": "email", "page_view_count": 3,
        "cart_value": Decimal("12.30"),
    }  # fmt: skip
    assert answer.records()[0]["referrer"] is None
    assert answer.records()[0]["cart_value"] is None
    assert names(user_sessions(connection, "user_10")) == ["s10"]


def test_the_plan_is_a_range_of_rows_of_three_families(connection: happybase.Connection) -> None:
    plan = user_sessions(connection, "user_1", explain=True).plan
    assert plan.reason == (
        "fast: the row key begins with the user's id, so their sessions stand together, newest first; "
        "only device, meta, stats are read."
    )
    assert dict(plan.facts) == {
        "start row": "user_1#", "stop row": "user_1$", "filter": "none",
        "columns": "meta:session_id, meta:user_id, meta:timestamp, stats:duration, meta:conversion_status, "
        "device:type, meta:referrer, stats:pages, stats:cart_value",
        "rows": "3 touched, 3 returned", "regions": "1 of 1 region visited",
    }  # fmt: skip


def test_a_limit_takes_the_newest(connection: happybase.Connection) -> None:
    answer = user_sessions(connection, "user_1", limit=2, explain=True)
    assert names(answer) == ["s3", "s2"]
    assert answer.notes == ("the limit of 2 is met: there may be more",)
    assert dict(answer.plan.facts)["rows"] == "2 touched, 2 returned"
    assert names(user_sessions(connection, "user_1", limit=None)) == ["s3", "s2", "s1"]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC), ["s2"]),
        (datetime(2026, 1, 3, tzinfo=UTC), None, ["s3"]),  # it begins at the bound
        (None, datetime(2026, 1, 2, 10, 0, 0, 250_000, tzinfo=UTC), ["s1"]),  # s2 begins at the bound
        (None, datetime(2026, 1, 2, 10, 0, 0, 251_000, tzinfo=UTC), ["s2", "s1"]),
        (datetime(2026, 1, 2, 10, 0, 0, 251_000, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC), []),
        (datetime(1960, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC), ["s3", "s2", "s1"]),
    ],
)
def test_a_window_of_time_is_a_range_within_the_user(
    connection: happybase.Connection, start: datetime | None, end: datetime | None, found: list[str]
) -> None:
    answer = user_sessions(connection, "user_1", window=Window(start=start, end=end), explain=True)
    assert names(answer) == found
    assert dict(answer.plan.facts)["filter"] == "none"
    assert dict(answer.plan.facts)["rows"] == f"{len(found)} touched, {len(found)} returned"
    assert answer.notes == (() if found else ("user_1 has sessions, but none in this window",))


def test_only_the_families_of_the_columns_are_asked_for(connection: happybase.Connection) -> None:
    answer = user_sessions(connection, "user_1", columns=["session_id", "events:000000"])
    assert answer.columns == ("session_id", "events:000000")
    assert answer.rows[0] == ("s3", "{}")
    assert "only events, meta are read." in answer.plan.reason


def test_a_user_without_sessions_is_told_who_is_next(connection: happybase.Connection) -> None:
    assert user_sessions(connection, "user_100").notes == ("no session of user_100; the next user is user_2",)
    assert user_sessions(connection, "user_9").notes == ("no session of user_9",)
    assert user_sessions(connection, "user_1", table="empty").notes == ("empty is empty",)


@pytest.mark.parametrize("user", ["", "user_1#8232", "#"])
def test_an_id_that_would_be_anothers_prefix_is_refused(connection: happybase.Connection, user: str) -> None:
    with pytest.raises(FormatError) as caught:
        user_sessions(connection, user)
    assert str(caught.value) == (
        f'user-sessions: "{user}" is no user id: it is empty, or holds the "#" that ends it in the row key.'
    )


def test_old_tables_are_told_by_their_row_keys(connection: happybase.Connection) -> None:
    with pytest.raises(ProjectError) as caught:
        user_sessions(connection, "user_1", table="old", columns=["session_id", "device_type"])
    assert str(caught.value) == (
        'hbase.old: the row keys are not user_id#reverse_timestamp#session_id (the first is "sess_0"), so a user\'s '
        "sessions cannot be found by them. Find them by a filter: run query sessions-by user_id=user_1; or load the "
        "table anew."
    )
    found = sessions_by(connection, {"user_id": "user_1"}, table="old", columns=["session_id", "device_type"])
    assert found.rows == (("", ""),) * 3


def test_sessions_of_a_kind_are_found_by_a_filter_of_several_cells(connection: happybase.Connection) -> None:
    assert names(sessions_by(connection, {"conversion_status": "converted"})) == ["s2", "s10", "s6"]
    both = {"conversion_status": "converted", "device:type": "tablet"}
    assert names(sessions_by(connection, both)) == ["s6"]
    assert names(sessions_by(connection, {"stats:duration": "9"})) == []  # whole values, not their beginnings


def test_a_row_without_the_cell_does_not_fit(connection: happybase.Connection) -> None:
    """The filter lets rows through that lack the cell, unless told not to: s3 has no referrer."""
    assert names(sessions_by(connection, {"referrer": "email"})) == ["s2", "s1", "s10", "s5", "s4", "s6"]


def test_the_cell_of_a_condition_is_asked_for_though_not_shown(connection: happybase.Connection) -> None:
    """Where it is not, HBase returns every row without a word."""
    answer = sessions_by(connection, {"device_type": "tablet"}, columns=["session_id"])
    assert answer.rows == (("s5",), ("s6",))
    assert dict(answer.plan.facts)["columns"] == "device:type, meta:session_id"


@pytest.mark.parametrize(
    ("value", "found"), [("it's", ["s4"]), ("' OR ''='", ["s5"]), ("' OR '", []), ("binary:x", [])]
)
def test_quotes_in_a_value_do_not_break_out_of_the_filter(
    connection: happybase.Connection, value: str, found: list[str]
) -> None:
    assert names(sessions_by(connection, {"conversion_status": value})) == found


def test_the_plan_of_a_filter_says_what_it_costs(connection: happybase.Connection) -> None:
    first = sessions_by(connection, {"conversion_status": "converted"}, limit=1, explain=True)
    assert names(first) == ["s2"]
    assert first.plan.reason == (
        "not fast: the row key does not hold conversion_status, so every row is looked at until the limit of 1 is met. "
        "Of rows that do not fit, HBase reads no family but meta."
    )
    assert dict(first.plan.facts)["rows"] == "2 touched, 1 returned"
    assert dict(first.plan.facts)["filter"] == (
        "SingleColumnValueFilter('meta', 'conversion_status', =, 'binary:converted', true, true)"
    )
    whole = sessions_by(connection, {"conversion_status": "converted", "user_id": "user_10"}, explain=True)
    assert dict(whole.plan.facts)["rows"] == "7 touched, 1 returned"
    assert whole.plan.reason.endswith("A user's sessions are found by their key: run query user-sessions.")
    assert dict(sessions_by(connection, {"referrer": "email"}).plan.facts)["rows"] == (
        "6 returned; --explain counts those touched"
    )


def test_a_cell_that_no_row_has_is_an_error_and_not_nothing(connection: happybase.Connection) -> None:
    with pytest.raises(NotFoundError) as caught:
        sessions_by(connection, {"meta:conversion": "converted"})
    assert str(caught.value) == (
        'hbase.sessions: no row has the cell "meta:conversion", which the query sessions-by reads. It has device:type, '
        "events:000000, meta:conversion_status, meta:referrer, meta:session_id, meta:timestamp, meta:user_id, "
        'stats:cart_value, stats:duration, stats:pages. Did you mean "meta:conversion_status"?'
    )
    with pytest.raises(NotFoundError) as caught:
        user_sessions(connection, "user_1", columns=["session_id", "geo:state"])
    assert str(caught.value).startswith('hbase.sessions: no row has the cell "geo:state"')


def test_a_cell_that_some_row_has_is_none(connection: happybase.Connection) -> None:
    """Only s3 is looked at, which has no referrer; the table has."""
    assert user_sessions(connection, "user_1", limit=1).records()[0]["referrer"] is None


def test_families_and_columns_that_do_not_exist_are_named(connection: happybase.Connection) -> None:
    with pytest.raises(NotFoundError) as caught:
        sessions_by(connection, {"devices:type": "mobile"})
    assert str(caught.value) == (
        'hbase.sessions: has no family "devices", which the query sessions-by reads. '
        'It has device, events, geo, meta, stats. Did you mean "device"?'
    )
    with pytest.raises(NotFoundError) as caught:
        sessions_by(connection, {"conversion": "converted"})
    assert str(caught.value) == (
        'sessions-by: "conversion" is no column of sessions. Name one of session_id, user_id, started_at, ended_at, '
        "duration_seconds, conversion_status, referrer, device_type, os, browser, city, state, country, ip_address, "
        'page_view_count, cart_value, or a cell as family:qualifier. Did you mean "conversion_status"?'
    )
    with pytest.raises(NotFoundError) as caught:
        user_sessions(connection, "user_1", table="session")
    assert 'has no table "session"' in str(caught.value)


def test_conditions_and_limits_are_given(connection: happybase.Connection) -> None:
    with pytest.raises(FormatError) as caught:
        sessions_by(connection, {})
    assert str(caught.value) == "sessions-by: there is no condition. Give one: conversion_status=converted"
    with pytest.raises(FormatError) as caught:
        sessions_by(connection, {"os": "x"}, limit=0)
    assert str(caught.value) == "sessions-by: a limit of 0 gives no rows. Give 1 or more."


def test_an_empty_table_has_no_sessions_of_any_kind(connection: happybase.Connection) -> None:
    assert sessions_by(connection, {"os": "x"}, table="empty").rows == ()
    assert product_series(connection, "prod_1", table="empty").rows == ()


def test_a_products_series_is_its_days_in_order(connection: happybase.Connection) -> None:
    answer = product_series(connection, "prod_1", explain=True)
    assert answer.columns == ("date", "views", "carts", "orders", "revenue", "clicks")
    assert answer.rows == (
        (date(2026, 1, 1), 12, 2, 1, Decimal("19.90"), None),
        (date(2026, 1, 2), 7, None, None, Decimal("0.00"), None),  # a counter of eight bytes
        (date(2026, 1, 5), "many", None, 3, Decimal("59.70"), 4),
    )
    assert answer.notes == ("2 days between the first and the last without a row",)
    assert answer.plan.reason == (
        "fast: the row key begins with the product's id and the day, so its series is one range of rows."
    )
    assert dict(answer.plan.facts)["rows"] == "3 touched, 3 returned"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (b"0", Decimal("0.00")), (b"185.0", Decimal("185.00")), (b"1.005", Decimal("1.005")), (b"NaN", "NaN"),
        (b"", ""), (b"1E+99", Decimal("1E+99")), (b"\xff", "\\xff"),
    ],
)  # fmt: skip
def test_a_carts_value_is_money_where_it_is_a_number(
    connection: happybase.Connection, cell: bytes, value: Decimal | str
) -> None:
    connection.table("sessions").put(b"user_0#8232774399999#s0", {b"stats:cart_value": cell})
    ((found,),) = user_sessions(connection, "user_0", columns=["cart_value"]).rows
    connection.table("sessions").delete(b"user_0#8232774399999#s0")
    assert str(found) == str(value)


def test_a_series_is_cut_to_days(connection: happybase.Connection) -> None:
    window = Window(start=datetime(2026, 1, 2, 18, tzinfo=UTC), end=datetime(2026, 1, 5, tzinfo=UTC))
    assert [row[0] for row in product_series(connection, "prod_1", window=window).rows] == [date(2026, 1, 2)]
    window = Window(start=datetime(2026, 1, 2, tzinfo=UTC), end=datetime(2026, 1, 5, 1, tzinfo=UTC))
    assert [row[0] for row in product_series(connection, "prod_1", window=window).rows] == [
        date(2026, 1, 2), date(2026, 1, 5),
    ]  # fmt: skip


def test_a_product_without_figures_is_told_and_a_table_without_any_is_an_error(
    connection: happybase.Connection,
) -> None:
    assert product_series(connection, "prod_2").notes == ("product_metrics has no row of prod_2 in the days asked for",)
    with pytest.raises(NotFoundError) as caught:
        product_series(connection, "prod_1", table="old")
    assert str(caught.value) == (
        "hbase.old: no row has views, carts, orders, revenue, which the query product-series reads. "
        "It has device:type, meta:session_id, meta:user_id."
    )


def test_a_limit_over_many_rows_and_regions_finds_the_first_in_key_order(connection: happybase.Connection) -> None:
    """Sparse fits over several families: where a page filter stood first, all rows were lost."""
    settings = HBaseSettings(port=connection.port, thrift2_port=connection.thrift2_port, table_prefix="queries")
    make_table(settings, "many", dict.fromkeys(FAMILIES, 1), splits=[b"user_00800", b"user_01600", b"user_02400"])
    with connection.table("many").batch(batch_size=500) as batch:
        for number in range(2500):
            status = "converted" if number % 500 == 499 else "browsed"
            key, cells = session(f"user_{number:05}", "2026-01-01T10:00:00", f"s{number}", status=status)
            batch.put(key, cells)
    answer = sessions_by(connection, {"conversion_status": "converted"}, limit=3, table="many", explain=True)
    assert names(answer) == ["s499", "s999", "s1499"]
    assert dict(answer.plan.facts)["rows"] == "1,500 touched, 3 returned"
    assert dict(answer.plan.facts)["regions"] == "2 of 4 regions visited"
    whole = sessions_by(connection, {"conversion_status": "converted"}, limit=9, table="many", explain=True)
    assert names(whole) == ["s499", "s999", "s1499", "s1999", "s2499"]
    assert dict(whole.plan.facts)["rows"] == "2,500 touched, 5 returned"
    assert dict(user_sessions(connection, "user_00900", table="many").plan.facts)["regions"] == "1 of 4 regions visited"
