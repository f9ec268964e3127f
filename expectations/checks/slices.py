"""D4 by slice: no device, referrer or day has its values packed into a narrow band, or on another scale."""

from __future__ import annotations

from datetime import date

from expectations.causes import CLUSTERED_SLICE, EXPECTATION, SHIFTED_SLICE
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Level,
    Need,
    Query,
    Slice,
    Table,
    Values,
    escape,
    literal,
    quoted,
    worst,
)
from expectations.stats.cluster import BIN, EVERYTHING, Cluster, Shifted, find_clusters, find_shifted, matrices_of
from expectations.words import count, figure, measured, percent

_MOST_CELLS = 1_000_000
_WHOLE = ("tinyint", "smallint", "int", "bigint")


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    slices, date = arguments["slices"] or [], arguments["date"]
    day = f"CAST({quoted(date)} AS DATE)" if date else "CAST(NULL AS DATE)"
    sliced = "".join(f"coalesce(CAST({quoted(name)} AS STRING), 'null') AS v{i}, " for i, name in enumerate(slices))
    # What is the same in all slices of a row is computed before the row is repeated for each of them.
    rows = (
        f"SELECT {sliced}{day} AS day, CAST(floor(ln(CAST({column} AS DOUBLE)) / {BIN!r}D) AS INT) AS bin FROM {{this}} "
        f"WHERE CAST({column} AS DOUBLE) > 0 AND CAST({column} AS DOUBLE) < 1e30"
    )
    # Escaping first and naming the table after it, so that braces in a column's name stay what they are.
    rows = escape(rows).replace("{{this}}", "{this}")
    if slices:
        chosen = " ".join(f"WHEN grouping(v{i}) = 0 THEN {escape(literal(name))}" for i, name in enumerate(slices))
        c, v = f"CASE {chosen} END", f"coalesce({', '.join(f'v{i}' for i, _ in enumerate(slices))}, '')"
        groups = f"GROUPING SETS ({', '.join(f'(v{i}, day, bin)' for i, _ in enumerate(slices))})"
    else:
        c, v, groups = literal(EVERYTHING), "''", "day, bin"
    whole = literal(table.columns.get(arguments["column"], "").lower() in _WHOLE)
    cells = f"SELECT {c} AS c, {v} AS v, CAST(day AS STRING) AS day, bin, count(*) AS n, {whole} AS whole"
    sql = f"{cells} FROM ({rows}) GROUP BY {groups} LIMIT {_MOST_CELLS}"
    return {
        "rows": Aggregate(call=f"count({column})", where=table.where),
        "cells": Query(sql=sql, where=table.where, limit=_MOST_CELLS, is_table=True),
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, cells = arguments["column"], values["cells"]
    if cells.num_rows >= _MOST_CELLS:  # some of them were left out: what is left is no picture of the slices
        return _too_many(arguments, values["rows"])
    matrices = matrices_of(cells)
    clusters = find_clusters(
        matrices,
        least_excess=arguments["warn_excess"],
        min_rows=arguments["min_rows"],
        whole_numbers=cells.num_rows > 0 and cells.column("whole")[0].as_py(),
    )
    shifted = find_shifted(matrices, least_ratio=arguments["warn_median_ratio"], min_rows=arguments["min_rows"])
    numbers = {"rows": values["rows"], "clusters": len(clusters), "shifted": len(shifted)}
    levels: list[Level] = ["fail" if one.excess >= arguments["fail_excess"] else "warn" for one in clusters]
    levels += ["fail" if max(one.ratio, 1 / one.ratio) >= arguments["fail_median_ratio"] else "warn" for one in shifted]
    level = worst(levels)
    if level == "pass":
        named = ", ".join(arguments["slices"] or []) or "date"
        said = f"No slice by {named} has its {column} packed into a band."
        return Finding(level="pass", observed="no slice stands out", message=said, numbers=numbers)
    if clusters and (worst(levels[: len(clusters)]) == level):
        return _packed(arguments, clusters, level, numbers)
    return _scaled(arguments, shifted, level, numbers)


def _too_many(arguments: Arguments, rows: int) -> Finding:
    named = ", ".join(arguments["slices"] or [arguments["date"]])
    return Finding(
        level="warn",
        observed="too many slices",
        message=f"The slices of {arguments['column']} by {named} are too many to judge.",
        cause=EXPECTATION,
        evidence=(f"{count(rows)} rows lie in {count(_MOST_CELLS)} slices, dates and bands of 5 %, or more.",),
        what_to_do='Name columns with fewer values under "slices".',
        numbers={"rows": rows, "cells": _MOST_CELLS},
    )


def _packed(arguments: Arguments, clusters: list[Cluster], level: Level, numbers: dict[str, int]) -> Finding:
    column, first = arguments["column"], clusters[0]
    where = slice_of(first)
    band = f"between {measured(first.low, column)} and {measured(first.high, column)}"
    evidence = [
        f"{percent(first.share)} of {count(first.rows)} rows of {where} lie {band}; {percent(first.expected)} "
        f"{'do elsewhere' if not first.dates else 'do on its other dates'}.",
    ]
    if first.dates and where.dates and len(first.dates) < _days(first.dates[0], first.dates[-1]):
        evidence.append(
            f"On {len(first.dates)} dates: {', '.join(first.dates[:8])}{', …' if len(first.dates) > 8 else ''}."
        )
    others = [str(slice_of(one)) for one in clusters[1:4] if one.column != first.column]
    if others:
        evidence.append(f"It shows, less sharply, in {'; '.join(others)}.")
    return Finding(
        level=level,
        observed=f"{percent(first.share)} of {where} in one band",
        message=f"{column} of {where} is clustered {band}: {percent(first.share)} of {count(first.rows)} rows, "
        f"{percent(first.expected)} elsewhere.",
        cause=CLUSTERED_SLICE,
        evidence=tuple(evidence),
        what_to_do=f"Ask what changed for {where}: a release of its client, a timer, a default that replaces the "
        "measured value. Keep these rows out of averages until it is known.",
        numbers={**numbers, "share": first.share, "expected": first.expected, "low": first.low, "high": first.high},
        slice=where,
        failing=_rows_of(arguments, first, in_band=True),
        plot=column,
        group=_rows_of(arguments, first, in_band=False),
    )


def _scaled(arguments: Arguments, shifted: list[Shifted], level: Level, numbers: dict[str, int]) -> Finding:
    column, first = arguments["column"], shifted[0]
    where = Slice(column=first.column, value=first.value, rows=first.rows)
    rows = f"coalesce(CAST({quoted(first.column)} AS STRING), 'null') = {literal(first.value)}"
    return Finding(
        level=level,
        observed=f"median {figure(first.ratio)} times the others'",
        message=f"The median {column} of {where} is {figure(first.ratio)} times that of all other rows.",
        cause=SHIFTED_SLICE,
        evidence=(
            f"Median {measured(first.median, column)} in {count(first.rows)} rows of {where}, "
            f"{measured(first.others, column)} in the others.",
        ),
        what_to_do=f"Check the unit and the meaning of {column} where {where} is recorded (seconds, milliseconds).",
        numbers={**numbers, "median_ratio": first.ratio},
        slice=where,
        failing=rows,
        plot=column,
        group=rows,
    )


def slice_of(cluster: Cluster) -> Slice:
    """Returns the cluster's slice, with its first and last date where it is not on all."""
    dates = cluster.dates
    return Slice(
        column="" if cluster.column == EVERYTHING else cluster.column,
        value=cluster.value,
        since=dates[0] if dates else None,
        until=dates[-1] if dates else None,
        dates=len(dates),
        rows=cluster.rows,
    )


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days + 1


def _rows_of(arguments: Arguments, cluster: Cluster, *, in_band: bool) -> str:
    """Returns the condition that the slice's rows satisfy, or only those of them in the band."""
    value = f"CAST({quoted(arguments['column'])} AS DOUBLE)"
    parts = [f"{value} >= {cluster.low!r}", f"{value} < {cluster.high!r}"] if in_band else []
    if cluster.column != EVERYTHING:
        parts.append(f"coalesce(CAST({quoted(cluster.column)} AS STRING), 'null') = {literal(cluster.value)}")
    if cluster.dates and arguments["date"]:
        listed = ", ".join(f"DATE'{day}'" for day in cluster.dates)
        parts.append(f"CAST({quoted(arguments['date'])} AS DATE) IN ({listed})")
    return " AND ".join(parts) or "TRUE"


def _refuse(arguments: Arguments) -> str:
    if not arguments["slices"] and not arguments["date"]:
        return 'give "slices", "date" or both.'
    return ""


CLUSTERED = Definition(
    type="expect_slices_not_to_be_clustered",
    check="D4",
    doc="""No slice (a value of one column, on all or some dates) has its values packed into a narrow band.

    Counts per slice, date and bin of 5 %. A band of 1 to 8 bins is an anomaly where it holds `warn_excess` (.10; fails
    from .20) of the slice's rows more than expected, at least 3 times as many, not shared by the bands beside it, with a
    log likelihood ratio of 30 or more (against some 10 million bands looked at). Expected: the same slice on its other
    dates; for all dates, the greater of the other slices and the bands beside. A slice whose median is 4 times the
    others' (or a quarter) warns, 20 times fails.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="slices", kind="columns"),
        Argument(name="date", kind="column"),
        Argument(name="fail_excess", kind="share", default=0.20),
        Argument(name="warn_excess", kind="share", default=0.10),
        Argument(name="fail_median_ratio", kind="number", default=20),
        Argument(name="warn_median_ratio", kind="number", default=4),
        Argument(name="min_rows", kind="integer", default=100),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
