"""Tables that keep the rows that failed a check: one for each check, holding the rows of its last run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from runner import delta
from runner.explain import first_words
from runner.names import TableRef
from runner.project.parse import Project
from runner.quality.rendered import failures_table
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.result import CheckResult, SuiteResult

MOST = 10_000  # rows that are kept of one check


def store_failures(
    project: Project, warehouse: Warehouse, frame: DataFrame, checks: SuiteResult, *, run_id: str, every: bool = False
) -> SuiteResult:
    """Returns the results with the names of the tables that keep their failing rows.

    At most `MOST` rows are kept, each with `_reason`, `_run_id` and `_failed_at`. A check that passes again leaves its
    table empty. A table of an earlier run is a version of this one.

    Args:
        frame: what was checked.
        every: True keeps the rows of every failing check, not only of those that ask for it.
    """
    results = tuple(
        _stored(project, warehouse, frame, checks.model, one, run_id)
        if every or one.expectation.keeps_failures
        else one
        for one in checks.results
    )
    return replace(checks, results=results)


def _stored(
    project: Project, warehouse: Warehouse, frame: DataFrame, model: str, result: CheckResult, run_id: str
) -> CheckResult:
    table = table_of(project, model, result)
    path = warehouse.path(table)
    if result.level == "pass" or not (result.failing or result.failing_query):
        if result.level == "pass" and delta.is_table(path):
            delta.clear(path)
        return result
    try:
        _write(warehouse, frame, result, table, run_id)
    except Exception as error:
        return replace(result, error=f"its failing rows could not be kept: {first_words(error)}")
    return replace(result, stored=str(table))


def table_of(project: Project, model: str, result: CheckResult) -> TableRef:
    """Returns the table that keeps a check's failing rows."""
    expectation = result.expectation
    if test := project.tests.get(expectation.test_id):
        schema = test.config.values.get("schema")
        return failures_table(project, test.alias, str(schema) if schema else None, test.place)
    words = expectation.name or f"{expectation.type.removeprefix('expect_')}_{'_'.join(expectation.columns)}"
    return failures_table(project, re.sub(r"\W+", "_", f"{model}_{words}").strip("_"), None, expectation.place)


def _write(warehouse: Warehouse, frame: DataFrame, result: CheckResult, table: TableRef, run_id: str) -> None:
    from pyspark.sql import functions

    from expectations.checks.query import placed
    from expectations.compute import Data
    from expectations.definition import Query

    query = Query(sql=placed(result.failing_query))
    rows = Data(frame, {}).asked(query) if result.failing_query else frame.where(result.failing)
    rows = rows.limit(MOST).select(
        *[
            functions.col(f"`{field.name}`").cast("string").alias(field.name)
            if field.dataType.simpleString() == "void"
            else functions.col(f"`{field.name}`")
            for field in rows.schema
        ],
        functions.lit(result.message).alias("_reason"),
        functions.lit(run_id).alias("_run_id"),
        functions.current_timestamp().alias("_failed_at"),
    )
    path = warehouse.path(table)
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(str(path))
    warehouse.register(table)
