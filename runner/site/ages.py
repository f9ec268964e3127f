"""How old the landed tables are whose age is asked by a query: a `loaded_at_query`, or the newest row that a filter leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from runner.dashboards.answers import Answers, answers_to
from runner.model import SourceTable
from runner.project.dashboards import Query
from runner.project.parse import Project
from runner.sources.freshness import Freshness, age_query, expects_freshness, moment_of, told, without_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_UNASKED = "its age is asked by a query, which has not been run. Run it: run docs"


def find_ages(
    project: Project, *, now: datetime, spark: Callable[[], AbstractContextManager[SparkSession]] | None = None
) -> Answers:
    """Returns the answers to the queries of ages, those that are kept and, with `spark`, all others."""
    known = {one.table.label for one in _by_logs(project, now)}
    queries = [_query(table) for table in _asked(project) if table.label not in known]
    return answers_to(project, queries, now=now, refused={}, spark=spark, without=_UNASKED)


def ages(project: Project, answers: Answers, *, now: datetime) -> Iterator[Freshness]:
    """Yields how old the landed tables are that say how old they may be: by their logs, or by the answers to queries."""
    by_logs = {one.table.label: one for one in _by_logs(project, now)}
    for table in _asked(project):
        query = _query(table)
        if table.label in by_logs:
            yield by_logs[table.label]
        elif (answer := answers.found.get(query)) is not None:
            (micros,) = next(iter(answer.columns.values()))
            yield told(table, moment_of(micros), asked_at=now)
        else:
            yield told(table, None, asked_at=now, message=answers.missing.get(query, _UNASKED))


def _asked(project: Project) -> list[SourceTable]:
    return [table for table in project.sources.values() if expects_freshness(table)]


def _by_logs(project: Project, now: datetime) -> list[Freshness]:
    return without_spark(project, _asked(project), asked_at=now)


def _query(table: SourceTable) -> Query:
    """Returns the query of a table's age, after as many empty lines as stand before the table in its file."""
    _, _, line = table.place.rpartition(":")
    return Query(
        text="\n" * (int(line) - 1 if line.isdigit() else 0) + age_query(table), path=table.path, place=table.place
    )
