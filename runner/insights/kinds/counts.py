"""Counts of many: whether a ranking by them says more than chance, and whether pairs occur together by more than it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.words import count, figure, percent
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.contrasts import dispersion, repeated
from runner.insights.definition import Definition
from runner.insights.finding import Finding, Row, Test, Verdict, interval, probability
from runner.insights.intervals import greatest_of_equal

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_HOLDERS = 10
SHOWN = 10  # rows of the table behind a ranking


def ranking(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether the order of counts is more than chance gives holders that are all alike."""
    import numpy as np

    label, number = definition.column("label"), definition.column("count")
    table = columns.read(path, [label, number], definition.where)
    counts = np.nan_to_num(columns.numbers(table, number))
    if len(counts) < LEAST_HOLDERS or counts.sum() <= 0:
        raise Unanswerable(f"a ranking needs {LEAST_HOLDERS} {definition.each}s with {definition.things}.")
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise Unanswerable(f'its column "{number}" holds more than counts, and only counts have a known law of chance.')
    found, first = dispersion(counts), min(int(definition.settings.get("first", 10)), len(counts) // 2)
    again = repeated(counts, first, confidence=confidence)
    low, high = greatest_of_equal(found.holders, found.mean, confidence)
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    labels = table.column(label).take(order).to_pylist()
    leader, most = str(labels[0]), float(counts[order[0]])

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict = verdicts[0]
        mean = f"{count(float(counts.sum()))} {definition.things} fall on {count(found.holders)} {definition.each}s, {figure(found.mean)} each on average."
        luck = f"of {count(found.holders)} equal {definition.each}s, the luckiest would have {low} to {high}"
        kept = (
            f"Of the first {first}, about {again.value:.0f} ({interval(confidence)} {again.low:.0f} to {again.high:.0f}) "
            "would be among them again in another period as long"
        )
        if not verdict.is_signal:
            return [
                mean,
                f"The ranking carries no signal: the counts differ no more than chance gives {definition.each}s that are all "
                f"alike (variance over mean {found.index:.2f}, where chance gives 1; {verdict.said()}).",
                f"{leader} leads with {count(most)}; {luck}. By lot alone, {figure(first**2 / found.holders)} of the first {first} "
                "would be among them again in another period.",
            ]
        return [
            mean,
            f"The ranking carries signal: the counts vary {found.index:.1f} times as much as those of {definition.each}s that "
            f"are all alike ({verdict.said()}); {percent(found.real)} of their variance is difference between "
            f"{definition.each}s and the rest chance.",
            f"{leader} leads with {count(most)}; {luck}. {kept}.",
        ]

    return Finding(
        size=f"{count(float(counts.sum()))} {definition.things} on {count(found.holders)} {definition.each}s",
        method=f"Fisher's index of dispersion against equal Poisson counts; {definition.things} are taken as independent. What "
        "another period would give is simulated from the counts (negative binomial, a fixed seed).",
        tell=tell,
        tests=(Test(found.statistic, found.probability),),
        label=definition.each,
        columns=("rank", definition.things),
        rows=tuple(
            Row(label=str(name), said=(str(rank), count(float(counts[place]))))
            for rank, (name, place) in enumerate(zip(labels, order, strict=True), start=1)
        ),
    )


def pairs(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether pairs occur together more often than chance gives."""
    import numpy as np

    from expectations.chance import poisson_tail

    names = [definition.column(key) for key in ("first", "second", "count", "expected")]
    extra = [str(definition.settings[key]) for key in ("low", "high", "adjusted") if key in definition.settings]
    table = columns.read(path, [*names, *extra], definition.where)
    if not len(table):
        raise Unanswerable("no pair occurs often enough to be judged.")
    counts, expected = columns.numbers(table, names[2]), columns.numbers(table, names[3])
    alone = [poisson_tail(float(n), float(e)) for n, e in zip(counts, expected, strict=True)]
    if "adjusted" in definition.settings:
        adjusted = columns.numbers(table, str(definition.settings["adjusted"]))
        by = "the table's own adjusted probabilities, which count every pair that could have been seen"
    else:
        adjusted = np.minimum(1.0, np.asarray(alone) * len(alone))
        by = f"Bonferroni over the {count(len(alone))} pairs of the table"
    best = min(range(len(alone)), key=lambda place: (adjusted[place], alone[place]))
    ones, others = columns.texts(table, names[0]), columns.texts(table, names[1])
    limits = _limits(definition, table)
    beyond = int((adjusted < 1 - confidence).sum())

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict = verdicts[0]
        pair = f"{ones[best]} with {others[best]}"
        told = (
            f"{count(counts[best])} {definition.things} where chance gives {figure(float(expected[best]))}, lift "
            f"{figure(float(counts[best] / expected[best]))}{limits(best)}"
        )
        if verdict.is_signal:
            return [
                f"Of {count(len(alone))} pairs, {count(beyond)} occur{'s' if beyond == 1 else ''} together more often than "
                f"chance gives, each with all pairs counted. The clearest: {pair}, {told} ({verdict.said()})."
            ]
        return [
            f"No pair is seen together more often than chance gives: all {count(len(alone))} are consistent with chance. The "
            f"least likely, {pair}: {told} ({verdict.said()})."
        ]

    order = sorted(range(len(alone)), key=lambda place: (float(adjusted[place]), alone[place]))[:SHOWN]
    return Finding(
        size=f"{count(len(alone))} pairs",
        method=f"The Poisson tail of each pair's count against what independence gives, with {by}.",
        tell=tell,
        tests=(Test(f"the least likely of {count(len(alone))} pairs", float(min(1.0, adjusted[best]))),),
        label="pair",
        columns=(definition.things, "by chance", "lift", "p with all pairs counted"),
        rows=tuple(
            Row(
                label=f"{ones[place]} + {others[place]}",
                said=(
                    count(counts[place]),
                    figure(float(expected[place])),
                    figure(float(counts[place] / expected[place])),
                    probability(float(adjusted[place])).removeprefix("= "),
                ),
            )
            for place in order
        ),
    )


def _limits(definition: Definition, table: pa.Table) -> Callable[[int], str]:
    """Returns what says the limits of a pair's lift; nothing where the table has none."""
    if not {"low", "high"} <= set(definition.settings):
        return lambda _: ""
    low = columns.numbers(table, str(definition.settings["low"]))
    high = columns.numbers(table, str(definition.settings["high"]))
    return lambda place: f" (interval {figure(float(low[place]))} to {figure(float(high[place]))})"
