"""`run query` as it is typed, against real stores named by a project's target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from click.testing import CliRunner, Result

from runner.cli.query import query_command
from runner.errors import MachineError, ProjectError
from stores.hbase_cells import session_key
from stores.hbase_client import connected
from stores.mongo_client import database
from stores.settings import HBaseSettings, MongoSettings

DATABASE = "queries_command"


@pytest.fixture(scope="module")
def project(mongodb: Any, hbase: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose target names the stores, which hold two orders and two sessions."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "project.yml").write_text(
        f"""name: shop
default_target: dev
targets:
  dev:
    warehouse: warehouse
    stores:
      mongodb: {{uri: "{mongodb.uri}", database: {DATABASE}}}
      hbase: {{host: 127.0.0.1, port: {hbase.port}, table_prefix: {DATABASE}}}
  half:
    warehouse: warehouse
    stores:
      hbase: {{host: 127.0.0.1, port: {hbase.port}}}
  gone:
    warehouse: warehouse
    stores:
      mongodb: {{uri: "mongodb://user:secret@127.0.0.1:1", options: {{serverSelectionTimeoutMS: 200}}}}
      hbase: {{host: 127.0.0.1, port: 1}}
  none:
    warehouse: warehouse
vars:
  segment_quantiles: [0.5]
""",
        encoding="utf-8",
    )
    shop = database(MongoSettings(uri=mongodb.uri, database=DATABASE))
    shop.client.drop_database(DATABASE)
    shop.transactions.insert_many(
        [
            {
                "_id": f"txn_{number}", "user_id": f"user_{number}", "status": "completed",
                "timestamp": datetime(2026, 1, number, tzinfo=UTC), "total": Decimal128(f"{number}0.10"),
                "items": [{"product_id": "prod_1", "quantity": number, "subtotal": Decimal128(f"{number}0.20")}],
            }
            for number in (1, 2)
        ]
    )  # fmt: skip
    shop.products.insert_one({"_id": "prod_1", "name": "Mug", "current_stock": 3, "category_id": "cat_1"})
    shop.categories.insert_one({"_id": "cat_1", "name": "Kitchen"})
    with connected(HBaseSettings(port=hbase.port, table_prefix=DATABASE)) as connection:
        connection.create_table("sessions", {"meta": {}, "device": {}, "stats": {}})
        for user in ("user_1", "user_10"):
            connection.table("sessions").put(
                session_key(user, "2026-01-01T00:00:00", f"sess_{user}"),
                {
                    b"meta:session_id": f"sess_{user}".encode(), b"meta:user_id": user.encode(),
                    b"meta:timestamp": b"2026-01-01T00:00:00", b"meta:conversion_status": b"converted",
                    b"meta:referrer": b"email", b"device:type": b"mobile", b"stats:duration": b"60",
                    b"stats:pages": b"2", b"stats:cart_value": b"12.30",
                },
            )  # fmt: skip
        connection.create_table("product_metrics", {"m": {}})
        connection.table("product_metrics").put(b"prod_1#20260101", {b"m:views": b"4", b"m:revenue": b"10.20"})
        yield folder
        for name in connection.tables():
            connection.delete_table(name, disable=True)
    shop.client.drop_database(DATABASE)
    shop.client.close()


def asked(project: Path, *words: str, target: str = "dev") -> Result:
    found = CliRunner().invoke(query_command, [*words, "--project-dir", str(project), "--target", target])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_rows_go_to_stdout_and_the_plan_to_stderr(project: Path) -> None:
    found = asked(project, "top-products", "--from", "2026-01-01", "--limit", "1")
    assert found.exit_code == 0
    assert [line.split() for line in found.stdout.splitlines() if line.strip() and "─" not in line] == [
        ["product_id", "product_name", "units_sold", "line_count", "revenue", "current_stock"],
        ["prod_1", "Mug", "3", "2", "30.40", "3"],
    ]
    lines = found.stderr.splitlines()
    assert lines[0].startswith("note: discounts are on the order")
    assert lines[1].startswith("plan: ")
    assert lines[-1].startswith("run: top-products: 1 row in ")


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (
            ["revenue-by-day", "--until", "2026-01-02"],
            [{"order_date": "2026-01-01", "order_count": 1, "revenue": "10.10", "average_order_value": "10.10"}],
        ),
        (
            ["revenue-by-category"],
            [
                {
                    "category_id": "cat_1", "category_name": "Kitchen", "product_count": 1, "units_sold": 3,
                    "line_count": 2, "revenue": "30.40", "revenue_share": "1.0000",
                }
            ],
        ),
        (
            ["user-sessions", "user_1", "-c", "session_id", "-c", "cart_value"],
            [{"session_id": "sess_user_1", "cart_value": "12.30"}],
        ),
        (
            ["sessions-by", "conversion_status=converted", "device:type=mobile", "-n", "1", "-c", "user_id"],
            [{"user_id": "user_1"}],
        ),
        (["sessions-by", "referrer=a=b'", "-c", "user_id"], []),
        (["product-series", "prod_1"], [{"date": "2026-01-01", "views": 4, "revenue": "10.20"}]),
    ],
)  # fmt: skip
def test_programs_get_a_row_a_line_with_decimals_as_text(
    project: Path, words: list[str], rows: list[dict[str, Any]]
) -> None:
    assert objects(asked(project, *words, "--output", "json").stdout) == rows


def test_an_explained_answer_is_one_object_with_its_pipelines(project: Path) -> None:
    (found,) = objects(asked(project, "user-segments", "--explain", "--output", "json").stdout)
    assert found["cuts"] == [
        {
            "measure": "value", "quantile": "0.5", "rank": 1, "value": "10.10", "below": 0, "equal": 1, "above": 1,
            "position": "0.5000",
        },
        {
            "measure": "frequency", "quantile": "0.5", "rank": 1, "value": 1, "below": 0, "equal": 2, "above": 0,
            "position": "1.0000",
        },
    ]  # fmt: skip
    assert [row["user_count"] for row in found["rows"]] == [0, 1, 0, 1]
    assert found["rows"][1]["revenue"] == "20.10"
    steps = [line for line in found["plan"]["whole"].splitlines() if line.startswith("//")]
    assert steps == ["// the users", "// the cuts", "// the segments"]


def test_cuts_and_the_whole_scan_are_shown(project: Path) -> None:
    found = asked(project, "user-segments", "--quantiles", "0.3, 0.9")
    assert (
        "cut:  value 20.10 at the quantile 0.9: 1 user below, 1 at it, 0 above; 1.0000 of them at or below"
        in found.stderr
    )
    scan = asked(project, "sessions-by", "conversion_status=it's", "--explain").stderr
    assert "  filter: SingleColumnValueFilter('meta', 'conversion_status', =, 'binary:it''s', true, true)" in scan
    assert "      rows: 2 touched, 0 returned" in scan


def test_what_is_typed_wrongly_is_told(project: Path) -> None:
    for words, message in (
        (["top-product"], 'there is no query "top-product". Did you mean "top-products"?'),
        (["revenue-by-day", "--from", "soon"], '"soon" is no time. Write a day or a moment: 2026-01-31'),
        (["sessions-by", "converted"], '"converted" is no condition. Write COLUMN=VALUE: conversion_status=converted'),
        (["sessions-by", "os=a", "os=b"], '"os" cannot be "a" and "b" at once'),
        (["user-segments", "--quantiles", "thirds"], '"thirds" are no numbers. Give shares with commas'),
        (["top-products", "--limit", "0"], "0 is not in the range x>=1"),
    ):
        found = CliRunner().invoke(query_command, words)
        assert found.exit_code == 2
        assert message in found.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "target", "kind", "message"),
    [
        (
            ["revenue-by-day"], "half", ProjectError,
            'the target "half" names no mongodb. Give it "stores: mongodb" in project.yml, or name a target that has '
            "it: --target stores",
        ),
        (
            ["user-sessions", "user_1"], "none", ProjectError,
            'the target "none" names no stores. Give it "stores" in project.yml, or name a target that has them: '
            "--target stores",
        ),
        (
            ["revenue-by-day"], "gone", MachineError,
            "mongodb://127.0.0.1:1/shop: does not answer: 127.0.0.1:1: [Errno 111] Connection refused. "
            "Start it (make services-up), or set MONGODB_URI.",
        ),
        (
            ["user-sessions", "user_1"], "gone", MachineError,
            "hbase://127.0.0.1:1: does not answer: Could not connect to ('127.0.0.1', 1). Start it (make services-up), or set HBASE_THRIFT_HOST and HBASE_THRIFT_PORT.",
        ),
    ],
)  # fmt: skip
def test_a_store_that_is_not_there_is_told(
    project: Path, words: list[str], target: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        asked(project, *words, target=target)
    assert str(caught.value) == message


def test_asking_starts_no_spark(project: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom runner.cli.query import query_command\n"
        f"query_command(['user-sessions', 'user_1', '--project-dir', {str(project)!r}], standalone_mode=False)\n"
        "sys.exit('pyspark' in sys.modules or 'great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
