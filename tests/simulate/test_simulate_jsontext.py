"""Arrow columns as JSON text, against Python's own writer."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from runner.errors import FormatError
from simulate.jsontext import iso_text, json_rows

ROWS = [
    {
        "id": "a",
        "count": 3,
        "price": 12.5,
        "active": True,
        "geo": {"city": 'Saint "X"\\\n', "country": None},
        "tags": ["x", None],
        "views": [{"type": "home", "seconds": 1}, {"type": None, "seconds": 0}],
        "cart": [("p1", {"quantity": 2, "price": 1339.4500000000003})],
    },
    {
        "id": None,
        "count": None,
        "price": None,
        "active": False,
        "geo": {"city": "Zürich", "country": "CH"},
        "tags": [],
        "views": [],
        "cart": [],
    },
]
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("count", pa.int64()),
        ("price", pa.float64()),
        ("active", pa.bool_()),
        ("geo", pa.struct([("city", pa.string()), ("country", pa.string())])),
        ("tags", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        ("views", pa.list_(pa.struct([("type", pa.string()), ("seconds", pa.int64())]))),
        ("cart", pa.map_(pa.string(), pa.struct([("quantity", pa.int64()), ("price", pa.float64())]))),
    ]
)


def _expected() -> list[dict[str, object]]:
    return [{**row, "cart": dict(row["cart"])} for row in ROWS]  # type: ignore[call-overload]


def test_nested_rows_read_back_as_they_were() -> None:
    table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    assert [json.loads(text) for text in json_rows(table).to_pylist()] == _expected()


def test_compact_text_is_that_of_python() -> None:
    table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    written = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in _expected()]
    assert json_rows(table).to_pylist() == written


@pytest.mark.parametrize("depth", [0, 1])
def test_indented_text_is_that_of_python(depth: int) -> None:
    table = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    written = [json.dumps(row, indent=2, ensure_ascii=False).replace("\n", "\n" + "  " * depth) for row in _expected()]
    assert json_rows(table, indent=True, depth=depth).to_pylist() == written


def test_a_slice_of_a_table_is_its_own_rows() -> None:
    table = pa.Table.from_pylist(ROWS * 3, schema=SCHEMA)
    assert json_rows(table.slice(3, 2)).to_pylist() == json_rows(table).to_pylist()[3:5]


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (12.0, "12.0"), (12.5, "12.5"), (0.05, "0.05"), (-3.0, "-3.0"), (0.1 + 0.2, "0.30000000000000004")]
)  # fmt: skip
def test_floats(number: float, text: str) -> None:
    assert json_rows(pa.table({"x": [number]})).to_pylist() == [f'{{"x":{text}}}']


def test_times_have_microseconds_only_where_there_are_any() -> None:
    times = pa.array(
        [datetime(2025, 1, 1, 3, 4, 5, tzinfo=UTC), datetime(2025, 1, 1, 3, 4, 5, 42, tzinfo=UTC), None],
        pa.timestamp("us", tz="UTC"),
    )
    assert iso_text(times).to_pylist() == ["2025-01-01T03:04:05", "2025-01-01T03:04:05.000042", None]
    assert json_rows(pa.table({"t": times})).to_pylist()[2] == '{"t":null}'


def test_a_type_without_a_form_is_refused() -> None:
    with pytest.raises(FormatError) as caught:
        json_rows(pa.table({"x": pa.array([b"a"])}))
    assert str(caught.value) == (
        'simulate: a column of type "binary" has no JSON form. Use text, numbers, times or nests of them.'
    )
