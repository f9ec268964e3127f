"""Of each column what it is made of and what is made of it: a file for each table and panel, so that a page loads what it
shows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from runner.lineage.columns import Lineage, stored_path
from runner.lineage.panels import Shown
from runner.lineage.shapes import Origin
from runner.model import Model, SourceTable
from runner.site.address import address_of
from runner.site.page import File

_SHOWN = 2  # origins that a line names
_Step = tuple[str, tuple[str, ...]]  # a table's unique id, and the path of a column or of what lies within it


def origins_of(lineage: Lineage, node: Model | SourceTable) -> Mapping[str, str]:
    """Returns of each column that can be followed where it comes from, in a line: `= mongodb.users.email`."""
    found = {}
    for column in lineage.columns.get(node.unique_id, {}):
        fields = lineage.fields(node.unique_id, column)
        if fields and not any(one.table == node.label for one in fields):
            more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
            said = ", ".join(one.said() for one in fields[:_SHOWN]) + more
            found[column] = f"= {said}" if all(one.is_copy for one in fields) else f"from {said}"
    return found


def columns_file(node: Model | SourceTable, project: str) -> str:
    """Returns the path of a table's file: `data/columns/models/clv.js`."""
    return f"data/columns/{address_of(node, project).removesuffix('.html')}.js"


def panel_file(shown: Shown) -> str:
    """Returns the path of a panel's file: `data/columns/dashboards/products-1.js`."""
    return f"data/columns/dashboards/{shown.dashboard.name}-{shown.panel.number}.js"


def column_files(lineage: Lineage) -> Iterator[File]:
    """Yields the file of each table and panel.

    It sets `sluiceColumns[unique id]` to `columns` (name → `from`, `fields`, `to`), `within` (the paths within columns that
    others are made of → the same) and `unknown` (why the columns cannot be followed). `from` lists [unique id, path, copied],
    `to` lists [unique id, path], `fields` what `Field.said` says and whether it is copied.
    """
    project = lineage.project
    above = _above(lineage)
    below = _below(above)
    within: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for table, path in above:
        within[table].append(path)
    files = {node.unique_id: columns_file(node, project.files.name) for node in project.nodes()}
    files |= {panel: panel_file(shown) for panel, shown in lineage.panels.items()}
    for unique_id, place in files.items():
        values: dict[str, Any] = {"columns": {}, "within": {}}
        for step in within[unique_id]:
            part = "columns" if step[0] in lineage.columns_of(unique_id) and len(step) == 1 else "within"
            name = Origin(unique_id, step).written()
            values[part][name] = _step(lineage, (unique_id, step), above[unique_id, step], below)
        if unknown := lineage.unknown_of(unique_id):
            values["unknown"] = unknown
        said = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        content = f"(window.sluiceColumns ||= {{}})[{json.dumps(unique_id)}] = {said};\n"
        yield File(path=place, content=content.encode())


def _above(lineage: Lineage) -> Mapping[_Step, frozenset[Origin]]:
    """Returns what each column is made of, one step up, and the same of every path within a column that is met on the way."""
    found: dict[_Step, frozenset[Origin]] = {}
    for table in (*lineage.columns, *lineage.panels):
        waiting: list[_Step] = [(table, (name,)) for name in reversed(list(lineage.columns_of(table)))]
        while waiting:
            step = waiting.pop()
            if step in found or step[0] in lineage.unknown:
                continue
            origins = lineage.above(*step)
            found[step] = origins
            waiting += [(one.table, one.path) for one in origins if one.table != step[0]]
    return found


def _below(above: Mapping[_Step, frozenset[Origin]]) -> Mapping[_Step, set[tuple[str, str]]]:
    """Returns what is made of each step directly; of a column also what is made of something within it."""
    found: dict[_Step, set[tuple[str, str]]] = defaultdict(set)
    for (table, path), origins in above.items():
        made = (table, Origin(table, path).written())
        for one in origins:
            if one.table != table:
                found[one.table, one.path].add(made)
                for size in range(1, len(one.path) if len(path) == 1 else 1):
                    found[one.table, one.path[:size]].add(made)
    return found


def _step(
    lineage: Lineage, step: _Step, origins: frozenset[Origin], below: Mapping[_Step, set[tuple[str, str]]]
) -> dict[str, Any]:
    """Returns what the page tells of a column; of one of a landed table what it is called in the store."""
    values: dict[str, Any] = {}
    node = None if step[0] in lineage.panels else lineage.project.node(step[0])
    if isinstance(node, SourceTable) and node.store:
        values["stored"] = stored_path(node, Origin(*step))
    parents = [(one.table, one.written(), one.is_copy) for one in sorted(origins) if one.table != step[0]]
    if parents:
        values["from"] = parents
    fields = lineage.fields_of(*step) if parents else ()
    if fields:
        values["fields"] = [(one.said(), one.is_copy) for one in fields]
    if found := below.get(step):
        values["to"] = sorted(found)
    return values
