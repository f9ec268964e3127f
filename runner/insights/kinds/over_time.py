"""Daily values: a straight course through them, and days of the week."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.words import count, percent
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.contrasts import WEEKS, Course, course
from runner.insights.definition import Definition
from runner.insights.finding import Finding, Row, Test, Verdict, amount, between, capital, interval, listed, signed
from runner.insights.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_DAYS = 14  # whole days that a course is fitted to
_EPOCH = datetime.date(1970, 1, 1)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def trend(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether daily values rise or fall, by a straight line."""
    days, values = _daily(definition, path)
    found = course(days, values, confidence=confidence)

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict, slope, mean = verdicts[0], found.per_week, found.mean
        size = abs(slope.value / mean.value) if mean.value else 0.0
        level = (
            f"{capital(definition.called)} was {amount(mean.value, definition.unit)} a day on average "
            f"({interval(confidence)} {between(mean, definition.unit)})."
        )
        limits = f"{interval(confidence)} {between(slope, definition.unit, sign=True)} a week"
        if verdict.is_signal:
            word = "rose" if slope.value > 0 else "fell"
            return [
                level,
                f"It {word} by {amount(abs(slope.value), definition.unit)} a week, {percent(size)} of the mean "
                f"({limits}; {verdict.said()}).",
            ]
        return [
            level,
            f"No rise or fall can be told apart from chance: the fitted change is {signed(slope.value, definition.unit)} a "
            f"week, {percent(size)} of the mean ({limits}; {verdict.said()}).",
        ]

    return Finding(
        size=f"{count(found.days)} whole days",
        method="A straight line by least squares" + _with_levels(found) + _correlated(found) + _ends(),
        tell=tell,
        tests=(Test(f"t test of the slope over {found.days} days", found.probability),),
        first=_date(days[0]),
        last=_date(days[-1]),
    )


def weekdays(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether days of the week differ."""
    days, values = _daily(definition, path)
    found = course(days, values, confidence=confidence)
    if not found.weekdays:
        raise Unanswerable(f"weekdays are compared over {WEEKS} full weeks or more, and there are {found.days} days.")
    if found.mean.value <= 0:
        raise Unanswerable("its values add up to nothing.")
    shares = [one.scaled(1 / found.mean.value) for one in found.weekdays]
    order = sorted(range(7), key=lambda day: -shares[day].value)

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict, first, last = verdicts[0], order[0], order[-1]
        what = f"{capital(definition.called)} a day"
        if not verdict.is_signal:
            return [
                f"No weekday can be told apart from the others, since {verdict.excused()}: {_WEEKDAYS[first]} is highest, {_off(shares[first])}, and "
                f"{_WEEKDAYS[last]} lowest, {_off(shares[last])} ({verdict.said()})."
            ]
        text = [
            f"{what} differs between weekdays ({verdict.said()}): {_WEEKDAYS[first]} is highest, {_off(shares[first])}, "
            f"and {_WEEKDAYS[last]} lowest, {_off(shares[last])}."
        ]
        clear = [_WEEKDAYS[day] for day in range(7) if shares[day].is_above_zero or shares[day].is_below_zero]
        text.append(
            f"By itself, {listed(clear)} {'is' if len(clear) == 1 else 'are'} off the mean by more than chance gives."
            if clear
            else "No single weekday is off the mean by more than chance gives; only all seven together are."
        )
        return text

    return Finding(
        size=f"{count(found.days)} whole days",
        method="Levels of the seven weekdays beside a straight line, by least squares; an F test that all are alike; "
        f"intervals that hold for all seven at once ({confidence * 100:g} %, Bonferroni)." + _ends(),
        tell=tell,
        tests=(Test(found.weekdays_statistic, found.weekdays_probability),),
        label="weekday",
        columns=("off the mean of all seven", "interval"),
        rows=tuple(
            Row(
                label=_WEEKDAYS[day],
                said=(signed(shares[day].value, "share"), between(shares[day], "share", sign=True)),
                value=shares[day],
            )
            for day in range(7)
        ),
        is_drawn=True,
        null=0.0,
        first=_date(days[0]),
        last=_date(days[-1]),
    )


def _daily(definition: Definition, path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the days and their values, ascending, each once, without the first and the last."""
    import numpy as np

    table = columns.read(path, [definition.column("date"), definition.column("value")], definition.where)
    found = columns.numbers(table, definition.column("value"))
    days, places = np.unique(columns.days(table, definition.column("date")), return_inverse=True)
    values = np.bincount(places, weights=np.nan_to_num(found), minlength=len(days))
    if len(days) - 2 < LEAST_DAYS:
        raise Unanswerable(f"a course needs {LEAST_DAYS} whole days, and there are {max(len(days) - 2, 0)}.")
    return days[1:-1], values[1:-1].astype(np.float64)


def _date(day: np.int64) -> datetime.date:
    return _EPOCH + datetime.timedelta(days=int(day))


def _off(value: Interval) -> str:
    side = "above" if value.value >= 0 else "below"
    return f"{percent(abs(value.value))} {side} the mean of the seven (interval {between(value, 'share', sign=True)})"


def _with_levels(found: Course) -> str:
    return ", with a level for each weekday." if found.weekdays else "."


def _correlated(found: Course) -> str:
    if found.autocorrelation <= 0:
        return f" What it leaves is not correlated from day to day (r = {found.autocorrelation:.2f}), so days count in full."
    return (
        f" What it leaves is correlated from day to day (r = {found.autocorrelation:.2f}): the interval is as wide as if "
        f"there were {found.days * (1 - found.autocorrelation) / (1 + found.autocorrelation):.0f} independent days."
    )


def _ends() -> str:
    return " The first and the last day are left out, since they may be parts of days."
