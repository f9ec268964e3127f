"""Small simulated shops, landed and judged fast: a model is made only where its rows differ from another shop's.

What `scorecard.py` and its tests try checks on. Landing, models, suites and checks are the project's own, each shop is a
warehouse of its own; only that models are not held back differs from `run models`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ingest.land_files import land_files
from ingest.landing import Snapshot
from runner.compile import compile_model, inputs_of
from runner.delta import log as delta_log
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality import Quality
from runner.quality.audit import Audit
from runner.sources.contracts import contract_of
from runner.sources.quarantine import with_quarantine
from runner.warehouse import Warehouse, exists, publish_view
from simulate.settings import ShopSettings
from simulate.shop import generate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.result import SuiteResult

_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedShop:
    """A shop whose files are landed.

    Attributes:
        project: the project, with the shop's own warehouse and folder.
        like: the shop that this one differs from by the tables of `landed` and the models of `faults` only.
        landed: labels of tables.
        faults: by model, a query over its right rows, which it names `{model}`, that stands for it.
    """

    settings: ShopSettings
    project: Project
    like: LandedShop | None = None
    landed: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)

    def with_faults(self, folder: Path, faults: Mapping[str, str]) -> LandedShop:
        """Returns this shop with models that have faults, in a warehouse of its own in `folder`."""
        own = _in_folder(self.project, folder)
        for table in own.sources.values():
            _take_over(self.project, own, table)
        return LandedShop(settings=self.settings, project=own, like=self, faults=faults)

    def differs(self) -> frozenset[str]:
        """Returns the ids of the tables and models that are not those of `like`."""
        changed = [node.unique_id for node in self.project.nodes() if node.label in {*self.landed, *self.faults}]
        return frozenset({*changed, *self.project.graph.descendants(changed)})


def land_shop(
    spark: SparkSession,
    project: Project,
    folder: Path,
    settings: ShopSettings,
    *,
    like: LandedShop | None = None,
    landed: Collection[str] = (),
) -> LandedShop:
    """Generates a shop into `folder` and lands it.

    Args:
        like: a landed shop that has the same records in all tables but those of `landed`: they are taken from there.
        landed: labels of the tables to land, such as `hbase.sessions`; all where nothing is `like` it.
    """
    generate(folder / "data", settings=settings)
    own = _in_folder(project, folder)
    target = own.files.target
    snapshot = Snapshot(snapshot_id=folder.name, taken_at=datetime.now(UTC))
    for table in own.sources.values():
        if like is not None and table.label not in landed:
            _take_over(like.project, own, table)
            continue
        land_files(
            spark,
            contract_of(table),
            folder=target.data,
            pattern=table.files or "",
            warehouse=target.warehouse,
            snapshot=snapshot,
        )
    return LandedShop(settings=settings, project=own, like=like, landed=frozenset(landed))


def judge(spark: SparkSession, shop: LandedShop, quality: Quality, tables: Iterable[str]) -> dict[str, SuiteResult]:
    """Returns what the checks of each table say of the shop; `tables` are labels of landed tables and names of models."""
    project = shop.project
    by_label = {node.label: node for node in project.nodes()}
    nodes = [by_label[label].unique_id for label in tables]
    warehouse = Warehouse(spark, project.warehouse)
    make_tables(warehouse, shop, quality, nodes)
    audit = Audit(
        project=project,
        quality=_without_rows(quality),
        warehouse=warehouse,
        placed=quality.placed(nodes),
        run_id="scorecard",
    )

    def judged(node_id: str) -> SuiteResult | None:
        node = project.node(node_id)
        found = audit.judge(node_id, warehouse.frame(node.table), is_candidate=False)
        if found is not None and isinstance(node, SourceTable):
            found = with_quarantine(found, node, warehouse)
        return found

    with ThreadPoolExecutor(_THREADS) as threads:
        results = dict(zip(nodes, threads.map(judged, nodes), strict=True))
    return {project.node(node).label: found for node, found in results.items() if found is not None}


def make_tables(warehouse: Warehouse, shop: LandedShop, quality: Quality, nodes: Iterable[str]) -> None:
    """Publishes the models that the nodes or their checks read, those of a shop that is like another one there first."""
    wanted, differs = set(nodes), shop.differs()
    needed = wanted | quality.graph.ancestors(wanted)
    like = Warehouse(warehouse.spark, shop.like.project.warehouse) if shop.like is not None else warehouse
    for node in (shop.project.node(node_id) for node_id in quality.graph.order if node_id in needed):
        if not isinstance(node, Model) or exists(warehouse.path(node.table)):
            continue
        if shop.like is None or node.unique_id in differs:
            _publish(warehouse, shop.project, node, fault=shop.faults.get(node.name))
            continue
        if not exists(like.path(node.table)):
            _publish(like, shop.like.project, node)
        _copy(like.path(node.table), warehouse.path(node.table))


def _publish(warehouse: Warehouse, project: Project, model: Model, *, fault: str | None = None) -> None:
    """Makes a model's view, or its table: written by Spark without a log, which is then written in one commit.

    Args:
        fault: a query over the right rows that stands for them; a table then in any case.
    """
    sql, inputs, path = compile_model(project, model).sql, inputs_of(project, model), warehouse.path(model.table)
    if fault is not None:
        sql = _faulty(sql, _rows(warehouse, sql, inputs).columns, fault)
    elif model.config.materialized == "view":
        publish_view(path, sql=sql, inputs=inputs, metadata={})
        return
    rows = _rows(warehouse, sql, inputs)
    rows.write.parquet(str(path))
    table = {"id": str(uuid4()), "format": {"provider": "parquet", "options": {}}, "partitionColumns": []}
    content: list[Mapping[str, Any]] = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": table | {"schemaString": rows.schema.json(), "configuration": {}}},
    ]
    for file in sorted(path.glob("*.parquet")):
        found = file.stat()
        added = {"path": file.name, "size": found.st_size, "modificationTime": found.st_mtime_ns // 1_000_000}
        content.append({"add": added | {"partitionValues": {}, "dataChange": True}})
    delta_log.commit(path, 0, content)


def _rows(warehouse: Warehouse, sql: str, inputs: Sequence[TableRef]) -> DataFrame:
    found = warehouse.query(sql, inputs)
    if found is None:
        for ref in inputs:
            warehouse.register(ref)
        found = warehouse.spark.sql(sql)
    return found


def _without_rows(quality: Quality) -> Quality:
    """Returns the checks so that they keep no failing rows, which nobody would look at."""
    suites = {
        node: replace(suite, expectations=tuple(replace(one, failing_rows=0) for one in suite.expectations))
        for node, suite in quality.suites.items()
    }
    return replace(quality, suites=suites)


def _faulty(right: str, columns: Iterable[str], query: str) -> str:
    """Returns the query with the model's right rows in it; `{first}` stands for one value of every other column."""
    others = [name for name in columns if name not in ("duration_seconds", "user_id")]
    first = ", ".join(f"first(`{name}`) as `{name}`" for name in others)
    return (
        query.replace("{first}", f"user_id, {first}")
        .replace("from {model}", f"from ({right}) as model")
        .replace("{model}", "model")
    )


def _in_folder(project: Project, folder: Path) -> Project:
    target = replace(project.files.target, warehouse=folder / "warehouse", data=folder / "data")
    return replace(project, files=replace(project.files, target=target, root=folder))


def _take_over(like: Project, own: Project, table: SourceTable) -> None:
    """Gives a project what another one landed of a table."""
    path = table.table.path(like.warehouse)
    for found in path.parent.iterdir():
        if found.name == path.name or found.name.startswith(f"{path.name}__"):
            _copy(found, own.warehouse / found.relative_to(like.warehouse))


def _copy(source: Path, target: Path) -> None:
    """Makes the same files known under another folder."""
    shutil.copytree(source, target, copy_function=lambda one, other: Path(other).hardlink_to(one))
