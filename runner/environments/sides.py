"""The two sides of a diff as frames: a published version, another target's table, a candidate, the SQL as edited."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runner import delta, materialize
from runner.compile import compile_model, inputs_of
from runner.environments.compare import Comparison, Leniency, compare
from runner.environments.history import previous_version, version_named
from runner.environments.places import elsewhere, find_node, key_of, relocated
from runner.errors import ProjectError
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.warehouse import MissingTableError, Warehouse, exists, is_view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is compared.

    Attributes:
        version: the older side is this version of the published table; by default the one before the newest.
        other: the older side is the table of this project, opened on another target.
        candidate: the newer side is the candidate that was withheld; where there is none, as `edited`.
        edited: the newer side is what the SQL gives as it is in the file, over what is published; nothing is published.
    """

    version: int | None = None
    other: Project | None = None
    candidate: bool = False
    edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """A comparison, and what was compared."""

    name: str
    before: str
    after: str
    comparison: Comparison


@dataclass(slots=True)
class Differ:
    """Compares tables of one project in one Spark session. Use as a context: what it wrote in scratch goes at the end."""

    project: Project
    spark: SparkSession
    leniency: Leniency = field(default_factory=Leniency)
    keyless: bool = False
    _word: str = field(default_factory=lambda: f"scratch_{uuid.uuid4().hex[:8]}")

    def __enter__(self) -> Differ:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def _scratch(self) -> Path:
        return self.project.files.target_folder / "scratch" / self._word

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.spark, self.project.warehouse)

    def diff(self, name: str, wanted: Wanted, *, key: Sequence[str] = ()) -> Diff:
        """Compares the two sides of one table.

        Raises:
            ProjectError: one of the sides does not exist.
        """
        node = find_node(self.project, name)
        with self._newer(node, wanted) as (after, frame):
            before, older = self._older(node, wanted)
            found = compare(older, frame, self._key(node, key), leniency=self.leniency)
        return Diff(name=node.label, before=before, after=after, comparison=found)

    def downstream(self, name: str, wanted: Wanted, among: Sequence[str]) -> Iterator[Diff]:
        """Builds what depends on a table over its newer side, in scratch, and compares each with what is published.

        Args:
            among: the unique ids of the descendants to build, parents first.
        """
        node = find_node(self.project, name)
        moved: dict[str, TableRef] = {}
        warehouse = self.warehouse
        with self._newer(node, wanted) as (_, frame):
            moved[node.unique_id] = self._write(node.table, frame)
        for unique_id in among:
            below = self.project.buildable[unique_id]
            if below.config.materialized == "ephemeral" or not exists(below.table.path(self.project.warehouse)):
                continue
            if below.language != "sql":
                continue
            frame = self._query(relocated(self.project, moved), below, warehouse)
            moved[unique_id] = self._write(below.table, frame)
            found = compare(
                warehouse.frame(below.table),
                warehouse.frame(moved[unique_id]),
                self._key(below),
                leniency=self.leniency,
            )
            yield Diff(name=below.label, before="published", after="rebuilt in scratch", comparison=found)

    def _key(self, node: Model | SourceTable, given: Sequence[str] = ()) -> Sequence[str]:
        return () if self.keyless else given or key_of(node)

    def _write(self, ref: TableRef, frame: DataFrame) -> TableRef:
        folder = self._scratch / ref.schema / ref.name
        frame.write.format("delta").save(str(folder))
        return TableRef(f"{self._word}__{ref.schema}", ref.name, folder=folder)

    def _query(self, project: Project, model: Model, warehouse: Warehouse) -> DataFrame:
        for ref in inputs_of(project, model):
            warehouse.register(ref)
        return self.spark.sql(compile_model(project, model, is_incremental=False).sql)

    def _older(self, node: Model | SourceTable, wanted: Wanted) -> tuple[str, DataFrame]:
        if wanted.other is not None:
            target = wanted.other.files.target
            theirs = find_node(wanted.other, node.label).table
            ref = elsewhere(theirs, prefix=f"in_{target.name}", warehouse=wanted.other.warehouse)
            try:
                return target.name, self.warehouse.frame(ref)
            except MissingTableError as error:
                raise ProjectError(
                    f"{node.label} has not been built in {target.name} ({theirs}). "
                    f"Build it: run models --target {target.name} --select {node.label}"
                ) from error
        self._check_built(node)
        path = node.table.path(self.project.warehouse)
        if wanted.version is None and (wanted.candidate or wanted.edited):
            return "published", self.warehouse.frame(node.table)
        if is_view(path):
            raise ProjectError(
                f"{node.label} is a view: it holds no versions of its rows. "
                "Compare with another target (--with-target), or with its SQL as edited (--edited)."
            )
        one = (
            previous_version(node.label, path)
            if wanted.version is None
            else version_named(node.label, path, wanted.version)
        )
        frame = self.spark.read.format("delta").option("versionAsOf", one.version).load(str(path))
        return f"version {one.version}", frame

    def _check_built(self, node: Model | SourceTable) -> None:
        if exists(node.table.path(self.project.warehouse)):
            return
        if isinstance(node, SourceTable):
            raise ProjectError(f"{node.label} has not been landed. Land it: run ingest {node.label}")
        raise ProjectError(f"{node.label} has not been built. Build it: run models --select +{node.label}")

    @contextmanager
    def _newer(self, node: Model | SourceTable, wanted: Wanted) -> Iterator[tuple[str, DataFrame]]:
        path = node.table.path(self.project.warehouse)
        withheld = withheld_candidate(path)
        if wanted.candidate and not wanted.edited and withheld is not None:
            yield "withheld candidate", self.warehouse.read(withheld)
            return
        if not (wanted.candidate or wanted.edited):
            self._check_built(node)
            version = None if is_view(path) else delta.version(path)
            yield (
                f"version {version}" if version is not None else self.project.files.target.name,
                self.warehouse.frame(node.table),
            )
            return
        if isinstance(node, SourceTable):
            raise ProjectError(f"{node.label} is landed, not built: it has no candidate. Compare its versions.")
        incremental = materialize.goes_on(node, self.project.warehouse, full_refresh=False)
        if not incremental:
            yield "as edited", self._query(self.project, node, self.warehouse)
            return
        warehouse = self.warehouse
        for ref in [*inputs_of(self.project, node), node.table]:
            warehouse.register(ref)
        compiled = compile_model(self.project, node, is_incremental=True)
        work = materialize.Work(
            warehouse=warehouse, project=self.project, compiled=compiled, incremental=True, is_trial=True
        )
        candidate = materialize.make_candidate(work)
        try:
            yield "as edited", candidate.frame
        finally:
            materialize.discard(candidate)


def withheld_candidate(path: Path) -> Path | None:
    """Returns the newest candidate that failed its checks and was kept for a look at it."""
    marks = sorted(path.glob("candidate-*/_withheld"), key=lambda mark: mark.stat().st_mtime)
    return marks[-1].parent if marks else None
