"""The options by which a command is told what to work on, and what they choose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.selection import INDIRECT, Indirect, StateView
from runner.selection.state import state_of_folder

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from runner.cli.session import Command
    from runner.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How nodes are chosen, beside --select and --exclude.

    Attributes:
        selector: the name of a selector of selectors.yml.
        indirect: which tests come along with what is chosen.
        state: the folder of earlier artifacts.
    """

    selector: str | None = None
    indirect: Indirect = "eager"
    state: Path | None = None


def choose(
    command: Command, include: Iterable[str], exclude: Iterable[str], *, kinds: Collection[str] = ("model",)
) -> list[str]:
    """Returns the unique ids that a command was asked to work on, parents before children; see `Listing.select`."""
    asked = command.asked
    return command.listing().select(
        include, exclude, kinds=kinds, selector=asked.selector, indirect=asked.indirect, state=state_view(command)
    )


def chosen_quality(command: Command, include: Iterable[str], exclude: Iterable[str]) -> Quality:
    """Returns the project's checks without the data tests that the selection leaves out.

    Tests come along with tables as --indirect-selection says; suites always do.
    """
    quality, project = command.quality(), command.project()
    chosen = set(choose(command, include, exclude, kinds=("model", "seed", "snapshot", "source", "test")))
    left_out = {
        test.unique_id
        for test in project.tests.values()
        if test.unique_id not in chosen and not chosen.isdisjoint(test.parents)
    }
    return quality.only(set(project.tests) - left_out) if left_out else quality


def state_view(command: Command) -> StateView:
    """Returns what selectors may compare with; the project is parsed, and state read, only where one asks for it."""
    root = command.root()
    return state_of_folder(
        command.asked.state, root / "target", current=lambda: _current(command), stale=lambda: _stale(command)
    )


def _current(command: Command) -> Mapping[str, Any]:
    from runner.artifacts import manifest

    return manifest(command.project(), invocation_id=command.invocation_id)


def _stale(command: Command) -> Collection[str]:
    from runner.state.decide import State
    from runner.state.plan import stale

    project = command.project()
    return stale(project, State(project, command.quality()))


def _completed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from runner.cli.complete import completions

    return completions(context, parameter, incomplete)


def selection_options() -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Returns the options and the argument of a command that selects, innermost first."""
    return [
        click.option(
            "--state",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            metavar="DIR",
            help="Earlier artifacts, for state: and result:.",
        ),
        click.option(
            "--indirect-selection",
            "indirect",
            type=click.Choice(INDIRECT),
            default="eager",
            help="Which tests come along with chosen tables.",
        ),
        click.option(
            "--selector",
            metavar="NAME",
            help="A selector of selectors.yml.",
            shell_complete=_completed,
        ),
        click.option(
            "--exclude", multiple=True, metavar="SELECTOR", help="Take these away again.", shell_complete=_completed
        ),
        click.option(
            "--select",
            "-s",
            multiple=True,
            metavar="SELECTOR",
            help="What to take: clv+, tag:daily, path:models/marts.",
            shell_complete=_completed,
        ),
        click.option("-m", "--models", "--model", "models", multiple=True, hidden=True, shell_complete=_completed),
        click.argument("words", nargs=-1, metavar="[SELECTOR]...", shell_complete=_completed),
    ]
