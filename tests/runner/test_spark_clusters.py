"""The same project on a Spark standalone cluster and on a Spark Connect server, by its target alone.

A master and two workers, and a Connect server, are started from the installed pyspark. None of them has our packages on
its path: what the data sources need reaches the executors with the session.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

Write = Callable[[Mapping[str, str]], Path]
PROGRAM = "from runner.cli.commands import script; script()"
BIN = Path(pyspark.__file__).parent / "bin"
ORDERS = [{"order_id": number, "total": f"{number}.50"} for number in range(1, 301)]
SMALL = "spark.executor.memory: 600m, spark.sql.shuffle.partitions: '2', spark.cores.max: '2'"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def processes(folder: Path, *commands: list[str], memory: str = "400m") -> Iterator[list[Path]]:
    """Runs servers of Spark with a log each, and ends them."""
    folder.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARK_HOME")}
    environment |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": memory}
    logs = [folder / f"{number}.log" for number in range(len(commands))]
    running = []
    try:
        for command, log in zip(commands, logs, strict=True):
            with log.open("w") as out:
                running.append(
                    subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
                )
        yield logs
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture
def shop(write: Write, tiny: dict[str, str], tmp_path: Path) -> Callable[[str], Path]:
    """Writes the project with one target, and its orders in two files."""

    def write_shop(target: str) -> Path:
        tiny["project.yml"] = tiny["project.yml"].replace("{warehouse: warehouse, schema: marts}", target)
        tiny["sources.yml"] = tiny["sources.yml"].replace(
            "key: [order_id]", 'key: [order_id]\n                files: "orders*.json"'
        )
        root = write(tiny)
        raw = root / "data/raw"
        raw.mkdir(parents=True)
        for number, part in enumerate((ORDERS[:150], ORDERS[150:])):
            (raw / f"orders{number}.json").write_text("".join(json.dumps(order) + "\n" for order in part))
        return root

    return write_shop


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments, "--project-dir", str(root)],
        capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip


def check_build(root: Path) -> None:
    """Lands and builds; looks at the table without Spark; builds again what changed; asks where data sources ran."""
    built = run(root, "build")
    assert built.returncode == 0, built.stderr
    shown = run(root, "show", "totals", "--output", "json")
    assert json.loads(shown.stdout) == {"order_count": 300, "revenue": "45300.00"}
    wrong = root / "models/totals.sql"
    wrong.write_text("select count(*) as order_count, sum(totl) as revenue from {{ ref('stg_orders') }}")
    failed = run(root, "models")
    assert failed.returncode == 1
    assert (
        "models/totals.sql:1: A column, variable, or function parameter with name `totl` cannot be resolved."
        in failed.stderr
    )
    assert "Did you mean one of the following?" in failed.stderr


@pytest.mark.spark
def test_a_standalone_cluster_with_two_workers(shop: Callable[[str], Path], tmp_path: Path) -> None:
    port = free_port()
    deploy = [str(BIN / "spark-class"), "org.apache.spark.deploy"]
    master = [deploy[0], f"{deploy[1]}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    worker = [deploy[0], f"{deploy[1]}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "700m"]
    worker += ["--webui-port", "0", f"spark://127.0.0.1:{port}"]
    root = shop(
        f"{{warehouse: warehouse, schema: marts, master: 'spark://127.0.0.1:{port}', "
        f"spark: {{{SMALL}, spark.driver.host: 127.0.0.1, spark.driver.bindAddress: 127.0.0.1, spark.driver.memory: 1g}}}}"
    )
    workers = [[*worker[:-1], "--work-dir", str(tmp_path / f"work{number}"), worker[-1]] for number in (1, 2)]
    with processes(tmp_path / "cluster", master, *workers) as logs:
        wait_for(port, logs[0])
        check_build(root)
        executors = [path for number in (1, 2) for path in (tmp_path / f"work{number}").glob("app-*/*/stderr")]
        assert {path.parts[-4] for path in executors} == {"work1", "work2"}
        given = [
            path for number in (1, 2) for path in (tmp_path / f"work{number}").glob("app-*/*/sluice-packages-*.zip")
        ]
        assert given, "the executors got no packages"


@pytest.mark.spark
def test_a_spark_connect_server(shop: Callable[[str], Path], tmp_path: Path) -> None:
    from runner.session.spark import delta_jars

    port = free_port()
    settings = {
        "spark.connect.grpc.binding.port": str(port),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(tmp_path / "spark-warehouse"),
        "spark.ui.enabled": "false",
    }
    server = [str(BIN / "spark-submit"), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    server += ["--master", "local[2]", "--jars", ",".join(map(str, delta_jars()))]
    server += [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    root = shop(
        f"{{warehouse: warehouse, schema: marts, remote: 'sc://127.0.0.1:{port}', "
        "spark: {spark.sql.shuffle.partitions: '2'}}"
    )
    with processes(tmp_path / "server", server, memory="1g") as logs:
        wait_for(port, logs[0])
        check_build(root)
        project = root / "project.yml"
        project.write_text(project.read_text().replace("spark.sql.shuffle.partitions: '2'", "spark.driver.memory: 2g"))
        refused = run(root, "sql", "select 1")
        assert (refused.returncode, refused.stderr) == (
            2,
            f'run: the Spark Connect server at sc://127.0.0.1:{port} takes no "spark.driver.memory" from a session. '
            "Give it where the server is started, and take it out of the target.\n",
        )


def test_a_connect_server_that_is_not_there(shop: Callable[[str], Path]) -> None:
    port = free_port()
    root = shop(f"{{warehouse: warehouse, schema: marts, remote: 'sc://127.0.0.1:{port}'}}")
    result = run(root, "sql", "select 1")
    assert result.returncode == 2
    assert result.stderr.startswith(f"run: the Spark Connect server at sc://127.0.0.1:{port} does not answer: ")
    assert result.stderr.endswith(' Start it, or change the target\'s "remote".\n')
    assert len(result.stderr.splitlines()) == 1
