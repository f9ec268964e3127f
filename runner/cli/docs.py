"""`run docs`: the site of documentation, lineage, runs, quality and dashboards."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.session import Command, project_options, say
from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.explain import first_words

if TYPE_CHECKING:
    from runner.dashboards.answers import Answers
    from runner.site.facts import Facts

_LOOPBACK = "127.0.0.1"


@click.command("docs", short_help="Write the site; --serve serves it.")
@click.option("--output", type=click.Path(path_type=Path), help="The folder to write it to; target/site by default.")
@click.option("--no-dashboards", is_flag=True, help="Ask Spark nothing: show the answers that are kept.")
@click.option("--serve", is_flag=True, help="Serve it on this machine until Ctrl-C.")
@click.option("--port", default=8080, show_default=True, help="Where to serve it; 0 for any free port.")
@project_options
def docs_command(command: Command, output: Path | None, no_dashboards: bool, serve: bool, port: int) -> None:
    """Write the site: catalog, lineage, runs, quality and dashboards, as pages for any file server or none.

    \b
    run docs             into target/site; open its index.html
    run docs --serve     and serve it at 127.0.0.1:8080

    Spark is started only for what has changed since it was asked: queries of dashboards, the age of a source that a query
    tells, rows and columns of views.
    """
    from runner.site.catalog.views import count_views
    from runner.site.facts import Facts
    from runner.site.write import write_site

    project, now = command.project(), datetime.now(UTC)
    facts = Facts(project=project, quality=command.quality(), now=now)
    with command.keeping_spark():
        facts.asked, facts.aged = _answers(command, facts, ask=not no_dashboards)
        counted, wrong = (0, []) if no_dashboards else count_views(facts, command.spark)
    if counted:
        say(f"run: {counted} views counted")
    for trouble in wrong:
        say(f"run: {trouble}")
    page = write_site(facts, output)
    troubles = {made.trouble: made.is_wrong for of in facts.panels.values() for made in of if made.trouble}
    for trouble in troubles:
        say(f"run: a panel is without data: {trouble}")
    shown = page.relative_to(project.root) if page.is_relative_to(project.root) else page
    say(f"run: the site is written: {shown}")
    if serve:
        _serve(page.parent, port)
    if any(troubles.values()):
        raise SystemExit(1)


def _answers(command: Command, facts: Facts, *, ask: bool) -> tuple[Answers, Answers]:
    """Returns the answers to the dashboards' queries, and to those of the ages of landed tables."""
    from runner.dashboards.answers import find_answers, forget
    from runner.site.ages import find_ages

    spark = command.spark if ask else None
    answers = find_answers(
        facts.project,
        list(facts.project.files.dashboards.values()),
        now=facts.now,
        refused=facts.hidden.refused,
        spark=spark,
        without="its query is new, or its tables have changed, and --no-dashboards asks nothing. Run it: run docs",
    )
    aged = find_ages(facts.project, now=facts.now, spark=spark)
    if ask:
        forget(facts.project, answers, aged)
    if answers.asked:
        say(f"run: {answers.asked} queries of dashboards asked, {answers.kept} unchanged")
    return answers, aged


def site_after(command: Command, results: Sequence[NodeResult]) -> None:
    """Writes the site at the end of a run and says where it is; what keeps it from that is told, and fails nothing.

    A run that left everything as it was leaves the site as it was, too.
    """
    from runner.quality import load_quality
    from runner.site.facts import Facts
    from runner.site.write import FOLDER, write_site

    project = command.own_project()
    there = (project.files.target_folder / FOLDER / "index.html").is_file()
    if there and all(result.status == "reused" for result in results):
        return
    try:
        facts = Facts(project=project, quality=load_quality(project), now=datetime.now(UTC))
        facts.asked, facts.aged = _answers(command, facts, ask=True)
        page = write_site(facts)
    except Exception as error:  # whatever it is, the data are published
        reason = str(error) if isinstance(error, ProjectError) else first_words(error)
        say(f"run: warning: the site could not be written: {reason.rstrip('.')}. Once that is mended: run docs")
        return
    say(f"     Site: {page.relative_to(project.root)}")


def _serve(folder: Path, port: int) -> None:
    """Serves a folder on loopback until it is interrupted."""
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """A page is a dozen requests; nobody reads them."""

    try:
        server = ThreadingHTTPServer((_LOOPBACK, port), functools.partial(Quiet, directory=str(folder)))
    except OSError as error:
        raise ProjectError(f"port {port} cannot be used: {error.strerror}. Pass another --port, or 0.") from error
    with server:
        say(f"run: serving it at http://{_LOOPBACK}:{server.server_address[1]} until Ctrl-C")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("run: stopped serving.")
