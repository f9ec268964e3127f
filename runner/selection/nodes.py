"""What selection knows of a project: its nodes as plain values, and how they hang on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TESTS = ("test", "unit_test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectable:
    """A node as selection sees it.

    Attributes:
        id: the unique id.
        label: the name that people write: `clv`, `mongodb.users`.
        resource_type: dbt's word: model, seed, snapshot, source, test, unit_test, analysis, exposure, …
        fqn: project or package, folders, name; a version last.
        path: the file that defines it, relative to its project.
        patch_path: the property file that describes it, if any.
        files: further files that it is made of: macros it calls, its suite, its fixtures.
        parents: unique ids of what it depends on.
        package: the project's or the package's name; the first of `fqn` where it is empty.
        test_name: a generic test's macro (`unique`).
        test_type: `generic`, `singular` or `unit`; None for what is no test.
        version, latest_version: of a versioned model.
    """

    id: str
    label: str
    name: str
    resource_type: str
    fqn: tuple[str, ...]
    path: str
    patch_path: str | None = None
    files: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    access: str | None = None
    package: str = ""
    test_name: str | None = None
    test_type: str | None = None
    version: str | int | float | None = None
    latest_version: str | int | float | None = None

    @property
    def home(self) -> str:
        """The project or package that it belongs to."""
        return self.package or self.fqn[0]


class Universe:
    """Every node that can be chosen, and the edges between them.

    Args:
        nodes: the nodes; a parent that is none of them is no edge (a disabled node).
    """

    def __init__(self, nodes: Sequence[Selectable]) -> None:
        self.nodes: dict[str, Selectable] = {node.id: node for node in nodes}
        self._children: dict[str, list[str]] | None = None

    def parents(self, node: str) -> Iterable[str]:
        return (parent for parent in self.nodes[node].parents if parent in self.nodes)

    def children(self, node: str) -> Iterable[str]:
        if self._children is None:
            self._children = {}
            for one in self.nodes.values():
                for parent in one.parents:
                    self._children.setdefault(parent, []).append(one.id)
        return self._children.get(node, ())

    def ancestors(self, start: Iterable[str], depth: int | None = None) -> set[str]:
        """Returns what `start` depends on, up to `depth` steps (None: all); of `start` only what is above others of it."""
        found: set[str] = set()
        front = set(start)
        steps = 0
        while front and (depth is None or steps < depth):
            front = {above for node in front for above in self.parents(node)} - found
            found |= front
            steps += 1
        return found

    def descendants(self, start: Iterable[str], depth: int | None = None) -> set[str]:
        """Returns what depends on `start`, up to `depth` steps (None: all); of `start` only what is below others of it."""
        found: set[str] = set()
        front = set(start)
        steps = 0
        while front and (depth is None or steps < depth):
            front = {below for node in front for below in self.children(node)} - found
            found |= front
            steps += 1
        return found

    def tests_on(self, chosen: Iterable[str]) -> set[str]:
        """Returns the tests that hang directly on one of `chosen`."""
        return {child for node in chosen for child in self.children(node) if self.nodes[child].resource_type in TESTS}
