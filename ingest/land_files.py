"""Landing of a table's files: find, look, skip or read, land."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from ingest.contract import Contract
from ingest.files import FileState, are_parquet, digest, find_files, plan_parts, preview, stamp
from ingest.json_source import read_json
from ingest.landed import Landed, standing, unchanged
from ingest.landing import Progress, Snapshot, land
from ingest.parquet_source import count_rows, read_parquet
from runner.errors import ContractError


def land_files(
    spark: SparkSession,
    contract: Contract,
    *,
    folder: Path,
    pattern: str,
    warehouse: Path,
    snapshot: Snapshot,
    force: bool = False,
    cores: int | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Lands the files of a folder that match a pattern as the whole content of the contract's table.

    Where the table already holds these files, read by this contract, nothing is done, unless `force`.

    Args:
        cores: how many tasks Spark runs at once, by which large files are cut; this machine's by default.
        progress: told in one line what is read.

    Raises:
        NotFoundError: no file matches.
        FormatError: a file is empty, truncated or no JSON; nothing was landed.
        ContractError: the files are not the contract's, or changed while they were read; nothing was landed.
    """
    started = time.monotonic()
    paths = find_files(folder, pattern)
    if not force and (reason := unchanged(contract, paths, warehouse)):
        return standing(contract, warehouse, skipped=reason)
    stamps = {path: stamp(path) for path in paths}
    if progress:
        size = sum(each.size for each in stamps.values())
        progress(f"{contract}: {len(paths)} {'file' if len(paths) == 1 else 'files'}, {size / 1e6:,.1f} MB")
    source = _parquet(spark, contract, paths) if are_parquet(paths) else _json(spark, contract, paths, cores)
    with ThreadPoolExecutor(1) as reader:  # digests are taken beside Spark's work
        digests = {path: reader.submit(digest, path) for path in paths}

        def describe() -> dict[str, Any]:
            for path in paths:
                if stamp(path) != stamps[path]:
                    raise ContractError(f"{path}: changed while it was read. Nothing was landed; run it again.")
            states = [FileState(path.name, stamps[path], digests[path].result()).as_dict() for path in paths]
            return {"files": states, "paths_missing": list(source.paths_missing)}

        try:
            landed = land(
                spark,
                contract,
                source.decoded,
                warehouse=warehouse,
                snapshot=snapshot,
                describe=describe,
                read=source.read,
            )
        except BaseException:
            reader.shutdown(wait=False, cancel_futures=True)  # the digests are of no use now
            raise
    return replace(landed, paths_missing=source.paths_missing, seconds=time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Source:
    """Decoded records, and what is known of them before they are read."""

    decoded: DataFrame
    paths_missing: tuple[str, ...]
    read: int | None


def _json(spark: SparkSession, contract: Contract, paths: Sequence[Path], cores: int | None) -> _Source:
    seen = preview(contract, paths)
    parts = plan_parts(seen.parts, cores or os.cpu_count() or 1)
    return _Source(read_json(spark, contract, parts), seen.paths_missing, None)


def _parquet(spark: SparkSession, contract: Contract, paths: Sequence[Path]) -> _Source:
    read = count_rows(paths)
    decoded, missing = read_parquet(spark, contract, paths)
    return _Source(decoded, missing, read)
