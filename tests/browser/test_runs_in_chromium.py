"""The first page, runs and quality as readers meet them: in a real Chromium, on a phone, in the dark, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.runner.site.story import site, story

Look = Callable[..., Any]
RUN = "runs/44444444.html"
PAGES = ("index.html", "runs/index.html", RUN, "quality/index.html", "quality/tables/totals.html")


@pytest.fixture(scope="module")
def seen(run_look: Look, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_look("runs_look.py", site(story(tmp_path_factory.mktemp("story"))), RUN)


def test_nothing_is_fetched_and_the_console_is_silent(seen: Any) -> None:
    assert seen["console"] == []
    assert {address.partition(":")[0] for address in seen["requests"]} <= {"file", "data"}


@pytest.mark.parametrize("page", PAGES)
def test_it_fits_a_phone_and_axe_finds_nothing(seen: Any, page: str) -> None:
    nothing = {"beyond": [0, 0], "axe": []}
    assert seen["pages"][page] == {"light-1280": nothing, "dark-360": nothing}


def test_the_timeline_zooms_by_button_and_keyboard(seen: Any) -> None:
    found = seen["timeline"]
    assert found["whole"] == {
        "said": "",
        "axis": ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s"],
        "widths": ["100%"],
        "disabled": ["out", "left", "right", "all"],
    }
    assert (found["in"]["said"], found["in"]["widths"]) == ("6.4 to 19.1 s of 25.5 s", ["200%"])
    assert found["right"]["said"] == "9.6 to 22.3 s of 25.5 s"
    assert found["right"]["axis"] == ["10 s", "15 s", "20 s"]
    assert found["again"] == found["whole"]


def test_stages_are_drawn_and_said(seen: Any) -> None:
    found = seen["timeline"]
    assert found["stages"] == [
        ["write 1.05 s", True],
        ["checks 0.375 s", True],
        ["publish 0.075 s", True],
        ["write 16.8 s", True],
        ["checks 6 s", True],
        ["publish 1.2 s", True],
    ]
    assert found["spoken"][1] == (
        "stg_orders: ready after 0 s, took 1.5 s: write 1.05 s, checks 0.375 s, publish 0.075 s"
    )


def test_without_a_script_the_timeline_stands_and_no_button_is_dead(seen: Any) -> None:
    visible, drawn = seen["timeline"]["without script"]
    assert (visible, drawn) == (False, 6)


def test_a_reader_goes_from_what_is_broken_to_the_report_and_back(seen: Any) -> None:
    assert seen["followed"] == [
        "totals is broken, 1 waits for it",
        "Checks of totals",
        "run build",
        "The one table was not published: totals",
        "Quality",
    ]
