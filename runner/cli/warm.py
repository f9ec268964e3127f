"""`run session`: the Spark that is kept between commands."""

from __future__ import annotations

import time

import click

from runner.cli.session import Command, project_options, say, status
from runner.errors import ProjectError


@click.command("session", short_help="The warm session: status, start, stop.")
@click.argument("action", type=click.Choice(["status", "start", "stop"]), default="status")
@project_options
def session_command(command: Command, action: str) -> int:
    """The warm session: a Spark that this project keeps between commands, so that they need not start one.

    At a terminal a command starts it when it needs Spark; it ends 15 minutes after the last use. SLUICE_SESSION, or
    "session" of the target, says when it is used: auto (at a terminal), warm (always), cold (never).
    """
    from runner.session import warm

    wanted = command.warm()
    if action == "start":
        _refuse_elsewhere(command)
        with status("starting Spark"):
            warm.start(wanted)
    elif action == "stop":
        stopped = warm.stop(wanted)
        say("run: the warm session has ended." if stopped else "run: there was no warm session.")
        return 0
    state = warm.read_state(wanted)
    if state is None:
        say("run: no warm session. Start one: run session start")
        return 1
    minutes = (time.time() - state.started_at) / 60
    used = time.time() - wanted.lock_file.stat().st_mtime
    now = "in use" if warm.users(wanted) else f"last used {_ago(used)}, ends {_ago(used - wanted.idle_seconds)}"
    say(f"run: warm session of target {wanted.name}: process {state.pid}, up {minutes:.0f} min, {now}.")
    if state.digest != wanted.digest():
        say("     settings, packages or code have changed since it started; the next command starts it anew.")
    if not command.is_warm():
        say("     commands do not use it here; set SLUICE_SESSION=warm to use it.")
    return 0


def _refuse_elsewhere(command: Command) -> None:
    target = command.project().files.target
    place = "a Spark Connect server" if target.remote else target.master
    if place and not place.startswith("local"):
        raise ProjectError(
            f'the target "{target.name}" works on {place}, and Spark is kept there. A warm session is for this machine.'
        )


def _ago(seconds: float) -> str:
    word = f"{abs(seconds):.0f} s" if abs(seconds) < 90 else f"{abs(seconds) / 60:.0f} min"
    return f"{word} ago" if seconds >= 0 else f"in {word}"
