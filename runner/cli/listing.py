"""`run ls`: what there is, and what a selector chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from runner.cli.session import Command, project_options, select_options
from runner.errors import NotFoundError
from runner.selection import Selectable

KINDS = ("model", "seed", "snapshot", "source", "test", "unit_test", "exposure", "analysis")
_TABLES = ("model", "seed", "snapshot")
_SHOWN = (*_TABLES, "source", "exposure")
_KEYS = (
    "alias", "name", "package_name", "depends_on", "tags", "config", "resource_type", "source_name", "original_file_path",
    "unique_id",
)  # fmt: skip
_KIND = click.Choice([*KINDS, "default", "all"])


class ManyWords(click.Command):
    """A command whose `--output-keys` takes all words up to the next option, as dbt's does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spelled: list[str] = []
        taking = False
        for word in args:
            if word.startswith("-"):
                taking = word == "--output-keys"
            elif taking and spelled[-1] != "--output-keys":
                spelled.append("--output-keys")
            spelled.append(word)
        return super().parse_args(ctx, spelled)


@click.command("ls", cls=ManyWords, short_help="List models, sources, tests: what a selector chooses.")
@select_options
@click.option(
    "--output", type=click.Choice(["name", "path", "selector", "json"]), default="name", help="How to print each node."
)
@click.option(
    "--output-keys",
    multiple=True,
    metavar="KEY...",
    help="What of a node to print as json; nested: config.materialized.",
)
@click.option(
    "--resource-type", "--resource-types", "kinds", multiple=True, type=_KIND, help="Only nodes of this kind."
)
@click.option(
    "--exclude-resource-type", "--exclude-resource-types", "without", multiple=True, type=_KIND, help="No nodes of it."
)
@project_options
def ls_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    output: str,
    output_keys: tuple[str, ...],
    kinds: tuple[str, ...],
    without: tuple[str, ...],
) -> None:
    """List what a selector chooses, parents before children, tests last. Starts no Spark.

    Without a selector: models, seeds, snapshots. With one also sources and exposures; tests where nothing else is chosen.
    --resource-type all lists everything.

    \b
    run ls --select clv+
    run ls --resource-type test clv
    run ls --select tag:daily --output json --output-keys name config.materialized
    """
    wanted = (_kinds(kinds) or _kinds(["default"])) - _kinds(without)
    chosen = command.select(select, exclude, kinds=tuple(wanted))
    nodes = {node.id: node for node in command.listing().nodes}
    found = [nodes[name] for name in chosen]
    if not kinds and not without:
        said = select or command.asked.selector
        found = [node for node in found if node.resource_type in (_SHOWN if said else _TABLES)] or found
    for line in _objects(command, found, output_keys) if output == "json" else (_line(node, output) for node in found):
        click.echo(line)


def _kinds(words: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for word in words:
        found |= set(KINDS) if word == "all" else set(KINDS) - {"analysis"} if word == "default" else {word}
    return found


def _line(node: Selectable, output: str) -> str:
    if output == "path":
        return node.path
    if output == "name":
        return f"{node.resource_type}:{node.label}" if node.resource_type in ("source", "exposure") else node.label
    if node.resource_type in ("exposure", "unit_test"):
        return f"{node.resource_type}:{node.home}.{node.name}"
    words = ".".join(node.fqn)
    return f"source:{node.home}.{node.label}" if node.resource_type == "source" else words


def _objects(command: Command, nodes: Sequence[Selectable], keys: Sequence[str]) -> Iterator[str]:
    """Yields each node as one line of JSON: what the manifest says of it, of that `keys`, or dbt's usual ones."""
    from runner.artifacts import manifest

    written = manifest(command.project(), invocation_id=command.invocation_id)
    known: dict[str, Mapping[str, Any]] = {}
    for part in ("nodes", "sources", "exposures", "unit_tests"):
        known |= written.get(part) or {}
    wanted = [key for text in keys for key in text.replace(",", " ").split()]
    if nodes and wanted:
        _check_keys(wanted, [known[node.id] for node in nodes])
    for node in nodes:
        said = known[node.id]
        if wanted:
            shown = {key: _nested(said, key) for key in wanted}
            yield json.dumps({key: value for key, value in shown.items() if value is not None or "." not in key})
        else:
            yield json.dumps({key: said[key] for key in said if key in _KEYS}, default=str)


def _check_keys(keys: Sequence[str], nodes: Sequence[Mapping[str, Any]]) -> None:
    names = {name for node in nodes for name in node}
    for key in keys:
        if key.partition(".")[0] not in names:
            raise NotFoundError(f'--output-keys: no node has a "{key}".', name=key, known=names)


def _nested(said: Any, key: str) -> Any:
    for word in key.split("."):
        if not isinstance(said, Mapping) or word not in said:
            return None
        said = said[word]
    return said
