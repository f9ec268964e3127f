"""Contracts: what a property file promises of a model's columns, held against its query before anything is written."""

from __future__ import annotations

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
        ContractError: a column is missing, of another type, or not promised.
    """
    contract = model.config.values.get("contract") or {}
    if not contract.get("enforced"):
        return
    promised = {column.name: (column.data_type or "").replace(" ", "").lower() for column in model.columns}
    found = {field.name: field.dataType.simpleString() for field in query.schema}
    place = model.patch_path or model.path
    for name, data_type in promised.items():
        if name not in found:
            raise ContractError(
                f'{place}: the contract of "{model.name}" promises the column "{name}", which the query lacks.'
            )
        if data_type and _SAME.get(data_type, data_type) != found[name]:
            raise ContractError(
                f'{place}: the contract of "{model.name}" promises {name} as {data_type}; the query gives {found[name]}.'
            )
    for name in found:
        if name not in promised:
            raise ContractError(
                f'{place}: the query of "{model.name}" gives the column "{name}", which its contract lacks.'
            )
