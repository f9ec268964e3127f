"""What a run should take, by what its nodes took before."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from statistics import median

from runner.graph import Graph
from runner.state.commits import commits
from runner.warehouse import is_view, read_view

_LAST = 5


def usual_seconds(path: Path) -> float | None:
    """Returns the median of what building the table or view at `path` took the last times; None where nobody kept it."""
    if is_view(path):
        said = [read_view(path)["metadata"]]
    else:
        said = list(islice((one.said for one in commits(path) if "seconds" in one.said and not one.is_note), _LAST))
    known = [float(one["seconds"]) for one in said if "seconds" in one]
    return median(known) if known else None


def wall_seconds(graph: Graph, nodes: Iterable[str], seconds: Mapping[str, float], *, threads: int) -> float:
    """Returns how long the nodes take together, parents first, so many at a time.

    Args:
        seconds: what each takes; nothing for those that are left out.
    """
    chosen = graph.restricted(nodes)
    missing = {node: len(chosen.parents(node)) for node in chosen.order}
    position = {node: index for index, node in enumerate(chosen.order)}
    ready = [(position[node], node) for node in chosen.order if not missing[node]]
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < threads:
            node = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + seconds.get(node, 0.0), node))
        now, done = heapq.heappop(running)
        for child in chosen.children(done):
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, (position[child], child))
    return now
