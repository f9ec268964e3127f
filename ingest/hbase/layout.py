"""Where a contract's columns lie in a row, worked out once: which cells are whose, and how their bytes are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from ingest.contract import Column, Contract
from runner.errors import FormatError
from stores.hbase_cells import Place, codec_of, read_place

_NESTED = (ArrayType, MapType, StructType)
_NO_NUMBER = (*_NESTED, StringType, DateType)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that lies in one cell: its type and its codec."""

    data_type: DataType
    codec: str


@dataclass(frozen=True, slots=True)
class Located:
    """A column, its places in the order in which they are tried, and how a cell of it is read.

    Attributes:
        leaf: of the cell; of a numbered array's element; of a map's value. A struct over a family has `fields`.
        fields: the cell of each field of a struct that is a family.
    """

    name: str
    data_type: DataType
    places: tuple[Place, ...]
    leaf: Leaf
    fields: tuple[tuple[str, bytes, Leaf], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where all columns are.

    Attributes:
        cells: the cells that columns name, without the numbered ones and those of maps.
        numbered: families whose numbered cells are a column's.
        maps: families whose cells that nobody names are a column's.
        ignored, ignored_families: what is not rescued.
    """

    columns: tuple[Located, ...]
    cells: frozenset[bytes]
    numbered: frozenset[bytes]
    maps: frozenset[bytes]
    ignored: frozenset[bytes]
    ignored_families: frozenset[bytes]

    def is_known(self, cell: bytes) -> bool:
        """Returns whether a column holds the cell, or it is ignored."""
        if cell in self.cells or cell in self.ignored:
            return True
        family, _, qualifier = cell.partition(b":")
        if family in self.numbered and qualifier.isdigit():
            return True
        return family in self.maps or family in self.ignored_families

    def scanned(self) -> tuple[bytes, ...]:
        """Returns the families and cells that hold the columns, and nothing that one of the others covers."""
        families = {place.family for column in self.columns for place in column.places if place.kind == "numbered"}
        families |= self.maps
        structs = {cell for column in self.columns for _, cell, _ in column.fields}
        cells = {place.cell for column in self.columns for place in column.places if place.kind == "cell"} | structs
        return (*sorted(families), *sorted(cell for cell in cells if cell.partition(b":")[0] not in families))

    def of_key_only(self) -> bool:
        """Returns whether all columns can be had from the row key."""
        return all(place.kind in ("key", "key_part") for column in self.columns for place in column.places)


def layout_of(contract: Contract) -> Layout:
    """Returns where the contract's columns lie.

    Raises:
        FormatError: a column has no cells, a place that is none, or a codec that its type cannot have.
    """
    types = contract.types()
    columns = tuple(_located(column, types[column.name], contract) for column in contract.columns)
    ignored = [read_place(text, place=f"{_place(contract)}: ignored_cells") for text in contract.ignored]
    named = [place for column in columns for place in column.places]
    return Layout(
        columns=columns,
        cells=frozenset(place.cell for place in named if place.kind == "cell")
        | frozenset(cell for column in columns for _, cell, _ in column.fields),
        numbered=frozenset(place.family for place in named if place.kind == "numbered"),
        maps=frozenset(
            place.family
            for column in columns
            if isinstance(column.data_type, MapType)
            for place in column.places
            if place.kind == "family"
        ),
        ignored=frozenset(place.cell for place in ignored if place.kind == "cell"),
        ignored_families=frozenset(place.family for place in ignored if place.kind == "family"),
    )


def shared_cells(columns: Sequence[Located]) -> frozenset[bytes]:
    """Returns the cells that more than one column reads."""
    times: Counter[bytes] = Counter()
    for column in columns:
        times.update({place.cell for place in column.places if place.kind == "cell"})
        times.update({cell for _, cell, _ in column.fields})
    return frozenset(cell for cell, count in times.items() if count > 1)


def _place(contract: Contract) -> str:
    return f'sources.yml: table "{contract}"'


def _located(column: Column, data_type: DataType, contract: Contract) -> Located:
    where = f'{_place(contract)}: column "{column.name}"'
    if not column.cells:
        raise FormatError(f"{where} has no `cells`. Name where HBase keeps it, such as meta:{column.name}.")
    places = tuple(read_place(text, place=where) for text in column.cells)
    codec = codec_of(column, place=_place(contract))
    _check(places, data_type, codec, where)
    if places[0].kind == "numbered":
        assert isinstance(data_type, ArrayType)
        return Located(column.name, data_type, places, _leaf(data_type.elementType, column.codec))
    if places[0].kind == "family" and isinstance(data_type, MapType):
        return Located(column.name, data_type, places, _leaf(data_type.valueType, column.codec))
    if places[0].kind == "family":
        assert isinstance(data_type, StructType)
        prefix = places[0].family + b":"
        fields = tuple(
            (each.name, prefix + each.name.encode(), _leaf(each.dataType, column.codec)) for each in data_type.fields
        )
        return Located(column.name, data_type, places, Leaf(data_type, "json"), fields)
    return Located(column.name, data_type, places, Leaf(data_type, codec))


def _leaf(data_type: DataType, codec: str | None) -> Leaf:
    if isinstance(data_type, _NESTED):
        return Leaf(data_type, "json")
    return Leaf(data_type, codec or "text")


_SHAPES: Mapping[str, tuple[tuple[type[DataType], ...], str]] = {
    "family": ((StructType, MapType), "a struct or a map"),
    "numbered": ((ArrayType,), "an array"),
}


def _check(places: tuple[Place, ...], data_type: DataType, codec: str, where: str) -> None:
    for place in places:
        kinds, word = _SHAPES.get(place.kind, ((), ""))
        if kinds and not isinstance(data_type, kinds):
            raise FormatError(f'{where}: "{place.text}" is {word}, not {data_type.simpleString()}. Mend one of them.')
        if kinds and len(places) > 1:
            raise FormatError(f'{where}: "{place.text}" stands alone: it takes what the row has. Remove the others.')
    if codec in ("text", "json"):
        if codec == "text" and isinstance(data_type, _NESTED) and places[0].kind in ("cell", "key", "key_part"):
            raise FormatError(f"{where}: text is no codec for {data_type.simpleString()}. Use json.")
        return
    inner = data_type.elementType if isinstance(data_type, ArrayType) else data_type
    is_truth = isinstance(inner, BooleanType)
    fits = is_truth if codec == "boolean" else not isinstance(inner, (*_NO_NUMBER, BooleanType))
    if isinstance(inner, TimestampType):
        fits = codec == "long"
    if not fits:
        raise FormatError(f"{where}: {codec} is no codec for {inner.simpleString()}. Use text.")
