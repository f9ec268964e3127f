"""Categories and products: prices over time, popularity, and which products go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulate.names import category_ids, product_ids
from simulate.ragged import offsets_of
from simulate.seeds import BoolArray, FloatArray, IntArray, stream
from simulate.settings import ShopSettings
from simulate.vocabulary import CATEGORY_NAMES, SUBCATEGORY_NAMES, Vocabulary

NEVER = 2**62  # a second that no window reaches
_HISTORY = 3  # price points at most
_ZIPF_EXPONENT = 0.75
_ACTIVE = 0.95
_PAIRED = 0.10  # of the products go with a planted companion
_SOLD_OUT = 0.04  # of the products sell out within the window
_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """What is sold, by kind. Flat subcategory arrays are ragged by `offsets`."""

    names: tuple[str, ...]
    offsets: IntArray
    subcategory_names: tuple[str, ...]
    margins: FloatArray

    def table(self) -> pa.Table:
        numbers = np.arange(len(self.names))
        owners = np.repeat(numbers, np.diff(self.offsets))
        places = np.arange(len(owners)) - self.offsets[owners]
        subcategories = pa.StructArray.from_arrays(
            [
                pa.array([f"sub_{owner:03d}_{place:02d}" for owner, place in zip(owners, places, strict=True)]),
                pa.array(self.subcategory_names, pa.string()),
                pa.array(self.margins),
            ],
            ["subcategory_id", "name", "profit_margin"],
        )
        return pa.table(
            {
                "category_id": category_ids(numbers),
                "name": pa.array(self.names, pa.string()),
                "subcategories": pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), subcategories),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The products, by number.

    Attributes:
        prices: (products, 3), the price points in order of time; unused ones repeat the last.
        changed: (products, 3), the second since 1970 from which each price holds; NEVER where unused.
        popularity: relative chance to be viewed; 0 for inactive products.
        companion: the product that is bought along with this one far above chance, -1 for most.
        sold_out: the second from which the product is no longer offered; NEVER for most.
        substitute: the product offered in its place from then on.
        shelf: product numbers in order of category, as `shelf_weights`, the running sum of their popularity.
        shelf_starts: where each category's products begin in `shelf`, and the end; equal where one has no product.
    """

    names: tuple[str, ...]
    category: IntArray
    prices: FloatArray
    changed: IntArray
    active: BoolArray
    popularity: FloatArray
    companion: IntArray
    sold_out: IntArray
    substitute: IntArray
    shelf: IntArray
    shelf_weights: FloatArray
    shelf_starts: IntArray

    @property
    def size(self) -> int:
        return len(self.category)

    @property
    def category_count(self) -> int:
        """Returns how many categories the shop has, those without a product too: their listings are viewed."""
        return len(self.shelf_starts) - 1

    def price_at(self, products: IntArray, seconds: IntArray) -> FloatArray:
        """Returns the price of each product at its moment; before its first price point, the first price."""
        point = (self.changed[products] <= seconds[:, None]).sum(axis=1) - 1
        price: FloatArray = self.prices[products, np.maximum(point, 0)]
        return price

    def latest_price(self) -> FloatArray:
        latest: FloatArray = self.prices[:, -1]
        return latest

    def draw(self, rng: np.random.Generator, seconds: IntArray, categories: IntArray) -> IntArray:
        """Returns one product per moment by popularity, within the category given there (-1: of the whole shop)."""
        within = categories >= 0
        places = np.where(within, categories, 0)
        before = np.concatenate([[0.0], self.shelf_weights])
        low = np.where(within, before[self.shelf_starts[places]], 0.0)
        high = np.where(within, before[self.shelf_starts[places + 1]], before[-1])
        empty = high <= low
        low, high = np.where(empty, 0.0, low), np.where(empty, before[-1], high)
        targets = low + (high - low) * rng.random(len(seconds))
        found = np.searchsorted(self.shelf_weights, targets, side="right")
        return self.on_offer(self.shelf[np.minimum(found, self.size - 1)], seconds)

    def on_offer(self, products: IntArray, seconds: IntArray) -> IntArray:
        """Returns the products with those that are sold out by then replaced by their substitutes."""
        return np.where(self.sold_out[products] <= seconds, self.substitute[products], products)

    def table(self, stock: IntArray) -> pa.Table:
        counts = (self.changed < NEVER).sum(axis=1)
        flat = self.changed < NEVER
        history = pa.StructArray.from_arrays(
            [pa.array(self.prices[flat]), pa.array(self.changed[flat] * 1_000_000, pa.timestamp("us", tz="UTC"))],
            ["price", "date"],
        )
        return pa.table(
            {
                "product_id": product_ids(np.arange(self.size)),
                "name": pa.array(self.names, pa.string()),
                "category_id": category_ids(self.category),
                "base_price": pa.array(self.latest_price()),
                "current_stock": pa.array(stock, pa.int64()),
                "is_active": pa.array(self.active),
                "price_history": pa.ListArray.from_arrays(pa.array(offsets_of(counts), pa.int32()), history),
                "creation_date": pa.array(self.changed[:, 0] * 1_000_000, pa.timestamp("us", tz="UTC")),
            }
        )


def make_categories(settings: ShopSettings, words: Vocabulary) -> Categories:
    rng = stream(settings.seed, "categories")
    counts = rng.integers(3, 6, settings.categories)
    total = int(counts.sum())
    if settings.profile == "uniform":
        names = words.companies(settings.categories)
        below = words.businesses(total)
    else:
        rounds = (number // len(CATEGORY_NAMES) for number in range(settings.categories))
        names = [
            CATEGORY_NAMES[number % len(CATEGORY_NAMES)] + (f" {turn + 1}" if turn else "")
            for number, turn in enumerate(rounds)
        ]
        picks = [rng.permutation(len(SUBCATEGORY_NAMES))[:count] for count in counts]
        below = [f"{names[row]} {SUBCATEGORY_NAMES[pick]}" for row, chosen in enumerate(picks) for pick in chosen]
    return Categories(
        names=tuple(names),
        offsets=offsets_of(counts),
        subcategory_names=tuple(below),
        margins=np.round(rng.uniform(0.10, 0.40, total), 2),
    )


def make_catalogue(settings: ShopSettings, words: Vocabulary) -> Catalogue:
    """Returns the products, uniform in everything or with skewed popularity and planted pairs, by the profile."""
    rng = stream(settings.seed, "products")
    count = settings.product_count
    realistic = settings.profile == "realistic"
    category = rng.integers(0, settings.categories, count)
    active = rng.permutation(count) < round(_ACTIVE * count)
    first_prices = _skewed_prices(rng, category, settings.categories) if realistic else rng.uniform(5, 500, count)
    changed = _change_times(rng, count, settings)
    popularity = _zipf(rng, count) if realistic else np.ones(count)
    popularity = np.where(active, popularity, 0.0)
    pairs = _companions(rng, popularity) if realistic else np.full(count, -1)
    sold_out = np.full(count, NEVER)
    substitute = np.arange(count)
    if realistic:
        sold_out, substitute = _sell_outs(rng, popularity, pairs, category, settings)
    shelf = np.argsort(category, kind="stable")
    return Catalogue(
        names=tuple(words.product_names(count)),
        category=category,
        prices=_price_points(rng, np.round(first_prices, 2), changed),
        changed=changed,
        active=active,
        popularity=popularity,
        companion=pairs,
        sold_out=sold_out,
        substitute=substitute,
        shelf=shelf,
        shelf_weights=np.cumsum(popularity[shelf]),
        shelf_starts=np.searchsorted(category[shelf], np.arange(settings.categories + 1)),
    )


def _skewed_prices(rng: np.random.Generator, category: IntArray, categories: int) -> FloatArray:
    """Returns log-normal prices around a level of each category, with the endings that shops like."""
    level = rng.normal(np.log(38), 0.35, categories)[category]
    raw = np.clip(np.exp(level + rng.normal(0, 0.6, len(category))), 3, 900)
    endings = rng.choice([0.99, 0.95, 0.49, 0.0], size=len(category), p=[0.55, 0.2, 0.15, 0.1])
    prices: FloatArray = np.floor(raw) + endings
    return prices


def _change_times(rng: np.random.Generator, count: int, settings: ShopSettings) -> IntArray:
    """Returns the seconds from which each of one to three prices holds: the first before the window, others later."""
    early = settings.start_second - settings.days * _DAY
    changed = np.full((count, _HISTORY), NEVER)
    changed[:, 0] = early + rng.integers(0, max(1, settings.days // 3) * _DAY, count)
    changes = rng.integers(0, _HISTORY, count)
    for point in range(1, _HISTORY):
        later = changed[:, point - 1]
        room = np.maximum(settings.end_second - np.where(later < NEVER, later, settings.end_second), 2)
        moments = later + 1 + np.floor(rng.random(count) * (room - 1)).astype(np.int64)
        changed[:, point] = np.where(changes >= point, moments, NEVER)
    return changed


def _price_points(rng: np.random.Generator, first: FloatArray, changed: IntArray) -> FloatArray:
    prices: FloatArray = np.repeat(first[:, None], _HISTORY, axis=1)
    for point in range(1, _HISTORY):
        moved: FloatArray = np.round(first * rng.uniform(0.8, 1.2, len(first)), 2)
        prices[:, point] = np.where(changed[:, point] < NEVER, moved, prices[:, point - 1])
    return prices


def _zipf(rng: np.random.Generator, count: int) -> FloatArray:
    ranks: FloatArray = rng.permutation(count).astype(np.float64) + 1
    return np.power(ranks, -_ZIPF_EXPONENT)


def _by_popularity(popularity: FloatArray) -> IntArray:
    """Returns the active products, most popular first."""
    order = np.argsort(-popularity, kind="stable")
    return order[popularity[order] > 0]


def _companions(rng: np.random.Generator, popularity: FloatArray) -> IntArray:
    """Returns planted pairs, each product in at most one, among the more popular half but below its head."""
    companion = np.full(len(popularity), -1)
    ranked = _by_popularity(popularity)
    head = len(ranked) // 50
    pool = rng.permutation(ranked[head : max(head + 2, len(ranked) // 2)])
    pairs = max(1, int(len(popularity) * _PAIRED / 2))
    half = min(pairs, len(pool) // 2)
    left, right = pool[:half], pool[half : 2 * half]
    companion[left], companion[right] = right, left
    return companion


def _sell_outs(
    rng: np.random.Generator, popularity: FloatArray, companion: IntArray, category: IntArray, settings: ShopSettings
) -> tuple[IntArray, IntArray]:
    """Returns from when some products are sold out, and what is offered instead: their category's favourite."""
    count = len(popularity)
    sold_out = np.full(count, NEVER)
    substitute = np.arange(count)
    ranked = _by_popularity(popularity)
    candidates = ranked[len(ranked) // 20 :]
    candidates = candidates[companion[candidates] < 0]
    chosen = rng.permutation(candidates)[: int(count * _SOLD_OUT)]
    moments = settings.start_second + rng.uniform(0.3, 0.95, len(chosen)) * settings.span_seconds
    sold_out[chosen] = moments.astype(np.int64)
    staying = np.where(sold_out == NEVER, popularity, 0.0)
    best = np.full(settings.categories, int(np.argmax(staying)))
    for product in _by_popularity(staying)[::-1]:
        best[category[product]] = product
    substitute[chosen] = best[category[chosen]]
    return sold_out, substitute
