"""For those who work with Great Expectations: a suite of ours as one of its suites, a result of ours in its Data Docs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import great_expectations as great
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)

from expectations.gx.judging import build
from expectations.gx.metrics import know
from expectations.gx.pages import renderable
from expectations.result import SuiteResult
from expectations.suite import Suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def as_gx_suite(suite: Suite, *, inputs: Mapping[str, DataFrame]) -> great.ExpectationSuite:
    """Returns a suite as Great Expectations' own, for its contexts, validation definitions and checkpoints.

    Its Spark engine judges our own expectations, too; this process must have made the suite, so that it knows `inputs`.

    Args:
        inputs: a frame for each of `suite.references`, by the same names.
    """
    know(inputs)
    return great.ExpectationSuite(
        name=suite.model,
        expectations=[build(expectation, None) for expectation in suite.expectations],
        notes=suite.description or None,
    )


def keep_result(context: Any, result: SuiteResult, *, run_id: str, at: datetime | None = None) -> None:
    """Puts what a suite said into the validation results of one of Great Expectations' contexts.

    Its Data Docs show it after `context.build_data_docs()`, beside the results of its own checkpoints.

    Args:
        run_id: the run's name, as Data Docs show it.
        at: the run's moment; now by default.
    """
    run = RunIdentifier(run_name=run_id, run_time=at or datetime.now(UTC))
    kept = renderable(result.gx_result)
    kept.meta |= {
        "run_id": run,
        "active_batch_definition": {"datasource_name": "sluice", "data_asset_name": result.model},
    }
    kept.suite_name = result.model
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=result.model),
        run_id=run,
        batch_identifier=result.model,
    )
    context.validation_results_store.store_validation_results(
        suite_validation_result=kept, suite_validation_result_identifier=key
    )
