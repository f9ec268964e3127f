"""D10: no column is dead: null, empty, 0 or one value, throughout or nearly."""

from __future__ import annotations

from collections.abc import Mapping

from expectations.causes import DEAD
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Need,
    Table,
    Values,
    quoted,
    worst,
)
from expectations.words import count, percent

_COUNTERS = 64


def _filled(column: str, kind: str) -> str:
    """Returns the condition that a value carries something, by the column's Spark type."""
    name = quoted(column)
    kind = kind.lower()
    if kind.startswith(("array", "map")):
        return f"size({name}) > 0"
    if kind.startswith("struct"):
        return f"to_json({name}) <> '{{}}'"
    if kind == "string":
        return f"trim({name}) NOT IN ('', '0')"
    if kind.startswith(("decimal", "tinyint", "smallint", "int", "bigint", "float", "double")):
        return f"{name} <> 0"
    return f"{name} IS NOT NULL"


def _constant(column: str, kind: str) -> tuple[str, str] | None:
    """Returns the calls whose results are equal where all values are one; None for types without an order."""
    if kind.lower().startswith(("array", "map", "struct", "binary", "variant")):
        return None
    return f"min({quoted(column)})", f"max({quoted(column)})"


def _commonest(column: str, kind: str) -> str:
    """Returns the call that counts the commonest value; empty for types without one, and for truths, which may be rare.

    A sketch of so few counters is off by what is left beside a value that nearly all rows have.
    """
    if not kind.lower().startswith(
        ("string", "decimal", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp")
    ):
        return ""
    return f"approx_top_k({quoted(column)}, 1, {_COUNTERS})"


def _checked(arguments: Arguments, columns: Mapping[str, str]) -> list[str]:
    ignored = set(arguments["ignore"] or [])
    named = arguments["columns"] or [name for name in columns if not name.startswith("_")]
    return [name for name in named if name not in ignored]


def _source_fields(arguments: Arguments, table: Table, column: str) -> tuple[str, str] | None:
    """Returns the source's field for a column and its type (unknown for nested ones), or None where it has none."""
    theirs = table.others.get(arguments["source"] or "", {})
    field = (arguments["source_columns"] or {}).get(column, column)
    if field in theirs:
        return field, theirs[field]
    if "." in field and field.split(".")[0] in theirs:
        return field, "unknown"
    return None


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    needs: dict[str, Need] = {"rows": Aggregate(call="count(*)", where=table.where)}
    for column in _checked(arguments, table.columns):
        kind = table.columns[column]
        needs[f"filled {column}"] = Aggregate(call=f"count_if({_filled(column, kind)})", where=table.where)
        if calls := _constant(column, kind):
            needs[f"least {column}"] = Aggregate(call=calls[0], where=table.where)
            needs[f"most {column}"] = Aggregate(call=calls[1], where=table.where)
        if call := _commonest(column, kind):
            needs[f"commonest {column}"] = Aggregate(call=call, where=table.where)
        if found := _source_fields(arguments, table, column):
            source = arguments["source"]
            needs["source rows"] = Aggregate(call="count(*)", of=source)
            field, field_kind = found
            needs[f"source {column}"] = Aggregate(call=f"count_if({_filled(field, field_kind)})", of=source)
    return needs


def _top(values: Values, column: str) -> tuple[object, int] | None:
    """Returns a column's commonest value and how many rows have it, where that is known."""
    found = [one for one in values.get(f"commonest {column}") or () if one[0] is not None]  # each is (item, count)
    return (found[0][0], int(found[0][1])) if found else None


def _judge(arguments: Arguments, values: Values) -> Finding:
    rows = values["rows"]
    columns = [name.removeprefix("filled ") for name in values if name.startswith("filled ")]
    if rows < arguments["min_rows"]:
        said = f"{count(rows)} rows are too few to judge; {count(arguments['min_rows'])} are needed."
        return Finding(level="pass", observed=f"{count(rows)} rows", message=said)
    dead: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for column in columns:
        empty = 1 - values[f"filled {column}"] / rows
        least, most = values.get(f"least {column}"), values.get(f"most {column}")
        if empty >= arguments["fail_share"]:
            dead[column] = f"{percent(empty)} null, empty or 0"
        elif least is not None and least == most:
            dead[column] = f"constant: {str(least)[:40]}"
        elif (top := _top(values, column)) and top[1] >= arguments["fail_share"] * rows:
            dead[column] = f"{percent(min(top[1] / rows, 1.0))} one value: {str(top[0])[:40]}"
        elif empty >= arguments["warn_share"] and f"source {column}" in values:
            source_rows = values["source rows"]
            filled = values[f"source {column}"] / source_rows if source_rows else 0.0
            if filled >= arguments["source_filled"]:
                doubtful[column] = f"{percent(empty)} null, empty or 0, while its source is {percent(filled)} filled"
    numbers = {"rows": rows, "columns": len(columns), "dead": list(dead), "doubtful": list(doubtful)}
    if not dead and not doubtful:
        said = f"All {count(len(columns))} columns carry values."
        return Finding(level="pass", observed=f"{count(len(columns))} alive", message=said, numbers=numbers)
    level = worst(["fail" if dead else "warn"])
    named = ", ".join(dead or doubtful)
    verb = "are" if len(dead or doubtful) > 1 else "is"
    return Finding(
        level=level,
        observed=f"{len(dead)} dead, {len(doubtful)} doubtful of {len(columns)} columns",
        message=f"{named} {verb} {'dead' if dead else 'emptier than the source'} in {count(rows)} rows.",
        cause=DEAD,
        evidence=tuple(f"{column}: {said}." for column, said in {**dead, **doubtful}.items()),
        what_to_do="Compare the field names that the loader or the model reads with those in the records: a path that "
        'does not exist becomes null, 0 or "" without a word. List a column that may be so under "ignore".',
        numbers=numbers,
    )


ALIVE = Definition(
    type="expect_columns_to_be_alive",
    check="D10",
    doc="""No column is null, empty, 0 or one value, throughout or nearly.

    Per column the share of rows that are null, "", "0", 0 or an empty collection, or that have the commonest value:
    fails from .99, or where all values are one (truths: only there); warns from .50 where the source's own field is at least 95 % filled. Judged from min_rows (100) rows on.""",
    arguments=(
        Argument(name="columns", kind="columns"),
        Argument(name="ignore", kind="columns"),
        Argument(name="source", kind="table"),
        Argument(name="source_columns", kind="mapping"),
        Argument(name="fail_share", kind="share", default=0.99),
        Argument(name="warn_share", kind="share", default=0.50),
        Argument(name="source_filled", kind="share", default=0.95),
        Argument(name="min_rows", kind="integer", default=100),
    ),
    needs=_needs,
    judge=_judge,
)
