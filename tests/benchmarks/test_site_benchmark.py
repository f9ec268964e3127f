"""The benchmark of the site: its project can be written as a site, all columns and tables of it."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site

ROOT = Path(__file__).resolve().parents[2]


def test_the_synthetic_project_has_a_site_with_all_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark = importlib.import_module("site_of_many")
    benchmark.write_project(tmp_path, 12, columns=5)
    tables = benchmark.build_marts(tmp_path)
    project = load_project(tmp_path)
    folder = write_site(Facts(project=project, quality=load_quality(project), now=datetime.now(UTC))).parent
    pages = [path.read_text(encoding="utf-8") for path in (folder / "models").glob("*.html")]
    assert (len(pages), tables) == (12, sum("<dd>100</dd>" in page for page in pages))
    assert all('id="column-measure_' in page for page in pages)
