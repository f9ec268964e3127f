"""Shell completion: names, methods, tags and paths of the project at hand, after graph operators, commas and parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from runner.cli.session import Command
from runner.errors import ProjectError
from runner.project.listing import Listing
from runner.selection.methods import METHODS, RESOURCE_TYPES, TEST_TYPES, VERSIONS
from runner.selection.state import STATES

_SHELLS = ("bash", "zsh", "fish")
_BEFORE = re.compile(r"(?:.*[\s,(])?@?(?:\d*\+)?", re.DOTALL)  # what stands before the term that is being typed
_WITHOUT_VALUE = ("changed", "failed", "stale")
_STATUSES = ("success", "error", "warn", "fail", "pass", "skipped", "reused")


@click.command("completion", short_help="Print the script that completes words in bash, zsh or fish.")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion_command(shell: str) -> None:
    """Print the script by which a shell completes commands, options, and names of the project.

    \b
    bash   run completion bash > ~/.local/share/bash-completion/completions/run
    zsh    run completion zsh > ~/.zfunc/_run      (with ~/.zfunc in fpath, before compinit)
    fish   run completion fish > ~/.config/fish/completions/run.fish
    """
    from runner.cli.commands import cli

    made = get_completion_class(shell)
    assert made is not None, "click knows these shells"
    click.echo(made(cli, {}, "run", "_RUN_COMPLETE").source())


def completions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns what a selector, or the name of one, may go on with. A project that cannot be read completes nothing."""
    given: dict[str, Any] = {**(context.params or {})}
    project_dir = given.get("project_dir")
    command = Command(
        target=given.get("target"),
        project_dir=Path(project_dir) if project_dir else None,
        variables=given.get("variables") or {},
    )
    try:
        listing = command.listing()
    except ProjectError:
        return []
    if parameter.name == "selector":
        named = listing.named.selectors.values()
        return [
            CompletionItem(one.name, help=one.description or None) for one in named if one.name.startswith(incomplete)
        ]
    return [CompletionItem(word) for word in words(listing, incomplete)]


def words(listing: Listing, incomplete: str) -> list[str]:
    """Returns the selectors that begin with `incomplete`: everything before its last term is kept as it is."""
    match = _BEFORE.match(incomplete)
    before = match[0] if match else ""
    term = incomplete[len(before) :]
    method, colon, value = term.partition(":")
    if not colon:
        return [before + word for word in _starts(term, listing)]
    return [f"{before}{method}:{word}" for word in sorted(set(_values(method, listing))) if word.startswith(value)]


def _starts(term: str, listing: Listing) -> Iterator[str]:
    """Yields names, folders and methods; a path goes on by one folder at a time."""
    nodes = [node for node in listing.nodes if node.resource_type in ("model", "seed", "snapshot")]
    if "/" in term:
        yield from _steps(term, {node.path for node in listing.nodes})
        return
    yield from sorted({node.label for node in nodes if node.label.startswith(term)})
    folders = {folder for node in nodes for folder in node.fqn[1:-1] if folder.startswith(term)} if term else set()
    yield from sorted(folders - {node.label for node in nodes})
    yield from (f"{method}:" for method in sorted(METHODS) if method.startswith(term) and method != "config")
    yield from ("config.materialized:" for _ in range("config.materialized".startswith(term)))


def _steps(term: str, paths: Iterable[str]) -> list[str]:
    depth = term.count("/") + 1
    return sorted({"/".join(path.split("/")[:depth]) for path in paths if path.startswith(term)})


def _values(method: str, listing: Listing) -> Iterable[str]:
    """Returns what the method may be followed by."""
    nodes = listing.nodes
    if method.startswith("config."):
        key = method.removeprefix("config.")
        return (str(node.config[key]) for node in nodes if isinstance(node.config.get(key), (str, bool, int)))
    fixed = {
        "resource_type": RESOURCE_TYPES, "test_type": TEST_TYPES, "version": VERSIONS, "state": STATES, "result": _STATUSES,
        "access": ("public", "protected", "private"), "source_status": ("fresher",), "selector": tuple(listing.named.selectors),
        **dict.fromkeys(_WITHOUT_VALUE, ("",)),
    }  # fmt: skip
    if method in fixed:
        return fixed[method]
    if method == "tag":
        return (tag for node in nodes for tag in node.tags)
    if method == "path":
        return (path for node in nodes for path in _and_above(node.path))
    if method == "package":
        return ("this", *{node.home for node in nodes})
    if method == "source":
        return (word for node in nodes if node.resource_type == "source" for word in (node.fqn[-2], node.label))
    if method == "fqn":
        return (node.label for node in nodes if node.resource_type != "source")
    if method == "file":
        return (node.path.rpartition("/")[2] for node in nodes)
    if method == "group":
        return (node.group for node in nodes if node.group)
    if method == "test_name":
        return (node.test_name or node.name for node in nodes if node.test_type)
    return (node.name for node in nodes if node.resource_type == method)


def _and_above(path: str) -> Iterator[str]:
    yield path
    yield from (path[:at] for at, sign in enumerate(path) if sign == "/")
