"""The graph: order, walks, circles."""

from __future__ import annotations

import pytest

from runner.errors import ProjectError
from runner.graph import Graph

DIAMOND = {"clv": ["orders", "sessions"], "orders": ["raw"], "sessions": ["raw"], "tiers": ["clv"], "raw": []}


def test_order_puts_parents_first_and_breaks_ties_by_name() -> None:
    assert Graph(DIAMOND).order == ("raw", "orders", "sessions", "clv", "tiers")


def test_order_does_not_depend_on_the_order_of_the_input() -> None:
    shuffled = {node: list(reversed(DIAMOND[node])) for node in sorted(DIAMOND, reverse=True)}
    assert Graph(shuffled).order == Graph(DIAMOND).order


@pytest.mark.parametrize(
    ("nodes", "depth", "above", "below"),
    [
        (["clv"], None, {"orders", "sessions", "raw"}, {"tiers"}),
        (["clv"], 1, {"orders", "sessions"}, {"tiers"}),
        (["clv"], 0, set(), set()),
        (["raw"], 1, set(), {"orders", "sessions"}),
        (["orders", "sessions"], None, {"raw"}, {"clv", "tiers"}),
        (["orders", "clv"], None, {"sessions", "raw"}, {"tiers"}),
    ],
)
def test_walks(nodes: list[str], depth: int | None, above: set[str], below: set[str]) -> None:
    graph = Graph(DIAMOND)
    assert graph.ancestors(nodes, depth) == above
    assert graph.descendants(nodes, depth) == below


def test_restricted_keeps_order_through_left_out_nodes() -> None:
    restricted = Graph(DIAMOND).restricted({"raw", "tiers", "sessions"})
    assert restricted.order == ("raw", "sessions", "tiers")
    assert restricted.parents("tiers") == ("raw", "sessions")


@pytest.mark.parametrize(
    ("edges", "path"),
    [
        ({"a": ["a"]}, "a -> a"),
        ({"churn": ["clv"], "clv": ["churn"]}, "churn -> clv -> churn"),
        ({"x": [], "c": ["b"], "b": ["a", "x"], "a": ["c"], "below": ["c"]}, "a -> c -> b -> a"),
    ],
)
def test_a_circle_is_an_error_that_names_the_path(edges: dict[str, list[str]], path: str) -> None:
    with pytest.raises(ProjectError) as caught:
        Graph(edges)
    assert str(caught.value) == f"models depend on each other in a circle: {path}. Take one of these references out."
