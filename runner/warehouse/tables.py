"""The warehouse as a Spark session sees it: tables and published views, registered in its catalog on demand."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.at_hand import Collected, Files
from runner import delta
from runner.errors import ProjectError
from runner.names import TableRef
from runner.session.jobs import is_shared
from runner.warehouse.views import VIEW, is_view, read_view, renamed, view_as_named

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_ONE_PARTITION = 8 * 2**20  # bytes of files
_IN_PROCESS = 512 * 2**20  # bytes of files; above, Spark's many tasks are the faster way
_COLLECTED = 16 * 2**20  # bytes of files that a view reads; above, its rows are too many to be handed over
_KIND = re.compile(r"^Type: (\w+)$", re.MULTILINE)
_PLACE = re.compile(r"^Location: file:(?://)?(/.*)$", re.MULTILINE)


class MissingTableError(ProjectError):
    """A table that nobody has built or landed yet.

    Attributes:
        ref: the table's name.
    """

    def __init__(self, ref: TableRef) -> None:
        self.ref = ref
        super().__init__(f"{ref} has not been built yet.")


def standing(spark: SparkSession, schema: str) -> dict[TableRef, str]:
    """Returns what is registered in a schema already: of a table its place, of a view `view.json`.

    The catalog of a Spark of one's own is empty at its start. That of a shared one is everybody's: what another command
    reads must not be dropped and made anew.
    """
    if not is_shared(spark):
        return {}
    found = {}
    for row in spark.sql(f"show table extended in `{schema}` like '*'").collect():
        kind, place = _KIND.search(row.information), _PLACE.search(row.information)
        if kind and not row.isTemporary:
            found[TableRef(schema, row.tableName)] = VIEW if kind[1] == "VIEW" else place[1] if place else ""
    return found


class Warehouse:
    """The tables under one folder, in one Spark session.

    Args:
        spark: the session.
        root: the warehouse's folder.
        at_hand: whether checks may compute what they ask of small tables in this process; see `here`.
    """

    def __init__(self, spark: SparkSession, root: Path, *, at_hand: bool = True) -> None:
        self.spark = spark
        self.root = root
        self._at_hand = at_hand
        self._registered: set[TableRef] = set()
        self._schemas: set[str] = set()
        self._standing: dict[TableRef, str] = {}
        self._lock = threading.RLock()
        self._word = f"rows_{uuid.uuid4().hex[:8]}"
        self._names: dict[TableRef, str] = {}
        self._read: dict[Path, tuple[delta.PlainFiles, DataFrame]] = {}
        self._asked: dict[str, tuple[list[DataFrame | None], DataFrame | None]] = {}
        self._here: list[tuple[DataFrame, Files | Collected, int]] = []  # with the bytes of files

    def path(self, ref: TableRef) -> Path:
        return ref.path(self.root)

    def register(self, ref: TableRef, *, again: bool = False) -> None:
        """Makes the published table or view known to the session's catalog under its name.

        Args:
            again: also where it is known already: after a view was published anew.

        Raises:
            MissingTableError: nothing is published under that name.
        """
        with self._lock:
            if ref in self._registered and not again:
                return
            path = self.path(ref)
            if ref.schema not in self._schemas:
                self.spark.sql(f"create schema if not exists `{ref.schema}`")
                self._schemas.add(ref.schema)
                self._standing |= standing(self.spark, ref.schema)
            if is_view(path):
                sql, inputs = view_as_named(ref, read_view(path))
                for other in inputs:
                    self.register(other)
                self._define(ref, sql, comments=read_view(path)["metadata"].get("comments") or {})
            elif ref.version is not None and delta.is_table(path):
                self._define(ref, f"select * from delta.`{path.absolute()}` version as of {ref.version}")
            elif delta.is_table(path):
                if ref in self._registered:
                    return  # the session reads each new version of a table by itself
                if self._standing.get(ref) != str(path.absolute()):
                    self._forget(ref)
                    self.spark.sql(f"create table if not exists {ref.quoted()} using delta location '{_literal(path)}'")
                    self._standing[ref] = str(path.absolute())
            else:
                raise MissingTableError(ref)
            self._registered.add(ref)

    def define(self, ref: TableRef, sql: str) -> None:
        """Makes a query known to the session under a name; nothing is published."""
        with self._lock:
            self.spark.sql(f"create schema if not exists `{ref.schema}`")
            self._define(ref, sql)
            self._registered.add(ref)

    def frame(self, ref: TableRef) -> DataFrame:
        """Returns the published table as a frame; see `register`."""
        self.register(ref)
        path = self.path(ref)
        if ref.version is None and is_view(path):
            query = self.query(*view_as_named(ref, read_view(path)))
            return query if query is not None else self.spark.table(ref.quoted())
        stands = ref.version is None and delta.is_table(path)  # else it is known to this session alone
        return self.rows(path) if stands else self.spark.table(ref.quoted())

    def read(self, path: Path) -> DataFrame:
        """Returns the Delta table at a path, e.g. a candidate."""
        return self.spark.read.format("delta").load(str(path))

    def rows(self, path: Path) -> DataFrame:
        """Returns the rows of the Delta table at a path as they are now, to be asked several times.

        For each query of a table Delta asks the table's log by a Spark job, which costs more than a small table does:
        where reading its files is all that it takes, they are read. A few megabytes are one partition, so that nothing
        that is asked of them has to be exchanged between tasks.
        """
        plain = delta.plain_files(path)
        return self.read(path) if plain is None else self._rows(path, plain)

    def _rows(self, path: Path, plain: delta.PlainFiles) -> DataFrame:
        from pyspark.sql.types import StructType

        with self._lock:
            known = self._read.get(path)
            if known is not None and known[0] == plain:
                return known[1]
        schema = StructType.fromJson(json.loads(plain.schema))
        frame = self.spark.read.schema(schema).parquet(*map(str, plain.files))
        frame = frame.coalesce(1) if plain.size <= _ONE_PARTITION else frame
        with self._lock:
            self._read[path] = plain, frame
            self._know(frame, plain.size, Files(plain.files, _types(frame)), _IN_PROCESS)
        return frame

    def here(self, frame: DataFrame) -> Files | Collected | None:
        """Returns the rows of a frame of `rows` or `query` where they are at hand on this machine and not too many."""
        with self._lock:
            return next((found for known, found, _ in self._here if known is frame), None)

    def all_here(self, frames: Mapping[str, DataFrame]) -> dict[str, Files | Collected]:
        """Returns those of several frames, by their names, whose rows are at hand; see `here`."""
        return {name: found for name, frame in frames.items() if (found := self.here(frame)) is not None}

    def _know(self, frame: DataFrame, size: int, found: Files | Collected, most: int) -> None:
        if self._at_hand and size <= most and self._is_utc():
            self._here.append((frame, found, size))

    def _size(self, frame: DataFrame) -> int:
        """Returns the bytes of files that a frame reads; too many where nobody knows."""
        return next((size for known, _, size in self._here if known is frame), _IN_PROCESS)

    def _is_utc(self) -> bool:
        return self.spark.conf.get("spark.sql.session.timeZone") == "UTC"

    def query(self, sql: str, inputs: Sequence[TableRef]) -> DataFrame | None:
        """Returns a query over published tables as they are now, to be asked several times; see `rows`.

        Args:
            sql: names no other tables than `inputs`.

        Returns:
            None where one of the tables is not to be read by its files alone, or the query does not take other names.
        """
        from pyspark.errors import AnalysisException

        frames = [self._by_files(ref) for ref in inputs]
        if not frames or None in frames:
            return None
        with self._lock:
            read, query = self._asked.get(sql, (None, None))
            if read == frames:
                return query
            words = {ref: self._names.setdefault(ref, f"{self._word}_{len(self._names)}") for ref in inputs}
            for word, frame in zip(words.values(), frames, strict=True):
                assert frame is not None
                frame.createOrReplaceTempView(word)
            try:
                query = self.spark.sql(renamed(sql, {str(ref): word for ref, word in words.items()}))
            except AnalysisException:  # it names a table's column by the table's name, for example
                query = None
            self._asked[sql] = frames, query
            if query is not None:
                size = sum(self._size(frame) for frame in frames if frame is not None)
                self._know(query, size, Collected(_types(query), partial(_rows_of, query)), _COLLECTED)
            return query

    def _by_files(self, ref: TableRef) -> DataFrame | None:
        path = self.path(ref)
        if ref.version is not None:
            return None
        if is_view(path):
            return self.query(*view_as_named(ref, read_view(path)))
        plain = delta.plain_files(path) if delta.is_table(path) else None
        return self._rows(path, plain) if plain is not None else None

    def clone(self, ref: TableRef, candidate: Path) -> None:
        """Makes `candidate` a shallow clone of the published table: a log that refers to the same files."""
        name = f"`{ref.schema}`.`{candidate.name.replace('-', '_')}`"
        self.spark.sql(
            f"create table {name} shallow clone delta.`{self.path(ref).absolute()}` location '{_literal(candidate)}'"
        )
        with self._lock:
            self.spark.sql(f"drop table {name}")  # the name only: a table with a location keeps its files

    def _define(self, ref: TableRef, sql: str, *, comments: Mapping[str, Any] | None = None) -> None:
        if self._standing.get(ref) != VIEW:
            self._forget(ref)
        said = self._said(sql, comments) if comments else ""
        self.spark.sql(f"create or replace view {ref.quoted()}{said} as {sql}")
        self._standing[ref] = VIEW

    def _said(self, sql: str, comments: Mapping[str, Any]) -> str:
        """Returns what stands between a view's name and its query: the comments of its columns, and its own."""
        of = comments.get("columns") or {}
        names = self.spark.sql(sql).columns if of else []
        columns = [f"`{name}`" + (f" comment {_text(of[name])}" if name in of else "") for name in names]
        listed = f" ({', '.join(columns)})" if columns else ""
        return listed + (f" comment {_text(comments['relation'])}" if comments.get("relation") else "")

    def _forget(self, ref: TableRef) -> None:
        from pyspark.errors import AnalysisException

        for kind in ("view", "table"):
            try:
                self.spark.sql(f"drop {kind} if exists {ref.quoted()}")
            except AnalysisException as error:
                if error.getCondition() != "WRONG_COMMAND_FOR_OBJECT_TYPE":  # it is of the other kind
                    raise


def _types(frame: DataFrame) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}


def _rows_of(frame: DataFrame, columns: Sequence[str]) -> pa.Table:
    return frame.select(*("`" + column.replace("`", "``") + "`" for column in columns)).toArrow()


def _literal(path: Path) -> str:
    return _escaped(str(path.absolute()))


def _text(value: str) -> str:
    return f"'{_escaped(value)}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
