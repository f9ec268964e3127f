"""A query's filters as conditions of `find`.

A condition finds every document that the filter lets through, perhaps more; Spark then looks again. Only where a
condition finds exactly what Spark would is the filter taken over as a whole. MongoDB compares within one kind of value,
takes null for missing and looks into arrays, Spark does none of these; so that is seldom.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bson import Decimal128, Regex
from pyspark.sql.datasource import (
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNotNull,
    LessThan,
    LessThanOrEqual,
    Not,
    StringStartsWith,
)
from pyspark.sql.types import (
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructType,
    TimestampType,
)

from ingest.contract import Contract
from stores.mongo_client import Document

_WHOLE = (ByteType, ShortType, IntegerType, LongType)
# `$type` of the values that a comparison finds, for the types that other kinds of values are read into as well.
_OWN: dict[type[DataType], list[int]] = {
    StringType: [2],
    DecimalType: [1, 16, 18, 19],
    TimestampType: [9],
    DateType: [9],
}
_PUSHED: tuple[type[DataType], ...] = (*_WHOLE, BooleanType, *_OWN)
_MAYBE_AN_ID = re.compile(r"[0-9a-f-]*")  # the text of an ObjectId or a UUID begins like that
_MILLISECOND = timedelta(milliseconds=1)
_COMPARED: dict[type[Filter], str] = {
    GreaterThan: "$gt",
    GreaterThanOrEqual: "$gte",
    LessThan: "$lt",
    LessThanOrEqual: "$lte",
}


@dataclass(frozen=True, slots=True)
class Pushed:
    """What goes to the server, and what Spark has still to look at."""

    conditions: list[Document]
    left: list[Filter]


@dataclass(frozen=True, slots=True)
class _Condition:
    says: Document
    is_exact: bool = False


def pushed(filters: Iterable[Filter], contract: Contract) -> Pushed:
    """Returns the conditions for a contract's documents; columns with aliases are left to Spark."""
    types = {each.name: contract.types()[each.name] for each in contract.columns if not each.aliases}
    conditions: list[Document] = []
    left: list[Filter] = []
    for each in filters:
        condition = _condition(each, types)
        if condition is not None:
            conditions.append(condition.says)
        if condition is None or not condition.is_exact:
            left.append(each)
    return Pushed(conditions, left)


def _condition(said: Filter, types: dict[str, DataType]) -> _Condition | None:
    inner = said.child if isinstance(said, Not) else said
    path: Sequence[str] = getattr(inner, "attribute", ())
    data_type = _type_at(path, types)
    if data_type is None:
        return None
    name = ".".join(path)
    condition = _negated(inner, name, data_type) if isinstance(said, Not) else _plain(inner, name, data_type)
    if condition is None or not condition.is_exact:
        return condition
    # `find` looks into arrays, and a document with an array there does not fit: it must not come.
    if len(path) > 1:
        return _Condition(condition.says)
    return _Condition({"$and": [condition.says, {name: {"$not": {"$type": 4}}}]}, is_exact=True)


def _type_at(path: Sequence[str], types: dict[str, DataType]) -> DataType | None:
    """Returns the type of a path of plain fields; None where it is of no use to the server."""
    if not path or any(not step or "." in step or step.startswith("$") for step in path):
        return None
    found = types.get(path[0])
    for step in path[1:]:
        if not isinstance(found, StructType) or step not in found.names:
            return None
        found = found[step].dataType
    return found if isinstance(found, _PUSHED) else None


def _plain(said: Filter, name: str, data_type: DataType) -> _Condition | None:
    if isinstance(said, IsNotNull):
        return _Condition({name: {"$ne": None}})
    if isinstance(said, StringStartsWith) and isinstance(data_type, StringType):
        return _begins(said.value, name)
    if isinstance(said, EqualTo):
        return _among([said.value], name, data_type)
    if isinstance(said, In):
        return _among([each for each in said.value if each is not None], name, data_type)
    operator = _COMPARED.get(type(said))
    return None if operator is None else _compared(operator, said.value, name, data_type)  # type: ignore[attr-defined]


def _negated(said: Filter, name: str, data_type: DataType) -> _Condition | None:
    """Returns a condition that leaves out only what certainly has the values; null is Spark's to leave out."""
    if not isinstance(said, EqualTo | In):
        return None
    values = [said.value] if isinstance(said, EqualTo) else list(said.value)
    sent = [_sent(value, data_type) for value in values if value is not None]
    if not sent or None in sent:
        return None
    return _Condition({name: {"$nin": sent}})


def _begins(prefix: str, name: str) -> _Condition | None:
    if not prefix or "\0" in prefix:
        return None
    found = {name: Regex("^" + re.escape(prefix))}
    if _MAYBE_AN_ID.fullmatch(prefix):
        return _Condition(_or_of_other_kinds(found, name, StringType()))
    return _Condition(found, is_exact=True)


def _among(values: Sequence[Any], name: str, data_type: DataType) -> _Condition | None:
    if any(value is None for value in values):
        return None
    if isinstance(data_type, DecimalType | TimestampType | DateType):
        if len(values) != 1:
            return None
        low = _compared("$gte", values[0], name, data_type)
        high = _compared("$lte", values[0], name, data_type)
        return None if low is None or high is None else _Condition({"$and": [low.says, high.says]})
    sent = [_sent(value, data_type) for value in values]
    if None in sent:
        return None
    found: Document = {name: {"$in": sent}}
    if isinstance(data_type, StringType) and any(_MAYBE_AN_ID.fullmatch(value) for value in values):
        return _Condition(_or_of_other_kinds(found, name, data_type))
    return _Condition(found, is_exact=True)


def _compared(operator: str, value: Any, name: str, data_type: DataType) -> _Condition | None:
    is_lower = operator in ("$gt", "$gte")
    if isinstance(data_type, BooleanType):
        return None
    if isinstance(data_type, DecimalType):  # a number that rounds to one that passes is up to half a unit off
        if not isinstance(value, Decimal | int):
            return None
        unit = Decimal(1).scaleb(-data_type.scale)
        bound = Decimal(value) - unit if is_lower else Decimal(value) + unit
        if len(bound.as_tuple().digits) > 34:
            return None
        sent: Any = Decimal128(bound)
        operator = "$gte" if is_lower else "$lte"
    elif isinstance(data_type, TimestampType | DateType):
        moment = _moment(value)
        if moment is None:
            return None
        sent = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        if not is_lower and sent != moment:
            sent += _MILLISECOND
        operator = "$gte" if is_lower else "$lte"
    else:
        sent = _sent(value, data_type)
        if sent is None:
            return None
    return _Condition(_or_of_other_kinds({name: {operator: sent}}, name, data_type))


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def _sent(value: Any, data_type: DataType) -> Any:
    """Returns the value as the server takes it; None where it has none such."""
    if isinstance(data_type, StringType):
        return value if isinstance(value, str) else None
    if isinstance(data_type, BooleanType):
        return value if isinstance(value, bool) else None
    if isinstance(data_type, _WHOLE):
        return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None
    if isinstance(data_type, DecimalType):
        return Decimal128(value) if isinstance(value, Decimal) else None
    return _moment(value) if isinstance(value, datetime) and value.microsecond % 1000 == 0 else None


def _or_of_other_kinds(condition: Document, name: str, data_type: DataType) -> Document:
    kinds = _OWN.get(type(data_type))
    return {"$or": [condition, {name: {"$ne": None, "$not": {"$type": kinds}}}]} if kinds else condition
