"""A query as a check: thresholds, what is counted together with everything else, failing rows, small queries in one job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expectations.checks.query import QUERY
from expectations.definition import Query, Table
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation, Severity, Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TABLE = Table(columns={"total": "int"})


def judged(values: dict[str, Any], **arguments: Any) -> tuple[str, str]:
    given = QUERY.complete({"rule": "positive(total)", "sql": "select 1", **arguments})
    assert QUERY.judge is not None
    found = QUERY.judge(given, values)
    return found.level, found.message


@pytest.mark.parametrize(
    ("found", "arguments", "said"),
    [
        ((0, False, False), {}, ("pass", "positive(total): no failing row.")),
        ((1, True, True), {}, ("fail", "positive(total): 1 failing row; the table has 200.")),
        (
            (3, True, False),
            {"condition": "total < 0", "error_if": "> 10"},
            ("warn", "positive(total): 3 failing rows of 200 (1.5 %) (fails if > 10)."),
        ),
        (
            (3, False, False),
            {"warn_if": "> 5", "error_if": "> 10"},
            ("pass", "positive(total): 3 failing rows; the table has 200, which is allowed."),
        ),
        ((5, True, True), {"limit": 5}, ("fail", "positive(total): at least 5 failing rows; the table has 200.")),
        ((12.5, True, True), {"fail_calc": "sum(gap)"}, ("fail", "positive(total): sum(gap) is 12.5.")),
    ],
)
def test_words_and_levels(found: tuple[float, bool, bool], arguments: dict[str, Any], said: tuple[str, str]) -> None:
    failures, should_warn, should_error = found
    verdict = {"failures": failures, "should_warn": should_warn, "should_error": should_error}
    assert judged({"rows": 200, **verdict}, **arguments) == said
    assert judged({"rows": 200, "verdict": [verdict]}, **arguments) == said


def test_a_condition_needs_no_query_of_its_own() -> None:
    assert QUERY.needs is not None
    fused = QUERY.needs(QUERY.complete({"rule": "r", "sql": "select {}", "condition": "total < 0"}), TABLE)
    assert not [need for need in fused.values() if isinstance(need, Query)]
    alone = QUERY.needs(QUERY.complete({"rule": "r", "sql": "select '{}' from {this}"}), TABLE)["verdict"]
    assert isinstance(alone, Query)
    assert alone.is_small and "select '{{}}' from {this}" in alone.sql


def check(name: str, sql: str, *, severity: Severity = "error", **arguments: Any) -> Expectation:
    return Expectation(
        type="expect_query_to_find_nothing",
        arguments={"rule": name, "sql": sql, **arguments},
        name=name,
        severity=severity,
        place=f"_m.yml:{len(name)}",
    )


@pytest.fixture(scope="module")
def orders(spark: SparkSession) -> DataFrame:
    frame = spark.sql("select id as order_id, if(id % 10 = 0, -1, 1) as total, id % 3 as kind from range(100)")
    frame.createOrReplaceTempView("query_check_orders")
    return frame


def run(frame: DataFrame, *checks: Expectation) -> SuiteResult:
    from expectations.validate import validate

    return validate(frame, Suite(model="orders", expectations=checks), inputs={})


def by_name(result: SuiteResult) -> dict[str, CheckResult]:
    return {one.title: one for one in result.results}


def test_queries_and_conditions_on_spark_take_one_job_and_one_for_each_failure(orders: DataFrame) -> None:
    table = "query_check_orders"
    unique = Expectation(type="expect_column_values_to_be_unique", arguments={"column": "order_id"})
    result = run(
        orders,
        unique,
        check("fused", f"select * from {table} where total < 0", condition="total < 0", severity="warn"),
        check("braces", "select '{}' as c from {this} where total > 1 -- a comment at the end"),
        check("kinds", f"select kind, count(*) as n from {table} group by kind having n > 33"),
        check("allowed", f"select * from {table} where total < 0", warn_if="> 100", error_if="between 200 and 300"),
        check("limited", f"select * from {table} where total < 0", limit=4),
        check("summed", f"select total from {table} where total < 0", fail_calc="abs(sum(total))"),
        check("none", f"select total from {table} where total > 5", fail_calc="sum(total)"),
    )
    found = by_name(result)
    assert {
        name: (one.status, one.numbers.get("failures")) for name, one in found.items() if "failures" in one.numbers
    } == {
        "fused": ("warn", 10),
        "braces": ("pass", 0),
        "kinds": ("fail", 1),
        "allowed": ("pass", 10),
        "limited": ("fail", 4),
        "summed": ("fail", 10),
        "none": ("pass", 0),
    }
    assert result.jobs == 1 + 4  # aggregates and queries together; the rows of four that did not pass
    assert found["fused"].message == "fused: 10 failing rows of 100 (10 %)."
    assert {row["total"] for row in found["fused"].failing_rows} == {-1}
    assert found["fused"].failing == "total < 0"
    assert found["kinds"].failing_rows == ({"kind": 0, "n": 34},)
    assert found["kinds"].told == ("kinds: 1 failing row; the table has 100. For example: kind=0, n=34. (_m.yml:5)")
    assert not result.success


def test_a_wrong_query_spoils_no_other(orders: DataFrame) -> None:
    table = "query_check_orders"
    result = run(
        orders,
        check("wrong", f"select totl from {table}"),
        check("right", f"select * from {table} where total = 7"),
        check("bad", f"select kind from {table} group by kind"),
    )
    found = by_name(result)
    assert found["right"].status == "pass"
    assert found["bad"].numbers["failures"] == 3
    assert found["wrong"].status == "fail"
    assert found["wrong"].message.startswith(
        "wrong could not be judged: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with "
        "name `totl`"
    )
