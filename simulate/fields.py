"""What `sources.yml` says of a table's fields: types read from their words, and which of the paths the records have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runner.errors import ContractError, FormatError
from simulate.loaded import Coverage, TableFiles
from stores.hbase_cells import CellColumn

SAMPLE = 1_000  # records that are looked at before anything is loaded
_TOKEN = re.compile(r"\s*(`[^`]+`|\w+|[<>(),:])")
_SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type of Spark's DDL.

    Attributes:
        word: its first word in lower case: `string`, `decimal`, `timestamp`, `array`, `map`, `struct`.
        inner: an array's elements and a map's values under "", a struct's fields under their names.
    """

    word: str
    inner: tuple[tuple[str, FieldType], ...] = ()


def read_type(text: str) -> FieldType:
    """Returns the type that `text` names, such as `map<string,struct<quantity:int,price:decimal(12,2)>>`.

    Raises:
        FormatError: it names none.
    """
    words = _TOKEN.findall(text)
    try:
        found = _read(words)
    except (IndexError, ValueError):
        words = [text]
    if words or "".join(text.split()) == "":
        raise FormatError(f'sources.yml: data_type "{text}" is no type. Write it in Spark\'s words.')
    return found


def _read(words: list[str]) -> FieldType:
    word = words.pop(0).lower()
    if word == "array":
        _take(words, "<")
        return FieldType(word, (("", _closed(_read(words), words)),))
    if word == "map":
        _take(words, "<")
        _read(words)
        _take(words, ",")
        return FieldType(word, (("", _closed(_read(words), words)),))
    if word == "struct":
        fields = []
        sign = words.pop(0)
        while sign in ("<", ","):
            name = words.pop(0).strip("`")
            _take(words, ":")
            fields.append((name, _read(words)))
            sign = words.pop(0)
        if sign != ">":
            raise ValueError(sign)
        return FieldType(word, tuple(fields))
    if words and words[0] == "(":
        while words.pop(0) != ")":
            pass
    return FieldType(word)


def _take(words: list[str], sign: str) -> None:
    if words.pop(0) != sign:
        raise ValueError(sign)


def _closed(found: FieldType, words: list[str]) -> FieldType:
    _take(words, ">")
    return found


def steps_of(kind: FieldType) -> Iterator[tuple[str, FieldType]]:
    """Yields the inner paths of a type, each as what is appended to the outer one, with the type there."""
    for name, inner in kind.inner:
        if kind.word == "array":
            step = "[]"
        elif kind.word == "map":
            step = ".*"
        else:
            step = f".{name}"
        yield step, inner


def coverage_of(
    table: TableFiles,
    documents: Sequence[Any],
    *,
    place: str,
    needed: Collection[str],
    allow_missing: Collection[str] = (),
) -> tuple[Coverage, ...]:
    """Returns for each path of the table which share of the documents has it.

    Args:
        needed: paths that the loader names; the key is needed anyway.
        allow_missing: needed paths that may be absent all the same.

    Raises:
        ContractError: no document has a needed path, though some has what is around it.
    """
    present: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    around: Counter[str] = Counter({"": len(documents)})
    types = {column.name: read_type(column.data_type) for column in table.columns}
    for document in documents:
        seen, holds, outer = _paths_in(document, table.columns, types)
        present.update(seen)
        filled.update(holds)
        around.update(outer)
    found = []
    for column in table.columns:
        for path, outer_path in _all_paths(column.name, types[column.name]):
            base = around[outer_path]
            found.append(
                Coverage(
                    path=path,
                    cells=tuple(column.cells) if path == column.name else (),
                    present=present[path] / base if base else 0.0,
                    filled=filled[path] / base if base else 0.0,
                    is_needed=path in needed or path in table.key,
                    is_seen=base > 0,
                )
            )
    _check(table, found, documents, place, allow_missing)
    return tuple(found)


def _check(
    table: TableFiles, found: Sequence[Coverage], documents: Sequence[Any], place: str, allow_missing: Collection[str]
) -> None:
    missing = [
        each
        for each in found
        if each.is_needed and each.is_seen and not each.present and each.path not in allow_missing
    ]
    if not missing:
        return
    listed = ", ".join(f"{each.path}{_arrow(each)}" for each in missing)
    names = list(dict.fromkeys(name for document in documents for name in document))
    more = ", …" if len(names) > _SHOWN_NAMES else ""
    raise ContractError(
        f"{place}/{table.name}: none of the first {len(documents):,} records of {table.paths[0].name} has {listed}; "
        f"they have {', '.join(names[:_SHOWN_NAMES])}{more}. Nothing was loaded. Mend the names in sources.yml (or add "
        "`aliases`), or allow the path to be missing."
    )


def _arrow(each: Coverage) -> str:
    return f" (for {', '.join(each.cells)})" if each.cells else ""


def _all_paths(path: str, kind: FieldType, outer: str = "") -> Iterator[tuple[str, str]]:
    """Yields each path of a type with the path around it whose occurrence it is judged by."""
    yield path, outer
    yield from _inner_paths(path, kind)


def _inner_paths(path: str, kind: FieldType) -> Iterator[tuple[str, str]]:
    for step, inner in steps_of(kind):
        if kind.word == "struct":
            yield path + step, path
        yield from _inner_paths(path + step, inner)


def _paths_in(
    document: Any, columns: Sequence[CellColumn], types: dict[str, FieldType]
) -> tuple[set[str], set[str], set[str]]:
    """Returns the paths that a document has, those that hold a value, and those that are objects with fields."""
    seen: set[str] = set()
    holds: set[str] = set()
    outer: set[str] = set()
    for column in columns:
        for name in (column.name, *column.aliases):
            if name in document:
                seen.add(column.name)
                _collect(document[name], types[column.name], column.name, seen, holds, outer)
    return seen, holds, outer


def _collect(value: Any, kind: FieldType, path: str, seen: set[str], holds: set[str], outer: set[str]) -> None:
    if value is None:
        return
    holds.add(path)
    if kind.word == "struct" and isinstance(value, dict):
        outer.add(path)
        for name, inner in kind.inner:
            if name in value:
                seen.add(f"{path}.{name}")
                _collect(value[name], inner, f"{path}.{name}", seen, holds, outer)
    elif kind.word == "array" and isinstance(value, list):
        for each in value:
            _collect(each, kind.inner[0][1], f"{path}[]", seen, holds, outer)
    elif kind.word == "map" and isinstance(value, dict):
        for each in value.values():
            _collect(each, kind.inner[0][1], f"{path}.*", seen, holds, outer)
