"""Seeds: a CSV file of the project as a table.

Types are found as dbt with Spark finds them: bigint, double, date, timestamp, boolean, else string; an empty field and the
word null are null. A column whose numbers have leading zeros stays text: they are names, not numbers. `column_types` says
otherwise where it has to be otherwise.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import FormatError, did_you_mean
from runner.model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NULLS = ("", "null")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d*)")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*)?(?:\.\d+)?(?:[eE][-+]?\d+)?")
_LARGEST = 2**63
_LINE = "__line"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedFile:
    """A CSV file's content.

    Attributes:
        path: the file, as messages name it.
        columns: its header.
        rows: its fields, None for null.
        lines: the line that each row begins at, from 1.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    lines: tuple[int, ...]


def read_seed(file: Path, *, name: str, delimiter: str = ",") -> SeedFile:
    """Reads a CSV file.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: it is no UTF-8, has no header, a name twice, a row of another length, or a quote that never ends.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FormatError(f"{name}:{line}: this is not UTF-8 text. Save the file as UTF-8.") from error
    if len(delimiter) != 1:
        raise FormatError(f'{name}: the delimiter of a seed is one character, not "{delimiter}".')
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    header: tuple[str, ...] | None = None
    rows: list[tuple[str | None, ...]] = []
    lines: list[int] = []
    before = 0
    try:
        for row in reader:
            line, before = before + 1, reader.line_num
            if not row:
                continue
            if header is None:
                header = _header(row, f"{name}:{line}")
                continue
            if len(row) != len(header):
                raise FormatError(
                    f"{name}:{line}: this row has {len(row)} fields, the header has {len(header)}. "
                    "Quote a field that holds the delimiter."
                )
            rows.append(tuple(None if field.strip().lower() in _NULLS else field for field in row))
            lines.append(line)
    except csv.Error as error:
        raise FormatError(f"{name}:{before + 1}: this row is broken: {error}.") from error
    if header is None:
        raise FormatError(f"{name}: this file is empty. A seed begins with a line of column names.")
    return SeedFile(path=name, columns=header, rows=tuple(rows), lines=tuple(lines))


def _header(row: Sequence[str], place: str) -> tuple[str, ...]:
    names = tuple(field.strip() for field in row)
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name:
            raise FormatError(f"{place}: column {number} has no name.")
        if name.lower() in seen:
            raise FormatError(f'{place}: the column "{name}" occurs twice.')
        seen.add(name.lower())
    return names


def _whole(text: str) -> int:
    number = int(text)
    if not _INTEGER.fullmatch(text) or not -_LARGEST <= number < _LARGEST:
        raise ValueError(text)
    return number


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not text.strip("+-"):
        raise ValueError(text)
    return float(text)


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y-%m-%d").date()  # a day has no zone


def _moment(text: str) -> datetime:
    if len(text) < len("2026-01-01T00:00"):
        raise ValueError(text)
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


_TYPES: Mapping[str, Callable[[str], Any]] = {
    "bigint": _whole,
    "double": _number,
    "date": _day,
    "timestamp": _moment,
    "boolean": _truth,
}


def infer(fields: Sequence[str | None]) -> tuple[str, list[Any]]:
    """Returns the type of a column's fields, in Spark's words, and the fields as its values."""
    given = [field.strip() for field in fields if field is not None]
    for data_type, read in _TYPES.items():
        if not given:
            break
        try:
            values = iter([read(field) for field in given])
        except (ValueError, KeyError, OverflowError):
            continue
        return data_type, [None if field is None else next(values) for field in fields]
    return "string", list(fields)


def seed_frame(spark: SparkSession, model: Model, root: Path) -> DataFrame:
    """Returns a seed's rows as a frame.

    Raises:
        FormatError: the file is broken, or a field is not of the type that `column_types` gives; names the line.
    """
    values = model.config.values
    seed = read_seed(root / model.path, name=str(model.path), delimiter=str(values.get("delimiter") or ","))
    wanted = {str(name).lower(): str(kind) for name, kind in (values.get("column_types") or {}).items()}
    for name in wanted:
        if name not in {column.lower() for column in seed.columns}:
            raise FormatError(
                f'{model.path}: column_types names "{name}", which is no column of the file.'
                f"{did_you_mean(name, seed.columns)}"
            )
    return _frame(spark, seed, wanted)


def _frame(spark: SparkSession, seed: SeedFile, wanted: Mapping[str, str]) -> DataFrame:
    from pyspark.sql import functions as F

    columns = list(zip(*seed.rows, strict=True)) or [() for _ in seed.columns]
    found = [
        ("string", list(fields)) if name.lower() in wanted else infer(fields)
        for name, fields in zip(seed.columns, columns, strict=True)
    ]
    schema = ", ".join(f"`{name}` {kind}" for name, (kind, _) in zip(seed.columns, found, strict=True))
    rows = list(zip(*(values for _, values in found), seed.lines, strict=True)) if seed.rows else []
    frame = spark.createDataFrame(rows, f"{schema}, {_LINE} int")
    for name in seed.columns:
        if kind := wanted.get(name.lower()):
            _check_type(frame, name, kind, seed)
            frame = frame.withColumn(name, F.expr(f"cast(`{name}` as {kind})"))
    return frame.drop(_LINE)


def _check_type(frame: DataFrame, name: str, kind: str, seed: SeedFile) -> None:
    bad = frame.where(f"`{name}` is not null and try_cast(`{name}` as {kind}) is null").orderBy(_LINE).first()
    if bad is not None:
        raise FormatError(
            f'{seed.path}:{bad[_LINE]}: "{bad[name]}" is no {kind}, which column_types gives {name}. '
            "Mend the field, or the type."
        )
