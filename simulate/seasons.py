"""When people come: the shop's rhythm over weeks and hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulate.seeds import FloatArray, IntArray, stream
from simulate.settings import ShopSettings

_WEEK = np.array([0.96, 0.94, 0.97, 1.00, 1.06, 1.14, 1.10])  # Monday first
_WORKDAY_HOURS = np.array(
    [
        1.2,
        0.7,
        0.5,
        0.4,
        0.4,
        0.7,
        1.5,
        2.8,
        3.6,
        4.0,
        4.3,
        4.8,
        5.4,
        5.0,
        4.5,
        4.4,
        4.6,
        5.2,
        6.2,
        7.4,
        8.2,
        7.8,
        5.4,
        2.8,
    ]
)
_WEEKEND_HOURS = np.array(
    [
        1.8,
        1.1,
        0.8,
        0.5,
        0.4,
        0.5,
        0.9,
        1.8,
        3.2,
        4.8,
        6.0,
        6.5,
        6.4,
        6.3,
        6.2,
        6.1,
        6.0,
        6.0,
        6.2,
        6.6,
        6.8,
        6.2,
        4.6,
        2.9,
    ]
)
_GROWTH = 0.15  # more visits a day at the end of the window than at its start, as a share
CLOSING_SECONDS = 120  # before the window's end nobody comes in, so that every visit can end within it
_DAY_NOISE = 0.06  # standard deviation of a day's log intensity


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasons:
    """Visits over time as a distribution: `edges` in seconds since 1970, an hour apart, and the share before each."""

    edges: FloatArray
    shares: FloatArray

    def seconds_at(self, quantiles: FloatArray) -> IntArray:
        """Returns the moment (whole seconds since 1970) before which that share of all visits begins."""
        return np.floor(np.interp(quantiles, self.shares, self.edges)).astype(np.int64)


def make_seasons(settings: ShopSettings) -> Seasons:
    """Returns the rhythm of the window: by hour, weekday or weekend, a slow growth and a little noise per day."""
    noise = stream(settings.seed, "seasons").normal(0, _DAY_NOISE, settings.days)
    weekdays = (settings.start.weekday() + np.arange(settings.days)) % 7
    trend = 1 + _GROWTH * np.linspace(0, 1, settings.days)
    per_day = _WEEK[weekdays] * trend * np.exp(noise)
    hours = np.where((weekdays >= 5)[:, None], _shape(_WEEKEND_HOURS), _shape(_WORKDAY_HOURS))
    intensity = (per_day[:, None] * hours).ravel()
    shares = np.concatenate([[0.0], np.cumsum(intensity)]) / intensity.sum()
    edges: FloatArray = settings.start_second + 3_600.0 * np.arange(len(shares), dtype=np.float64)
    edges[-1] -= CLOSING_SECONDS
    return Seasons(edges=edges, shares=shares)


def _shape(hours: FloatArray) -> FloatArray:
    shape: FloatArray = hours / hours.sum()
    return shape
