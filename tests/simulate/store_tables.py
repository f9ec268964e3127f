"""What the loaders are given in tests: the tables of sources.yml with a folder's files, and a course-like shop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from simulate.loaded import TableFiles
from stores.hbase_cells import PlainColumn

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("users", "products", "categories", "transactions")


def table_files(name: str, folder: Path) -> TableFiles:
    """Returns a table as sources.yml has it, with the folder's files of it, JSON or Parquet."""
    sources = yaml.safe_load((ROOT / "sources.yml").read_text())["sources"]
    said = next(table for source in sources for table in source["tables"] if table["name"] == name)
    paths = sorted(folder.glob(said["files"])) or sorted(folder.glob(said["files"].replace(".json", ".parquet")))
    columns = tuple(
        PlainColumn(
            each["name"],
            each["data_type"],
            tuple(each.get("cells", ())),
            each.get("codec"),
            tuple(each.get("aliases", ())),
        )
        for each in said["columns"]
    )
    return TableFiles(name=name, paths=paths, key=tuple(said["key"]), columns=columns)


def with_column(table: TableFiles, column: str, /, **changes: Any) -> TableFiles:
    """Returns the table with one column changed."""
    columns = tuple(
        PlainColumn(
            **{
                "name": each.name,
                "data_type": each.data_type,
                "cells": tuple(each.cells),
                "codec": each.codec,
                "aliases": tuple(each.aliases),
            }
            | (changes if each.name == column else {})
        )
        for each in table.columns
    )
    return TableFiles(name=table.name, paths=table.paths, key=table.key, columns=columns)


def write_course_shop(folder: Path) -> None:
    """Writes a few records as the public course generator does: mixed precision of times, orders without a session."""
    folder.mkdir(parents=True, exist_ok=True)
    user = {
        "user_id": "user_000001",
        "geo_data": {"city": "Port José", "state": "CA", "country": "US"},
        "registration_date": "2025-01-03T10:11:12",
        "last_active": "2025-02-03T10:11:12.345678",
    }
    session = {
        "session_id": "sess_00000000aa",
        "user_id": "user_000001",
        "start_time": "2025-03-01T23:59:59.250001",
        "end_time": "2025-03-02T00:01:00.250001",
        "duration_seconds": 61,
        "geo_data": {"city": "Port José", "state": "CA", "country": "US", "ip_address": "10.0.0.1"},
        "device_profile": {"type": "mobile", "os": "iOS", "browser": "Safari"},
        "viewed_products": ["prod_00001"],
        "page_views": [
            {
                "timestamp": "2025-03-01T23:59:59.250001",
                "page_type": "product_detail",
                "product_id": "prod_00001",
                "category_id": "cat_001",
                "view_duration": 60,
            },
            {
                "timestamp": "2025-03-02T00:00:59.250001",
                "page_type": "confirmation",
                "product_id": None,
                "category_id": None,
                "view_duration": 1,
            },
        ],
        "cart_contents": {"prod_00001": {"quantity": 2, "price": 10.1}},
        "conversion_status": "converted",
        "referrer": "email",
    }
    empty = {
        **session,
        "session_id": "sess_00000000ab",
        "start_time": "2025-03-01T10:00:00",
        "end_time": "2025-03-01T10:00:30",
        "page_views": [],
        "viewed_products": [],
        "cart_contents": {},
        "conversion_status": "browsed",
    }
    item = {"product_id": "prod_00001", "quantity": 2, "unit_price": 10.1, "subtotal": 20.2}
    order = {
        "transaction_id": "txn_0000000000a1",
        "session_id": "sess_00000000aa",
        "user_id": "user_000001",
        "timestamp": "2025-03-02T00:00:59.250001",
        "items": [item],
        "subtotal": 1339.4500000000003,
        "discount": 0,
        "total": 1339.45,
        "payment_method": "paypal",
        "status": "completed",
    }
    alone = {**order, "transaction_id": "txn_0000000000a2", "session_id": None, "timestamp": "2025-03-02T08:00:00"}
    product = {
        "product_id": "prod_00001",
        "name": "Chair",
        "category_id": "cat_001",
        "base_price": 10,
        "current_stock": 4,
        "is_active": True,
        "price_history": [{"price": 9.5, "date": "2025-01-01T00:00:00"}, {"price": 10, "date": "2025-02-01T00:00:00"}],
        "creation_date": "2025-01-01T00:00:00",
    }
    category = {
        "category_id": "cat_001",
        "name": "Furniture",
        "subcategories": [{"subcategory_id": "sub_001_00", "name": "Chairs", "profit_margin": 0.25}],
    }
    for name, rows, indent in (
        ("users", [user], 2),
        ("products", [product], None),
        ("categories", [category], 4),
        ("transactions", [order, alone], None),
        ("sessions_0", [session, empty], 2),
    ):
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=indent))
