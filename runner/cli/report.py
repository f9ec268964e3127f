"""`run report`: the analytics integration report as Markdown."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from runner.cli.session import Command, project_options


@click.command("report", short_help="Print the analytics integration report as Markdown.")
@project_options
def report_command(command: Command) -> None:
    """Print the analytics integration report as Markdown: what the published tables say and how sure that is. Starts no
    Spark. `run docs` writes the same as a page of the site.

    \b
    run report > report.md
    """
    from runner.jinja.render import scrubbed
    from runner.site.facts import Facts
    from runner.site.integration.markdown import markdown
    from runner.site.integration.section import report

    facts = Facts(project=command.project(), quality=command.quality(), now=datetime.now(UTC))
    click.echo(scrubbed(markdown(report(facts))), nl=False)
