"""A run with nothing to do, answered without Spark."""

from __future__ import annotations

from collections.abc import Iterable

from runner.errors import ProjectError
from runner.execute import NodeResult
from runner.state.decide import Decision, State

STAYS = "it is built when its SQL, its settings or what it reads change, or with --force"


def reused(decision: Decision) -> NodeResult:
    """Returns the result of a node that stays as it is."""
    since = f"nothing changed since {decision.published_at:%d %b %H:%M}" if decision.published_at else "nothing changed"
    if decision.kept:
        since = f"{decision.kept}, and stays so: {STAYS}"
    warned = f"; it was published with a warning: {decision.warned}" if decision.warned else ""
    return NodeResult(
        unique_id=decision.unique_id, status="reused", message=since + warned, version=decision.version, why=since
    )


def all_reused(state: State, nodes: Iterable[str]) -> list[NodeResult] | None:
    """Returns the results of a run in which every node stays as it is; None where one of them has work to do."""
    results: list[NodeResult] = []
    for node in nodes:
        try:
            decision = state.decide(node)
        except ProjectError:
            return None  # running it says what is wrong, and goes on with the others
        if decision.act != "reuse":
            return None
        results.append(reused(decision))
    return results
