"""Drafting a suite from a table's figures: shapes of ids, limits, keys, other tables, the YAML. Without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expectations.propose.draft import Line, Surroundings, draft, kept, outwards
from expectations.propose.figures import ROWS, ColumnProfile, Profile
from expectations.propose.shapes import shape
from expectations.propose.written import written
from expectations.suite import Expectation, load_suite


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([f"user_{number:06d}" for number in (1, 42, 1589, 77, 9)], r"^user_\d{6}$"),
        (
            ["sess_0000059e6b", "sess_ffffffffff", "sess_00a0b0c0d0", "sess_1111111111", "sess_2222222222"],
            r"^sess_[0-9a-f]{10}$",
        ),
        (["sub_007_02", "sub_001_04", "sub_024_01", "sub_011_05", "sub_002_03"], r"^sub_\d{3}_\d{2}$"),
        ([f"P-{number}" for number in (1, 20, 300, 4000, 5)], r"^P-\d+$"),
        (["10.0.0.1", "10.0.0.20", "192.168.1.1", "8.8.8.8", "1.1.1.1"], ""),  # no beginning, no fixed length
        ([f"{number:05d}" for number in (1, 2, 33, 444, 5555)], r"^\d{5}$"),
        (["a.b+1", "a.b+2", "a.b+3", "a.b+4", "a.b+5"], ""),
        (["x_1", "x_2"], ""),  # too few to tell
        (["Ann Lee", "Bo", "Cy Young", "Dee", "Ed"], ""),
        (["id_1", "id_2", "", "id_4", "id_5"], ""),
    ],
)
def test_the_shape_of_ids(values: list[str], pattern: str) -> None:
    assert shape(values) == pattern


@pytest.mark.parametrize(
    ("value", "rounded"), [(4312, 5000), (0.012, 0.02), (-0.12, -0.2), (0, 0), (1000, 1000), (1, 1), (9.5, 10)]
)
def test_limits_are_rounded_outwards(value: float, rounded: float) -> None:
    assert outwards(value) == rounded


def column(name: str, kind: str, **rest: Any) -> ColumnProfile:
    return ColumnProfile(name=name, kind=kind, **{"nulls": 0, "distinct": 500, **rest})


FOUND = Profile(
    rows=1000,
    columns={
        one.name: one
        for one in (
            column("order_id", "string", distinct=1000, sample=tuple(f"txn_{number:04d}" for number in range(50))),
            column("user_id", "string", nulls=10, sample=("user_1", "user_22", "user_3", "user_4", "user_5")),
            column("status", "string", distinct=3, values=("new", "no", "paid")),
            column("note", "string", nulls=1000, distinct=0),
            column("total", "decimal(12,2)", least=0.5, greatest=4312.0, total=90_000.0),
            column("margin", "double", least=-5.0, greatest=15.0, total=90.0),
            column("cart_rate", "double", least=0.0, greatest=0.4, total=9.0),
            column("started_at", "timestamp", least="2026-01-01 00:00:00", greatest="2026-03-01 00:00:00"),
            column("ended_at", "timestamp", least="2026-01-01 00:01:00", greatest="2026-03-01 00:09:00"),
        )
    },
    keys=(("order_id",),),
    ordered=(("started_at", "ended_at"), ("started_at", "seen_at")),
    sums=(("total", "net", "tax"),),
    durations=(("started_at", "ended_at", "duration_seconds"),),
    parents={"stg_orders": {ROWS: 1000, "total": 90_000.0, "margin": 91.0}, "lines": {ROWS: 4000}},
    parent_keys={("lines", "order_id"): 1003},
)
AROUND = Surroundings(
    keys={"user_id": ("stg_users", "shop.users"), "ghost_id": ("ghosts",)},
    sources=("stg_orders", "lines"),
    existing=(
        Expectation(
            type="expect_column_values_to_not_be_null", arguments={"column": "status", "mostly": 0.9}, place="a.yml:3"
        ),
    ),
)


def said(lines: list[Line]) -> list[tuple[str, dict[str, Any], str]]:
    return [(one.expectation.type, dict(one.expectation.arguments), one.why) for one in lines]


def about(name: str) -> list[tuple[str, dict[str, Any], str]]:
    found = said(draft("orders", FOUND, AROUND))
    return [
        (kind.removeprefix("expect_"), {key: value for key, value in given.items() if key != "column"}, why)
        for kind, given, why in found
        if given.get("column") == name
    ]


def test_what_a_draft_says_of_a_column() -> None:
    assert about("order_id") == [
        ("column_values_to_be_unique", {}, "no two of 1,000 rows share it"),
        ("column_values_to_not_be_null", {}, "none of 1,000 rows is without it"),
        ("column_values_to_match_regex", {"regex": r"^txn_\d{4}$"}, "the shape of txn_0000"),
    ]
    assert about("user_id")[0] == ("column_null_share_to_follow_history", {}, "1.0 % of the rows are without it")
    assert about("status")[1] == (
        "column_values_to_be_in_set",
        {"value_set": ["new", "no", "paid"]},
        "all 3 values that occur in 1,000",
    )
    assert about("note") == []
    assert about("total")[1:] == [
        ("column_values_to_be_between", {"min_value": 0}, "never negative: 0.5 to 4,312 were seen"),
        ("column_values_to_be_between", {"max_value": 9000}, "0.5 to 4,312 were seen; twice the most, rounded up"),
    ]
    assert about("margin")[1][1] == {"min_value": -30, "max_value": 40}
    assert about("cart_rate")[1:] == [
        ("column_values_to_be_between", {"min_value": 0, "max_value": 1}, "a share: 0 to 0.4 were seen")
    ]


def test_what_a_draft_says_across_columns_and_tables() -> None:
    found = said(draft("orders", FOUND, AROUND))
    conditions = [given["condition"] for kind, given, _ in found if kind == "expect_rows_to_satisfy"]
    assert conditions == [
        "coalesce(started_at <= current_timestamp() + interval 1 day, true)",
        "coalesce(ended_at <= current_timestamp() + interval 1 day, true)",
        "coalesce(ended_at >= started_at, true)",
        "abs(total - net - tax) <= 0.011",
        "abs(unix_timestamp(ended_at) - unix_timestamp(started_at) - duration_seconds) <= 1",
    ]
    assert [given["to"] for kind, given, _ in found if kind == "expect_column_values_to_exist_in"] == [
        "stg_users",
        "shop.users",
    ]
    assert [given for kind, given, _ in found if kind == "expect_tables_to_reconcile"] == [
        {"value": "count(*)", "other": "stg_orders"},
        {"value": "sum(total)", "other": "stg_orders"},
        {"value": "count(*)", "other": "lines", "other_value": "count(distinct order_id)"},
    ]


def test_an_empty_table_gives_no_draft() -> None:
    assert draft("orders", Profile(rows=0, columns={}), AROUND) == []


def test_a_set_of_columns_that_tells_rows_apart() -> None:
    found = Profile(rows=10, columns={}, keys=(("order_date", "shop_id"), ("order_date", "till_id")))
    assert [given for kind, given, _ in said(draft("days", found, Surroundings())) if "unique" in kind] == [
        {"column_list": ["order_date", "shop_id"]}
    ]


def test_what_the_data_do_not_satisfy_goes_and_one_parent_is_enough() -> None:
    lines = draft("orders", FOUND, AROUND)
    pointed = [place for place, line in enumerate(lines) if line.expectation.type == "expect_column_values_to_exist_in"]
    all_good = kept(lines, [True] * len(lines))
    assert len(all_good) == len(lines) - 1
    second = kept(lines, [place != pointed[0] for place in range(len(lines))])
    assert [line.expectation.arguments["to"] for line in second if "to" in line.expectation.arguments] == ["shop.users"]


def test_the_draft_is_a_suite_that_loads(tmp_path: Path) -> None:
    lines = draft("orders", FOUND, AROUND)
    path = tmp_path / "orders.yml"
    path.write_text(written("orders", lines, note="Drafted.\nRead it."), encoding="utf-8")
    suite = load_suite(path)
    assert [(one.type, dict(one.arguments), one.severity) for one in suite.expectations] == [
        (one.expectation.type, dict(one.expectation.arguments), one.expectation.severity)
        for one in lines
        if not one.had
    ]
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Drafted.\n# Read it.\nmodel: orders\nexpectations:\n")
    assert (
        "  # asked already: a.yml:3\n  # - expect: expect_column_values_to_not_be_null\n  #   column: status\n" in text
    )


def test_each_line_says_why_and_how_it_would_have_gone() -> None:
    line = Line(
        expectation=Expectation(
            type="expect_column_values_to_match_regex", arguments={"column": "a", "regex": r"^x_\d{2}$"}
        ),
        why="the shape of x_01",
        fired="Would have fired: 0 of 12 versions",
    )
    assert written("m", [line]) == (
        "model: m\nexpectations:\n\n"
        "  # The shape of x_01. Would have fired: 0 of 12 versions.\n"
        "  - expect: expect_column_values_to_match_regex\n    column: a\n    regex: ^x_\\d{2}$\n"
    )


def test_a_draft_without_anything_new_loads_too(tmp_path: Path) -> None:
    line = Line(
        expectation=Expectation(type="expect_rows_to_satisfy", arguments={"condition": "a"}), why="b", had="c.yml:1"
    )
    path = tmp_path / "m.yml"
    path.write_text(written("m", [line]), encoding="utf-8")
    assert load_suite(path).expectations == ()


def test_a_time_is_no_key_beside_an_id() -> None:
    columns = {"order_id": column("order_id", "string"), "made_date": column("made_date", "timestamp")}
    both = Profile(rows=500, columns=columns, keys=(("made_date",), ("order_id",)))
    day = Profile(rows=500, columns={"made_date": columns["made_date"]}, keys=(("made_date",),))
    for found, key in ((both, "order_id"), (day, "made_date")):
        lines = draft("orders", found, Surroundings())
        assert [one.expectation.column for one in lines if one.expectation.type.endswith("be_unique")] == [key]


def test_what_a_data_test_asks_is_asked_already() -> None:
    unique = Expectation(
        type="expect_column_values_to_be_unique", arguments={"column": "order_id"}, place="m.yml:9", test_id="test.a.b"
    )
    lines = draft("orders", FOUND, Surroundings(existing=(unique,)))
    assert [line.had for line in lines if line.expectation.type == unique.type] == ["m.yml:9"]


def test_no_value_of_a_sensitive_column_stands_in_a_draft() -> None:
    hidden = Surroundings(sensitive=("order_id", "status", "total", "started_at"))
    text = written("orders", draft("orders", FOUND, hidden))
    for value in ("txn_", "paid", "4,312", "9000", "2026-01-01 00:00:00"):
        assert value not in text
    assert "column: order_id" in text and "column: status" in text
