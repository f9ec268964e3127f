"""Dagster assets made of the project's manifest: one asset a model and a landed table, with their descriptions.

    SLUICE_PROJECT=/path/to/project SLUICE_RUN=/path/to/.venv/bin/run dagster dev -f dagster_assets.py

Any selection of assets becomes one `run models`; each model's result (rows, seconds, version, the checks' message)
is reported to Dagster from run_results.json. Dagster's environment needs nothing of ours.

Dagster reads the annotations of an asset's function, so they are not postponed here.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster

PROJECT = Path(os.environ["SLUICE_PROJECT"])
RUN = os.environ.get("SLUICE_RUN", "run")

manifest: dict[str, Any] = json.loads((PROJECT / "target" / "manifest.json").read_text(encoding="utf-8"))
models = {
    unique_id: node
    for unique_id, node in manifest["nodes"].items()
    if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
}


def key_of(unique_id: str) -> dagster.AssetKey:
    """Returns schema and name of the table, which is how readers know it."""
    node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
    return dagster.AssetKey([node["schema"], node.get("identifier") or node["alias"]])


def parents_of(unique_id: str) -> set[str]:
    """Returns the tables that a model reads; what stands behind an ephemeral model counts as read by it."""
    found: set[str] = set()
    for parent in manifest["parent_map"][unique_id]:
        ephemeral = parent.startswith("model.") and parent not in models
        found |= parents_of(parent) if ephemeral else {parent}
    return found


SPECS = [
    dagster.AssetSpec(
        key_of(unique_id),
        deps=[key_of(parent) for parent in sorted(parents_of(unique_id))],
        description=node["description"],
        group_name=node["fqn"][1] if len(node["fqn"]) > 2 else None,
        kinds={"sql", "spark"},
    )
    for unique_id, node in models.items()
]


@dagster.multi_asset(specs=SPECS, can_subset=True)
def shop_models(context: dagster.AssetExecutionContext) -> Iterator[dagster.MaterializeResult[Any]]:
    """Builds the selected models in one run, each checked before it is published."""
    by_key = {key_of(unique_id): node for unique_id, node in models.items()}
    names = [by_key[key]["name"] for key in context.selected_asset_keys]
    done = subprocess.run([RUN, "models", "--select", *names, "--project-dir", str(PROJECT)], check=False)
    results = json.loads((PROJECT / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    failed = []
    for result in results:
        if result["unique_id"] not in models:
            continue
        if result["status"] not in ("success", "reused"):
            failed.append(f"{result['unique_id']}: {result['message']}")
            continue
        told = {"status": result["status"], "seconds": result["execution_time"], "message": result["message"] or ""}
        yield dagster.MaterializeResult(key_of(result["unique_id"]), metadata=told)
    if failed or done.returncode:
        raise dagster.Failure("\n".join(failed) or f"run models ended with {done.returncode}")


defs = dagster.Definitions(
    assets=[shop_models, *[dagster.AssetSpec(key_of(one), group_name="landed") for one in manifest["sources"]]]
)
