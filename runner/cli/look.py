"""Commands that look and change nothing: compile, show, sql."""

from __future__ import annotations

from typing import Any

import click

from runner import delta
from runner.cli.as_of import AS_OF
from runner.cli.defer import defer_options, start_deferring
from runner.cli.failures import show_failures
from runner.cli.rows import print_rows
from runner.cli.session import Command, project_options, say, select_options
from runner.compile import compile_model, compile_text, write_compiled
from runner.errors import NotFoundError, ProjectError
from runner.jinja.database import Database, NeedsSparkError
from runner.materialize import goes_on
from runner.mentions import tables_in
from runner.model import Model, SourceTable
from runner.publishing.journal import of_one_moment
from runner.sources.quarantine import SUFFIX
from runner.warehouse import is_view


@click.command("compile", short_help="Render models to the SQL that Spark gets.")
@select_options
@click.option("--inline", metavar="SQL", help="Render this text instead.")
@click.option("--full-refresh", "-f", is_flag=True, help="As if incremental models were built anew.")
@project_options
@defer_options
def compile_command(
    command: Command, select: tuple[str, ...], exclude: tuple[str, ...], inline: str | None, full_refresh: bool
) -> None:
    """Render models to SQL in target/compiled; one model alone is printed as well.

    Spark is started only where a template asks the warehouse (run_query, the columns of a view).
    """
    if inline is not None:
        start_deferring(command, _all(command), read_only=True, quiet=True)
        with command.database() as database:
            click.echo(compile_text(command.project(), inline, database=database))
        return
    chosen = command.select(select, exclude)
    start_deferring(command, chosen)
    project = command.project()
    from runner.artifacts import manifest, write_artifact

    compiled = {}
    with command.database() as database:
        for unique_id in chosen:
            model = project.node(unique_id)
            assert isinstance(model, Model)
            incremental = goes_on(model, project.warehouse, full_refresh=full_refresh)
            found = compile_model(project, model, is_incremental=incremental, database=database)
            compiled[unique_id] = found.sql
            path = write_compiled(project, found)
    write_artifact(
        project,
        "manifest.json",
        manifest(command.own_project(), invocation_id=command.invocation_id, compiled=compiled),
    )
    if len(chosen) == 1:
        click.echo(compiled[chosen[0]])
    else:
        say(f"run: {len(chosen)} models compiled into {path.relative_to(project.root).parts[0]}/compiled")


@click.command("show", short_help="Show the first rows of a model, or of its SQL as it is now.")
@click.argument("name")
@click.option("--limit", "-n", default=10, show_default=True, help="How many rows.")
@click.option("--edited", is_flag=True, help="Run the model's SQL as it is in the file, over its built parents.")
@click.option("--failures", is_flag=True, help="The rows that failed its checks in the last run that had some.")
@click.option("--quarantine", is_flag=True, help="The rows that its suite put aside, with their reasons.")
@click.option("--run", "run_id", metavar="RUN_ID", help="With --failures: those of this run.")
@click.option("--output", type=click.Choice(["table", "json", "csv"]), default="table", help="How to print rows.")
@AS_OF
@project_options
@defer_options
def show_command(
    command: Command,
    name: str,
    limit: int,
    edited: bool,
    failures: bool,
    quarantine: bool,
    run_id: str | None,
    output: str,
    as_of: str | None,
) -> None:
    """Show the first rows of a model, seed, snapshot or landed table, as published. A built table is read without Spark.

    \b
    run show clv                  its first rows
    run show clv --edited         what its SQL gives as it is in the file, over what is published of its parents
    run show clv --failures       the rows that failed its checks, by check, with the reason
    run show clv --quarantine     the rows that were put aside instead of being published
    """
    project = command.project()
    others = {other.label: other for other in project.buildable.values() if other.resource_type != "model"}
    known: dict[str, Model | SourceTable] = {**others, **project.sources, **project.models}
    node = known.get(name)
    if node is None:
        raise NotFoundError(f'no model is named "{name}".', name=name, known=known)
    if failures:
        show_failures(project, node, run_id=run_id or "", limit=limit, output=output)
        return
    if quarantine:
        path = node.table.with_suffix(SUFFIX).path(project.warehouse)
        if not delta.is_table(path):
            raise ProjectError(f"{name} has no quarantine: no row of it was ever put aside.")
        print_rows(*delta.first_rows(path, limit), output=output)
        return
    if as_of is not None:
        text = node.raw_sql if edited and isinstance(node, Model) else f"select * from {_call(node)}"
        _run_query(command, text, limit, output, None, as_of=as_of)
        return
    start_deferring(command, [node.unique_id], read_only=not edited)
    project = command.project()
    node = project.node(node.unique_id)
    path = node.table.path(project.warehouse)
    if not edited and not is_view(path) and delta.is_table(path):
        from runner.environments.clone import refers_elsewhere

        if refers_elsewhere(path):  # a shallow clone, which Spark alone reads
            _run_query(command, f"select * from {node.table}", limit, output, None)
            return
        print_rows(*delta.first_rows(path, limit), output=output)
        return
    if not edited and is_view(path):
        _run_query(command, f"select * from {node.table}", limit, output, None)
        return
    if isinstance(node, SourceTable):
        raise ProjectError(f"{name} has not been landed. Land it: run ingest {name}")
    if node.language != "sql":
        building = f"seed --select {name}" if node.resource_type == "seed" else f"models --select +{name}"
        what = "has no SQL to be run as it is in the file" if edited else "has not been built"
        raise ProjectError(f"{name} {what}. Build it: run {building}")
    if not edited and node.config.materialized != "ephemeral":
        building = "snapshot --select " if node.resource_type == "snapshot" else "models --select +"
        raise ProjectError(
            f"{name} has not been built. Build it: run {building}{name}. Its SQL as it is: run show {name} --edited"
        )
    _run_query(command, "", limit, output, node)


@click.command("sql", short_help="Run a query, with Jinja, over the warehouse.")
@click.argument("query")
@click.option("--limit", "-n", default=100, show_default=True, help="How many rows at most.")
@click.option("--output", type=click.Choice(["table", "json", "csv"]), default="table", help="How to print rows.")
@AS_OF
@project_options
@defer_options
def sql_command(command: Command, query: str, limit: int, output: str, as_of: str | None) -> None:
    """Run a query with Jinja: run sql "select count(*) from {{ ref('clv') }}". A file's name ending in .sql is read."""
    from pathlib import Path

    text = Path(query).read_text(encoding="utf-8") if query.endswith(".sql") and Path(query).is_file() else query
    start_deferring(command, _all(command), read_only=True, quiet=True)
    _run_query(command, text, limit, output, None, as_of=as_of)


def _all(command: Command) -> list[str]:
    return [node.unique_id for node in command.project().nodes()]


def _call(node: Model | SourceTable) -> str:
    """Returns how a template names the node."""
    if isinstance(node, SourceTable):
        return f"{{{{ source('{node.source}', '{node.name}') }}}}"
    return f"{{{{ ref('{node.name}'{f', v={node.version}' if node.version else ''}) }}}}"


def _run_query(
    command: Command, text: str, limit: int, output: str, model: Model | None, *, as_of: str | None = None
) -> None:
    """Runs a text, or a model's own SQL, and prints its rows; Spark answers what its template asks."""
    from runner.environments import replay
    from runner.explain import first_words
    from runner.warehouse import Warehouse
    from runner.warehouse.introspection import Introspection

    project = command.project()
    then = replay.as_of(project, as_of) if as_of is not None else None
    if then is not None:
        project = then.project

    def compiled(database: Database | None = None) -> str:
        if model is None:
            return compile_text(project, text, database=database)
        incremental = goes_on(model, project.warehouse, full_refresh=False)
        return compile_model(project, model, is_incremental=incremental, database=database).sql

    try:
        sql = compiled()  # what is wrong with it is said before Spark starts
    except NeedsSparkError:
        sql = ""
    with command.spark() as spark:
        warehouse = Warehouse(spark, project.warehouse)
        sql = sql or compiled(
            Introspection(project.warehouse, lambda: warehouse, [node.table for node in project.nodes()])
        )
        named = tables_in(project, sql)
        if then is not None:
            replay.define(warehouse, then, [node.unique_id for node in project.nodes() if node.table in named])

        def read() -> tuple[list[str], list[dict[str, Any]]]:
            for ref in named:
                warehouse.register(ref)
            frame = spark.sql(sql).limit(limit)
            return frame.columns, [row.asDict(recursive=True) for row in frame.collect()]

        try:
            (columns, rows), whole = of_one_moment(project.warehouse, read)
        except ProjectError:
            raise
        except Exception as error:
            place = str(model.path) if model else "query"
            raise ProjectError(f"{place}: {first_words(error)}") from error
        if not whole:
            say("run: tables were published while this was read: its rows may be of two runs. Ask again.")
        print_rows(columns, rows, output=output)
