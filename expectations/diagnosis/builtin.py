"""Words for what Great Expectations' own expectations found: message, cause, figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.causes import (
    DUPLICATES,
    FIGURE,
    MISSING,
    OUTSIDE,
    PLACEHOLDER,
    UNKNOWN_VALUES,
    advice,
)
from expectations.definition import Finding
from expectations.suite import Expectation
from expectations.words import count, figure, percent


def describe(expectation: Expectation, result: Any) -> Finding:
    """Returns one of Great Expectations' results in words."""
    said: Mapping[str, Any] = result.result or {}
    passed = bool(result.success)
    wanted = _wanted(expectation)
    if "element_count" in said:
        return _rows(expectation, said, passed, wanted)
    value = said.get("observed_value")
    observed = _distinct(said) or _value(value)
    what = f" of {expectation.column}" if expectation.column else ""
    subject = expectation.type.removeprefix("expect_").removesuffix("_expectation").replace("_", " ")
    return Finding(
        level="pass" if passed else "fail",
        observed=observed,
        message=f"Found {observed}{what}; expected {subject}{wanted}.",
        cause="" if passed else FIGURE,
        evidence=() if passed else (f"Observed: {observed}.",),
        what_to_do="" if passed else advice(FIGURE),
        numbers={"observed": value} if isinstance(value, (int, float)) and not isinstance(value, bool) else {},
        plot="" if passed else expectation.column,
    )


def _distinct(said: Mapping[str, Any]) -> str:
    """Returns which distinct values are not expected and which are missing; empty where nobody asked for them."""
    lists = (("partial_unexpected_list", "besides"), ("partial_missing_list", "missing"))
    if not any(key in said for key, _ in lists):
        return ""
    return ", ".join(f"{_value(said[key])} {word}" for key, word in lists if said.get(key)) or "the expected values"


_ROW_WORDS = {
    "expect_column_values_to_not_be_null": "are null",
    "expect_column_values_to_be_null": "are not null",
    "expect_column_values_to_be_unique": "occur more than once",
    "expect_compound_columns_to_be_unique": "share their key with another row",
}
_ROW_CAUSES = {
    "expect_column_values_to_not_be_null": (
        MISSING,
        "Find where they are lost: a join without a match, or a field that the source does not fill.",
    ),
    "expect_column_values_to_be_unique": (
        DUPLICATES,
        "Look for rows landed twice, or a join that repeats rows; keep the newest row per key in staging.",
    ),
    "expect_compound_columns_to_be_unique": (
        DUPLICATES,
        "Look for rows landed twice, or a join that repeats rows; group by the whole key.",
    ),
    "expect_column_values_to_be_in_set": (
        UNKNOWN_VALUES,
        "Add the values to the accepted ones if they are right; map or mend them in staging if not.",
    ),
}
# What a time of 0, an empty date or "for ever" is read as.
_NO_DATES = frozenset({"1970-01-01", "1900-01-01", "1899-12-30", "0001-01-01", "9999-12-31"})


def _rows(expectation: Expectation, said: Mapping[str, Any], passed: bool, wanted: str) -> Finding:
    total, bad = int(said.get("element_count") or 0), int(said.get("unexpected_count") or 0)
    what = expectation.column or ", ".join(expectation.columns) or "the row"
    broken = _ROW_WORDS.get(expectation.type) or _broken(expectation) or f"break {_short(expectation.type)}{wanted}"
    share = bad / total if total else 0.0
    cause, advice = _ROW_CAUSES.get(
        expectation.type, (OUTSIDE, "Look at the failing rows; mend the SQL or the source.")
    )
    if not bad:
        return Finding(
            level="pass",
            observed="none unexpected",
            message=f"{count(total)} values of {what} are as expected.",
            numbers={"rows": total, "failing": 0},
        )
    sample = said.get("partial_unexpected_list") or []
    shown = ", ".join(_value(value) for value in list(dict.fromkeys(map(str, sample)))[:5])
    if cause == OUTSIDE and sample and all(str(value)[:10] in _NO_DATES for value in sample):
        cause, advice = PLACEHOLDER, "Turn the placeholder into null where the column is read."
    return Finding(
        level="pass" if passed else "fail",
        observed=f"{count(bad)} of {count(total)} ({percent(share)})",
        message=f"{count(bad)} of {count(total)} values of {what} ({percent(share)}) {broken}.",
        cause="" if passed else cause,
        evidence=(f"For example: {shown}.",) if shown and not passed and "null" not in expectation.type else (),
        what_to_do="" if passed else advice,
        numbers={"rows": total, "failing": bad},
        failing_count=bad,
        plot="" if passed or "unique" in expectation.type or "null" in expectation.type else expectation.column,
    )


def _broken(expectation: Expectation) -> str:
    """Returns what is wrong with the unexpected values of the commonest expectations, or an empty string."""
    given = expectation.arguments
    low, high = given.get("min_value"), given.get("max_value")
    if expectation.type in ("expect_column_values_to_be_between", "expect_column_value_lengths_to_be_between"):
        what = "have a length " if "lengths" in expectation.type else "are "
        if low is not None and high is not None:
            return f"{what}not between {_value(low)} and {_value(high)}"
        return f"{what}below {_value(low)}" if low is not None else f"{what}above {_value(high)}"
    words = {
        "expect_column_values_to_be_in_set": ("are none of", "value_set"),
        "expect_column_values_to_not_be_in_set": ("are among", "value_set"),
        "expect_column_values_to_match_regex": ("do not match", "regex"),
        "expect_column_values_to_not_match_regex": ("match", "regex"),
    }
    if expectation.type in words:
        said, key = words[expectation.type]
        return f"{said} {_value(given.get(key))}"
    if expectation.type == "expect_column_pair_values_a_to_be_greater_than_b":
        than = "at least" if given.get("or_equal") else "greater than"
        return f"are rows in which {given.get('column_A')} is not {than} {given.get('column_B')}"
    return ""


def _short(kind: str) -> str:
    for prefix in ("expect_column_values_to_", "expect_column_value_", "expect_column_pair_values_", "expect_"):
        if kind.startswith(prefix):
            return f'"{kind.removeprefix(prefix).replace("_", " ")}"'
    return f'"{kind.replace("_", " ")}"'


def _wanted(expectation: Expectation) -> str:
    """Returns the arguments in words: ` (min_value 1, max_value 86400)`."""
    shown = [
        f"{key} {_value(value)}"
        for key, value in expectation.arguments.items()
        if key not in ("column", "column_list", "column_A", "column_B")
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "nothing"
    if isinstance(value, (int, float)):
        return figure(float(value))
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_value(item) for item in value[:8])
        return shown + (", …" if len(value) > 8 else "")
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(item)}" for key, item in list(value.items())[:4])
    return str(value)[:120]
