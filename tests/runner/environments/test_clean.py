"""run clean: what it finds, what it leaves alone, and that nothing published goes unasked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from runner import delta
from runner.cli import main
from runner.environments.clone import note_clone
from runner.warehouse import publish_view

Run = Callable[..., tuple[int, str]]
PROJECT = """
name: tiny
models: {tiny: {+materialized: table}}
targets:
  dev: {warehouse: warehouse, schema: marts}
  mine: {warehouse: warehouse, schema: mine}
"""


@pytest.fixture
def root(write: Callable[[Mapping[str, str]], Path]) -> Path:
    return write({"project.yml": PROJECT, "models/kept.sql": "select 1 as n"})


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["clean", *arguments, "--project-dir", str(root)])
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


def table(path: Path, model: str, *values: int) -> Path:
    for number in values:
        said = json.dumps({"sluice": 1, "model": model, "run_id": "r"})
        properties = CommitProperties(custom_metadata={"userMetadata": said})
        write_deltalake(str(path), pa.table({"n": [number]}), mode="overwrite", commit_properties=properties)
    return path


def age(path: Path) -> None:
    old = time.time() - 3 * 86_400
    for one in [*path.rglob("*"), path]:
        os.utime(one, (old, old))


def test_nothing_to_remove(run: Run, root: Path) -> None:
    table(root / "warehouse/marts/kept", "model.tiny.kept", 1, 2)
    table(root / "warehouse/mine/kept", "model.tiny.kept", 1)  # another target of the same warehouse
    table(root / "warehouse/marts/others", "model.another_project.others", 1)
    assert run() == (0, "run: nothing to remove.\n")


def test_leftovers_of_builds_are_listed_then_removed(run: Run, root: Path) -> None:
    kept = table(root / "warehouse/marts/kept", "model.tiny.kept", 1)
    published = kept / "candidate-aaaa"
    table(published, "model.tiny.kept", 5)
    delta.publish(kept, published, user_metadata={"sluice": 1, "model": "model.tiny.kept"}, read_version=0)
    dead, young = table(kept / "candidate-bbbb", "", 1), table(kept / "candidate-cccc", "", 1)
    withheld = table(kept / "candidate-dddd", "", 1)
    (withheld / "_withheld").write_text("{}")
    scratch = root / "target/scratch/scratch_1"
    for file in (
        scratch / "x.parquet",
        root / "target/compiled/tiny/models/gone.sql",
        root / "target/compiled/tiny/models/kept.sql",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    for path in (published, dead, withheld, scratch):
        age(path)
    code, listed = run()
    lines = [line.split("  ")[0].strip() for line in listed.splitlines()]
    assert lines[:-1] == ["candidate", "withheld", "scratch", "compiled"]
    assert "warehouse/marts/kept/candidate-bbbb: a build of marts.kept that did not end\n" in listed
    assert "target/compiled/tiny/models/gone.sql: compiled from a file that is gone\n" in listed
    assert listed.splitlines()[-1].endswith("Nothing was removed. Remove them: run clean --yes")
    assert dead.exists() and code == 0
    assert run("--yes")[1].splitlines()[-1].startswith("run: 4 leftovers removed, ")
    assert not any(path.exists() for path in (dead, withheld, scratch))
    assert young.exists() and (root / "target/compiled/tiny/models/kept.sql").exists()
    assert delta.first_rows(kept, 5)[1] == [{"n": 5}]


def test_published_data_stay_until_they_are_asked_for_by_name(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = table(root / "warehouse/marts/old", "model.tiny.old", 1)
    view = root / "warehouse/marts/old_view"
    publish_view(view, sql="select 1", inputs=[], metadata={"sluice": 1, "model": "model.tiny.old_view"})
    code, listed = run("--yes")
    assert listed.splitlines()[-1] == "run: nothing to remove."
    assert "published as model.tiny.old, which is no table of the project any more  (stays without --orphans)" in listed
    assert old.exists() and code == 0
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: bool(asked.append(text)))
    assert run("--orphans")[1].splitlines()[-1] == "run: nothing was removed."
    assert asked == ["Remove these 2, 2 of them published data?"]
    clone = table(root / "elsewhere/marts/old", "model.tiny.old", 1)
    note_clone(old, clone, version=0)
    run("--orphans", "--yes")
    assert old.exists() and not view.exists()  # a shallow clone reads the table's files
    (old / "_clones").rename(root / "forgotten")
    run("--orphans", "--yes")
    assert not old.exists()


def test_vacuum_keeps_recent_versions(run: Run, root: Path) -> None:
    kept = table(root / "warehouse/marts/kept", "model.tiny.kept", 1, 2, 3)
    assert run("--vacuum", "--yes")[1] == "run: nothing to remove.\n"
    assert len(list(kept.glob("*.parquet"))) == 3
    listed = run("--retain", "0")[1]
    assert "2 data files that no version of the last 0 days and no clone refers to  (stays without --vacuum)" in listed
    assert run("--vacuum", "--retain", "0", "--yes")[1].splitlines()[-1].startswith("run: 1 leftovers removed, ")
    assert len(list(kept.glob("*.parquet"))) == 1
    assert delta.first_rows(kept, 5)[1] == [{"n": 3}]
