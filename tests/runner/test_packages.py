"""A dbt project with a package at a local path: dispatch, variables, settings, generic tests, versions, groups, docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from runner.artifacts import manifest
from runner.compile import compile_model
from runner.errors import ProjectError
from runner.model import Ref
from runner.project.installed import install
from runner.project.packages import read_document
from runner.project.parse import Project, load_project

Write = Callable[[Mapping[str, str]], Path]

FILES = {
    "dbt_project.yml": """
        name: shop_reports
        version: '1.0'
        profile: shop
        vars:
          currency: EUR
          decimals: 4
          shop_tools: {decimals: 3}
        models:
          +materialized: "{{ 'table' if target.name == 'prod' else 'view' }}"
          shop_tools: {+schema: tools, +enabled: "{{ var('with_tools', true) }}"}
        on-run-start: "select 1"
        """,
    "profiles.yml": """
        shop:
          target: dev
          outputs:
            dev: {type: spark, method: session, schema: analytics, threads: 2}
            prod: {type: spark, method: session, schema: analytics_prod, threads: 8}
        """,
    "packages.yml": "packages: [{local: tools}]",
    "tools/dbt_project.yml": """
        name: shop_tools
        version: '1.0'
        vars: {decimals: 2, sign: "+"}
        models: {shop_tools: {+materialized: table, +tags: tool}}
        on-run-end: ["select 2"]
        """,
    "tools/macros/money.sql": """
        {% macro money(column) -%}
            {{ return(adapter.dispatch("money", "shop_tools")(column)) }}
        {%- endmacro %}

        {% macro default__money(column) -%}
            default({{ column }})
        {%- endmacro %}

        {% macro spark__money(column) -%}
            {{ _rounded(column) }}
        {%- endmacro %}

        {% macro _rounded(column) -%}
            round({{ column }}, {{ var("decimals") }}) {{ undefined_here }}
        {%- endmacro %}

        {% macro names(count) %}
            {%- set found = [] -%}
            {%- for number in range(count) %}{% do found.append("n" ~ number) %}{% endfor -%}
            {{ return(found) }}
        {% endmacro %}
        """,
    "tools/macros/at_least.sql": """
        {% test at_least(model, column_name, least=0) %}
            {{ config(severity="warn") }}
            select * from {{ model }} where {{ column_name }} < {{ least }} and 1 in (select id from {{ ref("numbers") }})
        {% endtest %}
        """,
    "tools/models/numbers.sql": "select {{ var('decimals') }} as id, '{{ var('currency') }}' as currency",
    "macros/mine.sql": """
        {% macro names(count) %}{{ return(["own"]) }}{% endmacro %}
        """,
    "models/orders.sql": """
        select {{ shop_tools.money("total") }} as total, '{{ shop_tools.names(2) | join(",") }}' as theirs,
            '{{ names(2) | join(",") }}' as ours, {{ dbt.type_string() }} as kind
        from {{ ref("shop_tools", "numbers") }}
        """,
    "models/_models.yml": """
        models:
          - name: orders
            description: "{{ doc('orders') }}"
            columns:
              - name: total
                description: "{{ doc('shop_tools', 'total') }}"
                data_tests:
                  - shop_tools.at_least: {arguments: {least: 1}}
        """,
    "models/docs.md": "{% docs orders %}\nOrders. One row per order.\n{% enddocs %}\n",
    "tools/models/docs.md": "{% docs total %}What was paid.{% enddocs %}",
}


@pytest.fixture
def project(write: Write) -> Project:
    return load_project(write(FILES))


def sql_of(project: Project, name: str) -> str:
    return " ".join(compile_model(project, project.models[name]).sql.split())


def test_a_package_is_part_of_the_graph_under_its_own_name(project: Project) -> None:
    assert {name: str(model.table) for name, model in project.buildable.items()} == {
        "model.shop_reports.orders": "analytics.orders",
        "model.shop_tools.numbers": "analytics_tools.numbers",
    }
    assert project.graph.parents("model.shop_reports.orders") == ("model.shop_tools.numbers",)
    numbers = project.models["numbers"]
    assert (numbers.path.as_posix(), numbers.package) == ("tools/models/numbers.sql", "shop_tools")
    assert numbers.fqn == ("shop_tools", "numbers")
    assert numbers.config.tags == ("tool",)


def test_docs_blocks_are_in_the_manifest_as_dbt_writes_them(project: Project) -> None:
    found = manifest(project, invocation_id="i")["docs"]
    assert list(found) == ["doc.shop_reports.orders", "doc.shop_tools.total"]
    assert found["doc.shop_tools.total"] == {
        "name": "total",
        "resource_type": "doc",
        "package_name": "shop_tools",
        "path": "docs.md",
        "original_file_path": "models/docs.md",
        "unique_id": "doc.shop_tools.total",
        "block_contents": "What was paid.",
    }
    assert found["doc.shop_reports.orders"]["block_contents"] == "Orders. One row per order."


def test_macros_are_found_by_package_and_dispatched_to_spark(project: Project) -> None:
    assert sql_of(project, "orders") == (
        "select round(total, 4) as total, 'n0,n1' as theirs, 'own' as ours, string as kind from analytics_tools.numbers"
    )
    assert project.models["orders"].macros == (
        "macro.shop_tools.money",
        "macro.shop_tools.spark__money",
        "macro.shop_tools._rounded",
        "macro.shop_tools.names",
        "macro.shop_reports.names",
    )


def test_the_project_replaces_a_package_s_macro_by_dispatch(write: Write) -> None:
    own = "{% macro default__money(column) %}mine({{ column }}){% endmacro %}"
    assert sql_of(load_project(write({**FILES, "macros/money.sql": own})), "orders").startswith("select mine(total)")


def test_dispatch_follows_the_order_of_the_project_file(write: Write) -> None:
    order = "dispatch: [{macro_namespace: shop_tools, search_order: [shop_tools, shop_reports]}]\n"
    own = "{% macro spark__money(column) %}mine({{ column }}){% endmacro %}"
    files = {**FILES, "dbt_project.yml": dedent(FILES["dbt_project.yml"]) + order, "macros/money.sql": own}
    assert sql_of(load_project(write(files)), "orders").startswith("select round(total, 4)")


def test_variables_of_a_package_are_its_own_the_project_s_and_the_command_line_s(write: Write) -> None:
    root = write(FILES)
    assert sql_of(load_project(root), "numbers") == "select 3 as id, 'EUR' as currency"
    assert sql_of(load_project(root, variables={"decimals": 5}), "numbers") == "select 5 as id, 'EUR' as currency"
    assert load_project(root).files.package_vars["shop_tools"] == {"decimals": 3, "sign": "+", "currency": "EUR"}


def test_profiles_name_the_target(write: Write) -> None:
    root = write(FILES)
    dev, prod = load_project(root), load_project(root, target="prod")
    assert (dev.files.target.name, dev.files.target.threads, dev.files.targets) == ("dev", 2, ("dev", "prod"))
    assert str(prod.models["orders"].table) == "analytics_prod.orders"
    assert [one.models["orders"].config.materialized for one in (dev, prod)] == ["view", "table"]
    with pytest.raises(ProjectError) as raised:
        load_project(root, target="prd")
    assert str(raised.value) == 'profiles.yml:3: no target is named "prd". Targets: dev, prod. Did you mean "prod"?'


def test_settings_are_templates_that_see_variables(write: Write) -> None:
    own = {**FILES, "models/orders.sql": "select 1 as total", "tools/macros/at_least.sql": "{# none #}"}
    own["models/_models.yml"] = ""
    project = load_project(write(own), variables={"with_tools": False})
    assert list(project.models) == ["orders"]
    assert project.disabled == {"numbers"}


def test_a_generic_test_of_a_package_reads_what_its_macro_reads(project: Project) -> None:
    (test,) = project.tests.values()
    assert test.name == "shop_tools_at_least_orders_total__1"
    assert (test.namespace, test.severity, test.package) == ("shop_tools", "warn", "shop_reports")
    assert test.parents == ("model.shop_reports.orders", "model.shop_tools.numbers")
    assert test.macros == ("macro.shop_tools.test_at_least",)


def test_descriptions_name_docs_blocks(project: Project) -> None:
    orders = project.models["orders"]
    assert orders.description == "Orders. One row per order."
    assert orders.columns[0].description == "What was paid."


def test_hooks_of_the_run_come_with_their_package(project: Project) -> None:
    assert project.files.on_run_start == (("shop_reports", "select 1"),)
    assert project.files.on_run_end == (("shop_tools", "select 2"),)


def test_local_packages_are_linked(write: Write) -> None:
    root = write(FILES)
    document = read_document(root, base=root)
    assert [(name, link.name) for name, _, link in install(root, document)] == [("shop_tools", "shop_tools")]
    assert (root / "dbt_packages/shop_tools/dbt_project.yml").is_file()
    numbers = load_project(root).models["numbers"]
    assert numbers.path.as_posix() == "dbt_packages/shop_tools/models/numbers.sql"
    assert numbers.fqn == ("shop_tools", "numbers")
    assert [name for name, _, _ in install(root, document)] == ["shop_tools"]


VERSIONS = {
    "dbt_project.yml": "name: shop_reports\nversion: '1'\n",
    "models/users_v1.sql": "select 1 as id",
    "models/users.sql": "select 1 as id, 2 as age",
    "models/_models.yml": """
        models:
          - name: users
            latest_version: 2
            description: Users.
            columns:
              - {name: id, data_tests: [unique]}
              - {name: age, data_tests: [not_null]}
            versions:
              - v: 1
                columns: [{include: all, exclude: [age]}]
              - {v: 2, config: {alias: people}}
        """,
    "models/old.sql": "select * from {{ ref('users', v=1) }}",
    "models/new.sql": "select * from {{ ref('users') }}",
}


def test_versions_of_a_model_are_models(write: Write) -> None:
    project = load_project(write(VERSIONS))
    assert {name: str(model.table) for name, model in project.models.items()} == {
        "users.v1": "main.users_v1",
        "users.v2": "main.people",
        "old": "main.old",
        "new": "main.new",
    }
    assert project.models["old"].parents == ("model.shop_reports.users.v1",)
    assert project.models["new"].parents == ("model.shop_reports.users.v2",)
    assert project.models["users.v1"].fqn == ("shop_reports", "users", "v1")
    assert [column.name for column in project.models["users.v1"].columns] == ["id"]
    assert sorted(test.name for test in project.tests.values()) == [
        "not_null_users_v2_age",
        "unique_users_v1_id",
        "unique_users_v2_id",
    ]
    assert project.models["old"].refs == (Ref(name="users", version="1"),)


PRIVATE = {
    "dbt_project.yml": "name: shop_reports\nversion: '1'\n",
    "models/_models.yml": """
        groups: [{name: finance, owner: {name: Ann}}, {name: growth, owner: {name: Ben}}]
        models:
          - {name: ledger, group: finance, access: private}
          - {name: totals, config: {group: finance}}
        """,
    "models/ledger.sql": "select 1 as id",
    "models/totals.sql": "select * from {{ ref('ledger') }}",
}


def test_a_private_model_is_read_within_its_group(write: Write) -> None:
    project = load_project(write(PRIVATE))
    assert [(model.group, model.access) for model in project.models.values()] == [
        ("finance", "private"),
        ("finance", "protected"),
    ]


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a private model of another group": (
        {**PRIVATE, "models/page.sql": "select 1\nfrom {{ ref('ledger') }}"},
        'models/page.sql:2: "ledger" is private to the group "finance", and "page" is of none. '
        "Put both into one group, or give it another access.",
    ),
    "a group that is none": (
        {**PRIVATE, "models/page.sql": "{{ config(group='finace') }} select 1"},
        'models/page.sql: "finace" is no group. Did you mean "finance"?',
    ),
    "a version that is none": (
        {**VERSIONS, "models/old.sql": "select * from {{ ref('users', v=3) }}"},
        'models/old.sql:1: ref("users", v=3) names no model: there is no version 3. Its versions: 2, 1.',
    ),
    "a version without a file": (
        {
            **VERSIONS,
            "models/users_v1.sql": "",
            "models/_models.yml": "models: [{name: users, versions: [{v: 7}, {v: 8}]}]",
        },
        'models/_models.yml:1: version 7 of model "users" stands in no file users_v7.sql. Did you mean "users_v1"?',
    ),
    "a package that is nowhere": (
        {**FILES, "packages.yml": "packages: [{local: tool}]"},
        "packages.yml:1: there is no package at tool: that folder has no dbt_project.yml. "
        "Write the path from the file that names it.",
    ),
    "a package of the hub": (
        {**FILES, "packages.yml": "packages:\n  - {package: dbt-labs/dbt_utils, version: 1.3.0}"},
        "packages.yml:2: the package dbt-labs/dbt_utils is not installed, and run deps does not download. "
        "Put it into dbt_packages/dbt_utils, or at a path of your own and write: local: <path>.",
    ),
    "a macro that a package lacks": (
        {**FILES, "models/orders.sql": "select {{ shop_tools.mony('x') }}"},
        'models/orders.sql:1: the package "shop_tools" has no macro "mony". Did you mean "money"?',
    ),
    "a dispatch to nothing": (
        {**FILES, "models/orders.sql": "select {{ adapter.dispatch('mony', 'shop_tools')('x') }}"},
        'models/orders.sql:1: adapter.dispatch("mony"): no macro of that name for Spark; tried '
        "shop_reports.spark__mony, shop_reports.default__mony, shop_tools.spark__mony, shop_tools.default__mony. "
        'Did you mean "default__money"?',
    ),
    "a docs block that is none": (
        {**FILES, "models/docs.md": "{% docs order %}x{% enddocs %}"},
        'models/_models.yml:2: doc("orders") names no docs block. Write one: {% docs orders %} in a file that ends in '
        '.md. Did you mean "order"?',
    ),
    "a check with an argument that its macro lacks": (
        {**FILES, "models/_models.yml": FILES["models/_models.yml"].replace("least: 1", "most: 1")},
        'models/_models.yml:8: the check "shop_tools.at_least" cannot be made: the template fails: '
        "macro 'test_at_least' takes no keyword argument 'most'.",
    ),
    "a setting whose template is wrong": (
        {**FILES, "dbt_project.yml": FILES["dbt_project.yml"].replace("target.name", "targt.name")},
        "dbt_project.yml:9: 'targt' is undefined. Did you mean \"target\"?",
    ),
    "a test without parameters": (
        {**FILES, "tools/macros/at_least.sql": "{# what it does #}\n{% test at_least %}select 1{% endtest %}"},
        'tools/macros/at_least.sql:2: the test "at_least" needs parameters: {% test at_least(model, column_name) %}.',
    ),
    "a materialization in Jinja": (
        {
            **FILES,
            "macros/m.sql": "{% materialization insert_only, adapter='spark' %}{{ return({}) }}{% endmaterialization %}",
            "models/orders.sql": "{{ config(materialized='insert_only') }} select 1",
        },
        'models/orders.sql: materialized is "insert_only", a materialization written in Jinja. Those are not run here: '
        "what they write could not be checked before it is published. Choose one of: view, table, incremental, ephemeral. "
        'To change a table in a way of your own, write a macro get_incremental_<name>_sql and incremental_strategy="<name>".',
    ),
    "a change of a table": (
        {**FILES, "models/orders.sql": "{% do adapter.drop_relation(this) %}select 1"},
        "models/orders.sql:1: adapter.drop_relation: a template changes no tables; only what has passed its checks is "
        "published. Write a model, or a hook.",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named_with_its_place(write: Write, mistake: str) -> None:
    files, message = WRONG[mistake]
    root = write(files)
    with pytest.raises(ProjectError) as raised:
        load_project(root)
    assert str(raised.value) == message


def test_what_dbt_only_warns_of_is_a_warning_in_a_project_of_dbt(write: Write) -> None:
    project = load_project(write({**FILES, "models/_models.yml": WARNED}))
    assert project.warnings == (
        'models/_models.yml:6: no file holds the model "order". Did you mean "orders"?',
        'models/_models.yml:5: ref("ordrs") names no model. Did you mean "orders"?',
    )
    assert [test.name for test in project.tests.values()] == []


WARNED = """
    models:
      - name: orders
        description: "{{ doc('orders') }}"
        data_tests:
          - relationships: {arguments: {to: ref('ordrs'), field: total, column_name: total}}
      - name: order
    """
