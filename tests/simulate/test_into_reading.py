"""Files cut into units: the same records whatever the layout and the size of a unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import FormatError
from simulate.defects import parse_defects
from simulate.reading import Found, first_records, open_unit, units_of
from simulate.settings import Layout, ShopSettings
from simulate.shop import generate

NAMES = ("users", "products", "categories", "transactions", "sessions_0")


def documents(path: Path, unit_bytes: int) -> list[Any]:
    units = units_of(path, unit_bytes=unit_bytes)
    return [document for unit in units for block in open_unit(unit).blocks for document in block.documents]


def records(path: Path, unit_bytes: int = 1 << 20) -> list[Found]:
    units = units_of(path, unit_bytes=unit_bytes)
    return [record for unit in units for block in open_unit(unit).blocks for record in block.records()]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    folder = tmp_path_factory.mktemp("line")
    generate(folder, settings=ShopSettings(sessions=300))
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in NAMES}


@pytest.mark.parametrize("layout", ["line", "indented", "lines"])
def test_every_layout_gives_the_same_records_at_every_size_of_a_unit(
    layout: Layout, expected: dict[str, list[Any]], tmp_path: Path
) -> None:
    generate(tmp_path, settings=ShopSettings(sessions=300, layout=layout))
    for name, rows in expected.items():
        path = tmp_path / f"{name}.json"
        for unit_bytes in (700, 9_001, 1 << 22):
            assert documents(path, unit_bytes) == rows
        assert [record.document for record in records(path, 9_001)] == rows
        content = path.read_bytes()
        assert all(content[record.position : record.position + 1] == b"{" for record in records(path, 9_001))


def test_parquet_gives_the_records_that_json_has(expected: dict[str, list[Any]], tmp_path: Path) -> None:
    generate(tmp_path, settings=ShopSettings(sessions=300, format="parquet"))
    for name, rows in expected.items():
        assert documents(tmp_path / f"{name}.parquet", 1) == rows


def test_a_unit_s_digest_follows_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text(json.dumps([{"user_id": f"user_{number:06d}"} for number in range(100)]))
    before = [open_unit(unit).digest for unit in units_of(path, unit_bytes=500)]
    path.write_text(path.read_text().replace("user_000099", "user_000098"))
    after = [open_unit(unit).digest for unit in units_of(path, unit_bytes=500)]
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


@pytest.mark.parametrize("layout", ["line", "indented", "lines"])
@pytest.mark.parametrize("unit_bytes", [20_000, 1 << 22])
def test_a_broken_record_costs_itself_alone(layout: Layout, unit_bytes: int, tmp_path: Path) -> None:
    settings = ShopSettings(sessions=500, layout=layout, defects=parse_defects("broken_rows:0.02,extra_fields:0.3"))
    generate(tmp_path, settings=settings)
    truth = json.loads((tmp_path / "truth.json").read_text())["defects"]
    parts = next(each["parts"] for each in truth if each["name"] == "broken_rows")
    planted = {name for part in parts if part["table"] == "sessions" for name in part["ids"]}
    path = tmp_path / "sessions_0.json"
    content = path.read_bytes()
    found = records(path, unit_bytes)
    broken = [record for record in found if record.problem]
    assert len(found) == 500
    assert all("is no JSON" in str(record.problem) for record in broken)
    named = {
        content[record.position : record.position + 200].partition(b'"sess_')[2][:10].decode() for record in broken
    }
    assert {f"sess_{name}" for name in named} == planted


def test_a_lost_bracket_spoils_one_record(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('[{"a":1},{"a":{"b":2},{"a":3},"x",{"a":4,},{"a":"]}"}]')
    found = records(path)
    assert [record.document for record in found if not record.problem] == [{"a": 1}, {"a": 3}, "x", {"a": "]}"}]
    assert [(record.position, path.read_text()[record.position :][:6]) for record in found if record.problem] == [
        (9, '{"a":{'),
        (34, '{"a":4'),
    ]


def test_inner_objects_that_begin_like_records_are_no_records(tmp_path: Path) -> None:
    rows = [{"id": number, "parts": [{"id": 1}, {"id": 2}]} for number in range(500)]
    path = tmp_path / "users.json"
    path.write_text(json.dumps(rows))
    assert documents(path, 1_000) == rows


def test_first_records_come_in_order(expected: dict[str, list[Any]], tmp_path: Path) -> None:
    generate(tmp_path, settings=ShopSettings(sessions=300, sessions_per_file=100))
    units = [unit for number in range(3) for unit in units_of(tmp_path / f"sessions_{number}.json", unit_bytes=5_000)]
    assert [each["start_time"] for each in first_records(units, 150)] == sorted(
        each["start_time"] for each in first_records(units, 150)
    )
    assert len(first_records(units, 150)) == 150
    assert len(first_records(units, 1_000)) == 300


def test_an_empty_array_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(" [ ]\n")
    (tmp_path / "b.json").write_bytes(b"\xef\xbb\xbf" + b'[{"a":1}]')
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + b'{"a":1}\n\n{"a":2}')
    assert documents(tmp_path / "a.json", 1) == []
    assert documents(tmp_path / "b.json", 1 << 20) == [{"a": 1}]
    assert documents(tmp_path / "c.json", 4) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty. Write it again, or take it out of the folder."),
        (
            '[{"a":1},{"a":',
            'the file ends with "[{"a":1},{"a":", not with the "]" of its array: it is truncated. '
            "Write or copy it again; nothing of it was loaded.",
        ),
        (
            '{\n "rows": []\n}',
            "its top level is one object over several lines. Write an array of records, or one per line.",
        ),
        ("a,b\n1,2", 'is no JSON with records: it begins with "a,b". Write an array, or one per line.'),
    ],
)
def test_a_file_without_records_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text(content)
    with pytest.raises(FormatError) as raised:
        units_of(path)
    assert str(raised.value) == f"{path}: {message}"


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    path.write_text("user_id")
    with pytest.raises(FormatError, match=r"cannot be read as Parquet: .*Write it again\."):
        units_of(path)
