"""The one place that finds Java, fetches Delta's jars and starts Spark, or connects to one that runs."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import MachineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA_PACKAGE = "io.delta:delta-spark_4.1_2.13:4.4.0"
_DELTA_JARS = ("delta-spark_4.1_2.13-4.4.0.jar", "delta-storage-4.4.0.jar")
_LEAST_JAVA = 17


def cache_folder() -> Path:
    """Returns the folder for what is fetched once: `$SLUICE_CACHE`, else `sluice` in the user's cache folder."""
    if own := os.environ.get("SLUICE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice"


def java_version() -> int:
    """Returns the major version of the Java that Spark will use.

    Raises:
        MachineError: Java is missing or older than Spark 4 takes.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    advice = "Install Java 17 or 21 (Debian, Ubuntu: `apt-get install openjdk-17-jre-headless`; macOS: `brew install openjdk@17`)."
    if java is None or (home and not Path(java).exists()):
        raise MachineError(f"Java is missing, and Spark needs it. {advice}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    version = int(match.group(1)) if match else 0
    if version < _LEAST_JAVA:
        raise MachineError(f"Java {version or '(unknown)'} at {java} is too old for Spark 4. {advice}")
    return version


def delta_jars() -> list[Path]:
    """Returns the paths of Delta's jars, fetched into the cache if they are not there.

    Spark's own resolver (Ivy) fetches them, so a proxy or mirror set for it is used. Later starts need no network.

    Raises:
        MachineError: they are not in the cache and cannot be fetched.
    """
    folder = cache_folder() / "jars"
    jars = [folder / name for name in _DELTA_JARS]
    if all(jar.exists() for jar in jars):
        return jars
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as ivy:
        program = (
            "from pyspark.sql import SparkSession; SparkSession.builder.master('local[1]')"
            ".config('spark.ui.enabled', 'false').getOrCreate().stop()"
        )
        excludes = "org.apache.hadoop:*,org.apache.parquet:*,org.apache.logging.log4j:*,org.slf4j:*,com.fasterxml.jackson.core:*"
        arguments = (
            f"--packages {DELTA_PACKAGE} --exclude-packages {excludes} --conf spark.jars.ivy={ivy} "
            "--conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell"
        )
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": arguments, "PYSPARK_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        for jar in jars:
            found = next(Path(ivy).glob(f"jars/*{jar.name}"), None)
            if found is None:
                last = next(
                    (line for line in reversed(run.stderr.splitlines()) if "not found" in line or "Error" in line), ""
                )
                raise MachineError(
                    f"Delta's jar {jar.name} could not be fetched from Maven Central ({last.strip() or 'no reason given'}). "
                    f"Connect this machine once, or copy the jars of {DELTA_PACKAGE} to {folder}."
                )
            partial = jar.with_suffix(f".{os.getpid()}")
            shutil.copyfile(found, partial)
            partial.replace(jar)  # atomic: another process never sees half a jar
    return jars


# Below this many bytes of input, compiling costs more than it saves: plans are interpreted, and the JVM stops at its
# quick compiler. Measured on the demo (27 MB): 131 instead of 243 seconds of CPU for building and checking all models.
SMALL_BYTES = 256 * 2**20
_SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
}
_SMALL_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"


def spark_session(
    name: str = "sluice",
    *,
    scratch: Path,
    master: str | None = None,
    settings: Mapping[str, str] | None = None,
    small: bool = False,
) -> SparkSession:
    """Returns a Spark session with Delta, set up for this project.

    Args:
        name: the application's name.
        scratch: a folder for what Spark spills and for its (unused) default warehouse.
        master: where Spark runs; `local[*]` by default.
        settings: further Spark settings; they win over ours.
        small: set up for data below `SMALL_BYTES`.

    Raises:
        MachineError: Java or Delta's jars are missing.
    """
    java_version()
    jars = delta_jars()
    master = master or "local[*]"
    local = master.startswith("local")
    # Workers must run this interpreter: another one lacks our data sources and fails on import. Those of a cluster
    # have their own where this one is not.
    if local or not _names_python(settings or {}):
        os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    log = Path(__file__).with_name("log4j2.properties").as_uri()
    defaults = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.warehouse.dir": str(scratch / "spark-warehouse"),
        "spark.local.dir": str(scratch / "spark-local"),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.databricks.delta.stats.collect.using.tableSchema": "true",
        # What is remembered of tables and queries: a candidate is a table of its own, and its plans weigh megabytes.
        "spark.databricks.delta.delta.log.cacheSize": "192",
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "1000",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # readers without Spark know the year 9999, too
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.python.filterPushdown.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log} -Duser.timezone=UTC "
        + (_SMALL_JAVA if small else "-XX:+UseParallelGC"),
        **(_SMALL if small else {}),
    }
    if local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        defaults |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "4g",
            "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        }
    else:
        defaults["spark.jars"] = ",".join(map(str, jars))
    scratch.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName(name).master(master)
    for key, value in {**defaults, **(settings or {})}.items():
        builder = builder.config(key, value)
    log_file = scratch / "spark.log"
    with stderr_into(log_file):
        try:
            session = builder.getOrCreate()
        except Exception as error:
            said = log_file.read_text(errors="replace").strip().splitlines()
            reason = said[-1] if said else str(error)
            raise MachineError(f"Spark did not start: {reason}. Its log: {log_file}. Try: run doctor") from error
    if not local:
        archive = packages_archive(scratch)
        session.sparkContext.addPyFile(str(archive))
        # It is for the workers: here the packages are read from where they are.
        sys.path[:] = [path for path in sys.path if not path.endswith(archive.name)]
    return session


KEPT = "spark.sluice.kept"  # set in a Spark that several commands share


def has_spark() -> bool:
    """True where this process has a classic Spark already, as a notebook may: it can use no second one."""
    if "pyspark" not in sys.modules:
        return False
    from pyspark import SparkContext

    return SparkContext._active_spark_context is not None


def gateway_of(session: SparkSession) -> tuple[int, str]:
    """Returns the port and the token by which other processes of this machine reach a Spark of this process."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    assert gateway is not None, session
    return int(gateway.gateway_parameters.port), str(gateway.gateway_parameters.auth_token)


@contextmanager
def attached(port: int, token: str) -> Iterator[SparkSession]:
    """Gives a new session in a Spark that another process of this machine keeps, and lets go of it at the end.

    The session shares the kept Spark's tables and views by name; its settings and temporary views are its own. Whatever
    was made for it in that Spark is let go at the end, since it came through a door of its own.

    Args:
        port, token: where and how the kept Spark's gateway answers.

    Raises:
        MachineError: nothing answers there, or it refuses us.
    """
    from py4j.clientserver import ClientServer, JavaParameters, PythonParameters

    outer = ClientServer(
        JavaParameters(port=port, auth_token=token, auto_convert=True), PythonParameters(port=0, eager_load=False)
    )
    try:
        own = uuid.uuid4().hex
        builder = getattr(outer.jvm, "py4j.ClientServer$ClientServerBuilder")()
        door = (
            builder.javaPort(0).javaAddress(outer.jvm.java.net.InetAddress.getLoopbackAddress()).authToken(own).build()
        )
        door.startServer()
    except Exception as error:
        raise MachineError(f"the kept Spark does not answer: {_said(error)}") from error
    try:
        session = _session_through(int(door.getJavaServer().getListeningPort()), own)
        try:
            yield session
        finally:
            _leave(session)
    finally:
        with suppress(Exception):  # it may have ended
            door.shutdown()


def _session_through(port: int, token: str) -> SparkSession:
    """Returns a new session of the Spark behind a gateway: its context, as pyspark's constructor takes it, is shared."""
    os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": token}
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    try:
        gateway = launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        del os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]
    interruption = signal.getsignal(signal.SIGINT)
    shared = gateway.jvm.JavaSparkContext(gateway.jvm.org.apache.spark.SparkContext.getOrCreate())
    context = SparkContext(gateway=gateway, jsc=shared, conf=SparkConf(_jconf=shared.getConf()))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interruption)  # pyspark's own would cancel the jobs of every command
    return SparkSession(context).newSession()


def _leave(session: SparkSession) -> None:
    """Makes this process one without Spark again, and leaves the Spark that it shared as it is."""
    from pyspark import SparkContext

    context = session.sparkContext
    context._jsc = None  # else its stop() would be the end of everybody's Spark
    context.stop()
    SparkContext._gateway = SparkContext._jvm = None


def _names_python(settings: Mapping[str, str]) -> bool:
    return "spark.pyspark.python" in settings or "PYSPARK_PYTHON" in os.environ


# What a session of somebody else's server is told: the settings that models and landings rely on.
_REMOTE = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.python.filterPushdown.enabled": "true",
}
_DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"


def remote_session(url: str, *, scratch: Path, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Returns a session on a Spark Connect server that somebody runs.

    The server needs Delta's jars and extension, and must see the warehouse at the same path as this machine. Our
    packages are given to its workers, so that the data sources work there.

    Args:
        url: `sc://host:port`, with `/;token=…` or `/;use_ssl=true` where the server asks for it.
        scratch: a folder for the archive of our packages.
        settings: settings of the session.

    Raises:
        MachineError: it does not answer, lacks Delta, or will not take a setting.
    """
    session = connected(url)
    place = shown(url)
    try:
        extensions = session.conf.get("spark.sql.extensions", "") or ""
        if _DELTA_EXTENSION not in extensions:
            raise MachineError(
                f"the Spark Connect server at {place} runs without Delta. Start it with --packages {DELTA_PACKAGE} "
                f"--conf spark.sql.extensions={_DELTA_EXTENSION} "
                "--conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
            )
        for key, value in {**_REMOTE, **(settings or {})}.items():
            try:
                session.conf.set(key, value)
            except Exception as error:
                if "CANNOT_MODIFY" not in str(error):
                    raise
                raise MachineError(
                    f'the Spark Connect server at {place} takes no "{key}" from a session. '
                    "Give it where the server is started, and take it out of the target."
                ) from error
        session.addArtifacts(str(packages_archive(scratch)), pyfile=True)
    except BaseException:
        session.stop()
        raise
    return session


def connected(url: str, *, patience: int = 4) -> SparkSession:
    """Returns a new session on the Spark Connect server at a URL.

    Args:
        url: `sc://host:port/;parameters`.
        patience: how often a call that finds no server is tried again, each time four times as late, from 50 ms on.

    Raises:
        MachineError: nothing answers there, or it refuses us.
    """
    for package in ("grpc", "google.protobuf", "zstandard"):
        if importlib.util.find_spec(package) is None:
            raise MachineError(
                f'Spark Connect needs the Python package "{package}". Install it: pip install "pyspark[connect]"'
            )
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # else the functions of pyspark.sql look for a JVM of this process
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    try:
        session = ConnectSession.builder.remote(url).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=patience)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that nobody answered is told by our own error
            session.conf.get("spark.sql.session.timeZone")  # the first call that the server must answer
    except Exception as error:
        leave_connect()
        raise MachineError(
            f'the Spark Connect server at {shown(url)} does not answer: {_said(error)} Start it, or change the target\'s "remote".'
        ) from error
    found: SparkSession = session  # type: ignore[assignment]
    return found


def leave_connect() -> None:
    """Makes this process one of classic Spark again, after its session of Connect has ended."""
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def shown(url: str) -> str:
    """Returns a URL without its parameters, which may hold a token."""
    return url.partition("/;")[0]


def _said(error: Exception) -> str:
    details = getattr(error, "details", None)
    text = str(details() if callable(details) else error).strip()
    first = (text.splitlines() or [type(error).__name__])[0]
    return first if first.endswith(".") else f"{first}."


def packages_archive(folder: Path) -> Path:
    """Returns a zip of the packages that data sources need on a worker, renewed when their code changes."""
    root = Path(__file__).resolve().parent.parent.parent
    files = sorted(path for name in ("ingest", "runner", "stores") for path in (root / name).rglob("*.py"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    archive = folder / f"sluice-packages-{digest.hexdigest()[:16]}.zip"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in files:
                zipped.write(path, path.relative_to(root).as_posix())
        partial.replace(archive)
    return archive


@contextmanager
def stderr_into(log_file: Path) -> Iterator[None]:
    """Lets the JVM that starts meanwhile, and its workers, write their stderr to a file, not to the terminal."""
    kept = os.dup(2)
    try:
        with log_file.open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
