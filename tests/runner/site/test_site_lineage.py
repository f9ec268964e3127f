"""The lineage page's data: what a selector chooses from there, and what is told of each node."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from runner.project.parse import load_project
from runner.quality import load_quality
from runner.site.facts import Facts
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
        "why": "never built; stg_orders is built before it",
    }
    assert found["shop.orders"]["facts"] == {
        "state": "missing", "kind": "landed table", "store": "MongoDB", "stored": "orders", "object": "collection",
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
    assert "<td>stg_orders</td><td>board</td>" in text
    for script in page.scripts:
        assert f'src="{script}"' in text
    assert (
        json.loads(data.content.decode().removeprefix("window.sluiceGraph = ").removesuffix(";\n"))["project"] == "tiny"
    )


def test_a_description_cannot_end_the_script(facts: Facts) -> None:
    """Data is a file of its own, so that no text in it can be read as a page's markup."""
    page = write_site(facts).parent / "lineage.html"
    assert "<b>at all" not in page.read_text(encoding="utf-8")
