"""The unit that a column's name promises fits its values: seconds are no milliseconds, shares no percentages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from expectations.causes import UNIT
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
from expectations.words import count, figure, percent

_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a name's ending promises.

    Attributes:
        endings: of names; the longest that fits counts.
        least, most: limits of each value; None for none.
        usual: the most that the median may be, in the unit; above it warns.
        impossible: the median that fails; more than a year for times.
        whole: values are whole numbers.
        looks_like: what values that break it are, for a reader.
        above_one: percentages of which none is above 1 are shares.
        strict: values outside the limits fail; else they warn.
    """

    name: str
    endings: tuple[str, ...]
    least: float | None = None
    most: float | None = None
    usual: float | None = None
    impossible: float | None = None
    whole: bool = False
    looks_like: str = ""
    above_one: bool = False
    strict: bool = True


_YEAR = 365 * 86_400.0
UNITS: tuple[Unit, ...] = (
    Unit(name="milliseconds", endings=("_ms", "_millis", "_milliseconds"), impossible=_YEAR * 1e3, usual=86_400e3,
         looks_like="microseconds, or a span of days"),
    Unit(name="seconds", endings=("_seconds", "_secs", "_sec"), impossible=_YEAR, usual=86_400.0,
         looks_like="milliseconds, or a span of days"),
    Unit(name="minutes", endings=("_minutes", "_mins"), impossible=_YEAR / 60, usual=7 * 1_440.0,
         looks_like="seconds"),
    Unit(name="hours", endings=("_hours",), impossible=10 * _YEAR / 3_600, usual=366 * 24.0, looks_like="minutes"),
    Unit(name="days", endings=("_days",), impossible=36_525.0, usual=3_653.0, looks_like="hours or minutes"),
    Unit(name="a share", endings=("_share", "_fraction"), least=0.0, most=1.0, looks_like="percent"),
    Unit(name="a rate", endings=("_rate", "_ratio"), least=0.0, most=1.0, looks_like="percent", strict=False),
    Unit(name="percent", endings=("_pct", "_percent", "_percentage"), above_one=True, most=100.0, strict=False,
         looks_like="shares"),
    Unit(name="cents", endings=("_cents",), whole=True, looks_like="whole money"),
    Unit(name="a count", endings=("_count", "_counts"), least=0.0, whole=True, looks_like="a mean or a sum"),
    Unit(name="bytes", endings=("_bytes",), least=0.0, whole=True, looks_like="kilobytes or megabytes"),
    Unit(name="a latitude", endings=("_latitude", "_lat"), least=-90.0, most=90.0, looks_like="a longitude"),
    Unit(name="a longitude", endings=("_longitude", "_lon", "_lng"), least=-180.0, most=180.0, looks_like="metres"),
    Unit(name="a year", endings=("_year",), least=1_900.0, most=2_200.0, whole=True, looks_like="an age or a date"),
)  # fmt: skip
# The unit of one name against the other's where both have one stem: `wait_seconds` and `wait_minutes`.
_SIZES: Mapping[str, float] = {
    "milliseconds": 0.001, "seconds": 1.0, "minutes": 60.0, "hours": 3_600.0, "days": 86_400.0,
    "a share": 1.0, "percent": 0.01,
}  # fmt: skip


def unit_named(column: str) -> tuple[Unit, str] | None:
    """Returns the unit that a column's name ends with, and the name without it; None where it ends with none."""
    fitting = [(len(end), unit, column[: -len(end)]) for unit in UNITS for end in unit.endings if column.endswith(end)]
    return max(fitting, key=lambda one: one[0])[1:] if fitting else None


def _columns(arguments: Arguments, columns: Mapping[str, str]) -> list[str]:
    ignored = set(arguments["ignore"] or [])
    named = arguments["columns"] or [name for name in columns if not name.startswith("_")]
    return [
        name
        for name in named
        if name not in ignored and unit_named(name) and columns.get(name, "").lower().startswith(_NUMERIC)
    ]


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    needs: dict[str, Need] = {}
    for name in _columns(arguments, table.columns):
        named = unit_named(name)
        assert named is not None
        unit, value = named[0], f"CAST({quoted(name)} AS DOUBLE)"
        calls = {
            "rows": f"count({value})",
            "median": f"percentile_approx({value}, 0.5D, 1000)",
            "most": f"max({value})",
        }
        limits = [f"{value} < {unit.least!r}"] if unit.least is not None else []
        limits += [f"{value} > {unit.most!r}"] if unit.most is not None else []
        if limits:
            calls["outside"] = f"count_if({' OR '.join(limits)})"
        if unit.whole:
            calls["broken"] = f"count_if({value} <> floor({value}))"
        needs |= {f"{what} {name}": Aggregate(call=call, where=table.where) for what, call in calls.items()}
    return needs


def _judge(arguments: Arguments, values: Values) -> Finding:
    columns = [name.removeprefix("median ") for name in values if name.startswith("median ")]
    told = [_one(arguments, values, name) for name in columns if values[f"rows {name}"] >= arguments["min_rows"]]
    told += _pairs(arguments, values, columns)
    level = worst([one[1] for one in told])
    numbers = {"columns": len(columns), "wrong": sorted({one[0] for one in told if one[1] != "pass"})}
    if level == "pass":
        said = f"The values of {count(len(columns))} columns fit the units in their names."
        return Finding(level="pass", observed=f"{count(len(columns))} fit", message=said, numbers=numbers)
    wrong = [one for one in told if one[1] == level] + [one for one in told if one[1] not in (level, "pass")]
    first = wrong[0][0]
    return Finding(
        level=level,
        observed=f"{len(numbers['wrong'])} of {len(columns)} columns do not fit",  # type: ignore[arg-type]
        message=wrong[0][2],
        cause=UNIT,
        evidence=tuple(one[2] for one in wrong),
        what_to_do=f'Convert {first} where it is read, or name its true unit; a column that is right goes under "ignore".',
        numbers=numbers,
        plot=first,
    )


def _one(arguments: Arguments, values: Values, column: str) -> tuple[str, Level, str]:
    """Returns the column, how it is judged, and why."""
    named = unit_named(column)
    assert named is not None
    unit, rows, median = named[0], values[f"rows {column}"], abs(float(values[f"median {column}"]))
    outside, broken = values.get(f"outside {column}", 0) / rows, values.get(f"broken {column}", 0) / rows
    so = f"{column} says {unit.name}, but"
    if unit.impossible is not None and median > unit.impossible:
        return column, "fail", f"{so} its median is {figure(median)}: as {unit.looks_like} it would be plausible."
    if unit.above_one and median > 0 and values[f"most {column}"] <= 1:
        return column, "fail", f"{so} none of {count(rows)} values is above 1: they look like {unit.looks_like}."
    for share, what in ((outside, _limits(unit)), (broken, "are no whole numbers")):
        if share > arguments["warn_share"]:
            level: Level = "fail" if share > arguments["fail_share"] and unit.strict else "warn"
            return (
                column,
                level,
                f"{so} {percent(share)} of {count(rows)} values {what}: they look like {unit.looks_like}.",
            )
    if unit.usual is not None and median > unit.usual:
        return column, "warn", f"{so} its median is {figure(median)}: perhaps {unit.looks_like}."
    return column, "pass", ""


def _limits(unit: Unit) -> str:
    if unit.least is None:
        return f"are above {figure(unit.most)}"
    return (
        f"are below {figure(unit.least)}"
        if unit.most is None
        else f"are not from {figure(unit.least)} to {figure(unit.most)}"
    )


def _pairs(arguments: Arguments, values: Values, columns: Sequence[str]) -> list[tuple[str, Level, str]]:
    """Returns what two columns of one stem say of each other."""
    stems: dict[str, list[tuple[str, float]]] = {}
    for column in columns:
        named = unit_named(column)
        if named and named[0].name in _SIZES and values[f"rows {column}"] >= arguments["min_rows"]:
            stems.setdefault(named[1], []).append((column, _SIZES[named[0].name]))
    told: list[tuple[str, Level, str]] = []
    for same in stems.values():
        for (one, size), (other, other_size) in pairwise(same):
            here, there = _median(values, one) * size, _median(values, other) * other_size
            if here > 0 and there > 0 and not 0.5 <= here / there <= 2:
                said = (
                    f"{one} and {other} have one stem, but the medians are {figure(here / there)} times each other's."
                )
                told.append((one, "fail", said))
    return told


def _median(values: Mapping[str, Any], column: str) -> float:
    return float(values[f"median {column}"] or 0)


FIT = Definition(
    type="expect_units_to_fit_names",
    check="unit",
    doc="""The unit in a column's name (_seconds, _ms, _minutes, _hours, _days, _share, _rate, _pct, _cents, _count, _bytes,
    _latitude, _longitude, _year) fits its values.

    Fails where the median of a time is above a year (10 years for hours, 100 for days), where more than fail_share (5 %)
    of shares lie outside 0 to 1, of counts, cents and bytes are no whole numbers, of coordinates and years are none,
    where no percentage is above 1, or where two columns of one stem (wait_seconds, wait_minutes) differ by more than
    twofold once converted. Warns from warn_share (.5 %) on, and where the median of a time is above a day (a week for
    minutes, a year for hours, ten for days); rates and percentages outside their limits only warn.""",
    arguments=(
        Argument(name="columns", kind="columns"),
        Argument(name="ignore", kind="columns"),
        Argument(name="fail_share", kind="share", default=0.05),
        Argument(name="warn_share", kind="share", default=0.005),
        Argument(name="min_rows", kind="integer", default=20),
    ),
    needs=_needs,
    judge=_judge,
)
