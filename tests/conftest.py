"""One Spark session, one HBase and one MongoDB for the run of tests; tests that use Spark, dbt or a browser are marked by themselves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from services.hbase import HBase
    from services.mongodb import MongoDB

os.environ.setdefault("SLUICE_SESSION", "cold")  # at a terminal, too: what a test leaves must not stay
# What begins in the background ignores Ctrl-C, and so do its children; tests send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class GivenMongoDB:
    """The real MongoDB that MONGO_TEST_URI names: others' to start and stop."""

    uri: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_most_seconds, reverse=True)  # what begins last is waited for alone
    for item in items:
        for name in ("spark", "dbt", "browser"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(getattr(pytest.mark, name))


def _most_seconds(item: pytest.Item) -> float:
    """Returns the timeout that a file sets itself; 0 where it takes the usual one."""
    marks = getattr(item.getparent(pytest.Module), "own_markers", [])
    return max((float(mark.args[0]) for mark in marks if mark.name == "timeout"), default=0.0)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A real local Spark with Delta, set for small data."""
    from runner.session.spark import spark_session

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
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDB | GivenMongoDB]:
    """A MongoDB-protocol server: the emulator, or the real one that MONGO_TEST_URI names. Use a database of your own."""
    if uri := os.environ.get("MONGO_TEST_URI"):
        yield GivenMongoDB(uri)
        return
    from services.mongodb import MongoDB

    server = MongoDB(tmp_path_factory.mktemp("mongodb"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def hbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HBase]:
    """A real HBase on free ports. Use a table prefix of your own."""
    from services.hbase import HBase

    server = HBase(tmp_path_factory.mktemp("hbase"))
    server.start()
    yield server
    server.kill()  # its data go with the folder


@pytest.fixture(scope="session")
def dbt() -> Path:
    """The executable of dbt Core 1.11 with dbt-spark's session method, to compare with; its Python stands beside it.

    It lives in an environment of its own in the cache (`scripts/dbt-environment`, pinned in tests/dbt/requirements.lock),
    made on first use. It holds the same pyspark as the project, which dbt-spark takes, and Delta through
    `spark.jars` (`runner.session.spark.delta_jars`) in SPARK_CONF_DIR or PYSPARK_SUBMIT_ARGS.
    """
    script = Path(__file__).resolve().parent.parent / "scripts" / "dbt-environment"
    done = subprocess.run(
        [script], env={**os.environ, "PYTHON": sys.executable}, stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def browser() -> tuple[Path, str]:
    """The Python of tests/browser's own environment, and a Chromium, which comes with the system and not with Python.

    Tests are left out where there is none; CI installs one.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        assert not os.environ.get("CI"), "CI has no Chromium: .ci/run installs one"
        pytest.skip("there is no Chromium. Install one (Debian: apt-get install chromium), or name it in CHROMIUM.")
    script = Path(__file__).resolve().parent.parent / "scripts" / "side-environment"
    settings = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run([script, "browser"], env=settings, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip()) / "bin" / "python", program


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return Path(__file__).resolve().parent.parent
