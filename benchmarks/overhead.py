"""What the runner costs over bare `spark.sql` of the same statements, in one Spark session; prints a table in Markdown.

    .venv/bin/python benchmarks/overhead.py [--sessions 20000] [--rounds 5]

One shop is simulated and landed. Then, in turns, all models are built twice over: bare (each compiled statement by
`spark.sql(…).write.format("delta").save(…)`, registered under its name; views by `create view`), and by the runner
with one thread and no checks (candidate, publishing commit, metadata, state). The order of the two changes from round
to round, the first round warms up and does not count. Overhead is runner / bare - 1, of the medians.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from end_to_end import EDITED, ROOT, measure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from runner.project.parse import Project


def main() -> int:
    """Simulates, lands, builds both ways in turns, prints seconds by model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="overhead-"))
    for name in EDITED:
        (folder / name).symlink_to(ROOT / name)
    for words in (("generate", "--sessions", str(arguments.sessions)), ("ingest",)):
        done = measure(folder, *words)
        if done.code:
            sys.exit(done.said)
    from runner.session.spark import spark_session

    spark = spark_session("overhead", scratch=folder / "scratch", small=True)
    bare: dict[str, list[float]] = {}
    ours: dict[str, list[float]] = {}
    for number in range(arguments.rounds + 1):
        turns = [(_bare, bare), (_runner, ours)]
        for build, into in turns if number % 2 else turns[::-1]:
            seconds = build(spark, folder)
            if number:
                for name, value in seconds.items():
                    into.setdefault(name, []).append(value)
    spark.stop()
    _tell(bare, ours)
    shutil.rmtree(folder)
    return 0


def _tell(bare: Mapping[str, list[float]], ours: Mapping[str, list[float]]) -> None:
    print("| model | bare, s | runner, s | overhead |")
    print("|---|---:|---:|---:|")
    lines = {name: (statistics.median(bare[name]), statistics.median(ours[name])) for name in bare}
    for name, (one, other) in sorted(lines.items(), key=lambda line: -line[1][1]):
        print(f"| {name} | {one:.2f} | {other:.2f} | {100 * (other / one - 1):+.0f} % |")
    one, other = sum(line[0] for line in lines.values()), sum(line[1] for line in lines.values())
    print(f"| all {len(lines)} | {one:.2f} | {other:.2f} | {100 * (other / one - 1):+.1f} % |")


def _place(spark: SparkSession, folder: Path) -> Project:
    """Returns the project over a new warehouse that holds the landed tables alone; the session knows none of them."""
    from dataclasses import replace

    from runner.project.parse import load_project

    project = load_project(folder)
    target = replace(project.files.target, warehouse=folder / f"warehouse-{uuid.uuid4().hex[:8]}")
    for table in project.sources.values():
        shutil.copytree(table.table.path(project.warehouse), table.table.path(target.warehouse))
    for schema in {row.namespace for row in spark.sql("show schemas").collect()} - {"default"}:
        spark.sql(f"drop schema `{schema}` cascade")
    return replace(project, files=replace(project.files, target=target))


def _bare(spark: SparkSession, folder: Path) -> dict[str, float]:
    from runner.compile import compile_model

    project = _place(spark, folder)
    for schema in {node.table.schema for node in project.nodes()}:
        spark.sql(f"create schema if not exists `{schema}`")
    for table in project.sources.values():
        path = table.table.path(project.warehouse)
        spark.sql(f"create table {table.table.quoted()} using delta location '{path}'")
    seconds = {}
    for node in project.graph.order:
        model = project.buildable.get(node)
        if model is None or model.language != "sql" or model.config.materialized == "ephemeral":
            continue
        started = time.perf_counter()
        sql = compile_model(project, model).sql
        if model.config.materialized == "view":
            spark.sql(f"create view {model.table.quoted()} as {sql}")
        else:
            path = model.table.path(project.warehouse)
            spark.sql(sql).write.format("delta").partitionBy(*model.config.partition_by).save(str(path))
            spark.sql(f"create table {model.table.quoted()} using delta location '{path}'")
        seconds[model.name] = time.perf_counter() - started
    shutil.rmtree(project.warehouse)
    return seconds


def _runner(spark: SparkSession, folder: Path) -> dict[str, float]:
    from runner.build import Builder, BuildOptions
    from runner.quality import load_quality

    project = _place(spark, folder)
    options = BuildOptions(threads=1, checked=False)
    builder = Builder(project, load_quality(project), spark, run_id=str(uuid.uuid4()), options=options)
    nodes = [
        node
        for node in project.graph.order
        if (model := project.buildable.get(node))
        and model.language == "sql"
        and model.config.materialized != "ephemeral"
    ]
    results = builder.run(nodes)
    failed = [result.message for result in results if result.stops]
    if failed:
        sys.exit("\n".join(failed))
    shutil.rmtree(project.warehouse)
    return {project.buildable[result.unique_id].name: result.seconds for result in results}


if __name__ == "__main__":
    raise SystemExit(main())
