"""Dashboards as readers meet them: in a real Chromium, from the disk, on a phone, in the dark, with the keyboard, printed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from textwrap import dedent
from typing import Any

import pytest

from runner.dashboards.answers import Answer, Answers
from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.write import write_site
from tests.browser.conftest import Look

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(60)]
SHOWN = """
    title: Shown
    description: A dashboard with a *chart* of each kind.
    owner: {name: Ann, email: ann@shop.example}
    panels:
      - text: Before everything, **words**.
      - title: Revenue by day
        query: select 2
        chart: {mark: line, x: day, y: [{field: revenue, unit: money}, {field: mean, unit: money}]}
        n: {sum: orders, of: orders}
        period: day
      - title: Orders by method
        width: half
        query: select 3
        chart: {mark: bar, x: orders, y: method, color: origin, stack: false}
      - title: Cohorts
        width: half
        query: select 4
        chart: {mark: heatmap, x: month, y: cohort, color: {field: active, format: percent}}
      - title: Products
        width: half
        query: select 5
        chart: {mark: ranking, x: orders, y: product, noise: count}
      - title: Funnel
        width: half
        query: select 6
        chart: {mark: funnel, x: sessions, y: stage}
      - title: Durations
        width: half
        query: select 7
        chart: {mark: histogram, x: {field: seconds, unit: s}, y: sessions, step: 60}
      - title: Durations by device
        width: half
        query: select 8
        chart: {mark: boxplot, x: {field: median, unit: s}, y: device, box: {low: p05, q1: q1, median: median, q3: q3, high: p95}}
      - title: In all
        query: select 9
        chart: {mark: number, values: [{field: revenue, unit: money}, orders]}
      - title: A table
        query: select 10
        chart: {mark: table}
      - title: Not there
        query: select 11
        chart: {mark: table}
    """
ANSWERS: dict[int, dict[str, list[Any]]] = {
    2: {"day": list(DAYS), "revenue": [1e6 + n * 1000 for n in range(60)], "mean": [1e6 + n * 900 for n in range(60)], "orders": [100] * 60},
    3: {"method": ["card", "paypal"] * 2, "orders": [10, 20, 30, 40], "origin": ["in a session"] * 2 + ["outside"] * 2},
    4: {"cohort": [date(2026, m, 1) for m in (1, 1, 2)], "month": [0, 1, 0], "active": [0.9, 0.4, 0.7]},
    5: {"product": [f"A product with a rather long name, number {n}" for n in range(12)], "orders": [100 + n % 5 for n in range(12)]},
    6: {"stage": ["view", "cart", "checkout", "purchase"], "sessions": [20_000, 9_000, 4_000, 1_500]},
    7: {"seconds": [n * 60 for n in range(30)], "sessions": [500 + n for n in range(30)]},
    8: {"device": ["mobile", "tablet"], "p05": [40, 50], "q1": [600, 700], "median": [1800, 1700], "q3": [2500, 2600], "p95": [3400, 3500]},
    9: {"revenue": [1234567.5], "orders": [6000]},
    10: {"product": ["chair", "table"], "units": [12, 7], "much": [1.5, None]},
}  # fmt: skip


@pytest.fixture(scope="module")
def seen(run_look: Look, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("dashboards")
    (root / "dashboards").mkdir()
    (root / "project.yml").write_text("name: shown\n", encoding="utf-8")
    (root / "dashboards" / "shown.yml").write_text(dedent(SHOWN).lstrip("\n"), encoding="utf-8")
    project = load_project(root)
    panels = project.files.dashboards["shown"].panels
    queries = {panel.number: panel.query for panel in panels if panel.query is not None}
    answers = Answers(
        found={queries[n]: Answer(columns=of, versions={}, asked_at=NOW) for n, of in ANSWERS.items()},
        missing={queries[11]: "dashboards/shown.yml:48: clv has not been built. Build it: run models --select +clv"},
    )
    facts = Facts(project=project, quality=load_quality(project), now=NOW, asked=answers)
    site = write_site(facts).parent
    found: dict[str, Any] = run_look("dashboards_look.py", site, tmp_path_factory.mktemp("looked"))
    return found


def test_nothing_is_fetched_and_the_console_is_silent(seen: dict[str, Any]) -> None:
    assert (seen["console"], seen["requests"]) == ([], [])


def test_pages_fit_from_phone_to_desk_folded_and_unfolded(seen: dict[str, Any]) -> None:
    assert len(seen["beyond"]) == 8
    assert {where: beyond for where, beyond in seen["beyond"].items() if beyond != [0, 0]} == {}


def test_axe_finds_nothing(seen: dict[str, Any]) -> None:
    assert len(seen["axe"]) == 6
    assert {where: found for where, found in seen["axe"].items() if found} == {}


def test_one_picture_of_each_chart_is_seen_with_legible_words(seen: dict[str, Any]) -> None:
    for where, pictures in seen["pictures"].items():
        assert [one["seen"] for one in pictures] == [1] * 7, where
        assert all(one["least"] >= 11 for one in pictures), (where, [one["least"] for one in pictures])
    assert seen["printed"] == [1] * 7
    assert seen["without script"] == 7


def test_pictures_have_contrast_in_both_schemes(seen: dict[str, Any]) -> None:
    for scheme in ("light", "dark"):
        assert seen["contrast"][scheme]["words"] >= 4.5, scheme
        assert seen["contrast"][scheme]["marks"] >= 3, scheme


def test_a_screen_reader_hears_each_chart_in_a_sentence(seen: dict[str, Any]) -> None:
    told = [one["label"] for one in seen["pictures"]["light-1280"]]
    assert told[0].startswith(
        "Revenue by day. Line of several series by day. revenue: 1,000,000 money at first (2026-01-01), 1,059,000 money at last"
    )
    assert told[4] == (
        "Funnel. Funnel of sessions. view: 20,000; cart: 9,000, 45 % of view; checkout: 4,000, 44.44 % of cart; "
        "purchase: 1,500, 37.5 % of checkout."
    )


def test_the_keyboard_reads_mark_by_mark(seen: dict[str, Any]) -> None:
    first, second = "2026-01-01, revenue: 1,000,000 money", "2026-01-02, revenue: 1,001,000 money"
    last = "2026-03-01, mean: 1,053,100 money"
    assert seen["keyboard"] == [first, second, last, first, first, "False"]


def test_the_pointer_reads_a_mark(seen: dict[str, Any]) -> None:
    assert seen["pointer"] == "card, in a session: 10"


def test_the_numbers_can_be_taken_along(seen: dict[str, Any]) -> None:
    assert seen["csv"] == [
        "shown-3.csv",
        "method,orders,origin\ncard,10,in a session\npaypal,20,in a session\ncard,30,outside\npaypal,40,outside\n",
    ]
