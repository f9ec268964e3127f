"""Commands that move what is published, without building it: clone, promote, restore."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from runner.cli.recovery import recover_sets
from runner.cli.session import Command, project_options, say, select_options
from runner.environments.clone import Cloner
from runner.errors import ProjectError
from runner.project.parse import Project, load_project

_KINDS = ("seed", "model", "snapshot")
_WORDS = {"linked": "cloned", "shallow": "shallow", "view": "view", "there": "there", "missing": "missing"}
_COLOURS = {"linked": "green", "shallow": "green", "view": "green", "there": "bright_black", "missing": "yellow"}


@click.command("clone", short_help="Clone tables of another target into this one, without copying their data.")
@select_options
@click.option("--from", "origin", required=True, metavar="TARGET", help="The target to clone from.")
@click.option("--full-refresh", "-f", is_flag=True, help="Clone also what is here already, as a new version of it.")
@click.option("--shallow", is_flag=True, help="Refer to the other target's files instead of linking them.")
@project_options
def clone_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    origin: str,
    full_refresh: bool,
    shallow: bool,
) -> int:
    """Clone tables and views of another target into this one. No data are copied: a table of any size takes milliseconds.

    Data files get a second name in this target's folder, so that nothing done to the other target's table, VACUUM
    included, takes them away. Where that is impossible (another file system), or with --shallow, it is Delta's SHALLOW
    CLONE, which reads the other table's files where they are: see docs/environments.md on VACUUM.

    \b
    run clone --from prod                  all, landed tables as well
    run clone --from prod +clv             clv and what it reads
    run clone --from prod clv -f           clv anew, as it is in prod now
    """
    own = command.project()
    other = _other(command, origin)
    kinds = _KINDS if _same_warehouse(own, other) else ("source", *_KINDS)
    nodes = command.select(select, exclude, kinds=kinds)
    cloner = Cloner(own=own, other=other, run_id=command.invocation_id, shallow=shallow, again=full_refresh)
    if cloner.needs_spark(nodes):
        with command.spark(small=True) as spark:
            cloner.spark = spark
            return _clone(command, cloner, nodes, origin)
    return _clone(command, cloner, nodes, origin)


def _clone(command: Command, cloner: Cloner, nodes: Sequence[str], origin: str) -> int:
    count = {"cloned": 0, "there": 0, "missing": 0}
    size = 0
    for one in cloner.run(nodes):
        count[one.how if one.how in count else "cloned"] += 1
        size += one.size
        if one.how != "there":
            version = f"version {one.version}" if one.version is not None else ""
            word = click.style(f"{_WORDS[one.how]:<8}", fg=_COLOURS[one.how])
            say(f"{word}  {one.label}  {version}".rstrip())
    told = [f"{count['cloned']} cloned from {origin} ({size_text(size)} not copied)"]
    told += [f"{count['there']} here already (-f clones them anew)"] * bool(count["there"])
    told += [f"{count['missing']} not built in {origin}"] * bool(count["missing"])
    say(f"run: {', '.join(told)} in {command.elapsed:.1f} s.")
    return 0


@click.command("promote", short_help="Publish what was built and checked on another target, without building it again.")
@select_options
@click.option("--from", "origin", required=True, metavar="TARGET", help="The target where it was built.")
@click.option("--to", "to", metavar="TARGET", help="The target to publish it on; this one by default.")
@click.option("--dry-run", is_flag=True, help="Say what would be promoted, and do nothing.")
@project_options
def promote_command(
    command: Command, select: tuple[str, ...], exclude: tuple[str, ...], origin: str, to: str | None, dry_run: bool
) -> int:
    """Publish what was built and checked on one target on another: one commit a table, nothing built, nothing copied.

    Only what the other target would build just so is promoted: the same SQL, settings, checks and engine, from the same
    rows. What differs is said, and then nothing is promoted. All or nothing: where one table fails, those before it
    are taken back.

    \b
    run promote clv+ --from dev --to prod
    run promote clv clv_tiers --from dev --to prod --dry-run
    """
    from runner.environments.promote import Promoter

    if to is not None:
        command.work_on(load_project(command.project().root, target=to, variables=command.variables))
    if not select:
        raise ProjectError("name what is to be promoted: run promote clv+ --from dev --to prod.")
    target = command.project()
    source = _other(command, origin)
    for text in recover_sets(target.warehouse):
        say(f"run: {text}")
    nodes = command.select(select, exclude, kinds=_KINDS)
    promoter = Promoter(
        source=source, target=target, quality=command.quality(), nodes=nodes, run_id=command.invocation_id
    )
    judged = promoter.judge()
    refused = [one for one in judged if one.differs]
    for one in refused:
        say(f"{click.style('differs ', fg='red')}  {one.label}: {one.differs[0]}")
        for text in one.differs[1:]:
            say(f"          {text}")
    if refused:
        say(
            f"run: nothing was promoted: {len(refused)} of {len(judged)} differ from what {target.files.target.name} would build."
        )
        return 1
    moving = [one for one in judged if not one.same]
    versions = promoter.promote(judged) if not dry_run else [None] * len(moving)
    for one, version in zip(moving, versions, strict=True):
        say(
            f"{'would go' if dry_run else 'promoted'}  {one.label}{f'  version {version}' if version is not None else ''}"
        )
    rest = f", {len(judged) - len(moving)} there already" if len(moving) < len(judged) else ""
    word = "to promote" if dry_run else "promoted"
    say(f"run: {len(moving)} {word} from {origin} to {target.files.target.name}{rest} in {command.elapsed:.1f} s.")
    return 0


@click.command("restore", short_help="Go back to a published version, of one table or of all that a run published.")
@select_options
@click.option("--version", "-v", type=int, help="To this version of one model.")
@click.option("--run", "run", metavar="RUN_ID", help="To what this run published.")
@click.option("--before", metavar="RUN_ID|TIME", help="To what stood before this run, or at this time.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@project_options
def restore_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    version: int | None,
    run: str | None,
    before: str | None,
    dry_run: bool,
) -> int:
    """Go back to a published version: one more commit with the rows, columns and properties of that version.

    Several tables go back together, all or none. The versions in between stay in the history. What was restored stays so
    until its SQL, its settings or what it reads differ from those of the version that was taken back: then `run models`
    builds it again, and `run plan` says so before.

    \b
    run restore clv --version 3
    run restore --before 5f3a9c            undoes a run: all that it published
    run restore clv+ --before "2026-11-20 08:00"
    run restore clv --run 5f3a9c           to what that run published
    """
    from runner.environments import restore as restoring

    if sum(one is not None for one in (version, run, before)) != 1:
        raise ProjectError("say where to go back to: one of --version N, --run RUN_ID, --before RUN_ID or TIME.")
    project = command.project()
    nodes = command.select(select, exclude, kinds=_KINDS)
    nodes = [node for node in nodes if project.buildable[node].config.materialized != "ephemeral"]
    moment = _moment(before) if before is not None else None
    if version is not None:
        if len(nodes) != 1:
            raise ProjectError(f"--version is of one table, and {len(nodes)} are selected. Name one model.")
        ways = [restoring.to_version(project, nodes[0], version)]
    elif moment is not None:
        ways = [restoring.before_time(project, node, moment) for node in nodes]
    else:
        word = restoring.named_run(project, run or before or "")
        back = restoring.to_run if run is not None else restoring.before_run
        built = [node for node in nodes if select or _is_built(project, node)]
        ways = [way for node in built if (way := back(project, node, word)) is not None]
        if not ways:
            raise ProjectError(f"run {word} published none of the selected tables.")
    moving = [way for way in ways if way.to is not None]
    staying = 0 if dry_run else restoring.restore(project, ways, run_id=command.invocation_id)
    for way in moving:
        assert way.to is not None
        at = f"  of {way.to.at:%Y-%m-%d %H:%M:%S} UTC" if way.to.at else ""
        say(f"{'would go' if dry_run else 'restored'}  {way.label}  version {way.now} -> {way.to.version}{at}")
    same = len(ways) - len(moving)
    rest = f", {same} there already" if same else ""
    say(f"run: {len(moving)} {'to restore' if dry_run else 'restored'}{rest}.")
    if staying:
        them = "it" if len(moving) == 1 else "them"
        say(f"     Runs leave {them} so until the SQL, the settings or what is read change. What would run: run plan")
    return 0


def _is_built(project: Project, node: str) -> bool:
    from runner.warehouse import exists

    return exists(project.buildable[node].table.path(project.warehouse))


def _moment(text: str) -> datetime | None:
    """Returns the moment that a text names, UTC where it names no zone; None where it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _other(command: Command, name: str) -> Project:
    own = command.project()
    if name == own.files.target.name:
        raise ProjectError(f'"{name}" is the target that you work on. Name another, or work on another with --target.')
    return load_project(own.root, target=name, variables=command.variables)


def _same_warehouse(own: Project, other: Project) -> bool:
    return own.warehouse.resolve() == other.warehouse.resolve()


def size_text(size: int) -> str:
    """Returns a number of bytes as people read it."""
    number = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
