"""`run plan`: what a run would do and why, after type-checking it; it touches nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from runner.cli.choose import chosen_quality
from runner.cli.defer import defer_options, start_deferring
from runner.cli.session import Command, project_options, say, select_options
from runner.model import Model
from runner.project.parse import Project
from runner.state.decide import Act
from runner.state.plan import Plan, Planned, make_plan
from runner.state.reuse import STAYS

if TYPE_CHECKING:
    from runner.quality import Quality
    from runner.typecheck import Types

_WORDS = {"build": "build", "recheck": "check again", "reuse": "unchanged"}
_COLOURS = {"build": "green", "recheck": "yellow", "reuse": "bright_black"}
_NAMED = 5  # nodes that are left out for the same reason and shown by name
_DIFF = 20  # lines of a model's changed SQL that are shown


@click.command("plan", short_help="What a run would do and why, after type-checking it.")
@select_options
@click.option("--full-refresh", "-f", is_flag=True, help="As if incremental models were built anew.")
@click.option("--force", is_flag=True, help="As if everything had changed.")
@click.option("--no-types", is_flag=True, help="Do not type-check: answer at once, without Spark.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How to print the plan.")
@project_options
@defer_options
def plan_command(
    command: Command,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    force: bool,
    no_types: bool,
    output: str,
) -> int:
    """Say what `run models` would build, check again or leave alone, and why; read no data and touch nothing.

    Before that, Spark's own analyzer resolves every selected model against empty tables of the recorded columns: wrong
    names and types, broken contracts, and what else breaks by a changed column. Exits with 1 where it finds any.

    \b
    run plan                        everything
    run plan clv+ --no-types        at once, without Spark
    run plan --output json          for programs
    """
    from runner.state.decide import State

    nodes = command.select(select, exclude, kinds=("seed", "model", "snapshot"))
    quality = chosen_quality(command, select, exclude)
    start_deferring(command, nodes, quality)
    project = command.project()
    state = State(project, quality, force=force, full_refresh=full_refresh)
    plan = make_plan(project, state, nodes, threads=project.files.target.threads)
    types = None if no_types else _types(command, nodes)
    if output == "json":
        click.echo(json.dumps(_object(project, plan, types, quality), indent=1))
    else:
        for line in _lines(project, plan, types, quality):
            click.echo(line)
        say(_story(plan, types))
    return 1 if types is not None and types.findings else 0


def _types(command: Command, nodes: Sequence[str]) -> Types:
    from runner.typecheck import check_types

    with command.spark(small=True) as spark:
        return check_types(command.project(), command.quality(), nodes, spark)


def _lines(project: Project, plan: Plan, types: Types | None, quality: Quality) -> list[str]:
    """Returns the plan for people: what is wrong, what would be done and why, what stays."""
    label = {one.unique_id: _label(project, one.unique_id) for one in plan.nodes}
    busy = [one for one in plan.nodes if one.act != "reuse"]
    width = max((len(label[one.unique_id]) for one in busy), default=0)
    lines: list[str] = []
    for finding in types.findings if types else ():
        lines.append(f"{click.style('error      ', fg='red')}  {finding.message}")
    lines += _unchecked(project, types.unchecked) if types else []
    lines += [""] if lines else []
    for one in busy:
        first, *rest = [reason.text for reason in one.reasons] or [""]
        seconds = f"  (about {_seconds(one.seconds)})" if one.seconds is not None else ""
        lines.append(f"{_word(one.act)}  {label[one.unique_id]:<{width}}  {first}{seconds}".rstrip())
        lines += [f"{'':<{15 + width}}{text}" for text in rest]
        lines += [f"{'':<15}{_coloured(text)}" for text in _diff(one)]
        if one.act == "build" and (aside := _aside(project, quality, one.unique_id)) is not None:
            lines.append(f"{'':<15}{aside.words}")
        lines += [f"{'':<15}{text}" for text in (types.changes.get(one.unique_id, ()) if types else ())]
    kept = [one for one in plan.doing("reuse") if one.decision.kept]
    lines += [f"{_word('reuse')}  {label[one.unique_id]}  {one.decision.kept}, and stays so: {STAYS}" for one in kept]
    same = [project.node(one.unique_id).label for one in plan.doing("reuse") if one not in kept]
    if same:
        lines.append(f"{_word('reuse')}  {', '.join(same)}")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aside:
    """Where a build would put rows that fail a check.

    Attributes:
        table: the quarantine.
        checks: those whose rows go there.
        most_share: of the rows that may go; above it nothing is published.
        rows: that are there now.
    """

    table: str
    checks: tuple[str, ...]
    most_share: float
    rows: int

    @property
    def words(self) -> str:
        from expectations.words import percent

        named = ", ".join(self.checks[:_NAMED])
        more = f" and {len(self.checks) - _NAMED} more" if len(self.checks) > _NAMED else ""
        there = f"; {self.rows:,} are there now" if self.rows else ""
        return f"rows that fail {named}{more} would go into {self.table}, {percent(self.most_share)} of them at most{there}"


def _aside(project: Project, quality: Quality, unique_id: str) -> _Aside | None:
    """Returns where rows of a model would go that fail a check; None where its suite puts none aside."""
    suite = quality.suites.get(unique_id)
    if suite is None or not suite.quarantines:
        return None
    from expectations.setting_aside import QUARANTINE
    from runner.publishing.row_quarantine import in_quarantine
    from runner.sources.quarantine import SUFFIX

    table = project.node(unique_id).table
    checks = [one for one in suite.expectations if one.on_failure == QUARANTINE]
    return _Aside(
        table=str(table.with_suffix(SUFFIX)),
        checks=tuple(one.name or f"{one.type}({', '.join(one.columns)})" for one in checks),
        most_share=suite.max_quarantine_share,
        rows=in_quarantine(project.warehouse, table),
    )


def _unchecked(project: Project, left_out: Mapping[str, str]) -> list[str]:
    """Returns what type-checking left out, and why; of many nodes with one reason the first ones."""
    named: dict[str, list[str]] = {}
    for unique_id, why in left_out.items():
        known = project.tests.get(unique_id)
        named.setdefault(why, []).append(known.name if known else project.node(unique_id).label)
    return [
        f"{click.style('no types   ', fg='yellow')}  {', '.join(names[:_NAMED])}"
        f"{f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''}: {why}"
        for why, names in named.items()
    ]


def _word(act: Act) -> str:
    return click.style(f"{_WORDS[act]:<11}", fg=_COLOURS[act])


def _diff(one: Planned) -> list[str]:
    lines = one.diff
    return lines if len(lines) <= _DIFF else [*lines[:_DIFF], f"… and {len(lines) - _DIFF} lines more"]


def _coloured(line: str) -> str:
    colour = {"-": "red", "+": "green"}.get(line[:1])
    return click.style(line, fg=colour) if colour else line


def _label(project: Project, unique_id: str) -> str:
    node = project.node(unique_id)
    return f"{node.label} ({node.config.materialized})" if isinstance(node, Model) else node.label


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def _story(plan: Plan, types: Types | None) -> str:
    building, judging = len(plan.doing("build")), len(plan.doing("recheck"))
    parts = [f"{building} of {len(plan.nodes)} would be built"]
    parts += [f"{judging} checked again"] if judging else []
    parts += [f"{len(plan.doing('reuse'))} unchanged"]
    text = ", ".join(parts) if building or judging else f"nothing to do, all {len(plan.nodes)} are as they would be"
    if building and plan.wall_seconds is not None:
        text += f"; about {_seconds(plan.wall_seconds)} by what they took the last times"
    if types is not None and types.findings:
        count = len(types.findings)
        text += f"; {count} error{'s' if count > 1 else ''} found by type-checking"
    elif types is not None:
        text += f"; types fit, but for {len(types.unchecked)} not looked at" if types.unchecked else "; types fit"
    return f"run: {text}."


def _object(project: Project, plan: Plan, types: Types | None, quality: Quality) -> dict[str, Any]:
    asides = {one.unique_id: _aside(project, quality, one.unique_id) for one in plan.doing("build")}
    return {
        "nodes": [
            {
                "unique_id": one.unique_id,
                "name": project.node(one.unique_id).label,
                "action": one.act,
                "reasons": [{"kind": reason.kind, "text": reason.text} for reason in one.reasons],
                "diff": one.diff,
                "kept": one.decision.kept or None,
                "usual_seconds": one.seconds,
                "published_version": one.decision.version,
                "published_at": one.decision.published_at.isoformat() if one.decision.published_at else None,
                "quarantine": asdict(aside) if (aside := asides.get(one.unique_id)) is not None else None,
                "column_changes": list(types.changes.get(one.unique_id, ())) if types else None,
            }
            for one in plan.nodes
        ],
        "wall_seconds": plan.wall_seconds,
        "errors": [
            {"unique_id": finding.unique_id, "kind": finding.kind, "message": finding.message}
            for finding in types.findings
        ]
        if types
        else None,
        "unchecked": dict(types.unchecked) if types else None,
    }
