"""What Spark runs under a tag, and how it is stopped."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from runner.session.jobs import interrupt, interruptible, is_connect, parallelism, tagged
from runner.session.progress import Watch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def forever(spark: SparkSession) -> int:
    """Counts for hours, in one task: the other core is free."""
    rows = spark.range(0, 10**14, numPartitions=1).selectExpr("sum(id % 7) as total").collect()
    return int(rows[0].total)


def tagged_count(spark: SparkSession, tag: str) -> int:
    with tagged(spark, tag, pool=tag):
        return spark.range(0, 1000, numPartitions=1).count()


def tagged_forever(spark: SparkSession, tag: str) -> int:
    with tagged(spark, tag, pool=tag):
        return forever(spark)


def test_an_interruption_stops_what_has_the_tag_and_nothing_else(spark: SparkSession) -> None:
    with ThreadPoolExecutor(2) as pool:
        endless = pool.submit(tagged_forever, spark, "endless")
        try:
            interrupt(spark, "another")
            assert pool.submit(tagged_count, spark, "short").result(timeout=60) == 1000
            assert not endless.done()
        finally:
            _stop(spark, "endless", endless)
        with pytest.raises(Exception, match=r"cancelled|canceled"):
            endless.result()


def _stop(spark: SparkSession, tag: str, future: Future[int]) -> None:
    deadline = time.monotonic() + 60
    while not future.done() and time.monotonic() < deadline:
        interrupt(spark, tag)
        time.sleep(0.2)


def test_a_tag_is_gone_afterwards(spark: SparkSession) -> None:
    with tagged(spark, "once"):
        assert set(spark.sparkContext.getJobTags()) == {"once"}
    assert set(spark.sparkContext.getJobTags()) == set()


def test_ctrl_c_stops_what_spark_runs(spark: SparkSession) -> None:
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(1.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interruptible(spark, "work", lambda: forever(spark))
    assert time.monotonic() - started < 60
    assert interruptible(spark, "work", lambda: spark.range(5).count()) == 5


def test_a_classic_session_tells_its_cores(spark: SparkSession) -> None:
    assert is_connect(spark) is False
    assert parallelism(spark) == 2


def test_the_progress_of_a_pool_is_known_while_it_works(spark: SparkSession) -> None:
    watch = Watch(spark)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(tagged_forever, spark, "watched")
        deadline = time.monotonic() + 60
        while (progress := watch.of("watched")) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        _stop(spark, "watched", future)
    assert progress is not None
    assert (progress.tasks >= 1, progress.done, progress.share) == (True, 0, 0.0)
    assert watch.of("watched") is None
    assert watch.of("other") is None
