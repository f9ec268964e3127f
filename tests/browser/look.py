"""Opens pages in a real Chromium as readers do, and prints as JSON what there was to see on each.

Run by the Python of tests/browser's own environment:
    python look.py CHROMIUM FOLDER PAGE.html …          pictures and a PDF of each page are left in FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDTHS = (360, 1280)
JUDGED = ("light-1280", "dark-360")  # by axe: each scheme and each layout once
UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
BEYOND = "document.documentElement.scrollWidth - innerWidth"


def opened(browser: Browser, address: str, seen: dict[str, Any], **settings: Any) -> Page:
    """Opens the page, and writes down each word on the console and each request besides the page itself."""
    page = browser.new_context(**settings).new_page()
    page.on("console", lambda message: seen["console"].append(message.text))
    page.on("pageerror", lambda error: seen["console"].append(str(error)))
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.goto(address, wait_until="load")
    return page


def violations(page: Page) -> list[str]:
    """Returns what axe finds. It does not fetch style sheets itself, which a page from a disk may not."""
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def searched(page: Page, words: str) -> dict[str, Any]:
    page.fill("#search", words)
    return {
        "said": page.inner_text("#found"),
        "tables": page.eval_on_selector_all(
            "details.suite:not([hidden])", "(all) => all.map((one) => one.dataset.name)"
        ),
        "rows": page.eval_on_selector_all("details.suite[open] tbody tr:not([hidden])", "(all) => all.length"),
    }


def look(browser: Browser, address: str, folder: Path) -> dict[str, Any]:
    """Returns what the console, the network, axe, a search, the keyboard and a printer say of a page."""
    seen: dict[str, Any] = {"console": [], "requests": [], "overflow": {}, "axe": {}, "backgrounds": {}}
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            name = f"{scheme}-{width}"
            page = opened(browser, address, seen, viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.screenshot(path=folder / f"{name}.png", full_page=True)
            seen["backgrounds"][scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
            folded = page.evaluate(BEYOND)
            page.evaluate(UNFOLD)
            seen["overflow"][name] = [folded, page.evaluate(BEYOND)]
            if name in JUDGED:
                seen["axe"][name] = violations(page)
            page.context.close()
    page = opened(browser, address, seen)
    seen["title"], seen["language"] = page.title(), page.get_attribute("html", "lang")
    seen["landmarks"] = [role for role in ("banner", "main", "contentinfo") if page.get_by_role(role).count() == 1]
    seen["images"] = [one.get_attribute("aria-label") for one in page.get_by_role("img").all()]
    page.pdf(path=folder / "page.pdf", prefer_css_page_size=True)
    seen["printed"] = [sheet.extract_text() for sheet in PdfReader(folder / "page.pdf").pages]
    if page.locator("a.skip").count():
        page.keyboard.press("Tab")
        first = page.evaluate("document.activeElement.className")
        page.keyboard.press("Enter")
        seen["skip"] = [first, page.evaluate("document.activeElement.id")]
    if page.locator("#search").count():
        seen["search"] = {words: searched(page, words) for words in ("slow", "clv", "no such check", "")}
        if page.locator("details.card").count():
            page.evaluate("location.hash = document.querySelector('details.card').id")
            page.wait_for_selector("details.card[open]", timeout=5_000)
            seen["revealed"] = True
        without = opened(browser, address, seen, java_script_enabled=False)
        seen["search_without_script"] = without.locator("#search").is_visible()
    return seen


def main(program: str, folder: str, *pages: str) -> None:
    found = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        for number, page in enumerate(pages):
            place = Path(folder, str(number))
            place.mkdir()
            found[page] = look(browser, Path(page).absolute().as_uri(), place)
        browser.close()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
