"""Counts of many: whether a ranking by them says more than chance, and whether pairs occur together by more than it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.stats.chance import poisson_tails
from expectations.stats.rankings import MOST_P
from expectations.words import count, figure, percent
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.contrasts import Dispersion, dispersion, repeated
from runner.insights.definition import Definition
from runner.insights.finding import Finding, Row, Test, Verdict, interval, many, probability
from runner.insights.intervals import greatest_of_equal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from runner.insights.intervals import Floats

LEAST_HOLDERS = 10
SHOWN = 10  # rows of the table behind a ranking


def ranking(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether the order of counts is more than chance gives holders that are all alike."""
    import numpy as np

    label, number = definition.column("label"), definition.column("count")
    table = columns.read(path, [label, number], definition.where)
    counts = np.nan_to_num(columns.numbers(table, number))
    if len(counts) < LEAST_HOLDERS or counts.sum() <= 0:
        raise Unanswerable(f"a ranking needs {LEAST_HOLDERS} {many(definition.each)} with {definition.things}.")
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise Unanswerable(f'its column "{number}" holds more than counts, and only counts have a known law of chance.')
    found = dispersion(counts)
    if found is None:
        raise Unanswerable(f"it has too few {definition.things} for its {many(definition.each)}.")
    first = min(int(definition.settings.get("first", 10)), len(counts) // 2)
    again = repeated(counts, first, confidence=confidence)
    low, high = greatest_of_equal(found.holders, found.mean, confidence)
    apart = _without(definition, columns.texts(table, label), counts)
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    labels = table.column(label).take(order).to_pylist()
    leader, most = str(labels[0]), float(counts[order[0]])

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict = verdicts[0]
        mean = f"{count(float(counts.sum()))} {definition.things} fall on {count(found.holders)} {many(definition.each)}, {figure(found.mean)} each on average."
        luck = f"of {count(found.holders)} equal {many(definition.each)}, the luckiest would have {low} to {high}"
        if most <= high:
            luck += ", so its lead is no more than luck gives"
        kept = (
            f"Of the first {first}, about {again.value:.0f} ({interval(confidence)} {again.low:.0f} to {again.high:.0f}) "
            "would be among them again in another period as long"
        )
        if not verdict.is_signal:
            return [
                mean,
                f"The ranking carries no signal: the counts differ no more than chance gives {many(definition.each)} that are all "
                f"alike (variance over mean {found.index:.2f}, where chance gives 1; {verdict.said()}).",
                *_others(definition, apart, verdicts),
                f"{leader} leads with {count(most)}; {luck}. By lot alone, {figure(first**2 / found.holders)} of the first {first} "
                "would be among them again in another period.",
            ]
        vary = f"vary {found.index:.1f} times as much as those of {many(definition.each)} that are all alike ({verdict.said()})"
        if apart is not None and not verdicts[1].is_signal:
            lot = first**2 / apart.holders
            return [
                mean,
                f"The counts differ by more than chance gives: they {vary}.",
                *_others(definition, apart, verdicts),
                f"{leader} leads with {count(most)}; {luck}. Among those that are left, by lot alone, {figure(lot)} of the first "
                f"{first} would be among them again in another period.",
            ]
        return [
            mean,
            f"The ranking carries signal: the counts {vary}; {percent(found.real)} of their variance is difference between "
            f"{many(definition.each)} and the rest chance.",
            *_others(definition, apart, verdicts),
            f"{leader} leads with {count(most)}; {luck}. {kept}.",
        ]

    return Finding(
        size=f"{count(float(counts.sum()))} {definition.things} on {count(found.holders)} {many(definition.each)}",
        method=f"Fisher's index of dispersion against equal Poisson counts; {definition.things} are taken as independent. What "
        "another period would give is simulated from the counts (negative binomial, a fixed seed).",
        tell=tell,
        tests=tuple(Test.of(one.test) for one in (found, apart) if one),
        label=definition.each,
        columns=("rank", definition.things),
        rows=tuple(
            Row(label=str(name), said=(str(rank), count(float(counts[place]))))
            for rank, (name, place) in enumerate(zip(labels, order, strict=True), start=1)
        ),
    )


def _without(definition: Definition, labels: Sequence[str], counts: Floats) -> Dispersion | None:
    """Returns how the counts differ without the holders that are looked at apart; None where there are none of them."""
    import numpy as np

    apart = definition.settings.get("apart")
    if not apart:
        return None
    key = str(apart["key"])
    named = set(columns.texts(columns.read(apart["path"], [key], apart["where"]), key))
    rest = counts[np.asarray([label not in named for label in labels])]
    if len(rest) == len(counts) or len(rest) < LEAST_HOLDERS:
        return None
    return dispersion(rest)


def _others(definition: Definition, apart: Dispersion | None, verdicts: Sequence[Verdict]) -> list[str]:
    if apart is None:
        return []
    who = f"Without {definition.settings['apart']['called']}, {count(apart.holders)} {many(definition.each)} are left"
    verdict = verdicts[1]
    if verdict.is_signal:
        return [f"{who}, and they differ as well: {apart.index:.1f} times as much as chance gives ({verdict.said()})."]
    rest = ", and they differ no more than chance gives" + (
        ": their ranking carries no signal" if verdicts[0].is_signal else ""
    )
    return [f"{who}{rest} (variance over mean {apart.index:.2f}; {verdict.said()})."]


def pairs(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether pairs occur together more often than chance gives."""
    import numpy as np

    names = [definition.column(key) for key in ("first", "second", "count", "expected")]
    extra = [str(definition.settings[key]) for key in ("low", "high", "adjusted") if key in definition.settings]
    table = columns.read(path, [*names, *extra], definition.where)
    if not len(table):
        raise Unanswerable("no pair occurs often enough to be judged.")
    counts, expected = columns.numbers(table, names[2]), columns.numbers(table, names[3])
    if not (expected > 0).all():
        raise Unanswerable(f'its column "{names[3]}" is not above 0 in every row.')
    alone = poisson_tails(counts, expected)
    if "adjusted" in definition.settings:
        adjusted = columns.numbers(table, str(definition.settings["adjusted"]))
        by = "the table's own adjusted probabilities, which count every pair that could have been seen"
    else:
        adjusted = np.minimum(1.0, alone * len(alone))
        by = f"Bonferroni over the {count(len(alone))} pairs of the table"
    order = np.lexsort((alone, adjusted))[:SHOWN]
    best = int(order[0])
    shown = dict(zip(order.tolist(), _labels(table, names[:2], order), strict=True))
    limits = _limits(definition, table)
    beyond = int((adjusted <= MOST_P).sum())
    sure = f"p at most {figure(MOST_P)} with all pairs counted" if beyond else "all pairs counted"

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict = verdicts[0]
        pair = " with ".join(shown[best])
        told = (
            f"{count(float(counts[best]))} {definition.things} where chance gives {figure(float(expected[best]))}, lift "
            f"{figure(float(counts[best] / expected[best]))}{limits(best)}"
        )
        if verdict.is_signal:
            return [
                f"Of {count(len(alone))} pairs, {count(max(beyond, 1))} occur{'s' if beyond < 2 else ''} together more often "
                f"than chance gives ({sure}). The clearest: {pair}, {told} ({verdict.said()})."
            ]
        return [
            f"No pair is seen together more often than chance gives: all {count(len(alone))} are consistent with chance. The "
            f"least likely, {pair}: {told} ({verdict.said()})."
        ]

    return Finding(
        size=f"{count(len(alone))} pairs",
        method=f"The Poisson tail of each pair's count against what independence gives, with {by}.",
        tell=tell,
        tests=(Test(f"the least likely of {count(len(alone))} pairs", float(min(1.0, adjusted[best]))),),
        label="pair",
        columns=(definition.things, "by chance", "lift", "p with all pairs counted"),
        rows=tuple(
            Row(
                label=" + ".join(labels),
                said=(
                    count(float(counts[place])),
                    figure(float(expected[place])),
                    figure(float(counts[place] / expected[place])),
                    probability(float(adjusted[place])).removeprefix("= "),
                ),
            )
            for place, labels in shown.items()
        ),
    )


def _labels(table: pa.Table, names: Sequence[str], places: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """Returns the labels of some rows."""
    few = table.select(list(names)).take(places)
    return list(zip(*(columns.texts(few, name) for name in names), strict=True))


def _limits(definition: Definition, table: pa.Table) -> Callable[[int], str]:
    """Returns what says the limits of a pair's lift; nothing where the table has none."""
    if not {"low", "high"} <= set(definition.settings):
        return lambda _: ""
    low = columns.numbers(table, str(definition.settings["low"]))
    high = columns.numbers(table, str(definition.settings["high"]))
    return lambda place: (
        f" (interval of this pair by itself {figure(float(low[place]))} to {figure(float(high[place]))})"
    )
