"""What the queries of MongoDB share: which transactions are orders, how a pipeline is run, money as exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from bson.regex import Regex
from pymongo.database import Database
from pymongo.errors import OperationFailure

from runner.errors import ProjectError
from stores.queries.answer import Plan, cents
from stores.queries.mongo_plan import plan_of
from stores.queries.paths import Read
from stores.queries.window import Window

Shop = Database[dict[str, Any]]
Stage = dict[str, Any]
_NOT_ALLOWED = (13, 18)  # Unauthorized, AuthenticationFailed

ORDERS = (Read("transactions", "status", "text"), Read("transactions", "timestamp", "date"))
LINES = (
    *ORDERS,
    Read("transactions", "items.product_id", "text"),
    Read("transactions", "items.quantity", "number"),
    Read("transactions", "items.subtotal", "number"),
)
TOTALS = (*ORDERS, Read("transactions", "total", "number"))


def orders_in(window: Window) -> Stage:
    """Returns the `$match` of orders; a time window comes first, since an index can serve it."""
    found: Stage = {}
    if not window.is_open:
        bounds = {"$gte": window.start, "$lt": window.end}
        found["timestamp"] = {operator: bound for operator, bound in bounds.items() if bound is not None}
    found["status"] = {"$not": Regex("^(cancelled|returned)$", "i")}
    return found


def order_lines(window: Window) -> list[Stage]:
    return [{"$match": orders_in(window)}, {"$unwind": "$items"}]


def run(database: Shop, pipeline: Sequence[Stage], query: str) -> list[dict[str, Any]]:
    """Returns what a pipeline over the transactions gives; the comment names it in the server's log and profiler.

    Raises:
        ProjectError: the server cannot compute it, such as a day of what is no date.
        PyMongoError: the server does not answer, or its user may not read.
    """
    try:
        with database["transactions"].aggregate(pipeline, allowDiskUse=True, comment=f"sluice {query}") as cursor:
            return list(cursor)
    except OperationFailure as error:
        if error.code in _NOT_ALLOWED:
            raise
        said = str((error.details or {}).get("errmsg") or error).partition("\n")[0].rstrip(".")
        raise ProjectError(
            f"mongodb.transactions: the server cannot run the query {query}: {said}. "
            "Mend the documents that it speaks of, or load them anew: run generate --into mongodb."
        ) from error


def plan(database: Shop, pipelines: Sequence[tuple[str, Sequence[Stage]]], window: Window, explain: bool) -> Plan:
    field = None if window.is_open else "timestamp"
    return plan_of(database, "transactions", pipelines, field=field, run=explain)


def money(value: Any) -> Decimal:
    """Returns a sum of money in cents. A sum of doubles has noise far below a cent; Decimal128 has none."""
    return cents(_decimal(value))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return Decimal(repr(value) if isinstance(value, float) else value)


def count_of(value: Any) -> int | Decimal:
    """Returns a sum of quantities; whole where it is whole."""
    exact = _decimal(value)
    return int(exact) if exact == exact.to_integral_value() else exact
