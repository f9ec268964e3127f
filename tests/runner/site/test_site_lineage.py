"""The lineage page's data: what a selector chooses from there, and what is told of each node."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.graph.columns import column_files, origins_of
from runner.site.graph.sections import pages
from runner.site.graph.tables import expression_data, graph_data, selection_data
from runner.site.page import File, Page
from runner.site.write import write_site

if TYPE_CHECKING:
    from tests.runner.conftest import Write

FILES = {
    "sources.yml": """
        version: 2
        sources:
          - name: shop
            meta: {store: mongodb}
            tables:
              - {name: orders, key: [order_id], columns: [{name: order_id, data_type: int}, {name: total, data_type: int}]}
        """,
    "models/_models.yml": """
        version: 2
        models:
          - name: totals
            description: "What was sold <b>at all</b>.\\n\\nOne row."
            config: {tags: [daily], meta: {owner: ann}, note: "%s"}
            columns: [{name: revenue, data_tests: [not_null]}]
        exposures:
          - name: board
            type: dashboard
            owner: {name: Ada}
            depends_on: [ref('totals')]
        """
    % ("x" * 500),
    "selectors.yml": """
        selectors:
          - name: nightly
            definition: {union: [{method: tag, value: daily, parents: true}, {exclude: ["source:*"]}]}
        """,
}


@pytest.fixture
def facts(write: Write, tiny: dict[str, str]) -> Facts:
    project = load_project(write({**tiny, **FILES}))
    return Facts(project=project, quality=load_quality(project), now=datetime(2026, 3, 1, 12, 30, tzinfo=UTC))


def by_label(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["label"]: node for node in data["nodes"]}


def test_what_is_told_of_each_node(facts: Facts) -> None:
    found = by_label(graph_data(facts))
    assert found["totals"]["facts"] == {
        "state": "missing",
        "kind": "table",
        "about": "What was sold <b>at all</b>.",
        "owner": "ann",
        "file": "data/columns/models/totals.js",
        "why": "never built; stg_orders is built before it",
    }
    assert found["shop.orders"]["facts"] == {
        "state": "missing", "kind": "landed table", "store": "MongoDB", "stored": "orders", "object": "collection",
        "file": "data/columns/sources/shop.orders.js",
    }  # fmt: skip
    assert found["board"]["facts"] == {"state": "missing", "kind": "dashboard", "owner": "Ada"}
    assert "facts" not in found["not_null_totals_revenue"]


def test_what_selectors_choose_from(facts: Facts) -> None:
    data = graph_data(facts)
    found = by_label(data)
    assert found["totals"]["tags"] == ("daily",)
    assert found["totals"]["parents"] == [data["nodes"].index(found["stg_orders"])]
    assert "note" not in found["totals"]["config"]  # too long for a selector, and for a page
    assert data["stale"] == ["model.tiny.stg_orders", "model.tiny.totals"]
    assert data["statuses"] == {}
    assert data["selectors"]["nightly"]["kind"] == "difference"
    assert data["defaults"]["source"] == {"enabled": True}


def test_a_selector_of_the_file_is_kept_as_it_was_read(facts: Facts) -> None:
    listing = facts.project.listing()
    found = expression_data(listing.named.expression("nightly", indirect="cautious"))
    assert found["parts"][0]["parts"][0]["around"] == {
        "up": True, "upDepth": None, "down": False, "downDepth": None, "at": False,
    }  # fmt: skip
    assert selection_data(listing, indirect="cautious")["selectors"] == {"nightly": found}


def test_the_page_reads_without_a_script(facts: Facts) -> None:
    page, data = list(pages(facts))[:2]
    assert isinstance(page, Page) and isinstance(data, File)
    assert [row["label"] for row in page.values["rows"]] == ["shop.orders", "stg_orders", "totals", "board"]
    assert page.values["rows"][2]["reads"] == ["stg_orders"]
    assert page.values["rows"][2]["readers"] == ["board"]
    text = (write_site(facts).parent / "lineage.html").read_text(encoding="utf-8")
    assert '<td data-label="reads">stg_orders</td><td data-label="read by">board</td>' in text
    for script in page.scripts:
        assert f'src="{script}"' in text
    assert (
        json.loads(data.content.decode().removeprefix("window.sluiceGraph = ").removesuffix(";\n"))["project"] == "tiny"
    )


def test_a_description_cannot_end_the_script(facts: Facts) -> None:
    """Data is a file of its own, so that no text in it can be read as a page's markup."""
    page = write_site(facts).parent / "lineage.html"
    assert "<b>at all" not in page.read_text(encoding="utf-8")


NESTED = {
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
                  - {name: cart, data_type: "map<string,struct<price:int>>", cells: ["events:cart"]}
        """,
    "models/stg_visits.sql": "select id, cart from {{ source('events', 'visits') }}",
    "models/totals.sql": "select aggregate(map_values(cart), 0, (a, v) -> a + v.price) as paid, id from {{ ref('stg_visits') }}",
    "models/visitors.sql": "select count(*) as visit_count, 1 as one from {{ ref('stg_visits') }}",
    "models/unread.sql": "select * from {{ source('events', 'nothing') }}",
}


@pytest.fixture
def nested(write: Write, tiny: dict[str, str]) -> Facts:
    files = {"project.yml": tiny["project.yml"], **NESTED}
    files["sources.yml"] += "      - {name: nothing}\n"
    project = load_project(write(files))
    return Facts(project=project, quality=load_quality(project), now=datetime(2026, 3, 1, 12, 30, tzinfo=UTC))


def columns(facts: Facts) -> dict[str, dict[str, Any]]:
    """The content of each table's file, by its path."""
    found = {}
    for file in column_files(facts.lineage):
        head, _, values = file.content.decode().partition(" = ")
        assert head.startswith("(window.sluiceColumns ||= {})[")
        found[file.path.removeprefix("data/columns/")] = json.loads(values.removesuffix(";\n"))
    return found


def test_each_column_knows_one_step_up_and_down_and_the_fields_in_the_store(nested: Facts) -> None:
    found = columns(nested)
    (stg, mart, source) = ("model.tiny.stg_visits", "model.tiny.totals", "source.tiny.events.visits")
    assert found["models/totals.js"]["columns"] == {
        "paid": {
            "from": [[stg, "cart{value}.price", False]],
            "fields": [["events.visits events:cart {value}.price", False]],
        },
        "id": {"from": [[stg, "id", True]], "fields": [["events.visits meta:id", True]]},
    }
    assert found["models/stg_visits.js"]["columns"]["cart"]["to"] == [[mart, "paid"]]
    assert found["models/stg_visits.js"]["within"] == {
        "cart{value}.price": {
            "from": [[source, "cart{value}.price", True]],
            "fields": [["events.visits events:cart {value}.price", True]],
            "to": [[mart, "paid"]],
        },
        "*": {
            "from": [[source, "*", True]],
            "fields": [["rows of events.visits", True]],
            "to": [["model.tiny.visitors", "visit_count"]],
        },
    }
    landed = found["sources/events.visits.js"]
    assert landed["within"]["cart{value}.price"] == {
        "stored": "events:cart {value}.price",
        "to": [[stg, "cart{value}.price"]],
    }
    assert landed["columns"]["cart"] == {"stored": "events:cart", "to": [[stg, "cart"]]}
    assert found["models/visitors.js"]["columns"]["one"] == {}
    assert found["models/unread.js"]["unknown"] == (
        'models/unread.sql: the query reads "events.nothing", whose columns are not known.'
    )


PANELS = """
    title: "Trade & <more>"
    panels:
      - text: Words.
      - title: Paid
        query: select paid as amount, 1 as one from {{ ref("totals") }}
        chart: {mark: histogram, x: amount}
      - title: Lost
        query: select piad from {{ ref("totals") }}
        chart: {mark: table}
    """


@pytest.fixture
def charted(write: Write, tiny: dict[str, str]) -> Facts:
    files = {"project.yml": tiny["project.yml"], **NESTED, "dashboards/trade.yml": PANELS}
    files["sources.yml"] += "      - {name: nothing}\n"
    project = load_project(write(files))
    return Facts(project=project, quality=load_quality(project), now=datetime(2026, 3, 1, 12, 30, tzinfo=UTC))


def test_the_way_of_a_column_goes_on_to_the_panels(charted: Facts) -> None:
    found = columns(charted)
    assert found["models/totals.js"]["columns"]["paid"]["to"] == [["panel.tiny.trade.2", "amount"]]
    assert found["dashboards/trade-2.js"]["columns"] == {
        "amount": {
            "from": [["model.tiny.totals", "paid", True]],
            "fields": [["events.visits events:cart {value}.price", False]],
        },
        "one": {},
    }
    assert found["dashboards/trade-3.js"] == {
        "columns": {},
        "within": {},
        "unknown": 'dashboards/trade.yml:8: the query names "piad", which nothing that it reads has.',
    }
    text = (write_site(charted).parent / "columns.html").read_text(encoding="utf-8")
    assert (
        'data-label="trade#2" data-kind="panel" data-file="data/columns/dashboards/trade-2.js" '
        'data-title="Paid" data-dashboard="Trade &amp; &lt;more&gt;"><a href="dashboards/trade.html#panel-2">trade#2</a>'
        in text
    )


def test_a_dashboard_in_the_graph_leads_straight_to_its_page_and_a_panel_says_where_it_comes_from(
    charted: Facts,
) -> None:
    page = next(iter(pages(charted)))
    assert isinstance(page, Page)
    assert {row["label"]: row["address"] for row in page.values["rows"]}["trade"] == "dashboards/trade.html"
    assert by_label(graph_data(charted))["trade"]["facts"]["panels"] == [("Paid", 2), ("Lost", 3)]
    text = " ".join((write_site(charted).parent / "dashboards/trade.html").read_text(encoding="utf-8").split())
    assert (
        '<a href="../columns.html#column=trade%232.amount" title="Its whole way, back to the stores">amount</a> '
        '<span class="how" title="taken over as it is">=</span> <a href="../columns.html#column=totals.paid">totals.paid</a> '
        '<span class="soft">in the stores: events.visits events:cart {value}.price</span>' in text
    )
    assert '>one</a> <span class="soft">a constant or a position</span>' in text
    assert "Its columns cannot be followed: dashboards/trade.yml:8: the query names" in text


def test_a_tables_page_says_where_each_column_comes_from(nested: Facts) -> None:
    totals = nested.project.models["totals"]
    assert origins_of(nested.lineage, totals) == {
        "paid": "from events.visits events:cart {value}.price",
        "id": "= events.visits meta:id",
    }
    assert origins_of(nested.lineage, nested.project.sources["events.visits"]) == {}
    text = (write_site(nested).parent / "models/totals.html").read_text(encoding="utf-8")
    assert (
        '<a href="../columns.html#column=totals.id" aria-label="Where id comes from">= events.visits meta:id</a>'
        in text
    )


def test_the_page_of_columns_lists_the_tables_without_a_script(nested: Facts) -> None:
    text = (write_site(nested).parent / "columns.html").read_text(encoding="utf-8")
    assert '<a href="models/totals.html">totals</a>' in text
    assert 'data-file="data/columns/sources/events.visits.js" data-store="HBase" data-stored="visits"' in text
