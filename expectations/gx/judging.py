"""Great Expectations as the judge: an expectation of a suite as one of its, and its verdict over values computed elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations import registry
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.definition import Finding, Table
from expectations.gx.classes import ProjectExpectation
from expectations.suite import Expectation

RESULT_FORMAT: Mapping[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 20}


def build(expectation: Expectation, table: Table | None) -> Any:
    """Returns an expectation of a suite as one of Great Expectations'.

    Raises:
        ValueError: Great Expectations refuses the arguments (pydantic's error is one).
    """
    arguments: dict[str, Any] = dict(expectation.arguments)
    if expectation.where:
        arguments |= {"row_condition": expectation.where, "condition_parser": "spark"}
    meta = {"place": expectation.place, "name": expectation.name}
    with warnings.catch_warnings():
        # A row condition in Spark SQL is what people write; its replacement cannot say all that SQL can.
        warnings.simplefilter("ignore", DeprecationWarning)
        one = registry.get_expectation_impl(expectation.type)(
            **arguments,
            severity="critical" if expectation.severity == "error" else "warning",
            description=expectation.description or None,
            meta={key: value for key, value in meta.items() if value},
        )
    if isinstance(one, ProjectExpectation):
        one._table = table
    return one


def finding_of(one: Any) -> Finding | None:
    """Returns what one of the project's own expectations found, after `judge`."""
    return one._finding if isinstance(one, ProjectExpectation) else None


def metrics_of(one: Any) -> dict[str, MetricConfiguration]:
    """Returns the metrics that an expectation asks for, by name."""
    dependencies = one.get_validation_dependencies(runtime_configuration={"result_format": dict(RESULT_FORMAT)})
    return dict(dependencies.metric_configurations)


def judge(one: Any, values: Mapping[Any, Any]) -> ExpectationValidationResult:
    """Returns Great Expectations' verdict over values that were computed elsewhere, keyed by the metrics' ids."""
    return one.metrics_validate(dict(values), runtime_configuration={"result_format": dict(RESULT_FORMAT)})


def failed(one: Any, error: BaseException, expectation: Expectation) -> ExpectationValidationResult:
    """Returns the result of an expectation that could not be judged, or not even be made (`one` is None)."""
    configuration = (
        ExpectationConfiguration(type=expectation.type, kwargs=dict(expectation.arguments))
        if one is None
        else one.configuration
    )
    return ExpectationValidationResult(
        success=False,
        expectation_config=configuration,
        result={},
        exception_info={
            "raised_exception": True,
            "exception_message": first_line(error),
            "exception_traceback": "",
        },
    )


def first_line(error: BaseException | str) -> str:
    """Returns the first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def exception_of(result: ExpectationValidationResult) -> str:
    """Returns the first line of the exception that a result carries, or an empty string."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            return first_line(entry.get("exception_message") or "an exception without a message")
    return ""
