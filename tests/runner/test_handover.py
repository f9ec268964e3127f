"""Commands given to the process that waits with everything imported: nobody can tell them from those done in the ordinary way."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = "from runner.cli import script; script()"
ENDLESS = "{% for one in range(100000) %}{% for two in range(100000) %}{% endfor %}{% endfor %}select 1 as x"


@dataclass(frozen=True)
class Waiting:
    """A project, and a process beside it that waits for commands."""

    root: Path
    process: subprocess.Popen[bytes]

    @property
    def lock(self) -> Path:
        return self.root / "target/session/dev.lock"

    def begin(self, *words: str, session: str = "warm", **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=self.root,
            env={**os.environ, "SLUICE_SESSION": session, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, session: str = "warm", **more: str) -> tuple[int, str, str]:
        process = self.begin(*words, session=session, **more)
        out, err = process.communicate("", timeout=60)
        return process.returncode, out, err

    def did(self, seconds: float = 5.0) -> bool:
        """True where the waiting process has done a command since the last time that this was asked."""
        deadline = time.monotonic() + seconds
        while self.lock.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        done = self.lock.stat().st_mtime != 0
        os.utime(self.lock, (0, 0))
        return done

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in tasks.read_text().split()]

    def child(self) -> int:
        """Returns the process that does a command."""
        deadline = time.monotonic() + 20
        while not self.children() and time.monotonic() < deadline:
            time.sleep(0.01)
        (child,) = self.children()
        return child

    def is_alone(self) -> bool:
        deadline = time.monotonic() + 20
        while self.children() and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.children()


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    root = tmp_path_factory.mktemp("waiting")
    files = {
        "project.yml": "name: tiny\ndefault_target: dev\ntargets: {dev: {warehouse: warehouse}}\n",
        "models/totals.sql": "select {{ env_var('AMOUNT', '1') }} as amount",
        "more/endless.sql": ENDLESS,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    folder = root / "target/session"
    folder.mkdir(parents=True)
    (folder / "dev.lock").touch()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "runner.cli.forker", str(folder), "dev"], stdin=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not (folder / "dev.socket").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.utime(folder / "dev.lock", (0, 0))
    yield Waiting(root, process)
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize(
    "words",
    [
        ("ls",),
        ("ls", "--select", "totls"),
        ("compile", "totals"),
        ("compile", "--no-such-option"),
        ("--help",),
        ("show", "totals"),
    ],
)
def test_it_says_what_the_ordinary_way_says(waiting: Waiting, words: tuple[str, ...]) -> None:
    ordinary = waiting.run(*words, session="cold")
    assert not waiting.did(0)
    assert waiting.run(*words) == ordinary
    assert waiting.did()


def test_the_environment_and_the_folder_are_the_callers(waiting: Waiting) -> None:
    assert waiting.run("compile", "totals", AMOUNT="7")[1] == "select 7 as amount\n"
    assert waiting.did()
    elsewhere = subprocess.run(
        [sys.executable, "-c", PROGRAM, "ls", "--project-dir", waiting.root.name],
        cwd=waiting.root.parent,
        env={**os.environ, "SLUICE_SESSION": "warm"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (elsewhere.returncode, elsewhere.stdout, elsewhere.stderr) == (0, "totals\n", "")
    assert waiting.did()


def test_where_what_is_read_on_import_differs_it_goes_the_ordinary_way(waiting: Waiting) -> None:
    assert waiting.run("ls", PYTHONUTF8="1") == (0, "totals\n", "")
    assert not waiting.did(0.2)


def at_terminal(waiting: Waiting, *words: str, session: str) -> bytes:
    """Returns what a command writes on a terminal of 72 columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=waiting.root,
        env={**{name: value for name, value in os.environ.items() if name != "CI"}, "SLUICE_SESSION": session},
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        found = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # nobody has the terminal any more
                break
            if not more:
                break
            found += more
        process.wait(60)
    os.close(ours)
    return found


def test_at_a_terminal_it_knows_the_width_and_the_colours(waiting: Waiting) -> None:
    for words in (("--help",), ("plan", "--no-types")):
        ordinary = at_terminal(waiting, *words, session="cold")
        assert ordinary
        assert at_terminal(waiting, *words, session="auto") == ordinary
        assert waiting.did()


@pytest.fixture
def endless(waiting: Waiting) -> Iterator[subprocess.Popen[str]]:
    """A command that is at work, and that would not end by itself."""
    model = waiting.root / "models/endless.sql"
    model.write_text((waiting.root / "more/endless.sql").read_text())
    process = waiting.begin("compile", "endless")
    waiting.child()
    time.sleep(0.5)  # it has taken over what it needs, and renders
    yield process
    model.unlink()
    process.kill()
    process.communicate()


def test_ctrl_c_reaches_the_command(waiting: Waiting, endless: subprocess.Popen[str]) -> None:
    endless.send_signal(signal.SIGINT)
    _, err = endless.communicate(timeout=30)
    assert (endless.returncode, err) == (130, "\nrun: stopped. Nothing half-built was published.\n")
    assert waiting.is_alone()


def test_a_command_that_is_ended_by_a_signal_ends_by_it(waiting: Waiting, endless: subprocess.Popen[str]) -> None:
    endless.send_signal(signal.SIGTERM)
    endless.communicate(timeout=30)
    assert endless.returncode == -signal.SIGTERM
    assert waiting.is_alone()


def test_nothing_goes_on_for_a_caller_that_has_been_killed(waiting: Waiting, endless: subprocess.Popen[str]) -> None:
    endless.kill()
    assert waiting.is_alone()


def test_it_ends_with_its_server_once_the_last_command_has_ended(waiting: Waiting) -> None:
    assert waiting.process.stdin is not None
    waiting.process.stdin.close()
    assert waiting.process.wait(20) == 0
    assert not (waiting.root / "target/session/dev.socket").exists()
    assert waiting.run("ls") == (0, "totals\n", "")
