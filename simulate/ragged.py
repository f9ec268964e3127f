"""Rows of different length as flat arrays: `offsets[i]:offsets[i + 1]` are row i's values."""

from __future__ import annotations

import numpy as np

from simulate.seeds import BoolArray, IntArray


def offsets_of(counts: IntArray) -> IntArray:
    """Returns the n + 1 offsets of rows with these lengths."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def owners_of(offsets: IntArray) -> IntArray:
    """Returns for each flat value the row it belongs to."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def positions_of(offsets: IntArray) -> IntArray:
    """Returns for each flat value its position within its row, from 0."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def kept(offsets: IntArray, keep: BoolArray) -> IntArray:
    """Returns the offsets that remain when only the flat values marked in `keep` stay."""
    return offsets_of(np.bincount(owners_of(offsets)[keep], minlength=len(offsets) - 1))


def taken(offsets: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the offsets of the chosen rows, and the flat positions of their values."""
    chosen = offsets_of(np.diff(offsets)[rows])
    flat = positions_of(chosen) + np.repeat(offsets[rows], np.diff(chosen))
    return chosen, flat


def first_of_each(owners: IntArray, values: IntArray, limit: int) -> BoolArray:
    """Marks the first time that a value, in 0..limit-1, occurs in its row."""
    _, first = np.unique(owners * limit + values, return_index=True)
    marks = np.zeros(len(values), dtype=bool)
    marks[first] = True
    return marks
