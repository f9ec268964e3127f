"""Pages of runs, as a reader without a script has them. No Spark."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.artifacts.records import write_record
from runner.execute import NodeResult, Stage
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.runs import section
from runner.site.write import write_site

if TYPE_CHECKING:
    from tests.runner.conftest import Write

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def words(page: Path) -> str:
    """Returns a page's text in one line, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    return load_project(write(tiny))


def record(project: Project, run_id: str, *results: NodeResult, hours: int = 0, **arguments: object) -> None:
    write_record(
        project,
        results,
        run_id=run_id,
        command="models",
        arguments=arguments,
        started_at=NOW + timedelta(hours=hours),
        seconds=9.0,
    )


def built(name: str, *, at: float, seconds: float, status: str = "success", **rest: object) -> NodeResult:
    return NodeResult(
        unique_id=f"model.tiny.{name}",
        status=status,  # type: ignore[arg-type]
        started_at=NOW + timedelta(seconds=at),
        seconds=seconds,
        **rest,  # type: ignore[arg-type]
    )


def site(project: Project) -> Path:
    return write_site(Facts(project=project, quality=load_quality(project), now=NOW)).parent


def test_without_runs_the_page_says_how_to_get_one(project: Project) -> None:
    assert "No run is recorded yet. run models records the first." in words(site(project) / "runs/index.html")


def test_a_run_in_a_line(project: Project) -> None:
    record(project, "aaaa", built("totals", at=5, seconds=2.0), words=["totals+"])
    record(project, "bbbb", built("totals", at=5, seconds=2.0, status="withheld", message="nulls"), hours=1)
    text = words(site(project) / "runs/index.html")
    assert "2 runs are kept, the newest of 2026-03-01 13:00 UTC." in text
    assert "2026-03-01 13:00:00 run models dev 1 not published 1 not published 9 s" in text
    assert "2026-03-01 12:00:00 run models totals+ dev all well 1 built 9 s" in text


def test_a_runs_own_page(project: Project) -> None:
    stages = (Stage(name="write", started_at=NOW + timedelta(seconds=4.0), seconds=2.5),)
    record(
        project,
        "aaaa",
        built("stg_orders", at=2, seconds=1.9),
        built("totals", at=4, seconds=3, stages=stages, after=("model.tiny.stg_orders",), why="its SQL <changed>"),
        threads=2,
    )
    page = site(project) / "runs/aaaa.html"
    text = words(page)
    assert "all well 9 s in all. Of 2 tables and tests: 2 built." in text
    assert "Before the first table2 s" in text
    assert "Tables5 s 4.9 s of work on 2 tables, up to 2 at once" in text
    assert "stg_orders 1.9 s totals 3 s, needs stg_orders, 0.1 s after its end" in text
    assert "could not have taken less than 4.9 s" in text
    assert "0.98 of 2 threads were at work on average." in text
    assert "its SQL &lt;changed&gt;" in text
    assert "There are too few earlier runs of the same tables to compare with; three are enough." in text
    assert 'data-seconds="5.0"' in page.read_text(encoding="utf-8")


def test_what_failed_what_it_stopped_and_what_stayed(project: Project) -> None:
    record(
        project,
        "aaaa",
        built("stg_orders", at=0, seconds=2, status="error", message="models/staging/stg_orders.sql:1: no column x"),
        built("totals", at=2, seconds=0, status="skipped", message="stg_orders failed"),
        NodeResult(unique_id="source.tiny.shop.orders", status="reused", why="nothing changed since 01 Mar 10:00"),
    )
    text = words(site(project) / "runs/aaaa.html")
    assert "failed stg_orders models/staging/stg_orders.sql:1: no column x" in text
    assert "1 because stg_orders failed totals" in text
    assert "1: nothing changed shop.orders" in text


def test_what_takes_longer_than_usual_is_marked(project: Project) -> None:
    for hour in range(4):
        record(project, f"run{hour}", built("totals", at=3600 * hour, seconds=2.0), hours=hour)
    record(project, "slow", built("totals", at=3600 * 4, seconds=9.0), hours=4)
    folder = site(project)
    assert "9 more than usual2" in words(folder / "runs/slow.html")
    assert "Nothing is far from what it was in earlier runs." in words(folder / "runs/run3.html")


def test_old_runs_have_no_page_where_there_are_too_many(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "MOST_NODES", 1)
    monkeypatch.setattr(section, "FEWEST_PAGES", 2)
    for hour in range(4):
        record(project, f"run{hour}", built("totals", at=3600 * hour, seconds=2.0), hours=hour)
    folder = site(project)
    assert sorted(path.name for path in (folder / "runs").glob("run*.html")) == ["run2.html", "run3.html"]
    assert "Runs without a link are too old for a page of their own: run history lists them, too." in words(
        folder / "runs/index.html"
    )
