"""Rows that a query gave to a template: what `run_query` and `load_result` return, used as dbt's macros use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A row: by position, by name, or as values."""

    names: tuple[str, ...]
    cells: tuple[Any, ...]

    def __getitem__(self, key: int | str | slice) -> Any:
        return self.cells[self._position(key)] if isinstance(key, str) else self.cells[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def _position(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            folded = [one.lower() for one in self.names]
            if name.lower() not in folded:
                raise KeyError(name) from None
            return folded.index(name.lower())

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> tuple[str, ...]:
        return self.names

    def values(self) -> tuple[Any, ...]:
        return self.cells

    def items(self) -> list[tuple[str, Any]]:
        return list(zip(self.names, self.cells, strict=True))

    def dict(self) -> dict[str, Any]:
        return dict(self.items())


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result."""

    name: str
    cells: tuple[Any, ...]

    def __getitem__(self, index: int) -> Any:
        return self.cells[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def values(self) -> tuple[Any, ...]:
        return self.cells

    def values_distinct(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(self.cells))

    def values_without_nulls(self) -> tuple[Any, ...]:
        return tuple(cell for cell in self.cells if cell is not None)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a result, by position or name."""

    columns: tuple[ResultColumn, ...]

    def __getitem__(self, key: int | str | slice) -> Any:
        if not isinstance(key, str):
            return self.columns[key]
        for column in self.columns:
            if column.name.lower() == key.lower():
                return column
        raise KeyError(key)

    def __iter__(self) -> Iterator[ResultColumn]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def values(self) -> tuple[ResultColumn, ...]:
        return self.columns

    def items(self) -> list[tuple[str, ResultColumn]]:
        return [(column.name, column) for column in self.columns]


class ResultTable:
    """The rows of a query.

    Args:
        names: the columns, in order.
        rows: each row's values, in the same order.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.column_names = tuple(names)
        self.rows = [Row(self.column_names, tuple(row)) for row in rows]
        cells = list(zip(*rows, strict=True)) or [()] * len(self.column_names)
        self.columns = Columns(
            tuple(ResultColumn(name, tuple(of)) for name, of in zip(self.column_names, cells, strict=True))
        )

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: int | str) -> Any:
        return self.columns[key] if isinstance(key, str) else self.rows[key]

    def select(self, names: Sequence[str]) -> ResultTable:
        return ResultTable(names, [[row[name] for name in names] for row in self.rows])

    def print_table(self, **_: Any) -> str:
        return ""
