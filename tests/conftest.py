"""One Spark session for the run of tests; tests that use it are marked `spark` by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A real local Spark with Delta, set for small data."""
    from runner.spark import spark_session

    session = spark_session(
        "tests",
        scratch=tmp_path_factory.mktemp("spark"),
        master="local[2]",
        settings={"spark.driver.memory": "2g"},
        small=True,
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return Path(__file__).resolve().parent.parent
