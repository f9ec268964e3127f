"""Contracts: what a property file promises of a model's columns, held against its query before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runner.errors import ContractError
from runner.model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SAME = {"integer": "int", "long": "bigint", "bool": "boolean", "timestamp_ltz": "timestamp", "short": "smallint",
         "byte": "tinyint", "real": "float", "numeric": "decimal(10,0)", "decimal": "decimal(10,0)", "text": "string"}  # fmt: skip


def enforce(model: Model, query: DataFrame) -> None:
    """Compares the query's columns with an enforced contract.

    Raises:
        ContractError: columns are missing, of another type, or not promised; names all of them.
    """
    if (model.config.values.get("contract") or {}).get("enforced"):
        found = {field.name: field.dataType.simpleString() for field in query.schema}
        if said := broken_contract(model, found):
            raise ContractError(said)


def broken_contract(model: Model, found: Mapping[str, str]) -> str:
    """Returns what is wrong with a query's columns: a sentence, or a table where several differ; empty where none does.

    Args:
        found: the query's columns and their types in Spark's words.
    """
    promised = {column.name: (column.data_type or "").replace(" ", "").lower() for column in model.columns}
    place, label = model.patch_path or model.path, model.name
    wrong = [
        (name, data_type or "any type", found.get(name, ""))
        for name, data_type in promised.items()
        if name not in found or (data_type and _SAME.get(data_type, data_type) != found[name])
    ]
    wrong += [(name, "", data_type) for name, data_type in found.items() if name not in promised]
    if not wrong:
        return ""
    if len(wrong) > 1:
        return f'{place}: the contract of "{label}" and its query differ in {len(wrong)} columns:\n' + _table(wrong)
    ((name, wanted, given),) = wrong
    if not given:
        return f'{place}: the contract of "{label}" promises the column "{name}", which the query lacks.'
    if not wanted:
        return f'{place}: the query of "{label}" gives the column "{name}", which its contract lacks.'
    return f'{place}: the contract of "{label}" promises {name} as {wanted}; the query gives {given}.'


def _table(wrong: Sequence[tuple[str, str, str]]) -> str:
    rows = [("column", "promised", "given"), *((name, wanted or "-", given or "-") for name, wanted, given in wrong)]
    widths = [max(len(row[place]) for row in rows) for place in range(2)]
    return "\n".join(f"  {name:<{widths[0]}}  {wanted:<{widths[1]}}  {given}" for name, wanted, given in rows)
