"""Sessions as columns of numbers, and as the table that is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulate.catalogue import Catalogue
from simulate.names import category_ids, coded, product_ids, session_ids, user_ids
from simulate.people import People
from simulate.ragged import owners_of
from simulate.seeds import BoolArray, FloatArray, IntArray
from simulate.vocabulary import BROWSERS, DEVICES, PAGE_TYPES, REFERRERS, STATUSES, SYSTEMS

_MOMENT = pa.timestamp("us", tz="UTC")
_MICROSECOND_SHARE = 0.3  # of the sessions carry microseconds in their times
_OCTETS = pa.array([str(number) for number in range(256)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """A run of sessions. Arrays of views, carts and seen products are flat; their offsets are ragged rows.

    Attributes:
        codes: 40-bit numbers that the ids spell.
        start: microseconds since 1970.
        duration: seconds; the views' durations add up to it.
        address: IPv4 as a number.
        view_start: seconds since the session's start.
        view_product, view_category: -1 where the page shows none.
    """

    codes: IntArray
    users: IntArray
    start: IntArray
    duration: IntArray
    address: IntArray
    device: IntArray
    system: IntArray
    browser: IntArray
    referrer: IntArray
    status: IntArray
    view_offsets: IntArray
    view_start: IntArray
    view_type: IntArray
    view_product: IntArray
    view_category: IntArray
    view_duration: IntArray
    cart_offsets: IntArray
    cart_product: IntArray
    cart_quantity: IntArray
    cart_price: FloatArray
    seen_offsets: IntArray
    seen_product: IntArray

    @property
    def size(self) -> int:
        return len(self.codes)

    @property
    def view_count(self) -> int:
        return int(self.view_offsets[-1])


def table_of(sessions: Sessions, catalogue: Catalogue, people: People) -> pa.Table:
    """Returns the sessions in the layout of the exports."""
    products = product_ids(np.arange(catalogue.size))
    categories = category_ids(np.arange(catalogue.category_count))
    city, state, country = people.place_columns(sessions.users)
    return pa.table(
        {
            "session_id": session_ids(sessions.codes),
            "user_id": user_ids(sessions.users),
            "start_time": pa.array(sessions.start, _MOMENT),
            "end_time": pa.array(sessions.start + sessions.duration * 1_000_000, _MOMENT),
            "duration_seconds": pa.array(sessions.duration),
            "geo_data": pa.StructArray.from_arrays(
                [city, state, country, _addresses(sessions.address)], ["city", "state", "country", "ip_address"]
            ),
            "device_profile": pa.StructArray.from_arrays(
                [
                    coded(sessions.device, pa.array(DEVICES)),
                    coded(sessions.system, pa.array(SYSTEMS)),
                    coded(sessions.browser, pa.array(BROWSERS)),
                ],
                ["type", "os", "browser"],
            ),
            "viewed_products": pa.ListArray.from_arrays(
                pa.array(sessions.seen_offsets, pa.int32()), coded(sessions.seen_product, products)
            ),
            "page_views": _page_views(sessions, products, categories),
            "cart_contents": _carts(sessions),
            "conversion_status": coded(sessions.status, pa.array(STATUSES)),
            "referrer": coded(sessions.referrer, pa.array(REFERRERS)),
        }
    )


def draw_microseconds(rng: np.random.Generator, seconds: IntArray, latest: int) -> IntArray:
    """Returns the moments in microseconds, a share of them with a fraction of a second, none after `latest` seconds.

    The fraction is of whole milliseconds: MongoDB's dates keep no finer time.
    """
    fraction = np.where(rng.random(len(seconds)) < _MICROSECOND_SHARE, rng.integers(1, 1_000_000, len(seconds)), 0)
    return np.where(seconds < latest, seconds * 1_000_000 + fraction // 1_000 * 1_000, seconds * 1_000_000)


def split_durations(offsets: IntArray, duration: IntArray, weights: FloatArray) -> tuple[IntArray, IntArray]:
    """Returns start and length, in whole seconds, of the pages of each session, in proportion to their weights.

    The lengths of a session's pages add up to its duration exactly.
    """
    owners = owners_of(offsets)
    running = np.cumsum(weights)
    before = np.concatenate([[0.0], running])[offsets[:-1]]
    total = running[offsets[1:] - 1] - before
    ends = np.floor((running - before[owners]) / total[owners] * duration[owners]).astype(np.int64)
    ends[offsets[1:] - 1] = duration
    starts = np.concatenate([[0], ends[:-1]])
    starts[offsets[:-1]] = 0
    return starts, ends - starts


def seen_products(offsets: IntArray, products: IntArray, first: BoolArray) -> tuple[IntArray, IntArray]:
    """Returns offsets and flat values of the products marked as first seen in their session."""
    counts = np.bincount(owners_of(offsets)[first], minlength=len(offsets) - 1)
    return np.concatenate([[0], np.cumsum(counts)]), products[first]


def _addresses(numbers: IntArray) -> pa.Array:
    octets = [_OCTETS.take(pa.array((numbers >> shift) & 255)) for shift in (24, 16, 8, 0)]
    return pc.binary_join_element_wise(*octets, ".")


def _page_views(sessions: Sessions, products: pa.Array, categories: pa.Array) -> pa.Array:
    start = np.repeat(sessions.start, np.diff(sessions.view_offsets)) + sessions.view_start * 1_000_000
    views = pa.StructArray.from_arrays(
        [
            pa.array(start, _MOMENT),
            coded(sessions.view_type, pa.array(PAGE_TYPES)),
            coded(sessions.view_product, products),
            coded(sessions.view_category, categories),
            pa.array(sessions.view_duration),
        ],
        ["timestamp", "page_type", "product_id", "category_id", "view_duration"],
    )
    return pa.ListArray.from_arrays(pa.array(sessions.view_offsets, pa.int32()), views)


def _carts(sessions: Sessions) -> pa.Array:
    contents = pa.StructArray.from_arrays(
        [pa.array(sessions.cart_quantity), pa.array(sessions.cart_price)], ["quantity", "price"]
    )
    offsets = pa.array(sessions.cart_offsets, pa.int32())
    return pa.MapArray.from_arrays(offsets, product_ids(sessions.cart_product), contents)
