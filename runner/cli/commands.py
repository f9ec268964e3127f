"""The console script: its commands by name, each imported when it is called, and how errors end it."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any

import click

from runner.errors import NothingSelected, ProjectError

_COMMANDS = {
    "demo": ("runner.cli.demo", "Simulate a small shop, land it, build and check all models, write report and site."),
    "generate": ("runner.cli.generate", "Write a simulated shop into files and into the stores."),
    "ingest": ("runner.cli.ingest", "Land sources into Delta tables, from files or from the stores."),
    "reconcile": ("runner.cli.ingest", "Compare what the stores hold with what landed of it."),
    "models": ("runner.cli.work", "Build models in order, each checked before it is published."),
    "seed": ("runner.cli.tables", "Build tables from the project's CSV files."),
    "snapshot": ("runner.cli.tables", "Record in tables how rows have changed since the last time."),
    "checks": ("runner.cli.checks", "Check what is published and write the validation report."),
    "build": ("runner.cli.work", "Land, build, check: everything that is selected."),
    "test": ("runner.cli.checks", "Run data tests on what is published, and unit tests."),
    "source": ("runner.cli.checks", "How old landed tables are: source freshness."),
    "freshness": ("runner.cli.checks", "The same: how old landed tables are, against what sources.yml allows."),
    "ls": ("runner.cli.listing", "List models, sources, tests: what a selector chooses."),
    "plan": ("runner.cli.plan", "What a run would do and why, after type-checking it."),
    "history": ("runner.cli.history", "What ran; of a model, what was published and by which run."),
    "retry": ("runner.cli.history", "Run again what failed and was skipped last time."),
    "compile": ("runner.cli.look", "Render models to the SQL that Spark gets."),
    "show": ("runner.cli.look", "Show the first rows of a model, or of its SQL as it is now."),
    "sql": ("runner.cli.look", "Run a query, with Jinja, over the warehouse."),
    "run-operation": ("runner.cli.operation", "Call a macro: run run-operation MACRO --args '{name: value}'."),
    "lineage": ("runner.cli.lineage", "Where a column comes from, and what is made of it."),
    "docs": ("runner.cli.docs", "Write the site: catalog, lineage, runs, quality, dashboards; --serve serves it."),
    "report": ("runner.cli.report", "Print the analytics integration report as Markdown."),
    "diff": ("runner.cli.diff", "Show what differs: against a version, a target, or the SQL as edited."),
    "clone": ("runner.cli.environments", "Clone tables of another target into this one, without copying their data."),
    "promote": ("runner.cli.environments", "Publish what was built and checked on another target."),
    "restore": ("runner.cli.environments", "Go back to a published version, of one table or of all of a run."),
    "clean": ("runner.cli.clean", "List what nothing refers to any more, and remove it when told to."),
    "query": ("runner.cli.query", "Ask MongoDB and HBase directly: top products, segments, a user's sessions."),
    "completion": ("runner.cli.complete", "Print the script that completes words in bash, zsh or fish."),
    "deps": ("runner.cli.deps", "Link the local packages of packages.yml into dbt_packages."),
    "dbt-project": ("runner.cli.dbt", "Write a dbt project over these files, to run them with dbt Core."),
    "lint": ("runner.cli.tidy", "Read templates by the rules; one line a finding, for editors."),
    "format": ("runner.cli.tidy", "Put SQL into its form, with sqlfmt."),
    "session": ("runner.cli.warm", "The warm session: status, start, stop."),
    "doctor": ("runner.cli.doctor", "Is this machine ready, and what to do if not."),
}


def find_command(name: str) -> click.Command | None:
    """Returns the command of that name; None where there is none."""
    if name not in _COMMANDS:
        return None
    module = importlib.import_module(_COMMANDS[name][0])
    found: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
    return found


class _Commands(click.Group):
    """Imports a command's module when the command is called: `--help` and `ls` answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return find_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from runner.errors import did_you_mean

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(f'there is no command "{args[0]}".{did_you_mean(args[0], _COMMANDS)}')
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sluice", prog_name="sluice")
def cli() -> None:
    """Sluice: SQL models over landed snapshots of MongoDB and HBase, checked before they are published."""


def main(arguments: list[str] | None = None) -> Any:
    """Runs the command line; exits 0 where all is well, 1 where a model or check failed, 2 where the project is wrong."""
    try:
        code = cli.main(args=arguments, prog_name="run", standalone_mode=False)
    except NothingSelected as error:
        _end(f"run: {error} There is nothing to do.", 0)
    except ProjectError as error:
        from runner.jinja.render import scrubbed

        _end(f"run: {scrubbed(str(error))}", 2)
    except click.UsageError as error:
        message = error.format_message()
        message += "" if message.endswith((".", "?", "!")) else "."
        _end(f"run: {message}" + (f" See `{error.ctx.command_path} --help`." if error.ctx else ""), 2)
    except click.ClickException as error:
        _end(f"run: {error.format_message()}", 2)
    except (click.Abort, KeyboardInterrupt):
        _end("run: stopped. Nothing half-built was published.", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (head, less) has gone
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def script() -> None:
    """The console script: `main`, then an end without tearing down native libraries.

    Arrow's and V8's threads may still run when the interpreter unloads them, which aborts a process that did its work.
    """
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)


def _end(message: str, code: int) -> None:
    click.echo(message, err=True)
    sys.exit(code)
