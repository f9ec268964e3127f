"""run clean: lists what nothing refers to, with its size, and removes it when told to."""

from __future__ import annotations

from datetime import timedelta

import click

from runner.cli.environments import size_text
from runner.cli.session import Command, project_options, say
from runner.environments.leftovers import PUBLISHED, Leftover, leftovers, remove
from runner.names import TableRef
from runner.project.parse import Project, load_project

_ORDER = ("candidate", "withheld", "scratch", "compiled", "orphan", "waste")
_ASKED = {"orphan": "--orphans", "waste": "--vacuum"}


@click.command("clean", short_help="List what nothing refers to any more, and remove it when told to.")
@click.option("--yes", "-y", is_flag=True, help="Remove what is listed.")
@click.option("--orphans", is_flag=True, help="Also tables and views of models that are gone: published data.")
@click.option("--vacuum", is_flag=True, help="Also data files that no recent version and no shallow clone refers to.")
@click.option("--retain", type=float, default=7, show_default=True, help="With --vacuum: days of history that stay.")
@click.option("--older-than", type=float, default=24, show_default=True, help="Hours: younger work is left alone.")
@project_options
def clean_command(command: Command, yes: bool, orphans: bool, vacuum: bool, retain: float, older_than: float) -> int:
    """List what nothing refers to any more, with its size: candidates of builds that died, scratch, compiled files.

    Nothing is removed without --yes. Published data, that is tables of models that are gone and files of older versions,
    are only listed, unless --orphans or --vacuum ask for them; then each is asked about once more, or --yes is given.

    \b
    run clean                       list
    run clean --yes                 remove what builds and commands left behind
    run clean --orphans             and, after a question, the tables of models that are gone
    run clean --vacuum --retain 30 --yes
    """
    project = command.project()
    keep = timedelta(days=retain)
    found = leftovers(
        project, _tables_of_all_targets(command, project), older_than=timedelta(hours=older_than), retain=keep
    )
    asked = {"orphan": orphans, "waste": vacuum}
    for one in sorted(found, key=lambda one: (_ORDER.index(one.kind), one.path)):
        only = "" if one.kind not in PUBLISHED or asked[one.kind] else f"  (stays without {_ASKED[one.kind]})"
        say(f"{one.kind:<9}  {size_text(one.size):>10}  {_short(project, one)}: {one.why}{only}")
    chosen = [one for one in found if one.kind not in PUBLISHED or asked[one.kind]]
    total = size_text(sum(one.size for one in chosen))
    if not chosen:
        say("run: nothing to remove.")
        return 0
    published = [one for one in chosen if one.kind in PUBLISHED]
    if not yes and published:
        yes = click.confirm(f"Remove these {len(chosen)}, {len(published)} of them published data?", err=True)
        if not yes:
            say("run: nothing was removed.")
            return 0
    if not yes:
        say(f"run: {len(chosen)} leftovers, {total}. Nothing was removed. Remove them: run clean --yes")
        return 0
    for one in chosen:
        remove(one, retain=keep)
    say(f"run: {len(chosen)} leftovers removed, {total}.")
    return 0


def _tables_of_all_targets(command: Command, project: Project) -> list[TableRef]:
    """Returns the tables of the project on every target that shares this one's warehouse."""
    found = [node.table for node in project.nodes()]
    for name in project.files.targets:
        if name == project.files.target.name:
            continue
        other = load_project(project.root, target=name, variables=command.variables)
        if other.warehouse.resolve() == project.warehouse.resolve():
            found += [node.table for node in other.nodes()]
    return found


def _short(project: Project, one: Leftover) -> str:
    return one.path.relative_to(project.root).as_posix() if one.path.is_relative_to(project.root) else str(one.path)
