"""A source table of the project as the contract of its landing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import ProjectError
from runner.model import SourceTable

if TYPE_CHECKING:
    from ingest.contract import Contract


def contract_of(table: SourceTable) -> Contract:
    """Returns the contract by which a table's records are decoded.

    Raises:
        ProjectError: the table has no columns.
        FormatError: a type that cannot be read, a key that is no column, a name that occurs twice.
    """
    from ingest.contract import Column, Contract

    if not table.columns:
        raise ProjectError(
            f'{table.place}: table "{table.label}" needs "columns" with types: they are the contract of its landing. '
            f"A draft from the store: run ingest --infer {table.label}"
        )
    return Contract(
        source=table.source,
        table=table.name,
        columns=tuple(
            Column(
                name=column.name,
                data_type=column.data_type or "string",
                aliases=column.aliases,
                cells=column.cells,
                codec=column.codec,
            )
            for column in table.columns
        ),
        key=table.key,
        stored_as=table.stored_as,
        ignored=table.ignored_cells,
    )
