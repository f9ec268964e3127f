"""Nodes of a plain dbt project: seeds, snapshots, Python models, tests, exposures, groups, under dbt's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.artifacts import manifest
from runner.errors import ProjectError
from runner.model import Ref
from runner.project.parse import Project, load_project

Write = Callable[[Mapping[str, str]], Path]

PLAIN = {
    "dbt_project.yml": """
        name: plain
        version: '1.0'
        config-version: 2
        profile: plain
        seeds: {plain: {+schema: raw, countries: {+column_types: {code: string}}}}
        models:
          plain:
            +materialized: table
            staging: {materialized: view, +tags: daily}
        snapshots: {+strategy: check, +check_cols: all, +unique_key: user_id}
        data_tests: {+severity: warn}
        vars: {least: 1}
        """,
    "seeds/countries.csv": "code,name\nDE,Germany\n",
    "seeds/_seeds.yml": """
        seeds:
          - name: countries
            description: Countries. One row per code.
            columns:
              - name: code
                data_tests: [unique, not_null]
        """,
    "models/_sources.yml": """
        sources:
          - name: shop
            tables:
              - name: users
                columns:
                  - name: user_id
                    data_tests:
                      - unique
                      - relationships: {arguments: {to: ref('countries'), field: code}}
        """,
    "models/staging/stg_users.sql": "select * from {{ source('shop', 'users') }} where 1 >= {{ var('least') }}",
    "models/staging/_staging.yml": """
        models:
          - name: stg_users
            columns:
              - name: user_id
                data_tests:
                  - unique
                  - not_null: {config: {where: "user_id > 0", severity: error}}
                  - accepted_values:
                      arguments: {values: ['a', 'b', 'a long value', 'another long value', 'yet another']}
                  - relationships:
                      name: users_live_somewhere
                      arguments: {to: ref('countries'), field: code}
            data_tests:
              - between: {arguments: {column_name: user_id, low: 1, high: 1.5, flag: true}}
        """,
    "models/marts/users.sql": "select * from {{ ref('stg_users') }} join {{ ref('countries') }} using (code)",
    "models/marts/by_python.py": """
        def model(dbt, session):
            dbt.config(materialized="table", tags=["py"])
            return dbt.ref("users")
        """,
    "snapshots/users_history.sql": """
        {% snapshot users_history %}
        {{ config(target_schema='history') }}
        select * from {{ ref('stg_users') }}
        {% endsnapshot %}
        """,
    "snapshots/_snapshots.yml": """
        snapshots:
          - name: countries_history
            relation: ref('countries')
            config: {unique_key: code, strategy: check, check_cols: all, schema: history}
        """,
    "tests/no_orphans.sql": "{{ config(severity='warn') }} select * from {{ ref('users') }} where name is null",
    "analyses/how_many.sql": "select count(*) from {{ ref('users') }}",
    "models/_exposures.yml": """
        exposures:
          - name: dashboard
            type: dashboard
            owner: {name: Ann}
            depends_on: [ref('users'), "source('shop', 'users')"]
        groups:
          - name: people
            owner: {email: ann@example.com}
        """,
}


@pytest.fixture
def plain(write: Write) -> Project:
    return load_project(write(PLAIN))


def test_what_becomes_a_table_is_buildable(plain: Project) -> None:
    found = {
        name: (str(model.table), model.config.materialized, model.language) for name, model in plain.buildable.items()
    }
    assert found == {
        "model.plain.stg_users": ("main.stg_users", "view", "sql"),
        "model.plain.users": ("main.users", "table", "sql"),
        "model.plain.by_python": ("main.by_python", "table", "python"),
        "seed.plain.countries": ("main_raw.countries", "seed", "csv"),
        "snapshot.plain.users_history": ("history.users_history", "snapshot", "sql"),
        "snapshot.plain.countries_history": ("main_history.countries_history", "snapshot", "sql"),
    }
    assert sorted(plain.models) == ["by_python", "stg_users", "users"]


def test_the_graph_holds_them_with_sources_and_exposures(plain: Project) -> None:
    assert {node: plain.graph.parents(node) for node in plain.graph.order} == {
        "seed.plain.countries": (),
        "source.plain.shop.users": (),
        "snapshot.plain.countries_history": ("seed.plain.countries",),
        "model.plain.stg_users": ("source.plain.shop.users",),
        "snapshot.plain.users_history": ("model.plain.stg_users",),
        "model.plain.users": ("model.plain.stg_users", "seed.plain.countries"),
        "model.plain.by_python": ("model.plain.users",),
        "exposure.plain.dashboard": ("model.plain.users", "source.plain.shop.users"),
    }


def test_generic_tests_have_the_ids_that_dbt_gives_them(plain: Project) -> None:
    """The ids are those that dbt Core 1.11 wrote for these files."""
    assert sorted(plain.tests) == [
        "test.plain.accepted_values_stg_users_user_id__a__b__a_long_value__another_long_value__yet_another.7faf43051a",
        "test.plain.between_stg_users_user_id__True__1_5__1.c38e26efa0",
        "test.plain.no_orphans",
        "test.plain.not_null_countries_code.c12fd633e2",
        "test.plain.not_null_stg_users_user_id.980dfc1b77",
        "test.plain.source_relationships_shop_users_user_id__code__ref_countries_.509df7bc71",
        "test.plain.source_unique_shop_users_user_id.4c55fe8db0",
        "test.plain.unique_countries_code.c4a1f6d0dd",
        "test.plain.unique_stg_users_user_id.c2ff477e6b",
        "test.plain.users_live_somewhere.7388c2e9a9",
    ]
    long = next(test for test in plain.tests.values() if test.name.startswith("accepted_values"))
    assert long.alias == "accepted_values_stg_users_3fab44bb886ee1e8e62097190625f1f2"


def test_a_check_knows_what_it_reads_and_its_settings(plain: Project) -> None:
    test = plain.tests["test.plain.users_live_somewhere.7388c2e9a9"]
    assert (test.kind, test.attached, test.severity) == ("generic", "model.plain.stg_users", "warn")
    assert test.parents == ("model.plain.stg_users", "seed.plain.countries")
    assert test.fqn == ("plain", "staging", "users_live_somewhere")
    strict = plain.tests["test.plain.not_null_stg_users_user_id.980dfc1b77"]
    assert (strict.severity, strict.config.values["where"]) == ("error", "user_id > 0")
    singular = plain.tests["test.plain.no_orphans"]
    assert (singular.kind, singular.parents, singular.severity) == ("singular", ("model.plain.users",), "warn")


def test_snapshots_are_read_from_blocks_and_from_yaml(plain: Project) -> None:
    block = plain.buildable["snapshot.plain.users_history"]
    assert block.raw_sql.strip().endswith("select * from {{ ref('stg_users') }}")
    assert block.fqn == ("plain", "users_history", "users_history")
    assert (block.config.values["strategy"], block.config.unique_key) == ("check", ("user_id",))
    written = plain.buildable["snapshot.plain.countries_history"]
    assert written.raw_sql == "select * from {{ ref('countries') }}"
    assert written.refs == (Ref(name="countries"),)


def test_every_node_is_in_the_manifest(plain: Project) -> None:
    found = manifest(plain, invocation_id="i")
    assert set(found["nodes"]) == {*plain.buildable, *plain.tests, *plain.analyses}
    assert found["nodes"]["analysis.plain.how_many"]["depends_on"]["nodes"] == ["model.plain.users"]
    assert found["exposures"]["exposure.plain.dashboard"]["owner"] == {"name": "Ann", "email": None}
    assert found["groups"]["group.plain.people"]["owner"]["email"] == "ann@example.com"
    metadata = found["nodes"]["test.plain.users_live_somewhere.7388c2e9a9"]["test_metadata"]
    assert metadata == {
        "name": "relationships",
        "namespace": None,
        "kwargs": {
            "to": "ref('countries')",
            "field": "code",
            "column_name": "user_id",
            "model": "{{ get_where_subquery(ref('stg_users')) }}",
        },
    }


BROKEN = [
    (
        {"models/p.py": "def model(session, table):\n    pass\n"},
        'models/p.py:1: nothing gives the parameter "table". A model\'s parameters are among: session, ref, source, '
        "config, var, this, is_incremental; or dbt's own form, def model(dbt, session).",
    ),
    (
        {"models/p.py": "def model(session, ref):\n    name = 'users'\n    return ref(name)\n"},
        "models/p.py:3: the arguments of ref are written out, not computed: name is known only when the model runs.",
    ),
    ({"models/p.py": "def model(:\n"}, "models/p.py:1: this is no Python: invalid syntax."),
    (
        {"models/p.py": "x = 1\n"},
        "models/p.py: a Python model has one function named model, e.g. def model(session, ref); here are 0.",
    ),
    (
        {"models/p.py": "def model(session, ref):\n    return ref('user')\n"},
        'models/p.py: ref("user") names no model. Did you mean "users"?',
    ),
    (
        {"snapshots/s.sql": "{% snapshot s %}\nselect 1\n"},
        'snapshots/s.sql:1: the snapshot block "s" has no end. Write {% endsnapshot %} after it.',
    ),
    (
        {"snapshots/s.sql": "select 1\n{% endsnapshot %}"},
        "snapshots/s.sql:2: here ends a snapshot block that never began. Take this tag out.",
    ),
    (
        {"snapshots/s.sql": "{% snapshot %}select 1{% endsnapshot %}"},
        "snapshots/s.sql:1: a snapshot block needs a name: {% snapshot a_name %}.",
    ),
    (
        {"snapshots/_s.yml": "snapshots:\n  - {name: s, relation: users}"},
        "snapshots/_s.yml:2: the relation of snapshot \"s\" is ref('model') or source('source', 'table'), not users.",
    ),
    (
        {"models/_e.yml": "exposures:\n  - {name: e, type: dashboard, owner: {name: A}, depends_on: [users]}"},
        "models/_e.yml:2: \"depends_on\" of exposure \"e\" lists ref('model') or source('source', 'table'), not users.",
    ),
    (
        {
            "models/_u.yml": "models:\n  - name: users\n    data_tests:\n      - relationships: {to: ref('usr'), field: x}"
        },
        'models/_u.yml:4: ref("usr") names no model. Did you mean "users"?',
    ),
    (
        {
            "models/_u.yml": "models:\n  - name: users\n    data_tests:\n      - between: {low: 1}\n      - between: {low: 1}"
        },
        'models/_u.yml:5: the check "between_users_1" is written already, at models/_u.yml:4. '
        "Take one out, or give one a name.",
    ),
    (
        {"seeds/users.csv": "a\n1\n"},
        'seeds/users.csv: the seed "users" exists already, in models/marts/users.sql. Rename one of the two files.',
    ),
    ({"seeds/_x.yml": "seeds:\n  - name: country"}, 'seeds/_x.yml:2: no file holds the seed "country".'),
]


@pytest.mark.parametrize(("files", "message"), BROKEN)
def test_what_is_wrong_is_said_with_its_place(write: Write, files: dict[str, str], message: str) -> None:
    own = {"project.yml" if name == "dbt_project.yml" else name: text for name, text in PLAIN.items()}
    root = write({**own, **files})
    with pytest.raises(ProjectError) as raised:
        load_project(root)
    assert str(raised.value).startswith(message)
