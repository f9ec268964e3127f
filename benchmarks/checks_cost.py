"""What the checks of all models cost on top of an unchecked build, and against Great Expectations' own engine.

    .venv/bin/python benchmarks/checks_cost.py [--sessions 20000] [--rounds 3] [--threads 1] [--no-engine] [--profile FILE]

One shop is simulated and landed. All models are built in one Spark session, unchecked and checked in turns, each time
anew; the first round warms up and does not count. Cost is checked / unchecked - 1, of the medians: of seconds of the clock,
and of processor seconds (this process and its JVM, from Linux's /proc), which other work on the machine stretches less.

Then the same suites judge the published tables: by the one pass, by the one pass with Spark alone, and by Great
Expectations with its default settings (one suite, one batch, which it persists; its engine computes the aggregates over the
batch in one bundle, by itself). Printed are seconds, Spark jobs as Spark counts them, and where the verdicts differ.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from end_to_end import EDITED, ROOT, children, measure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from runner.execute import NodeResult
    from runner.project.parse import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One suite over one table: seconds, Spark jobs, and whether each expectation passed."""

    seconds: float
    jobs: int
    verdicts: tuple[bool, ...]


def main() -> int:
    """Simulates, lands, builds in turns, judges both ways; prints tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-engine", action="store_true", help="leave Great Expectations' own engine out")
    parser.add_argument("--profile", type=Path, help="where to write a profile of one checked build in Python")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="checks-cost-"))
    for name in EDITED:
        (folder / name).symlink_to(ROOT / name)
    for words in (("generate", "--sessions", str(arguments.sessions)), ("ingest",)):
        done = measure(folder, *words)
        if done.code:
            sys.exit(done.said)
    from runner.project.parse import load_project
    from runner.session.spark import SMALL_BYTES, spark_session

    project = load_project(folder)
    size = sum(path.stat().st_size for path in project.warehouse.rglob("*.parquet"))
    spark = spark_session("checks", scratch=folder / "scratch", small=size < SMALL_BYTES)
    _costs(spark, project, arguments)
    if not arguments.no_engine:
        _engines(spark, project)
    spark.stop()
    shutil.rmtree(folder)
    return 0


def _costs(spark: SparkSession, project: Project, arguments: argparse.Namespace) -> None:
    walls: dict[bool, list[float]] = {False: [], True: []}
    worked: dict[bool, list[float]] = {False: [], True: []}
    nodes: dict[bool, dict[str, list[float]]] = {False: {}, True: {}}
    checks: dict[str, tuple[int, list[float]]] = {}
    for number in range(arguments.rounds + 1):
        for checked in (False, True) if number % 2 else (True, False):
            started, before = time.perf_counter(), _processor()
            with_profile = arguments.profile is not None and checked and number == arguments.rounds
            results = _build(spark, project, checked, arguments.threads, arguments.profile if with_profile else None)
            wall = time.perf_counter() - started
            if not number:
                continue
            walls[checked].append(wall)
            worked[checked].append(_processor() - before)
            for one in results:
                nodes[checked].setdefault(one.unique_id, []).append(one.seconds)
                if one.checks is not None:
                    checks.setdefault(one.unique_id, (one.checks.jobs, []))[1].append(one.checks.seconds)
    print("| model | unchecked, s | checked, s | cost | checks, s | their jobs |\n|---|---:|---:|---:|---:|---:|")
    median = {key: {name: statistics.median(seconds) for name, seconds in nodes[key].items()} for key in nodes}
    for name in sorted(median[True], key=lambda name: -statistics.median(checks.get(name, (0, [0.0]))[1])):
        jobs, seconds = checks.get(name, (0, [0.0]))
        print(_line(name.split(".")[-1], median[False][name], median[True][name], statistics.median(seconds), jobs))
    plain, full = statistics.median(walls[False]), statistics.median(walls[True])
    spent = sum(statistics.median(seconds) for _, seconds in checks.values())
    print(_line(f"all {len(median[True])}", plain, full, spent, sum(jobs for jobs, _ in checks.values())))
    plain, full = statistics.median(worked[False]), statistics.median(worked[True])
    print(
        f"\nprocessor seconds: {plain:.1f} unchecked, {full:.1f} checked, {100 * (full / plain - 1):+.0f} %", flush=True
    )


def _processor() -> float:
    """Returns the processor seconds that this process and those below it (the JVM) have used."""
    ticks = 0
    for pid in children(os.getpid()):
        with suppress(OSError):  # it has just ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _line(name: str, plain: float, full: float, checks: float, jobs: int) -> str:
    return f"| {name} | {plain:.2f} | {full:.2f} | {100 * (full / plain - 1):+.0f} % | {checks:.2f} | {jobs} |"


def _build(
    spark: SparkSession, project: Project, checked: bool, threads: int, profile: Path | None
) -> list[NodeResult]:
    from runner.build import Builder, BuildOptions
    from runner.quality import load_quality

    options = BuildOptions(threads=threads, checked=checked)
    builder = Builder(project, load_quality(project), spark, run_id=str(uuid.uuid4()), options=options)
    nodes = [node for node in project.graph.order if node in project.buildable]
    profiler = cProfile.Profile()
    if profile is not None:
        profiler.enable()
    results = builder.run(nodes)
    if profile is not None:
        profiler.disable()
        profiler.dump_stats(profile)
    if failed := [result.message for result in results if result.stops]:
        sys.exit("\n".join(failed))
    return results


def _engines(spark: SparkSession, project: Project) -> None:
    from runner.quality import load_quality
    from runner.warehouse import Warehouse

    quality = load_quality(project)
    nodes = [node for node in project.graph.order if node in project.buildable and node in quality.suites]
    ours: dict[str, Judged] = {}
    inside: dict[str, Judged] = {}  # by Spark alone
    theirs: dict[str, Judged] = {}
    for _ in range(2):  # the first round warms up
        warehouse = Warehouse(spark, project.warehouse)  # one that has no rows at hand yet
        for node in nodes:
            frame = warehouse.frame(project.node(node).table)
            others = {
                name: warehouse.frame(project.node(other).table)
                for name, other in quality.references.get(node, {}).items()
            }
            suite = replace(quality.suites[node], model=project.node(node).label)
            here = warehouse.all_here({**others, suite.model: frame, "": frame})
            ours[node] = _judge(spark, lambda: _one_pass(frame, suite, others, here))  # noqa: B023
            inside[node] = _judge(spark, lambda: _one_pass(frame, suite, others, {}))  # noqa: B023
            theirs[node] = _judge(spark, lambda: _engine(frame, suite, others))  # noqa: B023
            frame.unpersist(blocking=True)
    print(
        "\n| suite | expectations | one pass, s | jobs | by Spark alone, s | jobs | Great Expectations, s | jobs | times |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for node in nodes:
        _tell(node.split(".")[-1], [ours[node]], [inside[node]], [theirs[node]])
    _tell(f"all {len(nodes)}", list(ours.values()), list(inside.values()), list(theirs.values()))
    differing = [
        f"{quality.suites[node].expectations[index].place}: here {one}, by Spark alone {two}, there {three}"
        for node in nodes
        for index, (one, two, three) in enumerate(
            zip(ours[node].verdicts, inside[node].verdicts, theirs[node].verdicts, strict=True)
        )
        if not one == two == three
    ]
    print(f"\nverdicts that differ: {len(differing)}", *differing, sep="\n")


def _tell(name: str, *sides: list[Judged]) -> None:
    seconds = [sum(one.seconds for one in side) for side in sides]
    figures = " | ".join(
        f"{taken:.2f} | {sum(one.jobs for one in side)}" for taken, side in zip(seconds, sides, strict=True)
    )
    print(f"| {name} | {sum(len(one.verdicts) for one in sides[0])} | {figures} | {seconds[-1] / seconds[0]:.1f} |")


def _judge(spark: SparkSession, work: Callable[[], tuple[bool, ...]]) -> Judged:
    """Runs one suite in a job group of its own, whose jobs Spark counts."""
    group = str(uuid.uuid4())
    context = spark.sparkContext
    context.setJobGroup(group, "checks")
    started = time.perf_counter()
    verdicts = work()
    seconds = time.perf_counter() - started
    return Judged(seconds=seconds, jobs=len(context.statusTracker().getJobIdsForGroup(group)), verdicts=verdicts)


def _one_pass(frame: Any, suite: Any, others: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[bool, ...]:
    from expectations.validate import validate

    result = validate(frame, suite, inputs=others, here=here)
    return tuple(bool(one.success) for one in result.gx_result.results)


def _engine(frame: Any, suite: Any, others: Mapping[str, Any]) -> tuple[bool, ...]:
    from expectations import gx
    from expectations.gx import metrics as gx_metrics

    gx_metrics.know({**others, suite.model: frame})
    ones = [gx.build(replace(one, place=str(index)), None) for index, one in enumerate(suite.expectations)]
    return tuple(bool(one.success) for one in gx.Engine(frame, suite.model, persist=True).validate_suite(ones))


if __name__ == "__main__":
    raise SystemExit(main())
