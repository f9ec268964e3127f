"""A run writes the site at its end, and a fault of the site is no fault of the run. No Spark: nothing is to be done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.cli import main
from tests.runner.state.conftest import Settled, settled

__all__ = ["settled"]
Build = Callable[[], tuple[int, list[str]]]


@pytest.fixture
def build(capsys: pytest.CaptureFixture[str], settled: Settled) -> Build:
    def call() -> tuple[int, list[str]]:
        with pytest.raises(SystemExit) as ended:
            main(["build", "totals", "--project-dir", str(settled.root)])
        return int(ended.value.code or 0), capsys.readouterr().err.splitlines()

    return call


def test_a_build_says_where_the_site_is(settled: Settled, build: Build) -> None:
    code, said = build()
    assert (code, said[-1]) == (0, "     Site: target/site/index.html")
    text = (settled.root / "target/site/index.html").read_text(encoding="utf-8")
    assert "All 4 tables stand as they should" in text


def test_a_build_that_changes_nothing_leaves_the_site_as_it_is(settled: Settled, build: Build) -> None:
    build()
    page = settled.root / "target/site/index.html"
    before = page.stat().st_ino
    code, said = build()
    assert (code, said[-1].endswith(" s: 1 reused; --force builds them again.")) == (0, True)
    assert page.stat().st_ino == before


def test_a_site_that_cannot_be_written_is_said_and_fails_nothing(settled: Settled, build: Build) -> None:
    folder = settled.root / "target/site"
    folder.mkdir(parents=True)
    (folder / "letter.txt").touch()
    code, said = build()
    assert (code, said[-1]) == (
        0,
        f"run: warning: the site could not be written: {folder}: this folder holds something else than a site; "
        "name another one. Once that is mended: run docs",
    )
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_a_fault_of_the_site_itself_is_said_and_fails_nothing(
    settled: Settled, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(facts: object) -> list[object]:
        raise ValueError("no page for you")

    monkeypatch.setattr("runner.site.write.SECTIONS", (broken,))
    code, said = build()
    assert (code, said[-1]) == (
        0,
        "run: warning: the site could not be written: no page for you. Once that is mended: run docs",
    )
