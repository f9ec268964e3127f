"""Deferring: what a run reads and does not build comes from another target where its own lacks it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.environments.places import elsewhere, relocated
from runner.errors import FormatError, ProjectError
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.warehouse import exists

WAREHOUSE = "SLUICE_WAREHOUSE"  # in a manifest's metadata: where its tables stand
TARGET = "SLUICE_TARGET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Another target's tables, or those of a manifest.

    Attributes:
        name: what it is called in messages.
        tables: by unique id, as they are named here.
        warehouse: where they stand.
    """

    name: str
    tables: Mapping[str, TableRef]
    warehouse: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """A project that reads some of its tables elsewhere.

    Attributes:
        moved: the labels of what is read elsewhere.
    """

    project: Project
    moved: tuple[str, ...]
    name: str


def tables_of_target(project: Project, other: Project) -> Elsewhere:
    """Returns the tables of the same project on another target."""
    name = other.files.target.name
    return Elsewhere(
        name=name,
        warehouse=other.warehouse,
        tables={node.unique_id: _named(project, node.table, name, other.warehouse) for node in other.nodes()},
    )


def tables_of_state(project: Project, folder: Path) -> Elsewhere:
    """Returns the tables that a run left in `folder/manifest.json`.

    Raises:
        ProjectError: there is no manifest, or it is broken.
    """
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        nodes: dict[str, Any] = {**found["nodes"], **found["sources"]}
        said = found["metadata"].get("env", {})
    except FileNotFoundError as error:
        raise ProjectError(f"{folder} holds no manifest.json. Name the target folder that a run wrote.") from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: this is no manifest. Name the target folder that a run wrote.") from error
    warehouse = (project.root / said[WAREHOUSE]) if WAREHOUSE in said else project.warehouse
    name = said.get(TARGET) or folder.name
    return Elsewhere(
        name=name,
        warehouse=warehouse,
        tables={
            unique_id: _named(
                project, TableRef(node["schema"], node.get("alias") or node["identifier"]), name, warehouse
            )
            for unique_id, node in nodes.items()
            if node.get("resource_type") in ("model", "seed", "snapshot", "source")
        },
    )


def _named(project: Project, ref: TableRef, name: str, warehouse: Path) -> TableRef:
    if warehouse.resolve() == project.warehouse.resolve():
        return ref
    return elsewhere(ref, prefix=f"in_{name}", warehouse=warehouse)


def defer(
    project: Project, other: Elsewhere, *, reads: Iterable[str], builds: Iterable[str] = (), favor: bool = False
) -> Deferral:
    """Returns the project in which what is read and not built comes from elsewhere where it is missing here.

    Args:
        reads: unique ids whose tables are read.
        builds: unique ids that are built: they and only they stay here in any case.
        favor: also what is here, too, comes from elsewhere.
    """
    own = set(builds)
    moved: dict[str, TableRef] = {}
    for unique_id in reads:
        theirs = other.tables.get(unique_id)
        here = project.node(unique_id).table
        if unique_id in own or theirs is None or (theirs == here and not theirs.folder):
            continue
        if (favor or not exists(here.path(project.warehouse))) and exists(theirs.path(project.warehouse)):
            moved[unique_id] = theirs
    labels = tuple(project.node(unique_id).label for unique_id in project.graph.order if unique_id in moved)
    return Deferral(project=relocated(project, moved), moved=labels, name=other.name)


def read_by(project: Project, nodes: Iterable[str], references: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Returns the unique ids of the tables that building nodes reads: parents, those of ephemeral models in between,
    and what checks compare with.

    Args:
        references: by node, what its checks read.
    """
    found: dict[str, None] = {}
    waiting = list(nodes)
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        for parent in [*project.graph.parents(node), *references.get(node, {}).values()]:
            model = project.node(parent)
            if not (isinstance(model, Model) and model.config.materialized == "ephemeral"):
                found[parent] = None
            elif parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return list(found)
