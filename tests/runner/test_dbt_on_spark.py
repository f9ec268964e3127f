"""A plain dbt project, with a package of its own at a local path, is built on Spark as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from runner import delta
from runner.build import Builder, BuildOptions
from runner.compile import compile_text
from runner.execute import NodeResult
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]

PROJECT = {
    "dbt_project.yml": """
        name: shop
        version: '1.0'
        config-version: 2
        profile: shop
        models: {shop: {+materialized: table, staging: {+materialized: view}}}
        seeds: {shop: {+column_types: {total: "decimal(10,2)"}}}
        """,
    "packages.yml": "packages: [{local: tools}]",
    "tools/dbt_project.yml": "name: tools\nversion: '1'\n",
    "tools/macros/pivot.sql": """
        {% macro values_of(relation, column) %}
            {{ return(adapter.dispatch("values_of", "tools")(relation, column)) }}
        {% endmacro %}

        {% macro default__values_of(relation, column) %}
            {%- call statement("values_of", fetch_result=true) %}
                select distinct {{ column }} from {{ relation }} order by 1
            {% endcall -%}
            {%- set found = load_result("values_of") -%}
            {{ return(found["data"] | map("first") | list if found else []) }}
        {% endmacro %}

        {% macro counted(column, values) -%}
            {%- for value in values %}
            sum(case when {{ column }} = '{{ value }}' then 1 else 0 end) as {{ value | lower }}{{ "," if not loop.last }}
            {%- endfor -%}
        {%- endmacro %}

        {% macro all_but(relation, left_out) -%}
            {%- set columns = adapter.get_columns_in_relation(relation) -%}
            {{ columns | map(attribute="name") | reject("in", left_out) | join(", ") or "*" }}
        {%- endmacro %}
        """,
    "tools/macros/tests.sql": """
        {% test at_most(model, column_name, most) %}
            select * from {{ model }} where {{ column_name }} > {{ most }}
        {% endtest %}
        """,
    "seeds/raw_orders.csv": "order_id,country,total\n1,DE,10.50\n2,FR,20.00\n3,DE,5.25\n",
    "models/staging/stg_orders.sql": "select {{ tools.all_but(ref('raw_orders'), ['none']) }} from {{ ref('raw_orders') }}",
    "models/countries.sql": """
        select {{ tools.counted("country", tools.values_of(ref("stg_orders"), "country")) or "1 as none" }}
        from {{ ref("stg_orders") }}
        """,
    "models/totals.py": """
        def model(dbt, session):
            dbt.config(materialized="table")
            return dbt.ref("stg_orders").groupBy("country").sum("total").withColumnRenamed("sum(total)", "total")
        """,
    "models/_models.yml": """
        models:
          - name: stg_orders
            columns:
              - name: order_id
                data_tests: [unique, not_null]
              - name: total
                data_tests:
                  - tools.at_most: {arguments: {most: 30}}
          - name: totals
            columns:
              - name: total
                data_tests:
                  - tools.at_most: {arguments: {most: 16}}
        """,
    "snapshots/orders.sql": """
        {% snapshot orders_history %}
        {{ config(unique_key="order_id", strategy="check", check_cols="all") }}
        select * from {{ ref("stg_orders") }}
        {% endsnapshot %}
        """,
    "tests/some_orders.sql": "select 1 from {{ ref('countries') }} where de + fr = 0",
}


def built(root: Path, spark: SparkSession) -> dict[str, NodeResult]:
    project = load_project(root)
    builder = Builder(project, load_quality(project), spark, run_id="run-1", options=BuildOptions(threads=2))
    results = builder.run(project.select(kinds=("model", "seed", "snapshot")))
    return {result.unique_id.rsplit(".", 1)[-1]: result for result in results}


def test_a_plain_dbt_project_is_built(write: Write, spark: SparkSession) -> None:
    root = write(PROJECT)
    results = built(root, spark)
    assert {
        name: (result.status, result.message) for name, result in results.items() if result.status != "success"
    } == {"totals": ("withheld", results["totals"].message)}
    assert "at_most" in results["totals"].message
    warehouse = root / "warehouse" / "main"
    assert delta.first_rows(warehouse / "countries", 10)[1] == [{"de": 2, "fr": 1}]
    assert not delta.is_table(warehouse / "totals")
    history = delta.first_rows(warehouse / "orders_history", 10)[1]
    assert sorted(row["order_id"] for row in history) == [1, 2, 3]
    assert {row["total"] for row in history} == {Decimal("10.50"), Decimal("20.00"), Decimal("5.25")}
    compiled = (root / "target/compiled/shop/models/staging/stg_orders.sql").read_text()
    assert compiled == "select order_id, country, total from main.raw_orders\n"


def test_dbt_s_own_macros_mean_the_same_on_spark(write: Write, spark: SparkSession) -> None:
    """One row of expressions: spans count boundaries, weeks begin on Sunday, a failed cast is null."""
    project = load_project(write({"dbt_project.yml": "name: shop\nversion: '1'\n", "models/one.sql": "select 1"}))
    early, late = "timestamp'2023-12-30 23:59:59'", "timestamp'2024-01-01 00:00:00'"
    cases = {
        "dbt.dateadd('month', 2, \"date'2023-12-31'\")": datetime(2024, 2, 29),
        "dbt.dateadd('hour', -1, late)": datetime(2023, 12, 31, 23),
        "dbt.datediff(early, late, 'year')": 1,
        "dbt.datediff(early, late, 'quarter')": 1,
        "dbt.datediff(early, late, 'month')": 1,
        "dbt.datediff(early, late, 'week')": 1,
        "dbt.datediff(late, early, 'week')": -1,
        "dbt.datediff(early, late, 'day')": 2,
        "dbt.datediff(early, late, 'hour')": 25,
        "dbt.datediff(early, late, 'second')": 24 * 3600 + 1,
        "dbt.last_day(\"date'2024-02-03'\", 'month')": date(2024, 2, 29),
        "dbt.last_day(\"date'2024-02-03'\", 'quarter')": date(2024, 3, 31),
        "dbt.date(2024, 2, 29)": date(2024, 2, 29),
        "dbt.safe_cast(\"'x'\", 'int')": None,
        "dbt.split_part(\"'a.b.c'\", \"'.'\", 2)": "b",
        "dbt.split_part(\"'a.b.c'\", \"'.'\", -1)": "c",
        "dbt.position(\"'b'\", \"'abc'\")": 2,
        "dbt.right(\"'abc'\", 2)": "bc",
        "dbt.replace(\"'abc'\", \"'b'\", \"'x'\")": "axc",
        "dbt.concat([\"'a'\", \"'b'\"])": "ab",
        "dbt.hash(\"'a'\")": "0cc175b9c0f1b6a831c399e269772661",
        'dbt.string_literal(dbt.escape_single_quotes("it\'s"))': "it's",
        "dbt.array_append(dbt.array_construct(['1', '2']), '3')": [1, 2, 3],
        "dbt.array_concat('array(1)', 'array(2)')": [1, 2],
        "dbt.cast_bool_to_text('1 = 1')": "true",
        "dbt.cast(\"'1.5'\", dbt.type_numeric())": Decimal("1.500000"),
        "dbt.equals('null', 'null')": True,
    }
    listed = ", ".join(f"{{{{ {expression} }}}} as c{number}" for number, expression in enumerate(cases))
    text = f'{{% set early = "{early}" %}}{{% set late = "{late}" %}}select {listed}'
    row = spark.sql(compile_text(project, text)).collect()[0]
    assert dict(zip(cases, row, strict=True)) == cases
    grouped = (
        "select {{ dbt.listagg('k', \"'-'\", 'order by k desc') }} as a, {{ dbt.listagg('k', \"'-'\", 'order by k', 2) }} as b,"
        " {{ dbt.any_value('1') }} as c, {{ dbt.bool_or('k > 2') }} as d from values (1), (3), (2) as t(k)"
    )
    assert tuple(spark.sql(compile_text(project, grouped)).collect()[0]) == ("3-2-1", "1-2", 1, True)
    spine = "{{ dbt.date_spine('day', \"date'2024-01-01'\", \"date'2024-01-04'\") }}"
    assert [row[0].day for row in spark.sql(compile_text(project, spine)).collect()] == [1, 2, 3]
