"""What a run would do, as `run plan` tells it without Spark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from runner.cli import main
from runner.graph import Graph
from runner.state.cost import usual_seconds, wall_seconds
from runner.state.plan import sql_diff, stale
from tests.runner.state.conftest import Settled

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], settled: Settled) -> Run:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--project-dir", str(settled.root)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_nothing_to_do(run: Run) -> None:
    assert run("plan", "--no-types") == (
        0,
        "unchanged    stg_orders, totals, report\n",
        "run: nothing to do, all 3 are as they would be.\n",
    )


def test_what_would_be_built_and_why(settled: Settled, run: Run) -> None:
    settled.edit("macros/doubled.sql", "* 2", "* 3")
    settled.publish("report", seconds=62.0)
    assert run("plan", "--no-types") == (
        0,
        "build        totals (table)  its SQL changed, through macro doubled  (about 2.0 s)\n"
        "               -   SUM(total * 2) AS revenue\n"
        "               +   SUM(total * 3) AS revenue\n"
        "build        report (table)  totals is built before it  (about 32.0 s)\n"
        "unchanged    stg_orders\n",
        "run: 2 of 3 would be built, 1 unchanged; about 34.0 s by what they took the last times.\n",
    )


def test_several_reasons_stand_below_each_other(settled: Settled, run: Run) -> None:
    settled.edit("models/totals.sql", "select", "{{ config(partition_by='revenue') }}select")
    settled.rows("shop/orders", 3, mode="append")
    _, out, _ = run("plan", "totals", "--no-types")
    assert out == (
        'build        totals (table)  partition_by: not set → ["revenue"]  (about 2.0 s)\n'
        "                             shop.orders has new data: version 0 → 1\n"
    )


def test_what_is_never_built_has_no_cost(settled: Settled, run: Run) -> None:
    shutil.rmtree(settled.path("marts/report"))
    assert run("plan", "report", "--no-types") == (
        0,
        "build        report (table)  never built\n",
        "run: 1 of 1 would be built, 0 unchanged.\n",
    )


def test_a_view_without_checks_lets_what_is_below_it_through(settled: Settled, run: Run) -> None:
    (settled.root / "models/staging/stg_totals.sql").write_text("select * from {{ ref('totals') }}")
    (settled.root / "models/last.sql").write_text("select * from {{ ref('stg_totals') }}")
    settled.publish("stg_totals")
    settled.publish("last")
    settled.rows("shop/orders", 3, mode="append")
    _, out, _ = run("plan", "totals+", "--no-types")
    assert [line.split("  ")[0] for line in out.splitlines()] == ["build", "build", "build", "unchanged"]
    assert "last (table)    totals is built before it" in out
    assert out.endswith("unchanged    stg_totals\n")


def test_a_check_alone(settled: Settled, run: Run) -> None:
    settled.edit("models/_models.yml", "not_null", "unique")
    assert run("plan", "--no-types") == (
        0,
        "check again  totals (table)  check added: expect_column_values_to_be_unique(revenue)\n"
        "unchanged    stg_orders, report\n",
        "run: 0 of 3 would be built, 1 checked again, 2 unchanged.\n",
    )


SUITE = """
    model: report
    on_failure: quarantine
    max_quarantine_share: 0.02
    expectations:
      - {expect: expect_column_values_to_be_between, column: revenue, min_value: 1}
      - {expect: expect_rows_to_satisfy, condition: revenue < 10, name: small}
      - {expect: expect_table_row_count_to_be_between, min_value: 1}
    """


def test_rows_that_would_go_into_quarantine(settled: Settled, run: Run) -> None:
    (settled.root / "expectations/suites").mkdir(parents=True)
    (settled.root / "expectations/suites/report.yml").write_text(dedent(SUITE).lstrip())
    settled.edit("models/report.sql", "select revenue", "select revenue + 1 as revenue")
    settled.rows("marts/report__quarantine", 1, 2, 3)
    told = (
        "rows that fail expect_column_values_to_be_between(revenue), small would go into marts.report__quarantine, "
        "2.0 % of them at most; 3 are there now"
    )
    code, out, _ = run("plan", "report", "--no-types")
    assert (code, out.splitlines()[-1]) == (0, f"{'':<15}{told}")
    _, out, _ = run("plan", "report", "--no-types", "--output", "json")
    assert json.loads(out)["nodes"][0]["quarantine"] == {
        "table": "marts.report__quarantine",
        "checks": ["expect_column_values_to_be_between(revenue)", "small"],
        "most_share": 0.02,
        "rows": 3,
    }


def test_as_json(settled: Settled, run: Run) -> None:
    settled.edit("models/report.sql", "select revenue", "select revenue + 1 as revenue")
    code, out, _ = run("plan", "report", "--no-types", "--output", "json")
    found = json.loads(out)
    at = datetime.fromisoformat(found["nodes"][0].pop("published_at"))
    assert (code, (datetime.now(UTC) - at).days) == (0, 0)
    assert found == {
        "nodes": [
            {
                "unique_id": "model.tiny.report",
                "name": "report",
                "action": "build",
                "reasons": [{"kind": "sql", "text": "its SQL changed"}],
                "diff": ["-   revenue", "+   revenue + 1 AS revenue"],
                "kept": None,
                "usual_seconds": 2.0,
                "published_version": 0,
                "quarantine": None,
                "column_changes": None,
            }
        ],
        "wall_seconds": 2.0,
        "errors": None,
        "unchecked": None,
    }


def test_stale_is_what_a_run_would_not_leave_alone(settled: Settled) -> None:
    project = settled.project()
    assert stale(project, settled.state()) == set()
    settled.edit("macros/doubled.sql", "* 2", "* 3")
    settled.rows("shop/orders", 3, mode="append")
    assert stale(settled.project(), settled.state()) == {
        "source.tiny.shop.orders",
        "model.tiny.totals",
        "model.tiny.report",
    }


def test_a_diff_is_of_words_not_of_lines() -> None:
    assert sql_diff("select a, b from t", "select a,\n  b\nfrom t") == []
    assert sql_diff("select a from t", "select a from t where b") == ["+ WHERE", "+   b"]
    assert sql_diff("select a from", "select a from\nb c d") == ["+ b c d"]


def test_the_usual_seconds_are_the_median_of_the_last_times(settled: Settled) -> None:
    for seconds in (1.0, 50.0, 4.0, 3.0):
        settled.publish("totals", seconds=seconds)
    settled.judge("totals")
    assert usual_seconds(settled.path("marts/totals")) == 3.0
    assert usual_seconds(settled.path("marts_staging/stg_orders")) == 2.0
    assert usual_seconds(settled.path("shop/orders")) is None


def test_nodes_that_wait_for_no_other_run_beside_each_other() -> None:
    graph = Graph({"a": [], "b": [], "c": ["a"], "d": ["b", "c"]})
    seconds = {"a": 3.0, "b": 4.0, "c": 2.0, "d": 1.0}
    assert wall_seconds(graph, graph.order, seconds, threads=2) == 6.0
    assert wall_seconds(graph, graph.order, seconds, threads=1) == 10.0
    assert wall_seconds(graph, ["a", "d"], seconds, threads=4) == 4.0
    assert wall_seconds(graph, [], seconds, threads=4) == 0.0
