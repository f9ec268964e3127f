"""Files in every layout, and a folder that is replaced as a whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runner.errors import FormatError, ProjectError
from simulate.settings import Layout
from simulate.write import block_of, check_replaceable, plain, replaced_folder, row_file, rows_of

TABLES = [pa.table({"a": [1, 2]}), pa.table({"a": [3]})]


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("line", '[{"a":1},{"a":2},{"a":3}]'),
        ("lines", '{"a":1}\n{"a":2}\n{"a":3}\n'),
        ("indented", json.dumps([{"a": 1}, {"a": 2}, {"a": 3}], indent=2)),
    ],
)
def test_layouts(layout: Layout, text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with row_file(path, layout, b"") as write:
        for table in TABLES:
            write(block_of(rows_of(table, layout), layout))
    assert path.read_text() == text


@pytest.mark.parametrize(("layout", "text"), [("line", "[]"), ("lines", ""), ("indented", "[]")])
def test_files_without_rows(layout: Layout, text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with row_file(path, layout, b"") as write:
        write(block_of(rows_of(TABLES[0].slice(0, 0), layout), layout))
    assert path.read_text() == text


def test_parquet_holds_plain_columns(tmp_path: Path) -> None:
    words = pa.array(["x", "y", "x"]).dictionary_encode()
    nested = pa.ListArray.from_arrays([0, 2, 3], pa.StructArray.from_arrays([words], ["word"]))
    table = plain(pa.table({"nested": nested}))
    with row_file(tmp_path / "rows.parquet", "line", table) as write:
        write(table)
        write(table)
    read = pq.read_table(tmp_path / "rows.parquet")
    assert read.schema.field("nested").type == pa.list_(pa.struct([("word", pa.string())]))
    assert read["nested"].to_pylist() == [[{"word": "x"}, {"word": "y"}], [{"word": "x"}]] * 2


def _shop(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("old")
    (folder / "shop.json").write_text(json.dumps({"files": list(files)}))
    return folder


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "data" / "raw"
    with replaced_folder(out) as fresh:
        (fresh / "a.json").write_text("new")
        assert not out.exists()
    assert [entry.name for entry in out.iterdir()] == ["a.json"]
    assert [entry.name for entry in out.parent.iterdir()] == ["raw"]


def test_a_shop_is_replaced(tmp_path: Path) -> None:
    out = _shop(tmp_path / "raw", "users.json", "sessions_0.json")
    with replaced_folder(out) as fresh:
        (fresh / "users.json").write_text("new")
    assert {entry.name: entry.read_text() for entry in out.iterdir()} == {"users.json": "new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["raw"]


def test_a_run_that_dies_leaves_the_old_shop(tmp_path: Path) -> None:
    out = _shop(tmp_path / "raw", "users.json")
    with pytest.raises(KeyboardInterrupt), replaced_folder(out) as fresh:
        (fresh / "users.json").write_text("half")
        raise KeyboardInterrupt
    assert (out / "users.json").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["raw"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    out.mkdir()
    (out / ".gitkeep").touch()
    for content in ("first", "second"):
        with replaced_folder(out) as fresh:
            (fresh / "shop.json").write_text(json.dumps({"files": [], "content": content}))
    assert sorted(entry.name for entry in out.iterdir()) == [".gitkeep", "shop.json"]
    assert json.loads((out / "shop.json").read_text())["content"] == "second"


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ProjectError) as caught, replaced_folder(tmp_path):
        pytest.fail("the folder must not be opened")
    assert str(caught.value) == (
        f"{tmp_path}: this folder holds files and is no generated shop (it has no shop.json). "
        "Give another folder, or empty this one."
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_shop_with_a_strange_file_is_refused(tmp_path: Path) -> None:
    out = _shop(tmp_path / "raw", "users.json")
    (out / "notes.md").touch()
    with pytest.raises(ProjectError) as caught:
        check_replaceable(out)
    assert str(caught.value) == (
        f'{out}: "notes.md" is not of the generated shop and would be lost. Move it away, or give another folder.'
    )


@pytest.mark.parametrize("manifest", ["{", "[]", "{}"])
def test_a_manifest_of_something_else_is_refused(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text(manifest)
    (tmp_path / "users.json").touch()
    with pytest.raises(FormatError) as caught:
        check_replaceable(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/shop.json: this is not the manifest of a generated shop. Give another folder, or remove this one."
    )


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    out.touch()
    with pytest.raises(ProjectError) as caught:
        check_replaceable(out)
    assert str(caught.value) == f"{out}: this is a file, and a shop is a folder. Give a folder."
