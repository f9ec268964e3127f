"""Functions of Spark SQL by what they do to where values come from, and how sqlglot calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIGHER_ORDER = {
    "transform", "filter", "array_sort", "map_filter", "exists", "forall", "any_match", "all_match", "transform_keys",
    "transform_values", "zip_with", "map_zip_with", "aggregate", "reduce",
}  # fmt: skip
# Functions whose value is their first argument's (or one of its), chosen by the others.
ONE_OF_FIRST = {
    "max", "min", "first", "first_value", "last", "last_value", "any_value", "lag", "lead", "nth_value", "max_by",
    "min_by", "mode", "nullif", "slice", "sort_array", "reverse", "array_distinct", "array_remove", "array_compact", "shuffle",
    "array_except", "trim_array", "array_repeat",
}  # fmt: skip
ANY_OF = {"coalesce", "nvl", "ifnull", "greatest", "least", "array_union", "array_intersect"}
OF_ELEMENTS = {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer"}
NILADIC = {"current_date", "current_timestamp", "current_user", "user", "now", "localtimestamp", "current_time"}
# Where sqlglot calls a function otherwise than Spark.
_SPARK_NAMES = {
    "ArgMax": "max_by", "ArgMin": "min_by", "ArrayFilter": "filter", "ArrayAny": "exists", "ArrayAll": "forall",
    "Reduce": "aggregate", "Transform": "transform", "ArraySort": "array_sort", "SortArray": "sort_array",
    "ArrayAgg": "collect_list", "ArrayUniqueAgg": "collect_set", "GenerateSeries": "sequence", "Array": "array",
    "VarMap": "map", "Map": "map", "ToMap": "map", "MapFromEntries": "map_from_entries", "FirstValue": "first_value",
    "LastValue": "last_value", "AnyValue": "any_value", "ArraySlice": "slice", "ArrayReverse": "reverse",
    "ArrayDistinct": "array_distinct", "ArrayExcept": "array_except", "ArrayRemove": "array_remove",
    "ArrayCompact": "array_compact", "ArraysZip": "arrays_zip", "MapKeys": "map_keys", "MapValues": "map_values",
    "Explode": "explode", "ExplodeOuter": "explode_outer", "Posexplode": "posexplode",
    "PosexplodeOuter": "posexplode_outer", "Inline": "inline", "InlineOuter": "inline_outer", "Stack": "stack",
    "Coalesce": "coalesce", "Nullif": "nullif", "Nvl2": "nvl2", "Flatten": "flatten", "ElementAt": "element_at",
    "ArrayAppend": "array_append", "ArrayPrepend": "array_prepend", "ArrayMax": "array_max", "ArrayMin": "array_min",
    "StarMap": "map",
}  # fmt: skip


def function_of(tree: Any) -> str:
    """Returns a function's name as Spark writes it; an empty text for what is none."""
    from sqlglot import exp

    if isinstance(tree, exp.Anonymous):
        return str(tree.name).lower()
    if not isinstance(tree, exp.Func) or isinstance(tree, exp.Connector):
        return ""
    key = _SPARK_NAMES.get(type(tree).__name__)
    return key or tree.sql_name().lower()


def arguments_of(call: Any) -> list[Any]:
    """Returns a call's arguments in the order in which they are written."""
    from sqlglot import exp

    if isinstance(call, exp.Anonymous):
        return list(call.expressions)
    if isinstance(call, exp.Nullif):
        return [call.this, call.expression]
    if isinstance(call, exp.Reduce):
        return [call.this, call.args.get("initial"), call.args.get("merge"), call.args.get("finish")]
    found: list[Any] = []
    for key in call.arg_types:
        given = call.args.get(key)
        if isinstance(given, list):
            found += given
        elif isinstance(given, exp.Expression):
            found.append(given)
    return found


def is_generator(tree: Any) -> bool:
    return function_of(tree) in {*OF_ELEMENTS, "stack", "json_tuple"}


def aggregates(tree: Any) -> bool:
    """Whether an entry of a select list makes one value of many rows; one over a window does not, nor a subquery's."""
    from sqlglot import exp

    within = tree.walk(prune=lambda one: isinstance(one, (exp.Window, exp.Query)))
    return any(isinstance(one, exp.AggFunc) for one in within)


def window_keys(tree: Any, named: Mapping[str, Any]) -> list[Any]:
    """Returns what a window is divided and ordered by, its own words and those of the named one that it builds on."""
    order = tree.args.get("order")
    keys = [*(tree.args.get("partition_by") or ()), *(order.expressions if order is not None else ())]
    base = named.get(tree.alias.lower()) if tree.alias else None
    return keys + (window_keys(base, {}) if base is not None else [])
