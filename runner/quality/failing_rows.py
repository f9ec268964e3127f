"""The rows that fail a check, and the table beside a model that keeps them: a bounded number of each check and run.

`<schema>__failures/<model>` holds one row for each failing row and check. The failing row itself is JSON, so that runs
whose models had other columns stand in one table. It is written without Spark and read without it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from expectations.setting_aside import EXIST_IN, UNIQUE
from runner import delta
from runner.explain import first_words, from_spark
from runner.names import TableRef

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from expectations.result import CheckResult, SuiteResult
    from expectations.suite import Expectation

SUFFIX = "__failures"
RUNS_KEPT = 10  # of one model
_LONGEST = 20_000  # characters of one row's JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRow:
    """One row that failed one check in one run.

    Attributes:
        reason: what the check says of all its failing rows.
        row: the row's columns as JSON; cut after 20,000 characters.
        failing: how many rows failed the check in that run, where that was counted; more than are kept, perhaps.
    """

    run_id: str
    failed_at: datetime
    check: str
    severity: str
    status: str
    reason: str
    place: str
    failing: int | None
    row: str

    @property
    def values(self) -> Mapping[str, Any]:
        """The row's columns; where its JSON was cut, the text alone."""
        try:
            found = json.loads(self.row)
        except ValueError:
            return {"row": self.row}
        return found if isinstance(found, dict) else {"row": self.row}


def failures_of(table: TableRef) -> TableRef:
    """Returns the table that keeps the failing rows of another one."""
    return TableRef(table.schema + SUFFIX, table.name)


def rows_failing(frame: DataFrame, result: CheckResult, inputs: Mapping[str, DataFrame]) -> DataFrame | None:
    """Returns the rows of `frame` that fail a check, all of them; None where no single row does, or nobody can tell which.

    Of uniqueness they are all rows that share their key; of `exist_in` those whose value the other table lacks.

    Args:
        inputs: the tables that checks compare with, by their names in the suite.
    """
    from pyspark.sql import functions as F

    expectation = result.expectation
    if result.failing:
        return frame.where(result.failing)
    kept = frame.where(expectation.where) if expectation.where else frame
    if expectation.type in UNIQUE:
        return _repeated(kept, expectation)
    if expectation.type == EXIST_IN and expectation.arguments["to"] in inputs:
        return kept.join(_orphans(kept, expectation, inputs), _value(expectation) == F.col("__orphan"), "left_semi")
    return None


def _repeated(rows: DataFrame, expectation: Expectation) -> DataFrame:
    from pyspark.sql import functions as F

    from expectations.definition import quoted

    names = [f"__key{number}" for number in range(len(expectation.columns))]
    columns = [F.expr(quoted(column)) for column in expectation.columns]
    keys = rows.select(*(column.alias(name) for column, name in zip(columns, names, strict=True)))
    several = keys.where(repeats(expectation, [F.col(name) for name in names])).groupBy(*names).count()
    several = several.where("count > 1").drop("count")
    same = reduce(
        lambda one, other: one & other,
        (column.eqNullSafe(F.col(name)) for column, name in zip(columns, names, strict=True)),
    )
    return rows.join(several, same, "left_semi")


def repeats(expectation: Expectation, key: Sequence[Column]) -> Column:
    """Returns the condition that a row counts where keys must not repeat: as Great Expectations has it.

    Of one column nulls never count; of several `ignore_row_if` says.
    """
    from pyspark.sql import functions as F

    if len(key) == 1:
        return key[0].isNotNull()
    nulls = [column.isNull() for column in key]
    ignore = expectation.arguments.get("ignore_row_if") or "all_values_are_missing"
    if ignore == "never":
        return F.lit(True)
    any_of = ignore == "any_value_is_missing"
    return ~reduce(lambda one, other: one | other if any_of else one & other, nulls)


def _value(expectation: Expectation) -> Column:
    from pyspark.sql import functions as F

    from expectations.definition import quoted

    column = quoted(expectation.column)
    return F.expr(f"nullif({column}, '')" if expectation.arguments.get("empty_is_null") else column)


def _orphans(rows: DataFrame, expectation: Expectation, inputs: Mapping[str, DataFrame]) -> DataFrame:
    from pyspark.sql import functions as F

    from expectations.definition import quoted

    field = quoted(expectation.arguments.get("field") or expectation.column)
    there = inputs[expectation.arguments["to"]].select(F.expr(field).alias("__there")).distinct()
    here = rows.select(_value(expectation).alias("__orphan")).where("__orphan is not null").distinct()
    return here.join(there, F.col("__orphan") == F.col("__there"), "left_anti")


def keep_failing_rows(
    warehouse: Path,
    table: TableRef,
    frame: DataFrame,
    checks: SuiteResult,
    *,
    run_id: str,
    inputs: Mapping[str, DataFrame],
    hidden: Collection[str] = (),
) -> SuiteResult:
    """Keeps the failing rows of all checks that failed or warned, found in one Spark job; returns the results, each with
    how many of its rows are kept.

    Of each check as many are kept as its `failing_rows` says, and of each model the rows of its last ten runs that had
    some. Rows that cannot be found or kept are no reason to fail: the result says why they are not there.

    Args:
        warehouse: the folder of all tables.
        table: the table that was checked; its failing rows lie beside it.
        frame: its rows.
        hidden: columns whose values are not kept: those that are marked sensitive.
    """
    failed = [
        (index, one)
        for index, one in enumerate(checks.results)
        if one.level != "pass" and one.expectation.failing_rows and one.engine != "none"
    ]
    if not failed:
        return checks
    results = list(checks.results)
    try:
        found = _found(frame, failed, inputs, hidden)
    except Exception as error:
        if not from_spark(error):
            raise
        found = {index: _sample(one) for index, one in failed}
    now = datetime.now(UTC)
    listed = [
        FailingRow(
            run_id=run_id, failed_at=now, check=one.title, severity=one.severity, status=one.status, reason=one.message,
            place=one.expectation.place, failing=one.failing_count, row=row,
        )
        for index, one in failed
        for row in found[index]
    ]  # fmt: skip
    if not listed:
        return checks
    try:
        _append(failures_of(table).path(warehouse), listed)
    except (DeltaError, OSError) as error:
        index, one = failed[0]
        results[index] = replace(one, error=f"its failing rows could not be kept: {first_words(error)}")
        return replace(checks, results=tuple(results))
    for index, one in failed:
        results[index] = replace(one, kept=len(found[index]))
    return replace(checks, results=tuple(results), jobs=checks.jobs + 1)


def _found(
    frame: DataFrame,
    failed: Sequence[tuple[int, CheckResult]],
    inputs: Mapping[str, DataFrame],
    hidden: Collection[str],
) -> dict[int, list[str]]:
    """Returns the failing rows of each check as JSON, by the check's number: all in one job."""
    from pyspark.sql import functions as F

    from expectations.checks.query import placed
    from expectations.compute import Data
    from expectations.definition import Query

    parts: list[DataFrame] = []
    found: dict[int, list[str]] = {}
    for index, one in failed:
        rows = rows_failing(frame, one, inputs)
        if rows is None and one.failing_query:
            rows = Data(frame, inputs).asked(Query(sql=placed(one.failing_query)))
        if rows is None:
            found[index] = _sample(one)
            continue
        found[index] = []
        parts.append(
            rows.limit(one.expectation.failing_rows).select(
                F.lit(index).alias("number"), _json(rows, hidden).alias("row")
            )
        )
    if parts:
        for entry in reduce(lambda one, other: one.unionAll(other), parts).toArrow().to_pylist():
            found[entry["number"]].append(entry["row"])
    return found


def _json(rows: DataFrame, hidden: Collection[str]) -> Column:
    """Returns the column of whole rows as JSON."""
    from pyspark.sql import functions as F

    from expectations.sensitive import MASK

    columns = [
        F.when(F.col(f"`{field.name}`").isNotNull(), F.lit(MASK)).alias(field.name)
        if field.name in hidden
        else F.col(f"`{field.name}`").cast("string").alias(field.name)
        if field.dataType.simpleString() == "void" or "interval" in field.dataType.simpleString()
        else F.col(f"`{field.name}`")
        for field in rows.schema
    ]
    return F.left(F.to_json(F.struct(*columns), {"ignoreNullFields": "false"}), F.lit(_LONGEST))


def _sample(result: CheckResult) -> list[str]:
    """Returns what the check itself showed: keys or groups, where what fails is no single row."""
    shown = result.failing_rows[: result.expectation.failing_rows]
    return [json.dumps(dict(row), default=str)[:_LONGEST] for row in shown]


def _append(path: Path, rows: Sequence[FailingRow]) -> None:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("run_id", pa.string()),
            ("failed_at", pa.timestamp("us", tz="UTC")),
            ("check", pa.string()),
            ("severity", pa.string()),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("place", pa.string()),
            ("failing", pa.int64()),
            ("row", pa.string()),
        ]
    )
    names = schema.names
    data = pa.Table.from_pylist([{name: getattr(row, name) for name in names} for row in rows], schema=schema)
    write_deltalake(str(path), data, mode="append")
    with suppress(DeltaError):  # another run tidies up as well
        _forget_old_runs(path)


def _forget_old_runs(path: Path) -> None:
    table = DeltaTable(str(path))
    moments = (
        table.to_pyarrow_table(columns=["run_id", "failed_at"]).group_by("run_id").aggregate([("failed_at", "max")])
    )
    by_age = sorted(moments.to_pylist(), key=lambda run: run["failed_at_max"], reverse=True)
    old = ["'" + run["run_id"].replace("'", "''") + "'" for run in by_age[RUNS_KEPT:]]
    if old:
        table.delete(f"run_id in ({', '.join(old)})")
        table.vacuum(dry_run=False)


def read_failing_rows(warehouse: Path, table: TableRef, *, run: str = "") -> list[FailingRow]:
    """Returns the kept rows of one run, by check: of the newest that had some, or of the one whose id begins with `run`."""
    path = failures_of(table).path(warehouse)
    if not delta.is_table(path):
        return []
    rows = [FailingRow(**row) for row in DeltaTable(str(path)).to_pyarrow_table().to_pylist()]
    rows = [row for row in rows if row.run_id.startswith(run)]
    newest = max(rows, key=lambda row: row.failed_at, default=None)
    return [row for row in rows if newest is not None and row.run_id == newest.run_id]
