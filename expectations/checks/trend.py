"""Figures against their own past: rows, missing values, sums, means, quantiles, age, distribution.

The past is what earlier runs measured of the versions that were published (`expectations.history`), handed in as values;
what is usual is told by `history.usual`. Each result keeps its figure, which is the past of the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from expectations.causes import STALE, TREND
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Given,
    Level,
    Need,
    Query,
    Table,
    Values,
    escape,
    quoted,
)
from expectations.past import Measured
from expectations.stats.sketch import (
    MOST_VALUES,
    OTHERS,
    POINTS,
    distances,
    mean_share,
    quantile_numbers,
    quantiles_of,
    share_below,
    share_numbers,
    shares_of,
    variations,
)
from expectations.stats.usual import MAD_TO_SIGMA, Point, Usual, median, usual
from expectations.words import count, duration, figure, measured, percent

_SOURCE = "Compare with the last good version: what changed in the source, in the unit, or in the SQL?"
_ROWS_ADVICE = (
    "Find what is missing: compare the days, then the sources' row counts; a load that stopped, a join that drops rows, "
    "a filter that changed.",
    "Look for rows landed twice or a join that repeats them; where the shop really grew, the next versions teach it.",
)
_NULL_ADVICE = (
    "Look at what fills the column now: a default in place of nothing hides what is missing.",
    "Find where the values are lost: a field that the source renamed, or a join without a match.",
)
_AGE_ADVICE = (
    "Look for times in the future: a time zone, or a clock that is wrong.",
    "See whether the source still writes, and whether it was landed (run source freshness).",
)
_SHAPE_ADVICE = (
    "Compare the rows with the last good version (run diff): a unit, a new kind of rows, or a default value."
)
_PERCENTILES = ("p01", "p05", "p10", "p25", "median", "p75", "p90", "p95", "p99")
_STATISTICS = ("mean", "sum", "min", "max", "stddev", *_PERCENTILES)
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


def _common(least_change: float, *, direction: str = "both") -> tuple[Argument, ...]:
    return (
        Argument(name="last", kind="integer", default=56),
        Argument(name="min_history", kind="integer", default=8),
        Argument(name="warn_k", kind="number", default=4.0),
        Argument(name="fail_k", kind="number", default=6.0),
        Argument(name="least_change", kind="number", default=least_change),
        Argument(name="direction", kind="choice", default=direction, choices=("both", "up", "down")),
        Argument(name="since", kind="bound"),
    )


def _refuse(arguments: Arguments) -> str:
    if arguments["min_history"] < 4:
        return '"min_history" is at least 4: fewer figures do not tell what is usual.'
    if arguments["last"] < arguments["min_history"]:
        return '"last" is less than "min_history".'
    if arguments["warn_k"] <= 0 or arguments["fail_k"] < arguments["warn_k"]:
        return '"warn_k" is greater than 0, and "fail_k" at least "warn_k".'
    if arguments["since"] is not None and _moment(arguments["since"]) is None:
        return '"since" is a date, such as 2026-01-31.'
    return ""


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _given(table: Table) -> dict[str, Need]:
    """Returns what every one of these needs beside the data: its past, and the moment of the run."""
    return {
        "past": Given(name="past", value=tuple(table.facts.get("past", ()))),
        "asked_at": Given(name="asked_at", value=table.facts.get("asked_at")),
    }


def _kept(arguments: Arguments, values: Values) -> tuple[list[Measured], datetime]:
    """Returns the past that counts, and the moment of the run."""
    since = _moment(arguments["since"])
    asked_at = values["asked_at"] or datetime.now(UTC)
    past = [one for one in values["past"] if (since is None or one.at >= since) and one.at < asked_at]
    return past[-arguments["last"] :], asked_at


def _level(arguments: Arguments, deviation: float, scale: float) -> Level:
    if (arguments["direction"] == "up" and deviation < 0) or (arguments["direction"] == "down" and deviation > 0):
        return "pass"
    for level, k in (("fail", arguments["fail_k"]), ("warn", arguments["warn_k"])):
        if abs(deviation) > max(k * scale, arguments["least_change"]):
            return "fail" if level == "fail" else "warn"
    return "pass"


def _judged(
    arguments: Arguments,
    values: Values,
    value: float | None,
    *,
    what: str,
    advice: tuple[str, str],
    show: Any,
    relative: bool = True,
    noise: float = 0.0,
    numbers: Mapping[str, float] | None = None,
    plot: str = "",
) -> Finding:
    """Returns the verdict on one figure.

    Args:
        value: the figure; None where there is none (an empty table).
        what: how messages call it.
        advice: what to do about a figure too low, and about one too high.
        show: figure → words with unit.
        noise: the least scale; see `usual`.
    """
    past, asked_at = _kept(arguments, values)
    points = [Point(one.at, one.numbers["figure"]) for one in past if "figure" in one.numbers]
    said = "none" if value is None else show(value)
    figures = {**({} if value is None else {"figure": value}), "history": len(points), **(numbers or {})}
    if len(points) < arguments["min_history"]:
        few = f"not enough history: {len(points)} of {arguments['min_history']}"
        return Finding(
            level="pass", observed=f"{said} ({few})", message=f"{what}: {said}; {few}, so not judged.", numbers=figures
        )
    found = usual(points, asked_at, relative=relative, noise=noise)
    if value is None:
        level: Level = "fail"
        high = False
    else:
        deviation = found.deviation(value)
        level = _level(arguments, deviation, found.scale)
        high = deviation > 0
    band = max(arguments["warn_k"] * found.scale, arguments["least_change"]) * found.per
    message = f"{what}: {said}; {show(found.expected)} was expected ({_basis(found)}), give or take {show(band)}"
    figures |= {"expected": found.expected, "scale": found.scale * found.per, "allowed": band}
    if level == "pass":
        return Finding(level=level, observed=said, message=f"{message}.", numbers=figures)
    recent = ", ".join(f"{show(point.value)} ({point.at:%d %b})" for point in points[-5:])
    return Finding(
        level=level,
        observed=said,
        message=f"{message}{_change(found, value)}.",
        cause=TREND,
        evidence=(f"The last ones: {recent}.", _strayed(found, show)),
        what_to_do=advice[high],
        numbers=figures,
        plot=plot,
    )


def _basis(found: Usual) -> str:
    """Returns what the expected figure comes from, in words."""
    days = f"{found.alike} {found.weekday}s" if found.weekday else f"{found.alike} versions"
    if found.base is not None:
        return f"it grows; the growth a day of {days}"
    return f"median of {days}" + (" moved along their trend" if found.slope else "")


def _change(found: Usual, value: float | None) -> str:
    if value is None:
        return ""
    if found.base is not None:
        grown, wanted = value - found.base, found.expected - found.base
        if grown < 0:
            return ": it shrank"
        return f": it grew by {percent(grown / wanted)} of what it usually grows" if wanted else ""
    if not found.expected or found.expected < 0 or value < 0:
        return ""
    ratio = value / found.expected
    return (
        f": {figure(ratio)} times as much"
        if ratio > 2
        else f": {percent(abs(ratio - 1))} {'more' if ratio > 1 else 'less'}"
    )


def _strayed(found: Usual, show: Any) -> str:
    if not found.scale:
        return f"None of {found.points} earlier figures strayed from what was expected of it."
    return f"Earlier figures strayed from what was expected of them by {show(found.scale * found.per)} (1.4826 * MAD)."


def _rows_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    return {"rows": Aggregate(call="count(*)", where=table.where), **_given(table)}


def _rows(arguments: Arguments, values: Values) -> Finding:
    past = [one.numbers["figure"] for one in values["past"] if "figure" in one.numbers]
    typical = median(past) if past else 0.0
    return _judged(
        arguments,
        values,
        float(values["rows"]),
        what="Rows",
        advice=_ROWS_ADVICE,
        show=lambda value: count(value) if abs(value) >= 10 else figure(value),
        noise=typical**-0.5 if typical > 0 else 0.0,  # a count of independent events strays by its square root
    )


ROW_COUNT = Definition(
    type="expect_table_row_count_to_follow_history",
    doc="""The number of rows is what earlier versions let expect.

    expected = median of the last versions' rows (of the same weekday, along their trend, or by growth a day where the
    table only grows); warns beyond warn_k, fails beyond fail_k times 1.4826 * MAD of what earlier ones strayed by, and
    never below least_change of what was expected. Passes while there are fewer than min_history versions.""",
    arguments=_common(0.10),
    needs=_rows_needs,
    judge=_rows,
    refuse=_refuse,
)


def _null_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    missing = f"{column} IS NULL"
    if arguments["empty_is_null"]:
        missing = f"({missing} OR {column} = '')"
    return {
        "rows": Aggregate(call="count(*)", where=table.where),
        "missing": Aggregate(call=f"count_if({missing})", where=table.where),
        **_given(table),
    }


def _nulls(arguments: Arguments, values: Values) -> Finding:
    rows = values["rows"]
    share = values["missing"] / rows if rows else None
    past = [one.numbers["figure"] for one in values["past"] if "figure" in one.numbers]
    typical = median(past) if past else 0.0
    return _judged(
        arguments,
        values,
        share,
        what=f"Missing values of {arguments['column']}",
        advice=_NULL_ADVICE,
        show=percent,
        relative=False,
        noise=(typical * (1 - typical) / rows) ** 0.5 if rows else 0.0,  # of a share in a sample of so many rows
        numbers={"rows": rows},
    )


NULL_SHARE = Definition(
    type="expect_column_null_share_to_follow_history",
    doc="""The share of missing values of a column is what earlier versions let expect; see the row count.

    least_change is in shares: 0.01 is one percentage point.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="empty_is_null", kind="boolean", default=False),
        *_common(0.01),
    ),
    needs=_null_needs,
    judge=_nulls,
    refuse=_refuse,
)


def _figure_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column, statistic = quoted(arguments["column"]), arguments["statistic"]
    number = f"CAST({column} AS DOUBLE)"
    if statistic in _PERCENTILES:
        at = 0.5 if statistic == "median" else int(statistic[1:]) / 100
        call = f"percentile_approx({number}, {at}D, 10000)"
    else:
        call = f"{ {'mean': 'avg', 'stddev': 'stddev_samp'}.get(statistic, statistic) }({number})"
    return {"value": Aggregate(call=call, where=table.where), **_given(table)}


def _figure(arguments: Arguments, values: Values) -> Finding:
    column = arguments["column"]
    return _judged(
        arguments,
        values,
        None if values["value"] is None else float(values["value"]),
        what=f"{arguments['statistic'].capitalize()} of {column}",
        advice=(_SOURCE, _SOURCE),
        show=lambda value: measured(value, column),
        plot=column,
    )


FIGURE = Definition(
    type="expect_column_figure_to_follow_history",
    doc="""A column's mean, sum, least, greatest, standard deviation or quantile is what earlier versions let expect; see
    the row count.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="statistic", kind="choice", default="mean", choices=_STATISTICS),
        *_common(0.10),
    ),
    needs=_figure_needs,
    judge=_figure,
    refuse=_refuse,
)


def _age_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    newest = f"max(unix_micros(CAST({quoted(arguments['column'])} AS TIMESTAMP)))"
    return {"newest": Aggregate(call=newest, where=table.where), **_given(table)}


def _age(arguments: Arguments, values: Values) -> Finding:
    _, asked_at = _kept(arguments, values)
    newest, column = values["newest"], arguments["column"]
    hours = None if newest is None else (asked_at.timestamp() - newest / 1e6) / 3600
    what = f"Age of the newest {column}"
    found = _judged(
        arguments,
        values,
        hours,
        what=what,
        advice=_AGE_ADVICE,
        show=lambda value: duration(3600 * value),
        numbers={} if newest is None else {"newest": newest / 1e6},
    )
    if hours is None:
        return found
    for level, limit in (("fail", arguments["fail_hours"]), ("warn", arguments["warn_hours"])):
        if limit is not None and hours > limit and (level == "fail" or found.level == "pass"):
            return Finding(
                level="fail" if level == "fail" else "warn",
                observed=duration(3600 * hours),
                message=f"{what}: {duration(3600 * hours)}; at most {duration(3600 * limit)} is allowed.",
                cause=STALE,
                evidence=(f"The newest is of {datetime.fromtimestamp(newest / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC.",),
                what_to_do=_AGE_ADVICE[1],
                numbers=found.numbers,
            )
    return found


AGE = Definition(
    type="expect_newest_row_to_follow_history",
    doc="""The newest row is about as old as it was in earlier runs, and no older than a limit where one is given.

    age = the run's moment - the greatest value of a time or date, in hours; see the row count. warn_hours and fail_hours
    hold from the first run on.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="warn_hours", kind="number"),
        Argument(name="fail_hours", kind="number"),
        *_common(0.50, direction="up"),
    ),
    needs=_age_needs,
    judge=_age,
    refuse=_refuse,
)


def _shape_needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    name = arguments["column"]
    column = quoted(name)
    if table.columns.get(name, "").startswith(_NUMERIC):
        points = ", ".join(f"{at!r}D" for at in POINTS)
        number = f"nullif(CAST({column} AS DOUBLE), CAST('NaN' AS DOUBLE))"
        call = f"percentile_approx({number}, array({points}), 10000)"
        return {
            "values": Aggregate(call=f"count({column})", where=table.where),
            "quantiles": Aggregate(call=call, where=table.where),
            **_given(table),
        }
    value = f"substring(CAST({escape(column)} AS STRING), 1, 60)"
    if table.facts.get("is_sensitive"):  # the history keeps no value of such a column: digests tell them apart as well
        value = f"substring(sha2({value}, 256), 1, 12)"
    return {
        "values": Aggregate(call=f"count({column})", where=table.where),
        "commonest": Query(
            sql=f"SELECT {value} AS value, count(*) AS n FROM {{this}} WHERE {escape(column)} IS NOT NULL "
            f"GROUP BY {value} ORDER BY n DESC, value LIMIT {MOST_VALUES}",
            where=table.where,
            is_small=True,
        ),
        **_given(table),
    }


def _shape(arguments: Arguments, values: Values) -> Finding:
    column, total = arguments["column"], values["values"]
    past, _ = _kept(arguments, values)
    quantiles = values.get("quantiles")
    shares = None if "quantiles" in values else _shares(values["commonest"], total)
    numbers: dict[str, float] = {"rows": total}
    if total:
        numbers |= quantile_numbers(quantiles) if quantiles else share_numbers(shares or {})
    usable = [one for one in past if (quantiles_of(one.numbers) if "quantiles" in values else shares_of(one.numbers))]
    if len(usable) < arguments["min_history"] or not total:
        few = f"not enough history: {len(usable)} of {arguments['min_history']}" if total else "no values"
        return Finding(
            level="pass", observed=few, message=f"Distribution of {column}: {few}, so not judged.", numbers=numbers
        )
    if quantiles:
        curves = [curve for one in usable if (curve := quantiles_of(one.numbers))]
        apart, distance, where = distances(curves, quantiles)
        before = sum(share_below(curve, where) for curve in curves) / len(curves)
        evidence: tuple[str, ...] = (
            f"{percent(share_below(quantiles, where))} of the values are up to {measured(where, column)}; "
            f"{percent(before)} were in {len(curves)} earlier versions.",
        )
        kind = "Kolmogorov-Smirnov distance"
    else:
        sets = [some for one in usable if (some := shares_of(one.numbers))]
        apart, distance, changed = variations(sets, shares or {})
        evidence = tuple(
            f"{value}: {percent((shares or {}).get(value, 0.0))} of the values, {percent(mean_share(sets, value))} before."
            for value in changed[:3]
        )
        kind = "total variation"
    return _judged_shape(arguments, column, kind, apart, distance, evidence, numbers)


def _shares(commonest: Sequence[Mapping[str, Any]], total: int) -> dict[str, float]:
    shares = {str(row["value"]): row["n"] / total for row in commonest} if total else {}
    rest = 1 - sum(shares.values())
    return {**shares, OTHERS: rest} if rest > 1e-9 and shares else shares


def _judged_shape(
    arguments: Arguments,
    column: str,
    kind: str,
    apart: Sequence[float],
    distance: float,
    evidence: tuple[str, ...],
    numbers: Mapping[str, float],
) -> Finding:
    middle = median(apart)
    spread = MAD_TO_SIGMA * median([abs(one - middle) for one in apart]) * len(apart) / (len(apart) - 0.8)
    # The mean of n earlier ones strays by itself, too: what is compared with it, by a little more than they do.
    limits = {
        "fail": max(middle + arguments["fail_k"] * spread, arguments["fail_distance"]),
        "warn": max(middle + arguments["warn_k"] * spread, arguments["warn_distance"]),
    }
    level: Level = "fail" if distance > limits["fail"] else "warn" if distance > limits["warn"] else "pass"
    said = f"{kind} {figure(distance)}"
    message = (
        f"Distribution of {column}: {said} to the mean of {len(apart)} earlier versions; they are {figure(middle)} "
        f"from each other, up to {figure(limits['warn'])} is usual."
    )
    figures = {**numbers, "figure": distance, "history": len(apart), "usual": middle, "allowed": limits["warn"]}
    if level == "pass":
        return Finding(level=level, observed=said, message=message, numbers=figures)
    return Finding(
        level=level,
        observed=said,
        message=message,
        cause=TREND,
        evidence=evidence,
        what_to_do=_SHAPE_ADVICE,
        numbers=figures,
        plot=column,
    )


def _shape_refuse(arguments: Arguments) -> str:
    if arguments["fail_distance"] < arguments["warn_distance"]:
        return '"fail_distance" is less than "warn_distance".'
    return _refuse({**arguments, "direction": "both"})


SHAPE = Definition(
    type="expect_column_distribution_to_follow_history",
    doc="""A column's distribution is like that of earlier versions.

    Of numbers the Kolmogorov-Smirnov distance by 41 quantiles, of other values the total variation of the shares of the
    50 commonest, to the mean of the last versions. Warns beyond the median of the distances that those had to each other
    plus warn_k * 1.4826 * MAD, and never below warn_distance; fails likewise.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="warn_distance", kind="share", default=0.05),
        Argument(name="fail_distance", kind="share", default=0.10),
        *(one for one in _common(0.0) if one.name not in ("least_change", "direction")),
    ),
    needs=_shape_needs,
    judge=_shape,
    refuse=_shape_refuse,
)

TRENDS = (ROW_COUNT, NULL_SHARE, FIGURE, AGE, SHAPE)
