"""Runs a suite over a frame: Great Expectations asks and judges, Spark computes everything once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from expectations.asked import Asked, ask, judge_by_values
from expectations.compute import Computed, Data, compute, types_of
from expectations.definition import Aggregate, Need
from expectations.details import FAILING_ROWS, result_of
from expectations.diagnosis.explain import explain
from expectations.diagnosis.origins import Origins
from expectations.diagnosis.verdict import settle
from expectations.plot import Earlier
from expectations.result import SuiteResult
from expectations.suite import Expectation, Suite
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.at_hand import Collected, Files

_ROWS = Aggregate(call="count(*)")
Facts = Callable[[Expectation], Mapping[str, Any]]


def preload() -> None:
    """Imports Great Expectations, which takes seconds: for a thread while Spark starts."""
    import expectations.gx  # noqa: F401


def validate(
    frame: DataFrame,
    suite: Suite,
    *,
    inputs: Mapping[str, DataFrame],
    label: str = "",
    facts: Facts = lambda _: {},
    earlier: Callable[[], Earlier | None] = lambda: None,
    origins: Callable[[], Origins | None] = lambda: None,
    memo: MutableMapping[Need, Any] | None = None,
    jobs_so_far: Callable[[], int | None] = lambda: None,
    here: Mapping[str, Files | Collected] | None = None,
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
        origins: tells the stores that the frame is made of, asked for only where a check is flagged.
        memo: see `compute.compute`.
        jobs_so_far: counts the Spark jobs that this thread's work has started; None where nobody can.
        here: those of the frames whose rows are at hand on this machine, by the names of `inputs`, the empty name for
            `frame`: what can be is computed from them, without Spark.

    Raises:
        NotFoundError: a referenced table is not among `inputs`.
    """
    started = time.monotonic()
    for name in suite.references:
        if name not in inputs:
            raise NotFoundError(f'{suite.model}: its suite needs "{name}".', name=name, known=inputs)
    data = Data(frame, {**inputs, suite.model: frame}, here)
    columns = types_of(frame)
    others = {name: types_of(inputs[name]) for name in suite.references}
    asked = [ask(one, columns, others, facts(one)) for one in suite.expectations]
    computed = compute(data, [_ROWS, *(need for one in asked for need in one.needs())], memo)
    engine: list[Any] = []
    results = []
    for one in asked:
        _judge(one, computed, data, engine, label or suite.model, jobs_so_far)
        results.append(result_of(one, data, computed, columns, earlier))
    rows = computed.values.get(_ROWS)
    explained, jobs = explain(results, data, columns, rows, origins)
    from expectations import gx

    result = SuiteResult(
        model=suite.model,
        label=label,
        description=suite.description,
        results=explained,
        rows=rows,
        jobs=computed.jobs + jobs,
        gx_result=gx.suite_result([one.result for one in asked], suite.model, all(not r.blocking for r in results)),
    )
    return replace(settle(result), seconds=time.monotonic() - started)


def _judge(
    one: Asked,
    computed: Computed,
    data: Data,
    engine: list[Any],
    label: str,
    jobs_so_far: Callable[[], int | None],
) -> None:
    """Sets the expectation's result: by values from the one pass, else by Great Expectations' engine."""
    from expectations import gx

    started, before = time.monotonic(), None if one.answers is not None else jobs_so_far()
    try:
        if one.error is not None:
            raise one.error
        if one.answers is not None:
            judge_by_values(one, computed, data, most_rows=FAILING_ROWS)
            return
        if not engine:
            engine.append(gx.Engine(data.frame, label))
        one.result = engine[0].validate(one.one)
        one.seconds = time.monotonic() - started
        after = jobs_so_far()
        one.jobs = after - before if after is not None and before is not None else None
        computed.jobs += 1 if one.jobs is None else one.jobs
    except Exception as error:
        one.error = error
        one.result = gx.failed(one.one, error, one.expectation)
