"""Landing: decoded records written once, counted, and published as one commit of a table and of its quarantine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as sf

from ingest.contract import (
    COUNTED,
    LANDED_AT,
    PROBLEM,
    QUARANTINE_FIELDS,
    REASON,
    RESCUED,
    SNAPSHOT_ID,
    Contract,
)
from ingest.divide import Candidate, divide
from runner import delta
from runner.errors import ContractError, FormatError
from runner.names import TableRef

Progress = Callable[[str], None]

_IS_QUARANTINED = "_is_quarantined"
_MOST_REASONS = 20
_WORKERS_WORD = re.compile(r"^\s*(?:\w+\.)*errors\.(FormatError|ContractError): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment of which an ingest is a consistent cut.

    Attributes:
        taken_at: with its zone.
    """

    snapshot_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records went to quarantine.

    Attributes:
        problem: what is wrong, without the value, such as `duration_seconds is no int`.
        count: how many records it is the first problem of.
        example: one record's whole reason.
        file, position: where that record is.
    """

    problem: str
    count: int
    example: str
    file: str | None
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of a table's records.

    Attributes:
        read: records that the source had; always `landed + quarantined`.
        rescued: landed records that hold something which the contract does not name.
    """

    read: int
    landed: int
    quarantined: int
    rescued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What one landing of a table came to.

    Attributes:
        reasons: why records are in quarantine, most frequent first.
        version: the table's version that holds them.
        skipped: why nothing was done; None where it was. The counts are then those of the landing that stands.
        paths_missing: paths of the contract that none of the looked-at records has.
    """

    table: TableRef
    counts: Counts
    reasons: tuple[Reason, ...]
    version: int
    seconds: float
    skipped: str | None = None
    paths_missing: tuple[str, ...] = ()


def land(
    spark: SparkSession,
    contract: Contract,
    decoded: DataFrame,
    *,
    warehouse: Path,
    snapshot: Snapshot,
    describe: Callable[[], Mapping[str, Any]],
    read: int | None = None,
) -> Landed:
    """Makes the decoded records the table's whole content; the quarantine gets those that do not fit.

    The records are read, decoded and written once. The quarantine is published first, then the table; both commits
    carry the snapshot's id, so a table whose quarantine is newer than itself can be told.

    Args:
        decoded: in `Contract.decoded_schema`, from any source.
        describe: called when all is written; returns what the commits say of where the records come from (JSON
            values). What it raises keeps anything from being published.
        read: the number of records that there are, where the source knows it otherwise than by counting.

    Raises:
        ContractError: records were lost on the way, or another process changed the table; nothing is published.
        FormatError: a worker found a file that is not what it should be; nothing is published.
    """
    started = time.monotonic()
    table, quarantine = contract.ref.path(warehouse), contract.quarantine.path(warehouse)
    versions = delta.version(table), delta.version(quarantine)
    stage = delta.new_candidate(table)
    candidates: list[Candidate] = []
    try:
        counted, rescued = _write(spark, _with_landing(decoded, snapshot), stage)
        fits = [*contract.types(), RESCUED, SNAPSHOT_ID, LANDED_AT]
        unfits = [*(field.name for field in QUARANTINE_FIELDS), SNAPSHOT_ID, LANDED_AT]
        good = divide(stage, by=_IS_QUARANTINED, value=False, table=table, columns=fits)
        candidates.append(good)
        bad = divide(stage, by=_IS_QUARANTINED, value=True, table=quarantine, columns=unfits)
        candidates.append(bad)
        counts = Counts(read=counted if read is None else read, landed=good.rows, quarantined=bad.rows, rescued=rescued)
        _check_counts(contract, counts)
        reasons = _reasons(spark, bad) if bad.rows else ()
        said = {
            "kind": "landing",
            "version": 0 if versions[0] is None else versions[0] + 1,
            "snapshot_id": snapshot.snapshot_id,
            "taken_at": snapshot.taken_at.isoformat(),
            "contract": contract.digest(),
            **asdict(counts),
            **describe(),
        }
        if bad.rows or versions[1] is not None:
            delta.publish(quarantine, bad.path, user_metadata=said, read_version=versions[1])
        version = delta.publish(table, good.path, user_metadata=said, read_version=versions[0])
    except BaseException:
        for candidate in candidates:
            delta.discard(candidate.path)
        raise
    finally:
        delta.discard(stage)
    if not bad.rows and versions[1] is None:
        delta.discard(bad.path)
    seconds = time.monotonic() - started
    return Landed(table=contract.ref, counts=counts, reasons=reasons, version=version, seconds=seconds)


def standing(contract: Contract, warehouse: Path, *, skipped: str) -> Landed:
    """Returns the landing that the table holds, as its commit describes it, with the reason for leaving it."""
    table = contract.ref.path(warehouse)
    said = delta.metadata(table)
    return Landed(
        table=contract.ref,
        counts=Counts(**{name: said[name] for name in ("read", "landed", "quarantined", "rescued")}),
        reasons=(),
        version=said["version"],
        seconds=0.0,
        skipped=skipped,
        paths_missing=tuple(said.get("paths_missing", ())),
    )


def _with_landing(decoded: DataFrame, snapshot: Snapshot) -> DataFrame:
    now = datetime.now(UTC)
    return decoded.withColumns(
        {
            SNAPSHOT_ID: sf.lit(snapshot.snapshot_id),
            LANDED_AT: sf.lit(now),
            _IS_QUARANTINED: sf.col(REASON).isNotNull(),
        }
    )


def _write(spark: SparkSession, frame: DataFrame, stage: Path) -> tuple[int, int]:
    """Writes the stage; returns how many records were counted at their source, and how many landed ones hold more."""
    seen = Observation()
    held = frame.observe(seen, _total(COUNTED), _rescued_total()).drop(COUNTED)
    with _two_writers(spark), _workers_errors():
        held.write.format("delta").partitionBy(_IS_QUARANTINED).mode("errorifexists").save(str(stage))
    found = seen.get
    return int(found[COUNTED] or 0), int(found[RESCUED] or 0)


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
def _workers_errors() -> Iterator[None]:
    """Raises what a worker found wrong with a file as itself, not as the failure of a Spark job."""
    try:
        yield
    except PySparkException as error:
        found = _WORKERS_WORD.search(str(error))
        if found is None:
            raise
        kind = FormatError if found.group(1) == "FormatError" else ContractError
        raise kind(found.group(2).strip()) from error


def _check_counts(contract: Contract, counts: Counts) -> None:
    if counts.read != counts.landed + counts.quarantined:
        raise ContractError(
            f"{contract}: {counts.read:,} records were read, but {counts.landed:,} landed and {counts.quarantined:,} "
            "went to quarantine. Nothing was published. Run it again; if it stays so, it is a bug of the ingest."
        )


def _reasons(spark: SparkSession, quarantine: Candidate) -> tuple[Reason, ...]:
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
