"""The search for a packed slice: planted bands are found with their slice and dates, clean data give none."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from expectations.stats.cluster import BIN, EVERYTHING, Matrix, find_clusters, find_shifted, matrices_of

FIRST = datetime.date(2024, 1, 1)


@dataclass(frozen=True)
class Sessions:
    """Sessions of a shop, column by column."""

    duration: NDArray[np.float64]
    day: NDArray[np.int64]
    device: NDArray[np.str_]
    os: NDArray[np.str_]
    referrer: NDArray[np.str_]


def sessions(rng: np.random.Generator, n: int, shape: str = "log-normal 1", days: int = 90) -> Sessions:
    device = rng.choice(np.array(["mobile", "desktop", "tablet"]), n, p=[0.55, 0.35, 0.1])
    draws = {
        "log-normal .25": lambda: np.exp(rng.normal(6.2, 0.25, n)),
        "log-normal 1": lambda: np.exp(rng.normal(6.2, 1, n)),
        # Devices differ in earnest: phones have shorter sessions, and weekends longer ones.
        "devices differ": lambda: np.exp(rng.normal(np.where(device == "mobile", 5.8, 6.4), 0.9, n)),
        "exponential": lambda: rng.exponential(600, n) + 1,
        "weibull": lambda: 600 * rng.weibull(0.8, n) + 1,
        "mixture": lambda: np.where(
            rng.random(n) < 0.3, np.exp(rng.normal(3.5, 0.6, n)), np.exp(rng.normal(6.5, 0.8, n))
        ),
        "uniform": lambda: rng.uniform(30, 3600, n),
    }
    return Sessions(
        duration=np.floor(draws[shape]()).clip(1),
        day=rng.integers(0, days, n),
        device=device,
        os=np.where(
            device == "desktop",
            rng.choice(np.array(["Windows", "macOS", "Linux"]), n),
            rng.choice(np.array(["iOS", "Android"]), n),
        ),
        referrer=rng.choice(np.array(["direct", "email", "social", "search_engine", "affiliate"]), n),
    )


def cells(data: Sessions, *, dated: bool = True) -> list[Matrix]:
    bins = np.floor(np.log(data.duration) / BIN).astype(int)
    made = []
    for column, values in (("device_type", data.device), ("os", data.os), ("referrer", data.referrer)):
        keys, counts = np.unique(
            np.stack([values, data.day.astype(str) if dated else np.full(len(bins), ""), bins.astype(str)]),
            axis=1,
            return_counts=True,
        )
        for (value, day, number), count in zip(keys.T, counts, strict=True):
            date = (FIRST + datetime.timedelta(days=int(day))).isoformat() if dated else None
            made.append({"c": column, "v": str(value), "day": date, "bin": int(number), "n": int(count)})
    return matrices_of(pa.Table.from_pylist(made))


CLEAN = ["log-normal .25", "log-normal 1", "devices differ", "exponential", "weibull", "mixture", "uniform"]


@pytest.mark.parametrize("n", [300, 3_000, 20_000])
@pytest.mark.parametrize("shape", CLEAN)
def test_clean_data_have_no_cluster(shape: str, n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(2 if n == 20_000 else 4):
        made = cells(sessions(rng, n, shape))
        assert find_clusters(made, whole_numbers=True) == []
        assert find_shifted(made) == []


@pytest.mark.parametrize("shape", CLEAN)
def test_clean_data_without_dates_have_no_cluster(shape: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(4):
        assert find_clusters(cells(sessions(rng, 5_000, shape), dated=False), whole_numbers=True) == []


def plant(data: Sessions, mask: NDArray[np.bool_], values: NDArray[np.float64]) -> Sessions:
    duration = data.duration.copy()
    duration[mask] = values[mask]
    return Sessions(duration=duration, day=data.day, device=data.device, os=data.os, referrer=data.referrer)


STRENGTHS = [
    # shape, sessions, device days, share of the slice's rows that are clustered
    ("log-normal 1", 20_000, 10, 1.0),
    ("log-normal 1", 20_000, 30, 1.0),
    ("log-normal 1", 20_000, 14, 0.4),
    ("log-normal 1", 3_000, 14, 1.0),
    ("devices differ", 20_000, 8, 0.6),
    ("uniform", 20_000, 14, 1.0),
    ("mixture", 5_000, 20, 0.5),
]


@pytest.mark.parametrize(("shape", "n", "length", "share"), STRENGTHS)
def test_a_device_over_some_days_is_found(shape: str, n: int, length: int, share: float) -> None:
    rng = np.random.default_rng(42)
    data = sessions(rng, n, shape)
    mask = (data.device == "mobile") & (data.day >= 40) & (data.day < 40 + length) & (rng.random(n) < share)
    found = find_clusters(
        cells(plant(data, mask, rng.choice(np.array([441.0, 446, 451, 456, 461, 466]), n))), whole_numbers=True
    )
    assert found
    first = found[0]
    assert (first.column, first.value) == ("device_type", "mobile")
    assert first.low <= 450 <= first.high
    assert first.high / first.low < 1.5
    wanted = {(FIRST + datetime.timedelta(days=day)).isoformat() for day in range(40, 40 + length)}
    assert len(wanted ^ set(first.dates)) <= 2
    assert first.excess > 0.7 * share - 0.1


def test_scattered_days_are_found() -> None:
    rng = np.random.default_rng(3)
    data = sessions(rng, 20_000)
    days = [3, 17, 29, 44, 58, 71]
    mask = (data.device == "mobile") & np.isin(data.day, days)
    first = find_clusters(cells(plant(data, mask, rng.normal(1800, 15, 20_000).round())), whole_numbers=True)[0]
    assert (first.column, first.value) == ("device_type", "mobile")
    assert list(first.dates) == [(FIRST + datetime.timedelta(days=day)).isoformat() for day in days]


def test_a_slice_on_all_dates_is_found() -> None:
    rng = np.random.default_rng(4)
    data = sessions(rng, 10_000)
    mask = (data.referrer == "email") & (rng.random(10_000) < 0.6)
    first = find_clusters(cells(plant(data, mask, rng.normal(1800, 15, 10_000).round())), whole_numbers=True)[0]
    assert (first.column, first.value, first.dates) == ("referrer", "email", ())


def test_some_days_of_everything_are_named_without_a_slice() -> None:
    rng = np.random.default_rng(5)
    data = sessions(rng, 20_000)
    mask = (data.day >= 20) & (data.day < 26)
    first = find_clusters(cells(plant(data, mask, rng.normal(900, 8, 20_000).round())), whole_numbers=True)[0]
    assert (first.column, len(first.dates)) == (EVERYTHING, 6)


def test_a_slice_in_another_unit_is_found() -> None:
    rng = np.random.default_rng(6)
    data = sessions(rng, 5_000)
    shifted = find_shifted(cells(plant(data, data.device == "tablet", data.duration * 1000)))
    assert [(one.column, one.value) for one in shifted] == [("device_type", "tablet")]
    assert shifted[0].ratio == pytest.approx(1000, rel=0.2)


def test_nothing_and_one_row() -> None:
    one = pa.Table.from_pylist([{"c": "a", "v": "b", "day": "2024-01-01", "bin": 1, "n": 1}])
    assert matrices_of(one.slice(0, 0)) == []
    assert find_clusters([]) == []
    assert find_shifted([]) == []
    assert find_clusters(matrices_of(one)) == []
