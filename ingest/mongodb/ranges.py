"""A collection cut into `_id` ranges of about equal size, none of which can lose a document.

MongoDB compares only values of one kind: `{$gte: "a"}` finds no number. So each range but the first lies between two
boundaries, and the first one is, word for word, whatever lies in none of the others: smaller ids, ids of other kinds,
ids that no comparison finds. Where documents are added meanwhile, the first and the last take them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from bson import DatetimeMS, Decimal128, MinKey, ObjectId, Timestamp
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from stores.mongo_client import Document

_ID = "_id"
_SAMPLED_PER_RANGE = 100
_LEAST_SAMPLE = 1_000
_MOST_SAMPLE = 20_000
_SCANNED = 1_000_000  # documents that are read through for a sample without a second thought

# The order in which MongoDB sorts values of unlike kinds, as numbers of `$type`; without those that are long out of use.
_ORDER: tuple[tuple[int, ...], ...] = ((-1,), (10,), (1, 16, 18, 19), (2,), (3,), (4,), (5,), (7,), (8,), (9,), (17,))
_MIN_KEY, _NULL, _NUMBERS, _STRINGS, _OBJECTS, _, _BINARIES, _OBJECT_IDS, _BOOLEANS, _DATES, _TIMESTAMPS = range(11)
_NAN = float("nan")


def id_ranges(collection: Collection[Document], wanted: int, within: Document) -> list[Document]:
    """Returns filters that together find each document of `within` exactly once.

    Args:
        wanted: how many ranges; fewer where there are not as many ids.
        within: what is read of the collection, `{}` for all.
    """
    if wanted <= 1:
        return [{}]
    sample = _sample(collection, min(max(_LEAST_SAMPLE, _SAMPLED_PER_RANGE * wanted), _MOST_SAMPLE), within)
    return ranges_between(boundaries(sample, wanted))


def _sample(collection: Collection[Document], size: int, within: Document) -> list[Any]:
    """Returns about `size` ids drawn evenly, sorted.

    Of a collection of moderate size each document is drawn by itself, which reads it once; `$sample` would sort it, and
    servers other than MongoDB's own draw unevenly. A larger one is sampled, for which MongoDB reads no more than that.
    """
    count = collection.estimated_document_count()
    matched: list[Document] = [{"$match": within}] if within else []
    kept: list[Document] = [{"$project": {_ID: 1}}, {"$sort": {_ID: 1}}]
    if count <= size:
        return _ids(collection, [*matched, *kept])
    if count <= _SCANNED:
        drawn = {"$match": {"$expr": {"$lt": [{"$rand": {}}, size / count]}}}
        with suppress(OperationFailure):  # older than 4.4.2
            return _ids(collection, [*matched, drawn, *kept])
    return _ids(collection, [*matched, {"$sample": {"size": size}}, *kept])


def _ids(collection: Collection[Document], pipeline: list[Document]) -> list[Any]:
    return [document[_ID] for document in collection.aggregate(pipeline, allowDiskUse=True)]


def boundaries(sample: Sequence[Any], wanted: int) -> list[Any]:
    """Returns ids that cut a sorted sample into `wanted` parts; fewer where ids repeat or cannot be compared with."""
    found: list[Any] = []
    for index in range(1, wanted):
        place = index * len(sample) // wanted
        if 0 < place < len(sample) and _bracket(sample[place]) is not None and sample[place] not in found:
            found.append(sample[place])
    return found


def ranges_between(cuts: Sequence[Any]) -> list[Document]:
    """Returns one filter more than there are boundaries: disjoint, and together all."""
    if not cuts:
        return [{}]
    others: list[Document] = []
    for low, high in zip(cuts, [*cuts[1:], None], strict=True):
        if high is None:
            others.append({_ID: {"$gte": low}})
        elif _bracket(low) == _bracket(high):
            others.append({_ID: {"$gte": low, "$lt": high}})
        else:
            others.append({"$or": [{_ID: {"$gte": low}}, {_ID: {"$lt": high}}]})
    if len({_bracket(cut) for cut in cuts}) == 1:
        return [{_ID: {"$not": {"$gte": cuts[0]}}}, *others]
    return [{"$nor": others}, *others]


def after(last: Any) -> Document:
    """Returns a filter that finds all ids that sort behind `last`: those of its kind, and those of the kinds behind.

    It says what is not to be found, so that ids of a kind that it has not heard of are found.
    """
    place = _sort_place(last)
    lower = [kind for kinds in _ORDER[:place] for kind in kinds]
    before: list[Document] = [{_ID: {"$type": lower}}] if lower else []
    if place == _NUMBERS:  # NaN sorts before all other numbers, and compares with none
        before.append({_ID: _NAN})
    if not (isinstance(last, float | Decimal128) and _is_nan(last)):
        before.append({_ID: None if last is None else {"$lte": last}})
    return {"$nor": before}


def both(*filters: Document) -> Document:
    """Returns a filter that finds what all of the filters find."""
    said = [each for each in filters if each]
    if not said:
        return {}
    return said[0] if len(said) == 1 else {"$and": said}


def _is_nan(value: Any) -> bool:
    return math.isnan(value) if isinstance(value, float) else bool(value.to_decimal().is_nan())


def _bracket(value: Any) -> int | None:
    """Returns the place in `_ORDER` of a value that others of its kind can be compared with; None where they cannot."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal128):
        return None if isinstance(value, float | Decimal128) and _is_nan(value) else _NUMBERS
    if isinstance(value, str):
        return _STRINGS
    if isinstance(value, ObjectId):
        return _OBJECT_IDS
    if isinstance(value, bytes):
        return _BINARIES
    if isinstance(value, datetime | DatetimeMS):
        return _DATES
    return None


def _sort_place(value: Any) -> int:
    bracket = _bracket(value)
    if bracket is not None:
        return bracket
    if isinstance(value, MinKey):
        return _MIN_KEY
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _BOOLEANS
    if isinstance(value, float | Decimal128):
        return _NUMBERS
    if isinstance(value, dict):
        return _OBJECTS
    return _TIMESTAMPS if isinstance(value, Timestamp) else len(_ORDER)
