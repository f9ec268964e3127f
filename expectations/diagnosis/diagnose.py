"""From "outside its limits" to a cause: what the numbers of a flagged check can still tell, asked once it is flagged.

`questions` says what to compute about the rows that a check found wrong, `answer` reads it. Both are pure; a unit, a
sign, a placeholder, a spelling, records landed twice are told apart by counts alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from expectations.causes import (
    DEAD,
    DUPLICATES,
    LANDED_TWICE,
    MISSING,
    MISSING_IN_SLICE,
    NO_ROWS,
    OUTSIDE,
    PLACEHOLDER,
    SIGN,
    SPELLING,
    UNIT,
    UNKNOWN_VALUES,
    VERSIONS,
    advice,
)
from expectations.definition import Aggregate, Need, Query, escape, literal, quoted
from expectations.result import CheckResult
from expectations.words import count, figure, measured, percent

# How far a value is off where its unit is another one: what it must be multiplied by, and what that betrays.
FACTORS: Mapping[float, str] = {
    1 / 1_000: "thousandths (milliseconds for seconds)",
    1_000.0: "thousands (seconds for milliseconds)",
    1 / 60: "sixtieths (seconds for minutes)",
    60.0: "sixties (minutes for seconds)",
    1 / 100: "hundredths (cents for whole money, percent for shares)",
    100.0: "hundreds (whole money for cents, shares for percent)",
    1 / 3_600: "3,600ths (seconds for hours)",
    3_600.0: "3,600s (hours for seconds)",
    1 / 1_000_000: "millionths (microseconds for seconds)",
}
_NEARLY_ALL = 0.9
_ALIKE = 2.0  # a unit is believed where it brings the median within this factor of the other rows'
_NUMERIC = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
_PLACEHOLDERS = frozenset({0.0, -1.0, 99.0, -99.0, 999.0, -999.0, 9_999.0, -9_999.0, 99_999.0, 999_999.0, 9_999_999.0})
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
_AGGREGATES = (
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_sum_to_be_between",
)


def questions(result: CheckResult, columns: Mapping[str, str]) -> dict[str, Need]:
    """Returns what to compute about a flagged check, by name; empty where nothing more can be told."""
    one, given = result.expectation, result.expectation.arguments
    kind = columns.get(one.column, "").lower()
    if result.type == "expect_column_values_to_be_between" and kind.startswith(_NUMERIC) and result.failing:
        return _of_limits(result, given)
    if result.type in _UNIQUE:
        return _of_keys(one.columns, columns, one.where)
    if result.type == "expect_column_values_to_be_in_set" and kind == "string" and result.failing:
        known = ", ".join(literal(str(value).strip().lower()) for value in given.get("value_set") or ())
        alike = f"lower(trim({quoted(one.column)})) IN ({known})" if known else "FALSE"
        return _of_texts(result, alike)
    if result.type == "expect_column_values_to_match_regex" and kind == "string" and result.failing:
        text = f"trim({quoted(one.column)})"
        pattern = literal(given["regex"])
        return _of_texts(
            result, f"{text} RLIKE {pattern} OR lower({text}) RLIKE {pattern} OR upper({text}) RLIKE {pattern}"
        )
    return {}


def _of_limits(result: CheckResult, given: Mapping[str, Any]) -> dict[str, Need]:
    value = f"CAST({quoted(result.column)} AS DOUBLE)"
    wrong, low, high = result.failing, given.get("min_value"), given.get("max_value")

    def inside(sql: str) -> str:
        parts = [f"{sql} >= {float(low)!r}"] if isinstance(low, (int, float)) else []
        parts += [f"{sql} <= {float(high)!r}"] if isinstance(high, (int, float)) else []
        return " AND ".join(parts) or "FALSE"

    needs: dict[str, Need] = {
        "wrong": Aggregate(call="count(*)", where=wrong),
        "median wrong": Aggregate(call=f"percentile_approx({value}, 0.5D, 1000)", where=wrong),
        # Zeros say nothing of a unit, and of carts and discounts most are.
        "median right": Aggregate(
            call=f"percentile_approx({value}, 0.5D, 1000)", where=f"NOT coalesce(({wrong}), TRUE) AND {value} > 0"
        ),
        "signs": Aggregate(call=f"count_if({value} < 0 AND {inside(f'-{value}')})", where=wrong),
        "commonest": Query(
            sql=f"SELECT {escape(value)} AS value, count(*) AS n FROM {{this}} WHERE {escape(wrong)} "
            "GROUP BY 1 ORDER BY n DESC, value LIMIT 1",
            is_small=True,
        ),
    }
    for number, factor in enumerate(FACTORS):
        needs[f"factor {number}"] = Aggregate(call=f"count_if({inside(f'{value} * {factor!r}D')})", where=wrong)
    return needs


def _of_texts(result: CheckResult, alike: str) -> dict[str, Need]:
    return {
        "wrong": Aggregate(call="count(*)", where=result.failing),
        "alike": Aggregate(call=f"count_if({alike})", where=result.failing),
        "empty": Aggregate(call=f"count_if(trim({quoted(result.column)}) = '')", where=result.failing),
    }


def _of_keys(keys: tuple[str, ...], columns: Mapping[str, str], where: str) -> dict[str, Need]:
    names = [escape(quoted(key)) for key in keys]
    rest = [escape(quoted(name)) for name in columns if name not in keys and not name.startswith("_")]
    payload = f"xxhash64(to_json(struct({', '.join(rest)})))" if rest else "0"
    empty = " AND ".join(f"trim(CAST({name} AS STRING)) = ''" for name in names)
    kept = " AND ".join(f"{name} IS NOT NULL" for name in names)
    groups = (
        f"SELECT count(*) AS n, count(DISTINCT {payload}) AS kinds, first({empty}) AS empty FROM {{this}} "
        f"WHERE {kept} GROUP BY {', '.join(names)} HAVING count(*) > 1"
    )
    return {
        "keys": Query(
            sql="SELECT count(*) AS `keys`, coalesce(sum(n), 0) AS `rows`, count_if(kinds = 1) AS same, "
            f"count_if(n = 2) AS twice, coalesce(sum(if(empty, n, 0)), 0) AS empty FROM ({groups})",
            where=where,
            is_small=True,
        )
    }


def answer(result: CheckResult, values: Mapping[str, Any]) -> CheckResult:
    """Returns the check with the cause that the values tell, or as it was where they tell none."""
    if "keys" in values:
        return _duplicates(result, values["keys"][0])
    if "alike" in values:
        return _texts(result, values)
    if "signs" in values:
        return _limits(result, values)
    return result


def _named(result: CheckResult, cause: str, evidence: str, what_to_do: str = "") -> CheckResult:
    return replace(result, cause=cause, evidence=(evidence, *result.evidence), what_to_do=what_to_do or advice(cause))


def _duplicates(result: CheckResult, found: Mapping[str, Any]) -> CheckResult:
    keys, rows, same = int(found["keys"]), int(found["rows"]), int(found["same"])
    if not keys:
        return result
    if found["empty"] >= _NEARLY_ALL * rows:
        said = f"{count(found['empty'])} of {count(rows)} rows with a repeated key have an empty text as key."
        return _named(result, PLACEHOLDER, said, "Turn empty keys into null, and find why the source writes them.")
    if same >= _NEARLY_ALL * keys:
        twice = " Each is there exactly twice." if found["twice"] == keys else ""
        said = f"{count(same)} of {count(keys)} repeated keys have rows that are the same in all columns.{twice}"
        return _named(result, LANDED_TWICE, said)
    if same <= (1 - _NEARLY_ALL) * keys:
        said = f"{count(keys - same)} of {count(keys)} repeated keys have rows that differ in other columns."
        return _named(result, VERSIONS, said)
    said = f"Rows of {count(same)} repeated keys are the same in all columns; those of {count(keys - same)} differ."
    return _named(result, DUPLICATES, said)


def _texts(result: CheckResult, values: Mapping[str, Any]) -> CheckResult:
    wrong = int(values["wrong"])
    if wrong and values["alike"] >= _NEARLY_ALL * wrong:
        said = f"{count(values['alike'])} of {count(wrong)} unknown values are known ones but for capitals and blanks."
        return _named(result, SPELLING, said)
    if wrong and values["empty"] >= _NEARLY_ALL * wrong:
        return _named(
            result, PLACEHOLDER, f"{count(values['empty'])} of {count(wrong)} unknown values are empty texts."
        )
    return replace(result, cause=UNKNOWN_VALUES) if result.cause == OUTSIDE else result


def _limits(result: CheckResult, values: Mapping[str, Any]) -> CheckResult:
    wrong = int(values["wrong"])
    if not wrong:
        return result
    column = result.column
    top: Mapping[str, Any] = values["commonest"][0] if values["commonest"] else {"value": None, "n": 0}
    if top["value"] in _PLACEHOLDERS and top["n"] >= _NEARLY_ALL * wrong and top["n"] >= 2:
        said = f"{count(top['n'])} of {count(wrong)} wrong values of {column} are {figure(top['value'])}."
        return _named(result, PLACEHOLDER, said)
    if values["signs"] >= _NEARLY_ALL * wrong:
        said = f"{count(values['signs'])} of {count(wrong)} wrong values of {column} are negative, and right without the sign."
        return _named(result, SIGN, said)
    if unit := _unit(values, wrong):
        factor, share = unit
        said = (
            f"Multiplied by {figure(factor) if factor >= 1 else f'1/{figure(1 / factor)}'}, {percent(share)} of the "
            f"{count(wrong)} wrong values of {column} are within the limits: they are {FACTORS[factor]}."
        )
        if values["median right"] is not None:
            said += (
                f" Their median is {measured(values['median wrong'], column)}; that of the others, zeros left out, "
                f"{measured(values['median right'], column)}."
            )
        return _named(result, UNIT, said)
    return result


def _unit(values: Mapping[str, Any], wrong: int) -> tuple[float, float] | None:
    """Returns the factor that brings the wrong values into their limits and to the others' median, and how many."""
    bad, good = values["median wrong"], values["median right"]
    best: tuple[float, float, float] | None = None
    for number, factor in enumerate(FACTORS):
        share = values[f"factor {number}"] / wrong
        if share < _NEARLY_ALL or not bad or bad < 0:
            continue
        apart = abs(math.log(bad * factor / good)) if good and good > 0 else 0.0
        if apart <= math.log(_ALIKE) and (best is None or apart < best[0]):
            best = (apart, factor, share)
    return (best[1], best[2]) if best else None


def at_once(result: CheckResult, rows: int | None) -> CheckResult:
    """Returns a check with the cause that its own figures tell without asking the data again."""
    given = result.expectation.arguments
    if rows == 0 and result.failing_count is None and result.cause:
        if result.type in ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"):
            return replace(result, cause=NO_ROWS, what_to_do=advice(NO_ROWS), evidence=("The table has no rows.",))
        return result
    if result.cause == MISSING and rows and (result.failing_count or 0) >= 0.99 * rows:
        return replace(result, cause=DEAD, what_to_do=advice(DEAD))
    if result.type in _AGGREGATES and (value := result.numbers.get("observed")) is not None:
        low, high = given.get("min_value"), given.get("max_value")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > 0 and value > 0:
            return _scaled(result, float(value), float(low), float(high))
    return result


def _scaled(result: CheckResult, value: float, low: float, high: float) -> CheckResult:
    """Returns the check with another unit as its cause where one factor, and only one, brings the figure into limits."""
    fitting = [factor for factor in FACTORS if low <= value * factor <= high]
    if len(fitting) != 1:
        return result
    factor = fitting[0]
    shown = figure(factor) if factor >= 1 else f"1/{figure(1 / factor)}"
    said = f"{figure(value)} times {shown} is {figure(value * factor)}, within the limits: the values are {FACTORS[factor]}."
    return _named(result, UNIT, said)


def located(result: CheckResult) -> CheckResult:
    """Returns a check whose slices are known with the cause and the evidence that they add."""
    here = result.slice
    if here is None or here.share is None or here.failing is None:
        return result
    said = (
        f"{percent(here.share)} of the failing rows lie in {here}, where {percent(here.failing / here.rows)} of "
        f"{count(here.rows)} rows fail."
    )
    found = replace(result, evidence=(*result.evidence, said))
    if result.cause == MISSING and here.failing >= 0.5 * here.rows:
        return replace(found, cause=MISSING_IN_SLICE, what_to_do=f"Ask what changed in {here}: {_ASK}")
    return found


_ASK = "a release, another field name, a failed load."
