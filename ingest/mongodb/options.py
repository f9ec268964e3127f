"""The options of `spark.read.format("mongodb")`, read and checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bson import Timestamp
from bson.json_util import loads
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from ingest.contract import Column, Contract
from ingest.mongodb.reading import Reading
from runner.errors import FormatError, did_you_mean
from stores.mongo_client import Document
from stores.settings import MongoSettings, mongo_from_option

_KNOWN = (
    "connection",
    "uri",
    "uri_env",
    "database",
    "collection",
    "contract",
    "columns",
    "partitions",
    "batch_size",
    "filter",
    "cluster_time",
    "pushdown",
)
_PLACE = 'format("mongodb")'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a reader is asked for.

    Attributes:
        contract: what documents are decoded by.
        is_landing: documents that do not fit are rows with their reason; else they raise an error, and what the schema
            does not name is left out.
        pushes: filters of the query may go to the server.
    """

    reading: Reading
    contract: Contract
    is_landing: bool
    partitions: int
    pushes: bool

    @classmethod
    def of(cls, options: Mapping[str, str], schema: StructType | None) -> ReadOptions:
        """Returns the options of a data source.

        Args:
            schema: what the user gave by `.schema(…)`; used where there is no contract.

        Raises:
            FormatError: an option is unknown, missing or cannot be read.
        """
        given = {name.lower(): value for name, value in options.items()}
        for name in given:
            if name not in _KNOWN:
                raise FormatError(f'{_PLACE}: there is no option "{name}".{did_you_mean(name, _KNOWN)}')
        contract = _contract(given, schema)
        columns = _columns(given, contract)
        if columns is not None:
            contract = replace(contract, columns=tuple(each for each in contract.columns if each.name in columns))
        is_landing = "contract" in given
        fields = tuple(name for each in contract.columns for name in (each.name, *each.aliases))
        return cls(
            reading=Reading(
                settings=_settings(given),
                collection=given.get("collection") or contract.name_in_store,
                where=_filter(given),
                columns=None if is_landing and columns is None else fields,
                batch_size=_positive(given, "batch_size", 5_000),
                at=_cluster_time(given),
            ),
            contract=contract,
            is_landing=is_landing,
            partitions=_positive(given, "partitions", 4),
            pushes=_truth(given, "pushdown"),
        )


def _contract(given: Mapping[str, str], schema: StructType | None) -> Contract:
    if "contract" in given:
        return Contract.from_json(given["contract"])
    if schema is None:
        raise FormatError(f"{_PLACE}: MongoDB has no schema. Give one by .schema(…), or the option `contract`.")
    if "collection" not in given:
        raise FormatError(f"{_PLACE}: lacks the option `collection`.")
    try:
        columns = tuple(Column(each.name, ddl(each.dataType)) for each in schema.fields)
        return Contract("mongodb", given["collection"], columns, ())
    except FormatError as error:
        raise FormatError(f"{_PLACE}: {str(error).removeprefix('sources.yml: ')}") from error


def ddl(data_type: DataType) -> str:
    """Returns a type in the words of `sources.yml`, field names quoted."""
    if isinstance(data_type, StructType):
        return f"struct<{','.join(f'`{each.name}`:{ddl(each.dataType)}' for each in data_type.fields)}>"
    if isinstance(data_type, ArrayType):
        return f"array<{ddl(data_type.elementType)}>"
    if isinstance(data_type, MapType):
        return f"map<{ddl(data_type.keyType)},{ddl(data_type.valueType)}>"
    return data_type.simpleString()


def _columns(given: Mapping[str, str], contract: Contract) -> list[str] | None:
    if "columns" not in given:
        return None
    names = [each.strip() for each in given["columns"].split(",") if each.strip()]
    known = [each.name for each in contract.columns]
    for name in names:
        if name not in known:
            raise FormatError(f'{_PLACE}: `columns` names "{name}", which is no column.{did_you_mean(name, known)}')
    return [*contract.key, *names]


def _settings(given: Mapping[str, str]) -> MongoSettings:
    if "connection" in given:
        return mongo_from_option(given["connection"])
    variable = given.get("uri_env")
    uri = os.environ.get(variable) if variable else given.get("uri")
    if not uri:
        if variable:
            raise FormatError(f"{_PLACE}: `uri_env` names {variable}, which is not set on this machine. Export it.")
        raise FormatError(f"{_PLACE}: lacks the option `uri`, or `uri_env`, the variable that holds it.")
    if "database" not in given:
        raise FormatError(f"{_PLACE}: lacks the option `database`.")
    return MongoSettings(uri=uri, database=given["database"])


def _filter(given: Mapping[str, str]) -> Document:
    text = given.get("filter", "{}")
    try:
        found = loads(text)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{_PLACE}: `filter` is no extended JSON: {error}.") from error
    if not isinstance(found, dict):
        raise FormatError(f'{_PLACE}: `filter` is an object such as {{"status": "shipped"}}, not {text}.')
    return found


def _cluster_time(given: Mapping[str, str]) -> Timestamp | None:
    if "cluster_time" not in given:
        return None
    try:
        seconds, increment = json.loads(given["cluster_time"])
        return Timestamp(seconds, increment)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{_PLACE}: `cluster_time` is [seconds, increment], not {given['cluster_time']}.") from error


def _positive(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise FormatError(f"{_PLACE}: `{name}` is a whole number from 1 on, not {text}.")
    return int(text)


def _truth(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in ("true", "false"):
        raise FormatError(f"{_PLACE}: `{name}` is true or false, not {text}.")
    return text == "true"
