"""Answers to the queries of dashboards: kept below `target/dashboards` by what they hang on, asked of Spark where none is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.dashboards.questions import Question, question
from runner.errors import NotFoundError, ProjectError
from runner.explain import explain, from_spark
from runner.jinja.render import scrubbed
from runner.project.dashboards import Dashboard, Query
from runner.project.parse import Project
from runner.publishing.journal import of_one_moment
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_ROWS = 5_000
FOLDER = "dashboards"  # below the target folder
_ENDING = ".arrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of a query.

    Attributes:
        columns: its columns in their order, each with all of its values: Python's own, decimals and days among them.
        versions: by name the version of each table that was read.
        asked_at: when Spark was asked, in UTC.
        digest: what it is kept under.
    """

    columns: Mapping[str, Sequence[Any]]
    versions: Mapping[str, int]
    asked_at: datetime
    digest: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str, place: str) -> Sequence[Any]:
        """Returns the values of a column.

        Raises:
            NotFoundError: the query has no such column.
        """
        if name not in self.columns:
            raise NotFoundError(f'{place}: the query has no column "{name}".', name=name, known=self.columns)
        return self.columns[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is known of the queries of dashboards.

    Attributes:
        found: by query its answer.
        missing: by query why there is none.
        rejected: those of them that are wrong: Spark says so, or they show what is sensitive.
        asked: how many Spark was asked for; kept: how many answers were there already.
    """

    found: Mapping[Query, Answer]
    missing: Mapping[Query, str]
    rejected: frozenset[Query] = frozenset()
    asked: int = 0
    kept: int = 0


def find_answers(
    project: Project,
    dashboards: Iterable[Dashboard],
    *,
    now: datetime,
    refused: Mapping[Query, str],
    spark: Callable[[], AbstractContextManager[SparkSession]] | None = None,
    without: str = "its query has not been run. Run it: run docs",
) -> Answers:
    """Returns the answers to all queries of dashboards; see `answers_to`."""
    queries = [query for dashboard in dashboards for panel in dashboard.panels for query in panel.queries]
    return answers_to(project, queries, now=now, refused=refused, spark=spark, without=without)


def answers_to(
    project: Project,
    queries: Iterable[Query],
    *,
    now: datetime,
    refused: Mapping[Query, str],
    spark: Callable[[], AbstractContextManager[SparkSession]] | None = None,
    without: str = "",
) -> Answers:
    """Returns the answers to queries, those that are kept and, with `spark`, all others.

    Args:
        now: the moment, which queries that ask for the time depend on.
        refused: queries that are never asked, with the reason; see `runner.lineage.hidden`.
        spark: opens a session where a query is to be asked; None asks none.
        without: why the answers are missing that are not asked for.
    """
    found: dict[Query, Answer] = {}
    missing: dict[Query, str] = {}
    wanted: dict[Query, Question] = {}
    for query in dict.fromkeys(queries):
        if query in refused:
            missing[query] = refused[query]
            continue
        try:
            asked = question(project, query, now=now)
        except ProjectError as error:
            missing[query] = str(error)
            continue
        kept = _kept(project, asked)
        if kept is None:
            wanted[query] = asked
        else:
            found[query] = kept
    kept_before = len(found)
    if wanted and spark is not None:
        try:
            with spark() as session:
                _ask(project, session, wanted, found, missing, now)
        except ProjectError as error:
            without = str(error)
    rejected = frozenset(query for query in missing if query in wanted or query in refused)
    missing |= {query: without for query in wanted if query not in found and query not in missing}
    return Answers(
        found=found, missing=missing, rejected=rejected, asked=len(wanted) if spark is not None else 0, kept=kept_before
    )


def forget(project: Project, *answers: Answers) -> None:
    """Removes the kept answers that are none of these, and their pictures."""
    kept = {answer.digest for of in answers for answer in of.found.values()}
    for path in _folder(project).glob("[!.]*"):
        if path.is_file() and path.name.partition(".")[0] not in kept:
            path.unlink(missing_ok=True)


def _folder(project: Project) -> Path:
    return project.files.target_folder / FOLDER


def _ask(
    project: Project,
    spark: SparkSession,
    wanted: Mapping[Query, Question],
    found: dict[Query, Answer],
    missing: dict[Query, str],
    now: datetime,
) -> None:
    warehouse = Warehouse(spark, project.warehouse)
    pool = ThreadPoolExecutor(project.files.target.threads)
    running = {query: pool.submit(_rows, warehouse, asked) for query, asked in wanted.items()}
    try:
        for query, asked in wanted.items():
            try:
                table = running[query].result()
                _refuse(query, table)
            except ProjectError as error:
                missing[query] = str(error)
            except Exception as error:
                if not from_spark(error):
                    raise
                missing[query] = scrubbed(explain(error, asked.compiled))
            else:
                _keep(project, asked, table, now)
                found[query] = _answer(table, asked, now)
    finally:
        pool.shutdown(cancel_futures=True)


def _refuse(query: Query, table: Any) -> None:
    """Raises ProjectError where no panel can be made of what a query gives."""
    if len(set(table.column_names)) < len(table.column_names):
        raise ProjectError(f"{query.place}: two columns of the query have one name. Name one of them: as other_name")
    if table.num_rows > MOST_ROWS:
        raise ProjectError(
            f"{query.place}: the query gives more than {MOST_ROWS:,} rows. Aggregate them in the query: "
            "a chart is drawn of few rows."
        )


def _rows(warehouse: Warehouse, asked: Question) -> Any:
    def read() -> Any:
        for ref in asked.tables:
            warehouse.register(ref)
        return warehouse.spark.sql(asked.compiled.sql).limit(MOST_ROWS + 1).toArrow()

    return of_one_moment(warehouse.root, read)[0]


def _keep(project: Project, asked: Question, table: Any, now: datetime) -> None:
    """Writes an answer, whole or not at all; one that holds a secret of the environment is not kept."""
    from pyarrow import OSFile, ipc

    path = _folder(project) / f"{asked.digest}{_ENDING}"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"asked_at": now.isoformat(), "versions": asked.versions}
    kept = table.replace_schema_metadata({"sluice": json.dumps(said)})
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with OSFile(str(partial), "wb") as file, ipc.new_file(file, kept.schema) as writer:
        writer.write_table(kept)
    partial.replace(path)


def _kept(project: Project, asked: Question) -> Answer | None:
    """Returns the kept answer to a question; None where there is none that can be read."""
    path = _folder(project) / f"{asked.digest}{_ENDING}"
    if not path.is_file():
        return None
    from pyarrow import ArrowInvalid, ipc

    with suppress(ArrowInvalid, OSError, KeyError, ValueError), path.open("rb") as file:
        table = ipc.open_file(file).read_all()
        said = json.loads(table.schema.metadata[b"sluice"])
        return _answer(table, asked, datetime.fromisoformat(said["asked_at"]))
    return None


def _answer(table: Any, asked: Question, at: datetime) -> Answer:
    return Answer(columns=dict(_columns(table)), versions=dict(asked.versions), asked_at=at, digest=asked.digest)


def _columns(table: Any) -> Iterator[tuple[str, list[Any]]]:
    for name in table.column_names:
        yield name, table.column(name).to_pylist()
