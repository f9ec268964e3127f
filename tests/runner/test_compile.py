"""Projects as values: settings, names, compiled SQL, and the message for each mistake a person can make."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.compile import compile_model
from runner.errors import ProjectError
from runner.model import Ref
from runner.project.configs import merge_config
from runner.project.parse import load_project

Write = Callable[[Mapping[str, str]], Path]


def compiled(root: Path, name: str, **options: object) -> str:
    project = load_project(root)
    return compile_model(project, project.models[name], **options).sql  # type: ignore[arg-type]


def test_names_and_settings_follow_folders(write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write(tiny))
    staging, totals = project.models["stg_orders"], project.models["totals"]
    assert (str(staging.table), staging.config.materialized) == ("marts_staging.stg_orders", "view")
    assert (str(totals.table), totals.config.materialized) == ("marts.totals", "table")
    assert project.graph.order == ("source.tiny.shop.orders", "model.tiny.stg_orders", "model.tiny.totals")
    assert totals.fqn == ("tiny", "totals")
    assert staging.fqn == ("tiny", "staging", "stg_orders")


def test_generate_schema_name_of_the_project_is_used(write: Write, tiny: dict[str, str]) -> None:
    tiny["macros/names.sql"] = """
        {% macro generate_schema_name(custom_schema_name, node) -%}
            {{ custom_schema_name or target.schema }}
        {%- endmacro %}
        """
    assert str(load_project(write(tiny)).models["stg_orders"].table) == "staging.stg_orders"


def test_config_in_the_file_wins_over_properties_over_folders(write: Write, tiny: dict[str, str]) -> None:
    tiny["models/_models.yml"] = """
        version: 2
        models:
          - name: totals
            config: {materialized: view, tags: [money]}
        """
    tiny["models/totals.sql"] = "{{ config(materialized='incremental', unique_key='id', tags='late') }}select 1 as id"
    config = load_project(write(tiny)).models["totals"].config
    assert (config.materialized, config.unique_key, config.strategy) == ("incremental", ("id",), "merge")
    assert config.tags == ("money", "late")


def test_merge_config_adds_tags_and_merges_meta() -> None:
    merged = merge_config({"tags": ["a"], "meta": {"x": 1, "y": 1}, "schema": "s"}, {"tags": "b", "meta": {"y": 2}})
    assert merged == {"tags": ("a", "b"), "meta": {"x": 1, "y": 2}, "schema": "s"}


def test_ephemeral_models_become_ctes_once(write: Write, tiny: dict[str, str]) -> None:
    tiny |= {
        "models/inner.sql": "{{ config(materialized='ephemeral') }}select 1 as id",
        "models/left.sql": "{{ config(materialized='ephemeral') }}select * from {{ ref('inner') }}",
        "models/both.sql": "-- both\nwith a as (select * from {{ ref('left') }})\nselect a.id from a join {{ ref('inner') }} using (id)",
    }
    assert compiled(write(tiny), "both") == (
        "-- both\n"
        "with __dbt__cte__inner as (\nselect 1 as id\n),\n"
        "__dbt__cte__left as (\nselect * from __dbt__cte__inner\n),\n"
        "a as (select * from __dbt__cte__left)\nselect a.id from a join __dbt__cte__inner using (id)"
    )


def test_what_is_incremental_reads_is_a_parent(write: Write, tiny: dict[str, str]) -> None:
    tiny["models/late.sql"] = (
        "{{ config(materialized='incremental') }}select 1 as id"
        "{% if is_incremental() %} where 1 > (select max(order_count) from {{ ref('totals') }}){% endif %}"
    )
    root = write(tiny)
    assert load_project(root).models["late"].refs == (Ref(name="totals"),)
    assert compiled(root, "late") == "select 1 as id"
    assert (
        compiled(root, "late", is_incremental=True)
        == "select 1 as id where 1 > (select max(order_count) from marts.totals)"
    )


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("select {{ var('least') }}", "select 2"),
        ("select {{ var('other', 7) }}", "select 7"),
        ("select '{{ target.name }}' from {{ this }}", "select 'dev' from marts.totals"),
        ("select {{ env_var('TINY_LIMIT') }}", "select 5"),
        ("select {{ env_var('TINY_NONE', '9') }}", "select 9"),
        ("select {{ cents('total') }}", "select cast(total * 100 as bigint)"),
        ("select {{ pick([1, 2]) }}", "select 2"),
        ("{% for name in ['a', 'b'] %}{{ name }}{{ ', ' if not loop.last }}{% endfor %}", "a, b"),
        ("{% do log('unseen') %}select 1;", "select 1"),
        ("{% set names = [] %}{% if execute %}select {{ names | length }}{% endif %}", "select 0"),
        ("select {{ config.get('materialized') | tojson }}", 'select "table"'),
        ("{{ exceptions.warn('careful') }}select 1", "select 1"),
    ],
)
def test_jinja(write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, text: str, sql: str) -> None:
    monkeypatch.setitem(os.environ, "TINY_LIMIT", "5")
    tiny["macros/money.sql"] = "{% macro cents(column) %}cast({{ times(column) }} as bigint){% endmacro %}"
    tiny["macros/times.sql"] = "{% macro times(column) %}{{ column }} * 100{% endmacro %}"
    tiny["macros/pick.sql"] = "{% macro pick(of) %}{% do return(of[-1]) %}never{% endmacro %}"
    tiny["models/totals.sql"] = text
    assert compiled(write(tiny), "totals") == sql


MISTAKES = {
    "unknown ref": (
        {"models/totals.sql": "select 1\nfrom {{ ref('stg_order') }}"},
        'models/totals.sql:2: ref("stg_order") names no model. Did you mean "stg_orders"?',
    ),
    "unknown source": (
        {"models/totals.sql": "select * from {{ source('shop', 'order') }}"},
        'models/totals.sql:1: source("shop", "order") names no table of sources.yml. Did you mean "shop.orders"?',
    ),
    "unknown macro": (
        {
            "models/totals.sql": "--\n--\nselect {{ cent('x') }}",
            "macros/m.sql": "{% macro cents(c) %}{{ c }}{% endmacro %}",
        },
        "models/totals.sql:3: 'cent' is undefined. Did you mean \"cents\"?",
    ),
    "mistake inside a macro": (
        {
            "models/totals.sql": "select {{ cents('x') }}",
            "macros/m.sql": "--\n{% macro cents(c) %}\n{{ c + 1 }}{% endmacro %}",
        },
        'macros/m.sql:3: the template fails: can only concatenate str (not "int") to str.',
    ),
    "broken Jinja": (
        {"models/totals.sql": "select 1\n{% if %}"},
        "models/totals.sql:2: the template is broken: Expected an expression, got 'end of statement block'",
    ),
    "an unknown variable": (
        {"models/totals.sql": "select {{ var('leest') }}"},
        'models/totals.sql:1: var("leest") has no value. Give it under "vars" in the project file, or with --vars. '
        'Did you mean "least"?',
    ),
    "a raised error": (
        {"models/totals.sql": "--\n{{ exceptions.raise_compiler_error('no such mode') }}"},
        "models/totals.sql:2: no such mode",
    ),
    "out of the sandbox": (
        {"models/totals.sql": "{{ ''.__class__.__mro__ }}"},
        "models/totals.sql:1: the template may not do this: access to attribute '__class__' of 'str' object is unsafe.",
    ),
    "a circle": (
        {"models/a.sql": "select * from {{ ref('b') }}", "models/b.sql": "select * from {{ ref('a') }}"},
        "models depend on each other in a circle: a -> b -> a. Take one of these references out.",
    ),
    "two models of one name": (
        {"models/other/totals.sql": "select 1"},
        'models/totals.sql: the model "totals" exists already, in models/other/totals.sql. Rename one of the two files.',
    ),
    "two models of one table": (
        {"models/sums.sql": "{{ config(alias='totals') }}select 1"},
        'models/totals.sql: the table marts.totals is that of "sums" already. Set another schema or alias.',
    ),
    "a name that is no identifier": (
        {"models/my-totals.sql": "select 1"},
        'models/my-totals.sql: "my-totals" is no name for a table. Use letters, digits and "_", no digit first.',
    ),
    "a wrong key in a property file": (
        {"models/_m.yml": "version: 2\nmodels:\n  - name: totals\n    colums: []"},
        'models/_m.yml:4: model "totals" has an unknown key "colums". Did you mean "columns"?',
    ),
    "a wrong key in sources.yml": (
        {"sources.yml": "version: 2\nsources:\n  - name: shop\n    tables:\n      - name: orders\n        keys: [id]"},
        'sources.yml:6: table "shop.orders" has an unknown key "keys". Did you mean "key"?',
    ),
    "a key that is no column": (
        {
            "sources.yml": "sources:\n  - name: shop\n    tables:\n      - name: orders\n        key: [id]\n"
            "        columns: [{name: order_id}]"
        },
        'sources.yml:5: the key of table "shop.orders" names "id", which is none of its columns.',
    ),
    "properties of no model": (
        {"models/_m.yml": "models:\n  - name: total"},
        'models/_m.yml:2: no file holds the model "total". Did you mean "totals"?',
    ),
    "broken YAML": (
        {"models/_m.yml": "models:\n  - name: [totals"},
        "models/_m.yml:3: this is no YAML: did not find expected ',' or ']'.",
    ),
    "a key twice": (
        {"models/_m.yml": "models:\n  - name: totals\n    description: a\n    description: b"},
        'models/_m.yml:4: "description" stands twice, first in line 3.',
    ),
    "a list where a mapping is": (
        {"models/_m.yml": "models:\n  - name: totals\n    config: [a]"},
        'models/_m.yml:3: "config" of model "totals" is a mapping, not a list.',
    ),
    "a wrong setting": (
        {"models/totals.sql": "{{ config(materialised='table') }}select 1"},
        'models/totals.sql: there is no setting "materialised". Did you mean "materialized"?',
    ),
    "a wrong materialization": (
        {"models/totals.sql": "{{ config(materialized='tabel') }}select 1"},
        'models/totals.sql: materialized is "tabel". It is one of: view, table, incremental, ephemeral. Did you mean "table"?',
    ),
    "merge without a key": (
        {"models/totals.sql": "{{ config(materialized='incremental', incremental_strategy='merge') }}select 1"},
        'models/totals.sql: incremental_strategy "merge" needs a unique_key. Name the columns that identify a row.',
    ),
    "a disabled parent": (
        {"models/staging/stg_orders.sql": "{{ config(enabled=false) }}select 1"},
        'models/totals.sql:1: ref("stg_orders") names a model that is disabled. Enable it, or take the reference out.',
    ),
    "a unit test of no model": (
        {"models/_t.yml": "unit_tests:\n  - name: adds\n    model: total\n    given: []\n    expect: {rows: []}"},
        'models/_t.yml:2: unit test "adds" tests "total", which is no model. Did you mean "totals"?',
    ),
    "an unknown severity": (
        {"models/_m.yml": "models:\n  - name: totals\n    data_tests:\n      - unique: {config: {severity: fatal}}"},
        'models/_m.yml:4: the severity of a check is "error" or "warn", not "fatal".',
    ),
    "a wrong key in the project file": (
        {"project.yml": "name: tiny\nmodel-path: [models]"},
        'project.yml:2: the project has an unknown key "model-path". Did you mean "model-paths"?',
    ),
    "a macro twice": (
        {"macros/a.sql": "{% macro x() %}{% endmacro %}", "macros/b.sql": "{% macro x() %}{% endmacro %}"},
        'macros/b.sql:1: the macro "x" exists already, in macros/a.sql. Rename one of the two.',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(write: Write, tiny: dict[str, str], mistake: str) -> None:
    files, message = MISTAKES[mistake]
    root = write({**tiny, **files})
    with pytest.raises(ProjectError) as caught:
        load_project(root)
    assert str(caught.value) == message


def test_an_unknown_target_is_named(write: Write, tiny: dict[str, str]) -> None:
    with pytest.raises(ProjectError) as caught:
        load_project(write(tiny), target="prod")
    assert str(caught.value) == 'project.yml:7: no target is named "prod". Targets: dev.'


def test_what_computes_checks_is_one_of_two(write: Write, tiny: dict[str, str]) -> None:
    head = "name: tiny\ntargets:\n  dev:\n    checks: {}\n"
    for word in ("auto", "spark"):
        assert load_project(write({**tiny, "project.yml": head.format(word)})).files.target.checks == word
    with pytest.raises(ProjectError) as caught:
        load_project(write({**tiny, "project.yml": head.format("sparc")}))
    assert str(caught.value) == (
        'project.yml:4: "checks" of target "dev" is auto or spark, not "sparc". Did you mean "spark"?'
    )


def test_text_that_is_not_utf8(write: Write, tiny: dict[str, str]) -> None:
    root = write(tiny)
    (root / "models/totals.sql").write_bytes(b"select 1\n-- caf\xe9")
    with pytest.raises(ProjectError) as caught:
        load_project(root)
    assert str(caught.value) == "models/totals.sql:2: this is not UTF-8 text. Save the file as UTF-8."


@pytest.mark.parametrize(
    ("raw", "sql", "line", "template_line"),
    [
        ("select 1\nfrom {{ ref('a') }}\nwhere x", "select 1\nfrom s.a\nwhere x", 3, 3),
        ("{{ config() }}\n\nselect\n  wrong\nfrom t", "select\n  wrong\nfrom t", 2, 4),
        ("{{ config() }}\nselect wrong from {{ ref('a') }}", "select wrong from s.a", 1, 2),
        ("a\n{% if true %}\nb > {{ ref('c') }}\n{% endif %}", "a\n\nb > s.c", 3, 3),
        ("a\n{% for i in [1, 2] %}\nb{{ i }}\n{% endfor %}\nc", "a\n\nb1\n\nb2\n\nc", 7, 5),
    ],
)
def test_template_line(write: Write, tiny: dict[str, str], raw: str, sql: str, line: int, template_line: int) -> None:
    from dataclasses import replace

    from runner.compile import Compiled
    from runner.jinja.render import Captured

    model = replace(load_project(write(tiny)).models["totals"], raw_sql=raw)
    assert Compiled(model=model, body=sql, ctes={}, captured=Captured()).template_line(line) == template_line
