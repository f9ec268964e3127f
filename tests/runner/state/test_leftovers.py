"""What a killed run left is removed by the next one; what a living run works on, and what readers need, is not."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from runner import delta
from runner.state.leftovers import clear_leftovers, running

LONG_AGO = time.time() - 3600


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "warehouse"


def candidate(table: Path, *, written: float = LONG_AGO, rows: int = 1) -> Path:
    """Writes a candidate as Spark does, at that time."""
    path = delta.new_candidate(table)
    write_deltalake(str(path), pa.table({"a": list(range(rows))}))
    age(path, written)
    return path


def age(path: Path, written: float) -> None:
    for one in (*path.rglob("*"), path):
        os.utime(one, (written, written))


def cleared(warehouse: Path, *tables: Path) -> list[str]:
    with running(warehouse, "mine"):
        return [path.name for path in clear_leftovers(warehouse, tables)]


def test_what_a_killed_run_left_is_removed(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    published = candidate(table)
    delta.publish(table, published, user_metadata={}, read_version=None)
    left = candidate(table)
    without_log = candidate(table)
    shutil.rmtree(without_log / "_delta_log")
    age(without_log, LONG_AGO)
    assert sorted(cleared(warehouse, table)) == sorted([left.name, without_log.name])
    assert DeltaTable(str(table)).to_pyarrow_table().num_rows == 1
    assert not list((warehouse / ".running").iterdir())


def test_a_first_build_that_was_killed_leaves_no_folder(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    left = candidate(table)
    assert cleared(warehouse, table) == [left.name]
    assert not table.exists()
    assert cleared(warehouse, table) == []


def test_files_of_old_versions_and_of_a_publication_that_was_cut_short_stay(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    first, second = candidate(table), candidate(table, rows=2)
    kept = second / "_delta_log"
    copy = shutil.copytree(kept, warehouse / "log")
    delta.publish(table, first, user_metadata={}, read_version=None)
    delta.publish(table, second, user_metadata={}, read_version=0)
    shutil.copytree(copy, kept)  # killed between the commit and the tidying up
    for one in (first, second):
        age(one, LONG_AGO)
    assert cleared(warehouse, table) == []
    assert DeltaTable(str(table), version=0).to_pyarrow_table().num_rows == 1
    assert DeltaTable(str(table)).to_pyarrow_table().num_rows == 2


def test_where_the_log_has_lost_its_start_nothing_is_removed(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    delta.publish(table, candidate(table), user_metadata={}, read_version=None)
    candidate(table)
    log = table / "_delta_log"
    (log / f"{0:020}.json").rename(log / f"{1:020}.json")
    assert cleared(warehouse, table) == []


def test_what_was_withheld_stays(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    held = candidate(table)
    (held / "_withheld").write_text("{}")
    age(held, LONG_AGO)
    assert cleared(warehouse, table) == []


@contextmanager
def another_run(warehouse: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs in the warehouse and has made a candidate; it waits to be killed."""
    code = (
        "import sys, time; from pathlib import Path; from runner.state.leftovers import running\n"
        "warehouse = Path(sys.argv[1])\n"
        "with running(warehouse, 'other'):\n"
        "    (warehouse / 'marts/clv/candidate-0123456789ab').mkdir(parents=True)\n"
        "    print('running', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(warehouse)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_living_runs_candidates_stay_until_it_is_killed(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    left = candidate(table)
    with another_run(warehouse) as process:
        assert cleared(warehouse, table) == [left.name]
        assert [path.name for path in table.iterdir()] == ["candidate-0123456789ab"]
        assert [path.name.split(".")[0] for path in (warehouse / ".running").iterdir()] == ["other"]
        process.kill()
        process.wait()
        age(table / "candidate-0123456789ab", LONG_AGO)
        assert cleared(warehouse, table) == ["candidate-0123456789ab"]
    assert not list((warehouse / ".running").iterdir())


def test_a_run_on_another_machine_counts_as_living_for_a_day(warehouse: Path) -> None:
    table = warehouse / "marts/clv"
    left = candidate(table, written=time.time() - 60)
    path = warehouse / ".running/far.json"
    path.parent.mkdir(parents=True)
    said = {"pid": 1, "host": "not-" + socket.gethostname(), "started_at": time.time() - 3600}
    path.write_text(json.dumps(said))
    assert cleared(warehouse, table) == []
    path.write_text(json.dumps({**said, "started_at": time.time() - 25 * 3600}))
    assert cleared(warehouse, table) == [left.name]
