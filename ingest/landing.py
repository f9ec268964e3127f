"""Landing: decoded records written once, counted, and published as one commit of a table and of its quarantine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf

from ingest.contract import (
    COUNTED,
    LANDED_AT,
    PROBLEM,
    QUARANTINE,
    REASON,
    RESCUED,
    SNAPSHOT_ID,
    Contract,
    Reason,
)
from ingest.divide import Candidate, divide
from ingest.drift import DRIFT, Shape, drift, fill_columns, read_fills, unnamed_paths
from ingest.fingerprint import ROW_HASH, digest_columns, read_digest, record_hash
from ingest.landed import Counts, Landed
from runner import delta
from runner.errors import ContractError, FormatError, MachineError, ProjectError

Progress = Callable[[str], None]

_IS_QUARANTINED = "_is_quarantined"
_MOST_REASONS = 20
_WORKERS_WORD = re.compile(
    r"^\s*(?:\w+\.)*errors\.(FormatError|ContractError|MachineError|NotFoundError): (.+)$", re.MULTILINE
)
_FULL_DISK = re.compile(r"No space left on device|File too large|Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment of which an ingest is a consistent cut.

    Attributes:
        taken_at: with its zone.
    """

    snapshot_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Decoded records, written and counted but not published.

    Attributes:
        good, bad: candidates of the table and of its quarantine.
        seen: what was watched of the records on their way, by name.
        shape: which paths the rows that fit fill.
    """

    good: Candidate
    bad: Candidate
    counts: Counts
    seen: Mapping[str, Any]
    shape: Shape


def land(
    spark: SparkSession,
    contract: Contract,
    decoded: DataFrame,
    *,
    warehouse: Path,
    snapshot: Snapshot,
    describe: Callable[[], Mapping[str, Any]],
    read: int | None = None,
    watch: Mapping[str, SparkColumn] | None = None,
    skip_same: bool = False,
) -> Landed:
    """Makes the decoded records the table's whole content; the quarantine gets those that do not fit.

    The records are read, decoded and written once. The quarantine is published first, then the table; both commits
    carry the snapshot's id, so a table whose quarantine is newer than itself can be told.

    Args:
        decoded: in `Contract.decoded_schema`, from any source.
        describe: called when all is written; returns what the commits say of where the records come from (JSON
            values). What it raises keeps anything from being published.
        read: the number of records that there are, where the source knows it otherwise than by counting.
        watch: aggregates computed while the records are written; the commit says what they came to.
        skip_same: where the records are those of the table's last landing, by the digest of all that they hold,
            publish no rows: only note the new snapshot.

    Raises:
        ContractError: records were lost on the way, or another process changed the table; nothing is published.
        FormatError: a worker found a file that is not what it should be; nothing is published.
        MachineError: the disk is full, or a store stopped answering; nothing is published.
    """
    started = time.monotonic()
    table, quarantine = contract.ref.path(warehouse), contract.quarantine.path(warehouse)
    versions = delta.version(table), delta.version(quarantine)
    with staged(
        spark,
        contract,
        decoded,
        warehouse=warehouse,
        snapshot=snapshot,
        read=read,
        watch=watch,
        with_content=skip_same,
    ) as stage:
        reasons = reasons_of(spark, stage.bad)
        drifted = drift(contract, stage.shape, before=delta.metadata(table), reasons=reasons)
        said = {
            **describe(),
            **stage.seen,
            DRIFT: drifted.to_dict(),
            **landing_metadata(contract, snapshot, stage.counts, version=0 if versions[0] is None else versions[0] + 1),
        }
        if skip_same and (rows_of := _same_as(table, said)) is not None:
            version = delta.note(table, user_metadata={**said, "rows_of": rows_of})
            return Landed(
                table=contract.ref,
                counts=stage.counts,
                reasons=(),
                version=version,
                seconds=time.monotonic() - started,
                skipped=f"unchanged since version {rows_of}",
                drift=drifted,
            )
        if stage.bad.rows or versions[1] is not None:
            delta.publish(quarantine, stage.bad.path, user_metadata=said, read_version=versions[1])
        version = delta.publish(table, stage.good.path, user_metadata=said, read_version=versions[0])
    return Landed(
        table=contract.ref,
        counts=stage.counts,
        reasons=reasons,
        version=version,
        seconds=time.monotonic() - started,
        drift=drifted,
    )


@contextmanager
def staged(
    spark: SparkSession,
    contract: Contract,
    decoded: DataFrame,
    *,
    warehouse: Path,
    snapshot: Snapshot,
    read: int | None = None,
    watch: Mapping[str, SparkColumn] | None = None,
    with_content: bool = False,
) -> Iterator[Staged]:
    """Gives decoded records written once, divided and counted; what was not published by the end is removed.

    Args:
        watch: aggregates of the records that are computed while they are written.
        with_content: watch the digest of all that they hold, too, as `content`.

    Raises:
        ContractError: records were lost on the way.
        FormatError: a worker found a file that is not what it should be.
        MachineError: the disk is full, or a store stopped answering.
    """
    table, quarantine = contract.ref.path(warehouse), contract.quarantine.path(warehouse)
    stage = delta.new_candidate(table)
    candidates: list[Candidate] = []
    try:
        try:
            hashed = record_hash(contract) if with_content else None
            framed = _with_landing(decoded, snapshot)
            seen, shape = _write(spark, contract, framed, stage, watch or {}, hashed)
            good = divide(stage, by=_IS_QUARANTINED, value=False, table=table, columns=landed_columns(contract))
            candidates.append(good)
            bad = divide(stage, by=_IS_QUARANTINED, value=True, table=quarantine, columns=quarantine_columns())
            candidates.append(bad)
        finally:
            delta.discard(stage)
        counts = Counts(
            read=seen.pop(COUNTED) if read is None else read,
            landed=good.rows,
            quarantined=bad.rows,
            rescued=seen.pop(RESCUED),
        )
        _check_counts(contract, counts)
        seen.pop(COUNTED, None)
        if counts.rescued:
            shape = replace(shape, unnamed=unnamed_paths(spark.read.format("delta").load(str(good.path)), contract))
        yield Staged(good=good, bad=bad, counts=counts, seen=seen, shape=shape)
    finally:
        for candidate in candidates:
            if delta.is_table(candidate.path):  # one that was published has no log of its own any more
                delta.discard(candidate.path)


def landing_metadata(contract: Contract, snapshot: Snapshot, counts: Counts, *, version: int) -> dict[str, Any]:
    """Returns what the commit of every landing says of itself."""
    return {
        "kind": "landing",
        "version": version,
        "snapshot_id": snapshot.snapshot_id,
        "taken_at": snapshot.taken_at.isoformat(),
        "contract": contract.digest(),
        **asdict(counts),
    }


def landed_columns(contract: Contract) -> list[str]:
    """Returns the columns of a landed table."""
    return [*contract.types(), RESCUED, SNAPSHOT_ID, LANDED_AT]


def quarantine_columns() -> list[str]:
    """Returns the columns of every quarantine."""
    return [*QUARANTINE, SNAPSHOT_ID, LANDED_AT]


def _with_landing(decoded: DataFrame, snapshot: Snapshot) -> DataFrame:
    now = datetime.now(UTC)
    return decoded.withColumns(
        {
            SNAPSHOT_ID: sf.lit(snapshot.snapshot_id),
            LANDED_AT: sf.lit(now),
            _IS_QUARANTINED: sf.col(REASON).isNotNull(),
        }
    )


def _write(
    spark: SparkSession,
    contract: Contract,
    frame: DataFrame,
    stage: Path,
    watch: Mapping[str, SparkColumn],
    hashed: SparkColumn | None,
) -> tuple[dict[str, Any], Shape]:
    """Writes the stage; returns the count of records at their source, of landed ones that hold more, and what is watched."""
    observed = Observation()
    aggregates = [
        _total(COUNTED),
        _rescued_total(),
        *fill_columns(contract),
        *(aggregate.alias(name) for name, aggregate in watch.items()),
    ]
    if hashed is not None:
        frame = frame.withColumn(ROW_HASH, hashed)
        aggregates += digest_columns()
    held = frame.observe(observed, *aggregates).drop(COUNTED, ROW_HASH)
    with _two_writers(spark), workers_errors():
        held.write.format("delta").partitionBy(_IS_QUARANTINED).mode("error").save(str(stage))
    found = observed.get
    seen = {name: found[name] for name in watch}
    if hashed is not None:
        seen["content"] = str(read_digest(found))
    seen |= {COUNTED: int(found[COUNTED] or 0), RESCUED: int(found[RESCUED] or 0)}
    return seen, read_fills(contract, found)


def _same_as(table: Path, said: Mapping[str, Any]) -> int | None:
    """Returns the version whose rows are those of this landing, by their content's digest; None where they differ."""
    standing = delta.metadata(table)
    alike = all(standing.get(name) == said.get(name) for name in ("kind", "contract", "content", "read"))
    if not alike or said.get("content") is None or delta.changed_since(table, standing["version"]):
        return None
    return int(standing.get("rows_of", standing["version"]))


def _total(column: str) -> SparkColumn:
    return sf.sum(column).alias(column)


def _rescued_total() -> SparkColumn:
    return sf.count_if(sf.col(RESCUED).isNotNull() & sf.col(REASON).isNull()).alias(RESCUED)


@contextmanager
def _two_writers(spark: SparkSession) -> Iterator[None]:
    """Lets a task write to both partitions at once; else Spark sorts all records by the partition first."""
    setting = "spark.sql.maxConcurrentOutputFileWriters"
    before = spark.conf.get(setting)
    spark.conf.set(setting, "2")
    try:
        yield
    finally:
        spark.conf.set(setting, before or "0")


@contextmanager
def workers_errors() -> Iterator[None]:
    """Raises what a worker found wrong with a file as itself, not as the failure of a Spark job."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        if full := _FULL_DISK.search(str(error)):
            raise MachineError(
                f"the disk is full ({full.group()}). Nothing was published, and what was written is removed. "
                "Make room and run it again."
            ) from error
        found = _WORKERS_WORD.search(str(error))
        if found is None:
            raise
        kinds = {"FormatError": FormatError, "ContractError": ContractError, "MachineError": MachineError}
        raise kinds.get(found.group(1), ProjectError)(found.group(2).strip()) from error


def _check_counts(contract: Contract, counts: Counts) -> None:
    if counts.read != counts.landed + counts.quarantined:
        raise ContractError(
            f"{contract}: {counts.read:,} records were read, but {counts.landed:,} landed and {counts.quarantined:,} "
            "went to quarantine. Nothing was published. Run it again; if it stays so, it is a bug of the ingest."
        )


def reasons_of(spark: SparkSession, quarantine: Candidate) -> tuple[Reason, ...]:
    """Returns why records are in a quarantine, most frequent first."""
    if not quarantine.rows:
        return ()
    problems = (
        spark.read.format("delta")
        .load(str(quarantine.path))
        .groupBy(PROBLEM)
        .agg(
            sf.count("*").alias("count"),
            sf.min(sf.struct("_file", "_position", REASON)).alias("first"),
        )
        .orderBy(sf.desc("count"), PROBLEM)
        .limit(_MOST_REASONS)
    )
    return tuple(
        Reason(row[PROBLEM], row["count"], row["first"][REASON], row["first"]["_file"], row["first"]["_position"])
        for row in problems.collect()
    )
