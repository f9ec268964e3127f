"""The reports' pages as readers meet them: in a real Chromium, from the disk, on a phone, in the dark, printed, read aloud."""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from expectations.reports.values import Observation, Report
from expectations.reports.write import write_report
from expectations.result import SuiteResult
from tests.expectations.reports.report_values import (
    AT,
    DAYS,
    FILES,
    FRESH,
    MATCHED,
    OLD,
    OTHERS,
    RUN,
    a_report,
    good,
)

LOOK = Path(__file__).with_name("look.py")
Seen = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seen(browser: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What there was to see on the page of a faulty run, on that of a clean one, and on the page over both."""
    folder = tmp_path_factory.mktemp("reports")
    compared = SuiteResult(model="matched", results=(MATCHED, dataclasses.replace(DAYS, status="pass", level="pass")))
    clean = Report(run=dataclasses.replace(RUN, run_id="clean", withheld=()), tables=(good(), compared))
    clean_page = write_report(clean, folder).page
    points = [
        Observation(run_id=f"r{n}", at=AT - datetime.timedelta(days=20 - n), value=float(n % 5), status="pass")
        for n in range(15)
    ]
    faulty = a_report(
        run=dataclasses.replace(RUN, finished_at=AT + datetime.timedelta(hours=1)),
        trends={"session_durations": tuple(points)},
        sources=(FRESH, OLD, FILES, OTHERS),
    )
    written = write_report(faulty, folder)
    pages = {"faulty": written.page, "clean": clean_page, "runs": written.runs}
    python, program = browser
    looked = tmp_path_factory.mktemp("looked")
    done = subprocess.run(
        [python, LOOK, program, looked, *pages.values()], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    return {name: found[str(path)] for name, path in pages.items()}


@pytest.mark.parametrize("page", ["faulty", "clean", "runs"])
def test_nothing_is_fetched_and_the_console_is_silent(seen: Seen, page: str) -> None:
    assert seen[page]["console"] == []
    assert len(set(seen[page]["requests"])) == 1  # the page itself, each time it was opened
    assert seen[page]["requests"][0].startswith("file:///")


@pytest.mark.parametrize("page", ["faulty", "clean", "runs"])
def test_it_fits_a_phone_folded_and_unfolded(seen: Seen, page: str) -> None:
    assert seen[page]["overflow"] == {
        f"{scheme}-{width}": [0, 0] for scheme in ("light", "dark") for width in (360, 1280)
    }


@pytest.mark.parametrize("page", ["faulty", "clean", "runs"])
def test_axe_finds_nothing(seen: Seen, page: str) -> None:
    assert seen[page]["axe"] == {"light-1280": [], "dark-360": []}


@pytest.mark.parametrize("page", ["faulty", "clean", "runs"])
def test_it_follows_the_readers_colour_scheme(seen: Seen, page: str) -> None:
    assert seen[page]["backgrounds"] == {"light": "rgb(247, 247, 245)", "dark": "rgb(20, 23, 26)"}


def test_a_screen_reader_hears_title_language_landmarks_and_charts(seen: Seen) -> None:
    found = seen["faulty"]
    assert (found["title"], found["language"]) == ("1 of 3 tables was not published: session_durations", "en")
    assert found["landmarks"] == ["banner", "main", "contentinfo"]
    assert [text.split(".")[0] for text in found["images"]] == [
        "Distribution of session_duration_seconds (s), n = 10,000; before, version 12 of 2024-03-30 08:00 UTC: n = 20,000",
        "Failing rows, as the check that names the cause measured it in the last 16 runs",
    ]


def test_the_keyboard_skips_to_what_is_wrong(seen: Seen) -> None:
    assert seen["faulty"]["skip"] == ["skip", "main"]


def test_the_search_box_filters_checks(seen: Seen) -> None:
    found = seen["faulty"]["search"]
    assert found["slow"] == {"said": "1 of 4 checks", "tables": ["clv"], "rows": 1}
    assert found["clv"] == {"said": "1 of 4 checks", "tables": ["clv"], "rows": 1}
    assert found["no such check"] == {"said": "0 of 4 checks", "tables": [], "rows": 0}
    assert found[""] == {"said": "", "tables": ["session_durations", "reported", "clv"], "rows": 0}


def test_a_link_to_a_folded_warning_unfolds_it(seen: Seen) -> None:
    assert seen["faulty"]["revealed"] is True


def test_without_script_there_is_no_dead_search_box(seen: Seen) -> None:
    assert seen["faulty"]["search_without_script"] is False


def test_the_first_printed_page_has_the_verdict_the_cause_and_what_to_do(seen: Seen) -> None:
    first = " ".join(seen["faulty"]["printed"][0].split())
    for text in (
        "1 of 3 tables was not published: session_durations",
        "values packed into a narrow band",
        "QCD = 0.01.",
        "Look at the grain.",
    ):
        assert text.lower() in first.lower(), text
    assert len(seen["clean"]["printed"]) == 1
