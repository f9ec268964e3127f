"""Whether groups differ by more than chance: the one place that judges rankings, of checks (D12), dashboards and reports.

counts      of independent things, against equal ones: Pearson's chi-square, which is Fisher's index of dispersion
shares      against the common one: Pearson's chi-square, of groups that are large enough
means       against the common one: F of a one-way layout
estimates   with standard errors, against their mean: a sum of squares by Box's approximation

A function returns None where the groups are too few, or too small, to be told from chance. What is judged must be
independent of each other: users or sessions, not lines of one order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from expectations.stats.chance import chi_square_tail, evenness, variance_ratio
from expectations.words import figure

MOST_P = 0.01  # of a ranking that is judged by itself: above it it says no more than chance
LEAST_EXPECTED = 5.0  # of those with and of those without, in a group whose share is compared (Cochran 1954)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a test of groups against chance comes to.

    Attributes:
        name: of the statistic: "chi-square", "F".
        degrees: of freedom; two of F.
        probability: of groups as different or more where nothing but chance tells them apart.
        middle: what all groups would then be.
    """

    name: str
    statistic: float
    degrees: tuple[float, ...]
    probability: float
    middle: float

    @property
    def has_signal(self) -> bool:
        """Whether the groups, judged by themselves, differ by more than chance."""
        return self.probability <= MOST_P

    def said(self) -> str:
        """Returns the statistic in words: "chi-square 3.2 on 4 degrees of freedom"."""
        degrees = " and ".join(figure(one) for one in self.degrees)
        return (
            f"{self.name} {figure(self.statistic)} on {degrees} degree{'' if self.degrees == (1,) else 's'} of freedom"
        )

    def told(self) -> str:
        """Returns the statistic with its probability: "chi-square 3.2 on 4 degrees of freedom, p = 0.525"."""
        return f"{self.said()}, {p_value(self.probability)}"


def p_value(probability: float) -> str:
    """Returns a probability in words: "p = 0.525", "p < 0.000001"."""
    return f"p = {figure(probability)}" if probability >= 1e-6 else "p < 0.000001"


def of_counts(counts: Sequence[float]) -> Comparison | None:
    """Returns how far counts are from equal ones; the statistic over its degrees is their variance over their mean.

    The chi-square law holds for equal expectations, also small ones, where k >= 3, N >= 10 and N^2 / k >= 10 (Koehler
    and Larntz 1980); two counts need five each.
    """
    k, total = len(counts), sum(counts)
    enough = total >= 10 and total**2 >= 10 * k if k > 2 else total >= k * LEAST_EXPECTED
    if k < 2 or not enough:
        return None
    statistic, probability = evenness(counts)
    return Comparison(
        name="chi-square", statistic=statistic, degrees=(k - 1,), probability=probability, middle=total / k
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One or several groups of which a share is compared.

    Attributes:
        effect: how many times more the share varies than that of independent trials (Rao and Scott 1992).
    """

    name: str
    labels: tuple[str, ...]
    successes: float
    trials: float
    effect: float = 1.0

    @property
    def effective(self) -> float:
        """How many independent trials its trials come to."""
        return self.trials / self.effect

    @property
    def share(self) -> float:
        return self.successes / self.trials

    def counted(self) -> tuple[float, float]:
        """Returns effective successes and trials."""
        return self.successes / self.effect, self.effective


def parts(
    counts: Mapping[str, tuple[float, float]], effect: Callable[[Sequence[str]], float] = lambda _: 1.0
) -> tuple[Part, ...]:
    """Returns the groups that are large enough to be compared: small ones taken together, left out where still too small.

    Args:
        counts: of each group, successes and trials.
        effect: the design effect of some groups together; trials are divided by it.
    """
    known = {label: (x, n) for label, (x, n) in counts.items() if n > 0}
    total = sum(n for _, n in known.values())
    if not total:
        return ()
    whole = sum(x for x, _ in known.values()) / total
    rarer = min(whole, 1 - whole)

    def part(name: str, labels: Sequence[str]) -> Part:
        x, n = (float(sum(known[label][place] for label in labels)) for place in (0, 1))
        return Part(name=name, labels=tuple(labels), successes=x, trials=n, effect=effect(labels))

    alone = [part(label, [label]) for label in known]
    found = [one for one in alone if one.effective * rarer >= LEAST_EXPECTED]
    small = [one.name for one in alone if one.effective * rarer < LEAST_EXPECTED]
    if len(small) > 1:
        pooled = part(f"{len(small)} small ones together", small)
        found += [pooled] if pooled.effective * rarer >= LEAST_EXPECTED else []
    return tuple(found)


def of_shares(compared: Sequence[Part]) -> Comparison | None:
    """Returns how far shares are from the common one.

    Args:
        compared: groups that are large enough: `parts`.
    """
    if len(compared) < 2:
        return None
    mean = sum(one.counted()[0] for one in compared) / sum(one.effective for one in compared)
    statistic = sum(one.effective * (one.share - mean) ** 2 for one in compared) / (mean * (1 - mean))
    degrees = len(compared) - 1
    return Comparison(
        name="chi-square",
        statistic=statistic,
        degrees=(degrees,),
        probability=chi_square_tail(statistic, degrees),
        middle=mean,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a comparison of means needs of a group's values.

    Attributes:
        squares: the sum of their squared distances from the mean.
    """

    size: float
    mean: float
    squares: float

    @property
    def variance(self) -> float:
        """The sample variance; of fewer than two values none."""
        return self.squares / (self.size - 1) if self.size > 1 else math.nan


def together(summaries: Sequence[Summary]) -> Summary:
    """Returns what several groups are as one (Chan, Golub and LeVeque 1983); they have at least one value."""
    size = sum(one.size for one in summaries)
    mean = sum(one.size * one.mean for one in summaries) / size
    squares = sum(one.squares + one.size * (one.mean - mean) ** 2 for one in summaries)
    return Summary(size=size, mean=mean, squares=squares)


def of_means(groups: Sequence[Summary]) -> Comparison | None:
    """Returns how far means are from the common one, against how values vary within their groups."""
    known = [one for one in groups if one.size > 0]
    if len(known) < 2 or sum(one.size for one in known) <= len(known):
        return None
    whole, within = together(known), sum(one.squares for one in known)
    between = sum(one.size * (one.mean - whole.mean) ** 2 for one in known)
    statistic, probability = variance_ratio(len(known), whole.size, between, within)
    degrees = (len(known) - 1, whole.size - len(known))
    return Comparison(name="F", statistic=statistic, degrees=degrees, probability=probability, middle=whole.mean)


def of_estimates(values: Sequence[float], errors: Sequence[float]) -> Comparison | None:
    """Returns how far estimates are from their mean, against their standard errors.

    The sum of squares about the plain mean is a quadratic form of normal variables; a multiple of a chi-square has its
    mean and its variance (Box 1954, theorem 3.1): with S = diag(errors^2) and C what takes the mean away, the factor is
    tr(CSCS) / tr(CS) and the degrees are tr(CS)^2 / tr(CSCS). Where errors are equal that is k - 1 exactly. The mean is
    not weighted: the errors of sums grow with the sums, and weights would favour the small ones.
    """
    k, squares = len(values), [error**2 for error in errors]
    total = sum(squares)
    if k < 2 or not 0 < total < math.inf:
        return None
    trace = (1 - 1 / k) * total
    trace_of_square = (1 - 2 / k) * sum(one**2 for one in squares) + (total / k) ** 2
    mean, degrees = sum(values) / k, trace**2 / trace_of_square
    statistic = sum((value - mean) ** 2 for value in values) * trace / trace_of_square
    return Comparison(
        name="chi-square",
        statistic=statistic,
        degrees=(round(degrees, 6),),
        probability=chi_square_tail(statistic, degrees),
        middle=mean,
    )
