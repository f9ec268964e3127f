"""Which cause leads where several checks speak, and how Great Expectations' own results read."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from expectations import causes
from expectations.causes import AVERAGE, CLUSTERED, CLUSTERED_SLICE, DEAD, GENERATED, QUANTISED, SPAN
from expectations.definition import Level, Slice
from expectations.diagnosis.builtin import describe
from expectations.diagnosis.verdict import settle, verdict
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation, Severity
from expectations.words import age, days, duration, figure, measured, percent

TYPES = {
    "D1": "expect_metric_grain_to_be",
    "D2": "expect_column_to_agree_with_source",
    "D3": "expect_column_magnitude_to_be_plausible",
    "D4": "expect_column_dispersion_above_floor",
    "D4s": "expect_slices_not_to_be_clustered",
    "D5": "expect_column_not_to_be_a_lattice",
    "D7": "expect_column_to_have_a_tail",
    "D10": "expect_columns_to_be_alive",
    "unique": "expect_column_values_to_be_unique",
}


def check(
    key: str,
    cause: str,
    *,
    status: Level = "fail",
    severity: Severity = "error",
    column: str = "x",
    where: Slice | None = None,
    numbers: dict[str, Any] | None = None,
) -> CheckResult:
    arguments = {} if key == "D10" else {"column": column}
    return CheckResult(
        expectation=Expectation(type=TYPES[key], arguments=arguments, severity=severity),
        status=status,
        level=status,
        check=key.removesuffix("s") if key.startswith("D") else "",
        cause=cause,
        message=f"{key} speaks",
        slice=where,
        numbers=numbers or {},
    )


def suite(*results: CheckResult) -> SuiteResult:
    return SuiteResult(model="m", results=results)


CASES: list[tuple[str, list[CheckResult], str, list[str]]] = [
    ("nothing flagged", [check("D4", "", status="pass")], "", []),
    (
        "a span explains size and band",
        [check("D4", CLUSTERED), check("D3", SPAN), check("D1", SPAN), check("D2", "another quantity than its source")],
        SPAN,
        ["D4", "D3", "D2"],
    ),
    ("magnitude alone says span", [check("D4", CLUSTERED), check("D3", SPAN)], SPAN, ["D4"]),
    ("an average", [check("D4", CLUSTERED), check("D1", AVERAGE)], AVERAGE, ["D4"]),
    (
        "a dead column leads over all",
        [check("D1", SPAN), check("D10", DEAD, numbers={"dead": ["x"]})],
        DEAD,
        [],
    ),
    ("a quantised clock explains the band", [check("D4", CLUSTERED), check("D5", QUANTISED)], QUANTISED, ["D4"]),
    (
        "looks generated only where nothing else is wrong",
        [check("D7", GENERATED, status="warn"), check("unique", "duplicate keys", status="warn")],
        "duplicate keys",
        [],
    ),
    ("looks generated alone", [check("D7", GENERATED, status="warn")], GENERATED, []),
    (
        "what blocks leads over what warns",
        [check("D10", DEAD, status="warn", severity="warn"), check("unique", "duplicate keys")],
        "duplicate keys",
        [],
    ),
    (
        "another column is another matter",
        [check("D1", SPAN, column="x"), check("D4", CLUSTERED, column="y")],
        SPAN,
        [],
    ),
]


@pytest.mark.parametrize(("name", "results", "cause", "explained"), CASES, ids=[row[0] for row in CASES])
def test_the_likeliest_cause(name: str, results: list[CheckResult], cause: str, explained: list[str]) -> None:
    found = verdict(suite(*results))
    assert found.cause == cause
    assert [one.check for one in found.explained] == explained
    flagged = [one for one in results if one.status != "pass"]
    told = [*([found.lead] if found.lead else []), *found.explained, *found.others]
    assert sorted(map(id, told)) == sorted(map(id, flagged))


def test_grain_leads_over_magnitude() -> None:
    found = verdict(suite(check("D3", SPAN), check("D1", SPAN)))
    assert found.lead is not None and found.lead.check == "D1"


def test_the_slice_of_a_clustered_slice_goes_to_the_band() -> None:
    where = Slice(column="device_type", value="mobile", since="2024-02-01", until="2024-02-14", dates=14, rows=300)
    settled = settle(suite(check("D4", CLUSTERED), check("D4s", CLUSTERED_SLICE, where=where)))
    assert [one.slice for one in settled.results] == [where, where]
    found = verdict(settled)
    assert (found.cause, found.slice) == (CLUSTERED_SLICE, where)


def test_only_an_error_that_fails_blocks() -> None:
    assert not suite(check("D4", CLUSTERED)).success
    assert suite(check("D4", CLUSTERED, severity="warn", status="warn")).success
    assert suite(check("D4", CLUSTERED, status="warn")).success
    assert suite(check("D4", CLUSTERED, status="warn")).status == "warn"
    assert suite(check("D4", "", status="pass")).status == "pass"


def said(kind: str, result: dict[str, Any], success: bool, **arguments: Any) -> str:
    expectation = Expectation(type=kind, arguments=arguments)
    return describe(expectation, SimpleNamespace(result=result, success=success)).message


ROWS = {"element_count": 1_000, "unexpected_count": 12, "partial_unexpected_list": [90_000]}
WORDS = [
    (
        said("expect_column_values_to_not_be_null", ROWS, False, column="city"),
        "12 of 1,000 values of city (1.2 %) are null.",
    ),
    (
        said("expect_column_values_to_be_between", ROWS, False, column="x", min_value=1, max_value=86400),
        "12 of 1,000 values of x (1.2 %) are not between 1 and 86,400.",
    ),
    (
        said("expect_column_values_to_be_in_set", ROWS, False, column="x", value_set=["a", "b"]),
        "12 of 1,000 values of x (1.2 %) are none of a, b.",
    ),
    (
        said("expect_column_values_to_match_like_pattern", ROWS, False, column="x", like_pattern="a%"),
        '12 of 1,000 values of x (1.2 %) break "match like pattern" (like_pattern a%).',
    ),
    (
        said("expect_compound_columns_to_be_unique", ROWS, False, column_list=["a", "b"]),
        "12 of 1,000 values of a, b (1.2 %) share their key with another row.",
    ),
    (
        said("expect_column_mean_to_be_between", {"observed_value": 12.5}, False, column="x", max_value=10),
        "Found 12.5 of x; expected column mean to be between (max_value 10).",
    ),
    (
        said("expect_column_values_to_not_be_null", {**ROWS, "unexpected_count": 0}, True, column="x"),
        "1,000 values of x are as expected.",
    ),
]


@pytest.mark.parametrize(("message", "expected"), WORDS, ids=[row[1][:40] for row in WORDS])
def test_words(message: str, expected: str) -> None:
    assert message == expected


FIGURES = [
    (figure(0), "0"),
    (figure(7_461_000.0), "7,461,000"),
    (figure(0.01234), "0.0123"),
    (figure(12.0), "12"),
    (figure(float("inf")), "infinite"),
    (figure(None), "none"),
    (percent(0.0), "0 %"),
    (percent(1.0), "100 %"),
    (percent(0.99999), "> 99.99 %"),
    (percent(0.00001), "< 0.01 %"),
    (percent(0.9998), "99.98 %"),
    (percent(0.123), "12 %"),
    (age(-3), "0 s"),
    (age(119.6), "120 s"),
    (age(221.4), "4 min"),
    (age(95_400), "26.5 h"),
    (age(3 * 86_400 + 60), "3 days"),
    (duration(42), "42 s"),
    (duration(1_800), "30 min"),
    (duration(7_461_000), "86.4 days"),
    (measured(1_815, "duration_seconds"), "1,815 s (30.2 min)"),
    (measured(12, "order_count"), "12"),
    (", ".join(days([date(2025, 1, 1), None, date(2025, 2, 1)])), "2025-01, , 2025-02"),
    (", ".join(days([date(2025, 1, 1), date(2025, 1, 2)])), "2025-01-01, 2025-01-02"),
]


@pytest.mark.parametrize(("shown", "expected"), FIGURES, ids=[row[1] for row in FIGURES])
def test_figures_are_plain(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("sample", "cause"),
    [
        (["1970-01-01 00:00:00", "1970-01-01 00:00:00"], causes.PLACEHOLDER),
        (["9999-12-31"], causes.PLACEHOLDER),
        (["1970-01-01 00:00:00", "1998-07-03 10:00:00"], causes.OUTSIDE),
        ([], causes.OUTSIDE),
    ],
)
def test_dates_that_stand_for_nothing_are_placeholders(sample: list[str], cause: str) -> None:
    expectation = Expectation(
        type="expect_column_values_to_be_between", arguments={"column": "at", "min_value": "2000"}
    )
    result = {"element_count": 90, "unexpected_count": 2, "partial_unexpected_list": sample}
    assert describe(expectation, SimpleNamespace(result=result, success=False)).cause == cause
