"""Values that nobody should read in a report: columns that are marked sensitive show none of theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from expectations.result import CheckResult, SuiteResult

MASK = "(not shown)"
_SHORTEST = 3  # characters: shorter values would blot out parts of other words


def masked(result: SuiteResult, columns: Collection[str]) -> SuiteResult:
    """Returns the result without any value of those columns: in failing rows, words, slices, plots and Data Docs.

    Counts, shares and causes stay. What Great Expectations shows of a check over such a column loses its examples.
    """
    if not columns:
        return result
    marked = frozenset(columns)
    return replace(
        result,
        results=tuple(_masked(one, marked) for one in result.results),
        gx_result=_without_examples(result.gx_result, marked),
    )


def _masked(one: CheckResult, marked: frozenset[str]) -> CheckResult:
    if one.status == "pass":
        return one
    hidden = {str(row[name]) for row in one.failing_rows for name in marked & row.keys() if row[name] is not None}
    asks = bool(marked & {column.split(".")[0] for column in one.expectation.columns})

    def clean(text: str) -> str:
        for value in sorted(hidden, key=len, reverse=True):
            if len(value) >= _SHORTEST:
                text = text.replace(value, MASK)
        return text

    evidence = tuple(clean(line) for line in one.evidence if not (asks and _names_values(line)))
    found = one.slice if one.slice is None or one.slice.column not in marked else replace(one.slice, value=MASK)
    return replace(
        one,
        message=clean(one.message),
        observed=clean(one.observed),
        evidence=(*evidence, "Examples are not shown: the column is marked sensitive.") if asks else evidence,
        failing_rows=tuple(
            {name: MASK if name in marked and value is not None else value for name, value in row.items()}
            for row in one.failing_rows
        ),
        slice=found,
        where=tuple(replace(part, value=MASK) if part.column in marked else part for part in one.where),
        plot=None if one.plot is not None and one.plot.column in marked else one.plot,
    )


def _names_values(line: str) -> bool:
    return line.startswith(("For example", "Most frequent"))


def _without_examples(gx_result: Any, marked: frozenset[str]) -> Any:
    """Takes the examples out of Great Expectations' own result, in place; returns it."""
    for one in getattr(gx_result, "results", ()):
        asked: Mapping[str, Any] = dict(getattr(one.expectation_config, "kwargs", {}) or {})
        named = [asked.get("column"), asked.get("column_A"), asked.get("column_B"), *(asked.get("column_list") or ())]
        if one.result and marked & {str(name).split(".")[0] for name in named if name}:
            for key in [key for key in one.result if key.startswith(("partial_unexpected", "unexpected_list"))]:
                one.result[key] = []
    return gx_result
