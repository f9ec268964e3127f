"""The pages of lineage: the graph over all tables, and the way of each column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from runner.jinja.render import scrubbed
from runner.model import Exposure, Model, SourceTable
from runner.names import store_name
from runner.site import dashboards
from runner.site.address import address_of
from runner.site.facts import Facts, Standing
from runner.site.graph.columns import column_files, columns_file, panel_file
from runner.site.graph.tables import graph_data, kind_of
from runner.site.page import File, Page

STATES = {
    "failed": "its last run failed",
    "skipped": "left out of its last run",
    "stale": "a run would build it again",
    "missing": "never built",
    "fresh": "as a run would build it now",
}
# Drawn in a square of 16; each state has a form of its own, not only a colour. graph.js has the same.
MARKS = {
    "fresh": "M2.5 8.5 6.5 12.5 13.5 4",
    "stale": "M8 1.5a6.5 6.5 0 1 0 .01 0M8 4.5V8.5L11 10",
    "failed": "M3 3 13 13M13 3 3 13",
    "skipped": "M3 4 8 8 3 12ZM9 4 14 8 9 12Z",
    "missing": "M8 2a6 6 0 1 0 .01 0M5 8h6",
}
assert set(STATES) == set(MARKS) == set(get_args(Standing))


def pages(facts: Facts) -> Iterator[Page | File]:
    """Yields the page of the graph and that of columns, with their data."""
    data = graph_data(facts)
    tables = list(_tables(facts))
    yield Page(
        path="lineage.html",
        title="Lineage",
        section="lineage",
        template="graph/lineage.html.jinja",
        styles=("assets/graph.css",),
        scripts=(
            "data/graph.js",
            "assets/selection.js",
            "assets/layers.js",
            "assets/viewer.js",
            "assets/column-files.js",
            "assets/graph.js",
        ),
        values={
            "rows": list(_rows(facts, data)),
            "states": list(STATES.items()),
            "marks": MARKS,
            "example": _example(data),
            "examples": _examples(data),
        },
    )
    yield File(path="data/graph.js", content=_script("sluiceGraph", data))
    yield Page(
        path="columns.html",
        title="Where columns come from",
        section="lineage",
        template="graph/columns.html.jinja",
        styles=("assets/graph.css",),
        scripts=("assets/layers.js", "assets/viewer.js", "assets/column-files.js", "assets/columns.js"),
        values={
            "tables": tables,
            "example": next((one["label"] for one in reversed(tables) if not one["title"]), ""),
        },
    )
    yield from column_files(facts.lineage)


def _script(name: str, value: Any) -> bytes:
    """Returns a value as a script, since pages from a disk may not read files otherwise."""
    return scrubbed(f"window.{name} = {json.dumps(value, ensure_ascii=False, separators=(',', ':'))};\n").encode()


def _rows(facts: Facts, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields what the table beside the graph says of each node."""
    project = facts.project
    known = {node.unique_id: node for node in (*project.nodes(), *project.exposures.values())}
    nodes = data["nodes"]
    drawn = [at for at, node in enumerate(nodes) if "facts" in node]
    readers: dict[int, list[str]] = {at: [] for at in drawn}
    for at in drawn:
        for parent in nodes[at].get("parents", ()):
            if parent in readers:
                readers[parent].append(nodes[at]["label"])
    for at in drawn:
        node = nodes[at]
        yield {
            "id": node["id"],
            "label": node["label"],
            "address": _address(facts, known[node["id"]]),
            "kind": node["facts"]["kind"],
            "state": node["facts"]["state"],
            "reads": [nodes[parent]["label"] for parent in node.get("parents", ())],
            "readers": readers[at],
        }


def _address(facts: Facts, node: Model | SourceTable | Exposure) -> str:
    """Returns the page of a node: of a dashboard of the project the one that shows it."""
    if isinstance(node, Exposure) and node.name in facts.project.files.dashboards:
        return dashboards.address(facts.project.files.dashboards[node.name])
    return address_of(node, facts.project.files.name)


def _tables(facts: Facts) -> Iterator[dict[str, Any]]:
    """Yields what the page of columns knows of each table, parents before children, then of each panel of a dashboard."""
    project = facts.project
    known = {node.unique_id: node for node in project.nodes()}
    for node in (known[name] for name in project.graph.order if name in known):
        source = node if isinstance(node, SourceTable) else None
        yield {
            "id": node.unique_id,
            "label": node.label,
            "kind": kind_of(node),
            "address": address_of(node, project.files.name),
            "file": columns_file(node, project.files.name),
            "store": store_name(source.store) if source else "",
            "stored": (source.stored_as or source.name) if source else "",
            "title": "",
            "dashboard": "",
        }
    for unique_id, shown in facts.lineage.panels.items():
        yield {
            "id": unique_id,
            "label": shown.label,
            "kind": "panel",
            "address": dashboards.panel_address(shown.dashboard, shown.panel),
            "file": panel_file(shown),
            "store": "",
            "stored": "",
            "title": shown.panel.title,
            "dashboard": shown.dashboard.title,
        }


def _example(data: dict[str, Any]) -> str:
    """Returns the name of a model that much is made into: what examples are about."""
    models = [node for node in data["nodes"] if node["type"] == "model"]
    return str(max(models, key=lambda node: len(node.get("parents", ())), default={"label": "name"})["label"])


def _examples(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns selectors that hold in this project, with what they mean."""
    name = _example(data)
    found = [(f"+{name}", "with all it comes from"), (f"{name}+", "with all made of it")]
    tags = sorted({tag for node in data["nodes"] if "facts" in node for tag in node.get("tags", ())})
    found += [(f"tag:{tags[0]}", "by tag")] if tags else []
    sources = [node for node in data["nodes"] if node["type"] == "source"]
    found += [(f"source:{sources[0]['fqn'][-2]}+1", "one step")] if sources else []
    folders = sorted({node["path"].rpartition("/")[0] for node in data["nodes"] if node["type"] == "model"})
    found += [(f"path:{folders[0]},+{name}", "both at once")] if folders else []
    return [*found, ("stale:", "what a run would build")]
