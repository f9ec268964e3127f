"""The selector grammar: names, methods, graph operators, union, intersection, exclusion.

clv                 a name, or a dotted prefix of folders
stg_*               fnmatch wildcards
tag:nightly  path:models/marts  source:mongodb.users  config.materialized:table  resource_type:model
+clv  clv+  2+clv+1 with ancestors, descendants, up to a depth
@clv                descendants, and all their ancestors
a b                 union            a,b   intersection (binds tighter)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from runner.errors import NotFoundError, ProjectError
from runner.graph import Graph

_TERM = re.compile(
    r"(?P<at>@)?(?:(?P<up_depth>\d*)(?P<up>\+))?(?:(?P<method>[a-z_]+)(?:\.(?P<argument>[\w.]+))?:)?"
    r"(?P<value>[^+@]+?)(?:(?P<down>\+)(?P<down_depth>\d*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectable:
    """What selection knows of a node.

    Attributes:
        id: the node's unique id in the graph.
        label: the name that people write: `clv`, `mongodb.users`.
        fqn: project, folders, name.
        path: the file that defines it.
        patch_path: the property file that describes it, if any.
    """

    id: str
    label: str
    name: str
    resource_type: str
    fqn: tuple[str, ...]
    path: PurePosixPath
    patch_path: PurePosixPath | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


def select(
    nodes: Sequence[Selectable], graph: Graph, *, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> set[str]:
    """Returns the ids that the selectors choose.

    Args:
        nodes: every node that can be chosen.
        graph: the graph over their ids.
        include: selectors, each a union of words; none at all chooses every node.
        exclude: selectors of what is taken away again.

    Raises:
        ProjectError: a selector is malformed, or matches nothing.
    """
    words = [word for text in include for word in text.split()]
    chosen = {node.id for node in nodes} if not words else _union(words, nodes, graph)
    taken = _union([word for text in exclude for word in text.split()], nodes, graph)
    left = (chosen & {node.id for node in nodes}) - taken
    if not left:
        raise ProjectError(
            "nothing is left to select: --exclude takes away all that --select chooses. Narrow one of them."
        )
    return left


def _union(words: Sequence[str], nodes: Sequence[Selectable], graph: Graph) -> set[str]:
    found: set[str] = set()
    for word in words:
        parts = [_term(part, word, nodes, graph) for part in word.split(",")]
        common = set.intersection(*parts)
        if not common:
            raise ProjectError(f'the selector "{word}" matches nothing: no node is in all of its parts.')
        found |= common
    return found


def _term(text: str, word: str, nodes: Sequence[Selectable], graph: Graph) -> set[str]:
    match = _TERM.fullmatch(text)
    if match is None:
        raise ProjectError(
            f'the selector "{word}" cannot be read at "{text}". Examples: clv+, 2+clv, @clv, tag:daily, path:models/marts.'
        )
    if match["at"] and (match["up"] or match["down"]):
        raise ProjectError(
            f'the selector "{word}" has "@" beside "+". "@" already takes descendants and their ancestors.'
        )
    method, value = match["method"] or _default_method(match["value"]), match["value"]
    if method not in _METHODS:
        raise NotFoundError(
            f'the selector "{word}" has an unknown method "{method}". Methods: {", ".join(sorted(_METHODS))}.',
            name=method,
            known=_METHODS,
        )
    found = {node.id for node in nodes if _METHODS[method](node, value, match["argument"] or "")}
    if not found:
        raise _nothing(method, value, nodes)
    if match["at"]:
        below = found | graph.descendants(found)
        return below | graph.ancestors(below)
    chosen = set(found)
    if match["up"]:
        chosen |= graph.ancestors(found, _depth(match["up_depth"]))
    if match["down"]:
        chosen |= graph.descendants(found, _depth(match["down_depth"]))
    return chosen


def _depth(digits: str) -> int | None:
    return int(digits) if digits else None


def _default_method(value: str) -> str:
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith((".sql", ".py", ".csv")) else "fqn"


def _nothing(method: str, value: str, nodes: Sequence[Selectable]) -> ProjectError:
    if method == "fqn":
        return NotFoundError(
            f'no model is named "{value}".',
            name=value,
            known=[node.name for node in nodes if node.resource_type == "model"],
        )
    known: set[str] = set()
    if method == "tag":
        known = {tag for node in nodes for tag in node.tags}
    elif method == "source":
        known = {node.label for node in nodes if node.resource_type == "source"}
    elif method == "path":
        known = {str(parent) for node in nodes for parent in node.path.parents} | {str(node.path) for node in nodes}
    elif method == "file":
        known = {node.path.name for node in nodes}
    return NotFoundError(f'the selector "{method}:{value}" matches nothing.', name=value, known=known)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _by_fqn(node: Selectable, value: str, _: str) -> bool:
    if node.resource_type == "source":
        return False
    if _matches(node.name, value):
        return True
    parts = value.split(".")
    return any(_is_prefix(parts, names) for names in (node.fqn, node.fqn[1:]))


def _is_prefix(parts: list[str], names: tuple[str, ...]) -> bool:
    for index, part in enumerate(parts):
        if index >= len(names):
            return False
        if any(sign in part for sign in "*?["):
            return fnmatchcase(".".join(names[index:]), ".".join(parts[index:]))
        if names[index] != part:
            return False
    return True


def _by_source(node: Selectable, value: str, _: str) -> bool:
    if node.resource_type != "source":
        return False
    project, source, table = node.fqn
    parts = value.split(".")
    names = {1: (source,), 2: (source, table), 3: (project, source, table)}.get(len(parts), ())
    return len(names) == len(parts) and all(map(_matches, names, parts))


def _by_path(node: Selectable, value: str, _: str) -> bool:
    wanted = value.rstrip("/").removeprefix("./")
    paths = [node.path, *([node.patch_path] if node.patch_path else [])]
    return any(_matches(str(place), wanted) for path in paths for place in (path, *path.parents))


def _by_config(node: Selectable, value: str, argument: str) -> bool:
    found: Any = node.config
    for key in argument.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    if isinstance(found, Mapping):
        return value in found
    return any(_as_text(one) == value for one in (found if isinstance(found, (list, tuple)) else [found]))


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_METHODS: dict[str, Callable[[Selectable, str, str], bool]] = {
    "fqn": _by_fqn,
    "tag": lambda node, value, _: any(_matches(tag, value) for tag in node.tags),
    "path": _by_path,
    "file": lambda node, value, _: _matches(node.path.name, value) or _matches(node.path.stem, value),
    "source": _by_source,
    "config": _by_config,
    "resource_type": lambda node, value, _: node.resource_type == value,
    "package": lambda node, value, _: value == "this" or _matches(node.fqn[0], value),
}
