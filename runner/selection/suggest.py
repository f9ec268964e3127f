"""What to say of a term that matches nothing: the nearest name of the right kind."""

from __future__ import annotations

from collections.abc import Iterable

from runner.errors import NotFoundError, NothingSelected, ProjectError
from runner.selection.grammar import Term
from runner.selection.nodes import TESTS, Universe

_QUIET = {
    "changed": "nothing has changed",
    "failed": "nothing failed in the last run",
    "stale": "everything is up to date",
    "source_status": "no source is fresher than it was",
}


def nothing_matches(term: Term, universe: Universe) -> ProjectError:
    """Returns the error for a term that chose nothing; NothingSelected where that can be as it should."""
    place = f"{term.place}: " if term.place else ""
    if term.method in _QUIET:
        return NothingSelected(f"{_QUIET[term.method]}: {term.raw} selects nothing.")
    if term.method in ("state", "result"):
        return NothingSelected(f"{term.raw} selects nothing.")
    value = str(term.value)
    if term.method == "fqn":
        return NotFoundError(f'{place}no model is named "{value}".', name=value, known=_names(universe))
    return NotFoundError(
        f'{place}the selector "{term.method}{"".join("." + word for word in term.arguments)}:{value}" matches nothing.',
        name=value,
        known=_known(term, universe),
    )


def _names(universe: Universe) -> list[str]:
    nodes = universe.nodes.values()
    return [node.name for node in nodes if node.resource_type not in (*TESTS, "source")] or [n.name for n in nodes]


def _known(term: Term, universe: Universe) -> Iterable[str]:
    nodes = universe.nodes.values()
    if term.method == "tag":
        return {tag for node in nodes for tag in node.tags}
    if term.method == "path":
        paths = {node.path for node in nodes}
        return paths | {path[:at] for path in paths for at, sign in enumerate(path) if sign == "/"}
    if term.method == "file":
        return {node.path.rpartition("/")[2] for node in nodes}
    if term.method == "package":
        return {node.home for node in nodes}
    if term.method == "group":
        return {node.group for node in nodes if node.group}
    if term.method == "access":
        return ("public", "protected", "private")
    if term.method == "test_name":
        return {node.test_name or node.name for node in nodes if node.resource_type in TESTS}
    if term.method == "config":
        return {str(node.config[term.arguments[0]]) for node in nodes if term.arguments[0] in node.config}
    return {node.label for node in nodes if node.resource_type == term.method}
