"""Streams of chance, ids without collisions, ragged rows and ids as text."""

from __future__ import annotations

import numpy as np
import pytest

from simulate.names import coded, product_ids, session_ids, transaction_ids, user_ids
from simulate.ragged import first_of_each, kept, offsets_of, owners_of, positions_of, taken
from simulate.seeds import distinct_codes, stream


def test_a_stream_depends_on_seed_name_and_place_only() -> None:
    first = stream(1, "sessions", 20_000).random(5)
    stream(1, "something else").random(100)
    assert np.array_equal(first, stream(1, "sessions", 20_000).random(5))
    others = [stream(2, "sessions", 20_000), stream(1, "orders", 20_000), stream(1, "sessions", 0)]
    assert not any(np.array_equal(first, other.random(5)) for other in others)


@pytest.mark.parametrize("bits", [8, 16, 40, 48])
def test_codes_are_distinct_and_fit(bits: int) -> None:
    positions = np.arange(min(2**bits, 300_000))
    codes = distinct_codes(3, "ids", positions, bits=bits)
    assert len(np.unique(codes)) == len(positions)
    assert codes.min() >= 0
    assert codes.max() < 2**bits


def test_codes_look_random() -> None:
    codes = distinct_codes(1, "ids", np.arange(100_000), bits=40)
    shares = np.bincount(codes >> 36, minlength=16) / len(codes)
    assert np.abs(shares - 1 / 16).max() < 0.005
    assert abs(np.corrcoef(codes[1:], codes[:-1])[0, 1]) < 0.02


def test_ids_have_the_exports_form() -> None:
    assert session_ids(np.array([0x59E6B])).to_pylist() == ["sess_0000059e6b"]
    assert transaction_ids(np.array([2**48 - 1])).to_pylist() == ["txn_ffffffffffff"]
    assert user_ids(np.array([1_589, 0])).to_pylist() == ["user_001589", "user_000000"]
    assert product_ids(np.array([3_503])).to_pylist() == ["prod_03503"]
    assert product_ids(np.array([], dtype=np.int64)).to_pylist() == []
    assert coded(np.array([1, -1]), product_ids(np.arange(2))).to_pylist() == ["prod_00001", None]


def test_ragged_rows() -> None:
    offsets = offsets_of(np.array([2, 0, 3]))
    assert offsets.tolist() == [0, 2, 2, 5]
    assert owners_of(offsets).tolist() == [0, 0, 2, 2, 2]
    assert positions_of(offsets).tolist() == [0, 1, 0, 1, 2]
    chosen, flat = taken(offsets, np.array([2, 1, 0]))
    assert chosen.tolist() == [0, 3, 3, 5]
    assert flat.tolist() == [2, 3, 4, 0, 1]
    assert kept(offsets, np.array([True, False, True, True, False])).tolist() == [0, 1, 1, 3]


def test_the_first_of_each_value_in_a_row() -> None:
    owners = np.array([0, 0, 0, 1, 1])
    values = np.array([4, 4, 2, 4, 4])
    assert first_of_each(owners, values, 5).tolist() == [True, False, True, True, False]
