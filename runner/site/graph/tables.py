"""What the lineage page knows of each node: as selection sees it, so that a selector chooses there what it chooses on the
command line, and what there is to draw and to tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.errors import ProjectError
from runner.model import Exposure, Model, SourceTable
from runner.names import store_name
from runner.project.listing import Listing
from runner.selection.grammar import Around, Expression, Group, Indirect, Parenthesis, Term
from runner.selection.methods import FAILED, RESOURCE_TYPES, TEST_TYPES, VERSIONS, defaults_of
from runner.selection.nodes import Selectable
from runner.selection.state import state_of_folder
from runner.site.catalog.markup import first_sentence
from runner.site.facts import Facts, Standing
from runner.site.graph.columns import columns_file
from runner.state.decide import State
from runner.state.plan import make_plan

LONGEST = 200  # letters of a setting that a selector could name
_WORST: tuple[Standing, ...] = ("failed", "skipped", "missing", "stale", "fresh")
_OBJECTS = {"mongodb": "collection", "hbase": "table"}


def selection_data(listing: Listing, *, indirect: Indirect = "eager") -> dict[str, Any]:
    """Returns what choosing by selectors needs, as JSON values: `sluiceSelection.chosen` of selection.js takes it.

    Args:
        indirect: which tests come along with what the selectors of selectors.yml choose.
    """
    at = {node.id: number for number, node in enumerate(listing.nodes)}
    return {
        "project": listing.project,
        "nodes": [_selectable(node, at) for node in listing.nodes],
        "defaults": {kind: _written(defaults_of(kind)) for kind in sorted({n.resource_type for n in listing.nodes})},
        "present": sorted(_present(listing)),
        "selectors": {
            name: expression_data(listing.named.expression(name, indirect=indirect)) for name in listing.named.selectors
        },
        "resourceTypes": RESOURCE_TYPES,
        "testTypes": TEST_TYPES,
        "versions": VERSIONS,
        "failed": FAILED,
        "statuses": {},
        "stale": [],
    }


def graph_data(facts: Facts) -> dict[str, Any]:
    """Returns all that the lineage page knows: nodes to choose from, and what to draw and tell of them."""
    project = facts.project
    data = selection_data(project.listing())
    described = {node.unique_id: node for node in (*project.nodes(), *project.exposures.values())}
    for entry in data["nodes"]:
        node = described.get(entry["id"])
        if node is not None:
            entry["facts"] = _facts(facts, node)
    data["statuses"] = _statuses(facts)
    data["stale"] = sorted(_stale(facts))
    return data


def standing(facts: Facts, node: Model | SourceTable | Exposure) -> Standing:
    """Returns how a node stands; something that is not built, as the worst of what it reads."""
    if not isinstance(node, Exposure):
        return facts.standing(node)
    known = {one.unique_id: one for one in facts.project.nodes()}
    found = {facts.standing(known[parent]) for parent in node.parents if parent in known}
    return next((one for one in _WORST if one in found), "fresh")


def kind_of(node: Model | SourceTable | Exposure) -> str:
    """Returns what a node is, in a word or two: `table`, `landed table`, `dashboard`; what has `docs: {show: false}` is hidden."""
    if isinstance(node, Exposure):
        return node.type or "exposure"
    if isinstance(node, SourceTable):
        return "landed table" if node.store else "source"
    kind = node.config.materialized
    if node.resource_type in ("seed", "snapshot"):
        kind = node.resource_type
    elif node.language == "python":
        kind = f"Python {kind}"
    return kind if node.config.is_documented else f"{kind}, hidden"


def expression_data(one: Expression) -> dict[str, Any]:
    """Returns a selector that was read from selectors.yml as JSON values."""
    if isinstance(one, Term):
        place = {"place": one.place} if one.place else {}
        return {
            "term": True,
            "raw": one.raw,
            "method": one.method,
            "arguments": one.arguments,
            "value": str(one.value),
            "around": _around(one.around),
            "indirect": one.indirect,
            **place,
        }
    if isinstance(one, Parenthesis):
        return {
            "inner": expression_data(one.inner),
            "raw": one.raw,
            "around": _around(one.around),
            "indirect": one.indirect,
        }
    assert isinstance(one, Group)
    return {
        "kind": one.kind,
        "parts": [expression_data(part) for part in one.parts],
        "raw": one.raw,
        "indirect": one.indirect,
        "mustMatch": one.must_match,
    }


def _around(one: Around) -> dict[str, Any]:
    return {"up": one.up, "upDepth": one.up_depth, "down": one.down, "downDepth": one.down_depth, "at": one.at}


def _selectable(node: Selectable, at: Mapping[str, int]) -> dict[str, Any]:
    values = {
        "name": node.name if node.name != node.label else None,
        "patch": node.patch_path,
        "parents": [at[parent] for parent in dict.fromkeys(node.parents) if parent in at],
        "orphan": any(parent not in at for parent in node.parents),
        "tags": node.tags,
        "config": _written(node.config),
        "group": node.group,
        "access": node.access,
        "package": node.package if node.package != node.fqn[0] else None,
        "testName": node.test_name,
        "testType": node.test_type,
        "version": None if node.version is None else str(node.version),
        "latest": None if node.latest_version is None else str(node.latest_version),
    }
    kept = {key: value for key, value in values.items() if value not in (None, False, (), [], {})}
    return {
        "id": node.id,
        "label": node.label,
        "type": node.resource_type,
        "fqn": node.fqn,
        "path": node.path,
        **kept,
    }


def _written(value: Any) -> Any:
    """Returns a setting as a selector compares it: texts, true and false, lists and mappings of them."""
    if isinstance(value, Mapping):
        return {key: _written(one) for key, one in value.items() if isinstance(key, str) and not _is_long(one)}
    if isinstance(value, (list, tuple)):
        return [_written(one) for one in value if not isinstance(one, (Mapping, list, tuple)) and not _is_long(one)]
    return value if value is None or isinstance(value, bool) else str(value)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > LONGEST


def _present(listing: Listing) -> Iterator[str]:
    """Yields which paths of packages' nodes, and folders above them, the project itself has, too."""
    seen: set[str] = set()
    for node in listing.nodes:
        if node.home == listing.project:
            continue
        for path in (node.path, node.patch_path or ""):
            while path and path not in seen:
                seen.add(path)
                if (listing.root / path).exists():
                    yield path
                path = path.rpartition("/")[0]


def _facts(facts: Facts, node: Model | SourceTable | Exposure) -> dict[str, Any]:
    """Returns what the page draws and tells of a node."""
    record, said = facts.last_seen.get(node.unique_id, (None, {}))
    planned = facts.plan.get(node.unique_id)
    values: dict[str, Any] = {
        "state": standing(facts, node),
        "kind": kind_of(node),
        "about": first_sentence(node.description, LONGEST),
        "owner": _owner(facts, node),
        "why": "; ".join(reason.text for reason in planned.reasons) if planned is not None else "",
    }
    if isinstance(node, Exposure):
        values["panels"] = _panels(facts, node)
    else:
        values["file"] = columns_file(node, facts.project.files.name)
    if isinstance(node, SourceTable):
        values |= {"store": store_name(node.store), "stored": node.stored_as or node.name}
        values["object"] = _OBJECTS.get(node.store, "table")
    if record is not None:
        values["ran"] = [record.started_at.strftime("%Y-%m-%d %H:%M"), said.get("status"), said.get("seconds")]
        values["message"] = str(said.get("message") or "").partition("\n")[0][:LONGEST]
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _panels(facts: Facts, exposure: Exposure) -> list[tuple[str, int]]:
    """Returns the titles and numbers of a dashboard's charts; none of an exposure that is no dashboard of the project."""
    dashboard = facts.project.files.dashboards.get(exposure.name)
    return [(panel.title, panel.number) for panel in dashboard.panels if panel.query is not None] if dashboard else []


def _owner(facts: Facts, node: Model | SourceTable | Exposure) -> str:
    """Returns who answers for a node: of an exposure its owner, of a model its group's or what `meta.owner` says."""
    if isinstance(node, Exposure):
        return str(node.owner.get("name") or node.owner.get("email") or "")
    said = node.meta.get("owner")
    if said is None and isinstance(node, Model) and node.group:
        group = next((one for one in facts.project.groups.values() if one.name == node.group), None)
        said = (group.owner.get("name") or group.owner.get("email")) if group else None
    return str(said or "")


def _statuses(facts: Facts) -> Mapping[str, str]:
    """Returns the statuses that `failed:` and `result:` go by: those of the last run; empty where none ran."""
    try:
        return state_of_folder(None, facts.project.files.target_folder, current=dict).statuses()
    except ProjectError:  # its results are gone: its record says the same of what it built
        last = facts.records[0].nodes if facts.records else ()
        return {one["unique_id"]: one["status"] for one in last}


def _stale(facts: Facts) -> set[str]:
    """Returns what `stale:` chooses: what a run of everything would build, or check again."""
    project = facts.project
    state = State(project, facts.quality, now=facts.now)
    landed = make_plan(project, state, sorted(node.unique_id for node in project.sources.values()), threads=1).nodes
    return {one.unique_id for one in (*landed, *facts.plan.values()) if one.act != "reuse"}
