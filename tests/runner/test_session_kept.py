"""One Spark for all that a command does: what asks for one after another, within a block that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from runner.cli.session import Command

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.runner.conftest import Write


class Counting(Command):
    """A command whose sessions are those of the tests, and that notes when each is opened and ended."""

    def lend(self, session: SparkSession) -> list[str]:
        self.session, self.noted = session, []
        return self.noted

    @contextmanager
    def _opened(self, *, small: bool, stores: bool) -> Iterator[SparkSession]:
        self.noted.append("opened")
        try:
            yield self.session
        except BaseException as error:
            self.noted.append(type(error).__name__)
            raise
        finally:
            self.noted.append("ended")


@pytest.fixture
def command(write: Write, tiny: dict[str, str]) -> Counting:
    return Counting(target=None, project_dir=write(tiny), variables={})


def test_each_asks_for_its_own_and_one_within_another_shares_it(command: Counting, spark: SparkSession) -> None:
    noted = command.lend(spark)
    with command.spark() as first, command.spark() as second:
        assert first is second is spark
    with command.spark():
        noted.append("again")
    assert noted == ["opened", "ended", "opened", "again", "ended"]


def test_within_a_block_that_keeps_it_there_is_one(command: Counting, spark: SparkSession) -> None:
    noted = command.lend(spark)
    with command.keeping_spark():
        with command.spark():
            noted.append("build")
        with command.spark():
            noted.append("dashboards")
    with command.spark():
        noted.append("later")
    assert noted == ["opened", "build", "dashboards", "ended", "opened", "later", "ended"]


def test_a_block_without_need_of_spark_starts_none(command: Counting, spark: SparkSession) -> None:
    noted = command.lend(spark)
    with command.keeping_spark():
        pass
    assert noted == []


def test_what_stops_a_command_reaches_the_session(command: Counting, spark: SparkSession) -> None:
    noted = command.lend(spark)
    with pytest.raises(KeyboardInterrupt), command.keeping_spark(), command.spark():
        raise KeyboardInterrupt
    assert noted == ["opened", "KeyboardInterrupt", "ended"]
