"""`run checks --propose MODEL`: a draft of a suite, printed or written to a new file."""

from __future__ import annotations

import click

from runner.cli.session import Command, say
from runner.errors import NotFoundError, ProjectError
from runner.model import Model


def propose_suite(command: Command, name: str, *, write: bool) -> int:
    """Drafts a suite for a published table; prints it, or writes it where the table has none.

    Raises:
        ProjectError: there is no such table, it is not published, or it has a suite that would be overwritten.
    """
    from runner.quality.proposal import propose
    from runner.warehouse import Warehouse

    project = command.project()
    nodes = {node.label: node for node in project.nodes()}
    if name not in nodes:
        raise NotFoundError(f'no model and no source is named "{name}".', name=name, known=nodes)
    node = nodes[name]
    if isinstance(node, Model) and node.config.materialized == "ephemeral":
        raise ProjectError(f"{name} is ephemeral: nothing is built that a suite could look at.")
    quality = command.quality()
    suite = quality.suites.get(node.unique_id)
    path = project.files.suite_paths[0] / f"{name}.yml"
    if write and (there := suite.path if suite is not None and suite.path is not None else path).exists():
        raise ProjectError(
            f"{there.relative_to(project.root)} is there already and is not overwritten. "
            f"Print the draft and take what you want: run checks --propose {name}"
        )
    with command.spark(checks=True) as spark:
        found = propose(project, quality, Warehouse(spark, project.warehouse), node)
    tried = f"tried on {found.versions} earlier versions" if found.versions else "no earlier version to try it on"
    said = f"{found.new} new lines, {found.had} asked already, {found.dropped} dropped that the data do not satisfy; {tried}"
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found.text, encoding="utf-8")
        say(f"run: {path.relative_to(project.root)} written: {said}.")
    else:
        click.echo(found.text, nl=False)
        say(f"run: {said}; {command.elapsed:.1f} s.")
    return 0
