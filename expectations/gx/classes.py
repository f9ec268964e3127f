"""The project's own expectations as classes of Great Expectations, which it registers, runs and renders as its own."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.model_field_types import ConditionParser
from great_expectations.expectations.row_conditions import (
    PassThroughCondition,
    RowConditionType,
    deserialize_row_condition,
)
from great_expectations.validator.validator import ValidationDependencies

from expectations.catalogue import CUSTOM
from expectations.definition import Definition, Need
from expectations.gx.metrics import metric_of, table_in


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
            self._table = table_in(execution_engine, self._where())
        for name, need in self.needs().items():
            dependencies.set_metric_configuration(name, metric_of(need))
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
