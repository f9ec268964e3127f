"""Rows of cells decoded by a contract into Arrow batches, a column at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from pyspark.sql.types import MapType, StructType

from ingest.columns import NotFast, Sight, Unfit, exact_array, shown
from ingest.contract import COUNTED, QUARANTINE, RESCUED, Contract
from ingest.datatypes import arrow_type
from ingest.decode import Decoder, Records
from ingest.hbase.layout import Layout, Leaf, Located, layout_of, shared_cells
from ingest.hbase.values import cell_document, exact_cell, fast_cells
from ingest.hbase.wire import Rows
from stores.hbase_cells import KEY_SEPARATOR, NUMBER_WIDTH, Place

_NAMES = (RESCUED, *QUARANTINE, COUNTED)
_NOT_FAST = (NotFast, pa.ArrowException, ValueError, OverflowError, KeyError)
_SEPARATOR = KEY_SEPARATOR.encode()


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a row does not fit: in general, and with its value and its cell."""

    problem: str
    reason: str


@dataclass(slots=True)
class _Batch:
    """What is found out of a batch on the way.

    Attributes:
        claimed: how many of its cells columns hold; None where that was not counted.
        is_all_claimed: every cell is a column's or ignored.
        runs: of each column of numbered cells that was read fast, how many cells it took.
        faults: by row, why it does not fit.
    """

    rows: Rows
    claimed: int | None = 0
    is_all_claimed: bool = False
    runs: dict[str, int] = field(default_factory=dict)
    sight: Sight = field(default_factory=Sight)
    faults: dict[int, list[_Fault]] = field(default_factory=dict)


class CellDecoder:
    """Decodes batches of rows by one contract; made once per task."""

    def __init__(self, contract: Contract, *, is_exact: bool = False) -> None:
        """Works out where the columns lie.

        Args:
            is_exact: read each cell by itself, as the fast way does where it gives up.

        Raises:
            FormatError: the contract does not say where a column lies, or says it wrongly.
        """
        self._contract = contract
        self._layout: Layout = layout_of(contract)
        self._is_exact = is_exact
        self._shared = shared_cells(self._layout.columns)
        self._nested = Decoder(contract)

    def decode(self, rows: Rows) -> pa.RecordBatch:
        """Returns the batch in `Contract.decoded_schema`, one row each, in the same order.

        A row that does not fit keeps its reason, payload and key; which of its columns are filled then means nothing.
        """
        batch = _Batch(rows)
        columns = [self._column(column, batch) for column in self._layout.columns]
        batch.is_all_claimed = self._is_all_claimed(batch)
        if not batch.is_all_claimed:
            self._mend_runs(columns, batch)
        self._need_keys(columns, batch)
        arrays = [*columns, self._rescued(batch), *self._fates(columns, batch)]
        names = [column.name for column in self._layout.columns]
        return pa.RecordBatch.from_arrays(arrays, names=[*names, *_NAMES])

    def _column(self, column: Located, batch: _Batch) -> pa.Array:
        if not self._is_exact:
            try:
                return self._fast(column, batch)
            except _NOT_FAST:
                pass
        if column.places[0].kind != "cell" or self._is_exact:
            batch.claimed = None  # counted by half
        if column.leaf.codec == "json" or column.fields:
            batch.sight.has_unnamed = True  # not looked at; so that all are
        return self._exact(column, batch)

    def _fast(self, column: Located, batch: _Batch) -> pa.Array:
        kind = column.places[0].kind
        if kind == "cell":
            return self._fast_cell(column, batch)
        if kind == "numbered":
            return self._fast_numbered(column, batch)
        if kind == "family" and isinstance(column.data_type, StructType):
            return self._fast_struct(column, batch)
        if kind in ("key", "key_part") and len(column.places) == 1:
            return fast_cells([key_value(column.places[0], key) for key in batch.rows.keys], column.leaf, batch.sight)
        raise NotFast

    def _fast_cell(self, column: Located, batch: _Batch) -> pa.Array:
        cell = column.places[0].cell
        values = [row.get(cell) for row in batch.rows.cells]
        self._claim(batch, cell, values)
        if any(place.kind == "cell" for place in column.places[1:]):
            batch.claimed = None  # what else the row has there may differ
        if len(column.places) > 1 and not all(values):
            raise NotFast  # another place may have it
        return fast_cells(values, column.leaf, batch.sight)

    def _claim(self, batch: _Batch, cell: bytes, values: Sequence[bytes | None]) -> None:
        if cell in self._shared:
            batch.claimed = None
        elif batch.claimed is not None:
            batch.claimed += len(values) - values.count(None)

    def _fast_struct(self, column: Located, batch: _Batch) -> pa.Array:
        rows = batch.rows.cells
        children: list[pa.Array] = []
        is_absent = np.ones(len(rows), np.bool_)
        for _, cell, leaf in column.fields:
            values = [row.get(cell) for row in rows]
            self._claim(batch, cell, values)
            if is_absent.any():
                is_absent &= np.fromiter((value is None for value in values), np.bool_, len(rows))
            children.append(fast_cells(values, leaf, batch.sight))
        fields = [pa.field(name, child.type) for (name, _, _), child in zip(column.fields, children, strict=True)]
        mask = pa.array(is_absent) if is_absent.any() else None
        return pa.StructArray.from_arrays(children, fields=fields, mask=mask)

    def _fast_numbered(self, column: Located, batch: _Batch) -> pa.Array:
        """Takes the cells 000000, 000001, … of each row until one is missing; others make the count of claims fail."""
        names = _numbered_names(column.places[0].family)
        offsets = np.zeros(len(batch.rows) + 1, np.int32)
        values: list[bytes | None] = []
        add = values.append
        for index, row in enumerate(batch.rows.cells, 1):
            get = row.get
            for name in names:
                value = get(name)
                if value is None:
                    break
                add(value)
            else:
                raise NotFast
            offsets[index] = len(values)
        inner = fast_cells(values, column.leaf, batch.sight)
        batch.runs[column.name] = len(values)
        if batch.claimed is not None:
            batch.claimed += len(values)
        return pa.ListArray.from_arrays(pa.array(offsets), inner, type=arrow_type(column.data_type))

    def _mend_runs(self, columns: list[pa.Array], batch: _Batch) -> None:
        """Reads columns of numbered cells again where there are cells beyond a gap, or of another width."""
        for index, column in enumerate(self._layout.columns):
            taken = batch.runs.get(column.name)
            if taken is None:
                continue
            family = column.places[0].family
            if taken != sum(len(numbered_cells(row, family)) for row in batch.rows.cells):
                columns[index] = self._exact(column, batch)
                batch.sight.has_unnamed = True

    def _exact(self, column: Located, batch: _Batch) -> pa.Array:
        values = [
            self._exact_row(column, key, row, batch, index)
            for index, (key, row) in enumerate(zip(batch.rows.keys, batch.rows.cells, strict=True))
        ]
        return exact_array(values, column.data_type)

    def _exact_row(self, column: Located, key: bytes, row: dict[bytes, bytes], batch: _Batch, index: int) -> Any:
        """Returns the column's value of a row; None, with a fault noted for each cell that does not fit."""
        found: dict[str, Any] = {}
        for step, general, name, value, leaf in self._parts(column, key, row):
            try:
                found[step] = exact_cell(value, leaf)
            except Unfit as unfit:
                unfit.at(f"{column.name}{step}", f"{column.name}{general}")
                problem = unfit.problem()
                path = unfit.reason().partition(": ")[0]
                reason = f"{path}: {shown(unfit.value)} (cell {_readable(name)}) {unfit.complaint}"
                batch.faults.setdefault(index, []).append(_Fault(problem, reason))
        kind = column.places[0].kind
        if kind == "numbered":
            return list(found.values())
        if kind == "family":
            if not found:
                return None
            if isinstance(column.data_type, MapType):
                return [(step[1:], value) for step, value in found.items()]
            return {name: found.get(f".{name}") for name, _, _ in column.fields}
        return found.get("")

    def _parts(
        self, column: Located, key: bytes, row: dict[bytes, bytes]
    ) -> Iterable[tuple[str, str, bytes, bytes, Leaf]]:
        """Returns the cells that make the column's value: step, step in general, cell, bytes and how they are read."""
        place = column.places[0]
        if place.kind == "numbered":
            names = sorted(numbered_cells(row, place.family), key=lambda name: int(name.rpartition(b":")[2]))
            return [(f"[{n}]", "[]", name, row[name], column.leaf) for n, name in enumerate(names)]
        if place.kind == "family" and isinstance(column.data_type, MapType):
            prefix = place.family + b":"
            mine = [name for name in row if name.startswith(prefix) and not self._is_anothers(name)]
            return [
                (f".{name[len(prefix) :].decode(errors='backslashreplace')}", ".*", name, row[name], column.leaf)
                for name in mine
            ]
        if place.kind == "family":
            return [
                (f".{name}", f".{name}", cell, row[cell], leaf) for name, cell, leaf in column.fields if cell in row
            ]
        chosen = first_filled(column.places, key, row)
        return [] if chosen is None else [("", "", *chosen, column.leaf)]

    def _is_anothers(self, cell: bytes) -> bool:
        layout = self._layout
        if cell in layout.cells or cell in layout.ignored:
            return True
        family, _, qualifier = cell.partition(b":")
        return family in layout.numbered and qualifier.isdigit()

    def _need_keys(self, columns: list[pa.Array], batch: _Batch) -> None:
        for column, values in zip(self._layout.columns, columns, strict=True):
            if column.name not in self._contract.key or not values.null_count:
                continue
            for index in values.is_null().to_numpy(zero_copy_only=False).nonzero()[0].tolist():
                known = batch.faults.setdefault(index, [])
                if not any(fault.problem.startswith(f"{column.name} ") for fault in known):
                    known.append(_Fault(f"key {column.name} is missing", f"key {column.name} is missing"))

    def _is_all_claimed(self, batch: _Batch) -> bool:
        """Returns whether every cell of the batch is a column's or ignored, by counting."""
        if batch.claimed is None or self._layout.ignored_families or self._layout.maps:
            return False
        ignored = sum(name in row for name in self._layout.ignored for row in batch.rows.cells)
        return batch.claimed + ignored == sum(map(len, batch.rows.cells))

    def _rescued(self, batch: _Batch) -> pa.Array:
        """Returns, as JSON, the cells that nobody names, and what nobody names within cells of JSON."""
        kept: dict[int, dict[str, Any]] = {}
        if not batch.is_all_claimed:
            for index, (key, row) in enumerate(zip(batch.rows.keys, batch.rows.cells, strict=True)):
                if found := self._unnamed(key, row):
                    kept[index] = found
        if batch.sight.has_unnamed and batch.rows:
            for index, inner in self._unnamed_within(batch):
                kept.setdefault(index, {}).update(inner)
        if not kept:
            return pa.nulls(len(batch.rows), pa.string())
        texts = [orjson.dumps(kept[index]).decode() if index in kept else None for index in range(len(batch.rows))]
        return pa.array(texts, pa.string())

    def _unnamed(self, key: bytes, row: dict[bytes, bytes]) -> dict[str, Any]:
        is_known = self._layout.is_known
        found = {_readable(name): _text_of(row[name]) for name in row if not is_known(name)}
        for column in self._layout.columns:
            others = [place.cell for place in column.places if place.kind == "cell"]
            if len(others) > 1 and (chosen := first_filled(column.places, key, row)) is not None:
                for cell in others:  # two places filled: the first is landed, what differs from it is kept
                    if row.get(cell) and row[cell] != chosen[1]:
                        found[_readable(cell)] = _text_of(row[cell])
        return found

    def _unnamed_within(self, batch: _Batch) -> list[tuple[int, dict[str, Any]]]:
        documents = [self._document(key, row) for key, row in zip(batch.rows.keys, batch.rows.cells, strict=True)]
        records = Records(file="", positions=[0] * len(documents), documents=documents, payload=lambda _: "")
        rescued = self._nested.decode(records).column(RESCUED).to_pylist()
        return [(index, orjson.loads(text)) for index, text in enumerate(rescued) if text is not None]

    def _document(self, key: bytes, row: dict[bytes, bytes]) -> dict[str, Any]:
        """Returns the columns that hold JSON, as far as it can be read."""
        document: dict[str, Any] = {}
        for column in self._layout.columns:
            kind = column.places[0].kind
            if column.leaf.codec != "json" and not column.fields:
                continue
            found = {}
            for step, _, _, value, leaf in self._parts(column, key, row):
                if leaf.codec == "json":
                    try:
                        found[step] = cell_document(value, leaf)
                    except Unfit:
                        found[step] = None
            if kind == "numbered":
                document[column.name] = list(found.values())
            elif kind == "family":
                document[column.name] = {step[1:]: value for step, value in found.items()}
            elif found:
                document[column.name] = found[""]
        return document

    def _fates(self, columns: list[pa.Array], batch: _Batch) -> list[pa.Array]:
        """Returns the columns after `_rescued`: key, reason, problem, payload, file, position, counted."""
        count = len(batch.rows)
        counted = pa.array([count, *([0] * (count - 1))][:count], pa.int64())
        nothing = pa.nulls(count, pa.string())
        if not batch.faults:
            return [*[nothing] * 5, pa.nulls(count, pa.int64()), counted]
        texts: list[list[str | None]] = [[None] * count for _ in range(5)]
        keys, reasons, problems, payloads, files = texts
        for index, found in batch.faults.items():
            keys[index] = self._key_of(columns, batch.rows, index)
            reasons[index] = "; ".join(fault.reason for fault in found)
            problems[index] = found[0].problem
            payloads[index] = payload_of(batch.rows.keys[index], batch.rows.cells[index])
            files[index] = self._contract.name_in_store
        return [*(pa.array(each, pa.string()) for each in texts), pa.nulls(count, pa.int64()), counted]

    def _key_of(self, columns: list[pa.Array], rows: Rows, index: int) -> str:
        """Returns the row's key as far as it can be read, else HBase's own."""
        by_name = {column.name: values for column, values in zip(self._layout.columns, columns, strict=True)}
        parts = [by_name[name][index].as_py() for name in self._contract.key]
        if not parts or all(part is None for part in parts):
            return _readable(rows.keys[index])
        return ", ".join(part if isinstance(part, str) else shown(part) for part in parts)


def key_value(place: Place, key: bytes) -> bytes | None:
    """Returns the row key, or the part of it that a place names; None where it has no such part."""
    if place.kind == "key":
        return key
    parts = key.split(_SEPARATOR)
    return parts[place.part] if -len(parts) <= place.part < len(parts) else None


def first_filled(places: Sequence[Place], key: bytes, row: dict[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """Returns the first place that is filled, as its cell's name and bytes; an empty cell only where nothing else is."""
    empty: tuple[bytes, bytes] | None = None
    for place in places:
        name = place.cell if place.kind == "cell" else place.text.encode()
        value = row.get(name) if place.kind == "cell" else key_value(place, key)
        if value:
            return name, value
        if value is not None and empty is None:
            empty = name, value
    return empty


def numbered_cells(row: dict[bytes, bytes], family: bytes) -> list[bytes]:
    """Returns the names of a row's numbered cells in a family."""
    prefix = family + b":"
    return [name for name in row if name.startswith(prefix) and name[len(prefix) :].isdigit()]


def payload_of(key: bytes, row: dict[bytes, bytes]) -> str:
    """Returns a row as JSON: its key, and its cells as text, or as base64 where they are not UTF-8."""
    cells = {_readable(name): _text_of(value) for name, value in row.items()}
    return orjson.dumps({"row": _text_of(key), "cells": cells}).decode()


def _readable(name: bytes) -> str:
    return name.decode(errors="backslashreplace")


def _text_of(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _numbered_names(family: bytes) -> list[bytes]:
    if family not in _NUMBERED:
        _NUMBERED[family] = [b"%b:%0*d" % (family, NUMBER_WIDTH, index) for index in range(_MOST_NUMBERED)]
    return _NUMBERED[family]


_NUMBERED: dict[bytes, list[bytes]] = {}
_MOST_NUMBERED = 1000
