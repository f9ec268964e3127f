"""`run dbt-project`: these same files as a project that dbt Core runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runner.cli.session import Command, project_options, say


@click.command("dbt-project", short_help="Write a dbt project over these files, to run them with dbt Core.")
@click.argument("folder", type=click.Path(path_type=Path), default="dbt")
@project_options
def dbt_project_command(command: Command, folder: Path) -> None:
    """Write a dbt project into FOLDER whose paths point at this project's own files, for dbt Core with dbt-spark.

    The landed tables are read where they are. Models are built in a metastore of its own, inside FOLDER.
    """
    from runner.dbt_project import not_for_dbt, write_dbt_project
    from runner.session.spark import delta_jars

    project = command.project()
    files = write_dbt_project(project, folder, jars=delta_jars())
    for path in files:
        say(f"wrote  {os.path.relpath(path)}")
    if left_out := not_for_dbt(project):
        say(f"run: switched off, since dbt-spark's session method runs no Python models: {', '.join(sorted(left_out))}")
    say(f"Run it: cd {folder} && SPARK_CONF_DIR=$PWD/spark dbt run --profiles-dir .")
