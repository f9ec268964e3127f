"""The examples for Airflow and Dagster, run by Airflow and Dagster themselves in an environment of their own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner import delta

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

FILES = {
    "project.yml": "name: shop\ntargets: {dev: {warehouse: warehouse}}\n",
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id, 10 as amount union all select 2, 20",
    "models/big_orders.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('orders') }} where amount > 15",
    "models/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as revenue from {{ ref('big_orders') }}",
    "models/broken.sql": "{{ config(materialized='table') }} select raise_error('no') as x from {{ ref('revenue') }}",
    "models/models.yml": (
        "models:\n  - name: orders\n    description: What was ordered.\n"
        "    columns: [{name: id, data_tests: [unique]}]\n"
    ),
}
READ_DAG = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("example", sys.argv[1])
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
tasks = {t.task_id: {"after": sorted(t.upstream_task_ids), "command": getattr(t, "bash_command", "")} for t in module.dag.tasks}
json.dump(tasks, open(sys.argv[2], "w"))
"""
MATERIALIZE = """
import importlib.util, json, sys
import dagster
spec = importlib.util.spec_from_file_location("example", sys.argv[1])
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
keys = [dagster.AssetKey(["main", name]) for name in sys.argv[3].split(",")]
done = dagster.materialize([module.shop_models], selection=keys, raise_on_error=False)
events = done.get_asset_materialization_events()
told = {e.asset_key.path[-1]: {k: v.value for k, v in e.materialization.metadata.items()} for e in events}
deps = {s.key.path[-1]: sorted(d.asset_key.path[-1] for d in s.deps) for s in module.SPECS}
json.dump({"success": done.success, "told": told, "deps": deps}, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def python(root: Path) -> Path:
    """The Python of Airflow's and Dagster's environment."""
    program = [root / "scripts" / "side-environment", "orchestrators"]
    done = subprocess.run(program, env={**os.environ, "PYTHON": sys.executable}, stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    return Path(done.stdout.strip()) / "bin" / "python"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A small project with its manifest, and a `run` beside it that starts this checkout's command line."""
    folder = tmp_path_factory.mktemp("orchestrated")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    script = folder / "run"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\nfrom runner.cli import script\nscript()\n",
        encoding="utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    subprocess.run([script, "compile", "--project-dir", folder], check=True, capture_output=True)
    return folder


def in_their_python(python: Path, project: Path, program: str, *arguments: str) -> Any:
    answer = project / "answer.json"
    answer.unlink(missing_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARK_LOCAL_IP")
    } | {
        "SLUICE_PROJECT": str(project), "SLUICE_RUN": str(project / "run"), "AIRFLOW_HOME": str(project / "airflow"),
        "DAGSTER_HOME": "", "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }  # fmt: skip
    done = subprocess.run(
        [str(python), "-c", program, arguments[0], str(answer), *arguments[1:]], env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(answer.read_text(encoding="utf-8"))


def test_airflow_has_a_task_a_model_in_the_order_of_the_graph(python: Path, project: Path, root: Path) -> None:
    tasks = in_their_python(python, project, READ_DAG, str(root / "examples/airflow_dag.py"))
    assert {name: task["after"] for name, task in tasks.items()} == {
        "ingest": [],
        "orders": ["ingest"],
        "revenue": ["ingest", "orders"],
        "broken": ["ingest", "revenue"],
    }
    assert tasks["orders"]["command"] == f"{project}/run models --select orders --project-dir {project}"


def test_an_airflow_tasks_command_builds_its_model(python: Path, project: Path, root: Path) -> None:
    tasks = in_their_python(python, project, READ_DAG, str(root / "examples/airflow_dag.py"))
    done = subprocess.run(tasks["orders"]["command"], shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert delta.first_rows(project / "warehouse/main/orders", 5)[1] == [
        {"id": 1, "amount": 10},
        {"id": 2, "amount": 20},
    ]


def test_dagster_builds_the_selected_assets_and_tells_what_failed(python: Path, project: Path, root: Path) -> None:
    example = str(root / "examples/dagster_assets.py")
    found = in_their_python(python, project, MATERIALIZE, example, "orders,revenue,broken")
    assert found["deps"] == {"orders": [], "revenue": ["orders"], "broken": ["revenue"]}
    assert found["success"] is False
    assert set(found["told"]) == {"orders", "revenue"}
    assert found["told"]["revenue"]["status"] == "success"
    assert delta.first_rows(project / "warehouse/main/revenue", 5)[1] == [{"revenue": 20}]
