"""--defer: what is read and not built comes from another target, whole: views with what they read, landed tables, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.names import TableRef
from runner.warehouse import read_view, renamed, view_as_named

if TYPE_CHECKING:
    from tests.runner.environments.conftest import Town


def test_a_model_over_the_tables_of_another_warehouse(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    town.build()
    missing = town.run("models", "totals")
    assert "totals reads priced, which has not been built." in missing.err
    said = town.run("models", "totals", "--defer")
    assert said.err.splitlines()[0] == "run: read from prod: priced."
    assert [(row["order_count"], float(row["revenue"])) for row in town.rows("totals", "dev")] == [(2, 31.0)]
    compiled = (town.root / "target/compiled/tiny/models/totals.sql").read_text()
    assert compiled == "select count(*) as order_count, sum(doubled) as revenue from in_prod__marts.priced\n"
    manifest = json.loads((town.root / "target/manifest.json").read_text())
    assert manifest["nodes"]["model.tiny.priced"]["schema"] == "marts"
    assert manifest["metadata"]["env"] == {"SLUICE_TARGET": "dev", "SLUICE_WAREHOUSE": "dev"}
    again = town.run("models", "totals", "--defer")
    assert "1 reused" in again.err
    town.land((1, 10.0), (2, 5.5), (3, 1.0))
    town.build()
    assert "1 ok" in town.run("models", "totals", "--defer").err  # the other target has new rows


def test_a_view_is_read_with_what_it_reads_there(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    town.land((7, 1.0), (8, 1.0), target="dev")  # here, too, and not to be read through the view of prod
    said = town.run("models", "priced", "--defer-target", "prod")
    assert said.err.splitlines()[0] == "run: read from prod: stg_orders."
    assert [row["order_id"] for row in town.rows("priced", "dev")] == [1]
    assert "1 reused" in town.run("models", "priced", "--defer").err


def test_a_view_over_a_landed_table_of_another_warehouse_is_readable_later(town: Town) -> None:
    town.land((1, 10.0))
    said = town.run("models", "stg_orders+", "--defer")
    assert said.err.splitlines()[0] == "run: read from prod: shop.orders."
    view = read_view(town.path("stg_orders", "dev", "marts_staging"))
    assert view["inputs"] == ["in_prod__shop.orders"]
    assert (
        town.run("sql", "select order_id from {{ ref('stg_orders') }}", "--output", "json").out == '{"order_id": 1}\n'
    )
    assert [row["order_id"] for row in town.rows("priced", "dev")] == [1]


def test_own_tables_come_first_unless_the_other_is_favoured(town: Town) -> None:
    town.land((1, 10.0), target="prod")
    town.build()
    town.land((2, 20.0), (3, 1.0), target="dev")
    town.build(target="dev")
    said = town.run("models", "totals", "--defer", "--force")
    assert said.err.splitlines()[0] == "run: nothing is deferred to prod: this target has all that is read."
    assert town.rows("totals", "dev")[0]["order_count"] == 2
    town.run("models", "totals", "--defer", "--favor-state")
    assert town.rows("totals", "dev")[0]["order_count"] == 1
    shown = town.run("show", "totals", "--edited", "--defer", "--favor-state", "--output", "json")
    assert json.loads(shown.out)["order_count"] == 1


def test_another_schema_of_one_warehouse_and_a_state_folder(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    town.run("models", "totals", "--target", "beside", "--defer")
    assert town.rows("totals", "prod", "mine")[0]["order_count"] == 1
    assert not town.path("priced", "prod", "mine").exists()
    town.run("compile", "--target", "prod")
    (town.root / "target").rename(town.root / "kept")
    said = town.run("models", "totals", "--defer-state", town.root / "kept")
    assert said.err.splitlines()[0] == "run: read from prod: priced."
    assert town.rows("totals", "dev")[0]["order_count"] == 1


def test_snapshots_and_seeds_defer_too_and_state_alone_says_where_to(town: Town) -> None:
    town.land((1, 10.0), (2, 5.5))
    snapshot = "{% snapshot kept %}{{ config(strategy='check', unique_key='order_id', check_cols=['total']) }}"
    town.file("snapshots/s.sql", snapshot + "select order_id, total from {{ ref('priced') }}{% endsnapshot %}")
    town.file("seeds/kinds.csv", "id\n1\n")
    town.build()
    said = town.run("snapshot", "--defer")
    assert (said.code, said.err.splitlines()[0]) == (0, "run: read from prod: priced.")
    assert [row["order_id"] for row in town.rows("kept", "dev")] == [1, 2]
    (town.root / "target").rename(town.root / "kept")
    project = town.root / "project.yml"
    project.write_text(project.read_text().replace("default_defer_target: prod\n", ""))
    town.run("compile", "--target", "prod")
    (town.root / "target").rename(town.root / "state")
    said = town.run("models", "totals", "--defer", "--state", town.root / "state")
    assert (said.code, said.err.splitlines()[0]) == (0, "run: read from prod: priced.")
    said = town.run("seed", "--defer", "--state", town.root / "state")
    assert (said.code, said.err.splitlines()[0]) == (
        0,
        "run: nothing is deferred to prod: this target has all that is read.",
    )


def test_reading_alone_defers_the_model_itself(town: Town) -> None:
    town.land((1, 10.0))
    town.build()
    shown = town.run("show", "priced", "--defer", "--output", "json")
    assert json.loads(shown.out)["order_id"] == 1
    sql = town.run("sql", "select count(*) as n from {{ ref('stg_orders') }}", "--defer", "--output", "json")
    assert (sql.out, sql.err) == ('{"n": 1}\n', "")
    plan = town.run("plan", "totals", "--defer", "--no-types")
    assert (plan.code, plan.err.splitlines()[0]) == (0, "run: read from prod: priced.")
    checked = town.run("checks", "priced", "--defer")
    assert (checked.code, checked.err.splitlines()[0]) == (0, "run: read from prod: priced.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--defer-target", "prd"], 'run: project.yml:7: no target is named "prd". Targets: dev, prod, beside. Did you mean "prod"?\n'),
        (["--defer", "--target", "prod"], 'run: --defer to "prod": this is the target that you work on. Name another with --defer-target.\n'),
        (["--favor-state"], "run: --favor-state says how to defer: add --defer.\n"),
        (["--defer-state", "nowhere"], "run: nowhere holds no manifest.json. Name the target folder that a run wrote.\n"),
    ],
)  # fmt: skip
def test_where_to_defer_must_be_there(town: Town, arguments: list[str], message: str) -> None:
    said = town.run("compile", "totals", *arguments)
    assert (said.code, said.err) == (2, message)


def test_deferring_needs_a_target(town: Town) -> None:
    project = town.root / "project.yml"
    project.write_text(project.read_text().replace("default_defer_target: prod\n", ""))
    assert town.run("compile", "totals", "--defer").err == (
        "run: project.yml: --defer needs to know where to. Name a target with --defer-target, or set default_defer_target.\n"
    )


def test_a_views_sql_is_renamed_by_words_not_by_letters() -> None:
    sql = """select marts.a.x, 'marts.a', t.marts, `marts`.`a`.y -- marts.a
    from Marts.A join other.marts.a /* marts.a */ where "marts.a" = 'it''s marts.a' and z = '\\'marts.a'"""
    assert renamed(sql, {"marts.a": "in_prod__marts.a"}) == (
        """select `in_prod__marts`.`a`.x, 'marts.a', t.marts, `in_prod__marts`.`a`.y -- marts.a
    from `in_prod__marts`.`a` join other.marts.a /* marts.a */ where "marts.a" = 'it''s marts.a' and z = '\\'marts.a'"""
    )


def test_a_view_of_a_view_stays_in_its_warehouse(tmp_path: Path) -> None:
    ref = TableRef("in_prod__marts", "top", folder=tmp_path / "prod/marts/top")
    view = {"sql": "select * from marts.low", "inputs": ["marts.low"], "metadata": {}}
    sql, inputs = view_as_named(ref, view)
    assert sql == "select * from `in_prod__marts`.`low`"
    assert inputs == [TableRef("in_prod__marts", "low")]
    assert inputs[0].folder == tmp_path / "prod/marts/low"
