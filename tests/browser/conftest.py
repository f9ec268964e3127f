"""A small shop and its site, shared by the tests that look at pages; and what starts a script beside the browser."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.small_shop import NOW, write_small_shop

Look = Callable[..., Any]


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small project that runs have built; see `tests/browser/small_shop.py`. Not to be changed."""
    folder = tmp_path_factory.mktemp("small_shop")
    write_small_shop(folder)
    return folder


@pytest.fixture(scope="session")
def small_site(small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its site."""
    project = load_project(small_shop)
    facts = Facts(project=project, quality=load_quality(project), now=NOW)
    return write_site(facts, tmp_path_factory.mktemp("sites") / "site").parent


@pytest.fixture(scope="session")
def run_look(browser: tuple[Path, str]) -> Look:
    """Runs a script of this folder by the browser's own Python, with Chromium's path and further words; returns its JSON."""

    def run(script: str, *words: object) -> Any:
        python, program = browser
        done = subprocess.run(
            [python, Path(__file__).with_name(script), program, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run
