"""What dbt gives to templates, as one table: a template, and the text that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from deltalake import write_deltalake
from pyarrow import table

from runner.compile import compile_model
from runner.errors import ProjectError
from runner.jinja.database import NeedsSparkError, RelationKind
from runner.jinja.result import ResultTable
from runner.names import TableRef
from runner.project.parse import Project, load_project
from runner.warehouse.introspection import Introspection, Recorder, changing_word, dropped_tables, tables_named

Write = Callable[[Mapping[str, str]], Path]

FILES = {
    "project.yml": """
        name: shop
        vars: {days: 30, names: [a, b]}
        models: {+tags: daily}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "models/users.sql": "select 1 as user_id, 'DE' as country",
    "models/hidden.sql": "{{ config(materialized='ephemeral') }} select 1 as user_id",
    "models/page.sql": "select 1",
    "macros/all.sql": """
        {% macro four() %}{{ return(4) }}{% endmacro %}
        {% macro wrap() %}({{ caller() }}){% endmacro %}
        {% macro many() %}{{ varargs | join("-") }}/{{ kwargs.items() | list | join("-") }}{% endmacro %}
        """,
}

TEXTS = {
    # numbers, texts, lists
    "{{ tojson({'b': 1, 'a': [true, none]}) }}": '{"b": 1, "a": [true, null]}',
    "{{ fromjson('{\"a\": 2}').a + 1 }}": "3",
    "{{ fromjson('no json', 'x') }}": "x",
    "{{ fromyaml('a: [1, 2]')['a'][1] }}": "2",
    "{{ toyaml({'a': [1]}) }}": "a:\n- 1",
    "{{ set([1, 1, 2]) | length }}": "2",
    "{{ set_strict([3]) | list }}": "[3]",
    "{{ zip([1, 2], ['a', 'b']) }}": "[(1, 'a'), (2, 'b')]",
    "{{ zip_strict([1], [2]) | list }}": "[(1, 2)]",
    "{{ local_md5('a') }}": "0cc175b9c0f1b6a831c399e269772661",
    "{{ '7' | as_number + 1 }}{{ 'true' | as_bool }}{{ '[1]' | as_native }}{{ 5 | as_text }}": "8True[1]5",
    "{{ modules.datetime.date(2024, 2, 29).isoformat() }}": "2024-02-29",
    "{{ modules.datetime.datetime(2024, 1, 1, tzinfo=modules.pytz.timezone('Europe/Berlin')).utcoffset() }}": "1:00:00",
    "{{ modules.re.sub('[0-9]', '#', 'a1') }}": "a#",
    "{{ modules.itertools.chain([1], [2]) | list }}": "[1, 2]",
    "{% set found = [] %}{% for one in [1, 2, 3] %}{% if one == 2 %}{% continue %}{% endif %}{% do found.append(one) %}"
    "{% endfor %}{{ found }}": "[1, 3]",
    # the project
    "{{ var('days') }} {{ var('none', 1) }} {{ var.has_var('none') }}": "30 1 False",
    "{{ target.name }} {{ target.schema }} {{ target.type }} {{ target['threads'] }}": "dev marts spark 4",
    "{{ this }} {{ this.schema }} {{ this.identifier }} {{ this.name }}": "marts.page marts page page",
    "{{ model.name }} {{ model.unique_id }} {{ model.config.materialized }} {{ model.tags }}": "page model.shop.page view ['daily']",
    "{{ config.get('tags') | join }} {{ config.get('none', 'x') }} {{ config.require('tags') | length }}": "daily x 1",
    "{{ project_name }} {{ execute }} {{ flags.FULL_REFRESH }} {{ flags.WHICH }}": "shop True False run",
    "{{ env_var('NO_SUCH_VARIABLE', 'x') }}": "x",
    "{{ ref('users') }} {{ ref('shop', 'users') }} {{ builtins.ref('users') }}": "marts.users marts.users marts.users",
    "{{ ref('users').include(schema=false) }} {{ ref('users').quote() }}": "users `marts`.`users`",
    "{{ ref('users').is_cte }} {{ ref('users').is_view }}": "False False",
    "{% if ref('hidden').is_cte %}yes{% endif %}": "with __dbt__cte__hidden as (\nselect 1 as user_id\n)\nyes",
    "{{ ref('users') is mapping }} {{ ref('users')['metadata']['type'] }}": "True SparkRelation",
    "{{ api.Relation.create(schema='a', identifier='b', type='view').is_view }}": "True",
    "{{ api.Column('a', 'decimal(3,1)').is_numeric() }} {{ api.Column('a', 'int').quoted }}": "True `a`",
    "{{ adapter.quote('a b') }} {{ adapter.type() }}": "`a b` spark",
    "{{ graph.nodes['model.shop.users'].alias }} {{ graph.sources | length }}": "users 0",
    "{% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') %}{{ node.name }} {% endfor %}": "hidden page users",
    "{{ context['var']('days') }}": "30",
    "{{ diff_of_two_dicts([{'A': 1}, {'b': 2}], [{'a': 1}]) }}": "[{'b': 2}]",
    # macros
    "{{ four() + 1 }} {{ shop.four() }}": "5 4",
    "{% call wrap() %}x{% endcall %}": "(x)",
    "{{ many(1, 2, a=3) }}": "1-2/('a', 3)",
    "{{ render('{{ four() }}') }}": "4",
    # dbt's own
    "{{ dbt.type_string() }} {{ type_int() }} {{ dbt.type_numeric() }}": "string int decimal(28, 6)",
    "{{ dbt.dateadd('day', 1, 'a') }}": "timestampadd(DAY, cast(1 as int), cast(a as timestamp))",
    "{{ dbt.datediff('a', 'b', 'year') }}": "(year(b) - year(a))",
    "{{ dbt.date_trunc('month', 'a') }} {{ date_trunc('month', 'a') }}": "date_trunc('month', a) date_trunc('month', a)",
    "{{ dbt.concat(['a', 'b']) }} {{ dbt.hash('a') }} {{ dbt.length('a') }}": "concat(a, b) md5(cast(a as string)) length(a)",
    "{{ dbt.safe_cast('a', 'int') }} {{ dbt.cast('a', 'int') }}": "try_cast(a as int) cast(a as int)",
    "{{ dbt.except() }} {{ dbt.intersect() }} {{ dbt.any_value('a') }} {{ dbt.bool_or('a') }}": "except intersect any_value(a) bool_or(a)",
    "{{ dbt.split_part('a', \"','\", 2) }} {{ dbt.position('a', 'b') }} {{ dbt.right('a', 2) }}": "split_part(a, ',', 2) position(a, b) right(a, 2)",
    "{{ dbt.replace('a', 'b', 'c') }} {{ dbt.string_literal('x') }}": "replace(a, b, c) 'x'",
    '{{ dbt.escape_single_quotes("it\'s") }}': "it\\'s",
    "{{ dbt.last_day('a', 'month') }} {{ dbt.current_timestamp() }}": "last_day(a) current_timestamp()",
    "{{ dbt.array_construct(['1']) }} {{ dbt.array_append('a', '1') }} {{ dbt.array_concat('a', 'b') }}": "array(1) array_append(a, 1) concat(a, b)",
    "{{ dbt.listagg('a', \"'-'\", 'order by b') }}": "listagg(a, '-') within group (order by b)",
    "{{ dbt.dates_in_range('20240131', '20240201') }}": "['20240131', '20240201']",
    "{{ should_store_failures() }} {{ should_full_refresh() }} {{ is_incremental() }}": "False False False",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    from textwrap import dedent

    root = tmp_path_factory.mktemp("context")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    return load_project(root)


@pytest.mark.parametrize("template", TEXTS)
def test_a_template_becomes(project: Project, template: str) -> None:
    assert compile_model(project, project.models["page"], text=template).sql.strip() == TEXTS[template]


class Answers:
    """A warehouse with one table, `marts.users`, whose countries are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def kind(self, ref: TableRef) -> RelationKind | None:
        return "table" if ref == TableRef("marts", "users") else None

    def columns(self, ref: TableRef) -> Sequence[tuple[str, str]]:
        return [("user_id", "int"), ("country", "string")] if self.kind(ref) else []

    def tables(self, schema: str) -> Sequence[tuple[TableRef, RelationKind]]:
        return [(TableRef("marts", "users"), "table")] if schema == "marts" else []

    def schemas(self) -> Sequence[str]:
        return ["marts"]

    def query(self, sql: str) -> ResultTable:
        self.asked.append(sql)
        return ResultTable(["country", "users"], [("DE", 2), ("FR", 1)])


ASKED = {
    "{{ run_query('select').columns[0].values() | join(',') }}": "DE,FR",
    "{{ run_query('select').rows[1]['users'] }} {{ run_query('select') | length }}": "1 2",
    "{{ run_query('select').columns['country'].values()[0] }} {{ run_query('select').column_names }}": "DE ('country', 'users')",
    "{% for row in run_query('select') %}{{ row.country }}={{ row[1] }} {% endfor %}": "DE=2 FR=1",
    "{% set found = run_query('select') %}{% set a, b = found.rows[0] %}{{ a }}{{ b }}": "DE2",
    "{% call statement('x', fetch_result=true) %}select 1{% endcall %}{{ load_result('x').data }} {{ load_result('y') }}": "[['DE', 2], ['FR', 1]] None",
    "{% call statement('x', fetch_result=true) %}select 1{% endcall %}{{ load_result('x')['table'].columns | length }}": "2",
    "{{ adapter.get_columns_in_relation(ref('users')) | map(attribute='name') | join(',') }}": "user_id,country",
    "{{ adapter.get_columns_in_relation(ref('users'))[0].data_type }}": "int",
    "{{ adapter.get_relation(database=none, schema='marts', identifier='users').type }}": "table",
    "{{ adapter.get_relation(schema='marts', identifier='none') }} {{ load_relation(ref('users')) }}": "None marts.users",
    "{{ adapter.already_exists('marts', 'users') }} {{ adapter.check_schema_exists(none, 'marts') }}": "True True",
    "{{ adapter.list_relations(none, 'marts') | join }}": "marts.users",
    "{{ adapter.get_missing_columns(ref('users'), this) | map(attribute='column') | join(',') }}": "user_id,country",
    "{{ dbt.get_column('x') if false else 'fine' }}": "fine",
}


@pytest.mark.parametrize("template", ASKED)
def test_a_template_may_ask_the_warehouse(project: Project, template: str) -> None:
    compiled = compile_model(project, project.models["page"], text=template, database=Answers())
    assert compiled.sql.strip() == ASKED[template]


def test_nothing_is_asked_while_dependencies_are_found(write: Write) -> None:
    asking = """
        {% set found = run_query("select country from " ~ ref("users")) %}
        {% set column = adapter.get_columns_in_relation(ref("users")) %}
        select {{ found.columns[0].values() | join(",") }} {{ column | length }} {{ adapter.get_relation(none, "a", "b") }}
            {{ execute }} {{ graph.nodes | length }}
        """
    project = load_project(write({**FILES, "models/asking.sql": asking}))
    assert project.models["asking"].parents == ("model.shop.users",)
    assert project.models["asking"].config.tags == ("daily",)


def test_a_query_without_spark_says_what_it_needs(project: Project) -> None:
    database = Introspection(project.warehouse)
    with pytest.raises(NeedsSparkError) as raised:
        compile_model(project, project.models["page"], text="{{ run_query('select 1') }}", database=database)
    assert str(raised.value) == (
        "models/page.sql:1: the template asks the warehouse (run_query, statement): select 1. "
        "That is answered when the model is built, or by run compile."
    )
    assert raised.value.sql == "select 1"


WRITING = ["drop table marts.users", "-- select\n delete from marts.users", "with a as (select 1) insert into b from a"]


@pytest.mark.parametrize("sql", WRITING)
def test_a_template_s_query_only_reads(project: Project, sql: str) -> None:
    with pytest.raises(ProjectError, match=r"a template's query only reads; this one has (drop|delete|insert): "):
        Introspection(project.warehouse).query(sql)


@pytest.mark.parametrize("sql", ["select 1", " -- a\n(with b as (select 1) select * from b)", "SHOW tables in marts"])
def test_a_template_s_query_needs_spark(project: Project, sql: str) -> None:
    with pytest.raises(NeedsSparkError):
        Introspection(project.warehouse).query(sql)


def test_columns_of_tables_are_read_from_their_logs(write: Write) -> None:
    project = load_project(write(FILES))
    text = "{{ adapter.get_columns_in_relation(ref('users')) | map(attribute='name') | join(',') }} {{ load_relation(this) }}"
    page = project.models["page"]
    assert compile_model(project, page, text=text).sql == "None"
    write_deltalake(str(project.warehouse / "marts" / "users"), table({"user_id": [1], "country": ["DE"]}))
    assert compile_model(project, page, text=text).sql == "user_id,country None"
    listed = "{{ adapter.list_relations(none, 'marts') | join(',') }} {{ adapter.list_schemas() }}"
    assert compile_model(project, page, text=listed).sql == "marts.users ['marts']"


def test_what_a_template_asks_is_kept(project: Project) -> None:
    recorder = Recorder(project.warehouse)
    text = "{% set rows = run_query('select * from marts.users') %}{{ rows | length }}"
    assert compile_model(project, project.models["page"], text=text, database=recorder).sql == "0"
    assert (recorder.asked, recorder.used) == (["select * from marts.users"], True)
    assert tables_named(recorder.asked[0]) == [TableRef("marts", "users")]
    quiet = Recorder(project.warehouse)
    compile_model(project, project.models["page"], database=quiet)
    assert not quiet.used


@pytest.mark.parametrize(
    ("sql", "word", "dropped"),
    [
        ("-- all\nselect * from marts.users", "", []),
        ("(with a as (select 1) select * from a)", "", []),
        ("with a as (select 1) insert into marts.b select * from a", "insert", []),
        ("create table marts.b (n int)", "create", []),
        ("Drop Table if exists `marts`.`b`", "Drop", [TableRef("marts", "b")]),
        ("drop view marts.b", "drop", [TableRef("marts", "b")]),
        ("drop schema old cascade", "drop", []),
        ("", "nothing", []),
    ],
)
def test_what_a_statement_changes(sql: str, word: str, dropped: list[TableRef]) -> None:
    assert changing_word(sql) == word
    assert dropped_tables(sql) == dropped


def test_statements_that_change_are_asked_about_first(project: Project) -> None:
    asked: list[str] = []

    def left_out(sql: str) -> bool:
        asked.append(sql)
        return False

    database = Introspection(project.warehouse, changes=left_out)
    text = "{% do run_query('optimize marts.users') %}{{ run_query('vacuum marts.users') | length }}"
    assert compile_model(project, project.models["page"], text=text, database=database).sql == "0"
    assert asked == ["optimize marts.users", "vacuum marts.users"]


REFUSED = {
    "{{ exceptions.raise_compiler_error('no ' ~ 'good') }}": "models/page.sql:1: no good",
    "{{ config.require('none') }}": 'models/page.sql:1: the setting "none" is needed here and has no value. '
    "Give it in config() or the project file.",
    "{{ nothing }}": "models/page.sql:1: 'nothing' is undefined.",
    "{{ target.nothing }}": "models/page.sql:1: 'dict object' has no attribute 'nothing'.",
    "{{ dbt.nothing() }}": 'models/page.sql:1: the package "dbt" has no macro "nothing".',
    "{{ doc('x') }}": 'models/page.sql:1: doc("x"): docs blocks belong into descriptions.',
    "{{ adapter.dispatch('shop.four')() }}": 'models/page.sql:1: adapter.dispatch("shop.four"): write the package apart, '
    'adapter.dispatch("four", "shop").',
    "{{ adapter.dispatch('four', packages=['shop'])() }}": 'models/page.sql:1: adapter.dispatch("four"): "packages" is no '
    "longer taken. Write macro_namespace, and the order of packages under dispatch in the project file.",
    "{{ ''.__class__ }}": "models/page.sql:1: the template may not do this: access to attribute '__class__' of 'str' "
    "object is unsafe.",
    "{{ shop._rendering }}": "models/page.sql:1: the template may not do this: access to attribute '_rendering' of "
    "'PackageNames' object is unsafe.",
    "{{ modules.re.enum }}": "models/page.sql:1: 'types.SimpleNamespace object' has no attribute 'enum'.",
    "{{ modules.itertools.sys }}": "models/page.sql:1: 'types.SimpleNamespace object' has no attribute 'sys'.",
    "{{ four._macro }}": "models/page.sql:1: the template may not do this: access to attribute '_macro' of 'BoundMacro' "
    "object is unsafe.",
    "{{ context._rendering }}": "models/page.sql:1: the template may not do this: access to attribute '_rendering' of "
    "'Names' object is unsafe.",
    "{{ dbt.datediff('a', 'b', 'decade') }}": "dbt/dates.sql:32: datediff counts day, week, month, quarter, year, hour, "
    'minute, second, millisecond or microsecond, not "decade".',
}


@pytest.mark.parametrize("template", REFUSED)
def test_a_template_is_refused(project: Project, template: str) -> None:
    with pytest.raises(ProjectError) as raised:
        compile_model(project, project.models["page"], text=template)
    assert str(raised.value) == REFUSED[template]
