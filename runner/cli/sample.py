"""--empty and --sample: a build on no rows, or on few, which publishes nothing that others read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, say
from runner.cli.tell import story
from runner.errors import ProjectError

if TYPE_CHECKING:
    from runner.build import BuildOptions


def sample_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --empty and --sample; stands below `project_options`. The command gets the sample as `sample`, or None."""

    @functools.wraps(function)
    def wrapper(command: Command, *args: Any, empty: bool, sample: str | None, **rest: Any) -> Any:
        from runner.samples import EMPTY, parse_sample

        if empty and sample is not None:
            raise ProjectError("--empty takes no rows and --sample takes some: give one of them.")
        chosen = EMPTY if empty else parse_sample(sample) if sample is not None else None
        return function(command, *args, sample=chosen, **rest)

    wrapped: Callable[..., Any] = wrapper
    for option in (
        click.option(
            "--sample",
            metavar="WHICH",
            help="Build beside the published tables, from few rows: '3 days', '1%'.",
        ),
        click.option(
            "--empty", is_flag=True, help="Build beside the published tables, from no rows: types and SQL only."
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def build_sample(command: Command, nodes: list[str], options: BuildOptions, sample: Any) -> int:
    """Builds the nodes on a sample; unchecked, since a part of the rows need not pass what all must."""
    from dataclasses import replace

    from runner.cli.work import build_nodes
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
