"""Queries whose columns are hard to follow, and where they come from: worked out by hand.

Each is (SQL, {column: origins}), origins divided by spaces; `~` before one says that something is computed from it.
"""

from __future__ import annotations

TABLES: dict[str, dict[str, str]] = {
    "t": {
        "a": "int",
        "b": "int",
        "s": "struct<x:int,y:struct<z:string>>",
        "items": "array<struct<q:int,p:double,tags:array<string>>>",
        "m": "map<string,struct<q:int,p:double>>",
        "j": "string",
        "at": "timestamp",
    },
    "u": {"id": "int", "a": "int", "k": "string", "v": "double"},
    "shop.o": {"id": "int", "total": "double", "values": "array<double>"},
}

SHAPES: list[tuple[str, dict[str, str]]] = [
    # Names, stars, structs.
    ("select a, b + 1 as c, s.x, s.y.z as z from t", {"a": "t.a", "c": "~t.b", "x": "t.s.x", "z": "t.s.y.z"}),
    ("select T.S.Y.Z as deep, t.`a` as A from t", {"deep": "t.s.y.z", "A": "t.a"}),
    ("select s.* from t", {"x": "t.s.x", "y": "t.s.y"}),
    ("select x.s.y.* from t x", {"z": "t.s.y.z"}),
    ("select * except (a, k) from u", {"id": "u.id", "v": "u.v"}),
    ("select o.total, shop.o.id from shop.o", {"total": "shop.o.total", "id": "shop.o.id"}),
    ("select values[0] as first from shop.o", {"first": "shop.o.values[]"}),
    ("select u.* from t join u on t.a = u.a", {"id": "u.id", "a": "u.a", "k": "u.k", "v": "u.v"}),
    ("select named_struct('x', a, 'y', s).y.y.z as deep from t", {"deep": "t.s.y.z"}),
    ("select struct(a, b as c).c as c from t", {"c": "t.b"}),
    ("select struct(s.*).y.z as z from t", {"z": "t.s.y.z"}),
    ("select w.p.k from (select struct(k, v) as p from u) w", {"k": "u.k"}),
    ("select a as x, x + 1 as y, y * 2 as z from t", {"x": "t.a", "y": "~t.a", "z": "~t.a"}),
    ("select a as b, b as c from t", {"b": "t.a", "c": "t.b"}),  # a column goes before an alias
    # Arrays and maps.
    ("select items[0].q as q, m['k'].p as p from t", {"q": "t.items[].q", "p": "t.m{value}.p"}),
    ("select element_at(items, 1).q as q, element_at(m, 'k').q as r from t", {"q": "t.items[].q", "r": "t.m{value}.q"}),
    ("select items.p as ps from t", {"ps": "t.items[].p"}),
    ("select m.k.p as p from t", {"p": "t.m{value}.p"}),
    ("select map_values(m)[0].p as p, map_keys(m)[0] as k from t", {"p": "t.m{value}.p", "k": "t.m{key}"}),
    ("select map_entries(m)[0].value.q as q from t", {"q": "t.m{value}.q"}),
    ("select map('x', v)['x'] as v from u", {"v": "u.v"}),
    ("select map_from_entries(collect_list(struct(k, v)))['x'] as v from u", {"v": "u.v"}),
    ("select array(a, b)[1] as one from t", {"one": "t.a t.b"}),
    ("select flatten(transform(items, i -> i.tags))[0] as tag from t", {"tag": "t.items[].tags[]"}),
    ("select size(items) as n, cardinality(m) as c from t", {"n": "~t.items", "c": "~t.m"}),
    ("select sort_array(map_keys(m)) as keys from t", {"keys": "t.m{key}"}),
    ("select arrays_zip(items, items)[0] as z from t", {"z": "t.items[]"}),
    # Lambdas.
    ("select transform(items, x -> x.q * x.p) as r from t", {"r": "~t.items[].q ~t.items[].p"}),
    ("select transform(items, x -> x.q + a) as r from t", {"r": "~t.items[].q ~t.a"}),
    ("select transform(items, (a, i) -> a.q) as r from t", {"r": "t.items[].q"}),  # the parameter hides the column
    ("select transform(items, (x, i) -> i) as places from t", {"places": "~t.items"}),
    ("select filter(items, (x, i) -> i > b)[0].q as q from t", {"q": "t.items[].q ~t.items ~t.b"}),
    ("select filter(items, x -> x.q > 0)[0].p as p from t", {"p": "t.items[].p ~t.items[].q"}),
    ("select aggregate(items, 0, (acc, x) -> acc + x.q) as n from t", {"n": "~t.items[].q"}),
    (
        "select aggregate(items, b, (acc, x) -> acc + x.q, acc -> acc / 2) as n from t",
        {"n": "~t.items[].q ~t.b"},
    ),
    ("select exists(items, x -> x.p > 1) as any from t", {"any": "~t.items[].p"}),
    ("select transform_values(m, (k, v) -> v.q) as qs from t", {"qs": "t.m{key} t.m{value}.q"}),
    ("select map_filter(m, (k, v) -> v.q > 1)['x'].p as p from t", {"p": "t.m{value}.p ~t.m{value}.q"}),
    ("select zip_with(items, map_values(m), (i, v) -> i.q * v.p) as r from t", {"r": "~t.items[].q ~t.m{value}.p"}),
    (
        "select transform(items, x -> transform(x.tags, tag -> concat(tag, x.q))) as n from t",
        {"n": "~t.items[].tags[] ~t.items[].q"},
    ),
    # Generators.
    ("select explode(items) as item from t", {"item": "t.items[]"}),
    ("select item.p from (select explode(items) as item from t)", {"p": "t.items[].p"}),
    ("select explode(m) as (k, v) from t", {"k": "t.m{key}", "v": "t.m{value}"}),
    ("select posexplode(items) as (pos, item) from t", {"pos": "~t.items", "item": "t.items[]"}),
    (
        "select pos, i.q from t lateral view outer posexplode(items) e as pos, i",
        {"pos": "~t.items", "q": "t.items[].q"},
    ),
    ("select pos + 1 as n, x from (select posexplode(m) as (pos, k, x) from t)", {"n": "~t.m", "x": "t.m{value}"}),
    (  # the places of a list that is written down come from nothing
        "select p, v from (select array(a, b) as both from t union all select array(id, a) from u) "
        "lateral view posexplode(both) e as p, v",
        {"p": "", "v": "t.a t.b u.id u.a"},
    ),
    ("select p from (select collect_list(k) as ks from u) lateral view posexplode(ks) e as p, k", {"p": "~u.k"}),
    ("select key, value.q from t lateral view explode(m) e", {"key": "t.m{key}", "q": "t.m{value}.q"}),
    ("select inline(items) from t", {"q": "t.items[].q", "p": "t.items[].p", "tags": "t.items[].tags"}),
    (
        "select tag from t lateral view explode(items) e as i lateral view explode(i.tags) f as tag",
        {"tag": "t.items[].tags[]"},
    ),
    ("select i.item.q from t, lateral explode(items) as i(item)", {"q": "t.items[].q"}),
    ("select n.twice from t, lateral (select t.a * 2 as twice) as n", {"twice": "~t.a"}),
    ("select stack(2, a, b, b, a) as (x, y) from t", {"x": "t.a t.b", "y": "t.b t.a"}),
    # Aggregates and windows.
    (
        "select k, count(*) as n, sum(v) as v, max(id) as top from u group by k",
        {
            "k": "u.k",
            "n": "~u.*",
            "v": "~u.v",
            "top": "u.id",
        },
    ),
    ("select sum(v) filter (where a > 1) as v from u", {"v": "~u.v ~u.a"}),
    ("select max_by(k, v) as best, first(k) as one from u", {"best": "u.k ~u.v", "one": "u.k"}),
    ("select max(struct(v, k)).k as best from u", {"best": "~u.k ~u.v"}),
    ("select collect_list(struct(a, k))[0].k as k from u group by v", {"k": "u.k"}),
    ("select row_number() over (partition by k order by v) as n from u", {"n": "~u.k ~u.v"}),
    ("select lag(v) over (order by id) as before from u", {"before": "u.v ~u.id"}),
    ("select sum(v) over w as run from u window w as (partition by k order by id)", {"run": "~u.v ~u.k ~u.id"}),
    ("select percentile_approx(v, 0.5) as m, count(distinct k) as n from u", {"m": "~u.v", "n": "~u.k"}),
    # Counts of rows.
    ("select count(*) as n, count(1) as m, sum(1) as s from t", {"n": "~t.*", "m": "~t.*", "s": "~t.*"}),
    ("select count(*) over (partition by a) as n from u", {"n": "~u.* ~u.a"}),
    ("select count(*) filter (where a > 1) as n from u", {"n": "~u.* ~u.a"}),
    ("select count(*) as n, n + 1 as more from t", {"n": "~t.*", "more": "~t.*"}),
    ("select count(*) as n from (select a from t union all select a from u)", {"n": "~t.* ~u.*"}),
    ("select count(*) as n from t lateral view explode(items) e as i", {"n": "~t.* ~t.items[].*"}),
    ("select count(*) as n from (select explode(m) from t)", {"n": "~t.* ~t.m{key}.*"}),
    ("select count(*) as n from (select posexplode(items) as (p, i) from t)", {"n": "~t.* ~t.items[].*"}),
    ("with c as (select distinct a from u) select count(*) as n from c join t using (a)", {"n": "~u.* ~t.*"}),
    ("select count(*) as n from t left semi join u on t.a = u.a", {"n": "~t.*"}),
    ("select count(*) as n, count(u.id) as m from t left join u on t.a = u.a", {"n": "~t.*", "m": "~u.id"}),
    ("select count(*) as n from t right join u on t.a = u.a", {"n": "~u.*"}),
    ("select count(*) as n from range(10)", {"n": ""}),
    ("select count(*) as n from (select explode(sequence(1, a)) from t)", {"n": "~t.* ~t.a.*"}),
    # What aggregates without groups is one row, however many it reads.
    ("select count(*) as n from (select max(a) as a from t)", {"n": ""}),
    ("with m as (select avg(a) + 1 as a from t) select count(*) as n from u cross join m", {"n": "~u.*"}),
    ("select count(*) as n from (select max(a) as a from t group by b)", {"n": "~t.*"}),
    ("select count(*) as n from (select sum(a) over () as a from t)", {"n": "~t.*"}),
    # Joins.
    (
        "select * from u join (select a, b from t) t using (a)",
        {
            "a": "u.a",
            "id": "u.id",
            "k": "u.k",
            "v": "u.v",
            "b": "t.b",
        },
    ),
    ("select a from t right join u using (a)", {"a": "u.a"}),
    ("select a from t full join u using (a)", {"a": "t.a u.a"}),
    ("select * from (select a, k from u) u natural join (select a, b from t) t", {"a": "u.a", "k": "u.k", "b": "t.b"}),
    ("select k from u left semi join t on u.a = t.a", {"k": "u.k"}),
    ("select coalesce(t.a, u.id) as a from t left join u on t.a = u.a", {"a": "t.a u.id"}),
    # Conditions.
    ("select case when b > 0 then s.x else a end as c from t", {"c": "t.s.x t.a ~t.b"}),
    ("select case j when 'x' then a end as c from t", {"c": "t.a ~t.j"}),
    (
        "select if(b > 1, a, null) as d, nvl(j, '') as j, nullif(a, b) as n from t",
        {
            "d": "t.a ~t.b",
            "j": "t.j",
            "n": "t.a ~t.b",
        },
    ),
    (
        "select cast(a as string) as a, to_date(at) as day, at::date as d from t",
        {
            "a": "~t.a",
            "day": "~t.at",
            "d": "~t.at",
        },
    ),
    ("select get_json_object(j, '$.x') as x, from_json(j, 'x int').x as y from t", {"x": "~t.j", "y": "~t.j"}),
    # Queries within queries.
    ("with c as (select a as x from t), d as (select x as y from c) select y from d", {"y": "t.a"}),
    ("with t as (select id as a from u) select a from t", {"a": "u.id"}),  # the name within hides the table
    ("with c(x, y) as (select id, v from u) select y, x from c", {"y": "u.v", "x": "u.id"}),
    ("select w.y from (select a, b from t) as w(x, y)", {"y": "t.b"}),
    ("select (select max(v) from u where u.a = t.a) as top from t", {"top": "u.v"}),
    ("select a in (select id from u) as known from t", {"known": "~t.a ~u.id"}),
    ("select a from t union all select id from u", {"a": "t.a u.id"}),
    ("select a from t except select id from u", {"a": "t.a"}),
    (
        "select x.k from (select struct(k, v) as x from u union all select struct(j as k, a as v) from t)",
        {"k": "u.k t.j"},
    ),
    (
        "with recursive r(n, v) as (select id, v from u union all select n + 1, v from r where n < 5) select * from r",
        {"n": "~u.id", "v": "u.v"},
    ),
    (
        "select * from (select k, a, v from u) pivot (sum(v) for k in ('x' as x, 'y' as y))",
        {
            "a": "u.a",
            "x": "~u.v ~u.k",
            "y": "~u.v ~u.k",
        },
    ),
    (
        "select * from (select k, a, id from u) unpivot (n for name in (a, id))",
        {"k": "u.k", "name": "", "n": "u.a u.id"},
    ),
    ("select x from values (1, 'a') as v(x, y)", {"x": ""}),
    ("from t |> where a > 0 |> extend a + b as c |> select c, j", {"c": "~t.a ~t.b", "j": "t.j"}),
    ("select current_date() as today, 1 as one, 'x' as word", {"today": "", "one": "", "word": ""}),
]
