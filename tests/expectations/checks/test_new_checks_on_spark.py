"""Each of the checks that compare with chance, once on Spark: what the queries give is what the judges take."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from expectations.causes import (
    AVERAGE,
    CHANCE,
    DEAD,
    GENERATED,
    MISSING_IN_SLICE,
    SIGN,
    SPELLING,
    TIME_ZONE,
    UNIT,
    VERSIONS,
)
from expectations.result import SuiteResult
from expectations.suite import load_suite
from expectations.validate import validate


@pytest.fixture(scope="module")
def drawn(spark: SparkSession) -> DataFrame:
    """16,000 sessions of 200 users, durations and hours drawn alike for all."""
    return spark.sql(
        "select id, cast(id % 200 as string) as user_id, cast(id % 24 as int) as hour, "
        "exp(6 + 0.5 * randn(7)) as duration_seconds from range(0, 16000, 1, 2)"
    )


def ask(tmp_path: Path, frame: DataFrame, text: str, **inputs: DataFrame) -> SuiteResult:
    path = tmp_path / "sessions.yml"
    path.write_text(f"model: sessions\nexpectations:\n{text}", encoding="utf-8")
    return validate(frame, load_suite(path), inputs=inputs)


def test_drawn_sessions_look_drawn(tmp_path: Path, drawn: DataFrame) -> None:
    found = ask(
        tmp_path,
        drawn,
        """
  - expect: expect_column_values_not_to_be_too_even
    column: hour
  - expect: expect_column_values_not_to_be_too_even
    value: "if(id % 2 = 0, 'a', 'b')"
  - expect: expect_groups_to_differ
    column: duration_seconds
""",
    )
    assert [(one.check, one.level, one.cause, one.error) for one in found.results] == [
        ("D6", "warn", GENERATED, ""),
        ("D6", "pass", "", ""),
        ("D8", "warn", GENERATED, ""),
    ]
    assert found.results[2].numbers["groups"] == 200
    assert found.results[2].numbers["icc"] == pytest.approx(0, abs=0.005)


def test_averages_per_user_are_found(tmp_path: Path, drawn: DataFrame) -> None:
    averages = drawn.groupBy("user_id").agg({"duration_seconds": "avg"}).toDF("user_id", "duration_seconds")
    text = "  - expect: expect_column_not_to_be_averaged\n    column: duration_seconds\n    sessions: raw\n"
    one = ask(tmp_path, averages, text, raw=drawn).results[0]
    assert (one.level, one.cause, one.check, one.error) == ("fail", AVERAGE, "D9", "")
    assert ask(tmp_path, drawn, text, raw=drawn).results[0].level == "pass"


def test_pairs_by_chance_and_beyond(tmp_path: Path, spark: SparkSession) -> None:
    rows = "select concat('a', id) as a, concat('b', id) as b, {n} as n, 100L as na, 100L as nb from range(20)"
    text = """
  - expect: expect_pairs_to_be_beyond_chance
    pair: [a, b]
    together: n
    first: na
    second: nb
    total: 2000
    tested: "max(190)"
"""
    by_chance = ask(tmp_path, spark.sql(rows.format(n="5 + id % 4")), text).results[0]
    assert (by_chance.level, by_chance.cause, by_chance.error) == ("warn", CHANCE, "")
    assert by_chance.numbers["best_count"] == 8
    beyond = ask(tmp_path, spark.sql(rows.format(n="if(id = 3, 40, 5)")), text).results[0]
    assert (beyond.level, beyond.numbers["beyond_chance"], beyond.error) == ("pass", 1, "")


def test_flagged_checks_say_why_and_where(tmp_path: Path, spark: SparkSession) -> None:
    orders = spark.sql(
        """
        select
            cast(if(id >= 2000, id - 2000, id) as string) as order_id,
            date_add(date'2025-01-01', cast(if(id >= 2000, id - 2000, id) % 50 as int)) as order_date,
            named_struct('type', element_at(array('mobile', 'desktop', 'tablet'), cast(id % 3 as int) + 1)) as device,
            if(id % 3 = 2, null, 'x') as city,
            if(id % 3 = 2, 1000, 1) * (500 + id % 300) as duration_seconds,
            if(id % 40 = 0, ' Paid', 'paid') as status,
            if(id % 50 = 7, -5.5, 5.5) as total
        from range(2020)
        """
    )
    found = ask(
        tmp_path,
        orders,
        """
  - expect: expect_column_values_to_be_unique
    column: order_id
  - expect: expect_column_values_to_not_be_null
    column: city
  - expect: expect_column_values_to_be_between
    column: duration_seconds
    min_value: 1
    max_value: 86400
  - expect: expect_column_values_to_be_in_set
    column: status
    value_set: [paid, shipped]
  - expect: expect_column_values_to_be_between
    column: total
    min_value: 0
    max_value: 100
""",
    )
    told = [(one.cause, str(one.slice or ""), one.error) for one in found.results]
    assert told == [
        (VERSIONS, "", ""),  # 20 rows again, of another device
        (MISSING_IN_SLICE, "device.type = tablet", ""),
        (UNIT, "device.type = tablet", ""),
        (SPELLING, "", ""),
        (SIGN, "all rows, 2025-01-08", ""),
    ]


def test_paths_are_looked_for_in_the_data(tmp_path: Path, spark: SparkSession) -> None:
    rows = spark.sql(
        """
        select id, map('color', 'red') as extras, concat('{"device":{"type":"mobile","oss":', id, '}}') as payload,
            array(named_struct('page', if(id = 7, 'home', null), 'tag', cast(null as string))) as views,
            map('p1', named_struct('price', 1.5)) as cart
        from range(120)
        """
    )
    text = """
  - expect: expect_paths_to_exist
    paths: [views.page, "payload:device.type", "extras['color']", cart.price]
  - expect: expect_paths_to_exist
    paths: [views.tag, "payload:device.os", "extras['colour']", views.pages]
  - expect: expect_paths_to_exist
    source: landed
    paths: ["payload:device.os"]
"""
    good, bad, other = ask(tmp_path, rows, text, landed=rows).results
    assert (good.level, good.error) == ("pass", "")
    assert (bad.level, bad.error, bad.cause) == ("fail", "", DEAD)
    assert bad.evidence == (
        "views.tag is in no record.",
        'payload:device.os is in no record. Did you mean "oss"?',
        "extras['colour'] is in no record. Did you mean \"color\"?",
        'views.pages is in no record. Did you mean "page"?',
    )
    assert other.message == "None of 120 records of landed has payload:device.os."


def test_units_dead_columns_and_ranked_means(tmp_path: Path, spark: SparkSession) -> None:
    rows = spark.sql(
        "select id, 1000000000 + id as wait_seconds, id / 100 as tax_share, if(id = 5, 'DE', 'US') as country, "
        "if(id % 2 = 0, 'a', 'b') as half, cast(null as string) as gone, true as flag, rand(3) as total "
        "from range(400)"
    )
    found = ask(
        tmp_path,
        rows,
        """
  - expect: expect_units_to_fit_names
  - expect: expect_columns_to_be_alive
    columns: [id, half, gone]
  - expect: expect_ranking_to_have_signal
    groups: [half]
    value: total
    min_count: 100
""",
    )
    units, dead, ranked = found.results
    assert (units.error, units.cause, units.numbers["wrong"]) == ("", UNIT, ["tax_share", "wait_seconds"])
    assert (dead.error, dead.numbers["dead"]) == ("", ["gone"])
    assert dead.evidence == ("gone: 100 % null, empty or 0.",)
    assert (ranked.error, ranked.level) == ("", "warn")


def test_durations_of_another_time_zone(tmp_path: Path, spark: SparkSession) -> None:
    rows = spark.sql(
        "select 100 + id as duration_seconds, timestamp_seconds(1735689600 + 900 * id) as started_at, "
        "timestamp_seconds(1735689600 + 901 * id + 100 + if(id % 4 = 0, 7200, 0)) as ended_at from range(400)"
    )
    text = """
  - expect: expect_column_to_agree_with_source
    column: duration_seconds
    source: raw
    equals: ["unix_timestamp(ended_at) - unix_timestamp(started_at)"]
"""
    one = ask(tmp_path, rows, text, raw=rows).results[0]
    assert (one.error, one.cause) == ("", TIME_ZONE)
    assert one.evidence[-1] == "100 of them differ by whole hours, as times of two zones do."
