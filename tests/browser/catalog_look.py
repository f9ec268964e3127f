"""Opens the catalog of a small site in a real Chromium, uses it as readers do, and prints as JSON what there was to see.

python catalog_look.py CHROMIUM SITE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from look import BEYOND, FLAGS, UNFOLD, opened, violations
from playwright.sync_api import Browser, Page, sync_playwright

PAGES = ("catalog.html", "models/daily.html", "models/refunds.html", "sources/store.people.html", "macros/euros.html",
         "exposures/board.html", "groups/sellers.html", "checks/no_day_is_empty.html", "analyses/best_city.html")  # fmt: skip
JUDGED = {
    **dict.fromkeys(PAGES[:2], (1280, 360)),
    **dict.fromkeys(PAGES[2:6], (360,)),
}  # by axe; the others look like the last
BOX = "#site-search-box"


def options(page: Page) -> list[str]:
    """Returns the names in the list of the search, with their kinds."""
    return page.eval_on_selector_all(
        "#site-search-list [role=option]",
        "(all) => all.map((one) => one.querySelector('.name').textContent + ' | ' + one.querySelector('.kind').textContent)",
    )


def searched(page: Page, words: str) -> list[str]:
    page.fill(BOX, words)
    page.wait_for_function("document.querySelector('#site-search [role=status]').textContent !== ''")
    return options(page)


def look_at_pages(browser: Browser, site: Path, seen: dict[str, Any]) -> None:
    for scheme, width in (("light", 1280), ("dark", 360)):
        view = {"width": width, "height": 800}
        page = opened(browser, (site / PAGES[0]).as_uri(), seen, viewport=view, color_scheme=scheme)
        for name in PAGES:
            page.goto((site / name).as_uri(), wait_until="load")
            folded = page.evaluate(BEYOND)
            page.evaluate(UNFOLD)
            judged = violations(page) if width in JUDGED.get(name, ()) else []
            found = {"beyond": [folded, page.evaluate(BEYOND)], "axe": judged}
            seen["pages"].setdefault(name, {})[f"{scheme}-{width}"] = found
        page.context.close()


def search(browser: Browser, site: Path, seen: dict[str, Any]) -> dict[str, Any]:
    page = opened(browser, (site / "models/daily.html").as_uri(), seen)
    found: dict[str, Any] = {}
    loaded = "document.querySelectorAll('script[src$=\"data/search.js\"]').length"
    found["loaded before"] = page.evaluate(loaded)
    page.keyboard.press("/")
    found["focus"] = page.evaluate("document.activeElement.id")
    found["loaded after"] = page.evaluate(loaded)
    for words in (
        "dai",
        "order_date",
        "spenders.per",
        "euros",
        "till",
        "group by all",
        "daily revenue",
        "nothing like it",
    ):
        found[words] = searched(page, words)
    found["said"] = page.inner_text("#site-search [role=status]")
    found["order"] = searched(page, "order")
    found["expanded"] = page.get_attribute(BOX, "aria-expanded")
    first = page.get_attribute(BOX, "aria-activedescendant")
    page.keyboard.press("ArrowDown")
    second = page.get_attribute(BOX, "aria-activedescendant")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    found["arrows"] = [first, second, page.get_attribute(BOX, "aria-activedescendant")]
    found["axe"] = violations(page)
    page.keyboard.press("Escape")
    found["closed"] = page.get_attribute(BOX, "aria-expanded")
    page.keyboard.press("Escape")
    found["left"] = [page.input_value(BOX), page.evaluate("document.activeElement.tagName")]
    page.keyboard.press("/")
    searched(page, "spenders email")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    found["opened"] = page.url.removeprefix(site.as_uri())
    found["target"] = page.evaluate("document.querySelector(':target').textContent.includes('email')")
    return found


def catalog(browser: Browser, site: Path, seen: dict[str, Any]) -> dict[str, Any]:
    page = opened(browser, (site / "catalog.html").as_uri() + "?state=stale", seen)
    shown = "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent)"
    found: dict[str, Any] = {"stale": page.eval_on_selector_all("table.tables tbody th a", shown)}
    page.select_option("#filter-state", "")
    page.fill("#filter-words", "city")
    found["city"] = page.eval_on_selector_all("table.tables tbody th a, ul.list a", shown)
    found["said"] = page.inner_text("#filter-said")
    found["address"] = page.url.removeprefix(site.as_uri())
    page.fill("#filter-words", "")
    found["address of all"] = page.url.removeprefix(site.as_uri())
    return found


def table(browser: Browser, site: Path, seen: dict[str, Any]) -> dict[str, Any]:
    page = opened(browser, (site / "models/daily.html").as_uri(), seen)
    panels = "(all) => all.filter((one) => !one.hidden).map((one) => one.id)"
    found: dict[str, Any] = {"first tab": page.eval_on_selector_all("[role=tabpanel]", panels)}
    page.focus("[role=tab][aria-selected=true]")
    page.keyboard.press("ArrowRight")
    found["second tab"] = page.eval_on_selector_all("[role=tabpanel]", panels)
    page.evaluate("location.hash = 'code-2'")
    page.wait_for_function("!document.getElementById('as-written-panel').hidden")
    found["line"] = page.evaluate("document.querySelector(':target').textContent.trim()")
    check = "check-expect_column_values_to_be_between.revenue"
    page.evaluate(f"location.hash = '{check}'")
    page.wait_for_function(f"document.getElementById('{check}').open")
    with page.expect_navigation():
        page.click("#code-3 a >> nth=-1")
    found["followed"] = page.url.removeprefix(site.as_uri())
    without = opened(browser, (site / "models/daily.html").as_uri(), seen, java_script_enabled=False)
    found["without script"] = [without.locator(one).is_visible() for one in ("#site-search", "#code-1", "#compiled-1")]
    return found


def main(program: str, folder: str) -> None:
    site = Path(folder)
    seen: dict[str, Any] = {"console": [], "requests": [], "pages": {}}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        look_at_pages(browser, site, seen)
        for part in (search, catalog, table):
            seen[part.__name__] = part(browser, site, seen)
        browser.close()
    seen["requests"] = sorted({one for one in seen["requests"] if not one.startswith((site.as_uri(), "data:"))})
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
