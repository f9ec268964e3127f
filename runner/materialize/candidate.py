"""A candidate as a value: what a node would publish, and where it lies until then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import delta
from runner.batches import BatchResults
from runner.compile import Compiled
from runner.delta import AS_IT_IS, Details
from runner.jinja.database import Database
from runner.model import Model
from runner.project.parse import Project
from runner.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A node to be built, and what building it may ask for.

    Attributes:
        incremental: True where the published table is gone on with.
        is_trial: True where nothing will be published: no hook runs that changes another table.
        window: start and end of a backfill; None where none is asked for.
        stopped: says whether somebody has stopped the run.
        database: answers for hooks and batches whose templates ask the warehouse.
        relations: names that stand for inputs of a Python model instead of their tables, as `compile_model` takes them.
    """

    warehouse: Warehouse
    project: Project
    compiled: Compiled
    incremental: bool
    is_trial: bool = False
    window: tuple[datetime | None, datetime | None] = (None, None)
    database: Database | None = None
    stopped: Callable[[], bool] = lambda: False
    relations: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        return self.compiled.model

    @property
    def is_incremental(self) -> bool:
        """What `is_incremental()` says to the node's templates."""
        return self.incremental and self.model.config.materialized == "incremental"

    @property
    def table(self) -> Path:
        """Where the published table lies."""
        return self.warehouse.path(self.model.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook that runs once the node is published.

    Attributes:
        text: its SQL; its template where that has to be rendered then.
    """

    text: str
    is_template: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a node would publish.

    Attributes:
        frame: the candidate's rows as readers would see them.
        path: its Delta table; None for a view.
        read_version: the published version it started from; None where there is none.
        since: only what the candidate's log holds after this version is published; None for all of it.
        rows: rows in the candidate; None for a view, which nobody counted.
        details: what the table will say of itself.
        after: the hooks that run once it is published.
        unchanged: True where it is what is published already: nothing is committed.
        batches: what became of a microbatch model's batches.
    """

    compiled: Compiled
    frame: DataFrame
    path: Path | None
    read_version: int | None
    rows: int | None
    since: int | None = None
    details: Details = AS_IT_IS
    after: tuple[Hook, ...] = ()
    unchanged: bool = False
    batches: BatchResults | None = None

    @property
    def model(self) -> Model:
        return self.compiled.model


def withhold(candidate: Candidate) -> None:
    """Leaves the failed candidate for a look at it; the next build of the model removes it."""
    if candidate.path is not None:
        (candidate.path / "_withheld").write_text(json.dumps({"model": candidate.model.name}), encoding="utf-8")


def discard(candidate: Candidate) -> None:
    """Removes the candidate."""
    if candidate.path is not None:
        delta.discard(candidate.path)


def clear_withheld(table: Path) -> None:
    """Removes the candidates of the table that earlier builds withheld."""
    for mark in table.glob("candidate-*/_withheld"):
        delta.discard(mark.parent)


@contextmanager
def staged(work: Work, frame: DataFrame) -> Iterator[DataFrame]:
    """Writes a frame aside, so that what reads it several times computes it once; removes it at the end."""
    path = delta.new_candidate(work.table)
    try:
        frame.write.format("delta").save(str(path))
        yield work.warehouse.read(path)
    finally:
        delta.discard(path)
