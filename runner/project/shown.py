"""What `model` and `graph` show to templates: nodes as dbt's macros know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.model import Column, DataTest, Exposure, Model, SourceTable


def model_values(model: Model) -> dict[str, Any]:
    """Returns what `model` shows of the node that is being rendered."""
    return {
        "unique_id": model.unique_id,
        "name": model.name,
        "resource_type": model.resource_type,
        "package_name": model.package,
        "alias": model.table.name,
        "schema": model.table.schema,
        "database": None,
        "relation_name": str(model.table),
        "identifier": model.table.name,
        "fqn": list(model.fqn),
        "path": "/".join(model.fqn[1:]) + model.path.suffix,
        "original_file_path": str(model.path),
        "raw_code": model.raw_sql,
        "language": model.language,
        "description": model.description,
        "config": {**model.config.values, "materialized": model.config.materialized, "enabled": model.config.enabled},
        "tags": list(model.config.tags),
        "meta": dict(model.meta),
        "columns": _columns(model.columns),
        "refs": [{"name": ref.name, "package": ref.package, "version": ref.version} for ref in model.refs],
        "sources": [list(pair) for pair in model.sources],
        "depends_on": {"nodes": list(model.parents), "macros": list(model.macros)},
        "group": model.group,
        "access": model.access,
        "version": model.version,
        "latest_version": model.latest_version,
    }


def graph_values(
    models: Iterable[Model], sources: Iterable[SourceTable], tests: Iterable[DataTest], exposures: Iterable[Exposure]
) -> Mapping[str, Any]:
    """Returns what `graph` shows: nodes, sources and exposures by unique id."""
    nodes = {model.unique_id: model_values(model) for model in models}
    return {
        "nodes": nodes | {test.unique_id: _test_values(test) for test in tests},
        "sources": {table.unique_id: _source_values(table) for table in sources},
        "exposures": {
            one.unique_id: {"unique_id": one.unique_id, "name": one.name, "depends_on": {"nodes": list(one.parents)}}
            for one in exposures
        },
        "metrics": {},
        "groups": {},
    }


def _test_values(test: DataTest) -> dict[str, Any]:
    return {
        "unique_id": test.unique_id,
        "name": test.name,
        "resource_type": "test",
        "package_name": test.package,
        "alias": test.alias,
        "fqn": list(test.fqn),
        "original_file_path": str(test.path),
        "config": dict(test.config.values),
        "tags": list(test.config.tags),
        "depends_on": {"nodes": list(test.parents), "macros": list(test.macros)},
        "attached_node": test.attached,
        "column_name": test.test.column if test.test else None,
        **(
            {"test_metadata": {"name": test.test.type.rsplit(".", 1)[-1], "namespace": test.namespace}}
            if test.test
            else {}
        ),
    }


def _source_values(table: SourceTable) -> dict[str, Any]:
    return {
        "unique_id": table.unique_id,
        "name": table.name,
        "source_name": table.source,
        "resource_type": "source",
        "package_name": table.fqn[0],
        "schema": table.table.schema,
        "identifier": table.table.name,
        "database": None,
        "relation_name": str(table.table),
        "fqn": list(table.fqn),
        "original_file_path": str(table.path),
        "description": table.description,
        "tags": list(table.tags),
        "meta": dict(table.meta),
        "config": dict(table.config),
        "columns": _columns(table.columns),
    }


def _columns(columns: Iterable[Column]) -> dict[str, Any]:
    return {
        column.name: {
            "name": column.name,
            "data_type": column.data_type,
            "description": column.description,
            "meta": dict(column.meta),
            "tags": list(column.tags),
        }
        for column in columns
    }
