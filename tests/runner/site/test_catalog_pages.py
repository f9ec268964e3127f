"""The pages of the catalog, of a small shop that runs have built; see tests/browser/small_shop.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.small_shop import NOW, write_small_shop


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    write_small_shop(root)
    project = load_project(root)
    return write_site(Facts(project=project, quality=load_quality(project), now=NOW)).parent


def text_of(page: Path) -> str:
    """Returns what a reader sees of a page, on one line."""
    html = re.sub(r"<(style|script)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(Markup(re.sub(r"<[^>]+>", " ", html)).unescape().split())


def row(page: Path, anchor: str) -> str:
    """Returns the words of the row with an anchor."""
    html = page.read_text(encoding="utf-8")
    match = re.search(rf'<tr id="{anchor}">(.*?)</tr>', html, re.DOTALL)
    assert match, anchor
    return " ".join(Markup(re.sub(r"<[^>]+>", " ", match[1])).unescape().split())


def test_everything_has_a_page(site: Path) -> None:
    found = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert found >= {
        "catalog.html", "sources/store.orders.html", "models/daily.html", "models/stg_orders.html", "seeds/cities.html",
        "macros/euros.html", "exposures/board.html", "groups/sellers.html", "analyses/best_city.html",
        "checks/no_day_is_empty.html",
    }  # fmt: skip


def test_the_tree_says_of_each_table_how_it_stands(site: Path) -> None:
    text = text_of(site / "catalog.html")
    assert "9 tables: 1 failed , 2 stale , 1 missing , 5 fresh ." in text
    assert "daily Sales by day and city. fresh 1 warned 6" in text
    assert "refunds Money that went back. failed 1 failed 0" in text


def test_a_table_says_what_it_is_how_it_stands_and_what_is_in_it(site: Path) -> None:
    text = text_of(site / "models/daily.html")
    for words in (
        "Rows 6", "Owner Ann Till ann@till.example", "Grain One row per day and city.", "Partitioned by city",
        'Sales by day and city. Revenue is what was paid; see the till .', '<script>alert("never")</script> stays text',
        "Wien is no city that we know.", "1 warned", "The board's figures",
    ):  # fmt: skip
        assert words in text, words


def test_columns_have_statistics_of_the_files_without_reading_them(site: Path) -> None:
    page = site / "models/daily.html"
    assert row(page, "column-revenue").endswith("0 % 20.25 to 22.25")
    assert row(page, "column-city").endswith("0 % Brno to Graz")
    assert row(page, "column-order_date").endswith("0 % 2026-01-01 to 2026-01-03")
    orders = site / "sources/store.orders.html"
    assert row(orders, "column-order_id").endswith("0 % 1 to 8 8 distinct")
    assert row(orders, "column-ordered_at").endswith("0 % 2026-01-01 09:00:00 to 2026-01-04 00:00:00")
    assert ".city string 0 % Brno to Graz field .zip string 100 % none" in text_of(orders)


def test_versions_say_rows_and_which_run_made_them(site: Path) -> None:
    text = text_of(site / "sources/store.orders.html")
    assert re.search(r"1 2\d{3}-\S+ \S+ landed 8 [\d.]+ kB 1 run 22222222 0 2\d{3}-\S+ \S+ landed 6 ", text)


def test_a_table_that_is_not_as_it_should_be_says_why(site: Path) -> None:
    assert "Stale , because: store.orders has new data: version 0 → 1" in text_of(site / "models/spenders.html")
    assert "Failed , because: 2 of 2 values of total are above 0." in text_of(site / "models/refunds.html")
    assert "Missing , because: never built" in text_of(site / "models/forecast.html")
    assert "much too old" in text_of(site / "sources/store.orders.html")


def test_no_value_of_a_sensitive_column_or_of_what_is_made_of_it_is_anywhere(site: Path) -> None:
    for path in site.rglob("*"):
        if path.is_file():
            assert "secret.example" not in path.read_text(encoding="utf-8"), path
    assert row(site / "models/spenders.html", "column-written_to").startswith("written_to sensitive")
    assert row(site / "models/spenders.html", "column-spend").endswith("31.00 to 45.00")
    assert row(site / "sources/store.people.html", "column-email").endswith("33 % not shown")


def test_a_failed_check_says_what_it_found_and_how_it_went_before(site: Path) -> None:
    page = site / "models/refunds.html"
    text = text_of(page)
    assert "failed refunds are negative 2 unexpected" in text
    assert "2 of 2 values of total are above 0. Likeliest cause: a changed sign." in text
    assert "a build that was not published" in text
    assert "The last 3, oldest first: passed, passed, failed" in page.read_text(encoding="utf-8")


def test_macros_exposures_and_groups_say_what_they_belong_to(site: Path) -> None:
    assert "Called by, directly or through other macros daily As written" in text_of(site / "macros/euros.html")
    board = text_of(site / "exposures/board.html")
    assert "owner Ann Till ann@till.example" in board and "Reads daily spenders" in board
    assert "Its models daily" in text_of(site / "groups/sellers.html")


def test_the_index_of_the_search_names_parts_by_their_anchor_alone(site: Path) -> None:
    text = (site / "data/search.js").read_text(encoding="utf-8")
    assert '["model","daily","models/daily.html","Sales by day and city.' in text
    assert '["column","revenue","#column-revenue","What they came to, in euros."]' in text
