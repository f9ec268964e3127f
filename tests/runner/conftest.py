"""Small projects, written as a mapping of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

Write = Callable[[Mapping[str, str]], Path]

TINY = {
    "project.yml": """
        name: tiny
        vars: {least: 2}
        models:
          tiny:
            +materialized: table
            staging: {+materialized: view, +schema: staging}
        targets:
          dev: {warehouse: warehouse, schema: marts}
        """,
    "sources.yml": """
        version: 2
        sources:
          - name: shop
            tables:
              - name: orders
                key: [order_id]
                columns:
                  - {name: order_id, data_type: int}
                  - {name: total, data_type: "decimal(12,2)"}
        """,
    "models/staging/stg_orders.sql": "select order_id, total from {{ source('shop', 'orders') }}",
    "models/totals.sql": "select count(*) as order_count, sum(total) as revenue from {{ ref('stg_orders') }}",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files below a new folder and returns the folder; texts are dedented."""

    def write_files(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return tmp_path

    return write_files


@pytest.fixture
def tiny() -> dict[str, str]:
    """The files of a project with one source, one staging view and one table."""
    return dict(TINY)
