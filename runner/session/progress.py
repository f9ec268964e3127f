"""How far Spark is with what a model runs: stages and tasks, on classic Spark and on Connect."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from runner.session.jobs import current, is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The tasks of the stages that a model's present jobs have begun."""

    stages: int
    tasks: int
    done: int

    @property
    def share(self) -> float:
        """Returns how much of the tasks is done, 0 to 1."""
        return self.done / self.tasks if self.tasks else 0.0


class _Stage(Protocol):
    @property
    def num_tasks(self) -> int: ...
    @property
    def num_completed_tasks(self) -> int: ...


class Watch:
    """Knows the progress of each pool's work (see `runner.session.jobs.tagged`) in one session, until it is closed."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._told: dict[str, Progress] = {}
        self._lock = threading.Lock()
        if is_connect(spark):
            spark.registerProgressHandler(self._handle)

    def close(self) -> None:
        if is_connect(self._spark):
            with suppress(Exception):  # another command of this process may have removed it
                self._spark.removeProgressHandler(self._handle)

    def of(self, pool: str) -> Progress | None:
        """Returns how far the pool's present jobs are; None where it has none."""
        if is_connect(self._spark):
            with self._lock:
                return self._told.get(pool)
        with suppress(Exception):  # the display must not stop a run; Spark may be ending
            return self._ask(pool)
        return None

    def _ask(self, pool: str) -> Progress | None:
        tracker = self._spark.sparkContext.statusTracker()
        active = set(tracker.getActiveJobsIds())
        stages = []
        for job in tracker.getJobIdsForGroup(pool):
            found = tracker.getJobInfo(job) if job in active else None
            stages += [tracker.getStageInfo(stage) for stage in (found.stageIds if found else ())]
        known = [stage for stage in stages if stage is not None and stage.numTasks]
        return _sum((stage.numTasks, stage.numCompletedTasks) for stage in known)

    def _handle(self, stages: Iterable[_Stage] | None, inflight_tasks: int, operation_id: Any, done: bool) -> None:
        """Takes what the server says; it is called in the thread that waits for the operation."""
        pool = current()
        if pool is None:
            return
        found = None if done or stages is None else _sum((one.num_tasks, one.num_completed_tasks) for one in stages)
        with self._lock:
            if found is None:
                self._told.pop(pool, None)
            else:
                self._told[pool] = found


def _sum(stages: Iterable[tuple[int, int]]) -> Progress | None:
    counted = list(stages)
    if not counted:
        return None
    return Progress(stages=len(counted), tasks=sum(one[0] for one in counted), done=sum(one[1] for one in counted))
