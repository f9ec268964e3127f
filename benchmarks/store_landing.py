"""Load a shop into HBase and MongoDB, drain it with bare clients, and land it: rates, and landing as a share of bare.

    .venv/bin/python benchmarks/store_landing.py [--sessions 1000000] [--orders 500000] [--only MongoDB]

Starts its own servers in a temporary folder: a real HBase, and the MongoDB emulator (in memory). A bare client only
drains: `for _ in table.scan(batch_size=1000)` with happybase, `for _ in collection.find()` with pymongo; two of them are
two processes on two halves of the keys. Landing is what `run ingest` does: read, decode by contract, write Delta, publish.
Rounds alternate, so that bare and landed figures meet the same weather; the best round of each counts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.contract import Contract
from ingest.files import find_files
from ingest.hbase.source import HBaseSource
from ingest.land_store import StoreLanding, land_store
from ingest.landing import Snapshot
from ingest.mongodb.source import MongoSource
from ingest.store_source import StoreSource
from runner.project.parse import load_project
from runner.session.spark import spark_session
from runner.sources.contracts import contract_of
from services.hbase import HBase
from services.mongodb import MongoDB
from simulate.into_hbase import load_into_hbase
from simulate.into_mongodb import load_into_mongodb
from simulate.loaded import Loaded, TableFiles
from simulate.settings import ShopSettings
from simulate.shop import generate
from stores.hbase_client import connected
from stores.mongo_client import database
from stores.settings import HBaseSettings, MongoSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Loads, drains, lands; prints tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=("HBase", "MongoDB"), help="Measure one of the two.")
    parser.add_argument("--keep", type=Path, help="Work in this folder and leave everything there.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        hbase, mongodb = HBase(folder / "hbase", heap="2g"), MongoDB(folder / "mongodb", heap="5g")
        hbase.start()
        mongodb.start()
        try:
            measure(folder, hbase, mongodb, options)
        finally:
            mongodb.stop()
            hbase.stop()
    return 0


def drain_hbase(settings: HBaseSettings, start: bytes | None, stop: bytes | None) -> int:
    """Returns how many rows a bare scan gives."""
    with connected(settings) as connection:
        return sum(1 for _ in connection.table("sessions").scan(row_start=start, row_stop=stop, batch_size=1000))


def drain_mongodb(settings: MongoSettings, start: Any, stop: Any) -> int:
    """Returns how many documents a bare cursor gives."""
    bounds = {name: value for name, value in (("$gte", start), ("$lt", stop)) if value is not None}
    found = database(settings)["transactions"].find({"_id": bounds} if bounds else {})
    return sum(1 for _ in found)


def bare(drain: Callable[..., int], settings: Any, parts: Sequence[tuple[Any, Any]]) -> float:
    """Returns records a second of one process for each part, all at once; processes are started and warm before."""
    nothing = (b"\xff", None) if isinstance(settings, HBaseSettings) else ("~", None)
    with multiprocessing.get_context("spawn").Pool(len(parts)) as pool:
        pool.starmap(drain, [(settings, *nothing)] * (4 * len(parts)), chunksize=1)
        started = time.perf_counter()
        counts = pool.starmap(drain, [(settings, *part) for part in parts], chunksize=1)
        return sum(counts) / (time.perf_counter() - started)


def landed(
    spark: SparkSession, source: StoreSource, contract: Contract, store: str, warehouse: Path, partitions: int
) -> float:
    """Returns records a second of a whole landing into a new table, from the first question to the published commit."""
    taken_at = datetime.now(UTC)
    started = time.perf_counter()
    how = StoreLanding(
        store=store,
        source=source,
        cut=source.cut(taken_at),
        snapshot=Snapshot(snapshot_id=uuid.uuid4().hex, taken_at=taken_at),
        warehouse=warehouse / uuid.uuid4().hex,
        partitions=partitions,
    )
    found = land_store(spark, contract, how)
    if found.counts.quarantined:
        raise SystemExit(f"{found.counts.quarantined} records in quarantine")
    return found.counts.landed / (time.perf_counter() - started)


def middle_of_hbase(settings: HBaseSettings) -> bytes:
    """Returns the key at which the middle region begins."""
    with connected(settings) as connection:
        starts = sorted(region["start_key"] for region in connection.table("sessions").regions())
        return bytes(starts[len(starts) // 2])


def middle_of_mongodb(settings: MongoSettings) -> Any:
    """Returns the middle `_id`."""
    ids = sorted(each["_id"] for each in database(settings)["transactions"].find({}, {"_id": 1}))
    return ids[len(ids) // 2]


def measure(folder: Path, hbase: HBase, mongodb: MongoDB, options: argparse.Namespace) -> None:
    """Loads both stores, then compares in rounds."""
    contracts = {label: contract_of(table) for label, table in load_project(ROOT).sources.items()}
    by_label = {f"{each.source}.{each.table}": each for each in contracts.values()}
    sessions, orders = by_label["hbase.sessions"], by_label["mongodb.transactions"]
    data = folder / "data"
    generate(data, settings=ShopSettings(sessions=options.sessions, orders=options.orders))
    to_hbase = HBaseSettings(port=hbase.port, thrift2_port=hbase.thrift2_port)
    to_mongodb = MongoSettings(uri=mongodb.uri)
    print("| loaded | records | seconds | records/s |\n|---|---|---|---|", flush=True)
    stores: list[tuple[Any, ...]] = []
    if options.only != "MongoDB":
        tell_loaded("sessions into HBase", load_into_hbase(files_of(sessions, data, "sessions_*.json"), to_hbase))
        stores.append(("HBase", drain_hbase, to_hbase, HBaseSource(to_hbase), sessions, middle_of_hbase(to_hbase)))
    if options.only != "HBase":
        (baskets,) = load_into_mongodb([files_of(orders, data, "transactions.json")], to_mongodb)
        tell_loaded("orders into MongoDB", baskets)
        middle = middle_of_mongodb(to_mongodb)
        stores.append(("MongoDB", drain_mongodb, to_mongodb, MongoSource(to_mongodb), orders, middle))
    spark = spark_session(scratch=folder / "scratch", master="local[2, 4]")
    print("\n| store | clients | bare, records/s | landed, records/s | share |\n|---|---|---|---|---|", flush=True)
    for name, drain, settings, source, contract, middle in stores:
        landed(spark, source, contract, contract.source, folder / "warm", 2)  # the JVM compiles on the way
        for parts in ([(None, None)], [(None, middle), (middle, None)]):
            pairs = [
                (
                    bare(drain, settings, parts),
                    landed(spark, source, contract, contract.source, folder / "landed", len(parts)),
                )
                for _ in range(options.rounds)
            ]
            fastest, ours = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
            print(f"| {name} | {len(parts)} | {fastest:,.0f} | {ours:,.0f} | {ours / fastest:.2f} |", flush=True)
    spark.stop()


def tell_loaded(name: str, loaded: Loaded) -> None:
    """Prints a row of the first table."""
    print(f"| {name} | {loaded.written:,} | {loaded.seconds:.0f} | {loaded.rate:,.0f} |", flush=True)


def files_of(contract: Contract, data: Path, pattern: str) -> TableFiles:
    """Returns a table's files for the loaders."""
    paths = find_files(data, pattern)
    return TableFiles(name=contract.table, paths=paths, key=contract.key, columns=contract.columns)


if __name__ == "__main__":
    raise SystemExit(main())
