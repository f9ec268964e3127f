"""Each analysis: which stores, tables and fields it is made of, how it is computed, and what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.insights.answer import Insight
from runner.insights.finding import plural
from runner.lineage.columns import Field
from runner.model import Model, SourceTable
from runner.names import store_name
from runner.site.address import address_of
from runner.site.facts import Facts
from runner.site.integration.document import Link, Paragraph, Section, Table, some
from runner.site.integration.standing import Said

_FOLDER = "marts"  # dbt's word for models that people read


def analyses(facts: Facts, insights: Iterable[Insight] = ()) -> list[Model]:
    """Returns the models that people read: those below a folder `marts`; where there is none, those that no other model
    reads. Besides, what an insight or an exposure names."""
    project = facts.project
    models = [node for node in project.nodes() if isinstance(node, Model) and node.resource_type == "model"]
    in_folder = [node for node in models if _FOLDER in node.fqn[1:-1]]
    found = in_folder or [node for node in models if not _read_by_models(facts, node)]
    named = {one.node.unique_id for one in insights}
    named.update(parent for exposure in project.exposures.values() for parent in exposure.parents)
    kept = {node.unique_id for node in found} | named
    return sorted((node for node in models if node.unique_id in kept), key=lambda node: node.label)


def _read_by_models(facts: Facts, node: Model) -> bool:
    buildable = facts.project.buildable
    return any(isinstance(buildable.get(child), Model) for child in facts.project.graph.children(node.unique_id))


def sources(facts: Facts, models: Sequence[Model]) -> Section:
    """Returns what each analysis is made of: a row for each landed table that values of it come from."""
    rows = []
    followed = 0
    unknown = []
    for node in models:
        if node.unique_id in facts.lineage.unknown:
            unknown.append(node.label)
            continue
        followed += 1
        rows += _of_model(facts, node)
    text = (
        "Each line is one analysis and one collection or table that values of its columns come from, found in the models' SQL; "
        "fields that only filter or join, and rows that are only counted, are no fields of it. [] stands for the elements of an array, # for numbered cells. "
        f"{followed:,} of {plural(len(models), 'analysis')} could be followed."
    )
    blocks: list[Paragraph | Table] = [Paragraph(text)]
    if rows:
        blocks.append(
            Table(
                caption="Analyses and the fields of the stores that they are made of",
                columns=("analysis", "store", "collection or table", "columns made of it", "fields", "which"),
                rows=tuple(rows),
                numeric=frozenset({3, 4}),
                is_folded=True,
            )
        )
    if unknown:
        blocks.append(Paragraph(f"Not followed: {some(unknown)}."))
    return Section("Sources of each analysis", "sources", tuple(blocks))


def _of_model(facts: Facts, node: Model) -> list[tuple[str | Link, ...]]:
    by_table: dict[str, tuple[set[str], set[str]]] = {}
    for column in facts.lineage.columns.get(node.unique_id, {}):
        for one in facts.lineage.fields(node.unique_id, column):
            columns, fields = by_table.setdefault(one.table, (set(), set()))
            columns.add(column)
            if not one.is_rows:
                fields.add(field_name(one))
    tables = {table.label: table for table in facts.project.sources.values()}
    name = Link(node.label, address_of(node, facts.project.files.name))
    found: list[tuple[str | Link, ...]] = []
    place: str | Link
    for table, (columns, fields) in sorted(by_table.items()):
        source = tables.get(table)
        store = _store(source) if source else "built here"
        place = _place(source) if source else table
        found.append(
            (name, store, place, f"{len(columns):,}", f"{len(fields):,}", some(sorted(fields)) or "rows, counted")
        )
    return found or [(name, "", "none: its columns are computed from nothing that is landed", "0", "0", "")]


def field_name(one: Field) -> str:
    """Returns a field in its store's words, without the marks of what lies within an element."""
    if one.is_rows:
        return one.stored or "its rows, counted"
    return one.stored or one.path


def _store(table: SourceTable) -> str:
    return store_name(table.store or table.loader or table.source)


def _place(table: SourceTable) -> Link:
    return Link(table.stored_as or table.name, f"sources/{table.source}.{table.name}.html")


def methods(facts: Facts, models: Sequence[Model], said: Said) -> Section:
    """Returns how each analysis is computed: its description, its file, and the rules that it is held to."""
    rows = []
    for node in models:
        checks = said.of(node.label)
        rules = some([one.title for one in checks], 4) if checks else "none was run"
        rows.append(
            (
                Link(node.label, address_of(node, facts.project.files.name)),
                " ".join(node.description.split()) or "not described",
                str(node.path),
                f"{len(checks):,}",
                rules,
            )
        )
    undescribed = [node.label for node in models if not node.description.strip()]
    text = (
        f"{plural(len(models), 'model')} are read as analyses. What each is stands in its property file, how it is computed in "
        "its file, and the rules are the checks that its rows were last held to."
    )
    if undescribed:
        text += f" {plural(len(undescribed), 'model')} have no description: {some(undescribed)}."
    table = Table(
        caption="Analyses, how they are computed and what they are held to",
        columns=("analysis", "what it is", "file", "rules", "such as"),
        rows=tuple(rows),
        numeric=frozenset({3}),
        is_folded=True,
    )
    return Section("Method", "method", (Paragraph(text), table) if rows else (Paragraph(text),))
