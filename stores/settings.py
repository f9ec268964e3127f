"""Where the stores are and how to reach them, as plain values: read from a target, handed to workers as options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit

from runner.errors import FormatError, did_you_mean

_MAY_BE_MISSING = ("thrift2_port", "table_prefix", "ca_file")  # an empty text, as from the environment, is none
_Settings = TypeVar("_Settings", "MongoSettings", "HBaseSettings")


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoSettings:
    """How to reach MongoDB.

    Attributes:
        uri: the connection string; credentials, TLS, read preference and replica set are options of it.
        database: the database of the shop.
        options: further keyword arguments of `pymongo.MongoClient`, such as `tlsCAFile` or `readPreference`.
    """

    uri: str = field(default="mongodb://127.0.0.1:27017", repr=False)
    database: str = "shop"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """Returns the place without credentials, for messages."""
        return f"mongodb://{urlsplit(self.uri).netloc.rpartition('@')[2]}/{self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HBaseSettings:
    """How to reach HBase's Thrift servers.

    Attributes:
        port: of Thrift1, by which rows are read and written.
        thrift2_port: of Thrift2, by which tables are pre-split and scanned by time; None where it does not run.
        transport, protocol: as `happybase.Connection` names them; buffered and binary is the fastest.
        table_prefix: stands before every table's name, with an underscore.
        timeout_seconds: of one call; a server that takes longer is taken for lost.
        tls: connect by TLS; the certificate is checked against `ca_file`, or the machine's authorities.
    """

    host: str = "127.0.0.1"
    port: int = 9090
    thrift2_port: int | None = None
    transport: str = "buffered"
    protocol: str = "binary"
    table_prefix: str | None = None
    timeout_seconds: float = 60.0
    tls: bool = False
    ca_file: str | None = None

    def __str__(self) -> str:
        return f"hbase://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The stores of a target; None where it names none."""

    mongodb: MongoSettings | None = None
    hbase: HBaseSettings | None = None


def read_stores(section: Mapping[str, Any], *, place: str) -> Stores:
    """Returns the stores that a target's `stores` names.

    Args:
        section: `{mongodb: {uri, database, options}, hbase: {host, port, …}}`, values already rendered.
        place: the file and line that messages begin with.

    Raises:
        FormatError: an unknown store or setting, or a value of another type.
    """
    for name in section:
        if name not in ("mongodb", "hbase"):
            raise FormatError(f'{place}: there is no store "{name}".{did_you_mean(name, ("mongodb", "hbase"))}')
    mongodb, hbase = section.get("mongodb"), section.get("hbase")
    return Stores(
        mongodb=None if mongodb is None else _read(MongoSettings, mongodb, f"{place}: mongodb"),
        hbase=None if hbase is None else _read(HBaseSettings, hbase, f"{place}: hbase"),
    )


def to_option(settings: MongoSettings | HBaseSettings) -> str:
    """Returns settings as text, for the option `connection` of a data source."""
    return json.dumps(asdict(settings))


def mongo_from_option(text: str) -> MongoSettings:
    """Returns the settings that `to_option` wrote."""
    return MongoSettings(**json.loads(text))


def hbase_from_option(text: str) -> HBaseSettings:
    """Returns the settings that `to_option` wrote."""
    return HBaseSettings(**json.loads(text))


def _read(kind: type[_Settings], section: Mapping[str, Any], place: str) -> _Settings:
    defaults = kind()
    values: dict[str, Any] = {}
    names = [each.name for each in fields(kind)]
    for name, value in section.items():
        if name not in names:
            raise FormatError(f'{place} has an unknown setting "{name}".{did_you_mean(name, names)}')
        values[name] = _as(type(getattr(defaults, name)), name, value, place)
    return kind(**values)


def _as(kind: type, name: str, value: Any, place: str) -> Any:
    """Returns the value as the type of the setting's default; numbers and truth may come as text from the environment."""
    if value is None or (value == "" and name in _MAY_BE_MISSING):
        return None
    if name == "thrift2_port":
        kind = int
    try:
        if kind is bool and isinstance(value, str):
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if kind is dict:
            return dict(value)
        if kind in (int, float, bool):
            return kind(value)
    except (KeyError, TypeError, ValueError):
        raise FormatError(
            f'{place}: "{name}" is {"true or false" if kind is bool else "a number"}, not "{value}".'
        ) from None
    return str(value)
