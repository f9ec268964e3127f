"""A report as values: one table that fails, one that passes, one that warns; texts that mean harm in it."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from expectations.causes import CLUSTERED
from expectations.definition import Slice
from expectations.reports.values import (
    Compared,
    Context,
    Landed,
    Observation,
    Owner,
    Reader,
    Report,
    RunInfo,
    Unbuilt,
    UnitCase,
)
from expectations.result import Baseline, Box, CheckResult, Plot, SuiteResult
from expectations.suite import Expectation

HOSTILE = "<script>alert('x')</script>"
AT = datetime.datetime(2024, 3, 31, 12, 0, tzinfo=datetime.UTC)
PLOT = Plot(
    column="session_duration_seconds",
    unit="s",
    rows=10_000,
    edges=tuple(7_300_000.0 + 20_000 * i for i in range(25)),
    counts=tuple(range(24)),
    outside=(12, 30),
    box=Box(least=7.2e6, p05=7.35e6, q1=7.45e6, median=7.55e6, q3=7.65e6, p95=7.75e6, most=7.8e6),
    group="device_type = mobile",
    group_rows=100,
    group_counts=tuple(i // 2 for i in range(24)),
    baseline=Baseline(
        label="version 12 of 2024-03-30 08:00 UTC",
        rows=20_000,
        counts=tuple(24 - i for i in range(24)),
        outside=(0, 0),
        box=Box(least=7.2e6, p05=7.3e6, q1=7.35e6, median=7.4e6, q3=7.5e6, p95=7.6e6, most=7.8e6),
    ),
)
RUN = RunInfo(
    run_id="5f3a9c1e-0000",
    project="shop",
    target="dev",
    command="run models clv+",
    seconds=12.3,
    withheld=("session_durations",),
    finished_at=AT,
)


def result(status: Any = "fail", severity: Any = "error", **more: Any) -> CheckResult:
    values: dict[str, Any] = {
        "expectation": Expectation(
            type="expect_column_dispersion_above_floor",
            arguments={"column": "session_duration_seconds", "fail_qcd": 0.1},
            severity=severity,
            place="expectations/suites/x.yml:4",
        ),
        "status": status,
        "level": status,
        "check": "D4",
        "observed": "QCD 0.01",
        "message": "it is clustered.",
        "cause": CLUSTERED if status != "pass" else "",
        "evidence": ("QCD = 0.01.",),
        "what_to_do": "Look at the grain.",
        "numbers": {"n": 10_000, "qcd": 0.01, "tail_ratio": float("inf")},
    }
    return CheckResult(**{**values, **more})


EQUAL = Compared(at=AT, run_id=RUN.run_id, status="pass", stored=500_012, landed=500_000, quarantined=12, ranges=64)
APART = Compared(
    at=AT - datetime.timedelta(hours=50),
    run_id="earlier",
    status="fail",
    stored=2_000,
    landed=1_931,
    quarantined=0,
    ranges=64,
    differing_ranges=3,
    kinds={"missing": 70, "differing": 2},
)
FRESH = Landed(
    table="mongodb.orders",
    store="MongoDB",
    rows=500_000,
    quarantined=12,
    taken_at=AT,
    origin="its store",
    age_seconds=3_700.0,
    freshness="pass",
    allowed="warns after 36 hours",
    compared=EQUAL,
)
OLD = Landed(
    table="hbase.sessions",
    store="HBase",
    rows=1_931,
    quarantined=0,
    taken_at=AT - datetime.timedelta(hours=50),
    origin="its store",
    age_seconds=180_000.0,
    freshness="warn",
    allowed="warns after 36 hours",
    compared=APART,
)
FILES = Landed(table="mongodb.users", store="MongoDB", rows=10, quarantined=0, taken_at=AT, origin="files")
OTHERS = Landed(table=f"crm.{HOSTILE}", store="crm")
DAYS = result(
    "fail",
    expectation=Expectation(
        type="expect_figures_to_agree_by_day",
        name="revenue by day",
        arguments={"date": "day", "figures": {"orders": "sum(a)", "carts": "sum(b)"}},
    ),
    numbers={"here": 5_180_000.25, "there": 5_309_500.0, "days": 90, "different": 4},
    observed="4 of 90 days differ",
    message="4 of 90 days differ: apart on 2025-03-02.",
)
MATCHED = result(
    "pass",
    expectation=Expectation(
        type="expect_rows_to_be_matched",
        arguments={"matched": "m", "time": "at", "what": "converted sessions", "match": "order"},
    ),
    numbers={"rows": 2_559, "matched": 2_303, "unmatched": 256},
    observed="256 without",
)


def bad() -> SuiteResult:
    flagged = result(
        plot=PLOT,
        slice=Slice(column="device_type", value=HOSTILE, since="2024-02-01", until="2024-02-03", dates=3, rows=7),
        failing_rows=(
            {"user_id": HOSTILE, "session_duration_seconds": 7_461_000, "total": Decimal("12.50"), "city": None},
            {"user_id": "u2", "session_duration_seconds": 7_462_000, "total": Decimal("1.00"), "tags": ["a", 1]},
        ),
        failing_count=400,
    )
    return SuiteResult(model="session_durations", results=(flagged, result("pass")), rows=10_000, seconds=1.2, jobs=3)


def good() -> SuiteResult:
    slow = result("pass", engine="great expectations", seconds=2.25)
    return SuiteResult(model="clv", results=(slow,), rows=5, seconds=0.2)


def warned() -> SuiteResult:
    return SuiteResult(model="reported", results=(result("warn", "warn"),), rows=5, seconds=0.2)


def a_report(**more: Any) -> Report:
    """A run of three tables with everything in it that a page can show."""
    readers = (
        Reader(name="user_activity", parents=("session_durations",), state="skipped", owner=Owner(name="CRM")),
        Reader(name="clv_tiers", parents=("user_activity", "session_durations"), state="skipped"),
        Reader(
            name="board deck", kind="exposure", parents=("clv_tiers",), owner=Owner(name="Ines", email="i@x.example")
        ),
    )
    context = Context(
        owner=Owner(name="Web", email="web@x.example", said_by="group web"),
        path="models/session_durations.sql",
        readers=readers,
    )
    points = tuple(
        Observation(run_id=f"r{i}", at=AT - datetime.timedelta(days=5 - i), value=float(i), status="pass")
        for i in range(4)
    )
    values: dict[str, Any] = {
        "run": RUN,
        "tables": (bad(), good(), warned()),
        "contexts": {"session_durations": context},
        "trends": {"session_durations": points},
        "unbuilt": (
            Unbuilt(name="user_activity", message="session_durations was withheld", skipped=True),
            Unbuilt(
                name="broken", message="models/broken.sql:3: no column x.", skipped=False, path="models/broken.sql"
            ),
        ),
        "unit_tests": (
            UnitCase(model="clv", name="no orders", passed=True, seconds=0.1),
            UnitCase(model="clv", name="two orders", passed=False, message="- 1\n+ 2", place="models/clv.yml:9"),
        ),
        "data_docs": "../../data_docs/index.html",
    }
    return Report(**{**values, **more})
