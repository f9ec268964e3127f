"""The site as a whole: it appears whole, replaces only a site, and its links hold on a disk."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.errors import ProjectError
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.address import address_of, column_address, lineage_address, way
from runner.site.facts import Facts
from runner.site.write import take_place, write_site

if TYPE_CHECKING:
    from tests.runner.conftest import Write

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
_LINK = re.compile(r'(?:href|src)="([^"#?]+)')


@pytest.fixture
def facts(write: Write, tiny: dict[str, str]) -> Facts:
    project = load_project(write(tiny))
    return Facts(project=project, quality=load_quality(project), now=NOW)


def test_the_first_page_says_how_the_project_stands(facts: Facts) -> None:
    text = write_site(facts).read_text(encoding="utf-8")
    assert "Nothing is built yet" in text
    assert "3 not built yet of 3 tables." in text
    assert "written 2026-03-01 12:30 UTC" in text


def test_all_links_lead_to_files_of_the_site(facts: Facts) -> None:
    folder = write_site(facts).parent
    for page in folder.rglob("*.html"):
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            if not link.startswith(("data:", "mailto:")):
                assert (page.parent / link).resolve().is_file(), f"{page.relative_to(folder)}: {link}"


def test_a_site_takes_the_place_of_the_one_before(facts: Facts, tmp_path: Path) -> None:
    folder = write_site(facts).parent
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "gone.html").touch()
    write_site(facts)
    assert not (folder / "models" / "gone.html").exists()
    assert [path.name for path in folder.parent.glob(".site-*")] == []


def test_the_site_before_comes_back_where_the_new_one_cannot_take_its_place(facts: Facts, tmp_path: Path) -> None:
    page = write_site(facts)
    cleaned_away = page.parent.with_name(".site-gone")
    with pytest.raises(ProjectError) as raised:
        take_place(cleaned_away, page.parent)
    assert str(raised.value) == (
        f"{page.parent}: the new site could not be put here: No such file or directory. The one before is there. "
        "Once that is mended: run docs"
    )
    assert page.is_file()
    assert [path.name for path in page.parent.parent.glob(".site-*")] == []
    with pytest.raises(
        ProjectError, match=r"could not be put here: No such file or directory\. Once that is mended: run docs$"
    ):
        take_place(cleaned_away, tmp_path / "never_there")


def test_a_folder_with_something_else_stays_as_it_is(facts: Facts, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / "letter.txt").touch()
    with pytest.raises(ProjectError, match=r"mine: this folder holds something else than a site; name another one\.$"):
        write_site(facts, place)
    assert [path.name for path in place.iterdir()] == ["letter.txt"]


def test_addresses_and_ways_are_relative(facts: Facts) -> None:
    project = facts.project
    assert address_of(project.sources["shop.orders"], "tiny") == "sources/shop.orders.html"
    assert address_of(project.models["totals"], "tiny") == "models/totals.html"
    assert address_of(project.models["totals"], "other") == "models/tiny.totals.html"
    assert way("models/a.html", "models/b.html#column-x") == "b.html#column-x"
    assert way("models/a.html", "catalog.html?state=stale") == "../catalog.html?state=stale"
    assert way("models/a.html", "index.html") == "../index.html"
    assert way("index.html", "assets/site.css") == "assets/site.css"
    assert way("models/a.html", column_address("a", "b{value}.c")) == "../columns.html#column=a.b%7Bvalue%7D.c"
    assert way("models/a.html", lineage_address("+a,tag:x y")) == "../lineage.html?select=%2Ba%2Ctag%3Ax%20y"
    assert way("models/a.html", "https://shop.example/") == "https://shop.example/"
