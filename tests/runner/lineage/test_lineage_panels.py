"""Panels of dashboards followed back to the fields of the stores, and columns on to the panels that show them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli import main
from runner.lineage.columns import Lineage, column_lineage
from runner.project.parse import load_project
from tests.runner.conftest import Write

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/panel_lineage.txt"
Run = Callable[..., tuple[int, str, str]]

FILES = {
    "project.yml": """
        name: tiny
        models: {tiny: {+materialized: table}}
        vars: {least: 2}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: events
            meta: {store: hbase}
            tables:
              - name: visits
                key: [id]
                columns:
                  - {name: id, data_type: string, cells: ["meta:id"]}
                  - {name: geo, data_type: "struct<city:string>", cells: ["geo:*"]}
                  - {name: cart, data_type: "map<string,struct<price:int>>", cells: ["events:cart"]}
        """,
    "models/inner.sql": """
        {{ config(materialized="ephemeral") }}
        select id, geo as place, cart from {{ source("events", "visits") }}
        """,
    "models/carts.sql": """
        select id, place.city, aggregate(map_values(cart), 0, (a, v) -> a + v.price) as worth from {{ ref("inner") }}
        """,
    "models/cities.sql": "select city, sum(worth) as worth, count(*) as visit_count from {{ ref('carts') }} group by city",
    "dashboards/trade.yml": """
        title: Trade
        panels:
          - text: In *euros*.
          - title: By city
            query: |
              with top as (select * from {{ ref("cities") }} where visit_count >= {{ var("least") }})
              select
                  city,
                  worth,
                  rank() over (order by worth desc) as place,
                  1 as one
              from top
            chart: {mark: table}
            n: {query: "select count(*) from {{ ref('carts') }}", of: visits}
          - title: Places
            query: select place.city as town, count(*) as visits from {{ ref("inner") }} group by town
            chart: {mark: bar, x: visits, y: town}
          - title: By hand
            query: select c.worth from `marts`.`Carts` as c
            chart: {mark: histogram, x: worth}
          - title: Lost
            query: |
              select worht from {{ ref("carts") }}
            chart: {mark: table}
        """,
}


@pytest.fixture
def root(write: Write) -> Path:
    return write(FILES)


@pytest.fixture
def lineage(root: Path) -> Lineage:
    return column_lineage(load_project(root))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], root: Path) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--project-dir", str(root)])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_panels_are_followed_through_models_ephemeral_ones_and_names_written_by_hand(lineage: Lineage) -> None:
    found = {
        f"{shown.label}.{name}": [(one.said(), one.is_copy) for one in lineage.fields(panel, name)]
        for panel, shown in lineage.panels.items()
        for name in shown.followed.columns
    }
    prices = ("events.visits events:cart {value}.price", False)
    assert found == {
        "trade#2.city": [("events.visits geo:city", True)],
        "trade#2.worth": [prices],
        "trade#2.place": [prices],
        "trade#2.one": [],
        "trade#3.town": [("events.visits geo:city", True)],
        "trade#3.visits": [("rows of events.visits", False)],
        "trade#4.worth": [prices],
    }
    assert [one.title for one in lineage.panels.values()] == [
        "Trade: By city",
        "Trade: Places",
        "Trade: By hand",
        "Trade: Lost",
    ]


def test_a_panel_that_cannot_be_followed_says_where_and_why_and_nothing_else_suffers(lineage: Lineage) -> None:
    assert lineage.unknown == {}
    assert lineage.unknown_of("panel.tiny.trade.5") == (
        'dashboards/trade.yml:22: the query names "worht", which nothing that it reads has.'
    )
    assert lineage.columns_of("panel.tiny.trade.5") == {}


def test_a_column_knows_the_panels_that_show_it_over_whatever_lies_between(lineage: Lineage) -> None:
    def shown(unique_id: str, column: str) -> list[str]:
        return [f"{lineage.label(panel)}.{name}" for panel, name in lineage.shown(unique_id, column)]

    assert shown("source.tiny.events.visits", "cart") == ["trade#2.worth", "trade#2.place", "trade#4.worth"]
    assert shown("source.tiny.events.visits", "geo") == ["trade#2.city", "trade#3.town"]
    assert shown("source.tiny.events.visits", "id") == []
    assert shown("model.tiny.cities", "worth") == ["trade#2.worth", "trade#2.place"]
    assert shown("model.tiny.cities", "visit_count") == []  # rows are filtered by it, which is no value of it
    assert lineage.children("panel.tiny.trade.2", "worth") == ()


def test_a_column_in_steps_ends_on_the_dashboards(run: Run) -> None:
    assert run("lineage", "carts.worth") == (
        0,
        "carts.worth\n"
        "  ~ events.visits.cart{value}.price\n"
        "\n"
        "in the stores:\n"
        "  events.visits events:cart {value}.price  (computed)\n"
        "\n"
        "made of it:\n"
        "  cities.worth\n"
        "\n"
        "on dashboards:\n"
        "  trade#2.worth  Trade: By city\n"
        "  trade#2.place  Trade: By city\n"
        "  trade#4.worth  Trade: By hand\n",
        "",
    )
    assert run("lineage", "cities.visit_count")[1].splitlines()[-3:] == [
        "made of it: nothing",
        "",
        "on dashboards: nothing",
    ]


def test_a_panel_is_asked_for_like_a_table(run: Run) -> None:
    assert run("lineage", "trade#3") == (
        0,
        "town    = events.visits geo:city\nvisits  from rows of events.visits\n",
        "",
    )
    assert run("lineage", "trade#2.PLACE") == (
        0,
        "trade#2.place\n"
        "  ~ cities.worth\n"
        "    ~ carts.worth\n"
        "      ~ events.visits.cart{value}.price\n"
        "\n"
        "in the stores:\n"
        "  events.visits events:cart {value}.price  (computed)\n"
        "\n"
        "shown on: Trade: By city (dashboards/trade.yml:4)\n",
        "",
    )
    code, said, _ = run("lineage", "events.visits.geo", "--output", "json")
    assert code == 0
    assert json.loads(said)["panels"] == [
        {"panel": "trade#2", "column": "city", "title": "Trade: By city", "place": "dashboards/trade.yml:4"},
        {"panel": "trade#3", "column": "town", "title": "Trade: Places", "place": "dashboards/trade.yml:15"},
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trade#9", 'run: no panel is named "trade#9". Did you mean "trade#5"?'),
        ("trade#3.twon", 'run: "trade#3" has no column "twon". Did you mean "town"?'),
        (
            "trade#5",
            'run: the columns of "trade#5" cannot be followed: '
            'dashboards/trade.yml:22: the query names "worht", which nothing that it reads has.',
        ),
    ],
)
def test_what_is_not_there_is_said(run: Run, name: str, said: str) -> None:
    code, out, err = run("lineage", name)
    assert (code, out, err.strip()) == (2, "", said)


def test_every_column_of_the_shops_panels() -> None:
    """The golden file was read line by line against the dashboards' SQL: what each column is made of, one step up."""
    lineage = column_lineage(load_project(ROOT))
    lines = []
    for panel, shown in lineage.panels.items():
        assert shown.followed.unknown == ""
        for column in shown.followed.columns:
            above = sorted(lineage.parents(panel, column))
            said = " ".join(f"{'' if one.is_copy else '~'}{lineage.label(one.table)}:{one.written()}" for one in above)
            lines.append(f"{shown.label}.{column} <- {said}".rstrip())
    text = "\n".join(lines) + "\n"
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "look, then REWRITE_GOLDEN=1 make test-fast"
