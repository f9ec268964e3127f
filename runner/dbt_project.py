"""A dbt project over this project's own files, for whoever wants to run them with dbt Core and dbt-spark.

Nothing is copied: `model-paths` and the like point at the files, `sources.yml` is a link. What dbt asks for and the
project file does not say is written beside: a profile of dbt-spark's session method, Spark's settings for Delta, and
hooks that name the landed tables in dbt's metastore.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from runner.errors import ProjectError
from runner.model import Model
from runner.project.configs import listed
from runner.project.parse import Project

PROFILES, PROJECT_FILE, SPARK = "profiles.yml", "dbt_project.yml", "spark/spark-defaults.conf"
_OURS = ("targets", "default_target", "suite-paths", "default_defer_target")
_PATHS = ("model", "macro", "seed", "snapshot", "test", "analysis")
_LANDING = "landing"


def write_dbt_project(project: Project, folder: Path, *, jars: list[Path]) -> list[Path]:
    """Writes the dbt project into `folder` and returns its files.

    Args:
        folder: new, empty, or what an earlier call wrote; not the project's own folder.
        jars: Delta's jars, which dbt-spark's Spark loads.

    Raises:
        ProjectError: the folder is the project's own, or holds another dbt project.
    """
    folder = folder.absolute()
    if folder == project.root.absolute():
        raise ProjectError(f"{folder}: this is the project's own folder. Name another one, such as dbt.")
    if (folder / PROJECT_FILE).exists() and not (folder / SPARK).exists():
        raise ProjectError(f"{folder}: another dbt project is here. Name an empty folder.")
    written = {
        PROJECT_FILE: _yaml(_project(project, folder)),
        PROFILES: _yaml(_profiles(project)),
        SPARK: "".join(f"{key} {value}\n" for key, value in _spark(project, folder, jars).items()),
    }
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    files = [folder / name for name in written]
    sources = project.root / "sources.yml"
    if sources.is_file():
        link = folder / _LANDING / "sources.yml"
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(sources, link.parent))
        files.append(link)
    return files


def not_for_dbt(project: Project) -> dict[str, Model]:
    """Returns, by name, what dbt-spark's session method cannot run: Python models, and the models that read them."""
    python = {model.unique_id for model in project.models.values() if model.language == "python"}
    left_out = python | project.graph.descendants(python)
    return {model.name: model for model in project.models.values() if model.unique_id in left_out}


def _project(project: Project, folder: Path) -> dict[str, Any]:
    own = project.files.own
    document = {
        key: _plain(value) for key, value in own.document.items() if key not in _OURS and not key.endswith("-paths")
    }
    paths = {
        f"{kind}-paths": [os.path.relpath(project.root / path, folder) for path in own.paths[kind]]
        for kind in _PATHS
        if any((project.root / path).is_dir() for path in own.paths[kind])
    }
    if (project.root / "sources.yml").is_file():
        paths["model-paths"] = [*paths.get("model-paths", []), _LANDING]
    models = {"+file_format": "delta", **document.pop("models", {})}
    for model in not_for_dbt(project).values():
        _switch_off(models, model.fqn)
    return {
        "profile": project.files.name,
        **document,
        **paths,
        "models": models,
        "on-run-start": [*_tables(project), *listed(document.get("on-run-start"))],
    }


def _switch_off(tree: dict[str, Any], fqn: tuple[str, ...]) -> None:
    for part in fqn:
        tree = tree.setdefault(part, {})
    tree["+enabled"] = False


def _tables(project: Project) -> list[str]:
    """Returns the statements that name the landed tables in dbt's metastore; each is done again without harm."""
    tables = [table.table for table in project.sources.values()]
    schemas = dict.fromkeys(table.schema for table in tables)
    return [f"create schema if not exists `{schema}`" for schema in schemas] + [
        f"create table if not exists {table.quoted()} using delta location '{table.path(project.warehouse).absolute()}'"
        for table in tables
    ]


def _profiles(project: Project) -> dict[str, Any]:
    target = project.files.target
    output = {"type": "spark", "method": "session", "host": "NA", "schema": target.schema, "threads": 1}
    return {project.files.name: {"target": target.name, "outputs": {target.name: output}}}


def _spark(project: Project, folder: Path, jars: list[Path]) -> dict[str, str]:
    metastore = folder / "metastore"
    return {
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.warehouse.dir": str(metastore / "warehouse"),
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Dderby.system.home={metastore}",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        **project.files.target.spark,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, width=120, allow_unicode=True)
