"""A document as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from runner.insights.finding import Row
from runner.site.integration.document import Block, Cell, Document, Flow, Items, Link, Paragraph, Table, Told

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(document: Document) -> str:
    """Returns the document as Markdown; texts cannot become markup."""
    lines = [f"# {escaped(document.title)}", "", escaped(document.lead), ""]
    for section in document.sections:
        lines += [f"## {escaped(section.title)}", ""]
        for block in section.blocks:
            lines += _block(block)
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """Returns a text as one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from (escaped(block.text), "")
    elif isinstance(block, Items):
        yield from (*(f"- {escaped(text)}" for text in block.texts), "")
    elif isinstance(block, Flow):
        for place, step in enumerate(block.steps, start=1):
            yield f"{place}. **{escaped(step.name)}**: {escaped('; '.join(step.lines))}"
        yield ""
    elif isinstance(block, Table):
        yield from _table(block)
    else:
        yield from _told(block)


def _table(table: Table) -> Iterator[str]:
    yield from (escaped(table.caption), "")
    yield _line(table.columns)
    yield _line(["---:" if place in table.numeric else "---" for place in range(len(table.columns))], plain=True)
    yield from (_line(row) for row in table.rows)
    yield ""


def _line(cells: Sequence[Cell], *, plain: bool = False) -> str:
    words = [cell.text if isinstance(cell, Link) else cell for cell in cells]
    return f"| {' | '.join(words if plain else [escaped(word) for word in words])} |"


def _told(told: Told) -> Iterator[str]:
    insight = told.insight
    yield from (f"### {escaped(insight.definition.title)}", "")
    if insight.finding is None:
        yield from (f"Left out: {escaped(insight.left_out)}", "")
        return
    yield from (escaped(" ".join(insight.sentences)), "")
    finding = insight.finding
    if finding.rows:
        yield _line([finding.label, *finding.columns])
        yield _line(["---", *("---:" for _ in finding.columns)], plain=True)
        yield from (_line(_cells(row)) for row in finding.rows)
        yield ""
    period = f"; {told.period}" if told.period else ""
    yield f"- Data: {escaped(f'{insight.node.label}; {finding.size}{period}.')}"
    yield f"- Method: {escaped(finding.method)}"
    yield from (f"- {escaped(note)}" for note in told.notes)
    yield ""


def _cells(row: Row) -> list[str]:
    return [row.label, *row.said]
