"""`run history` and `run retry`: what ran, and once more what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from runner.artifacts.records import asked, read_records
from runner.cli.session import Command, project_options, say
from runner.errors import NotFoundError, ProjectError
from runner.model import Model, SourceTable
from runner.project.parse import Project
from runner.state.commits import Commit, commits
from runner.warehouse import is_view, read_view

_FAILED = ("error", "fail", "withheld", "skipped", "runtime error", "partial success")
_SELECTION = {"select", "words", "exclude", "selector", "state", "project_dir"}


@click.command("history", short_help="What ran; of a model, what was published and by which run.")
@click.argument("name", required=False, metavar="[MODEL]")
@click.option("--limit", "-n", default=20, show_default=True, help="How many, the newest first.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="How to print them.")
@click.option("--checks", is_flag=True, help="What the checks of MODEL said in the last runs.")
@project_options
def history_command(command: Command, name: str | None, limit: int, output: str, checks: bool) -> None:
    """Show the runs of this project; of a model or a landed table, what happened to it. Starts no Spark.

    Runs are those recorded in target/runs. What was published stands in the tables' own logs, whoever published it.
    What checks said is kept in the table sluice.check_results.

    \b
    run history
    run history clv
    run history clv --checks
    """
    project = command.project()
    if checks:
        from runner.cli.check_history import show_checks

        if name is None:
            raise ProjectError("say whose checks: run history clv --checks")
        return show_checks(project, command.quality(), _named(project, name), limit=limit, output=output)
    rows = (_runs(project) if name is None else _events(project, _named(project, name)))[:limit]
    if not rows:
        raise ProjectError(
            "no run is recorded yet. `run models` writes one."
            if name is None
            else f"{name} has no history: it is not in the warehouse, and no recorded run tried to build it."
        )
    if output == "json":
        for row in rows:
            click.echo(json.dumps(row, default=str))
        return None
    return _print([{key: _said(value) for key, value in row.items()} for row in rows])


def _runs(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "started": record.started_at,
            "command": asked(record.command, record.arguments),
            "took": record.seconds,
            "ok": record.count("success", "warn", "pass"),
            "reused": record.count("reused"),
            "failed": record.count("error", "fail", "withheld"),
            "skipped": record.count("skipped"),
            "target": record.target,
            "run": record.run_id,
        }
        for record in read_records(project)
    ]


def _named(project: Project, name: str) -> Model | SourceTable:
    nodes = {node.label: node for node in project.nodes()}
    if name not in nodes:
        raise NotFoundError(f'no model is named "{name}".', name=name, known=nodes)
    return nodes[name]


def _events(project: Project, node: Model | SourceTable) -> list[dict[str, Any]]:
    """Returns what happened to a table, newest first: the commits of its log, and the runs that published nothing."""
    path = node.table.path(project.warehouse)
    if is_view(path):
        found = [_event(None, said=read_view(path)["metadata"], what="published")]
    else:
        found = [_of_commit(commit) for commit in commits(path)]
    for record in read_records(project):
        if record.target != project.files.target.name:
            continue
        for tried in record.nodes:
            if tried["unique_id"] == node.unique_id and tried["status"] in _FAILED:
                said = {**tried, "run_id": record.run_id, "finished_at": tried["started_at"], "why": tried["message"]}
                found.append(_event(None, said=said, what=tried["status"]))
    return sorted(found, key=lambda event: event["when"], reverse=True)


def _of_commit(commit: Commit) -> dict[str, Any]:
    said = commit.said
    if said.get("kind") == "landing":
        what = "landed, nothing new" if commit.is_note else "landed"
    elif commit.is_note:
        what = "checked again"
        said = {**said, "run_id": said.get("checked_by"), "finished_at": said.get("checked_at"), "why": None}
        said = {**said, "seconds": None}
    elif said.get("taken_back"):
        what = "taken back: the set that it was part of was not finished"
        said = {**said, "finished_at": said["taken_back"], "seconds": None, "why": None}
    elif commit.is_publication:
        what = "published"
    else:
        what = f"{commit.operation}, by others" if commit.changes_rows else commit.operation
    return _event(commit.version, said=said, what=what, at=commit.at)


def _event(version: int | None, *, said: Mapping[str, Any], what: str, at: datetime | None = None) -> dict[str, Any]:
    when = said.get("finished_at")
    return {
        "when": datetime.fromisoformat(when) if isinstance(when, str) else at,
        "version": version,
        "what": what,
        "rows": said.get("rows"),
        "took": said.get("seconds"),
        "run": said.get("run_id") or said.get("snapshot_id"),
        "why": said.get("why"),
    }


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%d %b %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.1f} s"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _print(rows: Sequence[Mapping[str, str]]) -> None:
    """Prints texts as a table on stdout; of a run's id, as much as tells it from others."""
    short = [{**row, "run": row["run"][:8]} for row in rows]
    columns = [name for name in short[0] if any(row[name] for row in short)]
    widths = {name: max(len(name), *(len(row[name]) for row in short)) for name in columns}
    for row in [{name: name for name in columns}, *short]:
        click.echo("  ".join(f"{row[name]:<{widths[name]}}" for name in columns).rstrip())


@click.command("retry", short_help="Run again what failed and was skipped last time.")
@click.option("--dry-run", is_flag=True, help="Only say what would run.")
@project_options
def retry_command(command: Command, dry_run: bool) -> int:
    """Run again what failed or was skipped in the last run, with that run's options.

    The last run is the one that wrote target/run_results.json. What it published is not built again.
    """
    folder = command.root() / "target"
    results = _results(folder / "run_results.json")
    arguments = results.get("args", {})
    which = str(arguments.get("which", ""))
    failed = [one["unique_id"] for one in results["results"] if one["status"] in _FAILED]
    if not failed:
        say(f"run: nothing failed in the last run ({which}); there is nothing to do.")
        return 0
    last = arguments.get("target")
    if command.target is None and isinstance(last, str):
        command.target = last
    project = command.project()
    words = [word for unique_id in failed if (word := _selector(project, unique_id)) is not None]
    if not words:
        raise ProjectError(
            "none of what failed in the last run is in the project any more. Run what you need: run models"
        )
    again = _command(which)
    options = _options(again, {**arguments, "target": command.target})
    line = [*words, *options, *(["--project-dir", str(command.project_dir)] if command.project_dir else [])]
    say(f"run: again {which} of {len(words)} that failed or {'was' if len(words) == 1 else 'were'} skipped")
    if dry_run:
        for word in words:
            click.echo(word)
        return 0
    code = again.main(args=line, prog_name=f"run {which}", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _results(path: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(
            "there is no last run: target/run_results.json is missing. Run something: run models"
        ) from error
    except ValueError as error:
        raise ProjectError("target/run_results.json is no JSON. Run something anew: run models") from error
    return found


def _command(which: str) -> click.Command:
    from runner.cli.commands import find_command

    found = find_command(which)
    if found is None:
        raise ProjectError(f'the last run was "{which}", which is no command that can be run again. Run it anew.')
    return found


def _selector(project: Project, unique_id: str) -> str | None:
    """Returns the selector of exactly that node; None where the project no longer has it."""
    if unique_id in project.buildable:
        return f"fqn:{'.'.join(project.buildable[unique_id].fqn)}"
    for table in project.sources.values():
        if table.unique_id == unique_id:
            return f"source:{table.label}"
    tests = {
        **{key: one.name for key, one in project.tests.items()},
        **{key: one.name for key, one in project.unit_tests.items()},
    }
    return tests.get(unique_id)


def _options(again: click.Command, given: Mapping[str, Any]) -> list[str]:
    """Returns a command's options as they were given, without what it selected."""
    words: list[str] = []
    for parameter in again.params:
        value = given.get(parameter.name or "")
        if not isinstance(parameter, click.Option) or parameter.name in _SELECTION or value in (None, False, [], {}):
            continue
        name = max(parameter.opts, key=len)
        if parameter.is_flag:
            words.append(name)
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [name, json.dumps(one) if isinstance(one, (dict, list)) else str(one)]
    return words
