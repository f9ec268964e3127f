"""The process that waits beside a warm session with everything imported, and forks a child for each command.

It is started by `runner.session.server` and ends with it: its stdin is a pipe that the server holds. It runs nothing
itself and has one thread, so that its children begin clean. See `runner.session.handover` for the other side.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from runner.session import interpreter
from runner.session.handover import ENDING, inside, receive, send

_PACKAGES = ("runner", "expectations")  # every module of them
# What they import only when they need it, by most commands that work with Spark.
_NEEDED = (
    "deltalake",
    "pyspark.java_gateway",
    "pyspark.sql",
    "pyspark.sql.functions",
    "pyspark.sql.pandas.types",
    "rich.console",
    "rich.live",
    "rich.table",
    "sqlglot.dialects.spark",
    "expectations.gx",
)
_NOT_DONE = 75  # a child's exit code where it did not do the command; no command ends with it
_PROGRAMS = ("runner.session.server", "runner.cli.forker")


def main() -> None:
    """Waits for commands at the socket of the session that the arguments name: its folder, its name."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    made_of = interpreter.digest(interpreter.READ_ON_IMPORT)
    prepare()
    place = folder / f"{name}{ENDING}"
    listener = _listening(place)
    try:
        _Forker(listener, made_of, lock=folder / f"{name}.lock").serve()
    finally:
        with suppress(FileNotFoundError):
            place.unlink()


def prepare() -> None:
    """Imports what commands import."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if module.name not in _PROGRAMS:
                importlib.import_module(module.name)
    for wanted in _NEEDED:
        with suppress(ImportError):  # a command will say what is missing
            importlib.import_module(wanted)
    gc.collect()
    gc.freeze()  # children look at these objects no more, and share their memory


def _listening(place: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place.unlink(missing_ok=True)
    mask = os.umask(0o077)  # nobody else may connect
    try:
        with inside(place.parent):
            listener.bind(place.name)
    finally:
        os.umask(mask)
    listener.listen(16)
    return listener


class _Forker:
    """Forks a child for each connection, and tells how it ended.

    Args:
        lock: the session's lock; its time is when the session was used last.
    """

    def __init__(self, listener: socket.socket, made_of: str, *, lock: Path) -> None:
        self._listener = listener
        self._made_of = made_of
        self._lock = lock
        self._lines: dict[int, socket.socket] = {}  # child → the connection of the command that it does
        self._accepts = True
        self._inherited: tuple[socket.socket, ...] = ()  # what a child closes, beside these

    def serve(self) -> None:
        """Works until the server has gone and the last child has ended."""
        woken, wake = socket.socketpair()
        for end in (woken, wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, _nothing)  # a signal without a handler wakes nobody
        signal.set_wakeup_fd(wake.fileno())
        self._inherited = (woken, wake)
        with selectors.DefaultSelector() as selector:
            for source in (self._listener, woken, sys.stdin):
                selector.register(source, selectors.EVENT_READ)
            while self._accepts or self._lines:
                ready = {key.fileobj for key, _ in selector.select()}
                if woken in ready:
                    woken.recv(4096)
                    self._reap()
                if self._listener in ready and self._accepts:
                    self._accept()
                if sys.stdin in ready and self._accepts:  # nothing is ever written to it: it has ended
                    self._accepts = False
                    selector.unregister(sys.stdin)
                    selector.unregister(self._listener)
                    self._listener.close()

    def _accept(self) -> None:
        line, _ = self._listener.accept()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: libraries' idle ones
            pid = os.fork()
        if pid == 0:
            self._become(line)
        self._lines[pid] = line

    def _reap(self) -> None:
        while self._lines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            line = self._lines.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            with suppress(OSError), line:
                send(line, {"code": max(code, 0), "signal": max(-code, 0)})
            if code != _NOT_DONE:
                with suppress(FileNotFoundError):
                    os.utime(self._lock)

    def _become(self, line: socket.socket) -> None:
        """Does a command, in the child; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for inherited in (self._listener, *self._inherited, *self._lines.values()):
                inherited.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setsid()
            request, streams = receive(line, streams=3)
            if request is None or request["digest"] != self._made_of or len(streams) != 3:
                send(line, {})
                os._exit(_NOT_DONE)
            send(line, {"pid": os.getpid()})
            if line.recv(1) != b"!":
                os._exit(_NOT_DONE)
            _take_over(request, streams)
            threading.Thread(target=_watch, args=(line,), daemon=True).start()
            from runner.cli.commands import script

            script()
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def _nothing(_: int, __: FrameType | None) -> None:
    pass


def _take_over(request: dict[str, Any], streams: list[int]) -> None:
    """Makes this process what the one was that asked: its folder, environment, words and streams."""
    os.chdir(request["folder"])
    os.umask(request["mask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv[:] = ["run", *request["words"]]
    for number, given in enumerate(streams):
        os.dup2(given, number)
        os.close(given)
    sys.stdin = _stream(0, "r")
    sys.stdout = _stream(1, "w")
    sys.stderr = _stream(2, "w", errors="backslashreplace")


def _stream(number: int, mode: str, *, errors: str = "strict") -> Any:
    """Returns a stream buffered as Python's own: by lines on a terminal and for errors."""
    by_lines = number == 2 or os.isatty(number)
    return os.fdopen(number, mode, 1 if by_lines else -1, errors=errors, closefd=False)


def _watch(line: socket.socket) -> None:
    """Stops the command where the process that asked for it has gone without a word."""
    with suppress(OSError):
        while line.recv(1):
            pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
