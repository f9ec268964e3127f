"""How often a check that judges by the past would have fired over the past itself: each version against those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from expectations.checks.trend import AGE, NULL_SHARE, ROW_COUNT, SHAPE
from expectations.past import Measured
from expectations.stats.sketch import OTHERS, quantiles_of, shares_of
from expectations.suite import Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How a check went over its past.

    Attributes:
        judged: versions with enough history before them.
        warned, failed: how many of these it would have warned of, and failed.
    """

    judged: int = 0
    warned: int = 0
    failed: int = 0


def replay(expectation: Expectation, past: Sequence[Measured]) -> Replay:
    """Returns how the check would have judged each version of its past by those before it."""
    definition = expectation.definition
    assert definition.judge is not None
    arguments = definition.complete(expectation.arguments)
    levels = []
    for place, now in enumerate(past):
        if place < arguments["min_history"] or (again := _measured_again(expectation, now)) is None:
            continue
        found = definition.judge(arguments, {**again, "past": past[:place], "asked_at": now.at})
        if "not enough history" not in found.observed:
            levels.append(found.level)
    return Replay(judged=len(levels), warned=levels.count("warn"), failed=levels.count("fail"))


def _measured_again(expectation: Expectation, now: Measured) -> dict[str, Any] | None:
    """Returns what the check's needs were at that version, from what its result kept; None where it kept too little."""
    numbers = now.numbers
    rows = numbers.get("rows", 1_000_000.0)
    if expectation.type == SHAPE.type:
        if (quantiles := quantiles_of(numbers)) is not None:
            return {"values": rows, "quantiles": quantiles}
        if (shares := shares_of(numbers)) is not None:
            commonest = [{"value": value, "n": share * rows} for value, share in shares.items() if value != OTHERS]
            return {"values": rows, "commonest": commonest}
        return None
    if "figure" not in numbers:
        return None
    figure = numbers["figure"]
    if expectation.type == ROW_COUNT.type:
        return {"rows": figure}
    if expectation.type == NULL_SHARE.type:
        return {"rows": rows, "missing": figure * rows}
    if expectation.type == AGE.type:
        return {"newest": 1e6 * (now.at.timestamp() - 3600 * figure)}
    return {"value": figure}
