"""--empty and --sample: a build on no rows, or on few, which publishes nothing that others read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from runner.cli.session import Command
from runner.errors import ProjectError


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
