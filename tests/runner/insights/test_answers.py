"""Questions of a project: read and checked, answered in sentences that follow from the numbers, or left out with the reason."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from runner.errors import ProjectError
from runner.insights.answer import Insight, answer, observed, signals
from runner.insights.definition import KINDS, read_questions
from runner.insights.kinds import COMPUTE
from runner.project.parse import Project, load_project

if TYPE_CHECKING:
    from tests.runner.conftest import Write

_MODEL = "select 1 as a"
FIRST = datetime.date(2025, 1, 1)


def project_with(
    write: Write, tiny: Mapping[str, str], report: str, tables: Mapping[str, Mapping[str, Any]]
) -> Project:
    """Returns the tiny project with a `report.yml` and with built tables, one model each."""
    models = {f"models/{name}.sql": _MODEL for name in tables}
    root = write({**tiny, **models, "report.yml": report})
    for name, columns in tables.items():
        write_deltalake(str(root / "warehouse" / "marts" / name), pa.table(dict(columns)))
    return load_project(root)


def told(project: Project) -> list[Insight]:
    return answer(project, read_questions(project))


def days(values: np.ndarray) -> dict[str, Any]:
    return {"day": [FIRST + datetime.timedelta(days=place) for place in range(len(values))], "sold": values}


def test_every_kind_can_be_computed() -> None:
    assert set(KINDS) == set(COMPUTE)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("insights: [{name: a, kind: trendy, model: totals}]",
         'report.yml:1: "trendy" is no kind of insight. Did you mean "trend"?'),
        ("insights: [{name: a, kind: trend, model: total, date: d, value: v}]",
         'report.yml:1: insight "a" asks "total", which no table is named. Did you mean "totals"?'),
        ("insights: [{name: a, kind: trend, model: totals, value: v}]",
         'report.yml:1: insight "a" is of kind "trend" and needs a "date".'),
        ("insights: [{name: a, kind: trend, model: totals, date: d, value: v, valu: w}]",
         'report.yml:1: insight "a" has an unknown key "valu". Did you mean "value"?'),
        ("insights: [{name: a, kind: distribution, model: totals, value: v, dashboard: sales}]",
         'report.yml:1: insight "a" names the dashboard "sales", which is not there.'),
        ("confidence: 95",
         'report.yml:1: "confidence" is a share from 0.5 to below 1, such as 0.95.'),
        ("insights:\n- {name: a, kind: distribution, model: totals, value: v}\n- {name: a, kind: distribution, model: totals, value: v}",
         'report.yml:3: an insight named "a" stands in report.yml:2 already.'),
        ("insights: [{name: a, kind: concentration, model: totals, value: v, part: 10}]",
         'report.yml:1: "part" of insight "a" is a share below 1, such as 0.1.'),
        ("insights: [{name: a, kind: shares, model: totals, group: g, of: {}, reached: {were: {a: 1}}}]",
         'report.yml:1: "reached" of insight "a" has an unknown key "were". Did you mean "where"?'),
        ("insights: [{name: a, kind: distribution, model: totals, value: v, where: {a: {b: 1}}}]",
         'report.yml:1: "where" of insight "a" gives each column a value or a list of them.'),
        ("insights: [{name: a, kind: means, model: totals, group: g, value: v, deviation: d}]",
         'report.yml:1: insight "a" names one of "count" and "deviation". A group is told by both: how many it has, and their standard deviation.'),
        ("period: {model: totals, from: a, til: b}",
         'report.yml:1: the period has an unknown key "til". Known keys: from, model, to.'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_report_is_said_with_its_place(
    write: Write, tiny: dict[str, str], report: str, message: str
) -> None:
    project = load_project(write({**tiny, "report.yml": report}))
    with pytest.raises(ProjectError) as error:
        read_questions(project)
    assert str(error.value) == message


def test_a_project_without_a_report_asks_nothing(write: Write, tiny: dict[str, str]) -> None:
    project = load_project(write(tiny))
    assert read_questions(project).insights == ()
    assert observed(project, read_questions(project)) is None


TREND = "insights: [{name: a, kind: trend, model: daily, date: day, value: sold, called: sales}]"


def test_a_rise_is_called_one_and_a_fall_too(write: Write, tiny: dict[str, str]) -> None:
    rising = 100 + np.arange(60.0) + np.tile([0.0, 2.0, -2.0], 20)
    project = project_with(write, tiny, TREND, {"daily": days(rising)})
    [up] = told(project)
    assert up.sentences[0].startswith("Sales was 130 a day on average (95 % interval 129 to 130)")
    assert up.sentences[1].startswith("It rose by 7.01 a week, 5.4 % of the mean (95 % interval +6.81 to +7.2 a week;")
    assert "p < 0.0001" in up.sentences[1]
    assert up.finding is not None
    assert (up.finding.first, up.finding.last) == (datetime.date(2025, 1, 2), datetime.date(2025, 2, 28))
    write_deltalake(str(project.warehouse / "marts" / "daily"), pa.table(days(rising[::-1].copy())), mode="overwrite")
    [down] = told(project)
    assert down.sentences[1].startswith("It fell by 7.01 a week, 5.4 % of the mean")


def test_a_flat_course_is_not_called_a_change(write: Write, tiny: dict[str, str]) -> None:
    flat = 100 + np.random.default_rng(1).normal(0, 10, 60)
    [found] = told(project_with(write, tiny, TREND, {"daily": days(flat)}))
    assert found.sentences[1].startswith("No rise or fall can be told apart from chance: the fitted change is ")
    assert not found.is_signal


DEVICES = """
    insights:
      - name: devices
        kind: shares
        model: visits
        group: device
        of: {}
        reached: {where: {is_bought: true}}
        called: conversion
        things: visits
    """


def _visits(bought: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    devices = [device for device, (_, n) in bought.items() for _ in range(n)]
    return {"device": devices, "is_bought": [place < x for x, n in bought.values() for place in range(n)]}


def test_the_group_that_differs_is_named_with_its_interval(write: Write, tiny: dict[str, str]) -> None:
    visits = _visits({"phone": (20, 400), "desk": (90, 400), "tablet": (45, 400)})
    [found] = told(project_with(write, tiny, DEVICES, {"visits": visits}))
    assert found.sentences[0] == "Conversion is 13 %: 155 of 1,200 visits (95 % interval 11.1 to 14.9 %)."
    assert found.sentences[1].startswith(
        "It differs between the 3 devices by more than chance gives (chi-square 55.9 on 2"
    )
    assert found.sentences[2].startswith(
        "What stands out: desk 22 %, +14.4 percentage points against the others (interval "
    )
    assert "phone 5.0 %, \N{MINUS SIGN}11.9 percentage points" in found.sentences[2]
    assert "tablet" not in found.sentences[2]
    assert found.is_signal


def test_groups_of_months_are_called_by_them(write: Write, tiny: dict[str, str]) -> None:
    visits = _visits({"2025-01-01": (20, 400), "2025-02-01": (90, 400)})
    visits["device"] = [datetime.date.fromisoformat(day) for day in visits["device"]]
    [found] = told(project_with(write, tiny, DEVICES, {"visits": visits}))
    assert found.finding is not None
    assert [row.label for row in found.finding.rows] == ["2025-02", "2025-01"]


def test_groups_alike_are_not_ranked(write: Write, tiny: dict[str, str]) -> None:
    visits = _visits({"phone": (50, 400), "desk": (56, 400), "tablet": (52, 400)})
    [found] = told(project_with(write, tiny, DEVICES, {"visits": visits}))
    assert found.sentences[1].startswith(
        "No device can be told apart from the others: differences like these are what chance gives (chi-square 0.408 on 2 "
        "degrees of freedom, p = 0.82). The largest: desk 14 %, +1.3 percentage points against the others (interval \N{MINUS SIGN}3.5 to +6.6)."
    )
    assert not found.is_signal


def test_what_one_test_would_call_a_finding_many_do_not(write: Write, tiny: dict[str, str]) -> None:
    one = "{name: n%d, kind: shares, model: visits, group: device, of: {}, reached: {where: {is_bought: true}}}"
    visits = _visits({"phone": (50, 400), "desk": (74, 400)})  # p = 0.02 by itself
    report = "insights:\n" + "\n".join(f"- {one % place}" for place in range(4))
    [first, *_] = told(project_with(write, tiny, report, {"visits": visits}))
    assert first.sentences[1].startswith(
        "No device can be told apart from the others: with as many tests as this report makes, chance gives differences like these "
    )
    assert "p = 0.019, but 0.076 with all 4 tests of this report counted" in first.sentences[1]
    assert not first.is_signal
    assert signals([first]) == 0


def test_rankings_say_whether_they_carry_signal(write: Write, tiny: dict[str, str]) -> None:
    report = "insights: [{name: top, kind: ranking, model: products, label: product, count: orders, things: orders}]"
    names = [f"p{place:02d}" for place in range(50)]
    chance = np.random.default_rng(2).poisson(20, 50)
    project = project_with(write, tiny, report, {"products": {"product": names, "orders": chance}})
    [none] = told(project)
    assert "The ranking carries no signal" in none.sentences[1]
    leader = names[int(np.argmax(chance))]
    assert none.sentences[2].startswith(
        f"{leader} leads with {chance.max()}; of 50 equal products, the luckiest would have 26 to 35, so its lead is no more than luck gives. By lot alone, 2 of the "
    )
    skewed = (400 / np.arange(1, 51)).round().astype(int)
    write_deltalake(
        str(project.warehouse / "marts" / "products"), pa.table({"product": names, "orders": skewed}), mode="overwrite"
    )
    [some] = told(project)
    assert "The ranking carries signal" in some.sentences[1]
    assert some.sentences[2].startswith("p00 leads with 400;")


def test_a_ranking_is_asked_once_more_without_what_is_apart(write: Write, tiny: dict[str, str]) -> None:
    report = """
        insights:
          - name: top
            kind: ranking
            model: products
            label: product
            count: orders
            things: orders
            apart: {called: what was sold out, model: stock, key: product, where: {is_out: true}}
        """
    names = [f"p{place:02d}" for place in range(50)]
    orders = np.random.default_rng(4).poisson(20, 50)
    orders[:4] = 0
    stock = {"product": names, "is_out": [place < 4 for place in range(50)]}
    project = project_with(write, tiny, report, {"products": {"product": names, "orders": orders}, "stock": stock})
    [found] = told(project)
    assert found.sentences[1].startswith("The counts differ by more than chance gives: they vary ")
    assert found.sentences[2].startswith(
        "Without what was sold out, 46 products are left, and they differ no more than chance gives: their ranking "
        "carries no signal (variance over mean 1.18;"
    )
    assert [one.is_signal for one in found.verdicts] == [True, False]


def test_pairs_are_consistent_with_chance_or_not(write: Write, tiny: dict[str, str]) -> None:
    report = "insights: [{name: pairs, kind: pairs, model: pairs, first: a, second: b, count: n, expected: e, things: baskets}]"
    columns = {"a": ["x", "x", "y"], "b": ["y", "z", "z"], "n": [5, 3, 4], "e": [3.0, 2.0, 4.0]}
    project = project_with(write, tiny, report, {"pairs": columns})
    [none] = told(project)
    # P(Poisson(3) >= 5) = 0.1847, times three pairs
    assert none.sentences == (
        "No pair is seen together more often than chance gives: all 3 are consistent with chance. The least likely, x with y: 5 "
        "baskets where chance gives 3, lift 1.67 (the least likely of 3 pairs, p = 0.55).",
    )
    write_deltalake(
        str(project.warehouse / "marts" / "pairs"), pa.table({**columns, "n": [30, 3, 4]}), mode="overwrite"
    )
    [one] = told(project)
    assert one.sentences[0].startswith(
        "Of 3 pairs, 1 occurs together more often than chance gives (p at most 0.01 with all pairs counted). The clearest: x "
        "with y, 30 baskets where chance gives 3, lift 10 ("
    )


def test_means_of_rows_and_of_groups_that_say_their_spread_are_the_same(write: Write, tiny: dict[str, str]) -> None:
    rows = "- {name: rows, kind: means, model: orders, group: method, value: paid, called: order value, things: orders}"
    said = rows.replace("name: rows", "name: said").replace("model: orders", "model: methods")
    report = f"insights:\n{rows}\n{said[:-1]}, count: n, deviation: sd}}"
    generator = np.random.default_rng(5)
    drawn = {"card": generator.normal(100, 30, 200), "gift": generator.normal(80, 30, 60), "late": np.array([70.0])}
    orders = {
        "method": [name for name, paid in drawn.items() for _ in paid],
        "paid": np.concatenate(list(drawn.values())),
    }
    methods = {
        "method": list(drawn),
        "paid": [paid.mean() for paid in drawn.values()],
        "n": [len(paid) for paid in drawn.values()],
        "sd": [paid.std(ddof=1) if len(paid) > 1 else None for paid in drawn.values()],
    }
    one, other = told(project_with(write, tiny, report, {"orders": orders, "methods": methods}))
    assert one.sentences == other.sentences
    assert one.finding is not None and other.finding is not None
    assert [row.said for row in one.finding.rows] == [row.said for row in other.finding.rows]
    assert other.sentences[1].startswith("It differs between the 2 methods by more than chance gives (F ")
    assert "gift 81" in other.sentences[2]


def test_two_populations_are_compared(write: Write, tiny: dict[str, str]) -> None:
    report = """
        insights:
          - name: two
            kind: compare
            model: daily
            called: order value
            things: orders
            each: day
            first: {called: orders in a session, top: r1, bottom: n1}
            second: {called: others, top: r2, bottom: n2}
        """
    generator = np.random.default_rng(3)
    n1, n2 = generator.poisson(20, 40), generator.poisson(30, 40)
    columns = {
        "n1": n1,
        "n2": n2,
        "r1": n1 * 768.0 + generator.normal(0, 50, 40),
        "r2": n2 * 1103.0 + generator.normal(0, 50, 40),
    }
    project = project_with(write, tiny, report, {"daily": columns})
    [found] = told(project)
    assert found.sentences[0].startswith(
        "Order value is lower for orders in a session than for others: 768 against 1,103, 30 % less (\N{MINUS SIGN}336, 95 "
    )
    assert found.sentences[1].startswith("Orders in a session are ")


@pytest.mark.parametrize(
    ("settings", "columns", "reason"),
    [
        ("kind: distribution, value: vlue", {"value": [1.0] * 30}, 'it has no column "vlue". Did you mean "value"?'),
        ("kind: distribution, value: value", {"value": [1.0] * 3}, "a distribution needs 20 values, and there are 3."),
        ("kind: distribution, value: value", {"value": ["a"] * 30}, 'its column "value" holds no numbers.'),
        ("kind: concentration, value: value", {"value": [-1.0] * 30}, "some of its values are negative, and parts of a total are not."),
        ("kind: ranking, label: value, count: value", {"value": [0.5] * 30}, 'its column "value" holds more than counts, and only counts have a known law of chance.'),
        ("kind: trend, date: value, value: value", {"value": [1.0] * 30}, 'its column "value" holds no dates.'),
        ("kind: distribution, value: value, where: {value: x}", {"value": [1.0] * 30}, "its column \"value\" is of type double, which 'x' is not."),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(
    write: Write, tiny: dict[str, str], settings: str, columns: dict[str, Any], reason: str
) -> None:
    report = f"insights: [{{name: a, model: facts, {settings}}}]"
    [found] = told(project_with(write, tiny, report, {"facts": columns}))
    assert found.left_out == f"facts: {reason}"
    assert found.sentences == ()


def test_a_table_that_must_not_be_told_of_is_left_out(write: Write, tiny: dict[str, str]) -> None:
    project = project_with(write, tiny, TREND, {"daily": days(np.arange(30.0))})
    [found] = answer(project, read_questions(project), obstacle=lambda _, node: f"{node.label} fails a check.")
    assert (found.left_out, found.finding) == ("daily fails a check.", None)


def test_a_boolean_column_narrows_rows(write: Write, tiny: dict[str, str]) -> None:
    report = "insights: [{name: a, kind: distribution, model: facts, value: value, where: {is_kept: %s}}]"
    columns = {"value": np.arange(60.0), "is_kept": [place % 3 == 0 for place in range(60)]}
    project = project_with(write, tiny, report % "true", {"facts": columns})
    [kept] = told(project)
    assert kept.finding is not None and kept.finding.size == "20 rows"
    Path(project.root / "report.yml").write_text(report % "false")
    [other] = told(project)
    assert other.finding is not None and other.finding.size == "40 rows"


def test_columns_that_are_shown_are_known(write: Write, tiny: dict[str, str]) -> None:
    report = """
        insights:
          - {name: a, kind: shares, model: totals, group: g, of: {column: n, where: {s: x}}, reached: {}, cluster: u, where: {w: 1}}
          - name: b
            kind: compare
            model: totals
            first: {called: one, top: t1, bottom: b1}
            second: {called: other, top: t2, bottom: b2}
        """
    project = load_project(write({**tiny, "report.yml": report}))
    assert [set(one.shown()) for one in read_questions(project).insights] == [
        {"w", "g", "n", "s"},
        {"t1", "b1", "t2", "b2"},
    ]


def test_the_period_is_what_a_table_says(write: Write, tiny: dict[str, str]) -> None:
    report = "period: {model: span, from: first, to: last}"
    span = {"first": [FIRST], "last": [datetime.date(2025, 3, 31)]}
    project = project_with(write, tiny, report, {"span": span})
    assert observed(project, read_questions(project)) == (FIRST, datetime.date(2025, 3, 31))
