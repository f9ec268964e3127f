"""D3, D4, D5 and D7: magnitude, dispersion, lattice and tail of one numeric column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from expectations.causes import CAPPED, CLUSTERED, GENERATED, OUTSIDE, QUANTISED, SPAN, UNIT
from expectations.checks.grain import window_needs, window_seconds
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
from expectations.stats.shape import dispersion, grid_call, quantile, tails, top_share

if TYPE_CHECKING:
    from expectations.stats.shape import Grid
from expectations.words import count, duration, figure, measured, percent

_UNITS = {0.001: "milliseconds", 1e-6: "microseconds", 60.0: "minutes", 3_600.0: "hours"}
_UNIT_SHARE = 0.9  # of the values outside the limits, that another unit explains


def _shape_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    return {
        "grid": Aggregate(call=grid_call(column), where=table.where),
        "rows": Aggregate(call=f"count({column})", where=table.where),
    }


def _grid(values: Values) -> Grid:
    return np.array(values["grid"], dtype=float)


def _too_few(arguments: Arguments, values: Values) -> Finding | None:
    """Returns a pass where there are fewer values than the check needs, else None."""
    if values["rows"] >= max(arguments["min_rows"], 1) and values["grid"] is not None:
        return None
    said = f"{count(values['rows'])} values are too few to judge; {count(arguments['min_rows'])} are needed."
    return Finding(level="pass", observed=f"{count(values['rows'])} values", message=said)


def _magnitude_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    low, high = float(arguments["shortest"]), float(arguments["longest"])
    needs = _shape_needs(arguments, table)
    needs["outside"] = Aggregate(
        call=f"count_if(CAST({column} AS DOUBLE) < {low!r} OR CAST({column} AS DOUBLE) > {high!r})", where=table.where
    )
    value = f"CAST({column} AS DOUBLE)"
    for factor in _UNITS:
        scaled = f"{value} * {factor!r}D"
        call = f"count_if(({value} < {low!r} OR {value} > {high!r}) AND {scaled} >= {low!r} AND {scaled} <= {high!r})"
        needs[f"scaled {factor}"] = Aggregate(call=call, where=table.where)
    if arguments["sessions"]:
        needs |= window_needs(arguments, arguments["sessions"])
    return needs


def _unit(values: Values) -> str:
    """Returns the unit that would bring nearly all values outside into the limits; empty where none does."""
    fitting = {factor: values.get(f"scaled {factor}", 0) for factor in _UNITS}
    best = max(fitting, key=lambda factor: (fitting[factor] >= _UNIT_SHARE * values["outside"], -abs(math.log(factor))))
    return _UNITS[best] if values["outside"] and fitting[best] >= _UNIT_SHARE * values["outside"] else ""


def _magnitude(arguments: Arguments, values: Values) -> Finding:
    column, rows = arguments["column"], values["rows"]
    if not rows or values["grid"] is None:
        return Finding(level="pass", observed="no values", message=f"{column} has no values.")
    median = quantile(_grid(values), 0.5)
    window = arguments["window_seconds"] or window_seconds(values)
    outside = values["outside"] / rows
    numbers: dict[str, float] = {"median": median, "outside": outside, "rows": rows, "window_seconds": window}
    levels: list[Level] = []
    evidence: list[str] = []
    cause = ""
    if window > 0:
        share = median / window
        numbers["m"] = share
        if share >= arguments["warn_window_share"]:
            levels.append("fail" if share >= arguments["fail_window_share"] else "warn")
            evidence.append(f"The median, {duration(median)}, is {percent(share)} of the window of {duration(window)}.")
            cause = SPAN if share >= arguments["fail_window_share"] else ""
    if median > arguments["longest"]:
        levels.append("fail")
        evidence.append(f"The median, {duration(median)}, is longer than {duration(arguments['longest'])}.")
    if outside > arguments["warn_outside"]:
        levels.append("fail" if outside > arguments["fail_outside"] else "warn")
        limits = f"{duration(arguments['shortest'])} and {duration(arguments['longest'])}"
        evidence.append(f"{percent(outside)} of {count(rows)} values lie outside {limits}.")
    level = worst(levels)
    if level == "pass":
        said = f"The median of {column} is {duration(median)}; {percent(outside)} of values are implausible."
        return Finding(level="pass", observed=f"median {duration(median)}", message=said, numbers=numbers)
    limit_low, limit_high = float(arguments["shortest"]), float(arguments["longest"])
    if not cause and (unit := _unit(values)):
        cause = UNIT
        evidence.append(f"As {unit}, nearly all of those would be plausible.")
    return Finding(
        level=level,
        observed=f"median {duration(median)}, {percent(outside)} outside",
        message=f"The magnitude of {column} is not plausible: {evidence[0][0].lower()}{evidence[0][1:]}",
        cause=cause or OUTSIDE,
        evidence=tuple(evidence),
        what_to_do="Compute it per session: ended_at - started_at, or the session's own duration_seconds."
        if cause == SPAN
        else f"Check the unit of {column} against its source (seconds, milliseconds), and what rows it is taken over.",
        numbers=numbers,
        failing=f"CAST({quoted(column)} AS DOUBLE) < {limit_low!r} OR CAST({quoted(column)} AS DOUBLE) > {limit_high!r}"
        if values["outside"]
        else "",
        plot=column,
    )


def _magnitude_refuse(arguments: Arguments) -> str:
    if arguments["shortest"] >= arguments["longest"]:
        return '"shortest" is not less than "longest".'
    return ""


MAGNITUDE = Definition(
    type="expect_column_magnitude_to_be_plausible",
    check="D3",
    doc="""A duration in seconds has a plausible magnitude.

    m = median / W, W the span of all event times; share of values outside [shortest, longest]. Fails where m >= .25,
    the median is above `longest` (24 h) or more than 5 % of values lie outside; warns from m >= .02 or .5 %.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="sessions", kind="table"),
        Argument(name="time_columns", kind="texts", default=["started_at", "ended_at"]),
        Argument(name="window_seconds", kind="number"),
        Argument(name="shortest", kind="number", default=1),
        Argument(name="longest", kind="number", default=86_400),
        Argument(name="fail_window_share", kind="share", default=0.25),
        Argument(name="warn_window_share", kind="share", default=0.02),
        Argument(name="fail_outside", kind="share", default=0.05),
        Argument(name="warn_outside", kind="share", default=0.005),
    ),
    needs=_magnitude_needs,
    judge=_magnitude,
    refuse=_magnitude_refuse,
)


def _dispersion(arguments: Arguments, values: Values) -> Finding:
    if few := _too_few(arguments, values):
        return few
    column, grid = arguments["column"], _grid(values)
    qcd, tail = dispersion(grid)
    numbers = {"qcd": qcd, "tail_ratio": tail, "rows": values["rows"]}
    level: Level = "pass"
    if qcd < arguments["fail_qcd"] and tail < arguments["fail_tail_ratio"]:
        level = "fail"
    elif qcd < arguments["warn_qcd"] or tail < arguments["warn_tail_ratio"]:
        level = "warn"
    observed = f"QCD {figure(qcd)}, P95/P05 {figure(tail)}"
    if level == "pass":
        return Finding(level="pass", observed=observed, message=f"{column} is dispersed: {observed}.", numbers=numbers)
    low, high = quantile(grid, 0.05), quantile(grid, 0.95)
    band = f"90 % of {count(values['rows'])} values lie between {measured(low, column)} and {measured(high, column)}"
    return Finding(
        level=level,
        observed=observed,
        message=f"{column} is clustered: {band}.",
        cause=CLUSTERED,
        evidence=(
            f"QCD = (Q3 - Q1) / (Q3 + Q1) = {figure(qcd)}; log-normal durations have .17 to .6, uniform ones about .5.",
            f"T = P95 / P05 = {figure(tail)}; real durations have more than {figure(arguments['warn_tail_ratio'])}.",
        ),
        what_to_do="Check what one row stands for (grain) and how the value is measured; a real duration spreads over "
        "more than one order of magnitude.",
        numbers=numbers,
        plot=column,
    )


DISPERSION = Definition(
    type="expect_column_dispersion_above_floor",
    check="D4",
    doc="""A positive quantity is not packed into a narrow band. Free of units.

    QCD = (Q3 - Q1) / (Q3 + Q1), T = P95 / P05, from n >= min_rows (100). Fails where QCD < .10 and T < 2; warns where
    QCD < .15 or T < 3. Log-normal sigma 1: .61 and 32; uniform 30-3,600 s: .49 and 16; per-user spans: .005 and 1.02.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="fail_qcd", kind="number", default=0.10),
        Argument(name="fail_tail_ratio", kind="number", default=2),
        Argument(name="warn_qcd", kind="number", default=0.15),
        Argument(name="warn_tail_ratio", kind="number", default=3),
        Argument(name="min_rows", kind="integer", default=100),
    ),
    needs=_shape_needs,
    judge=_dispersion,
)


def _lattice_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    needs = _shape_needs(arguments, table)
    needs["distinct"] = Aggregate(call=f"approx_count_distinct({column}, 0.01D)", where=table.where)
    return needs


def _lattice(arguments: Arguments, values: Values) -> Finding:
    if few := _too_few(arguments, values):
        return few
    column, grid = arguments["column"], _grid(values)
    distinct, top = values["distinct"], top_share(grid)
    numbers = {"distinct": distinct, "top_share": top, "rows": values["rows"]}
    level: Level = "pass"
    if distinct <= arguments["fail_values"] or top > arguments["fail_top_share"]:
        level = "fail"
    elif distinct <= arguments["warn_values"] or top > arguments["warn_top_share"]:
        level = "warn"
    observed = f"{count(distinct)} distinct values"
    if level == "pass":
        return Finding(
            level="pass",
            observed=observed,
            message=f"{column} has {count(distinct)} distinct values in {count(values['rows'])}.",
            numbers=numbers,
        )
    points, runs = np.unique(grid, return_counts=True)
    commonest = float(points[int(runs.argmax())])
    steps = np.diff(points)
    evidence = [
        f"{count(distinct)} distinct values in {count(values['rows'])}.",
        f"The commonest, {measured(commonest, column)}, has about {percent(top)}.",
    ]
    if distinct <= arguments["warn_values"] and len(steps):
        evidence.append(f"The smallest step between values is {measured(float(steps.min()), column)}.")
    many = distinct > arguments["warn_values"]
    return Finding(
        level=level,
        observed=f"{observed}, commonest {percent(top)}",
        message=f"One value has {percent(top)} of all values of {column}."
        if many
        else f"{column} takes only {count(distinct)} values in {count(values['rows'])} rows.",
        cause=CAPPED if many else QUANTISED,
        evidence=tuple(evidence),
        what_to_do="Check where the value is set: a default, a cap or a timeout writes one value many times."
        if many
        else "Check how the time is measured: a clock of whole minutes, a rounded or truncated timestamp.",
        numbers=numbers,
        failing=f"CAST({quoted(column)} AS DOUBLE) = {commonest!r}" if many else "",
        plot=column,
    )


LATTICE = Definition(
    type="expect_column_not_to_be_a_lattice",
    check="D5",
    doc="""A measurement takes many values; a rounded or quantised clock takes few.

    k = distinct values (HyperLogLog, off by less than 1 for k below 100), n >= min_rows (1,000). Fails where k <= 20
    or one value has more than half of the rows; warns where k <= 50 or one value has more than 20 %.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="fail_values", kind="integer", default=20),
        Argument(name="warn_values", kind="integer", default=50),
        Argument(name="warn_top_share", kind="share", default=0.20),
        Argument(name="fail_top_share", kind="share", default=0.50),
        Argument(name="min_rows", kind="integer", default=1_000),
    ),
    needs=_lattice_needs,
    judge=_lattice,
)


def _tail(arguments: Arguments, values: Values) -> Finding:
    if few := _too_few(arguments, values):
        return few
    column, grid = arguments["column"], _grid(values)
    share, ratio = tails(grid)
    numbers = {"outlier_share": share, "tail_ratio": ratio, "rows": values["rows"]}
    observed = f"outliers {percent(share)}, tail ratio {figure(ratio)}"
    if share > 0 and ratio >= arguments["warn_tail_ratio"]:
        return Finding(level="pass", observed=observed, message=f"{column} has a right tail.", numbers=numbers)
    return Finding(
        level="warn",
        observed=observed,
        message=f"{column} has no tail: {'no outlier' if share == 0 else percent(share) + ' outliers'} in "
        f"{count(values['rows'])} values, (P99 - P50) / (P50 - P01) = {figure(ratio)}.",
        cause=GENERATED,
        evidence=(
            f"Tukey's outlier share is {percent(share)}; real durations always have some.",
            f"(P99 - P50) / (P50 - P01) = {figure(ratio)}; 1 is symmetric, real durations have 3 and more.",
        ),
        what_to_do="Expected of simulated data. In real data, look for a cap or a filter that cuts long values.",
        numbers=numbers,
        plot=column,
    )


TAIL = Definition(
    type="expect_column_to_have_a_tail",
    check="D7",
    doc="""Real durations have a long right tail and outliers; drawn ones have not. Warns, never fails.

    Tukey's outlier share (beyond 1.5 interquartile ranges) and (P99 - P50) / (P50 - P01), n >= min_rows (500). Warns
    where the share is 0 or the ratio below 1.2.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="warn_tail_ratio", kind="number", default=1.2),
        Argument(name="min_rows", kind="integer", default=500),
    ),
    needs=_shape_needs,
    judge=_tail,
)
