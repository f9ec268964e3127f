"""What a run would do, and why, found without running it: no Spark, no data."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from runner.jinja.render import scrubbed
from runner.model import Model
from runner.project.parse import Project
from runner.state.cost import usual_seconds, wall_seconds
from runner.state.decide import Act, Decision, Reason, State
from runner.state.tokens import uncommented


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would become of one node.

    Attributes:
        act: what the run would do with it, as far as can be told before: a table that is built before it may turn out
            to have no new rows.
        reasons: why; empty where it stays as it is.
        seconds: what building it took the last times; None where nobody knows.
        decision: what was found of it alone.
    """

    unique_id: str
    act: Act
    reasons: tuple[Reason, ...]
    seconds: float | None
    decision: Decision

    @property
    def diff(self) -> list[str]:
        """The lines of its SQL that changed, each after `-` or `+`; empty where none did."""
        if not any(reason.kind in ("sql", "restored") for reason in self.reasons):
            return []
        return sql_diff(self.decision.before, self.decision.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run of some nodes would do.

    Attributes:
        nodes: parents before children.
        wall_seconds: what the run should take, without Spark's start; None where a node that would be built has no history.
    """

    nodes: tuple[Planned, ...]
    wall_seconds: float | None

    def doing(self, act: Act) -> list[Planned]:
        return [one for one in self.nodes if one.act == act]


def make_plan(project: Project, state: State, nodes: Sequence[str], *, threads: int) -> Plan:
    """Returns what a run of `nodes` would do as things stand now.

    Args:
        nodes: unique ids, parents before children.
        threads: how many the run builds at a time.

    Raises:
        ProjectError: a template is wrong.
    """
    moving: dict[str, str] = {}  # nodes that will give other rows, and the table or view that is built for it
    planned: list[Planned] = []
    for node in nodes:
        decision = state.decide(node)
        causes = {moving[parent] for parent in _read(project, node) if parent in moving}
        found = _planned(project, decision, sorted(causes))
        planned.append(found)
        if found.act == "build":
            moving[node] = node
        elif causes:
            moving[node] = min(causes)  # a view: what reads it reads what is below it
    known = {one.unique_id: one.seconds for one in planned if one.act == "build"}
    seconds = {node: value for node, value in known.items() if value is not None}
    wall = wall_seconds(project.graph, known, seconds, threads=threads) if len(seconds) == len(known) else None
    return Plan(nodes=tuple(planned), wall_seconds=wall)


def stale(project: Project, state: State) -> set[str]:
    """Returns the unique ids of the models and landed tables that a run of everything would build or check again."""
    known = {node.unique_id for node in project.nodes()}
    order = [node for node in project.graph.order if node in known]
    return {one.unique_id for one in make_plan(project, state, order, threads=1).nodes if one.act != "reuse"}


def _planned(project: Project, decision: Decision, causes: list[str]) -> Planned:
    node = project.node(decision.unique_id)
    act, reasons = decision.act, decision.reasons
    if isinstance(node, Model) and causes:
        kind = node.config.materialized
        if kind in ("view", "ephemeral"):
            causes = causes if kind == "view" and decision.checked else []
            act = "recheck" if causes and act == "reuse" else act
        elif causes:
            act = "build"
        named = {reason.text.split(" ")[0] for reason in reasons}
        labels = [label for label in (project.node(cause).label for cause in causes) if label not in named]
        if decision.kept and act == "build":
            reasons = (Reason(kind="restored", text=f"{decision.kept}; it would be built again"), *reasons)
        reasons = (*reasons, *(Reason(kind="rows", text=f"{label} is built before it") for label in labels))
    seconds = usual_seconds(node.table.path(project.warehouse)) if act == "build" else None
    return Planned(unique_id=decision.unique_id, act=act, reasons=reasons, seconds=seconds, decision=decision)


def _read(project: Project, node: str) -> set[str]:
    """Returns what a node reads, through ephemeral models."""
    found: set[str] = set()
    for parent in project.graph.parents(node):
        found.add(parent)
        model = project.node(parent)
        if isinstance(model, Model) and model.config.materialized == "ephemeral":
            found |= _read(project, parent)
    return found


def sql_diff(before: str, after: str) -> list[str]:
    """Returns the lines that differ, each after `-` or `+`, those of other places after a line of `…`."""
    before, after = uncommented(scrubbed(before)), uncommented(scrubbed(after))
    old, new = _laid_out(before), _laid_out(after)
    if old is None or new is None:
        old, new = before.splitlines(), after.splitlines()
    lines: list[str] = []
    for line in difflib.unified_diff(old, new, n=0, lineterm=""):
        if line.startswith("@@"):
            lines += ["…"] if lines else []
        elif not line.startswith(("---", "+++")):
            lines.append(f"{line[0]} {line[1:]}")
    return lines


def _laid_out(sql: str) -> list[str] | None:
    """Returns the SQL's lines, laid out in one way, so that only words differ; None where it cannot be read."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read="spark", error_level=sqlglot.ErrorLevel.RAISE)
        return tree.sql("spark", pretty=True).splitlines()
    except (SqlglotError, RecursionError):
        return None
