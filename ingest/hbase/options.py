"""The options of the data source `hbase`, read once into values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql.types import StructType

from ingest.contract import Column, Contract
from ingest.hbase.layout import Layout, layout_of
from ingest.hbase.ranges import KeyRange
from ingest.hbase.scan import Scan
from runner.errors import FormatError, did_you_mean
from stores.hbase_cells import prefix_stop
from stores.settings import HBaseSettings, hbase_from_option

SETTLE_MS = 300  # a write takes its timestamp before it can be read; it has ended this long after
_DEFAULT_PARTITIONS = 4
_DEFAULT_BATCH = 2000
_KNOWN = (
    "connection", "host", "port", "table", "contract", "cells", "partitions", "batch_size", "row_start", "row_stop",
    "row_prefix", "filter", "columns", "until_ms", "since_ms", "settle_ms", "pushdown",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What is to be read, and how.

    Attributes:
        scan: what is asked of the server, without the bounds of keys.
        is_landing: rows in `Contract.decoded_schema`, whether they fit or not; else the contract's columns alone.
        columns_given: the scan asks for what the option `columns` says, which may lack cells of the schema.
        since_ms: only rows with a cell written from then on; None for all.
        pushes: a query's filters are handed to the server.
    """

    settings: HBaseSettings
    contract: Contract
    scan: Scan
    within: KeyRange
    is_landing: bool
    partitions: int = _DEFAULT_PARTITIONS
    columns_given: bool = False
    since_ms: int | None = None
    settle_ms: int = SETTLE_MS
    pushes: bool = False

    @property
    def place(self) -> str:
        """The table, for messages."""
        return f'{self.settings}: table "{self.scan.table}"'

    @classmethod
    def of(cls, options: Mapping[str, str], schema: StructType | None) -> ReadOptions:
        """Returns the options of a reading.

        Args:
            schema: the user's own, where there is no contract.

        Raises:
            FormatError: an option that does not exist, or whose value cannot be read.
        """
        for name in options:
            if name.lower() not in _KNOWN:
                raise FormatError(f'format("hbase"): there is no option "{name}".{did_you_mean(name.lower(), _KNOWN)}')
        is_landing = "contract" in options
        contract = Contract.from_json(options["contract"]) if is_landing else _own_contract(options, schema)
        since = _number(options, "since_ms", None)
        until = _number(options, "until_ms", None)
        if since is not None and "filter" in options:
            raise FormatError('format("hbase"): "since_ms" and "filter" do not go together. Filter the frame instead.')
        if since is not None and until is None:
            raise FormatError('format("hbase"): "since_ms" wants "until_ms", so that the next reading goes on there.')
        scan = Scan(
            table=options.get("table") or contract.name_in_store,
            columns=_columns(options, contract, is_landing),
            filter=options["filter"].encode() if "filter" in options else None,
            until_ms=until,
            batch_rows=_number(options, "batch_size", _DEFAULT_BATCH) or _DEFAULT_BATCH,
        )
        return cls(
            settings=_settings(options),
            contract=contract,
            scan=scan,
            within=_within(options),
            is_landing=is_landing,
            partitions=_number(options, "partitions", _DEFAULT_PARTITIONS) or 1,
            columns_given="columns" in options,
            since_ms=since,
            settle_ms=_number(options, "settle_ms", SETTLE_MS) or 0,
            pushes=options.get("pushdown", "false").lower() == "true",
        )


def _settings(options: Mapping[str, str]) -> HBaseSettings:
    settings = hbase_from_option(options["connection"]) if "connection" in options else HBaseSettings()
    if "host" in options:
        settings = replace(settings, host=options["host"])
    port = _number(options, "port", None)
    return settings if port is None else replace(settings, port=port)


def _own_contract(options: Mapping[str, str], schema: StructType | None) -> Contract:
    """Returns a contract for the user's own schema and the option `cells`."""
    if schema is None or "cells" not in options or "table" not in options:
        raise FormatError(
            'format("hbase"): give "contract", or "table", .schema(…) and "cells", a JSON object from column to cell.'
        )
    try:
        said = json.loads(options["cells"])
        columns = tuple(_own_column(field.name, field.dataType.simpleString(), said) for field in schema.fields)
    except (TypeError, ValueError, AttributeError) as error:
        raise FormatError(f'format("hbase"): the option "cells" is no JSON object of cells: {error}.') from error
    return Contract("hbase", options["table"], columns, ())


def _own_column(name: str, data_type: str, said: Mapping[str, Any]) -> Column:
    if name not in said:
        raise FormatError(f'format("hbase"): the option "cells" does not say where "{name}" is.')
    place = said[name]
    codec = None
    if isinstance(place, dict):
        codec = place.get("codec")
        place = place["cells"]
    cells = (place,) if isinstance(place, str) else tuple(place)
    return Column(name, data_type, cells=cells, codec=codec)


def _columns(options: Mapping[str, str], contract: Contract, is_landing: bool) -> tuple[bytes, ...]:
    """Returns the families and cells to ask for; a landing asks for all, so that none is lost unseen."""
    if "columns" in options:
        return tuple(each.strip().encode() for each in options["columns"].split(",") if each.strip())
    if is_landing:
        return ()
    layout: Layout = layout_of(contract)
    return layout.scanned()


def _within(options: Mapping[str, str]) -> KeyRange:
    found = KeyRange(
        options.get("row_start", "").encode(), options["row_stop"].encode() if "row_stop" in options else None
    )
    if "row_prefix" in options:
        prefix = options["row_prefix"].encode()
        met = found.meets(KeyRange(prefix, prefix_stop(prefix)))
        return KeyRange(b"\0", b"\0") if met is None else met
    return found


def _number(options: Mapping[str, str], name: str, default: int | None) -> int | None:
    if name not in options:
        return default
    try:
        return int(options[name])
    except ValueError:
        raise FormatError(f'format("hbase"): "{name}" is a whole number, not "{options[name]}".') from None
