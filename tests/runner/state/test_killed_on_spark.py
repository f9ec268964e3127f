"""A run that is killed in the middle: the next one goes on where it stood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner import delta
from runner.build import Builder, BuildOptions
from runner.project.parse import load_project
from runner.quality import load_quality

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
SLOW = "select one, reflect('java.lang.Thread', 'sleep', cast(120000 as bigint)) as slept from {{ ref('first') }}"
FILES = {
    "project.yml": """
        name: tiny
        models: {tiny: {+materialized: table}}
        targets:
          dev: {warehouse: warehouse, schema: marts}
        """,
    "models/first.sql": "select 1 as one",
    "models/second.sql": SLOW,
}


def until(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Waits for something that a process does; fails where it ends before, or takes three minutes."""
    for _ in range(1800):
        if what():
            return
        assert process.poll() is None
        time.sleep(0.1)
    pytest.fail("it took too long")


def test_the_next_run_goes_on(spark: SparkSession, write: Write) -> None:
    root = write(FILES)
    marts = root / "warehouse/marts"
    code = "from runner.cli.commands import script; script()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "models", "--project-dir", str(root)],
        env={**os.environ, "SLUICE_SESSION": "cold"},
        start_new_session=True,
    )
    try:
        until(lambda: delta.is_table(marts / "first"), process)
        time.sleep(3)
        left = marts / "second/candidate-0123456789ab"
        left.mkdir(parents=True, exist_ok=True)  # what Spark had written so far, wherever it was
        (left / "part-0.parquet").write_bytes(b"half")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not delta.is_table(marts / "second")
    longer_ago = time.time() - 60
    for path in (*left.rglob("*"), left):
        os.utime(path, (longer_ago, longer_ago))
    (root / "models/second.sql").write_text("select one from {{ ref('first') }}")
    project = load_project(root)
    options = BuildOptions(reuse=True)
    builder = Builder(project, load_quality(project), spark, run_id="after", options=options)
    spark.sql("drop schema if exists marts cascade")
    results = {one.unique_id.rsplit(".", 1)[-1]: one for one in builder.run(project.select())}
    assert {name: one.status for name, one in results.items()} == {"first": "reused", "second": "success"}
    assert delta.first_rows(marts / "second", 9)[1] == [{"one": 1}]
    assert not left.exists()
    assert not list((root / "warehouse/.running").iterdir())
