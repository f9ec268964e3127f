"""Ratios of totals over rows such as days: average order value, and two populations compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.words import count, percent
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.definition import Definition
from runner.insights.finding import Finding, Row, Test, Verdict, amount, between, capital, interval, many, signed
from runner.insights.intervals import Interval, difference_of_ratios
from runner.insights.intervals import ratio as ratio_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

LEAST_ROWS = 10


def ratio(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns a ratio of two totals with its interval."""
    top, bottom = definition.column("top"), definition.column("bottom")
    table = columns.read(path, [top, bottom], definition.where)
    tops, bottoms = _both(table, top, bottom)
    found = ratio_of(tops, bottoms, confidence)

    def tell(_: Sequence[Verdict]) -> list[str]:
        return [
            f"{capital(definition.called)} was {amount(found.value, definition.unit)} "
            f"({interval(confidence)} {between(found, definition.unit)})."
        ]

    return Finding(
        size=f"{count(float(bottoms.sum()))} {definition.things} in {count(len(tops))} {many(definition.each or 'row')}",
        method=f"The sum of {top} over that of {bottom}. The interval is from how the ratio varies between "
        f"the {many(definition.each or 'row')} (linearised variance, Student's t), which are taken as independent.",
        tell=tell,
    )


def compare(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns two ratios and their difference."""
    first, second = definition.settings["first"], definition.settings["second"]
    names = [str(part[key]) for part in (first, second) for key in ("top", "bottom")]
    table = columns.read(path, names, definition.where)
    one, other = (_both(table, str(part["top"]), str(part["bottom"])) for part in (first, second))
    gap, probability = difference_of_ratios(one, other, confidence)
    values = [ratio_of(*pair, confidence) for pair in (one, other)]
    sizes = [float(pair[1].sum()) for pair in (one, other)]

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        return [
            _compared(definition, first, second, values, gap, verdicts[0], confidence),
            _sizes(definition, first, sizes),
        ]

    return Finding(
        size=f"{count(sum(sizes))} {definition.things} in {count(len(one[0]))} {many(definition.each or 'row')}",
        method=f"Each a ratio of sums; their difference {definition.each or 'row'} by "
        f"{definition.each or 'row'}, so that what moves both does not count (linearised variance, Student's t); "
        f"{many(definition.each or 'row')} are taken as independent. Intervals: {confidence * 100:g} %.",
        tell=tell,
        tests=(Test(f"t test of the difference over {len(one[0])} {many(definition.each or 'row')}", probability),),
        label="",
        columns=(definition.things, definition.called, "interval"),
        rows=tuple(
            Row(
                label=str(part["called"]),
                said=(count(size), amount(value.value, definition.unit), between(value, definition.unit)),
                value=value,
            )
            for part, size, value in zip((first, second), sizes, values, strict=True)
        ),
        is_drawn=True,
    )


def _compared(
    definition: Definition,
    first: Mapping[str, str],
    second: Mapping[str, str],
    values: Sequence[Interval],
    gap: Interval,
    verdict: Verdict,
    confidence: float,
) -> str:
    unit = definition.unit
    one, other = (amount(value.value, unit) for value in values)
    limits = f"{signed(gap.value, unit)}, {interval(confidence)} {between(gap, unit, sign=True)}; {verdict.said()}"
    if verdict.is_signal:
        word = "higher" if gap.value > 0 else "lower"
        share = abs(gap.value / values[1].value)
        return (
            f"{capital(definition.called)} is {word} for {first['called']} than for {second['called']}: {one} against "
            f"{other}, {percent(share)} {'more' if gap.value > 0 else 'less'} ({limits})."
        )
    return (
        f"{capital(definition.called)} is {one} for {first['called']} and {other} for {second['called']}; no difference can "
        f"be told apart from chance ({limits})."
    )


def _sizes(definition: Definition, first: Mapping[str, str], sizes: Sequence[float]) -> str:
    return (
        f"{capital(first['called'])} are {percent(sizes[0] / sum(sizes))} of {count(sum(sizes))} {definition.things}."
    )


def _both(table: pa.Table, top: str, bottom: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    tops, bottoms = np.nan_to_num(columns.numbers(table, top)), np.nan_to_num(columns.numbers(table, bottom))
    if len(tops) < LEAST_ROWS:
        raise Unanswerable(f"an interval needs {LEAST_ROWS} rows, and there are {len(tops)}.")
    if bottoms.sum() <= 0:
        raise Unanswerable(f'its column "{bottom}" adds up to nothing.')
    return tops, bottoms
