"""Written rows as frames: their types are what is known of the input, their values whatever YAML and CSV can say."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.compile import compile_text
from runner.errors import FormatError, NotFoundError, nearest
from runner.explain import first_words
from runner.model import LANDED, Model, Rows, SourceTable
from runner.project.parse import Project

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NESTED = ("array<", "map<", "struct<", "variant")
_TOKEN = re.compile(r"the value ['`]?(.*?)['`]? of the JSON token .*? to target Spark data type \"(.*?)\"")
_CAST = re.compile(r"[Tt]he value '(.*?)' of the type \"STRING\" cannot be cast to \"(.*?)\"")
_FIXTURES = "fixtures"

Types = Mapping[str, str]


def known_types(project: Project, node: Model | SourceTable) -> tuple[dict[str, str], bool]:
    """Returns the types of a table's columns as far as they are known, and whether these are all of its columns.

    Declared types come first; what is not declared comes from the published table. A column that is declared without a
    type, and that no table has, has the empty type.
    """
    types = {column.name: column.data_type or "" for column in node.columns}
    if isinstance(node, SourceTable):
        types |= {name: data_type for name, data_type in LANDED.items() if name not in types}
    path = node.table.path(project.warehouse)
    is_complete = bool(node.columns) and all(column.data_type for column in node.columns)
    if not is_complete and delta.is_table(path):
        for name, data_type in delta.columns(path):
            types[name] = types.get(name) or data_type
        is_complete = True
    return types, is_complete


def frame_of(
    project: Project, spark: SparkSession, rows: Rows, types: Types, place: str, *, is_complete: bool = True
) -> DataFrame:
    """Returns written rows as a frame of the given types. Nothing runs.

    Args:
        types: column → type; an empty type is told from the values.
        place: what is being read, for messages.
        is_complete: whether a column that `types` lacks is a mistake; else its type is told from the values.

    Raises:
        NotFoundError: a row names a column that there is not.
        FormatError: the rows, or a fixture, cannot be read.
    """
    if rows.format == "sql":
        return _queried(project, spark, rows, types, place)
    listed = mappings_of(project, rows, place)
    names = _columns(listed, types, place, is_complete=is_complete)
    known = {name: types.get(name) or _told_by(name, listed) for name in names}
    if not known:
        raise FormatError(f"{place}: no column is known. Give a row, or describe the input's columns.")
    parts = ", ".join(_converted(f"c{index}", name, data_type) for index, (name, data_type) in enumerate(known.items()))
    columns = ", ".join(f"c{index}" for index in range(len(known)))
    texts = [
        "(" + ", ".join(_literal(_value(row, name), data_type) for name, data_type in known.items()) + ")"
        for row in listed or [{}]
    ]
    none = "" if listed else " where false"
    return spark.sql(f"select {parts} from values {', '.join(texts)} as written({columns}){none}")


def mappings_of(project: Project, rows: Rows, place: str) -> Sequence[Mapping[str, Any]]:
    """Returns rows of format dict or csv as mappings; an empty CSV cell is null."""
    if rows.format == "dict":
        return rows.mappings
    text = fixture_text(project, rows, place) if rows.fixture else rows.text
    lines = list(csv.reader(io.StringIO(text.strip()), skipinitialspace=True))
    if not lines:
        raise FormatError(f"{place}: the CSV is empty. Its first line holds the columns' names.")
    names = [name.strip() for name in lines[0]]
    found = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        if len(line) != len(names):
            raise FormatError(f"{place}: line {number} of the CSV has {len(line)} cells, its first line {len(names)}.")
        found.append({name: value.strip() or None for name, value in zip(names, line, strict=True)})
    return found


def fixture_text(project: Project, rows: Rows, place: str) -> str:
    """Returns the text of a fixture: `<test path>/fixtures/**/<name>.csv` or `.sql`.

    Raises:
        NotFoundError: there is no such file.
    """
    files: dict[str, Path] = {
        path.stem: path
        for package in reversed(project.files.packages)  # the project's own win
        for folder in package.paths["test"]
        for path in sorted((package.root / folder / _FIXTURES).rglob(f"*.{rows.format}"))
    }
    name = str(rows.fixture).removesuffix(f".{rows.format}")
    if name not in files:
        raise NotFoundError(
            f'{place}: no file "{name}.{rows.format}" lies in {_FIXTURES} below the test paths.', name=name, known=files
        )
    return files[name].read_text(encoding="utf-8")


def _queried(project: Project, spark: SparkSession, rows: Rows, types: Types, place: str) -> DataFrame:
    """Returns the rows of a query; columns of the input that it leaves out are null."""
    from pyspark.sql import functions

    text = fixture_text(project, rows, place) if rows.fixture else rows.text
    try:
        frame = spark.sql(compile_text(project, text, place=place))
    except Exception as error:
        raise FormatError(f"{place}: the query fails: {first_words(error)}") from error
    given = {name.lower() for name in frame.columns}
    missing = {name: kind or "string" for name, kind in types.items() if name.lower() not in given}
    return frame.select("*", *(functions.lit(None).cast(kind).alias(name) for name, kind in missing.items()))


def _columns(rows: Sequence[Mapping[str, Any]], types: Types, place: str, *, is_complete: bool) -> list[str]:
    """Returns the columns of the frame, as the input spells them."""
    spelt = {name.lower(): name for name in types}
    for name in dict.fromkeys(key for row in rows for key in row):
        if name.lower() in spelt:
            continue
        if is_complete or nearest(name, types):
            raise NotFoundError(f'{place}: there is no column "{name}".', name=name, known=types)
        spelt[name.lower()] = name
    return list(spelt.values())


def _value(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    return next((value for key, value in row.items() if key.lower() == name.lower()), None)


def _told_by(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the Spark type of the values that YAML read; string where there are none."""
    values = [value for row in rows if (value := _value(row, name)) is not None]
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "bigint"
    if kinds and kinds <= {int, float}:
        return "double"
    if kinds == {datetime.date}:
        return "date"
    if kinds == {datetime.datetime}:
        return "timestamp"
    return "string"


def _literal(value: Any, data_type: str) -> str:
    """Returns a value as text in SQL, or as an expression where a nested value is written as one."""
    if value is None:
        return "cast(null as string)"
    if isinstance(value, bool):
        return _text(str(value).lower())
    if isinstance(value, (Mapping, list)):
        return _text(json.dumps(value, default=str))
    if isinstance(value, datetime.datetime):
        return _text(value.isoformat(sep=" "))
    if data_type.lower().startswith(_NESTED) and isinstance(value, str) and not value.lstrip().startswith(("[", "{")):
        return f"to_json(cast({value} as {data_type}))"  # an expression: array(1, 2)
    return _text(str(value))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _converted(column: str, name: str, data_type: str) -> str:
    shown = name.replace("`", "``")
    if data_type.lower().startswith(_NESTED):
        return f"from_json({column}, {_text(data_type)}, map('mode', 'FAILFAST')) as `{shown}`"
    return f"cast({column} as {data_type}) as `{shown}`"


def refusal(error: Exception) -> str:
    """Returns why a written value does not fit its column, in a sentence; empty where that is not the matter."""
    text = str(error)
    for pattern in (_TOKEN, _CAST):
        if match := pattern.search(text):
            return f"a value does not fit its column's type: {match.group(1)} is no {match.group(2).lower()}."
    if "MALFORMED_RECORD_IN_PARSING" in text or "FAILFAST" in text:
        return f"a value does not fit its column's type: {first_words(error)}"
    return ""
