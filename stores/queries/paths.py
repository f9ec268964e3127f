"""Does each field path that a pipeline names exist? MongoDB makes null of one that does not, and says nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bson.decimal128 import Decimal128
from pymongo.database import Database

from runner.errors import FormatError, NotFoundError, ProjectError, nearest
from stores.queries.answer import listed, several

SAMPLE = 1000  # documents looked at
Kind = Literal["text", "number", "date"]
_WORDS: Mapping[Kind, str] = {"text": "text", "number": "a number", "date": "a date"}
_TYPES: Mapping[Kind, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float, Decimal128),
    "date": (datetime,),
}


@dataclass(frozen=True, slots=True)
class Read:
    """A path that a query reads in a collection, and what its values must be for the query to mean anything.

    Attributes:
        path: with dots through objects and arrays: `items.subtotal`.
    """

    collection: str
    path: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often the first documents have a path.

    Attributes:
        documents: looked at.
        having: of them, how many have the path, a null included.
        fitting, misfit: values of the kind, and values of another; a null is neither.
        example: a value that does not fit.
    """

    documents: int
    having: int
    fitting: int
    misfit: int
    example: Any = None


def check_paths(database: Database[dict[str, Any]], reads: Sequence[Read], *, query: str) -> tuple[str, ...]:
    """Looks for each path in the first 1,000 documents of its collection, one read a collection.

    Returns:
        What a reader must know: collections that are empty, values that do not fit in some documents.

    Raises:
        NotFoundError: there is no such collection, or none of the documents has the path.
        FormatError: no value of a path is of the kind that the query computes with.
    """
    notes: list[str] = []
    known = sorted(database.list_collection_names())
    for collection in dict.fromkeys(read.collection for read in reads):
        if collection not in known:
            raise NotFoundError(
                f"mongodb.{collection}: there is no such collection in {database.name}, and the query {query} reads "
                f"it. Load it (run generate --into mongodb), or mend the target's database. "
                f"It has {listed(known) or 'none'}.",
                name=collection,
                known=known,
            )
        own = [read for read in reads if read.collection == collection]
        documents = list(database[collection].find({}, {read.path: 1 for read in own}).limit(SAMPLE))
        if not documents:
            notes.append(f"mongodb.{collection} is empty")
        else:
            notes += [note for read in own if (note := _judge(database, read, documents, query))]
    return tuple(notes)


def coverage(documents: Sequence[Mapping[str, Any]], read: Read) -> Coverage:
    """Returns how often the documents have the path, and whether its values fit."""
    having = fitting = misfit = 0
    example = None
    for document in documents:
        found = list(values_at(document, read.path))
        having += bool(found)
        for value in found:
            if fits(value, read.kind):
                fitting += 1
            elif value is not None:
                misfit, example = misfit + 1, value
    return Coverage(documents=len(documents), having=having, fitting=fitting, misfit=misfit, example=example)


def values_at(document: Any, path: str) -> Iterator[Any]:
    """Yields the values at a path, going through arrays as MongoDB does."""
    if not path:
        yield document
        return
    if isinstance(document, list):
        for each in document:
            yield from values_at(each, path)
        return
    head, _, rest = path.partition(".")
    if isinstance(document, Mapping) and head in document:
        value = document[head]
        yield from values_at(value, rest) if rest or isinstance(value, list) else iter((value,))


def fits(value: Any, kind: Kind) -> bool:
    """Returns whether the value is of the kind; truth is no number."""
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)


def check_join(database: Database[dict[str, Any]], *, many: str, path: str, one: str, query: str) -> None:
    """Looks whether any of the ids at `path` in the first documents of `many` is an `_id` of `one`.

    Raises:
        ProjectError: both hold documents, and none meets: the join would be of nothing.
    """
    sample = database[many].find({}, {path: 1}).limit(SAMPLE)
    ids = {value for document in sample for value in values_at(document, path) if isinstance(value, str)}
    first = database[one].find_one({}, {"_id": 1})
    if not ids or first is None or database[one].find_one({"_id": {"$in": sorted(ids)}}, {"_id": 1}) is not None:
        return
    raise ProjectError(
        f'mongodb.{one}: no "_id" is one of the {several(len(ids), "id")} at "{path}" in the first {SAMPLE:,} documents '
        f"of mongodb.{many}, so the query {query} finds no partner for any (an _id there: {first['_id']!r}, an id here: "
        f"{min(ids)!r}). Load both with the natural id as _id: run generate --into mongodb."
    )


def _judge(database: Database[dict[str, Any]], read: Read, documents: Sequence[Mapping[str, Any]], query: str) -> str:
    """Returns a note on the path, or an empty string where all is well."""
    found = coverage(documents, read)
    place = f"mongodb.{read.collection}"
    if not found.having:
        raise _missing(database, read, found.documents, query)
    if found.misfit and not found.fitting:
        raise FormatError(
            f'{place}: "{read.path}" is {_type_name(found.example)} ({found.example!r:.40}) in the first '
            f"{several(found.documents, 'document')}, and the query {query} needs {_WORDS[read.kind]}. "
            "Load the collection anew: run generate --into mongodb."
        )
    if found.misfit:
        return (
            f'{place}: {several(found.misfit, "value")} of "{read.path}" in the first '
            f"{several(found.documents, 'document')} {'is' if found.misfit == 1 else 'are'} no {read.kind} "
            f"(such as {found.example!r:.40}) and left out by the server"
        )
    if found.having < found.documents:
        return f'{place}: {found.having:,} of the first {several(found.documents, "document")} have "{read.path}"'
    return ""


def _missing(database: Database[dict[str, Any]], read: Read, looked_at: int, query: str) -> NotFoundError:
    known: dict[str, None] = {}
    for document in database[read.collection].find({}).limit(100):
        known.update(dict.fromkeys(_leaves(document)))
    known.pop("_id", None)
    message = (
        f'mongodb.{read.collection}: no document has "{read.path}", which the query {query} reads '
        f"({several(looked_at, 'document')} looked at)."
    )
    near = _nearest(read.path, known)
    hint = f' Did you mean "{near}"?' if near else f" It has {listed(list(known))}."
    return NotFoundError(message + hint, name=read.path)


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yields the paths of a document's values; arrays are gone through."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for each in value:
            yield from _leaves(each, path)
    elif path:
        yield path


def _nearest(path: str, known: Collection[str]) -> str | None:
    """Returns the path that goes on where this one ends (`total_amount`), the nearest, or its last word elsewhere."""
    longer = next((each for each in known if each.startswith(f"{path}_")), None)
    last = path.rpartition(".")[2]
    return longer or nearest(path, known) or next((each for each in known if each.rpartition(".")[2] == last), None)


def _type_name(value: Any) -> str:
    return {"str": "text", "bool": "true or false", "datetime": "a date", "dict": "an object"}.get(
        type(value).__name__, type(value).__name__
    )
