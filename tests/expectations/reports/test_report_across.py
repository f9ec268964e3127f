"""Stores in the report: landed tables against their stores, their age, one store's figures against another's."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from expectations.reports.across import age_of, crossings, differences, gap, in_short
from expectations.reports.document import SCHEMA, as_document
from expectations.reports.markdown import as_markdown
from expectations.reports.page import render_page
from expectations.reports.values import Landed, Report
from expectations.result import SuiteResult
from tests.expectations.reports.report_values import (
    APART,
    DAYS,
    EQUAL,
    FILES,
    FRESH,
    HOSTILE,
    MATCHED,
    OLD,
    OTHERS,
    a_report,
    result,
)


@pytest.fixture(scope="module")
def report() -> Report:
    return a_report(
        tables=(SuiteResult(model="matched", results=(MATCHED, DAYS, result("pass")), rows=3),),
        sources=(FRESH, OLD, FILES, OTHERS),
    )


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Returns the cells of the table below a heading, without tags."""
    table = page[page.index(heading) :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [
        [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)
    ]


def test_the_page_has_each_landed_table_with_its_age_and_its_store(report: Report) -> None:
    page = render_page(report)
    assert rows_of(page, 'id="stores"') == [
        [
            "mongodb.orders MongoDB",
            "500,000 rows, 12 in quarantine from its store",
            "62 min ago fresh warns after 36 hours",
            "equal 500,012 in the store, 500,000 landed + 12 in quarantine",
        ],
        [
            "hbase.sessions HBase",
            "1,931 rows from its store",
            "2.1 days ago old warns after 36 hours",
            "differs 2,000 in the store, 1,931 landed: 70 keys are in the store and not here; 2 keys have other values "
            "(3 of 64 ranges) on 2024-03-29 10:00 UTC",
        ],
        ["mongodb.users MongoDB", "10 rows from files", "not known", "not compared"],
        ["crm.&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; crm", "not known", "not known", "not compared"],
    ]
    assert rows_of(page, "One store against the other") == [
        [
            "matched: revenue by day",
            "orders 5,180,000",
            "carts 5,309,500 (+2.5 %)",
            "failed 4 of 90 days differ4 of 90 days differ: apart on 2025-03-02.",
        ],
        [
            "matched: expect_rows_to_be_matched",
            "converted sessions 2,559",
            "converted sessions with their order 2,303 (-10 %)",
            "passed 256 without",
        ],
    ]


def test_a_run_without_landed_tables_has_no_such_part() -> None:
    assert 'id="stores"' not in render_page(a_report())
    assert "landed table" not in as_markdown(a_report())
    assert in_short(a_report()) == ""


def test_the_landed_tables_in_one_sentence() -> None:
    def told(*sources: Landed) -> str:
        return in_short(a_report(sources=sources))

    assert told(FRESH) == "1 landed table: all fresh enough; 1 compared with their store, all equal."
    assert told(FRESH, OLD) == (
        "2 landed tables: older than allowed: hbase.sessions; not what their store holds: hbase.sessions."
    )
    alone = dataclasses.replace(FRESH, compared=None)
    assert told(alone) == "1 landed table: all fresh enough; none compared with its store (run reconcile)."
    assert told(FILES) == "1 landed table: their age is not limited."


def test_what_differs_in_words() -> None:
    assert differences(EQUAL) == "equal"
    unsteady = dataclasses.replace(APART, status="warn", kinds={}, differing_ranges=2)
    assert differences(unsteady) == "no key differs (2 of 64 ranges)"
    assert (age_of(OLD), age_of(OTHERS)) == ("2.1 days", "")


def test_a_side_of_nothing_has_no_share() -> None:
    (found,) = crossings(
        a_report(
            tables=(SuiteResult(model="m", results=(dataclasses.replace(DAYS, numbers={"here": 0, "there": 5.0}),)),)
        )
    )
    assert gap(found) == ""


def test_a_comparison_that_could_not_be_judged_has_no_sides() -> None:
    broken: Any = dataclasses.replace(DAYS, numbers={}, error="no column")
    assert crossings(a_report(tables=(SuiteResult(model="m", results=(broken,)),))) == ()


def test_the_document_is_as_its_schema_says(report: Report) -> None:
    from jsonschema import Draft202012Validator

    found = as_document(report)
    assert not list(Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).iter_errors(found))
    assert [one["freshness"] for one in found["sources"]] == ["pass", "warn", "", ""]
    assert found["sources"][1]["compared"]["kinds"] == {"missing": 70, "differing": 2}
    assert [(one["title"], one["status"]) for one in found["crossings"]] == [
        ("revenue by day", "fail"),
        ("expect_rows_to_be_matched", "pass"),
    ]


def test_markdown_folds_the_stores(report: Report) -> None:
    text = as_markdown(report)
    assert (
        "<details><summary>4 landed tables: older than allowed: hbase.sessions; "
        "not what their store holds: hbase.sessions.</summary>"
    ) in text
    assert "| mongodb.orders | MongoDB | 500,000 | 62 min | ✅ equal |" in text
    assert "| ❌ matched: revenue by day | orders: 5,180,000 | carts: 5,309,500 | 4 of 90 days differ |" in text
    assert HOSTILE not in text
