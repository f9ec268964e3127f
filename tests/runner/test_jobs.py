"""What Spark runs under a tag, and how it is stopped."""

from __future__ import annotations

import _thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from runner.jobs import interrupt, interruptible, is_connect, parallelism, tagged
from runner.progress import Watch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def forever(spark: SparkSession) -> int:
    return int(spark.range(10**15).selectExpr("sum(id % 7) as total").collect()[0].total)


def test_an_interruption_stops_what_has_the_tag_and_nothing_else(spark: SparkSession) -> None:
    def run(tag: str, rows: int) -> int:
        with tagged(spark, tag, pool=tag):
            return int(spark.range(rows).selectExpr("count(distinct id % 1000) as n").collect()[0].n)

    with ThreadPoolExecutor(2) as pool:
        endless, short = pool.submit(run, "endless", 10**14), pool.submit(run, "short", 10**6)
        assert short.result(timeout=120) == 1000
        assert not endless.done()
        interrupt(spark, "endless")
        with pytest.raises(Exception, match=r"cancelled|canceled"):
            endless.result(timeout=60)


def test_a_tag_is_gone_afterwards(spark: SparkSession) -> None:
    with tagged(spark, "once"):
        assert spark.getTags() == {"once"}
    assert spark.getTags() == set()


def test_ctrl_c_stops_what_spark_runs(spark: SparkSession) -> None:
    threading.Timer(1.5, _thread.interrupt_main).start()
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

    def run() -> None:
        with tagged(spark, "watched", pool="model.watched"):
            spark.range(0, 10**14, numPartitions=7).selectExpr("count(distinct id % 1000) as n").collect()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        deadline = time.monotonic() + 60
        while (progress := watch.of("model.watched")) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        interrupt(spark, "watched")
        with pytest.raises(Exception, match=r"cancelled|canceled"):
            future.result(timeout=60)
    assert progress is not None
    assert (progress.tasks >= 7, progress.done, progress.share) == (True, 0, 0.0)
    assert watch.of("model.watched") is None
    assert watch.of("model.other") is None
