"""Of each column what it is made of and what is made of it: a file for each table, so that a page loads what it shows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from runner.lineage.columns import Lineage, stored_path
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


def column_files(lineage: Lineage) -> Iterator[File]:
    """Yields the file of each table.

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
    for node in project.nodes():
        values: dict[str, Any] = {"columns": {}, "within": {}}
        for path in within[node.unique_id]:
            part = "columns" if path[0] in lineage.columns.get(node.unique_id, {}) and len(path) == 1 else "within"
            name = Origin(node.unique_id, path).written()
            values[part][name] = _step(lineage, node, path, above[node.unique_id, path], below)
        if node.unique_id in lineage.unknown:
            values["unknown"] = lineage.unknown[node.unique_id]
        said = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        key = json.dumps(node.unique_id)
        content = f"(window.sluiceColumns ||= {{}})[{key}] = {said};\n"
        yield File(path=columns_file(node, project.files.name), content=content.encode())


def _above(lineage: Lineage) -> Mapping[_Step, frozenset[Origin]]:
    """Returns what each column is made of, one step up, and the same of every path within a column that is met on the way."""
    found: dict[_Step, frozenset[Origin]] = {}
    for table, columns in lineage.columns.items():
        waiting: list[_Step] = [(table, (name,)) for name in reversed(list(columns))]
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
    lineage: Lineage,
    node: Model | SourceTable,
    path: tuple[str, ...],
    origins: frozenset[Origin],
    below: Mapping[_Step, set[tuple[str, str]]],
) -> dict[str, Any]:
    """Returns what the page tells of a column; of one of a landed table what it is called in the store."""
    values: dict[str, Any] = {}
    if isinstance(node, SourceTable) and node.store:
        values["stored"] = stored_path(node, Origin(node.unique_id, path))
    parents = [(one.table, one.written(), one.is_copy) for one in sorted(origins) if one.table != node.unique_id]
    if parents:
        values["from"] = parents
    fields = lineage.fields_of(node.unique_id, path) if parents else ()
    if fields:
        values["fields"] = [(one.said(), one.is_copy) for one in fields]
    if found := below.get((node.unique_id, path)):
        values["to"] = sorted(found)
    return values
