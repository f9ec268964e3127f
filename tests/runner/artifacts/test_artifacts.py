"""Artifacts in dbt's schemas: the keys that tools read, and how results are told in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.artifacts import catalog, manifest, run_results, write_artifact
from runner.execute import NodeResult, Stage, Status
from runner.project.parse import Project, load_project
from runner.warehouse import publish_view

ROOT = Path(__file__).resolve().parents[3]
Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def project(write: Write, tiny: dict[str, str]) -> Project:
    tiny["models/_m.yml"] = (
        "models:\n  - name: totals\n    description: All orders. One row.\n    config: {tags: [money]}\n"
        "    columns: [{name: revenue, data_type: 'decimal(22,2)', description: Sum of totals.}]\n"
    )
    tiny["macros/cents.sql"] = "{% macro cents(column) %}{{ column }} * 100{% endmacro %}"
    tiny["models/totals.sql"] = "select {{ cents('total') }} as revenue from {{ ref('stg_orders') }}"
    return load_project(write(tiny))


def test_manifest_holds_what_tools_read(project: Project) -> None:
    found = manifest(project, invocation_id="i", compiled={"model.tiny.totals": "select 1"})
    assert found["metadata"]["dbt_schema_version"] == "https://schemas.getdbt.com/dbt/manifest/v12.json"
    assert (found["metadata"]["project_name"], found["metadata"]["adapter_type"]) == ("tiny", "spark")
    node = found["nodes"]["model.tiny.totals"]
    assert node["depends_on"] == {"macros": ["macro.tiny.cents"], "nodes": ["model.tiny.stg_orders"]}
    assert (node["tags"], node["config"]["materialized"], node["relation_name"]) == (["money"], "table", "marts.totals")
    assert node["columns"]["revenue"]["description"] == "Sum of totals."
    assert (node["original_file_path"], node["patch_path"]) == ("models/totals.sql", "tiny://models/_m.yml")
    assert (node["compiled"], node["compiled_code"]) == (True, "select 1")
    assert found["nodes"]["model.tiny.stg_orders"]["compiled"] is False
    assert found["sources"]["source.tiny.shop.orders"]["identifier"] == "orders"
    assert found["child_map"]["source.tiny.shop.orders"] == ["model.tiny.stg_orders"]
    assert json.loads(json.dumps(found)) == found


def test_every_node_of_the_shop_is_in_its_manifest() -> None:
    project = load_project(ROOT)
    found = manifest(project, invocation_id="i")
    assert set(found["parent_map"]) == {*found["nodes"], *found["sources"], *found["exposures"], *found["unit_tests"]}
    models = [node for node in found["nodes"].values() if node["resource_type"] == "model"]
    assert all(node["description"] for node in models)
    checksums = [node["checksum"]["checksum"] for node in models]
    assert len(set(checksums)) == len(checksums)


@pytest.mark.parametrize(
    ("status", "told"),
    [("success", "success"), ("warn", "success"), ("error", "error"), ("withheld", "error"), ("skipped", "skipped")],
)
def test_run_results(project: Project, status: Status, told: str) -> None:
    started = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    result = NodeResult(
        unique_id="model.tiny.totals", status=status, seconds=1.5, rows=7, version=3, message="m", started_at=started
    )
    found = run_results(project, [result], invocation_id="i", elapsed=2.0, arguments={"which": "build"})
    one = found["results"][0]
    assert (one["status"], one["message"], one["execution_time"]) == (told, "m", 1.5)
    assert one["adapter_response"] == {"_message": status, "rows_affected": 7, "delta_version": 3}
    assert one["timing"] == [
        {
            "name": "execute",
            "started_at": "2025-01-02T03:04:05+00:00",
            "completed_at": "2025-01-02T03:04:06.500000+00:00",
        }
    ]


def test_a_model_that_was_compiled_says_when(project: Project) -> None:
    started = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    stages = (
        Stage(name="compile", started_at=started - timedelta(seconds=9), seconds=0.5),
        Stage(name="write", started_at=started, seconds=1.0),
    )
    result = NodeResult(unique_id="model.tiny.totals", status="success", seconds=1.5, started_at=started, stages=stages)
    found = run_results(project, [result], invocation_id="i", elapsed=2.0, arguments={})
    assert [(one["name"], one["started_at"], one["completed_at"]) for one in found["results"][0]["timing"]] == [
        ("compile", "2025-01-02T03:03:56+00:00", "2025-01-02T03:03:56.500000+00:00"),
        ("execute", "2025-01-02T03:04:05+00:00", "2025-01-02T03:04:06.500000+00:00"),
    ]


def test_catalog_lists_what_is_published_and_nothing_else(project: Project) -> None:
    assert catalog(project, invocation_id="i")["nodes"] == {}
    publish_view(project.warehouse / "marts/totals", sql="select 1", inputs=(), metadata={})
    node = catalog(project, invocation_id="i")["nodes"]["model.tiny.totals"]
    assert (node["metadata"]["type"], node["columns"]["revenue"]["type"]) == ("view", "decimal(22,2)")


def test_an_artifact_is_written_whole_or_not_at_all(project: Project) -> None:
    path = write_artifact(project, "x.json", {"a": 1})
    with pytest.raises(TypeError, match="Recursion limit"):
        loop: dict[str, object] = {}
        loop["self"] = loop
        write_artifact(project, "x.json", loop)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [one.name for one in path.parent.iterdir()] == ["x.json"]
