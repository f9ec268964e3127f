"""Generate, land, build and check a shop end to end; prints seconds, rates and the peak memory of all its processes.

    .venv/bin/python benchmarks/end_to_end.py [--sessions 1000000] [--keep FOLDER]

Works in a temporary folder with this project's models. Memory is the sum of resident memory over the command's process
tree (the runner, the JVM, Spark's Python workers), sampled twice a second; pages that processes share count in each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EDITED = ("models", "macros", "sources.yml", "project.yml", "expectations")
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: wall seconds, the sum of resident bytes at its worst, and how it ended."""

    seconds: float
    peak_bytes: int
    code: int
    said: str


def children(pid: int) -> list[int]:
    """Returns a process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in task.read_text().split() for one in children(int(child))]
        except OSError:
            continue
    return found


def resident(pid: int) -> int:
    """Returns the resident bytes of a process tree."""
    total = 0
    for one in children(pid):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


def measure(folder: Path, *arguments: str) -> Measured:
    """Runs a command of the project in `folder`."""
    started = time.perf_counter()
    program = [sys.executable, "-c", "from runner.cli import script; script()", *arguments]
    process = subprocess.Popen(program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = process.communicate()
    watcher.join()
    return Measured(time.perf_counter() - started, peak, process.returncode, said)


def main() -> int:
    """Runs the three commands and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--profile", default="realistic")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in EDITED:
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        print(f"| command, {options.sessions:,} sessions, {options.profile} | seconds | peak memory | exit |")
        print("|---|---|---|---|")
        codes = []
        for arguments in (
            ["generate", "--sessions", str(options.sessions), "--profile", options.profile],
            ["ingest"],
            ["build"],
        ):
            found = measure(folder, *arguments)
            codes.append(found.code)
            print(
                f"| `run {' '.join(arguments)}` | {found.seconds:.0f} | {found.peak_bytes / 2**30:.1f} GiB | {found.code} |",
                flush=True,
            )
            (folder / f"{arguments[0]}.log").write_text(found.said, encoding="utf-8")
            if found.code == 2:
                print(found.said)
                return 1
        results = json.loads((folder / "target/run_results.json").read_text(encoding="utf-8"))["results"]
        slowest = sorted(results, key=lambda one: -one["execution_time"])[:8]
        print("\nSlowest models, each beside others on the same cores: ", end="")
        print(
            ", ".join(f"{one['unique_id'].rsplit('.', 1)[-1]} {one['execution_time']:.0f} s" for one in slowest) + "."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
