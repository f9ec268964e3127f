"""Great Expectations, which only this and the `gx_` modules know: its expectations as values, ours as its, its engine.

Importing this module imports Great Expectations, which takes seconds; everything that reads suites does without it.
"""

from __future__ import annotations

import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read on import: no network, from the first moment

from expectations import late  # noqa: F401, I001  what Great Expectations imports and hardly uses; before it

import copy
import json
import types
import typing
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import great_expectations as great
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations import registry
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.model_field_types import ConditionParser
from great_expectations.expectations.row_conditions import (
    PassThroughCondition,
    RowConditionType,
    deserialize_row_condition,
)
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

from expectations import gx_metrics
from expectations.catalogue import CUSTOM
from expectations.definition import Definition, Finding, Need, Table
from expectations.suite import Expectation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_FORMAT: Mapping[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 20}

_NOT_ARGUMENTS = frozenset(
    {
        "batch_id",
        "catch_exceptions",
        "condition_parser",
        "description",
        "id",
        "library_metadata",
        "meta",
        "notes",
        "rendered_content",
        "result_format",
        "row_condition",
        "severity",
        "windows",
    }
)


def describe_builtins() -> list[dict[str, Any]]:
    """Returns the names and arguments of the expectations that Great Expectations defines, for `builtin.json`."""
    described = []
    for name in sorted(registry.list_registered_expectation_implementations()):
        implementation = registry.get_expectation_impl(name)
        if not implementation.__module__.startswith("great_expectations."):
            continue
        arguments = [
            {
                "name": key,
                "kind": _kind(key, field.outer_type_),
                "required": bool(field.required),
                "default": field.default,
                "choices": _choices(field.outer_type_),
            }
            for key, field in implementation.__fields__.items()
            if key not in _NOT_ARGUMENTS
        ]
        filters = "row_condition" in implementation.__fields__
        described.append({"type": name, "filters": filters, "arguments": arguments})
    return described


def write_builtins(path: Path) -> None:
    """Records the installed release's expectations, one a line."""
    lines = ",\n  ".join(json.dumps(entry) for entry in describe_builtins())
    path.write_text(f"[\n  {lines}\n]\n", encoding="utf-8")


def _members(annotation: Any) -> tuple[Any, ...]:
    """Returns the types of a union, metadata and the parameter form (a mapping) left out."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    members = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Union else (annotation,)
    return tuple(member for member in members if member not in (dict, type(None)))


def _choices(annotation: Any) -> list[str]:
    for member in _members(annotation):
        if typing.get_origin(member) is typing.Literal:
            return list(typing.get_args(member))
    return []


def _kind(name: str, annotation: Any) -> str:
    if name in ("column", "column_A", "column_B"):
        return "column"
    if name in ("column_list", "column_set"):
        return "columns"
    if name == "mostly":
        return "share"
    if name in ("partition_object", "json_schema", "quantile_ranges"):
        return "mapping"
    if _choices(annotation):
        return "choice"
    members = _members(annotation)
    names = {getattr(member, "__name__", str(member)) for member in members}
    for kind, fitting in (
        ("bound", {"date", "datetime"}),
        ("list", {"list", "List", "Sequence", "set"}),
        ("number", {"float", "ConstrainedFloatValue"}),
        ("integer", {"int"}),
        ("boolean", {"bool"}),
        ("text", {"str", "StrictStr"}),
    ):
        if names & fitting or any(typing.get_origin(member) in (list, set) for member in members if kind == "list"):
            return "any" if kind == "boolean" and "str" in names else kind
    return "any"


class ProjectExpectation(BatchExpectation):  # type: ignore[misc]
    """An expectation of this project as one of Great Expectations'.

    It lists what it needs as metrics, and judges their values by its definition; what Great Expectations gets is a
    validation result of its own.
    """

    definition: ClassVar[Definition | None] = None
    row_condition: RowConditionType = None
    condition_parser: ConditionParser | None = None
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    _table: Any = PrivateAttr(default=None)
    _finding: Any = PrivateAttr(default=None)

    @classmethod
    def is_abstract(cls) -> bool:
        return cls.definition is None

    def arguments(self) -> dict[str, Any]:
        """Returns the arguments, with defaults for those not given."""
        assert self.definition is not None
        return {argument.name: getattr(self, argument.name) for argument in self.definition.arguments}

    def _where(self) -> str:
        given = deserialize_row_condition(self.row_condition)
        return given.pass_through_filter if isinstance(given, PassThroughCondition) else str(given or "")

    def needs(self) -> Mapping[str, Need]:
        assert self.definition is not None and self.definition.needs is not None
        return self.definition.needs(self.arguments(), self._table)

    def get_validation_dependencies(
        self, execution_engine: Any = None, runtime_configuration: dict[str, Any] | None = None
    ) -> ValidationDependencies:
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        if self._table is None:  # run by Great Expectations itself, which makes it anew from what is kept of it
            self._table = gx_metrics.table_in(execution_engine, self._where())
        for name, need in self.needs().items():
            dependencies.set_metric_configuration(name, gx_metrics.metric_of(need))
        return dependencies

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        assert self.definition is not None and self.definition.judge is not None
        finding = self.definition.judge(self.arguments(), metrics)
        self._finding = finding
        details = {
            "level": finding.level,
            "message": finding.message,
            "cause": finding.cause,
            "evidence": list(finding.evidence),
            "numbers": dict(finding.numbers),
        }
        return {"success": finding.level != "fail", "result": {"observed_value": finding.observed, "details": details}}


def _class_name(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_"))


def _class_of(definition: Definition) -> type[ProjectExpectation]:
    """Returns the class of one of the project's own expectations, which Great Expectations registers by its name."""
    fields: dict[str, Any] = {"__annotations__": {"definition": ClassVar[Definition]}}
    for argument in definition.arguments:
        fields["__annotations__"][argument.name] = Any
        fields[argument.name] = ... if argument.required else argument.default
    names = tuple(argument.name for argument in definition.arguments)
    fields |= {
        "__doc__": definition.doc,
        "__module__": __name__,
        "definition": definition,
        "success_keys": names,
        "args_keys": names,
    }
    made: type[ProjectExpectation] = types.new_class(
        _class_name(definition.type), (ProjectExpectation,), exec_body=lambda namespace: namespace.update(fields)
    )
    return made


CLASSES: Mapping[str, type[ProjectExpectation]] = {one.type: _class_of(one) for one in CUSTOM}


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
    dependencies = one.get_validation_dependencies(runtime_configuration={"result_format": dict(_FORMAT)})
    return dict(dependencies.metric_configurations)


def metric_names() -> dict[str, frozenset[str]]:
    """Returns the metrics that each of Great Expectations' own expectations declares, those of rows without ending."""
    found = {}
    for entry in describe_builtins():
        implementation = registry.get_expectation_impl(entry["type"])
        of_rows = {implementation.map_metric} if getattr(implementation, "map_metric", None) else set()
        found[entry["type"]] = frozenset({*implementation.metric_dependencies, *of_rows})
    return found


def judge(one: Any, values: Mapping[Any, Any]) -> ExpectationValidationResult:
    """Returns Great Expectations' verdict over values that were computed elsewhere, keyed by the metrics' ids."""
    return one.metrics_validate(dict(values), runtime_configuration={"result_format": dict(_FORMAT)})


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
        return self._batch.validate(one, result_format=dict(_FORMAT))

    def validate_suite(self, ones: Sequence[Any]) -> list[ExpectationValidationResult]:
        """Returns Great Expectations' results of a whole suite, as it runs one by default: to compare with ours.

        Each expectation's `meta` holds a `place` of its own, by which its result is found.
        """
        suite = great.ExpectationSuite(name="suite", expectations=list(ones))
        found = self._batch.validate(suite, result_format=dict(_FORMAT)).results
        by_place = {result.expectation_config.meta["place"]: result for result in found}
        return [by_place[one.meta["place"]] for one in ones]


def exception_of(result: ExpectationValidationResult) -> str:
    """Returns the first line of the exception that a result carries, or an empty string."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            return first_line(entry.get("exception_message") or "an exception without a message")
    return ""


def suite_result(results: Sequence[ExpectationValidationResult], label: str, success: bool) -> Any:
    """Returns the results of one suite as Great Expectations keeps and renders them."""
    good = sum(bool(result.success) for result in results)
    statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": good,
        "unsuccessful_expectations": len(results) - good,
        "success_percent": 100 * good / len(results) if results else None,
    }
    return ExpectationSuiteValidationResult(
        success=success, results=list(results), suite_name=label, statistics=statistics, meta={}
    )


def renderable(result: Any) -> Any:
    """Returns a copy whose row conditions are values again: the renderer refuses the mappings that results hold."""
    copied = copy.deepcopy(result)
    for one in copied.results:
        kwargs = one.expectation_config.kwargs
        if isinstance(kwargs.get("row_condition"), dict):
            kwargs["row_condition"] = deserialize_row_condition(kwargs["row_condition"])
    return copied


def write_pages(results: Sequence[tuple[str, Any]], folder: Path) -> Path:
    """Renders validation results by Great Expectations' own renderers, one page each and an index."""
    import html
    import re

    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    folder.mkdir(parents=True, exist_ok=True)
    renderer, view = ValidationResultsPageRenderer(), DefaultJinjaPageView()
    lines = []
    for name, result in results:
        page = f"{re.sub('[^A-Za-z0-9_.-]', '_', name)}.html"
        (folder / page).write_text(view.render(renderer.render(renderable(result))), encoding="utf-8")
        word = "passed" if result.success else "failed"
        lines.append(f'<li><a href="{page}">{html.escape(name)}</a>: {word}</li>')
    index = folder / "index.html"
    index.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Data Docs</title>'
        f"<h1>Data Docs</h1><ul>{''.join(lines)}</ul></html>\n",
        encoding="utf-8",
    )
    return index
