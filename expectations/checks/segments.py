"""D11: a segmentation tells its members apart."""

from __future__ import annotations

import math

from expectations.causes import CUTS, ONE_SEGMENT
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Level,
    Need,
    Query,
    Table,
    Values,
    escape,
    quoted,
    worst,
)
from expectations.words import count, figure, percent

_MOST_CELLS = 1_000


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    names = [escape(quoted(column)) for column in arguments["columns"]]
    cell = f"concat_ws(' | ', {', '.join(f'CAST({name} AS STRING)' for name in names)})"
    needs: dict[str, Need] = {
        "cells": Query(
            sql=f"SELECT {cell} AS cell, count(*) AS n FROM {{this}} GROUP BY {', '.join(names)} "
            f"ORDER BY n DESC, cell LIMIT {_MOST_CELLS}",
            where=table.where,
        )
    }
    for column, cuts in (arguments["cuts"] or {}).items():
        needs[f"count {column}"] = Aggregate(call=f"count({quoted(column)})", where=table.where)
        for cut in cuts if isinstance(cuts, list) else [cuts]:
            call = f"count_if({quoted(column)} < {float(cut)!r})"
            needs[f"below {column} {cut}"] = Aggregate(call=call, where=table.where)
    return needs


def entropy(counts: list[int], cells: int) -> float:
    """Returns Shannon's entropy of the counts over `cells` defined cells: 0 all in one, 1 all alike."""
    total = sum(counts)
    if cells < 2 or not total:
        return 1.0 if cells < 2 else 0.0
    return -sum(n / total * math.log(n / total) for n in counts if n) / math.log(cells) + 0.0


def _judge(arguments: Arguments, values: Values) -> Finding:
    cells = values["cells"]
    counts = [int(row["n"]) for row in cells]
    total = sum(counts)
    if total < arguments["min_rows"]:
        said = f"{count(total)} rows are too few to judge; {count(arguments['min_rows'])} are needed."
        return Finding(level="pass", observed=f"{count(total)} rows", message=said)
    defined = max(arguments["cells"] or len(arguments["values"] or []), len(cells))
    share, evenness = counts[0] / total, entropy(counts, max(defined, 2))
    levels: list[Level] = []
    evidence = []
    if share >= arguments["warn_share"]:
        levels.append("fail" if share >= arguments["fail_share"] else "warn")
    if evenness < arguments["warn_entropy"]:
        levels.append("fail" if evenness < arguments["fail_entropy"] else "warn")
    evidence.append(f'"{cells[0]["cell"]}" holds {count(counts[0])} of {count(total)} rows ({percent(share)}).')
    evidence.append(f"Entropy over {defined} defined cells: {figure(evenness)} (0: all in one, 1: all alike).")
    misplaced = 0
    for name in (name for name in values if name.startswith("below ")):
        column, cut = name.removeprefix("below ").rsplit(" ", 1)
        if not values[f"count {column}"]:
            continue
        position = values[name] / values[f"count {column}"]
        if not arguments["fail_cut"] <= position <= 1 - arguments["fail_cut"]:
            misplaced += 1
            levels.append("fail")
            evidence.append(f"The cut {column} = {figure(float(cut))} lies at quantile {figure(position)} of the data.")
    level = worst(levels)
    numbers = {
        "largest_share": share,
        "entropy": evenness,
        "rows": total,
        "defined": defined,
        "misplaced_cuts": misplaced,
    }
    observed = f"largest {percent(share)}, entropy {figure(evenness)}"
    if level == "pass":
        return Finding(level="pass", observed=observed, message=f"The segments differ: {observed}.", numbers=numbers)
    names = ", ".join(arguments["columns"])
    return Finding(
        level=level,
        observed=observed,
        message=f"The segmentation by {names} is degenerate: {percent(share)} of {count(total)} rows are "
        f'"{cells[0]["cell"]}".',
        cause=CUTS if misplaced else ONE_SEGMENT,
        evidence=tuple(evidence),
        what_to_do="Cut at quantiles of the data, or show where each fixed cut lies in the distribution.",
        numbers=numbers,
        rows=tuple({"segment": row["cell"], "rows": row["n"]} for row in cells[:10]),
    )


def _refuse(arguments: Arguments) -> str:
    for column, cuts in (arguments["cuts"] or {}).items():
        for cut in cuts if isinstance(cuts, list) else [cuts]:
            if isinstance(cut, bool) or not isinstance(cut, (int, float)):
                return f'the cuts of "{column}" are numbers.'
    return ""


DEGENERATE = Definition(
    type="expect_segments_not_to_be_degenerate",
    check="D11",
    doc="""A segmentation tells its members apart.

    p = share of the largest cell; H = entropy over the cells that are defined (`cells` or `values`, else those that
    occur), 0 to 1; for each cut its quantile. Fails where p >= .95, H < .10, or a cut lies below .01 or above .99;
    warns where p >= .80 or H < .35.""",
    arguments=(
        Argument(name="columns", kind="columns", required=True),
        Argument(name="cells", kind="integer"),
        Argument(name="values", kind="list"),
        Argument(name="cuts", kind="mapping"),
        Argument(name="fail_share", kind="share", default=0.95),
        Argument(name="warn_share", kind="share", default=0.80),
        Argument(name="fail_entropy", kind="number", default=0.10),
        Argument(name="warn_entropy", kind="number", default=0.35),
        Argument(name="fail_cut", kind="share", default=0.01),
        Argument(name="min_rows", kind="integer", default=20),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
