"""The shop's ids as text columns: a prefix and a fixed number of digits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from simulate.seeds import IntArray

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def session_ids(codes: IntArray) -> pa.Array:
    """Returns `sess_` and ten hex digits for 40-bit codes."""
    return _fixed("sess_", codes, 10, base=16)


def transaction_ids(codes: IntArray) -> pa.Array:
    """Returns `txn_` and twelve hex digits for 48-bit codes."""
    return _fixed("txn_", codes, 12, base=16)


def user_ids(numbers: IntArray) -> pa.Array:
    return _fixed("user_", numbers, 6)


def product_ids(numbers: IntArray) -> pa.Array:
    return _fixed("prod_", numbers, 5)


def category_ids(numbers: IntArray) -> pa.Array:
    return _fixed("cat_", numbers, 3)


def coded(numbers: IntArray, words: pa.Array) -> pa.Array:
    """Returns `words` taken by number as a dictionary column; a number below zero is null."""
    indices = pa.array(numbers.astype(np.int32), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(indices, words)


def _fixed(prefix: str, numbers: IntArray, digits: int, *, base: int = 10) -> pa.Array:
    """Returns text of one width, written straight into Arrow's buffers."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    width = len(head) + digits
    table = np.empty((len(numbers), width), dtype=np.uint8)
    table[:, : len(head)] = head
    rest = numbers.astype(np.int64, copy=True)
    for column in range(width - 1, len(head) - 1, -1):
        table[:, column] = _HEX[rest % base]
        rest //= base
    offsets = np.arange(0, width * len(numbers) + 1, width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(table))
