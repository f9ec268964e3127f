"""The uniform profile: the distributions of the public course generator, in which nothing depends on anything.

The path through the pages is a Markov chain of its own; the cart is filled by a coin at each product page; a session
with a cart that saw a checkout or confirmation page converts by another coin. So a confirmation page is no purchase.
Orders come about along the run of sessions, linked ones and standalone ones, until the target is reached; sessions that
convert after that have none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulate.catalogue import Catalogue
from simulate.orders import Orders, joined, units_sold
from simulate.people import People
from simulate.planting import planted_durations
from simulate.ragged import first_of_each, kept, offsets_of, owners_of
from simulate.seeds import BoolArray, FloatArray, IntArray, stream
from simulate.settings import ShopSettings
from simulate.stock import Stock
from simulate.traffic import Sessions, draw_microseconds
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
    PAYMENTS,
    REFERRERS,
    SEARCH,
    SYSTEMS,
)

_TRANSITIONS = {
    HOME: {LISTING: 0.5, SEARCH: 0.3, DETAIL: 0.2},
    LISTING: {DETAIL: 0.7, LISTING: 0.1, SEARCH: 0.1, HOME: 0.1},
    SEARCH: {DETAIL: 0.6, SEARCH: 0.2, LISTING: 0.1, HOME: 0.1},
    DETAIL: {DETAIL: 0.3, CART: 0.3, LISTING: 0.2, SEARCH: 0.1, HOME: 0.1},
    CART: {CHECKOUT: 0.6, DETAIL: 0.2, LISTING: 0.1, HOME: 0.1},
    CHECKOUT: {CONFIRMATION: 0.8, CART: 0.1, HOME: 0.1},
    CONFIRMATION: {HOME: 0.6, DETAIL: 0.2, LISTING: 0.2},
}
_FEWEST_PAGES, _MOST_PAGES = 4, 16
_SHORTEST, _LONGEST = 30, 3_600  # seconds
_ADDED_TO_CART = 0.3  # of the product pages
_CONVERTED = 0.7  # of the sessions with a cart that saw a checkout or confirmation page
_STANDALONE = 0.2  # orders outside any session, per session
_STANDALONE_ITEMS = 3
_LINKED_PAYMENTS = ("credit_card", "paypal", "apple_pay", "crypto")
_STANDALONE_PAYMENTS = ("credit_card", "paypal", "bank_transfer", "gift_card")
_PATIENCE = 2  # rounds per session and order asked for, after which the run gives up on its target
_BLOCK = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Everything that the chunks of one shop share."""

    settings: ShopSettings
    catalogue: Catalogue
    people: People
    opening: IntArray

    def sessions(self, first: int, last: int) -> tuple[Sessions, Orders]:
        """Returns the sessions from `first` up to `last`, and an order for each that converts, target or not."""
        rng = stream(self.settings.seed, "sessions", first)
        count = last - first
        seconds = self._moments(rng, count)
        device = rng.integers(0, len(DEVICES), count)
        duration = rng.integers(_SHORTEST, _LONGEST + 1, count)
        duration = planted_durations(self.settings, first, seconds, device, duration)
        pages = rng.integers(_FEWEST_PAGES, _MOST_PAGES + 1, count)
        offsets = offsets_of(pages)
        page = _walk(rng, pages)
        view_start, view_duration = _time_slots(rng, pages, duration)
        product, category = self._content(rng, last, page)
        carts = self._carts(rng, offsets, product)
        late = np.isin(page, (CHECKOUT, CONFIRMATION))
        saw_checkout = np.bincount(owners_of(offsets)[late], minlength=count) > 0
        has_cart = np.diff(carts.offsets) > 0
        converted = has_cart & saw_checkout & (rng.random(count) < _CONVERTED)
        shown = product >= 0
        seen = first_of_each(owners_of(offsets)[shown], product[shown], self.catalogue.size)
        seen_flags = np.zeros(len(product), dtype=bool)
        seen_flags[np.flatnonzero(shown)[seen]] = True
        sessions = Sessions(
            codes=rng.integers(0, 2**40, count),
            users=rng.integers(0, self.people.size, count),
            start=draw_microseconds(rng, seconds, self.settings.end_second),
            duration=duration,
            address=rng.integers(0, 2**32, count),
            device=device,
            system=rng.integers(0, len(SYSTEMS), count),
            browser=rng.integers(0, len(BROWSERS), count),
            referrer=rng.integers(0, len(REFERRERS), count),
            status=np.where(converted, CONVERTED, np.where(has_cart, ABANDONED, BROWSED)),
            view_offsets=offsets,
            view_start=view_start,
            view_type=page,
            view_product=product,
            view_category=category,
            view_duration=view_duration,
            cart_offsets=carts.offsets,
            cart_product=carts.product,
            cart_quantity=carts.quantity,
            cart_price=self.catalogue.latest_price()[carts.product],
            seen_offsets=kept(offsets, seen_flags),
            seen_product=product[seen_flags],
        )
        return sessions, self._candidates(rng, sessions, first)

    def orders(self, candidates: Orders) -> tuple[Orders, Stock]:
        """Returns the orders of the run, in the order in which they came about, and what they left in stock.

        `candidates` are the orders of all converted sessions. An item that is not in stock makes a linked order fail,
        which keeps what it took before, and is left out of a standalone one.
        """
        standalone = self._standalone(candidates)
        both = joined([candidates, standalone])
        in_turn = np.lexsort((both.session_codes < 0, both.places))
        run = both.rows(in_turn)
        made, delivered, left = _sell(run, self.opening.tolist(), self.settings.order_target)
        orders = _only_items(run, delivered).rows(made)
        return orders, Stock(opening=self.opening, sold=units_sold(orders, self.catalogue.size), left=left)

    def _moments(self, rng: np.random.Generator, count: int) -> IntArray:
        room = max(1, self.settings.span_seconds - _LONGEST - 1)
        return self.settings.start_second + rng.integers(0, room, count)

    def _content(self, rng: np.random.Generator, last: int, page: IntArray) -> tuple[IntArray, IntArray]:
        """Returns what the pages show: an active product, as far as can be told in stock, and its category; or a category."""
        on_offer = self._on_offer(last)
        product = np.where(page == DETAIL, rng.choice(on_offer, len(page)), -1)
        listed = rng.integers(0, self.settings.categories, len(page))
        category = np.where(page == DETAIL, self.catalogue.category[product], np.where(page == LISTING, listed, -1))
        return product, category

    def _on_offer(self, place: int) -> IntArray:
        """Returns the products that pages up to this place of the run can show.

        Stock is settled only after all sessions are drawn, so a product counts as sold out when the units that the run
        is expected to have asked for reach its opening stock.
        """
        share = min(1.0, place / max(1.0, self.settings.order_target / (2 * _STANDALONE)))
        asked = share * self.settings.order_target * 4.4 / self.catalogue.size
        offered = np.flatnonzero(self.catalogue.active & (self.opening > asked * 1.05 + 3 * np.sqrt(asked)))
        return offered if len(offered) else np.flatnonzero(self.catalogue.active)

    def _carts(self, rng: np.random.Generator, offsets: IntArray, product: IntArray) -> _Carts:
        added = (product >= 0) & (rng.random(len(product)) < _ADDED_TO_CART)
        owners = owners_of(offsets)[added]
        quantity = rng.integers(1, 4, len(owners))
        keys, first, inverse = np.unique(
            owners * self.catalogue.size + product[added], return_index=True, return_inverse=True
        )
        units = np.bincount(inverse, weights=quantity, minlength=len(keys)).astype(np.int64)
        in_order = np.argsort(first)
        chosen = keys[in_order]
        return _Carts(
            offsets=offsets_of(np.bincount(chosen // self.catalogue.size, minlength=len(offsets) - 1)),
            product=chosen % self.catalogue.size,
            quantity=units[in_order],
        )

    def _candidates(self, rng: np.random.Generator, sessions: Sessions, first: int) -> Orders:
        methods = np.array([PAYMENTS.index(word) for word in _LINKED_PAYMENTS])
        whole = Orders(
            session_codes=sessions.codes,
            users=sessions.users,
            times=sessions.start + sessions.duration * 1_000_000,
            places=first + np.arange(sessions.size),
            payment=rng.choice(methods, sessions.size),
            status=np.full(sessions.size, ORDER_STATUSES.index("completed")),
            offsets=sessions.cart_offsets,
            products=sessions.cart_product,
            quantities=sessions.cart_quantity,
            prices=sessions.cart_price,
        )
        return whole.rows(np.flatnonzero(sessions.status == CONVERTED))

    def _standalone(self, candidates: Orders) -> Orders:
        """Returns standalone orders for as many rounds as the target can need: one in five sessions, and on after them."""
        settings = self.settings
        rng = stream(settings.seed, "standalone orders")
        rounds = _PATIENCE * (settings.sessions + settings.order_target)
        needed = settings.order_target + max(100, settings.order_target // 5)
        places = np.flatnonzero(rng.random(min(rounds, int(needed / _STANDALONE))) < _STANDALONE)
        count = len(places)
        products = _distinct_triples(rng, count, self.catalogue.size)
        active = self.catalogue.active[products]
        whole = offsets_of(np.full(count, _STANDALONE_ITEMS))
        flat = products.ravel()[active.ravel()]
        methods = np.array([PAYMENTS.index(word) for word in _STANDALONE_PAYMENTS])
        return Orders(
            session_codes=np.full(count, -1),
            users=rng.integers(0, self.people.size, count),
            times=draw_microseconds(rng, self._moments(rng, count), settings.end_second),
            places=places,
            payment=rng.choice(methods, count),
            status=rng.integers(0, len(ORDER_STATUSES), count),
            offsets=kept(whole, active.ravel()),
            products=flat,
            quantities=rng.integers(1, 4, len(flat)),
            prices=self.catalogue.latest_price()[flat],
        )


def make_uniform(settings: ShopSettings, catalogue: Catalogue, people: People) -> Uniform:
    opening = stream(settings.seed, "stock").integers(10, 1_001, catalogue.size)
    return Uniform(settings=settings, catalogue=catalogue, people=people, opening=opening)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carts:
    offsets: IntArray
    product: IntArray
    quantity: IntArray


def _chain() -> FloatArray:
    """Returns the running sums of the transition probabilities, a row per page type."""
    table = np.zeros((len(_TRANSITIONS), len(_TRANSITIONS)))
    for page, following in _TRANSITIONS.items():
        for after, chance in following.items():
            table[page, after] = chance
    sums: FloatArray = np.cumsum(table, axis=1)
    sums[:, -1] = 1.0
    return sums


def _walk(rng: np.random.Generator, pages: IntArray) -> IntArray:
    """Returns the page types of all sessions, flat; a session begins at home, a search or a category listing."""
    chain = _chain()
    path = np.empty((len(pages), _MOST_PAGES), dtype=np.int64)
    path[:, 0] = rng.choice([HOME, SEARCH, LISTING], len(pages))
    for step in range(1, _MOST_PAGES):
        draws = rng.random(len(pages))
        path[:, step] = (draws[:, None] >= chain[path[:, step - 1]]).sum(axis=1)
    return path[_shown(pages)]


def _shown(pages: IntArray) -> BoolArray:
    marks: BoolArray = np.arange(_MOST_PAGES) < pages[:, None]
    return marks


def _time_slots(rng: np.random.Generator, pages: IntArray, duration: IntArray) -> tuple[IntArray, IntArray]:
    """Returns start and length of each page: the session is cut at moments drawn evenly, in whole seconds."""
    draws = 1 + np.floor(rng.random((len(pages), _MOST_PAGES)) * (duration - 1)[:, None]).astype(np.int64)
    cuts = np.where(np.arange(_MOST_PAGES) < (pages - 1)[:, None], draws, duration[:, None])
    cuts = np.sort(cuts, axis=1)
    starts = np.concatenate([np.zeros((len(pages), 1), dtype=np.int64), cuts[:, :-1]], axis=1)
    shown = _shown(pages)
    return starts[shown], (cuts - starts)[shown]


def _distinct_triples(rng: np.random.Generator, count: int, products: int) -> IntArray:
    """Returns (count, 3) product numbers, no number twice in a row."""
    first = rng.integers(0, products, count)
    second = (first + rng.integers(1, products, count)) % products
    third = rng.integers(0, products - 2, count)
    low, high = np.minimum(first, second), np.maximum(first, second)
    third += third >= low
    third += third >= high
    return np.stack([first, second, third], axis=1)


def _sell(run: Orders, stock: list[int], target: int) -> tuple[IntArray, BoolArray, IntArray]:
    """Returns which orders of the run come about, which of all its items are delivered, and what is left in stock.

    One order after the other, because each sees the stock that those before it left.
    """
    delivered = np.zeros(len(run.products), dtype=bool)
    made: list[int] = []
    for begin in range(0, run.size, _BLOCK):
        end = min(begin + _BLOCK, run.size)
        offsets = run.offsets[begin : end + 1].tolist()
        base = offsets[0]
        products = run.products[base : offsets[-1]].tolist()
        quantities = run.quantities[base : offsets[-1]].tolist()
        linked = (run.session_codes[begin:end] >= 0).tolist()
        for place in range(end - begin):
            if len(made) == target:
                return np.array(made, dtype=np.int64), delivered, np.array(stock)
            got: list[int] = []
            complete = True
            for item in range(offsets[place] - base, offsets[place + 1] - base):
                if stock[products[item]] >= quantities[item]:
                    stock[products[item]] -= quantities[item]
                    got.append(item + base)
                elif linked[place]:
                    complete = False
                    break
            if got and complete:
                made.append(begin + place)
                delivered[got] = True
    return np.array(made, dtype=np.int64), delivered, np.array(stock)


def _only_items(orders: Orders, keep: BoolArray) -> Orders:
    return Orders(
        session_codes=orders.session_codes,
        users=orders.users,
        times=orders.times,
        places=orders.places,
        payment=orders.payment,
        status=orders.status,
        offsets=kept(orders.offsets, keep),
        products=orders.products[keep],
        quantities=orders.quantities[keep],
        prices=orders.prices[keep],
    )
