"""What a question comes to: figures, tests, and the sentences that follow from both."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from expectations.stats.rankings import Comparison
from expectations.words import duration, figure, percent
from runner.insights.intervals import Interval

MINUS = "\N{MINUS SIGN}"  # lines are not broken after it, as they are after a hyphen


@dataclass(frozen=True, slots=True)
class Test:
    """What was asked of chance.

    Attributes:
        statistic: in words, with its degrees of freedom.
        probability: of data as far from it, or farther, where there is nothing to find.
    """

    statistic: str
    probability: float

    @classmethod
    def of(cls, found: Comparison) -> Test:
        """Returns the test of a comparison of groups."""
        return cls(found.said(), found.probability)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test says once all of a report are known.

    Attributes:
        adjusted: the probability, with `questions` tests counted.
        limit: the probability below which chance is no explanation: 0.05.
    """

    test: Test
    adjusted: float
    questions: int = 1
    limit: float = 0.05

    @property
    def is_signal(self) -> bool:
        return self.adjusted < self.limit

    def excused(self) -> str:
        """Returns why differences are no finding: chance gives them, or gives one like them where many are looked at."""
        if self.test.probability < self.limit:
            return "with as many tests as this report makes, chance gives differences like these"
        return "differences like these are what chance gives"

    def said(self) -> str:
        """Returns the test in words: "chi-square 3.2 on 4 degrees of freedom, p = 0.52"."""
        alone, counted = probability(self.test.probability), probability(self.adjusted)
        if self.questions < 2 or self.test.probability >= 0.2:
            return f"{self.test.statistic}, p {alone}"
        all_tests = f"all {self.questions} tests of this report counted"
        if counted == alone:
            return f"{self.test.statistic}, p {alone} even with {all_tests}"
        but = "but " if self.test.probability < self.limit <= self.adjusted else ""
        return f"{self.test.statistic}, p {alone}, {but}{counted.removeprefix('= ')} with {all_tests}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table behind an insight.

    Attributes:
        value: with its interval, drawn where all rows have one.
        said: that in words, a cell for each column after the label.
    """

    label: str
    said: tuple[str, ...]
    value: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a question comes to.

    Attributes:
        size: how much data it rests on: "4,000 sessions of 383 users".
        method: what was computed, and how chance was allowed for.
        tell: makes the sentences from the verdicts on `tests`, in their order.
        first, last: the days that it is about, where the table says so.
        columns: heads of the table behind it, after the label's.
        is_drawn: whether the rows' values are drawn, all on one scale.
        null: where the drawn intervals would be if there was nothing to find; None for nowhere.
    """

    size: str
    method: str
    tell: Callable[[Sequence[Verdict]], Sequence[str]]
    tests: tuple[Test, ...] = ()
    first: datetime.date | None = None
    last: datetime.date | None = None
    label: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = field(default=())
    is_drawn: bool = False
    null: float | None = None


def interval(confidence: float) -> str:
    """Returns what an interval is called: "95 % interval"."""
    return f"{confidence * 100:g} % interval"


def probability(value: float) -> str:
    """Returns a probability as it follows "p": "= 0.031", "< 0.0001"."""
    if value < 0.0001:
        return "< 0.0001"
    if value > 0.99:
        return "> 0.99"
    return f"= {value:.2g}" if value < 0.1 else f"= {value:.2f}"


def amount(value: float, unit: str) -> str:
    """Returns a value with its unit: durations in the unit that a person would use, shares in percent."""
    if unit == "s":
        return duration(value).replace("-", MINUS)
    if unit == "share":
        return percent(value) if value >= 0 else f"{MINUS}{percent(-value)}"
    return f"{figure(value)} {unit}".rstrip().replace("-", MINUS)


def signed(value: float, unit: str = "") -> str:
    """Returns a change: +1.2, -0.3."""
    return f"{'+' if value > 0 else ''}{amount(value, unit)}"


def between(interval: Interval, unit: str = "", *, sign: bool = False) -> str:
    """Returns an interval's limits: "1.2 to 3.4"."""
    told = signed if sign else amount
    if math.isinf(interval.low) or math.isinf(interval.high):
        if math.isinf(interval.low) and math.isinf(interval.high):
            return "not known"
        return (
            f"up to {told(interval.high, unit)}" if math.isinf(interval.low) else f"from {told(interval.low, unit)} on"
        )
    if unit == "share":  # one sign of percent is enough, and both limits get as many digits
        plus = "+" if sign else ""
        return f"{interval.low * 100:{plus}.1f} to {interval.high * 100:{plus}.1f} %".replace("-", MINUS)
    return f"{told(interval.low, '' if unit != 's' else unit)} to {told(interval.high, unit)}"


def between_points(interval: Interval) -> str:
    """Returns the limits of a difference of shares: "-1.2 to +3.4"."""
    return f"{interval.low * 100:+.1f} to {interval.high * 100:+.1f}".replace("-", MINUS)


def points(value: float) -> str:
    """Returns a difference of shares: "+1.2 percentage points"."""
    return f"{value * 100:+.1f} percentage points".replace("-", MINUS)


def listed(words: Sequence[str], last: str = "and") -> str:
    """Returns words as a sentence lists them: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def capital(text: str) -> str:
    """Returns the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def plural(number: int, word: str) -> str:
    """Returns a count with its word: "1 table", "12 tables"."""
    return f"{number:,} {word if number == 1 else many(word)}"


def many(word: str) -> str:
    """Returns the plural of a regular noun, or of "analysis"."""
    if word.endswith("ysis"):
        return f"{word[:-2]}es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"
