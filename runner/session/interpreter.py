"""What a Python process of ours is made of: its interpreter, its packages, our code, what it reads as it starts.

Two processes with the same digest do the same with the same words. It is asked for before anything else is imported, so
this module imports little itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OURS = ("runner", "ingest", "expectations", "stores")
# Variables that are read once, by the beginning of their names: by Python and libraries when they are imported …
READ_ON_IMPORT = ("PYTHON", "LANG", "LC_", "LD_", "DYLD_", "OMP_", "OPENBLAS_", "ARROW_", "GX_", "PYSPARK_", "SPARK_")
# … and by Spark, its JVM and its workers when they are started.
READ_BY_SPARK = ("SPARK_", "PYSPARK_", "HADOOP_", "JAVA_", "AWS_", "PYTHONPATH", "SLUICE_CACHE", "TZ")
_FLAGS = (
    "dev_mode",
    "utf8_mode",
    "optimize",
    "bytes_warning",
    "no_site",
    "no_user_site",
    "ignore_environment",
    "isolated",
)
# pyspark sets these itself, in the process that starts Spark.
_PYSPARKS_OWN = frozenset(
    {
        "PYSPARK_DRIVER_PYTHON",
        "PYSPARK_PYTHON",
        "SPARK_AUTH_SOCKET_TIMEOUT",
        "SPARK_BUFFER_SIZE",
        "SPARK_CONNECT_MODE_ENABLED",
        "SPARK_LOCAL_IP",
    }
)


def digest(variables: tuple[str, ...]) -> str:
    """Returns what this process is made of, as a digest.

    Args:
        variables: beginnings of the names of environment variables that belong to it.
    """
    told = {
        "python": [sys.executable, sys.version, [getattr(sys.flags, name) for name in _FLAGS], sys.warnoptions],
        "packages": packages(),
        "environment": {
            name: value
            for name, value in os.environ.items()
            if name.startswith(variables) and name not in _PYSPARKS_OWN
        },
        "code": code_digest(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def packages() -> list[str]:
    """Returns the installed packages: the names of their records, which hold their versions."""
    found: list[str] = []
    for folder in dict.fromkeys(path for path in sys.path if path.endswith("-packages")):
        with suppress(OSError), os.scandir(folder) as entries:
            found += [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info", ".pth"))]
    return sorted(found)


def code_digest() -> str:
    """Returns a digest of our packages' code, by the files' sizes and times."""
    top = Path(__file__).resolve().parent.parent.parent
    found = hashlib.sha256()
    for package in _OURS:
        for name, size, changed in sorted(_sources(str(top / package))):
            found.update(f"{name} {size} {changed}\n".encode())
    return found.hexdigest()


def _sources(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
