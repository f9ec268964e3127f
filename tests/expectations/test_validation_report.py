"""The report: offline, safe with hostile text, true in every form."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from expectations.definition import Slice
from expectations.plot import NARROW, bin_edges, to_svg
from expectations.report import RunInfo, headline, plain, render_page, render_terminal, write_report
from expectations.result import Box, CheckResult, Plot, SuiteResult
from expectations.suite import Expectation

HOSTILE = "<script>alert('x')</script>"
PLOT = Plot(
    column="session_duration_seconds",
    unit="s",
    rows=10_000,
    edges=tuple(7_300_000.0 + 20_000 * i for i in range(25)),
    counts=tuple(range(24)),
    outside=(12, 30),
    box=Box(least=7.2e6, p05=7.35e6, q1=7.45e6, median=7.55e6, q3=7.65e6, p95=7.75e6, most=7.8e6),
    group="device_type = mobile",
    group_rows=100,
    group_counts=tuple(i // 2 for i in range(24)),
)
RUN = RunInfo(
    run_id="r1",
    project="shop",
    target="dev",
    seconds=12.3,
    withheld=("session_durations",),
    finished_at=datetime.datetime(2024, 3, 31, 12, 0),
)


def result(status: Any = "fail", severity: Any = "error", **more: Any) -> CheckResult:
    values: dict[str, Any] = {
        "expectation": Expectation(
            type="expect_column_dispersion_above_floor",
            arguments={"column": "session_duration_seconds"},
            severity=severity,
            place="expectations/suites/x.yml:4",
        ),
        "status": status,
        "level": status,
        "check": "D4",
        "observed": "QCD 0.01",
        "message": "it is clustered.",
        "cause": "values packed into a narrow band" if status != "pass" else "",
        "evidence": ("QCD = 0.01.",),
        "what_to_do": "Look at the grain.",
        "numbers": {"qcd": 0.01, "tail_ratio": float("inf")},
    }
    return CheckResult(**{**values, **more})


def tables() -> list[SuiteResult]:
    flagged = result(
        plot=PLOT,
        slice=Slice(column="device_type", value=HOSTILE, since="2024-02-01", until="2024-02-03", dates=3, rows=7),
        failing_rows=(
            {"user_id": HOSTILE, "session_duration_seconds": 7_461_000, "total": Decimal("12.50"), "city": None},
            {"user_id": "u2", "session_duration_seconds": 7_462_000, "total": Decimal("1.00"), "tags": ["a", 1]},
        ),
        failing_count=400,
    )
    return [
        SuiteResult(model="session_durations", results=(flagged, result("pass")), rows=10_000, seconds=1.2, jobs=3),
        SuiteResult(model="clv", results=(result("pass"),), rows=5, seconds=0.2),
        SuiteResult(model="reported", results=(result("warn", "warn"),), rows=5, seconds=0.2),
    ]


class Reader(HTMLParser):
    """Collects every address that a browser would fetch, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.headers_without_scope = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.addresses += [
            given[name] or "" for name in ("src", "href", "xlink:href", "action", "data") if name in given
        ]
        self.headers_without_scope += tag == "th" and "scope" not in given


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    page = render_page(tables(), RUN)
    reader = read(page)
    assert [address for address in reader.addresses if not address.startswith("#")] == []
    assert "script" not in reader.tags
    assert not re.search(r"url\((?!#)|@import", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_hostile_text_stays_text() -> None:
    page = render_page(tables(), RUN)
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 2


def test_a_hostile_column_name_stays_text_in_the_drawing() -> None:
    import dataclasses

    drawn = to_svg(dataclasses.replace(PLOT, column=HOSTILE, unit=""), NARROW)
    assert "<script" not in drawn


def test_the_page_says_the_verdict_first() -> None:
    page = render_page(tables(), RUN)
    order = [
        "1 table withheld: session_durations",
        "Readers still see the last good version. 2 tables passed, 1 with warnings. 4 checks in all.",
        '<h2 id="title-1">session_durations</h2>',
        "values packed into a narrow band",
        "device_type = &lt;script&gt;",
        "QCD = 0.01.",
        "Look at the grain.",
        "n = 10,000. Not drawn: 12 below and 30 above the axis.",
        "Figures behind the chart",
        "2 failing rows of 400",
        "All tables",
        "All checks",
    ]
    positions = [page.find(text) for text in order]
    assert -1 not in positions, order[positions.index(-1)]
    assert positions == sorted(positions)
    assert '<html lang="en">' in page
    assert read(page).headers_without_scope == 0


def test_axes_are_plain_numbers_with_a_unit() -> None:
    drawn = to_svg(PLOT, NARROW)
    labels = re.findall(r">([^<>]+)</text>", drawn)
    assert "session_duration_seconds (s)" in labels
    assert "rows" in labels
    assert any(re.fullmatch(r"7,[3-7]00,000", label) for label in labels)
    assert [label for label in labels if re.search(r"\de[+\d]|×|\dM", label)] == []


def test_report_json_is_json_and_whole(tmp_path: Path) -> None:
    page = write_report(tables(), tmp_path / "report", run=RUN)
    assert page == tmp_path / "report" / "index.html"
    text = (tmp_path / "report" / "report.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (found["status"], found["run"]["run_id"], len(found["tables"])) == ("fail", "r1", 3)
    first = found["tables"][0]
    assert first["verdict"]["cause"] == "values packed into a narrow band"
    assert first["verdict"]["slice"]["value"] == HOSTILE
    assert first["results"][0]["blocking"] is True
    assert first["results"][0]["numbers"] == {"qcd": 0.01, "tail_ratio": "inf"}
    assert first["results"][0]["failing_rows"][0]["total"] == "12.50"
    assert first["results"][0]["plot"]["counts"] == list(range(24))
    assert found["tables"][1]["verdict"] is None


def test_the_terminal_form() -> None:
    assert render_terminal(tables()) == (
        "session_durations: fails: values packed into a narrow band\n"
        f"  where: device_type = {HOSTILE}, 2024-02-01 to 2024-02-03\n"
        "  FAIL  D4 it is clustered.\n"
        "  do: Look at the grain.\n"
        "reported: warns: values packed into a narrow band\n"
        "  WARN  D4 it is clustered.\n"
        "  do: Look at the grain.\n"
        "3 tables checked: 1 passed, 1 warned, 1 failed.\n"
    )


GOOD, WARNED, BAD = tables()[1], tables()[2], tables()[0]
HEADLINES = [
    ([], (), "pass", "Nothing was checked"),
    ([GOOD], (), "pass", "The one table passed"),
    ([GOOD, GOOD], (), "pass", "All 2 tables passed"),
    ([GOOD, WARNED], (), "warn", "All 2 tables passed, 1 table with warnings"),
    ([GOOD, BAD], ("session_durations",), "fail", "1 table withheld: session_durations"),
    ([GOOD, BAD], (), "fail", "1 table fails: session_durations"),
]


@pytest.mark.parametrize(("results", "withheld", "status", "text"), HEADLINES, ids=[row[3] for row in HEADLINES])
def test_headlines(results: list[SuiteResult], withheld: tuple[str, ...], status: str, text: str) -> None:
    found = headline(results, RunInfo(run_id="r", withheld=withheld))
    assert (found.status, found.text) == (status, text)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (30, 3600), (7.3e6, 7.8e6), (-5, 5), (0.001, 0.0011), (5, 5), (0, 0), (1e-9, 1e12)]
)
def test_bins_cover_the_range_with_equal_widths(low: float, high: float) -> None:
    edges = bin_edges(low, high)
    assert edges[0] <= low and high <= edges[-1]
    assert 1 <= len(edges) - 1 <= 42
    widths = {round((b - a) / (edges[1] - edges[0]), 6) for a, b in pairwise(edges)}
    assert widths == {1.0}


def test_plain_values() -> None:
    assert plain({"a": (1, float("nan")), "b": b"\x01", "c": datetime.date(2024, 1, 2)}) == {
        "a": [1, "nan"],
        "b": "01",
        "c": "2024-01-02",
    }
