"""As of a run: the project's tables at the versions that the run read and published, and models built over them, aside."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runner.compile import compile_model
from runner.environments.compare import compare
from runner.environments.places import elsewhere, key_of, relocated
from runner.environments.restore import Point, named_run, points
from runner.environments.sides import Diff
from runner.errors import ProjectError
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.warehouse import Warehouse, exists, inputs_of_view, is_view, renamed, view_versions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """A project's tables at one run.

    Attributes:
        project: the project, reading its tables as they were.
        versions: by unique id, the version of each table, or the number of each view's definition.
        published: what the run itself published.
    """

    project: Project
    own: Project
    run_id: str
    versions: Mapping[str, int]
    published: frozenset[str]


def as_of(project: Project, word: str) -> AsOf:
    """Returns the project as of the run that a person names, by its id or the beginning of it.

    A table is at the version that the run published, else at the one that it read, else at the last before its end.

    Raises:
        ProjectError: no such run has published anything here.
    """
    run_id = named_run(project, word)
    known: dict[str, list[Point]] = {}
    for node in project.nodes():
        path = node.table.path(project.warehouse)
        if exists(path):
            known[node.unique_id] = points(path)
    own = {key: [one for one in of if one.run_id == run_id and one.changes] for key, of in known.items()}
    published = {key: of[-1] for key, of in own.items() if of}
    ends = [one.at for one in published.values() if one.at is not None]
    read = _read(published.values())
    versions = {
        key: found for key, of in known.items() if (found := _version(key, of, published, read, max(ends))) is not None
    }
    prefix = f"as_of_{run_id[:8]}"
    tables = {
        key: elsewhere(project.node(key).table, prefix=prefix, warehouse=project.warehouse, version=version)
        for key, version in versions.items()
    }
    return AsOf(
        project=relocated(project, tables),
        own=project,
        run_id=run_id,
        versions=versions,
        published=frozenset(published),
    )


def _read(published: Iterable[Point]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in published:
        for key, parent in (one.said.get("parents") or {}).items():
            if "version" in parent:
                found[key] = int(parent["version"])
    return found


def _version(
    key: str, known: list[Point], published: Mapping[str, Point], read: Mapping[str, int], end: datetime
) -> int | None:
    if key in published:
        return published[key].version
    if key in read:
        return read[key]
    return max((one.version for one in known if one.at is not None and one.at <= end), default=None)


def define(warehouse: Warehouse, found: AsOf, nodes: Iterable[str]) -> None:
    """Makes the tables of nodes known to the session as they were, and all that their views read."""
    nodes = list(nodes)
    wanted = found.own.graph.ancestors(nodes) | set(nodes)
    refs = {found.own.node(key).table: found.project.node(key).table for key in found.versions}
    for key in found.own.graph.order:
        if key not in wanted or key not in found.versions:
            continue
        ref, path = found.project.node(key).table, found.own.node(key).table.path(found.own.warehouse)
        if not is_view(path):
            warehouse.define(ref, f"select * from delta.`{path.absolute()}` version as of {found.versions[key]}")
            continue
        view = dict(view_versions(path))[found.versions[key]]
        names = {str(one): str(refs[one]) for one in inputs_of_view(view) if one in refs}
        for one in inputs_of_view(view):
            if one not in refs:
                warehouse.register(one)
        warehouse.define(ref, renamed(view["sql"], names))


def replay(spark: SparkSession, found: AsOf, nodes: Iterable[str]) -> Iterator[Diff]:
    """Builds models, as their SQL is now, over the tables as they were, in scratch; yields how each differs from what the
    run published.

    Args:
        nodes: unique ids, parents first; a node's parent among them is read as it was built here.

    Raises:
        ProjectError: a model is not in SQL.
    """
    nodes = list(nodes)
    scratch = found.own.files.target_folder / "scratch" / f"as_of_{found.run_id[:8]}_{uuid.uuid4().hex[:8]}"
    warehouse = Warehouse(spark, found.own.warehouse)
    moved: dict[str, TableRef] = {}
    define(warehouse, found, nodes)
    try:
        for key in nodes:
            model = found.own.buildable[key]
            if model.config.materialized == "ephemeral":
                continue
            moved[key] = _built(spark, found, model, moved, scratch)
            if key in found.published:
                before = warehouse.frame(found.project.node(key).table)
                after = warehouse.frame(moved[key])
                label = f"run {found.run_id[:8]}"
                yield Diff(
                    name=model.label, before=label, after="replayed", comparison=compare(before, after, key_of(model))
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _built(spark: SparkSession, found: AsOf, model: Model, moved: Mapping[str, TableRef], scratch: Path) -> TableRef:
    if model.language != "sql":
        raise ProjectError(
            f"{model.path}: {model.label} is not in SQL: it cannot be replayed. Leave it out with --exclude."
        )
    folder = scratch / model.table.schema / model.table.name
    sql = compile_model(relocated(found.project, moved), model, is_incremental=False).sql
    spark.sql(sql).write.format("delta").save(str(folder))
    return TableRef(f"replayed_{scratch.name[-8:]}__{model.table.schema}", model.table.name, folder=folder)
