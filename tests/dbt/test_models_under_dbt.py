"""The shop's own models under dbt Core with dbt-spark: the same files, the same tables, row for row."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from runner.project.parse import Project, load_project

HERE = Path(__file__).resolve().parent
EDITED = ("models", "macros", "sources.yml", "project.yml", "expectations")
# A few hundred sessions: compiling plans and fifty-fold snapshots of Delta's log would be most of the time.
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.driver.memory": "2g",
}

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800)]  # each command starts its own Spark


def run(place: Path, *arguments: str) -> None:
    program = [sys.executable, "-c", "from runner.cli import script; script()", *arguments]
    done = subprocess.run(program, cwd=place, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run_dbt(dbt: Path, folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "SPARK_CONF_DIR": str(folder / "spark"), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "PYSPARK_PYTHON": str(dbt.with_name("python"))}
    program = [str(dbt), *arguments, "--profiles-dir", "."]
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with this project's files, a small shop landed, and all models built by us."""
    folder = tmp_path_factory.mktemp("under_dbt")
    for name in EDITED:
        (folder / name).symlink_to(root / name)
    run(folder, "generate", "--sessions", "400")
    run(folder, "build")
    return folder


@pytest.fixture(scope="module")
def project(place: Path) -> Project:
    return load_project(place)


@pytest.fixture(scope="module")
def under_dbt(place: Path, dbt: Path) -> Path:
    """The folder of the dbt project that we wrote, built and tested by dbt Core."""
    run(place, "dbt-project", "dbt")
    folder = place / "dbt"
    with (folder / "spark" / "spark-defaults.conf").open("a", encoding="utf-8") as settings:
        settings.writelines(f"{key} {value}\n" for key, value in SMALL.items())
    run_dbt(dbt, folder, "build", "--exclude", "test_type:unit")
    return folder


def rows(path: Path) -> Counter[str]:
    """Returns the table's rows as a multiset; a sum of floats is the same whatever order it was added up in."""
    return Counter(
        json.dumps(_steady(row), sort_keys=True) for row in DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    )


def _steady(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _steady(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_steady(one) for one in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else f"{value:.9g}"
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def test_every_table_is_the_same_row_for_row(project: Project, under_dbt: Path) -> None:
    compared = 0
    for model in project.models.values():
        if model.language == "python" or model.config.materialized not in ("table", "incremental"):
            continue
        theirs = under_dbt / "metastore" / "warehouse" / f"{model.table.schema}.db" / model.table.name
        ours, dbts = rows(model.table.path(project.warehouse)), rows(theirs)
        assert ours == dbts, (
            f"{model.name}: {list((ours - dbts).items())[:2]} against {list((dbts - ours).items())[:2]}"
        )
        compared += 1
    assert compared > 25


def test_what_dbt_cannot_run_is_switched_off_and_nothing_else(project: Project, under_dbt: Path) -> None:
    manifest = json.loads((under_dbt / "target" / "manifest.json").read_text(encoding="utf-8"))
    theirs = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    python = {model.name for model in project.models.values() if model.language == "python"}
    assert set(project.models) - theirs == python


def test_our_artifacts_hold_dbts_own_schemas(place: Path, dbt: Path, under_dbt: Path) -> None:
    program = [str(dbt.with_name("python")), str(HERE / "validate_artifacts.py"), str(place / "target")]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in ("manifest.json", "run_results.json", "catalog.json", "sources.json")}  # fmt: skip


def test_what_breaks_a_schema_is_found(place: Path, dbt: Path, tmp_path: Path) -> None:
    manifest = json.loads((place / "target" / "manifest.json").read_text(encoding="utf-8"))
    node = next(node for name, node in manifest["nodes"].items() if name.startswith("model."))
    del node["fqn"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    program = [str(dbt.with_name("python")), str(HERE / "validate_artifacts.py"), str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["manifest.json"]) == 2
