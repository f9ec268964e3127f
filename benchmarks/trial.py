"""Small simulated shops, landed and judged fast: the rows of a model are plain files, made only where they differ.

What `scorecard.py` and its tests try checks on. Landing, models, suites and checks are the project's own; only that
models are written without a log, and not held back, differs from `run models`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.land_files import land_files
from ingest.landing import Snapshot
from runner import delta
from runner.compile import compile_model
from runner.contracts import contract_of
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality import Quality
from runner.quality.audit import Audit
from runner.quarantine import with_quarantine
from runner.warehouse import Warehouse
from simulate.settings import ShopSettings
from simulate.shop import generate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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
        """Returns this shop with models that have faults; what they write goes into `folder`."""
        own = replace(self.project, files=replace(self.project.files, root=folder))
        return LandedShop(settings=self.settings, project=own, like=self, faults=faults)

    def differs(self) -> frozenset[str] | None:
        """Returns the ids of the tables and models that are not those of `like`; None where all are its own."""
        if self.like is None:
            return None
        changed = [node.unique_id for node in self.project.nodes() if node.label in {*self.landed, *self.faults}]
        return frozenset({*changed, *self.project.graph.descendants(changed)})

    def rows_of(self, model: Model) -> Path:
        """Returns the folder of a model's rows, which may not be there yet."""
        differs = self.differs()
        owner = self if self.like is None or differs is None or model.unique_id in differs else self.like
        return owner.project.root / "models" / model.name


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
    target = replace(project.files.target, warehouse=folder / "warehouse", data=folder / "data")
    own = replace(project, files=replace(project.files, target=target, root=folder))
    snapshot = Snapshot(snapshot_id=folder.name, taken_at=datetime.now(UTC))
    for table in own.sources.values():
        if like is not None and table.label not in landed:
            for path in _folders(like.project, table):
                shutil.copytree(path, own.warehouse / path.relative_to(like.project.warehouse), copy_function=_link)
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
    define_tables(warehouse, shop, quality, nodes)
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


def define_tables(warehouse: Warehouse, shop: LandedShop, quality: Quality, nodes: Iterable[str]) -> None:
    """Makes the nodes, and all that they or their checks read, known to Spark.

    Views stay what they are. The rows of a table are computed once and read from plain files, so that a query of a
    check is not planned together with all models above it.
    """
    project, wanted = shop.project, set(nodes)
    needed = wanted | quality.graph.ancestors(wanted)
    for node in (project.node(node_id) for node_id in quality.graph.order if node_id in needed):
        if not isinstance(node, Model):
            _define_landed(warehouse, node.table)
            continue
        sql = compile_model(project, node).sql
        if node.name in shop.faults:
            right = node.table.with_suffix("__right")
            warehouse.define(right, sql)
            sql = _faulty(warehouse, right.quoted(), shop.faults[node.name])
        elif node.config.materialized == "view":
            warehouse.define(node.table, sql)
            continue
        folder = shop.rows_of(node)
        if not folder.exists():
            warehouse.spark.sql(sql).write.parquet(str(folder))
        _define_files(warehouse, node.table, folder)


def _define_landed(warehouse: Warehouse, ref: TableRef) -> None:
    """Makes a landed table known: its files, where they are all that there is to it, as Delta's log costs a job a query."""
    plain = delta.plain_files(warehouse.path(ref))
    folders = {file.parent for file in plain.files} if plain else set()
    if plain is None or len(folders) != 1 or set(next(iter(folders)).glob("*.parquet")) != set(plain.files):
        warehouse.register(ref)
        return
    _define_files(warehouse, ref, next(iter(folders)))


def _define_files(warehouse: Warehouse, ref: TableRef, folder: Path) -> None:
    """Makes the Parquet files of a folder known under a table's name."""
    rows = ref.with_suffix("__rows")
    warehouse.spark.sql(f"create schema if not exists `{ref.schema}`")
    warehouse.spark.sql(f"drop table if exists {rows.quoted()}")
    warehouse.spark.sql(f"create table {rows.quoted()} using parquet location '{folder}'")
    warehouse.define(ref, f"select * from {rows.quoted()}")


def _without_rows(quality: Quality) -> Quality:
    """Returns the checks so that they keep no failing rows, which nobody would look at."""
    suites = {
        node: replace(suite, expectations=tuple(replace(one, failing_rows=0) for one in suite.expectations))
        for node, suite in quality.suites.items()
    }
    return replace(quality, suites=suites)


def _faulty(warehouse: Warehouse, right: str, query: str) -> str:
    """Returns the query with the model's right rows in it; `{first}` stands for one value of every other column."""
    columns = [name for name in warehouse.spark.table(right).columns if name != "duration_seconds"]
    first = ", ".join(f"first(`{name}`) as `{name}`" for name in columns if name != "user_id")
    source = f"(select * from {right})"
    return (
        query.replace("{first}", f"user_id, {first}")
        .replace("from {model}", f"from {source} as model")
        .replace("{model}", "model")
    )


def _folders(project: Project, table: SourceTable) -> list[Path]:
    path = table.table.path(project.warehouse)
    return [
        found for found in path.parent.iterdir() if found.name == path.name or found.name.startswith(f"{path.name}__")
    ]


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
