"""A search for the slice (a value of one column, on all or some dates) whose values are packed into a narrow band.

Works on counts per slice, date and logarithmic bin, so any amount of data becomes a small table first. A band is an
anomaly where it holds many more of the slice's rows than elsewhere (the same slice on other dates, or the other slices
on all dates), the excess is narrow (the neighbouring bands have no share in it), and chance is out of the question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expectations.stats.arrays import np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

BIN = 0.05  # width of a bin, natural logarithm: 5 %
_WIDTHS = (1, 2, 4, 8)  # bins in a band: 5 % to 49 % wide
_STEADY_WIDTHS = (1, 2, 4)  # without dates to compare, wider bands are what a narrow real distribution looks like
_MOST_DATES = 120
_LEAST_RATIO = 3.0
_LEAST_EVIDENCE = 30.0  # log likelihood ratio; e^-30 against some 10^7 bands looked at
_LEAST_DATE_EVIDENCE = 14.0
_LEAST_ROWS = 30
_MOST_INSIDE = 0.6  # of a slice's rows; beyond it the other dates are no baseline
_FLANK = 0.5
_RESOLUTION = 3.0  # a band must span this many steps of a whole-numbered column

EVERYTHING = "(all rows)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A slice whose values are packed.

    Attributes:
        dates: the affected dates in order; empty where it is on all.
        low, high: the band.
        share: the share of the slice's rows (on these dates) in the band; `expected` is what it is elsewhere.
        evidence: log likelihood ratio.
    """

    column: str
    value: str
    dates: tuple[str, ...]
    low: float
    high: float
    rows: int
    share: float
    expected: float
    evidence: float

    @property
    def excess(self) -> float:
        return self.share - self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """A slice whose median is far from that of all other rows."""

    column: str
    value: str
    rows: int
    median: float
    others: float

    @property
    def ratio(self) -> float:
        return self.median / self.others


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Counts of one slice: dates by bins; `first` is the number of the first bin."""

    column: str
    value: str
    counts: Counts
    dates: tuple[tuple[str, ...], ...]
    first: int


def find_clusters(
    matrices: Sequence[Matrix], *, least_excess: float = 0.1, min_rows: int = 100, whole_numbers: bool = False
) -> list[Cluster]:
    """Returns the packed slices, the one with the strongest evidence first.

    Args:
        matrices: counts, see `matrices_of`; each slice column covers the same rows.
        least_excess: the share of a slice's rows in the band beyond the expected one.
        min_rows: slices with fewer rows are not judged.
        whole_numbers: the values are whole numbers, so narrow bands of small values are lattice, not clusters.
    """
    found: list[Cluster] = []
    for index, matrix in enumerate(matrices):
        if matrix.counts.sum() < min_rows:
            continue
        if len(matrix.dates) > 1:
            found.extend(_on_some_dates(matrix, least_excess, whole_numbers))
        if matrix.column != EVERYTHING:
            others = [m.counts.sum(axis=0) for i, m in enumerate(matrices) if m.column == matrix.column and i != index]
            found.extend(_on_all_dates(matrix, others, least_excess, whole_numbers))
    return sorted(found, key=lambda cluster: -cluster.evidence)


def find_shifted(matrices: Sequence[Matrix], *, least_ratio: float = 4.0, min_rows: int = 100) -> list[Shifted]:
    """Returns the slices whose median is `least_ratio` times (or one over it) that of the other rows, worst first."""
    found = []
    for index, matrix in enumerate(matrices):
        own = matrix.counts.sum(axis=0)
        others = [m.counts.sum(axis=0) for i, m in enumerate(matrices) if m.column == matrix.column and i != index]
        if matrix.column == EVERYTHING or own.sum() < min_rows or not others:
            continue
        rest = np.sum(others, axis=0)
        if rest.sum() < min_rows:
            continue
        median, usual = _median(own, matrix.first), _median(rest, matrix.first)
        if max(median / usual, usual / median) >= least_ratio:
            shifted = Shifted(
                column=matrix.column, value=matrix.value, rows=int(own.sum()), median=median, others=usual
            )
            found.append(shifted)
    return sorted(found, key=lambda one: -abs(np.log(one.ratio)))


def _median(counts: Counts, first: int) -> float:
    middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    return float(np.exp((first + middle + 0.5) * BIN))


def matrices_of(cells: pa.Table) -> list[Matrix]:
    """Returns the counts of each slice, dates by bins, and of all rows.

    Args:
        cells: one row for each slice, date and bin: `c` and `v`, the slice's column and value; `day`, null where there are
            no dates; `bin`, b for values in [exp(b * BIN), exp((b + 1) * BIN)); `n`, the rows.
    """
    import pyarrow.compute as pc

    dated = cells.column("day").is_valid()
    if pc.any(dated).as_py():  # rows without a date cannot be placed; other checks speak of them
        cells = cells.filter(dated)
    if not cells.num_rows:
        return []
    bins = _array(cells.column("bin"))
    first, width = int(bins.min()), int(bins.max() - bins.min()) + 1
    days = sorted(str(day) for day in cells.column("day").unique().to_pylist() if day is not None)
    per_bucket = -(-len(days) // _MOST_DATES) if days else 1
    buckets = tuple(tuple(days[i : i + per_bucket]) for i in range(0, len(days), per_bucket)) or ((),)
    dates = _codes(cells.column("day"), {day: i for i, bucket in enumerate(buckets) for day in bucket})
    names, values = cells.column("c").unique().to_pylist(), cells.column("v").unique().to_pylist()
    pairs = _codes(cells.column("c"), {name: i for i, name in enumerate(names)}) * len(values)
    pairs += _codes(cells.column("v"), {value: i for i, value in enumerate(values)})
    found, starts, slices = np.unique(pairs, return_index=True, return_inverse=True)
    places = (slices * len(buckets) + dates) * width + bins - first
    shape = (len(found), len(buckets), width)
    counts = np.bincount(places, _array(cells.column("n")), minlength=math.prod(shape)).reshape(shape)
    matrices = [
        Matrix(
            column=names[found[number] // len(values)],
            value=values[found[number] % len(values)],
            counts=counts[number],
            dates=buckets,
            first=first,
        )
        for number in np.argsort(starts)
    ]
    if matrices[0].column != EVERYTHING:
        column = matrices[0].column
        whole = np.sum([matrix.counts for matrix in matrices if matrix.column == column], axis=0)
        matrices.append(Matrix(column=EVERYTHING, value="", counts=whole, dates=buckets, first=first))
    return matrices


def _array(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _codes(column: pa.ChunkedArray, numbers: Mapping[str, int]) -> NDArray[np.int64]:
    """Returns the number of each value; 0 for null."""
    coded = column.combine_chunks().dictionary_encode()
    known = [numbers.get(str(value), 0) for value in coded.dictionary.to_pylist()]
    places = coded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    return np.asarray(np.array([*known, 0], dtype=np.int64)[places])


def _windows(counts: Counts, width: int) -> Counts:
    """Returns sums over `width` neighbouring bins, by the first of them."""
    sums = np.concatenate([np.zeros((*counts.shape[:-1], 1)), np.cumsum(counts, axis=-1)], axis=-1)
    return np.asarray(sums[..., width:] - sums[..., :-width])


def _flanks(counts: Counts, width: int) -> Counts:
    """Returns, for each band, the mean of the bands right below and above it."""
    padded = np.concatenate([np.zeros((*counts.shape[:-1], width)), counts, np.zeros((*counts.shape[:-1], width))], -1)
    sums = _windows(padded, width)
    return np.asarray((sums[..., : -2 * width] + sums[..., 2 * width :]) / 2)


def _wide_enough(matrix: Matrix, width: int, bands: int, whole_numbers: bool) -> NDArray[np.bool_]:
    if not whole_numbers:
        return np.ones(bands, dtype=bool)
    lower = np.exp((matrix.first + np.arange(bands)) * BIN)
    return np.asarray(lower * (np.exp(width * BIN) - 1) >= _RESOLUTION)


def divergence(share: Counts, expected: Counts) -> Counts:
    """Returns the Kullback-Leibler divergence of two shares, in nats; 0 where the share is not above the expected."""
    p, q = np.clip(share, 1e-12, 1 - 1e-12), np.clip(expected, 1e-12, 1 - 1e-12)
    nats = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return np.where(p > q, nats, 0.0)


def _on_some_dates(matrix: Matrix, least_excess: float, whole_numbers: bool) -> list[Cluster]:
    """Returns the best band of the slice that is too full on some dates, compared with its other dates."""
    best: Cluster | None = None
    per_date = matrix.counts.sum(axis=1)
    for width in _WIDTHS:
        if matrix.counts.shape[1] < width:
            continue
        inside = _windows(matrix.counts, width)
        bands = inside.shape[1]
        usable = _wide_enough(matrix, width, bands, whole_numbers) & (inside.sum(axis=0) >= _LEAST_ROWS)
        if not usable.any():
            continue
        flanks = _flanks(matrix.counts, width)
        chosen = np.flatnonzero(usable)
        args = (inside[:, chosen], flanks[:, chosen], per_date, least_excess)
        for picked in (_best_interval(*args), _best_dates(*args)):
            if picked is None:
                continue
            dates, column, evidence = picked
            if best is None or evidence > best.evidence:
                best = _cluster(matrix, int(chosen[column]), width, dates, evidence)
    return [best] if best else []


def _best_interval(
    inside: Counts, flanks: Counts, per_date: Counts, least_excess: float
) -> tuple[NDArray[np.intp], int, float] | None:
    """Returns the dates from one to another, and the band, with the strongest evidence."""
    zero = np.zeros((1, inside.shape[1]))
    sums, sides = (np.concatenate([zero, np.cumsum(part, axis=0)]) for part in (inside, flanks))
    rows = np.concatenate([[0.0], np.cumsum(per_date)])
    best: tuple[NDArray[np.intp], int, float] | None = None
    for start in range(len(per_date)):
        ends = np.arange(start + 1, len(per_date) + 1)
        n = (rows[ends] - rows[start])[:, None]
        evidence = _evidence(
            sums[ends] - sums[start], sides[ends] - sides[start], n, sums[-1], sides[-1], rows[-1], least_excess
        )
        if evidence.size and evidence.max() >= (best[2] if best else _LEAST_EVIDENCE):
            end, band = np.unravel_index(int(evidence.argmax()), evidence.shape)
            best = (np.arange(start, int(ends[end])), int(band), float(evidence.max()))
    return best


def _best_dates(
    inside: Counts, flanks: Counts, per_date: Counts, least_excess: float
) -> tuple[NDArray[np.intp], int, float] | None:
    """Returns single dates, not in a row, and the band, with the strongest evidence."""
    total, all_rows = inside.sum(axis=0), per_date.sum()
    share = np.divide(inside, per_date[:, None], out=np.zeros_like(inside), where=per_date[:, None] > 0)
    expected = total / all_rows
    picked = (per_date[:, None] * divergence(share, expected[None, :]) >= _LEAST_DATE_EVIDENCE) & (
        share >= _LEAST_RATIO * expected[None, :]
    )
    counts, sides = (inside * picked).sum(axis=0)[None, :], (flanks * picked).sum(axis=0)[None, :]
    n = (per_date[:, None] * picked).sum(axis=0)[None, :]
    evidence = _evidence(counts, sides, n, total, flanks.sum(axis=0), all_rows, least_excess)
    if not evidence.size or evidence.max() < _LEAST_EVIDENCE:
        return None
    band = int(evidence.argmax())
    return np.flatnonzero(picked[:, band]), band, float(evidence.max())


def _evidence(
    counts: Counts, sides: Counts, rows: Counts, all_counts: Counts, all_sides: Counts, all_rows: float, excess: float
) -> Counts:
    """Returns the log likelihood ratio of bands too full inside, 0 where a guard is not met.

    Args:
        counts, sides, rows: inside the dates: rows in the band, in its flanks (mean of the two), and in all.
        all_counts, all_sides, all_rows: the same over all dates.
    """
    outside = all_rows - rows
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / rows
        expected = (all_counts - counts + 0.5) / (outside + 1)
    more = share - expected
    guards = (more >= excess) & (share >= _LEAST_RATIO * expected) & (counts >= _LEAST_ROWS)
    guards &= rows <= _MOST_INSIDE * all_rows
    evidence = np.zeros(share.shape)
    if not guards.any():
        return evidence
    where = np.nonzero(guards)
    inside, band = np.broadcast_to(rows, share.shape)[where], where[-1]
    beside = sides[where] / inside - (all_sides[band] - sides[where]) / (all_rows - inside)
    pooled = all_counts[band] / all_rows
    found = inside * divergence(share[where], pooled)
    found += (all_rows - inside) * divergence(1 - expected[where], 1 - pooled)
    evidence[where] = np.where(beside > _FLANK * more[where], 0.0, found)
    return evidence


def _cluster(
    matrix: Matrix, band: int, width: int, dates: Sequence[int] | NDArray[np.intp], evidence: float
) -> Cluster:
    counts = matrix.counts[:, band : band + width].sum(axis=1)
    rows = matrix.counts.sum(axis=1)
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[np.asarray(dates)] = True
    outside = rows[~chosen].sum()
    return Cluster(
        column=matrix.column,
        value=matrix.value,
        dates=tuple(day for i in np.flatnonzero(chosen) for day in matrix.dates[i]),
        low=float(np.exp((matrix.first + band) * BIN)),
        high=float(np.exp((matrix.first + band + width) * BIN)),
        rows=int(rows[chosen].sum()),
        share=float(counts[chosen].sum() / rows[chosen].sum()),
        expected=float(counts[~chosen].sum() / outside) if outside else 0.0,
        evidence=evidence,
    )


def _on_all_dates(matrix: Matrix, others: Sequence[Counts], least_excess: float, whole_numbers: bool) -> list[Cluster]:
    """Returns the best band that is too full on all dates, against its flanks and against the other slices."""
    if not others:
        return []
    own, rest = matrix.counts.sum(axis=0), np.sum(others, axis=0)
    rows, rest_rows = own.sum(), rest.sum()
    if rest_rows < _LEAST_ROWS:
        return []
    best: Cluster | None = None
    for width in _STEADY_WIDTHS:
        if len(own) < width:
            continue
        share, elsewhere = _windows(own, width) / rows, _windows(rest, width) / rest_rows
        beside = _flanks(own, width) / rows
        expected = np.maximum(elsewhere, beside)
        guards = (
            _wide_enough(matrix, width, len(share), whole_numbers)
            & (share * rows >= _LEAST_ROWS)
            & (share - expected >= least_excess)
            & (share >= _LEAST_RATIO * expected)
        )
        evidence = np.where(guards, rows * divergence(share, expected), 0.0)
        band = int(evidence.argmax())
        if evidence[band] >= max(_LEAST_EVIDENCE, best.evidence if best else 0.0):
            best = Cluster(
                column=matrix.column,
                value=matrix.value,
                dates=(),
                low=float(np.exp((matrix.first + band) * BIN)),
                high=float(np.exp((matrix.first + band + width) * BIN)),
                rows=int(rows),
                share=float(share[band]),
                expected=float(expected[band]),
                evidence=float(evidence[band]),
            )
    return [best] if best else []
