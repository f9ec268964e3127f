"""Pages of quality and the first page over a few days' runs. No Spark."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.history import results
from runner.project.parse import Project
from runner.quality import load_quality
from runner.quality.history import results_path
from runner.site.quality import drawn, section
from runner.site.quality.past import read_past
from tests.runner.site.story import CAUSE, site, told
from tests.runner.state.conftest import Settled, settled

__all__ = ["settled"]


def words(page: Path) -> str:
    """Returns a page's text in one line, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


@pytest.fixture
def project(settled: Settled) -> Project:
    return told(settled)


def test_each_check_by_what_it_said_and_what_was_never_asked(project: Project) -> None:
    past = read_past(project, load_quality(project))
    assert [run.run_id for run in past.runs] == [f"{day}" * 8 for day in range(5)]
    totals = past.of("totals")
    assert totals is not None
    assert [(one.title, len(one.results), one.fired, one.ever) for one in totals.checks] == [
        ("expect_column_values_to_not_be_null (revenue)", 5, 0, True),
        ("revenue is <positive>", 5, 2, True),
        ("expect_table_row_count_to_be_between", 0, 0, False),
    ]
    assert totals.status == "fail"
    assert totals.lead is not None and totals.lead.title == "revenue is <positive>"
    assert list(totals.by_run.values()) == [
        ("pass", 0, 2),
        ("warn", 1, 2),
        ("pass", 0, 2),
        ("pass", 0, 2),
        ("fail", 1, 2),
    ]
    assert past.tables[0] is totals  # what does not pass stands first


def test_a_check_that_is_gone_says_nothing_of_how_its_table_stands(project: Project, settled: Settled) -> None:
    (settled.root / "expectations/suites/totals.yml").unlink()
    now = settled.project()
    totals = read_past(now, load_quality(now)).of("totals")
    assert totals is not None
    assert totals.status == "pass"
    assert [one.is_declared for one in totals.checks] == [True, False]


def test_what_runs_ask_by_themselves_counts_while_they_ask_it(project: Project) -> None:
    words = dict.fromkeys((name for name, kind, _ in results.COLUMNS if kind == "string"), "")
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)

    def row(run: int, title: str, expectation: str, status: str, check_id: str) -> dict[str, Any]:
        return {**words, "run_id": f"r{run}", "run_at": at + timedelta(hours=run), "target": "dev", "model": "shop.orders",
                "title": title, "expectation": expectation, "status": status, "check_id": check_id}  # fmt: skip

    path = results_path(project)
    results.append(
        path,
        [
            row(1, "paths of the contract", "expect_paths_to_exist", "warn", "paths.1"),
            row(1, "freshness", "expect_newest_row_to_follow_history", "pass", "age"),
        ],
    )
    results.append(path, [row(2, "paths of the contract", "expect_paths_to_exist", "pass", "paths.2")])
    results.append(path, [row(2, "freshness", "expect_newest_row_to_follow_history", "warn", "age")])
    results.append(path, [row(3, "as in its store", "expect_store_to_match", "pass", "store")])
    results.append(path, [{**row(4, "freshness", "expect_paths_to_exist", "warn", "paths.3"), "model": "shop.gone"}])
    past = read_past(project, load_quality(project))
    orders, gone = past.of("shop.orders"), past.of("shop.gone")
    assert orders is not None and gone is not None
    assert gone.status is None
    assert {one.check_id: one.is_declared for one in orders.checks if one.last} == {
        "paths.1": False,
        "paths.2": True,
        "age": True,
        "store": True,
    }
    assert (orders.status, len(orders.current)) == ("warn", 3)


def test_only_the_newest_runs_are_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.site.quality.past.RUNS", 2)
    past = read_past(project, load_quality(project))
    totals = past.of("totals")
    assert totals is not None
    assert (len(past.runs), len(totals.checks[0].results)) == (2, 2)


def test_results_that_cannot_be_read_are_none(project: Project) -> None:
    for path in (project.warehouse / "sluice/check_results").glob("*.parquet"):
        path.write_bytes(b"")
    past = read_past(project, load_quality(project))
    assert past.runs == ()
    assert [(one.label, one.status) for one in past.tables] == [("shop.orders", None), ("totals", None)]


def test_the_page_of_quality(project: Project) -> None:
    text = words(site(project) / "quality/index.html")
    assert "1 failed, 0 with a warning, 0 passed, by what their checks said last." in text
    assert f"failed totals: {CAUSE}-3 of 2 values of revenue" in text
    assert "this version was not published, readers have the one before" in text
    assert "totals●passed, 2 checks▲1warned, 1 of 2 checks" in text
    assert "■1failed, 1 of 2 checks" in text
    assert "revenue is &lt;positive&gt;totals2 of 5failed" in text
    assert "2 checks have never run" in text
    assert "totals: expect_table_row_count_to_be_between" in text
    assert "shop.orders nothing is promised" in text


def test_a_tables_own_page(project: Project) -> None:
    text = words(site(project) / "quality/tables/totals.html")
    assert "Per-user average. -3 of 2 values of revenue" in text
    assert "This version was not published: readers have the last one that passed." in text
    assert "●▲●●■ fired in 2 of 5 runs" in text
    assert "expect_table_row_count_to_be_between It never ran." in text
    assert "2026-11-20 07:59failed not published4 failing24" in text


def test_a_tables_page_in_the_catalog_has_its_figures_from_run_to_run(project: Project) -> None:
    page = site(project) / "models/totals.html"
    text = words(page)
    assert "Seconds to build it in the last 5 runs." in text
    assert "Rows in the last 5 runs." in text
    assert "2026-11-20 08:0024 swithheld" in text
    assert 'href="../quality/tables/totals.html"' in page.read_text(encoding="utf-8")


def test_the_reports_lie_beside_the_pages(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = site(project)
    written = sorted(path.name for path in (project.files.target_folder / "quality").iterdir() if path.name[:2] == "20")
    assert sorted(path.parent.name for path in (folder / "quality").glob("*/report.json")) == written
    for path in (folder / "quality").glob("*/index.html"):
        assert (
            path.read_bytes()
            == (project.files.target_folder / "quality" / path.parent.name / "index.html").read_bytes()
        )
    monkeypatch.setattr(section, "_BYTES", 1_000)
    assert list((site(project) / "quality").glob("*/report.json")) == []


def test_nothing_checked_yet_is_said(settled: Settled) -> None:
    text = words(site(settled.project()) / "quality/index.html")
    assert "No result of a check is kept yet. run checks asks all checks of what is published." in text
    assert "2 checks have never run" in text
    assert "2 tables have no check reportstg_orders" in text


def test_the_first_page_names_what_is_broken_why_and_whom_it_concerns(project: Project) -> None:
    text = words(site(project) / "index.html")
    assert "totals is broken, 1 waits for it" in text
    assert f"totalsnot published {CAUSE}-3 of 2 values of revenue" in text
    assert "Since2026-11-20 07:59 UTC readers have the last version that passed" in text
    assert "ConcernsRevenue board and 1 table that reads it" in text
    assert "Revenue board reads what is broken dashboard" in text
    assert "1 table was skipped and waits report" in text
    assert "failed 1 failed, 0 with a warning, 0 passed 2 checks, by what each said last Newest report: " in text


def test_the_first_page_names_the_cause_that_the_runs_report_names(project: Project) -> None:
    path = max((project.files.target_folder / "quality").glob("20*/summary.json"))
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert list(summary["causes"]) == ["totals"]
    path.write_text(json.dumps({**summary, "causes": {"totals": "rows lost, where city = Oslo"}}), encoding="utf-8")
    assert "totalsnot published rows lost, where city = Oslo-3 of 2 values" in words(site(project) / "index.html")


def test_the_first_page_is_calm_when_all_is_well(settled: Settled) -> None:
    project = told(settled, bad=False)
    settled.publish("totals")
    settled.publish("report")
    text = words(site(project) / "index.html")
    assert "All 4 tables stand as they should" in text
    assert "4 up to date of 4 tables" in text
    assert "Broken" not in text
    assert "A run would build now" not in text


def test_a_figure_that_moved_is_drawn_and_one_that_did_not_is_none() -> None:
    rows = [
        {"run_id": "a", "run_at": None, "numbers": {"n": 5.0, "share": 0.1}, "failing_count": None, "status": "pass"},
        {"run_id": "b", "run_at": None, "numbers": {"n": 5.0, "share": 0.3}, "failing_count": None, "status": "warn"},
    ]
    assert [value for _, value in drawn.measured(rows)] == [0.1, 0.3]
    assert drawn.chart([{**row, "numbers": {"n": 5.0}} for row in rows], "x") is None
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    age = {"expectation": "expect_newest_row_to_follow_history", "run_at": at}
    picture = drawn.chart([{**row, **age} for row in rows], "freshness")
    assert picture is not None
    assert ">measured, in hours</text>" in picture[0]
    assert picture[1] == "What freshness measured in the last 2 runs, in hours: between 0.1 and 0.3, now 0.3."
    assert drawn.measured([]) == []


def test_marks_are_shapes_and_words() -> None:
    text = str(drawn.marks([{"status": "pass"}, {"status": "fail"}, {"status": "pass"}]))
    assert 'aria-label="passed 2 times, failed 1 times"' in text
    assert re.sub(r"<[^>]+>", "", text) == "●■●"
