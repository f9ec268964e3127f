"""What Spark runs under a tag, and how it is stopped."""

from __future__ import annotations

import _thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from runner.jobs import interrupt, interruptible, is_connect, parallelism, tagged

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
