"""A query over the tables of a project: what it can read, and what its columns are made of in terms of those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.lineage.query import shapes_of
from runner.lineage.scope import Columns, Made
from runner.lineage.shapes import Shape, Taken
from runner.project.parse import Project


def read_through(project: Project, tables: Iterable[str]) -> set[str]:
    """Returns the tables that a compiled query can name which refers to some: those, and what ephemeral ones among them read.

    Args:
        tables: unique ids.
    """
    found: set[str] = set()
    waiting = list(tables)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            node = project.buildable.get(one)
            if node is not None and node.config.materialized == "ephemeral":
                waiting += project.graph.parents(one)
    return found


def made_of(project: Project, sql: str, reads: Iterable[str], columns: Mapping[str, Columns]) -> Made:
    """Returns what the columns and rows of a compiled query are made of, the tables by their unique ids.

    Args:
        reads: unique ids of the tables that it can name.
        columns: by unique id the columns of those that are known.

    Raises:
        LineageError: it cannot be followed.
    """
    tables = {}
    names = {}
    for parent in reads:
        if parent in columns:
            name = str(project.node(parent).table)
            names[name] = parent
            tables[name] = {
                column: shape if _is_own(shape, parent) else Taken(parent, (column,), None, shape)
                for column, shape in columns[parent].items()
            }
    return shapes_of(sql, tables, names)


def _is_own(shape: Shape, table: str) -> bool:
    """Whether a column is where its values begin: of a landed table, a seed, a Python model."""
    return isinstance(shape, Taken) and shape.table == table
