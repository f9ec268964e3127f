"""BSON documents one by one, exactly: decoded with every type kept, and written as text that loses nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import bson
from bson import Code, CodecOptions, DatetimeConversion
from bson.codec_options import TypeDecoder, TypeRegistry
from bson.json_util import JSONMode, JSONOptions, default

from ingest.contract import Contract
from ingest.decode import Records

_ID = "_id"


class _CodeAsObject(TypeDecoder):
    """JavaScript is no string, though its class is one: it would land without its scope."""

    bson_type = Code

    def transform_bson(self, value: Any) -> Any:
        scope = {} if value.scope is None else {"$scope": value.scope}
        return {"$code": str(value), **scope}


EXACT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,  # years that Python lacks come as milliseconds
    type_registry=TypeRegistry([_CodeAsObject()]),
)
_CANONICAL = JSONOptions(json_mode=JSONMode.CANONICAL)
_RELAXED = JSONOptions(json_mode=JSONMode.RELAXED)


def canonical_json(document: Any) -> str:
    """Returns extended JSON in which every value keeps its BSON type."""
    return _dumped(document, _CANONICAL)


def relaxed_json(document: Any) -> str:
    """Returns extended JSON in which plain numbers, texts and truths read as in any JSON."""
    return _dumped(document, _RELAXED)


def _dumped(document: Any, options: JSONOptions) -> str:
    return json.dumps(_converted(document, options), ensure_ascii=False, separators=(",", ":"))


def _converted(value: Any, options: JSONOptions) -> Any:
    if isinstance(value, dict):
        return {key: _converted(each, options) for key, each in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, str):
        return [_converted(each, options) for each in value]
    try:
        return default(value, options)
    except TypeError:
        return value


def payload(raw: bytes) -> str:
    """Returns a document as canonical extended JSON; as base64 of its bytes where it is no BSON."""
    try:
        return canonical_json(bson.decode(raw, EXACT))
    except Exception:  # the decoder of C raises whatever the bytes provoke
        return base64.b64encode(raw).decode()


def records_of(raws: Sequence[bytes], contract: Contract, place: str) -> Records:
    """Returns documents as records to be decoded by the contract; an `_id` that only repeats the key is left out."""
    documents: list[Any] = []
    problems: dict[int, str] = {}
    for index, raw in enumerate(raws):
        try:
            documents.append(without_repeated_id(bson.decode(raw, EXACT), contract))
        except Exception as error:  # the decoder of C raises whatever the bytes provoke
            documents.append(None)
            problems[index] = str(error).partition("\n")[0] or type(error).__name__
    return Records(
        file=place,
        positions=[None] * len(raws),
        documents=documents,
        problems=problems,
        payload=lambda index: payload(raws[index]),
        form="BSON",
        rescued=relaxed_json,
    )


def without_repeated_id(document: dict[str, Any], contract: Contract) -> dict[str, Any]:
    """Returns the document without its `_id` where that is the value of its single key column."""
    if len(contract.key) != 1 or _ID not in document:
        return document
    (key,) = contract.key
    spoken = next((column for column in contract.columns if column.name == key), None)
    if spoken is None or _ID in (spoken.name, *spoken.aliases):
        return document
    value = next((document[name] for name in (spoken.name, *spoken.aliases) if document.get(name) is not None), None)
    if type(value) is type(document[_ID]) and value == document[_ID]:
        del document[_ID]
    return document
