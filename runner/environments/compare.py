"""Compares two frames row by row, in one pass over both: what was added, removed and changed, and in which columns.

With a key, each side is numbered within its keys, and the sides meet in one full outer join on the key as a struct, so
that null meets null. Without a key, rows are counted as in a bag. Everything that is told, examples included, is one
aggregate over that: memory does not grow with the number of differences.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.errors import NotFoundError, ProjectError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

_MOST_CHARACTERS = 200  # of an example's value
_DIGEST = 2**40  # hashes are summed modulo this: a sum over 2**22 rows of one key still fits 64 bits
_ADDED, _REMOVED, _TOTAL = -1, -2, -3  # kinds of items; a changed column is its index
_NUMBERS = {"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row that differs.

    Attributes:
        key: the key's values as text, by column; empty where rows have no key.
        before, after: a changed column's two values as text, None for null.
        row: an added or removed row, values as text by column.
    """

    key: Mapping[str, str | None]
    before: str | None = None
    after: str | None = None
    row: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """A column in which rows differ.

    Attributes:
        rows: how many.
        largest: the largest absolute difference; None where the column holds no numbers.
    """

    name: str
    rows: int
    largest: float | None
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Rows of one side whose key does not tell them apart.

    Attributes:
        keys: keys that more than one row has.
        rows: rows of such keys.
        null_rows: rows with a null in their key.
    """

    keys: int
    rows: int
    null_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two frames.

    Attributes:
        key: the key; empty where rows were counted as in a bag: then no row is `changed`.
        added, removed, changed, same: rows; a row in a repeated key counts in none of `changed` and `same`.
        columns: the columns in which rows differ, most rows first.
        added_columns, removed_columns: name and type.
        retyped: name, type before, type after; such columns are compared by value, or as text where their types have
            no values in common.
        repeated: keys of both sides that have several rows on one of them: not compared by column.
        repeated_changed: those of them whose rows are not the same ones on both sides.
    """

    key: tuple[str, ...]
    before_rows: int
    after_rows: int
    added: int
    removed: int
    changed: int
    same: int
    columns: tuple[ColumnChange, ...]
    added_columns: tuple[tuple[str, str], ...]
    removed_columns: tuple[tuple[str, str], ...]
    retyped: tuple[tuple[str, str, str], ...]
    added_examples: tuple[Example, ...]
    removed_examples: tuple[Example, ...]
    before_repeats: Repeats
    after_repeats: Repeats
    repeated: int
    repeated_changed: int

    @property
    def rows_differ(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.repeated_changed)

    @property
    def schema_differs(self) -> bool:
        return bool(self.added_columns or self.removed_columns or self.retyped)

    @property
    def differs(self) -> bool:
        return self.rows_differ or self.schema_differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Leniency:
    """What does not count as a difference.

    Attributes:
        absolute: numbers that differ by at most this are the same.
        relative: and those that differ by at most this share of the larger one.
        ignored: columns that are not compared.
    """

    absolute: float = 0.0
    relative: float = 0.0
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Pair:
    """A column of both sides: its name in each, and how its values are made comparable."""

    before: str
    after: str
    before_type: DataType
    after_type: DataType


def compare(before: DataFrame, after: DataFrame, key: Sequence[str], *, leniency: Leniency | None = None) -> Comparison:
    """Returns what differs between two frames.

    Args:
        before, after: the two sides; columns meet by name, whatever their case.
        key: columns that name a row; empty compares bags of rows.
        leniency: what does not count.

    Raises:
        NotFoundError: a column of the key, or an ignored one, is missing.
        ProjectError: a column of the key cannot be one, or the sides have no column in common.
    """
    leniency = leniency or Leniency()
    ignored = {name.lower() for name in leniency.ignored}
    _known(leniency.ignored, [*before.columns, *after.columns], "--ignore")
    pairs = [pair for pair in _pairs(before, after) if pair.after.lower() not in ignored]
    keys = [_key_pair(name, pairs, before, after) for name in key]
    others = [pair for pair in pairs if pair not in keys]
    if not pairs:
        raise ProjectError("the two sides have no column in common: there is nothing to compare.")
    found = _by_key(before, after, keys, others, leniency) if keys else _as_bags(before, after, pairs)
    return _comparison(found, keys, others, _schema(before, after, ignored))


def _pairs(before: DataFrame, after: DataFrame) -> list[_Pair]:
    old = {field.name.lower(): field for field in before.schema}
    return [
        _Pair(old[field.name.lower()].name, field.name, old[field.name.lower()].dataType, field.dataType)
        for field in after.schema
        if field.name.lower() in old
    ]


def _known(names: Sequence[str] | frozenset[str], columns: Sequence[str], what: str) -> None:
    lowered = {column.lower() for column in columns}
    for name in sorted(names):
        if name.lower() not in lowered:
            raise NotFoundError(f'{what}: neither side has a column "{name}".', name=name, known=columns)


def _key_pair(name: str, pairs: Sequence[_Pair], before: DataFrame, after: DataFrame) -> _Pair:
    pair = next((pair for pair in pairs if pair.after.lower() == name.lower()), None)
    if pair is None:
        _known([name], [*before.columns, *after.columns], "--key")
        side = "before" if name.lower() not in {column.lower() for column in before.columns} else "after"
        raise ProjectError(f'the key\'s column "{name}" is missing in the table {side}. Name another key with --key.')
    if _holds_map(pair.after_type) or _holds_map(pair.before_type):
        raise ProjectError(f'"{name}" holds maps, which cannot be a key. Name another key with --key.')
    return pair


def _schema(
    before: DataFrame, after: DataFrame, ignored: set[str]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str, str]]]:
    old = {field.name.lower(): field for field in before.schema if field.name.lower() not in ignored}
    new = {field.name.lower(): field for field in after.schema if field.name.lower() not in ignored}
    added = [(field.name, field.dataType.simpleString()) for name, field in new.items() if name not in old]
    removed = [(field.name, field.dataType.simpleString()) for name, field in old.items() if name not in new]
    retyped = [
        (field.name, old[name].dataType.simpleString(), field.dataType.simpleString())
        for name, field in new.items()
        if name in old and old[name].dataType.simpleString() != field.dataType.simpleString()
    ]
    return added, removed, retyped


def _named(frame: DataFrame | None, name: str) -> Column:
    from pyspark.sql import functions as f

    quoted = "`" + name.replace("`", "``") + "`"
    return f.col(quoted) if frame is None else frame[quoted]


def _comparable(value: Column, data_type: DataType) -> Column:
    """Returns the value in a form that can be compared and hashed: maps become sorted arrays of entries."""
    from pyspark.sql import functions as f
    from pyspark.sql.types import ArrayType, MapType, StructType, VariantType

    if isinstance(data_type, VariantType):
        return f.to_json(value)
    if not _holds_map(data_type):
        return value
    if isinstance(data_type, MapType):
        inner = data_type.valueType
        entries = f.map_entries(f.transform_values(value, lambda _, item: _comparable(item, inner)))
        return f.array_sort(entries)
    if isinstance(data_type, ArrayType):
        inner = data_type.elementType
        return f.transform(value, lambda item: _comparable(item, inner))
    assert isinstance(data_type, StructType)
    fields = [_comparable(value.getField(field.name), field.dataType).alias(field.name) for field in data_type]
    return f.when(value.isNotNull(), f.struct(*fields))


def _holds_map(data_type: DataType) -> bool:
    from pyspark.sql.types import ArrayType, MapType, StructType, VariantType

    if isinstance(data_type, (MapType, VariantType)):
        return True
    if isinstance(data_type, ArrayType):
        return _holds_map(data_type.elementType)
    return isinstance(data_type, StructType) and any(_holds_map(field.dataType) for field in data_type)


def _is_number(data_type: DataType) -> bool:
    return data_type.simpleString().split("(")[0] in _NUMBERS


def _sides(pair: _Pair) -> tuple[Callable[[Column], Column], Callable[[Column], Column]]:
    """Returns how each side's value is made comparable with the other's."""
    old, new = pair.before_type, pair.after_type
    if old.simpleString() == new.simpleString() or (_is_number(old) and _is_number(new)):
        return (lambda value: _comparable(value, old)), (lambda value: _comparable(value, new))
    return (lambda value: _text(value, old, cut=False)), (lambda value: _text(value, new, cut=False))


def _text(value: Column, data_type: DataType, *, cut: bool = True) -> Column:
    from pyspark.sql import functions as f
    from pyspark.sql.types import BinaryType, VariantType

    if isinstance(data_type, BinaryType):
        text = f.hex(value)
    elif isinstance(data_type, VariantType):
        text = f.to_json(value)
    else:
        text = value.cast("string")
    return f.substring(text, 1, _MOST_CHARACTERS) if cut else text


def _numbered(frame: DataFrame, keys: Sequence[Column], values: Sequence[Column], *, side: str) -> DataFrame:
    """Returns one row per key: the key, its first row, the number of its rows and a digest of all of them."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    hashed = f.pmod(f.xxhash64(*values), f.lit(_DIGEST)) if values else f.lit(0)
    flat = frame.select(
        f.struct(*[key.alias(f"k{index}") for index, key in enumerate(keys)]).alias(f"{side}_key"),
        f.struct(*[_named(None, name) for name in frame.columns]).alias(f"{side}_row"),
        hashed.alias("hashed"),
    )
    together = Window.partitionBy(f"{side}_key")
    numbered = flat.select(
        f"{side}_key",
        f"{side}_row",
        f.row_number().over(together.orderBy(f"{side}_key")).alias("n"),
        f.count(f.lit(1)).over(together).alias(f"{side}_count"),
        f.sum("hashed").over(together).alias(f"{side}_digest"),
    )
    return numbered.where("n = 1").drop("n")


def _by_key(
    before: DataFrame, after: DataFrame, keys: Sequence[_Pair], others: Sequence[_Pair], leniency: Leniency
) -> dict[str, Any]:
    from pyspark.sql import functions as f

    old = _numbered(
        before,
        [_sides(pair)[0](_named(None, pair.before)) for pair in keys],
        [_sides(pair)[0](_named(None, pair.before)) for pair in others],
        side="b",
    )
    new = _numbered(
        after,
        [_sides(pair)[1](_named(None, pair.after)) for pair in keys],
        [_sides(pair)[1](_named(None, pair.after)) for pair in others],
        side="a",
    )
    both = f.col("b_count").isNotNull() & f.col("a_count").isNotNull()
    single = both & (f.col("b_count") == 1) & (f.col("a_count") == 1)
    joined = old.join(new, f.col("b_key") == f.col("a_key"), "full_outer").select(
        f.coalesce("a_key", "b_key").alias("key"),
        *["b_row", "a_row", "b_count", "a_count"],
        (both & ~single & ~((f.col("b_count") == f.col("a_count")) & (f.col("b_digest") == f.col("a_digest")))).alias(
            "repeated_changed"
        ),
        (both & ~single).alias("repeated"),
        f.array_remove(
            f.array(
                *[
                    f.when(single & ~_equal(pair, leniency), index).otherwise(_TOTAL)
                    for index, pair in enumerate(others)
                ]
            ),
            _TOTAL,
        ).alias("changes")
        if others
        else f.array().cast("array<int>").alias("changes"),
    )
    added, removed = f.col("b_count").isNull(), f.col("a_count").isNull()
    totals = [
        *_counts(added, removed),
        f.count_if(f.size("changes") > 0).alias("changed"),
        f.count_if(both & ~f.col("repeated") & (f.size("changes") == 0)).alias("same"),
        f.count_if("repeated").alias("repeated"),
        f.count_if("repeated_changed").alias("repeated_changed"),
        *_repeats("b", len(keys)),
        *_repeats("a", len(keys)),
    ]
    items = [
        f.when(added, _item(_ADDED, row=_row_text("a_row", after))),
        f.when(removed, _item(_REMOVED, row=_row_text("b_row", before))),
        *[_changed_item(index, pair) for index, pair in enumerate(others)],
    ]
    return _gathered(joined, totals, added | removed | (f.size("changes") > 0), items)


def _item(which: int, *, row: Column) -> Column:
    from pyspark.sql import functions as f

    nothing = f.lit(None).cast("string")
    return f.struct(
        f.lit(which).alias("which"), nothing.alias("before"), nothing.alias("after"), row.alias("row"),
        f.lit(None).cast("double").alias("size"),
    )  # fmt: skip


def _changed_item(index: int, pair: _Pair) -> Column:
    from pyspark.sql import functions as f

    old, new = f.col("b_row").getField(pair.before), f.col("a_row").getField(pair.after)
    numbers = _is_number(pair.before_type) and _is_number(pair.after_type)
    size = f.abs(old.cast("double") - new.cast("double")) if numbers else f.lit(None).cast("double")
    return f.when(
        f.array_contains("changes", index),
        f.struct(
            f.lit(index).alias("which"),
            _text(old, pair.before_type).alias("before"),
            _text(new, pair.after_type).alias("after"),
            f.lit(None).cast("string").alias("row"),
            size.alias("size"),
        ),
    )


def _gathered(joined: DataFrame, totals: Sequence[Column], differs: Column, items: Sequence[Column]) -> dict[str, Any]:
    """Returns the totals over all rows, and by kind of difference its rows, its largest size and its examples, in one job.

    Each row gives an item for the totals and one for each of its differences; one aggregate gathers them by kind. The
    examples of a kind are those of the smallest and the largest key, and one that the keys' hash chooses.
    """
    from pyspark.sql import functions as f

    total = _item(_TOTAL, row=f.lit(None).cast("string"))
    shown = f.struct("key", "item.before", "item.after", "item.row")
    real = f.col("which") != _TOTAL
    kinds = (
        joined.withColumn("item", f.explode(f.when(differs, f.array(total, *items)).otherwise(f.array(total))))
        .where("item is not null")
        .withColumn("which", f.col("item.which"))
        .groupBy("which")
        .agg(
            f.count(f.lit(1)).alias("rows"),
            f.max("item.size").alias("size"),
            f.min(f.when(real, shown)).alias("first"),
            f.max(f.when(real, shown)).alias("last"),
            f.min(f.when(real, f.struct(f.xxhash64("key").alias("mixed"), shown.alias("shown")))).alias("any"),
            f.collect_list(f.when(f.col("which") < _TOTAL, 1)).alias("nothing"),  # Spark then groups by hash, unsorted
            *totals,
        )
        .collect()
    )
    found = {row["which"]: row.asDict(recursive=True) for row in kinds}
    return {**found.pop(_TOTAL, {}), "kinds": found}


def _row_text(column: str, frame: DataFrame) -> Column:
    from pyspark.sql import functions as f

    texts = [_text(f.col(column).getField(field.name), field.dataType).alias(field.name) for field in frame.schema]
    return f.to_json(f.struct(*texts), {"ignoreNullFields": "false"})


def _counts(added: Column, removed: Column) -> list[Column]:
    from pyspark.sql import functions as f

    return [
        f.sum("b_count").alias("before_rows"),
        f.sum("a_count").alias("after_rows"),
        f.sum(f.when(added, f.col("a_count"))).alias("added"),
        f.sum(f.when(removed, f.col("b_count"))).alias("removed"),
    ]


def _repeats(side: str, keys: int) -> list[Column]:
    from pyspark.sql import functions as f

    count = f.col(f"{side}_count")
    null = f.lit(False)
    for index in range(keys):
        null = null | f.col("key").getField(f"k{index}").isNull()
    return [
        f.count_if(count > 1).alias(f"{side}_keys"),
        f.sum(f.when(count > 1, count)).alias(f"{side}_repeated_rows"),
        f.sum(f.when(null, count)).alias(f"{side}_null_rows"),
    ]


def _equal(pair: _Pair, leniency: Leniency) -> Column:
    from pyspark.sql import functions as f

    before, after = _sides(pair)
    old, new = f.col("b_row").getField(pair.before), f.col("a_row").getField(pair.after)
    equal = before(old).eqNullSafe(after(new))
    if not (leniency.absolute or leniency.relative) or not (
        _is_number(pair.before_type) and _is_number(pair.after_type)
    ):
        return equal
    first, second = old.cast("double"), new.cast("double")
    allowed = f.greatest(f.lit(leniency.absolute), f.greatest(f.abs(first), f.abs(second)) * f.lit(leniency.relative))
    return equal | f.coalesce(f.abs(first - second) <= allowed, f.lit(False))


def _as_bags(before: DataFrame, after: DataFrame, pairs: Sequence[_Pair]) -> dict[str, Any]:
    """Counts each distinct row on both sides: what `exceptAll` both ways would give, in one pass."""
    from pyspark.sql import functions as f

    def side(frame: DataFrame, number: int) -> DataFrame:
        names = [pair.after if number else pair.before for pair in pairs]
        values = [_sides(pair)[number](_named(None, name)) for pair, name in zip(pairs, names, strict=True)]
        types = [pair.after_type if number else pair.before_type for pair in pairs]
        shown = [_text(_named(None, name), kind).alias(name) for name, kind in zip(names, types, strict=True)]
        return frame.select(
            f.struct(*[value.alias(f"k{index}") for index, value in enumerate(values)]).alias("key"),
            f.to_json(f.struct(*shown), {"ignoreNullFields": "false"}).alias("row"),
            f.lit(1 - number).alias("is_before"),
            f.lit(number).alias("is_after"),
        )

    counted = (
        side(before, 0)
        .unionByName(side(after, 1))
        .groupBy("key")
        .agg(f.min("row").alias("row"), f.sum("is_before").alias("b_count"), f.sum("is_after").alias("a_count"))
        .select("*", (f.col("a_count") - f.col("b_count")).alias("more"))
    )
    more, zero = f.col("more"), f.lit(0)
    totals = [
        f.sum("b_count").alias("before_rows"),
        f.sum("a_count").alias("after_rows"),
        f.sum(f.greatest(more, zero)).alias("added"),
        f.sum(f.greatest(-more, zero)).alias("removed"),
        f.sum(f.least("a_count", "b_count")).alias("same"),
    ]
    items = [f.when(more > 0, _item(_ADDED, row=f.col("row"))), f.when(more < 0, _item(_REMOVED, row=f.col("row")))]
    return _gathered(counted, totals, more != 0, items)


def _comparison(
    found: Mapping[str, Any],
    keys: Sequence[_Pair],
    others: Sequence[_Pair],
    schema: tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str, str]]],
) -> Comparison:
    added_columns, removed_columns, retyped = schema
    kinds: Mapping[int, Any] = found["kinds"]
    count = defaultdict(int, {name: value for name, value in found.items() if isinstance(value, int)})
    columns = [
        ColumnChange(
            name=pair.after,
            rows=kinds[index]["rows"],
            largest=kinds[index]["size"],
            examples=_shown(kinds[index], keys),
        )
        for index, pair in enumerate(others)
        if index in kinds
    ]
    return Comparison(
        key=tuple(pair.after for pair in keys),
        before_rows=count["before_rows"],
        after_rows=count["after_rows"],
        added=count["added"],
        removed=count["removed"],
        changed=count["changed"],
        same=count["same"],
        columns=tuple(sorted(columns, key=lambda column: -column.rows)),
        added_columns=tuple(added_columns),
        removed_columns=tuple(removed_columns),
        retyped=tuple(retyped),
        added_examples=_shown(kinds.get(_ADDED), keys),
        removed_examples=_shown(kinds.get(_REMOVED), keys),
        before_repeats=_repeats_of(count, "b"),
        after_repeats=_repeats_of(count, "a"),
        repeated=count["repeated"],
        repeated_changed=count["repeated_changed"],
    )


def _repeats_of(count: Mapping[str, int], side: str) -> Repeats:
    return Repeats(
        keys=count[f"{side}_keys"],
        rows=count[f"{side}_repeated_rows"],
        null_rows=count[f"{side}_null_rows"],
    )


def _shown(kind: Mapping[str, Any] | None, keys: Sequence[_Pair]) -> tuple[Example, ...]:
    if kind is None:
        return ()
    examples: dict[str, Example] = {}
    for shown in (kind["first"], kind["any"]["shown"], kind["last"]):
        key = {pair.after: _word(shown["key"][f"k{index}"]) for index, pair in enumerate(keys)}
        row = json.loads(shown["row"]) if shown["row"] else None
        identity = json.dumps(key if keys else row, sort_keys=True)
        examples.setdefault(identity, Example(key=key, before=shown["before"], after=shown["after"], row=row))
    return tuple(examples.values())


def _word(value: Any) -> str | None:
    return None if value is None else str(value)
