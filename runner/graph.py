"""A graph of names that knows no SQL: order, ancestors, descendants, circles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from runner.errors import ProjectError


class Graph:
    """A directed acyclic graph. Every walk is in a deterministic order.

    Args:
        parents: for each node the nodes it depends on; a parent that is no key is a node without parents.

    Raises:
        ProjectError: nodes depend on each other in a circle; the message names the path.
    """

    def __init__(self, parents: Mapping[str, Iterable[str]]) -> None:
        self._parents: dict[str, tuple[str, ...]] = {node: tuple(sorted(set(of))) for node, of in parents.items()}
        for of in list(self._parents.values()):
            for parent in of:
                self._parents.setdefault(parent, ())
        children: dict[str, list[str]] = {node: [] for node in self._parents}
        for node, of in sorted(self._parents.items()):
            for parent in of:
                children[parent].append(node)
        self._children = {node: tuple(of) for node, of in children.items()}
        self._order = self._sorted()

    def __contains__(self, node: str) -> bool:
        return node in self._parents

    def __len__(self) -> int:
        return len(self._parents)

    @property
    def order(self) -> tuple[str, ...]:
        """All nodes, parents before children; among equals by name."""
        return self._order

    def parents(self, node: str) -> tuple[str, ...]:
        return self._parents[node]

    def children(self, node: str) -> tuple[str, ...]:
        return self._children[node]

    def ancestors(self, nodes: Iterable[str], depth: int | None = None) -> set[str]:
        """Returns the nodes above `nodes`, up to `depth` steps (None: all), without `nodes` themselves."""
        return self._walk(nodes, self._parents, depth)

    def descendants(self, nodes: Iterable[str], depth: int | None = None) -> set[str]:
        """Returns the nodes below `nodes`, up to `depth` steps (None: all), without `nodes` themselves."""
        return self._walk(nodes, self._children, depth)

    def restricted(self, nodes: Iterable[str]) -> Graph:
        """Returns the graph of `nodes` alone, where an edge stands for any path through left-out nodes."""
        kept = set(nodes)
        above: dict[str, frozenset[str]] = {}
        for node in self._order:
            found: set[str] = set()
            for parent in self._parents[node]:
                if parent in kept:
                    found.add(parent)
                else:
                    found |= above[parent]
            above[node] = frozenset(found)
        return Graph({node: above[node] for node in self._order if node in kept})

    @staticmethod
    def _walk(nodes: Iterable[str], edges: Mapping[str, tuple[str, ...]], depth: int | None) -> set[str]:
        start = set(nodes)
        seen: set[str] = set(start)
        front = start
        steps = 0
        while front and (depth is None or steps < depth):
            front = {after for node in front for after in edges[node]} - seen
            seen |= front
            steps += 1
        return seen - start

    def _sorted(self) -> tuple[str, ...]:
        waiting = {node: len(of) for node, of in self._parents.items()}
        ready = [node for node, count in waiting.items() if count == 0]
        heapq.heapify(ready)
        order: list[str] = []
        while ready:
            node = heapq.heappop(ready)
            order.append(node)
            for child in self._children[node]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    heapq.heappush(ready, child)
        if len(order) < len(self._parents):
            names = [name.rsplit(".", 1)[-1] for name in self._circle(set(self._parents) - set(order))]
            raise ProjectError(
                f"models depend on each other in a circle: {' -> '.join(names)}. Take one of these references out."
            )
        return tuple(order)

    def _circle(self, left: set[str]) -> list[str]:
        node = min(left)
        path: list[str] = []
        while node not in path:
            path.append(node)
            node = next(parent for parent in self._parents[node] if parent in left)
        circle = path[path.index(node) :]
        first = circle.index(min(circle))  # the same message whichever node was met first
        circle = circle[first:] + circle[:first]
        return [*circle, circle[0]]
