"""Whether groups differ by more than chance: shares, means, counts, days of the week, a straight course over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.chance import chi_square_tail, variance_ratio
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

LEAST_EXPECTED = 5.0  # successes and failures that a group is expected to have (Cochran 1954)
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
        statistic: in words: "chi-square 3.2 on 4 degrees of freedom".
        probability: of groups as different or more by chance.
        pooled: how many small groups were taken as one.
    """

    groups: tuple[Group, ...]
    overall: Interval
    statistic: str
    probability: float
    pooled: int = 0


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
    counts = {label: (x, n) for label, x, n in zip(labels, successes, trials, strict=True) if n > 0}
    total = sum(n for _, n in counts.values())
    if not total:
        return None
    whole = sum(x for x, _ in counts.values()) / total
    rarer = min(whole, 1 - whole)
    enough = {label: n / effect([label]) * rarer >= LEAST_EXPECTED for label, (_, n) in counts.items()}
    parts = [(label, [label]) for label in counts if enough[label]]
    small = [label for label in counts if not enough[label]]
    if len(small) == 1:
        parts.append((small[0], small))
    elif small:
        parts.append((f"{len(small)} small ones together", small))
    sized = [_Part.of(name, [counts[label] for label in of], effect(of), of) for name, of in parts]
    sized = [one for one in sized if one.effective * rarer >= LEAST_EXPECTED]
    if len(sized) < 2:
        return None
    mean = sum(one.successes / one.effect for one in sized) / sum(one.effective for one in sized)
    statistic = sum(one.effective * (one.share - mean) ** 2 for one in sized) / (mean * (1 - mean))
    each = 1 - (1 - confidence) / len(sized)
    rows, alone = [], []
    for one in sized:
        others = [other for other in sized if other is not one]
        of = [label for other in others for label in other.labels]
        rest = _Part.of("", [(other.successes, other.trials) for other in others], effect(of), of)
        both = (one.successes + rest.successes) / (one.trials + rest.trials)
        error = math.sqrt(both * (1 - both) * (1 / one.effective + 1 / rest.effective))
        gap = difference_of_shares(one.counted(), rest.counted(), each)
        alone.append(student_tails(gap.value / error, math.inf) if error else 1.0)
        rows.append((one.name, one.trials, share(*one.counted(), confidence), gap))
    degrees = len(sized) - 1
    factor = effect(list(counts))
    return Contrast(
        groups=_groups(rows, alone),
        overall=share(whole * total / factor, total / factor, confidence),
        statistic=f"chi-square {statistic:.1f} on {degrees} degree{'s' if degrees > 1 else ''} of freedom",
        probability=chi_square_tail(statistic, degrees),
        pooled=len(small) if len(small) > 1 else 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One or several groups: what they have, and how many times more their share varies than independent trials'."""

    name: str
    labels: tuple[str, ...]
    successes: float
    trials: float
    effect: float

    @classmethod
    def of(cls, name: str, counts: Sequence[tuple[float, float]], effect: float, labels: Sequence[str]) -> _Part:
        x, n = sum(x for x, _ in counts), sum(n for _, n in counts)
        return cls(name=name, labels=tuple(labels), successes=float(x), trials=float(n), effect=effect)

    @property
    def effective(self) -> float:
        return self.trials / self.effect

    @property
    def share(self) -> float:
        return self.successes / self.trials

    def counted(self) -> tuple[float, float]:
        """Returns effective successes and trials."""
        return self.successes / self.effect, self.effective


def compare_means(labels: Sequence[str], values: Floats, *, confidence: float = 0.95) -> Contrast | None:
    """Compares means: the F test of a one-way layout, then each group against the others by Welch's t (Welch 1947).

    Groups of fewer than `LEAST_SIZE` rows are taken together. None where there are no two groups.

    Args:
        labels: of each value, its group.
    """
    import numpy as np

    names, places = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    sizes = np.bincount(places)
    small = sizes < LEAST_SIZE
    pooled = int(small.sum())
    words = [str(name) for name in names]
    if pooled > 1:
        places = np.where(small[places], len(names), places)
        words.append(f"{pooled} groups of fewer than {LEAST_SIZE} together")
    sizes = np.bincount(places, minlength=len(words))
    sums = np.bincount(places, weights=values, minlength=len(words))
    squares = np.bincount(places, weights=np.square(values - values.mean()), minlength=len(words))
    kept = [place for place in range(len(words)) if sizes[place] >= 2]
    if len(kept) < 2:
        return None
    rows_all, mean_all = float(len(values)), float(values.mean())
    means = {place: float(sums[place] / sizes[place]) for place in kept}
    between = sum(float(sizes[p]) * (means[p] - mean_all) ** 2 for p in kept)
    within = float(squares[kept].sum()) - between
    ratio, probability = variance_ratio(len(kept), float(sizes[kept].sum()), between, max(within, 0.0))
    each = 1 - (1 - confidence) / len(kept)
    rows, alone = [], []
    for place in kept:
        inside, outside = values[places == place], values[places != place]
        gap, chance = _welch(inside, outside, each)
        alone.append(chance)
        rows.append((words[place], float(sizes[place]), mean_of(inside, confidence), gap))
    degrees = f"{len(kept) - 1} and {rows_all - len(kept):,.0f}"
    return Contrast(
        groups=_groups(rows, alone),
        overall=mean_of(values, confidence),
        statistic=f"F {ratio:.2f} on {degrees} degrees of freedom",
        probability=probability,
        pooled=pooled if pooled > 1 else 0,
    )


def mean_of(values: Floats, confidence: float = 0.95) -> Interval:
    """Returns a mean with Student's interval."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Interval(mean, -math.inf, math.inf)
    half = student_quantile(confidence, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def _welch(first: Floats, second: Floats, confidence: float) -> tuple[Interval, float]:
    one, other = float(first.var(ddof=1)) / len(first), float(second.var(ddof=1)) / len(second)
    gap = float(first.mean() - second.mean())
    error = math.sqrt(one + other)
    if not error:
        return Interval(gap, gap, gap), 1.0 if gap == 0 else 0.0
    degrees = (one + other) ** 2 / (one**2 / (len(first) - 1) + other**2 / (len(second) - 1))
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
        index: variance over mean; 1 is what chance gives equal holders.
        probability: of as much or more by chance.
        real: the share of the variance that is no chance; 0 where there is none.
    """

    holders: int
    mean: float
    index: float
    statistic: str
    probability: float
    real: float


def dispersion(counts: Floats) -> Dispersion:
    """Returns Fisher's index of dispersion (Fisher 1950): (k - 1) times it is chi-square among equal Poisson counts."""
    k, mean = len(counts), float(counts.mean())
    index = float(counts.var(ddof=1)) / mean
    return Dispersion(
        holders=k,
        mean=mean,
        index=index,
        statistic=f"chi-square {index * (k - 1):,.0f} on {k - 1:,} degrees of freedom",
        probability=chi_square_tail(index * (k - 1), k - 1),
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


def poisson_tails(counts: Floats, expected: Floats) -> Floats:
    """Returns of each count the probability that a Poisson count of that mean is as great or greater."""
    import numpy as np
    from scipy.special import pdtrc

    found: Floats = np.where(counts > 0, pdtrc(np.maximum(counts - 1, 0), expected), 1.0)
    return found


def uneven(
    labels: Sequence[str], counts: Sequence[float], *, confidence: float = 0.95
) -> tuple[tuple[tuple[str, float, Interval], ...], str, float]:
    """Compares counts with an equal share for each: Pearson's chi-square.

    Returns:
        each label's count and share with an interval that holds for all at once, greatest first; the statistic in
        words; the probability of counts as uneven or more by chance.
    """
    from expectations.chance import evenness

    statistic, probability = evenness(counts)
    total, each = sum(counts), 1 - (1 - confidence) / len(counts)
    rows = [(label, n, share(n, total, each)) for label, n in zip(labels, counts, strict=True)]
    return (
        tuple(sorted(rows, key=lambda one: (-one[1], one[0]))),
        f"chi-square {statistic:,.1f} on {len(counts) - 1} degrees of freedom",
        probability,
    )
