"""Opens a dashboard in a real Chromium as readers do, and prints as JSON what there was to see.

python dashboards_look.py CHROMIUM SITE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from look import BEYOND, FLAGS, UNFOLD, opened, violations
from playwright.sync_api import Browser, Page, sync_playwright

PAGES = ("dashboards/index.html", "dashboards/shown.html")
SHOWN = "dashboards/shown.html"
# Of each picture that is seen: what it says, the least size of its letters in px, and how many marks have words.
PICTURES = """() => [...document.querySelectorAll('.plot')].map((plot) => {
  const seen = [...plot.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().width > 0);
  const scale = seen[0].getBoundingClientRect().width / seen[0].viewBox.baseVal.width;
  const sizes = [...seen[0].querySelectorAll('text')].map((one) => parseFloat(getComputedStyle(one).fontSize) * scale);
  return {seen: seen.length, label: seen[0].getAttribute('aria-label'), least: Math.min(...sizes),
          marks: seen[0].querySelectorAll('[data-label]').length};
})"""
# The contrast of words and marks in pictures with what is behind them, at least.
CONTRAST = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (color) => { const [r, g, b] = color.slice(0, 3).map((one) => { const c = one / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const against = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const card = rgb(getComputedStyle(document.querySelector('.panel.card')).backgroundColor);
  const of = (all, name) => Math.min(...all.map((one) => against(rgb(getComputedStyle(one)[name]), card)));
  const shown = [...document.querySelectorAll('.plot svg')].filter((svg) => svg.getBoundingClientRect().width > 0);
  const words = shown.filter((svg) => !svg.closest('#panel-4')).flatMap((svg) => [...svg.querySelectorAll('text')]);
  const marks = shown.filter((svg) => !svg.closest('#panel-4')).flatMap((svg) => [...svg.querySelectorAll('[data-label][fill]:not([opacity="0"])')]);
  return {words: of(words, 'fill'), marks: of(marks, 'fill')};
}"""


def read_by_keyboard(page: Page) -> list[str]:
    """Returns what is said of the marks that the arrow keys come to."""
    page.focus("#panel-2 .plot")
    said = []
    for key in ("ArrowRight", "ArrowRight", "End", "Home", "ArrowLeft"):
        page.keyboard.press(key)
        said.append(page.inner_text("#panel-2 .said"))
    page.keyboard.press("Escape")
    return [*said, str(page.is_visible("#panel-2 .said"))]


def look(browser: Browser, site: Path, folder: Path, seen: dict[str, Any]) -> None:
    for name in PAGES:
        for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 360), ("light", 768)):
            page = opened(
                browser, (site / name).as_uri(), seen, viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            where = f"{name} {scheme}-{width}"
            page.screenshot(path=folder / f"{Path(name).stem}-{scheme}-{width}.png", full_page=True)
            folded = page.evaluate(BEYOND)
            if name == SHOWN:
                seen["pictures"][f"{scheme}-{width}"] = page.evaluate(PICTURES)
                seen["contrast"][scheme] = page.evaluate(CONTRAST)
            page.evaluate(UNFOLD)
            seen["beyond"][where] = [folded, page.evaluate(BEYOND)]
            if width != 768:
                seen["axe"][where] = violations(page)
            page.context.close()
    page = opened(browser, (site / SHOWN).as_uri(), seen, viewport={"width": 1280, "height": 800})
    seen["keyboard"] = read_by_keyboard(page)
    page.hover("#panel-3 .size-440 [data-label]")
    seen["pointer"] = page.inner_text("#panel-3 .said")
    with page.expect_download() as download:
        page.click("#panel-3 .download a")
    seen["csv"] = [download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")]
    page.emulate_media(media="print")
    seen["printed"] = [one["seen"] for one in page.evaluate(PICTURES)]
    without = opened(browser, (site / SHOWN).as_uri(), seen, java_script_enabled=False)
    seen["without script"] = without.locator(".plot svg:visible").count()


def main(program: str, site: str, folder: str) -> None:
    seen: dict[str, Any] = {"console": [], "requests": [], "beyond": {}, "axe": {}, "pictures": {}, "contrast": {}}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        look(browser, Path(site), Path(folder), seen)
        browser.close()
    seen["requests"] = sorted({one for one in seen["requests"] if not one.startswith("file://")})
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
