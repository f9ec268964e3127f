"""Columns that are marked sensitive: none of their values in rows, words, slices, plots, Data Docs."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

from expectations.definition import Slice
from expectations.reports.page import render_page
from expectations.reports.values import Report, RunInfo
from expectations.result import SuiteResult
from expectations.sensitive import MASK, masked
from expectations.suite import Expectation
from tests.expectations.reports.report_values import PLOT, result

ASKED = Expectation(type="expect_column_values_to_be_in_set", arguments={"column": "email", "value_set": ["x"]})
FLAGGED = result(
    expectation=ASKED,
    message="ann@shop.example is none of x.",
    evidence=("For example: bob@shop.example.", "2 values."),
    failing_rows=({"email": "ann@shop.example", "city": "Bonn"}, {"email": None, "city": "Köln"}),
    slice=Slice(column="email", value="ann@shop.example"),
    plot=dataclasses.replace(PLOT, column="email"),
)


def table(*results: object) -> SuiteResult:
    return SuiteResult(model="users", results=results)  # type: ignore[arg-type]


def test_no_value_of_a_sensitive_column_is_left() -> None:
    (found,) = masked(table(FLAGGED), ["email"]).results
    assert found.message == f"{MASK} is none of x."
    assert found.evidence == ("2 values.", "Examples are not shown: the column is marked sensitive.")
    assert found.failing_rows == ({"email": MASK, "city": "Bonn"}, {"email": None, "city": "Köln"})
    assert found.slice is not None and found.slice.value == MASK
    assert found.plot is None
    page = render_page(Report(run=RunInfo(run_id="r"), tables=(masked(table(FLAGGED), ["email"]),)))
    assert "@shop.example" not in page


def test_a_check_of_other_columns_keeps_its_words() -> None:
    other = dataclasses.replace(
        FLAGGED, expectation=dataclasses.replace(ASKED, arguments={"column": "city", "value_set": ["x"]})
    )
    (found,) = masked(table(other), ["email"]).results
    assert found.evidence == ("For example: bob@shop.example.", "2 values.")
    assert found.failing_rows[0] == {"email": MASK, "city": "Bonn"}


def test_nothing_changes_where_nothing_is_sensitive() -> None:
    whole = table(FLAGGED, result("pass"))
    assert masked(whole, []) is whole
    assert masked(whole, ["phone"]).results[1] == whole.results[1]


def test_great_expectations_own_result_loses_its_examples() -> None:
    said = {"unexpected_count": 2, "partial_unexpected_list": ["a@b"], "partial_unexpected_counts": [{"value": "a@b"}]}
    own = SimpleNamespace(expectation_config=SimpleNamespace(kwargs={"column": "email"}), result=said)
    other = SimpleNamespace(expectation_config=SimpleNamespace(kwargs={"column": "city"}), result=dict(said))
    found = masked(dataclasses.replace(table(FLAGGED), gx_result=SimpleNamespace(results=[own, other])), ["email"])
    assert [one.result["partial_unexpected_list"] for one in found.gx_result.results] == [[], ["a@b"]]
    assert own.result["unexpected_count"] == 2
