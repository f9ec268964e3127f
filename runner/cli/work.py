"""Commands that build: models, build; how every command that judges tables ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from runner.cli.as_of import AS_OF, replay_models
from runner.cli.choose import chosen_quality
from runner.cli.defer import defer_options, start_deferring
from runner.cli.docs import site_after
from runner.cli.sample import sample_options
from runner.cli.session import Command, invocation, project_options, say, select_options
from runner.cli.tell import Teller, story
from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.model import SourceTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from runner.build import BuildOptions
    from runner.quality import Quality
    from runner.samples import Sample

THREADS = click.option(
    "--threads", type=click.IntRange(1), help="Models built at the same time; the target's by default."
)
FULL = click.option("--full-refresh", "-f", is_flag=True, help="Build incremental models anew.")
FORCE = click.option("--force", is_flag=True, help="Build also what has not changed.")
SINCE = click.option(
    "--event-time-start", metavar="MOMENT", help="Microbatch models: build the batches from here on, done or not."
)
UNTIL = click.option("--event-time-end", metavar="MOMENT", help="Microbatch models: build batches until here.")
PUBLISH = click.option(
    "--publish",
    type=click.Choice(["each", "together"]),
    help="each: a model once it passed. together: all of the run at its end, or none. The target's by default.",
)
FAST = click.option("--fail-fast", "-x", is_flag=True, help="Start nothing more after the first error.")


@click.command("models", short_help="Build models in order, each checked before it is published.")
@select_options
@FULL
@FORCE
@FAST
@THREADS
@PUBLISH
@SINCE
@UNTIL
@AS_OF
@project_options
@defer_options
@sample_options
def models_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    force: bool,
    fail_fast: bool,
    threads: int | None,
    publish: str | None,
    event_time_start: str | None,
    event_time_end: str | None,
    sample: Sample | None,
    as_of: str | None,
) -> int:
    """Build models in order. Each is checked as a candidate and published only if its error-level checks pass.

    What has not changed since it was published, neither itself nor what it reads, is not built again; why something
    would be built says `run plan`.

    \b
    run models                      all
    run models --select clv+        clv and what depends on it
    run models --select +clv        clv and what it depends on
    run models clv --as-of 5f3a9c   clv as its SQL is now, over what that run read: compared, not published
    """
    nodes = command.select(select, exclude)
    if as_of is not None:
        return replay_models(command, nodes, as_of)
    quality = chosen_quality(command, select, exclude)
    start_deferring(command, nodes, quality)
    options = build_options(
        command,
        full_refresh=full_refresh,
        force=force,
        fail_fast=fail_fast,
        threads=threads,
        publish=publish,
        window=(event_time_start, event_time_end),
    )
    if sample is not None:
        return build_sample(command, nodes, options, sample)
    results = nothing_to_do(command, quality, nodes, options)
    if results is None:
        with command.spark(checks=True) as spark:
            results = build_nodes(command, spark, quality, nodes, options)
    return finish(command, results, verb="models")


@click.command("build", short_help="Land, build, check: everything that is selected.")
@select_options
@FULL
@FORCE
@FAST
@THREADS
@PUBLISH
@SINCE
@UNTIL
@click.option("--data-docs", is_flag=True, help="Write Great Expectations' Data Docs as well.")
@project_options
@defer_options
@sample_options
def build_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    force: bool,
    fail_fast: bool,
    threads: int | None,
    publish: str | None,
    event_time_start: str | None,
    event_time_end: str | None,
    data_docs: bool,
    sample: Sample | None,
) -> int:
    """Land the selected sources, check them, build the selected models, and write the report and the site.

    A landed table that fails an error-level check stops the models that read it.
    """
    if sample is not None:
        options = build_options(
            command,
            full_refresh=full_refresh,
            force=force,
            fail_fast=fail_fast,
            threads=threads,
            publish=publish,
            window=(event_time_start, event_time_end),
        )
        return build_sample(command, command.select(select, exclude), options, sample)
    with command.keeping_spark():
        results = build_all(
            command,
            select,
            exclude,
            full_refresh=full_refresh,
            force=force,
            fail_fast=fail_fast,
            threads=threads,
            publish=publish,
            window=(event_time_start, event_time_end),
        )
        code = finish(command, results, verb="tables", data_docs=data_docs)
        site_after(command, results)
    return code


def build_all(
    command: Command,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    *,
    full_refresh: bool = False,
    force: bool = False,
    fail_fast: bool = False,
    threads: int | None = None,
    publish: str | None = None,
    window: tuple[str | None, str | None] = (None, None),
) -> list[NodeResult]:
    """Lands, checks and builds what is selected, in one Spark session; in none where nothing changed."""
    from runner.cli.ingest import Landing

    project = command.project()
    nodes = command.select(select, exclude, kinds=("model", "seed", "snapshot", "source"))
    quality = chosen_quality(command, select, exclude)
    tables = [table for node in nodes if isinstance(table := project.node(node), SourceTable)]
    landing = Landing(project, tables) if tables else None
    waiting = landing.skip_unchanged() if landing else []
    start_deferring(command, nodes, quality)
    options = build_options(
        command,
        full_refresh=full_refresh,
        force=force,
        fail_fast=fail_fast,
        threads=threads,
        publish=publish,
        window=window,
    )
    if not waiting and (settled := nothing_to_do(command, quality, nodes, options)) is not None:
        return settled
    with command.spark(checks=True, stores=landing is not None and landing.origin.stores) as spark:
        failed = landing.land(spark, waiting) if landing else []
        if landing:
            landing.write_artifact(command)
        unlanded = [table.unique_id for table in tables if table.label in failed]
        stopped = quality.graph.descendants(unlanded) | set(unlanded)
        runnable = [node for node in nodes if node not in stopped]
        results = [
            NodeResult(
                unique_id=node,
                status="error" if node in unlanded else "skipped",
                message="it could not be landed" if node in unlanded else "a source could not be landed",
            )
            for node in nodes
            if node in stopped
        ]
        return results + build_nodes(command, spark, quality, runnable, options, failed=bool(unlanded))


def build_options(
    command: Command,
    *,
    full_refresh: bool,
    force: bool,
    fail_fast: bool,
    threads: int | None,
    publish: str | None = None,
    window: tuple[str | None, str | None] = (None, None),
) -> BuildOptions:
    """Returns how the command's run builds: what has not changed is reused unless it is forced."""
    from runner.batches import moment
    from runner.build import BuildOptions

    start, end = (
        moment(text, place=name) if text else None
        for text, name in zip(window, ("--event-time-start", "--event-time-end"), strict=True)
    )

    return BuildOptions(
        threads=threads or command.project().files.target.threads,
        full_refresh=full_refresh,
        fail_fast=fail_fast,
        reuse=not force,
        event_time=(start, end),
        together=(publish or command.project().files.target.publish) == "together",
    )


def nothing_to_do(
    command: Command, quality: Quality, nodes: list[str], options: BuildOptions
) -> list[NodeResult] | None:
    """Returns the results of a run in which nothing changed, found and told without Spark; None where there is work."""
    from runner.state.reuse import all_reused

    if not options.reuse:
        return None
    project = command.project()
    results = all_reused(options.state(project, quality), nodes)
    if results is not None:
        with Teller(project, nodes) as teller:
            for result in results:
                teller.ended(result)
    return results


def build_nodes(
    command: Command,
    spark: SparkSession,
    quality: Quality,
    nodes: list[str],
    options: BuildOptions,
    *,
    failed: bool = False,
) -> list[NodeResult]:
    """Builds nodes and tells how each ended.

    Args:
        failed: something of the run failed before: where all is published together, nothing is.
    """
    from runner.build import Builder

    project = command.project()
    builder = Builder(project, quality, spark, run_id=command.invocation_id, options=options)
    with Teller(project, nodes, spark=spark, threads=options.threads) as teller:
        results = builder.run(nodes, started=teller.started, ended=teller.ended, failed=failed)
    for note in builder.notes:
        say(f"     {note}")
    if builder.failed_hook:
        say(f"run: {builder.failed_hook}")
        command.failed = True
    return results


def finish(command: Command, results: Sequence[NodeResult], *, verb: str, data_docs: bool = False) -> int:
    """Writes artifacts and the report, tells the whole story in the last lines; returns the exit code."""
    from runner.artifacts.outcome import write_outcome
    from runner.artifacts.records import Invocation

    project = command.own_project()
    which, options = invocation()
    asked = Invocation(run_id=command.invocation_id, command=which, arguments=options, seconds=command.elapsed)
    pages = write_outcome(project, results, asked, data_docs=data_docs)
    if pages.note:
        say(f"run: warning: {pages.note}")
    if pages.data_docs is not None:
        say(f"     Data Docs: {pages.data_docs.relative_to(project.root)}")
    say(story(results, verb=verb, seconds=command.elapsed))
    if pages.report is not None:
        say(f"     Report: {pages.report.relative_to(project.root)}")
    return 1 if command.failed or any(result.stops for result in results) else 0


def build_sample(command: Command, nodes: list[str], options: BuildOptions, sample: Sample) -> int:
    """Builds the nodes on a sample; unchecked, since a part of the rows need not pass what all must."""
    from runner.samples import sampled

    nodes = [node for node in nodes if not node.startswith("source.")]
    if not nodes:
        raise ProjectError("none of what was selected is built: --empty and --sample build models.")
    command.work_on(sampled(command.project(), nodes, sample))
    options = replace(options, checked=False, reuse=False, full_refresh=True)
    with command.spark() as spark:
        results = build_nodes(command, spark, command.quality(), nodes, options)
    say(story(results, verb=f"models on {'no rows' if sample.percent == 0 else 'a sample'}", seconds=command.elapsed))
    schemas = sorted({command.project().node(node).table.schema for node in nodes})
    say(f"     Unchecked, in {', '.join(schemas)}; what is published stays as it is.")
    return 1 if any(result.stops for result in results) else 0
