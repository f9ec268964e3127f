"""The insights: each with its period, what is to be known besides, and the way to its table and dashboard."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from runner.insights.answer import Insight, signals
from runner.insights.definition import Questions
from runner.insights.finding import listed, plural
from runner.site.address import address_of
from runner.site.facts import Facts
from runner.site.integration.document import Block, Link, Paragraph, Section, Told
from runner.site.integration.standing import Said

Days = tuple[datetime.date, datetime.date]


def told(facts: Facts, questions: Questions, insights: Sequence[Insight], period: Days | None, said: Said) -> Section:
    """Returns all insights with what a reader needs to weigh them."""
    if not insights:
        text = "This project asks nothing of its tables: it has no report.yml. docs/integration-report.md says how to write one."
        return Section("Insights", "insights", (Paragraph(text),))
    blocks: list[Block] = [Paragraph(_weighed(questions, insights))]
    blocks += [
        Told(
            insight=one,
            period="; ".join(text for text in (_rows(one), _period(one, period)) if text),
            notes=_notes(facts, one, said),
            links=_links(facts, one),
        )
        for one in insights
    ]
    return Section("Insights", "insights", tuple(blocks))


def _weighed(questions: Questions, insights: Sequence[Insight]) -> str:
    tests = sum(len(one.verdicts) for one in insights)
    found = sum(one.is_signal for insight in insights for one in insight.verdicts)
    answered = sum(one.finding is not None for one in insights)
    text = f"{answered:,} of {plural(len(insights), 'question')} could be answered"
    if not tests:
        return f"{text}; none of them compares anything with chance."
    limit = f"{(1 - questions.confidence) * 100:g} %"
    finds = "none finds" if found == 0 else f"{found:,} find{'s' if found == 1 else ''}"
    one_in = (
        f"All are judged together (Holm): were there nothing at all to find, a report would call something a finding in at most "
        f"{limit} of cases, as far as each test's assumptions hold."
    )
    by = f", in {plural(signals(insights), 'question')}" if found else ""
    return f"{text}, with {plural(tests, 'test')} against chance: {finds} more than chance gives{by}. {one_in}"


def _period(insight: Insight, period: Days | None) -> str:
    finding = insight.finding
    if finding is None:
        return ""
    first, last = (finding.first, finding.last) if finding.first and finding.last else period or (None, None)
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}" if first and last else ""


def _rows(insight: Insight) -> str:
    """Returns which rows of the table count, in words; an empty text for all."""
    parts = []
    for column, value in insight.definition.where.items():
        values = value if isinstance(value, list) else [value]
        words = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
        parts.append(f"{column} is {listed(words, 'or')}")
    return f"where {listed(parts)}" if parts else ""


def _notes(facts: Facts, insight: Insight, said: Said) -> tuple[str, ...]:
    notes = [insight.definition.note] if insight.definition.note else []
    if insight.finding is None:
        return tuple(notes)
    behind = (insight.node.unique_id, *facts.project.graph.parents(insight.node.unique_id))
    for node in (facts.project.node(name) for name in behind):
        about = "" if node is insight.node else f" of {node.label}, which it is made of,"
        warned = [one for one in said.of(node.label) if one.status in ("warn", "fail")]
        notes += [f"A check{about} {one.status}s: {one.title}: {' '.join(one.message.split())}" for one in warned]
    if facts.standing(insight.node) == "stale":
        notes.append(f"{insight.node.label} is behind what it is made of: this is of its last build.")
    return tuple(notes)


def _links(facts: Facts, insight: Insight) -> tuple[Link, ...]:
    links = [Link(insight.node.label, address_of(insight.node, facts.project.files.name))]
    if insight.definition.dashboard:
        name = insight.definition.dashboard
        links.append(Link(f"dashboard {name}", f"dashboards/{name}.html"))
    return tuple(links)
