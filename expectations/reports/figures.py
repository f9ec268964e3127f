"""The one figure of a check that is followed over runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expectations.checks.trend import AGE, FIGURE, NULL_SHARE, ROW_COUNT, SHAPE
from expectations.result import CheckResult
from expectations.words import count, figure, unit_of

FAILING = "failing rows"
# How much was looked at, not what was found.
_SIZES = frozenset({"rows", "values", "sessions", "users", "n", "k", "window_seconds", "other_rows"})

# What the short names of the checks' figures mean.
_WORDS = {
    "r": "rows per session or user",
    "g": "rows per distinct user",
    "m": "median, as a share of the window",
    "v": "variance, times that of averages",
    "p": "p, the chance of it by chance",
    "qcd": "QCD, the spread of the middle half",
    "tail_ratio": "ratio of the tails",
    "ratio": "ratio to the other figure",
    "median_ratio": "median, times the other's",
    "ks_distance": "distance to the other distribution (0 to 1)",
    "entropy": "evenness of the segments (0 to 1)",
    "here": "the figure here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured number.

    Attributes:
        name: as the check's numbers name it, e.g. "qcd"; "failing rows".
    """

    name: str
    value: float

    @property
    def words(self) -> str:
        """What it is, for people."""
        return _WORDS.get(self.name, self.name.replace("_", " "))

    @property
    def shown(self) -> str:
        """It in words."""
        return count(self.value) if float(self.value).is_integer() else figure(self.value)


def figure_of(result: CheckResult) -> Figure | None:
    """Returns the number that says most of a check: how many rows fail, else the first ratio, else the first count."""
    if result.failing_count is not None:
        return Figure(name=FAILING, value=float(result.failing_count))
    numbers = {
        name: value
        for name, value in result.numbers.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }
    ratios = [name for name, value in numbers.items() if isinstance(value, float)]
    counts = [name for name in numbers if name not in _SIZES]
    name = next(iter([*ratios, *counts, *numbers]), None)
    return None if name is None else Figure(name=name, value=float(numbers[name]))


def title_of(result: CheckResult, found: Figure) -> str:
    """Returns what a check's figure is, with its unit, as an axis names it: "mean of duration_seconds (s)"."""
    column, unit = result.column, unit_of(result.column)
    titles = {
        ROW_COUNT.type: "rows",
        NULL_SHARE.type: f"share of {column} that is missing (0 to 1)",
        AGE.type: f"age of the newest {column} (hours)",
        SHAPE.type: f"distance of {column} to its past (0 to 1)",
        FIGURE.type: f"{result.expectation.arguments.get('statistic', 'mean')} of {column}{f' ({unit})' if unit else ''}",
    }
    return titles.get(result.type, found.words) if found.name == "figure" else found.words


def figure_then(name: str, failing_count: int | None, numbers: Mapping[str, Any]) -> float | None:
    """Returns what the same figure was in an earlier run; None where that run did not measure it."""
    value = failing_count if name == FAILING else numbers.get(name)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
