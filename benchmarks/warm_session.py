"""What the warm session saves: the same commands with a Spark of their own and with the one that is kept.

    python benchmarks/warm_session.py [--repeat 3]

Builds the demo's shop in a temporary folder, then runs each command cold and warm, in turns, and prints the medians, and
what the bare query takes in a session that is open already.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "from runner.cli import script; script()"
PARTS = ("models", "macros", "expectations", "sources.yml", "project.yml")
COMMANDS = (
    ["show", "clv", "--edited"],
    ["sql", "select count(*) from {{ ref('clv') }}"],
    ["models", "--select", "clv", "--force"],
    ["test", "clv"],
)


def run(folder: Path, arguments: list[str], *, session: str) -> float:
    """Returns the seconds that a command takes.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SLUICE_SESSION": session}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"run {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return time.perf_counter() - began


def wait_for(place: Path) -> None:
    """Waits until the process beside the session has imported all, at most a minute."""
    deadline = time.monotonic() + 60
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def bare_query(folder: Path) -> float:
    """Returns the seconds of the model's query in a session that is open, its second time."""
    from runner.cli.session import Command
    from runner.compile import compile_model, inputs_of
    from runner.warehouse import Warehouse

    os.environ["SLUICE_SESSION"] = "warm"
    command = Command(target=None, project_dir=folder, variables={})
    project = command.project()
    model = project.models["clv"]
    with command.spark() as spark:
        warehouse = Warehouse(spark, project.warehouse)
        for ref in inputs_of(project, model):
            warehouse.register(ref)
        sql = compile_model(project, model).sql
        for _ in range(2):
            began = time.perf_counter()
            spark.sql(sql).limit(10).collect()
            seconds = time.perf_counter() - began
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shop"
        folder.mkdir()
        for part in PARTS:
            source = ROOT / part
            ignore = shutil.ignore_patterns("*.py", "__pycache__")
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=ignore)
            else:
                shutil.copy(source, folder / part)
        run(folder, ["demo"], session="cold")
        run(folder, ["session", "start"], session="warm")
        try:
            print("| command | cold, s | warm, s | warm / cold |\n|---|---|---|---|")
            for command in COMMANDS:
                seconds: dict[str, list[float]] = {"cold": [], "warm": []}
                run(folder, command, session="warm")  # what the session compiles once
                wait_for(folder / "target/session/dev.socket")
                for _ in range(repeat):
                    for session, taken in seconds.items():
                        taken.append(run(folder, command, session=session))
                cold, warm = statistics.median(seconds["cold"]), statistics.median(seconds["warm"])
                print(f"| `run {' '.join(command)}` | {cold:.1f} | {warm:.1f} | {warm / cold:.2f} |", flush=True)
            print(f"\nThe query of clv alone, in an open session: {bare_query(folder):.2f} s")
        finally:
            run(folder, ["session", "stop"], session="warm")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
