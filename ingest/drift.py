"""Drift: what landed records have that the contract does not name, have no longer, or have of another type.

A landing's shape (how many rows fill each path of the contract, and what was rescued) is taken by aggregates that can
be observed while it is written; the one of the last landing stands in its commit's metadata, and the two are compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import Any

import orjson
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    MapType,
    NumericType,
    StringType,
    StructType,
    TimestampType,
)

from ingest.columns import shown
from ingest.contract import REASON, RESCUED, Contract, Reason
from runner.errors import nearest

DRIFT = "drift"  # the metadata's key that a landing's drift stands under

_MOST_PATHS = 300  # of the contract that are watched; the outer ones come first
_MOST_UNNAMED = 100  # paths that are told apart; what goes beyond is counted under _REST
_REST = "…"
_FAR_FEWER = 0.5  # of the last landing's share
_EXPECTED = 20  # rows without which a share says nothing
_ALIKE = 0.8  # how near a new path's share comes to a lost one's that it may have replaced
_PROBLEM = re.compile(r"(?:key )?(?P<path>.+?) (?P<complaint>(?:is|does|has) .+)")
_ROWS = "_watched_rows"
_ANY = ""  # the type of the entry that counts a path's rows whatever their types
_FOUND = "path string, type string, found bigint, example string"

_Condition = Callable[[Column], Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnnamedPath:
    """A path that records have and the contract does not name; its values are kept in `_rescued`.

    Attributes:
        rows: landed rows that have it.
        types: rows by JSON type: `string`, `int`, `double`, `boolean`, `object`, `array`, `null`.
        example: one value as JSON, cut to a readable length.
        is_new: the last landing had none, or had it of other types.
    """

    path: str
    rows: int
    types: Mapping[str, int]
    example: str
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which paths the rows of a landing fill.

    Attributes:
        rows: landed.
        filled: by path of the contract, rows where it holds something: not null, no empty text, array or map.
        unnamed: what was rescued, most frequent first.
    """

    rows: int
    filled: Mapping[str, int]
    unnamed: tuple[UnnamedPath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPath:
    """A path of the contract that no row fills, or suddenly far fewer do.

    Attributes:
        share: of the rows, 0 to 1.
        share_before: of those of the last landing; None where there is none to compare with.
        may_be: the new path that it may be called now.
        is_new: it was not so in the last landing.
    """

    path: str
    share: float
    share_before: float | None
    may_be: str | None = None
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetypedPath:
    """A path whose values the contract's type does not take; the records are in quarantine.

    Attributes:
        complaint: what is wrong with them, such as `is no int`.
        is_new: the last landing had none.
    """

    path: str
    complaint: str
    records: int
    example: str
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a landing's records differ from the contract, and from the landing before.

    Attributes:
        table: `source.table`.
        filled: the shape's, so that the next landing can be compared with this one.
    """

    table: str
    rows: int
    filled: Mapping[str, int]
    unnamed: tuple[UnnamedPath, ...] = ()
    lost: tuple[LostPath, ...] = ()
    retyped: tuple[RetypedPath, ...] = ()

    @property
    def has_changed(self) -> bool:
        """True where something is otherwise than in the last landing, or than in the contract where this is the first."""
        return any(self._news())

    def lines(self, *, known: bool = False) -> list[str]:
        """Returns a line for each finding that is new, for a person; with `known` for the others too."""
        unnamed = [_unnamed_line(each, self.rows) for each in self.unnamed if each.is_new or known]
        lost = [_lost_line(each) for each in self.lost if each.is_new or known]
        retyped = [
            f"retyped: {each.path} {each.complaint} in {_counted(each.records, 'record')}, now in quarantine: {each.example}"
            for each in self.retyped
            if each.is_new or known
        ]
        return [f"{self.table}: {line}" for line in (*retyped, *lost, *unnamed)]

    def _news(self) -> Iterator[bool]:
        yield from (each.is_new for each in self.unnamed)
        yield from (each.is_new for each in self.lost)
        yield from (each.is_new for each in self.retyped)

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON values, for the commit's metadata under `DRIFT`."""
        return asdict(self)


def fill_columns(contract: Contract) -> list[Column]:
    """Returns the aggregates that count how many landed rows fill each path, for `agg` or `observe` on decoded records.

    Give them a frame that has `Contract.decoded_schema`; records that go to quarantine are left out.
    """
    return _fill_columns(contract, sf.col(REASON).isNull())


def read_fills(contract: Contract, found: Mapping[str, Any]) -> Shape:
    """Returns the shape that the values of `fill_columns` make, as yet without what was rescued."""
    paths = [path for path, _, _ in _watched(contract)]
    return Shape(rows=int(found[_ROWS]), filled={path: int(found[f"_fill{i}"]) for i, path in enumerate(paths)})


def shape_of(landed: DataFrame, contract: Contract) -> Shape:
    """Returns the shape of a landed table, by one aggregate, and what was rescued in it where anything was."""
    found = landed.agg(*_fill_columns(contract, sf.lit(True)), sf.count(RESCUED).alias(RESCUED)).collect()[0].asDict()
    shape = read_fills(contract, found)
    return replace(shape, unnamed=unnamed_paths(landed, contract)) if found[RESCUED] else shape


def unnamed_paths(landed: DataFrame, contract: Contract) -> tuple[UnnamedPath, ...]:
    """Returns the paths in `_rescued`, most frequent first; reads that column only, and counts in the workers."""
    texts = landed.where(sf.col(RESCUED).isNotNull()).select(RESCUED)
    counted = texts.mapInArrow(partial(_count_batches, contract.to_json()), _FOUND).groupBy("path", "type")
    rows = counted.agg(sf.sum("found").alias("found"), sf.min("example").alias("example"))
    return _unnamed([row.asDict() for row in rows.orderBy(sf.desc("found")).limit(10 * _MOST_UNNAMED).collect()])


def drift(
    contract: Contract, shape: Shape, *, before: Mapping[str, Any] | None = None, reasons: Sequence[Reason] = ()
) -> Drift:
    """Returns how a landing's records differ from the contract and from the landing before.

    Args:
        before: the metadata of the last landing's commit (`delta.metadata`), read before this one is published.
        reasons: why records went to quarantine.
    """
    last = (before or {}).get(DRIFT) or {}
    unnamed = tuple(_compared(each, last) for each in shape.unnamed)
    fresh = [each for each in unnamed if each.is_new]
    lost = tuple(_with_guess(each, contract, shape, fresh) for each in _lost(contract, shape, last))
    return Drift(
        table=str(contract),
        rows=shape.rows,
        filled=dict(shape.filled),
        unnamed=unnamed,
        lost=lost,
        retyped=tuple(_retyped(reasons, last)),
    )


def _fill_columns(contract: Contract, is_landed: Column) -> list[Column]:
    counts = [
        sf.count_if(is_landed & condition(sf.col(f"`{name}`"))).alias(f"_fill{index}")
        for index, (_, name, condition) in enumerate(_watched(contract))
    ]
    return [sf.count_if(is_landed).alias(_ROWS), *counts]


def _watched(contract: Contract) -> list[tuple[str, str, _Condition]]:
    """Returns the paths that are watched, each with its column and what makes of that whether a row fills the path."""
    found = [
        (path, name, condition)
        for name, data_type in contract.types().items()
        for path, condition in _conditions(name, data_type)
    ]
    outer_first = sorted(found, key=lambda each: len(re.findall(r"\.|\[\]", each[0])))
    return outer_first[:_MOST_PATHS]


def _conditions(path: str, data_type: DataType) -> Iterator[tuple[str, _Condition]]:
    """Yields a path and those inside it, each with what makes of a value whether it fills the path."""
    yield path, partial(_is_filled, data_type=data_type)
    if isinstance(data_type, StructType):
        for each in data_type.fields:
            for inner, condition in _conditions(f"{path}.{each.name}", each.dataType):
                yield inner, partial(_in_field, name=each.name, condition=condition)
    elif isinstance(data_type, ArrayType):
        plain = _plain_fields(data_type.elementType)
        for inner, condition in _inside(f"{path}[]", data_type.elementType):
            name = inner.removeprefix(f"{path}[].")
            if name in plain:
                yield inner, partial(_in_some_field, name=name, data_type=plain[name])
            else:
                yield inner, partial(_in_some, condition=condition)
    elif isinstance(data_type, MapType):
        for inner, condition in _inside(f"{path}.*", data_type.valueType):
            yield inner, partial(_in_some_value, condition=condition)


def _inside(path: str, data_type: DataType) -> Iterator[tuple[str, _Condition]]:
    return ((inner, condition) for inner, condition in _conditions(path, data_type) if inner != path)


def _in_field(value: Column, name: str, condition: _Condition) -> Column:
    return condition(value.getField(name))


def _plain_fields(data_type: DataType) -> dict[str, DataType]:
    """Returns a struct's fields that hold no others; empty for other types."""
    if not isinstance(data_type, StructType):
        return {}
    nested = (StructType, ArrayType, MapType)
    return {each.name: each.dataType for each in data_type.fields if not isinstance(each.dataType, nested)}


def _in_some_field(value: Column, name: str, data_type: DataType) -> Column:
    """Returns whether some element's field is filled: whether the greatest is, since nulls are passed over and no text is
    less than the empty one. Spark compiles this, and interprets `exists`.
    """
    return _is_filled(sf.array_max(value.getField(name)), data_type)


def _in_some(value: Column, condition: _Condition) -> Column:
    return sf.exists(value, lambda each: condition(each))


def _in_some_value(value: Column, condition: _Condition) -> Column:
    return sf.exists(sf.map_values(value), lambda each: condition(each))


def _is_filled(value: Column, data_type: DataType) -> Column:
    if isinstance(data_type, StructType):
        return reduce(or_, (_is_filled(value.getField(each.name), each.dataType) for each in data_type.fields))
    if isinstance(data_type, ArrayType | MapType):
        return sf.coalesce(sf.size(value) > 0, sf.lit(False))
    if isinstance(data_type, StringType):
        return value.isNotNull() & (value != "")
    return value.isNotNull()


def _count_batches(contract: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields, in a worker, how many of its rows have each path that the contract does not name."""
    inside = StructType(Contract.from_json(contract).schema().fields)
    counts: dict[tuple[str, str], int] = {}
    examples: dict[tuple[str, str], str] = {}
    for batch in batches:
        for text in batch.column(0).to_pylist():
            seen: dict[tuple[str, str], Any] = {}
            for path, value in walk_rescued(orjson.loads(text), inside):
                path = path if (path, _ANY) in counts or len(counts) < 4 * _MOST_UNNAMED else _REST
                seen.setdefault((path, _ANY), value)
                seen.setdefault((path, _type_word(value)), value)
            for key, value in seen.items():
                counts[key] = counts.get(key, 0) + 1
                if key not in examples:
                    examples[key] = shown(value)
    if counts:
        columns = {
            "path": [path for path, _ in counts],
            "type": [word for _, word in counts],
            "found": list(counts.values()),
            "example": [examples[key] for key in counts],
        }
        yield pa.RecordBatch.from_pydict(columns)


def walk_rescued(value: Any, data_type: DataType, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the outermost paths of a rescued value that the type does not name, each with what is there."""
    if isinstance(data_type, StructType) and isinstance(value, dict):
        types = {each.name: each.dataType for each in data_type.fields}
        for name, each in value.items():
            step = f"{path}.{name}" if path else name
            if name in types and isinstance(types[name], StructType | ArrayType | MapType):
                yield from walk_rescued(each, types[name], step)
            else:
                yield step, each
    elif isinstance(data_type, ArrayType) and isinstance(value, list):
        for each in value:
            if each is not None:
                yield from walk_rescued(each, data_type.elementType, f"{path}[]")
    elif isinstance(data_type, MapType) and isinstance(value, dict):
        for each in value.values():
            yield from walk_rescued(each, data_type.valueType, f"{path}.*")
    else:
        yield path, value


def _type_word(value: Any) -> str:
    words = {str: "string", bool: "boolean", int: "int", float: "double", dict: "object", list: "array"}
    return words.get(type(value), "null")


def _unnamed(rows: Sequence[Mapping[str, Any]]) -> tuple[UnnamedPath, ...]:
    found = [
        UnnamedPath(
            path=row["path"],
            rows=row["found"],
            types={
                each["type"]: each["found"] for each in rows if each["path"] == row["path"] and each["type"] != _ANY
            },
            example=row["example"],
        )
        for row in rows
        if row["type"] == _ANY
    ]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.path))[:_MOST_UNNAMED])


def _compared(found: UnnamedPath, last: Mapping[str, Any]) -> UnnamedPath:
    for each in last.get("unnamed", ()):
        if each["path"] == found.path:
            is_new = not (found.types.keys() - {"null"} <= each["types"].keys())
            return replace(found, is_new=is_new)
    return found


def _lost(contract: Contract, shape: Shape, last: Mapping[str, Any]) -> Iterator[LostPath]:
    """Yields the outermost paths that no row fills any more, or far fewer."""
    if not shape.rows:
        return
    before = {path: count / last["rows"] for path, count in last.get("filled", {}).items() if last.get("rows")}
    gone: list[str] = []
    for path, count in shape.filled.items():
        if any(path.startswith((f"{outer}.", f"{outer}[]")) for outer in gone):
            continue
        share, share_before = count / shape.rows, before.get(path)
        is_rarer = share_before is not None and share < _FAR_FEWER * share_before
        if count and not (is_rarer and (share_before or 0.0) * shape.rows >= _EXPECTED):
            continue
        gone.append(path)
        yield LostPath(path=path, share=share, share_before=share_before, is_new=share_before != 0)


def _with_guess(lost: LostPath, contract: Contract, shape: Shape, fresh: Sequence[UnnamedPath]) -> LostPath:
    """Returns the lost path with the new one beside it that may have replaced it: of a like name, or as frequent."""
    if not lost.is_new or not shape.rows:
        return lost
    data_type = _type_at(contract, lost.path)
    parent, name = _split(lost.path)
    beside = {
        _split(each.path)[1]: each
        for each in fresh
        if _split(each.path)[0] == parent and any(_takes(data_type, word) for word in each.types)
    }
    guess = nearest(name, beside)
    if guess is None and lost.share_before is not None:
        gap = lost.share_before - lost.share
        as_frequent = [
            known for known, each in beside.items() if _ALIKE * gap <= each.rows / shape.rows <= gap / _ALIKE
        ]
        guess = as_frequent[0] if len(as_frequent) == 1 else None
    return replace(lost, may_be=beside[guess].path) if guess else lost


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition(".")
    return parent, name


def _type_at(contract: Contract, path: str) -> DataType | None:
    """Returns the type of a path of the contract; None where it is none."""
    found: DataType | None = contract.schema()
    for step in re.sub(r"\[\]", ".[]", path).split("."):
        if isinstance(found, StructType) and step in found.names:
            found = found[step].dataType
        elif isinstance(found, ArrayType) and step == "[]":
            found = found.elementType
        elif isinstance(found, MapType) and step == "*":
            found = found.valueType
        else:
            return None
    return found


def _takes(data_type: DataType | None, word: str) -> bool:
    """Returns whether a column of the type takes values of the JSON type."""
    if isinstance(data_type, StringType | DateType | TimestampType):
        return word == "string"
    if isinstance(data_type, NumericType):
        return word in ("int", "double", "string")
    if isinstance(data_type, BooleanType):
        return word == "boolean"
    return word == ("array" if isinstance(data_type, ArrayType) else "object")


def _retyped(reasons: Sequence[Reason], last: Mapping[str, Any]) -> Iterator[RetypedPath]:
    known = {(each["path"], each["complaint"]) for each in last.get("retyped", ())}
    for reason in reasons:
        match = _PROBLEM.fullmatch(reason.problem)
        if match is None:
            continue  # the record as a whole is no JSON, or no object
        path, complaint = match.group("path"), match.group("complaint")
        yield RetypedPath(
            path=path,
            complaint=complaint,
            records=reason.count,
            example=reason.example,
            is_new=(path, complaint) not in known,
        )


def _unnamed_line(found: UnnamedPath, rows: int) -> str:
    types = ", ".join(f"{word} {_percent(count, found.rows)}" for word, count in found.types.items())
    types = types if len(found.types) > 1 else "".join(found.types)
    word = "new" if found.is_new else "not in the contract"
    return f"{word}: {found.path} in {_percent(found.rows, rows)} of rows ({types}; such as {found.example}), kept in _rescued"


def _lost_line(found: LostPath) -> str:
    now = f"in {_percent(found.share, 1)} of rows" if found.share else "in no row"
    before = "" if found.share_before is None else f", in {_percent(found.share_before, 1)} of the last landing's"
    guess = ""
    if found.may_be:
        way = "Add it to the column's `aliases`" if "." not in found.path else "Name it in the column's `data_type`"
        guess = f". It may be {found.may_be} now. {way}"
    return f"{'rarer' if found.share else 'missing'}: {found.path} {now}{before}{guess}"


def _percent(part: float, whole: float) -> str:
    """Returns a share such as `98.2 %`; what is not quite all, or not quite nothing, does not round to it."""
    share = 100 * part / whole if whole else 0.0
    if share in (0, 100):
        return f"{share:.0f} %"
    return f"{min(max(share, 0.1), 99.9):.1f} %"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"
