"""`on-run-start` and `on-run-end`: SQL of the project file, and of its packages, around a run that builds something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from runner.compile import compile_model
from runner.explain import first_words, from_spark
from runner.materialize.hooks import HookError, hook_texts
from runner.model import Config, Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.project.shown import model_values
from runner.warehouse import Warehouse
from runner.warehouse.created import placed
from runner.warehouse.introspection import Introspection, register_named

Kind = Literal["on-run-start", "on-run-end"]


def has_run_hooks(project: Project) -> bool:
    """True where the project or a package of it has such hooks."""
    return any(
        package.document.get(kind) for package in project.files.packages for kind in ("on-run-start", "on-run-end")
    )


def run_project_hooks(
    project: Project,
    warehouse: Warehouse,
    kind: Kind,
    *,
    results: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Runs the hooks of a kind, those of packages first; their templates may ask the warehouse, and change it by asking.

    Args:
        results: at the end of a run what `results` shows to their templates.

    Raises:
        HookError: Spark refuses one; the rest is not run.
    """
    found = list(results)
    known = {str(node.table): node.table for node in project.nodes()}
    database = Introspection(warehouse.root, lambda: warehouse, known.values(), changes=lambda _: True)
    schemas = list(dict.fromkeys(result["node"]["schema"] for result in found))
    names = {"results": found, "schemas": schemas, "database_schemas": [(None, schema) for schema in schemas]}
    for package in reversed(project.files.packages):
        place = f"{project.files.project_file}: {kind}"
        for text in hook_texts(package.document.get(kind), place=place):
            node = Model(
                name=kind.replace("-", "_"), table=TableRef(project.files.target.schema, "run"),
                path=PurePosixPath(project.files.project_file), fqn=(package.name, kind), raw_sql=text,
                config=Config(values={}), package=package.name,
            )  # fmt: skip
            sql = compile_model(project, node, database=database, names=names if kind == "on-run-end" else {}).sql
            if sql:
                _run(warehouse, known, sql, place)


def _run(warehouse: Warehouse, known: Mapping[str, TableRef], sql: str, place: str) -> None:
    register_named(warehouse, known, sql)
    try:
        warehouse.spark.sql(placed(sql, warehouse.root))
    except Exception as error:
        if not from_spark(error):
            raise
        raise HookError(f"{place} failed: {first_words(error)} It is: {sql}") from error


def shown_result(node: Model, *, status: str, message: str, seconds: float, failures: int | None) -> dict[str, Any]:
    """Returns a node's result as `results` shows it."""
    return {
        "node": model_values(node),
        "unique_id": node.unique_id,
        "status": status,
        "message": message,
        "execution_time": seconds,
        "failures": failures,
    }
