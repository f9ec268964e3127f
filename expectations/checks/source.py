"""D2: a derived column says what its source says."""

from __future__ import annotations

import math
from collections.abc import Mapping

from expectations.causes import OTHER_QUANTITY, OWN_TIMES, TIME_ZONE, UNIT
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Level,
    Need,
    Table,
    Values,
    quoted,
    worst,
)
from expectations.stats.arrays import np
from expectations.stats.shape import distance, grid_call, quantile, sampling_distance
from expectations.words import count, figure, measured, percent

_NEARLY_ALL = 0.9


def _gap(column: str, expression: str, tolerance: float) -> str:
    """Returns the condition under which a row disagrees; rows in which either side is null are not compared."""
    return f"abs(CAST({quoted(column)} AS DOUBLE) - CAST(({expression}) AS DOUBLE)) > {float(tolerance)!r}"


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column, source = arguments["column"], arguments["source"]
    theirs = arguments["source_column"] or column
    needs: dict[str, Need] = {
        "grid": Aggregate(call=grid_call(quoted(column)), where=table.where),
        "rows": Aggregate(call=f"count({quoted(column)})", where=table.where),
        "source_grid": Aggregate(call=grid_call(quoted(theirs)), of=source, where=arguments["source_where"] or ""),
        "source_rows": Aggregate(call=f"count({quoted(theirs)})", of=source, where=arguments["source_where"] or ""),
    }
    for index, expression in enumerate(arguments["equals"] or []):
        gap = _gap(column, expression, arguments["tolerance"])
        needs[f"different{index}"] = Aggregate(call=f"count_if({gap})", where=table.where)
        needs[f"compared{index}"] = Aggregate(call=f"count({gap})", where=table.where)
        factor = f"if({gap}, CAST({quoted(column)} AS DOUBLE) / nullif(CAST(({expression}) AS DOUBLE), 0D), NULL)"
        needs[f"factor{index}"] = Aggregate(call=f"percentile_approx({factor}, 0.5D, 10000)", where=table.where)
        apart = f"abs(CAST({quoted(column)} AS DOUBLE) - CAST(({expression}) AS DOUBLE))"
        tolerance = float(arguments["tolerance"])
        whole = f"abs({apart} - 3600 * round({apart} / 3600)) <= {tolerance!r} AND {apart} >= 3600 - {tolerance!r}"
        needs[f"hours{index}"] = Aggregate(call=f"count_if({gap} AND {whole})", where=table.where)
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, source = arguments["column"], arguments["source"]
    theirs = f"{source}.{arguments['source_column'] or column}"
    if not values["rows"] or not values["source_rows"]:
        which = column if not values["rows"] else theirs
        return Finding(level="pass", observed="no values", message=f"{which} has no values to compare.")
    grid, other = np.array(values["grid"], dtype=float), np.array(values["source_grid"], dtype=float)
    median, expected = quantile(grid, 0.5), quantile(other, 0.5)
    ratio = median / expected if expected else (1.0 if median == 0 else float("inf"))
    apart = distance(grid, other)
    chance = sampling_distance(values["rows"], values["source_rows"])
    levels: list[Level] = []
    evidence = [
        f"Median {measured(median, column)} here, {measured(expected, column)} in {theirs}: ratio {figure(ratio)}.",
        f"Kolmogorov-Smirnov distance {figure(apart)} (chance alone stays below {figure(chance)}).",
    ]
    numbers: dict[str, float] = {"median_ratio": ratio, "ks_distance": apart, "rows": values["rows"]}
    off = not arguments["min_ratio"] <= ratio <= arguments["max_ratio"]
    if apart > chance and (off or apart > arguments["fail_distance"]):
        levels.append("fail")
    elif apart > max(arguments["warn_distance"], chance):
        levels.append("warn")
    failing = []
    unit = zone = ""
    for index, expression in enumerate(arguments["equals"] or []):
        compared, different = values[f"compared{index}"], values[f"different{index}"]
        if not compared:
            continue
        agreement = 1 - different / compared
        numbers[f"agreement{index}"] = agreement
        level: Level = "pass"
        if agreement < arguments["fail_agreement"]:
            level = "fail"
        elif agreement < arguments["warn_agreement"]:
            level = "warn"
        if level != "pass":
            failing.append(_gap(column, expression, arguments["tolerance"]))
            factor = values[f"factor{index}"]
            times = f", by a factor of {figure(factor)} in the middle of them" if factor is not None else ""
            evidence.append(f"{count(different)} of {count(compared)} rows differ from {expression}{times}.")
            unit = unit or _unit(factor or 0.0)
            if (hours := values.get(f"hours{index}", 0)) >= _NEARLY_ALL * different:
                zone = f"{count(hours)} of them differ by whole hours, as times of two zones do."
        levels.append(level)
    level = worst(levels)
    if level == "pass":
        said = f"{column} agrees with {theirs}: median ratio {figure(ratio)}, distance {figure(apart)}."
        return Finding(level="pass", observed=f"ratio {figure(ratio)}", message=said, numbers=numbers)
    if unit := unit or _unit(ratio):
        cause = UNIT
        evidence.append(f"The ratio is that of {unit}.")
    elif zone:
        cause = TIME_ZONE
        evidence.append(zone)
    else:
        cause = OWN_TIMES if failing and abs(ratio - 1) < 0.01 and apart <= chance else OTHER_QUANTITY
    return Finding(
        level=level,
        observed=f"ratio {figure(ratio)}, distance {figure(apart)}",
        message=f"{column} does not agree with {theirs}: {_differs(ratio, numbers, rows_differ=bool(failing))}.",
        cause=cause,
        evidence=tuple(evidence),
        what_to_do=f"Derive {column} from {theirs} row by row, in the same unit.",
        numbers=numbers,
        failing=" OR ".join(f"({condition})" for condition in failing),
        plot=column,
    )


def _differs(ratio: float, numbers: Mapping[str, float], *, rows_differ: bool) -> str:
    """Returns how a column differs from its source: by its median, its rows, or its distribution alone."""
    is_same = abs(ratio - 1) < 0.005
    if is_same:
        said = "its median is the source's"
    elif math.isinf(ratio):
        said = "its median is not 0, as the source's is"
    elif 0 < ratio <= 0.1:
        said = f"its median is the source's divided by {figure(1 / ratio)}"
    else:
        said = f"its median is {figure(ratio)} times the source's"
    if rows_differ:
        least = min(value for name, value in numbers.items() if name.startswith("agreement"))
        return f"{said}, {'but' if is_same else 'and'} {percent(1 - least)} of rows differ"
    return f"{said}, its distribution is not" if is_same else said


def _unit(ratio: float) -> str:
    """Returns the conversion that a ratio of medians betrays, or an empty string."""
    known = {
        1000.0: "milliseconds taken as seconds",
        0.001: "seconds divided by 1,000",
        1 / 60: "minutes taken as seconds",
        60.0: "seconds multiplied by 60",
        1 / 3600: "hours taken as seconds",
        3600.0: "seconds multiplied by 3,600",
        1e6: "microseconds taken as seconds",
        1e-6: "millions read as ones, off an axis with an offset of 1e6",
        100.0: "cents taken as whole money, or percent as shares",
        0.01: "whole money taken as cents, or shares as percent",
    }
    return next((words for factor, words in known.items() if abs(ratio / factor - 1) < 0.02), "")


AGREE = Definition(
    type="expect_column_to_agree_with_source",
    check="D2",
    doc="""A derived column has its source's distribution, and agrees row by row with other ways to compute it.

    R = median / median of the source; KS = Kolmogorov-Smirnov distance. Fails where R is outside [.8, 1.25] or
    KS > .10; warns where KS > .03; neither counts where two samples of this size are that far apart by chance (Smirnov's
    limit, 1 in 10,000): medians of 100 rows differ by a quarter in one of six draws. For each
    expression of `equals`: fails where fewer than 95 % of rows agree within `tolerance`, warns below 99.5 %.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="source", kind="table", required=True),
        Argument(name="source_column", kind="text"),
        Argument(name="source_where", kind="sql"),
        Argument(name="equals", kind="sqls"),
        Argument(name="tolerance", kind="number", default=1),
        Argument(name="min_ratio", kind="number", default=0.8),
        Argument(name="max_ratio", kind="number", default=1.25),
        Argument(name="fail_distance", kind="share", default=0.10),
        Argument(name="warn_distance", kind="share", default=0.03),
        Argument(name="fail_agreement", kind="share", default=0.95),
        Argument(name="warn_agreement", kind="share", default=0.995),
    ),
    needs=_needs,
    judge=_judge,
)
