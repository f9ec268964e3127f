"""Small simulated shops, landed and judged fast: the models are views over the landed tables, so only checks cost.

What `scorecard.py` and its tests try checks on. Landing, models, suites and checks are the project's own; only that the
models are not written as tables differs from `run models`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.land_files import land_files
from ingest.landing import Snapshot
from runner.compile import compile_model
from runner.contracts import contract_of
from runner.model import Model, SourceTable
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
        project: the project, with the shop's own warehouse and files.
    """

    settings: ShopSettings
    project: Project


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
    return LandedShop(settings=settings, project=own)


def judge(
    spark: SparkSession,
    shop: LandedShop,
    quality: Quality,
    tables: Iterable[str],
    *,
    faults: Mapping[str, str] | None = None,
) -> dict[str, SuiteResult]:
    """Returns what the checks of each table say of the shop.

    Args:
        tables: labels of landed tables and names of models.
        faults: by model, a query over its right rows, which it names `{model}`, that stands for it.
    """
    project = shop.project
    by_label = {node.label: node for node in project.nodes()}
    nodes = [by_label[label].unique_id for label in tables]
    warehouse = Warehouse(spark, project.warehouse)
    define_models(warehouse, project, quality, nodes, faults or {})
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
    spark.catalog.clearCache()
    return {project.node(node).label: found for node, found in results.items() if found is not None}


def define_models(
    warehouse: Warehouse, project: Project, quality: Quality, nodes: Iterable[str], faults: Mapping[str, str]
) -> None:
    """Makes the nodes, and all that they or their checks read, known to Spark: landed tables as they are, models as views."""
    wanted = set(nodes)
    needed = wanted | quality.graph.ancestors(wanted)
    for node_id in (node for node in quality.graph.order if node in needed):
        node = project.node(node_id)
        if not isinstance(node, Model):
            warehouse.register(node.table)
            continue
        sql = compile_model(project, node).sql
        if node.name in faults:
            right = node.table.with_suffix("__right")
            warehouse.define(right, sql)
            sql = _faulty(warehouse, right.quoted(), faults[node.name])
        warehouse.define(node.table, sql)
        if node.config.materialized != "view":  # what is a table elsewhere is computed once here, too
            warehouse.spark.sql(f"cache lazy table {node.table.quoted()}")


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
