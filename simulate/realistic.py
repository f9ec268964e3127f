"""The realistic profile: people who differ, products that differ, and a path that leads to the purchase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulate.catalogue import Catalogue
from simulate.orders import Orders
from simulate.people import People, draw_payments, draw_techniques, technique_words
from simulate.planting import planted_durations
from simulate.ragged import first_of_each, kept, offsets_of, owners_of
from simulate.seasons import Seasons, make_seasons
from simulate.seeds import BoolArray, FloatArray, IntArray, distinct_codes, stream
from simulate.settings import ShopSettings
from simulate.traffic import Sessions, draw_microseconds, seen_products, split_durations
from simulate.vocabulary import (
    ABANDONED,
    BROWSED,
    BROWSERS,
    CART,
    CHECKOUT,
    CONFIRMATION,
    CONVERTED,
    DETAIL,
    DEVICES,
    HOME,
    LISTING,
    ORDER_STATUSES,
    REFERRERS,
    SEARCH,
    SYSTEMS,
)

_OWN_TECHNIQUE = 0.8  # of a user's sessions are on the usual device
_REFERRER_SHARES = np.array([0.28, 0.12, 0.15, 0.37, 0.08])
_REFERRER_INTENT = np.array([0.25, 0.55, -0.6, 0.0, -0.2])
_DEVICE_INTENT = np.array([-0.25, 0.35, 0.05])
_DEVICE_PACE = np.array([-0.2, 0.2, 0.05])
_ENTRY = np.array(  # entry page (home, search, category listing) by referrer
    [[0.70, 0.15, 0.15], [0.25, 0.10, 0.65], [0.30, 0.10, 0.60], [0.30, 0.40, 0.30], [0.15, 0.15, 0.70]]
)
_CART_PER_PURCHASE = 2.7
_CHECKOUT_PER_PURCHASE = 1.6
_LEAST_CARTS = 0.1  # of the sessions, however few orders are asked for
_VIEWS_MEAN = np.array([2.2, 2.6, 3.0, 3.2])  # products looked at beyond the first, by stage reached
_VIEWS_SHAPE = 1.6
_FROM_FAVOURITE = 0.5
_COMPANION_VIEWED = 0.45
_COMPANION_TAKEN = 0.85
_TAKEN = 0.36
_LISTING_FIRST = 0.45
_SECOND_CART_PAGE = 0.2
_PACE_LEVEL = 62.0  # seconds for a session of one page
_PACE_PER_PAGES = 0.75
_PACE_SIGMA = 0.8
_LONGEST = 14_400
_PAGE_WEIGHTS = np.array([0.7, 0.8, 0.9, 1.4, 0.8, 1.5, 0.5])
_OWN_PAYMENT = 0.8
_CALIBRATION = 20_000
BROWSE, IN_CART, AT_CHECKOUT, PURCHASE = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realistic:
    """Everything that the chunks of one shop share."""

    settings: ShopSettings
    catalogue: Catalogue
    people: People
    seasons: Seasons
    thresholds: FloatArray

    def sessions(self, first: int, last: int) -> tuple[Sessions, Orders]:
        """Returns the sessions from `first` up to `last`, in order of time, and the orders made in them."""
        rng = stream(self.settings.seed, "sessions", first)
        count = last - first
        quantiles = (np.arange(first, last) + rng.random(count)) / self.settings.sessions
        visits = _draw_visits(rng, self.people, self.seasons.seconds_at(quantiles))
        stage = np.searchsorted(self.thresholds, visits.intent, side="right")
        choice = _choose_products(rng, self.catalogue, self.people, visits, stage)
        return self._assemble(rng, first, visits, stage, choice)

    def _assemble(
        self, rng: np.random.Generator, first: int, visits: _Visits, stage: IntArray, choice: _Choice
    ) -> tuple[Sessions, Orders]:
        count = len(stage)
        path = _walk(rng, self.catalogue, visits, stage, choice)
        duration = self._durations(rng, first, visits, np.diff(path.offsets))
        weights = _PAGE_WEIGHTS[path.page] * rng.gamma(1.5, size=len(path.page))
        view_start, view_duration = split_durations(path.offsets, duration, weights)
        start = draw_microseconds(rng, visits.seconds, self.settings.end_second)
        seen_offsets, seen = seen_products(choice.offsets, choice.product, choice.is_first)
        taken = choice.is_taken
        owners = owners_of(choice.offsets)
        in_cart = choice.product[taken]
        technique = technique_words()
        sessions = Sessions(
            codes=distinct_codes(self.settings.seed, "session ids", np.arange(first, first + count), bits=40),
            users=visits.users,
            start=start,
            duration=duration,
            address=_draw_addresses(rng, self.people, visits.users),
            device=_coded(technique[0], DEVICES)[visits.technique],
            system=_coded(technique[1], SYSTEMS)[visits.technique],
            browser=_coded(technique[2], BROWSERS)[visits.technique],
            referrer=visits.referrer,
            status=np.array([BROWSED, ABANDONED, ABANDONED, CONVERTED])[stage],
            view_offsets=path.offsets,
            view_start=view_start,
            view_type=path.page,
            view_product=path.product,
            view_category=path.category,
            view_duration=view_duration,
            cart_offsets=kept(choice.offsets, taken),
            cart_product=in_cart,
            cart_quantity=draw_quantities(rng, len(in_cart)),
            cart_price=self.catalogue.price_at(in_cart, visits.seconds[owners[taken]]),
            seen_offsets=seen_offsets,
            seen_product=seen,
        )
        return sessions, _orders_of(sessions, first)

    def _durations(self, rng: np.random.Generator, first: int, visits: _Visits, pages: IntArray) -> IntArray:
        log = np.log(_PACE_LEVEL) + _PACE_PER_PAGES * np.log(pages)
        log += self.people.pace[visits.users] + _DEVICE_PACE[visits.device] + rng.normal(0, _PACE_SIGMA, len(pages))
        natural = np.clip(np.exp(log).astype(np.int64), 2 * pages, _LONGEST)
        duration = planted_durations(self.settings, first, visits.seconds, visits.device, natural)
        return np.minimum(duration, self.settings.end_second - 1 - visits.seconds)


def make_realistic(settings: ShopSettings, catalogue: Catalogue, people: People) -> Realistic:
    """Returns the profile, its thresholds set so that the sessions give half of the orders asked for."""
    seasons = make_seasons(settings)
    rng = stream(settings.seed, "calibration")
    sample = _draw_visits(rng, people, seasons.seconds_at(rng.random(_CALIBRATION)))
    bought = min(0.5, 0.5 * settings.order_target / settings.sessions)
    carted = min(0.9, max(_LEAST_CARTS, _CART_PER_PURCHASE * bought))
    at_checkout = min((carted + bought) / 2, _CHECKOUT_PER_PURCHASE * bought)
    shares = np.array([carted, at_checkout, bought])
    return Realistic(
        settings=settings,
        catalogue=catalogue,
        people=people,
        seasons=seasons,
        thresholds=np.where(shares > 0, np.quantile(sample.intent, 1 - shares), np.inf),
    )


def draw_quantities(rng: np.random.Generator, count: int) -> IntArray:
    return rng.choice([1, 2, 3], count, p=[0.8, 0.15, 0.05])


def standalone_orders(shop: Realistic, linked: Orders) -> Orders:
    """Returns the orders outside any session that fill the target, baskets as large as those of the linked ones."""
    settings = shop.settings
    count = max(0, settings.order_target - linked.size)
    rng = stream(settings.seed, "standalone orders")
    seconds = np.sort(shop.seasons.seconds_at(rng.random(count)))
    users = shop.people.draw(rng, seconds)
    widths = np.diff(linked.offsets) if linked.size >= 30 else np.array([1, 1, 2, 3])
    offsets = offsets_of(rng.choice(widths, count))
    owners = owners_of(offsets)
    products = _draw_products(rng, shop.catalogue, shop.people, offsets, users, seconds)
    distinct = first_of_each(owners, products, shop.catalogue.size)
    products = products[distinct]
    return Orders(
        session_codes=np.full(count, -1),
        users=users,
        times=draw_microseconds(rng, seconds, settings.end_second),
        places=np.zeros(count, dtype=np.int64),
        payment=np.full(count, -1),
        status=np.full(count, -1),
        offsets=kept(offsets, distinct),
        products=products,
        quantities=draw_quantities(rng, len(products)),
        prices=shop.catalogue.price_at(products, seconds[owners[distinct]]),
    )


def draw_choices(shop: Realistic, orders: Orders) -> Orders:
    """Returns the orders with payment, mostly the user's own method, and a status that fits their age."""
    rng = stream(shop.settings.seed, "order choices")
    own = rng.random(orders.size) < _OWN_PAYMENT
    payment = np.where(own, shop.people.payment[orders.users], draw_payments(rng, orders.size))
    age_days = (shop.settings.end_second * 1_000_000 - orders.times) / 86_400e6
    drift = age_days * rng.uniform(0.6, 1.6, orders.size)
    steps = [ORDER_STATUSES.index(word) for word in ("processing", "shipped", "delivered", "completed")]
    status = np.array(steps)[np.searchsorted([1.5, 5.0, 18.0], drift)]
    return orders.with_choices(payment, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visits:
    seconds: IntArray
    users: IntArray
    technique: IntArray
    device: IntArray
    referrer: IntArray
    intent: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The products looked at, in order, ragged by session."""

    offsets: IntArray
    product: IntArray
    is_first: BoolArray
    is_taken: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """The pages of each session, in order, ragged by session."""

    offsets: IntArray
    page: IntArray
    product: IntArray
    category: IntArray


def _draw_visits(rng: np.random.Generator, people: People, seconds: IntArray) -> _Visits:
    count = len(seconds)
    users = people.draw(rng, seconds)
    own = rng.random(count) < _OWN_TECHNIQUE
    technique = np.where(own, people.technique[users], draw_techniques(rng, count))
    device = _coded(technique_words()[0], DEVICES)[technique]
    referrer = rng.choice(len(REFERRERS), count, p=_REFERRER_SHARES)
    evening = ((seconds % 86_400) // 3_600 >= 18) * 0.2
    intent = people.intent[users] + _REFERRER_INTENT[referrer] + _DEVICE_INTENT[device] + evening
    return _Visits(
        seconds=seconds,
        users=users,
        technique=technique,
        device=device,
        referrer=referrer,
        intent=intent + rng.logistic(0, 1, count),
    )


def _draw_products(
    rng: np.random.Generator,
    catalogue: Catalogue,
    people: People,
    offsets: IntArray,
    users: IntArray,
    seconds: IntArray,
) -> IntArray:
    """Returns products by popularity and by the users' favourites; a companion often follows its partner."""
    owners = owners_of(offsets)
    total = len(owners)
    liked = people.favourites[users[owners], rng.integers(0, people.favourites.shape[1], total)]
    category = np.where(rng.random(total) < _FROM_FAVOURITE, liked, -1)
    products = catalogue.draw(rng, seconds[owners], category)
    follows = _companions_of(catalogue, owners, products)
    follows = np.where(rng.random(total) < _COMPANION_VIEWED, follows, -1)
    return np.where(follows >= 0, follows, products)


def _companions_of(catalogue: Catalogue, owners: IntArray, products: IntArray) -> IntArray:
    """Returns for each place the companion of the product before it in the same row, or -1."""
    before = np.full(len(products), -1)
    before[1:] = np.where(owners[1:] == owners[:-1], catalogue.companion[products[:-1]], -1)
    return before


def _choose_products(
    rng: np.random.Generator, catalogue: Catalogue, people: People, visits: _Visits, stage: IntArray
) -> _Choice:
    mean = _VIEWS_MEAN[stage] * np.exp(people.thrift[visits.users])
    counts = rng.negative_binomial(_VIEWS_SHAPE, _VIEWS_SHAPE / (_VIEWS_SHAPE + mean))
    counts = np.minimum(counts, 25) + (stage > BROWSE)
    offsets = offsets_of(counts)
    owners = owners_of(offsets)
    product = _draw_products(rng, catalogue, people, offsets, visits.users, visits.seconds)
    is_first = first_of_each(owners, product, catalogue.size)
    return _Choice(
        offsets=offsets,
        product=product,
        is_first=is_first,
        is_taken=_take(rng, catalogue, owners, product, is_first, stage),
    )


def _take(
    rng: np.random.Generator,
    catalogue: Catalogue,
    owners: IntArray,
    product: IntArray,
    is_first: BoolArray,
    stage: IntArray,
) -> BoolArray:
    """Marks what goes into the cart: the first product looked at always, companions nearly always with their partner."""
    place = np.concatenate([[True], owners[1:] != owners[:-1]]) if len(owners) else np.zeros(0, dtype=bool)
    wanted = place | (rng.random(len(owners)) < _TAKEN)
    pulled = np.zeros(len(owners), dtype=bool)
    partner = _companions_of(catalogue, owners, product) == product
    pulled[1:] = partner[1:] & wanted[:-1]
    wanted |= pulled & (rng.random(len(owners)) < _COMPANION_TAKEN)
    return wanted & is_first & (stage[owners] > BROWSE)


def _walk(rng: np.random.Generator, catalogue: Catalogue, visits: _Visits, stage: IntArray, choice: _Choice) -> _Path:
    """Returns the pages: an entry, each product after a listing or not, then cart, checkout and confirmation."""
    owners = owners_of(choice.offsets)
    has_listing = rng.random(len(owners)) < _LISTING_FIRST
    looks = np.bincount(owners, weights=1 + has_listing, minlength=len(stage)).astype(np.int64)
    cart_pages = (stage >= IN_CART) * (1 + (rng.random(len(stage)) < _SECOND_CART_PAGE))
    tail = cart_pages + (stage >= AT_CHECKOUT) + (stage == PURCHASE)
    offsets = offsets_of(1 + looks + tail)
    page = np.full(offsets[-1], CART)
    product = np.full(offsets[-1], -1)
    category = np.full(offsets[-1], -1)

    entry = np.array([HOME, SEARCH, LISTING])
    draws = rng.random(len(stage))
    page[offsets[:-1]] = entry[(draws[:, None] > np.cumsum(_ENTRY, axis=1)[visits.referrer][:, :2]).sum(axis=1)]
    entered = offsets[:-1][page[offsets[:-1]] == LISTING]
    category[entered] = rng.choice(catalogue.category, len(entered))

    steps = np.cumsum(1 + has_listing)
    before = np.concatenate([[0], steps])[choice.offsets[:-1]]
    details = offsets[owners] + steps - before[owners]
    page[details], product[details] = DETAIL, choice.product
    category[details] = catalogue.category[choice.product]
    listings = details[has_listing] - 1
    searched = rng.random(len(listings)) < 0.5
    page[listings] = np.where(searched, SEARCH, LISTING)
    category[listings] = np.where(searched, -1, catalogue.category[choice.product[has_listing]])

    ends = offsets[1:] - 1
    bought, checked = stage == PURCHASE, stage == AT_CHECKOUT
    page[ends[bought]] = CONFIRMATION
    page[ends[bought] - 1] = CHECKOUT
    page[ends[checked]] = CHECKOUT
    return _Path(offsets=offsets, page=page, product=product, category=category)


def _orders_of(sessions: Sessions, first: int) -> Orders:
    """Returns the orders of the converted sessions, at the moment of their confirmation page."""
    bought = np.flatnonzero(sessions.status == CONVERTED)
    confirmed = sessions.view_start[sessions.view_offsets[bought + 1] - 1]
    everything = Orders(
        session_codes=sessions.codes,
        users=sessions.users,
        times=sessions.start,
        places=first + np.arange(sessions.size),
        payment=np.full(sessions.size, -1),
        status=np.full(sessions.size, -1),
        offsets=sessions.cart_offsets,
        products=sessions.cart_product,
        quantities=sessions.cart_quantity,
        prices=sessions.cart_price,
    )
    orders = everything.rows(bought)
    return replace(orders, times=orders.times + confirmed * 1_000_000)


def _draw_addresses(rng: np.random.Generator, people: People, users: IntArray) -> IntArray:
    return (people.network[users] << 16) | rng.integers(1, 65_535, len(users))


def _coded(words: list[str], known: tuple[str, ...]) -> IntArray:
    return np.array([known.index(word) for word in words])
