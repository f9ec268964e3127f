"""Builds clean realistic shops of several seeds in one Spark and counts error-level alarms: there should be none.

.venv/bin/python benchmarks/false_alarms.py [--seeds 10] [--sessions 5000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ingest.land_files import land_files
from ingest.landing import Snapshot
from runner.build import Builder, BuildOptions
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.session.spark import spark_session
from runner.sources.contracts import contract_of
from simulate.settings import ShopSettings
from simulate.shop import generate

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Prints a line per seed; exits 1 where a clean shop raised an error-level alarm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sessions", type=int, default=5_000)
    options = parser.parse_args()
    alarms = 0
    with tempfile.TemporaryDirectory() as temporary:
        spark = spark_session(scratch=Path(temporary) / "scratch", small=True)
        print("| seed | checks | error-level alarms | warnings |\n|---|---|---|---|")
        for seed in range(1, options.seeds + 1):
            folder = Path(temporary) / str(seed)
            generate(folder / "data", settings=ShopSettings(sessions=options.sessions, seed=seed))
            project = load_project(ROOT)
            target = replace(project.files.target, warehouse=folder / "warehouse", data=folder / "data")
            project = replace(project, files=replace(project.files, target=target, root=folder))
            for schema in {node.table.schema for node in project.nodes()}:
                spark.sql(f"drop schema if exists `{schema}` cascade")  # names of the last seed
            snapshot = Snapshot(snapshot_id=str(seed), taken_at=datetime.now(UTC))
            for table in project.sources.values():
                land_files(
                    spark,
                    contract_of(table),
                    folder=target.data,
                    pattern=table.files or "",
                    warehouse=target.warehouse,
                    snapshot=snapshot,
                )
            quality = load_quality(replace(project, files=replace(project.files, root=ROOT)))
            builder = Builder(project, quality, spark, run_id=str(seed), options=BuildOptions(threads=4))
            results = builder.run(project.select(kinds=("model", "source")))
            checks = [(result, check) for result in results if result.checks for check in result.checks.results]
            bad = [f"{check.expectation.name or check.type}: {check.message}" for _, check in checks if check.blocking]
            bad += [result.message for result in results if result.status == "error" and not result.checks]
            warned = {result.checks.model for result, check in checks if check.status != "pass"}
            alarms += len(bad)
            print(f"| {seed} | {len(checks)} | {len(bad)} | {', '.join(sorted(warned))} |", flush=True)
            for message in bad:
                print(f"  {message}", flush=True)
        spark.stop()
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
