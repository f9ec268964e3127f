"""on-run-start, on-run-end, and grants, on real Spark."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.errors import FormatError
from runner.materialize.grants import grant_statements
from runner.materialize.hooks import HookError
from runner.model import Config, Model
from runner.names import TableRef
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from conftest import Work

HOOKS = """
    name: small
    on-run-start:
      - "create schema if not exists notes"
      - "{{ 'create table if not exists notes.log (said string) using delta' if target.name == 'dev' }}"
    on-run-end: "insert into notes.log values {% for one in results %}('{{ one.node.name }} {{ one.status }}'){{ ',' if not loop.last }}{% endfor %}"
    targets:
      dev: {warehouse: warehouse, schema: marts}
    """


def run(work: Work) -> Builder:
    project = load_project(work.root)
    builder = Builder(project, load_quality(project), work.spark, run_id="r", options=BuildOptions())
    builder.run(project.select())
    return builder


def test_hooks_run_around_a_run(work: Work) -> None:
    work.spark.sql("drop schema if exists notes cascade")
    work.file("project.yml", HOOKS)
    work.model("select 1 as id", materialized="table", grants={"select": ["analysts"]})
    work.model("select nothing", name="n", materialized="table")
    builder = run(work)
    assert sorted(row.said for row in work.spark.table("notes.log").collect()) == ["m success", "n error"]
    assert builder.failed_hook == ""
    work.spark.sql("drop schema notes cascade")  # as it is for the next process: what a hook made lies in the warehouse
    assert run(work).failed_hook == ""
    kept = delta.first_rows(work.root / "warehouse/notes/log", 9)[1]
    assert sorted(str(row["said"]) for row in kept) == ["m success", "m success", "n error", "n error"]
    assert builder.notes == ["m: grants were not applied: the catalog of this target takes none."]
    work.file("project.yml", HOOKS.replace("insert into notes.log values", "insert into nowhere values"))
    assert run(work).failed_hook.startswith("project.yml: on-run-end failed: ")
    assert work.rows() == [(1,)]
    work.file("project.yml", HOOKS.replace("create schema if not exists notes", "create nonsense"))
    with pytest.raises(HookError) as caught:
        run(work)
    assert str(caught.value).startswith("project.yml: on-run-start failed: ")
    work.spark.sql("drop schema notes cascade")


def test_templates_of_run_hooks_ask_and_change(work: Work) -> None:
    work.spark.sql("drop schema if exists notes cascade")
    macro = """
        {% macro upload(results) %}
          {% do run_query("create schema if not exists notes") %}
          {% do run_query("create table notes.ran using delta as select 'none' as name, 0L as n") %}
          {% for one in results %}
            {% set n = run_query("select count(*) from " ~ one.node.schema ~ "." ~ one.node.name)[0][0] %}
            {% do run_query("insert into notes.ran values ('" ~ one.node.name ~ "', " ~ n ~ ")") %}
          {% endfor %}
        {% endmacro %}
        """
    work.file("macros/m.sql", macro)
    end = '    on-run-end: "{{ upload(results) }}"\n'
    work.file("project.yml", HOOKS.split("    on-run-start")[0] + end + "    targets:" + HOOKS.split("    targets:")[1])
    work.model("select explode(array(1, 2)) as id", materialized="table")
    assert run(work).failed_hook == ""
    assert sorted(tuple(row) for row in work.spark.table("notes.ran").collect()) == [("m", 2), ("none", 0)]
    work.spark.sql("drop schema notes cascade")


def model(grants: object) -> Model:
    return Model(
        name="m", table=TableRef("marts", "m"), path=PurePosixPath("models/m.sql"), fqn=("small", "m"), raw_sql="",
        config=Config(values={"grants": grants}),
    )  # fmt: skip


def test_grants_as_statements() -> None:
    assert grant_statements(model({"select": ["a", "b`c"], "modify": "d"})) == [
        "grant select on table `marts`.`m` to `a`",
        "grant select on table `marts`.`m` to `b``c`",
        "grant modify on table `marts`.`m` to `d`",
    ]
    assert grant_statements(model(None)) == []
    with pytest.raises(FormatError) as caught:
        grant_statements(model(["a"]))
    assert str(caught.value) == ("models/m.sql: grants is a mapping of privileges to names, e.g. {select: [analysts]}.")
