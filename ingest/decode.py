"""Records decoded by a contract into Arrow batches: typed columns, what was rescued, and what does not fit and why.

Every source (files, MongoDB, HBase) cuts its records and hands them over as `Records`; what happens to them is here,
in the workers, and the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from ingest.columns import NotFast, Sight, Unfit, exact_array, exact_value, fast_array, shown
from ingest.contract import COUNTED, QUARANTINE, RESCUED, Contract
from ingest.datatypes import arrow_type

_Rescue = Callable[[Any], Any]
_FATE = (RESCUED, *QUARANTINE, COUNTED)


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


@dataclass(slots=True, kw_only=True)
class Records:
    """A batch of records as a source cut them.

    Attributes:
        file: where they come from: a file's name, a collection, a region.
        positions: where in `file` each begins (bytes for files), None where it has no place.
        documents: each record's value, None where it could not be read.
        problems: by index, why a record could not be read.
        payload: gives the raw text of the record at an index; asked only for those that do not fit.
        form: what a record is written in.
        rescued: gives the text of what a record holds beside its contract.
    """

    file: str
    positions: Sequence[int | None]
    documents: list[Any]
    problems: dict[int, str] = field(default_factory=dict)
    payload: Callable[[int], str]
    form: str = "JSON"
    rescued: Callable[[Any], str] = _as_json


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a record does not fit: in general, and with its value."""

    problem: str
    reason: str


class Decoder:
    """Decodes batches of records by one contract; made once per task."""

    def __init__(self, contract: Contract) -> None:
        self._types = contract.types()
        self._names = {column.name: (column.name, *column.aliases) for column in contract.columns}
        self._key = contract.key
        self._aliases = [alias for column in contract.columns for alias in column.aliases]
        self._spoken = [*self._types, *self._aliases]
        self._rescue = _top_rescue(self._names, self._types)

    def decode(self, records: Records) -> pa.RecordBatch:
        """Returns the batch in `Contract.decoded_schema`, one row per record, in the same order.

        A record that does not fit keeps its reason, payload, key and position; which of its columns are filled then
        means nothing.
        """
        faults: dict[int, list[_Fault]] = {}
        documents = _only_objects(records, faults)
        sight = Sight()
        columns = [
            self._column(name, data_type, self._values(name, documents), faults, sight)
            for name, data_type in self._types.items()
        ]
        sight.note_objects(documents, self._spoken, columns)
        if any(alias in document for alias in self._aliases for document in documents):
            sight.has_unnamed = True  # two names of one column may be filled
        self._need_keys(columns, faults)
        rescued = pa.nulls(len(documents), pa.string())
        if sight.has_unnamed:
            found = [each and records.rescued(each) for each in map(self._rescue, documents)]
            rescued = pa.array(found, pa.string())
        names = [*self._types, *_FATE]
        arrays = [*columns, rescued, *self._fates(records, documents, faults)]
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def _values(self, name: str, documents: Sequence[Mapping[str, Any]]) -> list[Any]:
        names = self._names[name]
        if len(names) == 1:
            return [document.get(name) for document in documents]
        return [_first(document, names) for document in documents]

    def _column(
        self,
        name: str,
        data_type: DataType,
        values: list[Any],
        faults: dict[int, list[_Fault]],
        sight: Sight,
    ) -> pa.Array:
        try:
            return fast_array(values, data_type, sight)
        except (NotFast, pa.ArrowException, ValueError, TypeError, OverflowError):  # inferring raises what Python does
            sight.has_unnamed = True  # not looked at; so that all are
        exact: list[Any] = []
        for index, value in enumerate(values):
            try:
                exact.append(exact_value(value, data_type))
            except Unfit as unfit:
                unfit.at(name, name)
                faults.setdefault(index, []).append(_Fault(unfit.problem(), unfit.reason()))
                exact.append(None)
        return exact_array(exact, data_type)

    def _need_keys(self, columns: list[pa.Array], faults: dict[int, list[_Fault]]) -> None:
        for name, column in zip(self._types, columns, strict=True):
            if name not in self._key or not column.null_count:
                continue
            for index in column.is_null().to_numpy(zero_copy_only=False).nonzero()[0].tolist():
                known = faults.setdefault(index, [])
                if not any(fault.problem.startswith(("is no ", f"{name} ")) for fault in known):
                    known.append(_Fault(f"key {name} is missing", f"key {name} is missing"))

    def _fates(
        self, records: Records, documents: Sequence[Mapping[str, Any]], faults: dict[int, list[_Fault]]
    ) -> list[pa.Array]:
        """Returns the columns after `_rescued`: key, reason, problem, payload, file, position, counted."""
        count = len(documents)
        keys: list[str | None] = [None] * count
        reasons: list[str | None] = [None] * count
        problems: list[str | None] = [None] * count
        payloads: list[str | None] = [None] * count
        files: list[str | None] = [None] * count
        positions: list[int | None] = [None] * count
        for index, found in faults.items():
            keys[index] = self._key_of(documents[index])
            reasons[index] = "; ".join(fault.reason for fault in found)
            problems[index] = found[0].problem
            payloads[index] = records.payload(index)
            files[index] = records.file
            positions[index] = records.positions[index]
        counted = [count, *([0] * (count - 1))]
        texts = [pa.array(values, pa.string()) for values in (keys, reasons, problems, payloads, files)]
        return [*texts, pa.array(positions, pa.int64()), pa.array(counted, pa.int64())]

    def _key_of(self, document: Mapping[str, Any]) -> str | None:
        parts = [_first(document, self._names[name]) for name in self._key]
        if all(part is None for part in parts):
            return None
        return ", ".join(part if isinstance(part, str) else shown(part) for part in parts)


def _only_objects(records: Records, faults: dict[int, list[_Fault]]) -> list[dict[str, Any]]:
    """Returns the documents with an empty one for each that is no object, which gets its fault."""
    documents: list[Any] = records.documents
    if set(map(type, documents)) != {dict}:
        documents = [document if type(document) is dict else {} for document in documents]
        for index, document in enumerate(records.documents):
            if index in records.problems:
                faults[index] = [_Fault(f"is no {records.form}", f"is no {records.form}: {records.problems[index]}")]
            elif type(document) is not dict:
                faults[index] = [_Fault("is no object", f"is no object: {shown(document)}")]
    return documents


def _first(document: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Returns the value of the first name that the document fills."""
    for name in names:
        value = document.get(name)
        if value is not None:
            return value
    return None


def _top_rescue(names: Mapping[str, tuple[str, ...]], types: Mapping[str, DataType]) -> _Rescue:
    """Returns what finds the parts of a document that the contract does not name, in the document's own shape."""
    by_name = {spoken: types[name] for name, all_names in names.items() for spoken in all_names}
    unnamed = _struct_rescue(by_name)
    doubled = [all_names for all_names in names.values() if len(all_names) > 1]
    if not doubled:
        return unnamed

    def rescue(document: Any) -> Any:
        found = unnamed(document)
        for all_names in doubled:  # two names filled: the first is landed, what differs from it is kept
            filled = [name for name in all_names if document.get(name) is not None]
            for name in filled[1:]:
                if document[name] != document[filled[0]]:
                    found = {**(found or {}), name: document[name]}
        return found

    return rescue


def _struct_rescue(types: Mapping[str, DataType]) -> _Rescue:
    known = frozenset(types)
    inner = [(name, each) for name, data_type in types.items() if (each := _rescue(data_type)) is not None]

    def rescue(value: Any) -> Any:
        if type(value) is not dict:
            return None
        found: dict[str, Any] | None = None
        if not value.keys() <= known:
            found = {name: each for name, each in value.items() if name not in known}
        for name, deeper in inner:
            each = value.get(name)
            if each and (kept := deeper(each)) is not None:
                found = found or {}
                found[name] = kept
        return found

    return rescue


def _rescue(data_type: DataType) -> _Rescue | None:
    """Returns what finds the unnamed parts of a value of the type; None where it can have none."""
    if isinstance(data_type, StructType):
        return _struct_rescue({each.name: each.dataType for each in data_type.fields})
    if isinstance(data_type, ArrayType):
        return _list_rescue(_rescue(data_type.elementType))
    if isinstance(data_type, MapType):
        return _map_rescue(_rescue(data_type.valueType))
    return None


def _list_rescue(deeper: _Rescue | None) -> _Rescue | None:
    if deeper is None:
        return None

    def rescue(value: Any) -> Any:
        if type(value) is not list:
            return None
        found = list(map(deeper, value))
        while found and found[-1] is None:
            found.pop()
        return found or None

    return rescue


def _map_rescue(deeper: _Rescue | None) -> _Rescue | None:
    if deeper is None:
        return None

    def rescue(value: Any) -> Any:
        if type(value) is not dict:
            return None
        return {key: kept for key, each in value.items() if (kept := deeper(each)) is not None} or None

    return rescue


def occurring_paths(document: Any, contract: Contract) -> set[str]:
    """Returns which of the contract's paths (`Contract.paths`) occur in a document, under any of their names."""
    if not isinstance(document, dict):
        return set()
    found: set[str] = set()
    types = contract.types()
    for column in contract.columns:
        for name in (column.name, *column.aliases):
            if name in document:
                found.add(column.name)
                _collect(document[name], types[column.name], column.name, found)
    return found


def _collect(value: Any, data_type: DataType, path: str, found: set[str]) -> None:
    if isinstance(data_type, StructType) and isinstance(value, dict):
        for each in data_type.fields:
            if each.name in value:
                found.add(f"{path}.{each.name}")
                _collect(value[each.name], each.dataType, f"{path}.{each.name}", found)
    elif isinstance(data_type, ArrayType) and isinstance(value, list):
        for each in value:
            _collect(each, data_type.elementType, f"{path}[]", found)
    elif isinstance(data_type, MapType) and isinstance(value, dict):
        for each in value.values():
            _collect(each, data_type.valueType, f"{path}.*", found)


def decoded_arrow_schema(contract: Contract) -> pa.Schema:
    """Returns the schema of the batches that `Decoder.decode` returns."""
    return pa.schema([pa.field(each.name, arrow_type(each.dataType)) for each in contract.decoded_schema().fields])
