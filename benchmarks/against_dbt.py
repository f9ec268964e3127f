"""The whole shop built by us and by dbt Core with dbt-spark, the same models over the same landed tables, in one run.

    .venv/bin/python benchmarks/against_dbt.py [--sessions 20000] [--rounds 2]

In turns, each from an empty warehouse: `run models` (44 models and all their checks, before publishing), in a process
of its own and over a warm session that has built it once before; and `dbt build` without unit tests (the same models;
the data tests of property files, after publishing). dbt-spark's session method runs one thread. It runs twice: with Spark's and Delta's own
defaults, as `run dbt-project` writes it, and with the settings that ours uses for small data. Wall seconds of the
command, medians, and ratios to dbt.
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
from collections.abc import Callable
from pathlib import Path

from end_to_end import EDITED, ROOT, measure

OURS_FOR_DBT = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
}


def main() -> int:
    """Lands one shop, builds it in turns, prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="against-dbt-"))
    for name in EDITED:
        (folder / name).symlink_to(ROOT / name)
    for words in (("generate", "--sessions", str(arguments.sessions)), ("ingest",), ("dbt-project", "dbt")):
        _ours(folder, *words)
    shutil.copytree(folder / "dbt", folder / "dbt_small")
    _settle(folder, "dbt", {})
    _settle(folder, "dbt_small", OURS_FOR_DBT)
    ways: dict[str, Callable[[], float]] = {
        "run models": lambda: _models(folder, warm=False),
        "run models, warm session": lambda: _models(folder, warm=True),
        "dbt build": lambda: _dbt(folder / "dbt"),
        "dbt build, our Spark settings": lambda: _dbt(folder / "dbt_small"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(arguments.rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            seconds[name].append(ways[name]())
            print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    _ours(folder, "session", "stop")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print("| | seconds | of dbt build | of dbt build, our Spark settings |")
    print("|---|---:|---:|---:|")
    for name, value in medians.items():
        ratios = [value / medians[other] for other in ("dbt build", "dbt build, our Spark settings")]
        print(f"| {name} | {value:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    shutil.rmtree(folder)
    return 0


def _ours(folder: Path, *words: str) -> float:
    done = measure(folder, *words)
    if done.code:
        sys.exit(done.said)
    return done.seconds


def _settle(folder: Path, name: str, settings: dict[str, str]) -> None:
    """Gives a dbt project its own metastore and Spark settings."""
    path = folder / name / "spark" / "spark-defaults.conf"
    text = path.read_text(encoding="utf-8").replace(str(folder / "dbt" / "metastore"), str(folder / name / "metastore"))
    lines = {"spark.driver.memory": "4g", **settings}
    path.write_text(text + "".join(f"{key} {value}\n" for key, value in lines.items()), encoding="utf-8")


def _models(folder: Path, *, warm: bool) -> float:
    """Returns the seconds of `run models` from an empty warehouse; a warm session has built the shop once before."""
    os.environ["SLUICE_SESSION"] = "warm" if warm else "cold"
    if warm and not (folder / "target/session/dev.socket").exists():
        _empty(folder)
        _ours(folder, "models", "--force")
        _wait_for(folder / "target/session/dev.socket")
    _empty(folder)
    return _ours(folder, "models", "--force")


def _empty(folder: Path) -> None:
    """Removes what models have built; what was landed stays."""
    from runner.project.parse import load_project

    project = load_project(folder)
    landed = {table.table.schema for table in project.sources.values()}
    for schema in project.warehouse.iterdir():
        if schema.name not in landed:
            shutil.rmtree(schema)


def _wait_for(place: Path) -> None:
    deadline = time.monotonic() + 60
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _dbt(folder: Path) -> float:
    shutil.rmtree(folder / "metastore", ignore_errors=True)
    script = ROOT / "scripts" / "dbt-environment"
    dbt = Path(subprocess.run([script], env={**os.environ, "PYTHON": sys.executable}, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())  # fmt: skip
    environment = {**os.environ, "SPARK_CONF_DIR": str(folder / "spark"), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYSPARK_PYTHON": str(dbt.with_name("python"))}
    started = time.perf_counter()
    program = [str(dbt), "build", "--exclude", "test_type:unit", "--profiles-dir", "."]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-2000:])
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
