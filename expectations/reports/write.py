"""Writes a report: the run's own folder, the newest run's, the page over all runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from expectations.reports.document import as_document
from expectations.reports.junit import as_junit
from expectations.reports.markdown import as_markdown
from expectations.reports.page import render_page, render_runs
from expectations.reports.runs import (
    LATEST,
    drop_oldest,
    folder_name,
    read_summaries,
    summary_of,
    write_summary,
)
from expectations.reports.values import Report

_NEW, _OLD = ".new-", ".old-"  # beginnings of names of what is being written and what is being removed
_LEFT = 3_600.0  # seconds after which such a thing is a killed run's
_TRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where a report stands.

    Attributes:
        page: the page of the run.
        latest: the same at a place that stays the same from run to run.
        runs: the page over all kept runs.
    """

    page: Path
    latest: Path
    runs: Path


def write_report(report: Report, folder: Path, *, clean: Callable[[str], str] = str) -> Written:
    """Writes `index.html`, `report.json`, `report.md` and `junit.xml` of a run, and the page over all runs.

    Each run has a folder of its own, which appears whole; the newest `runs.KEPT` stay.

    Args:
        clean: is given every text before it is written, to blot out secrets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    made = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
    try:
        made.chmod(0o755)
        _write_files(report, made, clean)
        place = folder / folder_name(report)
        _replace(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    copy = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
    try:
        shutil.copytree(place, copy, dirs_exist_ok=True)
        _replace(copy, folder / LATEST)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    runs = folder / "index.html"
    _write_whole(runs, render_runs(drop_oldest(folder, read_summaries(folder))))
    return Written(page=place / "index.html", latest=folder / LATEST / "index.html", runs=runs)


def _write_files(report: Report, folder: Path, clean: Callable[[str], str]) -> None:
    texts = {
        "report.json": json.dumps(as_document(report), indent=2, ensure_ascii=False) + "\n",
        "report.md": as_markdown(report),
        "junit.xml": as_junit(report),
        "index.html": render_page(report),
    }
    for name, text in texts.items():
        (folder / name).write_text(clean(text), encoding="utf-8")
    write_summary(summary_of(report), folder)


def _replace(made: Path, place: Path) -> None:
    """Puts a folder where another one may be, also while another run does the same."""
    for _ in range(_TRIES):
        try:
            made.rename(place)
            return
        except OSError:  # one is there
            old = Path(tempfile.mkdtemp(prefix=_OLD, dir=place.parent))
            with suppress(OSError):  # another run was faster
                place.rename(old / "old")
            shutil.rmtree(old, ignore_errors=True)
    raise OSError(f"{place}: the report cannot be put there: other runs write it all the time.")


def _clear_leftovers(folder: Path) -> None:
    """Removes what killed runs left half-written."""
    for path in [*folder.glob(f"{_NEW}*"), *folder.glob(f"{_OLD}*")]:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _write_whole(path: Path, text: str) -> None:
    """Writes a file so that nobody reads a half of it."""
    handle, name = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)
