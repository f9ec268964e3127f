"""Opens the lineage pages in a real Chromium as readers do, and prints as JSON what there was to see.

Run by the Python of tests/browser's own environment:
    python lineage_look.py CHROMIUM choose SCRIPT CASES.json      what selectors choose in the page
    python lineage_look.py CHROMIUM folders SITE                  the graph of a site with many models
    python lineage_look.py CHROMIUM lineage|columns SITE FOLDER   the pages of a site; pictures are left in FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from look import BEYOND, FLAGS, JUDGED, WIDTHS, opened, violations
from playwright.sync_api import Browser, Page, sync_playwright

CHOOSE = """([graphs, cases]) => cases.map(([graph, asked]) => {
  try {
    return { chosen: [...window.sluiceSelection.chosen(graphs[graph], asked)].sort() };
  } catch (error) {
    return { said: error.message, quiet: error.quiet, unknown: error.unknownMethod };
  }
})"""


def choose(browser: Browser, script: str, cases: str) -> list[dict[str, Any]]:
    """Returns what each case chooses, or what is said of it; all in one page."""
    page = browser.new_page()
    page.set_content("<title>Selectors</title>")
    page.add_script_tag(path=script)
    found: list[dict[str, Any]] = page.evaluate(CHOOSE, json.loads(Path(cases).read_text(encoding="utf-8")))
    return found


STATE = """() => Object.fromEntries([...document.querySelectorAll("#drawing a.node")].map((one) =>
  [one.querySelector(".name").textContent, [...one.classList].find((word) => ["fresh", "stale", "failed", "skipped", "missing"].includes(word))]))"""
TRANSFORM = "getComputedStyle(document.getElementById('drawing')).transform"
ROWS = "[...document.querySelectorAll('#rows tbody tr:not([hidden]) th')].map((one) => one.textContent)"


def wait(page: Page) -> None:
    page.wait_for_timeout(330)  # a selector is followed a quarter of a second after the last letter


def drawn(page: Page) -> dict[str, Any]:
    """Returns the names that are drawn with their states, what is said, and the rows of the table."""
    return {"nodes": page.evaluate(STATE), "said": page.inner_text("#said"), "rows": page.evaluate(ROWS)}


def asked(page: Page, select: str, exclude: str = "") -> dict[str, Any]:
    page.fill("#exclude", exclude)
    page.fill("#select", select)
    page.keyboard.press("Enter")
    return drawn(page)


def everywhere(browser: Browser, address: str, seen: dict[str, Any], folder: Path) -> None:
    """Opens a page in both schemes and widths: how far it is too wide, and what axe finds."""
    name = address.partition(".html")[0].rpartition("/")[2]
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            page = opened(browser, address, seen, viewport={"width": width, "height": 860}, color_scheme=scheme)
            wait(page)
            seen["overflow"][f"{name} {scheme}-{width}"] = page.evaluate(BEYOND)
            page.screenshot(path=folder / f"{name}-{scheme}-{width}.png")
            if f"{scheme}-{width}" in JUDGED:
                seen["axe"][f"{name} {scheme}-{width}"] = violations(page)
            page.context.close()


def touched(page: Page) -> list[str]:
    """Returns how the drawing lies before and after one finger moves it, and two fingers spread on it."""
    box = page.locator("#graph").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.8
    fingers = page.context.new_cdp_session(page)
    found = [page.evaluate(TRANSFORM)]
    for ways in ([[(0, 0), (30, 20)]], [[(-20, 0), (-60, 0)], [(20, 0), (60, 0)]]):
        for at, kind in enumerate(("touchStart", "touchMove")):
            points = [{"x": x + way[at][0], "y": y + way[at][1], "id": number} for number, way in enumerate(ways)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(60)
        found.append(page.evaluate(TRANSFORM))
    return found


def lineage(browser: Browser, site: str, folder: str) -> dict[str, Any]:
    """Returns what there is to see on the lineage page of the small shop."""
    seen: dict[str, Any] = {"console": [], "requests": [], "overflow": {}, "axe": {}}
    address = f"{Path(site, 'lineage.html').as_uri()}"
    everywhere(browser, f"{address}?select=daily+&node=daily", seen, Path(folder))
    page = opened(browser, address, seen, viewport={"width": 1280, "height": 860})
    seen["all"] = drawn(page)
    seen["legend"] = page.inner_text("ul.legend").split()
    seen["asked"] = {
        words: asked(page, *words.split(" ! "))
        for words in ("1+spenders", "+board ! stg_people+", "spendrs", "changed:main", "stale:", "failed:", "test_name:unique",
                      "source:store", "daily exposure:board")
    }  # fmt: skip
    asked(page, "spendrs")
    page.click("#said button")
    seen["mended"] = [page.input_value("#select"), drawn(page)["said"]]
    asked(page, "")
    page.fill("#select", "")
    page.locator("#select").press_sequentially("+spe")
    seen["offered"] = page.locator("#offers li").all_inner_texts()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    seen["taken"] = [page.input_value("#select"), page.evaluate("location.search"), sorted(drawn(page)["nodes"])]
    page.fill("#select", "config.materialized:v")
    seen["values"] = page.locator("#offers li").all_inner_texts()
    page.go_back()
    page.go_back()
    wait(page)
    seen["back"] = page.input_value("#select")
    asked(page, "")
    page.click("#drawing a.node:has-text('daily')")
    page.wait_for_selector("#panel .columns li")
    seen["panel"] = page.inner_text("#panel")
    seen["address"] = page.evaluate("location.search")
    seen["links"] = page.locator("#panel .columns a").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('href'))"
    )
    page.keyboard.press("Escape")
    seen["closed"] = [page.locator("#panel").is_hidden(), page.evaluate("document.activeElement.textContent")]
    page.mouse.move(1, 1)  # a node that comes to lie under it would be lit
    steps = []
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
        steps.append(page.evaluate("document.activeElement.textContent"))
    seen["keys"] = steps
    seen["lit"] = page.locator("#drawing.lit .node.on .name").all_text_contents()
    moves = [page.evaluate(TRANSFORM)]
    for act in (lambda: page.click("#zoom-in"), lambda: page.mouse.wheel(0, -200), lambda: page.click("#fit")):
        page.hover("#graph", position={"x": 40, "y": 300})
        act()
        page.wait_for_timeout(60)
        moves.append(page.evaluate(TRANSFORM))
    seen["moves"] = moves
    page.goto(f"{address}?select=%2Bdaily&exclude=source:*&node=stg_orders")
    seen["deep"] = {
        **drawn(page),
        "panel": page.inner_text("#panel h2"),
        "boxes": [page.input_value(f"#{one}") for one in ("select", "exclude")],
    }
    phone = opened(browser, address, seen, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    seen["touched"] = touched(phone)
    without = opened(browser, address, seen, java_script_enabled=False)
    seen["without"] = [
        without.locator("#ask").is_visible(),
        without.locator("#rows tbody tr").count(),
        without.locator("#rows").is_visible(),
    ]
    return seen


def folders(browser: Browser, site: str) -> dict[str, Any]:
    """Returns what is drawn of a project of many models: at first, with one folder unfolded, with all, and folded again."""
    seen: dict[str, Any] = {"console": [], "requests": []}
    page = opened(browser, Path(site, "lineage.html").as_uri(), seen, viewport={"width": 1280, "height": 860})
    names = "[...document.querySelectorAll('#drawing .node .name')].map((one) => one.textContent)"
    seen["first"] = page.evaluate(names)
    seen["spoken"] = page.locator("#drawing a.folder").first.get_attribute("aria-label")
    page.locator("#drawing a.folder").first.focus()
    page.keyboard.press("Enter")
    seen["one"] = len(page.evaluate(names))
    page.click("#fold")
    seen["all"] = len(page.evaluate(names))
    page.click("#fold")
    seen["again"] = page.evaluate(names)
    seen["rows"] = [page.locator("#rows tbody tr:not([hidden])").count(), page.inner_text("#counted")]
    asked(page, "m_0+")
    seen["few"] = [len(page.evaluate(names)), page.locator("#fold").is_visible()]
    return seen


def columns(browser: Browser, site: str, folder: str) -> dict[str, Any]:
    """Returns what there is to see on the way from a mart's column to the store, clicked through in the shop's site."""
    seen: dict[str, Any] = {"console": [], "requests": [], "overflow": {}, "axe": {}, "way": []}
    root = Path(site).as_uri()
    everywhere(browser, f"{root}/columns.html#column=clv.engagement_score", seen, Path(folder))
    page = opened(browser, f"{root}/lineage.html?select=%2Bclv&node=clv", seen, viewport={"width": 1400, "height": 900})
    page.click("#panel .columns a:text-is('engagement_score')")
    for step in ("int_user_sessions_aggregated.cart_session_count", "int_sessions_enriched.stage_order",
                 "stg_hbase__sessions.cart_contents{value}.quantity", "hbase.sessions.cart_contents{value}.quantity"):  # fmt: skip
        seen["way"].append(followed(page))
        page.click(f"#drawing a.step[aria-label='{step}']")
        page.wait_for_function("(step) => window.sluiceFollowed === step", arg=step)
    seen["way"].append(followed(page))
    seen["hash"] = page.evaluate("location.hash")
    page.go_back()
    page.wait_for_function("window.sluiceFollowed.startsWith('stg_hbase__sessions')")
    page.goto(f"{root}/columns.html#column=daily_sales.order_count")
    page.wait_for_function("window.sluiceFollowed === 'daily_sales.order_count'")
    seen["counted"] = followed(page)
    seen["dashboards"] = to_a_panel_and_back(page, root)
    page.goto(f"{root}/columns.html")
    page.fill("#table", "clv_tiers")
    page.keyboard.press("Enter")
    page.wait_for_selector("#columns a:text-is('tier_order')")
    seen["picked"] = [page.evaluate("location.hash"), page.inner_text("#said")]
    page.goto(f"{root}/columns.html#column=clv.nosuch")
    page.wait_for_function("document.getElementById('said').textContent.includes('nosuch')")
    seen["nosuch"] = page.inner_text("#said")
    return seen


def to_a_panel_and_back(page: Page, root: str) -> dict[str, Any]:
    """Returns what there is to see on the way from a cell of HBase to the chart that shows it, and from there to the cell."""

    def arrived(name: str) -> dict[str, Any]:
        page.wait_for_function("(name) => window.sluiceFollowed === name", arg=name)
        return followed(page)

    page.goto(f"{root}/columns.html#column=hbase.sessions.duration_seconds")
    seen: dict[str, Any] = {"store": arrived("hbase.sessions.duration_seconds")}
    page.click("#drawing a.step[aria-label='session_durations.duration_seconds']")
    arrived("session_durations.duration_seconds")
    page.click("#drawing a.step[aria-label='Session durations: Durations in figures: median_seconds']")
    seen["panel"] = arrived("sessions#1.median_seconds")
    seen["address"] = page.evaluate("location.hash")
    seen["axe"] = violations(page)
    page.click("#told a:text-is('the chart')")
    page.wait_for_selector("#panel-1")
    seen["chart"] = page.url.removeprefix(root)
    page.click("#panel-1 details.ways summary")
    seen["lines"] = page.locator("#panel-1 details.ways li").all_inner_texts()
    seen["axe"] += violations(page)
    page.click("#panel-1 details.ways a:text-is('median_seconds')")
    arrived("sessions#1.median_seconds")
    page.click("#drawing a.step[aria-label='hbase.sessions.duration_seconds']")
    seen["back"] = arrived("hbase.sessions.duration_seconds")["said"]
    page.goto(f"{root}/lineage.html?select=exposure:sessions&node=sessions")
    seen["ways"] = page.locator("#panel .ways a").first.inner_text()
    page.click("#panel a:text-is('Durations by device')")
    page.wait_for_selector("#panel-2")
    seen["second"] = page.url.removeprefix(root)
    return seen


def followed(page: Page) -> dict[str, Any]:
    """Returns what is said and drawn of a column."""
    page.wait_for_selector("#told section")
    return {
        "said": page.inner_text("#said"),
        "chosen": page.locator("#drawing .step.start text").all_text_contents(),
        "tables": sorted(page.locator("#drawing .table .name").all_text_contents()),
        "stored": page.locator("#drawing .table.stored .column").all_text_contents(),
        "told": page.inner_text("#told"),
    }


def main(program: str, what: str, *arguments: str) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        json.dump(
            {"choose": choose, "lineage": lineage, "folders": folders, "columns": columns}[what](browser, *arguments),
            sys.stdout,
        )
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
