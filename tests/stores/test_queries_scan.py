"""Scans as values: ranges, quoting, regions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.errors import FormatError
from stores.queries.hbase import session_scan
from stores.queries.scan import Scan, cell_equals, prefix_scan, quoted, regions_visited
from stores.queries.series import series_scan
from stores.queries.window import Window, moment, shown


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (b"converted", b"'converted'"),
        (b"it's", b"'it''s'"),
        (b"' OR ''='", b"''' OR ''''='''"),
        (b"", b"''"),
        ("é".encode(), b"'\xc3\xa9'"),
    ],
)
def test_a_value_cannot_end_its_quotes(value: bytes, literal: bytes) -> None:
    assert quoted(value) == literal


def test_a_filter_of_a_cell_judges_rows_without_it_and_its_newest_version() -> None:
    assert cell_equals(b"meta:referrer", b"a'b") == (
        b"SingleColumnValueFilter('meta', 'referrer', =, 'binary:a''b', true, true)"
    )


def test_a_prefix_ends_before_the_next_one() -> None:
    assert (prefix_scan("t", b"user_1#").start, prefix_scan("t", b"user_1#").stop) == (b"user_1#", b"user_1$")
    assert prefix_scan("t", b"\xff").stop is None


def test_a_window_is_a_range_in_which_later_comes_first() -> None:
    # 2026-01-01 is 1767225600000 ms, 2026-01-02 is 1767312000000 ms; reversed 8232774399999 and 8232687999999.
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    both = session_scan("s", "u", window=Window(start=start, end=end))
    assert (both.start, both.stop) == (b"u#8232688000000", b"u#8232774400000")
    assert session_scan("s", "u", window=Window(start=start)).start == b"u#"
    assert session_scan("s", "u", window=Window(end=end)).stop == b"u$"


def test_windows_at_the_ends_of_time_stay_within_the_user() -> None:
    ancient = session_scan("s", "u", window=Window(end=datetime(1969, 1, 1, tzinfo=UTC)))
    assert (ancient.start, ancient.stop) == (b"u#:", b"u$")
    since_1970 = session_scan("s", "u", window=Window(start=datetime(1970, 1, 1, tzinfo=UTC)))
    assert (since_1970.start, since_1970.stop) == (b"u#", b"u#:")
    future = session_scan("s", "u", window=Window(start=datetime(2999, 1, 1, tzinfo=UTC)))
    assert future.stop == b"u#0000000000000"


def test_a_series_takes_the_days_of_its_window() -> None:
    window = Window(start=datetime(2026, 1, 31, 18, tzinfo=UTC), end=datetime(2026, 2, 2, tzinfo=UTC))
    scan = series_scan("m", "prod_1", window=window)
    assert (scan.start, scan.stop) == (b"prod_1#20260131", b"prod_1#20260201\0")
    whole = series_scan("m", "prod_1", window=Window())
    assert (whole.start, whole.stop) == (b"prod_1#", b"prod_1$")


REGIONS = [
    {"start_key": b"", "end_key": b"g"}, {"start_key": b"g", "end_key": b"p"}, {"start_key": b"p", "end_key": b""},
]  # fmt: skip


@pytest.mark.parametrize(
    ("scan", "rows", "visited"),
    [
        (Scan(table="t"), [], 3),
        (Scan(table="t", start=b"g"), [], 2),
        (Scan(table="t", start=b"a", stop=b"g"), [], 1),
        (Scan(table="t", start=b"a", stop=b"g\0"), [], 2),
        (Scan(table="t", start=b"q", stop=b"r"), [], 1),
        (Scan(table="t", limit=2), [(b"a", {}), (b"h", {})], 2),  # it ended at h
        (Scan(table="t", limit=3), [(b"a", {}), (b"h", {})], 3),  # it looked for a third to the end
    ],
)
def test_regions_visited_are_those_up_to_the_last_row(
    scan: Scan, rows: list[tuple[bytes, dict[bytes, bytes]]], visited: int
) -> None:
    assert regions_visited(REGIONS, scan, rows) == visited


def test_a_scan_shows_itself_whole() -> None:
    scan = Scan(table="t", start=b"u#", stop=b"u$", columns=(b"meta:a", b"stats"), limit=20)
    assert str(scan) == (
        "scan t\n  start row: u#\n  stop row: u$ (not read)\n  columns: meta:a, stats\n  filter: none\n  limit: 20"
    )
    assert str(Scan(table="t", filter=b"KeyOnlyFilter()")) == (
        "scan t\n  start row: the first\n  stop row: the end (not read)\n  columns: all\n  filter: KeyOnlyFilter()\n"
        "  limit: none"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T18:30", datetime(2026, 1, 31, 18, 30, tzinfo=UTC)),
        ("2026-01-31T18:30:00+02:00", datetime(2026, 1, 31, 16, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_day_or_a_time(text: str, found: datetime) -> None:
    assert moment(text) == found


def test_a_window_that_holds_nothing_is_refused() -> None:
    with pytest.raises(FormatError) as caught:
        Window(start=moment("2026-02-01"), end=moment("2026-01-31T18:00"))
    assert str(caught.value) == (
        "the window holds no moment: from 2026-02-01 until before 2026-01-31T18:00:00Z. "
        "Give an earlier --from, or a later --until."
    )
    with pytest.raises(FormatError) as caught:
        moment("yesterday")
    assert str(caught.value) == '"yesterday" is no time. Write a day or a moment: 2026-01-31, 2026-01-31T18:30:00.'
    assert shown(moment("2026-01-31T18:30:00.5")) == "2026-01-31T18:30:00.500000Z"
