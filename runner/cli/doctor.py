"""`run doctor`: what the project needs of this machine, tried, each with the way out."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

import click

from runner.cli.session import Command, project_options
from runner.errors import ProjectError


@click.command("doctor", short_help="Is this machine ready, and what to do if not.")
@project_options
def doctor_command(command: Command) -> int:
    """Try what the project needs of this machine: Python, Java, Delta's jars, memory, disk, the project, Spark."""
    failed = 0
    for name, check in _checks(command):
        try:
            said = check()
            click.echo(f"ok    {name:<10} {said}")
        except ProjectError as error:
            failed += 1
            click.echo(f"FAIL  {name:<10} {error}")
    click.echo("This machine is ready." if not failed else f"{failed} of the above must be mended first.")
    return 1 if failed else 0


def _checks(command: Command) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("python", _python),
        ("java", _java),
        ("delta", _jars),
        ("memory", _memory),
        ("disk", _disk),
        ("project", lambda: _project(command)),
        ("spark", lambda: _spark(command)),
    ]


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _java() -> str:
    from runner.spark import java_version

    return f"version {java_version()}"


def _jars() -> str:
    from runner.spark import delta_jars

    return f"{len(delta_jars())} jars in {delta_jars()[0].parent}"


def _memory() -> str:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if available < 2:
        raise ProjectError(
            f"{available:.1f} GiB are free; Spark wants 4 by default. Close something, or set spark.driver.memory in the target."
        )
    return f"{available:.1f} GiB free"


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < 2:
        raise ProjectError(f"{free:.1f} GiB are free here; 200,000 sessions want about 2. Make room.")
    return f"{free:.0f} GiB free here"


def _project(command: Command) -> str:
    project = command.project()
    suites = len(command.quality().suites)
    return f"{project.files.name}: {len(project.models)} models, {len(project.sources)} sources, {suites} tables with checks"


def _spark(command: Command) -> str:
    import tempfile
    from pathlib import Path

    with command.spark() as spark, tempfile.TemporaryDirectory() as folder:
        spark.range(3).write.format("delta").save(str(Path(folder) / "table"))
        return f"{spark.version}, wrote and committed a Delta table"
