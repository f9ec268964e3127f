"""The paths that a model's SQL reads from a landed table, found without data."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.project.parse import load_project
from runner.quality.paths import Read, path_checks, reads_of

CTE = "with s as (select * from hbase.sessions), "
CASES = [
    ("a struct", "select geo.city, s.device.os.name from hbase.sessions s", ["geo.city", "device.os.name"]),
    ("a struct through steps", CTE + "r as (select geo as place from s) select r.place.city c from r", ["geo.city"]),
    ("an exploded array", CTE + "e as (select explode(views) as view from s) select view.page from e", ["views.page"]),
    (
        "a position and a value",
        CTE + "e as (select id, posexplode(views) as (n, view) from s) select n, view.page, id from e",
        ["views.page"],
    ),
    ("a map's values", CTE + "e as (select explode(cart) as (k, item) from s) select item.price from e", ["cart.price"]),
    ("a map's key", "select extras['plan'], items[0].price from hbase.sessions", ["extras['plan']", "items.price"]),
    ("a JSON text", "select get_json_object(p, '$.device.os[0].name') from hbase.sessions", ["p:device.os.name"]),
    ("a JSON text, by colon", "select p:device.os from hbase.sessions", ["p:device.os"]),
    ("several keys", "select json_tuple(p, 'a', 'b') from hbase.sessions", ["p:a", "p:b"]),
    (
        "a schema for a JSON text",
        "select j.os from (select *, from_json(p, 'os string, app struct<v: int>') as j from hbase.sessions)",
        ["p:os", "p:app"],
    ),
    ("a variant", "select variant_get(v, '$.a.b', 'int') from hbase.sessions", ["v:a.b"]),
    ("a lateral view", "select v.page from hbase.sessions e lateral view explode(views) p as v", ["views.page"]),
    ("the first part of a union", CTE + "u as (select geo from s union all select geo from t) select u.geo.city from u",
     ["geo.city"]),
    ("plain columns", "select a, s.b, count(*) from hbase.sessions s group by all", []),
    ("what is computed", CTE + "r as (select named_struct('a', 1) as x from s) select x.a from r", []),
    ("no query", "select from where", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sql", "paths"), CASES, ids=[row[0] for row in CASES])
def test_paths(name: str, sql: str, paths: list[str]) -> None:
    found = reads_of(sql)
    assert {read.table for read in found} <= {"hbase.sessions"}
    assert sorted(read.text for read in found) == sorted(paths)


def test_of_two_tables_each_has_its_own() -> None:
    found = reads_of("select a.geo.city, b.profile.os, plain.x from one.a join two.b on a.id = b.id")
    assert found == (
        Read("one.a", "geo", (("field", "city"),)),
        Read("two.b", "profile", (("field", "os"),)),
    )


def test_what_no_type_promises_is_told_apart() -> None:
    one, other = reads_of("select extras['plan'], geo.city from t")
    assert (one.is_untyped, other.is_untyped) == (True, False)


def test_the_shops_models_ask_their_landed_tables() -> None:
    project = load_project(Path(__file__).parents[2])
    (check,) = path_checks(project, project.sources["hbase.sessions"])
    assert check.severity == "warn"
    assert {"geo_data.city", "device_profile.os", "page_views.page_type", "cart_contents.price"} <= set(
        check.arguments["paths"]
    )
    assert "stg_hbase__sessions" in check.description
