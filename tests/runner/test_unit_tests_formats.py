"""Unit tests to dbt's depth: CSV, SQL and fixture files, types told by tables or values, nested values, overrides."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.errors import ProjectError
from runner.project.parse import load_project
from runner.unit_tests import UnitTestResult, run_unit_tests
from runner.unit_tests.difference import differing_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

DECLARED = """
models:
  - name: stg_orders
    columns:
      - {name: order_id, data_type: int}
      - {name: total, data_type: "decimal(12,2)"}
      - {name: ordered_at, data_type: timestamp}
      - {name: lines, data_type: "array<struct<product:string,quantity:int>>"}
      - {name: tags, data_type: "map<string,double>"}
unit_tests:
"""
MODELS = {
    "models/totals.sql": "select count(*) as n, sum(total) as revenue, max(ordered_at) as last_at from {{ ref('stg_orders') }}",
    "models/plain.sql": "select id, price * 2 as double_price, name from {{ ref('undescribed') }}",
    "models/undescribed.sql": "select 1 as id, 2.5 as price, 'a' as name",
    "models/nested.sql": "select order_id, lines, tags, lines[0].product as first from {{ ref('stg_orders') }}",
    "models/settings.sql": "select '{{ env_var('SHOP_REGION', '') }}' as region, '{{ env_var('SHOP_ZONE', 'z') }}' as zone, "
    "{{ least_of('x') }} as least",
    "macros/least_of.sql": "{% macro least_of(name) %}{{ var('least') }}{% endmacro %}",
    "tests/fixtures/two_orders.csv": "order_id,total\n1,10.50\n2,\n",
    "tests/fixtures/deep/sums.sql": "select 2 as n, cast(10.5 as decimal(22,2)) as revenue\n",
    "tests/fixtures/three.sql": "select explode(array(1, 2, 3)) as order_id\n",
}
TESTS = """
  - name: csv
    model: totals
    given:
      - input: ref('stg_orders')
        format: csv
        rows: |
          order_id, total, ordered_at
          1, 10.50, 2025-01-02 03:04:05
          2, , 2025-01-03
    expect:
      format: csv
      rows: |
        n,revenue,last_at
        2,10.5,2025-01-03 00:00:00
  - name: fixtures
    model: totals
    given: [{input: ref('stg_orders'), format: csv, fixture: two_orders}]
    expect: {format: sql, fixture: sums}
  - name: sql
    model: totals
    given: [{input: ref('stg_orders'), format: sql, fixture: three}]
    expect: {rows: [{N: 3, revenue: null, last_at: null}]}
  - name: told_by_values
    model: plain
    given: [{input: ref('undescribed'), rows: [{id: 1, price: 2.5, name: x}, {id: 2, price: 4, name: null}]}]
    expect: {rows: [{id: 2, double_price: 8, name: null}, {id: 1, double_price: 5.0, name: x}]}
  - name: nested
    model: nested
    given:
      - input: ref('stg_orders')
        rows:
          - {order_id: 1, lines: [{product: a, quantity: 2}], tags: {red: 0.5}}
          - {order_id: 2, lines: '[{"product": "b", "quantity": null}]', tags: '{"blue": 1}'}
          - {order_id: 3, lines: "array(named_struct('product', 'c', 'quantity', 7))"}
          - {order_id: 4}
    expect:
      rows:
        - {order_id: 1, first: a, lines: [{product: a, quantity: 2}], tags: {red: 0.5}}
        - {order_id: 2, first: b, lines: [{product: b}], tags: {blue: 1}}
        - {order_id: 3, first: c, lines: [{product: c, quantity: 7}], tags: null}
        - {order_id: 4, first: null, lines: null, tags: null}
  - name: overrides
    model: settings
    given: []
    overrides: {env_vars: {SHOP_REGION: north}, vars: {least: 7}}
    expect: {rows: [{region: north, zone: z, least: 7}]}
  - name: macro
    model: settings
    given: []
    overrides: {env_vars: {SHOP_REGION: north}, macros: {least_of: 9}}
    expect: {rows: [{least: 9}]}
"""
WRONG = """
  - name: cell
    model: totals
    given: [{input: ref('stg_orders'), format: csv, rows: "order_id,total\\n1,many"}]
    expect: {rows: [{n: 1, revenue: 1}]}
  - name: width
    model: totals
    given: [{input: ref('stg_orders'), format: csv, rows: "order_id,total\\n1"}]
    expect: {rows: []}
  - name: lost
    model: totals
    given: [{input: ref('stg_orders'), format: csv, fixture: two_order}]
    expect: {rows: []}
  - name: query
    model: totals
    given: [{input: ref('stg_orders'), format: sql, rows: select nothing}]
    expect: {rows: []}
  - name: expected
    model: totals
    given: []
    expect: {rows: [{n: several}]}
  - name: differs
    model: nested
    given: [{input: ref('stg_orders'), rows: [{order_id: 1, lines: [{product: a, quantity: 2}]}]}]
    expect: {rows: [{order_id: 1, lines: [{product: a, quantity: 3}], tags: {red: 1}}]}
"""


def run(spark: SparkSession, write: Write, tiny: dict[str, str], tests: str) -> dict[str, UnitTestResult]:
    root = write({**tiny, **MODELS})
    (root / "models/_m.yml").write_text(DECLARED + tests, encoding="utf-8")
    project = load_project(root)
    ended: list[str] = []
    results = run_unit_tests(
        project, spark, project.files.unit_tests, threads=2, ended=lambda one: ended.append(one.test.name)
    )
    assert sorted(ended) == sorted(result.test.name for result in results)
    return {result.test.name: result for result in results}


def test_formats_types_and_overrides(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    found = run(spark, write, tiny, TESTS)
    assert {name: result.message for name, result in found.items() if not result.passed} == {}
    assert len(found) == 7


def test_what_is_wrong_is_said_and_the_others_go_on(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    found = {name: result.message for name, result in run(spark, write, tiny, WRONG).items()}
    place = "models/_m.yml:"
    assert found["cell"] == (
        f"{place}12: input ref('stg_orders'): a value does not fit its column's type: many is no decimal(12,2)."
    )
    assert found["width"].endswith("input ref('stg_orders'): line 2 of the CSV has 1 cells, its first line 2.")
    assert found["lost"].endswith(
        'no file "two_order.csv" lies in fixtures below the test paths. Did you mean "two_orders"?'
    )
    assert "the query fails: A column, variable, or function parameter with name `nothing`" in found["query"]
    assert found["expected"].endswith(
        "the expected rows: a value does not fit its column's type: several is no bigint."
    )
    assert found["differs"] == (
        "  where order_id=1: lines should be [{product: a, quantity: 3}], is [{product: a, quantity: 2}]\n"
        "  where order_id=1: tags should be {red: 1.0}, is null"
    )


def test_a_published_table_tells_types(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    root = write({**tiny, **MODELS})
    spark.sql("select 1 as id, cast(1 as decimal(5,1)) as price, date'2025-01-01' as name").write.format("delta").save(
        str(root / "warehouse/marts/undescribed")
    )
    tests = """
  - name: typed
    model: plain
    given: [{input: ref('undescribed'), rows: [{id: 1, price: "2.55", name: "2025-02-03"}]}]
    expect: {rows: [{id: 1, double_price: 5.2, name: 2025-02-03}]}
  - name: unknown
    model: plain
    given: [{input: ref('undescribed'), rows: [{colour: red}]}]
    expect: {rows: []}
"""
    (root / "models/_m.yml").write_text("unit_tests:\n" + textwrap.dedent(tests), encoding="utf-8")
    project = load_project(root)
    typed, unknown = run_unit_tests(project, spark, project.files.unit_tests)
    assert typed.passed, typed.message
    assert unknown.message.endswith("input ref('undescribed'): there is no column \"colour\".")


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("{format: xml, rows: []}", 'the format of rows of unit test "one" is dict, csv or sql, not xml.'),
        ("{format: dict, fixture: a}", 'a fixture of unit test "one" is csv or sql.'),
        ("{rows: [], fixture: a}", 'unit test "one" gives rows and a fixture. Keep one of the two.'),
        ("{row: []}", 'the expected rows of unit test "one" has an unknown key "row". Did you mean "rows"?'),
    ],
)
def test_rows_that_are_none(write: Write, tiny: dict[str, str], expect: str, message: str) -> None:
    root = write({**tiny, "models/_m.yml": f"unit_tests:\n  - {{name: one, model: totals, expect: {expect}}}\n"})
    with pytest.raises(ProjectError) as caught:
        load_project(root)
    assert str(caught.value) == f"models/_m.yml:2: {message}"


def test_long_differences_are_cut() -> None:
    lines = differing_lines(["n"], [(number,) for number in range(30)], [])
    assert (len(lines), lines[0], lines[-1]) == (21, "  missing: n=0", "  and 10 more differences")
