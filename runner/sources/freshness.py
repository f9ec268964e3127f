"""How old the landed tables are, held against what `sources.yml` allows.

When a table was last loaded is what its `loaded_at_query` says, else the newest value of its `loaded_at_field`, else the
moment of its last landing, else that of the last commit that changed its rows. The newest value of a column stands in the
table's log where no `filter` narrows it; Spark is asked for the rest, for all tables in one job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner import delta
from runner.compile import compile_text
from runner.errors import FormatError, ProjectError
from runner.explain import first_words
from runner.model import SourceTable
from runner.project.parse import Project
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Status = Literal["pass", "warn", "error", "runtime error"]
_PERIODS: Mapping[str, int] = {"minute": 60, "hour": 3_600, "day": 86_400}
_LIMITS = ("warn_after", "error_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old one landed table is.

    Attributes:
        loaded_at: when it was last loaded; None where that could not be found out.
        asked_at: the moment that its age is counted to.
        by: what said so: the column, "loaded_at_query", "its last landing" or "its last commit".
        message: why it could not be found out; empty where it could.
    """

    table: SourceTable
    status: Status
    asked_at: datetime
    loaded_at: datetime | None = None
    by: str = ""
    message: str = ""

    @property
    def age(self) -> timedelta:
        """From the last load to `asked_at`; zero where the last load is not known."""
        return self.asked_at - self.loaded_at if self.loaded_at else timedelta(0)

    @property
    def is_late(self) -> bool:
        """Whether it is older than its limits allow; not where its age is not known."""
        return self.status in ("warn", "error")


def expects_freshness(table: SourceTable) -> bool:
    """Whether `sources.yml` says how old the table may be."""
    return any((table.freshness.get(limit) or {}).get("count") is not None for limit in _LIMITS)


def allowed(table: SourceTable) -> str:
    """Returns how old the table may be, in words: warns after 12 hours, fails after 2 days; empty where nothing says."""
    limits = ((word, table.freshness.get(name) or {}) for word, name in zip(("warns", "fails"), _LIMITS, strict=True))
    return ", ".join(
        f"{word} after {limit['count']} {limit['period']}s" for word, limit in limits if limit.get("count") is not None
    )


def judge(table: SourceTable, loaded_at: datetime, asked_at: datetime) -> Status:
    """Returns what the table's limits say of its age.

    Raises:
        FormatError: a limit is no count of minutes, hours or days.
    """
    age = asked_at - loaded_at
    passed = {limit: (most := _most(table, limit)) is not None and age > most for limit in _LIMITS}
    return "error" if passed["error_after"] else "warn" if passed["warn_after"] else "pass"


def _most(table: SourceTable, name: str) -> timedelta | None:
    limit = table.freshness.get(name) or {}
    count, period = limit.get("count"), limit.get("period")
    if count is None:
        return None
    seconds = _PERIODS.get(str(period))
    if not isinstance(count, int) or isinstance(count, bool) or seconds is None:
        raise FormatError(
            f'{table.place}: "{name}" of table "{table.label}" is written {{count: 12, period: hour}}; '
            f"the period is one of {', '.join(_PERIODS)}."
        )
    return timedelta(seconds=count * seconds)


def without_spark(project: Project, tables: Iterable[SourceTable], *, asked_at: datetime) -> list[Freshness]:
    """Returns the freshness of those tables whose logs tell it."""
    found = []
    for table in tables:
        for limit in _LIMITS:
            _most(table, limit)
        path = table.table.path(project.warehouse)
        if not delta.is_table(path):
            message = f"it has not been landed. Land it: run ingest {table.label}"
            found.append(Freshness(table=table, status="runtime error", asked_at=asked_at, message=message))
            continue
        said = _from_log(table, path)
        if said is not None:
            loaded_at, by = said
            status = judge(table, loaded_at, asked_at)
            found.append(Freshness(table=table, status=status, asked_at=asked_at, loaded_at=loaded_at, by=by))
    return found


def _from_log(table: SourceTable, path: Path) -> tuple[datetime, str] | None:
    if table.loaded_at_query or (table.loaded_at_field and table.freshness.get("filter")):
        return None
    if table.loaded_at_field:
        newest = delta.newest_value(path, table.loaded_at_field)
        moment = _moment(newest)
        return (moment, table.loaded_at_field) if moment else None
    said = delta.metadata(path)
    if said.get("kind") == "landing" and (moment := _moment(datetime.fromisoformat(said["taken_at"]))):
        return moment, "its last landing"
    return delta.changed_at(path), "its last commit"


def _moment(value: object) -> datetime | None:
    """Returns a value of a column as a moment in UTC; None for what is no time."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None


def with_spark(
    project: Project, spark: SparkSession, tables: Sequence[SourceTable], *, asked_at: datetime
) -> list[Freshness]:
    """Returns the freshness of tables that need a query, all of them asked in one job."""
    warehouse = Warehouse(spark, project.warehouse)
    queries: dict[str, str] = {}
    failed: dict[str, str] = {}
    for table in tables:
        try:
            warehouse.register(table.table)
            queries[table.label] = compile_text(project, age_query(table), place=table.place)
        except ProjectError as error:
            failed[table.label] = str(error)
    moments: dict[str, datetime | None] = {}
    _ask(spark, list(queries.items()), moments, failed)
    return [
        told(table, moments.get(table.label), asked_at=asked_at, message=failed.get(table.label, ""))
        for table in tables
    ]


def told(table: SourceTable, loaded_at: datetime | None, *, asked_at: datetime, message: str = "") -> Freshness:
    """Returns the freshness of a table by what its query gave; without a moment, `message` says why."""
    by = "loaded_at_query" if table.loaded_at_query else str(table.loaded_at_field)
    if loaded_at is not None:
        status = judge(table, loaded_at, asked_at)
        return Freshness(table=table, status=status, asked_at=asked_at, loaded_at=loaded_at, by=by)
    message = message or f"{by} gives no value: the table has no row that counts."
    return Freshness(table=table, status="runtime error", asked_at=asked_at, by=by, message=message)


def age_query(table: SourceTable) -> str:
    """Returns a query of one value, SQL with Jinja: the microseconds from 1970 to the table's last load."""
    words = f"{{% set this = source('{table.source}', '{table.name}') %}}"
    if table.loaded_at_query:
        inner = table.loaded_at_query
        return f"{words}select unix_micros(cast(max(moment) as timestamp)) from (\n{inner}\n) as asked(moment)"
    kept = f" where {table.freshness['filter']}" if table.freshness.get("filter") else ""
    return f"{words}select unix_micros(cast(max({table.loaded_at_field}) as timestamp)) from {{{{ this }}}}{kept}"


def moment_of(micros: int | None) -> datetime | None:
    """Returns the moment that an age query gives."""
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)


def _ask(
    spark: SparkSession,
    queries: Sequence[tuple[str, str]],
    moments: dict[str, datetime | None],
    failed: dict[str, str],
) -> None:
    """Asks all queries in one job; where that fails, each half of them, down to the ones that are wrong."""
    if not queries:
        return
    text = "\nunion all\n".join(f"select {number}, (\n{sql}\n)" for number, (_, sql) in enumerate(queries))
    try:
        rows = spark.sql(text).collect()
    except Exception as error:
        if len(queries) == 1:
            failed[queries[0][0]] = first_words(error)
            return
        middle = len(queries) // 2
        _ask(spark, queries[:middle], moments, failed)
        _ask(spark, queries[middle:], moments, failed)
        return
    for number, micros in rows:
        moments[queries[number][0]] = moment_of(micros)


def document(freshness: Freshness) -> dict[str, Any]:
    """Returns it as a result of `sources.json`, in dbt's schema."""
    table = freshness.table
    if freshness.loaded_at is None:
        return {"unique_id": table.unique_id, "error": freshness.message, "status": "runtime error"}
    limits = {name: table.freshness.get(name) or {} for name in _LIMITS}
    return {
        "unique_id": table.unique_id,
        "max_loaded_at": freshness.loaded_at.isoformat(),
        "snapshotted_at": freshness.asked_at.isoformat(),
        "max_loaded_at_time_ago_in_s": freshness.age.total_seconds(),
        "status": freshness.status,
        "criteria": {
            **{name: {"count": limit.get("count"), "period": limit.get("period")} for name, limit in limits.items()},
            "filter": table.freshness.get("filter"),
        },
        "adapter_response": {},
        "timing": [],
        "thread_id": "main",
        "execution_time": 0.0,
    }
