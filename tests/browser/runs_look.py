"""Opens the first page and those of runs and quality in a real Chromium, zooms a timeline, and prints as JSON what there was to see.

python runs_look.py CHROMIUM SITE RUN
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from look import BEYOND, FLAGS, UNFOLD, opened, violations
from playwright.sync_api import Browser, Page, sync_playwright


def look_at_pages(browser: Browser, site: Path, names: list[str], seen: dict[str, Any]) -> None:
    for name in names:
        found: dict[str, Any] = {}
        for scheme, width in (("light", 1280), ("dark", 360)):
            page = opened(
                browser, (site / name).as_uri(), seen, viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            folded = page.evaluate(BEYOND)
            page.evaluate(UNFOLD)
            found[f"{scheme}-{width}"] = {"beyond": [folded, page.evaluate(BEYOND)], "axe": violations(page)}
            page.context.close()
        seen["pages"][name] = found


def state(page: Page) -> dict[str, Any]:
    """Returns what the timeline shows: the seconds at its edges in words, its axis, how wide the lanes are drawn."""
    return {
        "said": page.inner_text(".zooming output"),
        "axis": page.eval_on_selector_all("svg.axis text", "(all) => all.map((one) => one.textContent)"),
        "widths": sorted(
            set(page.eval_on_selector_all("svg.lane .span", "(all) => all.map((one) => one.getAttribute('width'))"))
        ),
        "disabled": page.eval_on_selector_all(
            ".zooming button:disabled", "(all) => all.map((one) => one.dataset.zoom)"
        ),
    }


def timeline(browser: Browser, address: str, seen: dict[str, Any]) -> dict[str, Any]:
    page = opened(browser, address, seen, viewport={"width": 1280, "height": 800})
    found: dict[str, Any] = {"whole": state(page)}
    page.click("button[data-zoom=in]")
    found["in"] = state(page)
    page.keyboard.press("ArrowRight")
    found["right"] = state(page)
    page.keyboard.press("0")
    found["again"] = state(page)
    found["stages"] = page.eval_on_selector_all(
        "table.gantt tbody tr.chain rect.stage",
        "(all) => all.map((one) => [one.querySelector('title').textContent, Math.round(one.getBoundingClientRect().width) > 0])",
    )
    found["spoken"] = [one.get_attribute("aria-label") for one in page.locator("[role=img]").all()]
    page.context.close()
    without = opened(browser, address, seen, java_script_enabled=False)
    found["without script"] = [without.locator(".zooming").is_visible(), without.locator("svg.lane rect").count()]
    without.context.close()
    return found


def followed(browser: Browser, site: Path, seen: dict[str, Any]) -> list[str]:
    """Returns the headings on a reader's way: what is broken, its checks, the run of its last result, that run's report."""
    page = opened(browser, (site / "index.html").as_uri(), seen)
    found = [page.inner_text("h1")]
    page.click("text=its checks run by run")
    found.append(page.inner_text("h1"))
    page.locator("#checks ~ ul summary").first.click()
    page.locator("#checks ~ ul details a").first.click()
    found.append(page.inner_text("h1"))
    page.click("text=Its validation report")
    found.append(page.inner_text("h1"))
    page.click("text=all runs")
    found.append(page.inner_text("h1"))
    page.context.close()
    return found


def main(program: str, site: str, run: str) -> None:
    folder = Path(site)
    seen: dict[str, Any] = {"console": [], "requests": [], "pages": {}}
    names = ["index.html", "runs/index.html", run, "quality/index.html", "quality/tables/totals.html"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        look_at_pages(browser, folder, names, seen)
        seen["timeline"] = timeline(browser, (folder / run).as_uri(), seen)
        seen["followed"] = followed(browser, folder, seen)
        browser.close()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
