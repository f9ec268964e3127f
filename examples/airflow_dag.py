"""An Airflow DAG made of the project's manifest: one task a model, in the order of the graph.

Put this file into Airflow's folder of DAGs. `SLUICE_PROJECT` names the project's folder (where `run compile` has
written target/manifest.json), `SLUICE_RUN` the `run` command of its environment. Airflow's own environment needs
nothing of ours.
"""

from __future__ import annotations

import json
import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = Path(os.environ["SLUICE_PROJECT"])
RUN = os.environ.get("SLUICE_RUN", "run")

manifest: dict[str, Any] = json.loads((PROJECT / "target" / "manifest.json").read_text(encoding="utf-8"))
models = {
    unique_id: node
    for unique_id, node in manifest["nodes"].items()
    if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
}


def parents_of(unique_id: str) -> set[str]:
    """Returns the models that a model reads; what stands behind an ephemeral one counts as read by it."""
    found: set[str] = set()
    for parent in manifest["parent_map"][unique_id]:
        if parent in models:
            found.add(parent)
        elif parent.startswith("model."):
            found |= parents_of(parent)
    return found


with DAG("shop", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1) as dag:
    command = f"{shlex.quote(RUN)} {{}} --project-dir {shlex.quote(str(PROJECT))}"
    ingest = BashOperator(task_id="ingest", bash_command=command.format("ingest"))
    # What has not changed since it was built answers at once, so a task that is tried again costs nothing twice.
    tasks = {
        unique_id: BashOperator(
            task_id=node["name"],
            bash_command=command.format(f"models --select {shlex.quote(node['name'])}"),
            retries=1,
            doc_md=node["description"],
        )
        for unique_id, node in models.items()
    }
    for unique_id, task in tasks.items():
        ingest >> task
        for parent in parents_of(unique_id):
            tasks[parent] >> task
