"""How often each statistical check cries wolf on clean data: its own judge over draws of real shapes, without Spark.

The shapes: log-normal (sigma .25, .5, 1, 1.5), Weibull (.8, 1.5), exponential, a mixture of two log-normals. What a check
asks besides is drawn as a shop has it: users who differ, devices of unequal share, orders lost one by one. Prints, for each
check and number of rows, the share of draws at which it fails and at which it warns.

.venv/bin/python benchmarks/alarm_rates.py [--replicates 500] [--seed 1]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from expectations.checks import averages, distribution, evenness, groups, matching, pairs, ranking, slices, source
from expectations.definition import Definition, Finding
from expectations.diagnosis.where import Cell, Window, locate
from expectations.stats.cluster import BIN
from expectations.stats.shape import grid_of

Numbers = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Numbers]
ROWS = (100, 500, 1_000, 10_000)
DAY = 86_400.0
WINDOW_SECONDS = 90 * DAY
SHAPES: Mapping[str, Draw] = {
    "log-normal .25": lambda rng, n: np.exp(rng.normal(6, 0.25, n)),
    "log-normal .5": lambda rng, n: np.exp(rng.normal(6, 0.5, n)),
    "log-normal 1": lambda rng, n: np.exp(rng.normal(6, 1, n)),
    "log-normal 1.5": lambda rng, n: np.exp(rng.normal(6, 1.5, n)),
    "weibull .8": lambda rng, n: 600 * rng.weibull(0.8, n),
    "weibull 1.5": lambda rng, n: 600 * rng.weibull(1.5, n),
    "exponential": lambda rng, n: rng.exponential(600, n),
    "mixture": lambda rng, n: np.where(
        rng.random(n) < 0.3, np.exp(rng.normal(3.5, 0.6, n)), np.exp(rng.normal(6.5, 0.8, n))
    ),
}
SHARES = {  # of values that people choose
    "devices": (0.56, 0.36, 0.08),
    "payments": (0.42, 0.24, 0.14, 0.1, 0.06, 0.04),
    "hours": tuple(1 + 0.8 * math.sin(2 * math.pi * (hour - 9) / 24) for hour in range(24)),
}


def judge(definition: Definition, values: Mapping[str, Any], **arguments: Any) -> Finding:
    """Returns what a check says of values as its aggregates and queries would give them."""
    assert definition.judge is not None
    return definition.judge(definition.complete(arguments), values)


def of_shape(rng: np.random.Generator, x: Numbers) -> Iterator[tuple[str, str]]:
    """Yields check and level of everything that one column's values are asked."""
    outside = (x < 1) | (x > DAY)
    common = {"grid": grid_of(x), "rows": len(x)}
    scaled = {f"scaled {factor}": 0 for factor in distribution._UNITS}
    magnitude = {
        **common,
        **scaled,
        "outside": int(outside.sum()),
        "window_start": 0,
        "window_end": int(WINDOW_SECONDS * 1e6),
    }
    column = {"column": "duration_seconds"}
    yield "D3 magnitude", judge(distribution.MAGNITUDE, magnitude, **column).level
    yield "D4 dispersion", judge(distribution.DISPERSION, common, **column).level
    lattice = {**common, "distinct": len(np.unique(x))}
    yield "D5 lattice", judge(distribution.LATTICE, lattice, **column).level
    yield (
        "D5 lattice, whole seconds",
        judge(
            distribution.LATTICE,
            {**common, "grid": grid_of(np.ceil(x)), "distinct": len(np.unique(np.ceil(x)))},
            **column,
        ).level,
    )
    yield "D7 tail", judge(distribution.TAIL, common, **column).level


def of_two_samples(rng: np.random.Generator, x: Numbers, other: Numbers) -> Iterator[tuple[str, str]]:
    """Yields D2: a sample against another one of the same law."""
    values = {"grid": grid_of(x), "rows": len(x), "source_grid": grid_of(other), "source_rows": len(other)}
    yield "D2 two samples of one law", judge(source.AGREE, values, column="x_seconds", source="s").level


def of_users(rng: np.random.Generator, x: Numbers) -> Iterator[tuple[str, str]]:
    """Yields D8 and D9: sessions of users who differ by 3 % of the variance of ln x, about 12 sessions each."""
    users = max(len(x) // 12, 2)
    group = rng.integers(0, users, len(x))
    y = np.log(np.maximum(x, 1e-9))
    y = y + rng.normal(0, math.sqrt(0.03 / 0.97) * float(y.std()), users)[group]
    sizes = np.bincount(group, minlength=users).astype(float)
    sums = np.bincount(group, weights=y, minlength=users)
    kept = sizes > 0
    sizes, means = sizes[kept], sums[kept] / sizes[kept]
    layout = {
        "groups": len(sizes),
        "rows": len(x),
        "squares": float((sizes**2).sum()),
        "total": float(y.sum()),
        "means": float((sizes * means**2).sum()),
        "within": float((y**2).sum() - (sizes * means**2).sum()),
    }
    yield "D8 users alike (ICC .03)", judge(groups.ALIKE, {"layout": [layout]}, column="x").level
    variance = float(np.exp(y).var(ddof=1))
    averaged = np.bincount(group, weights=np.exp(y), minlength=users)[kept] / sizes
    values = {
        "rows": len(x),
        "variance": variance,
        "source_variance": variance,
        "sessions": len(x),
        "session_users": [{"n": len(sizes), "variance": float(averaged.var(ddof=1))}],
    }
    yield "D9 averaged", judge(averages.NOT_AVERAGED, values, column="x", sessions="s").level


def of_choices(rng: np.random.Generator, n: int) -> Iterator[tuple[str, str]]:
    """Yields D6, D12: values that people choose, in unequal shares."""
    for name, weights in SHARES.items():
        share = np.array(weights) / sum(weights)
        counts = np.sort(rng.multinomial(n, share))[::-1]
        listed = [{"value": str(i), "n": int(c)} for i, c in enumerate(counts) if c]
        yield "D6 too even", judge(evenness.TOO_EVEN, {"values": listed}, column=name).level
        found = [{"name": str(i), "n": float(c), "whole": None} for i, c in enumerate(counts)]
        yield "D12 ranking", judge(ranking.SIGNAL, {"groups": found}, groups=[name], count="count(*)").level


def of_pairs(rng: np.random.Generator, n: int) -> Iterator[tuple[str, str]]:
    """Yields D13: 1,000 pairs of which 5 % are bought together three times as often as chance makes them."""
    expected = np.full(1_000, n / 50)
    counts = rng.poisson(np.where(np.arange(1_000) < 50, 3, 1) * expected)
    order = np.argsort(-counts)[:200]
    listed = [{"pair": str(i), "n": int(counts[i]), "expected": float(expected[i])} for i in order if counts[i]]
    values = {"rows": 1_000, "pairs": listed, "tested": 10_000}
    asked = {"pair": ["a", "b"], "together": "n", "first": "a", "second": "b", "total": "t", "tested": "max(t)"}
    yield "D13 pairs (lift 3)", judge(pairs.BEYOND_CHANCE, values, **asked).level


def of_losses(rng: np.random.Generator, n: int) -> Iterator[tuple[str, str]]:
    """Yields D14: .2 % of the rows without a match, lost one by one, which is allowed."""
    moment = np.sort(rng.integers(0, 90 * 86_400, n)) * 1_000_000
    lost = rng.random(n) < 0.002
    bucket = np.minimum(moment * 1_000 // max(int(moment[-1]), 1), 999)
    found = moment[~lost]
    rows = []
    for number in np.unique(bucket):
        inside = bucket == number
        gone = moment[inside & lost]
        rows.append(
            {
                "bucket": int(number),
                "found": int((inside & ~lost).sum()),
                "lost": len(gone),
                "first_lost": int(gone.min()) if len(gone) else None,
                "last_lost": int(gone.max()) if len(gone) else None,
                "first_found": int(found[0]),
                "last_found": int(found[-1]),
                "late": int((gone > found[-1]).sum()),
                "early": int((gone < found[0]).sum()),
            }
        )
    level = judge(matching.MATCHED, {"buckets": rows}, matched="m", time="t", mostly=0.95).level
    yield "D14 random loss of .2 %", level


def of_slices(rng: np.random.Generator, x: Numbers) -> Iterator[tuple[str, str]]:
    """Yields D4 by slice, and the search for the slice of failing rows where 2 % fail anywhere."""
    n = len(x)
    device = rng.choice(["mobile", "desktop", "tablet"], n, p=[0.56, 0.36, 0.08])
    day = rng.integers(0, 60, n)
    bins = np.floor(np.log(np.maximum(x, 1e-9)) / BIN).astype(int)
    keys, counts = np.unique(
        np.column_stack([(device == "mobile") + 2 * (device == "tablet"), day, bins]), axis=0, return_counts=True
    )
    cells = [
        {
            "c": "device",
            "v": str(k[0]),
            "day": f"2025-{1 + k[1] // 30:02d}-{1 + k[1] % 30:02d}" if k[1] < 58 else "2025-03-01",
            "bin": int(k[2]),
            "n": int(c),
            "whole": False,
        }
        for k, c in zip(keys, counts, strict=True)
    ]
    found = judge(
        slices.CLUSTERED, {"rows": n, "cells": pa.Table.from_pylist(cells)}, column="x", slices=["device"], date="day"
    )
    yield "D4 by slice", found.level
    failing = rng.random(n) < 0.02
    located = []
    for name, values in (("", np.zeros(n, dtype=int)), ("device", (device == "mobile") + 2 * (device == "tablet"))):
        keys, number = np.unique(np.column_stack([values, day]), axis=0, return_inverse=True)
        rows, bad = np.bincount(number.ravel()), np.bincount(number.ravel(), weights=failing)
        located += [
            Cell(column=name, value="" if not name else str(k[0]), span=int(k[1]), rows=int(r), failing=(int(b),))
            for k, r, b in zip(keys, rows, bad, strict=True)
        ]
    from datetime import date

    window = Window(column="day", first=date(2025, 1, 1), last=date(2025, 3, 1))
    yield "slice of failing rows", "warn" if locate(located, 0, window) else "pass"


def rates(replicates: int, seed: int, sizes: Sequence[int] = ROWS) -> dict[str, dict[int, tuple[int, int, int]]]:
    """Returns check → rows → draws, fails, warns."""
    rng = np.random.default_rng(seed)
    counted: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))

    def add(n: int, told: Iterator[tuple[str, str]]) -> None:
        for check, level in told:
            one = counted[check][n]
            one[0] += 1
            one[1] += level == "fail"
            one[2] += level == "warn"

    for n in sizes:
        for replicate in range(replicates):
            for draw in SHAPES.values():
                x = draw(rng, n)
                add(n, of_shape(rng, x))
                add(n, of_two_samples(rng, x, draw(rng, n)))
                add(n, of_users(rng, x))
                if replicate < replicates // 10:
                    add(n, of_slices(rng, x))
            add(n, of_choices(rng, n))
            add(n, of_pairs(rng, n))
            add(n, of_losses(rng, n))
    return {check: {n: (one[0], one[1], one[2]) for n, one in by.items()} for check, by in counted.items()}


def shown(draws: int, fails: int, warns: int) -> str:
    """Returns a cell: the shares that fail and that warn."""
    return f"{_percent(fails, draws)} / {_percent(warns, draws)}"


def _percent(part: int, whole: int) -> str:
    return "0" if not part else f"{100 * part / whole:.2g} %"


def main() -> int:
    """Prints the table; exits 1 where a check failed in more than 1 of 1,000 draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    found = rates(options.replicates, options.seed)
    print(f"| check (fails / warns) | draws | {' | '.join(f'n = {n:,}' for n in ROWS)} |")
    print(f"|---|---|{'---|' * len(ROWS)}")
    for check in sorted(found, key=lambda name: (int(name[1:].split()[0]) if name[1].isdigit() else 99, name)):
        by = found[check]
        print(f"| {check} | {by[ROWS[0]][0]:,} | {' | '.join(shown(*by[n]) for n in ROWS)} |")
    print(
        f"\n{options.replicates} replicates of {len(SHAPES)} shapes, seed {options.seed}, {time.monotonic() - started:.0f} s"
    )
    return 1 if any(fails > draws / 1_000 for by in found.values() for draws, fails, _ in by.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
