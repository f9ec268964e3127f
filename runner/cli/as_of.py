"""--as-of: looking at tables as a run read and published them, and replaying models over them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from runner.cli.session import Command, say
from runner.errors import ProjectError

AS_OF = click.option(
    "--as-of", metavar="RUN_ID", help="Over the tables at the versions that this run read; nothing is published."
)


def replay_models(command: Command, nodes: Sequence[str], run: str) -> int:
    """Replays models over what a run read, and tells how each differs from what the run published."""
    from runner.cli.diff import told
    from runner.environments.replay import as_of, replay
    from runner.explain import first_words

    found = as_of(command.project(), run)
    count = changed = 0
    with command.spark(small=True) as spark:
        try:
            for diff in replay(spark, found, nodes):
                count += 1
                changed += diff.comparison.differs
                click.echo("\n".join(told(diff, short=True)))
        except ProjectError:
            raise
        except Exception as error:
            if not type(error).__module__.startswith(("pyspark.", "py4j.")):
                raise
            raise ProjectError(f"as of run {found.run_id[:8]}: {first_words(error)}") from error
    rest = len(nodes) - count
    others = f" {rest} more were not published by it." if rest else ""
    say(
        f"run: {count} models replayed over what run {found.run_id[:8]} read: {changed} differ from what it published.{others}"
    )
    return 0
