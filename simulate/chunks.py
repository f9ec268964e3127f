"""Chunks of sessions, each made from its own random numbers, by this process or by several; the result is the same."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from simulate.catalogue import Catalogue, Categories, make_catalogue, make_categories
from simulate.defects import Planted
from simulate.orders import Orders
from simulate.people import People, make_people
from simulate.planting import plant_in_sessions, plant_in_text, record_of_durations
from simulate.realistic import Realistic, make_realistic
from simulate.seeds import IntArray
from simulate.settings import ShopSettings
from simulate.traffic import table_of
from simulate.uniform import Uniform, make_uniform
from simulate.vocabulary import PAGE_TYPES, STATUSES, Vocabulary
from simulate.write import block_of, plain, rows_of

CHUNK = 20_000  # sessions at most; a chunk never reaches into a second file


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop before its first visitor: what it sells, to whom, and how people behave."""

    settings: ShopSettings
    categories: Categories
    catalogue: Catalogue
    people: People
    behaviour: Realistic | Uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Sessions `first` up to `last`, which go to the file of number `file`."""

    file: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Sessions ready to be written, and what the rest of the shop needs to know of them.

    Attributes:
        content: JSON rows as bytes, or a table for Parquet.
        seen: per user the last second since 1970 in which a session ended, 0 for none.
        pages, statuses: counts by `PAGE_TYPES` and by `STATUSES`.
    """

    place: Place
    content: bytes | pa.Table
    rows: int
    orders: Orders
    seen: IntArray
    pages: IntArray
    statuses: IntArray
    planted: Sequence[Planted]


def make_shop(settings: ShopSettings) -> Shop:
    words = Vocabulary(settings.seed)
    categories = make_categories(settings, words)
    catalogue = make_catalogue(settings, words)
    people = make_people(settings, words)
    make = make_uniform if settings.profile == "uniform" else make_realistic
    return Shop(
        settings=settings,
        categories=categories,
        catalogue=catalogue,
        people=people,
        behaviour=make(settings, catalogue, people),
    )


def places_of(settings: ShopSettings) -> list[Place]:
    """Returns the chunks of all files, in order."""
    return [
        Place(file=number, first=first, last=min(first + CHUNK, end))
        for number, begin in enumerate(range(0, settings.sessions, settings.sessions_per_file))
        for end in [min(begin + settings.sessions_per_file, settings.sessions)]
        for first in range(begin, end, CHUNK)
    ]


def make_chunk(shop: Shop, place: Place) -> Chunk:
    settings = shop.settings
    sessions, orders = shop.behaviour.sessions(place.first, place.last)
    table = table_of(sessions, shop.catalogue, shop.people)
    seconds = sessions.start // 1_000_000
    planted = record_of_durations(settings, place.first, seconds, sessions.device, table["session_id"])
    seen = np.zeros(shop.people.size, dtype=np.int64)
    np.maximum.at(seen, sessions.users, seconds + sessions.duration)
    table, more = plant_in_sessions(table, settings, place.first)
    planted += more
    content: bytes | pa.Table
    if settings.format == "parquet":
        content = plain(table)
    else:
        rows, more = plant_in_text(
            rows_of(table, settings.layout), table["session_id"], "sessions", settings, place.first
        )
        planted += more
        content = block_of(rows, settings.layout)
    return Chunk(
        place=place,
        content=content,
        rows=table.num_rows,
        orders=orders,
        seen=seen,
        pages=np.bincount(sessions.view_type, minlength=len(PAGE_TYPES)),
        statuses=np.bincount(sessions.status, minlength=len(STATUSES)),
        planted=planted,
    )


def make_chunks(shop: Shop, workers: int) -> Iterator[Chunk]:
    """Yields all chunks in order; with more than one worker, few are ever finished and not yet taken."""
    places = places_of(shop.settings)
    workers = min(workers, len(places))
    if workers <= 1:
        for place in places:
            yield make_chunk(shop, place)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_open_shop, initargs=(shop.settings,)) as pool:
        waiting: deque[Future[Chunk]] = deque()
        rest = iter(places)
        waiting.extend(pool.submit(_make_chunk, place) for place in islice(rest, workers + 1))
        try:
            while waiting:
                chunk = waiting.popleft().result()
                waiting.extend(pool.submit(_make_chunk, place) for place in islice(rest, 1))
                yield chunk
        finally:
            pool.shutdown(cancel_futures=True)


_shop: Shop | None = None  # in a worker process, the shop that it makes chunks of


def _open_shop(settings: ShopSettings) -> None:
    global _shop
    _shop = make_shop(settings)


def _make_chunk(place: Place) -> Chunk:
    assert _shop is not None
    return make_chunk(_shop, place)
