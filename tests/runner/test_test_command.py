"""`run test` as a command: its record, `--fail-fast`, and what history, retry and `failed:` make of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from deltalake import write_deltalake
from pyarrow import table

from runner.artifacts.records import read_records
from runner.cli import main
from runner.cli.session import Command
from runner.project.parse import load_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Write = Callable[[Mapping[str, str]], Path]
Run = Callable[..., tuple[int, str, str]]

FILES = {
    "project.yml": """
        name: small
        models: {+materialized: table}
        targets: {dev: {warehouse: warehouse, schema: marts, threads: 1}}
        """,
    "models/a.sql": "select 1 as id",
    "models/b.sql": "select 1 as id",
    "models/_m.yml": """
        models:
          - {name: a, columns: [{name: id, data_tests: [not_null, unique]}]}
          - {name: b, columns: [{name: id, data_tests: [not_null]}]}
        unit_tests:
          - {name: wrong, model: a, given: [], expect: {rows: [{id: 2}]}}
          - {name: right, model: b, given: [], expect: {rows: [{id: 1}]}}
        """,
}


@pytest.fixture
def place(write: Write) -> Path:
    root = write(FILES)
    for name, ids in (("a", [1, None]), ("b", [1, 2])):
        path = root / "warehouse/marts" / name
        path.mkdir(parents=True)
        write_deltalake(str(path), table({"id": ids}))
    return root


@pytest.fixture
def run(
    spark: SparkSession, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    @contextmanager
    def session(*_: Any, **__: Any) -> Iterator[SparkSession]:
        yield spark

    spark.sql("drop schema if exists marts cascade")
    monkeypatch.setattr(Command, "spark", session)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--project-dir", str(place)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    yield call
    spark.sql("drop schema if exists marts cascade")


def statuses(place: Path) -> dict[str, str]:
    """Returns how each test of the last run ended, by its artifact; its record must say the same."""
    found = json.loads((place / "target/run_results.json").read_text())["results"]
    kept = read_records(load_project(place))[0]
    assert [(one["unique_id"], one["status"]) for one in kept.nodes] == [
        (one["unique_id"], one["status"]) for one in found
    ]
    return {one["unique_id"].split(".")[2]: one["status"] for one in found}


def test_data_tests_are_recorded_and_run_again_where_they_failed(run: Run, place: Path) -> None:
    assert run("test", "-s", "test_type:data")[0] == 1
    assert statuses(place) == {"not_null_a_id": "fail", "unique_a_id": "pass", "not_null_b_id": "pass"}
    line = json.loads(run("history", "--output", "json")[1])
    assert (line["command"], line["ok"], line["failed"]) == ("test test_type:data", 2, 1)
    assert run("ls", "-s", "failed:", "--resource-type", "test")[1] == "not_null_a_id\n"
    code, _, err = run("retry")
    assert (code, err.splitlines()[0]) == (1, "run: again test of 1 that failed or was skipped")
    assert statuses(place) == {"not_null_a_id": "fail"}


def test_fail_fast_starts_nothing_after_a_failure(run: Run, place: Path) -> None:
    code, _, err = run("test", "-s", "test_type:data", "--fail-fast")
    assert code == 1
    assert statuses(place) == {"not_null_a_id": "fail", "unique_a_id": "pass", "not_null_b_id": "skipped"}
    assert "3/3  skip   not_null_b_id" in err
    story = next(line for line in err.splitlines() if line.startswith("run: 3 data tests in "))
    assert story.endswith(": 1 passed, 1 failed, 1 skipped.")
    run("test", "--fail-fast")
    assert statuses(place) == {
        "a": "fail",  # unit tests come first, and are named by their model
        "b": "skipped",
        "not_null_a_id": "skipped",
        "unique_a_id": "skipped",
        "not_null_b_id": "skipped",
    }
    left = next(one for one in read_records(load_project(place))[0].nodes if one["status"] == "skipped")
    assert left["message"] == "left out: another test failed first (--fail-fast)"


def test_tests_write_the_validation_report(run: Run, place: Path) -> None:
    assert run("test")[0] == 1
    folder = place / "target" / "quality" / "latest"
    root = ElementTree.parse(folder / "junit.xml").getroot()
    found = {suite.get("name"): (suite.get("tests"), suite.get("failures")) for suite in root}
    assert found == {"a": ("2", "1"), "b": ("1", "0"), "unit tests of a": ("1", "1"), "unit tests of b": ("1", "0")}
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (report["run"]["command"], report["headline"]) == ("run test", "1 of 2 tables fails: a")
    assert report["more"].endswith("1 of 2 unit tests fails.")
