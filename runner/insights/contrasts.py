"""How groups differ, each from all others, beside the tests of `expectations.stats.rankings`; days of the week, a straight course."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.stats.chance import variance_ratio
from expectations.stats.rankings import Comparison, Part, Summary, of_counts, of_means, of_shares, parts, together
from runner.insights.intervals import (
    Interval,
    difference_of_shares,
    share,
    student_quantile,
    student_tails,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_SIZE = 10  # rows of a group whose mean is compared
WEEKS = 3  # full weeks that weekdays are compared over


def holm(probabilities: Sequence[float]) -> list[float]:
    """Returns the probabilities, adjusted for there being several (Holm 1979).

    To call those below 0.05 findings is wrong about one or more of them at most once in twenty reports, whatever
    depends on whatever.
    """
    order = sorted(range(len(probabilities)), key=lambda place: probabilities[place])
    adjusted, least = [0.0] * len(probabilities), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(probabilities) - rank) * probabilities[place]))
        adjusted[place] = least
    return adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group against all others together.

    Attributes:
        size: what it has: trials, rows, events.
        value: its share or mean, with its own interval.
        difference: its value less that of the others; the interval holds for all groups at once (Bonferroni).
        probability: of such a difference by chance, adjusted for the number of groups (Holm).
    """

    label: str
    size: float
    value: Interval
    difference: Interval
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A comparison of groups.

    Attributes:
        overall: of all groups together.
        test: whether groups differ by more than chance.
        pooled: how many groups stand in that of the small ones; 1 where none were taken together.
    """

    groups: tuple[Group, ...]
    overall: Interval
    test: Comparison
    pooled: int = 1


def design_effect(successes: Floats, trials: Floats) -> float:
    """Returns how many times more a share varies than if each trial were by itself; 1 at least.

    From how successes vary between clusters, such as users with several sessions (Rao and Scott 1992).

    Args:
        successes, trials: of each cluster.
    """
    import numpy as np

    total, number = float(trials.sum()), len(trials)
    value = float(successes.sum()) / total
    if number < 2 or value in (0.0, 1.0):
        return 1.0
    variance = number / (number - 1) * float(np.square(successes - value * trials).sum()) / total**2
    return max(1.0, variance / (value * (1 - value) / total))


def compare_shares(
    labels: Sequence[str],
    successes: Sequence[float],
    trials: Sequence[float],
    *,
    effect: Callable[[Sequence[str]], float] = lambda _: 1.0,
    confidence: float = 0.95,
) -> Contrast | None:
    """Compares shares: Pearson's chi-square, then each group against the others. None where there are no two groups.

    Groups too small for the test are taken together; what is still too small is left out.

    Args:
        effect: the design effect of some groups together; counts are divided by it (Rao and Scott 1992), so that a
            thousand sessions of a hundred users do not count as a thousand users.
    """
    counts = {label: (x, n) for label, x, n in zip(labels, successes, trials, strict=True)}
    sized = parts(counts, effect)
    found = of_shares(sized)
    if found is None:
        return None
    each = 1 - (1 - confidence) / len(sized)
    rows, alone = [], []
    for one in sized:
        of = [label for other in sized if other is not one for label in other.labels]
        rest = Part(
            name="",
            labels=tuple(of),
            successes=sum(counts[label][0] for label in of),
            trials=sum(counts[label][1] for label in of),
            effect=effect(of),
        )
        both = (one.successes + rest.successes) / (one.trials + rest.trials)
        error = math.sqrt(both * (1 - both) * (1 / one.effective + 1 / rest.effective))
        gap = difference_of_shares(one.counted(), rest.counted(), each)
        alone.append(student_tails(gap.value / error, math.inf) if error else 1.0)
        rows.append((one.name, one.trials, share(*one.counted(), confidence), gap))
    factor = effect([label for label, (_, n) in counts.items() if n > 0])
    return Contrast(
        groups=_groups(rows, alone),
        overall=share(sum(successes) / factor, sum(trials) / factor, confidence),
        test=found,
        pooled=max(len(one.labels) for one in sized),
    )


def summaries(labels: Sequence[str], values: Floats) -> dict[str, Summary]:
    """Returns each group's size, mean and squares.

    Args:
        labels: of each value, its group.
    """
    import numpy as np

    names, places = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    sizes = np.bincount(places)
    means = np.bincount(places, weights=values) / sizes
    squares = np.bincount(places, weights=np.square(values - means[places]))
    return {
        str(name): Summary(size=float(sizes[place]), mean=float(means[place]), squares=float(squares[place]))
        for place, name in enumerate(names)
    }


def compare_means(groups: Mapping[str, Summary], *, confidence: float = 0.95) -> Contrast | None:
    """Compares means: the F test of a one-way layout, then each group against the others by Welch's t (Welch 1947).

    Groups of fewer than `LEAST_SIZE` rows are taken together. None where there are no two groups.
    """
    small = [name for name, one in groups.items() if one.size < LEAST_SIZE]
    compared = {name: one for name, one in groups.items() if name not in small}
    if small:
        name = small[0] if len(small) == 1 else f"{len(small)} groups of fewer than {LEAST_SIZE} together"
        compared[name] = together([groups[one] for one in small])
    compared = {name: one for name, one in compared.items() if one.size >= 2}
    found = of_means(list(compared.values()))
    if found is None:
        return None
    each = 1 - (1 - confidence) / len(compared)
    rows, alone = [], []
    for name, one in compared.items():
        gap, chance = _welch(one, together([other for of, other in compared.items() if of != name]), each)
        alone.append(chance)
        rows.append((name, one.size, mean_of(one, confidence), gap))
    return Contrast(
        groups=_groups(rows, alone),
        overall=mean_of(together(list(groups.values())), confidence),
        test=found,
        pooled=len(small) or 1,
    )


def mean_of(values: Summary, confidence: float = 0.95) -> Interval:
    """Returns a mean with Student's interval."""
    if values.size < 2:
        return Interval(values.mean, -math.inf, math.inf)
    half = student_quantile(confidence, values.size - 1) * math.sqrt(values.variance / values.size)
    return Interval(values.mean, values.mean - half, values.mean + half)


def _welch(first: Summary, second: Summary, confidence: float) -> tuple[Interval, float]:
    one, other = first.variance / first.size, second.variance / second.size
    gap = first.mean - second.mean
    error = math.sqrt(one + other)
    if not error:
        return Interval(gap, gap, gap), 1.0 if gap == 0 else 0.0
    degrees = (one + other) ** 2 / (one**2 / (first.size - 1) + other**2 / (second.size - 1))
    half = student_quantile(confidence, degrees) * error
    return Interval(gap, gap - half, gap + half), student_tails(gap / error, degrees)


def _groups(rows: Sequence[tuple[str, float, Interval, Interval]], alone: Sequence[float]) -> tuple[Group, ...]:
    found = [
        Group(label=label, size=size, value=value, difference=gap, probability=adjusted)
        for (label, size, value, gap), adjusted in zip(rows, holm(alone), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.value.value, one.label)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A straight course through daily values, and how weekdays depart from it.

    Attributes:
        days: that it is fitted to.
        mean: of a day, with its interval.
        per_week: the change in a week.
        probability: of such a course by chance where there is none.
        autocorrelation: of what the course leaves, from one day to the next.
        weekdays: of each weekday from Monday, its distance from the mean of all seven; the intervals hold for all at
            once. Empty where there are fewer than `WEEKS` full weeks.
        weekdays_statistic, weekdays_probability: of the F test that weekdays are all alike.
    """

    days: int
    mean: Interval
    per_week: Interval
    probability: float
    autocorrelation: float
    weekdays: tuple[Interval, ...] = ()
    weekdays_statistic: str = ""
    weekdays_probability: float = 1.0


def course(days: NDArray[np.int64], values: Floats, *, confidence: float = 0.95) -> Course:
    """Fits a line, and a level for each weekday where there are enough weeks, by least squares.

    What follows a good day may be good as well: with a correlation r > 0 from day to day, n days say as much as
    n (1 - r) / (1 + r) independent ones (Santer et al. 2000), and intervals are wider by that.

    Args:
        days: numbers of days since 1970-01-01 (a Thursday), ascending, each once; at least eight.
        values: of each day.
    """
    import numpy as np

    time = (days - days.mean()) / 7.0
    weekday = (days + 3) % 7
    by_weekday = len(days) >= 7 * WEEKS and len(np.unique(weekday)) == 7
    levels = np.equal.outer(weekday, np.arange(7)).astype(float) if by_weekday else np.ones((len(days), 1))
    design = np.column_stack([time, levels])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ values
    left = values - design @ fitted
    n, used = design.shape
    squares = float(left @ left)
    follows = np.diff(days) == 1
    correlation = float((left[1:] * left[:-1])[follows].sum() / squares) if squares > 0 else 0.0
    effective = max(n * (1 - correlation) / (1 + correlation) if correlation > 0 else float(n), used + 2.0)
    variance = squares / (effective - used)
    slope, error = float(fitted[0]), math.sqrt(variance * float(inverse[0, 0]))
    half = student_quantile(confidence, effective - used) * error
    probability = student_tails(slope / error, effective - used) if error > 0 else float(slope == 0)
    about = student_quantile(confidence, effective - used) * math.sqrt(variance / n)
    mean = float(values.mean())
    found = Course(
        days=n,
        mean=Interval(mean, mean - about, mean + about),
        per_week=Interval(slope, slope - half, slope + half),
        probability=probability,
        autocorrelation=correlation,
    )
    return _with_weekdays(found, time, values, inverse, fitted, squares, confidence) if by_weekday else found


def _with_weekdays(
    found: Course, time: Floats, values: Floats, inverse: Floats, fitted: Floats, squares: float, confidence: float
) -> Course:
    import dataclasses

    import numpy as np

    n, used = len(values), 8
    plain = np.column_stack([time, np.ones(n)])
    without = values - plain @ np.linalg.lstsq(plain, values, rcond=None)[0]
    ratio, probability = variance_ratio(7, n - 1.0, max(float(without @ without) - squares, 0.0), squares)
    contrast = np.eye(7) - 1 / 7
    centred = contrast @ fitted[1:]
    spread = squares / (n - used) * (contrast @ inverse[1:, 1:] @ contrast.T)
    reach = student_quantile(1 - (1 - confidence) / 7, n - used) * np.sqrt(np.diag(spread))
    return dataclasses.replace(
        found,
        weekdays=tuple(
            Interval(float(value), float(value - half), float(value + half))
            for value, half in zip(centred, reach, strict=True)
        ),
        weekdays_statistic=f"F {ratio:.2f} on 6 and {n - used} degrees of freedom",
        weekdays_probability=probability,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispersion:
    """Whether counts of many holders differ by more than equal holders' would.

    Attributes:
        index: Fisher's index of dispersion, variance over mean (Fisher 1950); 1 is what chance gives equal holders.
        real: the share of the variance that is no chance; 0 where there is none.
    """

    holders: int
    mean: float
    index: float
    test: Comparison
    real: float


def dispersion(counts: Floats) -> Dispersion | None:
    """Returns how counts vary; None where they are too few to be told from chance."""
    found = of_counts([float(one) for one in counts])
    if found is None:
        return None
    index = found.statistic / (len(counts) - 1)
    return Dispersion(
        holders=len(counts),
        mean=found.middle,
        index=index,
        test=found,
        real=max(0.0, 1 - 1 / index) if index > 0 else 0.0,
    )


def repeated(counts: Floats, first: int, *, confidence: float = 0.95, seed: int = 7) -> Interval:
    """Returns how many of the first `first` would be among them again, in another period as long.

    Simulated: rates follow a gamma law whose mean and spread are those of the counts beyond chance, each holder's rate
    what is left of that law after its count (the negative binomial model, Robbins 1956; Clayton and Kaldor 1987), and
    new counts are Poisson. Holders that are alike share their places by lot.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    mean, beyond = float(counts.mean()), float(counts.var(ddof=1)) - float(counts.mean())
    number = int(min(400, max(40, 4_000_000 // len(counts))))
    top = np.argsort(-counts, kind="stable")[:first]
    kept = []
    for _ in range(number):
        if beyond > 0:
            shape = mean**2 / beyond
            rates = generator.gamma(shape + counts, 1 / (shape / mean + 1))
        else:
            rates = np.full(len(counts), mean)
        again = generator.poisson(rates) + generator.random(len(counts))  # the fraction breaks ties by lot
        kept.append(len(np.intersect1d(top, np.argpartition(-again, first - 1)[:first])))
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, [tail, 1 - tail], method="closest_observation")
    return Interval(float(np.mean(kept)), float(low), float(high))


def uneven(
    labels: Sequence[str], counts: Sequence[float], *, confidence: float = 0.95
) -> tuple[tuple[tuple[str, float, Interval], ...], Comparison] | None:
    """Compares counts with an equal share for each; None where they are too few.

    Returns:
        each label's count and share with an interval that holds for all at once, greatest first; the test.
    """
    found = of_counts(counts)
    if found is None:
        return None
    total, each = sum(counts), 1 - (1 - confidence) / len(counts)
    rows = [(label, n, share(n, total, each)) for label, n in zip(labels, counts, strict=True)]
    return tuple(sorted(rows, key=lambda one: (-one[1], one[0]))), found
