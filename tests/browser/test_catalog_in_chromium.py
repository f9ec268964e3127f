"""The catalog and the search as readers meet them: in a real Chromium, from the disk, with the keyboard, without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Look


@pytest.fixture(scope="module")
def seen(run_look: Look, small_site: Path) -> dict[str, Any]:
    found: dict[str, Any] = run_look("catalog_look.py", small_site)
    return found


def test_nothing_is_fetched_and_the_console_is_silent(seen: dict[str, Any]) -> None:
    assert (seen["console"], seen["requests"]) == ([], [])


def test_axe_finds_nothing_and_pages_fit_a_phone(seen: dict[str, Any]) -> None:
    fine = {"beyond": [0, 0], "axe": []}
    assert len(seen["pages"]) == 9
    for name, found in seen["pages"].items():
        assert found == {"light-1280": fine, "dark-360": fine}, name


def test_the_index_is_loaded_when_the_search_is_first_used(seen: dict[str, Any]) -> None:
    found = seen["search"]
    assert (found["loaded before"], found["focus"], found["loaded after"]) == (0, "site-search-box", 1)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("dai", "daily | model"),  # a name that begins so, before texts that hold it
        ("order_date", "order_date | column of stg_orders"),
        ("spenders.per", "person_id | column of spenders"),
        ("euros", "euros | macro"),
        ("till", "daily | model"),  # by its description
        ("group by all", "daily | model"),  # by its SQL and its name
        ("daily revenue", "daily | model"),
    ],
)
def test_the_best_fit_comes_first(seen: dict[str, Any], words: str, first: str) -> None:
    assert seen["search"][words][0] == first


def test_every_word_has_to_be_there(seen: dict[str, Any]) -> None:
    assert "revenue | column of daily" in seen["search"]["daily revenue"]
    assert seen["search"]["nothing like it"] == []
    assert seen["search"]["said"] == "Nothing found."


def test_the_search_is_a_combobox_for_the_keyboard(seen: dict[str, Any]) -> None:
    found = seen["search"]
    last = len(found["order"]) - 1
    assert found["arrows"] == ["site-search-0", "site-search-1", f"site-search-{last}"]
    assert (found["expanded"], found["axe"], found["closed"], found["left"]) == ("true", [], "false", ["", "BODY"])


def test_enter_opens_a_column_on_its_tables_page(seen: dict[str, Any]) -> None:
    assert seen["search"]["opened"] == "/models/spenders.html#column-email"
    assert seen["search"]["target"] is True


def test_the_catalog_filters_and_keeps_it_in_the_address(seen: dict[str, Any]) -> None:
    found = seen["catalog"]
    assert found["stale"] == ["store.orders", "spenders"]
    assert (found["city"], found["said"]) == (["daily", "best_city"], "2 of 14")
    assert (found["address"], found["address of all"]) == ("/catalog.html?q=city", "/catalog.html")


def test_sql_is_in_tabs_whose_lines_can_be_linked_to(seen: dict[str, Any]) -> None:
    found = seen["table"]
    assert (found["first tab"], found["second tab"]) == (["as-written-panel"], ["as-compiled-panel"])
    assert found["line"].startswith("select order_date, city, count(*)")


def test_a_ref_in_sql_leads_to_its_model(seen: dict[str, Any]) -> None:
    assert seen["table"]["followed"] == "/models/stg_orders.html"


def test_without_script_all_sql_is_there_and_no_dead_search_box(seen: dict[str, Any]) -> None:
    assert seen["table"]["without script"] == [False, True, True]
