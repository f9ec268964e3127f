"""Bringing tables and views to another target, without Spark: what is linked, what is said, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from runner import delta
from runner.cli import main
from runner.environments.clone import clone_said
from runner.environments.transfer import publish_linked
from runner.errors import ContractError
from runner.names import TableRef
from runner.warehouse import publish_view, read_view

FILES = {
    "project.yml": """
        name: tiny
        models: {tiny: {+materialized: table}}
        targets: {dev: {warehouse: dev, schema: marts}, prod: {warehouse: prod, schema: marts}}
        """,
    "models/low.sql": "select 1 as n, 'a' as kind",
    "models/seen.sql": "{{ config(materialized='view') }}select * from {{ ref('low') }}",
    "models/over.sql": "{{ config(materialized='view') }}select * from {{ ref('seen') }}",
}


def table(path: Path, values: Mapping[str, Any], **said: Any) -> Path:
    properties = CommitProperties(custom_metadata={"userMetadata": json.dumps({"sluice": 1, **said})})
    write_deltalake(
        str(path), pa.table(dict(values)), mode="overwrite", partition_by=["kind"], commit_properties=properties
    )
    return path


@pytest.fixture
def root(write: Callable[[Mapping[str, str]], Path]) -> Path:
    root = write(FILES)
    table(root / "prod/marts/low", {"n": [1, 2], "kind": ["a b/c:d%20", "ü"]}, model="model.tiny.low", run_id="run-1")
    for name, other in (("seen", "low"), ("over", "seen")):
        said = {"sluice": 1, "model": f"model.tiny.{name}", "run_id": "run-1"}
        publish_view(
            root / "prod/marts" / name,
            sql=f"select * from marts.{other}",
            inputs=[TableRef("marts", other)],
            metadata=said,
        )
    return root


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--project-dir", str(root)])
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


Run = Callable[..., tuple[int, str]]


def test_a_clone_needs_no_spark_and_takes_partitions_with_it(root: Path, run: Run) -> None:
    code, said = run("clone", "--from", "prod")
    assert code == 0, said
    assert [line.split()[0] for line in said.splitlines()[:-1]] == ["cloned", "view", "view"]
    rows = sorted(delta.first_rows(root / "dev/marts/low", 5)[1], key=str)
    assert rows == [{"n": 1, "kind": "a b/c:d%20"}, {"n": 2, "kind": "ü"}]
    assert delta.metadata(root / "dev/marts/low")["model"] == "model.tiny.low"
    assert read_view(root / "dev/marts/seen")["inputs"] == ["marts.low"]
    for file in (root / "prod/marts/low").rglob("*.parquet"):
        file.unlink()
    assert len(delta.first_rows(root / "dev/marts/low", 5)[1]) == 2


def test_a_view_alone_reads_on_where_it_read(root: Path, run: Run) -> None:
    run("clone", "--from", "prod", "over")
    view = read_view(root / "dev/marts/over")
    assert (view["sql"], view["inputs"]) == ("select * from `in_prod__marts`.`seen`", ["in_prod__marts.seen"])
    assert view["elsewhere"] == {"in_prod__marts.seen": str(root / "prod/marts/seen")}
    run("clone", "--from", "prod", "seen", "over", "-f")
    assert read_view(root / "dev/marts/over")["inputs"] == ["marts.seen"]


def test_views_go_back_to_their_definitions(root: Path, run: Run) -> None:
    path = root / "prod/marts/seen"
    said = {"sluice": 1, "model": "model.tiny.seen", "run_id": "run-2", "finished_at": "2026-11-20T08:00:00+00:00"}
    publish_view(path, sql="select 2", inputs=[], metadata=said)
    assert run("restore", "seen", "--version", "0", "-t", "prod") == (
        0, "restored  seen  version 1 -> 0\nrun: 1 restored.\n"
    )  # fmt: skip
    view = read_view(path)
    assert (view["sql"], view["inputs"]) == ("select * from marts.low", ["marts.low"])
    assert (view["metadata"]["run_id"], view["metadata"]["restored"]["version"]) == ("run-1", 0)
    code, listed = run("restore", "seen", "--version", "7", "-t", "prod")
    assert (code, listed) == (2, "run: seen has no version 7. Its versions: 0, 1, 2.\n")


def test_tables_go_back_with_their_columns(root: Path, run: Run) -> None:
    path = root / "prod/marts/low"
    candidate = path / "candidate-x"
    write_deltalake(str(candidate), pa.table({"m": [1.5]}))
    said = {"sluice": 1, "model": "model.tiny.low", "run_id": "run-2"}
    delta.publish(path, candidate, user_metadata=said, read_version=0)
    assert delta.first_rows(path, 5)[0] == ["m"]
    code, told = run("restore", "--before", "run-2", "-t", "prod")
    assert code == 0, told
    assert sorted(row["n"] for row in delta.first_rows(path, 5)[1]) == [1, 2]
    again = run("restore", "--run", "run-2", "-t", "prod")
    assert again[0] == 0 and delta.first_rows(path, 5)[1] == [{"m": 1.5}]
    unknown = run("restore", "--run", "run-9", "-t", "prod")
    assert unknown == (
        2, 'run: no run "run-9" has published anything here. The last ones: run-2, run-1. Did you mean "run-2"?\n'
    )  # fmt: skip


def test_a_source_whose_files_are_gone_is_not_linked(root: Path) -> None:
    source, here = root / "prod/marts/low", root / "dev/marts/low"
    next(source.rglob("*.parquet")).unlink()
    with pytest.raises(ContractError) as gone:
        publish_linked(source, here, version=0, said={})
    assert str(gone.value).startswith("marts.low: 1 of its 2 files are gone (")
    assert str(gone.value).endswith("): a VACUUM removed them. Build it again.")
    assert not here.exists()


def test_a_clone_of_a_landed_table_says_what_it_is_of(root: Path, run: Run) -> None:
    (root / "sources.yml").write_text("version: 2\nsources: [{name: shop, tables: [{name: orders}]}]\n")
    table(root / "prod/shop/orders", {"n": [1], "kind": ["a"]}, kind="landing", rows=1)
    assert run("clone", "--from", "prod", "source:shop")[0] == 0
    said = delta.metadata(root / "dev/shop/orders")
    assert (said["kind"], said["rows"], said["cloned"]["version"]) == ("landing", 1, 0)
    assert clone_said(root / "dev/shop/orders") == said["cloned"]
    assert clone_said(root / "prod/shop/orders") == {}
