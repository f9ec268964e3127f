"""Conditions on rows, orphans, and reconciliation with another table."""

from __future__ import annotations

from typing import Any

from expectations import causes
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Need,
    Query,
    Table,
    Values,
    escape,
    quoted,
)
from expectations.words import count, figure, percent

_SAMPLE = 20


def _holds(condition: str) -> str:
    return f"coalesce(({condition}), FALSE)"


def _satisfy_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    return {
        "rows": Aggregate(call="count(*)", where=table.where),
        "good": Aggregate(call=f"count_if({_holds(arguments['condition'])})", where=table.where),
    }


def _satisfy(arguments: Arguments, values: Values) -> Finding:
    rows, bad = values["rows"], values["rows"] - values["good"]
    condition = arguments["condition"]
    share = bad / rows if rows else 0.0
    if 1 - share >= arguments["mostly"]:
        return Finding(
            level="pass",
            observed=f"{count(rows - bad)} of {count(rows)} rows",
            message=f"{count(rows - bad)} of {count(rows)} rows satisfy {condition}.",
            numbers={"rows": rows, "failing": bad},
        )
    return Finding(
        level="fail",
        observed=f"{count(bad)} of {count(rows)} rows ({percent(share)}) do not",
        message=f"{count(bad)} of {count(rows)} rows ({percent(share)}) do not satisfy {condition}.",
        cause=causes.RULE,
        evidence=(f"{count(bad)} rows of {count(rows)} break: {condition}.",),
        what_to_do="Look at the failing rows; mend the model's SQL, or the source where the rows came in so.",
        numbers={"rows": rows, "failing": bad},
        failing=f"NOT {_holds(condition)}",
        failing_count=bad,
    )


SATISFY = Definition(
    type="expect_rows_to_satisfy",
    doc="""A condition holds for every row, or for a share `mostly` of them.

    share = rows for which the condition is true / rows; null counts as not satisfied. Fails where share < mostly.""",
    arguments=(
        Argument(name="condition", kind="sql", required=True),
        Argument(name="mostly", kind="share", default=1.0),
    ),
    needs=_satisfy_needs,
    judge=_satisfy,
)


def _share(arguments: Arguments, values: Values) -> Finding:
    rows, good = values["rows"], values["good"]
    condition, low, high = arguments["condition"], arguments["min_share"], arguments["max_share"]
    share = good / rows if rows else 0.0
    said = f"{percent(share)} of {count(rows)} rows satisfy {condition}"
    numbers = {"rows": rows, "satisfying": good, "share": share}
    if not rows or low <= share <= high:
        return Finding(level="pass", observed=percent(share), message=f"{said}.", numbers=numbers)
    return Finding(
        level="fail",
        observed=percent(share),
        message=f"{said}; {percent(low)} to {percent(high)} were expected.",
        cause=causes.SHARE,
        evidence=(f"{count(good)} of {count(rows)} rows.",),
        what_to_do="Find when the share changed: compare it by day, then by referrer or device.",
        numbers=numbers,
        failing=_holds(condition) if share > high else "",
    )


def _share_refuse(arguments: Arguments) -> str:
    if arguments["min_share"] > arguments["max_share"]:
        return '"min_share" is greater than "max_share".'
    return ""


SHARE = Definition(
    type="expect_share_between",
    doc="""The share of rows that satisfy a condition lies between `min_share` and `max_share`, both included.""",
    arguments=(
        Argument(name="condition", kind="sql", required=True),
        Argument(name="min_share", kind="share", default=0.0),
        Argument(name="max_share", kind="share", default=1.0),
    ),
    needs=_satisfy_needs,
    judge=_share,
    refuse=_share_refuse,
)


def _exist_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column, field = quoted(arguments["column"]), quoted(arguments["field"] or arguments["column"])
    if arguments["empty_is_null"]:
        column = f"nullif({column}, '')"
    orphans = (
        f"SELECT here.value, count(*) AS n FROM (SELECT {escape(column)} AS value FROM {{this}}) AS here "
        f"LEFT ANTI JOIN (SELECT DISTINCT {escape(field)} AS value FROM {{other}}) AS there "
        "ON here.value = there.value WHERE here.value IS NOT NULL GROUP BY here.value"
    )
    return {
        "values": Aggregate(call=f"count({column})", where=table.where),
        "absent": Aggregate(call=f"count_if({column} IS NULL)", where=table.where),
        "orphans": Query(
            sql=f"SELECT CAST(value AS STRING) AS value, n, sum(n) OVER () AS total, count(*) OVER () AS keys "
            f"FROM ({orphans}) ORDER BY n DESC, value LIMIT {_SAMPLE}",
            of=arguments["to"],
            where=table.where,
            is_small=True,
        ),
    }


def _exist(arguments: Arguments, values: Values) -> Finding:
    total, found = values["values"], values["orphans"]
    bad, keys = (found[0]["total"], found[0]["keys"]) if found else (0, 0)
    column, other = arguments["column"], arguments["to"]
    field = arguments["field"] or column
    share = bad / total if total else 0.0
    absent = values["absent"]
    numbers = {"values": total, "orphans": bad, "orphan_keys": keys, "absent": absent}
    apart = f" {count(absent)} further rows have none." if absent else ""
    if 1 - share >= arguments["mostly"]:
        said = f"{count(total - bad)} of {count(total)} values of {column} are in {other}.{field}.{apart}"
        return Finding(level="pass", observed=f"{count(bad)} orphans", message=said, numbers=numbers)
    return Finding(
        level="fail",
        observed=f"{count(bad)} orphans ({percent(share)})",
        message=f"{count(bad)} of {count(total)} values of {column} ({percent(share)}) are not in {other}.{field}.{apart}",
        cause=causes.ORPHANS,
        evidence=(
            f"{count(bad)} rows carry {count(keys)} keys that {other} does not have.",
            f"{'Most frequent' if found[0]['n'] > 1 else 'For example'}: {', '.join(str(row['value']) for row in found[:3])}.",
        ),
        what_to_do=f"Land {other} at the same moment as this table; if it is complete, the source lost or never had "
        "these records.",
        numbers=numbers,
        rows=tuple({column: row["value"], "rows": row["n"]} for row in found),
        failing_count=bad,
    )


EXIST_IN = Definition(
    type="expect_column_values_to_exist_in",
    doc="""Each non-null value of a column is found in a column of another table (dbt's `relationships`).

    Rows without a value are counted apart; with `empty_is_null` an empty text is none.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="to", kind="table", required=True),
        Argument(name="field", kind="text"),
        Argument(name="mostly", kind="share", default=1.0),
        Argument(name="empty_is_null", kind="boolean", default=False),
    ),
    needs=_exist_needs,
    judge=_exist,
)


def _figure(value: str, of: str, where: str) -> Need:
    """Returns one figure over all rows of a table: no join, and that of another table is the same for every suite."""
    call = f"CAST({value} AS DOUBLE)"
    if not where:
        return Aggregate(call=call, of=of)
    rows = f"{{other}} WHERE {escape(where)}" if of else "{this}"
    return Query(
        sql=f"SELECT {escape(call)} AS value FROM {rows} HAVING TRUE", of=of, where="" if of else where, is_small=True
    )


def _reconcile_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    value, other_value = arguments["value"], arguments["other_value"] or arguments["value"]
    condition, by = arguments["other_where"] or "", arguments["by"] or []
    if not by:
        return {"here": _figure(value, "", table.where), "there": _figure(other_value, arguments["other"], condition)}
    where = f" WHERE {escape(condition)}" if condition else ""
    other_by = arguments["other_by"] or by
    keys = [f"k{index}" for index in range(len(by))]

    def side(table_name: str, figure_sql: str, expressions: list[str], condition: str) -> str:
        named = "".join(f"{escape(text)} AS {key}, " for text, key in zip(expressions, keys, strict=True))
        group = f" GROUP BY {', '.join(str(i + 1) for i in range(len(keys)))}"
        return f"SELECT {named}CAST({escape(figure_sql)} AS DOUBLE) AS value FROM {table_name}{condition}{group}"

    on = " AND ".join(f"here.{key} <=> there.{key}" for key in keys)
    shown = "".join(f"CAST(coalesce(here.{key}, there.{key}) AS STRING) AS {key}, " for key in keys)
    joined = (
        f"SELECT {shown}coalesce(here.value, 0) AS value, coalesce(there.value, 0) AS other_value "
        f"FROM ({side('{this}', value, by, '')}) AS here "
        f"FULL OUTER JOIN ({side('{other}', other_value, other_by, where)}) AS there ON {on}"
    )
    tolerance = float(arguments["tolerance"])
    gap = "abs(value - other_value)"
    return {
        "groups": Query(
            sql=f"SELECT *, count(*) OVER () AS total, sum(CAST(bad AS INT)) OVER () AS different, "
            f"sum(value) OVER () AS all_here, sum(other_value) OVER () AS all_there FROM "
            f"(SELECT *, {gap} > {tolerance!r} * greatest(abs(value), abs(other_value)) AS bad FROM ({joined})) "
            f"ORDER BY bad DESC, {gap} DESC LIMIT {_SAMPLE}",
            of=arguments["other"],
            where=table.where,
        )
    }


def _whole(arguments: Arguments, values: Values) -> dict[str, Any]:
    """Returns the figures of all rows as the one group that they are."""
    found = (values[side] for side in ("here", "there"))
    here, there = (float((one[0]["value"] if isinstance(one, list) else one) or 0) for one in found)
    bad = abs(here - there) > float(arguments["tolerance"]) * max(abs(here), abs(there))
    figures = {"value": here, "other_value": there, "all_here": here, "all_there": there}
    return {**figures, "bad": bad, "different": int(bad), "total": 1}


def _reconcile(arguments: Arguments, values: Values) -> Finding:
    by = arguments["by"] or []
    found = values["groups"] if by else [_whole(arguments, values)]
    other = arguments["other"]
    if not found:
        return Finding(level="pass", observed="both empty", message=f"Neither this table nor {other} has rows.")
    first = found[0]
    bad, total = int(first["different"] or 0), int(first["total"])
    here, there = first["all_here"], first["all_there"]
    numbers = {"groups": total, "different": bad, "here": here, "there": there}
    what = f"{arguments['value']} is {figure(here)} here and {figure(there)} in {other}"
    if not bad:
        ending = f", equal in all {count(total)} groups" if by else ""
        return Finding(level="pass", observed=figure(here), message=f"{what}{ending}.", numbers=numbers)
    sample = tuple(
        {**{name: row[f"k{i}"] for i, name in enumerate(by)}, "here": row["value"], "there": row["other_value"]}
        for row in found
        if row["bad"]
    )
    message = f"{what}." if not by else f"{count(bad)} of {count(total)} groups by {', '.join(by)} differ; {what}."
    return Finding(
        level="fail",
        observed=f"{figure(here)} against {figure(there)}"
        if not by
        else f"{count(bad)} of {count(total)} groups differ",
        message=message,
        cause=causes.RECONCILE,
        evidence=(
            f"The difference is {figure(here - there)}"
            + (f", {percent(abs(here - there) / abs(there))} of {other}'s." if there else "."),
        ),
        what_to_do=f"Compare the filters and joins of both sides, then the rows of one differing group, with {other}.",
        numbers=numbers,
        rows=sample,
    )


def _reconcile_refuse(arguments: Arguments) -> str:
    by, other_by = arguments["by"] or [], arguments["other_by"]
    if other_by is not None and len(other_by) != len(by):
        return '"by" and "other_by" name groups one by one, so they are of one length.'
    return ""


RECONCILE = Definition(
    type="expect_tables_to_reconcile",
    doc="""A figure of this table equals a figure of another one, for all rows or group by group.

    Fails where abs(a - b) > tolerance * max(abs(a), abs(b)) in any group; a group that one side lacks counts as 0.""",
    arguments=(
        Argument(name="value", kind="sql", required=True),
        Argument(name="other", kind="table", required=True),
        Argument(name="other_value", kind="sql"),
        Argument(name="other_where", kind="sql"),
        Argument(name="by", kind="sqls"),
        Argument(name="other_by", kind="sqls"),
        Argument(name="tolerance", kind="share", default=0.001),
    ),
    needs=_reconcile_needs,
    judge=_reconcile,
    refuse=_reconcile_refuse,
)
