"""A suite drafted from published tables: it loads, passes on them, says how it would have gone before, and rejects damage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from expectations.suite import Suite, load_suite
from expectations.validate import validate
from runner.errors import ProjectError
from runner.project.parse import Project, load_project
from runner.quality import load_quality
from runner.quality.proposal import Proposal, propose
from runner.warehouse import Warehouse
from tests.runner.conftest import TINY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2026, 1, 1, tzinfo=UTC)
SOURCES = """
version: 2
sources:
  - name: shop
    tables:
      - {name: users, key: [user_id], columns: [{name: user_id, data_type: string}]}
      - {name: orders, key: [order_id], columns: [{name: order_id, data_type: string}, {name: status, data_type: string}]}
"""
SUITE = """
model: shop.orders
expectations:
- expect: expect_column_values_to_not_be_null
  column: status
"""
TYPES = {
    "order_id": pa.string(),
    "user_id": pa.string(),
    "status": pa.string(),
    "net": pa.decimal128(12, 2),
    "tax": pa.decimal128(12, 2),
    "total": pa.decimal128(12, 2),
    "started_at": pa.timestamp("us", tz="UTC"),
    "ended_at": pa.timestamp("us", tz="UTC"),
    "duration_seconds": pa.int64(),
    "views": pa.list_(pa.string()),
}


def orders(count: int, first: int = 0) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for number in range(first, first + count):
        started = START + timedelta(hours=number % 700)
        seconds = 30 + number * 37 % 3000
        net = Decimal(number % 90 + 1)
        rows.append(
            {
                "order_id": f"txn_{number:06d}",
                "user_id": f"user_{number % 40:04d}",
                "status": ("new", "paid", "shipped")[number % 3],
                "net": net,
                "tax": net / 10,
                "total": net + net / 10,
                "started_at": started,
                "ended_at": started + timedelta(seconds=seconds),
                "duration_seconds": seconds,
                "views": ["home"],
            }
        )
    return pa.Table.from_pylist(rows, schema=pa.schema(TYPES))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("proposal")
    files: Mapping[str, str] = {
        "project.yml": TINY["project.yml"],
        "sources.yml": SOURCES,
        "expectations/suites/shop.orders.yml": SUITE,
    }
    from textwrap import dedent

    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    found = load_project(root)
    users = pa.table({"user_id": [f"user_{number:04d}" for number in range(40)]})
    write_deltalake(str(found.warehouse / "shop/users"), users)
    table = str(found.warehouse / "shop/orders")
    older = orders(200)
    odd = pa.array([None, *older.column("status").to_pylist()[1:]], pa.string())
    write_deltalake(
        table, older.set_column(2, "status", odd.fill_null("unpaid"))
    )  # an earlier version, with other values
    write_deltalake(table, orders(250), mode="overwrite")
    write_deltalake(table, orders(300), mode="overwrite")
    return found


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, project: Project) -> Warehouse:
    return Warehouse(spark, project.warehouse)


@pytest.fixture(scope="module")
def proposal(project: Project, warehouse: Warehouse) -> Proposal:
    return propose(project, load_quality(project), warehouse, project.sources["shop.orders"])


@pytest.fixture
def suite(proposal: Proposal, tmp_path: Path) -> Suite:
    path = tmp_path / "drafted.yml"
    path.write_text(proposal.text, encoding="utf-8")
    return load_suite(path)


def failed(suite: Suite, warehouse: Warehouse, project: Project, change: str) -> set[str]:
    """Returns the types of the drafted expectations that a changed table does not meet."""
    frame = warehouse.frame(project.sources["shop.orders"].table)
    changed = warehouse.spark.sql(change, orders=frame)
    found = validate(changed, suite, inputs={"shop.users": warehouse.frame(project.sources["shop.users"].table)})
    return {one.type.removeprefix("expect_") for one in found.results if one.status != "pass"}


def test_the_draft_passes_on_what_it_was_drafted_from(
    proposal: Proposal, suite: Suite, warehouse: Warehouse, project: Project
) -> None:
    assert failed(suite, warehouse, project, "select * from {orders}") == set()
    assert (proposal.new, proposal.had, proposal.versions) == (len(suite.expectations), 1, 2)


def test_what_the_draft_says(proposal: Proposal, suite: Suite) -> None:
    said = [(one.type.removeprefix("expect_"), dict(one.arguments)) for one in suite.expectations]
    for expected in (
        ("column_values_to_be_unique", {"column": "order_id"}),
        ("column_values_to_match_regex", {"column": "order_id", "regex": r"^txn_\d{6}$"}),
        ("column_values_to_be_in_set", {"column": "status", "value_set": ["new", "paid", "shipped"]}),
        ("column_values_to_exist_in", {"column": "user_id", "to": "shop.users", "field": "user_id"}),
        ("column_values_to_be_between", {"column": "total", "min_value": 0}),
        ("rows_to_satisfy", {"condition": "coalesce(ended_at >= started_at, true)"}),
        ("rows_to_satisfy", {"condition": "abs(total - net - tax) <= 0.011"}),
        (
            "rows_to_satisfy",
            {"condition": "abs(unix_timestamp(ended_at) - unix_timestamp(started_at) - duration_seconds) <= 1"},
        ),
    ):
        assert expected in said, expected
    assert not [given for _, given in said if given.get("column") == "views"]
    lines = proposal.text.splitlines()
    place = lines.index("  # All 3 values that occur in 300. Would have fired: 1 of 2 earlier versions.")
    assert lines[place + 1 : place + 3] == ["  - expect: expect_column_values_to_be_in_set", "    column: status"]
    assert "  # asked already: expectations/suites/shop.orders.yml:3" in lines
    assert any("Would have fired: 0 of 2 earlier versions." in line for line in lines)


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        ("select * from {orders} union all select * from {orders} limit 320", "column_values_to_be_unique"),
        ("select * except (status), upper(status) as status from {orders}", "column_values_to_be_in_set"),
        ("select * except (order_id), concat('t', order_id) as order_id from {orders}", "column_values_to_match_regex"),
        ("select * except (user_id), 'user_9999' as user_id from {orders}", "column_values_to_exist_in"),
        ("select * except (total), -total as total from {orders}", "column_values_to_be_between"),
        ("select * except (ended_at), started_at - interval 1 hour as ended_at from {orders}", "rows_to_satisfy"),
        ("select * from {orders} where false", "table_row_count_to_be_between"),
        (
            "select * except (order_id), if(duration_seconds > 300, order_id, null) as order_id from {orders}",
            "column_values_to_not_be_null",
        ),
    ],
)
def test_planted_damage_is_rejected(
    change: str, caught: str, suite: Suite, warehouse: Warehouse, project: Project
) -> None:
    assert caught in failed(suite, warehouse, project, change)


def test_an_empty_table_gives_nothing_to_draft_from(project: Project, warehouse: Warehouse) -> None:
    write_deltalake(str(project.warehouse / "shop/nothing"), orders(0))
    from dataclasses import replace

    from runner.names import TableRef

    empty = replace(project.sources["shop.orders"], table=TableRef("shop", "nothing"))
    with pytest.raises(ProjectError) as raised:
        propose(project, load_quality(project), warehouse, empty)
    assert str(raised.value) == "shop.orders has no rows: there is nothing to draft a suite from."
