"""Spark SQL as DuckDB's: what is taken over says the same, and what might not is refused."""

from __future__ import annotations

import pytest

from expectations.at_hand import kind_of
from expectations.in_process.queries import Relation, translate_query
from expectations.in_process.values import Untranslatable, names_in, translate_expression

COLUMNS = {
    "n": "integer",
    "x": "double",
    "f": "float",
    "price": "decimal",
    "name": "string",
    "is_open": "boolean",
    "day": "date",
    "at": "timestamp",
    "items": "array",
    "geo": "nested",
}

TAKEN_OVER = [
    ("count(*)", "count(*)", "integer"),
    ("count(DISTINCT name)", 'count(DISTINCT "name")', "integer"),
    ("count_if(`n` IS NULL)", 'count(CASE WHEN ("n" IS NULL) THEN 1 END)', "integer"),
    ("count_if(geo IS NULL)", 'count(CASE WHEN ("geo" IS NULL) THEN 1 END)', "integer"),
    ("sum(price)", 'sum("price")', "decimal"),
    ("avg(N)", 'avg("n")', "double"),
    (
        "var_samp(n)",
        '(CASE WHEN isfinite(var_samp(CAST("n" AS DOUBLE))) THEN var_samp(CAST("n" AS DOUBLE)) '
        "WHEN var_samp(CAST(\"n\" AS DOUBLE)) IS NOT NULL THEN error('not finite') END)",
        "double",
    ),
    ("approx_count_distinct(x, 0.01D)", 'count(DISTINCT "x")', "integer"),
    ("percentile_approx(x, array(0.5D, 1.0D), 10000)", 'quantile_disc("x", [0.5, 1.0])', "doubles"),
    ("sum(n) FILTER (WHERE n > 1)", 'sum("n") FILTER (WHERE ("n" > 1))', "integer"),
    ("NOT (n <=> 2 OR x >= 1.5)", '(NOT ((("n" IS NOT DISTINCT FROM 2) OR ("x" >= 1.5))))', "boolean"),
    ("n BETWEEN 1 AND 3", '("n" BETWEEN 1 AND 3)', "boolean"),
    ("name IN (\"it's\", 'b')", "(\"name\" IN ('it''s', 'b'))", "boolean"),
    ("at >= DATE'2000-01-01'", "(\"at\" >= DATE '2000-01-01')", "boolean"),
    ("at < TIMESTAMP'2000-01-01 10:00:00.5'", "(\"at\" < TIMESTAMP '2000-01-01 10:00:00.5')", "boolean"),
    ("x / 2", "(\"x\" / CASE WHEN 2 = 0 THEN error('a division by zero') ELSE 2 END)", "double"),
    ("CAST(floor(x) AS INT)", 'CAST(CAST(floor("x") AS BIGINT) AS INTEGER)', "integer"),
    ("ln(x)", '(CASE WHEN "x" > 0 THEN ln("x") END)', "double"),
    ("trim(name)", "trim(\"name\", ' ')", "string"),
    ("size(items)", 'len("items")', "integer"),
    ("if(is_open, price, 0)", '(CASE WHEN "is_open" THEN "price" ELSE 0 END)', "decimal"),
    ("unix_micros(CAST((at) AS TIMESTAMP))", 'epoch_us(CAST(("at") AS TIMESTAMP))', "integer"),
    ("CAST('NaN' AS DOUBLE)", "CAST('nan' AS DOUBLE)", "double"),
    ("CAST(CAST(at AS DATE) AS STRING)", 'CAST(CAST("at" AS DATE) AS VARCHAR)', "string"),
]


@pytest.mark.parametrize(("spark", "duck", "kind"), TAKEN_OVER, ids=[row[0] for row in TAKEN_OVER])
def test_an_expression_that_means_the_same(spark: str, duck: str, kind: str) -> None:
    found = translate_expression(spark, COLUMNS)
    assert (found.sql, found.kind) == (duck, kind)


REFUSED = {
    "name RLIKE 'a+'": "another dialect of patterns",
    "name LIKE 'a%'": "another escape",
    "name = 'a\\\\b'": "escapes",
    "name = 1": "Spark makes the text a number",
    "x = name": "so it does here",
    "CAST(name AS INT)": "texts as numbers: other forms are read",
    "CAST(x AS INT)": "cut there, rounded here",
    "CAST(x AS STRING)": "another form",
    "CAST(at AS STRING)": "another form",
    "CAST(n AS DECIMAL(10, 2))": "rounds, or raises",
    "try_cast(n AS DOUBLE)": "null where a cast raises",
    "price * price": "rounded beyond 38 digits",
    "price / 2": "another type",
    "price IN (1, 2.5)": "made one type",
    "round(x, 2)": "by another rule",
    "to_json(geo)": "not there",
    "avg(price)": "another type",
    "sum(f)": "summed in another width",
    "n + name": "not a number",
    "count(n, x)": "rows in which all are",
    "count(DISTINCT n, x)": "several columns",
    "min(items)": "no order",
    "approx_top_k(n, 2, 64)": "more than the commonest",
    "unknown": "no column",
    "geo.city": "a field of a struct",
    "rand()": "unknown",
    "n > (SELECT 1)": "a query within",
    "CASE n WHEN 1 THEN 2 END": "a case of a value",
    "sum(n) OVER (PARTITION BY name)": "a window of some rows",
    "hour(name)": "no moment",
    "n = 12345678901234567890": "beyond a bigint",
    "CAST('soon' AS DATE)": "no day",
    "n +": "no expression",
}


@pytest.mark.parametrize("spark", REFUSED, ids=REFUSED.values())
def test_what_might_mean_another_thing_is_refused(spark: str) -> None:
    with pytest.raises(Untranslatable):
        translate_expression(spark, COLUMNS)


TABLES = {
    "here": Relation("SELECT * FROM a", {"id": "integer", "name": "string"}),
    "there": Relation("SELECT * FROM b", {"id": "integer", "rank": "integer"}),
}

QUERIES = [
    (
        "SELECT name AS value, count(*) AS n FROM here GROUP BY 1 HAVING count(*) > 1 ORDER BY n DESC, value LIMIT 3",
        'SELECT "here"."name" AS "value", count(*) AS "n" FROM (SELECT * FROM a) AS "here" GROUP BY "here"."name" '
        'HAVING (count(*) > 1) ORDER BY "n" DESC NULLS LAST, "value" ASC NULLS FIRST LIMIT 3',
        {"value": "string", "n": "integer"},
    ),
    (
        "SELECT h.id FROM here AS h LEFT ANTI JOIN (SELECT DISTINCT id AS it FROM there) AS t ON h.id = t.it",
        'SELECT "h"."id" AS "id" FROM (SELECT * FROM a) AS "h" ANTI JOIN (SELECT DISTINCT "there"."id" AS "it" FROM '
        '(SELECT * FROM b) AS "there") AS "t" ON ("h"."id" = "t"."it")',
        {"id": "integer"},
    ),
    (
        "SELECT *, sum(rank) OVER () AS total FROM there",
        'SELECT "there"."id" AS "id", "there"."rank" AS "rank", sum("there"."rank") OVER () AS "total" FROM '
        '(SELECT * FROM b) AS "there"',
        {"id": "integer", "rank": "integer", "total": "integer"},
    ),
    (
        "SELECT if(grouping(id) = 0, 'id', 'name') AS c, count(*) AS n FROM here GROUP BY GROUPING SETS ((id), (name))",
        'SELECT (CASE WHEN (grouping("here"."id") = 0) THEN \'id\' ELSE \'name\' END) AS "c", count(*) AS "n" FROM '
        '(SELECT * FROM a) AS "here" GROUP BY GROUPING SETS (("here"."id"), ("here"."name"))',
        {"c": "string", "n": "integer"},
    ),
]


@pytest.mark.parametrize(("spark", "duck", "columns"), QUERIES, ids=[row[0][:40] for row in QUERIES])
def test_a_query_that_means_the_same(spark: str, duck: str, columns: dict[str, str]) -> None:
    found = translate_query(spark, TABLES)
    assert (found.sql, dict(found.columns)) == (duck, columns)


@pytest.mark.parametrize(
    "spark",
    [
        "SELECT 1",
        "SELECT id FROM elsewhere",
        "SELECT id FROM here, there",
        "SELECT id FROM here JOIN there ON here.id = there.id",
        "SELECT here.id FROM here CROSS JOIN there ON here.id = there.id",
        "SELECT id FROM here CROSS JOIN there",
        "SELECT * FROM here CROSS JOIN there",
        "SELECT id FROM here UNION ALL SELECT id FROM there",
        "SELECT id FROM here TABLESAMPLE (10 PERCENT)",
        "SELECT explode(array(id)) FROM here",
        "WITH a AS (SELECT 1) SELECT id FROM here",
        "SELECT id FROM here GROUP BY id WITH ROLLUP",
        "SELECT id FROM here LIMIT 1 + 1",
        "SELECT id FROM here SORT BY id",
        "SELECT /*+ BROADCAST(here) */ id FROM here",
    ],
)
def test_a_query_that_might_mean_another_thing_is_refused(spark: str) -> None:
    with pytest.raises(Untranslatable):
        translate_query(spark, TABLES)


def test_names_that_a_text_asks_for() -> None:
    assert names_in("count_if(`a` > B) FILTER (WHERE c IS NULL)") == {"a", "B", "c"}
    assert names_in("count(*)") == frozenset()
    assert names_in("SELECT * FROM t WHERE a") == {"*", "a"}
    assert names_in("") == names_in("no ( text") == frozenset()


def test_kinds_of_columns() -> None:
    kinds = {
        "BIGINT": "integer",
        "decimal(12,2)": "decimal",
        "array<int>": "array",
        "struct<a:int>": "nested",
        "map<string,int>": "nested",
        "timestamp": "timestamp",
        "timestamp_ntz": "",
        "binary": "",
        "string collate UTF8_LCASE": "",
    }
    assert {name: kind_of(name) for name in kinds} == kinds
