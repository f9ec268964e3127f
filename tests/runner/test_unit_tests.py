"""Unit tests of models: rows in YAML, types from the declared columns, differences as a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.errors import ProjectError
from runner.project.parse import load_project
from runner.unit_tests import UnitTestResult, run_unit_test

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

DECLARED = """
    version: 2
    models:
      - name: stg_orders
        columns:
          - {name: order_id, data_type: int}
          - {name: total, data_type: "decimal(12,2)"}
          - {name: ordered_at, data_type: timestamp}
          - {name: lines, data_type: "array<struct<product:string,quantity:int>>"}
    unit_tests:
      - name: one
        model: totals
        given:
    """


def run(spark: SparkSession, root: Path) -> UnitTestResult:
    project = load_project(root)
    return run_unit_test(project, spark, project.files.unit_tests[0])


@pytest.fixture
def case(write: Write, tiny: dict[str, str]) -> Callable[..., Path]:
    def make(sql: str, given: str, expect: str, more: str = "") -> Path:
        body = DECLARED.rstrip() + f" {given}\n        expect: {expect}\n{more}"
        return write({**tiny, "models/_m.yml": body, "models/totals.sql": sql})

    return make


GIVEN = (
    "[{input: ref('stg_orders'), rows: [{order_id: 1, total: 10.5, ordered_at: 2025-01-02T03:04:05, "
    'lines: [{product: "it\'s \\\\ ü", quantity: 2}]}, {order_id: 2, total: 1}]}]'
)


@pytest.mark.parametrize(
    ("sql", "expect"),
    [
        ("select count(*) as n, sum(total) as revenue from {{ ref('stg_orders') }}", "{rows: [{n: 2, revenue: 11.5}]}"),
        (
            "select order_id, date(ordered_at) as day from {{ ref('stg_orders') }}",
            "{rows: [{order_id: 2, day: null}, {order_id: 1, day: 2025-01-02}]}",
        ),
        (
            "select lines[0].product as p from {{ ref('stg_orders') }} where order_id = 1",
            '{rows: [{p: "it\'s \\\\ ü"}]}',
        ),
        (
            "select lines from {{ ref('stg_orders') }} where order_id = 1",
            '{rows: [{lines: [{product: "it\'s \\\\ ü", quantity: 2}]}]}',
        ),
        ("select total / 3 as third from {{ ref('stg_orders') }} where order_id = 2", "{rows: [{third: 0.333333}]}"),
        ("select cast(1 as double) / 3 as third", "{rows: [{third: 0.33333333}]}"),
        ("select * from {{ ref('stg_orders') }} where order_id > 5", "{rows: []}"),
        ("select sum(order_id) as s from {{ source('shop', 'orders') }}", "{rows: [{s: null}]}"),
    ],
)
def test_passes(spark: SparkSession, case: Callable[..., Path], sql: str, expect: str) -> None:
    result = run(spark, case(sql, GIVEN, expect))
    assert result.passed, result.message


@pytest.mark.parametrize(
    ("sql", "expect", "message"),
    [
        (
            "select order_id, total from {{ ref('stg_orders') }}",
            "{rows: [{order_id: 1, total: 10.5}, {order_id: 2, total: 2}]}",
            "  where order_id=2: total should be 2, is 1",
        ),
        (
            "select order_id from {{ ref('stg_orders') }}",
            "{rows: [{order_id: 1}, {order_id: 3}]}",
            "  missing: order_id=3\n  not expected: order_id=2",
        ),
        (
            "select order_id from {{ ref('stg_orders') }} union all select 1",
            "{rows: [{order_id: 1}, {order_id: 2}]}",
            "  not expected: order_id=1",
        ),
        (
            "select order_id from {{ ref('stg_orders') }}",
            "{rows: []}",
            "  not expected: order_id=1\n  not expected: order_id=2",
        ),
    ],
)
def test_fails_with_what_differs(
    spark: SparkSession, case: Callable[..., Path], sql: str, expect: str, message: str
) -> None:
    result = run(spark, case(sql, GIVEN, expect))
    assert not result.passed
    assert result.message == message


def test_a_model_that_spark_rejects_fails_with_its_line(spark: SparkSession, case: Callable[..., Path]) -> None:
    result = run(spark, case("select\n  totl\nfrom {{ ref('stg_orders') }}", GIVEN, "{rows: [{totl: 1}]}"))
    assert not result.passed
    assert result.message.startswith("models/totals.sql:2: A column, variable, or function parameter with name `totl`")


def test_overrides_and_this(spark: SparkSession, case: Callable[..., Path]) -> None:
    sql = "select {{ var('least') }} as least{% if is_incremental() %}, (select max(n) from {{ this }}) as n{% endif %}"
    more = "        overrides: {vars: {least: 7}, macros: {is_incremental: true}}\n"
    root = case(sql, "[{input: this, rows: [{n: 3}]}]", "{rows: [{least: 7, n: 3}]}", more)
    properties = root / "models/_m.yml"
    properties.write_text(
        properties.read_text().replace(
            "models:\n", "models:\n  - {name: totals, columns: [{name: n, data_type: int}]}\n", 1
        )
    )
    assert run(spark, root).passed


@pytest.mark.parametrize(
    ("given", "expect", "message"),
    [
        (
            "[{input: ref('stg_order'), rows: []}]",
            "{rows: []}",
            "models/_m.yml:10: input ref('stg_order') names no model. Did you mean \"stg_orders\"?",
        ),
        (
            "[{input: stg_orders, rows: []}]",
            "{rows: []}",
            "models/_m.yml:10: an input is written ref('model'), source('source', 'table') or this, not stg_orders.",
        ),
        (
            "[{input: ref('stg_orders'), rows: [{totl: 1}]}]",
            "{rows: []}",
            'models/_m.yml:10: input ref(\'stg_orders\'): there is no column "totl". Did you mean "total"?',
        ),
        (
            "[]",
            "{rows: [{revenu: 1}]}",
            'models/_m.yml:10: unit test "one" expects the column "revenu", which totals lacks. Did you mean "revenue"?',
        ),
    ],
)
def test_mistakes_in_the_test_itself(
    spark: SparkSession, case: Callable[..., Path], given: str, expect: str, message: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        run(spark, case("select sum(total) as revenue from {{ ref('stg_orders') }}", given, expect))
    assert str(caught.value) == message


def test_a_value_that_its_type_cannot_hold(spark: SparkSession, case: Callable[..., Path]) -> None:
    root = case("select 1 as n", "[{input: ref('stg_orders'), rows: [{order_id: many}]}]", "{rows: []}")
    with pytest.raises(ProjectError) as caught:
        run(spark, root)
    assert str(caught.value) == (
        "models/_m.yml:10: input ref('stg_orders'): a value does not fit its column's type: many is no int."
    )
