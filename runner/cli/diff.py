"""run diff: what differs between two states of a table, told as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from runner.cli.session import Command, project_options, say
from runner.environments.compare import Comparison, Example, Leniency
from runner.environments.places import find_node
from runner.environments.sides import Diff, Differ, Wanted
from runner.errors import ProjectError
from runner.project.parse import load_project

_MOST = 3  # examples of each kind in the text
_WIDE = 100  # characters of a row in the text


@click.command(
    "diff", short_help="Show rows added, removed and changed against a version, a target or the SQL as edited."
)
@click.argument("model")
@click.option("--version", "-v", type=int, help="Compare this version with what is published; default: the one before.")
@click.option("--with-target", metavar="NAME", help="Compare the table of another target with this target's.")
@click.option("--candidate", is_flag=True, help="Compare what is published with the candidate that was withheld.")
@click.option("--edited", is_flag=True, help="Compare with what the SQL gives as it is in the file; publishes nothing.")
@click.option("--key", metavar="COLUMNS", help="The columns that name a row: a,b. Default: what the project says.")
@click.option("--no-key", is_flag=True, help="Compare whole rows, as in a bag.")
@click.option("--ignore", metavar="COLUMNS", default="", help="Columns that are not compared: loaded_at,run_id.")
@click.option("--tolerance", type=float, default=0.0, help="Numbers that differ by at most this are the same.")
@click.option("--relative-tolerance", type=float, default=0.0, help="Or by at most this share of the larger one: 1e-9.")
@click.option("--downstream", is_flag=True, help="Also rebuild what depends on it, in scratch, and compare each.")
@click.option("--select", "-s", multiple=True, metavar="SELECTOR", help="With --downstream: only these descendants.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.option("--fail-on-change", is_flag=True, help="End with exit code 1 where anything differs.")
@project_options
def diff_command(
    command: Command,
    model: str,
    version: int | None,
    with_target: str | None,
    candidate: bool,
    edited: bool,
    key: str | None,
    no_key: bool,
    ignore: str,
    tolerance: float,
    relative_tolerance: float,
    downstream: bool,
    select: tuple[str, ...],
    output: str,
    fail_on_change: bool,
) -> int:
    """Show what differs between two states of a table: rows by key, values by column, columns and types.

    \b
    run diff clv                          the version before against what is published
    run diff clv --version 3              version 3 against what is published
    run diff clv --with-target prod       prod's table against this target's
    run diff clv --edited                 what is published against what the SQL gives now
    run diff clv --edited --downstream    and what that does to every model below
    run diff clv --candidate              what is published against the candidate that failed its checks
    """
    project = command.project()
    node = find_node(project, model)
    _check_asked(
        version=version,
        with_target=with_target,
        newer=candidate or edited,
        downstream=downstream,
        key=key,
        no_key=no_key,
    )
    other = None
    if with_target is not None:
        other = load_project(project.root, target=with_target, variables=command.variables)
    wanted = Wanted(version=version, other=other, candidate=candidate, edited=edited)
    leniency = Leniency(absolute=tolerance, relative=relative_tolerance, ignored=frozenset(_words(ignore)))
    keys = _words(key or "")
    diffs: list[Diff] = []
    with command.spark() as spark, Differ(project, spark, leniency, keyless=no_key) as differ:
        diffs.append(differ.diff(model, wanted, key=keys))
        if output == "text":
            click.echo("\n".join(told(diffs[0])))
        if downstream:
            for found in differ.downstream(model, wanted, _below(command, node.unique_id, select)):
                diffs.append(found)
                if output == "text":
                    click.echo("\n".join(told(found, short=True)))
    if output == "json":
        click.echo(json.dumps([_as_json(one) for one in diffs] if downstream else _as_json(diffs[0]), indent=1))
    elif downstream:
        changed = [one.name for one in diffs[1:] if one.comparison.differs]
        say(f"run: {len(diffs) - 1} models below {node.label} rebuilt in scratch: {len(changed)} would change.")
    return 1 if fail_on_change and any(one.comparison.differs for one in diffs) else 0


def _check_asked(
    *, version: int | None, with_target: str | None, newer: bool, downstream: bool, key: str | None, no_key: bool
) -> None:
    if version is not None and with_target is not None:
        raise ProjectError("--version and --with-target both name the older side. Leave one of them out.")
    if downstream and not newer:
        raise ProjectError("--downstream needs a change to follow: add --edited or --candidate.")
    if key and no_key:
        raise ProjectError("--key and --no-key contradict each other. Leave one of them out.")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _below(command: Command, unique_id: str, select: Sequence[str]) -> list[str]:
    project = command.project()
    below = project.graph.descendants([unique_id])
    chosen = set(project.select(select, kinds=("model", "snapshot"))) if select else below
    return [node for node in project.graph.order if node in below and node in chosen and node in project.buildable]


def told(diff: Diff, *, short: bool = False) -> list[str]:
    """Returns the lines that tell a comparison."""
    found = diff.comparison
    by = f"by {', '.join(found.key)}" if found.key else "whole rows (no key: give one with --key)"
    lines = [f"{diff.name}: {diff.before} -> {diff.after}, {by}"]
    if not found.differs:
        return [*lines, f"  no difference: {found.after_rows:,} rows on both sides", *_warnings(found)]
    parts = [f"{found.added:,} added", f"{found.removed:,} removed"]
    parts += [f"{found.changed:,} changed"] if found.key else []
    lines.append(
        f"  rows     {found.before_rows:,} -> {found.after_rows:,}: {', '.join(parts)}, {found.same:,} the same"
    )
    lines += _schema(found) + _warnings(found)
    if found.columns:
        width = max(len(column.name) for column in found.columns)
        for column in found.columns:
            by_at_most = f"  by at most {column.largest:g}" if column.largest is not None else ""
            lines.append(f"  changed  {column.name:<{width}} {column.rows:>10,} rows{by_at_most}")
            if not short:
                lines += [
                    f"             {_key(one)}: {_value(one.before)} -> {_value(one.after)}"
                    for one in column.examples[:_MOST]
                ]
    if not short:
        lines += [f"  added    {_row(one)}" for one in found.added_examples[:_MOST]]
        lines += [f"  removed  {_row(one)}" for one in found.removed_examples[:_MOST]]
    return lines


def _schema(found: Comparison) -> list[str]:
    parts = [f"+ {name} {kind}" for name, kind in found.added_columns]
    parts += [f"- {name} {kind}" for name, kind in found.removed_columns]
    parts += [f"{name} {old} -> {new}" for name, old, new in found.retyped]
    return [f"  columns  {'; '.join(parts)}"] if parts else []


def _warnings(found: Comparison) -> list[str]:
    lines = []
    for word, side in (("before", found.before_repeats), ("after", found.after_repeats)):
        if side.keys:
            lines.append(f"  keys     {word}: {side.keys:,} keys have more than one row ({side.rows:,} rows)")
        if side.null_rows:
            lines.append(f"  keys     {word}: {side.null_rows:,} rows have a null in their key")
    if found.repeated:
        lines.append(
            f"  keys     {found.repeated:,} such keys are on both sides; not compared by column; "
            f"the rows of {found.repeated_changed:,} of them differ"
        )
    return lines


def _key(example: Example) -> str:
    return ", ".join(_value(value) for value in example.key.values())


def _value(value: str | None) -> str:
    return "null" if value is None else value


def _row(example: Example) -> str:
    text = ", ".join(f"{name}={_value(value)}" for name, value in (example.row or {}).items())
    return text if len(text) <= _WIDE else text[: _WIDE - 2] + " …"


def _as_json(diff: Diff) -> Mapping[str, Any]:
    comparison = asdict(diff.comparison)
    return {
        "model": diff.name,
        "before": diff.before,
        "after": diff.after,
        "differs": diff.comparison.differs,
        **comparison,
    }
