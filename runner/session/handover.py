"""A command's words given to a process that has everything imported: the terminal's side of it.

Beside a warm session waits a process that has imported what commands import (`runner.cli.forker`). It forks a child
for a command: the child gets this process's terminal, folder, environment and words, and does what this process would
have done, a second or four sooner. This process stays, passes signals on, and ends as the child ends. Where nobody
waits, or what waits is not made of the same code, packages and environment, the command goes its ordinary way and
nobody is the wiser.

It is imported before anything else, so it imports little itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from runner.session import interpreter

_OWN = ("session", "completion")  # commands that are this process's own
_SECONDS = 5.0  # for an answer; a fork takes some hundredths
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGWINCH", "SIGUSR1", "SIGUSR2")
ENDING = ".socket"


def at_terminal() -> bool:
    """True where a person works: one of the three streams is a terminal, and nothing says that this is automation."""
    return not os.environ.get("CI") and any(os.isatty(stream) for stream in (0, 1, 2))


def hand_over(words: Sequence[str]) -> None:
    """Lets a waiting process do the command, and ends this one as it ends; returns where there is none that fits."""
    if os.name != "posix" or not words or words[0] in _OWN or not _is_wanted():
        return
    with suppress(OSError, ValueError):  # whatever is wrong with it: the ordinary way is there
        for place in _places(words):
            line = _connected(place)
            if line is not None and _begun(line, words):
                _end(line, *_follow(line))


def _is_wanted() -> bool:
    said = os.environ.get("SLUICE_SESSION") or "auto"
    return said == "warm" or (said == "auto" and at_terminal())


def _places(words: Sequence[str]) -> Iterator[Path]:
    """Yields the sockets of the project's waiting processes, that of the last used session first."""
    asked = [word.partition("=")[2] or after for word, after in zip(words, [*words[1:], ""], strict=True) if word.partition("=")[0] == "--project-dir"]  # fmt: skip
    start = Path(asked[-1]).absolute() if asked else Path.cwd()
    for folder in (start, *start.parents):
        found = list((folder / "target/session").glob(f"*{ENDING}"))
        if found:
            yield from sorted(found, key=lambda path: path.with_suffix(".lock").stat().st_mtime, reverse=True)
            return


def _connected(place: Path) -> socket.socket | None:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(_SECONDS)
    try:
        with inside(place.parent):
            line.connect(place.name)
    except OSError:
        line.close()
        return None
    return line


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Works in a folder: a socket's name is short, its path may be longer than a socket's address can be."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _begun(line: socket.socket, words: Sequence[str]) -> bool:
    """Says what is to be done; True where the other side does it."""
    mask = os.umask(0)
    os.umask(mask)
    request = {
        "digest": interpreter.digest(interpreter.READ_ON_IMPORT),
        "words": list(words),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "mask": mask,
    }
    send(line, request, streams=(0, 1, 2))
    answer = receive(line)[0]
    if answer is None or "pid" not in answer:
        line.close()
        return False
    line.settimeout(None)
    _pass_signals_on(int(answer["pid"]))
    line.sendall(b"!")  # from here on it is the child's
    return True


def _pass_signals_on(group: int) -> None:
    """Lets the child's process group get the signals that this process gets, as the terminal sends them."""

    def pass_on(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)

    def pause(_: int, frame: FrameType | None) -> None:
        pass_on(signal.SIGSTOP, frame)
        os.kill(os.getpid(), signal.SIGSTOP)
        pass_on(signal.SIGCONT, frame)  # this process goes on, so the child does

    for name in _PASSED_ON:
        signal.signal(getattr(signal, name), pass_on)
    signal.signal(signal.SIGTSTP, pause)


def _follow(line: socket.socket) -> tuple[int, int]:
    """Waits for the end of the child; returns its exit code and the signal that ended it, 0 where none did."""
    ended = receive(line)[0]
    if ended is not None:
        return int(ended["code"]), int(ended["signal"])
    sys.stderr.write("run: the warm session's process was killed, and with it this command. Run it again.\n")
    return 1, 0


def _end(line: socket.socket, code: int, number: int) -> None:
    line.close()
    if number:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(code)


def send(line: socket.socket, said: dict[str, Any], *, streams: Sequence[int] = ()) -> None:
    """Sends a message, and file descriptors with it."""
    text = json.dumps(said).encode()
    head = len(text).to_bytes(8, "big")
    if streams:
        socket.send_fds(line, [head], list(streams))
    else:
        line.sendall(head)
    line.sendall(text)


def receive(line: socket.socket, *, streams: int = 0) -> tuple[dict[str, Any] | None, list[int]]:
    """Returns a message and the file descriptors that came with it; None where the other side has gone."""
    head = b""
    given: list[int] = []
    if streams:
        head, given, _, _ = socket.recv_fds(line, 8, streams)
    head += _exactly(line, 8 - len(head)) if len(head) < 8 else b""
    if len(head) < 8:
        return None, list(given)
    length = int.from_bytes(head, "big")
    text = _exactly(line, length)
    return (json.loads(text) if len(text) == length else None), list(given)


def _exactly(line: socket.socket, length: int) -> bytes:
    """Returns so many bytes, fewer where the other side has gone."""
    found = b""
    while len(found) < length:
        try:
            more = line.recv(length - len(found))
        except ConnectionError:
            break
        if not more:
            break
        found += more
    return found
