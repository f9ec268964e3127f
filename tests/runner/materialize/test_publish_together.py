"""--publish together: children read their parents' candidates; all tables are published at the run's end, or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from polling import Seen, reading

from runner import delta
from runner.build import Builder, BuildOptions
from runner.project.parse import load_project
from runner.publishing.journal import last_set
from runner.quality import load_quality
from runner.state.commits import commits, standing
from runner.warehouse import read_view

if TYPE_CHECKING:
    from conftest import Work
    from pyspark.sql import SparkSession

    from runner.execute import NodeResult

TABLES = ("base", "grown", "kept", "coded", "s")
KINDS = ("model", "seed", "snapshot")
SUITE = """
    model: grown
    expectations:
      - {expect: expect_column_values_to_be_between, column: n, max_value: 100}
      - {expect: expect_column_values_to_exist_in, column: n, to: base}
"""


def write(work: Work, number: int) -> None:
    """Writes a project in which everything comes from one number: seed, table, view, incremental, snapshot, Python."""
    work.file("seeds/s.csv", f"id,n\n1,{number}\n")
    work.model("select id, n from {{ ref('s') }}", name="base", materialized="table")
    work.model("select * from {{ ref('base') }}", name="looked", materialized="view")
    work.model("select id, n + 0 as n from {{ ref('looked') }}", name="inner", materialized="ephemeral")
    work.model(
        "select id, n from {{ ref('inner') }}", name="grown", materialized="incremental", unique_key="id",
        incremental_strategy="merge",
    )  # fmt: skip
    work.model("select sum(n) as n from {{ ref('grown') }}", name="outside", materialized="view")
    snapshot = "strategy='check', unique_key='n', check_cols=['n']"
    work.file(
        "snapshots/kept.sql",
        f"{{% snapshot kept %}}{{{{ config({snapshot}) }}}} select n from {{{{ ref('outside') }}}}{{% endsnapshot %}}",
    )
    work.file("models/coded.py", 'def model(session, ref):\n    return ref("looked").selectExpr("n as n")\n')
    work.file("expectations/suites/grown.yml", SUITE)


def build(work: Work, *, without: str = "", ended: Any = lambda _: None) -> tuple[dict[str, NodeResult], str]:
    project = load_project(work.root)
    options = BuildOptions(threads=2, reuse=True, together=True)
    builder = Builder(project, load_quality(project), work.spark, run_id="run-1", options=options)
    nodes = [one for one in project.select(kinds=KINDS) if not one.endswith(f".{without}")]
    results = builder.run(nodes, ended=ended)
    return {result.unique_id.rsplit(".", 1)[-1]: result for result in results}, "; ".join(builder.notes)


def numbers(work: Work) -> dict[str, Any]:
    """Returns what each table says, and what the view is."""
    found: dict[str, Any] = {name: delta.first_rows(work.path(name), 9)[1] for name in TABLES}
    return {name: sorted(int(row["n"]) for row in rows) for name, rows in found.items()}


def statuses(results: dict[str, NodeResult]) -> dict[str, str]:
    return {name: result.status for name, result in sorted(results.items())}


def schemas(spark: SparkSession) -> list[str]:
    return [row[0] for row in spark.sql("show schemas").collect() if row[0].startswith("staged")]


def test_all_of_a_run_or_none(work: Work) -> None:
    write(work, 1)
    results, note = build(work)
    assert set(statuses(results).values()) == {"success", "reused"}, results
    assert note == "7 tables and views were published together."
    assert numbers(work) == {key: [1] for key in TABLES}
    assert read_view(work.path("looked"))["sql"].split() == ["select", "*", "from", "marts.base"]
    assert last_set(work.root / "warehouse")["versions"]["marts.grown"] == 0 == results["grown"].version
    recorded = next(commits(work.path("grown"))).said
    base = standing(work.path("base"))
    assert base is not None
    assert recorded["parents"]["model.small.base"]["table_id"] == base.table_id
    assert recorded["asked"]["model.small.base"]["version"] == 0
    again, note = build(work)
    assert set(statuses(again).values()) == {"reused"}, {name: one.why for name, one in again.items()}
    assert note == ""
    assert schemas(work.spark) == []

    seen = Seen()
    with reading([work.path(name) for name in (*TABLES, "looked", "outside")], seen, work.root / "seen.json"):
        write(work, 101)  # more than the suite of grown allows
        failed, note = build(work)
    assert statuses(failed) == {
        "base": "withheld", "coded": "withheld", "grown": "withheld", "inner": "reused", "kept": "skipped",
        "looked": "reused", "outside": "skipped", "s": "withheld",
    }  # fmt: skip
    why = "grown failed, and this run publishes all or nothing"
    assert note == f"Nothing was published: {why}. 3 that were built are dropped. Readers keep what they had."
    assert failed["base"].message == f"not published: {why}"
    assert failed["grown"].message.startswith("1 of 1 values of n (100 %) ")
    assert {name: len(states) for name, states in seen.states.items()} == dict.fromkeys(seen.states, 1)
    assert [path.parent.name for path in work.root.glob("warehouse/marts/*/candidate-*/_withheld")] == [
        next(work.path("grown").glob("candidate-*/_withheld")).parent.name
    ]
    assert schemas(work.spark) == []

    write(work, 2)  # a view that is not built stands between base and coded, and outside between grown and kept
    results, note = build(work, without="looked")
    assert {"base", "grown", "kept", "coded", "s"} <= {
        name for name, status in statuses(results).items() if status == "success"
    }
    assert numbers(work) == {key: [2] for key in TABLES} | {"kept": [1, 2]}
    why_built = {name: result.why for name, result in results.items()}
    assert why_built["coded"] == "base is built before it" or "looked" in why_built["coded"]
    parents = next(one for one in commits(work.path("coded")) if one.is_publication).said["parents"]
    assert parents["model.small.base"]["version"] == results["base"].version == 1
    again, _ = build(work)
    assert set(statuses(again).values()) == {"reused"}, {name: one.why for name, one in again.items()}

    def meddle(result: NodeResult) -> None:
        if result.unique_id.endswith(".kept"):  # somebody writes into a table of the set before it is published
            DeltaTable(str(work.path("grown"))).delete("n = 0")
            DeltaTable(str(work.path("grown"))).update(updates={"n": "5"})

    write(work, 3)
    results, note = build(work, ended=meddle)
    assert results["grown"].status == "error"
    assert results["grown"].message == (
        "marts.grown: another process changed this table while it was being built; nothing was published. Run it again."
    )
    assert results["base"].message == "not published: grown could not be published"
    assert numbers(work) == {key: [2] for key in TABLES} | {"kept": [1, 2], "grown": [5]}
    results, _ = build(work)
    assert numbers(work) == {key: [3] for key in TABLES} | {"kept": [1, 2, 3]}
    assert json.loads((work.path("outside") / "view.json").read_text())["inputs"] == ["marts.grown"]


def test_the_project_or_its_target_says_so(work: Work) -> None:
    work.model("select 1 as n")
    assert load_project(work.root).files.target.publish == "each"
    head = (
        "name: small\npublish: together\ntargets: {dev: {warehouse: warehouse}, own: {warehouse: w, publish: each}}\n"
    )
    (work.root / "project.yml").write_text(head)
    assert load_project(work.root).files.target.publish == "together"
    assert load_project(work.root, target="own").files.target.publish == "each"
    (work.root / "project.yml").write_text(head.replace("publish: together", "publish: togeter"))
    with pytest.raises(Exception, match="publish") as caught:
        load_project(work.root)
    assert str(caught.value) == (
        'project.yml:2: "publish" of target "dev" is each or together, not "togeter". Did you mean "together"?'
    )
