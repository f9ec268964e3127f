"""How often expect_table_row_count_to_follow_history cries wolf, and how often it finds a drop: simulated series, real check.

Each series is judged on its last day by its days before, with the check's own defaults. Days are of one shop: a flat series,
a weekly pattern (quiet weekends), growth of 1 % or .5 % a day, a table that only grows by such days, days that are wild by
themselves, the same figure each day; log-normal noise of 3 % and 8 %. Then the same last day with 20 % and 50 % of its rows
gone. Pure Python, no Spark: python benchmarks/trend_alarms.py [series per line, 1000]
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from expectations.checks.trend import ROW_COUNT
from expectations.definition import Level
from expectations.past import Measured

START = datetime(2026, 1, 5, 3, tzinfo=UTC)  # a Monday
WEEK = (1.00, 1.02, 0.98, 1.05, 1.20, 0.75, 0.60)
ROWS = 10_000
LENGTHS = (8, 14, 28, 56)
NOISES = (0.03, 0.08)
KINDS: dict[str, Callable[[int, float, random.Random], float]] = {
    "constant": lambda day, noise, draw: ROWS,
    "flat": lambda day, noise, draw: ROWS * _noise(noise, draw),
    "weekly": lambda day, noise, draw: ROWS * WEEK[day % 7] * _noise(noise, draw),
    "growing 1 % a day": lambda day, noise, draw: ROWS * 1.01**day * _noise(noise, draw),
    "weekly, growing .5 % a day": lambda day, noise, draw: ROWS * WEEK[day % 7] * 1.005**day * _noise(noise, draw),
    "a table that only grows": lambda day, noise, draw: ROWS * WEEK[day % 7] * _noise(noise, draw),  # summed up below
    "one day in 15 wild": lambda day, noise, draw: ROWS * _noise(noise, draw) * _wild(draw),
}
GROWS = "a table that only grows"
WILD = "one day in 15 wild"


def _noise(noise: float, draw: random.Random) -> float:
    return math.exp(draw.gauss(0, noise))


def _wild(draw: random.Random) -> float:
    return draw.choice((0.3, 2.0)) if draw.random() < 1 / 15 else 1.0


def series(kind: str, days: int, noise: float, draw: random.Random) -> list[float]:
    """Returns the rows of a table on each day, one more than `days`: the last is the one that is judged."""
    figures = [KINDS[kind](day, noise, draw) for day in range(days + 1)]
    if kind == WILD:  # the day that is judged is none of the wild ones: those are what should be found
        figures[-1] = ROWS * _noise(noise, draw)
    if kind == GROWS:
        total = 30.0 * ROWS
        for place, figure in enumerate(figures):
            figures[place] = total = total + figure
    return figures


def judged(figures: list[float], *, dropped: float) -> Level:
    """Returns what the check says of the last day when a share of its own rows is gone."""
    base = figures[-2] if _only_grows(figures) else 0.0
    last = base + (figures[-1] - base) * (1 - dropped)
    past = [
        Measured(at=START + timedelta(days=day), version=day, numbers={"figure": float(round(figure))})
        for day, figure in enumerate(figures[:-1])
    ]
    at = START + timedelta(days=len(past))
    assert ROW_COUNT.judge is not None
    return ROW_COUNT.judge(ROW_COUNT.complete({}), {"rows": round(last), "past": past, "asked_at": at}).level


def _only_grows(figures: list[float]) -> bool:
    return figures[0] > 20 * ROWS


def line(kind: str, days: int, noise: float, count: int) -> tuple[float, ...]:
    """Returns, in percent of the series: warnings or worse and failures without a drop, then with 20 %, then with 50 %."""
    draw = random.Random(f"{kind} {days} {noise}")
    drawn = [series(kind, days, noise, draw) for _ in range(count)]
    found: list[float] = []
    for dropped in (0.0, 0.2, 0.5):
        levels = [judged(figures, dropped=dropped) for figures in drawn]
        found += [100 * sum(level != "pass" for level in levels) / count, 100 * levels.count("fail") / count]
    return tuple(found)


def main(count: int) -> None:
    """Prints a table in Markdown."""
    started = time.monotonic()
    print(f"{count} series a line; in percent of them: a warning or worse / a failure.\n")
    print(
        "| days of history | noise | series | nothing wrong | 20 % dropped | 50 % dropped |\n|---|---|---|---|---|---|"
    )
    totals: dict[tuple[int, float], list[tuple[float, ...]]] = {}
    for days in LENGTHS:
        for noise in NOISES:
            for kind in KINDS:
                found = line(kind, days, noise, count)
                totals.setdefault((days, noise), []).append(found)
                print(_row(f"{days}", f"{noise:.0%}", kind, found))
    for (days, noise), lines in totals.items():
        means = tuple(sum(column) / len(lines) for column in zip(*lines, strict=True))
        print(_row(f"**{days}**", f"**{noise:.0%}**", "**all**", means))
    print(f"\n{time.monotonic() - started:.0f} s")


def _row(days: str, noise: str, kind: str, found: tuple[float, ...]) -> str:
    cells = [f"{found[place]:.1f} / {found[place + 1]:.1f}" for place in (0, 2, 4)]
    return f"| {' | '.join([days, noise, kind, *cells])} |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
