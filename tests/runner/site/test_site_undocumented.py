"""`docs: {show: false}`, wherever it is written: out of the catalog and the search, hidden in the graph, as in dbt's docs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.artifacts import manifest
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.site.facts import Facts
from runner.site.graph.tables import graph_data
from runner.site.write import write_site

if TYPE_CHECKING:
    from tests.runner.conftest import Write

FILES = {
    "project.yml": """
        name: tiny
        models:
          tiny:
            staging: {+docs: {show: false, node_color: red}}
        targets: {dev: {warehouse: warehouse, schema: marts}}
        """,
    "models/staging/stg_one.sql": "select 1 as id",
    "models/staging/stg_shown.sql": "{{ config(docs={'show': true}) }} select {{ one() }} as id",
    "models/by_key.sql": "select id as key_id from {{ ref('stg_one') }}",
    "models/by_config.sql": "select id as config_id from {{ ref('by_key') }}",
    "models/plain.sql": "select config_id from {{ ref('by_config') }}",
    "models/other.sql": "select 2 as id",
    "models/_models.yml": """
        models:
          - {name: by_key, docs: {show: false}}
          - {name: by_config, config: {docs: {show: false}}}
        """,
    "seeds/codes.csv": "code\n1\n",
    "seeds/_seeds.yml": "seeds: [{name: codes, config: {docs: {show: false}}}]\n",
    "analyses/asked.sql": "select 1 as one",
    "analyses/_analyses.yml": "analyses: [{name: asked, config: {docs: {show: false}}}]\n",
    "macros/one.sql": "{% macro one() %}1{% endmacro %}",
    "macros/two.sql": "{% macro two() %}2{% endmacro %}",
    "macros/_macros.yml": "macros: [{name: one, docs: {show: false}}, {name: two, description: Two.}]\n",
}
HIDDEN = {
    "models/stg_one.html", "models/by_key.html", "models/by_config.html", "seeds/codes.html", "analyses/asked.html",
    "macros/one.html",
}  # fmt: skip
SHOWN = {"models/stg_shown.html", "models/plain.html", "models/other.html", "macros/two.html"}


@pytest.fixture
def project(write: Write) -> Project:
    return load_project(write(FILES))


@pytest.fixture
def facts(project: Project) -> Facts:
    return Facts(project=project, quality=load_quality(project), now=datetime(2026, 3, 1, 12, 30, tzinfo=UTC))


def searched(site: Path) -> set[str]:
    """The pages that a search finds something on."""
    text = (site / "data/search.js").read_text(encoding="utf-8")
    entries: list[list[Any]] = json.loads(text.removeprefix("window.sluiceSearch = ").removesuffix(";\n"))
    return {entry[2].partition("#")[0] for entry in entries} - {""}


def test_it_is_in_no_list_and_found_by_no_search_and_its_page_stays(facts: Facts) -> None:
    site = write_site(facts).parent
    catalog = (site / "catalog.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="((?:models|seeds|analyses|macros)/[^"]*)"', catalog)) == SHOWN
    assert "3 tables: " in catalog
    assert searched(site) >= SHOWN and not searched(site) & HIDDEN
    for place in HIDDEN | SHOWN:
        is_hidden = '<span class="tag">hidden</span>' in (site / place).read_text(encoding="utf-8")
        assert is_hidden is (place in HIDDEN), place
    page = (site / "models/plain.html").read_text(encoding="utf-8")
    neighbours, _, rest = page.partition('class="neighbours"')[2].partition("</details>")
    assert '"other.html"' in neighbours and '"by_config.html"' not in neighbours
    assert '<a href="by_config.html">by_config</a>' in rest  # what it reads is no secret


def test_the_graph_has_it_as_hidden_so_that_ways_are_whole(facts: Facts) -> None:
    kinds = {node["label"]: node["facts"]["kind"] for node in graph_data(facts)["nodes"] if "facts" in node}
    assert kinds == {
        "stg_one": "view, hidden", "stg_shown": "view", "by_key": "view, hidden", "by_config": "view, hidden",
        "plain": "view", "other": "view", "codes": "seed, hidden",
    }  # fmt: skip


def test_the_manifest_says_it_with_what_folders_say_besides(project: Project) -> None:
    found = manifest(project, invocation_id="i")
    docs = {name: node["docs"] for name, node in {**found["nodes"], **found["macros"]}.items() if ".tiny." in name}
    assert docs["model.tiny.stg_one"] == {"show": False, "node_color": "red"}
    assert docs["model.tiny.stg_shown"] == {"show": True, "node_color": "red"}
    assert docs["model.tiny.by_key"] == docs["seed.tiny.codes"] == {"show": False, "node_color": None}
    assert docs["model.tiny.plain"] == {"show": True, "node_color": None}
    assert docs["macro.tiny.one"] == {"show": False, "node_color": None}
