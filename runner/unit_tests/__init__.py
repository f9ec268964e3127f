"""Unit tests: given rows in, expected rows out, on real Spark and without the parents' tables.

Rows are mappings, CSV, a query, or a file of `tests/fixtures`, in dbt's form. Types come from what is known of an input:
its declared columns, else its published table, else the values. Nested types, decimals and timestamps are written as
plain text, numbers, lists and mappings, or as JSON. A column that a row leaves out is null. Only the columns that the
expected rows name are compared, in any order of rows.

given        written rows as frames of the right types
run          a test's SQL over them, and what differs
difference   the lines that say so
final        the whole table after an incremental build
macro        a macro called with arguments
"""

from __future__ import annotations

from runner.unit_tests.run import UnitTestResult, run_unit_test, run_unit_tests

__all__ = ["UnitTestResult", "run_unit_test", "run_unit_tests"]
