"""What listing and selecting need of a project, apart from the project: it is read back from the cache in milliseconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import ProjectError
from runner.selection import Indirect, NamedSelectors, Selectable, StateView, select


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that is needed to list and select: much less than the project, and faster to have.

    Attributes:
        nodes: every node, parents before children, tests last.
        project: the project's name.
    """

    nodes: tuple[Selectable, ...]
    named: NamedSelectors
    project: str
    root: Path

    def select(
        self,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        *,
        kinds: Collection[str] = ("model",),
        selector: str | None = None,
        indirect: Indirect = "eager",
        state: StateView | None = None,
    ) -> list[str]:
        """Returns the unique ids that the selectors choose, of the given kinds, parents before children, tests last.

        Args:
            selector, indirect, state: as `runner.selection.select` takes them.

        Raises:
            NothingSelected: `state:`, `failed:` and the like hold of nothing now.
            ProjectError: a selector is wrong or matches nothing, or leaves none of the kinds.
        """
        chosen = select(
            self.nodes,
            include=include,
            exclude=exclude,
            selector=selector,
            indirect=indirect,
            named=self.named,
            state=state,
            root=self.root,
            project=self.project,
        )
        found = [node.id for node in self.nodes if node.id in chosen and node.resource_type in kinds]
        if not found:
            raise ProjectError(f"the selection holds no {' and no '.join(kinds)}. Look at it with `run ls`.")
        return found
