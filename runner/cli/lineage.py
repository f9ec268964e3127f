"""`run lineage`: where the columns of a table or of a dashboard's panel come from, back to the fields of the stores, and what is
made of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import click

from runner.cli.session import Command, project_options
from runner.errors import NotFoundError, ProjectError
from runner.lineage.columns import Field, Lineage, column_lineage
from runner.model import SourceTable


@click.command("lineage", short_help="Where a column comes from, and what is made of it.")
@click.argument("name", metavar="TABLE|PANEL[.COLUMN]")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@project_options
def lineage_command(command: Command, name: str, output: str) -> None:
    """Show where the columns of a table come from: through all models, back to MongoDB's field or HBase's cell.

    It is read from the SQL itself: no Spark, no data. Of a single column each step is shown, and what is made of it, on to
    the panels of dashboards. A panel is asked for by its place on its dashboard, the first one by products#1.
    A column comes from what is copied or computed into it, and from what a window is divided and ordered by; not from
    what rows are filtered, joined or grouped by.

    \b
    run lineage clv
    run lineage clv.engagement_score
    run lineage products#1
    """
    lineage = column_lineage(command.project())
    asked, column = _asked(lineage, name)
    if unknown := lineage.unknown_of(asked):
        raise ProjectError(f'the columns of "{lineage.label(asked)}" cannot be followed: {unknown}')
    names = [column] if column else list(lineage.columns_of(asked))
    if output == "json":
        for one in names:
            click.echo(json.dumps(_values(lineage, asked, one)))
    elif column:
        for line in _steps(lineage, asked, column):
            click.echo(line)
    else:
        width = max(map(len, names), default=0)
        for one in names:
            click.echo(f"{one:{width}}  {_from(lineage.fields(asked, one))}")


def _asked(lineage: Lineage, name: str) -> tuple[str, str]:
    """Returns the id of the table or panel, and the column or an empty text.

    Raises:
        NotFoundError: there is no such table or panel, or it has no such column.
    """
    ids = [*(node.unique_id for node in lineage.project.nodes()), *lineage.panels]
    known = {lineage.label(one): one for one in ids}
    if name in known:
        return known[name], ""
    label, _, column = name.rpartition(".")
    if label not in known:
        what = "panel" if "#" in (label or name) else "table"
        raise NotFoundError(f'no {what} is named "{label or name}".', name=label or name, known=known)
    asked = known[label]
    found = next((one for one in lineage.columns_of(asked) if one.lower() == column.lower()), column)
    lineage.parents(asked, found)
    return asked, found


def _values(lineage: Lineage, asked: str, column: str) -> dict[str, object]:
    return {
        "table": lineage.label(asked),
        "column": column,
        "parents": [
            {"table": lineage.label(one.table), "path": one.written(), "is_copy": one.is_copy}
            for one in sorted(lineage.parents(asked, column))
        ],
        "fields": [dataclasses.asdict(one) for one in lineage.fields(asked, column)],
        "children": [f"{lineage.label(table)}.{name}" for table, name in lineage.children(asked, column)],
        "panels": [
            {"panel": lineage.label(panel), "column": name, "title": shown.title, "place": shown.panel.place}
            for panel, name in lineage.shown(asked, column)
            for shown in [lineage.panels[panel]]
        ],
    }


def _from(fields: tuple[Field, ...]) -> str:
    """Returns where values come from in a line: `= mongodb.users.geo_data.city` or `computed from …`."""
    if not fields:
        return "a constant or a position"
    said = ", ".join(one.said() for one in fields)
    return f"= {said}" if all(one.is_copy for one in fields) else f"from {said}"


def _steps(lineage: Lineage, asked: str, column: str) -> Iterator[str]:
    """Yields the lines for one column: a tree of the columns above it, the stores' fields, what is made of it."""
    yield f"{lineage.label(asked)}.{column}"
    yield from _above(lineage, asked, (column,), "  ", set())
    fields = lineage.fields(asked, column)
    yield ""
    yield f"in the stores: {'nothing: a constant or a position' if not fields else ''}".rstrip()
    for one in fields:
        yield f"  {one.said()}{'' if one.is_copy else '  (computed)'}"
    if asked in lineage.panels:
        yield ""
        yield f"shown on: {lineage.panels[asked].title} ({lineage.panels[asked].panel.place})"
        return
    below = lineage.children(asked, column)
    yield ""
    yield f"made of it: {'' if below else 'nothing'}".rstrip()
    for table, name in below:
        yield f"  {lineage.label(table)}.{name}"
    if lineage.panels:
        yield ""
        yield from _panels(lineage, lineage.shown(asked, column))


def _panels(lineage: Lineage, shown: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """Yields the lines for the panels that show a column, directly or over what is made of it."""
    yield f"on dashboards: {'' if shown else 'nothing'}".rstrip()
    names = [f"{lineage.label(panel)}.{name}" for panel, name in shown]
    width = max(map(len, names), default=0)
    for name, (panel, _) in zip(names, shown, strict=True):
        yield f"  {name:{width}}  {lineage.panels[panel].title}"


def _above(
    lineage: Lineage, unique_id: str, path: tuple[str, ...], indent: str, seen: set[tuple[str, ...]]
) -> Iterator[str]:
    if lineage.unknown_of(unique_id):
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
