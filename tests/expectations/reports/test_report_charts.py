"""Charts: plain numbers with units, escaped words, what came before laid over what is; what reads a table, in layers."""

from __future__ import annotations

import dataclasses
import datetime
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from expectations.plot import bin_edges
from expectations.reports.band import Band, bands
from expectations.reports.charts import NARROW, WIDE, distribution, plain_number, ticks_of, trend
from expectations.reports.figures import figure_of, title_of
from expectations.reports.lineage import MOST, depths, drawn
from expectations.reports.values import Observation, Reader
from expectations.result import CheckResult
from expectations.stats.usual import Point, usual
from expectations.suite import Expectation
from tests.expectations.reports.report_values import HOSTILE, PLOT, a_report, result

ALONE = dataclasses.replace(PLOT, baseline=None)


def labels(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_axes_are_plain_numbers_with_a_unit(size: object) -> None:
    svg = distribution(ALONE, size)  # type: ignore[arg-type]
    found = labels(svg)
    assert "session_duration_seconds (s)" in found
    assert "rows" in found
    assert any(re.fullmatch(r"7,[3-7]00,000", label) for label in found)
    assert [label for label in found if re.search(r"\de[+\d]|×|\dM", label)] == []
    ElementTree.fromstring(svg)  # well-formed


def test_with_a_baseline_both_are_shares_and_both_have_a_box() -> None:
    svg = distribution(PLOT, WIDE)
    assert {"share of rows (%)", "now", "before"} <= set(labels(svg))
    assert svg.count('class="before"') == 1
    assert svg.count('class="box ') == 2


def test_bars_are_as_high_as_their_share() -> None:
    svg = distribution(dataclasses.replace(ALONE, group_counts=()), WIDE)
    heights = [float(height) for height in re.findall(r'<rect class="bar"[^>]* height="([\d.]+)"', svg)]
    assert len(heights) == 23  # the empty bin has none
    assert heights[22] / heights[10] == pytest.approx(23 / 11, rel=0.01)


def test_a_hostile_column_name_stays_text_in_the_drawing() -> None:
    svg = distribution(dataclasses.replace(PLOT, column=HOSTILE, unit=""), NARROW)
    assert "<script" not in svg
    assert "<script" not in drawn(HOSTILE, [Reader(name=HOSTILE, parents=(HOSTILE,))], is_withheld=True)


def test_the_trend_shows_each_run_and_how_it_was_judged() -> None:
    points = a_report().trends["session_durations"]
    svg = trend([*points, dataclasses.replace(points[-1], value=400.0, status="fail")], NARROW, "failing rows")
    assert (svg.count("at pass"), svg.count("at fail")) == (4, 1)
    assert {"failing rows", "0", "400", "5 runs, UTC", "2024-03-26 12:00"} <= set(labels(svg))


def trended(kind: str = "expect_table_row_count_to_follow_history", **arguments: Any) -> CheckResult:
    return result(expectation=Expectation(type=kind, arguments=arguments), numbers={"figure": 9.0}, failing_count=None)


def seen(*values: float, **judged: float) -> list[Observation]:
    """Returns runs a day apart, each judged alike."""
    first = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    return [
        Observation(run_id=f"r{n}", at=first + datetime.timedelta(days=n), value=value, status="pass", **judged)
        for n, value in enumerate(values)
    ]


def test_a_check_of_a_trend_has_the_band_that_it_judged_by() -> None:
    points = [*seen(100.0), *seen(101.0, 150.0, expected=100.0, allowed=10.0)]
    assert bands(trended(), points) == [None, Band(low=90.0, high=110.0), Band(low=90.0, high=110.0)]
    assert bands(trended(direction="up"), points)[1] == Band(low=None, high=110.0)
    assert bands(trended(direction="down"), points)[1] == Band(low=90.0, high=None)
    shape = trended("expect_column_distribution_to_follow_history", column="total")
    assert bands(shape, points)[1] == Band(low=None, high=10.0)


def test_any_other_figure_has_the_median_and_mad_of_the_runs_before() -> None:
    points = seen(10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 11.0, 90.0)
    found = bands(result(), points)
    assert found[:8] == [None] * 8
    for place in (8, 9):
        expected = usual([Point(one.at, one.value) for one in points[:place]], points[place].at)
        width = 4 * expected.scale * expected.per
        assert found[place] == Band(low=max(expected.expected - width, 0.0), high=expected.expected + width)
    assert found[9] is not None and found[9].high is not None and found[9].high < 90
    assert [band and band.low for band in bands(result(), seen(*[0.0, 1.0] * 6))[8:]] == [0.0] * 4  # no fewer than none


@pytest.mark.parametrize(
    ("band", "shown"),
    [
        (Band(low=0, high=0), "0"),
        (Band(low=90.0, high=110.0), "90 to 110"),
        (Band(low=None, high=0.1), "up to 0.1"),
        (Band(low=5, high=None), "from 5"),
    ],
)
def test_a_band_in_words(band: Band, shown: str) -> None:
    assert band.shown == shown


def test_the_band_is_drawn_behind_the_runs_and_the_present_is_marked() -> None:
    points = seen(100.0, 101.0, 99.0, 150.0)
    svg = trend(points, NARROW, "rows", [None, Band(low=90, high=110), None, Band(low=None, high=110)])
    ElementTree.fromstring(svg)
    assert svg.count('class="usual"') == 2  # broken where nobody knows what was usual
    assert svg.index('class="usual"') < svg.index('class="line"') < svg.index('class="now"')
    assert {"rows", "now 150", "80", "160"} <= set(labels(svg))  # the open side reaches to the axis
    assert 'class="usual"' not in trend(points, NARROW, "rows")


TITLES = [
    ("expect_table_row_count_to_follow_history", {}, "rows"),
    ("expect_column_null_share_to_follow_history", {"column": "city"}, "share of city that is missing (0 to 1)"),
    ("expect_column_figure_to_follow_history", {"column": "duration_seconds"}, "mean of duration_seconds (s)"),
    ("expect_column_figure_to_follow_history", {"column": "total", "statistic": "p95"}, "p95 of total"),
    ("expect_newest_row_to_follow_history", {"column": "ordered_at"}, "age of the newest ordered_at (hours)"),
    ("expect_column_distribution_to_follow_history", {"column": "os"}, "distance of os to its past (0 to 1)"),
]


@pytest.mark.parametrize(("kind", "arguments", "title"), TITLES)
def test_the_axis_of_a_trend_has_its_unit(kind: str, arguments: dict[str, Any], title: str) -> None:
    check = trended(kind, **arguments)
    found = figure_of(check)
    assert found is not None and title_of(check, found) == title


def test_a_trend_of_equal_values_is_drawn() -> None:
    points = [dataclasses.replace(point, value=7.0) for point in a_report().trends["session_durations"]]
    ElementTree.fromstring(trend(points, NARROW, "rows"))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 100, [0, 25, 50, 75, 100]), (0, 7, [0, 2, 4, 6, 8]), (0.98, 1.01, [0.98, 0.99, 1.0, 1.01]), (-5, 5, [-5, -2.5, 0, 2.5, 5])],
)  # fmt: skip
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert ticks_of(low, high, 4) == pytest.approx(found)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(7_300_000.0, 100_000.0, "7,300,000"), (0.1 + 0.2, 0.1, "0.3"), (-0.0, 1.0, "0"), (2.5, 2.5, "2.5"), (1e-7, 1e-7, "0.0000001")],
)  # fmt: skip
def test_numbers_on_axes_have_all_their_digits(value: float, step: float, text: str) -> None:
    assert plain_number(value, step) == text


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (30, 3600), (7.3e6, 7.8e6), (-5, 5), (0.001, 0.0011), (5, 5), (0, 0), (1e-9, 1e12)]
)
def test_bins_cover_the_range_with_equal_widths(low: float, high: float) -> None:
    edges = bin_edges(low, high)
    assert edges[0] <= low and high <= edges[-1]
    assert 1 <= len(edges) - 1 <= 42
    widths = {round((b - a) / (edges[1] - edges[0]), 6) for a, b in pairwise(edges)}
    assert widths == {1.0}


READERS = a_report().contexts["session_durations"].readers


def test_readers_stand_right_of_all_that_they_read() -> None:
    assert depths("session_durations", READERS) == {
        "session_durations": 0,
        "user_activity": 1,
        "clv_tiers": 2,
        "board deck": 3,
    }


def test_the_lineage_says_what_became_of_each_reader() -> None:
    svg = drawn("session_durations", READERS, is_withheld=True)
    assert labels(svg) == [
        *("session_durations", "not published"),
        *("user_activity", "left as it was"),
        *("clv_tiers", "left as it was"),
        *("board deck", "exposure"),
    ]
    assert svg.count('class="edge"') == 4
    ElementTree.fromstring(svg)


def test_too_many_readers_are_listed_only() -> None:
    many = [Reader(name=f"m{i}", parents=("t",)) for i in range(MOST + 1)]
    assert drawn("t", many, is_withheld=False) == ""
    assert drawn("t", many[:MOST], is_withheld=False) != ""
    assert drawn("t", [], is_withheld=False) == ""
