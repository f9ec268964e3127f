"""Where all chance comes from: streams of random numbers that depend on the seed and on a place, and on nothing else."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
AnyArray = NDArray[Any]


def stream(seed: int, name: str, position: int = 0) -> np.random.Generator:
    """Returns the random numbers of one named purpose at one place of the data, such as the chunk that starts there.

    The same arguments give the same numbers on every machine, whatever else was drawn and by whichever process.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), position))
    return np.random.Generator(np.random.PCG64(sequence))


def distinct_codes(seed: int, name: str, positions: IntArray, *, bits: int) -> IntArray:
    """Returns a random-looking number of `bits` bits for each position; different positions never share one.

    A Feistel network (four rounds of a multiplicative hash over two halves) permutes the numbers below 2**bits, so ids
    need neither a memory of those given out nor a test for collisions. `bits` is even and at most 62.
    """
    half = bits // 2
    mask = np.uint64((1 << half) - 1)
    keys = stream(seed, name).integers(1, 2**62, size=4, dtype=np.uint64) | np.uint64(1)
    numbers = positions.astype(np.uint64)
    left, right = numbers >> np.uint64(half), numbers & mask
    for key in keys:
        mixed = (right + np.uint64(0x9E3779B9)) * key
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0xD6E8FEB86659FD93)
        left, right = right, left ^ ((mixed >> np.uint64(29)) & mask)
    return ((left << np.uint64(half)) | right).astype(np.int64)
