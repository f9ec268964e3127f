"""`run lineage`: where a table's columns come from, back to the fields of the stores, and what is made of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import click

from runner.cli.session import Command, project_options
from runner.errors import NotFoundError, ProjectError
from runner.lineage.columns import Field, Lineage, column_lineage
from runner.model import Model, SourceTable


@click.command("lineage", short_help="Where a column comes from, and what is made of it.")
@click.argument("name", metavar="TABLE[.COLUMN]")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@project_options
def lineage_command(command: Command, name: str, output: str) -> None:
    """Show where the columns of a table come from: through all models, back to MongoDB's field or HBase's cell.

    It is read from the SQL itself: no Spark, no data. Of a single column each step is shown, and what is made of it.
    A column comes from what is copied or computed into it, and from what a window is divided and ordered by; not from
    what rows are filtered, joined or grouped by.

    \b
    run lineage clv
    run lineage clv.engagement_score
    """
    lineage = column_lineage(command.project())
    node, column = _asked(lineage, name)
    if node.unique_id in lineage.unknown:
        raise ProjectError(f'the columns of "{node.label}" cannot be followed: {lineage.unknown[node.unique_id]}')
    names = [column] if column else list(lineage.columns[node.unique_id])
    if output == "json":
        for one in names:
            click.echo(json.dumps(_values(lineage, node, one)))
    elif column:
        for line in _steps(lineage, node, column):
            click.echo(line)
    else:
        width = max(map(len, names))
        for one in names:
            click.echo(f"{one:{width}}  {_from(lineage.fields(node.unique_id, one))}")


def _asked(lineage: Lineage, name: str) -> tuple[Model | SourceTable, str]:
    """Returns the table, and the column or an empty text.

    Raises:
        NotFoundError: there is no such table, or it has no such column.
    """
    nodes = {node.label: node for node in lineage.project.nodes()}
    if name in nodes:
        return nodes[name], ""
    label, _, column = name.rpartition(".")
    if label not in nodes:
        raise NotFoundError(f'no table is named "{label or name}".', name=label or name, known=nodes)
    known = lineage.columns.get(nodes[label].unique_id, {})
    found = next((one for one in known if one.lower() == column.lower()), column)
    lineage.parents(nodes[label].unique_id, found)
    return nodes[label], found


def _values(lineage: Lineage, node: Model | SourceTable, column: str) -> dict[str, object]:
    labels = {one.unique_id: one.label for one in lineage.project.nodes()}
    return {
        "table": node.label,
        "column": column,
        "parents": [
            {"table": labels[one.table], "path": one.written(), "is_copy": one.is_copy}
            for one in sorted(lineage.parents(node.unique_id, column))
        ],
        "fields": [dataclasses.asdict(one) for one in lineage.fields(node.unique_id, column)],
        "children": [f"{labels[table]}.{name}" for table, name in lineage.children(node.unique_id, column)],
    }


def _from(fields: tuple[Field, ...]) -> str:
    """Returns where values come from in a line: `= mongodb.users.geo_data.city` or `computed from …`."""
    if not fields:
        return "a constant or a position"
    said = ", ".join(one.said() for one in fields)
    return f"= {said}" if all(one.is_copy for one in fields) else f"from {said}"


def _steps(lineage: Lineage, node: Model | SourceTable, column: str) -> Iterator[str]:
    """Yields the lines for one column: a tree of the columns above it, the stores' fields, the columns below."""
    yield f"{node.label}.{column}"
    yield from _above(lineage, node.unique_id, (column,), "  ", set())
    fields = lineage.fields(node.unique_id, column)
    yield ""
    yield f"in the stores: {'nothing: a constant or a position' if not fields else ''}".rstrip()
    for one in fields:
        yield f"  {one.said()}{'' if one.is_copy else '  (computed)'}"
    below = lineage.children(node.unique_id, column)
    yield ""
    yield f"made of it: {'' if below else 'nothing'}".rstrip()
    for table, name in below:
        yield f"  {lineage.project.node(table).label}.{name}"


def _above(
    lineage: Lineage, unique_id: str, path: tuple[str, ...], indent: str, seen: set[tuple[str, ...]]
) -> Iterator[str]:
    if unique_id in lineage.unknown:
        return
    for one in sorted(lineage.above(unique_id, path)):
        if one.table == unique_id:
            continue
        node = lineage.project.node(one.table)
        step = (one.table, *one.path)
        again = "  (above)" if step in seen and not isinstance(node, SourceTable) else ""
        said = Field(table=node.label, path=one.written(), stored="", is_copy=one.is_copy).said()
        yield f"{indent}{'=' if one.is_copy else '~'} {said}{again}"
        if not again:
            seen.add(step)
            yield from _above(lineage, one.table, one.path, f"{indent}  ", seen)
