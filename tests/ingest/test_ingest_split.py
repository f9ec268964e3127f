"""Files of records are cut the same way whatever their layout, their chunks and their parts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.files import inspect
from ingest.split import Layout, Part, Record, cut, place, read_records, scan
from runner.errors import FormatError

Document = dict[str, Any]

DOCUMENTS: list[Document] = [
    {"id": "a", "text": 'a "quoted" word, and a \\ backslash'},
    {"id": "b", "text": "braces } ] [ { in a string, and },{ too"},
    {"id": "c", "text": "ends in backslashes \\\\"},
    {"id": "d", "text": "Zürich 東京 🚰", "nested": {"list": [[], {}, [{"id": "inner"}]]}},
    {"id": "e", "text": "line\nbreak\ttab \u2028"},
    {"id": "f"},
    {"id": "", "text": ""},
]


def _indented(documents: list[Document]) -> str:
    return json.dumps(documents, indent=2)


LAYOUTS: dict[str, Callable[[list[Document]], bytes]] = {
    "one line": lambda all: json.dumps(all).encode(),
    "one line, raw unicode": lambda all: json.dumps(all, ensure_ascii=False).encode(),
    "one line, no spaces": lambda all: json.dumps(all, separators=(",", ":")).encode(),
    "one line, line break at its end": lambda all: json.dumps(all).encode() + b"\r\n",
    "indented": lambda all: _indented(all).encode(),
    "indented, CRLF": lambda all: _indented(all).replace("\n", "\r\n").encode(),
    "array, one record per line": lambda all: ("[\n" + ",\n".join(map(json.dumps, all)) + "\n]\n").encode(),
    "lines": lambda all: "".join(json.dumps(each) + "\n" for each in all).encode(),
    "lines, none at the end": lambda all: "\n".join(map(json.dumps, all)).encode(),
    "lines, CRLF": lambda all: "".join(json.dumps(each) + "\r\n" for each in all).encode(),
    "lines, blank ones between": lambda all: "\n\n".join(map(json.dumps, all)).encode() + b"\n \n",
    "byte-order mark, one line": lambda all: b"\xef\xbb\xbf" + json.dumps(all).encode(),
    "byte-order mark, lines": lambda all: b"\xef\xbb\xbf" + "\n".join(map(json.dumps, all)).encode(),
    "trailing comma": lambda all: (json.dumps(all)[:-1] + " , ]").encode(),
    "white space around": lambda all: b" \n\t" + json.dumps(all).encode() + b"\n\n  ",
}


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "records.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def records_of(path: Path, chunk_bytes: int = 4 << 20, longest: int = 16 << 20) -> list[Record]:
    return list(read_records(inspect(path), chunk_bytes=chunk_bytes, longest=longest))


def values_of(records: list[Record]) -> list[Any]:
    return [record.document for record in records]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64, 1 << 20])
def test_every_layout_in_every_chunking(layout: str, chunk_bytes: int, tmp_path: Path) -> None:
    content = LAYOUTS[layout](DOCUMENTS)
    path = written(tmp_path, content)
    records = records_of(path, chunk_bytes)
    assert values_of(records) == DOCUMENTS
    assert [record.problem for record in records] == [None] * len(DOCUMENTS)
    for record in records:
        assert content[record.position : record.position + len(record.raw)] == record.raw


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [10, 33, 100])
def test_parts_hold_each_record_once(layout: str, size: int, tmp_path: Path) -> None:
    path = written(tmp_path, LAYOUTS[layout](DOCUMENTS * 5))
    whole = inspect(path)
    parts = cut(whole, size, chunk_bytes=50)
    assert len(parts) > 3
    assert [parts[0].start, parts[-1].end] == [whole.start, whole.end]
    found = [record.document for part in parts for record in read_records(part, chunk_bytes=64)]
    assert found == DOCUMENTS * 5


def random_value(random_one: random.Random, depth: int) -> Any:
    kind = random_one.randrange(8 if depth else 6)
    if kind == 6:
        return [random_value(random_one, depth - 1) for _ in range(random_one.randrange(4))]
    if kind == 7:
        return {random_text(random_one): random_value(random_one, depth - 1) for _ in range(random_one.randrange(4))}
    return [None, True, random_one.randrange(-9, 9), random_one.random(), "", random_text(random_one)][kind]


def random_text(random_one: random.Random) -> str:
    return "".join(random_one.choices('ab"\\{}[],: \n\té東🚰\u0000', k=random_one.randrange(12)))


@pytest.mark.parametrize("seed", range(60))
def test_random_documents_are_what_json_says(seed: int, tmp_path: Path) -> None:
    random_one = random.Random(seed)
    documents = [
        {"id": index, **{random_text(random_one): random_value(random_one, 3) for _ in range(random_one.randrange(5))}}
        for index in range(random_one.randrange(1, 30))
    ]
    ascii_only = random_one.random() < 0.5
    indent = random_one.choice([None, None, 1])
    content = json.dumps(documents, ensure_ascii=ascii_only, indent=indent)
    path = written(tmp_path, content)
    expected = json.loads(content)
    assert values_of(records_of(path, random_one.randrange(1, 80))) == expected
    parts = cut(inspect(path), random_one.randrange(5, 200), chunk_bytes=random_one.randrange(5, 90))
    assert [record.document for part in parts for record in read_records(part, chunk_bytes=40)] == expected


GOOD = ['{"id": 1, "t": "one"}', '{"id": 2, "t": "two"}', '{"id": 3, "t": "three"}']
BROKEN = {
    "bad value": '{"id": 9, "t": nan}',
    "trailing comma": '{"id": 9, "t": "x",}',
    "no value": '{"id": 9, "t": }',
    "no colon": '{"id": 9, "t" "x"}',
    "bad escape": '{"id": 9, "t": "\\q"}',
    "line break in a string": '{"id": 9, "t": "a\nb"}',
    "no closing quote": '{"id": 9, "t": "x, "u": "y"}',
    "no opening quote": '{"id": 9, "t": x", "u": "y"}',
    "no closing brace": '{"id": 9, "t": "x"',
    "inner brace missing": '{"id": 9, "t": {"u": 1, "v": [{"w": 2}]}',
    "inner bracket missing": '{"id": 9, "t": [1, 2, {"w": 3}}',
    "wrong closing bracket": '{"id": 9, "t": "x"]',
    "cut in the middle": '{"id": 9, "t": "x',
}
LOOKS_TRUNCATED = ("no closing quote", "no opening quote", "cut in the middle")  # where they are the last of the file


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("where", [1, 2, 3])
@pytest.mark.parametrize("chunk_bytes", [5, 30, 1 << 20])
def test_a_broken_record_goes_alone(case: str, where: int, chunk_bytes: int, tmp_path: Path) -> None:
    records = list(GOOD)
    records.insert(where, BROKEN[case])
    path = written(tmp_path, "[" + ", ".join(records) + "]")
    if where == 3 and case in LOOKS_TRUNCATED:
        with pytest.raises(FormatError, match="truncated"):
            records_of(path, chunk_bytes)
        return
    found = records_of(path, chunk_bytes)
    assert [record.document and record.document["id"] for record in found] == [
        None if record not in GOOD else json.loads(record)["id"] for record in records
    ]
    broken = found[where]
    assert broken.problem
    assert broken.raw.decode() == BROKEN[case]


@pytest.mark.parametrize("case", [case for case in BROKEN if "\n" not in BROKEN[case]])
def test_a_broken_line_goes_alone(case: str, tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join([GOOD[0], BROKEN[case], *GOOD[1:], ""]))
    assert [record.problem is None for record in records_of(path)] == [True, False, True, True]


def test_many_broken_records_leave_the_others(tmp_path: Path) -> None:
    random_one = random.Random(5)
    kinds = list(BROKEN.values())
    texts = [
        random_one.choice(kinds) if index % 7 == 3 else json.dumps({"id": index, "t": "x" * random_one.randrange(40)})
        for index in range(400)
    ]
    path = written(tmp_path, "[" + ",\n".join(texts) + "]")
    expected = [index for index in range(400) if index % 7 != 3]
    for parts in ([inspect(path)], cut(inspect(path), 900, chunk_bytes=300, longest=2_000)):
        found = [record for part in parts for record in read_records(part, chunk_bytes=250, longest=2_000)]
        assert [record.document["id"] for record in found if record.problem is None] == expected
        assert len(found) == 400


@pytest.mark.parametrize(
    ("text", "strays"),
    [
        ('[{"id": 1}, 17, {"id": 2}]', [17]),
        ('[null, {"id": 1}, "text", {"id": 2}]', [None, "text"]),
        ('[{"id": 1}, [1, 2], {"id": 2}]', [[1, 2]]),
        ('[{"id": 1}, {"id": }, 17, {"t": "no id"}, {"id": 2}]', [None, 17, {"t": "no id"}]),
        ('[{"id": 1}}, {"id": 2}]', [None]),
        ('[{"id": 1}], {"id": 2}]', [None]),
        ('[{"id": 1}", {"id": 2}]', [None]),
        ('[{"id": 1},, {"id": 2},]', []),
        ('[{"id": 1} {"id": 2}]', []),
    ],
)
def test_what_lies_between_records_is_kept_apart(text: str, strays: list[Any], tmp_path: Path) -> None:
    path = written(tmp_path, text)
    found = records_of(path, 6, longest=40)
    assert [record.document for record in found if record.document in ({"id": 1}, {"id": 2})] == [{"id": 1}, {"id": 2}]
    assert [record.document for record in found if record.document not in ({"id": 1}, {"id": 2})] == strays


def test_invalid_utf8_goes_alone(tmp_path: Path) -> None:
    path = written(tmp_path, b'[{"id": 1, "t": "a"}, {"id": 2, "t": "\xff\xfe"}, {"id": 3, "t": "b"}]')
    assert [record.problem is None for record in records_of(path, 9)] == [True, False, True]


ERRORS = {
    "truncated in a string": (
        '[{"id": 1}, {"id": 2, "t": "tw',
        '{path}: line 1, byte 30: the file ends with ", {"id": 2, "t": "tw", not with the "]" of its array: ',
    ),
    "truncated between records": (
        '[{"id": 1},\n',
        '{path}: line 1, byte 12: the file ends with "[{"id": 1},", not with the "]" of its array: it is truncated. ',
    ),
    "truncated after an inner array": (
        '[{"id": 1},\n{"id": 2, "t": [1, 2]',
        "{path}: line 2, byte 13: the file ends in the middle of its records: it is truncated. "
        "Write or copy it again; nothing of it was landed.",
    ),
    "truncated line": (
        '{"id": 1}\n{"id": 2, "t": "tw',
        "{path}: line 2, byte 11: the file ends in the middle of its records: it is truncated. "
        "Write or copy it again; nothing of it was landed.",
    ),
    "two arrays": (
        '[{"id": 1}]\n[{"id": 2}]',
        "{path}: line 1, byte 12: the file goes on after the end of its array. "
        "Write one array per file, or one record per line.",
    ),
    "empty": ("", "{path}: is empty. Write it again, or take it out of the folder."),
    "white space": (" \n\t", "{path}: is empty. Write it again, or take it out of the folder."),
    "text": (
        "id,name\n1,x\n",
        '{path}: is no JSON with records: it begins with "id,name". Write an array, or one per line.',
    ),
    "number": ("17", '{path}: is no JSON with records: it begins with "17". Write an array, or one per line.'),
    "one object": (
        '{\n  "id": 1,\n  "t": "x"\n}',
        "{path}: its top level is one object over several lines. Write an array of records, or one per line.",
    ),
    "wrapped array": (
        '{"records": [\n{"id": 1},\n{"id": 2}]}',
        "{path}: its top level is one object over several lines. Write an array of records, or one per line.",
    ),
    "UTF-16": (
        '\ufeff[{"id": 1}]'.encode("utf-16-le"),
        "{path}: is UTF-16, and JSON is UTF-8. Write it again as UTF-8.",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("chunk_bytes", [4, 1 << 20])
def test_what_is_no_file_of_records_is_refused(case: str, chunk_bytes: int, tmp_path: Path) -> None:
    content, message = ERRORS[case]
    path = written(tmp_path, content)
    with pytest.raises(FormatError) as error:
        records_of(path, chunk_bytes)
    assert str(error.value).startswith(message.replace("{path}", str(path)))


def test_a_record_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, '[{"id": 1}, {"id": 2, "t": "' + "x" * 500 + '"}]')
    with pytest.raises(FormatError) as error:
        records_of(path, 16, longest=100)
    assert str(error.value) == (
        f"{path}: line 1, byte 13: this record is longer than 0 MiB, or what follows it is no JSON. Mend or remove it."
    )


def test_a_record_longer_than_a_chunk_is_whole(tmp_path: Path) -> None:
    documents = [{"id": index, "children": [{"id": -1}] * 200} for index in range(3)]
    path = written(tmp_path, json.dumps(documents))
    assert values_of(records_of(path, 64)) == documents


def test_a_first_line_may_be_broken(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": 1, "t": "x\n{"id": 2}\n{"id": 3}\n')
    assert values_of(records_of(path)) == [None, {"id": 2}, {"id": 3}]


def test_scan_finds_elements_and_the_end() -> None:
    found = scan(b' {"a": [1, {"b": "]}"}]}, [2] ] tail')
    assert (found.starts, found.ends, found.close) == ([1, 26], [24, 29], 30)


def test_small_parts_are_not_cut(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(DOCUMENTS))
    whole = inspect(path)
    assert cut(whole, 1 << 20) == [whole]
    assert whole == Part(path, Layout.ARRAY, 1, path.stat().st_size, True, "id")


def test_place_counts_lines_and_bytes_from_one(tmp_path: Path) -> None:
    path = written(tmp_path, "ab\ncd\n" + "x" * 2000)
    assert place(path, 0) == f"{path}: line 1, byte 1"
    assert place(path, 3) == f"{path}: line 2, byte 4"
    assert place(path, 1999) == f"{path}: line 3, byte 2,000"
