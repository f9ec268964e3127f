"""Great Expectations' own Spark engine: for what the one pass cannot compute, and to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import great_expectations as great
from great_expectations.core.expectation_validation_result import ExpectationValidationResult

from expectations.gx.judging import RESULT_FORMAT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Engine:
    """Great Expectations' own Spark engine over one frame, for what the one pass cannot compute.

    Args:
        persist: whether it keeps the frame's rows between its jobs, as it does by default.
    """

    def __init__(self, frame: DataFrame, label: str, *, persist: bool = False) -> None:
        context = great.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # bars would break the caller's own output
        source = context.data_sources.add_spark(name=label, persist=persist)
        batch = source.add_dataframe_asset(name=label).add_batch_definition_whole_dataframe(label)
        self._batch = batch.get_batch({"dataframe": frame})

    def validate(self, one: Any) -> ExpectationValidationResult:
        """Returns Great Expectations' result; an exception inside it is in the result's `exception_info`."""
        return self._batch.validate(one, result_format=dict(RESULT_FORMAT))

    def validate_suite(self, ones: Sequence[Any]) -> list[ExpectationValidationResult]:
        """Returns Great Expectations' results of a whole suite, as it runs one by default: to compare with ours.

        Each expectation's `meta` holds a `place` of its own, by which its result is found.
        """
        suite = great.ExpectationSuite(name="suite", expectations=list(ones))
        found = self._batch.validate(suite, result_format=dict(RESULT_FORMAT)).results
        by_place = {result.expectation_config.meta["place"]: result for result in found}
        return [by_place[one.meta["place"]] for one in ones]
