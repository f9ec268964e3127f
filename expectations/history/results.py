"""The Delta table that keeps every check's result: one row for each check and run, one commit for each run.

It is written without Spark and read by anything that reads Delta. Two runs that end at once both keep their rows: each
commit adds files of its own, and the one that comes second is tried again on top of the first.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from expectations.history.identity import check_ids
from runner import delta

if TYPE_CHECKING:
    import pyarrow as pa

    from expectations.result import SuiteResult

DESCRIPTION = "What every check said in every run. One row per check and run."
MOST_FILES = 64  # then they are made one: each run adds one
KEPT = timedelta(days=730)  # rows of older runs go when files are made one
_TRIES = 20
_LONGEST = 500  # characters of a message

# name, type, what it says
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("run_id", "string", "The run, as in target/runs and in the commits of what it published."),
    ("run_at", "timestamp", "When the run began, UTC."),
    ("command", "string", "The word after run: models, build, checks, test."),
    ("target", "string", "The target it worked on."),
    ("model", "string", "The model, or source.table."),
    ("version", "long", "The Delta version that was judged; null for a view and for a candidate that was withheld."),
    ("is_published", "boolean", "Whether readers have what was judged; false for a withheld candidate."),
    ("check_id", "string", "The same check in every run: what is asked, whatever its limits."),
    ("data_check", "string", "Its number among the data checks (D1 to D16); empty for others."),
    ("title", "string", "How reports call it."),
    ("expectation", "string", "The expectation's name."),
    ("column_name", "string", "The column it is about; empty where it is about none or several."),
    ("row_condition", "string", "The rows it is asked of (where); empty for all."),
    ("severity", "string", "error or warn."),
    ("status", "string", "pass, warn or fail."),
    ("observed", "string", "The measured figure in words."),
    ("numbers", "map<string,double>", "The measured figures."),
    ("row_count", "long", "Rows of the table that was judged."),
    ("failing_count", "long", "Rows that fail, where that is known."),
    ("cause", "string", "The likeliest cause; empty where it passed."),
    ("message", "string", "One sentence: what is so."),
    ("seconds", "double", "Time that it took alone; 0 for what was computed in the one pass."),
    ("placement", "string", "What computed it: one pass, great expectations, none."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is the same for all results of one run.

    Attributes:
        run_at: when it began; with a time zone.
    """

    run_id: str
    run_at: datetime
    command: str
    target: str


def rows_of(run: Run, result: SuiteResult, *, version: int | None, is_published: bool) -> list[dict[str, Any]]:
    """Returns what a suite said of one table, a row for each check.

    Args:
        version: the Delta version that was judged; None for a view and for a candidate.
        is_published: whether readers have what was judged.
    """
    ids = check_ids(one.expectation for one in result.results)
    return [
        {
            "run_id": run.run_id,
            "run_at": run.run_at.astimezone(UTC),
            "command": run.command,
            "target": run.target,
            "model": result.model,
            "version": version,
            "is_published": is_published,
            "check_id": name,
            "data_check": one.check,
            "title": one.title,
            "expectation": one.type,
            "column_name": one.column,
            "row_condition": one.expectation.where,
            "severity": one.severity,
            "status": one.status,
            "observed": one.observed,
            "numbers": list(_numbers(one.numbers).items()),
            "row_count": _whole(result.rows),
            "failing_count": _whole(one.failing_count),
            "cause": one.cause,
            "message": one.message[:_LONGEST],
            "seconds": one.seconds,
            "placement": one.engine,
        }
        for name, one in zip(ids, result.results, strict=True)
    ]


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _numbers(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Returns those figures that are finite numbers."""
    found = {}
    for name, value in numbers.items():
        if isinstance(value, (int, float, Decimal)) and math.isfinite(value):
            found[name] = float(value)
    return found


def append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds the rows of one run in one commit; makes the table where there is none.

    Raises:
        DeltaError: the table cannot be written.
        OSError: likewise.
    """
    if not rows:
        return
    import pyarrow as pa

    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema())
    for last in range(1, _TRIES + 1):
        try:
            write_deltalake(
                str(path),
                table,
                mode="append",
                schema_mode="merge",
                name="check_results",
                description=DESCRIPTION,
                commit_properties=CommitProperties(max_commit_retries=_TRIES),
                # What follows a commit may fail when the rows are there already: it has its own turn below.
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
            )
            break
        except DeltaError:
            if last == _TRIES:
                raise
            time.sleep(random.uniform(0.01, 0.1))
    with suppress(DeltaError):  # the next run tries again
        _tidy(path)


def _tidy(path: Path) -> None:
    """Makes many small files one, and forgets runs of long ago."""
    table = DeltaTable(str(path))
    if len(table.file_uris()) < MOST_FILES:
        return
    oldest = (datetime.now(UTC) - KEPT).isoformat()
    table.delete(f"run_at < '{oldest}'")
    table.optimize.compact()
    table.vacuum(dry_run=False)  # files that no version of the last week has
    table.create_checkpoint()
    table.cleanup_metadata()


def schema() -> pa.Schema:
    """Returns the table's columns as Arrow has them, with their descriptions as comments."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "long": pa.int64(),
        "boolean": pa.bool_(),
        "double": pa.float64(),
        "map<string,double>": pa.map_(pa.string(), pa.float64()),
    }
    return pa.schema([pa.field(name, types[kind], metadata={"comment": said}) for name, kind, said in COLUMNS])


def read(
    path: Path,
    *,
    target: str,
    model: str = "",
    expectations: Iterable[str] = (),
    since: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Returns results, oldest run first; none where nothing was kept yet.

    Args:
        target: those of one target.
        model: those of one table; of all where it is empty.
        expectations: those of some expectations; of all where there are none.
        since: those of runs that began then or later; of all runs where it is None.
        columns: what is wanted of each; all by default. `numbers` are mappings.
    """
    import pyarrow.dataset as ds

    try:
        dataset = delta.opened(path).to_pyarrow_dataset()
    except TableNotFoundError:
        return []
    kept = ds.field("target") == target
    if model:
        kept &= ds.field("model") == model
    if since is not None:
        kept &= ds.field("run_at") >= since
    if wanted := sorted(expectations):
        kept &= ds.field("expectation").isin(wanted)
    names = [name for name in (columns or [one[0] for one in COLUMNS]) if name in dataset.schema.names]
    found = dataset.to_table(columns=names, filter=kept).to_pylist(maps_as_pydicts="strict")
    return sorted(found, key=lambda row: row["run_at"]) if "run_at" in names else found


def distinct(path: Path, *columns: str, target: str) -> list[tuple[Any, ...]]:
    """Returns the distinct values of some columns, sorted; none where nothing was kept yet.

    Args:
        target: of the results of one target.
    """
    import pyarrow.dataset as ds

    try:
        dataset = delta.opened(path).to_pyarrow_dataset()
    except TableNotFoundError:
        return []
    found = dataset.to_table(columns=list(columns), filter=ds.field("target") == target)
    return sorted(tuple(row.values()) for row in found.group_by(list(columns)).aggregate([]).to_pylist())
