"""Ages of sources that a query tells: asked once, kept until their tables change, judged by one rule on all pages."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from markupsafe import Markup

from runner.dashboards.answers import Answers
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.ages import find_ages
from runner.site.facts import Facts
from runner.site.write import write_site

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.runner.conftest import Write

NOW = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)
SOURCES = """
    version: 2
    sources:
      - name: till
        freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 2, period: day}}
        loaded_at_field: loaded_at
        tables:
          - name: orders
          - name: clicks
            freshness: {filter: "id < 2"}
          - name: visits
            loaded_at_query: "select max(loaded_at) - interval 1 day from {{ this }}"
          - name: broken
            loaded_at_query: "select loaded from {{ this }}"
    """


def land(project: Project, name: str, *hours: float) -> None:
    """Writes rows that were loaded so many hours before NOW."""
    loaded = pa.array([NOW - timedelta(hours=one) for one in hours], pa.timestamp("us", tz="UTC"))
    rows = pa.table({"id": pa.array(range(1, len(hours) + 1), pa.int32()), "loaded_at": loaded})
    write_deltalake(str(project.warehouse / "till" / name), rows, mode="append")


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    model = "select id from {{ source('till', 'orders') }}"
    made = load_project(write({"project.yml": tiny["project.yml"], "sources.yml": SOURCES, "models/totals.sql": model}))
    land(made, "orders", 1)
    land(made, "clicks", 30, 1)
    land(made, "visits", 30, 1)
    land(made, "broken", 1)
    return made


def text_of(page: Path) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(Markup(re.sub(r"<[^>]+>", " ", html)).unescape().split())


def site(project: Project, *, now: datetime = NOW, aged: Answers | None = None) -> Path:
    return write_site(Facts(project=project, quality=load_quality(project), now=now, aged=aged)).parent


def test_what_nobody_has_asked_is_of_unknown_age_and_late_nowhere(project: Project) -> None:
    folder = site(project)
    text = text_of(folder / "index.html")
    assert "Sources of unknown age unknown till. clicks its age is asked by a query, which has not been run." in text
    assert "Of 3 of 4 sources the age is not known; no other is late." in text
    page = text_of(folder / "sources/till.visits.html")
    assert "Freshness its age is asked by a query, which has not been run. Run it: run docs" in page
    assert "visits source fresh" in page


def test_ages_are_asked_once_and_all_pages_judge_them_alike(project: Project, spark: SparkSession) -> None:
    spark.sql("drop schema if exists till cascade")
    found = find_ages(project, now=NOW, spark=lambda: nullcontext(spark))
    assert (found.asked, found.kept, len(found.rejected)) == (3, 0, 1)
    folder = site(project, aged=found)
    assert "visits source stale" in text_of(folder / "sources/till.visits.html")
    page = text_of(folder / "sources/till.visits.html")
    assert "loaded 2025-03-09 11:00 UTC, by loaded_at_query; warns after 12 hours; an error after 2 days" in page
    assert "Age 25 h too old" in page
    assert "Age 30 h too old" in text_of(folder / "sources/till.clicks.html")
    text = text_of(folder / "index.html")
    assert "2 sources are late" in text
    wrong = "A column, variable, or function parameter with name `loaded` cannot be resolved."
    assert f"unknown till. broken sources.yml:13: {wrong}" in text
    assert "A run would build now 1 table totals never built" in text
    again = find_ages(project, now=NOW)
    assert (again.asked, again.kept) == (0, 2)
    later = text_of(site(project, now=NOW + timedelta(days=2)) / "index.html")
    assert "3 sources are late" in later and "too late till. visits" in later
    land(project, "visits", 0)
    assert find_ages(project, now=NOW).kept == 1
