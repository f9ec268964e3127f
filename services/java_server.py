"""One server in a JVM of its own: its data, log and process id in one folder, its ports the same over restarts."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.errors import MachineError
from services.install import java
from services.locked import locked

_POLL_SECONDS = 0.05
_PORT_SECONDS = 5.0  # how long a killed server's port may stay taken
# Below the ports that systems lend to outgoing connections, so that none of those takes ours while we restart.
_FREE_PORTS = range(20_000, 32_000)


@dataclass(slots=True, kw_only=True, eq=False)
class JavaServer:
    """A server, started, stopped, killed and started again over one folder.

    Attributes:
        title: its name in messages.
        folder: absolute; holds `server.json` (process id, ports), `log`, and what the server keeps.
        main: the launcher's class.
        class_path: fetches and compiles at need; called at each start.
        ports: by name, all of this machine only.
        options: of the JVM; `-Dsluice.folder`, by which we know our process, is added.
        arguments: of the launcher.
        answers: returns None where the server answers a real call, else the reason why not.
        start_seconds: how long it may take to answer.
        stop_seconds: how long it may take to stop in order before it is killed.
        cleared: folders in `folder` that each start begins without.
    """

    title: str
    folder: Path
    main: str
    class_path: Callable[[], str]
    ports: Mapping[str, int]
    options: Sequence[str]
    arguments: Sequence[str]
    answers: Callable[[], str | None]
    start_seconds: float
    stop_seconds: float
    cleared: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What the server says since its last start; `log.1` is from the start before."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """The running server's process id; None where it does not run."""
        if self._process is not None:
            self._process.poll()  # a child that has ended stays in the list of processes until it is asked after
        pid = read_state(self.folder).pid
        return pid if pid is not None and is_ours(pid, self.folder) else None

    def start(self, *, detached: bool = False) -> None:
        """Starts the server and waits until it answers.

        Args:
            detached: it goes on when this process ends; otherwise it ends with it, at most half a second later.

        Raises:
            MachineError: it runs already, a port is taken, or it does not start; then with the end of its log.
        """
        class_path = self.class_path()
        with locked(self.folder / "lock"):
            if (pid := self.pid) is not None:
                raise MachineError(f"{self.title}: runs already in {self.folder} (process {pid}). Stop it first.")
            self._await_ports()
            for name in self.cleared:
                shutil.rmtree(self.folder / name, ignore_errors=True)
            self._launch(class_path, detached)
            try:
                self._await_answer()
            except BaseException:
                self.kill()
                raise

    def stop(self) -> None:
        """Stops the server in order, and by force where that takes too long. Its data stay. Does nothing if it is not running."""
        self._end(signal.SIGTERM, self.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """Ends the server as a crash would (SIGKILL). What it has on disk stays. Does nothing if it is not running."""
        self._end(signal.SIGKILL, 10.0)

    def _end(self, by: signal.Signals, seconds: float) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, by)
        end = time.monotonic() + seconds
        # The system closes the ports of a dying process a moment after it has taken its command line from it.
        while (self.pid is not None or any(map(is_open, self.ports.values()))) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        if self.pid is None:
            write_state(self.folder, State(pid=None, ports=self.ports))

    def _launch(self, class_path: str, detached: bool) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_name("log.1"))
        watched = [] if detached else [f"-Dsluice.parent={os.getpid()}"]
        command = [java(), *self.options, *watched, _mark(self.folder), self.main, *self.arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "CLASSPATH": class_path},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not meant for it
            )
        write_state(self.folder, State(pid=self._process.pid, ports=self.ports))

    def _await_ports(self) -> None:
        end = time.monotonic() + _PORT_SECONDS
        for name, port in self.ports.items():
            while not is_free(port):
                if time.monotonic() > end:
                    raise MachineError(
                        f"{self.title}: port {port} ({name}) is taken by another program. Stop that, or give another port."
                    )
                time.sleep(_POLL_SECONDS)

    def _await_answer(self) -> None:
        process, end = self._process, time.monotonic() + self.start_seconds
        assert process is not None
        while (reason := self.answers()) is not None:
            if process.poll() is not None:
                raise MachineError(
                    f"{self.title}: did not start: it ended with {process.returncode}. {self._log_end()}"
                )
            if time.monotonic() > end:
                raise MachineError(
                    f"{self.title}: did not answer within {self.start_seconds:g} seconds: {reason}. {self._log_end()}"
                )
            time.sleep(_POLL_SECONDS)

    def _log_end(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `server.json` holds.

    Attributes:
        pid: of the process that was started last; None where it was stopped.
    """

    pid: int | None
    ports: Mapping[str, int]


def read_state(folder: Path) -> State:
    """Returns what is known of a folder's server; nothing where none was ever started there."""
    try:
        found = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        return State(pid=found["pid"], ports=found["ports"])
    except FileNotFoundError:
        return State(pid=None, ports={})


def write_state(folder: Path, state: State) -> None:
    """Replaces what is known of a folder's server."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"server.{os.getpid()}"
    partial.write_text(json.dumps({"pid": state.pid, "ports": dict(state.ports)}) + "\n", encoding="utf-8")
    partial.replace(folder / "server.json")


def is_ours(pid: int, folder: Path) -> bool:
    """Tells whether a process runs and is the server of this folder, by its command line."""
    listing = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return _mark(folder) in listing.read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
    said = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return f" {_mark(folder)} " in said.stdout


def _mark(folder: Path) -> str:
    return f"-Dsluice.folder={folder}"


def is_free(port: int) -> bool:
    """Tells whether a server could listen on the port of this machine's loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: old connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Tells whether something listens on the port of this machine's loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ports_of(wanted: Mapping[str, int]) -> dict[str, int]:
    """Returns a port for each name: the wanted one, or where that is 0 a free one."""
    chosen = dict(wanted)
    for name in [name for name, port in wanted.items() if port == 0]:
        while chosen[name] == 0:
            candidate = random.choice(_FREE_PORTS)
            if candidate not in chosen.values() and is_free(candidate):
                chosen[name] = candidate
    return chosen
