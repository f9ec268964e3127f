"""Small drawings of checks: marks run by run, and the figure that a check measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from expectations.reports import charts
from expectations.reports.figures import FAILING
from expectations.reports.values import Observation
from expectations.words import figure

if TYPE_CHECKING:
    from expectations.definition import Level

MARKS: Mapping[str, str] = {"pass": "●", "warn": "▲", "fail": "■"}  # shapes, so that colour is not all that tells
_AGE = "expect_newest_row_to_follow_history"  # its figure is in hours
WORDS: Mapping[str, str] = {"pass": "passed", "warn": "warned", "fail": "failed"}
_PREFERRED = ("figure", "observed")


def cell(found: tuple[Level, int, int] | None) -> Markup:
    """Returns a cell of the matrix: how a table stood in one run, as a shape and in words.

    Args:
        found: the worst result, how many checks fired, how many were judged; None where it was not judged.
    """
    if found is None:
        return Markup('<td class="mark none"><span class="unseen">not judged</span></td>')
    status, fired, judged = found
    words = f"{WORDS[status]}, {fired} of {judged}" if fired else f"{WORDS[status]}, {judged}"
    number = f"<small>{fired}</small>" if fired else ""
    return Markup(
        f'<td class="mark {status}" title="{words} checks"><span aria-hidden="true">{MARKS[status]}{number}</span>'
        f'<span class="unseen">{words} checks</span></td>'
    )


def marks(results: Sequence[Mapping[str, Any]]) -> Markup:
    """Returns a check's last results as shapes, oldest first, with their counts in words."""
    counts = {status: sum(row["status"] == status for row in results) for status in MARKS}
    spoken = ", ".join(f"{WORDS[status]} {number} times" for status, number in counts.items() if number)
    shapes = "".join(f'<i class="mark {row["status"]}">{MARKS[row["status"]]}</i>' for row in results)
    return Markup(f'<span class="marks" role="img" aria-label="{escape(spoken)}">{shapes}</span>')


def measured(results: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], float]]:
    """Returns the one number of a check that is followed from run to run, with the results that have it.

    It is the figure that the check names as its own, else how many rows fail, else the first number that changed.
    """
    if not results:
        return []
    numbers = results[-1]["numbers"] or {}
    name = next((one for one in _PREFERRED if one in numbers), None)
    if name is None and results[-1]["failing_count"] is not None:
        name = FAILING
    if name is None:
        name = next(
            (one for one in numbers if len({_value(row, one) for row in results}) > 1), next(iter(numbers), None)
        )
    if name is None:
        return []
    return [(row, value) for row in results if (value := _value(row, name)) is not None]


def _value(row: Mapping[str, Any], name: str) -> float | None:
    value = row["failing_count"] if name == FAILING else (row["numbers"] or {}).get(name)
    return None if value is None else float(value)


def chart(results: Sequence[Mapping[str, Any]], title: str) -> tuple[Markup, str] | None:
    """Returns what a check measured from run to run as a chart, and the same in a sentence; None for a figure that stood still."""
    found = measured(results)
    values = [value for _, value in found]
    if len(set(values)) < 2:
        return None
    points = [
        Observation(run_id=row["run_id"], at=row["run_at"], value=value, status=row["status"]) for row, value in found
    ]
    unit = ", in hours" if results[-1].get("expectation") == _AGE else ""
    spoken = (
        f"What {title} measured in the last {len(points)} runs{unit}: "
        f"between {figure(min(values))} and {figure(max(values))}, now {figure(values[-1])}."
    )
    return Markup(charts.trend(points, charts.NARROW, f"measured{unit}")), spoken  # its texts are escaped there
