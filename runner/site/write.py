"""Writes the site: all sections' pages into a new folder, which then takes the old one's place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from expectations.reports.page import style
from runner.errors import ProjectError
from runner.jinja.render import scrubbed
from runner.site import catalog, dashboards, graph, overview
from runner.site.facts import Facts
from runner.site.integration import section as integration
from runner.site.layout import HERE, rendered
from runner.site.page import Entry, File, Page
from runner.site.quality import section as quality
from runner.site.runs import section as runs

Section = Callable[[Facts], Iterable[Page | File]]
SECTIONS: tuple[Section, ...] = (
    overview.pages,
    catalog.pages,
    runs.pages,
    quality.pages,
    graph.pages,
    integration.pages,
    dashboards.pages,
)
FOLDER = "site"  # below the target folder


def write_site(facts: Facts, folder: Path | None = None) -> Path:
    """Writes the site and returns its first page.

    Args:
        folder: where; `target/site` by default. What a site before left there goes.

    Raises:
        ProjectError: the folder holds something that is no site, or the new site could not take its place.
    """
    place = folder or facts.project.files.target_folder / FOLDER
    if place.exists() and any(place.iterdir()) and not (place / "data" / "search.js").is_file():
        raise ProjectError(f"{place}: this folder holds something else than a site; name another one.")
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".site-", dir=place.parent))
    try:
        made.chmod(0o755)
        _write(facts, made)
        take_place(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place / "index.html"


def take_place(made: Path, place: Path) -> None:
    """Puts a folder in the place of another of the same parent, which is removed then.

    Raises:
        ProjectError: it could not be put there; the one before is there again.
    """
    old = made.with_name(f"{made.name}-old")
    try:
        if place.exists():
            place.rename(old)
        made.rename(place)
    except OSError as error:
        if old.exists() and not place.exists():
            old.rename(place)
        where = (
            f" The one before lies in {old}." if old.exists() else " The one before is there." if place.exists() else ""
        )
        raise ProjectError(
            f"{place}: the new site could not be put here: {error.strerror}.{where} Once that is mended: run docs"
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def _write(facts: Facts, folder: Path) -> None:
    parts = [part for section in SECTIONS for part in section(facts)]
    pages = [part for part in parts if isinstance(part, Page)]
    paths = frozenset(part.path for part in parts)
    common = {
        "project": facts.project.files.name,
        "target": facts.project.files.target.name,
        "written_at": facts.now,
    }
    for page in pages:
        _put(folder / page.path, scrubbed(rendered(page, pages=paths, common=common)).encode())
    for part in parts:
        if isinstance(part, File):
            _put(folder / part.path, part.content)
    _put(folder / "assets" / "base.css", style().encode())
    for path in sorted((HERE / "assets").iterdir()):
        _put(folder / "assets" / path.name, path.read_bytes())
    _put(folder / "data" / "search.js", scrubbed(_search(entry for page in pages for entry in page.entries)).encode())


def _search(entries: Iterator[Entry]) -> str:
    """Returns what a search finds as a script, since pages from a disk may not read files otherwise.

    Each entry is a list of its values, those that are empty at its end left out. A part of the page of the entry before
    it that is a page has an address of an anchor alone.
    """
    values = []
    page = None
    for entry in entries:
        path, mark, anchor = entry.address.partition("#")
        address = f"#{anchor}" if mark and path == page else entry.address
        if not mark:
            page = path
        row = [entry.kind, entry.name, address, entry.detail, entry.text]
        while not row[-1]:
            row.pop()
        values.append(row)
    return f"window.sluiceSearch = {json.dumps(values, ensure_ascii=False, separators=(',', ':'))};\n"


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)  # two sections never write the same page
    with os.fdopen(handle, "wb") as file:
        file.write(content)
