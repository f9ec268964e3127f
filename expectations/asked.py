"""One expectation on its way to a result: what it asks for, and Great Expectations' verdict over the values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from expectations.compute import Computed, Data
from expectations.compute.metrics import SAMPLE, Answer, Known, Taken, Unexpected, ask_metric
from expectations.definition import Given, Need, Table
from expectations.suite import Expectation
from runner.errors import did_you_mean


@dataclass(slots=True)
class Asked:
    """One expectation on its way to a result.

    Attributes:
        one: it as Great Expectations' object; None where it could not be made.
        answers: id of each metric → how it is computed; None where the one pass cannot compute all of them.
        error: what kept it from being made or judged.
        result: Great Expectations' result, once it is judged.
        rows: a sample of the rows that fail.
        condition: what its failing rows satisfy, where that is known.
        seconds, jobs: what Great Expectations' engine took for it alone.
    """

    expectation: Expectation
    one: Any = None
    answers: dict[Hashable, Answer] | None = None
    error: Exception | None = None
    result: Any = None
    rows: tuple[Mapping[str, Any], ...] = ()
    condition: str = ""
    seconds: float = 0.0
    jobs: int | None = None

    def needs(self) -> list[Need]:
        """Returns what Spark must compute for it."""
        return [answer.need for answer in (self.answers or {}).values() if isinstance(answer, Taken)]


def ask(
    expectation: Expectation,
    columns: Mapping[str, str],
    others: Mapping[str, Mapping[str, str]],
    facts: Mapping[str, Any],
) -> Asked:
    """Returns an expectation with how each of its metrics is computed.

    Args:
        columns: the table's columns and their Spark types in DDL form.
        others: the same for each table that the suite refers to.
        facts: what is known of it beside the data; see `Table.facts`.
    """
    from expectations import gx

    asked = Asked(expectation)
    try:
        if missing := _missing(expectation, columns):
            raise LookupError(missing)
        table = Table(columns=columns, others=others, where=expectation.where, facts=facts)
        asked.one = gx.build(expectation, table)
        metrics = gx.metrics_of(asked.one)
        own = asked.one.needs() if isinstance(asked.one, gx.ProjectExpectation) else None
    except Exception as error:
        asked.error = error
        return asked
    answers: dict[Hashable, Answer] = {}
    for name, metric in metrics.items():
        if own is not None:
            need = own[name]
            answers[metric.id] = Known(need.value) if isinstance(need, Given) else Taken(need)
            continue
        domain, values = metric.metric_domain_kwargs, metric.metric_value_kwargs
        answer = ask_metric(name, domain, values, columns, expectation.where)
        if answer is None:
            return asked
        answers[metric.id] = answer
    asked.answers = answers
    return asked


def _missing(expectation: Expectation, columns: Mapping[str, str]) -> str:
    """Returns what to say of a column that the table lacks, or an empty string."""
    if expectation.type in ("expect_column_to_exist", "expect_table_columns_to_match_set"):
        return ""
    for column in expectation.columns:
        if column not in columns and column.split(".")[0] not in columns:
            return f'The table has no column "{column}".{did_you_mean(column, columns)}'
    return ""


def judge_by_values(asked: Asked, computed: Computed, data: Data, *, most_rows: int) -> None:
    """Sets the result by values from the one pass; samples what is unexpected where the expectation fails.

    Raises:
        Exception: what Spark raised for one of its values.
    """
    from expectations import gx

    assert asked.answers is not None
    values: dict[Hashable, Any] = {}
    samples: dict[Hashable, Unexpected] = {}
    for key, answer in asked.answers.items():
        if isinstance(answer, Known):
            values[key] = answer.value
        elif isinstance(answer, Unexpected):
            values[key] = []
            samples[key] = answer
        elif answer.need in computed.failures:
            raise computed.failures[answer.need]
        else:
            values[key] = answer.read(computed.values[answer.need])
    asked.result = gx.judge(asked.one, values)
    if asked.result.success or not samples:
        return
    for key, sample in samples.items():
        computed.jobs += 1
        rows = _sample(sample, asked.expectation.where, data)
        asked.rows = tuple(rows[:most_rows])
        asked.condition = sample.condition
        values[key] = _values_of(rows, sample)
    asked.result = gx.judge(asked.one, values)


def _sample(sample: Unexpected, where: str, data: Data) -> list[dict[str, Any]]:
    if sample.query is not None:
        return [row.asDict(recursive=True) for row in data.asked(sample.query).limit(SAMPLE).collect()]
    return data.rows(with_where(where, sample.condition), SAMPLE)


def with_where(where: str, condition: str) -> str:
    """Returns the rows of `where` that satisfy a condition; empty where there is none."""
    return f"({where}) AND ({condition})" if where and condition else condition


def _values_of(rows: list[dict[str, Any]], sample: Unexpected) -> list[Any]:
    """Returns a sample in the form in which Great Expectations' engine gives it."""
    if sample.form == "value":
        return [row[sample.columns[0]] for row in rows]
    if sample.form == "pair":
        return [tuple(row[column] for column in sample.columns) for row in rows]
    return [{column: row[column] for column in sample.columns} for row in rows]
