"""What goes wrong on real input and at a terminal: bad files, Ctrl-C. Nothing half-written, one clear line each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EDITED = ("models", "macros", "sources.yml", "project.yml", "expectations")
PROGRAM = [sys.executable, "-c", "from runner.cli import script; script()"]

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in EDITED:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=place, capture_output=True, text=True, timeout=600, check=False)


def test_bad_files_are_named_and_land_nothing_while_the_others_land(place: Path) -> None:
    assert run(place, "generate", "--sessions", "500").returncode == 0
    data = place / "data/raw"
    users = (data / "users.json").read_bytes()
    (data / "users.json").write_bytes(users[: len(users) // 2])
    (data / "products.json").write_bytes(b"")
    (data / "categories.json").unlink()
    (data / "transactions.json").write_text(json.dumps([{"pear": 1, "apple": 2}]), encoding="utf-8")
    done = run(place, "ingest")
    assert done.returncode == 2
    lines = {line.split()[1]: line for line in done.stderr.splitlines() if "  mongodb." in line or "  hbase." in line}
    assert "users.json" in lines["mongodb.users"] and "truncated" in lines["mongodb.users"]
    assert "products.json" in lines["mongodb.products"] and "empty" in lines["mongodb.products"]
    assert "categories*.json" in lines["mongodb.categories"]
    assert "transactions.json" in lines["mongodb.transactions"] and "pear" in lines["mongodb.transactions"]
    assert lines["hbase.sessions"].startswith("landed")
    assert done.stderr.endswith(" s.\n") and "run: 1 of 5 tables landed" in done.stderr
    for name in ("users", "products", "categories", "transactions"):
        assert not (place / "warehouse/mongodb" / name / "_delta_log").exists()
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_at_once_and_leaves_no_candidate(place: Path) -> None:
    assert run(place, "generate", "--sessions", "500").returncode == 0
    process = subprocess.Popen(
        [*PROGRAM, "build"], cwd=place, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "(table)" in line:  # models are being written now
            break
    started = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    said += process.stderr.read()
    assert process.wait(timeout=120) == 130, said
    assert time.monotonic() - started < 60
    assert said.endswith("run: stopped. Nothing half-built was published.\n"), said
    assert "Traceback" not in said
    assert list((place / "warehouse").rglob("candidate-*/_delta_log")) == []
    done = run(place, "models", "--select", "+clv")
    assert done.returncode == 0, done.stderr
