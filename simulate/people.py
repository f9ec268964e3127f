"""Users: where they live, how often they come, and how they differ from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulate.names import user_ids
from simulate.seeds import FloatArray, IntArray, stream
from simulate.settings import ShopSettings
from simulate.vocabulary import PAYMENTS, PLACES, SYSTEMS, Place, Vocabulary

_CITIES_PER_PLACE = 8
_HISTORY_DAYS = 180  # registrations before the window
_NEWCOMERS = 0.2  # of the users register within the window
_ACTIVITY_SIGMA = 0.9
_PACE_SIGMA = 0.35  # of a user's mean log duration: an intraclass correlation of about .12
_INTENT_SIGMA = 0.7
_FAVOURITES = 2
_TECHNIQUES = (  # device, system, browser, share
    ("mobile", "iOS", "Safari", 0.26), ("mobile", "iOS", "Chrome", 0.05), ("mobile", "Android", "Chrome", 0.21),
    ("mobile", "Android", "Firefox", 0.03), ("desktop", "Windows", "Chrome", 0.13), ("desktop", "Windows", "Edge", 0.07),
    ("desktop", "Windows", "Firefox", 0.03), ("desktop", "macOS", "Safari", 0.07), ("desktop", "macOS", "Chrome", 0.04),
    ("tablet", "iOS", "Safari", 0.07), ("tablet", "Android", "Chrome", 0.04),
)  # fmt: skip
_PAYMENT_SHARES = np.array([0.46, 0.24, 0.08, 0.08, 0.05, 0.09])
_PAYMENT_BUDGET = np.array([0.0, 0.0, 0.35, -0.35, 0.1, 0.05])  # a user's mean log basket, by the method they prefer


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The users, by number, in the order in which they registered.

    Attributes:
        home: index into `places`.
        registered: seconds since 1970.
        reach: running sum of activity, so that `reach[k - 1]` is the weight of the first k users.
        pace: shift of the user's log duration.
        intent: shift of the user's readiness to buy, on a logistic scale.
        thrift: shift of the log number of items in a basket.
        technique: index into `TECHNIQUES`, the device that the user mostly uses.
        favourites: (users, 2), categories the user likes.
        payment: the method the user mostly pays with.
        network: the first two octets of the user's mostly used address.
        seen: `last_active` as it stands apart from the sessions, in seconds since 1970.
    """

    places: tuple[Place, ...]
    home: IntArray
    registered: IntArray
    reach: FloatArray
    pace: FloatArray
    intent: FloatArray
    thrift: FloatArray
    technique: IntArray
    favourites: IntArray
    payment: IntArray
    network: IntArray
    seen: IntArray

    @property
    def size(self) -> int:
        return len(self.home)

    def draw(self, rng: np.random.Generator, seconds: IntArray) -> IntArray:
        """Returns one user per moment, by activity, among those registered before it."""
        known = np.maximum(np.searchsorted(self.registered, seconds, side="right"), 1)
        targets = rng.random(len(seconds)) * self.reach[known - 1]
        users: IntArray = np.minimum(np.searchsorted(self.reach, targets, side="right"), known - 1)
        return users

    def place_columns(self, users: IntArray) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Returns city, state and country of those users as dictionary columns."""
        homes = pa.array(self.home[users].astype(np.int32))
        words = (
            [place.city for place in self.places],
            [place.state for place in self.places],
            [place.country for place in self.places],
        )
        city, state, country = (pa.DictionaryArray.from_arrays(homes, pa.array(column)) for column in words)
        return city, state, country

    def table(self, last_active: IntArray) -> pa.Table:
        """Returns the users as written; `last_active` in seconds since 1970."""
        everyone = np.arange(self.size)
        moment = pa.timestamp("us", tz="UTC")
        return pa.table(
            {
                "user_id": user_ids(everyone),
                "geo_data": pa.StructArray.from_arrays(
                    list(self.place_columns(everyone)), ["city", "state", "country"]
                ),
                "registration_date": pa.array(self.registered * 1_000_000, moment),
                "last_active": pa.array(last_active * 1_000_000, moment),
            }
        )


def make_people(settings: ShopSettings, words: Vocabulary) -> People:
    rng = stream(settings.seed, "users")
    if settings.profile == "uniform":
        return _alike(rng, settings, words)
    return _different(rng, settings, words)


def technique_words() -> tuple[list[str], list[str], list[str]]:
    """Returns device, system and browser of each technique."""
    return [row[0] for row in _TECHNIQUES], [row[1] for row in _TECHNIQUES], [row[2] for row in _TECHNIQUES]


def draw_techniques(rng: np.random.Generator, count: int) -> IntArray:
    shares = np.array([row[3] for row in _TECHNIQUES])
    return rng.choice(len(_TECHNIQUES), count, p=shares / shares.sum())


def draw_payments(rng: np.random.Generator, count: int) -> IntArray:
    return rng.choice(len(PAYMENTS), count, p=_PAYMENT_SHARES)


def _different(rng: np.random.Generator, settings: ShopSettings, words: Vocabulary) -> People:
    count = settings.user_count
    weights = np.array([weight for _, _, weight in PLACES])
    cities = words.cities(len(PLACES) * _CITIES_PER_PLACE)
    places = tuple(
        Place(city=cities[row * _CITIES_PER_PLACE + turn], state=state, country=country)
        for row, (country, state, _) in enumerate(PLACES)
        for turn in range(_CITIES_PER_PLACE)
    )
    region = rng.choice(len(PLACES), count, p=weights / weights.sum())
    city = np.minimum(rng.geometric(0.35, count) - 1, _CITIES_PER_PLACE - 1)
    registered = _registrations(rng, settings)
    technique = draw_techniques(rng, count)
    payment = _preferred_payments(rng, technique)
    activity = rng.lognormal(0, _ACTIVITY_SIGMA, count)
    return People(
        places=places,
        home=region * _CITIES_PER_PLACE + city,
        registered=registered,
        reach=np.cumsum(activity),
        pace=rng.normal(0, _PACE_SIGMA, count),
        intent=rng.normal(0, _INTENT_SIGMA, count),
        thrift=_PAYMENT_BUDGET[payment] + rng.normal(0, 0.2, count),
        technique=technique,
        favourites=rng.integers(0, settings.categories, (count, _FAVOURITES)),
        payment=payment,
        network=rng.integers(0x0B00, 0x7E00, count),
        seen=registered,
    )


def _registrations(rng: np.random.Generator, settings: ShopSettings) -> IntArray:
    """Returns sorted seconds: most before the window, some within it, the first always before."""
    count = settings.user_count
    early = settings.start_second - np.floor(rng.random(count) * _HISTORY_DAYS * 86_400).astype(np.int64) - 1
    late = settings.start_second + np.floor(rng.random(count) * 0.9 * settings.span_seconds).astype(np.int64)
    newcomer = rng.random(count) < _NEWCOMERS
    newcomer[0] = False
    return np.sort(np.where(newcomer, late, early))


def _preferred_payments(rng: np.random.Generator, technique: IntArray) -> IntArray:
    """Returns each user's method; Apple Pay only where the user's own device is Apple's."""
    payment = draw_payments(rng, len(technique))
    systems = np.array([SYSTEMS.index(row[1]) for row in _TECHNIQUES])[technique]
    apple = (systems == SYSTEMS.index("iOS")) | (systems == SYSTEMS.index("macOS"))
    pay = PAYMENTS.index("apple_pay")
    return np.where((payment == pay) & ~apple, PAYMENTS.index("credit_card"), payment)


def _alike(rng: np.random.Generator, settings: ShopSettings, words: Vocabulary) -> People:
    count = settings.user_count
    quarter = settings.days * 86_400
    registered = settings.start_second - 2 * quarter + np.floor(rng.random(count) * 2 * quarter).astype(np.int64)
    left = settings.end_second - registered
    return People(
        places=tuple(words.places(count)),
        home=np.arange(count),
        registered=registered,
        reach=np.arange(1.0, count + 1),
        pace=np.zeros(count),
        intent=np.zeros(count),
        thrift=np.zeros(count),
        technique=np.zeros(count, dtype=np.int64),
        favourites=np.zeros((count, _FAVOURITES), dtype=np.int64),
        payment=np.zeros(count, dtype=np.int64),
        network=np.zeros(count, dtype=np.int64),
        seen=registered + np.floor(rng.random(count) * left).astype(np.int64),
    )
