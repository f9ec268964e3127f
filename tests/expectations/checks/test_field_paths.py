"""D10b: how a path is looked for in a type, and what is said where no record has it."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.causes import DEAD
from expectations.checks.paths import PATHS, Step, steps_of
from expectations.ddl import shape_of
from expectations.definition import Aggregate, Finding, Query, Table

COLUMNS = {
    "geo": "struct<city:string,at:struct<lat:double,lon:double>>",
    "views": "array<struct<page:string,tags:array<string>>>",
    "extras": "map<string,string>",
    "cart": "map<string,struct<quantity:int,price:decimal(12,2)>>",
    "payload": "string",
    "doc": "variant",
}
PATHS_READ = [
    ("geo", "`geo` IS NOT NULL"),
    ("geo.at.lat", "`geo`.`at`.`lat` IS NOT NULL"),
    ("views.page", "exists(`views`, x0 -> x0.`page` IS NOT NULL)"),
    ("extras['plan']", "`extras`['plan'] IS NOT NULL"),
    ("cart.price", "exists(map_values(`cart`), x0 -> x0.`price` IS NOT NULL)"),
    ("cart['p1'].price", "`cart`['p1'].`price` IS NOT NULL"),
    ("payload:device.os", "get_json_object(`payload`, '$[\\'device\\'][\\'os\\']') IS NOT NULL"),
    ("doc:a", "try_variant_get(`doc`, '$[\\'a\\']', 'variant') IS NOT NULL"),
    ("geo.town", "FALSE"),
    ("nothing.at.all", "FALSE"),
]


def asked(path: str) -> dict[str, Any]:
    assert PATHS.needs is not None
    return dict(PATHS.needs(PATHS.complete({"paths": [path]}), Table(columns=COLUMNS)))


@pytest.mark.parametrize(("path", "condition"), PATHS_READ, ids=[row[0] for row in PATHS_READ])
def test_how_a_path_is_looked_for(path: str, condition: str) -> None:
    need = asked(path)[f"found {path}"]
    assert isinstance(need, Aggregate) and need.call == f"count_if({condition})"


def test_names_beside_a_path_are_asked_for_where_no_type_has_them() -> None:
    keys = asked("payload:device.os")["known payload:device.os"]
    assert (
        isinstance(keys, Query)
        and "json_object_keys(get_json_object(`payload`" in keys.sql
        and "LIMIT 1000" in keys.sql
    )
    assert "map_keys(`extras`)" in asked("extras['plan']")["known extras['plan']"].sql
    assert "array('city', 'at')" in asked("geo.town")["known geo.town"].sql
    assert "known geo.city" not in asked("geo.city")


def judged(values: dict[str, Any], *paths: str) -> Finding:
    assert PATHS.judge is not None
    return PATHS.judge(PATHS.complete({"paths": list(paths)}), values)


def test_a_missing_path_is_named_with_the_nearest() -> None:
    values = {
        "rows": 1_000,
        "found payload:device.os": 0,
        "known payload:device.os": [{"known": "browser\noss\ntype", "unknown": ""}],
        "found extras['plan']": 0,
        "known extras['plan']": [{"known": "color\nsize", "unknown": ""}],
        "found geo.city": 990,
    }
    found = judged(values, "payload:device.os", "extras['plan']", "geo.city")
    assert (found.level, found.cause) == ("fail", DEAD)
    assert found.message == "None of 1,000 records of this table has payload:device.os, extras['plan']."
    assert found.evidence == (
        'payload:device.os is in no record. Did you mean "oss"?',
        "extras['plan'] is in no record; beside it there are color, size.",
    )


def test_few_records_say_nothing_but_a_type_does() -> None:
    assert judged({"rows": 50, "found geo.city": 0}, "geo.city").level == "pass"
    typed = {"rows": 0, "found geo.town": 0, "known geo.town": [{"known": "city\nat", "unknown": "town"}]}
    assert judged(typed, "geo.town").level == "fail"
    assert judged({"rows": 1_000, "found geo.city": 1}, "geo.city").message == "All 1 paths are there in this table."


def test_paths_are_read_as_they_are_written() -> None:
    assert steps_of("a.b") == (Step("a"), Step("b"))
    assert steps_of("m['x y'].z") == (Step("m"), Step("x y"), Step("z"))
    assert steps_of("p:a.b") == (Step("p"), Step("a", True), Step("b", True))
    assert steps_of("`odd name`.b") == (Step("odd name"), Step("b"))
    assert steps_of("") == steps_of(":a") == steps_of("a..b") == ()
    assert PATHS.refuse is not None and PATHS.refuse({"paths": ["a]b"]}).startswith('"a]b" is no path.')


def test_types() -> None:
    shape = shape_of("array<struct<a:map<string,decimal(12,2)>,b:string>>")
    assert shape.kind == "array" and shape.inner is not None and list(shape.inner.fields) == ["a", "b"]
    assert shape.inner.fields["a"].inner == shape_of("decimal(12,2)")
    assert shape_of("decimal(12,2)").kind == "plain"
