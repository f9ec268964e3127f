"""The dbt project that is written over our own files: what it says, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.dbt_project import not_for_dbt, write_dbt_project
from runner.errors import ProjectError
from runner.project.parse import load_project

FILES = {
    "project.yml": (
        "name: shop\nvars: {days: 30}\nmodels: {shop: {+materialized: table, marts: {+schema: marts}}}\n"
        "targets: {dev: {warehouse: tables, schema: analytics, spark: {spark.sql.shuffle.partitions: 3}}}\n"
    ),
    "sources.yml": "sources:\n  - name: mongodb\n    tables: [{name: users, key: [id], columns: [{name: id}]}]\n",
    "models/stg_users.sql": "select id from {{ source('mongodb', 'users') }}",
    "models/marts/scores.py": "def model(dbt, session):\n    return dbt.ref('stg_users')\n",
    "models/marts/top_scores.sql": "select * from {{ ref('scores') }}",
    "macros/half.sql": "{% macro half(x) %}({{ x }} / 2){% endmacro %}",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def written(root: Path, folder: str = "dbt") -> Mapping[str, Any]:
    write_dbt_project(load_project(root), root / folder, jars=[Path("a.jar"), Path("b.jar")])
    found: Mapping[str, Any] = yaml.safe_load((root / folder / "dbt_project.yml").read_text(encoding="utf-8"))
    return found


def test_paths_point_at_the_files_and_nothing_is_copied(root: Path) -> None:
    document = written(root)
    assert document["model-paths"] == ["../models", "landing"]
    assert document["macro-paths"] == ["../macros"]
    assert "seed-paths" not in document
    assert (root / "dbt/landing/sources.yml").resolve() == root / "sources.yml"
    assert written(root, "deep/er")["model-paths"] == ["../../models", "landing"]


def test_settings_are_ours_with_delta_below_them(root: Path) -> None:
    document = written(root)
    assert document["vars"] == {"days": 30}
    assert document["models"]["+file_format"] == "delta"
    assert document["models"]["shop"]["+materialized"] == "table"
    assert "targets" not in document


def test_landed_tables_are_read_where_they_are(root: Path) -> None:
    assert written(root)["on-run-start"] == [
        "create schema if not exists `mongodb`",
        f"create table if not exists `mongodb`.`users` using delta location '{root}/tables/mongodb/users'",
    ]


def test_the_profile_and_sparks_settings(root: Path) -> None:
    written(root)
    profile = yaml.safe_load((root / "dbt/profiles.yml").read_text(encoding="utf-8"))["shop"]
    assert profile["outputs"][profile["target"]] == {
        "type": "spark", "method": "session", "host": "NA", "schema": "analytics", "threads": 1,
    }  # fmt: skip
    lines = (root / "dbt/spark/spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split(" ", 1) for line in lines)
    assert settings["spark.driver.extraClassPath"] == "a.jar:b.jar"
    assert settings["spark.sql.shuffle.partitions"] == "3"
    assert settings["spark.sql.warehouse.dir"] == f"{root}/dbt/metastore/warehouse"


def test_python_models_and_what_reads_them_are_switched_off(root: Path) -> None:
    assert sorted(not_for_dbt(load_project(root))) == ["scores", "top_scores"]
    tree = written(root)["models"]["shop"]
    assert tree["marts"]["scores"] == tree["marts"]["top_scores"] == {"+enabled": False}
    assert tree["marts"]["+schema"] == "marts"


def test_it_is_written_again_over_itself(root: Path) -> None:
    assert written(root) == written(root)


def test_it_is_written_neither_here_nor_over_another(root: Path) -> None:
    project = load_project(root)
    with pytest.raises(ProjectError) as here:
        write_dbt_project(project, root, jars=[])
    assert str(here.value) == f"{root}: this is the project's own folder. Name another one, such as dbt."
    (root / "other").mkdir()
    (root / "other/dbt_project.yml").write_text("name: other\n", encoding="utf-8")
    with pytest.raises(ProjectError) as other:
        write_dbt_project(project, root / "other", jars=[])
    assert str(other.value) == f"{root}/other: another dbt project is here. Name an empty folder."
