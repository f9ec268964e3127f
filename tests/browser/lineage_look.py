"""Opens the lineage pages in a real Chromium as readers do, and prints as JSON what there was to see.

Run by the Python of tests/browser's own environment:
    python lineage_look.py CHROMIUM choose SCRIPT CASES.json      what selectors choose in the page
    python lineage_look.py CHROMIUM look SITE FOLDER              the pages of a site; pictures are left in FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from look import FLAGS
from playwright.sync_api import Browser, sync_playwright

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


def main(program: str, what: str, *arguments: str) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        json.dump({"choose": choose}[what](browser, *arguments), sys.stdout)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
