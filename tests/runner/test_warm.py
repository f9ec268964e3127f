"""The warm session: found by its file, shared, replaced when something changed, ended when nobody uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cli.session import Command
from runner.errors import MachineError, ProjectError
from runner.session import warm
from runner.session.warm import State, Wanted

Write = Callable[[Mapping[str, str]], Path]
PROGRAM = "from runner.cli.commands import script; script()"
ROWS = {"models/totals.sql": "select 2 as order_count, cast(30.5 as decimal(12,2)) as revenue"}


def wanted(folder: Path) -> Wanted:
    return Wanted(
        folder=folder / "target/session",
        name="dev",
        root=folder,
        warehouse=folder / "warehouse",
        settings={"spark.driver.memory": "1g"},
        small=True,
    )


def running(pid: int) -> State:
    return State(pid=pid, port=1, token="t", digest="d", started_at=0.0)


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Path:
    """A project whose one table needs no source."""
    return write(tiny | ROWS | {"models/staging/stg_orders.sql": "select 1 as order_id, 30.5 as total"})


def test_a_file_that_tells_of_no_server_of_ours_is_no_server(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    asked.folder.mkdir(parents=True)
    assert warm.read_state(asked) is None
    asked.state_file.write_text("{")
    assert warm.read_state(asked) is None
    warm.write_state(asked, running(os.getpid()))  # the number belongs to another process by now
    assert warm.read_state(asked) is None
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    warm.write_state(asked, running(ended.pid))
    assert warm.read_state(asked) is None
    assert warm.stop(asked) is False


def test_only_its_owner_reads_the_token(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    asked.folder.mkdir(parents=True)
    warm.write_state(asked, running(1))
    assert asked.state_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in asked.folder.iterdir()] == ["dev.json"]


def test_what_the_server_is_made_of_decides_whether_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wanted(tmp_path)
    first = asked.digest()
    assert wanted(tmp_path).digest() == first
    assert replace(asked, settings={"spark.driver.memory": "2g"}).digest() != first
    assert replace(asked, small=False).digest() != first
    assert replace(asked, warehouse=tmp_path / "other").digest() != first
    assert replace(asked, idle_seconds=1.0).digest() == first
    monkeypatch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")
    assert asked.digest() != first


def test_changed_code_of_ours_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "runner" / "session" / "warm.py"
    code.parent.mkdir(parents=True)
    code.write_text("one = 1\n")
    monkeypatch.setattr(warm, "__file__", str(code))
    first = warm.code_digest()
    assert warm.code_digest() == first
    code.write_text("two = 22\n")
    assert warm.code_digest() != first


def test_a_held_lock_says_that_the_server_is_in_use(tmp_path: Path) -> None:
    asked = wanted(tmp_path)
    assert warm.users(asked) is False
    asked.folder.mkdir(parents=True)
    asked.lock_file.touch()
    assert warm.users(asked) is False
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH); print(1, flush=True); input()",
         str(asked.lock_file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "1\n"
    assert warm.users(asked) is True
    holder.communicate("\n")
    assert warm.users(asked) is False


@pytest.mark.parametrize(
    ("target", "said", "is_warm"),
    [
        ("session: warm", None, True),
        ("session: cold", None, False),
        ("session: warm", "cold", False),
        ("session: cold", "warm", True),
        ("session: auto", None, False),  # a test has no terminal
        ("master: 'local[2]', session: warm", None, True),
        ("master: 'spark://master:7077', session: warm", None, False),
        ("remote: 'sc://server:15002', session: warm", None, False),
    ],
)
def test_when_commands_use_it(
    write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, target: str, said: str | None, is_warm: bool
) -> None:
    monkeypatch.delenv("SLUICE_SESSION", raising=False)
    if said:
        monkeypatch.setenv("SLUICE_SESSION", said)
    tiny["project.yml"] = tiny["project.yml"].replace("schema: marts}", f"schema: marts, {target}}}")
    command = Command(target=None, project_dir=write(tiny), variables={})
    assert command.is_warm() is is_warm


@pytest.mark.parametrize(
    ("target", "said", "message"),
    [
        ("session: wram", None, '"session" of target "dev" is one of auto, warm, cold, not wram. Did you mean "warm"?'),
        ("session: warm", "on", "SLUICE_SESSION is one of auto, warm, cold, not on."),
    ],
)
def test_another_word_is_refused(
    write: Write, tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, target: str, said: str | None, message: str
) -> None:
    if said:
        monkeypatch.setenv("SLUICE_SESSION", said)
    tiny["project.yml"] = tiny["project.yml"].replace("schema: marts}", f"schema: marts, {target}}}")
    with pytest.raises(ProjectError) as caught:
        Command(target=None, project_dir=write(tiny), variables={}).is_warm()
    assert str(caught.value) == message


class Shell:
    """The command line in a process of its own, which works in the warm session."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, "--project-dir", str(self.root)],
            env={**os.environ, "SLUICE_SESSION": "warm", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.begin(*arguments, **environment)
        out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    def state(self) -> State:
        found = json.loads((self.root / "target/session/dev.json").read_text())
        return State(**found)


@pytest.fixture
def shell(project: Path) -> Iterator[Shell]:
    shell = Shell(project)
    yield shell
    shell.run("session", "stop")


def _is_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.spark
def test_commands_share_one_server_and_survive_its_death(shell: Shell) -> None:
    code, _, err = shell.run("models")
    assert code == 0, err
    first = shell.state()
    both = [
        shell.begin("sql", f"select order_count + {n} as n from {{{{ ref('totals') }}}}", "--output", "json")
        for n in (1, 2)
    ]
    assert [process.communicate(timeout=200)[0] for process in both] == ['{"n": 3}\n', '{"n": 4}\n']
    assert shell.run("show", "stg_orders", "--output", "json")[1] == '{"order_id": 1, "total": "30.5"}\n'
    assert shell.state() == first
    status = shell.run("session", "status")[2]
    assert status.startswith(f"run: warm session of target dev: process {first.pid}, up "), status

    from runner.session.spark import connected

    with pytest.raises(
        MachineError, match=rf"^the Spark Connect server at sc://localhost:{first.port} does not answer: "
    ):
        connected(f"sc://localhost:{first.port}/;token=wrong", patience=0)

    os.kill(first.pid, signal.SIGKILL)
    assert _is_gone(first.pid, 10)
    code, out, err = shell.run("sql", "select order_count from {{ ref('totals') }}", "--output", "json")
    assert (code, out) == (0, '{"order_count": 2}\n')
    assert err == "run: the warm session has ended; starting a fresh one\n"
    assert shell.state().pid != first.pid


@pytest.mark.spark
def test_a_server_that_nobody_uses_ends_itself(shell: Shell) -> None:
    assert shell.run("session", "start", SLUICE_SESSION_MINUTES="0.05")[0] == 0
    pid = shell.state().pid
    deadline = time.monotonic() + 60
    while (shell.root / "target/session/dev.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not (shell.root / "target/session/dev.json").exists()
    assert _is_gone(pid, 20)
    assert shell.run("session")[1:] == ("", "run: no warm session. Start one: run session start\n")
