"""`run_results.json` (v6), `catalog.json` (v1) and `sources.json` (v3), as dbt writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner import delta
from runner.artifacts.schemas import metadata_of
from runner.execute import NodeResult
from runner.model import Model
from runner.project.parse import Project
from runner.quality.told import test_entries
from runner.sources.freshness import Freshness, document, judge
from runner.warehouse import is_view

_STATUS = {
    "success": "success",
    "warn": "success",
    "error": "error",
    "withheld": "error",
    "skipped": "skipped",
    "reused": "reused",
}


def run_results(
    project: Project, results: Sequence[NodeResult], *, invocation_id: str, elapsed: float, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `run_results.json` (v6): the nodes, then each data test that was judged with them.

    A withheld model is an error with its failed checks as message.
    """
    return {
        "metadata": metadata_of("run-results/v6", invocation_id),
        "results": [*(_result(project, result) for result in results), *test_entries(results)],
        "elapsed_time": elapsed,
        "args": dict(arguments),
    }


def catalog(project: Project, *, invocation_id: str) -> dict[str, Any]:
    """Returns `catalog.json` (v1): the columns, rows and bytes of what is published, read from the Delta logs."""
    nodes: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    for node in project.nodes():
        path = node.table.path(project.warehouse)
        if is_view(path):
            columns = [(column.name, column.data_type or "") for column in node.columns]
            stats: dict[str, Any] = {}
            kind = "view"
        elif delta.is_table(path):
            columns, stats, kind = delta.columns(path), _stats(path), "table"
        else:
            continue
        described = {column.name: column.description for column in node.columns}
        (nodes if isinstance(node, Model) else sources)[node.unique_id] = {
            "unique_id": node.unique_id,
            "metadata": {
                "type": kind, "schema": node.table.schema, "name": node.table.name, "database": None, "comment": node.description,
                "owner": None,
            },
            "columns": {
                name: {"type": data_type, "index": index, "name": name, "comment": described.get(name) or None}
                for index, (name, data_type) in enumerate(columns, 1)
            },
            "stats": stats,
        }  # fmt: skip
    return {"metadata": metadata_of("catalog/v1", invocation_id), "nodes": nodes, "sources": sources, "errors": None}


def source_results(project: Project, *, invocation_id: str, elapsed: float) -> dict[str, Any]:
    """Returns `sources.json` (v3): when each table was landed, whether that is fresh, and of what moment it is.

    What dbt's schema has no name for stands under `adapter_response`: the cut, the counts, the drift of the landing.
    """
    now = datetime.now(UTC)
    landed = [
        Freshness(table=table, status=judge(table, taken_at, now), asked_at=now, loaded_at=taken_at)
        for table in project.sources.values()
        if (said := delta.metadata(table.table.path(project.warehouse))).get("kind") == "landing"
        for taken_at in [datetime.fromisoformat(said["taken_at"])]
    ]
    return freshness_results(project, landed, invocation_id=invocation_id, elapsed=elapsed)


_OF_THE_LANDING = (
    "snapshot_id",
    "version",
    "store",
    "cut",
    "read",
    "landed",
    "quarantined",
    "rescued",
    "changes",
    "drift",
)


def freshness_results(
    project: Project, found: Iterable[Freshness], *, invocation_id: str, elapsed: float
) -> dict[str, Any]:
    """Returns `sources.json` (v3) of tables whose age was asked for."""
    return {
        "metadata": metadata_of("sources/v3", invocation_id),
        "results": [document(one) | _of_landing(project, one) for one in found],
        "elapsed_time": elapsed,
    }


def _of_landing(project: Project, found: Freshness) -> dict[str, Any]:
    said = delta.metadata(found.table.table.path(project.warehouse))
    if found.loaded_at is None or said.get("kind") != "landing":
        return {}
    return {"adapter_response": {name: said[name] for name in _OF_THE_LANDING if name in said}}


def _result(project: Project, result: NodeResult) -> dict[str, Any]:
    node = project.node(result.unique_id)
    checks = result.checks.results if result.checks is not None else ()
    return {
        "status": _STATUS[result.status],
        "timing": _timing(result),
        "thread_id": "main",
        "execution_time": result.seconds,
        "adapter_response": {
            "_message": result.status,
            **({"rows_affected": result.rows} if result.rows is not None else {}),
            **next(
                ({"rows_quarantined": one.numbers["quarantined"]} for one in checks if "quarantined" in one.numbers), {}
            ),
            **({"delta_version": result.version} if result.version is not None else {}),
        },
        "message": result.message or None,
        "failures": sum(check.status == "fail" for check in checks) if result.checks is not None else None,
        "unique_id": result.unique_id,
        "compiled": result.compiled_sql is not None,
        "compiled_code": result.compiled_sql,
        "relation_name": str(node.table),
        "batch_results": result.batches,
    }


def _timing(result: NodeResult) -> list[dict[str, str]]:
    """Returns what dbt's tools know of a node's stages: when it was compiled, and when it was worked on."""
    compiled = [(one.name, one.started_at, one.seconds) for one in result.stages if one.name == "compile"]
    return [
        {
            "name": name,
            "started_at": started.isoformat(),
            "completed_at": (started + timedelta(seconds=seconds)).isoformat(),
        }
        for name, started, seconds in [*compiled[-1:], ("execute", result.started_at, result.seconds)]
    ]


def _stats(path: Path) -> dict[str, Any]:
    rows, size = delta.row_count(path), delta.size_bytes(path)
    found = {"num_bytes": ("Bytes", size), "num_rows": ("Rows", rows)}
    return {
        key: {"id": key, "label": label, "value": value, "include": True, "description": label}
        for key, (label, value) in found.items()
        if value is not None
    } | {"has_stats": {"id": "has_stats", "label": "Has stats", "value": True, "include": False, "description": ""}}
