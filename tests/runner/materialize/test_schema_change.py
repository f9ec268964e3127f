"""`on_schema_change` in its four modes, on real Delta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Work

FIRST = "select * from values (1, 'a', 10) as given(id, kind, n)"


def changed(work: Work, later: str, mode: str | None, **config: Any) -> None:
    work.model(
        f"{{% if is_incremental() %}}{later}{{% else %}}{FIRST}{{% endif %}}",
        materialized="incremental",
        **{"unique_key": "id", **config},
        **({"on_schema_change": mode} if mode else {}),
    )
    work.ok()


def test_ignore_leaves_new_columns_out(work: Work) -> None:
    changed(work, "select 2 as id, 'b' as kind, 20 as n, true as more", None)
    work.ok()
    assert work.rows() == [(1, "a", 10), (2, "b", 20)]


def test_ignore_refuses_a_missing_column(work: Work) -> None:
    changed(work, "select 2 as id, 20 as n", None)
    assert work.fails() == (
        "models/m.sql: the query's columns are not those of the published table: it lacks kind. "
        "Set on_schema_change to append_new_columns or sync_all_columns, or rebuild: run models --select m --full-refresh"
    )


def test_append_new_columns_adds_and_keeps(work: Work) -> None:
    changed(work, "select * from values (1, 11, true), (2, 20, false) as given(id, n, more)", "append_new_columns")
    before = work.spark.read.format("delta").load(str(work.path())).inputFiles()
    work.ok()
    assert work.columns() == [("id", "int"), ("kind", "string"), ("n", "int"), ("more", "boolean")]
    assert work.rows() == [(1, "a", 11, True), (2, None, 20, False)]
    assert before


def test_sync_all_columns_adds_drops_and_retypes(work: Work) -> None:
    changed(work, "select 2 as id, 20.5 as n, 'y' as more", "sync_all_columns")
    work.ok()
    assert work.columns() == [("id", "int"), ("n", "decimal(3,1)"), ("more", "string")]
    assert [(row[0], float(row[1]), row[2]) for row in work.rows()] == [(1, 10.0, None), (2, 20.5, "y")]
    work.ok()
    assert [row[0] for row in work.rows()] == [1, 2]


def test_fail_names_every_difference(work: Work) -> None:
    changed(work, "select 2 as id, 'x' as n, 1 as more", "fail", unique_key=None)
    assert work.fails() == (
        "models/m.sql: the query's columns are not those of the published table: it lacks kind, it adds more and "
        'n is string where the table has int. on_schema_change is "fail": change the query, or rebuild: '
        "run models --select m --full-refresh"
    )


@pytest.mark.parametrize(("given", "table"), [("'x'", "int"), ("1.5", "int"), ("1.5D", "int")])
def test_values_that_would_lose_something_are_refused(work: Work, given: str, table: str) -> None:
    changed(work, f"select 2 as id, 'b' as kind, {given} as n", "append_new_columns")
    kind = {"'x'": "string", "1.5": "decimal(2,1)", "1.5D": "double"}[given]
    assert work.fails() == (
        f"models/m.sql: the query gives n as {kind}; the published table has {table}. Cast it, set on_schema_change to "
        "sync_all_columns, or rebuild: run models --select m --full-refresh"
    )
