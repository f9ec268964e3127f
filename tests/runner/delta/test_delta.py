"""Publishing: one commit of the published table's log, without Spark; candidates are written by deltalake."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from runner import delta
from runner.delta import Details
from runner.delta import log as delta_log
from runner.errors import ContractError


def table_of(*rows: tuple[int, Any]) -> pa.Table:
    return pa.table({"id": pa.array([row[0] for row in rows], pa.int64()), "kind": [row[1] for row in rows]})


def candidate_of(table: Path, *rows: tuple[int, Any], partition_by: list[str] | None = None) -> Path:
    candidate = delta.new_candidate(table)
    write_deltalake(str(candidate), table_of(*rows), partition_by=partition_by)
    return candidate


def rows(table: Path) -> list[tuple[int, Any]]:
    found = DeltaTable(str(table)).to_pyarrow_table().to_pylist()
    return sorted((row["id"], row["kind"]) for row in found)


def published(table: Path, *of: tuple[int, Any], partition_by: list[str] | None = None, **details: Any) -> int:
    return delta.publish(
        table,
        candidate_of(table, *of, partition_by=partition_by),
        user_metadata={"run": "r"},
        read_version=delta.version(table),
        details=Details(**details),
    )


def test_a_table_is_made_and_replaced_and_keeps_its_id(tmp_path: Path) -> None:
    table = tmp_path / "t"
    assert published(table, (1, "a")) == 0
    first = DeltaTable(str(table)).metadata().id
    assert published(table, (2, "b"), (3, "c")) == 1
    assert rows(table) == [(2, "b"), (3, "c")]
    assert DeltaTable(str(table)).metadata().id == first
    assert delta.metadata(table) == {"run": "r"}
    assert rows_at(table, 0) == [(1, "a")]
    assert not list(table.glob("candidate-*/_delta_log"))


def rows_at(table: Path, version: int) -> list[tuple[int, Any]]:
    found = DeltaTable(str(table), version=version).to_pyarrow_table().to_pylist()
    return sorted((row["id"], row["kind"]) for row in found)


def test_partitions_with_odd_names_are_moved_and_removed(tmp_path: Path) -> None:
    table = tmp_path / "t a/ü"
    odd = [(1, "a b/c:d"), (2, "ü%2F"), (3, None), (4, "x=y&z")]
    published(table, *odd, partition_by=["kind"])
    assert rows(table) == odd
    published(table, (5, "a b/c:d"), partition_by=["kind"])
    assert rows(table) == [(5, "a b/c:d")]
    removed = [one["remove"] for one in delta_log.actions(list(delta_log.commits(table))[1][1]) if "remove" in one]
    assert sorted(str(one["partitionValues"]["kind"]) for one in removed) == sorted(str(kind) for _, kind in odd)


def test_appended_rows_are_added_to_what_is_there(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    candidate = candidate_of(table, (2, "b"))
    assert delta.publish_changes(table, candidate, user_metadata={}, read_version=0) == 1
    assert rows(table) == [(1, "a"), (2, "b")]


def clone_of(table: Path, name: str = "candidate-c") -> Path:
    """A shallow clone as Spark writes it: the same files by absolute URIs."""
    snapshot = delta_log.read_snapshot(table)
    clone = table / name
    files = [
        {"add": {**one, "path": (table / one["path"]).as_uri() if "://" not in one["path"] else one["path"]}}
        for one in snapshot.files.values()
    ]
    delta_log.commit(clone, 0, [{"protocol": snapshot.protocol}, {"metaData": snapshot.metadata}, *files])
    return clone


def drop(clone: Path, number: int) -> None:
    """Removes the file that holds the row of that id."""
    snapshot = delta_log.read_snapshot(clone)
    path = next(
        path for (path, _), add in snapshot.files.items() if json.loads(add["stats"])["minValues"]["id"] == number
    )
    delta_log.commit(clone, snapshot.version + 1, [{"remove": {"path": path, "dataChange": True}}])


def test_changes_of_a_clone_are_the_tables(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    delta.publish_changes(table, candidate_of(table, (2, "b")), user_metadata={}, read_version=0)
    clone = clone_of(table)
    drop(clone, 1)
    write_deltalake(str(clone), table_of((3, "c")), mode="append")
    drop(clone, 3)  # a file of the candidate's own that is gone again
    write_deltalake(str(clone), table_of((4, "d")), mode="append")
    assert delta.publish_changes(table, clone, user_metadata={}, read_version=1, since=0) == 2
    assert rows(table) == [(2, "b"), (4, "d")]


def test_a_table_whose_files_lie_elsewhere_is_changed(tmp_path: Path) -> None:
    production, table = tmp_path / "production/t", tmp_path / "dev/t"
    published(production, (1, "a"))
    table.parent.mkdir()
    shutil.copytree(clone_of(production, "development"), table)
    clone = clone_of(table)
    drop(clone, 1)
    write_deltalake(str(clone), table_of((2, "b")), mode="append")
    delta.publish_changes(table, clone, user_metadata={}, read_version=0, since=0)
    assert rows(table) == [(2, "b")]
    assert rows(production) == [(1, "a")]


def test_details_are_published_with_the_rows(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(
        table,
        (1, "a"),
        description="Things.",
        comments={"kind": "Which one."},
        properties={"owner": "me", "other": "x"},
        cluster_by=("kind",),
    )
    found = DeltaTable(str(table)).metadata()
    assert (found.description, found.configuration) == ("Things.", {"owner": "me", "other": "x"})
    snapshot = delta_log.read_snapshot(table)
    assert json.loads(snapshot.domains["delta.clustering"])["clusteringColumns"] == [["kind"]]
    assert {"clustering", "domainMetadata", "invariants"} <= set(snapshot.protocol["writerFeatures"])
    fields = json.loads(snapshot.metadata["schemaString"])["fields"]
    assert [field["metadata"] for field in fields] == [{}, {"comment": "Which one."}]
    published(table, (1, "a"), unset=("other",), comments={})
    snapshot = delta_log.read_snapshot(table)
    assert snapshot.metadata["configuration"] == {"owner": "me"}
    assert snapshot.metadata["description"] == "Things."
    assert "Which one." not in snapshot.metadata["schemaString"]
    published(table, (1, "a"))
    assert kinds(table, 2) == {"commitInfo", "add", "remove"}  # nothing else has changed
    published(table, (1, "a"), cluster_by=())
    assert json.loads(delta_log.read_snapshot(table).domains["delta.clustering"])["clusteringColumns"] == []


def kinds(table: Path, version: int) -> set[str]:
    return {kind for one in delta_log.actions(dict(delta_log.commits(table))[version]) for kind in one}


def test_new_columns_are_published(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    candidate = delta.new_candidate(table)
    write_deltalake(str(candidate), pa.table({"n": [date(2026, 1, 1)]}))
    delta.publish(table, candidate, user_metadata={}, read_version=0)
    assert delta.columns(table) == [("n", "date")]


def test_somebody_elses_change_is_a_conflict(tmp_path: Path) -> None:
    table = tmp_path / "shop/t"
    published(table, (1, "a"))
    candidate = candidate_of(table, (2, "b"))
    write_deltalake(str(table), table_of((9, "z")), mode="append")
    for publishing in (delta.publish, delta.publish_changes):
        with pytest.raises(ContractError) as caught:
            publishing(table, candidate, user_metadata={}, read_version=0)
        assert str(caught.value) == (
            "shop.t: another process changed this table while it was being built; nothing was published. Run it again."
        )
    assert rows(table) == [(1, "a"), (9, "z")]
    with pytest.raises(ContractError):
        delta.publish(table, candidate, user_metadata={}, read_version=None)


def test_a_commit_never_replaces_another(tmp_path: Path) -> None:
    delta_log.commit(tmp_path, 0, [{"commitInfo": {}}])
    before = (tmp_path / "_delta_log" / f"{0:020d}.json").read_bytes()
    with pytest.raises(FileExistsError):
        delta_log.commit(tmp_path, 0, [{"commitInfo": {"other": 1}}])
    assert [path.name for path in (tmp_path / "_delta_log").iterdir()] == [f"{0:020d}.json"]
    assert (tmp_path / "_delta_log" / f"{0:020d}.json").read_bytes() == before


def test_a_commit_needs_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    delta_log.commit(tmp_path, 0, [{"commitInfo": {}}])
    with pytest.raises(FileExistsError):
        delta_log.commit(tmp_path, 0, [{"commitInfo": {}}])
    assert len(list((tmp_path / "_delta_log").iterdir())) == 1


def test_many_versions_have_checkpoints_and_are_read_from_them(tmp_path: Path) -> None:
    table = tmp_path / "t"
    for number in range(12):
        published(table, (number, None), (number + 1, "x y"), partition_by=["kind"], properties={"n": str(number)})
    assert (table / "_delta_log" / f"{10:020d}.checkpoint.parquet").exists()
    snapshot = delta_log.read_snapshot(table)
    for version in range(10):
        (table / "_delta_log" / f"{version:020d}.json").unlink()
    assert delta_log.read_snapshot(table).files == snapshot.files
    published(table, (99, "y"), partition_by=["kind"])
    assert rows(table) == [(99, "y")]
    assert delta_log.read_snapshot(table).metadata["configuration"] == {"n": "11"}


def test_a_read_at_the_checkpoint_alone(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    DeltaTable(str(table)).create_checkpoint()
    (table / "_delta_log" / f"{0:020d}.json").unlink()
    snapshot = delta_log.read_snapshot(table)
    assert (snapshot.version, len(snapshot.files)) == (0, 1)
    published(table, (2, "b"))
    assert rows(table) == [(2, "b")]


@pytest.mark.parametrize(
    ("first", "second", "further", "joined"),
    [
        ({}, {"minReaderVersion": 1, "minWriterVersion": 2}, (), {"minReaderVersion": 1, "minWriterVersion": 2}),
        (
            {"minReaderVersion": 1, "minWriterVersion": 3},
            {"minReaderVersion": 1, "minWriterVersion": 2},
            (),
            {"minReaderVersion": 1, "minWriterVersion": 3},
        ),
        (
            {"minReaderVersion": 1, "minWriterVersion": 3},
            {},
            ("clustering",),
            {
                "minReaderVersion": 1,
                "minWriterVersion": 7,
                "writerFeatures": ["appendOnly", "checkConstraints", "clustering", "invariants"],
            },
        ),
        (
            {"minReaderVersion": 2, "minWriterVersion": 5},
            {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            },
            (),
            {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["columnMapping", "deletionVectors"],
                "writerFeatures": [
                    "appendOnly",
                    "changeDataFeed",
                    "checkConstraints",
                    "columnMapping",
                    "deletionVectors",
                    "generatedColumns",
                    "invariants",
                ],
            },
        ),
    ],
)
def test_protocols_are_joined(
    first: dict[str, Any], second: dict[str, Any], further: tuple[str, ...], joined: dict[str, Any]
) -> None:
    assert delta_log.joined_protocol(first, second, further) == joined


def test_a_note_changes_no_row(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    assert delta.note(table, user_metadata={"seen": 1}) == 1
    assert delta.metadata(table) == {"seen": 1, "is_note": True}
    assert not delta.changed_since(table, 0)
    published(table, (2, "b"))
    assert delta.changed_since(table, 1)


def test_a_small_tables_files_are_its_rows(tmp_path: Path) -> None:
    table = tmp_path / "t"
    published(table, (1, "a"))
    published(table, (2, "b"), (3, None))
    plain = delta.plain_files(table)
    assert plain is not None
    assert [field["name"] for field in json.loads(plain.schema)["fields"]] == ["id", "kind"]
    assert [row for file in plain.files for row in pq.read_table(file).to_pylist()] == [
        {"id": 2, "kind": "b"},
        {"id": 3, "kind": None},
    ]
    assert plain.size == sum(file.stat().st_size for file in plain.files)


def test_what_takes_more_than_its_files_is_not_plain(tmp_path: Path) -> None:
    assert delta.plain_files(tmp_path / "none") is None
    parted, empty, many, odd, mapped = (tmp_path / name for name in ("parted", "empty", "many", "odd{1}", "mapped"))
    published(parted, (1, "a"), partition_by=["kind"])
    published(empty)
    for number in range(25):
        write_deltalake(str(many), table_of((number, "a")), mode="append")
    published(odd, (1, "a"))
    published(mapped, (1, "a"))
    delta_log.commit(mapped, 1, [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}])
    assert [delta.plain_files(path) for path in (parted, empty, many, odd, mapped)] == [None] * 5
