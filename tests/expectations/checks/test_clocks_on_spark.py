"""Clocks, fields, pairs and carts on real Spark: the SQL that is asked counts what the judgements take for granted."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from expectations import causes
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation, Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

N = 1_000
START = datetime.datetime(2025, 1, 1)


def expect(kind: str, **arguments: Any) -> Expectation:
    return Expectation(type=kind, arguments=arguments, severity="warn", place="s.yml:1")


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> dict[str, DataFrame]:
    """Sessions of whole minutes, a third of whose orders is three hours late and of whose carts is in cents."""
    started = [START + datetime.timedelta(minutes=7 * i) for i in range(N)]
    length = [60 * (1 + i % 45) for i in range(N)]
    ended = [a + datetime.timedelta(seconds=b) for a, b in zip(started, length, strict=True)]
    sessions = {
        "session_id": [f"s{i}" for i in range(N)],
        "started_at": started,
        "ended_at": ended,
        "ordered_at": [b + datetime.timedelta(hours=3 * (i % 3 == 0)) for i, b in enumerate(ended)],
        "duration_seconds": pa.array([None if i < 50 else value for i, value in enumerate(length)], pa.int64()),
        "paid": [float(5 + i % 90) for i in range(N)],
        "cart": [float(5 + i % 90) * (100 if i % 3 == 0 else 1) for i in range(N)],
        "_rescued": ['{"duration_sec": 60, "promo": {"code": 1}}' if i < 50 else None for i in range(N)],
    }
    pairs = {"product_a": ["p1", "p2", "p3"], "product_b": ["p2", "p1", "p4"], "users": [40, 40, 40]}
    baskets = {"transaction_id": [f"t{i % 500}" for i in range(N)]}
    funnel = {"stage": ["view", "purchase"], "n": [6_000, 700]}
    given = {"sessions": sessions, "pairs": pairs, "baskets": baskets, "funnel": funnel}
    return {name: spark.createDataFrame(pa.table(data)) for name, data in given.items()}


def said(tables: dict[str, DataFrame], model: str, *expectations: Expectation) -> list[CheckResult]:
    from expectations.validate import validate

    suite = Suite(model=model, expectations=expectations)
    found: SuiteResult = validate(tables[model], suite, inputs=tables)
    return list(found.results)


def test_clocks_fields_and_carts(tables: dict[str, DataFrame]) -> None:
    rounded, within, declared, agreed = said(
        tables,
        "sessions",
        expect("expect_column_not_to_be_rounded", column="duration_seconds"),
        expect("expect_times_to_be_within", time="ordered_at", **{"from": "started_at", "until": "ended_at"}),
        expect("expect_fields_to_be_declared"),
        expect("expect_column_to_agree_with_source", column="paid", source="sessions", equals=["cart"]),
    )
    assert (rounded.level, rounded.cause) == ("fail", causes.QUANTISED)
    assert rounded.numbers["step_seconds"] == 60
    assert (within.level, within.cause) == ("fail", causes.TIME_ZONE)
    assert within.message == (
        "334 of 1,000 times ordered_at (33 %) lie outside started_at to ended_at: they are 3 h late."
    )
    assert len(within.failing_rows) == 10
    assert (declared.cause, declared.numbers["fields"]) == (causes.RENAMED, {"duration_sec": 50, "promo": 50})
    assert "duration_sec may be duration_seconds under a new name." in declared.message
    assert (agreed.level, agreed.cause) == ("fail", causes.UNIT)
    assert agreed.evidence[-1] == "The ratio is that of whole money taken as cents, or shares as percent."


def test_pairs_and_funnels(tables: dict[str, DataFrame]) -> None:
    (pairs,) = said(
        tables,
        "pairs",
        expect(
            "expect_pairs_to_be_of_baskets",
            pair=["product_a", "product_b"],
            total="users",
            baskets="baskets",
            basket_key="transaction_id",
        ),
    )
    assert (pairs.cause, pairs.numbers["baskets"], pairs.numbers["mirrored"]) == (causes.PAIR_GRAIN, 500, 1)
    (funnel,) = said(
        tables,
        "funnel",
        expect(
            "expect_funnel_to_descend",
            stages=["view", "purchase"],
            stage_column="stage",
            count_column="n",
            sessions="sessions",
            orders="baskets",
        ),
    )
    assert funnel.evidence == (
        "view is 6,000, sessions has 1,000 rows: events are counted, not sessions.",
        "purchase is 700, baskets has 1,000 (30 % apart).",
    )
