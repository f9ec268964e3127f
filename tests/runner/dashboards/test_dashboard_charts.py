"""Charts of dashboards: plain numbers on axes, what chance explains, and every odd answer that a query can give."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pytest

from expectations.stats.rankings import Summary
from runner.dashboards.answers import Answer, Answers
from runner.dashboards.bars import two_lines
from runner.dashboards.panel import Made, make_panel
from runner.dashboards.picture import day_ticks, ticks
from runner.dashboards.rankings import judge
from runner.dashboards.values import alike, as_csv, exact, short, with_unit
from runner.insights.contrasts import compare_means, uneven
from runner.jinja.settings import SettingsRenderer
from runner.project.dashboards import Field, Noise, Panel, read_dashboards

DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(90)]
_SVG = "{http://www.w3.org/2000/svg}"


def panel(tmp_path: Path, chart: str, further: str = "") -> Panel:
    path = tmp_path / "made.yml"
    path.write_text(
        f"title: Made\npanels:\n  - title: Shown\n    query: select 1\n    chart: {chart}\n{further}", encoding="utf-8"
    )
    files = [(path, PurePosixPath("dashboards/made.yml"), ())]
    return read_dashboards(files, settings=SettingsRenderer({}, {}), strict=True)[0].panels[0]


def made(tmp_path: Path, chart: str, further: str = "", **columns: Sequence[Any]) -> Made:
    shown = panel(tmp_path, chart, further)
    assert shown.query is not None
    answer = Answer(columns=columns, versions={}, asked_at=datetime(2026, 3, 1, tzinfo=UTC))
    return make_panel(shown, Answers(found={shown.query: answer}, missing={}))


def texts(svg: str) -> list[str]:
    """Returns the words on a picture."""
    return [one.text or "" for one in ElementTree.fromstring(svg).iter(f"{_SVG}text")]


def labels(svg: str) -> list[str]:
    """Returns what its marks say."""
    return [one.attrib["data-label"] for one in ElementTree.fromstring(svg).iter() if "data-label" in one.attrib]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1_000_000, 1_000_013], ["1,000,000", "1,000,005", "1,000,010", "1,000,015"]),
        ([7_300_000, 7_800_000], ["7,200,000", "7,400,000", "7,600,000", "7,800,000"]),
        ([0, 1e9], ["0", "250,000,000", "500,000,000", "750,000,000", "1,000,000,000"]),
        ([0.0001, 0.0002], ["0.00000", "0.00005", "0.00010", "0.00015", "0.00020"]),
        ([5, 5], ["4.950", "4.975", "5.000", "5.025", "5.050"]),
        ([-3, 2], ["-4", "-2", "0", "2"]),
    ],
)
def test_axes_have_plain_numbers_without_offset_or_exponent(
    tmp_path: Path, values: list[float], shown: list[str]
) -> None:
    found = made(tmp_path, "{mark: line, x: day, y: value}", day=DAYS[:2], value=values)
    numbers = [text.replace("−", "-") for text in texts(found.pictures[0][1])]
    axis = [text for text in numbers if re.fullmatch(r"-?[\d,.]+", text)]
    assert axis == shown
    assert not [text for text in numbers if re.search(r"\d[kKMGe]\b|e[+-]?\d|×", text)]


def test_bars_begin_at_zero_and_lines_say_where_they_do_not(tmp_path: Path) -> None:
    bars = made(tmp_path, "{mark: bar, x: day, y: value}", day=DAYS[:3], value=[1_000_000, 1_000_020, 1_000_005])
    assert "0" in texts(bars.pictures[0][1]) and bars.notes == ()
    lines = made(tmp_path, "{mark: line, x: day, y: value}", day=DAYS[:3], value=[1_000_000, 1_000_020, 1_000_005])
    assert lines.notes == ("The vertical axis begins at 1,000,000, not at 0.",)


def test_units_stand_on_axes_and_shares_in_percent(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "{mark: bar, x: {field: value, title: paid, unit: EUR}, y: who}",
        value=[Decimal("10.50"), 3],
        who=["a", "b"],
    )
    assert "paid (EUR)" in texts(found.pictures[0][1])
    assert labels(found.pictures[0][1]) == ["a: 10.50 EUR", "b: 3 EUR"]
    shares = made(tmp_path, "{mark: line, x: day, y: {field: share, format: percent}}", day=DAYS[:2], share=[0.1, 0.25])
    assert "share (%)" in texts(shares.pictures[0][1])
    assert labels(shares.pictures[0][1]) == ["2026-01-01, share: 10.0 %", "2026-01-02, share: 25.0 %"]
    assert [cell.shown for row in shares.rows for cell in row][1::2] == ["10 %", "25 %"]
    assert [cell.raw for row in shares.rows for cell in row][1::2] == ["0.1", "0.25"]


ODD: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "no rows": {"x": [], "y": [], "g": []},
    "one row": {"x": [DAYS[0]], "y": [5], "g": ["a"]},
    "only nulls": {"x": DAYS[:2], "y": [None, None], "g": ["a", "b"]},
    "nulls among numbers": {"x": DAYS[:3], "y": [1, None, 3], "g": ["a", "b", "c"]},
    "not a number": {"x": DAYS[:3], "y": [1.5, math.nan, math.inf], "g": ["a", "b", "c"]},
    "all the same": {"x": DAYS[:3], "y": [7, 7, 7], "g": ["a", "b", "c"]},
    "zeros": {"x": DAYS[:2], "y": [0, 0], "g": ["a", "b"]},
    "negative": {"x": DAYS[:2], "y": [-5.5, -1], "g": ["a", "b"]},
    "twice the same place": {"x": [DAYS[0]] * 2, "y": [1, 2], "g": ["a", "a"]},
    "names that a page could take for its own": {"x": DAYS[:2], "y": [1, 2], "g": ["<b>&\"'</b>", "</svg><script>"]},
    "a null name": {"x": DAYS[:2], "y": [1, 2], "g": [None, "b"]},
    "decimals": {"x": DAYS[:2], "y": [Decimal("0.10"), Decimal("12345678901234567890.12")], "g": ["a", "b"]},
}
CHARTS = {
    "line": "{mark: line, x: x, y: y}",
    "line by color": "{mark: line, x: x, y: y, color: g}",
    "area": "{mark: area, x: x, y: y, color: g}",
    "point": "{mark: point, x: y, y: y}",
    "bar": "{mark: bar, x: x, y: y}",
    "lying bar": "{mark: bar, x: y, y: g, color: g, stack: false}",
    "ranking": "{mark: ranking, x: y, y: g, noise: exact}",
    "funnel": "{mark: funnel, x: y, y: g}",
    "histogram": "{mark: histogram, x: y}",
    "boxplot": "{mark: boxplot, x: y, y: g}",
    "heatmap": "{mark: heatmap, x: x, y: g, color: y}",
    "table": "{mark: table}",
}


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_drawn_or_told(tmp_path: Path, chart: str, odd: str) -> None:
    found = made(tmp_path, CHARTS[chart], "    width: third\n", **ODD[odd])
    assert found.trouble == ""
    drawable = [value for value in ODD[odd]["y"] if value is not None and math.isfinite(value)]
    assert bool(found.pictures) == (bool(drawable) and chart != "table")
    if not drawable and chart != "table":
        assert found.sentence.endswith(("no rows.", "no number."))
    assert len(found.rows) == len(ODD[odd]["y"])
    for _, svg in found.pictures:
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img" and root.attrib["aria-label"].startswith("Shown. ")
        assert "NaN" not in svg and "undefined" not in svg and "<script" not in svg
        assert not [
            one for one in root.iter() if one is not root and ("role" in one.attrib or "aria-label" in one.attrib)
        ]
        assert not re.findall(r'(?:href|src)="', svg) and "#4c78a8" not in svg


def test_each_size_is_a_picture_and_names_its_colours_by_variables(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: line, x: x, y: y}", x=DAYS, y=list(range(90)))
    assert [width for width, _ in found.pictures] == [900, 440, 296]
    for width, svg in found.pictures:
        assert float(ElementTree.fromstring(svg).attrib["width"]) == pytest.approx(width, abs=12)
        assert 'stroke="var(--series-1)"' in svg
    half = made(tmp_path, "{mark: line, x: x, y: y}", "    width: half\n", x=DAYS, y=list(range(90)))
    assert [width for width, _ in half.pictures] == [440, 296]


def test_too_many_series_are_refused_with_a_way_out(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: line, x: x, y: y, color: g}", x=DAYS[:9], y=range(9), g=list("abcdefghi"))
    assert found.is_wrong
    assert found.trouble == (
        "dashboards/made.yml:5: the chart has 9 series; a reader tells 8 apart. "
        "Keep the greatest in the query, or draw a heatmap."
    )


def test_a_column_that_the_query_has_not_is_told_with_the_nearest(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: line, x: dya, y: value}", day=DAYS[:2], value=[1, 2])
    assert found.trouble == 'dashboards/made.yml:5: the query has no column "dya". Did you mean "day"?'


def test_n_and_period_are_of_the_data(tmp_path: Path) -> None:
    further = "    n: {sum: value, of: orders}\n    period: day\n"
    found = made(tmp_path, "{mark: line, x: day, y: value}", further, day=DAYS, value=[1_000] * 90)
    assert found.caption == "n = 90,000 orders, 2026-01-01 to 2026-03-31"
    rows = made(tmp_path, "{mark: table}", "    n: products\n", day=DAYS[:3])
    assert rows.caption == "n = 3 products"
    mixed = made(tmp_path, "{mark: table}", "    n: {value: day, of: orders}\n", day=[1, 2])
    assert mixed.trouble == (
        'dashboards/made.yml:6: n is the value of "day", which is not the same in all rows. Is it a sum: '
        "n: {sum: day, of: orders}?"
    )


def test_the_csv_has_every_digit(tmp_path: Path) -> None:
    text = as_csv(
        {"day": DAYS[:1], "value": [1e-7], "much": [Decimal("12345678.90")], "none": [None], "name": ['a,"b']}
    )
    assert text == 'day,value,much,none,name\n2026-01-01,0.00000010,12345678.90,,"a,""b"\n'.replace(
        "0.00000010", "0.0000001"
    )


@pytest.mark.parametrize(
    ("value", "shown", "unit"),
    [
        (1234567, "1,234,567", "1,234,567 EUR"),
        (Decimal("1234.50"), "1,234.50", "1,234.50 EUR"),
        (0.1 + 0.2, "0.30000000000000004", "0.3 EUR"),
        (1e21, "1,000,000,000,000,000,000,000", "1,000,000,000,000,000,000,000 EUR"),
        (None, "–", "–"),
        (math.nan, "not a number", "not a number"),
        (True, "yes", "yes"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05", "2026-01-02 03:04:05"),
    ],
)
def test_values_are_shown_whole(value: Any, shown: str, unit: str) -> None:
    assert exact(value) == shown
    assert with_unit(value, Field(name="v", title="v", unit="EUR")) == unit


def test_short_numbers_have_no_exponent() -> None:
    assert [short(value) for value in (0, 0.000123456, 12.3456, 1234.5, 7_461_000.0)] == ["0", "0.0001235", "12.35", "1,234", "7,461,000"]  # fmt: skip
    assert alike([116.0, 91.894, 0.5, 0.0]) == ["116.0", "91.9", "0.5", "0.0"]
    assert alike([0.25, 0.0123, -0.5]) == ["0.2500", "0.0123", "-0.5000"]
    assert alike([5.0, 381.0, -1_234.0]) == ["5", "381", "-1,234"]
    assert alike([7_461_000.0, 0.01]) == ["7,461,000", "0.01"]
    assert alike([0.0]) == ["0"]


def test_days_on_axes_are_few_and_round() -> None:
    for days, number in ((1, 4), (7, 4), (90, 10), (90, 3), (400, 5), (4000, 6)):
        shown, _ = day_ticks(date(2026, 1, 5), date(2026, 1, 5) + timedelta(days=days - 1), number)
        assert 1 <= len(shown) <= number + 3, (days, number, shown)
    assert day_ticks(DAYS[0], DAYS[-1], 4) == ([date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)], "%b %Y")


def test_ticks_cover_the_values() -> None:
    found = ticks([3.7, 12.1], 4, zero=True)
    assert (found.values, found.format) == ((0.0, 5.0, 10.0, 15.0), ",.0f")


def sure(kind: Any, **columns: str) -> Noise:
    return Noise(kind=kind, columns=columns, expected=1.0 if kind == "interval" else None)


def test_equal_chances_make_no_ranking_and_unequal_ones_do() -> None:
    chance = random.Random(1)
    alarms = 0
    for _ in range(200):
        counts = [sum(chance.random() < 0.1 for _ in range(1000)) for _ in range(20)]
        alarms += judge(counts, sure("count"), {}, of="products").has_order is True
    assert alarms <= 6  # of 200 at 1 %: more than 6 come once in 200 times
    found = judge([400, 300, 200, 100], sure("count"), {}, of="products")
    assert found.has_order is True and found.together == 1
    assert (
        found.words == "4 products differ by more than chance (chi-square 200 on 3 degrees of freedom, p < 0.000001)."
    )


def test_sums_of_amounts_that_differ_by_chance_are_no_ranking() -> None:
    chance = random.Random(2)
    alarms = 0
    for _ in range(200):
        lines = [[chance.expovariate(0.02) for _ in range(max(1, round(chance.gauss(100, 10))))] for _ in range(50)]
        errors = [math.sqrt(sum(one**2 for one in each)) for each in lines]
        alarms += (
            judge([sum(each) for each in lines], sure("error", error="e"), {"error": errors}, of="p").has_order is True
        )
    assert alarms <= 6


def test_shares_are_held_against_the_common_one() -> None:
    same = judge([0.10, 0.11, 0.105], sure("share", of="n"), {"of": [1000.0, 1000.0, 1000.0]}, of="devices")
    assert same.has_order is False and same.middle == pytest.approx(0.105)
    other = judge([0.30, 0.11, 0.105], sure("share", of="n"), {"of": [1000.0, 1000.0, 1000.0]}, of="devices")
    assert other.has_order is True
    tiny = judge([0.30, 0.11, 0.5], sure("share", of="n"), {"of": [1000.0, 1000.0, 2.0]}, of="devices")
    assert tiny.has_order is True and tiny.high[2] == pytest.approx(0.905, abs=0.001)
    noise, columns = sure("share", of="n", effect="e"), {"of": [1000.0] * 2, "effect": [10.0] * 2}
    clustered = judge([0.30, 0.11], noise, columns, of="devices")
    plain = judge([0.30, 0.11], sure("share", of="n"), {"of": [100.0] * 2}, of="devices")
    assert (clustered.low, clustered.words) == (pytest.approx(plain.low), plain.words)
    few = judge([0.5, 0.25], sure("share", of="n"), {"of": [2.0, 4.0]}, of="devices")
    assert (few.has_order, few.words) == (None, "2 devices are too few, or too small, to tell their order from chance.")


def test_means_have_students_interval_and_one_alone_has_none() -> None:
    noise, columns = sure("mean", deviation="sd", of="n"), {"deviation": [2.0, 2.0, 0.0], "of": [16.0, 25.0, 1.0]}
    same = judge([10.0, 10.5, 11.0], noise, columns, of="methods")
    assert same.has_order is False
    assert same.words == (
        "Read no order into this: chance alone can make 3 methods differ as they do (F 0.364 on 2 and 39 degrees of "
        "freedom, p = 0.697, above 0.01). With other data of the same shop the order may be another."
    )
    assert same.low == pytest.approx([10 - 2.13145 * 0.5, 10.5 - 2.0639 * 0.4, None], abs=0.001)
    other = judge([10.0, 14.0, 11.0], noise, columns, of="methods")
    assert (other.has_order, other.together) == (True, 2)


def test_a_panel_and_the_report_judge_alike() -> None:
    counts = [400, 300, 200, 100]
    report = uneven(list("abcd"), counts)
    assert report is not None
    assert report[1].told() in judge(counts, sure("count"), {}, of="products").words
    means = compare_means({name: Summary(size=n, mean=m, squares=(n - 1) * 4.0) for name, n, m in (("a", 16, 10.0), ("b", 25, 14.0))})  # fmt: skip
    assert means is not None
    panel = judge([10.0, 14.0], sure("mean", deviation="sd", of="n"), {"deviation": [2.0] * 2, "of": [16, 25]}, of="x")
    assert means.test.told() in panel.words


def test_who_is_first_is_told_from_all_pairs() -> None:
    counts = [130] + [100] * 20 + [40]
    found = judge(counts, sure("count"), {}, of="products")
    assert (found.has_order, found.together) == (True, 21)  # 130 and 100 alone would be told apart: z = 1.98
    assert found.words.endswith("The first 21 cannot be told apart: the first is ahead of them by no more than chance.")


def test_intervals_are_the_exact_ones() -> None:
    found = judge([0, 10], sure("count"), {}, of="x")
    assert found.low == pytest.approx((0.0, 4.795), abs=0.001) and found.high == pytest.approx(
        (3.689, 18.390), abs=0.001
    )
    wilson = judge([0.5], sure("share", of="n"), {"of": [10.0]}, of="x")
    assert (wilson.low[0], wilson.high[0]) == pytest.approx((0.2366, 0.7634), abs=0.0001)


def test_pairs_that_chance_explains_are_no_podium(tmp_path: Path) -> None:
    chart = "{mark: ranking, x: lift, y: pair, noise: {low: low, high: high, p: p, expected: 1}}"
    columns = {
        "pair": ["a + b", "a + b", "c + d"],
        "lift": [32.0, 30.0, 2.0],
        "low": [13.0, 9.0, 0.5],
        "high": [75.0, 70.0, 8.0],
    }
    noise = made(tmp_path, chart, **columns, p=[1.0, 1.0, 0.4])
    assert noise.notice == (
        "Consistent with chance: none of 3 pairs is beyond it (adjusted p at least 0.4). What stands first here is noise."
    )
    shown = texts(noise.pictures[0][1])
    assert "a + b" in shown and "a + b (2)" in shown and "by chance 1" in shown and "1. a + b" not in shown
    real = made(tmp_path, chart, **columns, p=[0.0001, 1.0, 1.0])
    assert real.notice == "" and "1. a + b" in texts(real.pictures[0][1])
    assert real.notes == (
        "1 of 3 pairs is beyond chance (adjusted p below 0.01).",
        "Outlined bars are not beyond chance, and have no place.",
        "Thin lines are 95 % intervals, each for itself.",
    )


def test_pairs_beyond_chance_stand_before_greater_ones_that_are_not(tmp_path: Path) -> None:
    chart = "{mark: ranking, x: lift, y: pair, noise: {low: low, high: high, p: p, expected: 1}, limit: 2}"
    pairs = {"pair": ["rare", "sure", "other"], "lift": [32.0, 4.0, 2.0], "low": [0.9, 3.0, 0.5]}
    found = made(tmp_path, chart, **pairs, high=[99.0, 6.0, 8.0], p=[1.0, 0.0001, 1.0])
    shown = texts(found.pictures[0][1])
    assert "1. sure" in shown and "rare" in shown and "other" not in shown
    assert shown.index("1. sure") < shown.index("rare")
    assert found.sentence.startswith("Ranking of lift by pair. Of 3, the first: sure (4); rare (32).")


def test_all_values_are_judged_and_the_first_are_shown(tmp_path: Path) -> None:
    chart = "{mark: ranking, x: n, y: product, noise: count, limit: 3}"
    counts = [100 + number % 7 for number in range(50)]
    found = made(tmp_path, chart, n=counts, product=[f"p{number}" for number in range(50)])
    assert found.notice.startswith(
        "Read no order into this: chance alone can make 50 products differ as they do (chi-square "
    )
    assert len(labels(found.pictures[0][1])) == 3 and len(found.rows) == 50
    assert re.fullmatch(r"p6: 106, 95 % between 86.78 and 128.2", labels(found.pictures[0][1])[0])


def test_long_names_stand_on_two_lines_and_both_of_a_pair_are_seen(tmp_path: Path) -> None:
    assert two_lines("Visionary Dedicated Moratorium + Local Access") == [
        "Visionary Dedicated Moratorium +",
        "Local Access",
    ]
    assert two_lines("Reverse-Engineered Didactic Open System") == ["Reverse-Engineered", "Didactic Open System"]
    assert two_lines("x" * 60) == ["x" * 60]
    names = ['Visionary Dedicated Moratorium "Ltd" + Ameliorated Local Access', "short"]
    found = made(tmp_path, "{mark: ranking, x: n, y: pair, noise: exact}", "    width: half\n", n=[9, 3], pair=names)
    for _, svg in found.pictures:
        root = ElementTree.fromstring(svg)
        lines = [one.text or "" for one in root.iter(f"{_SVG}tspan")]
        assert [line[:9] for line in lines] == ["1. Vision", "Ameliorat"]
        assert "2. short" in texts(svg)


def test_months_are_named_and_standing_bars_say_their_unit(tmp_path: Path) -> None:
    months = [date(2025, 1, 1), date(2025, 2, 1)]
    lying = made(tmp_path, "{mark: bar, x: n, y: month}", n=[1, 2], month=months)
    assert {"2025-01", "2025-02"} <= set(texts(lying.pictures[0][1]))
    standing = made(tmp_path, "{mark: bar, x: day, y: {field: n, title: orders, unit: EUR}}", n=[1, 2], day=DAYS[:2])
    assert "orders (EUR)" in texts(standing.pictures[0][1])


def test_a_heat_maps_classes_have_round_edges(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: heatmap, x: x, y: y, color: n}", x=["a", "b", "c"], y=["z"] * 3, n=[10, 63, 98])
    assert [(one.color, one.title) for one in found.legend] == [
        (1, "0 to 20"), (2, "20 to 40"), (3, "40 to 60"), (5, "60 to 80"), (6, "80 to 100"),
    ]  # fmt: skip
    assert found.notes == ("Colours and cells: n.",)
    cells = re.findall(r"var\(--heat-(\d)\)", found.pictures[0][1])
    assert cells == ["1", "5", "6"]


def test_a_heat_map_says_what_its_gaps_are(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: heatmap, x: x, y: y, color: n}", x=["a", "b"], y=["z", "w"], n=[1, 2])
    assert found.notes == ("Colours and cells: n.", "An empty cell has no number.")


def test_shares_of_a_column_have_as_many_digits(tmp_path: Path) -> None:
    found = made(
        tmp_path, "{mark: table, columns: [{field: s, format: percent}]}", s=[0.06625, 0.383901, 0.000001, 1.0, None]
    )
    assert [cell.shown for row in found.rows for cell in row] == ["6.62 %", "38.39 %", "0.0001 %", "100.00 %", "–"]
    assert [cell.raw for row in found.rows for cell in row] == ["0.06625", "0.383901", "0.000001", "1.0", ""]


def test_where_the_first_are_alike_none_of_those_shown_has_a_place(tmp_path: Path) -> None:
    chart = "{mark: ranking, x: n, y: product, noise: count, limit: 5}"
    counts = [110 + number % 3 for number in range(20)] + [0] * 5  # what differs is never among the first
    found = made(tmp_path, chart, n=counts, product=[f"p{number}" for number in range(25)])
    assert found.notice == (
        "25 products differ by more than chance (chi-square 555 on 24 degrees of freedom, p < 0.000001). The first 20 cannot "
        "be told apart: the first is ahead of them by no more than chance. Read no order into those that are shown."
    )
    assert found.notes[-1] == "Thin lines are 95 % intervals, each for itself."
    shown = texts(found.pictures[0][1])
    assert "p2" in shown and "1. p2" not in shown and not [text for text in shown if text.startswith("by chance")]
    few = made(
        tmp_path, chart.replace("limit: 5", "limit: 25"), n=counts, product=[f"p{number}" for number in range(25)]
    )
    assert few.notice == "" and "1. p2" in texts(few.pictures[0][1])


def test_a_ranking_of_what_no_chance_is_in_has_no_intervals(tmp_path: Path) -> None:
    found = made(tmp_path, "{mark: ranking, x: n, y: who, noise: exact}", n=[3, 9], who=["a", "b"])
    assert (found.notice, found.notes) == ("", ())
    assert labels(found.pictures[0][1]) == ["1. b: 9", "2. a: 3"]


def test_a_funnel_says_what_is_lost_and_what_is_none(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "{mark: funnel, x: {field: n, unit: sessions}, y: stage}",
        n=[100, 40, 60],
        stage=["view", "cart", "buy"],
    )
    assert labels(found.pictures[0][1]) == [
        "view: 100 sessions", "cart: 40 sessions, 40 % of view", "buy: 60 sessions, 150 % of cart",
    ]  # fmt: skip
    assert found.notes == ("buy has more than the stage before: these stages are no funnel of one thing.",)


def test_single_numbers_are_of_one_row(tmp_path: Path) -> None:
    chart = "{mark: number, values: [{field: paid, unit: EUR}, {field: share, format: percent}]}"
    found = made(tmp_path, chart, paid=[Decimal("1234.50")], share=[0.5])
    assert [(one.title, one.shown, one.unit, one.raw) for one in found.tiles] == [
        ("paid", "1,234.50", "EUR", "1234.50"), ("share", "50.0 %", "", "0.5"),
    ]  # fmt: skip
    two = made(tmp_path, chart, paid=[1, 2], share=[0.5, 0.5])
    assert two.trouble == "dashboards/made.yml:5: single numbers are of one row; the query gave 2."


def test_pictures_are_kept_by_answer_and_chart(tmp_path: Path) -> None:
    shown = panel(tmp_path, "{mark: line, x: day, y: value}")
    assert shown.query is not None and shown.chart is not None
    answer = Answer(
        columns={"day": DAYS[:2], "value": [1, 2]}, versions={}, asked_at=datetime(2026, 3, 1, tzinfo=UTC), digest="d"
    )
    answers = Answers(found={shown.query: answer}, missing={})
    first = make_panel(shown, answers, kept=tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert make_panel(shown, answers, kept=tmp_path / "kept") == first
    assert len(list((tmp_path / "kept").iterdir())) == 1
    moved = replace(shown, chart=replace(shown.chart, place="dashboards/made.yml:9"))
    assert make_panel(moved, answers, kept=tmp_path / "kept").pictures == first.pictures
    make_panel(replace(shown, title="Other"), answers, kept=tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2
