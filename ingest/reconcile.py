"""Reconciliation: what a store holds against what landed of it, by digests of key ranges, then by key where they differ."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import StringType

from ingest.contract import KEY, PAYLOAD, REASON, RESCUED, Contract
from ingest.fingerprint import ROW_HASH, Digest, digest_columns, read_digest, row_hash, value_hash
from runner import delta
from runner.errors import ContractError

_SAMPLED_PER_RANGE = 100
_SPARE_BITS = 20  # cut off a column's hash, so that the sum over a key's rows (up to half a million) fits 64 bits
_RANGE, _LEAST, _GREATEST = "_range", "_least", "_greatest"
_KIND, _STORED, _LANDED, _COLUMNS = "_kind", "_stored", "_landed", "_columns"
_QUARANTINED = -1  # the number of the range of records that cannot be decoded
_MOST_IN_A_LINE = 5
_KINDS = ("missing", "extra", "differing", "doubled")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """A range of keys whose rows differ.

    Attributes:
        least, greatest: the outermost keys that either side has in it; None where it holds records in quarantine.
        stored, landed: rows on either side.
    """

    least: str | None
    greatest: str | None
    stored: int
    landed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDifference:
    """A key whose rows differ.

    Attributes:
        stored, landed: how many rows have it on either side.
        columns: those whose values differ, where both sides have as many rows.
    """

    key: str
    stored: int
    landed: int
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """Keys that differ in one way: how many, and the first ones in the order of the keys."""

    total: int = 0
    first: tuple[KeyDifference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A store's table against the landed one.

    Attributes:
        table: `source.table`.
        stored: records in the store, `stored_unfit` of which cannot be decoded.
        landed, quarantined: rows of the landed table and of its quarantine.
        ranges: how many ranges of keys were compared, the records that cannot be decoded as one more.
        differing_ranges: those whose digests differ.
        missing: keys that the store has more rows of.
        extra: keys that only the landed table has.
        differing: keys with as many rows on both sides, and other values.
        doubled: keys that the store has, and the landed table more rows of.
        not_quarantined: records that cannot be decoded, and that the quarantine lacks; by key, or by payload without.
        only_quarantined: records in quarantine that the store does not have, or has as ones that fit.
        columns: how many keys differ in each column.
        seconds: what it took.
    """

    table: str
    stored: int
    stored_unfit: int
    landed: int
    quarantined: int
    ranges: int
    differing_ranges: tuple[KeyRange, ...] = ()
    missing: Differences = Differences()
    extra: Differences = Differences()
    differing: Differences = Differences()
    doubled: Differences = Differences()
    not_quarantined: Differences = Differences()
    only_quarantined: Differences = Differences()
    columns: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_equal(self) -> bool:
        """True where all that the store holds is landed or in quarantine, as it is, and nothing else is."""
        return not self.differing_ranges

    def lines(self) -> list[str]:
        """Returns what was found, for a person: one line where all is equal, else one more for each finding."""
        counted = f"{self.landed:,} landed + {self.quarantined:,} in quarantine"
        if self.is_equal:
            return [f"{self.table}: {self.stored:,} records in the store = {counted}; all {self.ranges} ranges agree."]
        count = len(self.differing_ranges)
        found = [
            f"{self.table}: {self.stored:,} records in the store, {counted}; "
            f"{count} of {self.ranges} ranges {'differs' if count == 1 else 'differ'}."
        ]
        named = [
            ("missing in Delta", self.missing),
            ("only in Delta", self.extra),
            (f"differing{self._in_columns()}", self.differing),
            ("doubled in Delta", self.doubled),
            ("cannot be decoded, and not in quarantine", self.not_quarantined),
            ("in quarantine, and not in the store as such", self.only_quarantined),
        ]
        found += [_line(name, differences) for name, differences in named if differences.total]
        if len(found) == 1:
            found.append(
                "  but no key does: the store was written to between two readings. Reconcile as of one moment, or again."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON values."""
        return {**asdict(self), "is_equal": self.is_equal}

    def _in_columns(self) -> str:
        parts = [f"{name} ({count:,})" for name, count in self.columns.items() if count]
        return f" in {', '.join(parts)}" if parts else ""


def reconcile(
    spark: SparkSession,
    contract: Contract,
    stored: DataFrame,
    landed: DataFrame | Path,
    *,
    quarantine: DataFrame | Path | None = None,
    ranges: int = 64,
    most: int = 20,
) -> Reconciliation:
    """Compares a reading of the store with what landed.

    The keys are cut into ranges of about equal size; each side is read once and summed into one digest a range. Only
    where digests differ are both sides read again there, and compared key by key.

    Args:
        stored: in `Contract.decoded_schema`, read apart from the landing and as of its moment; lazily.
        landed: the table, or where it lies.
        quarantine: likewise; by default the one beside a `landed` that is a path, where there is one.
        ranges: how many ranges the keys are cut into; more narrow better and cost a little.
        most: how many keys of each kind are named.

    Raises:
        ContractError: the contract has no key, or the landed table has other columns.
    """
    started = time.monotonic()
    if not contract.key:
        raise ContractError(
            f"{contract}: without a key, rows cannot be told apart. Name the key in sources.yml, under `key`."
        )
    if quarantine is None and isinstance(landed, Path):
        beside = landed.with_name(contract.quarantine.name)
        quarantine = beside if delta.is_table(beside) else None
    table = _at_one_version(spark, landed)
    aside = None if quarantine is None else _at_one_version(spark, quarantine)
    _check_columns(contract, table)
    cut = _Ranges(_key_column(contract), _bounds(contract, table, ranges))
    number = sf.when(sf.col(REASON).isNotNull(), sf.lit(_QUARANTINED)).otherwise(cut.number())
    left = _by_range(stored, contract, number)
    right = _by_range(table, contract, cut.number())
    if aside is not None:
        right |= _by_range(aside, contract, sf.lit(_QUARANTINED))
    differing = sorted(each for each in left.keys() | right.keys() if _digest(left, each) != _digest(right, each))
    keyed = [each for each in differing if each != _QUARANTINED]
    fits = stored.where(sf.col(REASON).isNull())
    found = (
        _compare(contract, fits.where(cut.hold(keyed)), table.where(cut.hold(keyed)), most) if keyed else _Compared()
    )
    lacking, left_over = Differences(), Differences()
    if _QUARANTINED in differing:
        unfit = stored.where(sf.col(REASON).isNotNull())
        lacking, left_over = _compare_quarantined(unfit, aside, most)
    return Reconciliation(
        table=str(contract),
        stored=_rows(left.values()),
        stored_unfit=_digest(left, _QUARANTINED).rows,
        landed=_rows(each for name, each in right.items() if name != _QUARANTINED),
        quarantined=_digest(right, _QUARANTINED).rows,
        ranges=len(left.keys() | right.keys()),
        differing_ranges=tuple(_key_range(left.get(each), right.get(each)) for each in differing),
        **found.kinds,
        not_quarantined=lacking,
        only_quarantined=left_over,
        columns=found.columns,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Ranges of keys, numbered from 0.

    Attributes:
        bounds: the least keys of all ranges but the first.
    """

    key: Column
    bounds: Sequence[Any]

    def number(self) -> Column:
        """Returns the number of the range that a row's key is in, found by halving."""
        return self._number(0, len(self.bounds))

    def hold(self, numbers: Sequence[int]) -> Column:
        """Returns whether a row's key is in one of the ranges; the outermost bounds apart, so that a store can use them."""
        least, greatest = min(numbers), max(numbers)
        is_in = self.number().isin(list(numbers))
        if greatest < len(self.bounds):
            is_in = (self.key < sf.lit(self.bounds[greatest])) & is_in
        if least > 0:
            is_in = (self.key >= sf.lit(self.bounds[least - 1])) & is_in
        return is_in

    def _number(self, first: int, last: int) -> Column:
        if first == last:
            return sf.lit(first)
        middle = (first + last) // 2
        above = self._number(middle + 1, last)
        return sf.when(self.key < sf.lit(self.bounds[middle]), self._number(first, middle)).otherwise(above)


@dataclass(frozen=True, slots=True)
class _Summed:
    """A side's rows of one range."""

    digest: Digest
    least: tuple[Any, ...] | None
    greatest: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class _Compared:
    kinds: dict[str, Differences] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)


def _line(name: str, differences: Differences) -> str:
    """Returns what a line says of one kind, such as `  missing in Delta: 2 keys: sess_0001, sess_0007`."""
    shown = [_named(each) for each in differences.first[:_MOST_IN_A_LINE]]
    rest = ", …" if differences.total > len(shown) else ""
    return f"  {name}: {differences.total:,} {'key' if differences.total == 1 else 'keys'}: {', '.join(shown)}{rest}"


def _named(difference: KeyDifference) -> str:
    if difference.columns:
        return f"{difference.key} ({', '.join(difference.columns)})"
    if (difference.stored, difference.landed) in ((1, 0), (0, 1)):
        return difference.key
    return f"{difference.key} ({difference.stored:,} in the store, {difference.landed:,} in Delta)"


def _at_one_version(spark: SparkSession, table: DataFrame | Path) -> DataFrame:
    """Returns the table; by path as of its newest version now, so that two readings agree."""
    if not isinstance(table, Path):
        return table
    return spark.read.format("delta").option("versionAsOf", delta.version(table) or 0).load(str(table))


def _check_columns(contract: Contract, table: DataFrame) -> None:
    has = {each.name: each.dataType.simpleString() for each in table.schema.fields}
    needs = {name: data_type.simpleString() for name, data_type in contract.types().items()}
    for name, data_type in {**needs, RESCUED: StringType().simpleString()}.items():
        if has.get(name) != data_type:
            held = f"is {has[name]}" if name in has else "is missing"
            raise ContractError(
                f"{contract}: the landed column {name} {held}, where the contract has {data_type}: the table landed by "
                "another contract. Land it again, then reconcile."
            )


def _key_column(contract: Contract) -> Column:
    return sf.col(f"`{contract.key[0]}`")


def _bounds(contract: Contract, table: DataFrame, ranges: int) -> list[Any]:
    """Returns the least keys of all ranges but the first, from a sample of the landed keys."""
    rows = table.count()
    if ranges < 2 or rows == 0:
        return []
    wanted = ranges * _SAMPLED_PER_RANGE
    keys = table.select(_key_column(contract).alias(KEY))
    if rows > wanted:
        keys = keys.sample(fraction=min(1.0, wanted / rows), seed=0)
    values = [row[KEY] for row in keys.orderBy(KEY).limit(2 * wanted).collect()]
    picked = [values[len(values) * number // ranges] for number in range(1, ranges)] if values else []
    return [value for index, value in enumerate(picked) if index == 0 or value != picked[index - 1]]


def _by_range(frame: DataFrame, contract: Contract, number: Column) -> dict[int, _Summed]:
    """Returns each range's digest with its outermost keys, by one aggregate; records in quarantine by their identity."""
    keys: Column | None = None
    if REASON not in frame.columns:
        hashed, keys = row_hash(contract), _keys(contract)
    elif set(contract.types()) <= set(frame.columns):
        is_unfit = sf.col(REASON).isNotNull()
        hashed = sf.when(is_unfit, sf.xxhash64(_identity())).otherwise(row_hash(contract))
        keys = sf.when(~is_unfit, _keys(contract))
    else:
        hashed = sf.xxhash64(_identity())
    outermost = [] if keys is None else [sf.min(KEY).alias(_LEAST), sf.max(KEY).alias(_GREATEST)]
    numbered = frame.select(number.alias(_RANGE), hashed.alias(ROW_HASH), *([] if keys is None else [keys.alias(KEY)]))
    rows = [row.asDict() for row in numbered.groupBy(_RANGE).agg(*digest_columns(), *outermost).collect()]
    return {row[_RANGE]: _Summed(read_digest(row), row.get(_LEAST), row.get(_GREATEST)) for row in rows}


def _keys(contract: Contract) -> Column:
    return sf.struct(*(sf.col(f"`{name}`") for name in contract.key))


def _identity() -> Column:
    """Returns what tells a record that cannot be decoded: its key, or its whole payload where it has none."""
    return sf.coalesce(sf.col(KEY), sf.col(PAYLOAD), sf.lit(""))


def _digest(side: Mapping[int, _Summed], number: int) -> Digest:
    return side[number].digest if number in side else Digest()


def _rows(summed: Iterable[_Summed]) -> int:
    return sum(each.digest.rows for each in summed)


def _key_range(left: _Summed | None, right: _Summed | None) -> KeyRange:
    sides = [side for side in (left, right) if side is not None]
    least = [side.least for side in sides if side.least is not None]
    greatest = [side.greatest for side in sides if side.greatest is not None]
    return KeyRange(
        least=_shown(min(least)) if least else None,
        greatest=_shown(max(greatest)) if greatest else None,
        stored=left.digest.rows if left else 0,
        landed=right.digest.rows if right else 0,
    )


def _shown(key: tuple[Any, ...]) -> str:
    return ", ".join(map(str, key))


def _compare(contract: Contract, stored: DataFrame, landed: DataFrame, most: int) -> _Compared:
    names = [*contract.types(), RESCUED]
    left = _by_key(stored, contract, _STORED)
    right = _by_key(landed, contract, _LANDED)
    differs = [
        sf.when(~sf.col(f"{_STORED}{index}").eqNullSafe(sf.col(f"{_LANDED}{index}")), sf.lit(name))
        for index, name in enumerate(names)
    ]
    held, came = sf.coalesce(_STORED, sf.lit(0)), sf.coalesce(_LANDED, sf.lit(0))
    columns = sf.when(held == came, sf.array_compact(sf.array(*differs))).otherwise(sf.array().cast("array<string>"))
    kind = (
        sf.when(held > came, "missing")
        .when(held == 0, "extra")
        .when(held < came, "doubled")
        .when(sf.size(columns) > 0, "differing")
    )
    keys = [f"_key{index}" for index in range(len(contract.key))]
    joined = left.join(right, on=keys, how="full").select(
        *keys, kind.alias(_KIND), held.alias(_STORED), came.alias(_LANDED), columns.alias(_COLUMNS)
    )
    with _kept(joined.where(sf.col(_KIND).isNotNull())) as compared:
        counts = [sf.count_if(sf.array_contains(_COLUMNS, name)).alias(f"_in{i}") for i, name in enumerate(names)]
        totals = {row[_KIND]: row for row in compared.groupBy(_KIND).agg(sf.count("*").alias("n"), *counts).collect()}
        kinds = {
            each: Differences(totals[each]["n"], _first(compared.where(sf.col(_KIND) == each), keys, most))
            for each in _KINDS
            if each in totals
        }
    differing = totals.get("differing")
    in_columns = {} if differing is None else {name: differing[f"_in{i}"] for i, name in enumerate(names)}
    return _Compared(kinds, {name: count for name, count in in_columns.items() if count})


def _by_key(frame: DataFrame, contract: Contract, side: str) -> DataFrame:
    """Returns for each key how many rows it has, and a sum of each column's hash over them."""
    types = {**contract.types(), RESCUED: StringType()}
    hashes = [
        sf.shiftright(value_hash(sf.col(f"`{name}`"), data_type), _SPARE_BITS).alias(f"_hash{index}")
        for index, (name, data_type) in enumerate(types.items())
    ]
    keys = [sf.col(f"`{name}`").alias(f"_key{index}") for index, name in enumerate(contract.key)]
    rows = frame.select(*keys, *hashes)
    sums = [sf.sum(f"_hash{index}").alias(f"{side}{index}") for index in range(len(types))]
    return rows.groupBy(*(f"_key{index}" for index in range(len(keys)))).agg(sf.count("*").alias(side), *sums)


def _first(rows: DataFrame, keys: Sequence[str], most: int) -> tuple[KeyDifference, ...]:
    return tuple(
        KeyDifference(
            key=_shown(tuple(row[key] for key in keys)),
            stored=row[_STORED],
            landed=row[_LANDED],
            columns=tuple(row[_COLUMNS]),
        )
        for row in rows.orderBy(*keys).limit(most).collect()
    )


def _compare_quarantined(stored: DataFrame, quarantine: DataFrame | None, most: int) -> tuple[Differences, Differences]:
    """Returns the records that only the store has as ones that cannot be decoded, and those that only the quarantine has."""
    left = stored.groupBy(_identity().alias(KEY)).agg(sf.count("*").alias(_STORED))
    aside = quarantine if quarantine is not None else stored.limit(0)
    right = aside.groupBy(_identity().alias(KEY)).agg(sf.count("*").alias(_LANDED))
    joined = left.join(right, on=KEY, how="full").select(
        KEY,
        sf.coalesce(_STORED, sf.lit(0)).alias(_STORED),
        sf.coalesce(_LANDED, sf.lit(0)).alias(_LANDED),
        sf.array().cast("array<string>").alias(_COLUMNS),
    )
    with _kept(joined.where(sf.col(_STORED) != sf.col(_LANDED))) as compared:
        lacking = compared.where(sf.col(_STORED) > sf.col(_LANDED))
        left_over = compared.where(sf.col(_STORED) < sf.col(_LANDED))
        return _differences(lacking, [KEY], most), _differences(left_over, [KEY], most)


def _differences(rows: DataFrame, keys: Sequence[str], most: int) -> Differences:
    first = _first(rows, keys, most)
    return Differences(len(first) if len(first) < most else rows.count(), first)


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Keeps what was compared while it is asked several things, so that the store is not read again for each."""
    kept = frame.persist()
    try:
        yield kept
    finally:
        kept.unpersist()
