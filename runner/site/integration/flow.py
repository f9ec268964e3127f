"""The way from the stores to the analyses: how many tables and rows stand at each station."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.words import size
from runner import delta
from runner.insights.finding import plural
from runner.model import Model, SourceTable
from runner.names import store_name
from runner.site.address import address_of
from runner.site.facts import Facts
from runner.site.integration.document import Flow, Link, Paragraph, Section, Step, Table
from runner.site.integration.standing import Said
from runner.warehouse import is_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A table on the way.

    Attributes:
        layer: the stop it belongs to: `landed`, or the folder of its model.
        form: table, view, ephemeral; missing where it is not built.
        rows: None where that is not known without computing it.
        bytes: of its current files; None for what has none.
    """

    node: Model | SourceTable
    layer: str
    form: str
    rows: int | None
    bytes: int | None


def stations(facts: Facts, said: Said) -> list[Station]:
    """Returns the landed tables and what is built of them, parents first; rows by the tables' logs, those of views by
    their newest checks."""
    found = []
    nodes = {node.unique_id: node for node in facts.project.nodes()}
    for node in (nodes[name] for name in facts.project.graph.order if name in nodes):
        if isinstance(node, Model) and node.resource_type == "analysis":
            continue
        path = node.table.path(facts.project.warehouse)
        if delta.is_table(path):
            found.append(
                Station(
                    node=node,
                    layer=_layer(node),
                    form="table",
                    rows=delta.row_count(path),
                    bytes=delta.size_bytes(path),
                )
            )
        elif is_view(path):
            found.append(
                Station(node=node, layer=_layer(node), form="view", rows=said.rows.get(node.label), bytes=None)
            )
        else:
            form = "ephemeral" if isinstance(node, Model) and node.config.materialized == "ephemeral" else "missing"
            found.append(Station(node=node, layer=_layer(node), form=form, rows=None, bytes=None))
    return found


def _layer(node: Model | SourceTable) -> str:
    if isinstance(node, SourceTable):
        return "landed"
    folders = node.fqn[1:-1]
    return folders[0] if folders else f"{node.resource_type}s"


def flow(facts: Facts, found: Sequence[Station], said: Said, landings: Mapping[str, Mapping[str, Any]]) -> Section:
    """Returns the stations as a figure with numbers, and every table in a list."""
    steps = [*_stores(facts, landings), *_layers(found), *_readers(facts, said)]
    missing = sum(one.form == "missing" for one in found)
    text = "Rows as the newest version of each table holds them; a view has none of its own and is computed when it is read."
    if missing:
        text += f" {plural(missing, 'table')} not built yet."
    table = Table(
        caption="Every table on the way, parents first",
        columns=("table", "station", "form", "rows", "size"),
        rows=tuple(_row(one, facts) for one in found),
        numeric=frozenset({3, 4}),
        is_folded=True,
    )
    return Section("Data flow", "flow", (Paragraph(text), Flow(tuple(steps)), table) if found else (Paragraph(text),))


def _stores(facts: Facts, landings: Mapping[str, Mapping[str, Any]]) -> list[Step]:
    by_store: dict[str, list[SourceTable]] = {}
    for table in facts.project.sources.values():
        by_store.setdefault(table.store or table.source, []).append(table)
    lines = []
    for store, tables in by_store.items():
        read = sum(int(landings.get(table.label, {}).get("read") or 0) for table in tables)
        word = store_name(store)
        lines.append(f"{word}: {plural(len(tables), 'table')}" + (f", {read:,} records read" if read else ""))
    return [Step("stores", tuple(lines))] if lines else []


def _layers(found: Sequence[Station]) -> list[Step]:
    layers: dict[str, list[Station]] = {}
    for one in found:
        layers.setdefault(one.layer, []).append(one)
    steps = []
    for name, members in layers.items():
        tables = [one for one in members if one.form == "table"]
        views = sum(one.form == "view" for one in members)
        lines = []
        if tables:
            lines.append(f"{plural(len(tables), 'table')}, {plural(sum(one.rows or 0 for one in tables), 'row')}")
            lines.append(size(sum(one.bytes or 0 for one in tables)))
        if views:
            lines.append(plural(views, "view"))
        rest = len(members) - len(tables) - views
        if rest:
            lines.append(f"{rest:,} without a table")
        steps.append(Step(name, tuple(lines)))
    return steps


def _readers(facts: Facts, said: Said) -> list[Step]:
    checks = sum(len(found) for found in said.checks.values())
    steps = [Step("checks", (f"{plural(checks, 'check')} of {plural(len(said.checks), 'table')}",))] if checks else []
    dashboards = facts.project.files.dashboards
    others = [one for one in facts.project.exposures.values() if one.name not in dashboards]
    lines = [plural(len(some), word) for some, word in ((dashboards, "dashboard"), (others, "exposure")) if some]
    return [*steps, Step("readers", tuple(lines))] if lines else steps


def _row(one: Station, facts: Facts) -> tuple[str | Link, ...]:
    return (
        Link(one.node.label, address_of(one.node, facts.project.files.name)),
        one.layer,
        one.form,
        f"{one.rows:,}" if one.rows is not None else "",
        size(one.bytes) if one.bytes is not None else "",
    )
