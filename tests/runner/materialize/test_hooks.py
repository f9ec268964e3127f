"""Hooks: which act on the candidate, which wait for it to be published, and what a failing one leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.errors import ProjectError
from runner.materialize.hooks import hook_texts, on_candidate, parted
from runner.names import TableRef

if TYPE_CHECKING:
    from conftest import Work

TABLE = TableRef("marts", "m")


def test_a_post_hook_into_its_own_table_is_audited_and_published_with_it(work: Work) -> None:
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests: [not_null]\n")
    work.model(
        "select explode(array(1, 2)) as id",
        materialized="table",
        post_hook=["delete from {{ this }} where id = 2", "insert into {{ this }} values (3)"],
    )
    assert (work.ok().version, work.rows()) == (0, [(1,), (3,)])
    work.model("select 5 as id", materialized="table", post_hook="insert into {{ this }} values (null)")
    assert "id" in work.fails()
    assert work.rows() == [(1,), (3,)]


def test_other_hooks_run_before_and_once_it_is_published(work: Work) -> None:
    work.model("select 'none' as said, 0L as n", name="log", materialized="table")
    work.model(
        "select explode(array(1, 2)) as id",
        materialized="table",
        pre_hook="insert into marts.log values ('before', 0)",
        post_hook={"sql": "insert into marts.log select '{{ this.name }}', count(*) from {{ this }}"},
    )
    work.ok("log")
    work.ok("m")
    assert work.rows("log") == [("before", 0), ("m", 2), ("none", 0)]


def test_a_pre_hook_into_its_own_table_is_seen_by_the_query(work: Work) -> None:
    first = "select explode(array(1, 2, 3)) as id"
    later = "select max(id) + 10 as id from {{ this }}"
    sql = f"{{% if is_incremental() %}}{later}{{% else %}}{first}{{% endif %}}"
    hook = "{% if is_incremental() %}delete from {{ this }} where id = 3{% endif %}"
    work.model(sql, materialized="incremental", pre_hook=hook)
    work.ok()
    work.ok()
    assert work.rows() == [(1,), (12,), (2,)]


def test_a_failing_hook_is_named_with_what_it_leaves(work: Work) -> None:
    work.model("select 1 as id", materialized="table", pre_hook="select * from nowhere")
    message = work.fails()
    assert message.startswith("models/m.sql: a pre-hook failed: ")
    assert message.endswith("It is: select * from nowhere")
    work.model("select 1 as id", materialized="table", post_hook="insert into {{ this }} values ('a', 'b')")
    assert work.fails().startswith("models/m.sql: a post-hook failed: ")
    assert not work.path().exists()
    work.model("select 1 as id", materialized="table", post_hook="select * from nowhere")
    result = work.build()["m"]
    assert result.status == "error"
    assert result.message.endswith("It is: select * from nowhere Version 0 is published.")


COUNTED = (
    "insert into marts.log values ('{{ run_query('select count(*) as n from ' ~ this).columns['n'][0] }} rows', 0)"
)
LOGGED = """
    {% macro note(relation) %}
      {% set rows = run_query("select count(*) from " ~ relation).columns[0].values()[0] %}
      {% call statement("log") %}insert into marts.log values ('noted', {{ rows }}){% endcall %}
    {% endmacro %}
    {% macro trim(relation) %}
      {% do run_query("delete from " ~ relation ~ " where id = 2") %}
      {% do adapter.get_columns_in_relation(relation) | map(attribute="name") | join %}
    {% endmacro %}
    """


def test_hooks_ask_the_warehouse_and_change_other_tables(work: Work) -> None:
    work.file("macros/m.sql", LOGGED)
    work.model("select 'none' as said, 0L as n", name="log", materialized="table")
    work.ok("log")
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests: [not_null]\n")
    hooks = {"pre_hook": "{{ note(this.include()) if is_incremental() }}", "post_hook": [COUNTED, "{{ note(this) }}"]}
    work.model("select explode(array(1, 2)) as id", materialized="table", **hooks)
    work.ok("m")
    once = [("2 rows", 0), ("none", 0), ("noted", 2)]
    assert work.rows("log") == once
    work.model("select cast(null as int) as id", materialized="table", **hooks)
    assert "id" in work.fails("m")
    assert work.rows("log") == once  # what is withheld changes nothing


def test_a_post_hook_that_asks_for_a_change_of_its_own_table_makes_it_before_the_checks(work: Work) -> None:
    work.file("macros/m.sql", LOGGED)
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests: [unique]\n")
    rows = "select explode(array(1, 2, 2)) as id"
    work.model(rows, materialized="table", post_hook="{{ trim(this) }}")
    assert (work.ok("m").version, work.rows()) == (0, [(1,)])
    work.model(rows, materialized="table", pre_hook="{{ trim(this) }}")
    assert work.fails("m") == (
        "macros/m.sql:6: the pre-hook changes marts.m by run_query or statement, where no check would see it. "
        "Write the change as the hook's own SQL: it is made before the checks, and published with the rest."
    )


def test_hooks_of_tables_that_are_published_together_name_their_inputs_as_they_are_called_then(work: Work) -> None:
    work.model("select 'none' as said, 0L as n", name="log", materialized="table")
    work.ok("log")
    work.model("select explode(array(1, 2)) as id", name="base", materialized="table")
    counted = "insert into marts.log select '{{ ref('base') }}', count(*) from {{ ref('base') }}"
    asked = "insert into marts.log values ('m', {{ run_query('select max(id) from ' ~ this)[0][0] }})"
    own = "insert into {{ this }} select max(id) + 10 from {{ ref('base') }}"
    sql = "select id + 1 as id from {{ ref('base') }}"
    work.model(sql, materialized="table", post_hook=[own, counted, asked])
    results = work.build("base", "m", together=True)
    assert {name: one.status for name, one in results.items()} == {"base": "success", "m": "success"}, results
    assert work.rows() == [(12,), (2,), (3,)]
    assert work.rows("log") == [("m", 12), ("marts.base", 2), ("none", 0)]


def test_a_post_hook_that_changes_two_tables_is_made_two(work: Work) -> None:
    work.file("macros/m.sql", LOGGED)
    work.model("select 1 as id", materialized="table", post_hook="{{ trim(this) }}{{ note(this) }}")
    assert work.fails("m") == (
        "macros/m.sql:3: the post-hook changes marts.m, which is done before the checks, and another table, which is done "
        "once marts.m is published. Make it two hooks."
    )
    assert not work.path().exists()


def test_a_views_hook_asks_once_it_is_published(work: Work) -> None:
    work.model("select 'none' as said, 0L as n", name="log", materialized="table")
    work.ok("log")
    work.model("select explode(array(1, 2, 3)) as id", materialized="view", post_hook=COUNTED)
    work.ok("m")
    assert work.rows("log") == [("3 rows", 0), ("none", 0)]


@pytest.mark.parametrize(
    ("sql", "own"),
    [
        ("insert into marts.m values (1)", True),
        ("INSERT OVERWRITE TABLE `marts`.`m` select 1", True),
        ("  merge into marts . m as t using x on true when matched then delete", True),
        ("alter table marts.m set tblproperties ('a' = 'b')", True),
        ("-- tidy\n/* what is\nold */ delete from marts.m where id = 1", True),
        ("update marts.m set id = 1", True),
        ("delete from marts.m2 where id = 1", False),
        ("insert into log select count(*) from marts.m", False),
        ("optimize marts.m", False),
        ("delete from other.marts.m", False),
    ],
)
def test_which_hooks_write_into_the_table(sql: str, own: bool) -> None:
    assert parted([sql], TABLE) == (([sql], []) if own else ([], [sql]))


def test_the_candidate_stands_in_for_the_table_but_not_in_texts() -> None:
    sql = "insert into marts.m select 'marts.m', `marts`.`m`.id, marts.more from MARTS.M join marts.m2"
    assert on_candidate(sql, TABLE, Path("/c")) == (
        "insert into delta.`/c` select 'marts.m', delta.`/c`.id, marts.more from delta.`/c` join marts.m2"
    )


def test_hooks_are_texts_mappings_or_lists() -> None:
    assert hook_texts(None, place="m") == []
    assert hook_texts(["a", {"sql": "b", "transaction": False}, '{"sql": "c"}'], place="m") == ["a", "b", "c"]
    assert hook_texts("{{ log('x') }}", place="m") == ["{{ log('x') }}"]
    with pytest.raises(ProjectError) as caught:
        hook_texts(7, place="models/m.sql: post-hook")
    assert str(caught.value) == "models/m.sql: post-hook: a hook is SQL, or a mapping with the key sql; this is 7."
