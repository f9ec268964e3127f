"""What runs in Spark on behalf of a model: named by a tag, given its share, stopped; on classic Spark and on Connect.

Public calls that both kinds of session have. What only a classic session has (`sparkContext`) is asked for here,
in `runner.session.progress` and in `runner.session.spark`, and nowhere else.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, cast

from runner.session.spark import KEPT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_Result = TypeVar("_Result")
_LOCAL = re.compile(r"local(?:-cluster)?\[(\d+|\*)")
_SECONDS_BETWEEN_INTERRUPTIONS = 0.2


_working: dict[int, str] = {}  # what each thread works on


def current() -> str | None:
    """Returns what this thread works on: the pool of `tagged`."""
    return _working.get(threading.get_ident())


def is_connect(spark: SparkSession) -> bool:
    """True for a session of Spark Connect, False for a classic one."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def is_shared(spark: SparkSession) -> bool:
    """True where other commands' sessions see the same names of tables: on a server, and on a Spark that is kept."""
    return is_connect(spark) or spark.conf.get(KEPT, None) is not None


def activate(spark: SparkSession) -> None:
    """Lets what asks for the active session in this thread find this one.

    A session of Connect is active only in the thread that opened it; `pyspark.ml` asks for it wherever it works.
    """
    if is_connect(spark):
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        ConnectSession._set_default_and_active_session(cast(ConnectSession, spark))


@contextmanager
def tagged(spark: SparkSession, tag: str, *, pool: str | None = None) -> Iterator[None]:
    """Gives what this thread runs in Spark a tag, which `interrupt` stops it by, and a share of its own.

    Args:
        tag: a word without a comma.
        pool: the fair scheduler's pool, by which `runner.session.progress` knows the work as well; a session of Connect has no
            pools, its server shares out as it is set.
    """
    _add(spark, tag)
    if pool is not None:
        _working[threading.get_ident()] = pool
        if not is_connect(spark):
            spark.sparkContext.setLocalProperty("spark.scheduler.pool", pool)
            spark.sparkContext.setJobGroup(pool, pool)
    try:
        yield
    finally:
        _working.pop(threading.get_ident(), None)
        with suppress(Exception):  # the server may be gone; what failed before is the news
            spark.removeTag(tag) if is_connect(spark) else spark.sparkContext.removeJobTag(tag)


def started(spark: SparkSession, pool: str) -> int | None:
    """Returns how many jobs Spark has started for a pool of `tagged`; None on Connect, where no client can tell."""
    return None if is_connect(spark) else len(spark.sparkContext.statusTracker().getJobIdsForGroup(pool))


def interrupt(spark: SparkSession, tag: str) -> None:
    """Stops what runs under the tag; what starts a moment later goes on, so call it until the work has ended."""
    with suppress(Exception):  # there may be no server any more: then nothing runs
        if is_connect(spark):
            spark.interruptTag(tag)
        else:
            spark.sparkContext.cancelJobsWithTag(tag)


def interrupt_all(spark: SparkSession) -> None:
    """Stops whatever runs in a Spark of this process, whoever began it."""
    if spark.sparkContext.statusTracker().getActiveJobsIds():
        spark.sparkContext.cancelAllJobs()


def _add(spark: SparkSession, tag: str) -> None:
    if is_connect(spark):
        spark.addTag(tag)
    else:  # a classic session's own tags are known in the thread only that added them; its context's are everywhere
        spark.sparkContext.addJobTag(tag)


def interruptible(spark: SparkSession, tag: str, work: Callable[[], _Result]) -> _Result:
    """Returns what `work` returns, done in a thread of its own, so that Ctrl-C stops what Spark runs for it.

    In the thread that gets the signal, a call to Spark would be torn in the middle, and its answer lost.
    """

    def named() -> _Result:
        with tagged(spark, tag):
            return work()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(named)
        try:
            return future.result()
        except KeyboardInterrupt:
            while not future.done():  # the next job, too
                interrupt(spark, tag)
                wait([future], timeout=_SECONDS_BETWEEN_INTERRUPTIONS)
            raise


def parallelism(spark: SparkSession) -> int:
    """Returns how many tasks run at the same time, as far as the session tells: at least one."""
    if not is_connect(spark):
        return int(spark.sparkContext.defaultParallelism)
    told = spark.conf.get("spark.default.parallelism", None) or spark.conf.get("spark.cores.max", None)
    if told:
        return int(told)
    match = _LOCAL.match(spark.conf.get("spark.master", "") or "")
    if match and match[1] != "*":
        return int(match[1])
    if match:
        return os.cpu_count() or 1
    executors = int(spark.conf.get("spark.executor.instances", None) or 2)
    return executors * int(spark.conf.get("spark.executor.cores", None) or 1)
