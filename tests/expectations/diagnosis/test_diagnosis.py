"""What the numbers of a flagged check still tell: unit, sign, placeholder, spelling, rows landed twice."""

from __future__ import annotations

from typing import Any

import pytest

from expectations import causes
from expectations.definition import Aggregate, Level, Query, Slice
from expectations.diagnosis.diagnose import FACTORS, answer, at_once, located, questions
from expectations.result import CheckResult
from expectations.suite import Expectation

BETWEEN = "expect_column_values_to_be_between"


def flagged(kind: str, cause: str, *, failing: str = "x is bad", level: Level = "fail", **more: Any) -> CheckResult:
    arguments = more.pop("arguments", {"column": "duration_seconds"})
    return CheckResult(
        expectation=Expectation(type=kind, arguments=arguments),
        status=level,
        level=level,
        cause=cause,
        failing=failing,
        **more,
    )


def limits(**values: Any) -> CheckResult:
    asked = {
        "wrong": 100,
        "median wrong": 600_000.0,
        "median right": 600.0,
        "signs": 0,
        "commonest": [{"value": 612_000.0, "n": 2}],
        **{f"factor {number}": 0 for number in range(len(FACTORS))},
    }
    arguments = {"column": "duration_seconds", "min_value": 1, "max_value": 86_400}
    return answer(flagged(BETWEEN, causes.OUTSIDE, arguments=arguments), {**asked, **values})


LIMITS = [
    ("milliseconds", {"factor 0": 99, "factor 2": 100, "factor 8": 0}, causes.UNIT),
    ("all of them, nothing to compare with", {"factor 0": 100, "median right": None}, causes.UNIT),
    ("a factor that fits the limits but not the others", {"factor 4": 100}, causes.OUTSIDE),
    ("a placeholder", {"commonest": [{"value": -1.0, "n": 97}], "signs": 97}, causes.PLACEHOLDER),
    ("zeros", {"commonest": [{"value": 0.0, "n": 100}], "median wrong": 0.0}, causes.PLACEHOLDER),
    ("signs", {"signs": 95, "median wrong": -500.0}, causes.SIGN),
    ("nothing known", {}, causes.OUTSIDE),
    ("no wrong rows any more", {"wrong": 0}, causes.OUTSIDE),
]


@pytest.mark.parametrize(("name", "values", "cause"), LIMITS, ids=[row[0] for row in LIMITS])
def test_values_outside_their_limits(name: str, values: dict[str, Any], cause: str) -> None:
    assert limits(**values).cause == cause


def test_a_unit_is_said_in_words() -> None:
    assert limits(**{"factor 0": 99}).evidence == (
        "Multiplied by 1/1,000, 99.0 % of the 100 wrong values of duration_seconds are within the limits: they are "
        "thousandths (milliseconds for seconds). Their median is 600,000 s (6.94 days); that of the others, "
        "zeros left out, 600 s (10 min).",
    )


KEYS = [
    ("landed twice", (40, 80, 40, 40, 0), causes.LANDED_TWICE),
    ("versions", (40, 90, 1, 30, 0), causes.VERSIONS),
    ("both", (40, 80, 20, 40, 0), causes.DUPLICATES),
    ("empty keys", (1, 900, 0, 0, 900), causes.PLACEHOLDER),
    ("none any more", (0, 0, 0, 0, 0), causes.DUPLICATES),
]


@pytest.mark.parametrize(("name", "found", "cause"), KEYS, ids=[row[0] for row in KEYS])
def test_duplicates(name: str, found: tuple[int, ...], cause: str) -> None:
    one = flagged("expect_column_values_to_be_unique", causes.DUPLICATES, arguments={"column": "session_id"})
    values = dict(zip(("keys", "rows", "same", "twice", "empty"), found, strict=True))
    assert answer(one, {"keys": [values]}).cause == cause


def test_texts() -> None:
    one = flagged("expect_column_values_to_be_in_set", causes.UNKNOWN_VALUES)
    assert answer(one, {"wrong": 10, "alike": 10, "empty": 0}).cause == causes.SPELLING
    assert answer(one, {"wrong": 10, "alike": 0, "empty": 10}).cause == causes.PLACEHOLDER
    assert answer(one, {"wrong": 10, "alike": 5, "empty": 0}).cause == causes.UNKNOWN_VALUES


def test_what_is_asked() -> None:
    columns = {"duration_seconds": "int", "status": "string", "id": "string", "_landed_at": "timestamp"}
    arguments = {"column": "duration_seconds", "min_value": 1, "max_value": 86_400}
    asked = questions(flagged(BETWEEN, causes.OUTSIDE, arguments=arguments), columns)
    assert {"wrong", "signs", "commonest", "factor 0", "median right"} <= set(asked)
    unique = flagged("expect_column_values_to_be_unique", causes.DUPLICATES, arguments={"column": "id"})
    query = questions(unique, columns)["keys"]
    assert isinstance(query, Query) and "`_landed_at`" not in query.sql and "`duration_seconds`, `status`" in query.sql
    texts = flagged("expect_column_values_to_be_in_set", "", arguments={"column": "status", "value_set": ["Paid"]})
    alike = questions(texts, columns)["alike"]
    assert isinstance(alike, Aggregate) and alike.call == "count_if(lower(trim(`status`)) IN ('paid'))"
    assert questions(flagged(BETWEEN, "", arguments={"column": "status"}), columns) == {}
    assert questions(flagged(BETWEEN, "", failing="", arguments=arguments), columns) == {}


def mean(value: float, low: float, high: float) -> str:
    one = flagged(
        "expect_column_mean_to_be_between",
        causes.FIGURE,
        arguments={"column": "total", "min_value": low, "max_value": high},
        numbers={"observed": value},
    )
    return at_once(one, 100).cause


def test_a_mean_in_another_unit() -> None:
    assert mean(95_000.0, 800, 1_200) == causes.UNIT
    assert mean(2_000.0, 800, 1_200) == causes.FIGURE
    assert mean(95_000.0, 1, 90_000) == causes.FIGURE  # more than one factor would fit


def test_an_empty_table_and_a_column_of_nulls() -> None:
    rows = flagged("expect_table_row_count_to_be_between", causes.FIGURE, arguments={"min_value": 1})
    assert at_once(rows, 0).cause == causes.NO_ROWS
    assert at_once(rows, 5).cause == causes.FIGURE
    nulls = flagged("expect_column_values_to_not_be_null", causes.MISSING, failing_count=1_000)
    assert at_once(nulls, 1_000).cause == causes.DEAD
    assert at_once(nulls, 5_000).cause == causes.MISSING


def test_nulls_of_one_slice() -> None:
    where = Slice(column="device_type", value="tablet", rows=200, failing=180, share=0.95)
    one = located(flagged("expect_column_values_to_not_be_null", causes.MISSING, slice=where))
    assert one.cause == causes.MISSING_IN_SLICE
    assert one.evidence == ("95.0 % of the failing rows lie in device_type = tablet, where 90 % of 200 rows fail.",)
    assert located(flagged(BETWEEN, causes.OUTSIDE)).evidence == ()
