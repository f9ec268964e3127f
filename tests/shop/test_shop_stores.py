"""The shop through real HBase and a MongoDB-protocol server: the same rows as through files, whatever goes wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from runner import delta

ROOT = Path(__file__).resolve().parent.parent.parent
EDITED = ("models", "macros", "sources.yml", "project.yml", "expectations")
PROGRAM = [sys.executable, "-c", "from runner.cli import script; script()"]
OWN = ("_snapshot_id", "_landed_at")  # of the landing, not of the record
SESSIONS = 3_000
LEFT_OUT = ("affinity", "products", "customers", "clv", "daily")  # folders of marts: more of the same

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


@dataclass
class Place:
    """A project's folder whose target `stores` reaches the servers of the tests, each its own part of them."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.root,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    @property
    def sessions(self) -> Path:
        return self.root / "warehouse/hbase/sessions"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, hbase: Any, mongodb: Any) -> Callable[[str], Place]:
    environment = {
        **os.environ,
        "MONGODB_URI": mongodb.uri,
        "MONGODB_DATABASE": f"shop_{uuid.uuid4().hex[:8]}",
        "HBASE_THRIFT_PORT": str(hbase.port),
        "HBASE_THRIFT2_PORT": str(hbase.thrift2_port),
        "HBASE_TABLE_PREFIX": f"shop{uuid.uuid4().hex[:8]}",
    }

    def make(name: str) -> Place:
        root = tmp_path_factory.mktemp(name)
        for each in EDITED:
            (root / each).symlink_to(ROOT / each)
        return Place(root, environment)

    return make


@pytest.fixture(scope="module")
def loaded(place: Callable[[str], Place]) -> Place:
    shop = place("files")
    done = shop.run("generate", "--sessions", str(SESSIONS), "--into", "files,mongodb,hbase", "--target", "stores")
    assert done.returncode == 0, done.stderr
    assert f"{SESSIONS:,} of {SESSIONS:,} records written, {SESSIONS:,} keys verified" in done.stderr
    return shop


def contents(table: Path) -> Counter[str]:
    rows = DeltaTable(str(table)).to_pyarrow_table()
    kept = [name for name in rows.column_names if name not in OWN]
    return Counter(json.dumps(row, default=str, sort_keys=True) for row in rows.select(kept).to_pylist())


def session_ids(place: Place) -> list[str]:
    return list(DeltaTable(str(place.sessions)).to_pyarrow_table(columns=["session_id"])["session_id"].to_pylist())


def tables(place: Place) -> list[str]:
    warehouse = place.root / "warehouse"
    found = sorted(str(log.parent.relative_to(warehouse)) for log in warehouse.glob("*/*/_delta_log"))
    return [name for name in found if name != "sluice/check_results"]  # what checks said of either one


def test_files_and_stores_land_the_same_rows_and_give_the_same_marts(
    place: Callable[[str], Place], loaded: Place
) -> None:
    stores = place("stores")
    without = [word for name in LEFT_OUT for word in ("--exclude", f"path:models/marts/{name}")]
    for shop, options in ((loaded, ()), (stores, ("--target", "stores"))):
        done = shop.run("build", *without, *options)
        assert done.returncode == 0, done.stderr
    assert tables(loaded) == tables(stores)
    assert len(tables(stores)) > 20
    for name in tables(stores):
        ours, theirs = contents(loaded.root / "warehouse" / name), contents(stores.root / "warehouse" / name)
        assert ours == theirs, (name, list((ours - theirs).items())[:2], list((theirs - ours).items())[:2])
    found = {
        each["unique_id"]: each for each in json.loads((stores.root / "target/sources.json").read_text())["results"]
    }
    assert {each["adapter_response"]["cut"]["kind"] for each in found.values()} == {"none", "write_time"}
    moments = {each["adapter_response"]["cut"]["taken_at"] for each in found.values()}
    assert len(moments) == 1  # one ingest, one moment
    done = stores.run("reconcile", "--target", "stores")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("equal     ") == 5
    assert f"hbase.sessions: {SESSIONS:,} records in the store = {SESSIONS:,} landed + 0 in quarantine" in done.stderr
    told = json.loads((stores.root / "target/quality/latest/report.json").read_text())
    assert (told["headline"], told["run"]["command"]) == ("All 5 tables passed", "run reconcile")
    held = {one["table"]: one["compared"] for one in told["sources"]}
    assert len(held) == 5 and {one["status"] for one in held.values()} == {"pass"}
    assert (held["hbase.sessions"]["stored"], held["hbase.sessions"]["landed"]) == (SESSIONS, SESSIONS)
    (stores.root / "expectations").unlink()
    shutil.copytree(ROOT / "expectations/suites", stores.root / "expectations/suites")
    with (stores.root / "expectations/suites/hbase.sessions.yml").open("a", encoding="utf-8") as suite:
        suite.write("  - expect: expect_store_to_match\n")
    done = stores.run("checks", "source:hbase.sessions", "--target", "stores")
    assert done.returncode == 0, done.stderr
    done = stores.run("history", "hbase.sessions", "--checks", "--target", "stores")
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("expect_store_to_match")] == [
        ["expect_store_to_match", "pass", "··", "▁▁", "equal"]
    ]
    done = loaded.run("history", "hbase.sessions", "--checks")
    assert [line.split()[:3] for line in done.stdout.splitlines() if line.startswith("freshness")] == [
        ["freshness", "pass", "·"]
    ]


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def workers(pid: int) -> list[int]:
    """Returns Spark's Python workers below a process: forks of the daemon that Spark starts."""
    found = []
    for each in descendants(pid):
        try:
            said = Path(f"/proc/{each}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if b"pyspark.daemon" in said and b"pyspark.daemon" in Path(f"/proc/{parent}/cmdline").read_bytes():
                found.append(each)
        except OSError:
            continue
    return found


def stages(shop: Place) -> list[Path]:
    """Returns what is being written beside the published files, which lie in folders of their own."""
    return [*shop.sessions.glob("candidate-*/_delta_log"), *shop.sessions.glob("candidate-*/_is_quarantined=*")]


def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(
    place: Callable[[str], Place], loaded: Place
) -> None:
    shop = place("worker")
    process = shop.start("ingest", "hbase", "--target", "stores", "--partitions", "1")
    killed: list[int] = []
    while process.poll() is None and not killed:
        if stages(shop):
            for each in workers(process.pid):
                os.kill(each, signal.SIGKILL)
                killed.append(each)
        time.sleep(0.01)
    _, said = process.communicate(timeout=300)
    assert killed, said
    if process.returncode == 2:  # the planner's worker was hit: nothing is published, and a re-run completes
        assert not (shop.sessions / "_delta_log").exists()
        done = shop.run("ingest", "hbase", "--target", "stores")
        assert done.returncode == 0, done.stderr
    else:
        assert process.returncode == 0, said
    assert len(session_ids(shop)) == len(set(session_ids(shop))) == SESSIONS
    assert stages(shop) == []


def test_ctrl_c_and_a_full_disk_leave_the_last_good_version(place: Callable[[str], Place], loaded: Place) -> None:
    shop = place("stopped")
    assert shop.run("ingest", "hbase", "--target", "stores", "--partitions", "1").returncode == 0
    before = (delta.version(shop.sessions), sorted(session_ids(shop)))

    process = shop.start("ingest", "hbase", "--target", "stores", "--full", "--force")
    while process.poll() is None and not stages(shop):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said.endswith("run: stopped. Nothing half-built was published.\n")
    assert "Traceback" not in said

    written = max(path.stat().st_size for path in shop.sessions.rglob("*.parquet"))

    def small_files() -> None:  # the table's files do not fit; Spark's own libraries, which it unpacks, do
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    assert written > 310_000
    again = ("--full", "--force", "--partitions", "1")
    process = shop.start("ingest", "hbase", "--target", "stores", *again, preexec_fn=small_files)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2, said
    assert "the disk is full" in said and "Nothing was published" in said
    assert "Traceback" not in said

    assert (delta.version(shop.sessions), sorted(session_ids(shop))) == before
    assert stages(shop) == []
    done = shop.run("ingest", "hbase", "--target", "stores", "--full", "--force")
    assert done.returncode == 0, done.stderr
    assert sorted(session_ids(shop)) == before[1]


def test_writes_that_go_on_do_not_tear_an_ingest(place: Callable[[str], Place], loaded: Place) -> None:
    from simulate.live import read_session_totals
    from stores.settings import HBaseSettings

    environment = loaded.environment
    settings = HBaseSettings(
        port=int(environment["HBASE_THRIFT_PORT"]),
        thrift2_port=int(environment["HBASE_THRIFT2_PORT"]),
        table_prefix=environment["HBASE_TABLE_PREFIX"],
    )
    shop = place("live")
    (shop.root / "data").symlink_to(loaded.root / "data")
    writer = shop.start("generate", "--live", "40", "--for", "600", "--target", "stores")
    rounds = 0
    try:
        while rounds < 2:
            done = shop.run("ingest", "hbase", "--target", "stores")
            assert done.returncode == 0, done.stderr
            cut = delta.metadata(shop.sessions)["cut"]
            kept = read_session_totals(settings, at=cut["at"] - 1)
            landed = DeltaTable(str(shop.sessions)).to_pyarrow_table(columns=["session_id", "duration_seconds"])
            if kept is None:
                continue  # the writer has not begun
            assert landed.num_rows == kept.rows
            assert len(set(landed["session_id"].to_pylist())) == kept.rows
            assert datetime.fromisoformat(cut["taken_at"]).timestamp() * 1000 >= kept.written_at
            rounds += 1
        assert kept.live_sessions > 0 and writer.poll() is None  # it wrote all the time
    finally:
        writer.send_signal(signal.SIGINT)
        _, said = writer.communicate(timeout=60)
    assert "sessions/s; order_totals kept " in said
