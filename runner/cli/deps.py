"""Installs packages: links those of local paths into the folder of installed packages."""

from __future__ import annotations

import click

from runner.cli.session import Command, project_options, say
from runner.project.installed import install
from runner.project.packages import read_document


@click.command("deps", short_help="Link the local packages of packages.yml into dbt_packages.")
@project_options
def deps_command(command: Command) -> None:
    """Link the packages that packages.yml or dependencies.yml name by a local path into dbt_packages.

    Nothing is downloaded: a package of the hub or of git is put at a local path by hand. A local package is read where
    it lies even without this command; the links are for dbt Core and for editors.
    """
    root = command.root()
    found = list(install(root, read_document(root, base=root)))
    for name, place, link in found:
        say(f"{name}: {link.relative_to(root)} -> {place}")
    say(f"run: {len(found)} packages linked." if found else "run: no local packages to link.")
