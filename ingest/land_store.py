"""Landing of a store's table: all of it as of one moment, or only what is new since the landing before."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import DateType, TimestampType
from pyspark.storagelevel import StorageLevel

from ingest.columns import Unfit, exact_value
from ingest.contract import KEY, PAYLOAD, RESCUED, Contract
from ingest.drift import DRIFT, drift, shape_of
from ingest.fingerprint import ROW_HASH, row_hash
from ingest.landed import Counts, Landed
from ingest.landing import (
    Progress,
    Snapshot,
    Staged,
    land,
    landed_columns,
    landing_metadata,
    quarantine_columns,
    reasons_of,
    staged,
    workers_errors,
)
from ingest.store_source import StoreCut, StoreSource
from runner import delta
from runner.errors import FormatError, did_you_mean

WRITE_TIME = "write_time"
_KEYS = ("cursor", "lookback", "match", "deletes")
_PERIODS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_CURSOR = "cursor_max"
_WAS = "_hash_before"
_EXTRA, _MISSING = "_is_extra", "_is_missing"
_DELETE = "when matched then delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incremental:
    """How later landings of a table read only what is new.

    Attributes:
        cursor: the column that grows with each new or changed record; `write_time` for HBase, whose cells know when
            they were written.
        lookback: how far before the last landing reading begins again, for records that come late.
        match: the columns that tell which landed row a record replaces; the contract's key where empty.
        deletes: whether the store's keys are read each time to find what is gone.
    """

    cursor: str
    lookback: timedelta = timedelta(minutes=1)
    match: tuple[str, ...] = ()
    deletes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLanding:
    """What the landing of one table needs to know beside its contract.

    Attributes:
        store: the store's name, for the commit.
        cut: the moment, common to all tables of the ingest.
        partitions: how many key ranges are read at a time.
        incremental: None where all is read each time.
        full: read all, whatever `incremental` says.
        force: publish also what has not changed.
    """

    store: str
    source: StoreSource
    cut: StoreCut
    snapshot: Snapshot
    warehouse: Path
    partitions: int
    incremental: Incremental | None = None
    full: bool = False
    force: bool = False
    notes: list[str] = field(default_factory=list)


def read_incremental(section: Mapping[str, Any], contract: Contract, *, store: str, place: str) -> Incremental | None:
    """Returns how a table is landed incrementally, as `sources.yml` says it; None where it says nothing.

    Raises:
        FormatError: an unknown key, a cursor that is no column, a lookback that is no time.
    """
    if not section:
        return None
    what = f'{place}: "incremental" of "{contract}"'
    for name in section:
        if name not in _KEYS:
            raise FormatError(
                f'{what} has an unknown key "{name}".'
                + (did_you_mean(name, _KEYS) or f" Known keys: {', '.join(_KEYS)}.")
            )
    names = [column.name for column in contract.columns]
    cursor = section.get("cursor", WRITE_TIME if store == "hbase" else None)
    if cursor is None:
        raise FormatError(f'{what} needs a "cursor": the column that grows with each new or changed record.')
    if store == "hbase" and cursor != WRITE_TIME:
        raise FormatError(f'{what}: HBase goes by the time of writing: its cursor is "{WRITE_TIME}", not "{cursor}".')
    if store != "hbase" and cursor not in names:
        raise FormatError(f'{what}: the cursor "{cursor}" is none of its columns.{did_you_mean(str(cursor), names)}')
    match = section.get("match", ())
    match = (match,) if isinstance(match, str) else tuple(match)
    for name in match:
        if name not in names:
            raise FormatError(
                f'{what}: "match" names "{name}", which is none of its columns.{did_you_mean(name, names)}'
            )
    deletes = section.get("deletes", "compare")
    if deletes not in ("compare", "ignore"):
        raise FormatError(f'{what}: "deletes" is "compare" (the store\'s keys are read) or "ignore", not "{deletes}".')
    return Incremental(
        cursor=str(cursor), lookback=_lookback(section.get("lookback"), what), match=match, deletes=deletes == "compare"
    )


def land_store(
    spark: SparkSession, contract: Contract, how: StoreLanding, *, progress: Progress | None = None
) -> Landed:
    """Lands a store's table: what is new where the landing before allows it, else all of it.

    Either way the table changes by one commit, which says of what moment it is. Where the records are those that are
    there already, the commit changes no row.

    Raises:
        NotFoundError: the store has no such table.
        MachineError: the store stopped answering for good, or the disk is full; nothing was published.
        ContractError: another process changed the table meanwhile, or records were lost; nothing was published.
    """
    started = time.monotonic()
    since = None if how.full or how.incremental is None else _since(contract, how.incremental, how)
    if since is not None:
        if progress:
            progress(f"{contract}: what is new since {_told(since)}")
        landed = _land_new(spark, contract, how, how.incremental or Incremental(cursor=WRITE_TIME), since)
        if landed is not None:
            return replace(landed, seconds=time.monotonic() - started)
    if progress:
        progress(f"{contract}: all records")
    with workers_errors():
        decoded = how.source.read(spark, contract, how.cut, partitions=how.partitions)
    landed = land(
        spark,
        contract,
        decoded,
        warehouse=how.warehouse,
        snapshot=how.snapshot,
        describe=lambda: _described(how),
        watch=_watched(contract, how.incremental),
        skip_same=not how.force,
    )
    return replace(landed, seconds=time.monotonic() - started, notes=_notes(how))


def _described(how: StoreLanding) -> dict[str, Any]:
    return {"store": how.store, "cut": {**asdict(how.cut), "taken_at": how.cut.taken_at.isoformat()}}


def _notes(how: StoreLanding) -> tuple[str, ...]:
    return tuple(how.notes)


def _watched(contract: Contract, incremental: Incremental | None) -> dict[str, Column]:
    if incremental is None or incremental.cursor == WRITE_TIME:
        return {}
    greatest = sf.max(sf.col(f"`{incremental.cursor}`"))
    if isinstance(contract.types()[incremental.cursor], (TimestampType, DateType)):
        greatest = greatest.cast("string")  # in UTC, whatever this machine's zone is
    return {_CURSOR: greatest}


def _since(contract: Contract, incremental: Incremental, how: StoreLanding) -> Any:
    """Returns from where on records are new, as `StoreSource.read` takes it; None where all must be read."""
    table = contract.ref.path(how.warehouse)
    said = delta.metadata(table)
    if said.get("kind") != "landing" or said.get("store") != how.store:
        return None  # never landed, or landed from files
    if said.get("contract") != contract.digest() or delta.changed_since(table, said["version"]):
        return None
    if incremental.cursor == WRITE_TIME:
        at = said["cut"]["at"]
        return None if at is None else int(at) - int(incremental.lookback.total_seconds() * 1000)
    reached = said.get(_CURSOR)
    if reached is None:
        return None
    data_type = contract.types()[incremental.cursor]
    try:
        value = exact_value(reached, data_type)
    except Unfit:
        return None
    return incremental.cursor, value - incremental.lookback if isinstance(value, datetime) else value


def _told(since: Any) -> str:
    if isinstance(since, tuple):
        return f"{since[0]} {since[1]}"
    return f"{datetime.fromtimestamp(since / 1000).astimezone().isoformat(timespec='milliseconds')}"


def _land_new(
    spark: SparkSession, contract: Contract, how: StoreLanding, incremental: Incremental, since: Any
) -> Landed | None:
    """Merges what is new; returns None where only a landing of all records gives the right rows."""
    by_match = replace(contract, key=incremental.match or contract.key)
    table, quarantine = contract.ref.path(how.warehouse), contract.quarantine.path(how.warehouse)
    versions = delta.version(table), delta.version(quarantine)
    assert versions[0] is not None
    with _store_keys(spark, by_match, how, incremental) as keys:  # read first: a key that comes later is no lost one
        with workers_errors():
            decoded = how.source.read(spark, contract, how.cut, partitions=how.partitions, since=since)
        with staged(
            spark,
            contract,
            decoded,
            warehouse=how.warehouse,
            snapshot=how.snapshot,
            watch=_watched(contract, incremental),
        ) as stage:
            if stage.good.rows and _has_doubles(_read(spark, stage.good.path), by_match.key):
                how.notes.append(f"two new records have the same {', '.join(by_match.key)}: all records were read")
                return None
            candidate = delta.new_candidate(table)
            aside = delta.new_candidate(quarantine)
            try:
                changes = _merge(spark, contract, by_match.key, stage, table, candidate, keys, quarantine)
                if changes is None:
                    how.notes.append("the store has records older than the lookback that never landed: all were read")
                    return None
                reasons = reasons_of(spark, stage.bad)
                put_aside = _renew_quarantine(spark, contract, stage, candidate, quarantine, aside)
                counts = _standing_counts(spark, candidate, aside if put_aside else quarantine)
                before = delta.metadata(table)
                shape = replace(shape_of(_read(spark, candidate), contract), unnamed=stage.shape.unnamed)
                drifted = drift(contract, shape, before=before, reasons=reasons)
                said = {
                    **_described(how),
                    DRIFT: drifted.to_dict(),
                    _CURSOR: _later(before.get(_CURSOR), stage.seen.get(_CURSOR)),
                    "changes": changes,
                    **landing_metadata(contract, how.snapshot, counts, version=versions[0] + 1),
                }
                if put_aside:
                    delta.publish(quarantine, aside, user_metadata=said, read_version=versions[1])
                if not (changes["new"] or changes["changed"] or changes["deleted"]):
                    rows_of = before.get("rows_of", before["version"])
                    version = delta.note(table, user_metadata={**said, "rows_of": rows_of})
                else:
                    version = delta.publish_changes(
                        table, candidate, user_metadata=said, read_version=versions[0], since=0
                    )
            finally:
                for path in (candidate, aside):
                    if delta.is_table(path):
                        delta.discard(path)
    return Landed(
        table=contract.ref,
        counts=counts,
        reasons=reasons,
        version=version,
        seconds=0.0,
        changes=changes,
        notes=_notes(how),
        drift=drifted,
    )


@contextmanager
def _store_keys(
    spark: SparkSession, contract: Contract, how: StoreLanding, incremental: Incremental
) -> Iterator[DataFrame | None]:
    """Gives the keys that the store holds, read once; None where deletes are ignored."""
    if not incremental.deletes:
        yield None
        return
    with workers_errors():
        keys = how.source.keys(spark, contract, how.cut, partitions=how.partitions).persist(StorageLevel.DISK_ONLY)
        keys.count()
    try:
        yield keys
    finally:
        keys.unpersist()


def _merge(
    spark: SparkSession,
    contract: Contract,
    match: Sequence[str],
    stage: Staged,
    table: Path,
    candidate: Path,
    keys: DataFrame | None,
    quarantine: Path,
) -> dict[str, int] | None:
    """Makes the candidate the table as it should be; returns what changed, None where records are missing."""
    _clone(spark, table, candidate)
    before = _read(spark, candidate).count()
    changed = 0
    if stage.good.rows:
        new = _read(spark, stage.good.path).withColumn(ROW_HASH, row_hash(contract))
        old = _read(spark, candidate).select(*(sf.col(f"`{name}`") for name in match), row_hash(contract).alias(_WAS))
        really = new.alias("new").join(old.alias("old"), _same_key("new", "old", match), "left")
        really = really.where(f"{_WAS} is null or {_WAS} <> {ROW_HASH}").select("new.*", sf.col(_WAS))
        really = really.persist(StorageLevel.MEMORY_AND_DISK)
        changed = really.where(f"{_WAS} is not null").count()
        values = {name: f"new.`{name}`" for name in landed_columns(contract)}
        update = ", ".join(f"`{name}` = {value}" for name, value in values.items())
        insert = f"({', '.join(f'`{name}`' for name in values)}) values ({', '.join(values.values())})"
        actions = f"when matched then update set {update} when not matched then insert {insert}"
        on = " and ".join(f"new.`{name}` <=> old.`{name}`" for name in match) or "true"
        _merge_into(candidate, really, on=on, actions=actions)
        really.unpersist()
    after = _read(spark, candidate).count()
    gone = _delete_spoilt(spark, contract, candidate, stage)
    if keys is not None:
        aside = (delta.row_count(quarantine) or 0) if delta.is_table(quarantine) else 0
        deleted = _delete_gone(spark, candidate, stage, keys, match, aside=aside + stage.bad.rows)
        if deleted is None:
            return None
        gone += deleted
    return {"read": stage.counts.read, "new": after - before, "changed": changed, "deleted": gone}


def _merge_into(table: Path, new: DataFrame, *, on: str, actions: str) -> None:
    """Merges the rows `new` into the Delta table `old`; in SQL, which both kinds of session take."""
    view = f"merge_{uuid.uuid4().hex}"
    new.createOrReplaceTempView(view)
    try:
        new.sparkSession.sql(f"merge into delta.`{table}` as old using {view} as new on {on} {actions}").collect()
    finally:
        new.sparkSession.catalog.dropTempView(view)


def _delete_spoilt(spark: SparkSession, contract: Contract, candidate: Path, stage: Staged) -> int:
    """Deletes rows whose record cannot be decoded any more, so that they are in quarantine only; returns how many."""
    if not stage.bad.rows:
        return 0
    before = _read(spark, candidate).count()
    spoilt = _read(spark, stage.bad.path).where(f"{KEY} is not null").select(KEY).distinct()
    names = ", ".join(f"cast(old.`{name}` as string)" for name in contract.key)
    _merge_into(candidate, spoilt, on=f"concat_ws(', ', {names}) = new.`{KEY}`", actions=_DELETE)
    return int(before - _read(spark, candidate).count())


def _delete_gone(
    spark: SparkSession,
    candidate: Path,
    stage: Staged,
    keys: DataFrame,
    match: Sequence[str],
    *,
    aside: int,
) -> int | None:
    """Deletes rows whose key the store has no more; returns how many, None where the store has keys that never landed."""
    landed = _read(spark, candidate).select(*match).withColumn(_EXTRA, sf.lit(True))
    stored = keys.select(*match).distinct().withColumn(_MISSING, sf.lit(True))
    compared = landed.alias("old").join(stored.alias("new"), _same_key("new", "old", match), "full")
    found = compared.agg(
        sf.count_if(sf.col(_EXTRA).isNull()).alias(_MISSING), sf.count_if(sf.col(_MISSING).isNull()).alias(_EXTRA)
    ).collect()[0]
    if found[_MISSING] > aside:
        return None
    if not found[_EXTRA]:
        return 0
    fresh = _read(spark, stage.good.path).select(*match)  # read after the keys, so they may lack them
    extra = landed.join(stored.alias("stored"), [landed[name].eqNullSafe(stored[name]) for name in match], "left_anti")
    extra = extra.alias("gone").join(fresh.alias("fresh"), _same_key("gone", "fresh", match), "left_anti").distinct()
    extra = extra.persist(StorageLevel.MEMORY_AND_DISK)
    count = _read(spark, candidate).count()
    on = " and ".join(f"new.`{name}` <=> old.`{name}`" for name in match) or "true"
    _merge_into(candidate, extra, on=on, actions=_DELETE)
    extra.unpersist()
    return int(count - _read(spark, candidate).count())


def _renew_quarantine(
    spark: SparkSession, contract: Contract, stage: Staged, candidate: Path, quarantine: Path, aside: Path
) -> bool:
    """Writes the quarantine as it should be into `aside`; returns False where it stays as it is.

    A record that was put aside before leaves it once it lands or is put aside anew.
    """
    exists = delta.is_table(quarantine)
    if not stage.bad.rows and not (exists and delta.row_count(quarantine)):
        return False
    new = _read(spark, stage.bad.path)
    if exists:
        landed = _read(spark, candidate).select(_key_text(contract).alias(KEY))
        known = landed.unionByName(new.select(KEY)).where(f"{KEY} is not null").distinct()
        old = _read(spark, quarantine).join(known, KEY, "left_anti").select(*quarantine_columns())
        again = new.where(f"{KEY} is null").select(PAYLOAD).distinct()  # without a key, the text tells which one it is
        keyless = old.where(f"{KEY} is null").join(again, PAYLOAD, "left_anti").select(*quarantine_columns())
        new = new.unionByName(old.where(f"{KEY} is not null")).unionByName(keyless)
    new.select(*quarantine_columns()).write.format("delta").save(str(aside))
    return True


def _standing_counts(spark: SparkSession, candidate: Path, quarantine: Path) -> Counts:
    """Returns what table and quarantine hold in all after this landing."""
    found = (
        _read(spark, candidate)
        .agg(sf.count(sf.lit(1)).alias("landed"), sf.count_if(sf.col(RESCUED).isNotNull()).alias("rescued"))
        .collect()[0]
    )
    aside = (delta.row_count(quarantine) or 0) if delta.is_table(quarantine) else 0
    landed = int(found["landed"])
    return Counts(read=landed + aside, landed=landed, quarantined=aside, rescued=int(found["rescued"]))


def _clone(spark: SparkSession, table: Path, candidate: Path) -> None:
    name = f"default.`{candidate.name.replace('-', '_')}`"
    place = str(candidate).replace("'", "\\'")
    spark.sql(f"create table {name} shallow clone delta.`{table}` location '{place}'")
    spark.sql(f"drop table {name}")  # the name only: a table with a location keeps its files


def _read(spark: SparkSession, path: Path) -> DataFrame:
    return spark.read.format("delta").load(str(path))


def _has_doubles(frame: DataFrame, match: Sequence[str]) -> bool:
    return not frame.groupBy(*match).count().where("count > 1").isEmpty()


def _same_key(left: str, right: str, match: Sequence[str]) -> Column:
    conditions = [sf.col(f"{left}.`{name}`").eqNullSafe(sf.col(f"{right}.`{name}`")) for name in match]
    return sf.expr("true") if not conditions else _all(conditions)


def _all(conditions: Sequence[Column]) -> Column:
    found = conditions[0]
    for each in conditions[1:]:
        found = found & each
    return found


def _key_text(contract: Contract) -> Column:
    """Returns a row's key as the quarantine writes it."""
    return sf.concat_ws(", ", *(sf.col(f"`{name}`").cast("string") for name in contract.key))


def _later(one: Any, other: Any) -> Any:
    """Returns the greater of two cursor values as the commit writes them."""
    values = [
        value.isoformat() if hasattr(value, "isoformat") else value for value in (one, other) if value is not None
    ]
    return max(values, default=None)


def _lookback(section: Any, what: str) -> timedelta:
    if section is None:
        return timedelta(minutes=1)
    if isinstance(section, Mapping) and set(section) == {"count", "period"}:
        count, period = section["count"], section["period"]
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0 and period in _PERIODS:
            return timedelta(seconds=count * _PERIODS[period])
    raise FormatError(
        f'{what}: "lookback" is a time such as {{count: 1, period: hour}}; periods: {", ".join(_PERIODS)}.'
    )
