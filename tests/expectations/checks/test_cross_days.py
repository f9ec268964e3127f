"""D16 across stores: figures of two stores by day, the days named, and what the difference is made of."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.checks import days
from expectations.definition import Finding
from expectations.suite import Expectation, Suite, load_suite
from runner.errors import ProjectError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST = datetime.date(2025, 3, 1)
NAMES: dict[str, Any] = {
    "date": "day",
    "figures": {"orders": "sum(o)", "carts": "sum(c)"},
    "parts": {"carts without an order": "-sum(lost)", "orders without a session": "sum(orphan)"},
    "other": "orders",
    "beside": {"discounts": "sum(discount)"},
}


def series(orders: dict[int, float], carts: dict[int, float], lost: dict[int, float] | None = None) -> Finding:
    """Judges figures by day of March."""
    rows = [
        {
            "day": FIRST + datetime.timedelta(days=number - 1),
            "f0": orders.get(number),
            "f1": carts.get(number),
            "p0": -(lost or {}).get(number, 0.0),
            "p1": None,
        }
        for number in sorted({*orders, *carts})
    ]
    assert days.DAYS.judge is not None
    return days.DAYS.judge(days.DAYS.complete(NAMES), {"days": rows, "beside discounts": 12.5})


def flat(value: float = 100.0, last: int = 31) -> dict[int, float]:
    return dict.fromkeys(range(1, last + 1), value)


def test_days_that_agree_pass_and_what_is_not_compared_is_said() -> None:
    found = series(flat(), flat(100.4))
    assert (found.level, found.message) == (
        "pass",
        "orders come to 3,100, carts to 3,112; 31 of 31 days agree.",
    )
    assert found.evidence == ("Discounts: 12.5; neither side counts them.",)


def test_one_day_apart_is_allowed_but_not_a_missing_one() -> None:
    assert series(flat() | {7: 80.0}, flat()).level == "pass"
    missing = {number: value for number, value in flat().items() if number not in (7, 20, 21)}
    found = series(missing, flat(), {7: 100.0, 20: 100.0, 21: 100.0})
    assert (found.level, found.message) == (
        "fail",
        "3 of 31 days differ: no orders on 2025-03-07, 2025-03-20 to 2025-03-21 (3 days). "
        "In all orders come to 2,800, carts to 3,100.",
    )
    assert found.cause == "dates are missing"
    assert found.evidence == ("Carts without an order make -300.", "Discounts: 12.5; neither side counts them.")
    assert (found.numbers["missing_here"], found.numbers["missing_there"]) == (3, 0)
    assert len(found.rows) == 3


def test_days_that_the_other_side_lacks_are_named_too() -> None:
    found = series(flat(), dict.fromkeys(range(4, 32), 100.0))
    assert "no carts on 2025-03-01 to 2025-03-03 (3 days)" in found.message


def test_days_apart_are_named_with_at_most_five_stretches() -> None:
    odd = {number: 50.0 if number % 2 else 100.0 for number in range(1, 32)}
    found = series(odd, flat())
    assert found.message == (
        "16 of 31 days differ: apart on 2025-03-01, 2025-03-03, 2025-03-05, 2025-03-07, 2025-03-09 and 11 more "
        "stretches (16 days). In all orders come to 2,300, carts to 3,100."
    )
    assert found.cause == "figures that do not reconcile"


def test_no_days_agree_with_no_days() -> None:
    assert series({}, {}).message == "orders come to 0, carts to 0."


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("figures: {a: sum(a)}", '"figures" names the two that are compared, not 1.'),
        (
            "figures: {a: sum(a), b: sum(b)}\n    beside: {c: sum(c)}",
            '"beside" is computed from the table "other"; name it.',
        ),
    ],
)
def test_refusals(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(f"model: m\nexpectations:\n  - expect: expect_figures_to_agree_by_day\n    date: d\n    {text}\n")
    with pytest.raises(ProjectError) as error:
        load_suite(path)
    assert str(error.value) == f"{path}:3: expect_figures_to_agree_by_day: {wrong}"


def test_on_spark_in_one_job_with_the_aggregates_beside(spark: SparkSession) -> None:
    from expectations.validate import validate

    frame = spark.sql(
        "SELECT date_add(DATE'2025-03-01', CAST(id % 10 AS INT)) AS day, CAST(10 AS DECIMAL(12,2)) AS c, "
        "CAST(if(id % 10 < 8, 10, 0) AS DECIMAL(12,2)) AS o, CAST(if(id % 10 < 8, 0, 10) AS DECIMAL(12,2)) AS lost, "
        "0 AS orphan FROM range(100) UNION ALL SELECT NULL, 99, 1, 98, 0"
    )
    orders = spark.sql("SELECT 2.50 AS discount FROM range(4)")
    suite = Suite(
        model="m", expectations=(Expectation(type=days.DAYS.type, arguments=NAMES, severity="warn", place="s.yml:1"),)
    )
    result = validate(frame, suite, inputs={"orders": orders})
    check = result.results[0]
    assert (check.status, check.engine, check.error, result.jobs) == ("warn", "one pass", "", 1)
    assert check.message == (
        "2 of 10 days differ: no orders on 2025-03-09 to 2025-03-10 (2 days). "
        "In all orders come to 800, carts to 1,000."
    )
    assert check.evidence == ("Carts without an order make -200.", "Discounts: 10; neither side counts them.")
    assert {str(row["day"]) for row in check.failing_rows} == {"2025-03-09", "2025-03-10"}


def test_keys_that_are_missing_are_told_from_keys_that_the_other_store_lacks(spark: SparkSession) -> None:
    from expectations.validate import validate

    orders = spark.sql("SELECT if(id < 40, '', if(id < 50, NULL, concat('s', id))) AS session_id FROM range(100)")
    sessions = spark.sql("SELECT concat('s', id) AS session_id FROM range(97)")
    given = {"column": "session_id", "to": "sessions", "empty_is_null": True}
    one = Expectation(type="expect_column_values_to_exist_in", arguments=given, place="s.yml:1")
    result = validate(orders, Suite(model="m", expectations=(one,)), inputs={"sessions": sessions})
    check = result.results[0]
    assert check.message == (
        "3 of 50 values of session_id (6.0 %) are not in sessions.session_id. 50 further rows have none."
    )
    assert check.evidence == (
        "3 rows carry 3 keys that sessions does not have.",
        "For example: s97, s98, s99.",
    )
    assert (check.numbers["orphans"], check.numbers["absent"]) == (3, 50)
