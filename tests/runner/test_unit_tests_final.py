"""Unit tests of incremental models: dbt's meaning, what the query gives, and ours, the whole table afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.project.parse import load_project
from runner.unit_tests import run_unit_tests

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

SQL = """
    {{{{ config(materialized='incremental', {settings}) }}}}
    select order_id, total from {{{{ source('shop', 'orders') }}}}
    {{% if is_incremental() %}} where order_id >= (select max(order_id) from {{{{ this }}}}) {{% endif %}}
    """
TESTS = """
    models:
      - name: merged
        columns: [{name: order_id, data_type: int}, {name: total, data_type: "decimal(12,2)"}]
      - name: added
        columns: [{name: order_id, data_type: int}, {name: total, data_type: "decimal(12,2)"}]
    unit_tests:
      - name: as_dbt
        model: merged
        given: &given
          - input: source('shop', 'orders')
            rows: [{order_id: 1, total: 5}, {order_id: 2, total: 20}, {order_id: 3, total: 30}]
          - {input: this, rows: [{order_id: 1, total: 10}, {order_id: 2, total: 2}]}
        overrides: {macros: {is_incremental: true}}
        expect: {rows: [{order_id: 2, total: 20}, {order_id: 3, total: 30}]}
      - name: whole_merged
        model: merged
        config: {meta: {expect: table}}
        given: *given
        expect: {rows: [{order_id: 1, total: 10}, {order_id: 2, total: 20}, {order_id: 3, total: 30}]}
      - name: whole_added
        model: added
        config: {meta: {expect: table}}
        given: *given
        expect: {rows: [{order_id: 1}, {order_id: 2}, {order_id: 2}, {order_id: 3}]}
      - name: first_time
        model: merged
        config: {meta: {expect: table}}
        given:
          - {input: "source('shop', 'orders')", rows: [{order_id: 1, total: 5}]}
        expect: {rows: [{order_id: 1, total: 5}]}
      - name: wrong
        model: merged
        config: {meta: {expect: table}}
        given: *given
        expect: {rows: [{order_id: 2, total: 20}, {order_id: 3, total: 30}]}
      - name: no_incremental
        model: totals
        config: {meta: {expect: table}}
        given: []
        expect: {rows: []}
    """


def test_the_whole_table_and_what_the_query_gives(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    root = write(
        {
            **tiny,
            "models/merged.sql": SQL.format(settings="unique_key='order_id'"),
            "models/added.sql": SQL.format(settings="incremental_strategy='append'"),
            "models/_m.yml": TESTS,
        }
    )
    project = load_project(root)
    found = {one.test.name: one for one in run_unit_tests(project, spark, project.files.unit_tests, threads=2)}
    assert {name: one.message for name, one in found.items() if not one.passed} == {
        "wrong": "  not expected: order_id=1, total=10",
        "no_incremental": 'models/_m.yml:36: unit test "no_incremental" expects a whole table of "totals", which is no '
        'incremental model. Take "expect: table" out: its rows are the table.',
    }


PYTHON = """
    def model(dbt, session):
        orders = dbt.source("shop", "orders")
        return orders.groupBy().agg({"total": "sum", "*": "count"}).toDF("revenue", "n")
    """
PYTHON_TEST = """
    unit_tests:
      - name: sums
        model: summed
        given: [{input: "source('shop', 'orders')", rows: [{order_id: 1, total: 2.5}, {order_id: 2, total: 2}]}]
        expect: {rows: [{revenue: 4.5}]}
      - name: wrong
        model: summed
        given: [{input: "source('shop', 'orders')", rows: [{order_id: 1, total: 2.5}]}]
        expect: {rows: [{revenue: 3, n: 1}]}
    """


def test_models_in_python(spark: SparkSession, write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write({**tiny, "models/summed.py": PYTHON, "models/_m.yml": PYTHON_TEST}))
    passed, failed = run_unit_tests(project, spark, project.files.unit_tests)
    assert (passed.passed, passed.message) == (True, "")
    assert failed.message == "  where n=1: revenue should be 3, is 2.5"


@pytest.mark.parametrize("config", ["{expect: table}", "{meta: {expect: table}}"])
def test_a_test_says_that_it_expects_the_table(write: Write, tiny: dict[str, str], config: str) -> None:
    text = f"unit_tests:\n  - {{name: one, model: totals, config: {config}, expect: {{rows: []}}}}\n"
    (test,) = load_project(write({**tiny, "models/_m.yml": text})).files.unit_tests
    assert test.expects_table
