"""Suites on real Spark: artefacts named with cause and slice, clean data quiet, mistakes isolated, one pass counted."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from expectations.causes import CLUSTERED_SLICE, DEAD, OUTSIDE, SHIFTED_SLICE, SPAN, UNIT, VERSIONS
from expectations.diagnosis.verdict import verdict
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation, Severity, Suite
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Great Expectations warns of row conditions as text, which are what people write, each time it copies one.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

START = datetime.datetime(2024, 1, 1)
N = 4_000
DAY = 86_400


def expect(kind: str, *, severity: Severity = "error", where: str = "", **arguments: Any) -> Expectation:
    return Expectation(type=kind, arguments=arguments, severity=severity, where=where, place="s.yml:1")


def columns(seed: int = 0) -> dict[str, Any]:
    """Clean sessions: log-normal durations, 300 users, 60 days."""
    rng = np.random.default_rng(seed)
    duration = np.exp(rng.normal(6.2, 1, N)).clip(2, 40_000).astype(np.int64)
    day, second = rng.integers(0, 60, N), rng.integers(0, 80_000, N)
    started = [START + datetime.timedelta(days=int(a), seconds=int(b)) for a, b in zip(day, second, strict=True)]
    return {
        "session_id": [f"sess_{i:06d}" for i in range(N)],
        "user_id": [f"user_{i:04d}" for i in rng.integers(0, 300, N)],
        "started_at": started,
        "ended_at": [a + datetime.timedelta(seconds=int(b)) for a, b in zip(started, duration, strict=True)],
        "session_date": [moment.date() for moment in started],
        "duration_seconds": duration,
        "device_type": rng.choice(["mobile", "desktop", "tablet"], N, p=[0.55, 0.35, 0.1]),
        "referrer": rng.choice(["direct", "email", "social"], N),
        "city": rng.choice(["Austin", "Boston", "Chicago"], N),
    }


def frame(spark: SparkSession, data: dict[str, Any]) -> DataFrame:
    return spark.createDataFrame(pa.table(data))


@pytest.fixture(scope="module")
def sessions(spark: SparkSession) -> DataFrame:
    clean = frame(spark, columns()).cache()
    clean.count()
    return clean


SUITE = Suite(
    model="session_durations",
    expectations=(
        expect("expect_column_values_to_not_be_null", column="session_id"),
        expect("expect_column_values_to_be_unique", column="session_id"),
        expect("expect_metric_grain_to_be", grain="session", sessions="sessions", column="duration_seconds"),
        expect(
            "expect_column_to_agree_with_source",
            column="duration_seconds",
            source="sessions",
            equals=["unix_timestamp(ended_at) - unix_timestamp(started_at)"],
        ),
        expect("expect_column_magnitude_to_be_plausible", column="duration_seconds", sessions="sessions"),
        expect("expect_column_dispersion_above_floor", column="duration_seconds"),
        expect(
            "expect_slices_not_to_be_clustered",
            column="duration_seconds",
            slices=["device_type", "referrer"],
            date="session_date",
        ),
        expect("expect_column_not_to_be_a_lattice", column="duration_seconds"),
        expect("expect_column_to_have_a_tail", column="duration_seconds"),
        expect("expect_columns_to_be_alive", source="sessions"),
        expect("expect_column_values_to_exist_in", column="user_id", to="sessions"),
    ),
)


def run(model: DataFrame, source: DataFrame, suite: Suite = SUITE) -> SuiteResult:
    from expectations.validate import validate

    return validate(model, suite, inputs={"sessions": source}, label="test")


def one(model: DataFrame, source: DataFrame, expectation: Expectation) -> CheckResult:
    return run(model, source, Suite(model="m", expectations=(expectation,))).results[0]


def statuses(result: SuiteResult) -> dict[str, str]:
    return {f"{check.check} {check.type}".strip(): check.status for check in result.results if check.status != "pass"}


def test_clean_data_are_quiet_and_read_in_few_jobs(sessions: DataFrame) -> None:
    result = run(sessions, sessions)
    assert statuses(result) == {}
    assert (result.success, result.status, result.rows) == (True, "pass", N)
    assert {check.engine for check in result.results} == {"one pass"}
    # Aggregates over both tables, uniqueness, orphans and distinct counts together; the slices.
    assert result.jobs == 2
    assert verdict(result).cause == ""
    assert result.gx_result.success is True
    assert result.gx_result.statistics["evaluated_expectations"] == len(SUITE.expectations)


def test_a_clustered_device_is_found_with_its_slice(spark: SparkSession, sessions: DataFrame) -> None:
    data = columns()
    first, last = datetime.date(2024, 1, 21), datetime.date(2024, 2, 3)
    rng = np.random.default_rng(1)
    inside = np.array([first <= day <= last for day in data["session_date"]]) & (data["device_type"] == "mobile")
    data["duration_seconds"] = np.where(inside, rng.choice([441, 446, 451, 456, 461, 466], N), data["duration_seconds"])
    assert 0.05 < inside.mean() < 0.2
    result = run(frame(spark, data), sessions)
    found = verdict(result)
    assert found.cause == CLUSTERED_SLICE
    assert str(found.slice) == "device_type = mobile, 2024-01-21 to 2024-02-03"
    assert found.slice is not None and (found.slice.rows, found.slice.dates) == (int(inside.sum()), 14)
    by_type = {check.type: check for check in result.results}
    assert by_type["expect_column_dispersion_above_floor"].status == "pass"
    check = by_type["expect_slices_not_to_be_clustered"]
    assert check.blocking and not result.success
    assert len(check.failing_rows) == 10
    assert {row["device_type"] for row in check.failing_rows} == {"mobile"}
    assert check.plot is not None
    assert sum(check.plot.counts) + sum(check.plot.outside) == N
    assert check.plot.group_rows == int(inside.sum())


def test_a_span_per_user_is_named(spark: SparkSession, sessions: DataFrame) -> None:
    rng = np.random.default_rng(2)
    span = frame(
        spark,
        {
            "user_id": [f"user_{i:04d}" for i in range(300)],
            "session_duration_seconds": (rng.uniform(57, 59.9, 300) * DAY).astype(np.int64),
        },
    )
    named: dict[str, Any] = {"column": "session_duration_seconds", "severity": "warn"}
    suite = Suite(
        model="reported_session_durations",
        expectations=(
            expect("expect_column_dispersion_above_floor", **named),
            expect("expect_column_magnitude_to_be_plausible", sessions="sessions", **named),
            expect("expect_metric_grain_to_be", grain="session", sessions="sessions", **named),
        ),
    )
    result = run(span, sessions, suite)
    assert [(check.check, check.status, check.level) for check in result.results] == [
        ("D4", "warn", "fail"),
        ("D3", "warn", "fail"),
        ("D1", "warn", "fail"),
    ]
    assert (result.success, result.status) == (True, "warn")
    found = verdict(result)
    assert found.cause == SPAN
    assert found.message == "One row per user where one per session was promised: 300 rows for 4,000 sessions."
    assert found.evidence[:2] == (
        "r = rows / sessions = 300 / 4,000 = 0.075.",
        "g = rows / distinct users = 300 / 300 = 1.",
    )
    assert [check.check for check in found.explained] == ["D4", "D3"]


def test_milliseconds_in_one_device_are_found(spark: SparkSession, sessions: DataFrame) -> None:
    data = columns()
    data["duration_seconds"] = np.where(
        data["device_type"] == "tablet", data["duration_seconds"] * 1000, data["duration_seconds"]
    )
    found = verdict(run(frame(spark, data), sessions))
    assert (found.cause, str(found.slice)) == (UNIT, "device_type = tablet")
    assert SHIFTED_SLICE in [check.cause for check in found.explained]


def test_large_values_of_a_column_of_zeros_are_another_unit_only_where_the_others_say_so(
    spark: SparkSession, sessions: DataFrame
) -> None:
    rule = expect("expect_column_values_to_be_between", column="amount", max_value=500)
    carts = [0.0] * 300 + [40.0 + number for number in range(60)]
    large = one(frame(spark, {"amount": [*carts, *(510.0 + number for number in range(9))]}), sessions, rule)
    cents = one(frame(spark, {"amount": [*carts, *(6_900.0 + number for number in range(9))]}), sessions, rule)
    assert (large.cause, cents.cause) == (OUTSIDE, UNIT)
    assert "hundredths (cents for whole money" in cents.evidence[0]


def test_a_dead_column_is_found_and_leads(spark: SparkSession, sessions: DataFrame) -> None:
    data = columns()
    data["city"] = [""] * (N - 10) + ["Austin"] * 10
    data["referrer"] = ["direct"] * N
    data["browser"] = [None] * 10 + ["Chrome"] * (N - 20) + ["Edge"] * 10
    result = run(frame(spark, data), sessions)
    assert statuses(result) == {"D10 expect_columns_to_be_alive": "fail"}
    found = verdict(result)
    assert (found.cause, found.message) == (DEAD, "referrer, city, browser are dead in 4,000 rows.")
    assert found.evidence == (
        "referrer: constant: direct.",
        "city: 99.75 % null, empty or 0.",
        "browser: 99.50 % one value: Chrome.",
    )


def test_an_emptier_column_than_its_source_warns(spark: SparkSession, sessions: DataFrame) -> None:
    data = columns()
    data["city"] = [None if i % 5 else "Austin" if i % 2 else "Boston" for i in range(N)]
    check = one(frame(spark, data), sessions, expect("expect_columns_to_be_alive", source="sessions"))
    assert (check.status, check.message) == ("warn", "city is emptier than the source in 4,000 rows.")


def test_dead_collections_are_seen(spark: SparkSession, sessions: DataFrame) -> None:
    made = spark.sql(
        "SELECT id, CAST(array() AS ARRAY<STRING>) AS tags, CAST(map() AS MAP<STRING, INT>) AS cart, "
        "named_struct('city', CAST(NULL AS STRING)) AS geo, 0.00BD AS discount, id % 2 = 0 AS is_even FROM range(200)"
    )
    check = one(made, sessions, expect("expect_columns_to_be_alive"))
    assert check.message == "tags, cart, geo, discount are dead in 200 rows."


ROWS = "id, id % 4 AS k, CAST(id * 1.5 AS DECIMAL(12,2)) AS money, DATE'2024-01-01' + CAST(id AS INT) AS day"


@pytest.fixture(scope="module")
def small(spark: SparkSession) -> DataFrame:
    return spark.sql(f"SELECT {ROWS} FROM range(100)").cache()


@pytest.fixture(scope="module")
def other(spark: SparkSession) -> DataFrame:
    return spark.sql(f"SELECT {ROWS}, id % 2 = 0 AS is_order FROM range(90)").cache()


CASES: list[tuple[Expectation, str, str]] = [
    (
        expect("expect_rows_to_satisfy", condition="id < 90"),
        "fail",
        "10 of 100 rows (10 %) do not satisfy id < 90.",
    ),
    (expect("expect_rows_to_satisfy", condition="id < 90", mostly=0.9), "pass", "90 of 100 rows satisfy id < 90."),
    (
        expect("expect_rows_to_satisfy", condition="id < 90", where="k = 0"),
        "fail",
        "2 of 25 rows (8.0 %) do not satisfy id < 90.",
    ),
    (
        expect("expect_rows_to_satisfy", condition="nullif(id, 5) >= 0"),
        "fail",
        "1 of 100 rows (1.0 %) do not satisfy nullif(id, 5) >= 0.",
    ),
    (
        expect("expect_rows_to_satisfy", condition="concat('{', id, '}') RLIKE '^[{][0-9]{1,3}[}]$'"),
        "pass",
        "100 of 100 rows satisfy concat('{', id, '}') RLIKE '^[{][0-9]{1,3}[}]$'.",
    ),
    (
        expect("expect_share_between", condition="k = 0", min_share=0.3),
        "fail",
        "25 % of 100 rows satisfy k = 0; 30 % to 100 % were expected.",
    ),
    (
        expect("expect_column_values_to_exist_in", column="id", to="sessions"),
        "fail",
        "10 of 100 values of id (10 %) are not in sessions.id.",
    ),
    (
        expect("expect_column_values_to_exist_in", column="id", to="sessions", where="id < 90"),
        "pass",
        "90 of 90 values of id are in sessions.id.",
    ),
    (
        expect("expect_tables_to_reconcile", value="sum(money)", other="sessions"),
        "fail",
        "sum(money) is 7,425 here and 6,008 in sessions.",
    ),
    (
        expect("expect_tables_to_reconcile", value="sum(money)", other="sessions", tolerance=0.2),
        "pass",
        "sum(money) is 7,425 here and 6,008 in sessions.",
    ),
    (
        expect("expect_tables_to_reconcile", value="count(*)", other="sessions", by=["k"], where="id < 90"),
        "pass",
        "count(*) is 90 here and 90 in sessions, equal in all 4 groups.",
    ),
    (
        expect(
            "expect_tables_to_reconcile",
            value="count(*)",
            other="sessions",
            other_where="is_order",
            by=["k"],
            where="id < 90",
        ),
        "fail",
        "2 of 4 groups by k differ; count(*) is 90 here and 45 in sessions.",
    ),
    (
        expect("expect_series_to_be_sane", date="day", columns=["money"], source="sessions"),
        "pass",
        "100 dates from 2024-01-01 to 2024-04-09.",
    ),
    (
        expect(
            "expect_series_to_be_sane",
            date="day",
            columns=["money"],
            source="sessions",
            source_values={"money": "sum(money)"},
        ),
        "fail",
        "The series by day is not sane: money sums to 7,425; sessions has 6,008 (19 % apart).",
    ),
    (
        expect("expect_funnel_to_descend", stages=["id", "k"]),
        "pass",
        "id ≥ k holds in all 100 rows.",
    ),
    (
        expect("expect_funnel_to_descend", stages=["k", "id"]),
        "fail",
        "The funnel does not hold: id exceeds k in 96 of 100 rows.",
    ),
    (
        expect("expect_segments_not_to_be_degenerate", columns=["k"], cells=4, cuts={"id": [50]}),
        "pass",
        "The segments differ: largest 25 %, entropy 1.",
    ),
    (
        expect("expect_segments_not_to_be_degenerate", columns=["k"], cells=4, cuts={"id": [0]}),
        "fail",
        'The segmentation by k is degenerate: 25 % of 100 rows are "0".',
    ),
    (
        expect("expect_compound_columns_to_be_unique", column_list=["k", "day"]),
        "pass",
        "100 values of k, day are as expected.",
    ),
    (
        expect(
            "expect_column_pair_values_to_be_in_set",
            column_A="id",
            column_B="k",
            value_pairs_set=[[0, 0], [4, 0]],
            where="id < 9 AND k = 0",
        ),
        "fail",
        '1 of 3 values of id, k (33 %) break "to be in set" (value_pairs_set 0, 0, 4, 0).',
    ),
    (
        expect("expect_column_median_to_be_between", column="id", min_value=49.5, max_value=49.5),
        "pass",
        "Found 49.5 of id; expected column median to be between (min_value 49.5, max_value 49.5).",
    ),
    (
        expect("expect_column_distinct_values_to_equal_set", column="k", value_set=[0, 1, 2, 9]),
        "fail",
        "Found 3 besides, 9 missing of k; expected column distinct values to equal set (value_set 0, 1, 2, 9).",
    ),
    (
        expect("expect_column_values_to_match_regex", column="nme", regex="x"),
        "fail",
        'expect_column_values_to_match_regex could not be judged: The table has no column "nme".',
    ),
    (
        expect("expect_column_values_to_be_between", column="id", min_value=9, max_value=1),
        "fail",
        "expect_column_values_to_be_between could not be judged: min_value cannot be greater than max_value",
    ),
]


@pytest.mark.parametrize(("expectation", "status", "message"), CASES, ids=[f"{row[0].type} {row[1]}" for row in CASES])
def test_expectations(small: DataFrame, other: DataFrame, expectation: Expectation, status: str, message: str) -> None:
    check = one(small, other, expectation)
    assert (check.status, check.message) == (status, message)


def test_a_long_funnel(spark: SparkSession, small: DataFrame) -> None:
    long = spark.sql(
        "SELECT * FROM VALUES ('session', 'view', 100), ('session', 'cart', 40), ('session', 'purchase', 20), "
        "('event', 'view', 900), ('event', 'cart', 950), ('event', 'purchase', 30) AS t(level, stage, n)"
    )
    given: dict[str, Any] = {
        "stages": ["view", "cart", "purchase"],
        "stage_column": "stage",
        "count_column": "n",
        "within": ["level"],
    }
    check = one(long, small, expect("expect_funnel_to_descend", **given))
    assert (check.status, check.message) == ("fail", "The funnel does not hold: cart 950 > view 900 (event).")
    session = expect(
        "expect_funnel_to_descend", where="level = 'session'", orders="sessions", orders_where="id < 20", **given
    )
    assert one(long, small, session).message == "view ≥ cart ≥ purchase holds in all 1 funnels."
    off = expect("expect_funnel_to_descend", where="level = 'session'", orders="sessions", **given)
    assert one(long, small, off).message == "The funnel does not hold: purchase is 20, sessions has 100 (80 % apart)."


def test_one_wrong_expression_spoils_only_its_own(small: DataFrame, other: DataFrame) -> None:
    suite = Suite(
        model="m",
        expectations=(
            expect("expect_column_values_to_not_be_null", column="id"),
            expect("expect_rows_to_satisfy", condition="bogus > 1"),
            expect("expect_rows_to_satisfy", condition="id / (id - id) > 1"),
            expect("expect_column_max_to_be_between", column="id", max_value=99),
            expect("expect_tables_to_reconcile", value="sum(nothing)", other="sessions"),
        ),
    )
    result = run(small, other, suite)
    assert [check.status for check in result.results] == ["pass", "fail", "fail", "pass", "fail"]
    assert "`bogus` cannot be resolved" in result.results[1].message
    assert "DIVIDE_BY_ZERO" in result.results[2].message
    assert [check.engine for check in result.results] == ["one pass", "none", "none", "one pass", "none"]
    assert not result.success and not result.gx_result.success


def test_what_a_suite_asked_of_another_table_no_other_asks_again(small: DataFrame, other: DataFrame) -> None:
    from expectations.validate import validate

    asked = expect(
        "expect_metric_grain_to_be", grain="session", sessions="sessions", user_key="k", time_columns=["day"]
    )
    suite = Suite(model="m", expectations=(asked,))
    memo: dict[Any, Any] = {}
    first = validate(small, suite, inputs={"sessions": other}, memo=memo)
    assert first.results[0].observed == "100 rows for 90 sessions"
    emptied = other.where("false")
    assert (
        validate(small, suite, inputs={"sessions": emptied}, memo=memo).results[0].observed
        == "100 rows for 90 sessions"
    )
    assert validate(small, suite, inputs={"sessions": emptied}).results[0].observed == "100 rows"
    assert {need.of for need in memo} == {"sessions"}


def test_an_empty_table_passes_what_asks_of_rows(spark: SparkSession, sessions: DataFrame) -> None:
    result = run(sessions.where("false"), sessions)
    assert statuses(result) == {"D1 expect_metric_grain_to_be": "fail"}
    assert result.rows == 0


def test_a_missing_input_is_a_mistake_of_the_project(sessions: DataFrame) -> None:
    from expectations.validate import validate

    with pytest.raises(NotFoundError) as error:
        validate(sessions, SUITE, inputs={"session": sessions})
    assert str(error.value) == 'session_durations: its suite needs "sessions". Did you mean "session"?'


def test_duplicates_and_their_keys(spark: SparkSession, sessions: DataFrame) -> None:
    data = {"session_id": ["a", "a", "b", None, None], "n": [1, 2, 3, 4, 5]}
    check = one(frame(spark, data), sessions, expect("expect_column_values_to_be_unique", column="session_id"))
    assert (check.status, check.cause, check.failing_count) == ("fail", VERSIONS, 2)
    assert check.message == "2 of 5 values of session_id (40 %) occur more than once."
    assert check.failing_rows == ({"session_id": "a", "number of rows": 2},)


def test_data_docs_are_written(small: DataFrame, other: DataFrame, tmp_path: Any) -> None:
    from expectations.gx.pages import write_data_docs

    suite = Suite(
        model="mongodb.users",
        expectations=(
            expect("expect_column_values_to_be_in_set", column="k", value_set=[0, 1]),
            expect("expect_column_dispersion_above_floor", column="id"),
            expect("expect_rows_to_satisfy", condition="bogus"),
            expect("expect_column_values_to_not_be_null", column="k", where="id > 1"),
            expect("expect_column_most_common_value_to_be_in_set", column="k", value_set=[0, 1, 2, 3], ties_okay=True),
        ),
    )
    result = run(small, other, suite)
    assert [check.engine for check in result.results] == [
        "one pass",
        "one pass",
        "none",
        "one pass",
        "great expectations",
    ]
    index = write_data_docs([result], tmp_path / "docs")
    assert '<a href="mongodb.users.html">mongodb.users</a>: failed' in index.read_text(encoding="utf-8")
    page = (tmp_path / "docs" / "mongodb.users.html").read_text(encoding="utf-8")
    assert "unexpected values found" in page
    assert "expect_column_dispersion_above_floor" in page
