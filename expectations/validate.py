"""Runs a suite over a frame: Great Expectations asks and judges, Spark computes everything once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from expectations.causes import EXPECTATION
from expectations.checks.query import placed
from expectations.compute import Computed, Data, compute, types_of
from expectations.definition import Aggregate, Finding, Given, Level, Need, Query, Table
from expectations.metrics import SAMPLE, Known, Unexpected, ask
from expectations.plot import Earlier, draw
from expectations.result import CheckResult, SuiteResult
from expectations.suite import Expectation, Suite
from expectations.verdict import describe, settle
from runner.errors import NotFoundError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ROWS = Aggregate(call="count(*)")
_FAILING_ROWS = 10
Facts = Callable[[Expectation], Mapping[str, Any]]
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


def preload() -> None:
    """Imports Great Expectations, which takes seconds: for a thread while Spark starts."""
    import expectations.gx  # noqa: F401


@dataclass(slots=True)
class _Asked:
    """One expectation on its way to a result.

    Attributes:
        one: it as Great Expectations' object; None where it could not be made.
        answers: id of each metric → how it is computed; None where the one pass cannot compute all of them.
        names: the same metrics' names.
        error: what kept it from being made.
        condition: what its failing rows satisfy, where that is known.
    """

    expectation: Expectation
    one: Any = None
    answers: dict[Hashable, Need | Known | Unexpected] | None = None
    names: dict[Hashable, str] = field(default_factory=dict)
    error: Exception | None = None
    result: Any = None
    rows: tuple[Mapping[str, Any], ...] = ()
    condition: str = ""
    seconds: float = 0.0

    def needs(self) -> list[Need]:
        return [answer for answer in (self.answers or {}).values() if isinstance(answer, (Aggregate, Query))]


def validate(
    frame: DataFrame,
    suite: Suite,
    *,
    inputs: Mapping[str, DataFrame],
    label: str = "",
    facts: Facts = lambda _: {},
    earlier: Callable[[], Earlier | None] = lambda: None,
) -> SuiteResult:
    """Returns what the suite says of the frame.

    Args:
        frame: the model's rows (a candidate, or what is published). Read once, plus once for each distinct key that
            uniqueness is asked of, each query and each failure's details.
        suite: what must be true.
        inputs: a frame for each of `suite.references`, by the same names.
        label: what is checked, for reports.
        facts: what is known of an expectation beside the data; see `Table.facts`.
        earlier: gives the last good version, asked for only where a failure is drawn.

    Raises:
        NotFoundError: a referenced table is not among `inputs`.
    """
    started = time.monotonic()
    for name in suite.references:
        if name not in inputs:
            raise NotFoundError(f'{suite.model}: its suite needs "{name}".', name=name, known=inputs)
    data = Data(frame, {**inputs, suite.model: frame})
    columns = types_of(frame)
    others = {name: types_of(inputs[name]) for name in suite.references}
    asked = [_ask(one, columns, others, facts) for one in suite.expectations]
    computed = compute(data, [_ROWS, *(need for one in asked for need in one.needs())])
    engine: list[Any] = []
    results = []
    for one in asked:
        _judge(one, computed, data, engine, label or suite.model)
        results.append(_result(one, data, computed, columns, earlier))
    rows = computed.values.get(_ROWS)
    from expectations import gx

    result = SuiteResult(
        model=suite.model,
        label=label,
        description=suite.description,
        results=tuple(results),
        rows=rows,
        jobs=computed.jobs,
        gx_result=gx.suite_result([one.result for one in asked], suite.model, all(not r.blocking for r in results)),
    )
    return replace(settle(result), seconds=time.monotonic() - started)


def _ask(
    expectation: Expectation, columns: Mapping[str, str], others: Mapping[str, Mapping[str, str]], facts: Facts
) -> _Asked:
    """Returns the expectation with how each of its metrics is computed."""
    from expectations import gx

    asked = _Asked(expectation)
    try:
        if missing := _missing(expectation, columns):
            raise LookupError(missing)
        table = Table(columns=columns, others=others, where=expectation.where, facts=facts(expectation))
        asked.one = gx.build(expectation, table)
        metrics = gx.metrics_of(asked.one)
        own = asked.one.needs() if isinstance(asked.one, gx.ProjectExpectation) else None
    except Exception as error:
        asked.error = error
        return asked
    answers: dict[Hashable, Need | Known | Unexpected] = {}
    for name, metric in metrics.items():
        answer = (
            own[name]
            if own is not None
            else ask(name, metric.metric_domain_kwargs, metric.metric_value_kwargs, columns, expectation.where)
        )
        if answer is None:
            return asked
        answers[metric.id] = answer
        asked.names[metric.id] = name
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


def _judge(one: _Asked, computed: Computed, data: Data, engine: list[Any], label: str) -> None:
    """Sets the expectation's result: by values from the one pass, else by Great Expectations' engine."""
    from expectations import gx

    started = time.monotonic()
    try:
        if one.error is not None:
            raise one.error
        if one.answers is not None:
            one.result = _by_values(one, computed, data)
        else:
            if not engine:
                engine.append(gx.Engine(data.frame, label))
            computed.jobs += 1
            one.result = engine[0].validate(one.one)
            one.seconds = time.monotonic() - started
    except Exception as error:
        one.error = error
        one.result = gx.failed(one.one, error, one.expectation)


def _by_values(one: _Asked, computed: Computed, data: Data) -> Any:
    from expectations import gx

    assert one.answers is not None
    values: dict[Hashable, Any] = {}
    own = isinstance(one.one, gx.ProjectExpectation)
    samples: dict[Hashable, Unexpected] = {}
    for key, answer in one.answers.items():
        if isinstance(answer, (Known, Given)):
            values[key] = answer.value
        elif isinstance(answer, Unexpected):
            values[key] = []
            samples[key] = answer
        elif answer in computed.failures:
            raise computed.failures[answer]
        else:
            value = computed.values[answer]
            values[key] = value if own or isinstance(answer, Aggregate) else value[0]["value"]
    result = gx.judge(one.one, values)
    if result.success or not samples:
        return result
    for key, sample in samples.items():
        computed.jobs += 1
        rows = _sample(sample, one.expectation.where, data)
        one.rows = tuple(rows[:_FAILING_ROWS])
        one.condition = sample.condition
        values[key] = _values_of(rows, sample.columns)
    return gx.judge(one.one, values)


def _sample(sample: Unexpected, where: str, data: Data) -> list[dict[str, Any]]:
    if sample.query is not None:
        return data.query(sample.query)
    return data.rows(_with_where(where, sample.condition), SAMPLE)


def _with_where(where: str, condition: str) -> str:
    """Returns the rows of `where` that satisfy a condition; empty where there is none."""
    return f"({where}) AND ({condition})" if where and condition else condition


def _values_of(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[Any]:
    """Returns a sample in the form that Great Expectations gives it: plain values of one column, else mappings."""
    if len(columns) == 1:
        return [_at(row, columns[0]) for row in rows]
    return [{column: _at(row, column) for column in columns} for row in rows]


def _at(row: Mapping[str, Any], column: str) -> Any:
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _result(
    one: _Asked, data: Data, computed: Computed, columns: Mapping[str, str], earlier: Callable[[], Earlier | None]
) -> CheckResult:
    """Returns the result for people: level, words, failing rows and a plot where it is flagged."""
    from expectations import gx

    expectation = one.expectation
    name = expectation.name or expectation.type
    error = gx.first_line(one.error) if one.error is not None else gx.exception_of(one.result)
    finding = gx.finding_of(one.one) if not error else None
    if error:
        finding = Finding(
            level="fail",
            observed="could not be judged",
            message=f"{name} could not be judged: {error}",
            cause=EXPECTATION,
            what_to_do="Mend the suite: the expectation's column, condition or arguments do not fit the table.",
        )
    elif finding is None:
        finding = describe(expectation, one.result)
    level: Level = finding.level
    failing = one.rows or finding.rows
    plot = None
    if level != "pass" and not error:
        try:
            if finding.failing and not failing:
                computed.jobs += 1
                where = _with_where(expectation.where, finding.failing)
                failing = tuple(data.rows(where, _FAILING_ROWS))
            elif finding.failing_query and not failing:
                computed.jobs += 1
                failing = tuple(data.query(Query(sql=placed(finding.failing_query), limit=_FAILING_ROWS)))
            if finding.plot and columns.get(finding.plot, "").startswith(_NUMERIC):
                blocks = level == "fail" and expectation.severity == "error"
                before = earlier() if blocks else None
                group_name = str(finding.slice or "")
                plot, jobs = draw(data, finding.plot, expectation.where, finding.group, group_name, earlier=before)
                computed.jobs += jobs
        except Exception as reason:
            error = f"no details: {gx.first_line(reason)}"
    return CheckResult(
        expectation=expectation,
        status="warn" if level == "fail" and expectation.severity == "warn" else level,
        level=level,
        check=expectation.definition.check,
        observed=finding.observed,
        message=finding.message,
        cause=finding.cause,
        evidence=finding.evidence,
        what_to_do=finding.what_to_do,
        slice=finding.slice,
        where=finding.where,
        failing_rows=tuple(failing),
        failing=_with_where(expectation.where, one.condition or finding.failing) if level != "pass" else "",
        failing_query=finding.failing_query,
        failing_count=finding.failing_count,
        plot=plot,
        numbers=finding.numbers,
        engine="none" if one.error is not None else "one pass" if one.answers is not None else "great expectations",
        error=error,
        seconds=one.seconds,
    )
