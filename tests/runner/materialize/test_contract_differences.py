"""Everything in which a query differs from its contract is said at once."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from runner.materialize.contract import broken_contract
from runner.model import Column, Config, Model
from runner.names import TableRef

MODEL = Model(
    name="totals",
    table=TableRef("marts", "totals"),
    path=PurePosixPath("models/totals.sql"),
    fqn=("tiny", "totals"),
    raw_sql="",
    config=Config(values={"contract": {"enforced": True}}),
    package="tiny",
    columns=(
        Column(name="order_count", data_type="long"),
        Column(name="revenue", data_type="decimal(12, 2)"),
        Column(name="rank"),
    ),
    patch_path=PurePosixPath("models/_m.yml"),
)
KEPT = {"order_count": "bigint", "revenue": "decimal(12,2)", "rank": "int"}
HEAD = 'models/_m.yml: the contract of "totals"'


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (KEPT, ""),
        ({**KEPT, "revenue": "double"}, f"{HEAD} promises revenue as decimal(12,2); the query gives double."),
        (
            {key: value for key, value in KEPT.items() if key != "rank"},
            f'{HEAD} promises the column "rank", which the query lacks.',
        ),
        (
            {**KEPT, "day": "date"},
            'models/_m.yml: the query of "totals" gives the column "day", which its contract lacks.',
        ),
        (
            {"order_count": "int", "revenue": "double", "day": "date"},
            f"{HEAD} and its query differ in 4 columns:\n"
            "  column       promised       given\n"
            "  order_count  long           int\n"
            "  revenue      decimal(12,2)  double\n"
            "  rank         any type       -\n"
            "  day          -              date",
        ),
    ],
)
def test_every_column_that_differs_is_named(found: dict[str, str], message: str) -> None:
    assert broken_contract(MODEL, found) == message
