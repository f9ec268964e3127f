"""Data tests without Spark: what becomes an expectation, what a query, with which table each is judged, its SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from runner.cli.choose import Asked, chosen_quality
from runner.cli.session import Command
from runner.errors import ProjectError
from runner.mentions import tables_in
from runner.model import DataTest
from runner.project.parse import Project, load_project
from runner.quality import Quality, load_quality
from runner.quality.fuse import row_condition
from runner.quality.rendered import compile_test, failures_table, rule
from runner.selection import Indirect

Write = Callable[[Mapping[str, str]], Path]

POSITIVE = """
    {% test positive(model, column_name, least=0) %}
    select * from {{ model }} where {{ column_name }} <= {{ least }}
    {% endtest %}
    """
PROPERTIES = """
    version: 2
    models:
      - name: totals
        columns:
          - name: revenue
            data_tests:
              - not_null
              - positive: {least: 3, config: {where: "order_count > 0", severity: warn, tags: [daily]}}
              - unique: {config: {warn_if: "> 2"}}
          - name: order_count
            data_tests:
              - accepted_values: {values: [1, 2], quote: false, config: {limit: 5}}
      - name: stg_orders
        columns:
          - name: order_id
            data_tests:
              - relationships: {to: ref('totals'), field: order_count}
    """


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    files = {
        **tiny,
        "macros/tests.sql": POSITIVE,
        "models/_m.yml": PROPERTIES,
        "tests/no_loss.sql": "select * from {{ ref('stg_orders') }} join {{ ref('totals') }} on revenue < total;\n",
        "tests/landed.sql": "{{ config(severity='warn') }}select * from {{ source('shop', 'orders') }} where total < 0",
    }
    return load_project(write(files))


def named(project: Project, start: str) -> DataTest:
    return next(test for test in project.tests.values() if test.name.startswith(start))


def test_what_an_expectation_can_say_is_one_and_the_rest_is_a_query(project: Project) -> None:
    quality = load_quality(project)
    (one,) = quality.suites["model.tiny.totals"].expectations
    assert (one.type, one.column, one.place) == ("expect_column_values_to_not_be_null", "revenue", "models/_m.yml:6")
    assert one.test_id == named(project, "not_null").unique_id
    assert {test.name.split("_")[0]: tables for test, tables in quality.queries} == {
        "positive": ("model.tiny.totals",),
        "unique": ("model.tiny.totals",),
        "accepted": ("model.tiny.totals",),
        "relationships": ("model.tiny.stg_orders", "model.tiny.totals"),  # it reads a model that is built later
        "no": ("model.tiny.stg_orders", "model.tiny.totals"),
        "landed": ("source.tiny.shop.orders",),
    }


@pytest.mark.parametrize(
    ("nodes", "placed"),
    [
        (
            ["model.tiny.stg_orders", "model.tiny.totals"],
            {"model.tiny.totals": {"positive", "unique", "accepted", "relationships", "no"}},
        ),
        (["model.tiny.stg_orders"], {"model.tiny.stg_orders": {"relationships", "no"}}),
        (["source.tiny.shop.orders"], {"source.tiny.shop.orders": {"landed"}}),
        ([], {}),
    ],
)
def test_a_query_is_judged_with_the_last_of_its_tables_that_is_built(
    project: Project, nodes: list[str], placed: dict[str, set[str]]
) -> None:
    found = load_quality(project).placed(nodes)
    assert {node: {test.name.split("_")[0] for test in tests} for node, tests in found.items()} == placed


def test_only_some_of_the_tests(project: Project) -> None:
    quality = load_quality(project)
    positive, not_null = named(project, "positive").unique_id, named(project, "not_null").unique_id
    kept: Quality = quality.only({positive})
    assert (kept.suites, [test.unique_id for test, _ in kept.queries]) == ({}, [positive])
    assert [one.test_id for one in quality.only({not_null}).suites["model.tiny.totals"].expectations] == [not_null]
    assert quality.checked(["model.tiny.stg_orders", "source.tiny.shop.orders"]) == [
        "model.tiny.stg_orders",
        "source.tiny.shop.orders",
    ]


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("positive", "select * from (select * from candidate where order_count > 0) dbt_subquery where revenue <= 3"),
        (
            "unique",
            "select revenue as unique_field, count(*) as n_records from candidate where revenue is not null "
            "group by revenue having count(*) > 1",
        ),
        (
            "accepted",
            "select order_count as value_field, count(*) as n_records from candidate "
            "where order_count not in (1, 2) group by order_count",
        ),
        (
            "relationships",
            "select child.order_id as from_field from (select * from marts_staging.stg_orders) as child left anti join "
            "(select order_count as to_field from candidate) as parent on child.order_id = parent.to_field "
            "where child.order_id is not null",
        ),
        ("no_loss", "select * from marts_staging.stg_orders join candidate on revenue < total"),
    ],
)
def test_the_table_stands_for_the_candidate(project: Project, name: str, sql: str) -> None:
    assert compile_test(project, named(project, name), {"totals": "candidate"}).sql.strip() == sql


def test_what_a_rule_is_called(project: Project) -> None:
    assert rule(named(project, "positive")) == "positive(revenue, least=3) where order_count > 0"
    assert rule(named(project, "no_loss")) == "no_loss"


def test_failing_rows_are_kept_in_a_schema_of_their_own(project: Project) -> None:
    assert str(failures_table(project, "no loss", None, "x")) == "marts_dbt_test__audit.no_loss"
    assert str(failures_table(project, "no_loss", "bad", "x")) == "marts_bad.no_loss"


def test_all_that_is_asked_of_a_table_is_one_suite(project: Project) -> None:
    quality = load_quality(project)
    asked = quality.asked(project, "model.tiny.totals")
    assert asked is not None
    assert sorted(one.name or one.type for one in asked.expectations) == [
        "accepted_values(order_count, values=1, 2, quote=False)",
        "expect_column_values_to_not_be_null",
        "no_loss",
        "positive(revenue, least=3) where order_count > 0",
        "relationships(order_id, to=ref('totals'), field=order_count)",
        "unique(revenue)",
    ]
    positive = next(one for one in asked.expectations if one.name.startswith("positive"))
    assert positive.arguments["condition"] == "(order_count > 0) AND (revenue <= 3)"
    assert quality.references["model.tiny.totals"] == {"stg_orders": "model.tiny.stg_orders"}
    assert quality.asked(project, "model.tiny.stg_orders") is None


@pytest.mark.parametrize(
    ("test", "sql"),
    [
        (
            "unique: {column_name: \"order_count || '-' || revenue\"}",
            "select order_count || '-' || revenue as unique_field, count(*) as n_records from marts.totals "
            "where order_count || '-' || revenue is not null group by order_count || '-' || revenue having count(*) > 1",
        ),
        (
            "relationships: {column_name: revenue, to: \"ref('tiny', 'stg_orders')\", field: total}",
            "select child.revenue as from_field from (select * from marts.totals) as child left anti join "
            "(select total as to_field from marts_staging.stg_orders) as parent on child.revenue = parent.to_field "
            "where child.revenue is not null",
        ),
        ("not_null: {column_name: revenue}", ""),
        ("relationships: {column_name: revenue, to: \"source('shop', 'orders')\", field: total}", ""),
    ],
)
def test_what_dbt_takes_and_an_expectation_does_not_is_a_query(
    write: Write, tiny: dict[str, str], test: str, sql: str
) -> None:
    text = f"models:\n  - name: totals\n    data_tests:\n      - {test}\n"
    project = load_project(write({**tiny, "models/_m.yml": text}))
    quality = load_quality(project)
    assert [compile_test(project, query, {}).sql for query, _ in quality.queries] == ([sql] if sql else [])
    assert len(quality.suites) == (0 if sql else 1)


def test_a_test_of_an_ephemeral_model_is_judged_below_it(write: Write, tiny: dict[str, str]) -> None:
    files = {
        "models/staging/stg_orders.sql": "{{ config(materialized='ephemeral') }}select * from {{ source('shop', 'orders') }}",
        "models/_m.yml": "models:\n  - name: stg_orders\n    columns:\n      - {name: total, data_tests: [not_null]}\n",
    }
    project = load_project(write({**tiny, **files}))
    ((test, tables),) = load_quality(project).queries
    assert tables == ("source.tiny.shop.orders",)
    assert compile_test(project, test, {"shop.orders": "candidate"}).sql == (
        "with __dbt__cte__stg_orders as (\nselect * from candidate\n)\n"
        "select * from __dbt__cte__stg_orders where total is null"
    )


def test_an_unknown_test_is_named_with_the_nearest(write: Write, tiny: dict[str, str]) -> None:
    properties = "models:\n  - name: totals\n    columns:\n      - {name: revenue, data_tests: [positiv]}\n"
    project = load_project(write({**tiny, "macros/tests.sql": POSITIVE, "models/_m.yml": properties}))
    with pytest.raises(ProjectError) as caught:
        load_quality(project)
    assert str(caught.value) == (
        'models/_m.yml:4: "positiv" is no test that this project knows. Did you mean "positive"?'
    )


@pytest.mark.parametrize(
    ("sql", "condition"),
    [
        ("select * from t where total < 0", "total < 0"),
        ("SELECT a, b AS c\nFROM `s`.`t`\nWHERE not(a > 1 and b in (1, 2)) -- why\n;", "not(a > 1 and b in (1, 2))"),
        ("select 1 from t as x where total < 0 or total is null", "total < 0 or total is null"),
        ("select * from (select * from t where day > '2025-01-01') dbt_subquery where a = 1",
         "(day > '2025-01-01') AND (a = 1)"),
        ("select * from t x where x.total < 0", ""),  # the alias is unknown elsewhere
        ("select count(*) from t where a = 1", ""),
        ("select explode(a) from t where a is not null", ""),
        ("select distinct a from t where a = 1", ""),
        ("select a from t where a = 1 group by a", ""),
        ("select a from t where a = 1 order by a limit 1", ""),
        ("select a from t, u where a = 1", ""),
        ("select a from t join u on a = b where a = 1", ""),
        ("select a from u where a = 1", ""),
        ("select a from t where a in (select b from u)", ""),
        ("select a from t where a = 1 union all select a from t where b = 1", ""),
        ("with x as (select * from t) select * from x where a = 1", ""),
        ("select a from t", ""),
        ("select a from t where", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_which_queries_are_one_condition(sql: str, condition: str) -> None:
    assert row_condition(sql, "s.t" if "`s`" in sql else "t") == condition


@pytest.mark.parametrize(
    ("indirect", "select", "left"),
    [
        ("eager", "totals", {"positive", "unique", "accepted", "relationships", "no", "landed"}),
        ("cautious", "totals", {"positive", "unique", "accepted", "landed"}),
        ("empty", "totals", {"landed"}),
        ("cautious", "stg_orders totals", {"positive", "unique", "accepted", "relationships", "no", "landed"}),
    ],
)
def test_which_tests_come_along_with_chosen_tables(
    project: Project, indirect: Indirect, select: str, left: set[str]
) -> None:
    command = Command(target=None, project_dir=project.root, variables={}, asked=Asked(indirect=indirect))
    quality = chosen_quality(command, select.split(), ())
    assert {test.name.split("_")[0] for test, _ in quality.queries} == left


def test_a_query_may_name_the_failing_rows_of_a_check(project: Project) -> None:
    from deltalake import write_deltalake

    write_deltalake(str(project.warehouse / "marts_dbt_test__audit/paid"), pa.table({"total": [1]}))
    found = tables_in(project, "select x.total from `marts_dbt_test__audit`.`paid` as x where marts.totals is null")
    assert [str(ref) for ref in found] == ["marts_dbt_test__audit.paid"]
