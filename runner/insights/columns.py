"""A table's columns as arrays, read from its files without Spark: only the columns and rows that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.words import days as words_of
from runner import delta
from runner.errors import ProjectError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_ROWS = 20_000_000  # of a column that is held in memory: 160 MB


class Unanswerable(ProjectError):
    """A question that a table cannot answer as it is. The message is a sentence of the report."""


def read(path: Path, names: Sequence[str], where: Mapping[str, Any] | None = None) -> pa.Table:
    """Returns columns of a Delta table, those rows for which each column of `where` has its value or one of its values.

    Raises:
        Unanswerable: there is no such column, the table is too large to be held, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake.exceptions import DeltaError

    try:
        dataset = delta.opened(path).to_pyarrow_dataset()
    except DeltaError as error:
        raise Unanswerable(f"its table cannot be read without Spark: {str(error).splitlines()[0]}") from error
    known = dataset.schema.names
    for name in (*names, *(where or {})):
        if name not in known:
            raise Unanswerable(f'it has no column "{name}".{did_you_mean(name, known)}')
    kept = None
    for name, value in (where or {}).items():
        asked = value if isinstance(value, list) else [value]
        try:
            values = pa.array(asked).cast(dataset.schema.field(name).type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            kind = dataset.schema.field(name).type
            raise Unanswerable(f'its column "{name}" is of type {kind}, which {value!r} is not.') from error
        one = reduce(or_, (_equals(ds.field(name), value) for value in values))
        kept = one if kept is None else kept & one
    rows = dataset.count_rows(filter=kept)
    if rows > MOST_ROWS:
        raise Unanswerable(
            f"it has {rows:,} rows, and at most {MOST_ROWS:,} are read for a report; ask a smaller table."
        )
    return dataset.to_table(columns=list(dict.fromkeys(names)), filter=kept)


def _equals(field: Any, value: Any) -> Any:
    """Returns the filter; that of a boolean is the column itself, since a Delta table's dataset says of each file that a
    boolean is at least and at most null, by which nothing equals true or false (deltalake 1.2)."""
    if value.type == "bool":
        return field if value.as_py() else ~field
    return field == value


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Returns a column as floating-point numbers; what is null is not a number.

    Raises:
        Unanswerable: it holds no numbers.
    """
    import pyarrow as pa

    try:
        column = table.column(name).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unanswerable(f'its column "{name}" holds no numbers.') from error
    found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return found


def days(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Returns a column of dates as numbers of days since 1970-01-01.

    Raises:
        Unanswerable: it holds no dates, or a null.
    """
    import numpy as np
    import pyarrow as pa

    try:
        column = table.column(name).cast(pa.date32())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unanswerable(f'its column "{name}" holds no dates.') from error
    if column.null_count:
        raise Unanswerable(f'{column.null_count:,} of its {len(column):,} rows have no "{name}".')
    found: NDArray[np.int64] = column.cast(pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def texts(table: pa.Table, name: str) -> list[str]:
    """Returns a column as texts, days as months where each is the first of one; "unknown" for what is null or empty."""
    import pyarrow as pa

    column = table.column(name)
    found = words_of(column.to_pylist()) if pa.types.is_date(column.type) else column.cast(pa.string()).to_pylist()
    return [value or "unknown" for value in found]
