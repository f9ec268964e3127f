"""The integration report as readers meet it: in a real Chromium, from the disk, on a phone, in the dark, printed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.conftest import Look
from tests.browser.small_shop import NOW

REPORT = """
insights:
  - {name: visits_by_device, kind: shares, model: visits, group: device, of: {}, reached: {where: {is_bought: true}},
     called: conversion, things: visits}
  - {name: seconds, kind: distribution, model: visits, value: seconds, called: duration, things: visits, unit: s}
  - {name: money_back, kind: distribution, model: refunds, value: total}
"""


@pytest.fixture(scope="module")
def seen(run_look: Look, small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there was to see on the report of the small shop, with a table of visits more."""
    shop = tmp_path_factory.mktemp("report") / "shop"
    shutil.copytree(small_shop, shop, symlinks=True)
    (shop / "report.yml").write_text(REPORT)
    (shop / "models" / "marts" / "visits.sql").write_text("select 'phone' as device, true as is_bought, 1 as seconds")
    generator = np.random.default_rng(1)
    visits = {
        "device": ["phone"] * 400 + ["desk"] * 400,
        "is_bought": [place % 400 < (40 if place < 400 else 90) for place in range(800)],
        "seconds": generator.lognormal(5, 1, 800).round(),
    }
    write_deltalake(str(shop / "warehouse" / "marts" / "visits"), pa.table(visits))
    project = load_project(shop)
    page = write_site(Facts(project=project, quality=load_quality(project), now=NOW)).with_name("report.html")
    found: dict[str, Any] = run_look("look.py", tmp_path_factory.mktemp("looked"), page)[str(page)]
    return found


def test_nothing_is_fetched_and_the_console_is_silent(seen: dict[str, Any]) -> None:
    assert seen["console"] == []
    assert {one.partition("://")[0] for one in seen["requests"]} == {"file"}


def test_it_fits_a_phone_folded_and_unfolded(seen: dict[str, Any]) -> None:
    assert set(map(tuple, seen["overflow"].values())) == {(0, 0)}


def test_axe_finds_nothing(seen: dict[str, Any]) -> None:
    assert seen["axe"] == {"light-1280": [], "dark-360": []}


def test_a_screen_reader_hears_title_language_and_landmarks(seen: dict[str, Any]) -> None:
    assert (seen["title"], seen["language"]) == ("Analytics integration report · small", "en")
    assert seen["landmarks"] == ["banner", "main", "contentinfo"]
    assert seen["skip"] == ["skip", "main"]


def test_paper_has_all_that_is_folded_on_the_screen(seen: dict[str, Any]) -> None:
    text = " ".join(" ".join(seen["printed"]).split())
    for words in (
        "Conversion is 16 %: 130 of 800 visits",
        "the newest refunds was withheld",
        "store.orders landed",  # of the folded table of all tables
        "order_id, total",  # of the folded table of sources
    ):
        assert words in text, words
