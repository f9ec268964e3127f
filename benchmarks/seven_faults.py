"""The seven faults of a published report's figures: each is stated of the report's own metrics, and none of ours.

python benchmarks/seven_faults.py [--sessions 2000000] [--folder DIR]

Generates the shop that the report was of (uniform draws), lands it, builds and checks all models, those of
`models/marts/reported` too, and prints what the checks say of each. Exits 1 where a fault is missed, or said of a model
that is not the report's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trial import land_shop

from expectations import causes
from runner.build import Builder, BuildOptions
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.session.spark import SMALL_BYTES, spark_session
from simulate.settings import ShopSettings

if TYPE_CHECKING:
    from expectations.result import SuiteResult

ROOT = Path(__file__).resolve().parent.parent
_BYTES_PER_SESSION = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of the report.

    Attributes:
        model: the report's metric, as a model.
        causes: what says it.
        ours: the models that stand for the same figures here.
    """

    what: str
    model: str
    causes: frozenset[str]
    ours: tuple[str, ...]


FAULTS = (
    Fault(
        what="grain: one span per user, called a session's duration",
        model="reported_session_durations",
        causes=frozenset({causes.SPAN}),
        ours=("session_durations",),
    ),
    Fault(
        what="unit: millions of seconds read off an axis",
        model="reported_duration_axis",
        causes=frozenset({causes.UNIT}),
        ours=("session_durations",),
    ),
    Fault(
        what="dead columns: the loader reads keys that are not there",
        model="reported_sessions_loaded",
        causes=frozenset({causes.DEAD}),
        ours=("stg_hbase__sessions",),
    ),
    Fault(
        what="one segment: fixed cuts put everybody into it",
        model="reported_user_segments",
        causes=frozenset({causes.CUTS, causes.ONE_SEGMENT}),
        ours=("customer_segments",),
    ),
    Fault(
        what="funnel: page views, and confirmation pages called purchases",
        model="reported_funnel",
        causes=frozenset({causes.FUNNEL_UNITS, causes.FUNNEL_ORDERS}),
        ours=("funnel",),
    ),
    Fault(
        what="affinity: pairs of users, each in both orders",
        model="reported_product_affinity",
        causes=frozenset({causes.PAIR_GRAIN, causes.MIRRORED}),
        ours=("product_affinity",),
    ),
    Fault(
        what="daily figures: grouped by a path that does not exist",
        model="reported_daily_orders",
        causes=frozenset({causes.DATE_FIELD, causes.DEAD}),  # either names the field that is not there
        ours=("daily_sales",),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What was said of one fault.

    Attributes:
        cause, message: the verdict over the report's model; empty where nothing is flagged.
        of_ours: models of ours of which the same is said, with the message.
    """

    fault: Fault
    cause: str
    message: str
    of_ours: Mapping[str, str]

    @property
    def is_right(self) -> bool:
        return self.cause in self.fault.causes and not self.of_ours


def settings_of(sessions: int, seed: int = 1) -> ShopSettings:
    """Returns the report's shop in any size: as many sessions per user, and orders per product, as it had."""
    return ShopSettings(
        sessions=sessions,
        seed=seed,
        profile="uniform",
        users=max(50, sessions // 200),
        products=max(100, sessions // 400),
    )


def stated(results: Mapping[str, SuiteResult]) -> list[Stated]:
    """Returns what the checks say of each fault; `results` are by the table's name."""
    from expectations.diagnosis.verdict import verdict

    found = []
    for fault in FAULTS:
        said = verdict(results[fault.model])
        of_ours = {
            table: one.message
            for table, result in results.items()
            if not table.startswith("reported_")
            for one in result.flagged()
            if one.cause in fault.causes
        }
        found.append(Stated(fault=fault, cause=said.cause, message=said.message, of_ours=of_ours))
    return found


def told(found: Iterable[Stated]) -> list[str]:
    """Returns the lines to print."""
    lines = []
    for number, one in enumerate(found, 1):
        lines.append(f"{number}. {one.fault.what}")
        lines.append(f"   {one.fault.model}: {one.cause or 'NOTHING IS SAID'}. {one.message}".rstrip())
        if one.cause and one.cause not in one.fault.causes:
            lines.append(f"   MISSED: expected {' or '.join(sorted(one.fault.causes))}.")
        lines += [f"   SAID OF OURS, {table}: {message}" for table, message in one.of_ours.items()]
        if not one.of_ours:
            lines.append(f"   Not said of any model of ours, such as {', '.join(one.fault.ours)}.")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary folder by default, removed at the end.")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seven-faults-")))
        started = time.perf_counter()
        project = load_project(ROOT, variables={"reported": True})
        quality = load_quality(project)
        small = options.sessions * _BYTES_PER_SESSION < SMALL_BYTES
        spark = spark_session("seven faults", scratch=folder / "scratch", small=small)
        shop = land_shop(spark, project, folder, settings_of(options.sessions))
        landed = time.perf_counter()
        builder = Builder(shop.project, quality, spark, run_id="seven-faults", options=BuildOptions(threads=4))
        results = builder.run(shop.project.select(kinds=("model", "source")))
        spark.stop()
    labels = {node.unique_id: node.label for node in project.nodes()}
    bad = [one for one in results if one.stops]
    for one in bad:
        print(f"{labels[one.unique_id]}: {one.status}: {one.message}")
    found = stated({labels[one.unique_id]: one.checks for one in results if one.checks is not None})
    print("\n".join(told(found)))
    print(
        f"{sum(one.is_right for one in found)} of {len(found)} faults are stated of the report and not of ours; "
        f"{options.sessions:,} sessions, landed in {landed - started:.0f} s, built and checked in "
        f"{time.perf_counter() - landed:.0f} s."
    )
    return 0 if all(one.is_right for one in found) and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
