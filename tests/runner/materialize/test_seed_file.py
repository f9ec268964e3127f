"""CSV files of seeds: what is read, which types are found, what is refused and where."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.errors import FormatError
from runner.materialize.seed import infer, read_seed


@pytest.mark.parametrize(
    ("fields", "data_type", "values"),
    [
        (["1", None, "-20"], "bigint", [1, None, -20]),
        (["0", "9223372036854775807"], "bigint", [0, 9223372036854775807]),
        (["9223372036854775808"], "double", [9.223372036854775808e18]),
        (["1", "2.50", ".5", "1e3"], "double", [1.0, 2.5, 0.5, 1000.0]),
        (["2026-01-31", None], "date", [date(2026, 1, 31), None]),
        (["2026-01-31 10:00:00"], "timestamp", [datetime(2026, 1, 31, 10, tzinfo=UTC)]),
        (["2026-01-31T10:00:00.5+02:00"], "timestamp", [datetime(2026, 1, 31, 8, 0, 0, 500000, tzinfo=UTC)]),
        (["true", "FALSE"], "boolean", [True, False]),
        (["yes", "no"], "string", ["yes", "no"]),
        (["01234", "5"], "string", ["01234", "5"]),
        (["1", "x"], "string", ["1", "x"]),
        (["2026-02-30"], "string", ["2026-02-30"]),
        (["5%", "$1"], "string", ["5%", "$1"]),
        (["1_000"], "string", ["1_000"]),
        ([None, None], "string", [None, None]),
        ([], "string", []),
        (["-"], "string", ["-"]),
    ],
)
def test_types_are_found(fields: list[str | None], data_type: str, values: list[Any]) -> None:
    assert infer(fields) == (data_type, values)


def seed(tmp_path: Path, text: str | bytes, delimiter: str = ",") -> Any:
    file = tmp_path / "s.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_seed(file, name="seeds/s.csv", delimiter=delimiter)


def test_a_file_is_read_with_the_line_of_each_row(tmp_path: Path) -> None:
    found = seed(tmp_path, '\ufeffid, name\n1,"a\nb"\n\n2,null\n3,\n')
    assert found.columns == ("id", "name")
    assert found.rows == (("1", "a\nb"), ("2", None), ("3", None))
    assert found.lines == (2, 5, 6)


def test_another_delimiter(tmp_path: Path) -> None:
    assert seed(tmp_path, "a;b\n1,5;2\n", ";").rows == (("1,5", "2"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "seeds/s.csv: this file is empty. A seed begins with a line of column names."),
        (
            "a,b\n1,2\n1,2,3\n",
            "seeds/s.csv:3: this row has 3 fields, the header has 2. Quote a field that holds the delimiter.",
        ),
        (
            'a,b\n"x\ny",2\n1\n',
            "seeds/s.csv:4: this row has 1 fields, the header has 2. Quote a field that holds the delimiter.",
        ),
        ('a,b\n1,2\n3,"4\n', "seeds/s.csv:3: this row is broken: unexpected end of data."),
        ("a,,c\n", "seeds/s.csv:1: column 2 has no name."),
        ("a,A\n", 'seeds/s.csv:1: the column "A" occurs twice.'),
        (b"a\n\xff\n", "seeds/s.csv:2: this is not UTF-8 text. Save the file as UTF-8."),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        seed(tmp_path, text)
    assert str(caught.value) == message
