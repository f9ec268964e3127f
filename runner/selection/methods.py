"""The methods of selectors: what `tag:x` chooses among all nodes. Each follows dbt's rules; see docs/selection.md for ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import NotFoundError, ProjectError
from runner.selection.changed import changed_files
from runner.selection.grammar import Term
from runner.selection.nodes import Selectable, Universe
from runner.selection.state import StateView

RESOURCE_TYPES = (
    "model", "seed", "snapshot", "source", "test", "unit_test", "analysis", "exposure", "metric", "semantic_model",
    "saved_query", "function",
)  # fmt: skip
TEST_TYPES = ("generic", "singular", "unit", "data", "schema")
VERSIONS = ("latest", "prerelease", "old", "none")
FAILED = ("error", "fail", "runtime error", "withheld", "partial success")
_TEST_TYPES = {"generic": ("schema", "data"), "singular": ("data",)}
_NOT_NODES = ("source", "exposure", "metric", "semantic_model", "saved_query", "unit_test")
_DEFAULTS: dict[str, Mapping[str, Any]] = {
    "model": {"materialized": "view", "on_schema_change": "ignore", "enabled": True, "access": "protected"},
    "seed": {"materialized": "seed", "on_schema_change": "ignore", "enabled": True},
    "snapshot": {"materialized": "snapshot", "on_schema_change": "ignore", "enabled": True},
    "analysis": {"materialized": "view", "on_schema_change": "ignore", "enabled": True},
    "test": {"materialized": "test", "severity": "ERROR", "enabled": True, "fail_calc": "count(*)"},
    "source": {"enabled": True},
}
_DEFAULTS_OF_TABLES = {"contract": {"enforced": False, "alias_types": True}, "docs": {"show": True}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a method may ask."""

    universe: Universe
    state: StateView
    root: Path | None
    project: str


Method = Callable[[Context, Term], set[str]]


def _each(test: Callable[[Selectable, str], bool]) -> Method:
    def method(context: Context, term: Term) -> set[str]:
        value = str(term.value)
        return {node.id for node in context.universe.nodes.values() if test(node, value)}

    return method


def _all(context: Context, term: Term) -> set[str]:
    return set(context.universe.nodes)


def _by_fqn(node: Selectable, value: str) -> bool:
    if node.resource_type == "source":
        return False
    return _is_name(node.fqn, value, node.version is not None) or _is_name(
        node.fqn[1:], value, node.version is not None
    )


def _is_name(fqn: tuple[str, ...], value: str, versioned: bool) -> bool:
    """Says whether `value` names the node: its name, or a dotted prefix of its folders, the rest by a wildcard."""
    if not fqn:
        return False
    parts = value.split(".")
    if versioned and len(fqn) > 1:
        if fqn[-2] == value or "_".join(fqn[-2:]) == "_".join(parts[-2:]):
            return True
    elif fqn[-1] == value:
        return True
    names = ".".join(fqn).split(".")
    if len(names) < len(parts):
        return False
    for index, part in enumerate(parts):
        if any(sign in part for sign in "*?[]"):
            if fnmatchcase(".".join(names[index:]), ".".join(parts[index:])):
                return True
            return len(parts) == 1 and fnmatchcase(fqn[-2] if versioned and len(fqn) > 1 else fqn[-1], value)
        if names[index] != part:
            return False
    return True


def _by_tag(node: Selectable, value: str) -> bool:
    return any(fnmatchcase(tag, value) for tag in node.tags)


def _by_source(context: Context, term: Term) -> set[str]:
    parts = str(term.value).split(".")
    if len(parts) > 3:
        raise ProjectError(
            f'the selector "{term.raw}" has too many dots. A source is source, source.table or package.source.table.'
        )
    package, source, table = ["*"] * (3 - len(parts)) + parts if len(parts) != 1 else ["*", parts[0], "*"]
    return {
        node.id
        for node in context.universe.nodes.values()
        if node.resource_type == "source"
        and fnmatchcase(node.home, package)
        and fnmatchcase(node.fqn[-2], source)
        and fnmatchcase(node.fqn[-1], table)
    }


def _named(kind: str) -> Method:
    """Returns the method of a kind of node that is chosen by `name` or `package.name`."""

    def method(context: Context, term: Term) -> set[str]:
        parts = str(term.value).split(".")
        if len(parts) > 2:
            raise ProjectError(
                f'the selector "{term.raw}" has too many dots. Write {kind}:name or {kind}:package.name.'
            )
        package, name = ["*", *parts][-2:]
        return {
            node.id
            for node in context.universe.nodes.values()
            if node.resource_type == kind and fnmatchcase(node.home, package) and fnmatchcase(node.name, name)
        }

    return method


@lru_cache(maxsize=64)
def _glob(pattern: str) -> re.Pattern[str]:
    """Returns a glob as a pattern over whole paths: `*` stays within a folder, `**` goes through folders."""
    parts = []
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            parts.append(r"(?:[^/]+/)*")
            continue
        found = re.sub(r"\\?\[!?[^]]*\]|[*?]|[^*?\[]+|\[", _piece, part)
        parts.append(found + "/")
    return re.compile("".join(parts))


def _piece(match: re.Match[str]) -> str:
    text = match[0]
    if text == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if text.startswith("[") and len(text) > 2:
        return "[" + ("^" if text[1] == "!" else "") + text[1 + (text[1] == "!") : -1].replace("\\", "\\\\") + "]"
    return re.escape(text)


def _by_path(context: Context, term: Term) -> set[str]:
    pattern = _glob(str(term.value))
    known: dict[tuple[str, bool], bool] = {}

    def meant(path: str, own: bool) -> bool:
        """Says whether the path is; one of a package counts where the project has a file or folder of that path, too."""
        if pattern.fullmatch(path + "/") is None:
            return False
        return own or context.root is None or (context.root / path).exists()

    def holds(path: str, own: bool) -> bool:
        """Says whether the path or a folder above it is meant."""
        if (path, own) not in known:
            above = path.rpartition("/")[0]
            known[path, own] = meant(path, own) or (bool(above) and holds(above, own))
        return known[path, own]

    def chosen(node: Selectable) -> bool:
        own = node.home == context.project
        return holds(node.path, own) or (node.patch_path is not None and meant(node.patch_path, own))

    return {node.id for node in context.universe.nodes.values() if chosen(node)}


def _by_file(node: Selectable, value: str) -> bool:
    name = node.path.rpartition("/")[2]
    return fnmatchcase(name, value) or fnmatchcase(PurePosixPath(name).stem, value)


def _by_package(context: Context, term: Term) -> set[str]:
    wanted = context.project if term.value == "this" and context.project else str(term.value)
    return {node.id for node in context.universe.nodes.values() if fnmatchcase(node.home, wanted)}


def _by_config(context: Context, term: Term) -> set[str]:
    if not term.arguments:
        raise ProjectError(f'the selector "{term.raw}" names no setting. Write for example config.materialized:table.')
    return {
        node.id
        for node in context.universe.nodes.values()
        if node.resource_type not in _NOT_NODES[1:] and _has_setting(node, term.arguments, str(term.value))
    }


def _has_setting(node: Selectable, keys: tuple[str, ...], wanted: str) -> bool:
    found: Any = {**defaults_of(node.resource_type), **node.config}
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    insensitive = keys == ("severity",)
    return any(_is_value(one, wanted, insensitive) for one in (found if isinstance(found, (list, tuple)) else [found]))


@lru_cache
def defaults_of(resource_type: str) -> Mapping[str, Any]:
    """Returns the settings that a kind of node has where nothing says otherwise."""
    own = _DEFAULTS.get(resource_type, {})
    return {**_DEFAULTS_OF_TABLES, **own} if resource_type in ("model", "seed", "snapshot", "analysis") else own


def _is_value(value: Any, wanted: str, insensitive: bool) -> bool:
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    if value is None:
        return False
    return str(value).lower() == wanted.lower() if insensitive else str(value) == wanted


def _choice(known: tuple[str, ...], test: Callable[[Selectable, str], bool]) -> Method:
    """Returns a method whose value is one of `known`."""
    each = _each(test)

    def method(context: Context, term: Term) -> set[str]:
        if term.value not in known:
            raise NotFoundError(
                f'the selector "{term.raw}" has an unknown value "{term.value}". It is one of: {", ".join(known)}.',
                name=str(term.value),
                known=known,
            )
        return each(context, term)

    return method


def _by_test_name(node: Selectable, value: str) -> bool:
    if node.resource_type == "unit_test":
        return fnmatchcase(node.name, value)
    return node.test_name is not None and fnmatchcase(node.test_name, value)


def _by_test_type(node: Selectable, value: str) -> bool:
    if node.test_type is None:
        return False
    return value == node.test_type or value in _TEST_TYPES.get(node.test_type, ())


def _by_version(node: Selectable, value: str) -> bool:
    if node.resource_type != "model":
        return False
    if value == "none" or node.version is None:
        return value == "none" and node.version is None
    latest = node.latest_version if node.latest_version is not None else node.version
    mine, newest = _comparable(node.version), _comparable(latest)
    return {"latest": mine == newest, "prerelease": mine > newest, "old": mine < newest}[value]


def _comparable(version: str | int | float) -> tuple[int, float, str]:
    """Returns what versions are ordered by: numbers before words."""
    try:
        return (0, float(version), "")
    except ValueError:
        return (1, 0.0, str(version))


def _state(context: Context, term: Term) -> set[str]:
    return context.state.differing(str(term.value), term.raw) & set(context.universe.nodes)


def _result(context: Context, term: Term) -> set[str]:
    wanted = str(term.value)
    return {node for node, status in context.state.statuses().items() if status == wanted} & set(context.universe.nodes)


def _failed(context: Context, term: Term) -> set[str]:
    _no_value(term)
    return {node for node, status in context.state.statuses().items() if status in FAILED} & set(context.universe.nodes)


def _stale(context: Context, term: Term) -> set[str]:
    _no_value(term)
    return set(context.state.stale()) & set(context.universe.nodes)


def _no_value(term: Term) -> None:
    if term.value:
        raise ProjectError(f'the selector "{term.raw}" takes no value. Write {term.method}: and narrow it by a ",".')


def _source_status(context: Context, term: Term) -> set[str]:
    if term.value != "fresher":
        raise ProjectError(f'the selector "{term.raw}" has an unknown value "{term.value}". It is: fresher.')
    return set(context.state.fresher()) & set(context.universe.nodes)


def _changed(context: Context, term: Term) -> set[str]:
    if context.root is None:
        raise ProjectError(f'the selector "{term.raw}" needs a project in a git repository.')
    return nodes_of_files(context.universe, changed_files(context.root, str(term.value)), context.project)


def nodes_of_files(universe: Universe, files: set[str], project: str) -> set[str]:
    """Returns the nodes that one of the files makes or describes; a change of the project file is a change of all.

    Args:
        files: paths relative to the project, as `Selectable.files` are; `path` is so for the project's own nodes alone.
    """
    if files & {"project.yml", "dbt_project.yml"}:
        return set(universe.nodes)
    return {
        node.id
        for node in universe.nodes.values()
        if (node.home == project and (node.path in files or node.patch_path in files))
        or not files.isdisjoint(node.files)
    }


METHODS: dict[str, Method] = {
    "access": _each(lambda node, value: node.resource_type == "model" and node.access == value),
    "changed": _changed,
    "config": _by_config,
    "exposure": _named("exposure"),
    "failed": _failed,
    "file": _each(_by_file),
    "fqn": _each(_by_fqn),
    "group": _each(lambda node, value: node.group is not None and fnmatchcase(node.group, value)),
    "metric": _named("metric"),
    "package": _by_package,
    "path": _by_path,
    "resource_type": _choice(RESOURCE_TYPES, lambda node, value: node.resource_type == value),
    "result": _result,
    "saved_query": _named("saved_query"),
    "selector": _all,  # taken apart before methods are asked
    "semantic_model": _named("semantic_model"),
    "source": _by_source,
    "source_status": _source_status,
    "stale": _stale,
    "state": _state,
    "tag": _each(_by_tag),
    "test_name": _each(_by_test_name),
    "test_type": _choice(TEST_TYPES, _by_test_type),
    "unit_test": _named("unit_test"),
    "version": _choice(VERSIONS, _by_version),
}
# What they choose comes and goes from run to run: nothing is an answer, not a mistake.
DYNAMIC = frozenset({"changed", "failed", "result", "source_status", "stale", "state"})
