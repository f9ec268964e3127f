"""The first page: how the project stands, in figures, and the way to everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from runner.site.facts import Facts, Standing
from runner.site.page import Page

_ORDER: tuple[Standing, ...] = ("failed", "skipped", "stale", "missing", "fresh")


def pages(facts: Facts) -> Iterator[Page]:
    """Yields the first page."""
    project = facts.project
    nodes = [node for node in project.nodes() if node.unique_id in project.graph]
    standings = {node.unique_id: facts.standing(node) for node in nodes}
    numbers = Counter(standings.values())
    yield Page(
        path="index.html",
        title=project.files.name,
        section="overview",
        template="templates/overview.html.jinja",
        values={
            "counts": [(word, numbers[word]) for word in _ORDER if numbers[word]],
            "troubled": [
                (node, standings[node.unique_id]) for node in nodes if standings[node.unique_id] in _ORDER[:3]
            ],
            "report": facts.reports[0] if facts.reports else None,
            "runs": facts.records[:5],
            "tables": len(nodes),
            "exposures": sorted(project.exposures.values(), key=lambda one: one.name),
        },
    )
