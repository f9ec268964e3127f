"""`python -m services` as a person uses it, and the compose file beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from services.__main__ import EMULATOR, services
from services.java_server import State, ports_of, read_state, write_state


def said(*arguments: str | Path) -> str:
    """Returns what a command writes to stdout."""
    result = CliRunner().invoke(services, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    said("down", "--folder", tmp_path)


def test_up_status_and_down(folder: Path) -> None:
    port = ports_of({"MongoDB": 0})["MongoDB"]
    command = [sys.executable, "-m", "services", "up", "mongodb", "--folder", str(folder), "--mongodb-port", str(port)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    pid = read_state(folder / "mongodb").pid
    log = folder / "mongodb" / "log"
    line = f"mongodb  runs: MongoDB emulator, mongodb://127.0.0.1:{port} (process {pid}), log {log}\n"
    assert (first.stdout, first.stderr) == (f"{line}{EMULATOR}\n", "starting mongodb\n")

    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == (first.stdout, "")

    assert said("status", "--folder", folder) == f"hbase    does not run\n{line}{EMULATOR}\n"
    assert said("status", "hbase", "--folder", folder) == "hbase    does not run\n"
    assert said("down", "mongodb", "--folder", folder) == (
        f"mongodb  stopped (process {pid}); what it has on disk stays in {folder / 'mongodb'}\n"
    )
    assert said("down", "--folder", folder) == "hbase    was not running\nmongodb  was not running\n"


def test_down_leaves_a_process_that_is_not_ours(folder: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        # As after a restart of the machine, when another program has got the process id of ours.
        write_state(folder / "mongodb", State(pid=stranger.pid, ports={"MongoDB": 27017}))
        assert said("down", "mongodb", "--folder", folder) == "mongodb  was not running\n"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_status_of_a_folder_makes_nothing(folder: Path) -> None:
    said("status", "--folder", folder / "nothing")
    said("down", "--folder", folder / "nothing")
    assert not (folder / "nothing").exists()


def test_a_failure_is_a_message_and_exit_2(folder: Path) -> None:
    command = [sys.executable, "-m", "services", "up", "mongodb", "--folder", str(folder), "--heap", "much"]
    port = ports_of({"MongoDB": 0})["MongoDB"]
    run = subprocess.run([*command, "--mongodb-port", str(port)], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    assert "MongoDB emulator: did not start: it ended with 1." in run.stderr
    assert "Traceback" not in run.stderr


def test_compose_gives_the_ports_of_the_target(root: Path) -> None:
    compose = yaml.safe_load((root / "services" / "compose.yaml").read_text())
    opened = [port for service in compose["services"].values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in opened)
    written = str(yaml.safe_load((root / "project.yml").read_text())["targets"]["stores"]["stores"])
    defaults = {
        int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)|_PORT', '(\d+)'", written) for port in port if port
    }
    assert {int(port.split(":")[1]) for port in opened} == defaults


def test_the_image_copies_what_is_there(root: Path) -> None:
    lines = (root / "services" / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert copied
    assert all((root / path).exists() for paths in copied for path in paths)
