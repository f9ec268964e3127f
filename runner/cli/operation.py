"""`run run-operation`: calls a macro."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from runner.cli.session import Command, parse_vars, project_options, say


@click.command("run-operation", short_help="Call a macro: run run-operation MACRO --args '{name: value}'.")
@click.argument("macro")
@click.option(
    "--args",
    "arguments",
    callback=parse_vars,
    metavar="YAML",
    help="Its arguments by name, e.g. '{schema: old, days: 30}'.",
)
@project_options
def run_operation_command(command: Command, macro: str, arguments: dict[str, Any]) -> int:
    """Call a macro of the project or of a package. Its queries run as they come, also those that change tables.

    What `print` says goes to stdout, what `log(…, info=True)` says to stderr; what the macro returns is dropped, as in
    dbt. Spark starts with the first query. Exits with 1 where the macro fails, with 2 where there is no such macro or
    it does not take the arguments.

    \b
    run run-operation grant_select --args '{role: analysts}'
    run run-operation codegen.generate_source --args '{schema_name: shop}' > sources.yml
    """
    from runner.errors import ProjectError
    from runner.jinja.render import scrubbed
    from runner.operations import check_arguments, find_operation, run_operation
    from runner.warehouse import Warehouse
    from runner.warehouse.introspection import Introspection

    project = command.project()
    found = find_operation(project, macro)
    check_arguments(project, found, arguments)
    known = [node.table for node in project.nodes()]
    with ExitStack() as stack:
        database = Introspection(
            project.warehouse,
            lambda: Warehouse(stack.enter_context(command.spark()), project.warehouse),
            known,
            changes=lambda _: True,
        )
        try:
            run_operation(
                project,
                found,
                arguments,
                database=database,
                said=lambda text: say(scrubbed(text)),
                printed=lambda text: click.echo(scrubbed(text)),
            )
        except ProjectError as error:
            say(f"run: {scrubbed(str(error))}")
            return 1
    say(f"run: {found.package}.{found.name} done in {command.elapsed:.1f} s.")
    return 0
