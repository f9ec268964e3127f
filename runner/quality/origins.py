"""Which store each column of a model comes from, by the lineage of its columns: what lets checks name a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING

from runner.errors import NotFoundError
from runner.lineage.columns import Field, Lineage, column_lineage
from runner.model import Model, SourceTable
from runner.names import store_name
from runner.project.parse import Project
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.diagnosis.origins import Origins

NAMED_BY = "store_column"  # under a model's `meta`: the column that says which store a row is from


def origins_of(
    project: Project, node: Model | SourceTable, columns: Collection[str], warehouse: Warehouse
) -> Origins | None:
    """Returns the stores that a model's rows and columns come from; None for a model of one store, and for sources.

    A source without a kind of store counts as a store of its own.

    Args:
        columns: those that the model's rows have.
        warehouse: where the landed tables are read, should rows of a union have to be told apart.
    """
    from expectations.diagnosis.origins import Origins

    above = project.graph.ancestors([node.unique_id]) if node.unique_id in project.graph else set()
    landed = {one.label: one for one in project.sources.values() if one.unique_id in above}
    named = str(node.meta.get(NAMED_BY) or "")
    if named in columns:
        return Origins(columns={}, named=named)
    if isinstance(node, SourceTable) or len({_kind(one) for one in landed.values()}) < 2:
        return None
    lineage = column_lineage(project, only={node.unique_id, *above})
    of: dict[str, str] = {}
    copies, keys = set(), set()
    union_key, unioned = "", {}
    for column in columns:
        fields = [one for one in _fields(lineage, node.unique_id, column) if one.table in landed]
        stores = {_kind(landed[one.table]) for one in fields}
        own = {one.table: one for one in fields if (one.path,) == landed[one.table].key and one.is_copy}
        if len(stores) == 1:
            of[column] = _label(landed[one] for one in {field.table for field in fields})
            copies |= {column} if all(one.is_copy for one in fields) else set()
            keys |= {column} if own else set()
        elif len(stores) > 1 and not union_key and {_kind(landed[table]) for table in own} == stores:
            union_key = column
            unioned = {
                _label([landed[table]]): partial(_keys, warehouse, landed[table], one.path)
                for table, one in own.items()
            }
    return Origins(columns=of, copies=frozenset(copies), keys=frozenset(keys), union_key=union_key, unioned=unioned)


def _fields(lineage: Lineage, table: str, column: str) -> tuple[Field, ...]:
    """Returns the fields of stores that a column comes from; none where it cannot be followed."""
    try:
        return lineage.fields(table, column)
    except NotFoundError:
        return ()


def _keys(warehouse: Warehouse, table: SourceTable, key: str) -> DataFrame:
    return warehouse.frame(table.table).selectExpr(f"`{key}` as key")


def _kind(table: SourceTable) -> str:
    return table.store or table.source


def _label(tables: Iterable[SourceTable]) -> str:
    """Returns a store and its tables as people say them: HBase (hbase.sessions)."""
    listed = sorted(tables, key=lambda one: one.label)
    return f"{store_name(_kind(listed[0]))} ({', '.join(one.label for one in listed)})"
