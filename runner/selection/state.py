"""What earlier runs left, and what differs from it: the ground of `state:`, `result:`, `failed:`, `stale:`, `source_status:`.

A node is compared in the form that it has in `manifest.json`, so that a manifest which dbt wrote can be compared with, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from runner.errors import FormatError, NotFoundError, ProjectError

STATES = (
    "new", "old", "modified", "unmodified", "modified.body", "modified.configs", "modified.persisted_descriptions",
    "modified.relation", "modified.macros", "modified.contract",
)  # fmt: skip
_Node = Mapping[str, Any]
_NO_STATE = "there is nothing to compare with. Give the folder of earlier artifacts: --state DIR."
# Settings that say where a table stands or how it is found, not what is in it.
_NOT_COMPARED = frozenset({"alias", "schema", "database", "tags", "group"})
_TEST_MODIFIERS = (
    "severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as",
)  # fmt: skip


def _missing() -> NoReturn:
    raise ProjectError(_NO_STATE)


def _no_stale() -> NoReturn:
    raise ProjectError("stale: is known only to commands that build or list models.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """What selection may ask of earlier runs. Each is asked only when a selector needs it.

    Attributes:
        previous: the earlier manifest.
        current: the project as it is now, in the manifest's form.
        statuses: each node's status in the last run.
        stale: the nodes that a run would build since they, or what they read, changed.
        fresher: the sources that have newer data than before.
    """

    previous: Callable[[], Mapping[str, Any]] = _missing
    current: Callable[[], Mapping[str, Any]] = _missing
    statuses: Callable[[], Mapping[str, str]] = _missing
    stale: Callable[[], Collection[str]] = _no_stale
    fresher: Callable[[], Collection[str]] = _missing

    def differing(self, how: str, raw: str) -> set[str]:
        """Returns the nodes that are new, modified, … against the earlier manifest.

        Raises:
            ProjectError: `how` is none of STATES, or there is nothing to compare with.
        """
        if how not in STATES:
            raise NotFoundError(
                f'the selector "{raw}" has an unknown value "{how}". It is one of: {", ".join(STATES)}.',
                name=how,
                known=STATES,
            )
        comparison = Comparison(self.previous(), self.current())
        return {node for node in comparison.new if comparison.is_so(how, node)}


def state_of_folder(
    folder: Path | None,
    target: Path,
    *,
    current: Callable[[], Mapping[str, Any]],
    stale: Callable[[], Collection[str]] = _no_stale,
) -> StateView:
    """Returns the view of a folder of artifacts.

    Args:
        folder: what --state names; where None, statuses are those of the last run in `target`.
        target: the folder into which runs write, where the sources' present freshness stands.
    """

    def statuses() -> Mapping[str, str]:
        results = _artifact(folder or target, "run_results.json")
        return {item["unique_id"]: item["status"] for item in results.get("results", [])}

    def fresher() -> Collection[str]:
        before, now = (_loaded(_artifact(place, "sources.json")) for place in (folder or _missing(), target))
        return {node for node, at in now.items() if at is not None and (node not in before or _later(at, before[node]))}

    return StateView(
        previous=lambda: _artifact(folder, "manifest.json") if folder else _missing(),
        current=current,
        statuses=statuses,
        stale=stale,
        fresher=fresher,
    )


def _artifact(folder: Path, name: str) -> Mapping[str, Any]:
    path = folder / name
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(f"{path}: there is no such file. A run writes it; --state names its folder.") from error
    except ValueError as error:
        raise FormatError(f"{path}: this is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: this is no artifact of a run.")
    return found


def _loaded(sources: Mapping[str, Any]) -> dict[str, str | None]:
    return {item["unique_id"]: item.get("max_loaded_at") for item in sources.get("results", [])}


def _later(now: str, before: str | None) -> bool:
    return before is not None and now > before


class Comparison:
    """Two manifests, node by node, by dbt's rules of what a modification is."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        old, new = _plain(old), _plain(new)
        self.old, self.new = _nodes(old), _nodes(new)
        self._macros = new.get("macros", {})
        before = old.get("macros", {})
        self._changed_macros = {
            name
            for name in {*before, *self._macros}
            if _text(before.get(name), "macro_sql") != _text(self._macros.get(name), "macro_sql")
        }

    def is_so(self, how: str, unique_id: str) -> bool:
        old, new = self.old.get(unique_id), self.new[unique_id]
        if how == "new":
            return old is None
        if how == "old":
            return old is not None
        if how in ("modified", "unmodified"):
            return self._is_modified(old, new) is (how == "modified")
        if how == "modified.macros":
            return self._calls_changed_macro(new)
        aspect = _ASPECTS[how]
        if new["resource_type"] not in aspect.kinds:
            return False
        return old is None or not aspect.same(old, new)

    def _is_modified(self, old: _Node | None, new: _Node) -> bool:
        kind = new["resource_type"]
        if old is None:
            return kind not in ("source", "exposure")
        same = {"source": _same_source, "exposure": _same_exposure, "unit_test": _same_unit_test, "test": _same_test}
        compare = same.get(kind, _same_buildable)
        return not compare(old, new) or self._calls_changed_macro(new)

    def _calls_changed_macro(self, node: _Node) -> bool:
        seen: set[str] = set()
        waiting = list((node.get("depends_on") or {}).get("macros") or ())
        while waiting:
            name = waiting.pop()
            if name in self._changed_macros:
                return True
            if name not in seen:
                seen.add(name)
                waiting += (self._macros.get(name, {}).get("depends_on") or {}).get("macros") or ()
        return False


def _plain(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a manifest as it is when it was written and read again: lists for tuples, texts for dates."""
    found: Mapping[str, Any] = json.loads(json.dumps(manifest, default=str))
    return found


def _nodes(manifest: Mapping[str, Any]) -> dict[str, _Node]:
    found: dict[str, _Node] = {}
    for part in ("nodes", "sources", "exposures", "unit_tests"):
        found |= manifest.get(part) or {}
    return found


def _text(node: _Node | None, key: str) -> Any:
    return None if node is None else str(node.get(key)).strip()


def _same(*keys: str) -> Callable[[_Node, _Node], bool]:
    return lambda old, new: all(old.get(key) == new.get(key) for key in keys)


def _same_body(old: _Node, new: _Node) -> bool:
    if new["resource_type"] == "seed":
        return bool(old.get("checksum") == new.get("checksum"))
    return bool(_text(old, "raw_code") == _text(new, "raw_code"))


def _same_config(old: _Node, new: _Node) -> bool:
    before, now = (node.get("unrendered_config") or {} for node in (old, new))
    if new["resource_type"] == "test":
        return all(before.get(key) == now.get(key) for key in _TEST_MODIFIERS)
    return all(before.get(key) == now.get(key) for key in {*before, *now} - _NOT_COMPARED)


def _same_persisted_description(old: _Node, new: _Node) -> bool:
    persisted = (new.get("config") or {}).get("persist_docs") or {}
    if persisted.get("relation") and old.get("description") != new.get("description"):
        return False
    return not persisted.get("columns") or _descriptions(old) == _descriptions(new)


def _descriptions(node: _Node) -> dict[str, Any]:
    return {name: column.get("description") for name, column in (node.get("columns") or {}).items()}


def _same_relation(old: _Node, new: _Node) -> bool:
    if new["resource_type"] == "source":
        return _same("database", "schema", "identifier")(old, new)
    before, now = (node.get("unrendered_config") or {} for node in (old, new))
    return all(before.get(key) == now.get(key) for key in ("database", "schema", "alias"))


def _same_contract(old: _Node, new: _Node) -> bool:
    before, now = (node.get("contract") or {} for node in (old, new))
    if not before.get("enforced") and not now.get("enforced"):
        return True
    return before.get("enforced") == now.get("enforced") and _promised(old) == _promised(new)


def _promised(node: _Node) -> Any:
    """Returns what an enforced contract promises: columns with types and constraints."""
    columns = (node.get("columns") or {}).values()
    return (
        sorted((str(c.get("name")), str(c.get("data_type")), json.dumps(c.get("constraints") or [])) for c in columns),
        json.dumps(node.get("constraints") or []),
    )


def _same_buildable(old: _Node, new: _Node) -> bool:
    checks = [_same_body, _same_config, _same_persisted_description, _same("fqn"), _same_relation, _same_contract]
    if new["resource_type"] == "model":
        checks.append(_same("latest_version", "access", "deprecation_date"))
    return all(check(old, new) for check in checks)


def _same_test(old: _Node, new: _Node) -> bool:
    if new.get("test_metadata"):
        return _same_config(old, new) and _same("fqn")(old, new)
    return _same_body(old, new) and _same_config(old, new) and _same("fqn")(old, new)


def _same_unit_test(old: _Node, new: _Node) -> bool:
    return _same("checksum")(old, new) and _same("given", "expect", "overrides")(old, new)


def _same_source(old: _Node, new: _Node) -> bool:
    keys = ("database", "schema", "identifier", "fqn", "quoting", "freshness", "loaded_at_field", "external")
    return _same(*keys)(old, new) and _same_config(old, new)


def _same_exposure(old: _Node, new: _Node) -> bool:
    keys = ("fqn", "type", "owner", "maturity", "url", "description", "label")
    reads = [set((node.get("depends_on") or {}).get("nodes") or ()) for node in (old, new)]
    return _same(*keys)(old, new) and reads[0] == reads[1] and _same_config(old, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aspect:
    same: Callable[[_Node, _Node], bool]
    kinds: frozenset[str] = field(default=frozenset({"model", "seed", "snapshot", "test", "analysis"}))


_ASPECTS = {
    "modified.body": _Aspect(same=_same_body),
    "modified.configs": _Aspect(
        same=_same_config, kinds=frozenset({"model", "seed", "snapshot", "test", "analysis", "source", "exposure"})
    ),
    "modified.persisted_descriptions": _Aspect(same=_same_persisted_description),
    "modified.relation": _Aspect(
        same=_same_relation, kinds=frozenset({"model", "seed", "snapshot", "test", "analysis", "source"})
    ),
    "modified.contract": _Aspect(same=_same_contract),
}
