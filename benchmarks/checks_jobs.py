"""Spark jobs and seconds that the checks of what is published take: small queries together, against one job each.

python benchmarks/checks_jobs.py [--project-dir DIR] [--select SELECTOR …]

Reads the published tables and writes nothing. Each table is judged twice in both ways, after a first round that warms up;
the second round counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from expectations import compute
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.quality.audit import Audit
from runner.session.spark import spark_session
from runner.warehouse import Warehouse, exists

WAYS = {"one by one": 1, "together": 24}


def judge_all(audit: Audit, nodes: list[str]) -> dict[str, tuple[int, float]]:
    """Returns jobs and seconds of each table's checks."""
    found = {}
    for node in nodes:
        frame = audit.warehouse.frame(audit.project.node(node).table)
        started = time.perf_counter()
        checks = audit.judge(node, frame, is_candidate=False)
        found[node] = (checks.jobs if checks else 0, time.perf_counter() - started)
    return found


def published_with_checks(project: Project, audit: Audit, select: list[str]) -> list[str]:
    """Returns the selected tables that exist and have checks, as have all tables that these read."""
    nodes = project.select(select, kinds=("model", "seed", "snapshot", "source"))
    asked = [node for node in nodes if audit.asks(node)]
    needed = {node: [node, *audit.quality.references.get(node, {}).values()] for node in asked}
    return [
        node for node in asked if all(exists(audit.warehouse.path(project.node(one).table)) for one in needed[node])
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--project-dir", type=Path, default=Path.cwd())
    parser.add_argument("--select", nargs="*", default=[])
    given = parser.parse_args()
    project = load_project(given.project_dir.absolute())
    spark = spark_session("checks", scratch=project.files.target_folder / "scratch", small=True)
    warehouse = Warehouse(spark, project.warehouse)
    quality = load_quality(project)
    everything = [node.unique_id for node in project.nodes()]
    audit = Audit(
        project=project, quality=quality, warehouse=warehouse, placed=quality.placed(everything), run_id="benchmark"
    )
    nodes = published_with_checks(project, audit, given.select)
    rounds: dict[str, dict[str, tuple[int, float]]] = {}
    for _ in range(2):
        for way, most in WAYS.items():
            compute.TOGETHER = most
            rounds[way] = judge_all(audit, nodes)
    width = max(map(len, nodes), default=0)
    print(f"{'table':<{width}}  " + "  ".join(f"{way:>18}" for way in WAYS))
    for node in nodes:
        cells = (f"{rounds[way][node][0]:>4} jobs {rounds[way][node][1]:>6.2f} s" for way in WAYS)
        print(f"{node:<{width}}  " + "  ".join(f"{cell:>18}" for cell in cells))
    for way in WAYS:
        jobs, seconds = (sum(one[place] for one in rounds[way].values()) for place in (0, 1))
        print(f"{way}: {jobs:.0f} jobs, {seconds:.1f} s over {len(nodes)} tables")
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
