"""The warm session: a Spark of the project's own, kept between commands and found again by a file.

A command that asks for Spark holds a shared lock while it uses the kept one; that ends itself when nobody has held the
lock for a while (`runner.session.server`). It listens on this machine only and wants a token that stands in a file
which only its owner can read. What it was started with is in a digest: where settings, packages or our code have
changed since, a new one takes its place.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import MachineError
from runner.session import interpreter

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IDLE_SECONDS = 15 * 60.0
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The server that a command needs.

    Attributes:
        folder: where its files are: `target/session`.
        name: one server per name: the target's.
        root: the project's folder; the server ends when it is gone.
        warehouse: the warehouse whose tables its catalog holds.
        settings: Spark's settings of the target.
        small: set up for small data.
        idle_seconds: how long it waits for a next command.
    """

    folder: Path
    name: str
    root: Path
    warehouse: Path
    settings: Mapping[str, str]
    small: bool
    idle_seconds: float = IDLE_SECONDS

    @property
    def state_file(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def lock_file(self) -> Path:
        return self.folder / f"{self.name}.lock"

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    def digest(self) -> str:
        """Returns what the server is made of: settings, interpreter, packages, environment, our code."""
        told = {
            "settings": dict(self.settings),
            "small": self.small,
            "warehouse": str(self.warehouse),
            "process": interpreter.digest(interpreter.READ_BY_SPARK),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A running server as its file tells.

    Attributes:
        id: of this server and no other.
        port, token: where and how its Spark answers.
        started_at: seconds since the epoch.
        digest: see `Wanted.digest`.
    """

    id: str
    pid: int
    digest: str
    started_at: float
    port: int = 0
    token: str = ""


def is_ours(wanted: Wanted) -> bool:
    """False where another user of this machine keeps the session of this folder: nobody shares that."""
    return not wanted.folder.exists() or wanted.folder.stat().st_uid == os.geteuid()


def read_state(wanted: Wanted) -> State | None:
    """Returns the server that the file tells of; None where there is none, or its process has ended."""
    try:
        found = State(**json.loads(wanted.state_file.read_text(encoding="utf-8")))
    except (FileNotFoundError, PermissionError, json.JSONDecodeError, TypeError):
        return None
    return found if _is_server(found.pid) else None


def write_state(wanted: Wanted, state: State) -> None:
    """Writes the file that commands find the server by, readable by its owner only."""
    partial = wanted.state_file.with_suffix(f".{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
    partial.replace(wanted.state_file)


@contextmanager
def warm_session(wanted: Wanted, say: Callable[[str], None] = lambda _: None) -> Iterator[SparkSession]:
    """Gives a session on the project's own server, started if there is none that fits.

    Args:
        say: is told, in one line, why a server that ran is not used.

    Raises:
        MachineError: no server could be started.
    """
    from runner.session.spark import attached

    wanted.folder.mkdir(parents=True, exist_ok=True)
    with _held(wanted.lock_file, fcntl.LOCK_SH), ExitStack() as stack:  # in use: it does not end meanwhile
        state = _found_or_started(wanted, say)
        try:
            session = stack.enter_context(attached(state.port, state.token))
        except MachineError:
            say("the warm session does not answer; starting a fresh one")
            _end(state)
            state = _found_or_started(wanted, say)
            session = stack.enter_context(attached(state.port, state.token))
        try:
            yield session
        finally:
            wanted.lock_file.touch()


def _found_or_started(wanted: Wanted, say: Callable[[str], None]) -> State:
    digest = wanted.digest()
    with _held(wanted.folder / f"{wanted.name}.start", fcntl.LOCK_EX):  # two commands start one server
        told = wanted.state_file.exists()
        state = read_state(wanted)
        if state is not None and state.digest == digest:
            return state
        if state is not None:
            say("settings, packages or code have changed: starting Spark anew")
            retire(wanted, state)
        elif told:
            say("the warm session has ended; starting a fresh one")
        else:
            minutes = wanted.idle_seconds / 60
            say(
                f"Spark stays for the next commands, until {minutes:g} minutes after the last; run session stop ends it"
            )
        return _start(wanted, digest)


def retire(wanted: Wanted, state: State) -> None:
    """Lets a server go: at once where nobody else uses it, else when the last command has ended."""
    wanted.state_file.unlink(missing_ok=True)
    _signal(state.pid, signal.SIGTERM)


def stop(wanted: Wanted) -> bool:
    """Ends the server, whoever uses it; False where there is none."""
    state = read_state(wanted)
    wanted.state_file.unlink(missing_ok=True)
    if state is None:
        return False
    _end(state)
    return True


def users(wanted: Wanted) -> bool:
    """True where a command uses the server now."""
    with unused(wanted) as free:
        return not free


@contextmanager
def unused(wanted: Wanted) -> Iterator[bool]:
    """Gives True where no command uses the server; none begins to meanwhile."""
    if not wanted.lock_file.exists():
        yield True
        return
    with wanted.lock_file.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def start(wanted: Wanted) -> State:
    """Returns the server, started if there is none that fits."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    return _found_or_started(wanted, lambda _: None)


def _start(wanted: Wanted, digest: str) -> State:
    from runner.session.spark import delta_jars, java_version

    java_version()  # what is missing is said here, not in the server's log
    delta_jars()
    state = State(id=uuid.uuid4().hex, pid=0, digest=digest, started_at=time.time())
    request = {
        **{name: str(value) for name, value in _paths(wanted).items()},
        "name": wanted.name,
        "small": wanted.small,
    }
    request |= {"settings": dict(wanted.settings), "idle_seconds": wanted.idle_seconds, "state": asdict(state)}
    wanted.lock_file.touch()
    elsewhere = ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_API_MODE")
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    with wanted.log_file.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner.session.server"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=wanted.root,
            start_new_session=True,  # Ctrl-C at the terminal is the command's, not the server's
            text=True,
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = read_state(wanted)
        if found is not None and found.id == state.id:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        process.kill()
    said = wanted.log_file.read_text(errors="replace").strip().splitlines()
    raise MachineError(
        f"the warm session did not start: {said[-1] if said else 'it said nothing'} Its log: {wanted.log_file}. "
        "Work without it: SLUICE_SESSION=cold"
    )


def _paths(wanted: Wanted) -> dict[str, Path]:
    return {
        "folder": wanted.folder.absolute(),
        "root": wanted.root.absolute(),
        "warehouse": wanted.warehouse.absolute(),
    }


def wanted_from(request: Mapping[str, Any]) -> tuple[Wanted, State]:
    """Returns what `_start` asked for: the server's side of it."""
    wanted = Wanted(
        folder=Path(request["folder"]),
        name=request["name"],
        root=Path(request["root"]),
        warehouse=Path(request["warehouse"]),
        settings=request["settings"],
        small=request["small"],
        idle_seconds=request["idle_seconds"],
    )
    return wanted, replace(State(**request["state"]), pid=os.getpid())


def _is_server(pid: int) -> bool:
    """True where the process runs and is a server of ours: a number may belong to another one by now."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    command = Path(f"/proc/{pid}/cmdline")
    if command.parent.parent.joinpath("self").exists():
        try:
            return b"runner.session.server" in command.read_bytes()
        except OSError:
            return False
    said = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return "runner.session.server" in said


def _signal(pid: int, kind: signal.Signals) -> None:
    if _is_server(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, kind)


def _end(state: State) -> None:
    _signal(state.pid, signal.SIGINT)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_server(state.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(state.pid, signal.SIGKILL)  # its JVM ends with it


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield
