"""The warm session's server: a process of its own, which runs Spark with Connect until nobody has used it for a while.

It is started by `runner.session.warm` with its settings on stdin, and ends

- `idle_seconds` after the last command let go of the lock,
- when its file is gone or tells of another server (then when the last command that uses it has ended),
- when the project's folder is gone,
- on SIGINT at once, on SIGTERM when the last command that uses it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from types import FrameType

from runner.session.warm import State, Wanted, read_state, users, wanted_from, write_state

_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Runs the server that stdin asks for."""
    wanted, state = wanted_from(json.load(sys.stdin))
    from runner.errors import ProjectError
    from runner.session.spark import spark_session

    retired = False

    def retire(_: int, __: FrameType | None) -> None:
        nonlocal retired
        retired = True

    try:
        session = spark_session(
            f"sluice {wanted.root.name} (warm)",
            scratch=wanted.folder / wanted.name,
            master="local[*]",
            settings={**_connect_settings(wanted, state), **wanted.settings},
            small=wanted.small,
        )
    except ProjectError as error:
        sys.exit(str(error))
    signal.signal(signal.SIGTERM, retire)
    wanted.lock_file.touch()  # its idle time begins now
    write_state(wanted, state)
    try:
        while not _is_over(wanted, state, retired=retired):
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        pass
    finally:
        if (found := read_state(wanted)) is not None and found.token == state.token:
            wanted.state_file.unlink(missing_ok=True)
        session.stop()
        os._exit(0)  # no thread of the gateway holds up the end


def _is_over(wanted: Wanted, state: State, *, retired: bool) -> bool:
    if not wanted.root.is_dir():
        return True
    if users(wanted):
        return False
    found = read_state(wanted)
    if retired or found is None or found.token != state.token:
        return True
    try:
        return time.time() - wanted.lock_file.stat().st_mtime > wanted.idle_seconds
    except FileNotFoundError:
        return True


def _connect_settings(wanted: Wanted, state: State) -> dict[str, str]:
    return {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(state.port),
        "spark.connect.grpc.port.maxRetries": "0",
        "spark.sql.artifact.isolation.enabled": "true",
        "spark.sql.artifact.isolation.alwaysApplyClassloader": "true",
        "spark.connect.progress.reportInterval": "250ms",
        # Models of one run share the default pool: fairly, as the pools of a classic session do.
        "spark.scheduler.allocation.file": str(_fair_pool(wanted)),
    }


def _fair_pool(wanted: Wanted) -> str:
    path = wanted.folder / "pools.xml"
    path.write_text(
        '<?xml version="1.0"?>\n<allocations><pool name="default"><schedulingMode>FAIR</schedulingMode></pool></allocations>\n',
        encoding="utf-8",
    )
    return path.absolute().as_uri()


if __name__ == "__main__":
    main()
