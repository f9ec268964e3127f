"""Orders as columns of numbers, and as the table that is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulate.names import coded, product_ids, session_ids, transaction_ids, user_ids
from simulate.ragged import offsets_of, taken
from simulate.seeds import FloatArray, IntArray, distinct_codes, stream
from simulate.settings import ShopSettings
from simulate.vocabulary import ORDER_STATUSES, PAYMENTS

_DISCOUNTED = 0.2  # of the orders
_DISCOUNTS = (0.05, 0.10, 0.15, 0.20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Orders in the order in which they are written; item arrays are flat, ragged by `offsets`.

    Attributes:
        session_codes: the session's 40-bit number, -1 for an order outside any session.
        times: microseconds since 1970.
        places: the position in the run of sessions at which the order came about.
        payment: index into `PAYMENTS`; -1 until drawn.
        status: index into `ORDER_STATUSES`; -1 until drawn.
    """

    session_codes: IntArray
    users: IntArray
    times: IntArray
    places: IntArray
    payment: IntArray
    status: IntArray
    offsets: IntArray
    products: IntArray
    quantities: IntArray
    prices: FloatArray

    @property
    def size(self) -> int:
        return len(self.users)

    @property
    def linked_count(self) -> int:
        return int((self.session_codes >= 0).sum())

    def rows(self, chosen: IntArray) -> Orders:
        """Returns the orders at these positions."""
        offsets, flat = taken(self.offsets, chosen)
        return Orders(
            session_codes=self.session_codes[chosen],
            users=self.users[chosen],
            times=self.times[chosen],
            places=self.places[chosen],
            payment=self.payment[chosen],
            status=self.status[chosen],
            offsets=offsets,
            products=self.products[flat],
            quantities=self.quantities[flat],
            prices=self.prices[flat],
        )

    def with_choices(self, payment: IntArray, status: IntArray) -> Orders:
        return replace(self, payment=payment, status=status)


def joined(parts: Sequence[Orders]) -> Orders:
    """Returns the orders of all parts, one after the other."""

    def column(name: str) -> IntArray:
        whole: IntArray = np.concatenate([getattr(part, name) for part in parts])
        return whole

    return Orders(
        session_codes=column("session_codes"),
        users=column("users"),
        times=column("times"),
        places=column("places"),
        payment=column("payment"),
        status=column("status"),
        offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        products=column("products"),
        quantities=column("quantities"),
        prices=np.concatenate([part.prices for part in parts]),
    )


def units_sold(orders: Orders, products: int) -> IntArray:
    """Returns the units sold of each product."""
    return np.bincount(orders.products, weights=orders.quantities, minlength=products).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What each order costs: `subtotal` is a float sum with its noise, `discount` and `total` are rounded to cents."""

    item_subtotal: FloatArray
    subtotal: FloatArray
    discount: FloatArray
    total: FloatArray


def money_of(orders: Orders, settings: ShopSettings) -> Money:
    """Returns the sums of all orders; one order in five has a discount of 5 to 20 percent."""
    rng = stream(settings.seed, "discounts")
    rate = np.where(rng.random(orders.size) < _DISCOUNTED, rng.choice(_DISCOUNTS, orders.size), 0.0)
    item_subtotal = np.round(orders.quantities * orders.prices, 2)
    subtotal = np.zeros(orders.size)
    widths = np.diff(orders.offsets)
    for place in range(int(widths.max(initial=0))):  # left to right, as Python's sum adds floats
        holders = np.flatnonzero(widths > place)
        subtotal[holders] += item_subtotal[orders.offsets[holders] + place]
    discount = np.round(subtotal * rate, 2)
    return Money(
        item_subtotal=item_subtotal,
        subtotal=subtotal,
        discount=discount,
        total=np.round(subtotal - discount, 2),
    )


def table_of(orders: Orders, money: Money, settings: ShopSettings, first: int, last: int) -> pa.Table:
    """Returns the orders from `first` up to `last` in the layout of the exports."""
    begin, end = int(orders.offsets[first]), int(orders.offsets[last])
    items = pa.StructArray.from_arrays(
        [
            product_ids(orders.products[begin:end]),
            pa.array(orders.quantities[begin:end]),
            pa.array(orders.prices[begin:end]),
            pa.array(money.item_subtotal[begin:end]),
        ],
        ["product_id", "quantity", "unit_price", "subtotal"],
    )
    codes = orders.session_codes[first:last]
    linked = pc.if_else(pa.array(codes >= 0), session_ids(np.maximum(codes, 0)), pa.scalar(None, pa.string()))
    return pa.table(
        {
            "transaction_id": transaction_ids(
                distinct_codes(settings.seed, "transaction ids", np.arange(first, last), bits=48)
            ),
            "session_id": linked,
            "user_id": user_ids(orders.users[first:last]),
            "timestamp": pa.array(orders.times[first:last], pa.timestamp("us", tz="UTC")),
            "items": pa.ListArray.from_arrays(pa.array(orders.offsets[first : last + 1] - begin, pa.int32()), items),
            "subtotal": pa.array(money.subtotal[first:last]),
            "discount": pa.array(money.discount[first:last]),
            "total": pa.array(money.total[first:last]),
            "payment_method": coded(orders.payment[first:last], pa.array(PAYMENTS)),
            "status": coded(orders.status[first:last], pa.array(ORDER_STATUSES)),
        }
    )
