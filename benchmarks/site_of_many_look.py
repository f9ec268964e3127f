"""Opens a large site in a real Chromium and prints as JSON how long things take there, in milliseconds.

Run by the Python of tests/browser's own environment:
    python site_of_many_look.py CHROMIUM SITE
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "browser"))

from look import FLAGS

# From the beginning of the navigation until everything is loaded, and laid out once.
LOADED = """() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const entry = performance.getEntriesByType("navigation")[0];
  document.body.getBoundingClientRect();
  done(Math.max(entry.loadEventEnd, entry.domComplete));
})))"""
# A letter typed into the search: its handler, and the layout of what it shows.
TYPED = """(words) => {
  const box = document.getElementById("site-search-box");
  const started = performance.now();
  box.value = words;
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - started;
}"""
WORDS = (
    "model_77",
    "measure_3_1",
    "when the row last changed",
    "updated_at",
    "euros",
    "cents amount",
    "step 7 of the model",
)


def loaded(browser: Browser, address: str) -> tuple[float, Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address, wait_until="load")
    return page.evaluate(LOADED), page


def opening(browser: Browser, site: Path, name: str) -> str:
    times = []
    for _ in range(3):
        took, page = loaded(browser, (site / name).as_uri())
        times.append(took)
        page.context.close()
    return f"{statistics.median(times):.0f} ms"


def searching(browser: Browser, site: Path) -> dict[str, str]:
    _, page = loaded(browser, (site / "catalog.html").as_uri())
    page.evaluate("window.asked = performance.now(); document.getElementById('site-search-box').value = 'a'")
    page.focus("#site-search-box")
    page.wait_for_selector("#site-search-list [role=option]")
    index = page.evaluate("performance.now() - window.asked")
    times = [page.evaluate(TYPED, word[:end]) for word in WORDS for end in range(1, len(word) + 1)]
    times.sort()
    return {
        "search: from its first use to the first results": f"{index:.0f} ms",
        f"search: a keystroke, median of {len(times)}": f"{statistics.median(times):.1f} ms",
        "search: a keystroke, the slowest": f"{times[-1]:.1f} ms",
    }


# What a person does with the graph: choose by a selector (until it is drawn and laid out), and move it for 60 frames.
CHOSEN = """(selector) => {
  const box = document.getElementById("select");
  const started = performance.now();
  box.value = selector;
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - started;
}"""
FRAMES = """() => new Promise((done) => {
  const frame = document.getElementById("graph");
  const times = [];
  let last = performance.now();
  const step = (now) => {
    times.push(now - last);
    last = now;
    const key = times.length % 20 < 10 ? "ArrowRight" : "ArrowLeft";
    frame.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true, bubbles: true, cancelable: true }));
    if (times.length < 60) requestAnimationFrame(step);
    else done(times.slice(3).sort((one, other) => one - other));
  };
  requestAnimationFrame(step);
})"""


def lineage(browser: Browser, site: Path) -> dict[str, str]:
    _, page = loaded(browser, (site / "lineage.html").as_uri())
    found = {"lineage: the first drawing, of folders": drawing(page)}
    found["lineage: a frame while it moves, median and 95th of 100"] = frames(page)
    page.click("#fold")
    found["lineage: everything unfolded"] = drawing(page)
    found["lineage: a frame of everything while it moves"] = frames(page)
    for selector in ("+model_990", "1+model_500+1", "tag:mart"):
        found[f"lineage: {selector} typed and drawn"] = f"{page.evaluate(CHOSEN, selector):.0f} ms"
    return found


def drawing(page: Page) -> str:
    drawn = page.evaluate("window.sluiceDrawn")
    return f"{drawn['milliseconds']:.0f} ms, {drawn['nodes']:,} boxes and {drawn['edges']:,} lines"


def frames(page: Page) -> str:
    times = page.evaluate(FRAMES)
    return f"{statistics.median(times):.0f} ms, {times[int(len(times) * 0.95)]:.0f} ms"


def main(program: str, folder: str) -> None:
    site = Path(folder).absolute()
    found: dict[str, Any] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        some = sorted((site / "models").glob("*.html"))[-1]
        for name in ("index.html", "catalog.html", "lineage.html", f"models/{some.name}"):
            found[f"{name} is open"] = opening(browser, site, name)
        found |= searching(browser, site)
        found |= lineage(browser, site)
        browser.close()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
