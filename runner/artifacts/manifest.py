"""`manifest.json` (v12): every node, source, check, exposure and macro, as dbt writes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.artifacts.schemas import metadata_of
from runner.compile import compiled_path
from runner.model import Column, Config, DataTest, Exposure, Group, Model, Rows, SourceTable, UnitTest
from runner.project.parse import Project


def manifest(project: Project, *, invocation_id: str, compiled: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Returns `manifest.json` (v12): every node, source, check, exposure and macro, and how they depend on each other.

    Args:
        compiled: the SQL of models that were compiled, by unique id.
    """
    compiled = compiled or {}
    models = {**project.buildable, **project.analyses}
    nodes = {name: _model_node(project, model, compiled.get(name)) for name, model in models.items()}
    nodes |= {name: _test_node(project, test, compiled.get(name)) for name, test in project.tests.items()}
    sources = {table.unique_id: _source_node(project, table) for table in project.sources.values()}
    parents = _parent_map(project)
    children: dict[str, list[str]] = {node: [] for node in parents}
    for node, of in parents.items():
        for parent in of:
            children[parent].append(node)
    groups = {name: _group_node(group) for name, group in project.groups.items()}
    members: dict[str, list[str]] = {group.name: [] for group in project.groups.values()}
    for model in project.buildable.values():
        if model.group in members:
            members[model.group].append(model.unique_id)
    found: dict[str, Any] = {
        "metadata": {
            **metadata_of("manifest/v12", invocation_id),
            "env": {"SLUICE_TARGET": project.files.target.name, "SLUICE_WAREHOUSE": _from_root(project)},
            "project_name": project.files.name,
            "project_id": hashlib.md5(project.files.name.encode(), usedforsecurity=False).hexdigest(),
            "adapter_type": "spark",
            "user_id": None,
            "send_anonymous_usage_stats": False,
        },
        "nodes": nodes,
        "sources": sources,
        "macros": {
            macro.unique_id: {
                "name": macro.name,
                "resource_type": "macro",
                "package_name": macro.package,
                "path": str(macro.path),
                "original_file_path": str(macro.path),
                "unique_id": macro.unique_id,
                "macro_sql": macro.source,
                "depends_on": {"macros": []},
                "description": macro.description,
                "meta": {},
                "docs": {"show": macro.is_documented, "node_color": None},
                "patch_path": f"{macro.package}://{macro.patch_path}" if macro.patch_path else None,
                "arguments": [],
                "created_at": 0.0,
                "supported_languages": None,
            }
            for macro in project.files.macros
        },
        "docs": {one["unique_id"]: one for one in _docs_blocks(project)},
        "exposures": {name: _exposure_node(exposure) for name, exposure in project.exposures.items()},
        "metrics": {},
        "groups": groups,
        "selectors": {},
        "disabled": {},
        "parent_map": parents,
        "child_map": {node: sorted(of) for node, of in children.items()},
        "group_map": members,
        "saved_queries": {},
        "semantic_models": {},
        "unit_tests": {name: _unit_test_node(project, test) for name, test in project.unit_tests.items()},
        "functions": {},
    }
    for part in ("nodes", "sources", "macros", "docs", "exposures", "groups", "unit_tests"):
        _in_packages(project, found[part].values())
    return found


def _docs_blocks(project: Project) -> Iterator[dict[str, Any]]:
    for package in project.files.packages:
        for block in package.docs.values():
            yield {
                "name": block.name,
                "resource_type": "doc",
                "package_name": package.name,
                "path": block.path.name,
                "original_file_path": str(block.path),
                "unique_id": f"doc.{package.name}.{block.name}",
                "block_contents": block.text,
            }


def _parent_map(project: Project) -> dict[str, list[str]]:
    graph = project.graph
    found = {node: list(graph.parents(node)) for node in graph.order}
    found |= {model.unique_id: sorted(model.parents) for model in project.analyses.values()}
    found |= {test.unique_id: sorted(test.parents) for test in project.tests.values()}
    found |= {
        test.unique_id: [model.unique_id] if (model := project.models.get(test.model)) else []
        for test in project.unit_tests.values()
    }
    return found


def _from_root(project: Project) -> str:
    """Returns where the target's tables stand, from the project's folder where they stand below it."""
    warehouse = project.warehouse
    return warehouse.relative_to(project.root).as_posix() if warehouse.is_relative_to(project.root) else str(warehouse)


def _version(label: str | None) -> str | int | float | None:
    """Returns a version as it is written in YAML: a number where it is one."""
    if label is None:
        return None
    return int(label) if label.isdigit() else float(label) if label.replace(".", "", 1).isdigit() else label


def _in_packages(project: Project, nodes: Iterable[dict[str, Any]]) -> None:
    """Writes paths of packages' files as dbt does: relative to the package."""
    prefixes = {package.name: f"{package.prefix}/" for package in project.files.packages[1:]}
    for node in nodes:
        if (prefix := prefixes.get(node["package_name"])) is not None:
            node["original_file_path"] = node["original_file_path"].removeprefix(prefix)
            if node.get("patch_path"):
                node["patch_path"] = node["patch_path"].replace(f"://{prefix}", "://")


def _node(
    project: Project, node: Model | DataTest, sql: str | None, checksum: str, path: Path | None
) -> dict[str, Any]:
    """Returns what nodes with a template have in common."""
    return {
        "database": None,
        "name": node.name,
        "package_name": node.package,
        "original_file_path": str(node.path),
        "unique_id": node.unique_id,
        "fqn": list(node.fqn),
        "checksum": {"name": "sha256" if checksum else "none", "checksum": checksum},
        "tags": list(node.config.tags),
        "description": node.description,
        "docs": dict(node.config.docs),
        "build_path": None,
        "unrendered_config": _unrendered(node),
        "created_at": 0.0,
        "raw_code": node.raw_sql.strip("\n"),
        "refs": [{"name": ref.name, "package": ref.package, "version": _version(ref.version)} for ref in node.refs],
        "sources": [list(pair) for pair in node.sources],
        "metrics": [],
        "functions": [],
        "depends_on": {"macros": list(node.macros), "nodes": sorted(node.parents)},
        "compiled_path": path.relative_to(project.root).as_posix() if path is not None and sql is not None else None,
        "compiled": sql is not None,
        "compiled_code": sql,
        "extra_ctes_injected": sql is not None,
        "extra_ctes": [],
        "doc_blocks": [],
    }


def _unrendered(node: Model | DataTest) -> dict[str, Any]:
    """Returns the settings that were given, without defaults: what `state:modified` compares."""
    access = {"access": node.access} if isinstance(node, Model) and node.resource_type == "model" else {}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in node.config.values.items()}
    return {**access, **given}


def _model_node(project: Project, model: Model, sql: str | None) -> dict[str, Any]:
    ephemeral = model.config.materialized == "ephemeral"
    checksum = hashlib.sha256(model.raw_sql.strip().encode()).hexdigest()
    if model.resource_type == "seed":
        checksum = hashlib.sha256((project.root / model.path).read_bytes()).hexdigest()
    return {
        **_node(project, model, sql, checksum, compiled_path(project, model)),
        "schema": model.table.schema,
        "resource_type": model.resource_type,
        "path": "/".join(model.fqn[1:]) + model.path.suffix,
        "alias": model.table.name,
        "config": {"materialized": "view", "enabled": True, **model.config.values, "tags": list(model.config.tags)},
        "columns": _columns(model.columns),
        "meta": dict(model.meta),
        "group": model.group,
        "patch_path": f"{model.package}://{model.patch_path}" if model.patch_path else None,
        "relation_name": None if ephemeral or model.resource_type == "analysis" else str(model.table),
        "language": {"csv": "sql"}.get(model.language, model.language),
        "contract": {
            "enforced": bool((model.config.values.get("contract") or {}).get("enforced")),
            "alias_types": True,
            "checksum": None,
        },
        **(_OF_A_MODEL | {"access": model.access, "constraints": [_of_the_model(one) for one in model.constraints], "version": _version(model.version), "latest_version": _version(model.latest_version)}
           if model.resource_type == "model" else {}),
        **({"root_path": str(project.root)} if model.resource_type == "seed" else {}),
    }  # fmt: skip


def _constraint(written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": written["type"],
        "name": written.get("name"),
        "expression": written.get("expression"),
        "warn_unenforced": written.get("warn_unenforced", True),
        "warn_unsupported": written.get("warn_unsupported", True),
        "to": written.get("to"),
        "to_columns": list(written.get("to_columns") or ()),
    }


def _of_the_model(written: Mapping[str, Any]) -> dict[str, Any]:
    return {**_constraint(written), "columns": list(written.get("columns") or ())}


_OF_A_MODEL: dict[str, Any] = {"constraints": [], "deprecation_date": None, "primary_key": [], "time_spine": None}


def _test_node(project: Project, test: DataTest, sql: str | None) -> dict[str, Any]:
    settings = {"enabled": True, "materialized": "test", "severity": test.severity.upper(), **test.config.values}
    found = {
        **_node(project, test, sql, "", None),
        "schema": str(test.config.values.get("schema") or "dbt_test__audit"),
        "resource_type": "test",
        "path": f"{test.alias}.sql",
        "alias": test.alias,
        "config": {**settings, "tags": list(test.config.tags)},
        "columns": {},
        "meta": dict(test.config.values.get("meta") or {}),
        "group": None,
        "patch_path": None,
        "relation_name": None,
        "language": "sql",
        "contract": {"enforced": False, "alias_types": True, "checksum": None},
    }
    if test.test is None:
        return found
    column = {"column_name": test.test.column} if test.test.column is not None else {}
    given = ",".join(f"{name}={json.dumps(value, default=str)}" for name, value in test.test.config.items())
    return found | {
        "raw_code": f"{found['raw_code']}{{{{ config({given}) }}}}" if given else found["raw_code"],
        "column_name": test.test.column,
        "file_key_name": None,
        "attached_node": test.attached if test.attached in project.buildable else None,
        "test_metadata": {
            "name": test.test.type.rsplit(".", 1)[-1],
            "kwargs": {**test.test.arguments, **column, "model": test.model_argument},
            "namespace": test.namespace,
        },
    }


def _exposure_node(exposure: Exposure) -> dict[str, Any]:
    return {
        "name": exposure.name,
        "resource_type": "exposure",
        "package_name": exposure.package,
        "path": str(exposure.path),
        "original_file_path": str(exposure.path),
        "unique_id": exposure.unique_id,
        "fqn": list(exposure.fqn),
        "type": exposure.type,
        "owner": {"name": None, "email": None, **exposure.owner},
        "description": exposure.description,
        "label": exposure.label or None,
        "maturity": exposure.maturity,
        "meta": dict(exposure.meta),
        "tags": list(exposure.config.tags),
        "config": {"enabled": True, "tags": list(exposure.config.tags), "meta": dict(exposure.meta)},
        "unrendered_config": {},
        "url": exposure.url or None,
        "depends_on": {"macros": [], "nodes": sorted(exposure.parents)},
        "refs": [{"name": ref.name, "package": ref.package, "version": _version(ref.version)} for ref in exposure.refs],
        "sources": [list(pair) for pair in exposure.sources],
        "metrics": [],
        "created_at": 0.0,
    }


def _group_node(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "resource_type": "group",
        "package_name": group.package,
        "path": str(group.path),
        "original_file_path": str(group.path),
        "unique_id": group.unique_id,
        "owner": {"name": None, "email": None, **group.owner},
        "description": group.description or None,
        "config": {"meta": {}},
    }


def _unit_test_node(project: Project, test: UnitTest) -> dict[str, Any]:
    model = project.models.get(test.model)
    return {
        "name": test.name,
        "resource_type": "unit_test",
        "package_name": test.package,
        "path": str(test.path),
        "original_file_path": str(test.path),
        "unique_id": test.unique_id,
        "fqn": [*(model.fqn if model else (test.package, test.model)), test.name],
        "model": test.model,
        "given": [{"input": name, **_rows(rows)} for name, rows in test.given],
        "expect": _rows(test.expect),
        "description": test.description,
        "overrides": {"macros": dict(test.macros), "vars": dict(test.vars), "env_vars": dict(test.env_vars)},
        "depends_on": {"macros": [], "nodes": [model.unique_id] if model else []},
        "config": {"tags": list(Config(values=test.config).tags), "meta": {}, "enabled": True},
        "checksum": None,
        "schema": model.table.schema if model else None,
        "created_at": 0.0,
        "versions": None,
        "version": None,
    }


def _rows(rows: Rows) -> dict[str, Any]:
    written = list(rows.mappings) if rows.format == "dict" else rows.text or None
    return {"rows": written, "format": rows.format, "fixture": rows.fixture}


def _source_node(project: Project, table: SourceTable) -> dict[str, Any]:
    return {
        "database": None,
        "schema": table.table.schema,
        "name": table.name,
        "resource_type": "source",
        "package_name": table.fqn[0],
        "path": str(table.path),
        "original_file_path": str(table.path),
        "unique_id": table.unique_id,
        "fqn": list(table.fqn),
        "source_name": table.source,
        "source_description": table.source_description,
        "loader": table.loader or table.store,
        "identifier": table.table.name,
        "quoting": {"database": None, "schema": None, "identifier": None, "column": None},
        "loaded_at_field": table.loaded_at_field,
        "loaded_at_query": table.loaded_at_query,
        "freshness": {
            "warn_after": table.freshness.get("warn_after") or {"count": None, "period": None},
            "error_after": table.freshness.get("error_after") or {"count": None, "period": None},
            "filter": table.freshness.get("filter"),
        },
        "external": None,
        "description": table.description,
        "columns": _columns(table.columns),
        "meta": dict(table.meta),
        "source_meta": {},
        "tags": list(table.tags),
        "config": {"enabled": True, **table.config},
        "patch_path": None,
        "unrendered_config": {},
        "relation_name": str(table.table),
        "created_at": 0.0,
        "doc_blocks": [],
    }


def _columns(columns: Sequence[Column]) -> dict[str, Any]:
    return {
        column.name: {
            "name": column.name,
            "description": column.description,
            "meta": dict(column.meta),
            "data_type": column.data_type,
            "constraints": [_constraint(one) for one in column.constraints],
            "quote": None,
            "config": {"meta": dict(column.meta), "tags": list(column.tags)},
            "tags": list(column.tags),
            "granularity": None,
            "doc_blocks": [],
        }
        for column in columns
    }
