"""What a sample of records shows of one path: how often it is there, of which types, and which contract's type takes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql.types import DateType, TimestampType

from ingest.columns import Unfit, exact_value

_NUMBERS = ("int32", "int64", "double", "decimal128", "decimal")
_GROUPS = {
    **dict.fromkeys(_NUMBERS, "number"),
    **dict.fromkeys(("string", "objectId", "uuid"), "text"),
    **dict.fromkeys(("date", "timestamp"), "time"),
    **{kind: kind for kind in ("bool", "object", "array")},
}
_KINDS = {
    "bool": "bool",
    "float": "double",
    "Int64": "int64",
    "Decimal128": "decimal128",
    "Decimal": "decimal",
    "str": "string",
    "datetime": "date",
    "DatetimeMS": "date",
    "date": "date",
    "Timestamp": "timestamp",
    "ObjectId": "objectId",
    "UUID": "uuid",
    "bytes": "binary",
    "Binary": "binary",
    "dict": "object",
    "list": "array",
    "NoneType": "null",
}
_INT32 = 2**31
_UUID_SUBTYPE = 4
_PRECISIONS = (12, 18, 38)
_FINEST = 6  # decimal places of a text number beyond which it is taken for a measurement, not for an amount
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NOT_IN_DELTA = re.compile(r"[ ,;{}()\n\t=`]")
_DIGITS = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*", re.IGNORECASE)

# An object is a map, not a struct, where its keys look like data.
_LEAST_KEYS_ALIKE = 3  # that are one but for their digits
_LEAST_KEYS = 20  # that are not
_RARE = 0.1  # the mean share of the objects that have one of the keys
_NOT_STEADY = 0.5  # the greatest


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know of a path inside a column."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The type that takes the values of a path; None where no column can take them.

    Attributes:
        notes: on the paths inside it, outer before inner.
    """

    data_type: str | None
    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class PathProfile:
    """What the values of one path were.

    Attributes:
        seen: how often the path was there, nulls included.
        kinds: how often of which type, in BSON's words.
        fields: of its objects, in order of first occurrence.
        filled_objects: objects that have a field.
        elements: of its arrays.
    """

    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    fields: dict[str, PathProfile] = field(default_factory=dict)
    filled_objects: int = 0
    elements: PathProfile | None = None
    empty_texts: int = 0
    whole_digits: int = 0
    scale: int = 0
    has_fraction: bool = False
    is_money: bool = True
    greatest: float = 0.0
    is_iso: bool = True
    is_day: bool = True

    def see(self, value: Any) -> None:
        """Takes one more value into account."""
        self.seen += 1
        kind = kind_of(value)
        self.kinds[kind] += 1
        if kind == "object":
            self.filled_objects += bool(value)
            for name, each in value.items():
                self.fields.setdefault(str(name), PathProfile()).see(each)
        elif kind == "array":
            self.elements = self.elements or PathProfile()
            for each in value:
                self.elements.see(each)
        elif kind == "string":
            self._see_text(value)
        elif kind == "double":
            self._see_double(value)
        elif kind in ("decimal128", "decimal"):
            self._see_decimal(value if kind == "decimal" else value.to_decimal())
        elif kind in ("int32", "int64"):
            self.whole_digits = max(self.whole_digits, len(str(abs(value))))
            self.greatest = max(self.greatest, abs(float(value)))

    def merge(self, other: PathProfile) -> None:
        """Takes another path's values into account, as if they had been this one's."""
        self.seen += other.seen
        self.kinds += other.kinds
        for name, each in other.fields.items():
            self.fields.setdefault(name, PathProfile()).merge(each)
        self.filled_objects += other.filled_objects
        if other.elements is not None:
            self.elements = self.elements or PathProfile()
            self.elements.merge(other.elements)
        self.empty_texts += other.empty_texts
        self.whole_digits = max(self.whole_digits, other.whole_digits)
        self.scale = max(self.scale, other.scale)
        self.has_fraction |= other.has_fraction
        self.is_money &= other.is_money
        self.greatest = max(self.greatest, other.greatest)
        self.is_iso &= other.is_iso
        self.is_day &= other.is_day

    def said(self, out_of: int) -> str:
        """Returns the share of the records that have the path, and the types where they are mixed, for a comment."""
        return "; ".join([f"in {percent(self.seen, out_of)}", *self.remarks()])

    def remarks(self) -> list[str]:
        """Returns what a person should know of the values: their types where they are mixed, what was guessed from them."""
        group = self._group()
        found = []
        if len(self.kinds) > 1:
            found.append(", ".join(f"{kind} {percent(count, self.seen)}" for kind, count in self.kinds.most_common()))
        if group is None and self.seen:
            found.append("always null" if set(self.kinds) <= {"null"} else untyped(self))
        if group == "text" and self.empty_texts:
            found.append(
                "always empty" if self.empty_texts == self.seen else f"empty {percent(self.empty_texts, self.seen)}"
            )
        if group == "time" and self.kinds["string"]:
            found.append("ISO text")
        if group == "number" and self.kinds["double"] and self._number().startswith("decimal"):
            found.append("whole cents")
        astray = sum(count for kind, count in self.kinds.items() if kind != "null" and self._group_of(kind) != group)
        if astray and group is not None:
            found.append(f"{percent(astray, self.seen)} would go to quarantine")
        return found

    def draft(self, path: str) -> Draft:
        """Returns the type that takes most of the values, without a loss where there is one."""
        group = self._group()
        if group is None:
            only_nulls = set(self.kinds) <= {"null"}
            return Draft("string") if only_nulls else Draft(None)
        if group == "object":
            return self._object(path)
        if group == "array":
            return self._array(path)
        if group == "number":
            return Draft(self._number())
        if group == "time":
            return Draft(self._time())
        return Draft("boolean" if group == "bool" else "string")

    def _see_text(self, value: str) -> None:
        if not value:
            self.empty_texts += 1
            self.is_iso = self.is_day = False
        self.is_day = self.is_day and len(value) == len("2024-01-31") and _is(value, DateType())
        self.is_iso = self.is_iso and (self.is_day or _is(value, TimestampType()))

    def _see_double(self, value: float) -> None:
        if value != value or value in (float("inf"), float("-inf")):
            self.is_money, self.has_fraction = False, True
            return
        cents = abs(value) * 100
        self.is_money = self.is_money and abs(cents - round(cents)) <= 1e-6 + cents * 1e-14
        self.has_fraction |= value != value // 1
        self.greatest = max(self.greatest, abs(value))
        self.whole_digits = max(self.whole_digits, len(str(int(abs(value)))))

    def _see_decimal(self, value: Decimal) -> None:
        if not value.is_finite():
            return
        exponent = value.as_tuple().exponent
        self.scale = max(self.scale, -int(exponent))
        self.whole_digits = max(self.whole_digits, value.adjusted() + 1)
        self.greatest = max(self.greatest, abs(float(value)))

    def _group(self) -> str | None:
        """Returns what most values are; texts that all are ISO moments count as moments."""
        counts: Counter[str] = Counter()
        for kind, count in self.kinds.items():
            group = self._group_of(kind)
            if group is not None:
                counts[group] += count
        return counts.most_common(1)[0][0] if counts else None

    def _group_of(self, kind: str) -> str | None:
        return "time" if kind == "string" and self.is_iso else _GROUPS.get(kind)

    def _number(self) -> str:
        kinds = self.kinds
        if kinds["decimal128"] or kinds["decimal"]:
            exact = not (kinds["double"] and self.has_fraction and not self.is_money)
            is_fine = kinds["decimal"] and self.scale > _FINEST
            return self._decimal(max(self.scale, 2 if kinds["double"] else 0)) if exact and not is_fine else "double"
        if kinds["double"] and self.has_fraction:
            return self._decimal(2) if self.is_money and self.greatest >= 1 else "double"
        if kinds["double"] and not (kinds["int32"] or kinds["int64"]):
            return "double"
        return "bigint" if kinds["int64"] or self.greatest >= _INT32 else "int"

    def _decimal(self, scale: int) -> str:
        needed = self.whole_digits + scale
        precision = next((each for each in _PRECISIONS if needed <= each), _PRECISIONS[-1])
        return f"decimal({precision},{min(scale, precision)})"

    def _time(self) -> str:
        return "date" if self.kinds["string"] and self.is_day and not self._others("string") else "timestamp"

    def _others(self, *kinds: str) -> int:
        return sum(count for kind, count in self.kinds.items() if kind not in (*kinds, "null"))

    def _array(self, path: str) -> Draft:
        inner = f"{path}[]"
        elements = self.elements or PathProfile()
        draft = elements.draft(inner)
        notes = [] if elements.seen else [Note(inner, "always empty; the type is a guess")]
        notes += [Note(inner, "; ".join(remarks))] if (remarks := elements.remarks()) else []
        if draft.data_type is None:
            return Draft(None)
        return Draft(f"array<{draft.data_type}>", (*notes, *draft.notes))

    def _object(self, path: str) -> Draft:
        if self.is_map():
            return self._map(path)
        objects = self.kinds["object"]
        types: list[str] = []
        notes: list[Note] = []
        for name, each, refusal in landable(self.fields):
            inner = f"{path}.{name}"
            draft = each.draft(inner)
            if refusal or draft.data_type is None:
                notes.append(Note(inner, f"left to _rescued: {refusal or untyped(each)}"))
                continue
            types.append(f"{name if _PLAIN_NAME.fullmatch(name) else f'`{name}`'}:{draft.data_type}")
            said = each.said(objects)
            if said != "in 100 %":
                notes.append(Note(inner, said))
            notes += draft.notes
        if not types:
            return Draft("map<string,string>", (Note(path, "always empty; the type is a guess"), *notes))
        return Draft(f"struct<{','.join(types)}>", tuple(notes))

    def is_map(self) -> bool:
        """Returns whether the keys of the objects look like data: many, each rare, or alike but for their digits."""
        count = len(self.fields)
        if count < _LEAST_KEYS_ALIKE or not self.filled_objects:
            return False
        shares = [each.seen / self.filled_objects for each in self.fields.values()]
        groups = {each._group() for each in self.fields.values()} - {None}
        if max(shares) >= _NOT_STEADY or len(groups) > 1:
            return False
        alike = len({_DIGITS.sub("#", name) for name in self.fields}) == 1
        return alike or (count >= _LEAST_KEYS and sum(shares) / count <= _RARE)

    def values(self) -> PathProfile:
        """Returns what the values of all keys were together."""
        merged = PathProfile()
        for each in self.fields.values():
            merged.merge(each)
        return merged

    def _map(self, path: str) -> Draft:
        inner = f"{path}.*"
        merged = self.values()
        draft = merged.draft(inner)
        if draft.data_type is None:
            return Draft(None)
        notes = [Note(path, f"{len(self.fields):,} different keys, such as {next(iter(self.fields))}")]
        notes += [Note(inner, "; ".join(remarks))] if (remarks := merged.remarks()) else []
        return Draft(f"map<string,{draft.data_type}>", (*notes, *draft.notes))


def kind_of(value: Any) -> str:
    """Returns a value's type in BSON's words, such as `int32`, `decimal128`, `objectId`, `null`."""
    name = type(value).__name__
    if name == "int":
        return "int32" if -_INT32 <= value < _INT32 else "int64"
    if name == "Binary" and value.subtype == _UUID_SUBTYPE:
        return "uuid"
    if isinstance(value, datetime | date) and name not in _KINDS:
        return "date"
    return _KINDS.get(name, name)


def landable(fields: dict[str, PathProfile]) -> Iterator[tuple[str, PathProfile, str]]:
    """Yields fields with why no column can be called so; an empty text where one can. Spark heeds no case in names."""
    taken: dict[str, str] = {}
    for name, each in fields.items():
        other = taken.setdefault(name.lower(), name)
        if not name or _NOT_IN_DELTA.search(name):
            yield name, each, "Delta takes no such name"
        elif other != name:
            yield name, each, f"differs from {other} only by case"
        else:
            yield name, each, ""


def percent(part: int, whole: int) -> str:
    """Returns a share such as `98.2 %`; what is not all, or not nothing, does not round to it."""
    if part in (0, whole):
        return "100 %" if part else "0 %"
    share = round(100 * part / whole, 1)
    if share in (0.0, 100.0):
        return "under 0.1 %" if share == 0 else "over 99.9 %"
    return f"{share:g} %"


def profile_of(values: Iterable[Any]) -> PathProfile:
    """Returns what the values are."""
    found = PathProfile()
    for value in values:
        found.see(value)
    return found


def untyped(found: PathProfile) -> str:
    """Returns why no column can take the values."""
    kinds = ", ".join(kind for kind, _ in found.kinds.most_common() if kind != "null")
    return f"no column's type takes {kinds or 'it'}"


def _is(text: str, data_type: DateType | TimestampType) -> bool:
    try:
        exact_value(text, data_type)
    except Unfit:
        return False
    return True
