"""The page of a run: offline, safe with hostile text, the verdict first; calm where all is well."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from expectations.causes import CLUSTERED, RULE
from expectations.reports.document import as_document
from expectations.reports.headline import causes, headline, named
from expectations.reports.markdown import as_markdown
from expectations.reports.page import breakable, render_page
from expectations.reports.values import Context, Report, RunInfo, Unbuilt, UnitCase
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation
from tests.expectations.reports.report_values import HOSTILE, a_report, bad, good, result, warned


class Reader(HTMLParser):
    """Collects every address that a browser would fetch or follow, the tags, and the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.followed: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.headers_without_scope = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        for name in ("src", "href", "xlink:href", "action", "data"):
            if name in given:
                (self.followed if tag == "a" else self.fetched).append(given[name] or "")
        self.ids += [given["id"] or ""] if "id" in given else []
        self.headers_without_scope += tag == "th" and "scope" not in given


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_fetches_nothing() -> None:
    page = render_page(a_report())
    found = read(page)
    assert found.fetched == ["data:,"]  # the icon that browsers ask for by themselves
    assert not re.search(r"url\((?!#)|@import", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}
    beside = {"../index.html", "report.json", "junit.xml", "report.md", "../../data_docs/index.html"}
    mails = {"mailto:web@x.example", "mailto:i@x.example"}
    assert {address for address in found.followed if not address.startswith("#")} == beside | mails


def test_only_the_pages_own_script_may_run() -> None:
    import base64
    import hashlib

    page = render_page(a_report())
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in page


def test_hostile_text_stays_text() -> None:
    hostile = dataclasses.replace(a_report(), contexts={"session_durations": Context(path=HOSTILE)})
    for report in (a_report(), hostile):
        page = render_page(report)
        assert HOSTILE not in page
        assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 2


def test_links_within_the_page_lead_somewhere_and_ids_are_unique() -> None:
    found = read(render_page(a_report()))
    assert {address[1:] for address in found.followed if address.startswith("#")} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_the_page_says_the_verdict_first() -> None:
    page = render_page(a_report()).replace("<wbr>", "")
    order = [
        "1 of 3 tables was not published: session_durations",
        "because: <strong>values packed into a narrow band, where device_type = &lt;script&gt;",
        "Readers still see its last good version. 2 tables passed, 1 of them with warnings. 4 checks in all. "
        "1 table could not be judged: broken. 1 of 2 unit tests fails. 1 table below was left as it was.",
        '<h2 id="title-1">session_durations</h2>',
        "it is clustered.",
        "device_type = &lt;script&gt;",
        "QCD = 0.01.",
        "Look at the grain.",
        'Web <a href="mailto:web@x.example">',
        "n = 10,000; before, version 12 of 2024-03-30 08:00 UTC: n = 20,000. Not drawn: 12 below and 30 above the axis.",
        "Failing rows, as the check that names the cause measured it in the last 5 runs.",
        "2 of 400 failing rows",
        "Reads it: 3 tables and reports",
        "expectations/suites/x.yml:4",
        "- expect: expect_column_dispersion_above_floor",
        "Could not be judged",
        "Unit tests that fail",
        "Warnings",
        "All checks",
    ]
    position = page.index("<body>")
    for text in order:
        found = page.find(text, position)
        assert found >= 0, text
        position = found
    assert '<html lang="en">' in page
    assert read(page).headers_without_scope == 0


def test_the_whole_check_is_shown_as_it_is_written() -> None:
    page = render_page(a_report())
    assert "- expect: expect_column_dispersion_above_floor\n  column: session_duration_seconds\n  fail_qcd: 0.1" in page


def test_a_slow_check_is_marked() -> None:
    page = render_page(a_report())
    assert '<span class="badge slow">slow: 2.2 s in Great Expectations\' own engine</span>' in page


def test_a_clean_run_is_calm() -> None:
    page = render_page(Report(run=RunInfo(run_id="r"), tables=(good(), good())))
    assert '<h1 class="pass">All 2 tables passed</h1>' in page
    assert 'class="card' not in page
    assert "Warnings" not in page


def test_failing_tables_stand_first_then_by_name() -> None:
    page = render_page(a_report(tables=(good(), warned(), bad())))
    listed = re.findall(r'data-name="([^"]+)"', page)
    assert listed == ["session_durations", "reported", "clv"]


def test_a_distribution_stands_with_the_check_that_it_is_of() -> None:
    other = result(plot=bad().results[0].plot, cause=RULE, check="", message="another rule is broken.")
    lead = result(cause=CLUSTERED)
    page = render_page(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="t", results=(lead, other)),)))
    assert '<div class="charts">' not in page
    assert page.index("another rule is broken.") < page.index("Distribution of session_duration_seconds</summary>")


def test_the_report_names_the_table_that_keeps_failing_rows() -> None:
    asked = Expectation(type="expect_query_to_find_nothing", arguments={"rule": "paid", "sql": "select 1"}, name="paid")
    kept = CheckResult(
        expectation=asked,
        status="fail",
        level="fail",
        message="paid: 1 failing row; the table has 3.",
        cause=RULE,
        failing_rows=({"order_id": 1},),
        stored="marts_dbt_test__audit.paid",
    )
    page = render_page(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="orders", results=(kept,), rows=3),)))
    assert 'All of them: <code>run sql "select * from marts_dbt_test__audit.paid"</code>' in page


LEFT = Unbuilt(name="below", message="t failed", skipped=True)
BROKEN = Unbuilt(name="broken", message="no column x", skipped=False)
UNIT = UnitCase(model="clv", name="one", passed=True)
HEADLINES = [
    ((), {}, "pass", "Nothing was checked"),
    ((good(),), {}, "pass", "The one table passed"),
    ((good(), good()), {}, "pass", "All 2 tables passed"),
    ((good(), warned()), {}, "warn", "All 2 tables passed, 1 table with warnings"),
    ((warned(),), {}, "warn", "The one table passed, with warnings"),
    ((warned(), warned()), {}, "warn", "All 2 tables passed, with warnings"),
    ((good(), bad()), {"withheld": True}, "fail", "1 of 2 tables was not published: session_durations"),
    ((good(), bad()), {}, "fail", "1 of 2 tables fails: session_durations"),
    ((bad(),), {"unbuilt": (LEFT,)}, "fail", "The one table fails: session_durations"),
    ((good(),), {"unbuilt": (BROKEN,)}, "fail", "1 table could not be judged: broken"),
    ((), {"unit_tests": (UNIT,)}, "pass", "All 1 unit tests passed"),
    ((good(),), {"unit_tests": (dataclasses.replace(UNIT, passed=False),)}, "fail", "1 of 1 unit tests fails"),
]


@pytest.mark.parametrize(("tables", "more", "status", "text"), HEADLINES, ids=[row[3] for row in HEADLINES])
def test_headlines(tables: tuple[SuiteResult, ...], more: dict[str, object], status: str, text: str) -> None:
    given = dict(more)
    run = RunInfo(run_id="r", withheld=("session_durations",) if given.pop("withheld", False) else ())
    found = headline(Report(run=run, tables=tables, **given))  # type: ignore[arg-type]
    assert (found.status, found.text) == (status, text)


def test_the_causes_of_failing_tables() -> None:
    assert causes(a_report()) == [
        ("session_durations", f"{CLUSTERED}, where device_type = {HOSTILE}, 2024-02-01 to 2024-02-03")
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (list("abcd"), "a, b, c and d"), (list("abcdef"), "a, b, c and 3 more")],
)
def test_names_in_a_sentence(names: list[str], text: str) -> None:
    assert named(names) == text


def test_long_names_may_break_and_stay_text() -> None:
    assert breakable("stg_mongodb__users.id (a)") == "stg_<wbr>mongodb__<wbr>users.<wbr>id (<wbr>a)"
    assert breakable("<a>_b") == "&lt;a&gt;_<wbr>b"


def test_what_passed_but_was_not_published_with_the_others_is_told() -> None:
    run = RunInfo(run_id="r", withheld=("session_durations", "clv"))
    report = Report(run=run, tables=(bad(), good()))
    assert headline(report).more == (
        "Readers still see its last good version. 1 table passed. 3 checks in all. "
        "1 table that passed was not published either: this run publishes all or nothing."
    )
    assert '<span class="badge warn">not published with the others</span>' in render_page(report)


def test_the_page_says_how_to_see_the_rows_that_are_kept() -> None:
    kept = result(failing_rows=({"id": 1},), failing_count=400, kept=100)
    page = render_page(Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="clv", results=(kept,)),)))
    assert "<p>100 of them are kept: <code>run show clv --failures</code></p>" in page


def test_a_check_that_names_no_cause_speaks_for_itself() -> None:
    aside = result(cause="", message="5 of 9 rows went into quarantine.", slice=None)
    report = Report(run=RunInfo(run_id="r"), tables=(SuiteResult(model="orders", results=(aside,)),))
    assert causes(report) == [("orders", "5 of 9 rows went into quarantine")]
    assert '<p class="cause">5 of 9 rows went into quarantine</p>' in render_page(report)
    assert "| orders | 5 of 9 rows went into quarantine | in no one slice |  |" in as_markdown(report)
    assert as_document(report)["tables"][0]["verdict"]["message"] == "5 of 9 rows went into quarantine."
