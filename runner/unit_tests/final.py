"""What an incremental model's table is after a build: the given rows of `this`, changed by the model's own strategy.

The rows are written as a Delta table into a folder of their own, and the strategy that a run would use is run on it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runner.compile import Compiled
from runner.materialize import Work, make_candidate
from runner.project.parse import Project
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@contextmanager
def final_table(
    project: Project, spark: SparkSession, compiled: Compiled, before: DataFrame | None
) -> Iterator[DataFrame]:
    """Gives the whole table after a build of the model.

    Args:
        before: the table's rows before; None where it is built for the first time.

    Raises:
        ContractError: the strategy refuses the rows.
    """
    folder = Path(tempfile.mkdtemp(prefix="unit-test-"))
    try:
        warehouse = Warehouse(spark, folder)
        model = compiled.model
        if before is not None:
            writer = before.write.format("delta").partitionBy(*model.config.partition_by)
            writer.save(str(warehouse.path(model.table)))
            spark.sql(f"create schema if not exists `{model.table.schema}`")
        work = Work(
            warehouse=warehouse, project=project, compiled=compiled, incremental=before is not None, is_trial=True
        )
        yield make_candidate(work).frame
    finally:
        shutil.rmtree(folder, ignore_errors=True)
