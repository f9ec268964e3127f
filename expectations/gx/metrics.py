"""The project's own needs as metrics of Great Expectations' Spark engine, so that its checkpoints can run our suites.

The one pass does not use these: it computes needs itself. Here each aggregate over the batch goes into the engine's own
bundle, each other need is a query of its own, as the engine does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_partial, metric_value
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.compute import Data, types_of
from expectations.definition import Aggregate, Given, Need, Query, Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_TABLES: dict[str, DataFrame] = {}


def know(tables: Mapping[str, DataFrame]) -> None:
    """Gives the engine the other tables that suites read, by the names that suites call them."""
    _TABLES.update(tables)


def metric_of(need: Need) -> MetricConfiguration:
    """Returns a need as a metric, whose id is the same for equal needs."""
    if isinstance(need, Given):
        return MetricConfiguration("sluice.given", {}, {"name": need.name})
    if isinstance(need, Query):
        name, values = "sluice.query", {"sql": need.sql, "limit": need.limit, "is_table": need.is_table}
    else:
        name, values = f"sluice.aggregate{'_of_another' if need.of else ''}", {"sql": need.call}
    domain = {"of": need.of, "row_condition": need.where or None, "condition_parser": "spark" if need.where else None}
    return MetricConfiguration(metric_name=name, metric_domain_kwargs=domain, metric_value_kwargs=values)


def table_in(engine: Any, where: str) -> Table:
    """Returns what is known of the engine's batch before it is read."""
    others = {name: types_of(frame) for name, frame in _TABLES.items()}
    return Table(columns=types_of(_frame(engine)), others=others, where=where)


def _frame(engine: Any) -> DataFrame:
    frame: DataFrame = engine.batch_manager.active_batch_data.dataframe
    return frame


def _where(domain: Mapping[str, Any]) -> str:
    return str(domain.get("row_condition") or "")


class _OverTheBatch(MetricProvider):  # type: ignore[misc]
    metric_name = "sluice.aggregate"
    domain_keys = ("of", "row_condition", "condition_parser")
    value_keys = ("sql",)

    @metric_partial(  # type: ignore[untyped-decorator]
        engine=SparkDFExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _spark(
        cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], metric_value_kwargs: dict[str, Any], **_: Any
    ) -> tuple[Column, dict[str, Any], dict[str, Any]]:
        from pyspark.sql import functions

        return functions.expr(metric_value_kwargs["sql"]), metric_domain_kwargs, {}


class _OverAnother(MetricProvider):  # type: ignore[misc]
    metric_name = "sluice.aggregate_of_another"
    domain_keys = ("of", "row_condition", "condition_parser")
    value_keys = ("sql",)

    @metric_value(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(
        cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], metric_value_kwargs: dict[str, Any], **_: Any
    ) -> Any:
        from pyspark.sql import functions

        one = Aggregate(call=metric_value_kwargs["sql"], where=_where(metric_domain_kwargs))
        frame = _TABLES[metric_domain_kwargs["of"]]
        frame = frame.where(one.where) if one.where else frame
        return frame.agg(functions.expr(one.call)).collect()[0][0]


class _Asked(MetricProvider):  # type: ignore[misc]
    metric_name = "sluice.query"
    domain_keys = ("of", "row_condition", "condition_parser")
    value_keys = ("sql", "limit", "is_table")

    @metric_value(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(
        cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], metric_value_kwargs: dict[str, Any], **_: Any
    ) -> Any:
        query = Query(of=metric_domain_kwargs["of"], where=_where(metric_domain_kwargs), **metric_value_kwargs)
        return Data(_frame(execution_engine), _TABLES).query(query)


class _Given(MetricProvider):  # type: ignore[misc]
    """What whoever runs the suite hands in; nothing, where Great Expectations runs it."""

    metric_name = "sluice.given"
    value_keys = ("name",)

    @metric_value(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]
    def _spark(cls, **_: Any) -> None:
        return None
