"""All questions of a project: computed from the published tables, or left out with the reason."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.contrasts import holm
from runner.insights.definition import Definition, Questions
from runner.insights.finding import Finding, Verdict
from runner.insights.kinds import COMPUTE
from runner.model import Model, SourceTable
from runner.project.parse import Project

Obstacle = Callable[[Definition, Model | SourceTable], str]

_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A question with its answer.

    Attributes:
        node: the table that it is asked of.
        sentences: what was found; none where it was left out.
        finding: what they rest on; None where it was left out.
        verdicts: on the finding's tests, in their order.
        left_out: why there is no answer; empty where there is one.
    """

    definition: Definition
    node: Model | SourceTable
    sentences: tuple[str, ...] = ()
    finding: Finding | None = None
    verdicts: tuple[Verdict, ...] = ()
    left_out: str = ""

    @property
    def is_signal(self) -> bool:
        return any(one.is_signal for one in self.verdicts)


def answer(project: Project, questions: Questions, *, obstacle: Obstacle = lambda *_: "") -> list[Insight]:
    """Returns every question with its answer, in the order of `report.yml`.

    Chance makes one test in twenty look like a finding, so all tests of the report are judged together (`holm`).

    Args:
        obstacle: says why a question must not be answered from its table, such as a check that failed; an empty text where
            it may.
    """
    found = [_computed(project, one, questions.confidence, obstacle) for one in questions.insights]
    tests = [test for one in found if one.finding for test in one.finding.tests]
    adjusted = iter(holm([test.probability for test in tests]))
    limit = round(1 - questions.confidence, 12)
    return [_told(one, lambda: next(adjusted), len(tests), limit) for one in found]


def _computed(project: Project, definition: Definition, confidence: float, obstacle: Obstacle) -> Insight:
    node = project.node(definition.model)
    reason = obstacle(definition, node)
    if reason:
        return Insight(definition=definition, node=node, left_out=reason)
    apart = definition.settings.get("apart")
    if apart:
        place = project.node(apart["model"]).table.path(project.warehouse)
        given = dataclasses.replace(definition, settings={**definition.settings, "apart": {**apart, "path": place}})
    else:
        given = definition
    try:
        finding = COMPUTE[definition.kind](given, node.table.path(project.warehouse), confidence)
    except Unanswerable as error:
        return Insight(definition=definition, node=node, left_out=f"{node.label}: {error}")
    return Insight(definition=definition, node=node, finding=finding)


def _told(insight: Insight, adjusted: Callable[[], float], questions: int, limit: float) -> Insight:
    if insight.finding is None:
        return insight
    verdicts = tuple(
        Verdict(test=test, adjusted=adjusted(), questions=questions, limit=limit) for test in insight.finding.tests
    )
    return dataclasses.replace(insight, verdicts=verdicts, sentences=tuple(insight.finding.tell(verdicts)))


def observed(project: Project, questions: Questions) -> tuple[datetime.date, datetime.date] | None:
    """Returns the first and the last day of the data; None where the project does not say, or nothing is built."""
    if questions.period is None:
        return None
    unique_id, start, end = questions.period
    path = project.node(unique_id).table.path(project.warehouse)
    try:
        table = columns.read(path, [start, end])
        first, last = columns.days(table, start), columns.days(table, end)
    except Unanswerable:
        return None
    if not len(first):
        return None
    return _EPOCH + datetime.timedelta(days=int(first.min())), _EPOCH + datetime.timedelta(days=int(last.max()))


def signals(insights: Sequence[Insight]) -> int:
    """Returns how many insights found more than chance gives."""
    return sum(one.is_signal for one in insights)
