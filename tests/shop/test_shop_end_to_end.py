"""The shop's own project, run as a person runs it: the demo, the README's quick start, planted defects found and named."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.suite import load_suite
from runner.project.parse import load_project
from tests.shop.dashboard_pages import CLOSE, EXACT, Page, marts_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parent.parent.parent
EDITED = ("models", "macros", "sources.yml", "project.yml", "expectations")

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]  # each command starts its own Spark


class Workplace:
    """A folder with this project's files and nothing built, and the command line in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in EDITED:
            (root / name).symlink_to(ROOT / name)

    def run(self, *arguments: str) -> tuple[int, str]:
        """Runs a command; returns its exit code and what it printed."""
        program = [sys.executable, "-c", "from runner.cli import script; script()", *arguments]
        done = subprocess.run(program, cwd=self.root, capture_output=True, text=True, timeout=900, check=False)
        return done.returncode, done.stdout + done.stderr

    def report(self) -> dict[str, dict[str, Any]]:
        """Returns the tables of the validation report by name."""
        found = json.loads((self.root / "target/quality/latest/report.json").read_text(encoding="utf-8"))
        return {table["model"]: table for table in found["tables"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workplace]:
    return lambda name: Workplace(tmp_path_factory.mktemp(name))


def flagged(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the checks of a table that did not pass, by type."""
    return {check["type"]: check for check in table["results"] if check["status"] != "pass"}


def quick_start() -> list[list[str]]:
    """Returns the commands of the README's quick start, for a smaller shop."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Quick start")[1].split("```")[1]
    commands = [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("run ")]
    assert len(commands) >= 6
    return [[word.replace("20000", "3000") for word in command[1:]] for command in commands]


def figures(said: str) -> list[str]:
    words = ("Revenue", "Sessions", "Worth most", "Stock  ")
    return [line for line in said.splitlines() if line.startswith(words)]


@pytest.fixture(scope="module")
def demo(place: Callable[[str], Workplace]) -> tuple[Workplace, str]:
    """A shop that `run demo` has built, and what it said."""
    shop = place("demo")
    code, said = shop.run("demo", "--sessions", "4000")
    assert code == 0, said
    return shop, said


def test_the_demo_is_green_and_its_figures_repeat(demo: tuple[Workplace, str]) -> None:
    shop, said = demo
    assert len(figures(said)) == 4
    assert "     Site: target/site/index.html\n" in said
    assert "All 48 tables stand as they should" in (shop.root / "target/site/index.html").read_text(encoding="utf-8")
    again, repeated = shop.run("demo", "--sessions", "4000")
    assert again == 0, repeated
    assert figures(repeated) == figures(said)
    assert repeated.count("unchanged since version") == 5
    code, said = shop.run("ingest")
    assert code == 0 and "run: 5 of 5 tables landed, 5 of them unchanged, in " in said
    tables = shop.report()
    assert {name: table["status"] for name, table in tables.items() if table["status"] != "pass"} == {}
    code, said = shop.run("demo", "--sessions", "5000")
    assert code == 2
    assert said.endswith(
        "this folder holds other data, which the demo would replace. Run it elsewhere: run demo --target demo\n"
    )
    code, said = shop.run("models", "--select", "clv+", "--exclude", "customer_segments")
    assert code == 0, said
    assert "clv_tiers (table)" in said
    code, said = shop.run("history", "clv", "--checks")
    assert code == 0 and "lifetime value is not past spend" in said
    code, said = shop.run("checks", "--propose", "stg_mongodb__transactions")
    assert code == 0, said
    drafted = shop.root / "target" / "drafted.yml"
    drafted.write_text(said[said.index("# Drafted from") : said.rindex("run: ")], encoding="utf-8")
    proposed = {(one.type, one.column) for one in load_suite(drafted).expectations}
    assert ("expect_column_values_to_match_regex", "transaction_id") in proposed
    assert ("expect_column_values_to_not_be_null", "total") in proposed
    assert "# asked already: models/staging/mongodb/_mongodb__models.yml" in said  # the user is one of the users
    for name in ("manifest.json", "run_results.json", "catalog.json"):
        assert json.loads((shop.root / "target" / name).read_text(encoding="utf-8"))["metadata"]["dbt_schema_version"]


@pytest.fixture(scope="module")
def dashboards(demo: tuple[Workplace, str]) -> tuple[Workplace, str]:
    """The shop with the project's dashboards and the one of docs/dashboards.md, and what `run docs` said."""
    shop = demo[0]
    folder = shop.root / "dashboards"
    folder.mkdir()
    for path in (ROOT / "dashboards").glob("*.yml"):
        (folder / path.name).symlink_to(path)
    (folder / "orders.yml").write_text(example(), encoding="utf-8")
    code, said = shop.run("docs")
    assert code == 0, said
    return shop, said


def example() -> str:
    """Returns the dashboard of docs/dashboards.md."""
    return (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8").split("```yaml")[1].split("```")[0]


def page_of(shop: Workplace, dashboard: str) -> Page:
    return Page(shop.root / "target/site/dashboards" / f"{dashboard}.html")


@pytest.mark.parametrize(("dashboard", "panel"), EXACT)
def test_every_number_on_a_dashboard_is_the_marts(
    dashboards: tuple[Workplace, str], dashboard: str, panel: str
) -> None:
    shown = page_of(dashboards[0], dashboard).panels[panel]
    assert shown == list(EXACT[dashboard, panel](marts_of(dashboards[0].root / "warehouse"), shown))


@pytest.mark.parametrize(("dashboard", "panel"), CLOSE)
def test_a_figure_on_a_dashboard_is_computed_from_the_marts(
    dashboards: tuple[Workplace, str], dashboard: str, panel: str
) -> None:
    (shown,) = page_of(dashboards[0], dashboard).panels[panel]
    expected = CLOSE[dashboard, panel](marts_of(dashboards[0].root / "warehouse"))
    assert [float(one) for one in shown] == pytest.approx(expected, rel=1e-9)


def test_each_panel_of_each_dashboard_has_its_numbers_and_says_how_many_of_what_time(
    dashboards: tuple[Workplace, str],
) -> None:
    shop, said = dashboards
    assert "queries of dashboards asked, 0 unchanged" in said and "without data" not in said
    assert "run: 10 views counted\n" in said and "could not be counted" not in said
    for dashboard in load_project(shop.root).files.dashboards.values():
        page = page_of(shop, dashboard.name)
        for panel in dashboard.panels:
            if panel.query is not None and panel.title != "Lying longest":  # a small shop may have no overstock
                assert page.panels[panel.title], panel.place
                assert re.match(r"n = [\d,]+ .*, .*20\d\d-\d\d-\d\d", page.captions[panel.title]), panel.place


def numbers(row: Sequence[Any]) -> list[float | None]:
    """Returns the numbers of a row; what is no number, or a text, is None."""
    return [float(one) if isinstance(one, (int, float, Decimal)) and not isinstance(one, bool) else None for one in row]


def test_each_number_of_each_panel_is_what_spark_says_when_asked_anew(
    dashboards: tuple[Workplace, str], spark: SparkSession
) -> None:
    from runner.compile import compile_query
    from runner.mentions import tables_in
    from runner.warehouse import Warehouse

    project = load_project(dashboards[0].root)
    warehouse = Warehouse(spark, project.warehouse)
    compared = 0
    for dashboard in project.files.dashboards.values():
        page = page_of(dashboards[0], dashboard.name)
        for panel in dashboard.panels:
            if panel.query is None or panel.chart is None:
                continue
            sql = compile_query(project, panel.query).sql
            for table in tables_in(project, sql):
                warehouse.register(table)
            asked = spark.sql(sql)
            named = panel.chart.fields("values" if panel.chart.mark == "number" else "columns")
            columns = [one.name for one in named] or asked.columns
            shown = page.panels.get(panel.title, [])
            said = [numbers([row[name] for name in columns]) for row in asked.limit(len(shown)).collect()]
            assert len(shown) == len(said), panel.place
            for cells, values in zip(shown, said, strict=True):
                pairs = [(cell, value) for cell, value in zip(cells, values, strict=True) if value is not None]
                assert [float(cell) for cell, _ in pairs] == pytest.approx([value for _, value in pairs], rel=1e-9)
                compared += len(pairs)
    assert compared > 1_000


def test_dashboards_that_have_not_changed_start_no_spark(dashboards: tuple[Workplace, str]) -> None:
    shop = dashboards[0]
    before = page_of(shop, "funnel").panels
    code, said = shop.run("docs", "--no-dashboards")
    assert (code, "without data" in said) == (0, False)
    assert page_of(shop, "funnel").panels == before
    folder = shop.root / "dashboards"
    (folder / "orders.yml").write_text(
        example().replace("payment_method, order_count", "payment_method, order_cuont"), encoding="utf-8"
    )
    code, said = shop.run("docs")
    assert code == 1
    assert "run: 1 queries of dashboards asked, " in said and "views counted" not in said
    assert (
        "run: a panel is without data: dashboards/orders.yml:32: " in said
        and "`order_cuont` cannot be resolved" in said
    )


def test_the_quick_start_of_the_readme_runs(place: Callable[[str], Workplace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_SESSION", "warm")  # as at a terminal
    shop = place("quick_start")
    try:
        for command in quick_start():
            code, said = shop.run(*command)
            assert code == 0, (command, said)
    finally:
        assert shop.run("session", "stop")[0] == 0


@pytest.fixture(scope="module")
def faulty(place: Callable[[str], Workplace]) -> Iterator[tuple[Workplace, str]]:
    shop = place("faulty")
    code, said = shop.run("generate", "--defects", "all")
    assert code == 0, said
    code, said = shop.run("build")
    assert code == 1, said
    yield shop, said


# A planted defect: the table whose check finds it, the check, and a word of what the check says.
FOUND = {
    "clustered_durations": ("session_durations", "expect_slices_not_to_be_clustered", "device_type = mobile"),
    "ms_durations": ("session_durations", "expect_column_to_agree_with_source", "of rows differ"),
    "duplicate_sessions": ("stg_hbase__sessions", "expect_column_values_to_be_unique", "occur more than once"),
    "dead_columns": ("stg_hbase__sessions", "expect_columns_to_be_alive", "state, referrer are dead"),
    "extra_fields": ("hbase.sessions", "expect_fields_to_be_declared", "campaign_code"),
    "orphan_orders": ("stg_mongodb__transactions", "expect_column_values_to_exist_in", "are not in"),
    "unlinked_conversions": (
        "int_conversions_matched",
        "expect_rows_to_be_matched",
        "are spread over the rest, as random loss is",
    ),
    "cut_off_orders": ("int_conversions_matched", "expect_rows_to_be_matched", "cut off, "),
    "missing_days": ("daily_sales", "expect_tables_to_reconcile", "count_if(order_count > 0)"),
    "null_timestamps": ("mongodb.transactions", "expect_column_values_to_not_be_null", "timestamp"),
    "negative_totals": ("mongodb.transactions", "expect_column_values_to_be_between", "total"),
    "stock_leaks": ("inventory_status", "expect_column_values_to_be_between", "current_stock"),
}
QUARANTINED = {
    "mixed_types": (
        ("hbase.sessions", "duration_seconds is no int"),
        ("mongodb.transactions", "total is no decimal(12,2)"),
    ),
    "broken_rows": (("hbase.sessions", "is no JSON"), ("mongodb.transactions", "is no JSON")),
}


@pytest.mark.parametrize("defect", FOUND)
def test_a_planted_defect_is_found_by_a_check_that_names_it(faulty: tuple[Workplace, str], defect: str) -> None:
    table, kind, word = FOUND[defect]
    checks = [
        check for check in faulty[0].report()[table]["results"] if check["type"] == kind and check["status"] != "pass"
    ]
    assert any(word in check["message"] for check in checks), flagged(faulty[0].report()[table])


@pytest.mark.parametrize("defect", QUARANTINED)
def test_a_record_that_cannot_be_read_is_in_quarantine_with_the_reason(
    faulty: tuple[Workplace, str], defect: str
) -> None:
    for table, reason in QUARANTINED[defect]:
        asked = [check for check in faulty[0].report()[table]["results"] if check["type"] == "expect_share_between"]
        checks = [check for check in asked if check["check"] == "contract"]
        assert [check["status"] for check in checks] == ["warn"]
        assert f"__quarantine: {reason}" in faulty[1] and reason in checks[0]["message"]


def test_every_kind_of_defect_is_looked_for(faulty: tuple[Workplace, str]) -> None:
    truth = json.loads((faulty[0].root / "data/raw/truth.json").read_text(encoding="utf-8"))
    assert {defect["name"] for defect in truth["defects"]} == {*FOUND, *QUARANTINED}


def test_the_slice_of_clustered_durations_is_the_planted_one(faulty: tuple[Workplace, str]) -> None:
    check = flagged(faulty[0].report()["session_durations"])["expect_slices_not_to_be_clustered"]
    assert "device_type = mobile, 2025-02-08 to 2025-02-21" in check["message"]


def test_tables_with_faults_are_withheld_and_what_hangs_on_them_is_skipped(faulty: tuple[Workplace, str]) -> None:
    shop, said = faulty
    assert "WITHHELD  session_durations (table)" in said
    assert not (shop.root / "warehouse/marts/session_durations/_delta_log").exists()
    code, told = shop.run("show", "session_durations")
    assert (code, told.split(".")[0]) == (2, "run: session_durations has not been built")
