"""Incremental strategies on real Delta: what each does to the table, and what it refuses."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from runner.errors import FormatError
from runner.materialize.strategies import merge_statement
from runner.model import Config, Model
from runner.names import TableRef

if TYPE_CHECKING:
    from conftest import Work

FIRST = "select * from values (1, 'a'), (2, 'b'), (null, 'n') as given(id, kind)"
CASES = {
    "append": ({}, "select 2 as id, 'x' as kind", [(1, "a"), (2, "b"), (2, "x"), (None, "n")]),
    "merge": (
        {"unique_key": "id"},
        "select * from values (2, 'x'), (3, 'c'), (null, 'y') as given(id, kind)",
        [(1, "a"), (2, "x"), (3, "c"), (None, "y")],
    ),
    "delete+insert": (
        {"unique_key": ["id"]},
        "select * from values (2, 'x'), (2, 'y'), (null, 'z') as given(id, kind)",
        [(1, "a"), (2, "x"), (2, "y"), (None, "z")],
    ),
    "insert_overwrite": (
        {"partition_by": "kind"},
        "select * from values (7, 'b'), (8, 'c') as given(id, kind)",
        [(1, "a"), (7, "b"), (8, "c"), (None, "n")],
    ),
    "replace_where": (
        {"replace_where": "id >= 2"},
        "select * from values (5, 'x'), (6, 'y') as given(id, kind)",
        [(1, "a"), (5, "x"), (6, "y"), (None, "n")],
    ),
}


@pytest.mark.parametrize("strategy", CASES)
def test_a_strategy_changes_the_table_in_one_commit(work: Work, strategy: str) -> None:
    config, second, expected = CASES[strategy]
    sql = f"{{% if is_incremental() %}}{second}{{% else %}}{FIRST}{{% endif %}}"
    work.model(sql, materialized="incremental", incremental_strategy=strategy, **config)
    assert work.ok().version == 0
    result = work.ok()
    assert (result.version, result.rows) == (1, len(expected))
    assert work.rows() == sorted(expected, key=str)
    assert sorted(tuple(row) for row in work.spark.table("marts.m").collect() if row.id) == [
        row for row in sorted(expected, key=str) if row[0]
    ]
    assert [path.name for path in work.path().glob("candidate-*/_delta_log")] == []


def test_insert_overwrite_without_partitions_replaces_the_table(work: Work) -> None:
    sql = "select {% if is_incremental() %}2{% else %}1{% endif %} as id"
    work.model(sql, materialized="incremental", incremental_strategy="insert_overwrite")
    work.ok()
    work.ok()
    assert work.rows() == [(2,)]


def test_a_merge_with_every_clause(work: Work) -> None:
    first = "select * from values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30), (4, 'd', 40) as given(id, kind, n)"
    later = "select * from values (1, 'x', 11), (2, 'y', 21), (3, 'z', 31), (5, 'e', 50), (6, 'f', 60) as given(id, kind, n)"
    work.model(
        f"{{% if is_incremental() %}}{later}{{% else %}}{first}{{% endif %}}",
        materialized="incremental",
        unique_key="id",
        merge_exclude_columns=["n"],
        incremental_predicates=["DBT_INTERNAL_DEST.id <> 3"],
        matched_condition="DBT_INTERNAL_SOURCE.id <> 2",
        not_matched_condition="DBT_INTERNAL_SOURCE.id <> 6",
        not_matched_by_source_action="delete",
        not_matched_by_source_condition="DBT_INTERNAL_DEST.id = 4",
    )
    work.ok()
    work.ok()
    # 1 updated without n, 2 kept back by its condition, 3 hidden by the predicate and so added, 4 deleted, 5 added.
    assert work.rows() == [(1, "x", 10), (2, "b", 20), (3, "c", 30), (3, "z", 31), (5, "e", 50)]


def test_keys_that_occur_twice_are_named_and_nothing_is_published(work: Work) -> None:
    later = "select * from values (1, 'x'), (1, 'y'), (1, 'z'), (null, 'q'), (null, 'r'), (4, 's') as given(id, kind)"
    work.model(
        f"{{% if is_incremental() %}}{later}{{% else %}}{FIRST}{{% endif %}}",
        materialized="incremental",
        unique_key="id",
    )
    work.ok()
    assert work.fails() == (
        "models/m.sql: the new rows have a unique_key more than once: id=1 (3 times); id=None (2 times). "
        "Nothing was published. Let the query give one row per key."
    )


def test_rows_outside_of_replace_where_are_refused(work: Work) -> None:
    sql = "select {% if is_incremental() %}1{% else %}5{% endif %} as id"
    work.model(sql, materialized="incremental", incremental_strategy="replace_where", replace_where="id >= 2")
    work.ok()
    assert "id >= 2" in work.fails()


def model(**config: Any) -> Model:
    return Model(
        name="m", table=TableRef("marts", "m"), path=PurePosixPath("models/m.sql"), fqn=("small", "m"), raw_sql="",
        config=Config(values={"materialized": "incremental", **config})
    )  # fmt: skip


def test_the_statement_of_a_merge() -> None:
    assert merge_statement(model(unique_key=["id", "day"]), "there", "new", ["id", "day", "n"]) == (
        "merge into there as DBT_INTERNAL_DEST using new as DBT_INTERNAL_SOURCE on "
        "DBT_INTERNAL_DEST.`id` <=> DBT_INTERNAL_SOURCE.`id` and DBT_INTERNAL_DEST.`day` <=> DBT_INTERNAL_SOURCE.`day`\n"
        "when matched then update set `id` = DBT_INTERNAL_SOURCE.`id`, `day` = DBT_INTERNAL_SOURCE.`day`, "
        "`n` = DBT_INTERNAL_SOURCE.`n`\n"
        "when not matched then insert (`id`, `day`, `n`) values (DBT_INTERNAL_SOURCE.`id`, DBT_INTERNAL_SOURCE.`day`, "
        "DBT_INTERNAL_SOURCE.`n`)"
    )
    assert merge_statement(
        model(
            unique_key="id", merge_update_columns=["N"], target_alias="t", source_alias="s", skip_not_matched_step=True
        ),
        "there",
        "new",
        ["id", "n"],
    ) == ("merge into there as t using new as s on t.`id` <=> s.`id`\nwhen matched then update set `n` = s.`n`")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"merge_update_columns": ["idd"]},
            'merge_update_columns names "idd", which is no column of the query. Did you mean "id"?',
        ),
        ({"merge_exclude_columns": ["n", "id"]}, "merge_exclude_columns leaves no column to update."),
    ],
)
def test_columns_of_a_merge_that_do_not_go(config: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        merge_statement(model(unique_key="id", **config), "there", "new", ["id", "n"])
    assert str(caught.value) == f"models/m.sql: {message}"


KEEP_OLD = """
    {% macro get_incremental_keep_old_sql(arg_dict) %}
      {% set names = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") %}
      {% if var("elsewhere", false) %}{{ return("insert into marts.other select * from " ~ arg_dict.temp_relation) }}{% endif %}
      merge into {{ arg_dict["target_relation"] }} as old using {{ arg_dict["temp_relation"] }} as new
      on old.{{ arg_dict["unique_key"] }} <=> new.{{ arg_dict["unique_key"] }}
      when not matched then insert ({{ names }}) values (new.id, new.kind)
    {% endmacro %}
    """


def test_a_strategy_of_the_projects_own_is_a_macro(work: Work) -> None:
    work.file("macros/m.sql", KEEP_OLD)
    work.file("models/_m.yml", "models:\n  - name: m\n    columns:\n      - {name: kind, data_tests: [not_null]}\n")
    second = "select * from values (2, 'never seen'), (3, 'c') as given(id, kind)"
    settings = {"materialized": "incremental", "incremental_strategy": "keep_old", "unique_key": "id"}
    work.model(f"{{% if is_incremental() %}}{second}{{% else %}}{FIRST}{{% endif %}}", **settings)
    work.ok()
    assert (work.ok().version, work.rows()) == (1, [(1, "a"), (2, "b"), (3, "c"), (None, "n")])
    work.model("select 4 as id, cast(null as string) as kind", **settings)
    assert "kind" in work.fails()  # what it changes is checked like the rest
    work.file("macros/m.sql", KEEP_OLD.replace('"elsewhere", false', '"elsewhere", true'))
    work.model(second, **settings)
    message = work.fails()
    assert message.startswith(
        "models/m.sql: the macro get_incremental_keep_old_sql must give one statement that changes target_relation, and "
        "with it what is checked before it is published. It gives: insert into marts.other select * from candidate_"
    )
