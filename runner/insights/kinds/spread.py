"""How values are spread: where most of them lie, and how much the largest hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.words import count, percent
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.definition import Definition
from runner.insights.finding import Finding, Row, Verdict, amount, between, interval
from runner.insights.inequality import inequality
from runner.insights.intervals import quantile, share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS = 20
_POSITIONS = ((0.05, "5 % are at most"), (0.25, "a quarter are at most"), (0.5, "median"), (0.75, "three quarters are at most"), (0.95, "95 % are at most"))  # fmt: skip


def distribution(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns where values lie, in quantiles."""
    import numpy as np

    values, without = _values(definition, path)
    ordered, unit = np.sort(values), definition.unit
    found = [(name, quantile(ordered, position, confidence)) for position, name in _POSITIONS]
    fence = ordered[-1] + 1.0
    q1, q3 = found[1][1].value, found[3][1].value
    if q3 > q1:
        fence = q3 + 1.5 * (q3 - q1)
    beyond = int((ordered > fence).sum())

    def tell(_: Sequence[Verdict]) -> list[str]:
        median = found[2][1]
        text = [
            f"The median {definition.called} of {count(len(ordered))} {definition.things} is {amount(median.value, unit)} "
            f"({interval(confidence)} {between(median, unit)}); the middle half is between {amount(q1, unit)} and "
            f"{amount(q3, unit)}, nine in ten between {amount(found[0][1].value, unit)} and {amount(found[4][1].value, unit)}.",
            f"The largest is {amount(float(ordered[-1]), unit)}; "
            + (
                f"{count(beyond)} ({percent(beyond / len(ordered))}) {'is' if beyond == 1 else 'are'} above {amount(fence, unit)}, where Tukey's rule "
                "begins to call values outliers."
                if beyond
                else "none is an outlier by Tukey's rule."
            ),
        ]
        for key, sign in (("below", -1), ("above", 1)):
            if key in definition.settings:
                limit = float(definition.settings[key])
                number = int((sign * ordered > sign * limit).sum())
                part = share(number, len(ordered), confidence)
                text.append(
                    f"{count(number)} of {count(len(ordered))} {'is' if number == 1 else 'are'} {key} {amount(limit, unit)}, {amount(part.value, 'share')}."
                )
        if without:
            text.append(f"{count(without)} {definition.things} have no value and are not counted.")
        return text

    return Finding(
        size=f"{count(len(ordered))} {definition.things}",
        method=f"Quantiles with order statistics as {confidence * 100:g} % limits, which hold for any distribution: they say "
        f"what other {definition.things} like these would give.",
        tell=tell,
        label="quantile",
        columns=(definition.called, "interval"),
        rows=tuple(
            Row(label=name, said=(amount(value.value, unit), between(value, unit)), value=value)
            for name, value in found
        ),
    )


def concentration(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns how much of a total the largest holders have."""
    values, _ = _values(definition, path)
    if (values < 0).any():
        raise Unanswerable("some of its values are negative, and parts of a total are not.")
    if values.sum() <= 0:
        raise Unanswerable("its values add up to nothing.")
    part = float(definition.settings.get("part", 0.1))
    found = inequality(values, part=part, confidence=confidence)

    def tell(_: Sequence[Verdict]) -> list[str]:
        equal = found.largest / found.holders
        text = [
            f"The {count(found.largest)} {definition.things} with the most ({percent(equal)} of {count(found.holders)}) hold "
            f"{amount(found.top.value, 'share')} of {definition.called} ({interval(confidence)} "
            f"{between(found.top, 'share')}), {found.top.value / equal:.1f} times an equal part.",
            f"Gini's index is {found.gini.value:.2f} (interval {found.gini.low:.2f} to {found.gini.high:.2f}; 0 is all alike, "
            "1 is one who has all).",
        ]
        if found.without:
            share_of = percent(found.without / found.holders)
            text.append(f"{count(found.without)} ({share_of}) have none.")
        return text

    return Finding(
        size=f"{count(found.holders)} {definition.things}",
        method=f"Intervals from {definition.things} drawn again at random (bootstrap, a fixed seed): they say what other "
        f"{definition.things} like these would give. The largest are found by the same values that are added up, so chance is in it.",
        tell=tell,
    )


def _values(definition: Definition, path: Path) -> tuple[NDArray[np.float64], int]:
    """Returns the values that are known, and how many rows have none."""
    import numpy as np

    table = columns.read(path, [definition.column("value")], definition.where)
    found = columns.numbers(table, definition.column("value"))
    known = found[~np.isnan(found)]
    if len(known) < LEAST_ROWS:
        raise Unanswerable(f"a distribution needs {LEAST_ROWS} values, and there are {len(known)}.")
    return known, len(found) - len(known)
