"""The warm session's server: a process of its own, which keeps Spark until nobody has used it for a while.

Beside it waits `runner.cli.forker`, which spares commands their imports. It is started by `runner.session.warm` with
its settings on stdin, and ends

- `idle_seconds` after the last command let go of the lock,
- when its file is gone or tells of another server (then when the last command that uses it has ended),
- when the project's folder is gone,
- on SIGINT at once, on SIGTERM when the last command that uses it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import FrameType

from runner.session.warm import State, Wanted, read_state, unused, users, wanted_from, write_state

_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Runs the server that stdin asks for."""
    wanted, state = wanted_from(json.load(sys.stdin))
    from runner.errors import ProjectError
    from runner.session.jobs import interrupt_all
    from runner.session.spark import KEPT, gateway_of, spark_session

    retired = False

    def retire(_: int, __: FrameType | None) -> None:
        nonlocal retired
        retired = True

    try:
        session = spark_session(
            f"sluice {wanted.root.name} (warm)",
            scratch=wanted.folder / wanted.name,
            master="local[*]",
            settings={KEPT: "true", **wanted.settings},
            small=wanted.small,
        )
    except ProjectError as error:
        sys.exit(str(error))
    signal.signal(signal.SIGTERM, retire)
    wanted.lock_file.touch()  # its idle time begins now
    port, token = gateway_of(session)
    state = replace(state, port=port, token=token)
    write_state(wanted, state)
    forker = None
    try:
        while not _is_over(wanted, state, retired=retired):
            with unused(wanted) as free:
                if free:
                    interrupt_all(session)  # what a command left that was killed
            if free and forker is None:  # the first command has had the machine for itself
                forker = _start_forker(wanted)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        pass
    finally:
        if (found := read_state(wanted)) is not None and found.id == state.id:
            wanted.state_file.unlink(missing_ok=True)
        session.stop()
        os._exit(0)  # no thread of the gateway holds up the end


def _is_over(wanted: Wanted, state: State, *, retired: bool) -> bool:
    if not wanted.root.is_dir():
        return True
    if users(wanted):
        return False
    found = read_state(wanted)
    if retired or found is None or found.id != state.id:
        return True
    try:
        return time.time() - wanted.lock_file.stat().st_mtime > wanted.idle_seconds
    except FileNotFoundError:
        return True


def _start_forker(wanted: Wanted) -> subprocess.Popen[bytes]:
    """Starts the process that has everything imported; it ends when its stdin does, which is with this process."""
    program = [sys.executable, "-P", "-m", "runner.cli.forker", str(wanted.folder), wanted.name]
    return subprocess.Popen(program, stdin=subprocess.PIPE, cwd=wanted.root)


if __name__ == "__main__":
    main()
