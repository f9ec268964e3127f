"""The folder of all runs: one folder each, bounded, a page over them, the newest at a place that stays."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from expectations.reports import runs
from expectations.reports.runs import read_summaries
from expectations.reports.values import Report
from expectations.reports.write import write_report
from tests.expectations.reports.report_values import AT, RUN, a_report, good

FILES = ["index.html", "junit.xml", "report.json", "report.md", "summary.json"]


def at(hours: int, **more: object) -> Report:
    run = dataclasses.replace(RUN, run_id=f"{hours:08x}-1", finished_at=AT + datetime.timedelta(hours=hours))
    return a_report(run=run, **more)


def test_each_run_has_a_folder_and_the_newest_one_more(tmp_path: Path) -> None:
    first = write_report(at(0), tmp_path)
    second = write_report(at(1, tables=(good(),), unbuilt=(), unit_tests=()), tmp_path)
    assert first.page == tmp_path / "2024-03-31-120000-00000000" / "index.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2024-03-31-120000-00000000",
        "2024-03-31-130000-00000001",
        "index.html",
        "latest",
    ]
    assert sorted(path.name for path in first.page.parent.iterdir()) == FILES
    assert second.latest.read_bytes() == second.page.read_bytes() != first.page.read_bytes()
    assert sorted(path.name for path in second.latest.parent.iterdir()) == FILES


def test_the_page_over_runs_has_the_newest_first(tmp_path: Path) -> None:
    for hours in (1, 0, 2):
        write_report(at(hours), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8").replace("<wbr>", "")
    links = re.findall(r'<th scope="row"><a href="([^"]+)">', page)
    assert links == [f"2024-03-31-1{2 + hours}0000-0000000{hours}/index.html" for hours in (2, 1, 0)]
    assert all((tmp_path / link).is_file() for link in links)
    assert '<h1 class="fail">1 of 3 tables was not published: session_durations</h1>' in page
    assert "session_durations: values packed into a narrow band" in page
    assert "<code>run models clv+</code>" in page


def test_old_runs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 2)
    for hours in range(4):
        write_report(at(hours), tmp_path)
    kept = ["2024-03-31-140000-00000002", "2024-03-31-150000-00000003"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*kept, "index.html", "latest"]
    assert [one.folder for one in read_summaries(tmp_path)] == kept[::-1]


def test_what_is_no_run_is_left_out_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "summary.json").write_text("no JSON", encoding="utf-8")
    write_report(at(0), tmp_path)
    assert [one.run_id for one in read_summaries(tmp_path)] == ["00000000-1"]
    assert (tmp_path / "notes").is_dir()


def test_the_same_run_written_again_replaces_itself(tmp_path: Path) -> None:
    write_report(at(0), tmp_path)
    write_report(at(0, tables=(good(),), unbuilt=(), unit_tests=()), tmp_path)
    (found,) = read_summaries(tmp_path)
    assert (found.status, found.tables) == ("pass", 1)


def test_secrets_are_blotted_out_of_every_file(tmp_path: Path) -> None:
    written = write_report(a_report(), tmp_path, clean=lambda text: text.replace("clustered", "*****"))
    for name in FILES:
        assert "clustered" not in (written.page.parent / name).read_text(encoding="utf-8"), name


def test_a_summary_says_the_run_in_one_line(tmp_path: Path) -> None:
    written = write_report(a_report(), tmp_path)
    found = json.loads((written.page.parent / "summary.json").read_text(encoding="utf-8"))
    assert {name: found[name] for name in ("status", "tables", "failed", "warned", "checks", "command")} == {
        "status": "fail",
        "tables": 3,
        "failed": 1,
        "warned": 1,
        "checks": 4,
        "command": "run models clv+",
    }


def test_runs_that_end_at_once_all_have_their_report(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda hours: write_report(at(hours, tables=(good(),)), tmp_path), range(24)))
    for one in written:
        assert sorted(path.name for path in one.page.parent.iterdir()) == FILES
    assert sorted(path.name for path in (tmp_path / "latest").iterdir()) == FILES
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    write_report(at(24), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">') == 25


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    for name, age in ((".new-killed", 7_200), (".old-killed", 7_200), (".new-at-work", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write_report(at(0), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".new-at-work"]
