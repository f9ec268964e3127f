"""--defer: the options, and the project of a command that reads another target's tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, DeferAsked, say
from runner.errors import ProjectError

if TYPE_CHECKING:
    from runner.environments.defer import Elsewhere
    from runner.quality import Quality

_SHOWN = 8


def defer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --defer, --defer-target, --defer-state and --favor-state; stands below `project_options`."""

    @functools.wraps(function)
    def wrapper(
        command: Command,
        *args: Any,
        defer: bool,
        defer_target: str | None,
        defer_state: Path | None,
        favor_state: bool,
        **rest: Any,
    ) -> Any:
        on = defer or defer_target is not None or defer_state is not None
        command.deferring = DeferAsked(on=on, target=defer_target, state=defer_state, favor=favor_state)
        return function(command, *args, **rest)

    wrapped: Callable[..., Any] = wrapper
    for option in (
        click.option("--favor-state", is_flag=True, help="With --defer: also where the own target has the table."),
        click.option(
            "--defer-state",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Defer to the manifest in this folder; that of --state by default.",
        ),
        click.option("--defer-target", metavar="NAME", help="Defer to this target; default_defer_target by default."),
        click.option(
            "--defer/--no-defer",
            default=False,
            help="Read what is neither selected nor built here from another target.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def start_deferring(
    command: Command,
    nodes: Iterable[str],
    quality: Quality | None = None,
    *,
    read_only: bool = False,
    as_published: bool = False,
    quiet: bool = False,
) -> None:
    """Lets the command's project read elsewhere what it lacks; does nothing where that was not asked for.

    Args:
        nodes: the nodes that the command works on.
        quality: its checks, whose other tables are read, too.
        read_only: the nodes themselves are only read.
        as_published: and as they are published: what they are made of is not.
        quiet: do not say what was deferred.

    Raises:
        ProjectError: nothing says where to, or there is no such target.
    """
    asked = command.deferring
    if asked is None:
        return
    if not asked.on:
        if asked.favor:
            raise ProjectError("--favor-state says how to defer: add --defer.")
        return
    from runner.environments.defer import defer, read_by

    project = command.project()
    nodes = list(nodes)
    other = _elsewhere(command, asked)
    references: Mapping[str, Mapping[str, str]] = quality.references if quality else {}
    compared = [read for node in nodes for read in references.get(node, {}).values()]
    reads = [*(compared if as_published else read_by(project, nodes, references)), *(nodes if read_only else ())]
    found = defer(project, other, reads=reads, builds=() if read_only else nodes, favor=asked.favor)
    command.work_on(found.project)
    if quiet:
        return
    if not found.moved:
        say(f"run: nothing is deferred to {found.name}: this target has all that is read.")
        return
    rest = len(found.moved) - _SHOWN
    say(f"run: read from {found.name}: {', '.join(found.moved[:_SHOWN])}{f' and {rest} more' if rest > 0 else ''}.")


def _elsewhere(command: Command, asked: DeferAsked) -> Elsewhere:
    from runner.environments.defer import tables_of_state, tables_of_target
    from runner.project.parse import load_project

    project = command.project()
    state = asked.state or command.asked.state  # as dbt has it: --defer --state DIR
    if state is not None and asked.target is None:
        return tables_of_state(project, state)
    document = project.files.own.document
    target = asked.target or document.text("default_defer_target", "the project", "")
    if not target:
        raise ProjectError(
            f"{project.files.project_file}: --defer needs to know where to. "
            "Name a target with --defer-target, or set default_defer_target."
        )
    if target == project.files.target.name:
        raise ProjectError(
            f'--defer to "{target}": this is the target that you work on. Name another with --defer-target.'
        )
    return tables_of_target(project, load_project(project.root, target=target, variables=command.variables))
