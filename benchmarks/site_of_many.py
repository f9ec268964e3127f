"""The site of a synthetic project: seconds to write it, its size, and how it feels in a real Chromium.

    .venv/bin/python benchmarks/site_of_many.py [--models 1000] [--columns 20] [--keep FOLDER]

A third of the models, the marts, are Delta tables of 100 rows; all have three checks. The pages are opened from the disk, the
browser's cache is empty. Seconds are of this machine; run it while nothing else does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from parse_and_ls import write_project  # noqa: E402


def build_marts(root: Path) -> int:
    """Writes a Delta table for each mart, as if it had been built; returns how many."""
    import pyarrow as pa
    from deltalake import write_deltalake

    from runner.project.parse import load_project

    project = load_project(root)
    written: dict[tuple[str, ...], Path] = {}
    number = 0
    for model in project.models.values():
        if model.config.materialized == "view":
            continue
        names = tuple(column.name for column in model.columns)
        path = model.table.path(project.warehouse)
        if names not in written:
            write_deltalake(str(path), pa.table({name: list(range(100)) for name in names}))
            written[names] = path
        else:
            shutil.copytree(written[names], path)
        number += 1
    return number


def write_site_of(root: Path) -> float:
    """Writes the site by the command, as people do; returns the seconds that took."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from runner.cli import script; script()", "docs"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def looked_at(site: Path) -> Mapping[str, Any]:
    """Returns what a real Chromium says of the site, in milliseconds; empty where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        return {}
    made = subprocess.run(
        [ROOT / "scripts" / "side-environment", "browser"],
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    python = Path(made.stdout.strip()) / "bin" / "python"
    done = subprocess.run(
        [python, ROOT / "benchmarks" / "site_of_many_look.py", program, site],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="a folder for the project and its site, which stay there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = asked.keep or Path(scratch)
        write_project(root, asked.models, columns=asked.columns)
        tables = build_marts(root)
        print(f"{asked.models:,} models x {asked.columns} columns, {tables:,} of them Delta tables\n", flush=True)
        for word in ("first", "again"):
            print(f"| run docs, {word} | {write_site_of(root):.1f} s |", flush=True)
        site = root / "target" / "site"
        sizes = [path.stat().st_size for path in site.rglob("*") if path.is_file()]
        print(f"| size | {sum(sizes) / 1e6:.1f} MB in {len(sizes):,} files |")
        for what, figure in looked_at(site).items():
            print(f"| {what} | {figure} |")


if __name__ == "__main__":
    main()
