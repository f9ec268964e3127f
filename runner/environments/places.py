"""Where tables stand: the project with some of its tables read from elsewhere, and nodes by the names people write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from runner.errors import NotFoundError
from runner.model import GenericTest, Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project

_KEYS_OF_TESTS = ("combination_of_columns", "column_list")


def relocated(project: Project, tables: Mapping[str, TableRef]) -> Project:
    """Returns the project with the tables of some nodes, by unique id, standing elsewhere.

    Everything that reads them follows: compiled SQL, inputs, checks that compare.
    """
    if not tables:
        return project

    def moved(node: Model) -> Model:
        return replace(node, table=tables[node.unique_id]) if node.unique_id in tables else node

    return replace(
        project,
        models={label: moved(model) for label, model in project.models.items()},
        buildable={unique_id: moved(model) for unique_id, model in project.buildable.items()},
        sources={
            label: replace(table, table=tables[table.unique_id]) if table.unique_id in tables else table
            for label, table in project.sources.items()
        },
    )


def elsewhere(ref: TableRef, *, prefix: str, warehouse: Path, version: int | None = None) -> TableRef:
    """Returns the name under which a table of another warehouse, or of another moment, is known here.

    Args:
        prefix: what says where, e.g. `in_prod`; it comes before the schema's name.
    """
    word = re.sub(r"\W", "_", prefix)
    return TableRef(f"{word}__{ref.schema}", ref.name, folder=ref.path(warehouse).absolute(), version=version)


def find_node(project: Project, name: str) -> Model | SourceTable:
    """Returns the model, seed, snapshot or landed table that a person names.

    Raises:
        NotFoundError: none has that name.
    """
    labelled: dict[str, Model | SourceTable] = {node.label: node for node in project.nodes()}
    labelled |= project.models
    found = labelled.get(name.removeprefix("source:"))
    if found is None:
        raise NotFoundError(f'no model is named "{name}".', name=name, known=labelled)
    return found


def key_of(node: Model | SourceTable) -> tuple[str, ...]:
    """Returns the columns that name a row, as the project says: `unique_key`, else a source's key, else a test of
    uniqueness without a condition; empty where it says nothing."""
    if isinstance(node, Model) and node.config.unique_key:
        return node.config.unique_key
    if isinstance(node, SourceTable) and node.key:
        return node.key
    found = sorted(filter(None, map(_key_of_test, node.tests)), key=len)
    return found[0] if found else ()


def _key_of_test(test: GenericTest) -> tuple[str, ...]:
    if test.where:
        return ()
    if test.type == "unique" and test.column:
        return (test.column,)
    if test.type in ("expect_column_values_to_be_unique",) and test.column:
        return (test.column,)
    if test.type.rsplit(".", 1)[-1] in ("unique_combination_of_columns", "expect_compound_columns_to_be_unique"):
        for name in _KEYS_OF_TESTS:
            columns = test.arguments.get(name)
            if isinstance(columns, (list, tuple)) and columns:
                return tuple(map(str, columns))
    return ()
