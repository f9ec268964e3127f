"""What Great Expectations itself defines: names, arguments and metrics of its expectations, read from the installed release."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

from great_expectations.expectations import registry

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


def metric_names() -> dict[str, frozenset[str]]:
    """Returns the metrics that each of Great Expectations' own expectations declares, those of rows without ending."""
    found = {}
    for entry in describe_builtins():
        implementation = registry.get_expectation_impl(entry["type"])
        of_rows = {implementation.map_metric} if getattr(implementation, "map_metric", None) else set()
        found[entry["type"]] = frozenset({*implementation.metric_dependencies, *of_rows})
    return found
