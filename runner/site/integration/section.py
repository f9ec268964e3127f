"""The report of a project: read once, written as a page and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from runner import delta
from runner.insights.answer import answer, observed
from runner.insights.definition import Definition, read_questions
from runner.insights.finding import listed, many, plural
from runner.jinja.render import scrubbed
from runner.model import Model, SourceTable
from runner.names import store_name
from runner.site.facts import Facts
from runner.site.integration.document import Block, Document, Items, Paragraph, Section, some
from runner.site.integration.drawing import drawn
from runner.site.integration.flow import Station, flow, stations
from runner.site.integration.limits import limits
from runner.site.integration.markdown import markdown
from runner.site.integration.origins import analyses, methods, sources
from runner.site.integration.scale import scale
from runner.site.integration.standing import obstacle, said, state
from runner.site.integration.told import Days, told
from runner.site.page import Entry, File, Page

PATH = "report.html"


def pages(facts: Facts) -> Iterator[Page | File]:
    """Yields the report as a page and as Markdown beside it."""
    document = report(facts)
    yield Page(
        path=PATH,
        title=document.title,
        section="report",
        template="integration/report.html.jinja",
        values={"document": document, "kind_of": lambda block: type(block).__name__, "drawn": drawn, "many": many},
        styles=("assets/report.css",),
        entries=tuple(
            Entry(kind="report", name=section.title, address=f"{PATH}#{section.anchor}", detail=document.title)
            for section in document.sections
        ),
    )
    yield File(path="report.md", content=scrubbed(markdown(document)).encode())


def report(facts: Facts) -> Document:
    """Returns the report."""
    project = facts.project
    questions = read_questions(project)
    checks = said(facts)

    def stands_in_the_way(definition: Definition, node: Model | SourceTable) -> str:
        secret = [column for column in definition.shown() if facts.hidden.is_hidden(node, column)]
        if secret:
            return f"{node.label} has sensitive columns, and nothing made of them is shown: {', '.join(secret)}."
        return obstacle(facts, node, checks)

    insights = answer(project, questions, obstacle=stands_in_the_way)
    period = observed(project, questions)
    landings, committed = _landings(facts)
    found = stations(facts, checks)
    models = analyses(facts, insights)
    return Document(
        title=questions.title,
        lead=f"Project {project.files.name}, target {project.files.target.name}, written {facts.now:%Y-%m-%d %H:%M} UTC. "
        "Every figure is computed from the published tables, their logs, and the records of runs and checks.",
        sections=(
            _overview(facts, found, landings, period),
            sources(facts, models),
            methods(facts, models, checks),
            flow(facts, found, checks, landings),
            told(facts, questions, insights, period, checks),
            state(facts, checks, landings),
            scale(facts, found, landings, committed),
            limits(facts, landings, insights),
        ),
    )


def _landings(facts: Facts) -> tuple[dict[str, Mapping[str, Any]], dict[str, datetime]]:
    """Returns by label of a landed table what its newest landing says of itself, and when it was committed."""
    said: dict[str, Mapping[str, Any]] = {}
    committed: dict[str, datetime] = {}
    for table in facts.project.sources.values():
        path = table.table.path(facts.project.warehouse)
        found = delta.metadata(path)
        if found.get("kind") == "landing":
            said[table.label], committed[table.label] = found, delta.changed_at(path)
    return said, committed


def _overview(
    facts: Facts, found: list[Station], landings: Mapping[str, Mapping[str, Any]], period: Days | None
) -> Section:
    project = facts.project
    stores = sorted({store_name(table.store or table.source) for table in project.sources.values()})
    built = [one for one in found if one.form in ("table", "view")]
    landed = [one for one in built if one.layer == "landed"]
    rows = sum(one.rows or 0 for one in built if one.form == "table")
    stand = f"All {len(found):,}" if len(built) == len(found) else f"{len(built):,} of these {len(found):,}"
    blocks: list[Block] = [
        Paragraph(
            f"{project.files.name} reads {plural(len(project.sources), 'table')}"
            + (f" of {listed(stores)}" if stores else "")
            + f" and builds {plural(len(found) - len(project.sources), 'table or view').replace('table or views', 'tables and views')} "
            f"of them. {stand} stand in the warehouse, {len(landed):,} of them landed; its tables hold {plural(rows, 'row')}."
        )
    ]
    if period:
        days = (period[1] - period[0]).days + 1
        blocks.append(Paragraph(f"The data were observed from {period[0]} to {period[1]}, {plural(days, 'day')}."))
    blocks.append(
        Items(tuple(_cuts(landings, len(project.sources)))) if landings else Paragraph("Nothing has been landed yet.")
    )
    return Section("Overview", "overview", tuple(blocks))


def _cuts(landings: Mapping[str, Mapping[str, Any]], tables: int) -> Iterator[str]:
    by_snapshot: dict[str, list[str]] = {}
    for label, one in landings.items():
        by_snapshot.setdefault(str(one.get("snapshot_id")), []).append(label)
    for labels in by_snapshot.values():
        one = landings[labels[0]]
        taken = datetime.fromisoformat(str(one["taken_at"]))
        kinds = {str((landings[label].get("cut") or {}).get("kind", "")) for label in labels}
        of_files = all(landings[label].get("files") is not None and not landings[label].get("cut") for label in labels)
        what = "All" if len(labels) == tables > 1 else str(len(labels))
        text = f"{what} {'tables' if what == 'All' else 'table' if len(labels) == 1 else 'tables'} of the landing taken at {taken:%Y-%m-%d %H:%M:%S} UTC"
        if what != "All":
            text += f" ({some(sorted(labels))})"
        if of_files:
            text += ": from files as they lay there."
        elif "none" in kinds:
            text += ": not all stores could be read as of one moment; see Limits."
        else:
            text += ": one cut, read from every store as of that moment."
        yield text
