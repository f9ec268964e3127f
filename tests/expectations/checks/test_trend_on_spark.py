"""Expectations that judge by the past, over real frames: what they measure, and what the next run makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.checks.trend import AGE, FIGURE, NULL_SHARE, ROW_COUNT, SHAPE
from expectations.history.results import Run, rows_of
from expectations.past import by_check
from expectations.stats.sketch import quantiles_of, shares_of
from expectations.suite import Expectation, Suite
from expectations.validate import validate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.result import SuiteResult

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SUITE = Suite(
    model="orders",
    expectations=(
        Expectation(type=ROW_COUNT.type, where="device <> 'x'"),
        Expectation(type=NULL_SHARE.type, arguments={"column": "device", "empty_is_null": True}),
        Expectation(type=FIGURE.type, arguments={"column": "total", "statistic": "p90"}),
        Expectation(type=FIGURE.type, arguments={"column": "total", "statistic": "stddev"}),
        Expectation(type=AGE.type, arguments={"column": "at"}),
        Expectation(type=SHAPE.type, arguments={"column": "total"}),
        Expectation(type=SHAPE.type, arguments={"column": "device"}),
    ),
)


def judged(spark: SparkSession, rows: int, past: list[dict[str, Any]], *, factor: float = 1.0) -> SuiteResult:
    frame = spark.sql(
        f"select cast(id * {factor} as decimal(12,2)) as total, "
        "case id % 4 when 0 then 'mobile' when 1 then 'tablet' when 2 then '' end as device, "
        f"timestamp_seconds({int(NOW.timestamp()) - 7200} - id) as at from range({rows})"
    )
    known = by_check(past)

    def facts(expectation: Expectation) -> dict[str, Any]:
        from expectations.history.identity import check_id

        return {"past": known.get(check_id(expectation), ()), "asked_at": NOW}

    return validate(frame, SUITE, inputs={}, facts=facts)


@pytest.fixture(scope="module")
def first(spark: SparkSession) -> SuiteResult:
    return judged(spark, 400, [])


def test_figures_are_measured_in_one_pass_and_kept(first: SuiteResult) -> None:
    assert [one.status for one in first.results] == ["pass"] * 7
    assert {one.engine for one in first.results} == {"one pass"}
    assert first.jobs <= 3
    rows, missing, p90, stddev, age, total, device = (one.numbers for one in first.results)
    assert rows["figure"] == 300 and missing["figure"] == 0.5
    assert p90["figure"] == pytest.approx(360, abs=3)
    assert stddev["figure"] == pytest.approx(115.6, abs=0.1)
    assert age["figure"] == pytest.approx(2)
    quantiles = quantiles_of(total)
    assert quantiles is not None and (quantiles[0], quantiles[-1]) == (0, 399)
    assert quantiles == sorted(quantiles)
    assert shares_of(device) == pytest.approx({"mobile": 1 / 3, "tablet": 1 / 3, "": 1 / 3})


def test_the_next_run_is_judged_by_what_was_kept(spark: SparkSession, first: SuiteResult) -> None:
    kept = [
        row
        for day in range(8)
        for row in rows_of(
            Run(run_id=f"{day}", run_at=NOW - timedelta(days=8 - day), command="models", target="dev"),
            first,
            version=day,
            is_published=True,
        )
    ]
    for row in kept:
        row["numbers"] = dict(row["numbers"])
    assert judged(spark, 400, kept).status == "pass"
    found = judged(spark, 150, kept, factor=10)
    assert [one.status for one in found.results] == ["fail", "pass", "fail", "fail", "pass", "fail", "pass"]
    assert found.results[0].message == (
        "Rows: 113; 300 was expected (median of 8 versions), give or take 69: 62 % less."
    )
