"""`run lint` and `run format`: templates by the rules, and in their form."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.session import Command, project_options, say, select_options
from runner.errors import MachineError
from runner.model import Model

if TYPE_CHECKING:
    from runner.lint.rules import Finding

_FIX_SHOWN = 20


@click.command("lint", short_help="Read templates by the rules; one line a finding, for editors.")
@select_options
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Keep to this rule only; may be repeated.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without a person.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print findings.")
@project_options
def lint_command(
    command: Command, select: tuple[str, ...], exclude: tuple[str, ...], rules: tuple[str, ...], fix: bool, output: str
) -> int:
    """Read models by the rules; each finding is a line `path:line:column: rule: what is wrong. The way out.`

    \b
    unread-cte       a CTE that nothing reads
    table-by-hand    a table named without ref() or source()
    star             select * of a table or a join that is no import
    group-number     group by 1
    source-in-mart   a mart that reads a landed table
    no-description   a model without a description
    no-key           a table without a check of what its rows are one of

    `-- noqa`, or `-- noqa: star`, at the end of a line silences what is found there. Starts no Spark.
    """
    from runner.lint.check import lint, mend

    project = command.project()
    chosen = list(_models(command, select, exclude))
    keyed = _keyed_by_suites(command)
    findings = lint(project, chosen, keyed=keyed, rules=rules)
    mended = mend(project.root, findings) if fix else 0
    left = [one for one in findings if not (fix and one.edit)]
    for one in left:
        click.echo(_line(one, output))
    if mended:
        say(f"run: {mended} mended.")
    say(
        f"run: {len(chosen)} models read, {len(left)} findings."
        if left
        else f"run: {len(chosen)} models read, all well."
    )
    return 1 if left else 0


@click.command("format", short_help="Put SQL into its form, with sqlfmt.")
@select_options
@click.option("--check", is_flag=True, help="Change nothing; say what would change, and exit 1.")
@click.option("--diff", is_flag=True, help="Change nothing; print what would change.")
@project_options
def format_command(command: Command, select: tuple[str, ...], exclude: tuple[str, ...], check: bool, diff: bool) -> int:
    """Put models and macros into their form; with a selector, only those models.

    The form is sqlfmt's, set under [tool.sqlfmt] in pyproject.toml. Starts no Spark.
    """
    if importlib.util.find_spec("sqlfmt") is None:
        raise MachineError('sqlfmt is not installed. Install it: pip install "shandy-sqlfmt[jinjafmt]"')
    project = command.project()
    paths = sorted({project.root / model.path for model in _models(command, select, exclude)})
    if not select and not exclude:
        paths += sorted({project.root / macro.path for macro in project.files.macros if not macro.path.is_absolute()})
    changed, errors = _formatted(
        [path for path in paths if path.suffix == ".sql"], project.root, write=not check and not diff, diff=diff
    )
    for line in errors:
        click.echo(line)
    word = "would change" if check or diff else "changed"
    say(
        f"run: {len(paths)} files read, {len(changed)} {word}"
        + (f", {len(errors)} could not be read." if errors else ".")
    )
    for path in changed[:_FIX_SHOWN] if check else ():
        click.echo(
            f"{path.relative_to(project.root)}:1:1: format: this file is not in its form. Put it there: run format"
        )
    if errors:
        return 2
    return 1 if changed and (check or diff) else 0


def _formatted(paths: Iterable[Path], root: Path, *, write: bool, diff: bool) -> tuple[list[Path], list[str]]:
    """Formats files; returns those that change, and a line for each that cannot be read."""
    from sqlfmt.api import format_string
    from sqlfmt.config import load_config_file
    from sqlfmt.exception import SqlfmtError
    from sqlfmt.mode import Mode

    settings: dict[str, Any] = dict(load_config_file([root], None))
    mode = Mode(**settings)
    changed: list[Path] = []
    errors: list[str] = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        try:
            formatted = format_string(text, mode)
        except SqlfmtError as error:
            errors.append(f"{path.relative_to(root)}:1:1: format: {_first_line(error)}")
            continue
        if formatted == text:
            continue
        changed.append(path)
        if diff:
            click.echo(_difference(path.relative_to(root), text, formatted), nl=False)
        if write:
            path.write_text(formatted, encoding="utf-8")
    return changed, errors


def _difference(path: Path, before: str, after: str) -> str:
    from difflib import unified_diff

    return "".join(unified_diff(before.splitlines(True), after.splitlines(True), f"{path}", f"{path} (formatted)"))


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text if text.endswith(".") else f"{text}."


def _models(command: Command, select: tuple[str, ...], exclude: tuple[str, ...]) -> Iterable[Model]:
    project = command.project()
    for unique_id in command.select(select, exclude):
        model = project.node(unique_id)
        if isinstance(model, Model) and model.package in ("", project.files.name):
            yield model


def _keyed_by_suites(command: Command) -> set[str]:
    from runner.lint.rules import KEY_TESTS

    return {
        unique_id
        for unique_id, suite in command.quality().suites.items()
        if any(word in one.type for one in suite.expectations for word in KEY_TESTS)
    }


def _line(finding: Finding, output: str) -> str:
    if output == "text":
        return str(finding)
    names = ("path", "line", "column", "rule", "message")
    return json.dumps({name: getattr(finding, name) for name in names} | {"fixable": finding.edit is not None})
