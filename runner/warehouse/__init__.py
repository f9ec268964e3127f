"""The warehouse: tables and views under one folder, for templates, for Spark and for statements of a person's own.

There is no metastore: a table is a folder with a Delta log, a view is a folder with `view.json`. Several processes can
work on one warehouse, and any Delta reader reads a table at its path.

views          published views as files
tables         tables and views in a Spark session, and rows that are at hand
introspection  what a warehouse answers to templates
created        tables that a person's own statement makes
"""

from __future__ import annotations

from runner.warehouse.tables import MissingTableError, Warehouse, standing
from runner.warehouse.views import (
    exists,
    inputs_of_view,
    is_view,
    keep_only_view,
    publish_view,
    read_view,
    renamed,
    view_as_named,
    view_versions,
    withdraw_view,
)

__all__ = [
    "MissingTableError",
    "Warehouse",
    "exists",
    "inputs_of_view",
    "is_view",
    "keep_only_view",
    "publish_view",
    "read_view",
    "renamed",
    "standing",
    "view_as_named",
    "view_versions",
    "withdraw_view",
]
